"""Exercise 2: what does it cost?"""

from __future__ import annotations

from collections.abc import Callable

from tutorial_lib.instruments import Exercise

Costs = tuple[int, int, int, int, int]
METHODS = ("contrasts", "one label", "every label", "integrated", "attack")


def gradients_taken(C: int, N: int, S: int) -> Costs:
    """Gradients that enter the network at its outputs, for N pictures, C classes and S steps or samples, of five methods.

    All contrasts behind an averaging head: none, (p − e_Q)ᵀ W is known. One confounding label, a norm for each picture: N. The
    norms for every label: C a picture, for the Gram matrix, and then δᵀKδ. Integrated gradients with S samples: S a picture.
    An attack in S steps: S a picture.
    """
    return 0, N, C * N, S * N, S * N


def changed(**wrong: Callable[[int, int, int], int]) -> Callable[[int, int, int], Costs]:
    """The right numbers, with others for some of the methods."""
    at = {name.replace(" ", "_"): i for i, name in enumerate(METHODS)}

    def costs(C: int, N: int, S: int) -> Costs:
        found = list(gradients_taken(C, N, S))
        for name, count in wrong.items():
            found[at[name]] = count(C, N, S)
        return tuple(found)

    return costs


backward_passes = Exercise(
    name="backward_passes",
    reference=gradients_taken,
    outputs=METHODS,
    cases=((14, 8, 16), (10, 5, 40), (3, 7, 11)),
    slips={
        "A pass for every contrast, behind an averaging head. Write ∂J/∂A for such a head: is there anything in it that the "
        "forward pass did not tell?": (
            changed(contrasts=lambda C, N, S: C * N),
            changed(contrasts=lambda C, N, S: (C - 1) * N),
            changed(contrasts=lambda C, N, S: N),
            changed(contrasts=lambda C, N, S: C),
        ),
        "One pass for the norms of every label. δᵀKδ is free once K is known, and K has a row for every class: what do its rows "
        "cost?": (
            changed(every_label=lambda C, N, S: N),
            changed(every_label=lambda C, N, S: 1),
            changed(every_label=lambda C, N, S: C * C * N),
        ),
        "A batch was counted as one picture. The gradient of the mean belongs to nobody: how many gradients are there, one for "
        "each picture?": (
            changed(one_label=lambda C, N, S: 1),
            changed(every_label=lambda C, N, S: C),
            changed(
                one_label=lambda C, N, S: 1,
                every_label=lambda C, N, S: C,
                integrated=lambda C, N, S: S,
                attack=lambda C, N, S: S,
            ),
            changed(integrated=lambda C, N, S: S),
            changed(attack=lambda C, N, S: S),
        ),
        "A walk is counted as one step. Integrated gradients and attacks ask again at every point of their way: how many points "
        "are there?": (
            changed(integrated=lambda C, N, S: N),
            changed(attack=lambda C, N, S: N),
            changed(integrated=lambda C, N, S: 1),
            changed(integrated=lambda C, N, S: N, attack=lambda C, N, S: N),
        ),
    },
    look="take one method, one picture and two classes, and make a stroke whenever a gradient sets out from the logits",
    right="`gradients.counted` counts the same strokes while a method runs: hold any new method against it.",
)
