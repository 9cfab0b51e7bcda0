"""Occlusion sensitivity: cover the image patch by patch and measure the decrease of the logit, without a gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices, expand_to_samples
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients import ObjectiveLike, fix_predicted_class, objective_values


@convert_arguments
def occlusion(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    window: int | tuple[int, int] = 8,
    stride: int | tuple[int, int] | None = None,
    fill: float | Tensor | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Return the occlusion map: the decrease of an objective when a patch is covered.

    J(x) − J(x with the patch covered), averaged at each pixel over the patches that contain it. The method needs one
    forward pass per patch and no gradient; :func:`occlusion_windows` lists the patches.

    Args:
        model: any module that takes x alone and returns one row per image; it is left as it was.
        x: images (N, C, H, W), floats.
        objective: what is compared, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the logit of
            the class predicted at x.
        window: height and width of a patch in pixels, or one number for both.
        stride: distance between neighboring patches in pixels, down and across; None is half a patch. The last patches
            end at the border.
        fill: value of a covered pixel: a number, one image (C, H, W), or None for the mean color of each image.
        batch_size: images per forward pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, H, W) in the unit of the objective, by default logits. They are signed, and positive where the covered
        region supports the class.

    Raises:
        ValueError: x is not a batch of images, a patch is larger than the image, or a stride leaves gaps.

    References:
        Zeiler and Fergus, 2013, arXiv:1311.2901.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
        >>> decrease = occlusion(model, torch.ones(1, 1, 2, 2), 0, window=1, fill=0.)
        >>> torch.allclose(decrease.flatten(), model[1].weight[0], atol=1e-6)
        True
    """
    check_shapes(x=(x, "floats N C H W"))
    x = x.detach()
    windows = occlusion_windows(x.shape[-2:], window, stride)
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    uncovered = objective_values(model, x, J, batch_size=batch_size)
    filler = expand_to_samples(x.mean((2, 3), keepdim=True) if fill is None else fill, x)
    # At each pixel, the number of patches that cover it and the sum of their decreases.
    counts, sums = x.new_zeros(x.shape[-2:]), torch.zeros_like(x[:, 0], dtype=promote_to_float32(x))
    windows_per_batch = max(1, batch_size // len(x))
    for batch in batch_slices(len(windows), windows_per_batch):
        for rows in batch_slices(len(x), batch_size):
            copies = x[rows].repeat(len(windows[batch]), 1, 1, 1).unflatten(0, (len(windows[batch]), -1))
            for copy, (down, across) in zip(copies, windows[batch]):
                copy[..., down, across] = filler[rows][..., down, across]
            index = torch.arange(len(x), device="cpu")[rows].repeat(len(copies))
            covered = objective_values(model, copies.flatten(0, 1), J.select(index), batch_size=batch_size)
            for decrease, (down, across) in zip(uncovered[rows] - covered.view(len(copies), -1), windows[batch]):
                sums[rows, down, across] += decrease[:, None, None]
    for down, across in windows:
        counts[down, across] += 1
    return (sums / counts).to(x)


@convert_arguments
def occlusion_windows(
    size: Sequence[int], window: int | tuple[int, int] = 8, stride: int | tuple[int, int] | None = None
) -> list[tuple[slice, slice]]:
    """Return the patches of :func:`occlusion` for an image of a given size.

    Args:
        size: size (H, W) of the image in pixels.
        window: height and width of a patch in pixels, or one number for both.
        stride: distance between neighboring patches in pixels, down and across; None is half a patch.

    Returns:
        Pairs of slices (rows, columns), row by row; the last patches end at the border.

    Raises:
        ValueError: a patch is larger than the image, or a stride leaves gaps.

    Example:
        >>> len(occlusion_windows((48, 48), 8))
        121
    """
    patch = (window, window) if isinstance(window, int) else window
    strides = (stride, stride) if isinstance(stride, int) else stride or (max(1, patch[0] // 2), max(1, patch[1] // 2))
    for side, p, s in zip(size, patch, strides):
        if not 1 <= s <= p <= side:
            raise ValueError(
                f"expected 1 ≤ stride ≤ window ≤ side of the image, got stride {s}, window {p}, side {side}"
            )
    # The last patch ends at the border even if no multiple of the stride leads there.
    rows, columns = (sorted({*range(0, side - p + 1, s), side - p}) for side, p, s in zip(size, patch, strides))
    return [(slice(i, i + patch[0]), slice(j, j + patch[1])) for i in rows for j in columns]
