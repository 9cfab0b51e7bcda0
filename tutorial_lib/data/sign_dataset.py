"""The synthetic traffic-sign dataset with its splits, in the same form as every other dataset."""

import os

import torch

from tutorial_lib._validation import check_choice
from tutorial_lib.data.labeled_images import LabeledImages
from tutorial_lib.data.rendering import render
from tutorial_lib.data.signs import NOVEL_SIGNS, SIGNS

# split -> (number of images, seed); the signs take turns, so each is equally frequent
SPLITS = {"train": (10_000, 0), "test": (2_800, 1_000), "novel": (900, 2_000)}


def load_signs(
    split: str,
    *,
    limit: int | None = None,
    size: int | None = None,
    device: torch.device | str | None = None,
    data_dir: str | os.PathLike | None = None,
) -> LabeledImages:
    """Return a split of the synthetic traffic-sign dataset, rendered on demand.

    The images have no hash, because their last bit may differ between machines.

    Args:
        split: "train" (the training set of the shipped networks with seed 0), "test", or "novel" (signs outside the
            training set).
        limit: number of images to take from the beginning; None takes all of them.
        size: height and width in pixels; None is 48.
        device: device of the tensors; None is the CPU.
        data_dir: has no effect, since nothing is read from a file.

    Returns:
        Images (N, 3, size, size), floats in [0, 1], and labels (N,), indices into ``SIGNS + NOVEL_SIGNS``.

    Raises:
        ValueError: an unknown split; the message gives the nearest ones.
    """
    count, seed = SPLITS[check_choice(split, SPLITS, "split of signs")]
    count = min(count, limit or count)
    signs = (
        torch.arange(count) % len(NOVEL_SIGNS) + len(SIGNS) if split == "novel" else torch.arange(count) % len(SIGNS)
    )
    images = render(signs, size=size or 48, generator=torch.Generator().manual_seed(seed), device=device)
    return LabeledImages(
        images,
        signs.to(images.device),
        SIGNS + NOVEL_SIGNS,
        description=f"{count:,} rendered images of signs/{split}",
        source="rendered",
    )
