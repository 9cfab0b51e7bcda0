"""Damaged pictures with their references and a number for each: a drawn set whose severities are known, and real photographs.

Severity is no opinion. That a measure follows it says that the measure is monotone in this damage, and nothing about people; sets
that people have judged come through :mod:`tutorial_lib.data.iqa_datasets`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tutorial_lib._validation import check_choice
from tutorial_lib.data._safe_io import open_image
from tutorial_lib.data.corruptions import SEVERITIES, check_images, corrupt
from tutorial_lib.data.rendering import render
from tutorial_lib.data.signs import SIGNS

DISTORTIONS = ("gaussian blur", "lens blur", "noise", "codec error", "decolorisation", "darkening", "exposure", "haze")
# Public domain or CC0, and inside scikit-image itself: nothing is downloaded. The last three are textures.
SKIMAGE_PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "hubble_deep_field", "rocket", "brick", "grass", "gravel")


class QualityDataset:
    """Damaged pictures, what each was before, and a number that says how good or how bad it is.

    ``rated[i]`` is the pair (damaged, reference), (1, 3, H, W) each, floats in [0, 1], decoded only now where they are files.
    Pictures of one size come as one batch from :meth:`stacked`.

    Attributes:
        references: names of the undamaged pictures, one for each damaged one.
        kinds: names of the kinds of damage, one each.
        scores: (N,) float64, what was decided or what people said.
        rising: "worse" where a higher number means a worse picture, "better" where it means a better one.
        meaning: in words, what the number is.
        subset: in words, which pictures of which set these are.
    """

    def __init__(
        self,
        images,
        reference_images,
        references,
        distortion_types,
        scores,
        *,
        higher_is: str,
        score_description: str,
        description: str,
    ):
        self.images, self.reference_images = list(images), dict(reference_images)
        self.references, self.distortion_types, self.scores = (
            tuple(references),
            tuple(distortion_types),
            torch.as_tensor(scores, dtype=torch.float64),
        )
        self.higher_is, self.score_description, self.description = (
            check_choice(higher_is, ("worse", "better"), "direction"),
            score_description,
            description,
        )
        if not len(self.images) == len(self.references) == len(self.distortion_types) == len(self.scores):
            raise ValueError("every damaged picture needs one reference, one kind and one number")
        if missing := set(self.references) - set(self.reference_images):
            raise ValueError(f"no undamaged picture for {', '.join(sorted(missing))}")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return _decoded(self.images[i]), _decoded(self.reference_images[self.references[i]])

    def as_batch(self) -> tuple[Tensor, Tensor]:
        """All damaged pictures and their references as two batches, (N, 3, H, W) each.

        Raises:
            ValueError: the pictures are of several sizes.
        """
        pairs = [self[i] for i in range(len(self))]
        if sizes := {p.shape for pair in pairs for p in pair} - {pairs[0][0].shape}:
            raise ValueError(f"pictures of {len(sizes) + 1} sizes make no batch; go through them one by one, rated[i]")
        return tuple(torch.cat(side) for side in zip(*pairs, strict=True))

    @property
    def quality(self) -> Tensor:
        """The scores turned, where need be, so that higher is better. (N,) float64."""
        return self.scores if self.higher_is == "better" else -self.scores

    @property
    def sha256(self) -> str:
        """Of the files as they lie on the disk and of the scores; empty for drawn pictures, whose last bit may differ."""
        if not all(isinstance(p, Path) for p in self.images):
            return ""
        digest = hashlib.sha256()
        for path in [*self.images, *(self.reference_images[name] for name in sorted(set(self.references)))]:
            digest.update(path.read_bytes())
        digest.update(self.scores.numpy().astype("<f8").tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        counts = f"{len(self)} pictures of {len(set(self.references))} references, {len(set(self.distortion_types))} kinds of damage"
        return f"Rated({counts}; {self.score_description}, higher is {self.higher_is}; {self.description})"


def make_distortion_dataset(
    references: Tensor | int = 12,
    *,
    names: Sequence[str] = (),
    kinds: Sequence[str] = DISTORTIONS,
    levels: Sequence[int] = SEVERITIES,
    size: int = 48,
    generator: torch.Generator | None = None,
) -> QualityDataset:
    """The small quality set: every reference under every kind of damage at every level. Severities, and not opinions.

    The score is the level, 1 (slight) to 5 (severe), higher = worse. Levels of different kinds are not meant to look equally bad.
    A damage that leaves a picture exactly as it was is left out: a grey one has no colour to lose.

    Args:
        references: undamaged pictures (n, 3, H, W) in [0, 1]; a number draws so many scenes of the sign world.
        names: of the references; numbered when left out.
        kinds: of ``DAMAGES``, or of all twelve ``CHALLENGES``.
        levels: among 1…5.
        size: side of drawn scenes.
        generator: source of scenes and damage, on the CPU; without one, a fresh one seeded with 0.

    Raises:
        ValueError: as :func:`tutorial_lib.data.corrupt` does; not one name for each reference.

    Example:
        >>> make_distortion_dataset(2, kinds=("noise", "haze"))
        Rated(20 pictures of 2 references, 2 kinds of damage; severity, decided when it was drawn, higher is worse; drawn)
    """
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    subset = "drawn" if isinstance(references, int) else "damaged here"
    if isinstance(references, int):
        references = render(torch.arange(references) % len(SIGNS), size=size, generator=generator)
    check_images(references)
    names = tuple(names) or tuple(f"scene {i}" for i in range(len(references)))
    if len(names) != len(references):
        raise ValueError(f"{len(references)} references need as many names, not {len(names)}")
    images, found, kind_of, level_of = [], [], [], []
    for kind in kinds:
        for level in levels:
            for name, was, now in zip(
                names, references, corrupt(references, kind, level, generator=generator), strict=True
            ):
                if not torch.equal(was, now):  # a grey picture cannot lose its colour, and is not damaged by it
                    images, found = [*images, now[None]], [*found, name]
                    kind_of, level_of = [*kind_of, kind], [*level_of, level]
    originals = dict(zip(names, references.split(1), strict=True))
    meaning = "severity, decided when it was drawn"
    return QualityDataset(
        images, originals, found, kind_of, level_of, higher_is="worse", score_description=meaning, description=subset
    )


def skimage_photos(
    size: int = 192, *, names: Sequence[str] = SKIMAGE_PHOTOS, device: torch.device | str | None = None
) -> Tensor:
    """Real photographs that are always there: those in the public domain that scikit-image carries. (n, 3, size, size) in [0, 1].

    The central square of each, scaled (bilinear, antialiased). Grey ones are repeated to three channels.

    Args:
        size: side of the squares.
        names: which, and in which order.
        device: where the tensor is to be.

    Raises:
        ValueError: an unknown name; the nearest are given.

    Example:
        >>> skimage_photos(32, names=("coffee", "camera")).shape
        torch.Size([2, 3, 32, 32])
    """
    from skimage import data

    found = []
    for name in names:
        array = np.array(getattr(data, check_choice(name, SKIMAGE_PHOTOS, "photograph"))())
        found.append(_center_crop(_as_tensor(array), size))
    return torch.cat(found).to(device or "cpu")


def _center_crop(x: Tensor, size: int) -> Tensor:
    height, width = x.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    x = x[..., top : top + side, left : left + side]
    return torch.nn.functional.interpolate(x, (size, size), mode="bilinear", antialias=True).clamp(0, 1)


def _as_tensor(array: np.ndarray) -> Tensor:
    array = array[..., None].repeat(3, -1) if array.ndim == 2 else array
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float().div_(255)


def _decoded(image: Tensor | os.PathLike) -> Tensor:
    if isinstance(image, Tensor):
        return image
    with open_image(image) as opened:
        return _as_tensor(np.asarray(opened.convert("RGB")))
