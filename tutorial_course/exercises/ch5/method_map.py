"""Exercise 1: place it on the map."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from tutorial_course.exercises import Exercise


class WithRespectTo(IntEnum):
    """With respect to what?"""

    INPUT = 0
    ACTIVATION = 1
    LAST_LAYER = 2
    PARAMETERS = 3


class ObjectiveOf(IntEnum):
    """Of which expectation? The last is none: a loss still needs a label."""

    PREDICTED = 10
    ANOTHER = 11
    EVERY = 12
    CONFOUNDING = 13
    ITSELF = 14
    A_LOSS = 15


class ReadOut(IntEnum):
    """What is read off?"""

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
    """The three answers for a method, (with respect to what, of which expectation, what is read off)."""
    return PLACES[method]


def mistake(**changed: tuple[int, IntEnum]) -> Callable[[str], Place]:
    """The right table with other answers: by the method's first word, the question (0, 1, 2) and what was answered instead."""

    def wrong(method: str) -> Place:
        answers = list(PLACES[method])
        if method.replace("-", "") in changed:
            question, answer = changed[method.replace("-", "")]
            answers[question] = answer
        return tuple(answers)

    return wrong


def mistake_by_readout(method: str) -> Place:
    wrt, _, read = PLACES[method]
    return wrt, read, read


place_on_map = Exercise(
    name="place",
    reference=reference_place,
    outputs=("wrt", "expectation", "readout"),
    cases=tuple((method,) for method in PLACES),
    known_mistakes={
        "The read-out stands where the expectation belongs. A norm or a direction is read off *after* the gradient: of what was "
        "it the gradient?": (
            mistake_by_readout,
            mistake(purview=(1, ReadOut.NORM)),
            mistake(GradCon=(1, ReadOut.DIRECTION)),
            mistake(VOICE=(1, ReadOut.VARIANCE)),
            mistake(purview=(1, ReadOut.NORM), GradCon=(1, ReadOut.DIRECTION)),
        ),
        "Grad-CAM is taken for a gradient of the input, as an attack is. Look at the size of its map: which layer has so many "
        "cells?": (
            mistake(GradCAM=(0, WithRespectTo.INPUT)),
            mistake(GradCAM=(0, WithRespectTo.INPUT), VOICE=(0, WithRespectTo.INPUT)),
            mistake(VOICE=(0, WithRespectTo.INPUT)),
        ),
        "A loss is named where a label is asked for. A loss has no slope before it has a label: which one is supposed here?": (
            mistake(attack=(1, ObjectiveOf.A_LOSS)),
            mistake(purview=(1, ObjectiveOf.A_LOSS)),
            mistake(attack=(1, ObjectiveOf.A_LOSS), purview=(1, ObjectiveOf.A_LOSS)),
            mistake(GradCon=(1, ObjectiveOf.A_LOSS)),
        ),
        "For GradCon the direction is taken for a size. Double the gradient: would its score of alignment change?": mistake(
            GradCon=(2, ReadOut.NORM)
        ),
    },
    fallback_hint="read the sentence once more and underline three words: what is changed, towards what, and what is kept of the slope",
    success_message="Three answers fix a method. Change one of them, and you have invented another.",
)
