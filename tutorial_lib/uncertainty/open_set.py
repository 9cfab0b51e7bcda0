"""Open-set recognition: classify the known classes, and reject images of unknown classes by a threshold."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.metrics.detection import check_scores


@convert_arguments
def threshold_at_tpr(normal: Tensor, pass_rate: float = 0.95) -> float:
    """Return the smallest threshold that accepts a given fraction of the normal images.

    At least this fraction is accepted. An image is accepted if score ≤ threshold. The threshold is chosen from normal
    images alone; take other images for the test.

    Args:
        normal: abnormality scores (N,) of normal images.
        pass_rate: the fraction that is accepted, above 0 and at most 1.

    Returns:
        The threshold, one of the scores.

    Raises:
        ValueError: no scores, scores that are NaN or not (N,), or a fraction out of range.

    Example:
        >>> threshold_at_tpr(torch.arange(20.))
        18.0
    """
    if not 0 < pass_rate <= 1:
        raise ValueError(f"pass_rate must be above 0 and at most 1, not {pass_rate}")
    ordered = check_scores(normal, "normal").sort().values
    # The k-th smallest score accepts k images, k = ⌈pass_rate · N⌉; the tolerance makes 0.95 · 20 exactly 19.
    return ordered[max(0, int(-(-(pass_rate * len(ordered) - 1e-9) // 1)) - 1)].item()


@convert_arguments
def open_set_predict(logits: Tensor, score: Tensor, threshold: float) -> Tensor:
    """Return the open-set prediction: the predicted class, or the extra label C (unknown).

    The prediction is argmax_c z_c where score ≤ threshold, and C elsewhere. Evaluate it with
    :func:`tutorial_lib.metrics.accuracy` and :func:`tutorial_lib.metrics.macro_f1`, with C as the true label of unknown
    images. Report how many unknown images there were for each known one, because both metrics depend on this ratio.

    Args:
        logits: logits (N, C).
        score: abnormality scores (N,); higher means more abnormal.
        threshold: the largest score that is accepted.

    Returns:
        Labels (N,) in 0 … C.

    Raises:
        ValueError: logits that are not floats (N, C), scores that are not (N,), or NaN in either of them.

    Example:
        >>> open_set_predict(torch.tensor([[2., 0.], [0., 2.]]), torch.tensor([0.1, 0.9]), threshold=0.5)
        tensor([0, 2])
    """
    check_shapes(logits=(logits, "logits N C"), score=(score, "floats N"))
    if logits.isnan().any() or score.isnan().any():
        raise ValueError("some logits or scores are NaN, so that no class can be predicted from them")
    return torch.where(score <= threshold, logits.argmax(1), logits.shape[1])
