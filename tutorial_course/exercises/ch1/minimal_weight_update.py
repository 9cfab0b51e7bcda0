"""Exercise 1.F: the minimal weight update, which changes the network and not the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

Change = tuple[Tensor, Tensor]


def reference_update(W: Tensor, b: Tensor, h: Tensor, P: int, Q: int) -> Change:
    """Return the smallest change of the last layer z = W h + b that makes two logits equal.

    dW = −m / (2 (‖h‖² + 1)) (e_P − e_Q) hᵀ and db = −m / (2 (‖h‖² + 1)) (e_P − e_Q), with the margin m = z_P − z_Q.
    Both rows change by half of what is needed. The 1 stands for the bias, a weight whose input is always one.

    Args:
        W: weights (C, d).
        b: biases (C,).
        h: features of one image (d,).
        P: predicted class.
        Q: the other class.

    Returns:
        dW (C, d) and db (C,).
    """
    return _parametrized_update(W, b, h, P, Q)


def _parametrized_update(
    W: Tensor,
    b: Tensor,
    h: Tensor,
    P: int,
    Q: int,
    *,
    fraction: Callable[[Tensor], Tensor] = lambda h: 1 / (2 * (h @ h + 1)),
    rows: tuple[int, int] = (-1, 1),
    bias: bool = True,
) -> Change:
    """The solution, with its frequent mistakes as parameters: the size of the change, which rows change, the bias."""
    margin = (W[P] - W[Q]) @ h + b[P] - b[Q]
    direction = torch.zeros_like(b)
    direction[P], direction[Q] = rows
    db = margin * fraction(h) * direction
    return torch.outer(db, h), db if bias else torch.zeros_like(b)


def _mistake(**changed) -> Callable[..., Change]:
    """The solution with other parameters."""
    return lambda *arguments: _parametrized_update(*arguments, **changed)


def _mistake_feature_shift(W: Tensor, b: Tensor, h: Tensor, P: int, Q: int) -> Tensor:
    """The smallest change of the features h that makes the logits equal, with the layer unchanged."""
    w = W[P] - W[Q]
    return -(w @ h + b[P] - b[Q]) / (w @ w) * w


def _make_case(C: int, d: int) -> Callable[[torch.Generator], tuple]:
    """A case: a last layer, features, the predicted class, and the class with the second or third largest logit."""

    def make(generator: torch.Generator) -> tuple:
        W, b, h = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((C, d), (C,), (d,)))
        order = (W @ h + b).argsort(descending=True).tolist()
        return W, b, h, order[0], order[1 + C % 2]

    return make


def _update_norm(dW: Tensor, db: Tensor) -> float:
    """The norm of the whole change."""
    return (dW.square().sum() + db.square().sum()).sqrt().item()


_ONE_ROW_ONLY: dict[str, Any] = {"fraction": lambda h: 1 / (h @ h + 1)}
minimal_weight_update = Exercise(
    name="minimal_weight_update",
    reference=reference_update,
    cases=(_make_case(3, 2), _make_case(4, 6), _make_case(5, 3), _make_case(7, 4)),
    outputs=("dW", "db"),
    measure=_update_norm,
    known_mistakes={
        "The 1 for the bias is missing. The bias is a weight too, and its input is always 1: what is the norm of the "
        "whole input of the last layer?": (
            _mistake(fraction=lambda h: 1 / (2 * (h @ h))),
            _mistake(fraction=lambda h: 1 / (2 * (h @ h)), bias=False),
            _mistake(bias=False),
        ),
        "Only one of the two rows changes. The logits become equal, but your change has the norm {yours:.3f}, although "
        "a norm of {right:.3f} is sufficient: what is the norm if both rows change, each by half as much?": (
            _mistake(**_ONE_ROW_ONLY, rows=(0, 1)),
            _mistake(**_ONE_ROW_ONLY, rows=(-1, 0)),
        ),
        "The factor ½ is missing, so z_Q becomes larger than z_P. Both rows change by the whole margin: by how much "
        "should each change?": _mistake(**_ONE_ROW_ONLY),
        "You changed the features of the image, not the network. This is the other way to make the logits equal. Here, "
        "h is fixed: how do W and b have to change?": (
            _mistake_feature_shift,
            lambda *arguments: (_mistake_feature_shift(*arguments), 0.0),
            lambda *arguments: (_mistake_feature_shift(*arguments), torch.zeros_like(arguments[1])),
            lambda *arguments: arguments[2] + _mistake_feature_shift(*arguments),
        ),
        "You divided by the norm of h, not by its square. Insert your change into z_P − z_Q and count how often h "
        "occurs.": (
            _mistake(fraction=lambda h: 1 / (2 * (h @ h + 1).sqrt())),
            _mistake(fraction=lambda h: 1 / (2 * h.norm())),
        ),
    },
    fallback_hint="add your change to W and b, compute both logits again, and look at the difference that is left",
    success_message=(
        "The image is unchanged, and both logits are equal: you have found the smallest change of the network that "
        "makes them equal."
    ),
)
