"""Exercise 2, part 1: precision at k, a localization metric that a sharper map does not improve."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_precision_at_k(m: Tensor, mask: Tensor) -> Tensor:
    """Return the share of the k highest-valued pixels of a map that lie inside a mask of k pixels.

    Args:
        m: one map (H, W), signed.
        mask: the mask (H, W), bool.

    Returns:
        The share, between 0 and 1.
    """
    return _share_of_highest(m, mask, int(mask.sum()))


def _share_of_highest(m: Tensor, mask: Tensor, k: int) -> Tensor:
    """The share of the k highest pixels that lie inside the mask."""
    return mask.flatten()[m.flatten().topk(k).indices].double().mean()


def _share_of_value(m: Tensor, mask: Tensor) -> Tensor:
    """The share of the total positive value inside the mask."""
    return (m.relu() * mask).sum() / m.relu().sum()


def _make_case(height: int, width: int, k: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: a signed map without ties, and a mask of k pixels that prefers high values."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        m = torch.randn(height, width, generator=generator, dtype=torch.float64)
        preference = m + torch.randn(height, width, generator=generator, dtype=torch.float64)
        mask = torch.zeros(height * width, dtype=torch.bool)
        mask[preference.flatten().topk(k).indices] = True
        return m, mask.view(height, width)

    return make


precision_at_k = Exercise(
    name="precision_at_k",
    reference=reference_precision_at_k,
    cases=(_make_case(12, 14, 30), _make_case(15, 12, 7), _make_case(11, 13, 90), _make_case(16, 16, 1)),
    measure=lambda share: float(share),
    known_mistakes={
        "The number of selected pixels is fixed at 100, but each mask has a different number of pixels. In the first "
        "case this gives {yours:.0%} instead of {right:.0%}: how do you count the pixels of a mask?": (
            lambda m, mask: _share_of_highest(m, mask, 100)
        ),
        "Your function returns the share of the total positive value inside the mask. Squaring the map changes this "
        "share, but not the order of the pixels: which function selects the highest-valued pixels?": _share_of_value,
        "The absolute value of the map is ranked. A strongly negative pixel is then selected, too: is it evidence for "
        "the prediction or against it?": lambda m, mask: _share_of_highest(m.abs(), mask, int(mask.sum())),
        "The pixels with the lowest values are selected. In which direction does the sort order the pixels?": (
            lambda m, mask: _share_of_highest(-m, mask, int(mask.sum()))
        ),
        "The number of hits is divided by the number of all pixels of the image. Precision is a share of the selected "
        "pixels: how many are selected?": (
            lambda m, mask: _share_of_highest(m, mask, int(mask.sum())) * mask.sum() / mask.numel()
        ),
        "The hits are counted, but not divided by the number of selected pixels. A share is at most 1: by which number "
        "do you divide?": lambda m, mask: _share_of_highest(m, mask, int(mask.sum())) * mask.sum(),
    },
    fallback_hint=(
        "take a map with the values 1 to 6 and a mask of two pixels: which two pixels are selected, and how many of "
        "them are inside?"
    ),
    success_message=(
        "Only the order of the pixels matters, so a narrower Gaussian, or the square of a positive map, has the same "
        "precision at k."
    ),
)
