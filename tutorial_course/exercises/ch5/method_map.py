"""Exercise 1: place six methods in the overview by three questions."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from tutorial_course.exercises import Exercise


class WithRespectTo(IntEnum):
    """With respect to which variables is the objective differentiated?

    Attributes:
        INPUT: the input.
        ACTIVATION: the activation of a layer.
        LAST_LAYER: the weights of the last layer.
        PARAMETERS: all parameters.
    """

    INPUT = 0
    ACTIVATION = 1
    LAST_LAYER = 2
    PARAMETERS = 3


class ObjectiveOf(IntEnum):
    """Which objective is differentiated?

    Attributes:
        PREDICTED: the logit of the predicted class.
        ANOTHER: the loss against another class.
        EVERY: the loss against every class.
        CONFOUNDING: the loss against a confounding or uniform label.
        ITSELF: the error of reconstructing the image itself.
        A_LOSS: a loss without a label, which is not an objective; no method has it.
    """

    PREDICTED = 10
    ANOTHER = 11
    EVERY = 12
    CONFOUNDING = 13
    ITSELF = 14
    A_LOSS = 15


class ReadOut(IntEnum):
    """Which quantity is computed from the gradient?

    Attributes:
        MAP: a map over positions.
        NORM: a norm.
        DIRECTION: a direction, compared by an angle.
        VARIANCE: a variance over classes.
    """

    MAP = 20
    NORM = 21
    DIRECTION = 22
    VARIANCE = 23


Place = tuple[IntEnum, IntEnum, IntEnum]
PLACES: dict[str, Place] = {
    "saliency": (WithRespectTo.INPUT, ObjectiveOf.PREDICTED, ReadOut.MAP),
    "Grad-CAM": (WithRespectTo.ACTIVATION, ObjectiveOf.PREDICTED, ReadOut.MAP),
    "attack": (WithRespectTo.INPUT, ObjectiveOf.ANOTHER, ReadOut.MAP),
    "purview": (WithRespectTo.PARAMETERS, ObjectiveOf.CONFOUNDING, ReadOut.NORM),
    "GradCon": (WithRespectTo.PARAMETERS, ObjectiveOf.ITSELF, ReadOut.DIRECTION),
    "VOICE": (WithRespectTo.ACTIVATION, ObjectiveOf.EVERY, ReadOut.VARIANCE),
}


def reference_place(method: str) -> Place:
    """Return the place of a method in the overview.

    Args:
        method: name of the method, one of ``PLACES``.

    Returns:
        The variables, the objective and the quantity that is computed from the gradient.
    """
    return PLACES[method]


def _mistake(**changed: tuple[int, IntEnum]) -> Callable[[str], Place]:
    """The solution with another answer to one question (0, 1 or 2) for some methods, named without hyphens."""

    def wrong(method: str) -> Place:
        answers = list(PLACES[method])
        if method.replace("-", "") in changed:
            question, answer = changed[method.replace("-", "")]
            answers[question] = answer
        wrt, objective, readout = answers
        return wrt, objective, readout

    return wrong


def _mistake_by_readout(method: str) -> Place:
    """The quantity that is computed in place of the objective."""
    wrt, _, readout = PLACES[method]
    return wrt, readout, readout


place_on_map = Exercise(
    name="place_on_map",
    reference=reference_place,
    outputs=("wrt", "objective", "readout"),
    cases=tuple((method,) for method in PLACES),
    known_mistakes={
        "You give the computed quantity as the objective. A norm or a direction is computed *from* the gradient. Which "
        "objective was differentiated?": (
            _mistake_by_readout,
            _mistake(purview=(1, ReadOut.NORM)),
            _mistake(GradCon=(1, ReadOut.DIRECTION)),
            _mistake(VOICE=(1, ReadOut.VARIANCE)),
            _mistake(purview=(1, ReadOut.NORM), GradCon=(1, ReadOut.DIRECTION)),
        ),
        "You treat Grad-CAM or VOICE as a gradient with respect to the input. Consider the size of the map. Which "
        "layer has this number of positions?": (
            _mistake(GradCAM=(0, WithRespectTo.INPUT)),
            _mistake(GradCAM=(0, WithRespectTo.INPUT), VOICE=(0, WithRespectTo.INPUT)),
            _mistake(VOICE=(0, WithRespectTo.INPUT)),
        ),
        "You name a loss without a label. The gradient of a loss depends on its label. Which label does this method "
        "use?": (
            _mistake(attack=(1, ObjectiveOf.A_LOSS)),
            _mistake(purview=(1, ObjectiveOf.A_LOSS)),
            _mistake(attack=(1, ObjectiveOf.A_LOSS), purview=(1, ObjectiveOf.A_LOSS)),
            _mistake(GradCon=(1, ObjectiveOf.A_LOSS)),
        ),
        "You give a norm for GradCon. Suppose that the gradient is doubled. Does the alignment score change?": (
            _mistake(GradCon=(2, ReadOut.NORM))
        ),
    },
    fallback_hint=(
        "read the description again and find three things in it: the variables, the objective, and the computed "
        "quantity"
    ),
    success_message="Three choices define a method. If you change one of them, you get a different method.",
)
