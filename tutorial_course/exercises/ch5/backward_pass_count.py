"""Exercise 2: the computational cost of five methods, in backward passes."""

from __future__ import annotations

from collections.abc import Callable

from tutorial_course.exercises import Exercise

PassCounts = tuple[int, int, int, int, int]
METHODS = ("contrasts", "one label", "every label", "integrated", "attack")


def count_backward_passes(C: int, N: int, S: int) -> PassCounts:
    """Return the number of backward passes of five methods.

    - all contrasts of a network that ends in global average pooling and a linear layer: 0, because (p − e_Q)ᵀ W is
      known;
    - one norm per image for a confounding label: N;
    - the norms for every label: C per image for the Gram matrix K, from which δᵀKδ follows;
    - integrated gradients with S samples: S per image;
    - an attack with S steps: S per image.

    Args:
        C: number of classes.
        N: number of images.
        S: number of samples or steps.

    Returns:
        The number of backward passes of each method, in this order.
    """
    return 0, N, C * N, S * N, S * N


def _mistake(**counts: Callable[[int, int, int], int]) -> Callable[[int, int, int], PassCounts]:
    """The solution with other counts for some of the methods."""

    def wrong(C: int, N: int, S: int) -> PassCounts:
        contrasts, one_label, every_label, integrated, attack = (
            counts[name.replace(" ", "_")](C, N, S) if name.replace(" ", "_") in counts else correct
            for name, correct in zip(METHODS, count_backward_passes(C, N, S))
        )
        return contrasts, one_label, every_label, integrated, attack

    return wrong


backward_pass_count = Exercise(
    name="backward_pass_count",
    reference=count_backward_passes,
    outputs=METHODS,
    cases=((14, 8, 16), (10, 5, 40), (3, 7, 11)),
    known_mistakes={
        "You count a pass for every contrast, although the network ends in global average pooling and a linear layer. "
        "Write down ∂J/∂A for this network. Does it contain anything that the forward pass does not compute?": (
            _mistake(contrasts=lambda C, N, S: C * N),
            _mistake(contrasts=lambda C, N, S: (C - 1) * N),
            _mistake(contrasts=lambda C, N, S: N),
            _mistake(contrasts=lambda C, N, S: C),
        ),
        "The number of passes for the norms of every label is wrong. Once K is known, δᵀKδ needs no further pass, and "
        "K has a row for every class. How many passes do the rows of K need?": (
            _mistake(every_label=lambda C, N, S: N),
            _mistake(every_label=lambda C, N, S: 1),
            _mistake(every_label=lambda C, N, S: C * C * N),
        ),
        "You count a batch as one image. The gradient of the mean loss is not the gradient of any image. How many "
        "gradients are there if every image needs its own?": (
            _mistake(one_label=lambda C, N, S: 1),
            _mistake(every_label=lambda C, N, S: C),
            _mistake(
                one_label=lambda C, N, S: 1,
                every_label=lambda C, N, S: C,
                integrated=lambda C, N, S: S,
                attack=lambda C, N, S: S,
            ),
            _mistake(integrated=lambda C, N, S: S),
            _mistake(attack=lambda C, N, S: S),
        ),
        "You count several steps as one. Integrated gradients and attacks compute a gradient at every point of a path. "
        "How many points are there?": (
            _mistake(integrated=lambda C, N, S: N),
            _mistake(attack=lambda C, N, S: N),
            _mistake(integrated=lambda C, N, S: 1),
            _mistake(integrated=lambda C, N, S: N, attack=lambda C, N, S: N),
        ),
    },
    fallback_hint="take one method, one image and two classes, and count every gradient that starts at the logits",
    success_message="The function `tutorial_course.pass_counter.count_passes` counts the same passes while a method "
    "runs. Use it for any new method.",
)
