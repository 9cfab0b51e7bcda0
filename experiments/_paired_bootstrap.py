"""Paired bootstrap over images for the AUROC and the detection rate of scores."""

import torch
from torch import Tensor

N_RESAMPLES = 300
FALSE_POSITIVE_RATE = 0.05


class ImageResamples:
    """Resamples of the images of several groups, the same for all groups and scores.

    A resample draws source images with replacement. An image and everything that was made from it have the same
    weight, so that all comparisons are paired. The first row of all weights is one: it is the original sample.
    """

    def __init__(self, image_ids: Tensor, generator: torch.Generator, n_resamples: int = N_RESAMPLES):
        """Draw the resamples from the identifiers of the source images of all groups."""
        self.ids = image_ids.unique()
        drawn = torch.randint(len(self.ids), (n_resamples, len(self.ids)), generator=generator)
        counts = torch.zeros(n_resamples, len(self.ids), dtype=torch.float64)
        counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
        self.counts = torch.cat([torch.ones_like(counts[:1]), counts])

    def weights(self, image_ids: Tensor) -> Tensor:
        """Return the weight of each image in the original sample and in each resample, (1 + B, N)."""
        return self.counts[:, torch.searchsorted(self.ids, image_ids)]


def weighted_aurocs(normal: Tensor, abnormal: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Return the AUROC of a score under every row of weights of the normal and the abnormal images."""
    normal_weights, abnormal_weights = weights
    values, order = normal.sort()
    below = torch.cat([torch.zeros_like(normal_weights[:, :1]), normal_weights[:, order].cumsum(1)], 1)
    pairs = below[:, torch.searchsorted(values, abnormal)] + below[:, torch.searchsorted(values, abnormal, right=True)]
    return (pairs * abnormal_weights).sum(1) / (2 * normal_weights.sum(1) * abnormal_weights.sum(1))


def weighted_detection_rates(normal: Tensor, abnormal: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Return the share of abnormal images above the threshold that at most 5 % of the normal images exceed."""
    normal_weights, abnormal_weights = weights
    values, order = normal.sort()
    accepted = normal_weights[:, order].cumsum(1) / normal_weights.sum(1, keepdim=True)
    threshold = values[(accepted >= 1 - FALSE_POSITIVE_RATE - 1e-9).double().argmax(1)]
    return ((abnormal > threshold[:, None]) * abnormal_weights).sum(1) / abnormal_weights.sum(1)


def interval(resampled: Tensor) -> dict[str, float]:
    """Return the value of the original sample, the first entry, and the percentile interval of the others."""
    low, high = resampled[1:].nanquantile(torch.tensor([0.025, 0.975], dtype=resampled.dtype)).tolist()
    return {"lead": resampled[0].item(), "low": low, "high": high}
