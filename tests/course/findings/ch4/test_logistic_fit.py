"""The logistic fit, compared with the true curve and with another fit."""

import numpy as np
import pytest
import torch
from scipy import optimize

from tutorial_course.findings.ch4 import logistic_fit
from tutorial_lib.metrics import rmse


def logistic(s, b1, b2, b3, b4, b5):
    return b1 * (0.5 - 1 / (1 + np.exp(b2 * (s - b3)))) + b4 * s + b5


@pytest.mark.parametrize("truth", [(5, 9, 0.4, 1, 2), (-60, 20, 0.7, 0, 50), (0, 1, 0, 3, 1), (3, 4, 0.9, -2, 0)])
def test_logistic_fit_recovers_generating_curve(truth):
    s = torch.linspace(0, 1, 60, dtype=torch.float64)
    t = torch.from_numpy(logistic(s.numpy(), *truth))
    assert rmse(logistic_fit(s, t)(s), t) < 1e-5 * t.std().item()
    # The units of the scores do not matter.
    assert rmse(logistic_fit(1e4 * s - 7, t)(1e4 * s - 7), t) < 1e-5 * t.std().item()
    # Neither do units in which the squares of the scores underflow or overflow.
    for unit in (1e-200, 1e200):
        assert rmse(logistic_fit(unit * s, t)(unit * s), t) < 1e-5 * t.std().item()


@pytest.mark.parametrize("seed", range(4))
def test_logistic_fit_is_no_worse_than_scipy(seed):
    generator = torch.Generator().manual_seed(seed)
    s = torch.rand(60, generator=generator, dtype=torch.float64)
    t = torch.from_numpy(logistic(s.numpy(), 5, 9, 0.4, 1, 2)) + 0.4 * torch.randn(
        60, generator=generator, dtype=torch.float64
    )
    start = [t.max() - t.min(), 1 / s.std(), s.mean(), 0, t.mean()]
    theirs, _ = optimize.curve_fit(logistic, s.numpy(), t.numpy(), p0=start, maxfev=20000)
    assert rmse(logistic_fit(s, t)(s), t) <= rmse(torch.from_numpy(logistic(s.numpy(), *theirs)), t) * (1 + 1e-6)
    assert rmse(logistic_fit(s, t)(s), t) >= 0.3  # the fit does not remove the noise itself


def test_logistic_fit_rejects_few_samples_and_keeps_shape():
    s = torch.linspace(0, 1, 8)
    assert logistic_fit(s, s**2)(torch.zeros(2, 3)).shape == (2, 3)
    with pytest.raises(ValueError, match="at least six"):
        logistic_fit(s[:5], s[:5] ** 2)


def test_logistic_fit_handles_nearly_constant_scores():
    scores = torch.full((20,), 1e-12, dtype=torch.float64)
    scores[0], scores[1:4] = 1.0, torch.tensor([1e-9, 2e-9, 3e-9])
    opinions = torch.linspace(0, 1, 20, dtype=torch.float64)
    assert rmse(logistic_fit(scores, opinions)(scores), opinions) <= opinions.std().item()
