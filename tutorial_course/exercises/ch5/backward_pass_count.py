"""Exercise 2: what does it cost?"""

from __future__ import annotations

from collections.abc import Callable

from tutorial_course.exercises import Exercise

PassCounts = tuple[int, int, int, int, int]
METHODS = ("contrasts", "one label", "every label", "integrated", "attack")


def count_backward_passes(C: int, N: int, S: int) -> PassCounts:
    """Gradients that enter the network at its outputs, for N pictures, C classes and S steps or samples, of five methods.

    All contrasts behind an averaging head: none, (p − e_Q)ᵀ W is known. One confounding label, a norm for each picture: N. The
    norms for every label: C a picture, for the Gram matrix, and then δᵀKδ. Integrated gradients with S samples: S a picture.
    An attack in S steps: S a picture.
    """
    return 0, N, C * N, S * N, S * N


def with_wrong_counts(**wrong: Callable[[int, int, int], int]) -> Callable[[int, int, int], PassCounts]:
    """The right numbers, with others for some of the methods."""
    at = {name.replace(" ", "_"): i for i, name in enumerate(METHODS)}

    def costs(C: int, N: int, S: int) -> PassCounts:
        found = list(count_backward_passes(C, N, S))
        for name, count in wrong.items():
            found[at[name]] = count(C, N, S)
        return tuple(found)

    return costs


backward_pass_count = Exercise(
    name="backward_passes",
    reference=count_backward_passes,
    outputs=METHODS,
    cases=((14, 8, 16), (10, 5, 40), (3, 7, 11)),
    known_mistakes={
        "A pass for every contrast, behind an averaging head. Write ∂J/∂A for such a head: is there anything in it that the "
        "forward pass did not tell?": (
            with_wrong_counts(contrasts=lambda C, N, S: C * N),
            with_wrong_counts(contrasts=lambda C, N, S: (C - 1) * N),
            with_wrong_counts(contrasts=lambda C, N, S: N),
            with_wrong_counts(contrasts=lambda C, N, S: C),
        ),
        "One pass for the norms of every label. δᵀKδ is free once K is known, and K has a row for every class: what do its rows "
        "cost?": (
            with_wrong_counts(every_label=lambda C, N, S: N),
            with_wrong_counts(every_label=lambda C, N, S: 1),
            with_wrong_counts(every_label=lambda C, N, S: C * C * N),
        ),
        "A batch was counted as one picture. The gradient of the mean belongs to nobody: how many gradients are there, one for "
        "each picture?": (
            with_wrong_counts(one_label=lambda C, N, S: 1),
            with_wrong_counts(every_label=lambda C, N, S: C),
            with_wrong_counts(
                one_label=lambda C, N, S: 1,
                every_label=lambda C, N, S: C,
                integrated=lambda C, N, S: S,
                attack=lambda C, N, S: S,
            ),
            with_wrong_counts(integrated=lambda C, N, S: S),
            with_wrong_counts(attack=lambda C, N, S: S),
        ),
        "A walk is counted as one step. Integrated gradients and attacks ask again at every point of their way: how many points "
        "are there?": (
            with_wrong_counts(integrated=lambda C, N, S: N),
            with_wrong_counts(attack=lambda C, N, S: N),
            with_wrong_counts(integrated=lambda C, N, S: 1),
            with_wrong_counts(integrated=lambda C, N, S: N, attack=lambda C, N, S: N),
        ),
    },
    fallback_hint="take one method, one picture and two classes, and make a stroke whenever a gradient sets out from the logits",
    success_message="`gradients.count_passes` counts the same strokes while a method runs: hold any new method against it.",
)
