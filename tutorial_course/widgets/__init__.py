"""Elements of a page: quizzes, sliders, predictions, computed sentences, and the tables of methods and claims."""

from tutorial_course.widgets.claim_poll import claim_poll
from tutorial_course.widgets.claims_table import claims_table
from tutorial_course.widgets.interactive_figure import interactive_figure
from tutorial_course.widgets.markdown import markdown
from tutorial_course.widgets.method_map import method_cost_map, method_map
from tutorial_course.widgets.predictions import ask_prediction, compare_predictions, show_prediction
from tutorial_course.widgets.quiz import Question, quiz
from tutorial_course.widgets.section_links import section_link

__all__ = [
    "Question",
    "ask_prediction",
    "claim_poll",
    "claims_table",
    "compare_predictions",
    "interactive_figure",
    "markdown",
    "method_cost_map",
    "method_map",
    "quiz",
    "section_link",
    "show_prediction",
]
