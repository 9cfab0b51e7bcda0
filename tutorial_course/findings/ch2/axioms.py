"""The axioms of attribution, each with small networks of two pixels that a method can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

# A method maps a network, an image (1, 1, 1, 2), an objective and the name of a layer to a map (1, 1, 2). The baseline
# image is black.
Method = Callable[[nn.Module, Tensor, Callable[[Tensor], Tensor], str], Tensor]


class TwoPixelNetwork(nn.Module):
    """A network of two pixels with a layer ``hidden``, whose logit 0 is computed from the feature maps of that layer.

    Args:
        before: computes the input of the layer from the image (1, 1, 1, 2).
        after: computes the logit from the feature maps (1, K, 1, 2).
    """

    def __init__(self, before: Callable[[Tensor], Tensor], after: Callable[[Tensor], Tensor]):
        super().__init__()
        self.hidden = nn.ReLU()
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        """Return two logits: that of the network, and its product with the first pixel's share of the map.

        Args:
            x: image (N, 1, 1, 2).

        Returns:
            Logits (N, 2); the second one is −A_1 − A_2/4 of the first feature map.
        """
        maps = self.hidden(self.before(x))
        return torch.stack([self.after(maps), -maps[:, 0, 0, 0] - maps[:, 0, 0, 1] / 4], 1)


def _split(x: Tensor) -> Tensor:
    """The positive and the negative part of an image as two channels, before the ReLU."""
    return torch.cat([x, -x], 1)


SATURATED = TwoPixelNetwork(lambda x: 1 - x, lambda A: (1 - A).sum((1, 2, 3)))
THRESHOLD = TwoPixelNetwork(lambda x: x, lambda A: (A.sum((1, 2, 3)) - 1).relu())
# Three implementations of the sum of two pixels above -9.
SUM = TwoPixelNetwork(lambda x: x + 9, lambda A: A.sum((1, 2, 3)) - 18)
SPLIT_SUM = TwoPixelNetwork(_split, lambda A: (A[:, 0] - A[:, 1]).sum((1, 2)))
FLIPPED_SUM = TwoPixelNetwork(lambda x: x.flip(3) + 9, lambda A: A.sum((1, 2, 3)) - 18)
# The sum of two pixels, of which only the first one is split.
HALF_SPLIT_SUM = TwoPixelNetwork(
    lambda x: torch.cat([_split(x), x + 9], 1), lambda A: A[:, 0, 0, 0] - A[:, 1, 0, 0] + A[:, 2, 0, 1] - 9
)


def _pixels(*values: float) -> Tensor:
    """An image of two pixels, (1, 1, 1, 2)."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, 2)


def _first_logit(z: Tensor) -> Tensor:
    """The objective of all examples but one."""
    return z[:, 0]


def completeness_gap(method: Method) -> float:
    """Return the largest difference between the sum of a map and the change of the logit from the black image.

    Args:
        method: the attribution method.

    Returns:
        The largest absolute difference over two networks; 0 if the method is complete there.
    """
    gaps = []
    for network, x in ((SATURATED, _pixels(2, 0)), (THRESHOLD, _pixels(1, 1))):
        change = network(x)[0, 0] - network(0 * x)[0, 0]
        gaps.append(abs(method(network, x, _first_logit, "hidden").sum() - change).item())
    return max(gaps)


def sensitivity_gap(method: Method) -> float:
    """Return how much of the change of a logit is missing at the only pixel that differs from the black image.

    The network is saturated there: a larger value of this pixel does not change the logit.

    Args:
        method: the attribution method.

    Returns:
        The absolute change of the logit if the pixel has the attribution zero, and otherwise 0.
    """
    x = _pixels(2, 0)
    change = SATURATED(x)[0, 0] - SATURATED(0 * x)[0, 0]
    attribution = method(SATURATED, x, _first_logit, "hidden")[0, 0, 0]
    return abs(change).item() if attribution == 0 else 0.0


def implementation_gap(method: Method) -> float:
    """Return the largest difference between the maps of networks that compute the same function in different ways.

    Args:
        method: the attribution method.

    Returns:
        The largest absolute difference of a pixel.
    """
    x = _pixels(1, -1)
    maps = [method(network, x, _first_logit, "hidden") for network in (SUM, SPLIT_SUM, FLIPPED_SUM)]
    return max((maps[0] - other).abs().max().item() for other in maps[1:])


def linearity_gap(method: Method) -> float:
    """Return the difference between the map of z_0 + 2 z_1 and the same sum of the maps of both logits.

    Args:
        method: the attribution method.

    Returns:
        The largest absolute difference of a pixel.
    """
    x = _pixels(1, 1)
    maps = [
        method(THRESHOLD, x, objective, "hidden")
        for objective in (lambda z: z[:, 0] + 2 * z[:, 1], _first_logit, lambda z: z[:, 1])
    ]
    return (maps[0] - maps[1] - 2 * maps[2]).abs().max().item()


def symmetry_gap(method: Method) -> float:
    """Return the difference between the attributions of two equal pixels of a symmetric function.

    Args:
        method: the attribution method.

    Returns:
        The absolute difference; 0 if both pixels have the same attribution.
    """
    maps = method(HALF_SPLIT_SUM, _pixels(-1, -1), _first_logit, "hidden")
    return abs(maps[0, 0, 0] - maps[0, 0, 1]).item()


AXIOMS: Mapping[str, Callable[[Method], float]] = {
    "completeness": completeness_gap,
    "sensitivity": sensitivity_gap,
    "implementation invariance": implementation_gap,
    "linearity": linearity_gap,
    "symmetry": symmetry_gap,
}


def axiom_gaps(methods: Mapping[str, Method]) -> list[dict[str, float | str]]:
    """Return how far each method violates each axiom in the examples of this module.

    An example can refute an axiom for a method, but it cannot prove it.

    Args:
        methods: attribution methods by name.

    Returns:
        A row per method: its name under "method", and the gap of each axiom; 0 where the example does not refute it.
    """
    return [
        {"method": name, **{axiom: gap(method) for axiom, gap in AXIOMS.items()}} for name, method in methods.items()
    ]
