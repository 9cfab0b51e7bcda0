"""The same numbers in any precision get the same score, also where float32 underflows or half precision overflows."""

import math

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import attribution, foundations, metrics, quality, uncertainty
from tutorial_lib._batching import sample_norms
from tutorial_lib._tensor_ops import log_odds

HALF = [torch.float16, torch.bfloat16]


def noise(*size, seed=0):
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def confident_model(gain=25.0):
    model = nn.Linear(4, 3, bias=False).double()
    weight = torch.tensor([[1.0, 0.3, -0.2, 0.5], [0.2, 1.0, 0.4, -0.6], [-0.5, 0.1, 1.0, 0.2]])
    model.weight.data = gain * weight.double()
    return model


# Attacks on confident predictions.


@pytest.mark.parametrize("norm", ["inf", 2])
@pytest.mark.parametrize("gain", [1.0, 25.0, 100.0, 4000.0])
def test_attacks_step_alike_in_float32_and_float64(norm, gain):
    """Predictions whose cross-entropy has a gradient that underflows: cleverhans issue 350."""
    x = torch.tensor([[0.9, 0.1, 0.2, 0.5]], dtype=torch.float64)
    model = confident_model(gain)
    (gradient,) = torch.autograd.grad(-log_odds(model(leaf := x.clone().requires_grad_()), 0).sum(), leaf)
    step = gradient.sign() if norm == "inf" else gradient / gradient.norm()
    expected = (x + 0.03 * step).clamp(0, 1)
    options = {"eps": 0.03, "norm": norm}
    torch.testing.assert_close(uncertainty.fgsm(model, x, **options), expected)
    torch.testing.assert_close(uncertainty.fgsm(model.float(), x.float(), **options), expected.float())
    moved = uncertainty.pgd(model, x.float(), n_steps=3, **options)
    assert (moved - x.float()).abs().max() > 0.02


def test_fgsm_has_direction_of_cross_entropy():
    """The log-odds of the label and its cross-entropy have gradients of one direction."""
    model, x = confident_model(3.0), noise(50, 4)
    for y in range(3):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(model(leaf), torch.full((50,), y)), leaf)
        expected = (x + 0.01 * gradient.sign()).clamp(0, 1)
        torch.testing.assert_close(uncertainty.fgsm(model, x, y, eps=0.01), expected)


def test_odin_moves_confident_images_at_temperature_1():
    """The gradient of log p_P underflows without a high temperature."""
    x, model = torch.tensor([[0.9, 0.1, 0.2, 0.5]]), confident_model()
    exact = uncertainty.odin_score(model, x.double(), temperature=1.0, eps=0.05)
    torch.testing.assert_close(
        uncertainty.odin_score(model.float(), x, temperature=1.0, eps=0.05), exact.float(), rtol=1e-4, atol=0
    )


