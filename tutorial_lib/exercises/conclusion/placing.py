"""Exercise 1: place it on the map."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from tutorial_lib.instruments import Exercise


class Wrt(IntEnum):
    """With respect to what?"""

    INPUT = 0
    ACTIVATION = 1
    LAST_LAYER = 2
    PARAMETERS = 3


class Of(IntEnum):
    """Of which expectation? The last is none: a loss still needs a label."""

    PREDICTED = 10
    ANOTHER = 11
    EVERY = 12
    CONFOUNDING = 13
    ITSELF = 14
    A_LOSS = 15


class Read(IntEnum):
    """What is read off?"""

    MAP = 20
    NORM = 21
    DIRECTION = 22
    VARIANCE = 23


Place = tuple[IntEnum, IntEnum, IntEnum]
PLACES: dict[str, Place] = {
    "saliency": (Wrt.INPUT, Of.PREDICTED, Read.MAP),
    "Grad-CAM": (Wrt.ACTIVATION, Of.PREDICTED, Read.MAP),
    "attack": (Wrt.INPUT, Of.ANOTHER, Read.MAP),
    "purview": (Wrt.PARAMETERS, Of.CONFOUNDING, Read.NORM),
    "GradCon": (Wrt.PARAMETERS, Of.ITSELF, Read.DIRECTION),
    "VOICE": (Wrt.ACTIVATION, Of.EVERY, Read.VARIANCE),
}


def on_the_map(method: str) -> Place:
    """The three answers for a method, (with respect to what, of which expectation, what is read off)."""
    return PLACES[method]


def with_changes(**changed: tuple[int, IntEnum]) -> Callable[[str], Place]:
    """The right table with other answers: by the method's first word, the question (0, 1, 2) and what was answered instead."""

    def wrong(method: str) -> Place:
        answers = list(PLACES[method])
        if method.replace("-", "") in changed:
            question, answer = changed[method.replace("-", "")]
            answers[question] = answer
        return tuple(answers)

    return wrong


def by_its_read_out(method: str) -> Place:
    wrt, _, read = PLACES[method]
    return wrt, read, read


place = Exercise(
    name="place",
    reference=on_the_map,
    outputs=("wrt", "expectation", "readout"),
    cases=tuple((method,) for method in PLACES),
    slips={
        "The read-out stands where the expectation belongs. A norm or a direction is read off *after* the gradient: of what was "
        "it the gradient?": (
            by_its_read_out,
            with_changes(purview=(1, Read.NORM)),
            with_changes(GradCon=(1, Read.DIRECTION)),
            with_changes(VOICE=(1, Read.VARIANCE)),
            with_changes(purview=(1, Read.NORM), GradCon=(1, Read.DIRECTION)),
        ),
        "Grad-CAM is taken for a gradient of the input, as an attack is. Look at the size of its map: which layer has so many "
        "cells?": (
            with_changes(GradCAM=(0, Wrt.INPUT)),
            with_changes(GradCAM=(0, Wrt.INPUT), VOICE=(0, Wrt.INPUT)),
            with_changes(VOICE=(0, Wrt.INPUT)),
        ),
        "A loss is named where a label is asked for. A loss has no slope before it has a label: which one is supposed here?": (
            with_changes(attack=(1, Of.A_LOSS)),
            with_changes(purview=(1, Of.A_LOSS)),
            with_changes(attack=(1, Of.A_LOSS), purview=(1, Of.A_LOSS)),
            with_changes(GradCon=(1, Of.A_LOSS)),
        ),
        "For GradCon the direction is taken for a size. Double the gradient: would its score of alignment change?": with_changes(
            GradCon=(2, Read.NORM)
        ),
    },
    look="read the sentence once more and underline three words: what is changed, towards what, and what is kept of the slope",
    right="Three answers fix a method. Change one of them, and you have invented another.",
)
