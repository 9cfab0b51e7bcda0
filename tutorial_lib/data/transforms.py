"""Rotation of whole images, for images that are not rendered, and rotation of colors.

In the synthetic traffic-sign dataset a single factor can be changed (:func:`~tutorial_lib.data.counterfactual_pairs`).
A photograph has no known scene, so a rotation changes everything in it.
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


@convert_arguments
def rotate(images: Tensor, angle: float) -> Tensor:
    """Return images rotated clockwise about their center, with bilinear interpolation.

    Regions from outside the image are filled with its mirror image at the border.

    Args:
        images: images (N, 3, H, W), floats in [0, 1].
        angle: angle in radians.

    Returns:
        Images like the input.

    Raises:
        ValueError: images of another shape, type or range.

    Example:
        >>> x = torch.rand(1, 3, 8, 8)
        >>> torch.allclose(rotate(x, torch.pi / 2), torch.rot90(x, -1, (2, 3)), atol=1e-5)
        True
    """
    check_images(images)
    turn = torch.as_tensor(angle, dtype=images.dtype, device=images.device)
    aspect = images.shape[-1] / images.shape[-2]
    c, s, zero = torch.cos(turn), torch.sin(turn), torch.zeros_like(turn)
    inverse = torch.stack([c, s / aspect, zero, -s * aspect, c, zero]).view(2, 3)
    grid = affine_grid(inverse.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="reflection", align_corners=False)
