"""Real pictures through one door: read from the data folder, or downloaded into it, always checked."""

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tutorial_lib._download import DATA_ENV_VAR, atomic_download, display_path, resolve_data_dir
from tutorial_lib._validation import check_choice
from tutorial_lib.data._safe_io import load_npz
from tutorial_lib.data.labeled_images import LabeledImages, from_arrays
from tutorial_lib.data.registry import DATASETS, DIGIT_CLASSES


def load(
    name: str,
    split: str = "test",
    *,
    limit: int | None = None,
    size: int | None = None,
    device: torch.device | str | None = None,
    data_dir: str | os.PathLike | None = None,
) -> LabeledImages:
    """Load real pictures and their labels: images (N, 3, H, W) float in [0, 1], labels (N,) int64.

    "digits" (scikit-learn's, 8×8, every pixel repeated to 32×32; the first 1,297 train, the last 500 test) needs
    nothing. "cifar10", "svhn", "gtsrb", "dtd" (32×32) and "mnist" (28×28) are read from ``<world>-<split>.npz`` in the
    data folder (``images`` (N, H, W, C) uint8, ``labels`` (N,) integers, perhaps ``classes``), and downloaded through
    torchvision, which checks their hashes, where that file is missing. Grey pictures are repeated to three channels.
    "signs" are drawn.

    Args:
        world: the set.
        split: "train" or "test"; "dtd" has "val" too.
        limit: take at most the first so many; a float picture of 32×32 takes 12 kB, so 50,000 of them 614 MB.
        size: scale the pictures to size×size (bilinear, antialiased).
        device: where the tensors are to be.
        root: the data folder; else ``TUTORIAL_DATA``, else the user's cache.

    Raises:
        ValueError: an unknown world or split (the nearest are named), a file that is not what it should be, or a
            download that arrived damaged.
        FileNotFoundError: the file is missing and cannot be downloaded. No half-written file is left.

    Example:
        >>> images, labels = load("digits", "test", limit=100)
        >>> tuple(images.shape), float(images.max())
        ((100, 3, 32, 32), 1.0)
    """
    for argument, number in (("limit", limit), ("size", size)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{argument} must be a whole number above 0, or None; got {number!r}")
    reader = LOADERS[check_choice(name, LOADERS, "world")]
    return reader(split, limit=limit, size=size, device=device, data_dir=data_dir)


def is_available(name: str, split: str = "test", *, data_dir: str | os.PathLike | None = None) -> bool:
    """Say whether ``load(world, split)`` needs no download.

    Raises:
        ValueError: an unknown world or split.

    Example:
        >>> is_available("digits")
        True
    """
    if check_choice(name, LOADERS, "world") not in DATASETS:
        return True
    return _path(name, split, data_dir).is_file()


def download_hint(name: str, split: str = "test", *, data_dir: str | os.PathLike | None = None) -> str:
    """Say in one line how pictures that are not at hand are had.

    Raises:
        ValueError: an unknown world or split.

    Example:
        >>> download_hint("digits")
        'digits need nothing: `data.load("digits")` is always there.'
    """
    if check_choice(name, LOADERS, "world") not in DATASETS:
        return f'{name} need nothing: `data.load("{name}")` is always there.'
    path = _path(name, split, data_dir)
    return (
        f'With a network, `data.load("{name}", "{split}")` downloads {DATASETS[name].splits[split].megabytes} MB; '
        f"without one, put `{path.name}` ({_expected_layout(name)}) into `{display_path(path.parent)}`, "
        f"or set `{DATA_ENV_VAR}` to the folder that has it."
    )


def _path(name: str, split: str, data_dir: str | os.PathLike | None) -> Path:
    return resolve_data_dir(data_dir) / f"{name}-{check_choice(split, DATASETS[name].splits, f'split of {name}')}.npz"


def _expected_layout(name: str) -> str:
    height, width, channels = DATASETS[name].shape
    last = len(DATASETS[name].classes) - 1
    return f"images (N, {height}, {width}, {channels}) uint8, labels (N,) integers in 0…{last}"


def _load_torchvision(name: str, split: str, *, data_dir, **how) -> LabeledImages:
    path = _path(name, split, data_dir)
    if not path.is_file():
        _download(name, split, path)
    images, labels, classes, scaled = _validate_npz(name, split, path)

    official, n_official = DATASETS[name].classes, DATASETS[name].splits[split].n_images
    if classes == official:
        total = f"all {n_official:,}" if len(images) == n_official else f"{len(images):,} of {n_official:,}"
        words = f"{total} pictures of {name}/{split}"
    elif set(classes) < set(official):
        words = f"{len(images):,} pictures of {name}/{split}, {len(classes)} of {len(official)} classes"
    else:
        words = f"{len(images):,} pictures of {name}/{split}, with class names of their own"
    if DATASETS[name].resize_note:
        words += f"; {scaled or 'scaled by a rule the file does not name'}"
    return from_arrays(images, labels, classes, words, path.name, **how)


def _load_digits(split: str, *, data_dir, **how) -> LabeledImages:
    import sklearn
    from sklearn.datasets import load_digits

    part = {"train": slice(0, 1297), "test": slice(1297, None)}[
        check_choice(split, ("train", "test"), "split of digits")
    ]
    digits = load_digits()
    images = digits.images.astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)[part, ..., None]
    words = f"all {len(images):,} pictures of digits/{split}; every pixel repeated 4×4"
    source = f"scikit-learn {sklearn.__version__}"
    return from_arrays(images, digits.target[part].astype(np.int64), DIGIT_CLASSES, words, source, max_value=16, **how)


