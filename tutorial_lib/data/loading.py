"""Public image datasets, read from the data folder or downloaded into it, and always checked."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from tutorial_lib._download import DATA_ENV_VAR, StrPath, display_path, explain_download_errors, resolve_data_dir
from tutorial_lib._validation import check_choice, check_counts, convert_arguments
from tutorial_lib.data._safe_io import atomic_write, load_npz
from tutorial_lib.data.labeled_images import LabeledImages, from_arrays
from tutorial_lib.data.registry import DATASETS, DIGIT_CLASSES, download_split
from tutorial_lib.data.rendering import render
from tutorial_lib.data.signs import NOVEL_SIGNS, SIGNS

# Split of the synthetic traffic-sign dataset -> (number of images, seed, signs).
SIGN_SPLITS = {"train": (10_000, 0, SIGNS), "test": (2_800, 1_000, SIGNS), "novel": (900, 2_000, NOVEL_SIGNS)}


@convert_arguments
def load(
    name: str,
    split: str = "test",
    *,
    limit: int | None = None,
    size: int | None = None,
    device: torch.device | str | None = None,
    data_dir: StrPath | None = None,
) -> LabeledImages:
    """Return the images and labels of a dataset.

    - "digits" comes with scikit-learn: 8×8 pixels, each repeated to 32×32; the first 1,297 images are the training
      split, the last 500 the test split.
    - "cifar10", "cifar100", "svhn", "gtsrb", "dtd" (32×32) and "mnist" (28×28) are read from ``<name>-<split>.npz`` in
      the data folder, with ``images`` (N, H, W, C) uint8, ``labels`` (N,) integers, and optionally ``classes``. A
      missing file is downloaded through torchvision, which checks the hash.
    - "signs" is the synthetic traffic-sign dataset, which is rendered; its signs take turns, so that all are equally
      frequent. "train" is the training set of the shipped networks with seed 0, and "novel" has the signs outside the
      training set. These images have no hash, because their last bit may differ between machines.

    Args:
        name: the dataset.
        split: "train" or "test"; "dtd" also has "val", and "signs" has "novel".
        limit: number of images to take from the beginning; None takes all of them. A float image of 32×32 takes 12 kB,
            so 50,000 of them take 614 MB. The signs are rendered in batches of 64: if the limit is not a multiple of
            64, the images of the last, smaller batch are not those of the complete split, but come from the same
            distribution.
        size: height and width to which the images are scaled (bilinear, antialiased); None keeps their size.
        device: device of the tensors; None is the CPU.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        Images (N, 3, H, W), floats in [0, 1], gray ones repeated to three channels, and labels (N,), int64.

    Raises:
        ValueError: an unknown dataset or split (the message gives the nearest ones), an invalid file, or a damaged
            download.
        FileNotFoundError: the file is missing and cannot be downloaded. No incomplete file is left.

    Example:
        >>> images, labels = load("digits", "test", limit=100)
        >>> tuple(images.shape), float(images.max())
        ((100, 3, 32, 32), 1.0)
    """
    check_counts(limit=limit, size=size)
    loader = LOADERS[check_choice(name, LOADERS, "dataset")]
    return loader(split, limit=limit, size=size, device=device, data_dir=data_dir)


@convert_arguments
def is_available(name: str, split: str = "test", *, data_dir: StrPath | None = None) -> bool:
    """Return whether ``load(name, split)`` needs no download.

    Args:
        name: the dataset.
        split: "train" or "test".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        True if the file exists, or none is needed.

    Raises:
        ValueError: an unknown dataset or split.

    Example:
        >>> is_available("digits")
        True
    """
    if check_choice(name, LOADERS, "dataset") not in DATASETS:
        return True
    return _path(name, split, data_dir).is_file()


@convert_arguments
def download_hint(name: str, split: str = "test", *, data_dir: StrPath | None = None) -> str:
    """Return a one-line hint on how to obtain a dataset that is not available locally.

    Args:
        name: the dataset.
        split: "train" or "test".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The call that downloads it, and where to put the file without a network.

    Raises:
        ValueError: an unknown dataset or split.

    Example:
        >>> download_hint("digits")
        'digits need no download: `data.load("digits")` is always available.'
    """
    if check_choice(name, LOADERS, "dataset") not in DATASETS:
        return f'{name} need no download: `data.load("{name}")` is always available.'
    path = _path(name, split, data_dir)
    megabytes = DATASETS[name].splits[split].megabytes
    return (
        f'With internet access, `data.load("{name}", "{split}")` downloads {megabytes} MB; '
        f"without it, put `{path.name}` ({_expected_layout(name)}) into `{display_path(path.parent)}`, "
        f"or set `{DATA_ENV_VAR}` to the folder that contains it."
    )


def _path(name: str, split: str, data_dir: StrPath | None) -> Path:
    """The file of a split in the data folder."""
    return resolve_data_dir(data_dir) / f"{name}-{check_choice(split, DATASETS[name].splits, f'split of {name}')}.npz"


def _expected_layout(name: str) -> str:
    """The content of a valid file, in words."""
    height, width, channels = DATASETS[name].shape
    last_label = len(DATASETS[name].classes) - 1
    return f"images (N, {height}, {width}, {channels}) uint8, labels (N,) integers in 0…{last_label}"


def _load_file(name: str, split: str, *, data_dir: StrPath | None, **options: Any) -> LabeledImages:
    """A dataset that torchvision can download; the options are those of :func:`from_arrays`."""
    path, info = _path(name, split, data_dir), DATASETS[name]
    if not path.is_file():
        _download(name, split, path)
    arrays = _validated_arrays(name, split, path)
    images, labels, classes = arrays["images"], arrays["labels"], tuple(map(str, arrays["classes"]))
    if classes == info.classes:
        is_complete = len(images) == info.splits[split].n_images
        total = "all" if is_complete else f"{len(images):,} of"
        description = f"{total} {info.splits[split].n_images:,} images of {name}/{split}"
    elif set(classes) < set(info.classes):
        description = f"{len(images):,} images of {name}/{split}, {len(classes)} of {len(info.classes)} classes"
    else:
        description = f"{len(images):,} images of {name}/{split}, with class names of their own"
    if info.resize_note:
        description += f"; {str(arrays.get('scaled', '')) or 'the file does not state how they were resized'}"
    return from_arrays(images, labels, classes, description, path.name, **options)


def _load_digits(split: str, *, data_dir: StrPath | None, **options: Any) -> LabeledImages:
    """The digits of scikit-learn; the options are those of :func:`from_arrays`."""
    import sklearn
    from sklearn.datasets import load_digits

    rows = {"train": slice(0, 1297), "test": slice(1297, None)}
    selected = rows[check_choice(split, rows, "split of digits")]
    digits = load_digits()
    images = digits.images.astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)[selected, ..., None]
    description = f"all {len(images):,} images of digits/{split}; every pixel repeated 4×4"
    source = f"scikit-learn {sklearn.__version__}"
    return from_arrays(images, digits.target[selected], DIGIT_CLASSES, description, source, max_value=16, **options)


def _render_signs(
    split: str,
    *,
    limit: int | None,
    size: int | None,
    device: torch.device | str | None,
    data_dir: StrPath | None,
) -> LabeledImages:
    """The synthetic traffic-sign dataset; without a size, the images have 48×48 pixels."""
    total, seed, signs = SIGN_SPLITS[check_choice(split, SIGN_SPLITS, "split of signs")]
    count, names = min(total, limit or total), SIGNS + NOVEL_SIGNS
    labels = torch.arange(count, device="cpu") % len(signs) + names.index(signs[0])
    images = render(labels, size=size or 48, generator=torch.Generator().manual_seed(seed), device=device)
    description = f"{count:,} rendered images of signs/{split}"
    return LabeledImages(images, labels.to(images.device), names, description, source="rendered")


def _validated_arrays(name: str, split: str, path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file after checking them, with the official class names if the file has none."""
    info, n_official = DATASETS[name], DATASETS[name].splits[split].n_images

    def make_error(reason: str) -> ValueError:
        return ValueError(
            f"{path} is not a file of {name}/{split}: {reason}. Expected: {_expected_layout(name)}, N in "
            f"1…{n_official:,}. Fix the file, or remove it and load again to download the dataset."
        )

    # Twice the official split, so that the error of a file with a few images too many reports their number.
    max_nbytes = 2 * n_official * math.prod(info.shape)
    arrays = load_npz(path, ("images", "labels"), make_error, max_nbytes=max_nbytes, optional=("classes", "scaled"))
    images, labels = arrays["images"], arrays["labels"]
    is_valid = (
        images.dtype == np.uint8
        and images.shape[1:] == info.shape
        and labels.dtype.kind in "iu"
        and labels.shape == images.shape[:1]
        and 1 <= len(images) <= n_official
    )
    if not is_valid:
        raise make_error(f"images are {images.dtype} {images.shape}, labels are {labels.dtype} {labels.shape}")
    classes = arrays.setdefault("classes", np.array(info.classes))
    if classes.ndim != 1 or classes.dtype.kind != "U":
        raise make_error(f"classes are {classes.dtype} of shape {classes.shape}, not a list of names")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise make_error(f"labels run from {labels.min()} to {labels.max()}, but there are {len(classes)} classes")
    return arrays


def _download(name: str, split: str, path: Path) -> None:
    """Download a split, and the others if they come with it, into the data folder."""
    info, hint = DATASETS[name], download_hint(name, split, data_dir=path.parent)
    with (
        explain_download_errors(f"{name}/{split}", path.parent, hint),
        TemporaryDirectory(prefix=".download-", dir=path.parent) as folder,
    ):
        for part in info.splits if info.shared_download else (split,):
            target = path.with_name(f"{name}-{part}.npz")
            if target.is_file():
                continue
            images, labels = download_split(name, part, Path(folder))
            if len(images) != info.splits[part].n_images:
                raise ValueError(f"{len(images):,} images instead of {info.splits[part].n_images:,}")
            with atomic_write(target) as temporary:
                np.savez_compressed(temporary, images=images, labels=labels, scaled=info.resize_note)


# To add a dataset, add a function (split, *, limit, size, device, data_dir) -> LabeledImages.
LOADERS: dict[str, Callable[..., LabeledImages]] = {
    **{name: partial(_load_file, name) for name in DATASETS},
    "digits": _load_digits,
    "signs": _render_signs,
}
