"""Which way is down depends on how steps are measured: the steepest step in five norms, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice, promote_to_float32

NORMS = ("l2", "linf", "l1", "M", "spectral")


def _check_arguments(gradient: Tensor, norm: str, M: Tensor | None) -> None:
    check_choice(norm, NORMS, "norm")
    size = gradient[0].numel() if gradient.dim() > 1 and len(gradient) and gradient.is_floating_point() else 0
    if not size:
        raise ValueError(
            f"one gradient a row is expected, floats (N, …), not {gradient.dtype} {tuple(gradient.shape)}; add a first axis with g[None]"
        )
    if norm == "spectral" and gradient.dim() != 3:
        raise ValueError(f"the spectral norm measures matrices, (N, rows, columns), not {tuple(gradient.shape)}")
    if (M is not None) != (norm == "M"):
        raise ValueError("the norm 'M' needs a matrix M, and only that norm takes one")
    if M is not None and (M.shape != (size, size) or not M.is_floating_point() or not torch.allclose(M, M.T)):
        raise ValueError(f"M must be symmetric, floats ({size}, {size}), not {tuple(M.shape)}")


def step_norm(step: Tensor, norm: str = "l2", *, M: Tensor | None = None) -> Tensor:
    """How long a step is: (N, …) -> (N,) ≥ 0.

    l2: √Σd² · linf: the largest |d| · l1: Σ|d| · M: √(dᵀMd) · spectral: the largest singular value, of (N, rows, columns).

    Raises:
        ValueError: an unknown norm, shapes it cannot measure, M missing, not wanted, or not positive definite.

    Example:
        >>> step_norm(torch.tensor([[3., -4.]]), "linf")
        tensor([4.])
    """
    _check_arguments(step, norm, M)
    d = step.flatten(1)
    if norm == "M":
        # ‖d‖_M = ‖Lᵀd‖ with M = LLᵀ
        L = _cholesky(M, d)
        return (d.to(L) @ L).norm(dim=1).to(step)
    if norm == "spectral":
        return _batched_svd(step)[1].amax(1).to(step)
    return d.norm(dim=1, p={"l2": 2, "linf": torch.inf, "l1": 1}[norm])


def dual_norm(gradient: Tensor, norm: str = "l2", *, M: Tensor | None = None) -> Tensor:
    """How far down a step of length 1 can lead: the dual norm ‖g‖_* = max of gᵀd over ‖d‖ ≤ 1, (N, …) -> (N,) ≥ 0.

    l2: itself · linf: the l1 norm · l1: the linf norm · M: √(gᵀM⁻¹g) · spectral: the sum of singular values.

    Raises:
        ValueError: as :func:`step_length`.

    Example:
        >>> dual_norm(torch.tensor([[3., -4.]]), "linf")
        tensor([7.])
    """
    _check_arguments(gradient, norm, M)
    g = gradient.flatten(1)
    if norm == "M":
        # gᵀM⁻¹g = ‖L⁻¹g‖² with M = LLᵀ
        L = _cholesky(M, g)
        return torch.linalg.solve_triangular(L, g.T.to(L), upper=False).norm(dim=0).to(gradient)
    if norm == "spectral":
        return _batched_svd(gradient)[1].sum(1).to(gradient)
    return g.norm(dim=1, p={"l2": 2, "linf": 1, "l1": torch.inf}[norm])


def steepest_descent_step(
    gradient: Tensor, norm: str = "l2", radius: float = 1.0, *, M: Tensor | None = None
) -> Tensor:
    """The steepest step down: argmin of gᵀd over ‖d‖ ≤ radius, one for every row, (N, …) -> like gradient.

    l2: −εg/‖g‖ (gradient descent) · linf: −ε sign g (sign descent, FGSM) · l1: −ε sign(g_i) e_i at the largest |g_i| (one
    coordinate at a time) · M: −εM⁻¹g/√(gᵀM⁻¹g) (Newton with M = H, natural gradient with M = F) · spectral: −εUVᵀ with
    g = USVᵀ. The slope promises a change of −ε‖g‖_* (:func:`dual_norm`); where the gradient is zero, so is the step.

    Raises:
        ValueError: as :func:`step_length`; a negative radius.

    Source: Boyd and Vandenberghe, Convex Optimization, 2004, section 9.4.

    Example:
        >>> steepest_descent_step(torch.tensor([[3., -4.]]), "l2", radius=5)
        tensor([[-3.,  4.]])
    """
    _check_arguments(gradient, norm, M)
    if radius < 0:
        raise ValueError(f"a radius is not negative: {radius}")
    g = gradient.flatten(1)
    if norm == "linf":
        direction = g.sign()
    elif norm == "l1":
        largest = g.abs().argmax(1, keepdim=True)
        direction = torch.zeros_like(g).scatter(1, largest, g.gather(1, largest).sign())
    elif norm == "spectral":
        U, S, Vh = _batched_svd(gradient)
        # Where a singular value is zero, its direction leads nowhere.
        there = S > S.amax(1, keepdim=True) * torch.finfo(S.dtype).eps * max(gradient.shape[1:])
        direction = ((U * there[:, None]) @ Vh).to(gradient)
    else:
        up = g if norm == "l2" else torch.cholesky_solve(g.T.to(promote_to_float32(g, M)), _cholesky(M, g)).T.to(g)
        direction = up / dual_norm(gradient, norm, M=M)[:, None].clamp(min=torch.finfo(g.dtype).tiny)
    # A sign is zero where there is no number; a step that knows no way is none.
    return -radius * torch.where(g.isnan().any(1, keepdim=True), torch.nan, direction.reshape(g.shape)).reshape(
        gradient.shape
    )


def _batched_svd(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and Vᵀ of each; a matrix that is not finite would stop the others, and gets NaN."""
    sound = matrices.isfinite().all(2).all(1)[:, None, None]
    U, S, Vh = torch.linalg.svd(torch.where(sound, matrices, 0).to(promote_to_float32(matrices)), full_matrices=False)
    return U, torch.where(sound[:, 0], S, torch.nan), Vh


def _cholesky(M: Tensor, g: Tensor) -> Tensor:
    L, failed = torch.linalg.cholesky_ex(M.to(promote_to_float32(M, g)))
    if failed:
        raise ValueError("M is not positive definite, so it measures no lengths: add a little to its diagonal")
    return L
