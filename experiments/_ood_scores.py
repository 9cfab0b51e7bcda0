"""Scores that are fitted to normal images only, with and without a backward pass.

The baselines that pytorch-ood offers are taken from it, with the settings of their papers.
"""

from typing import NamedTuple

from pytorch_ood.detector import ASH, KNN, RMD, SCALE, ReAct, ViM
from torch import Tensor, nn

from experiments import _image_groups as f
from experiments._image_groups import FittedStatistics, GroupFeatures
from tutorial_lib import uncertainty as u

GRADIENT_NORMS, ACTIVATION_NORMS = "distance of gradient norms", "distance of activation norms"
# GradNorm, ExGrad and GradTrust are gradients of the last layer in closed form, which need no backward pass.
GRADIENT_SCORES = ("GradNorm", "ExGrad", "GradTrust", "ODIN", GRADIENT_NORMS)
SEVERAL_PREDICTIONS = ("dropout", "ensemble", "ensemble, mutual information")


class FittedScores(NamedTuple):
    """What the scores need from normal training images.

    Attributes:
        statistics: Mahalanobis detectors of the features and of the gradient norms.
        activations: Mahalanobis detector of the activation norms of all layers.
        median_energy: median energy.
        on_features: detectors of pytorch-ood that take features h (N, d).
        on_maps: detectors of pytorch-ood that take feature maps (N, d, 1, 1).
    """

    statistics: FittedStatistics
    activations: u.MahalanobisDetector
    median_energy: Tensor
    on_features: dict
    on_maps: dict


def fit_scores(train: GroupFeatures, head: nn.Linear) -> FittedScores:
    """Fit all scores to training images."""
    weight, bias = head.weight.detach().cpu(), head.bias.detach().cpu()
    classify = lambda h: h.flatten(1) @ weight.T + bias
    h, labels = train.h.float(), train.labels
    on_features = {
        "relative Mahalanobis": RMD(None),
        "KNN": KNN(None, k=50),
        "ViM": ViM(None, h.shape[1] // 2, weight, bias),
    }
    for detector in on_features.values():
        detector.fit_features(h, labels)
    react = ReAct(None, classify, percentile=0.9).fit_feature_maps(as_maps(h), labels)
    on_maps = {"ReAct": react, "ASH": ASH(None, classify), "SCALE": SCALE(None, classify)}
    activations = u.MahalanobisDetector(1e-3).fit(f.log_norms(train.activations), train.z.argmax(1))
    median = u.energy_score(train.z.double()).median()
    return FittedScores(f.fit_statistics(train), activations, median, on_features, on_maps)


def as_maps(h: Tensor) -> Tensor:
    """Return features (N, d) as feature maps of one position, (N, d, 1, 1)."""
    return h[:, :, None, None].float()


def all_scores(features: GroupFeatures, fitted: FittedScores) -> dict[str, Tensor]:
    """Return all scores of a group of images, (N,) in double precision, higher means more abnormal."""
    z, h = features.z.double(), features.h.double()
    scores = f.logit_scores(features, fitted.statistics)
    scores |= {"max logit": -z.amax(1), "two-sided energy": (scores["energy"] - fitted.median_energy).abs()}
    scores |= {name: detector.predict_features(features.h.float()) for name, detector in fitted.on_features.items()}
    scores |= {name: detector.predict_feature_maps(as_maps(features.h)) for name, detector in fitted.on_maps.items()}
    scores[ACTIVATION_NORMS] = fitted.activations.score(f.log_norms(features.activations))
    scores |= {"ExGrad": u.exgrad_score(z, h), "GradTrust": -u.grad_trust(z, n_counterfactuals=min(5, z.shape[1] - 1))}
    scores |= {PASS_NAMES[name]: score for name, score in features.passes.items() if name in PASS_NAMES}
    scores[GRADIENT_NORMS] = fitted.statistics.ones.score(f.log_norms(features.ones))
    return {name: score.double() for name, score in scores.items()}


PASS_NAMES = {
    "odin": "ODIN",
    "dropout": "dropout",
    "ensemble": "ensemble",
    "ensemble, apart": "ensemble, mutual information",
}


def needs_no_gradient(name: str) -> bool:
    """Return whether a score comes from a single forward pass and is not a gradient."""
    return name not in (*GRADIENT_SCORES, *SEVERAL_PREDICTIONS)
