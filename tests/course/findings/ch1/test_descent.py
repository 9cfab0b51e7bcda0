"""Stability limits, mini-batch noise and random walks of section 1.3."""

import pytest
import torch

from tutorial_course.findings import ch1 as findings


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_measured_stability_limit_is_formula(momentum):
    surface = findings.quadratic(torch.diag(torch.tensor([1.0, 5.0])).double())
    formula = 2 * (1 + momentum) / 5
    rates = formula * torch.linspace(0.98, 1.02, 201).double()
    test = findings.measure_stability(surface, torch.zeros(2).double(), rates, momentum=momentum, n_steps=600)
    assert test.limit == pytest.approx(formula, rel=1e-3)
    assert test.ratios[0] < 1 < test.ratios[-1]


def test_measure_stability_requires_a_rate_beyond_the_limit():
    with pytest.raises(ValueError, match="pass larger ones"):
        findings.measure_stability(
            findings.quadratic(torch.eye(2).double()), torch.zeros(2).double(), torch.ones(1).double()
        )


def test_minibatch_noise_matches_direct_computation_and_theory():
    per_sample = 0.3 + torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    noise = findings.minibatch_noise(per_sample, 5)
    assert noise.deviation == pytest.approx(noise.predicted, rel=0.05)
    g, order = per_sample.mean(0), torch.rand(2000, 40, generator=torch.Generator().manual_seed(0)).argsort(1)[:, :5]
    g_batch = per_sample[order].mean(1)
    deviation = (g_batch - g).square().sum(1).mean().sqrt() / g.norm()
    assert noise.deviation == pytest.approx(float(deviation), rel=1e-4)
    assert noise.cosine == pytest.approx(float(torch.cosine_similarity(g_batch, g[None]).mean()), rel=1e-4)


def test_minibatch_noise_of_all_samples_is_zero():
    noise = findings.minibatch_noise(torch.randn(10, 3, generator=torch.Generator().manual_seed(0)), 10)
    assert noise.deviation == pytest.approx(0, abs=1e-6) and noise.cosine == pytest.approx(1)


def test_minibatch_noise_is_the_same_on_gpu(accelerator):
    per_sample = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    expected = findings.minibatch_noise(per_sample, 4)
    assert findings.minibatch_noise(per_sample.to(accelerator), 4) == pytest.approx(expected, rel=1e-4)
