"""Open-set recognition: name what is known, and say of the rest that it is not; with a threshold that never saw the rest."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib.metrics.detection import check_scores
from tutorial_lib.uncertainty.logit_scores import check_logits


def split_pseudo_unknown_classes(
    classes: int, unknown: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Known classes split at random into those that stay known and those that play the unknown: two sorted tensors of labels.

    The real unknown classes stay out of it: a detector may learn from the pseudo-unknown ones, and nothing else.

    Raises:
        ValueError: no class left on a side.

    Source: Lee and AlRegib, ICIP 2021, arXiv 2206.08229.

    Example:
        >>> known, playing = split_pseudo_unknown_classes(6, 2)
        >>> len(known), len(playing), sorted([*known.tolist(), *playing.tolist()])
        (4, 2, [0, 1, 2, 3, 4, 5])
    """
    if not 0 < unknown < classes:
        raise ValueError(f"1 to {classes - 1} of {classes} classes can play the unknown, not {unknown}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    order = torch.randperm(classes, generator=generator, device=generator.device).cpu()
    return order[unknown:].sort().values, order[:unknown].sort().values


def threshold_at_tpr(normal: Tensor, pass_rate: float = 0.95) -> float:
    """The smallest threshold at which at least ``pass_rate`` of the normal pictures pass: score ≤ threshold passes.

    Chosen on normal pictures alone, and on others than those tested.

    Args:
        normal: abnormality scores of normal pictures, (N,).
        pass_rate: above 0 and at most 1.

    Raises:
        ValueError: no scores, or a rate out of range.

    Example:
        >>> threshold_at_tpr(torch.arange(20.))
        18.0
    """
    if not 0 < pass_rate <= 1:
        raise ValueError(f"a rate above 0 and at most 1, not {pass_rate}")
    ordered = check_scores(normal, "normal").sort().values
    # The k-th smallest lets k pass; a hair off, so that 0.95 · 20 is 19.
    return ordered[max(0, int(-(-(pass_rate * len(ordered) - 1e-9) // 1)) - 1)].item()


def open_set_predict(logits: Tensor, score: Tensor, threshold: float) -> Tensor:
    """The class where the score allows it, else C, the unknown: logits (N, C), abnormality (N,) -> (N,), labels 0 … C.

    Judge it with :func:`tutorial_lib.metrics.accuracy` and :func:`tutorial_lib.metrics.macro_f1`, with C as the true label
    of what is unknown. Say how many unknown pictures there were for each known one: both numbers depend on it.

    Raises:
        ValueError: not one score a row of logits, or what is no number.

    Example:
        >>> open_set_predict(torch.tensor([[2., 0.], [0., 2.]]), torch.tensor([0.1, 0.9]), threshold=0.5)
        tensor([0, 2])
    """
    if score.shape != check_logits(logits).shape[:1]:
        raise ValueError(f"a score for each of the {len(logits)} rows of logits, not {tuple(score.shape)}")
    if logits.isnan().any() or score.isnan().any():
        raise ValueError("some logits or scores are no numbers, and no class may be read off them")
    return torch.where(score <= threshold, logits.argmax(1), logits.shape[1])
