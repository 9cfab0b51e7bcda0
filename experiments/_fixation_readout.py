"""A linear readout of a network's features that is trained on fixations, as in DeepGaze I (Kümmerer et al., 2015).

The log density of the fixations is a weighted sum of feature maps plus the log density of the fixations in the training
images, which takes the place of the center prior. The weights maximize the likelihood of the fixations.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_course.datasets.fixations import FixationDataset
from tutorial_lib import gradients as G
from tutorial_lib import metrics as M

LAYERS = tuple(f"network.features.{n}" for n in (4, 7, 10, 12))
GRID = (24, 32)  # cells of the density, 1.04 degrees of OSIE each


def layer_features(model: nn.Module, x: Tensor) -> Tensor:
    """Return the features of one image (cells, channels), all layers resized to the grid."""
    layers = [G.split_forward(model, x, layer)[0].detach() for layer in LAYERS]
    small = [F.interpolate(A, GRID, mode="bilinear", antialias=True) for A in layers]
    return torch.cat(small, 1)[0].flatten(1).T


def fixation_shares(dataset: FixationDataset, blur: float) -> Tensor:
    """Return the density of the fixations of every image on the grid (images, cells)."""
    points = [dataset.fixations(i, GRID) for i in range(len(dataset))]
    return torch.stack([M.fixation_density(p, GRID, blur=blur).flatten() for p in points]).float()


class FixationReadout:
    """The weights of the features and of the log prior, fitted to the fixations of the training images."""

    def __init__(self, features: Tensor, shares: Tensor, prior: Tensor, penalty: float):
        """Fit the weights to the features (images, cells, channels) and fixation shares (images, cells)."""
        deviation = features[::4].flatten(0, 1).std(0) + 1e-6
        self.log_prior = prior.clamp(min=1e-9).log()
        weights, prior_weight = torch.zeros(features.shape[-1]), torch.ones(())
        parameters = [weights.requires_grad_(), prior_weight.requires_grad_()]
        optimizer = torch.optim.LBFGS(parameters, max_iter=60, history_size=20, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimizer.zero_grad()
            log_density = (features @ (weights / deviation) + prior_weight * self.log_prior).log_softmax(1)
            loss = -(shares * log_density).sum(1).mean() + penalty * weights.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        self.weights, self.prior_weight = weights.detach() / deviation, prior_weight.detach()

    def prior(self) -> Tensor:
        """Return the density of the training images (1, rows, columns), the fitted center prior."""
        return self.log_prior.softmax(0).view(1, *GRID)

    def density(self, features: Tensor) -> Tensor:
        """Return the predicted density of one image (1, rows, columns) from its features (cells, channels)."""
        return (features @ self.weights + self.prior_weight * self.log_prior).softmax(0).view(1, *GRID)

    def bits_over_prior(self, features: Tensor, shares: Tensor) -> float:
        """Return the mean gain in bits per fixation over the prior, at the resolution of the grid."""
        densities = torch.cat([self.density(image).view(1, -1) for image in features])
        return float((shares * (densities.log2() - self.prior().view(1, -1).log2())).sum(1).mean())


def fit_readout(features: Tensor, dataset: FixationDataset, images: Sequence[int], penalty: float) -> FixationReadout:
    """Return the readout that is fitted to some images of a dataset, given the features of all of its images."""
    prior = fixation_shares(dataset, blur=1.0)[images].mean(0)
    return FixationReadout(features[images], fixation_shares(dataset, blur=0.0)[images], prior, penalty)


def held_out_readouts(features: Tensor, dataset: FixationDataset, folds: int, penalty: float) -> list[FixationReadout]:
    """Return for every image a readout that was fitted without the images of its fold."""
    n = len(dataset)
    readouts = [fit_readout(features, dataset, [i for i in range(n) if i % folds != k], penalty) for k in range(folds)]
    return [readouts[i % folds] for i in range(n)]
