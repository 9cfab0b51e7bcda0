"""The worked example of the capstone: photographs as an unseen source for the sign network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tutorial_lib.metrics import auroc

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "page",
    "retina",
    "rocket",
    "text",
)
N_PIECES = 12


def photograph_pieces(
    names: Sequence[str] = PHOTOGRAPHS, *, n_pieces: int = N_PIECES, side: int = 96, device: torch.device | str = "cpu"
) -> Tensor:
    """Return square pieces of the photographs of scikit-image, evenly chosen and as small as signs.

    Args:
        names: names of the photographs.
        n_pieces: pieces of each photograph.
        side: height and width of a piece in the photograph, a multiple of 48.
        device: device of the result.

    Returns:
        Images (len(names) · n_pieces, 3, 48, 48) in [0, 1].
    """
    from skimage import data as photographs

    pieces = []
    for name in names:
        photo = torch.tensor(getattr(photographs, name)(), device=device) / 255
        photo = photo[..., None].expand(-1, -1, 3) if photo.dim() == 2 else photo[..., :3]
        squares = photo.unfold(0, side, side // 2).unfold(1, side, side // 2).flatten(0, 1)
        chosen = squares[torch.linspace(0, len(squares) - 1, n_pieces).long()]
        pieces.append(torch.nn.functional.avg_pool2d(chosen, side // 48))
    return torch.cat(pieces)


def auroc_by_photograph(signs: Tensor, pieces: Tensor, n_pieces: int = N_PIECES) -> Tensor:
    """Return the AUROC of a score for each photograph.

    Args:
        signs: scores of signs (N,); higher means more abnormal.
        pieces: scores of the pieces, those of a photograph next to each other.
        n_pieces: pieces of each photograph.

    Returns:
        One AUROC per photograph.

    Example:
        >>> auroc_by_photograph(torch.tensor([0., 1.]), torch.tensor([2., 3., -1., 2.]), 2)
        tensor([1.0000, 0.5000])
    """
    return torch.tensor([auroc(signs, part) for part in pieces.split(n_pieces)])


def detected_by_photograph(threshold_signs: Tensor, pieces: Tensor, n_pieces: int = N_PIECES) -> Tensor:
    """Return the share of the pieces of each photograph that are detected at a threshold that accepts 95% of signs.

    Args:
        threshold_signs: scores of signs that were set aside for the threshold (N,).
        pieces: scores of the pieces, those of a photograph next to each other.
        n_pieces: pieces of each photograph.

    Returns:
        One share per photograph.
    """
    detected = pieces > threshold_signs.double().quantile(0.95)
    return detected.double().view(-1, n_pieces).mean(1)


def false_positive_rate(threshold_signs: Tensor, signs: Tensor) -> float:
    """Return the share of other signs that the same threshold detects by mistake.

    Args:
        threshold_signs: scores of the signs that were set aside for the threshold.
        signs: scores of other signs.

    Returns:
        The share; 0.05 is expected.
    """
    return float((signs > threshold_signs.double().quantile(0.95)).double().mean())


def best_of_many(n_detectors: int = 20, n_images: int = 60, seed: int = 0) -> Mapping[str, float]:
    """Return what the best of many detectors without any information reaches, and its AUROC on other images.

    Args:
        n_detectors: number of detectors with random scores.
        n_images: normal and abnormal images each.
        seed: seed of the scores.

    Returns:
        The AUROC of the best detector, the mean over the detectors, and the AUROC of the best one on other images.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen_on, others = torch.rand(2, n_detectors, 2, n_images, generator=generator)
    areas = torch.tensor([auroc(normal, abnormal) for normal, abnormal in chosen_on])
    best = int(areas.argmax())
    return {"best": float(areas[best]), "mean": float(areas.mean()), "other images": auroc(*others[best])}
