"""Rotation and hue rotation of whole images, for images that are not rendered.

In the synthetic traffic-sign dataset a single factor can be changed (:func:`~tutorial_lib.data.counterfactual_pairs`).
A photograph has no known scene, so these transforms change everything in it.
"""

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from tutorial_lib._validation import convert_arguments
from tutorial_lib.data.corruptions import check_images


def hue_rotation_matrix(angle: Tensor) -> Tensor:
    """Return the matrices that rotate colors about the gray axis.

    This is Rodrigues' formula for the axis (1, 1, 1)/√3.

    Args:
        angle: angles in radians (N,).

    Returns:
        Rotation matrices (N, 3, 3).
    """
    c, s = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None] / 3**0.5
    identity = torch.eye(3, device=angle.device, dtype=angle.dtype)
    cross = identity.roll(1, 1) - identity.roll(-1, 1)
    gray = torch.full_like(identity, 1 / 3)
    return gray + (identity - gray) * c - cross * s


def _per_image_angles(angle: float | Tensor, images: Tensor) -> Tensor:
    """One angle per image (N,), after checking the images."""
    check_images(images)
    angles = torch.as_tensor(angle, dtype=images.dtype, device=images.device)
    if angles.shape not in ((), images.shape[:1]):
        raise ValueError(f"expected one angle, or one for each image ({len(images)},), got {tuple(angles.shape)}")
    return angles.expand(len(images))


@convert_arguments
def rotate_hue(images: Tensor, angle: float | Tensor) -> Tensor:
    """Return images with their hues rotated.

    An angle of 2π/3 turns red into green, green into blue and blue into red. Gray pixels keep their color.

    Args:
        images: images (N, 3, H, W), floats in [0, 1].
        angle: angle in radians, one for all images or (N,).

    Returns:
        Images like the input, clamped to [0, 1].

    Raises:
        ValueError: images of another shape, type or range.

    Example:
        >>> red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
        >>> rotate_hue(red, 2 * torch.pi / 3).flatten().round().abs()
        tensor([0., 1., 0.])
    """
    return torch.einsum("nij,njhw->nihw", hue_rotation_matrix(_per_image_angles(angle, images)), images).clamp(0, 1)


@convert_arguments
def rotate(images: Tensor, angle: float | Tensor) -> Tensor:
    """Return images rotated clockwise about their center, with bilinear interpolation.

    Regions from outside the image are filled with its mirror image at the border.

    Args:
        images: images (N, 3, H, W), floats in [0, 1].
        angle: angle in radians, one for all images or (N,).

    Returns:
        Images like the input.

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
    inverse = torch.stack([torch.stack([c, s / aspect, zero], -1), torch.stack([-s * aspect, c, zero], -1)], 1)
    grid = affine_grid(inverse, list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="reflection", align_corners=False)
