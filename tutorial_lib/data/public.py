"""Real pictures through one door: read from the data folder, or downloaded into it, always checked."""

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tutorial_lib.data.guarded import read_npz
from tutorial_lib.data.official import DIGITS, OFFICIAL
from tutorial_lib.data.pictures import Pictures, from_arrays
from tutorial_lib.folder import VARIABLE, data_folder, fetching, told
from tutorial_lib.names import known


def load(
    world: str,
    split: str = "test",
    *,
    limit: int | None = None,
    size: int | None = None,
    device: torch.device | str | None = None,
    root: str | os.PathLike | None = None,
) -> Pictures:
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
    for name, number in (("limit", limit), ("size", size)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{name} must be a whole number above 0, or None; got {number!r}")
    reader = READERS[known(world, READERS, "world")]
    return reader(split, limit=limit, size=size, device=device, root=root)


def available(world: str, split: str = "test", *, root: str | os.PathLike | None = None) -> bool:
    """Say whether ``load(world, split)`` needs no download.

    Raises:
        ValueError: an unknown world or split.

    Example:
        >>> available("digits")
        True
    """
    if known(world, READERS, "world") not in OFFICIAL:
        return True
    return _path(world, split, root).is_file()


def how_to_get(world: str, split: str = "test", *, root: str | os.PathLike | None = None) -> str:
    """Say in one line how pictures that are not at hand are had.

    Raises:
        ValueError: an unknown world or split.

    Example:
        >>> how_to_get("digits")
        'digits need nothing: `data.load("digits")` is always there.'
    """
    if known(world, READERS, "world") not in OFFICIAL:
        return f'{world} need nothing: `data.load("{world}")` is always there.'
    path = _path(world, split, root)
    return (
        f'With a network, `data.load("{world}", "{split}")` downloads {OFFICIAL[world].splits[split].megabytes} MB; '
        f"without one, put `{path.name}` ({_layout(world)}) into `{told(path.parent)}`, "
        f"or set `{VARIABLE}` to the folder that has it."
    )


def _path(world: str, split: str, root: str | os.PathLike | None) -> Path:
    return data_folder(root) / f"{world}-{known(split, OFFICIAL[world].splits, f'split of {world}')}.npz"


def _layout(world: str) -> str:
    height, width, channels = OFFICIAL[world].shape
    last = len(OFFICIAL[world].classes) - 1
    return f"images (N, {height}, {width}, {channels}) uint8, labels (N,) integers in 0…{last}"


def _read_official(world: str, split: str, *, root, **how) -> Pictures:
    path = _path(world, split, root)
    if not path.is_file():
        _download(world, split, path)
    images, labels, classes, scaled = _validated(world, split, path)

    official, pictures = OFFICIAL[world].classes, OFFICIAL[world].splits[split].pictures
    if classes == official:
        total = f"all {pictures:,}" if len(images) == pictures else f"{len(images):,} of {pictures:,}"
        words = f"{total} pictures of {world}/{split}"
    elif set(classes) < set(official):
        words = f"{len(images):,} pictures of {world}/{split}, {len(classes)} of {len(official)} classes"
    else:
        words = f"{len(images):,} pictures of {world}/{split}, with class names of their own"
    if OFFICIAL[world].scaled:
        words += f"; {scaled or 'scaled by a rule the file does not name'}"
    return from_arrays(images, labels, classes, words, path.name, **how)


def _read_digits(split: str, *, root, **how) -> Pictures:
    import sklearn
    from sklearn.datasets import load_digits

    part = {"train": slice(0, 1297), "test": slice(1297, None)}[known(split, ("train", "test"), "split of digits")]
    digits = load_digits()
    images = digits.images.astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)[part, ..., None]
    words = f"all {len(images):,} pictures of digits/{split}; every pixel repeated 4×4"
    source = f"scikit-learn {sklearn.__version__}"
    return from_arrays(images, digits.target[part].astype(np.int64), DIGITS, words, source, white=16, **how)


def _validated(world: str, split: str, path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str]:
    expected = OFFICIAL[world]

    def refuse(why: str):
        return ValueError(
            f"{path} is not a file of {world}/{split}: {why}. Expected: {_layout(world)}. "
            "Mend the file, or remove it and load again to download the set."
        )

    # Twice the official split: one picture too many is answered by its number.
    most = 2 * expected.splits[split].pictures * math.prod(expected.shape)
    held = read_npz(path, ("images", "labels", "classes", "scaled"), refuse, most=most)
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
    if len(images) > expected.splits[split].pictures:
        raise refuse(f"it has {len(images):,} pictures, the official split only {expected.splits[split].pictures:,}")
    names = held.get("classes")
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise refuse(f"classes are {names.dtype} of shape {names.shape}, not a list of names")
    classes = expected.classes if names is None else tuple(map(str, names))
    if labels.min() < 0 or labels.max() >= len(classes):
        raise refuse(f"labels run from {labels.min()} to {labels.max()}, but there are {len(classes)} classes")
    return images, labels.astype(np.int64), classes, str(held.get("scaled", ""))


def _download(world: str, split: str, path: Path) -> None:
    published = OFFICIAL[world]
    with fetching(f"{world}/{split}", path, how_to_get(world, split, root=path.parent)) as raw:
        for part in published.splits if published.together else (split,):
            target = path.with_name(f"{world}-{part}.npz")
            if target.is_file():
                continue
            images, labels = published.decode(raw, part)
            whole = raw / target.name
            np.savez_compressed(whole, images=images, labels=labels.astype(np.int64), scaled=published.scaled)
            if len(images) != published.splits[part].pictures:
                raise RuntimeError(f"{len(images):,} pictures instead of {published.splits[part].pictures:,}")
            os.replace(whole, target)


# A world of our own joins with one entry: a function (split, *, limit, size, device, root) -> Pictures.
READERS: dict[str, Callable[..., Pictures]] = {
    **{world: partial(_read_official, world) for world in OFFICIAL},
    "digits": _read_digits,
}
