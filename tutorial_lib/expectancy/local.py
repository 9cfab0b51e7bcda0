"""Local mismatch: the network expects one thing of the whole picture; which places, asked alone, do not agree?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.gradients import position_logits
from tutorial_lib.gradients.inputs import slices


def local_loss(model: nn.Module, x: Tensor, layer: str | nn.Module, target: int | Tensor | None = None, *, chunk: int = 8) -> Tensor:
    """The loss of each position's own answer against the picture's: ℓ_ij = −Σ_c p_c log softmax(z_ij)_c ≥ 0, in nats. -> (N, H, W).

    Higher = less expected. z_ij are the logits of position ij alone and p is what the network says of the whole picture, as it
    stands: :func:`tutorial_lib.gradients.position_logits`. One forward pass, no gradient: the control that
    :func:`local_mismatch` must beat. ``target``: a class, (N,) labels, or None, p itself. Brought to the picture's size (bilinear).

    Raises:
        ValueError: as :func:`local_mismatch` does.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> local_loss(model, torch.rand(2, 3, 8, 8), "0").shape
        torch.Size([2, 8, 8])
    """
    return _maps(model, x, layer, target, chunk, lambda loss, A: loss.detach())


def local_mismatch(
    model: nn.Module, x: Tensor, layer: str | nn.Module, target: int | Tensor | None = None, *, chunk: int = 8
) -> Tensor:
    """What each position's features would have to change to say what the picture says: Σ_k |A_k ∂ℓ/∂A_k| ≥ 0. -> (N, H, W).

    Higher = less expected. ℓ is :func:`local_loss`; at average pooling and one linear layer ∂ℓ_ij/∂A_ij = Wᵀ (softmax(z_ij) − p),
    the identity of this course at every position. The product with A leaves out what is not there: empty ground has little to
    change. x (N, C, H, W), brought to the picture's size (bilinear).

    Args:
        model: a classifier whose head treats all positions alike and averages them.
        x: (N, C, H, W).
        layer: the maps that are averaged, or the last before a convolution of one cell; a module or its name.
        target: what is expected: a class, (N,) labels, or None, the picture's own p.
        chunk: pictures at a time.

    Raises:
        ValueError: x is no pictures, a target of other rows or classes, and as
            :func:`tutorial_lib.gradients.position_logits` does.

    Source: ours, after the idea of expectancy-mismatch in Sun, Prabhushankar, AlRegib, ICIP 2020, arXiv 2008.01874.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> (local_mismatch(model, torch.rand(2, 3, 8, 8), "0") >= 0).all()
        tensor(True)
    """

    def read(loss: Tensor, A: Tensor) -> Tensor:
        # Positions do not know of each other, so one pass for the sum is a pass for each.
        (g,) = torch.autograd.grad(loss.sum(), A)
        return (A.detach() * g).abs().sum(1)

    return _maps(model, x, layer, target, chunk, read)


def _maps(model: nn.Module, x: Tensor, layer, target: int | Tensor | None, chunk: int, read) -> Tensor:
    if x.dim() != 4:
        raise ValueError(f"local answers are of pictures (N, C, H, W), not {tuple(x.shape)}")
    if isinstance(target, Tensor) and (target.dim() != 1 or target.is_floating_point() or len(target) != len(x)):
        raise ValueError(f"target must be {len(x)} integer labels, a class or None, not {target.dtype} {tuple(target.shape)}")
    found = []
    for rows in slices(max(1, len(x)), chunk):
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
            A, z, local = position_logits(model, x[rows], layer)
            expected = _expected(z, target[rows] if isinstance(target, Tensor) else target)
            loss = -torch.einsum("nc,nchw->nhw", expected, local.log_softmax(1))
            found.append(read(loss, A))
    return F.interpolate(torch.cat(found)[:, None], tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0]


def _expected(z: Tensor, target: int | Tensor | None) -> Tensor:
    """The distribution that each position is held against, (n, C)."""
    if target is None:
        return z.softmax(1)
    label = torch.full_like(z[:, 0], target, dtype=torch.long) if isinstance(target, int) else target.to(z.device)
    if not ((0 <= label) & (label < z.shape[1])).all():
        raise ValueError(f"target must lie in 0…{z.shape[1] - 1}, the classes of this network")
    return F.one_hot(label.long(), z.shape[1]).to(z)
