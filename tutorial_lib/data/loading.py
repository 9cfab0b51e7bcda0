"""Public image datasets, read from the data folder or downloaded into it, and always checked."""

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tutorial_lib._download import DATA_ENV_VAR, atomic_download, display_path, resolve_data_dir
from tutorial_lib._validation import check_choice
from tutorial_lib.data._safe_io import load_npz
from tutorial_lib.data.labeled_images import LabeledImages, from_arrays
from tutorial_lib.data.registry import DATASETS, DIGIT_CLASSES
from tutorial_lib.data.sign_dataset import load_signs


def load(
    name: str,
    split: str = "test",
    *,
    limit: int | None = None,
    size: int | None = None,
    device: torch.device | str | None = None,
    data_dir: str | os.PathLike | None = None,
) -> LabeledImages:
    """Return the images and labels of a dataset.

    - "digits" comes with scikit-learn: 8×8 pixels, each repeated to 32×32; the first 1,297 images are the training
      split, the last 500 the test split.
    - "cifar10", "svhn", "gtsrb", "dtd" (32×32) and "mnist" (28×28) are read from ``<name>-<split>.npz`` in the data
      folder, with ``images`` (N, H, W, C) uint8, ``labels`` (N,) integers, and optionally ``classes``. A missing file
      is downloaded through torchvision, which checks the hash.
    - "signs" is the synthetic traffic-sign dataset, which is rendered.

    Args:
        name: the dataset.
        split: "train" or "test"; "dtd" also has "val", and "signs" has "novel".
        limit: number of images to take from the beginning; None takes all of them. A float image of 32×32 takes 12 kB,
            so 50,000 of them take 614 MB.
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
    for argument, number in (("limit", limit), ("size", size)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{argument} must be a whole number above 0, or None; got {number!r}")
    loader = LOADERS[check_choice(name, LOADERS, "dataset")]
    return loader(split, limit=limit, size=size, device=device, data_dir=data_dir)


def is_available(name: str, split: str = "test", *, data_dir: str | os.PathLike | None = None) -> bool:
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


def download_hint(name: str, split: str = "test", *, data_dir: str | os.PathLike | None = None) -> str:
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
    return (
        f'With a network, `data.load("{name}", "{split}")` downloads {DATASETS[name].splits[split].megabytes} MB; '
        f"without one, put `{path.name}` ({_expected_layout(name)}) into `{display_path(path.parent)}`, "
        f"or set `{DATA_ENV_VAR}` to the folder that has it."
    )


def _path(name: str, split: str, data_dir: str | os.PathLike | None) -> Path:
    """The file of a split in the data folder."""
    return resolve_data_dir(data_dir) / f"{name}-{check_choice(split, DATASETS[name].splits, f'split of {name}')}.npz"


def _expected_layout(name: str) -> str:
    """The content of a valid file, in words."""
    height, width, channels = DATASETS[name].shape
    last_label = len(DATASETS[name].classes) - 1
    return f"images (N, {height}, {width}, {channels}) uint8, labels (N,) integers in 0…{last_label}"


def _load_torchvision(name: str, split: str, *, data_dir: str | os.PathLike | None, **options: Any) -> LabeledImages:
    """A dataset that torchvision can download; the options are those of :func:`from_arrays`."""
    path = _path(name, split, data_dir)
    if not path.is_file():
        _download(name, split, path)
    images, labels, classes, resize_note = _validate_npz(name, split, path)

    official, n_official = DATASETS[name].classes, DATASETS[name].splits[split].n_images
    if classes == official:
        total = f"all {n_official:,}" if len(images) == n_official else f"{len(images):,} of {n_official:,}"
        description = f"{total} images of {name}/{split}"
    elif set(classes) < set(official):
        description = f"{len(images):,} images of {name}/{split}, {len(classes)} of {len(official)} classes"
    else:
        description = f"{len(images):,} images of {name}/{split}, with class names of their own"
    if DATASETS[name].resize_note:
        description += f"; {resize_note or 'scaled by a rule that the file does not name'}"
    return from_arrays(images, labels, classes, description, path.name, **options)


def _load_digits(split: str, *, data_dir: str | os.PathLike | None, **options: Any) -> LabeledImages:
    """The digits of scikit-learn; the options are those of :func:`from_arrays`."""
    import sklearn
    from sklearn.datasets import load_digits

    rows = {"train": slice(0, 1297), "test": slice(1297, None)}[
        check_choice(split, ("train", "test"), "split of digits")
    ]
    digits = load_digits()
    images = digits.images.astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)[rows, ..., None]
    description = f"all {len(images):,} images of digits/{split}; every pixel repeated 4×4"
    source = f"scikit-learn {sklearn.__version__}"
    return from_arrays(images, digits.target[rows], DIGIT_CLASSES, description, source, max_value=16, **options)


def _validate_npz(name: str, split: str, path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str]:
    """The images, labels, class names and note on scaling of a file, after checking them."""
    expected = DATASETS[name]

    def make_error(reason: str) -> ValueError:
        return ValueError(
            f"{path} is not a file of {name}/{split}: {reason}. Expected: {_expected_layout(name)}. "
            "Fix the file, or remove it and load again to download the dataset."
        )

    # Twice the official split, so that a file with a few images too many is still read and its number reported.
    max_nbytes = 2 * expected.splits[split].n_images * math.prod(expected.shape)
    arrays = load_npz(path, ("images", "labels", "classes", "scaled"), make_error, max_nbytes=max_nbytes)
    missing = [key for key in ("images", "labels") if key not in arrays]
    if missing:
        raise make_error(f"it has no {' and no '.join(missing)}")

    images, labels = arrays["images"], arrays["labels"]
    if images.dtype != np.uint8:
        raise make_error(f"images are {images.dtype}, not uint8")
    if images.ndim != 4 or images.shape[1:] != expected.shape:
        raise make_error(f"images have shape {images.shape}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise make_error(f"labels are {labels.dtype} of shape {labels.shape}")
    if len(images) != len(labels):
        raise make_error(f"it has {len(images):,} images but {len(labels):,} labels")
    if not len(images):
        raise make_error("it is empty")
    if len(images) > expected.splits[split].n_images:
        raise make_error(f"it has {len(images):,} images, the official split only {expected.splits[split].n_images:,}")
    names = arrays.get("classes")
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise make_error(f"classes are {names.dtype} of shape {names.shape}, not a list of names")
    classes = expected.classes if names is None else tuple(map(str, names))
    if labels.min() < 0 or labels.max() >= len(classes):
        raise make_error(f"labels run from {labels.min()} to {labels.max()}, but there are {len(classes)} classes")
    return images, labels.astype(np.int64), classes, str(arrays.get("scaled", ""))


def _download(name: str, split: str, path: Path) -> None:
    """Download a split, and the others if they come with it, into the data folder."""
    published = DATASETS[name]
    with atomic_download(f"{name}/{split}", path, download_hint(name, split, data_dir=path.parent)) as folder:
        for part in published.splits if published.shared_download else (split,):
            target = path.with_name(f"{name}-{part}.npz")
            if target.is_file():
                continue
            images, labels = published.decode(folder, part)
            complete = folder / target.name
            np.savez_compressed(complete, images=images, labels=labels.astype(np.int64), scaled=published.resize_note)
            if len(images) != published.splits[part].n_images:
                raise RuntimeError(f"{len(images):,} images instead of {published.splits[part].n_images:,}")
            os.replace(complete, target)


# To add a dataset, add a function (split, *, limit, size, device, data_dir) -> LabeledImages.
LOADERS: dict[str, Callable[..., LabeledImages]] = {
    **{name: partial(_load_torchvision, name) for name in DATASETS},
    "digits": _load_digits,
    "signs": load_signs,
}
