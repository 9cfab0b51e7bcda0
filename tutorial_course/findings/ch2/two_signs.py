"""Scenes of two signs, and what happens to the prediction if the region that a map marks is removed."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib.data import SIGNS, two_sign_images
from tutorial_lib.metrics import random_map


class TwoSignScenes(NamedTuple):
    """Images of two signs, of which the network predicts one (P) and not the other (Q).

    Attributes:
        images: images (N, 3, H, 2H).
        P: the predicted class (N,).
        logit_P: its logit (N,).
        Q_on_right: whether Q is on the right (N,).
        Q_mask: the pixels of the sign Q (N, H, 2H), bool.
        Q_half: the half of the image that contains Q (N, H, 2H), bool.
    """

    images: Tensor
    P: Tensor
    logit_P: Tensor
    Q_on_right: Tensor
    Q_mask: Tensor
    Q_half: Tensor


def sample_two_sign_scenes(
    network: nn.Module, n: int, generator: torch.Generator, device: torch.device | str
) -> TwoSignScenes:
    """Return those of n sampled scenes in which the network predicts one of the two signs.

    Args:
        network: a sign classifier.
        n: number of scenes that are sampled.
        generator: source of randomness.
        device: device of the images.

    Returns:
        The scenes in which the prediction is one of the two signs.
    """
    left = torch.randint(len(SIGNS), (n,), generator=generator)
    right = (left + torch.randint(1, len(SIGNS), (n,), generator=generator)) % len(SIGNS)
    scenes = two_sign_images(left, right, generator=generator, device=device)
    with torch.no_grad():
        logit_P, P = network(scenes.images).max(1)
    left, right = left.to(device), right.to(device)
    keep = (P == left) | (P == right)
    Q_on_right = (P == left)[keep]
    choose = Q_on_right[:, None, None]
    masks = torch.where(choose, scenes.right[keep, 0], scenes.left[keep, 0]) > 0.5
    in_right_half = torch.arange(masks.shape[2], device=device) >= masks.shape[2] // 2
    halves = (in_right_half == choose).expand(masks.shape)
    return TwoSignScenes(scenes.images[keep], P[keep], logit_P[keep], Q_on_right, masks, halves)


def _disc(like: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Maps (N, H, W) that decrease with the distance from a point, so that their highest pixels form a disc."""
    height, width = like.shape[-2:]
    y, x = torch.arange(height, device=like.device)[:, None], torch.arange(width, device=like.device)
    rows, columns = (values.to(like.device)[:, None, None] for values in (rows, columns))
    return -((y - rows).square() + (x - columns).square()).to(like)


def control_maps(maps: Tensor, scenes: TwoSignScenes, generator: torch.Generator) -> dict[str, Tensor]:
    """Return control maps for counterfactual maps, from the weakest to the strongest.

    The random pixels are scattered. The discs and the maps of other scenes are as compact as the maps themselves. The
    last two controls know on which side Q is.

    Args:
        maps: the counterfactual maps (N, H, W).
        scenes: the scenes.
        generator: source of randomness.

    Returns:
        Maps (N, H, W) by name.
    """
    n, height, width = maps.shape
    middle = torch.full((n,), height // 2)
    anywhere = (torch.randint(size, (n,), generator=generator) for size in (height, width))
    quarter = torch.where(scenes.Q_on_right.cpu(), 3 * width // 4, width // 4)
    # The map of the next scene; it is mirrored if the sides of Q differ.
    other, same_side = maps.roll(1, 0), scenes.Q_on_right == scenes.Q_on_right.roll(1)
    return {
        "random pixels": random_map(maps, generator=generator),
        "disc at a random place": _disc(maps, *anywhere),
        "map of another scene": other,
        "map of another scene, on the side of Q": torch.where(same_side[:, None, None], other, other.flip(-1)),
        "disc in the middle of the half with Q": _disc(maps, middle, quarter),
    }


def gains_over_controls(
    network: nn.Module, scenes: TwoSignScenes, counterfactual: Tensor, generator: torch.Generator
) -> dict[tuple[str, str], Tensor]:
    """Return the increase in the logit of P with the counterfactual map, minus that with the two strongest controls.

    Args:
        network: a classifier.
        scenes: the scenes.
        counterfactual: the counterfactual maps (N, H, W).
        generator: source of randomness of the controls.

    Returns:
        (name of the control, name of the fill value) -> paired differences (N,).
    """
    fills: dict[str, float | Tensor] = {"gray": 0.5, "mean color": scenes.images.mean((2, 3), keepdim=True)}
    own = {fill: logit_changes(network, scenes, counterfactual, fill=value) for fill, value in fills.items()}
    strongest = list(control_maps(counterfactual, scenes, generator).items())[-2:]
    return {
        (name, fill): own[fill] - logit_changes(network, scenes, m, fill=value)
        for name, m in strongest
        for fill, value in fills.items()
    }


def logit_changes(
    network: nn.Module, scenes: TwoSignScenes, maps: Tensor, share: float = 0.125, fill: float | Tensor = 0.5
) -> Tensor:
    """Return the change of the logit of P if the highest pixels of a map are replaced, by default by gray.

    Args:
        network: a classifier.
        scenes: the scenes.
        maps: maps (N, H, W).
        share: share of the pixels that are replaced.
        fill: what replaces them, a number or values that can be expanded to the images (N, 3, H, W).

    Returns:
        The changes (N,); positive values mean that the logit increases.
    """
    k = int(share * maps[0].numel())
    marked = maps >= maps.flatten(1).topk(k, 1).values[:, -1, None, None]
    with torch.no_grad():
        logits = network(torch.where(marked[:, None], fill, scenes.images))
    return logits.gather(1, scenes.P[:, None])[:, 0] - scenes.logit_P