def test_steps_of_tiny_gradients_have_length_1():
    """Gradients whose squares underflow in float32."""
    from tutorial_lib.uncertainty.attacks import normalized_gradient

    g = torch.tensor([[3e-30, -4e-30], [3e30, 4e30], [0.0, 0.0], [3e-42, 4e-42]])
    torch.testing.assert_close(
        normalized_gradient(g, 2), torch.tensor([[0.6, -0.8], [0.6, 0.8], [0.0, 0.0], [0.6, 0.8]]), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(sample_norms(g)[:2, 0], torch.tensor([5e-30, 5e30]))
    for norm in ("l2", "linf", "l1"):
        step = foundations.steepest_descent_step(g[:2], norm)
        torch.testing.assert_close(foundations.step_norm(step, norm), torch.ones(2))
    assert sample_norms(torch.tensor([[torch.nan, 1.0], [torch.inf, 1.0]]))[:, 0].isfinite().tolist() == [False, False]


# Half precision.


@pytest.mark.parametrize("dtype", HALF)
def test_scores_of_logits_agree_in_half_precision(dtype):
    """Many classes, over which sums in half precision lose their digits."""
    z, h = (8 * noise(5, 1000) - 4).to(dtype), (18 * noise(5, 2048, seed=1)).to(dtype)
    scores = [
        uncertainty.msp_score,
        uncertainty.margin_score,
        uncertainty.entropy_score,
        uncertainty.energy_score,
        uncertainty.grad_trust,
        lambda z: uncertainty.grad_trust(z, n_counterfactuals=3),
        lambda z: uncertainty.gradnorm_score(z, h.to(z)),
        lambda z: uncertainty.exgrad_score(z, h.to(z)),
        lambda z: uncertainty.decompose_uncertainty(torch.stack([z, -z])).mutual_information,
        lambda z: uncertainty.decompose_uncertainty(torch.stack([z, -z])).predictive_entropy,
        lambda z: attribution.last_layer_fisher(z[:, :20], h[:, :200].to(z)).trace,
    ]
    for score in scores:
        value = score(z)
        assert value.dtype == dtype
        torch.testing.assert_close(value.double(), score(z.double()), rtol=2 * torch.finfo(dtype).eps, atol=0)


def test_fisher_trace_does_not_overflow():
    """Squared norms of features above the largest number of half precision."""
    z, h = (3 * noise(4, 10)).half(), torch.full((4, 2048), 6.0).half()
    half, exact = (attribution.last_layer_fisher(z.to(t), h.to(t)).trace for t in (torch.float16, torch.float64))
    assert (exact < 65504).all() and h.double().square().sum(1).min() > 65504
    torch.testing.assert_close(half.double(), exact, rtol=1e-3, atol=0)


@pytest.mark.parametrize("dtype", HALF)
def test_ssim_and_psnr_agree_in_half_precision(dtype):
    """Bright images with little contrast: Flux pull request 2178, IQA-PyTorch pull request 125."""
    x = 0.9 + 0.02 * noise(2, 3, 48, 48)
    y = x + 0.001 * (noise(2, 3, 48, 48, seed=1) - 0.5)
    x, y = x.to(dtype), y.to(dtype)
    for metric in (quality.ssim, quality.psnr, lambda a, b: quality.ms_ssim(a, b, scales=2)):
        value = metric(x, y)
        assert value.dtype == dtype
        torch.testing.assert_close(value.double(), metric(x.double(), y.double()), rtol=torch.finfo(dtype).eps, atol=0)
    assert quality.ssim(x, x).double().sub(1).abs().max() <= torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", HALF)
def test_mahalanobis_distances_agree_in_half_precision(dtype):
    """A whitening matrix with entries that half precision cannot represent."""
    h = (noise(60, 6) * torch.tensor([1e-2, 1, 1, 1, 1, 30.0])).to(dtype)
    labels = torch.arange(60) % 3
    half, exact = (
        uncertainty.MahalanobisDetector().fit(h.to(t), labels).score(h.to(t)) for t in (dtype, torch.float64)
    )
    torch.testing.assert_close(half.double(), exact, rtol=4 * torch.finfo(dtype).eps, atol=1e-3)


def test_means_and_gradients_of_autoencoders_accumulate_in_float32():
    """A sum of many small gradients, of which half precision would drop most."""
    gradients = torch.full((4000, 2), 1.0 + 2**-9).half()
    means = foundations.class_mean_gradients(gradients, torch.zeros(4000, dtype=torch.long))
    torch.testing.assert_close(means, gradients[:1], rtol=0, atol=0)


def test_carlini_wagner_starts_inside_bounds_in_half_precision():
    """Black and white pixels, at which the change of variables is infinite."""
    model = init_with_seed(nn.Linear(4, 3)).to(torch.bfloat16)
    x = torch.tensor([[0.0, 1.0, 0.5, 1.0]], dtype=torch.bfloat16)
    attacked = uncertainty.carlini_wagner(model, x, n_steps=20, binary_search_steps=4, lr=0.1)
    assert attacked.dtype == x.dtype and attacked.isfinite().all() and not torch.equal(attacked, x)


# Float64 at the ends of its range.


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_correlations_do_not_depend_on_the_unit(scale):
    """Scores whose squares underflow or overflow."""
    a, b = noise(20), noise(20, seed=1)
    for f in (metrics.plcc, metrics.srcc, metrics.krcc):
        assert math.isclose(f(scale * a, b), f(a, b), rel_tol=1e-9)
    assert math.isclose(metrics.rmse(scale * a, scale * b), scale * metrics.rmse(a, b), rel_tol=1e-12)
    points = torch.tensor([[0, 1], [2, 3]])
    assert math.isclose(metrics.nss(scale * a.view(4, 5), points), metrics.nss(a.view(4, 5), points), rel_tol=1e-9)


def test_decomposition_of_tiny_gradients_keeps_its_residual():
    """Gradients of a confident prediction, whose squares underflow in float32."""
    gradients = torch.tensor([[2.0, 0.0, 2.0], [0.0, 0.0, 1.0]])
    learned = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    tiny = foundations.decompose_gradients(1e-30 * gradients, learned)
    torch.testing.assert_close(tiny.residual_share, torch.tensor([0.5, 1.0]))
    torch.testing.assert_close(tiny.coefficients / 1e-30, torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
