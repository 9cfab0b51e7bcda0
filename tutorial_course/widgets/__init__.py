"""What makes a notebook a lesson: figures, sentences with computed numbers, stored results, the map."""

from tutorial_course import plots
from tutorial_course.exercises.check import CheckResult, check
from tutorial_course.widgets.method_map import method_map
from tutorial_course.exercises.exercise import Exercise
from tutorial_course.widgets.interactive_figure import interactive_figure
from tutorial_course.widgets.claims_table import claims_table
from tutorial_course.methods import METHODS, Method
from tutorial_course.widgets.predictions import ask_prediction, compare_predictions
from tutorial_course.widgets.method_cost_map import method_cost_map
from tutorial_course.widgets.quiz import Question, quiz
from tutorial_course.widgets.markdown import markdown
from tutorial_course.widgets.section_links import section_link
from tutorial_course.plots.two_adaptations import two_adaptations_figure
from tutorial_course.widgets.claim_poll import claim_poll
from tutorial_course.results import load_result

__all__ = [
    "METHODS",
    "Exercise",
    "Method",
    "Question",
    "CheckResult",
    "check",
    "method_map",
    "interactive_figure",
    "claims_table",
    "section_link",
    "plots",
    "ask_prediction",
    "compare_predictions",
    "method_cost_map",
    "quiz",
    "markdown",
    "load_result",
    "two_adaptations_figure",
    "claim_poll",
]
