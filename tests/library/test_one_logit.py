"""A classifier with one logit, whose sigmoid is part of the loss: refused where classes are compared."""

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import attribution, metrics, saliency, uncertainty

BINARY = init_with_seed(
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
)
X = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LOGITS, FEATURES = torch.tensor([[3.0], [-2.0], [0.5]]), torch.rand(3, 4)
REMEDY = r"torch.cat\(\[-z / 2, z / 2\], 1\)"


def with_two_logits():
    """Return the classifier with the logits (−z/2, z/2), whose softmax holds 1 − σ(z) and σ(z)."""
    two = nn.Linear(4, 2)
    two.weight.data, two.bias.data = (torch.cat([-p / 2, p / 2]).detach() for p in BINARY[4].parameters())
    return nn.Sequential(*BINARY[:4], two)


@pytest.mark.parametrize(
    "score",
    [
        uncertainty.msp_score,
        uncertainty.margin_score,
        uncertainty.entropy_score,
        uncertainty.energy_score,
        uncertainty.grad_trust,
        lambda z: uncertainty.gradnorm_score(z, FEATURES),
        lambda z: uncertainty.exgrad_score(z, FEATURES),
        lambda z: uncertainty.decompose_uncertainty(z[None]),
        lambda z: uncertainty.open_set_predict(z, z[:, 0], 0.5),
        lambda z: attribution.last_layer_fisher(z, FEATURES),
        lambda z: metrics.accuracy(z, torch.tensor([1, 0, 1])),
        lambda z: metrics.macro_f1(z, torch.tensor([1, 0, 1])),
        lambda z: metrics.expected_calibration_error(z.sigmoid(), torch.tensor([1, 0, 1])),
    ],
)
def test_scores_refuse_one_logit(score):
    """The softmax of one logit is 1 and its arg-max 0 for every sample; torchmetrics issue 782 is similar."""
    with pytest.raises(ValueError, match=REMEDY):
        score(LOGITS)


@pytest.mark.parametrize(
    "method",
    [
        lambda f: uncertainty.fgsm(f, X, eps=0.1),
        lambda f: uncertainty.fgsm(f, X, 0, eps=0.1),
        lambda f: uncertainty.pgd(f, X, eps=0.1, norm=2),
        lambda f: uncertainty.deepfool(f, X),
        lambda f: uncertainty.carlini_wagner(f, X, n_steps=2, binary_search_steps=1),
        lambda f: uncertainty.attack_success(f, X, X),
        lambda f: uncertainty.odin_score(f, X),
        lambda f: uncertainty.deep_ensemble([f, f], X),
        lambda f: attribution.introspective_features(f, X),
        lambda f: attribution.deletion_curve(f, X, X[:, 0]),
        lambda f: attribution.voice_map(f, X, "1"),
        lambda f: saliency.implicit_saliency(f, X, "1"),
        lambda f: saliency.local_mismatch(f, X, "1"),
    ],
)
def test_methods_refuse_one_logit_and_accept_two(method):
    """One output with a sigmoid: torchattacks issue 134, foolbox issues 360 and 664 (add a second output)."""
    with pytest.raises(ValueError, match=REMEDY):
        method(BINARY)
    method(with_two_logits())


def test_maps_of_one_logit_are_maps_of_the_score():
    """A regression network has no classes, but its output has a gradient."""
    saliency_map = attribution.saliency(BINARY, X)
    torch.testing.assert_close(saliency_map, 2 * attribution.saliency(with_two_logits(), X, 1))
