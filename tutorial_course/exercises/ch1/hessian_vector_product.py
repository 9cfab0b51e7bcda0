"""Exercise 1.J: the product of a Hessian with a vector, by differentiating twice."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_course.exercises import Exercise

LossFunction = Callable[[Tensor], Tensor]


def reference_hvp(loss: LossFunction, theta: Tensor, v: Tensor) -> Tensor:
    """Return the product Hv of the Hessian of a loss with a vector, without the Hessian itself.

    The gradient of gᵀv with respect to θ is Hv, because v is a constant.

    Args:
        loss: a function of θ (d,) that returns one number.
        theta: parameters θ (d,).
        v: a vector (d,).

    Returns:
        Hv (d,), without a graph.

    References:
        Pearlmutter, 1994, doi:10.1162/neco.1994.6.1.147.
    """
    theta = theta.clone().requires_grad_()
    (g,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
    return torch.autograd.grad(g @ v, theta)[0]


def _gradient(loss: LossFunction, theta: Tensor) -> Tensor:
    """The gradient at θ."""
    theta = theta.clone().requires_grad_()
    return torch.autograd.grad(loss(theta), theta)[0]


def _mistake_gradient_outer_product(loss: LossFunction, theta: Tensor, v: Tensor) -> Tensor:
    """The outer product of the gradient with itself in place of the Hessian."""
    g = _gradient(loss, theta)
    return g * (g @ v)


def _mistake_diagonal(loss: LossFunction, theta: Tensor, v: Tensor) -> Tensor:
    """The product with the diagonal of the Hessian only."""
    unit_vectors = torch.eye(len(theta), dtype=theta.dtype)
    return torch.stack([reference_hvp(loss, theta, e) @ e for e in unit_vectors]) * v


def _mistake_row_sums(loss: LossFunction, theta: Tensor, v: Tensor) -> Tensor:
    """The gradient of the sum of g, multiplied by v afterwards."""
    return reference_hvp(loss, theta, torch.ones_like(v)) * v


def _mistake_quadratic_form(loss: LossFunction, theta: Tensor, v: Tensor) -> Tensor:
    """The number vᵀHv in place of the vector Hv."""
    return v @ reference_hvp(loss, theta, v)


def _make_case(d: int, C: int) -> Callable[[torch.Generator], tuple[LossFunction, Tensor, Tensor]]:
    """A case: the cross-entropy of a network with one tanh layer of two units on four inputs with d features."""

    def make(generator: torch.Generator) -> tuple[LossFunction, Tensor, Tensor]:
        x = torch.randn(4, d, generator=generator, dtype=torch.float64)
        y = torch.randint(C, (4,), generator=generator)

        def loss(theta: Tensor) -> Tensor:
            first, last = theta[: 2 * d].view(2, d), theta[2 * d :].view(C, 2)
            return F.cross_entropy((x @ first.T).tanh() @ last.T, y)

        theta, v = torch.randn(2, 2 * d + 2 * C, generator=generator, dtype=torch.float64)
        return loss, theta, v

    return make


hessian_vector_product = Exercise(
    name="hessian_vector_product",
    reference=reference_hvp,
    cases=(_make_case(2, 3), _make_case(3, 2), _make_case(5, 4)),
    known_mistakes={
        "Your function returns the gradient, not a product with the Hessian. The vector v does not influence your "
        "result: at which point should it enter?": lambda loss, theta, v: _gradient(loss, theta),
        "Your function returns g (gᵀv), where the outer product of the gradient g replaces the Hessian. At a minimum, "
        "g is zero but the Hessian is not: which quantity has to be differentiated a second time?": (
            _mistake_gradient_outer_product
        ),
        "Your function uses only the diagonal of the Hessian. Its other entries also contribute, so differentiate the "
        "single number gᵀv.": _mistake_diagonal,
        "The entries of g are added and differentiated, and the result is multiplied by v afterwards. Each entry of g "
        "needs its own weight before the sum: which product of g and v is a number?": _mistake_row_sums,
        "Your function returns the number vᵀHv. The exercise asks for the vector Hv, which has one entry per "
        "parameter.": (_mistake_quadratic_form),
    },
    fallback_hint="compare with (g(θ + εv) − g(θ − εv)) / 2ε for a small ε, which is a numerical approximation of Hv",
    success_message="Two backward passes give Hv, and the matrix H is never stored.",
    side_effect_checks={
        "The numbers are correct, but the result is still attached to the autograd graph. Create the graph for the "
        "first derivative only.": (lambda record: record.has_graph())
    },
)
