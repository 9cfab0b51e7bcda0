"""Photographs from image files, cropped as in the usual test protocol of ImageNet networks."""

import os
from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tutorial_lib.data._safe_io import open_image


def load_image_files(
    files: str | os.PathLike | Iterable[str | os.PathLike],
    *,
    size: int = 224,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return one or more photographs as a batch of square images.

    The shorter side is scaled to size·8/7 (256 for 224; bilinear, antialiased), and the central square is cropped.
    This is the usual test protocol of ImageNet networks; each pixel has the value that torchvision computes.

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
        FileNotFoundError: no photograph at no/such/cat.png
    """
    files = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    if not files:
        raise ValueError("no photographs were given")
    return torch.stack([_center_crop(file, size) for file in files]).to(device or "cpu")


def _center_crop(file: str | os.PathLike, size: int) -> Tensor:
    """The scaled central square of a photograph, (3, size, size)."""
    if not os.path.isfile(file):
        raise FileNotFoundError(f"no photograph at {os.fspath(file)}")
    with open_image(file) as opened:
        photo = opened.convert("RGB")
    # Rounded as torchvision rounds, so that published accuracies are reproduced for every single image.
    short_side = round(size * 8 / 7)
    width, height = (int(short_side * side / min(photo.size)) for side in photo.size)
    photo = photo.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    square = photo.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).float().div_(255)
