"""Distances to the decision boundary: along DeepFool's steps, and as scores of wrong predictions."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_course.findings.intervals import Interval
from tutorial_lib.gradients import logit_difference, model_outputs, outputs_and_input_gradient
from tutorial_lib.metrics import auroc, bootstrap_interval


class BoundaryStep(NamedTuple):
    """The margin along one step of DeepFool.

    Attributes:
        distance: L2 distance from the start of the step (n,).
        margin: logit of the predicted class minus that of the nearest other class, at these distances (n,).
        linear: the linear approximation of the margin at the start of the step (n,).
        length: length of the step.
    """

    distance: Tensor
    margin: Tensor
    linear: Tensor
    length: float


def margin_along_step(model: nn.Module, start: Tensor, end: Tensor, P: int, Q: int, n: int = 41) -> BoundaryStep:
    """Return the difference of the logits of P and Q along the line from one image through another.

    Args:
        model: a classifier.
        start: the first image (1, C, H, W).
        end: the image at which the step ends (1, C, H, W).
        P: index of the predicted class.
        Q: index of the other class.
        n: number of points.

    Returns:
        The margin from the start up to twice the length of the step.
    """
    direction = end - start
    length = direction.norm().item()
    distance = torch.linspace(0, 2 * length, n, dtype=start.dtype, device=start.device)
    z = model_outputs(model, start + (distance / length).view(-1, 1, 1, 1) * direction)
    z0, gradient = outputs_and_input_gradient(model, start, logit_difference(Q, P))
    slope = (gradient * direction).sum() / length
    linear = z0[0, P] - z0[0, Q] + slope * distance
    return BoundaryStep(distance.cpu(), (z[:, P] - z[:, Q]).cpu(), linear.cpu(), length)


def wrong_prediction_aurocs(
    scores: Mapping[str, Tensor], correct: Tensor, reference: str, n_resamples: int = 300
) -> dict[str, tuple[Interval, Interval]]:
    """Return how well each score separates wrong predictions from correct ones, and the difference from a reference.

    Args:
        scores: score of each prediction (N,) by name; higher means more trustworthy.
        correct: whether each prediction is correct (N,).
        reference: name of the score that is subtracted.
        n_resamples: number of bootstrap resamples.

    Returns:
        By name, the AUROC and its paired difference from the reference, each with its 95% interval over images.
    """

    def own(wrong: Tensor, right: Tensor) -> Tensor:
        return torch.tensor(auroc(wrong[:, 0], right[:, 0]), dtype=torch.float64)

    def difference(wrong: Tensor, right: Tensor) -> Tensor:
        return own(wrong, right) - auroc(wrong[:, 1], right[:, 1])

    results = {}
    for name, values in scores.items():
        pair = torch.stack([values.cpu().double(), scores[reference].cpu().double()], 1)
        wrong, right = pair[~correct], pair[correct]
        results[name] = tuple(
            Interval(
                float(statistic(wrong, right)),
                *bootstrap_interval(statistic, wrong, right, paired=False, n_resamples=n_resamples),
            )
            for statistic in (own, difference)
        )
    return results
