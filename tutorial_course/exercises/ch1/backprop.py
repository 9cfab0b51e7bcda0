"""Exercise 1.1: backpropagation by hand, through one hidden ReLU layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_course.exercises import Exercise

Gradients = tuple[Tensor, Tensor, Tensor, Tensor]


def reference_backprop(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, x: Tensor, y: Tensor) -> Gradients:
    """Return the gradients of the mean cross-entropy of a network with one hidden layer.

    J is the mean over the batch of −log softmax(W2 relu(W1 x + b1) + b2)_y.

    Args:
        W1: weights of the hidden layer (m, d).
        b1: biases of the hidden layer (m,).
        W2: weights of the last layer (C, m).
        b2: biases of the last layer (C,).
        x: inputs (N, d).
        y: labels (N,).

    Returns:
        ∂J/∂W1, ∂J/∂b1, ∂J/∂W2 and ∂J/∂b2, each of the shape of its parameter.
    """
    return _parametrized_backprop(W1, b1, W2, b2, x, y)


def _parametrized_backprop(
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
    """The solution, with the two frequent mistakes as parameters: ∂J/∂z, and the gradient behind the ReLU."""
    s = x @ W1.T + b1
    h = s.relu()
    delta2 = errors(h @ W2.T + b2, F.one_hot(y, len(b2)).to(x.dtype))
    delta1 = mask(s, delta2 @ W2)
    return delta1.T @ x, delta1.sum(0), delta2.T @ h, delta2.sum(0)


def _mistake(**changed) -> Callable[..., Gradients]:
    """The solution with other parameters."""
    return lambda *arguments: _parametrized_backprop(*arguments, **changed)


def _mistake_transposed(*arguments: Tensor) -> Gradients:
    """The gradient of W1 transposed."""
    dW1, db1, dW2, db2 = reference_backprop(*arguments)
    return dW1.T, db1, dW2.T, db2


def _mistake_row_per_image(scale: Callable[[int], float]) -> Callable[..., Gradients]:
    """The gradients of the biases without the sum over the batch, (N, m) and (N, C)."""

    def wrong(W1, b1, W2, b2, x, y):
        s = x @ W1.T + b1
        delta2 = ((s.relu() @ W2.T + b2).softmax(1) - F.one_hot(y, len(b2))) / len(x)
        dW1, _, dW2, _ = reference_backprop(W1, b1, W2, b2, x, y)
        return dW1, scale(len(x)) * (delta2 @ W2) * (s > 0), dW2, scale(len(x)) * delta2

    return wrong


def _mistake_double_softmax(z: Tensor, e: Tensor) -> Tensor:
    """∂J/∂z if probabilities are passed to a loss that contains a softmax."""
    p = z.softmax(1)
    delta = (p.softmax(1) - e) / len(z)
    return p * (delta - (p * delta).sum(1, keepdim=True))


def _make_case(N: int, d: int, m: int, C: int) -> Callable[[torch.Generator], tuple[Tensor, ...]]:
    """A case: four parameters, N inputs and N labels, where all sizes are different."""

    def make(generator: torch.Generator) -> tuple[Tensor, ...]:
        shapes = (m, d), (m,), (C, m), (C,), (N, d)
        tensors = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
        return *tensors, torch.randint(C, (N,), generator=generator)

    return make


backward = Exercise(
    name="backward",
    reference=reference_backprop,
    cases=(_make_case(5, 3, 4, 2), _make_case(7, 4, 6, 3), _make_case(2, 6, 3, 5), _make_case(1, 2, 5, 3)),
    outputs=("dW1", "db1", "dW2", "db2"),
    known_mistakes={
        "The mask of the ReLU is missing. A hidden unit with s < 0 outputs zero, so a small change in its weights does "
        "not change the loss: what must its gradient be?": _mistake(mask=lambda s, g: g),
        "The mask is taken from the incoming gradient. Which units were active in the forward pass depends on the sign "
        "of s, not on that of the gradient.": _mistake(mask=lambda s, g: g * (g > 0)),
        "The factors of the outer product are exchanged, so the gradient is transposed. Compare the shapes of W and of "
        "its gradient: which of the two factors has to come first?": _mistake_transposed,
        "The gradients are summed over the mini-batch instead of averaged. The loss is a mean, so its gradient must "
        "not grow with the number of images: by which number do you divide?": _mistake(
            errors=lambda z, e: z.softmax(1) - e
        ),
        "The softmax is applied twice. The cross-entropy of PyTorch contains a softmax, so its input must be the "
        "logits: what do you pass to it?": (
            _mistake(errors=lambda z, e: (z.softmax(1).softmax(1) - e) / len(z)),
            _mistake(errors=_mistake_double_softmax),
        ),
        "The error is computed as y − p instead of p − y, so all gradients are negated. If the logit of the correct "
        "class increases a little, should the loss increase?": _mistake(
            errors=lambda z, e: (e - z.softmax(1)) / len(z)
        ),
        "The gradient of a bias still has one row per image. A bias has one number per unit, and every image "
        "contributes to it: over which axis do you sum?": (
            _mistake_row_per_image(lambda N: 1.0),
            _mistake_row_per_image(float),
        ),
    },
    fallback_hint=(
        "change one parameter by 1e-4 and divide the resulting change in the loss by 1e-4: the result approximates its "
        "gradient"
    ),
    success_message="Your code computes the same gradients as autograd, layer by layer.",
)
