"""The images of a folder, as one batch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MIN_IMAGES, MIN_SIDE = 2, 32


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder.

    Attributes:
        names: path of each image inside the folder.
        images: images (N, 3, size, size) in [0, 1].
        labels: true class of each image (N,); None if they are not known.
    """

    names: list[str]
    images: Tensor
    labels: Tensor | None


def load_folder(
    folder: str | os.PathLike[str],
    size: int,
    *,
    crop: float = 1.0,
    classes: Sequence[str] | None = None,
    labels: Mapping[str, int | str] | None = None,
    limit: int = 50,
) -> ImageFolder:
    """Return the images of a folder and of its subfolders, in alphabetical order.

    The shorter side of each image is resized to ``size / crop``, and the central square of ``size`` is kept.

    Args:
        folder: the folder.
        size: height and width of the images that the network expects.
        crop: share of the shorter side that is kept, in (0, 1]; 0.875 is usual for ImageNet.
        classes: names of the classes, needed for labels that are names.
        labels: true class of each image by its path inside the folder or by its file name, an index or a name. None
            uses the names of the subfolders if all of them are classes.
        limit: largest number of images that are read, evenly chosen from the folder.

    Returns:
        The images.

    Raises:
        ValueError: no folder, too few images, a file that is not an image, or labels that do not fit.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"expected a folder of images, got {str(root)!r}, which is not a folder; check the path")
    if size < MIN_SIDE or not 0 < crop <= 1 or limit < MIN_IMAGES:
        raise ValueError(
            f"expected size ≥ {MIN_SIDE}, crop in (0, 1] and limit ≥ {MIN_IMAGES}; got {size}, {crop} and {limit}"
        )
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if len(files) < MIN_IMAGES:
        raise ValueError(
            f"expected a folder with at least {MIN_IMAGES} images ({', '.join(SUFFIXES)}), and found {len(files)} in "
            f"{str(root)!r}; a report on fewer images has no intervals"
        )
    count = min(limit, len(files))
    files = [files[i * len(files) // count] for i in range(count)]
    names = [path.relative_to(root).as_posix() for path in files]
    images = torch.stack([_load_image(path, size, crop) for path in files])
    return ImageFolder(names, images, _find_labels(names, classes, labels))


def _load_image(path: Path, size: int, crop: float) -> Tensor:
    """One image (3, size, size) in [0, 1]."""
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{path.name} cannot be read as an image ({error}); remove it or replace it") from error
    scale = size / crop / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    pixels = np.array(image.crop((left, top, left + size, top + size)))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def _find_labels(
    names: list[str], classes: Sequence[str] | None, labels: Mapping[str, int | str] | None
) -> Tensor | None:
    """The true class of each image, from the argument or from the names of the subfolders."""
    index = {name: i for i, name in enumerate(classes or ())}
    if labels is None:
        folders = [Path(name).parent.name for name in names]
        return torch.tensor([index[folder] for folder in folders]) if set(folders) <= set(index) else None
    values = []
    for name in names:
        label = labels.get(name, labels.get(Path(name).name))
        if label is None:
            raise ValueError(f"labels has no entry for {name!r}; give one per image, or labels=None")
        if isinstance(label, str) and label not in index:
            raise ValueError(
                f"the label {label!r} of {name!r} is not among the classes; pass classes=[…] with all names"
            )
        values.append(index[label] if isinstance(label, str) else int(label))
    return torch.tensor(values)
