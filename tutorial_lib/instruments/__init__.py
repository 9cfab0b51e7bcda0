"""What makes a notebook a lesson: figures, sentences with computed numbers, stored results, the map."""

from tutorial_lib.instruments import plots
from tutorial_lib.instruments.course_map import course_map
from tutorial_lib.instruments.say import say
from tutorial_lib.results import stored

__all__ = ["course_map", "plots", "say", "stored"]
