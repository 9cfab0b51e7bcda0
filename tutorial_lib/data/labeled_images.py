"""Pictures with their labels and their origin: arrays as they were decoded, made into tensors that networks take."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class _Pair(NamedTuple):
    images: Tensor
    labels: Tensor


class LabeledImages(_Pair):
    """Pictures and labels, which unpack as ``images, labels``, and where they came from.

    Attributes:
        images: (N, 3, H, W) float in [0, 1].
        labels: (N,) int64, into ``classes``.
        classes: names of the labels; empty where there are none.
        subset: in words, which pictures of which set these are and how they were scaled.
        sha256: of the decoded arrays before they became floats; equal for equal pictures in equal order, whatever
            file held them.
        source: the name of the file they were read from.
    """

    classes: tuple[str, ...] = ()
    description: str = ""
    sha256: str = ""
    source: str = ""

    def __new__(cls, images: Tensor, labels: Tensor, classes=(), subset="", sha256="", source=""):
        self = super().__new__(cls, images, labels)
        self.classes, self.description, self.sha256, self.source = tuple(classes), subset, sha256, source
        return self

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.images.shape))
        return f"Pictures({shape} on {self.images.device}; {self.description}; {self.source})"


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    subset: str,
    source: str,
    *,
    limit: int | None = None,
    size: int | None = None,
    device: torch.device | str | None = None,
    max_value: int = 255,
) -> LabeledImages:
    """Turn decoded arrays into pictures: ``images`` (N, H, W, 1 or 3) uint8 in 0…``white``, ``labels`` (N,).

    Example:
        >>> from_arrays(np.full((2, 8, 8, 1), 255, np.uint8), np.array([0, 1]), "ab", "2 white squares", "made here")
        Pictures(2×3×8×8 on cpu; 2 white squares; made here)
    """
    if limit is not None and limit < len(images):
        images, labels, subset = images[:limit], labels[:limit], f"{subset}; the first {limit:,} of them"
    arrays = [np.ascontiguousarray(images), np.ascontiguousarray(labels, dtype="<i8")]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)

    x = torch.from_numpy(arrays[0]).to(device or "cpu").permute(0, 3, 1, 2).contiguous().float().div_(max_value)
    if size is not None and tuple(x.shape[2:]) != (size, size):
        x = torch.nn.functional.interpolate(x, (size, size), mode="bilinear", antialias=True).clamp_(0, 1)
        subset += f"; scaled to {size}×{size} on loading"
    if x.shape[1] == 1:
        x = x.repeat(1, 3, 1, 1)
    return LabeledImages(x, torch.from_numpy(arrays[1]).to(x.device), classes, subset, digest.hexdigest(), source)
