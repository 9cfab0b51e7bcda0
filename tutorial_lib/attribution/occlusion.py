"""Cover the picture patch by patch and watch the answer fall: slow, without a gradient, and what gradients are held against."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import fix_predicted_class, objective_values


def occlusion(
    model: nn.Module,
    x: Tensor,
    objective=None,
    *,
    window: int | tuple[int, int] = 8,
    stride: int | tuple[int, int] | None = None,
    fill: float | Tensor | None = None,
    batch_size: int = 64,
) -> Tensor:
    """How far the answer falls when a patch is covered, z_P(x) − z_P(x covered), the mean over the patches on a pixel.

    x (N, C, H, W) -> (N, H, W), signed: positive where what was covered spoke for P, in logits. ``stride``: from patch to
    patch (None: half a patch); the last ones end at the border. ``fill``: what a patch is covered with: a number, a picture
    (C, H, W), or None, the mean colour of each picture. One forward pass for each patch: :func:`covers` counts them.

    Raises:
        ValueError: x is no pictures, a patch larger than the picture, a stride that leaves gaps.

    Source: Zeiler and Fergus, 2013, arXiv 1311.2901.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
        >>> fall = occlusion(model, torch.ones(1, 1, 2, 2), 0, window=1, fill=0.)
        >>> torch.allclose(fall.flatten(), model[1].weight[0], atol=1e-6)
        True
    """
    if x.dim() != 4:
        raise ValueError(f"occlusion covers pictures (N, C, H, W), not {tuple(x.shape)}")
    x = x.detach()
    places = occlusion_windows(x.shape[-2:], window, stride)
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    whole = objective_values(model, x, J, batch_size=batch_size)
    with torch.no_grad():
        filled = x.mean((2, 3), keepdim=True).expand_as(x) if fill is None else torch.as_tensor(fill).to(x).expand_as(x)
    # How often a pixel was covered, and how far the answer fell in all.
    times, falls = x.new_zeros(x.shape[-2:]), torch.zeros_like(x[:, 0])
    together = max(1, batch_size // len(x))
    for some in batch_slices(len(places), together):
        for rows in batch_slices(len(x), batch_size):
            copies = x[rows].repeat(len(places[some]), 1, 1, 1).unflatten(0, (len(places[some]), -1))
            for copy, (down, across) in zip(copies, places[some]):
                copy[..., down, across] = filled[rows][..., down, across]
            index = torch.arange(len(x))[rows].repeat(len(copies))
            left = objective_values(model, copies.flatten(0, 1), J.select(index), batch_size=batch_size).view(
                len(copies), -1
            )
            for fall, (down, across) in zip(whole[rows] - left, places[some]):
                falls[rows, down, across] += fall[:, None, None]
    for down, across in places:
        times[down, across] += 1
    return falls / times


def occlusion_windows(
    size: tuple[int, int], window: int | tuple[int, int] = 8, stride: int | tuple[int, int] | None = None
) -> list[tuple[slice, slice]]:
    """The patches of :func:`occlusion` on a picture of (H, W), as pairs of slices.

    Raises:
        ValueError: a patch larger than the picture, a stride that leaves gaps.

    Example:
        >>> len(occlusion_windows((48, 48), 8))
        121
    """
    window = (window, window) if isinstance(window, int) else tuple(window)
    stride = (stride, stride) if isinstance(stride, int) else stride or tuple(max(1, p // 2) for p in window)
    for side, p, s in zip(size, window, stride):
        if not 1 <= s <= p <= side:
            raise ValueError(f"1 ≤ stride ≤ patch ≤ side of the picture, not stride {s}, patch {p}, side {side}")
    # A last patch ends at the border where the stride does not lead there.
    starts = [sorted({*range(0, side - p + 1, s), side - p}) for side, p, s in zip(size, window, stride)]
    return [(slice(i, i + window[0]), slice(j, j + window[1])) for i in starts[0] for j in starts[1]]
