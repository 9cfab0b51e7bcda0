"""Labeled images with their origin, and their conversion from decoded arrays to tensors."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class LabeledImages(NamedTuple("ImagesAndLabels", [("images", Tensor), ("labels", Tensor)])):
    """Images and labels, which unpack as ``images, labels``, together with their origin.

    Args:
        images: images (N, 3, H, W), floats in [0, 1].
        labels: labels (N,), int64, indices into ``classes``.
        classes: names of the classes; empty if there are none.
        description: which images of which dataset these are and how they were scaled, in words.
        sha256: hash of the decoded arrays before they became floats. It is the same for the same images in the same
            order, whatever file they come from.
        source: name of the file from which they were read.

    Attributes:
        classes: names of the classes.
        description: which images of which dataset these are, in words.
        sha256: hash of the decoded arrays.
        source: name of the file from which they were read.
    """

    classes: tuple[str, ...] = ()
    description: str = ""
    sha256: str = ""
    source: str = ""

    def __new__(
        cls,
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str] = (),
        description: str = "",
        sha256: str = "",
        source: str = "",
    ):
        self = super().__new__(cls, images, labels)
        self.classes, self.description, self.sha256, self.source = tuple(classes), description, sha256, source
        return self

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.images.shape))
        return f"LabeledImages({shape} on {self.images.device}; {self.description}; {self.source})"


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    description: str,
    source: str,
    *,
    limit: int | None = None,
    size: int | None = None,
    device: torch.device | str | None = None,
    max_value: int = 255,
) -> LabeledImages:
    """Return decoded arrays as labeled images.

    Args:
        images: images (N, H, W, 1 or 3), uint8 in 0…``max_value``; gray images are repeated to three channels.
        labels: labels (N,), whole numbers.
        classes: names of the classes.
        description: which images of which dataset these are, in words.
        source: name of the file from which they were read.
        limit: number of images to take from the beginning; None takes all of them.
        size: height and width to which the images are scaled (bilinear, antialiased); None keeps their size.
        device: device of the result; None is the CPU.
        max_value: the value that becomes 1.

    Returns:
        Images (N, 3, H, W), floats in [0, 1], and labels (N,), int64, with their origin.

    Example:
        >>> from_arrays(np.full((2, 8, 8, 1), 255, np.uint8), np.array([0, 1]), "ab", "2 white squares", "made here")
        LabeledImages(2×3×8×8 on cpu; 2 white squares; made here)
    """
    if limit is not None and limit < len(images):
        images, labels, description = images[:limit], labels[:limit], f"{description}; the first {limit:,} of them"
    arrays = [np.ascontiguousarray(images), np.ascontiguousarray(labels, dtype="<i8")]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    x = torch.from_numpy(arrays[0]).to(device or "cpu").permute(0, 3, 1, 2).contiguous().float().div_(max_value)
    if size is not None and tuple(x.shape[2:]) != (size, size):
        x = torch.nn.functional.interpolate(x, (size, size), mode="bilinear", antialias=True).clamp_(0, 1)
        description += f"; scaled to {size}×{size} on loading"
    x = x.expand(-1, 3, -1, -1).contiguous()
    return LabeledImages(x, torch.from_numpy(arrays[1]).to(x.device), classes, description, digest.hexdigest(), source)