def _validate_npz(name: str, split: str, path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str]:
    expected = DATASETS[name]

    def refuse(why: str):
        return ValueError(
            f"{path} is not a file of {name}/{split}: {why}. Expected: {_expected_layout(name)}. "
            "Mend the file, or remove it and load again to download the set."
        )

    # Twice the official split: one picture too many is answered by its number.
    most = 2 * expected.splits[split].n_images * math.prod(expected.shape)
    held = load_npz(path, ("images", "labels", "classes", "scaled"), refuse, max_nbytes=most)
    missing = [key for key in ("images", "labels") if key not in held]
    if missing:
        raise refuse(f"it has no {' and no '.join(missing)}")

    images, labels = held["images"], held["labels"]
    if images.dtype != np.uint8:
        raise refuse(f"images are {images.dtype}, not uint8")
    if images.ndim != 4 or images.shape[1:] != expected.shape:
        raise refuse(f"images have shape {images.shape}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise refuse(f"labels are {labels.dtype} of shape {labels.shape}")
    if len(images) != len(labels):
        raise refuse(f"it has {len(images):,} images but {len(labels):,} labels")
    if not len(images):
        raise refuse("it is empty")
    if len(images) > expected.splits[split].n_images:
        raise refuse(f"it has {len(images):,} pictures, the official split only {expected.splits[split].n_images:,}")
    names = held.get("classes")
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise refuse(f"classes are {names.dtype} of shape {names.shape}, not a list of names")
    classes = expected.classes if names is None else tuple(map(str, names))
    if labels.min() < 0 or labels.max() >= len(classes):
        raise refuse(f"labels run from {labels.min()} to {labels.max()}, but there are {len(classes)} classes")
    return images, labels.astype(np.int64), classes, str(held.get("scaled", ""))


def _download(name: str, split: str, path: Path) -> None:
    published = DATASETS[name]
    with atomic_download(f"{name}/{split}", path, download_hint(name, split, data_dir=path.parent)) as raw:
        for part in published.splits if published.shared_download else (split,):
            target = path.with_name(f"{name}-{part}.npz")
            if target.is_file():
                continue
            images, labels = published.decode(raw, part)
            whole = raw / target.name
            np.savez_compressed(whole, images=images, labels=labels.astype(np.int64), scaled=published.resize_note)
            if len(images) != published.splits[part].n_images:
                raise RuntimeError(f"{len(images):,} pictures instead of {published.splits[part].n_images:,}")
            os.replace(whole, target)


# A world of our own joins with one entry: a function (split, *, limit, size, device, root) -> Pictures.
LOADERS: dict[str, Callable[..., LabeledImages]] = {
    **{world: partial(_load_torchvision, world) for world in DATASETS},
    "digits": _load_digits,
}
