"""The sign world as a set of pictures with splits, like any other."""

import torch

from tutorial_lib._validation import check_choice
from tutorial_lib.data.labeled_images import LabeledImages
from tutorial_lib.data.rendering import render
from tutorial_lib.data.signs import NOVEL_SIGNS, SIGNS

# split → (how many, seed); every sign comes equally often, in turn
SPLITS = {"train": (10_000, 0), "test": (2_800, 1_000), "novel": (900, 2_000)}


def load_signs(
    split: str, *, limit: int | None = None, size: int | None = None, device=None, data_dir=None
) -> LabeledImages:
    """Draw a split: "train" (what the shipped networks with seed 0 learned from), "test", or "novel" (signs nobody learned).

    Drawn pictures have no sha256: their last bit may differ from machine to machine.

    Raises:
        ValueError: there is no such split; the nearest are named.
    """
    count, seed = SPLITS[check_choice(split, SPLITS, "split of signs")]
    count = min(count, limit or count)
    signs = (
        torch.arange(count) % len(NOVEL_SIGNS) + len(SIGNS) if split == "novel" else torch.arange(count) % len(SIGNS)
    )
    images = render(signs, size=size or 48, generator=torch.Generator().manual_seed(seed), device=device)
    return LabeledImages(
        images, signs.to(images.device), SIGNS + NOVEL_SIGNS, f"{count:,} drawn pictures of signs/{split}", "", "drawn"
    )
