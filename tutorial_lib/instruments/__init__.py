"""What makes a notebook a lesson: figures, sentences with computed numbers, stored results, the map."""

from tutorial_lib.instruments import plots
from tutorial_lib.instruments.check import Verdict, check
from tutorial_lib.instruments.course_map import course_map
from tutorial_lib.instruments.exercise import Exercise
from tutorial_lib.instruments.explore import explore
from tutorial_lib.instruments.ledger import ledger
from tutorial_lib.instruments.methods import METHODS, Method
from tutorial_lib.instruments.predict import predict, predictions
from tutorial_lib.instruments.priced_map import priced_map
from tutorial_lib.instruments.quiz import Question, quiz
from tutorial_lib.instruments.say import say
from tutorial_lib.instruments.sections import link
from tutorial_lib.instruments.two_ways import two_ways
from tutorial_lib.instruments.vote import vote
from tutorial_lib.results import stored

__all__ = [
    "METHODS",
    "Exercise",
    "Method",
    "Question",
    "Verdict",
    "check",
    "course_map",
    "explore",
    "ledger",
    "link",
    "plots",
    "predict",
    "predictions",
    "priced_map",
    "quiz",
    "say",
    "stored",
    "two_ways",
    "vote",
]
