"""Photographs from files, cut the way ImageNet networks were tested."""

import os
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from tutorial_lib.data._safe_io import open_image


def load_image_files(
    files: str | os.PathLike | Iterable[str | os.PathLike],
    *,
    size: int = 224,
    device: torch.device | str | None = None,
) -> Tensor:
    """Read one photograph, or several: (N, 3, size, size) float in [0, 1].

    The shorter side is scaled to size·8/7 (256 for 224; bilinear, antialiased), then the central square is taken:
    the usual test protocol of ImageNet networks, pixel for pixel torchvision's.

    Args:
        files: a path, or several.
        size: side of the square.
        device: where the tensor is to be.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is no picture, or there are no files; the error names it.

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
    from PIL import Image

    if not os.path.isfile(file):
        raise FileNotFoundError(f"no photograph at {os.fspath(file)}")
    with open_image(file) as opened:
        photo = opened.convert("RGB")
    # Rounded as torchvision rounds, so that published accuracies are met to the picture.
    short = round(size * 8 / 7)
    width, height = (int(short * side / min(photo.size)) for side in photo.size)
    photo = photo.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    square = photo.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).float().div_(255)
