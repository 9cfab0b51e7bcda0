"""Exercise 4: a threshold chosen on normal images, and its rates on other images."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

Report = tuple[Tensor, Tensor, Tensor]
PASS_RATE = 0.95


def reference_report(score: Tensor, is_ood: Tensor, held_out: Tensor) -> Report:
    """Return a threshold that accepts 95% of normal images, and its rates on others.

    An image is accepted if its score is at most the threshold.

    Args:
        score: score of each image (N,); a higher score means more abnormal.
        is_ood: whether each image is out of distribution, bool (N,).
        held_out: whether each image is held out for choosing the threshold, bool (N,).

    Returns:
        The smallest score that accepts at least 95% of the normal images that are held out, (); the fraction of the
        other normal images that is accepted, (); and the fraction of the other OOD images that is detected, ().
    """
    return _report(score, is_ood, held_out)


def _smallest_threshold(normal: Tensor, ood: Tensor) -> Tensor:
    """The smallest normal score that accepts 95% of the normal scores."""
    ordered = normal.sort().values
    # The k-th smallest score accepts k images; 1e-9 is subtracted so that 0.95 · 20 is 19 in spite of rounding.
    return ordered[ceil(PASS_RATE * len(ordered) - 1e-9) - 1]


def _held_out_normal(is_ood: Tensor, held_out: Tensor) -> Tensor:
    """The normal images that are held out."""
    return held_out & ~is_ood


def _acceptance_and_detection(accepted: Tensor, is_ood: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
    """The fraction of normal images that is accepted, and of OOD images that is detected, of those not held out."""
    test = ~held_out
    return accepted[test & ~is_ood].double().mean(), (~accepted[test & is_ood]).double().mean()


def _acceptance_and_accuracy(accepted: Tensor, is_ood: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
    """The same with the accuracy in place of the detection rate."""
    correct = accepted != is_ood
    return _acceptance_and_detection(accepted, is_ood, held_out)[0], correct[~held_out].double().mean()


def _report(
    score: Tensor,
    is_ood: Tensor,
    held_out: Tensor,
    *,
    reference: Callable[[Tensor, Tensor], Tensor] = _held_out_normal,
    choose: Callable[[Tensor, Tensor], Tensor] = _smallest_threshold,
    rates: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = _acceptance_and_detection,
    negate: bool = False,
) -> Report:
    """The solution, with its frequent mistakes as parameters: reference images, threshold, rates, and orientation."""
    score = -score if negate else score
    threshold = choose(score[reference(is_ood, held_out)], score[held_out & is_ood])
    return -threshold if negate else threshold, *rates(score <= threshold, is_ood, held_out)


def _mistake(**changed) -> Callable[..., Report]:
    """The solution with other parameters."""
    return lambda *arguments: _report(*arguments, **changed)


def _accuracy_maximizing_threshold(normal: Tensor, ood: Tensor, balanced: bool) -> Tensor:
    """The threshold with the highest accuracy, or balanced accuracy."""
    thresholds = torch.cat([normal, ood]).sort().values[:, None]
    accepted, detected = (normal <= thresholds).double(), (ood > thresholds).double()
    accuracy = accepted.mean(1) + detected.mean(1) if balanced else accepted.sum(1) + detected.sum(1)
    return thresholds[accuracy.argmax(), 0]


def _ood_threshold(normal: Tensor, ood: Tensor) -> Tensor:
    """The largest threshold that detects 95% of the OOD images."""
    ordered = ood.sort().values
    return torch.nextafter(ordered[len(ordered) - ceil(PASS_RATE * len(ordered) - 1e-9)], ordered[0] - 1)


def _make_case(n_normal: int, n_ood: int, shift: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor]]:
    """A case: scores of normal and OOD images that differ by ``shift``, half of which are held out."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        n = n_normal + n_ood
        is_ood = torch.arange(n) >= n_normal
        score = torch.randn(n, generator=generator, dtype=torch.float64).exp() + shift * is_ood
        held_out = torch.arange(n) % 2 == 0
        order = torch.randperm(n, generator=generator)
        return score[order], is_ood[order], held_out[order]

    return make


report_at_threshold = Exercise(
    name="report_at_threshold",
    reference=reference_report,
    outputs=("threshold", "accepted", "detected"),
    cases=(
        _make_case(46, 30, shift=2.0),
        _make_case(80, 24, shift=0.5),
        _make_case(62, 90, shift=3.0),
        _make_case(300, 50, shift=1.0),
    ),
    known_mistakes={
        "You evaluate the threshold on the images on which it was chosen. It accepts 95% of these images by "
        "construction. Which images may you use to choose the threshold?": (
            _mistake(reference=lambda is_ood, held_out: ~is_ood & ~held_out),
            _mistake(reference=lambda is_ood, held_out: ~is_ood),
        ),
        "You choose the threshold with OOD images, but the next OOD images will be different. Which images are "
        "sufficient to choose a threshold that accepts 95% of the normal images?": (
            _mistake(reference=lambda is_ood, held_out: held_out),
            _mistake(reference=lambda is_ood, held_out: torch.ones_like(held_out)),
            _mistake(choose=lambda normal, ood: _accuracy_maximizing_threshold(normal, ood, True)),
            _mistake(choose=lambda normal, ood: _accuracy_maximizing_threshold(normal, ood, False)),
            _mistake(choose=_ood_threshold),
        ),
        "You use the score with the wrong orientation. A higher score means a more abnormal image. On which side of "
        "the threshold are 95% of the normal images?": _mistake(negate=True),
        "You return the accuracy instead of the detection rate. The accuracy depends on the number of OOD images in "
        "the test set. Consider only the OOD images: which fraction of them is not accepted?": _mistake(
            rates=_acceptance_and_accuracy
        ),
        "Your threshold lies between two scores and accepts fewer than 95% of the held-out normal images. Count the "
        "images at or below each score. Which is the smallest score with enough images at or below it?": _mistake(
            choose=lambda normal, ood: torch.quantile(normal, PASS_RATE)
        ),
        "You count the OOD images that are accepted, not those that are detected. Which of the two rates should be "
        "high?": _mistake(
            rates=lambda *arguments: (
                _acceptance_and_detection(*arguments)[0],
                1 - _acceptance_and_detection(*arguments)[1],
            )
        ),
    },
    fallback_hint=(
        "sort the scores of the held-out normal images, find the first score with at least 95% of them at or below it, "
        "and only then use the other images"
    ),
    success_message=(
        "You chose the threshold on normal images and reported both rates on other images. Therefore, readers can use "
        "the threshold without knowing your test set."
    ),
)
