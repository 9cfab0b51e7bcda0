"""Steepest descent in five norms: the norm of a step, its dual norm, and the steepest step in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._batching import sample_norms
from tutorial_lib._validation import check_choice, check_nonnegative, convert_arguments, promote_to_float32

NORMS = ("l2", "linf", "l1", "M", "spectral")


def _check_arguments(gradient: Tensor, norm: str, M: Tensor | None) -> None:
    """Raise unless the norm is known and applies to the rows of a gradient or step (N, …)."""
    check_choice(norm, NORMS, "norm")
    size = gradient[0].numel() if gradient.dim() > 1 and len(gradient) and gradient.is_floating_point() else 0
    if not size:
        raise ValueError(
            f"expected one gradient per row, floats (N, …), not {gradient.dtype} {tuple(gradient.shape)}; "
            "for a single gradient, add a batch axis with g[None]"
        )
    if norm == "spectral" and gradient.dim() != 3:
        raise ValueError(f"the spectral norm needs matrices (N, rows, columns), not {tuple(gradient.shape)}")
    if (M is not None) != (norm == "M"):
        raise ValueError("the norm 'M' needs a matrix M, and only that norm takes one")
    if M is not None and (M.shape != (size, size) or not M.is_floating_point() or not torch.allclose(M, M.T)):
        raise ValueError(f"M must be symmetric, floats ({size}, {size}), not {M.dtype} {tuple(M.shape)}")


@convert_arguments
def step_norm(step: Tensor, norm: str = "l2", *, M: Tensor | None = None) -> Tensor:
    """Return the norm of each step.

    - ``"l2"``: √Σd²;
    - ``"linf"``: the largest |d|;
    - ``"l1"``: Σ|d|;
    - ``"M"``: √(dᵀMd);
    - ``"spectral"``: the largest singular value of a matrix.

    Args:
        step: steps d (N, …), floats; for the spectral norm (N, rows, columns).
        norm: one of ``NORMS``.
        M: symmetric positive definite matrix (D, D), where D is the number of elements of a step; only for ``"M"``.

    Returns:
        Norms (N,), ≥ 0.

    Raises:
        ValueError: an unknown norm, a shape to which it does not apply, or an M that is missing, superfluous or not
            positive definite.

    Example:
        >>> step_norm(torch.tensor([[3., -4.]]), "linf")
        tensor([4.])
    """
    _check_arguments(step, norm, M)
    d = step.flatten(1)
    if M is not None:
        # ‖d‖_M = ‖Lᵀd‖ with M = LLᵀ
        L = _cholesky(M, d)
        return sample_norms(d.to(L) @ L)[:, 0].to(step)
    if norm == "spectral":
        return _batched_svd(step)[1].amax(1).to(step)
    return sample_norms(d)[:, 0] if norm == "l2" else d.norm(dim=1, p={"linf": torch.inf, "l1": 1}[norm])


@convert_arguments
def dual_norm(gradient: Tensor, norm: str = "l2", *, M: Tensor | None = None) -> Tensor:
    """Return the dual norm of each gradient, the largest slope of a step of norm 1.

    ‖g‖_* = max of gᵀd over ‖d‖ ≤ 1:

    - ``"l2"``: the l2 norm;
    - ``"linf"``: the l1 norm;
    - ``"l1"``: the linf norm;
    - ``"M"``: √(gᵀM⁻¹g);
    - ``"spectral"``: the sum of the singular values.

    Args:
        gradient: g (N, …), floats; for the spectral norm (N, rows, columns).
        norm: norm of the *step*, one of ``NORMS``.
        M: symmetric positive definite matrix (D, D), where D is the number of elements of a gradient; only for ``"M"``.

    Returns:
        Dual norms (N,), ≥ 0.

    Raises:
        ValueError: an unknown norm, a shape to which it does not apply, or an M that is missing, superfluous or not
            positive definite.

    Example:
        >>> dual_norm(torch.tensor([[3., -4.]]), "linf")
        tensor([7.])
    """
    _check_arguments(gradient, norm, M)
    g = gradient.flatten(1)
    if M is not None:
        # gᵀM⁻¹g = ‖L⁻¹g‖² with M = LLᵀ
        L = _cholesky(M, g)
        return sample_norms(torch.linalg.solve_triangular(L, g.T.to(L), upper=False).T)[:, 0].to(gradient)
    if norm == "spectral":
        return _batched_svd(gradient)[1].sum(1).to(gradient)
    return sample_norms(g)[:, 0] if norm == "l2" else g.norm(dim=1, p={"linf": 1, "l1": torch.inf}[norm])


@convert_arguments
def steepest_descent_step(
    gradient: Tensor, norm: str = "l2", radius: float = 1.0, *, M: Tensor | None = None
) -> Tensor:
    """Return the steepest descent step, argmin of gᵀd over ‖d‖ ≤ ε, of each gradient.

    - ``"l2"``: −εg/‖g‖, gradient descent;
    - ``"linf"``: −ε sign(g), sign descent, the step of FGSM;
    - ``"l1"``: −ε sign(g_i) e_i at the largest |g_i|, coordinate descent;
    - ``"M"``: −εM⁻¹g/√(gᵀM⁻¹g), Newton's method for M = H and the natural gradient for M = F;
    - ``"spectral"``: −εUVᵀ with g = USVᵀ.

    The first-order prediction of the change of the loss is −ε‖g‖_*, see :func:`dual_norm`.

    Args:
        gradient: g (N, …), floats; for the spectral norm (N, rows, columns).
        norm: norm of the step, one of ``NORMS``.
        radius: ε ≥ 0, the norm of the step.
        M: symmetric positive definite matrix (D, D), where D is the number of elements of a gradient; only for ``"M"``.

    Returns:
        Steps like the gradient, signed; zero where the gradient is zero.

    Raises:
        ValueError: an unknown norm, a shape to which it does not apply, a negative radius, or an M that is missing,
            superfluous or not positive definite.

    References:
        Boyd and Vandenberghe, Convex Optimization, 2004, section 9.4.

    Example:
        >>> steepest_descent_step(torch.tensor([[3., -4.]]), "l2", radius=5)
        tensor([[-3.,  4.]])
    """
    _check_arguments(gradient, norm, M)
    check_nonnegative(radius=radius)
    g = gradient.flatten(1)
    if norm == "linf":
        direction = g.sign()
    elif norm == "l1":
        largest = g.abs().argmax(1, keepdim=True)
        direction = torch.zeros_like(g).scatter(1, largest, g.gather(1, largest).sign())
    elif norm == "spectral":
        U, S, Vh = _batched_svd(gradient)
        # Directions whose singular value is zero do not change the loss, so they are left out.
        nonzero = S > S.amax(1, keepdim=True) * torch.finfo(S.dtype).eps * max(gradient.shape[1:])
        direction = ((U * nonzero[:, None]) @ Vh).to(gradient)
    else:
        uphill = g if M is None else torch.cholesky_solve(g.T.to(promote_to_float32(g, M)), _cholesky(M, g)).T.to(g)
        length = dual_norm(gradient, norm, M=M)[:, None]
        direction = uphill / torch.where(length == 0, 1, length)
    # The sign of NaN is zero; a gradient with NaN must give a step of NaN, not a step of zero.
    return -radius * torch.where(g.isnan().any(1, keepdim=True), torch.nan, direction.reshape(g.shape)).reshape(
        gradient.shape
    )


def _batched_svd(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and Vᵀ of each matrix; a matrix that is not finite gets NaN, because it would stop the others."""
    finite = matrices.isfinite().all(2).all(1)[:, None, None]
    U, S, Vh = torch.linalg.svd(torch.where(finite, matrices, 0).to(promote_to_float32(matrices)), full_matrices=False)
    return U, torch.where(finite[:, 0], S, torch.nan), Vh


def _cholesky(M: Tensor, g: Tensor) -> Tensor:
    """The lower triangular factor L of M = LLᵀ, in the common precision of M and g."""
    L, info = torch.linalg.cholesky_ex(M.to(promote_to_float32(M, g)))
    if info:
        raise ValueError(
            "M is not positive definite, so it does not define a norm; add a small positive number to its diagonal"
        )
    return L
