"""The gradients of random deep networks of section 1.2."""

import pytest
import torch

from tutorial_course.findings import ch1 as findings


@pytest.mark.parametrize("residual", [False, True])
def test_layer_gradient_norms_match_autograd(residual):
    depth, width, n = 3, 7, 4
    generator = torch.Generator().manual_seed(5)
    weights = 1.3 / width**0.5 * torch.randn(depth, width, width, generator=generator, dtype=torch.float64)
    h = torch.randn(n, width, generator=generator, dtype=torch.float64).requires_grad_()
    inputs = [h]
    for W in weights:
        h = h + h.relu() @ W.T if residual else (h @ W.T).relu()
        inputs.append(h)
    delta = torch.randn(n, width, generator=generator, dtype=torch.float64)
    gradients = torch.autograd.grad((h * delta).sum(), inputs)
    expected = torch.stack([g.square().sum(1).mean().sqrt() for g in gradients])
    norms = findings.layer_gradient_norms(depth, 1.3, residual=residual, width=width, n_samples=n, seed=5)
    torch.testing.assert_close(norms, expected / expected[-1])


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_layer_gradient_norms_follow_formula(gain):
    norm = findings.layer_gradient_norms(20, gain, width=400)[0]
    assert norm.item() == pytest.approx((gain / 2**0.5) ** 20, rel=0.35)


@pytest.mark.parametrize("gain", [0.3, 2**0.5])
def test_residual_gradient_norms_follow_formula(gain):
    norm = findings.layer_gradient_norms(20, gain, residual=True, width=400)[0]
    assert norm.item() == pytest.approx((1 + gain**2 / 2) ** 10, rel=0.35)


def test_gradient_autocorrelation_falls_with_depth_and_less_with_residual_connections():
    settings = {"width": 60, "n_points": 64, "n_networks": 3, "max_lag": 4}
    shallow, deep = (findings.gradient_autocorrelation(depth, **settings)[1] for depth in (1, 20))
    residual = findings.gradient_autocorrelation(20, residual=True, **settings)[1]
    assert shallow > residual > 0.3 > abs(deep)
