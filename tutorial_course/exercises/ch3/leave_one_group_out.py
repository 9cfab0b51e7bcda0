"""Exercise 3: a leave-one-group-out split without data leakage."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

Masks = tuple[Tensor, Tensor, Tensor]
TRAIN, CALIBRATION, TEST = 0, 1, 2  # the remainder of the image number divided by three


def reference_split(group: Tensor, image: Tensor, left_out: int) -> Masks:
    """Return the masks of the training set, of the calibration set and of the test set.

    The remainder of the image number divided by 3 determines the set. Remainder 0 is the training set, with normal
    samples and every group but the one that is left out; remainder 1 the calibration set, with normal samples only;
    remainder 2 the test set, with normal samples and the group that is left out.

    Args:
        group: group of each sample (N,); 0 is normal, the others are types of anomaly.
        image: number of the image that each sample was made from (N,).
        left_out: the group that is left out of the training set.

    Returns:
        Three masks, bool (N,).
    """
    return _parametrized_split(group, image, left_out)


def _remainder(group: Tensor, image: Tensor) -> Tensor:
    """The set of each sample."""
    return image % 3


def _parametrized_split(
    group: Tensor,
    image: Tensor,
    left_out: int,
    *,
    side_of: Callable[[Tensor, Tensor], Tensor] = _remainder,
    trained: Callable[[Tensor, int], Tensor] = lambda group, left_out: group != left_out,
    calibrated: Callable[[Tensor, int], Tensor] = lambda group, left_out: group == 0,
    tested: Callable[[Tensor, int], Tensor] = lambda group, left_out: (group == 0) | (group == left_out),
) -> Masks:
    """The solution, with its frequent mistakes as parameters: the sides, and the groups of each set."""
    side = side_of(group, image)
    return (
        (side == TRAIN) & trained(group, left_out),
        (side == CALIBRATION) & calibrated(group, left_out),
        (side == TEST) & tested(group, left_out),
    )


def _mistake(**changed: Callable) -> Callable[..., Masks]:
    """The solution with other parameters."""
    return lambda *arguments: _parametrized_split(*arguments, **changed)


def _mistake_all_normal(*sets: int) -> Callable[..., Masks]:
    """The solution with all normal samples in some of the sets."""

    def split(group: Tensor, image: Tensor, left_out: int) -> Masks:
        masks = _parametrized_split(group, image, left_out)
        train, calibration, test = (mask | (group == 0) if i in sets else mask for i, mask in enumerate(masks))
        return train, calibration, test

    return split


def _make_case(n_images: int, n_groups: int, left_out: int, missing: float) -> Callable[[torch.Generator], tuple]:
    """A case: images and a changed copy of each per group in random order, some of them missing."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
        group = torch.arange(n_groups + 1).repeat_interleave(n_images)
        image = torch.arange(n_images).repeat(n_groups + 1)
        present = (torch.rand(len(group), generator=generator) >= missing) | (group == 0)
        order = torch.randperm(int(present.sum()), generator=generator)
        return group[present][order], image[present][order], left_out

    return make


leave_one_group_out = Exercise(
    name="leave_one_group_out",
    reference=reference_split,
    outputs=("train", "calibration", "test"),
    cases=(
        _make_case(9, n_groups=2, left_out=1, missing=0.0),
        _make_case(13, n_groups=3, left_out=2, missing=0.2),
        _make_case(17, n_groups=4, left_out=4, missing=0.3),
        _make_case(11, n_groups=3, left_out=1, missing=0.2),
    ),
    known_mistakes={
        "An image and its attacked copy are in different sets. A detector trained on the copy has already used the "
        "image: which number do an image and its copy share?": (
            _mistake(side_of=lambda group, image: torch.arange(len(image)) % 3),
            _mistake(side_of=lambda group, image: 3 * torch.arange(len(image)) // len(image)),
        ),
        "The group that is left out is in the training set. The test then measures the performance on a known type of "
        "anomaly: which copies have to be removed from the training set?": _mistake(
            trained=lambda group, left_out: torch.ones_like(group, dtype=torch.bool)
        ),
        "The calibration set contains abnormal samples. The threshold must accept 95% of the normal images: on "
        "which group may it depend?": (
            _mistake(calibrated=lambda group, left_out: torch.ones_like(group, dtype=torch.bool)),
            _mistake(calibrated=lambda group, left_out: group != left_out),
            _mistake(calibrated=lambda group, left_out: (group == 0) | (group == left_out)),
        ),
        "Some normal images are in two sets. A detector that has memorized them, or a threshold that was chosen on "
        "them, would perform too well on the test set: in how many sets may an image occur?": tuple(
            _mistake_all_normal(*sets) for sets in ((0, 1, 2), (0,), (1,), (2,), (0, 2), (0, 1), (1, 2))
        ),
        "The test set does not consist of the normal images and the group that is left out. The test needs a type of "
        "anomaly that the detector has not seen, and normal images to compare it with: which groups are these?": (
            _mistake(tested=lambda group, left_out: group == left_out),
            _mistake(tested=lambda group, left_out: group != left_out),
            _mistake(tested=lambda group, left_out: torch.ones_like(group, dtype=torch.bool)),
        ),
    },
    fallback_hint=(
        "print the group and the image number of each sample of the three sets in short tables, and look for a number "
        "that is in two sets"
    ),
    success_message="No image is in two sets, and the type of anomaly in the test set was not used before.",
)
