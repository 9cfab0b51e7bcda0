"""Exercise 1: backpropagation by hand, through one hidden ReLU layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_course.exercises import Exercise

Gradients = tuple[Tensor, Tensor, Tensor, Tensor]


def reference_backprop(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, x: Tensor, y: Tensor) -> Gradients:
    """∂J/∂W1, ∂J/∂b1, ∂J/∂W2, ∂J/∂b2 for J the mean over the batch of −log softmax(W2 relu(W1 x + b1) + b2)_y.

    Shapes: W1 (m, d), b1 (m,), W2 (C, m), b2 (C,), x (N, d), y (N,) labels -> gradients of the shapes of the parameters.
    """
    return parametrized_backprop(W1, b1, W2, b2, x, y)


def parametrized_backprop(
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    errors: Callable[[Tensor, Tensor], Tensor] = lambda z, e: (z.softmax(1) - e) / len(z),
    mask: Callable[[Tensor, Tensor], Tensor] = lambda s, g: g * (s > 0),
) -> Gradients:
    """The right lines, with the two that go wrong most often left open: ∂J/∂z from the logits, and what the ReLU lets back."""
    s = x @ W1.T + b1
    h = s.relu()
    delta2 = errors(h @ W2.T + b2, F.one_hot(y, len(b2)).to(x.dtype))
    delta1 = mask(s, delta2 @ W2)
    return delta1.T @ x, delta1.sum(0), delta2.T @ h, delta2.sum(0)


def mistake(**changed) -> Callable[..., Gradients]:
    return lambda *arguments: parametrized_backprop(*arguments, **changed)


def mistake_transposed(*arguments: Tensor) -> Gradients:
    dW1, db1, dW2, db2 = reference_backprop(*arguments)
    return dW1.T, db1, dW2.T, db2


def mistake_sum_not_mean(scale: Callable[[int], float]) -> Callable[..., Gradients]:
    """Bias gradients left as (N, m) and (N, C): the errors themselves, averaged or not."""

    def wrong(W1, b1, W2, b2, x, y):
        s = x @ W1.T + b1
        delta2 = ((s.relu() @ W2.T + b2).softmax(1) - F.one_hot(y, len(b2))) / len(x)
        dW1, _, dW2, _ = reference_backprop(W1, b1, W2, b2, x, y)
        return dW1, scale(len(x)) * (delta2 @ W2) * (s > 0), dW2, scale(len(x)) * delta2

    return wrong


def mistake_skip_relu(z: Tensor, e: Tensor) -> Tensor:
    """∂J/∂z where the loss, which has a softmax of its own, was given probabilities."""
    p = z.softmax(1)
    delta = (p.softmax(1) - e) / len(z)
    return p * (delta - (p * delta).sum(1, keepdim=True))


def make_case(N: int, d: int, m: int, C: int) -> Callable[[torch.Generator], tuple[Tensor, ...]]:
    """A case: four parameters, N inputs, N labels, no two sizes alike."""

    def make(generator: torch.Generator) -> tuple[Tensor, ...]:
        shapes = (m, d), (m,), (C, m), (C,), (N, d)
        tensors = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
        return *tensors, torch.randint(C, (N,), generator=generator)

    return make


backward = Exercise(
    name="backward",
    reference=reference_backprop,
    cases=(make_case(5, 3, 4, 2), make_case(7, 4, 6, 3), make_case(2, 6, 3, 5), make_case(1, 2, 5, 3)),
    outputs=("dW1", "db1", "dW2", "db2"),
    known_mistakes={
        "The mask of the ReLU is missing. Take a hidden unit with s < 0 and raise its weight a little: does the loss "
        "notice?": mistake(mask=lambda s, g: g),
        "The mask is taken from the gradient that comes in. Ask of each unit whether it was open on the way forward: the sign of "
        "s, not that of the gradient.": mistake(mask=lambda s, g: g * (g > 0)),
        "The outer product stands the wrong way round. Compare the shapes of W and of its gradient; with equal sizes nobody "
        "would have seen it.": mistake_transposed,
        "The gradients are summed over the batch, not averaged. Show the network the same batch twice: should the step be twice "
        "as long?": mistake(errors=lambda z, e: z.softmax(1) - e),
        "The softmax is applied twice. Follow z to the loss and count the exponentials on the way: a cross-entropy in torch "
        "brings one of its own.": (
            mistake(errors=lambda z, e: (z.softmax(1).softmax(1) - e) / len(z)),
            mistake(errors=mistake_skip_relu),
        ),
        "The error is y − p where p − y is meant, and all signs are turned. Raise the logit of the right class a little: should "
        "the loss rise?": mistake(errors=lambda z, e: (e - z.softmax(1)) / len(z)),
        "The gradient of a bias still has a row for each picture. A bias has one number a unit, and every picture pulls at "
        "it: where do the pulls meet?": (mistake_sum_not_mean(lambda N: 1.0), mistake_sum_not_mean(float)),
    },
    fallback_hint="change one number of the first wrong result by 1e-4 and see how far the loss moves: that is what its gradient says",
    success_message="Four lines, and nothing in them was magic: autograd does the same, layer after layer.",
)
