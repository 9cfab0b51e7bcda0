"""Exercise 4: bend the network, not the picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

Change = tuple[Tensor, Tensor]


def reference_update(W: Tensor, b: Tensor, h: Tensor, P: int, Q: int) -> Change:
    """The least change of the last layer z = W h + b that makes the logits P and Q equal: it moves both rows, each half way.

    dW = −m / (2 (‖h‖² + 1)) (e_P − e_Q) hᵀ and db = −m / (2 (‖h‖² + 1)) (e_P − e_Q), with m = z_P − z_Q; the 1 is the bias,
    a weight whose input is always one. Shapes: W (C, d), b (C,), h (d,) -> (C, d), (C,).
    """
    return parametrized_update(W, b, h, P, Q)


def parametrized_update(
    W: Tensor,
    b: Tensor,
    h: Tensor,
    P: int,
    Q: int,
    *,
    share: Callable[[Tensor], Tensor] = lambda h: 1 / (2 * (h @ h + 1)),
    rows: tuple[int, int] = (-1, 1),
    bias: bool = True,
) -> Change:
    """The right lines, with what goes wrong left open: how far each row moves, which rows move, whether the bias comes along."""
    margin = (W[P] - W[Q]) @ h + b[P] - b[Q]
    direction = torch.zeros_like(b)
    direction[P], direction[Q] = rows
    db = margin * share(h) * direction
    return torch.outer(db, h), db if bias else torch.zeros_like(b)


def mistake(**changed) -> Callable[..., Change]:
    return lambda *arguments: parametrized_update(*arguments, **changed)


def mistake_feature_shift(W: Tensor, b: Tensor, h: Tensor, P: int, Q: int) -> Tensor:
    """The other half of the story: the least change of h, with the layer as it is."""
    w = W[P] - W[Q]
    return -(w @ h + b[P] - b[Q]) / (w @ w) * w


def make_case(C: int, d: int) -> Callable[[torch.Generator], tuple]:
    """A case: a last layer, features, the class it predicts, and the runner-up or a class further down."""

    def make(generator: torch.Generator) -> tuple:
        W, b, h = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((C, d), (C,), (d,)))
        order = (W @ h + b).argsort(descending=True).tolist()
        return W, b, h, order[0], order[1 + C % 2]

    return make


def update_norm(dW: Tensor, db: Tensor) -> float:
    return (dW.square().sum() + db.square().sum()).sqrt().item()


ONE_ROW_ONLY = {"share": lambda h: 1 / (h @ h + 1)}
minimal_weight_update = Exercise(
    name="smallest_change",
    reference=reference_update,
    cases=(make_case(3, 2), make_case(4, 6), make_case(5, 3), make_case(7, 4)),
    outputs=("dW", "db"),
    measure=update_norm,
    known_mistakes={
        "The 1 for the bias is forgotten. The bias is a weight too, and its input is always 1: how long is the vector that the "
        "last layer really sees?": (
            mistake(share=lambda h: 1 / (2 * (h @ h))),
            mistake(share=lambda h: 1 / (2 * (h @ h)), bias=False),
            mistake(bias=False),
        ),
        "Only one of the two rows moves. P and Q do meet, and your change is {yours:.3f} long where {right:.3f} would do: what "
        "if each of them came half way?": (
            mistake(**ONE_ROW_ONLY, rows=(0, 1)),
            mistake(**ONE_ROW_ONLY, rows=(-1, 0)),
        ),
        "The factor ½ is missing, and Q overtakes P. Both rows walk the whole way towards each other: where would they "
        "meet?": mistake(**ONE_ROW_ONLY),
        "You moved the picture's features, not the network. That is the other way to agree; here h stays, and W and b "
        "bend round it.": (
            mistake_feature_shift,
            lambda *arguments: (mistake_feature_shift(*arguments), 0.0),
            lambda *arguments: (mistake_feature_shift(*arguments), torch.zeros_like(arguments[1])),
            lambda *arguments: arguments[2] + mistake_feature_shift(*arguments),
        ),
        "You divided by the length of h, not by its square. Put your change back into z_P − z_Q and count how often h "
        "comes in.": (
            mistake(share=lambda h: 1 / (2 * (h @ h + 1).sqrt())),
            mistake(share=lambda h: 1 / (2 * h.norm())),
        ),
    },
    fallback_hint="add your change to W and b, compute both logits again, and look at what is left between them",
    success_message="The picture is as it was, and P and Q are level: this is how far the learned space has to bend for it.",
)
