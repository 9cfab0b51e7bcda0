"""Image files as tensors, with the crop of the usual test protocol of ImageNet networks."""

import os
from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tutorial_lib._download import StrPath
from tutorial_lib.data._safe_io import open_image


def load_image_files(
    files: StrPath | Iterable[StrPath],
    *,
    size: int = 224,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return one or more photographs as a batch of square images.

    The shorter side is scaled to size·8/7 (256 for 224; bilinear, antialiased), and the central square is cropped.
    This is the usual test protocol of ImageNet networks; the functions of torchvision compute it.

    Args:
        files: a path, or several.
        size: side of the squares in pixels.
        device: device of the result; None is the CPU.

    Returns:
        Images (N, 3, size, size), floats in [0, 1].

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file cannot be read as an image (the message names it), or the list is empty.

    Example:
        >>> load_image_files("no/such/cat.png")
        Traceback (most recent call last):
            ...
        FileNotFoundError: [Errno 2] No such file or directory: 'no/such/cat.png'
    """
    from torchvision.transforms.functional import center_crop, resize

    squares = []
    for file in [files] if isinstance(files, str | os.PathLike) else files:
        with open_image(file) as opened:
            squares.append(image_to_tensor(center_crop(resize(opened.convert("RGB"), round(size * 8 / 7)), size)))
    if not squares:
        raise ValueError("no photographs were given")
    return torch.cat(squares).to(device or "cpu")


def image_to_tensor(image: Image.Image | np.ndarray) -> Tensor:
    """Return a decoded image as a tensor.

    Args:
        image: an image of Pillow, or an array (H, W, 3) or (H, W) of bytes; gray is repeated to three channels.

    Returns:
        Image (1, 3, H, W), floats in [0, 1].

    Example:
        >>> image_to_tensor(np.full((8, 6), 255, np.uint8)).shape
        torch.Size([1, 3, 8, 6])
    """
    x = torch.from_numpy(np.array(image)).float() / 255
    return x.expand(1, 3, *x.shape).contiguous() if x.ndim == 2 else x.permute(2, 0, 1)[None]
