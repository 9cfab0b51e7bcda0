"""Two dials for pictures that were not drawn here: turn the whole picture, turn its hues.

In the sign world one factor can be changed alone (:func:`twins`). A photograph knows no scene, so these turn everything in it.
"""

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from tutorial_lib.data.corruptions import check_images


def hue_rotation_matrix(angle: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that turn colours about the grey axis by ``angle`` (N,): Rodrigues' formula about (1, 1, 1)/√3."""
    c, s = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None] / 3**0.5
    one = torch.eye(3, device=angle.device, dtype=angle.dtype)
    across = one.roll(1, 1) - one.roll(-1, 1)
    grey = torch.full_like(one, 1 / 3)
    return grey + (one - grey) * c - across * s


def _per_image_angles(angle: float | Tensor, images: Tensor) -> Tensor:
    check_images(images)
    return torch.as_tensor(angle, dtype=images.dtype, device=images.device).expand(len(images))


def rotate_hue(images: Tensor, angle: float | Tensor) -> Tensor:
    """Turn the hues of whole pictures: by 2π/3 red becomes green, green blue and blue red; greys stay.

    Args:
        images: (N, 3, H, W) in [0, 1].
        angle: in radians, one or (N,).

    Returns:
        like ``images``, clamped to [0, 1].

    Raises:
        ValueError: images of another shape, type or range.

    Example:
        >>> red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
        >>> rotate_hue(red, 2 * torch.pi / 3).flatten().round().abs()
        tensor([0., 1., 0.])
    """
    return torch.einsum("nij,njhw->nihw", hue_rotation_matrix(_per_image_angles(angle, images)), images).clamp(0, 1)


def rotate(images: Tensor, angle: float | Tensor) -> Tensor:
    """Turn whole pictures clockwise about their middle, bilinearly; what comes in from outside is the picture mirrored at its border.

    Args:
        images: (N, 3, H, W) in [0, 1].
        angle: in radians, one or (N,).

    Returns:
        like ``images``.

    Raises:
        ValueError: images of another shape, type or range.

    Example:
        >>> x = torch.rand(1, 3, 8, 8)
        >>> torch.allclose(rotate(x, torch.pi / 2), torch.rot90(x, -1, (2, 3)), atol=1e-5)
        True
    """
    angle = _per_image_angles(angle, images)
    aspect = images.shape[-1] / images.shape[-2]
    c, s, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    back = torch.stack([torch.stack([c, s / aspect, zero], -1), torch.stack([-s * aspect, c, zero], -1)], 1)
    grid = affine_grid(back, list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="reflection", align_corners=False)
