"""The toy surfaces of section 1.3, and the classification of descent paths."""

import pytest
import torch

from tutorial_course.findings.ch1 import SURFACES, classify_trajectory, quadratic
from tutorial_lib.foundations import gradient_descent, numerical_hessian, surface_gradient

DOUBLE = torch.float64


@pytest.mark.parametrize("name", SURFACES)
def test_toy_surfaces_have_stated_minimum_and_max_curvature(name):
    """The stated minimum has the lowest value and slope zero, and the largest curvature of autograd's Hessian is 20."""
    surface = SURFACES[name]
    lowest = torch.tensor(surface.minimum, dtype=DOUBLE)
    assert surface.loss(lowest[None]).item() == pytest.approx(surface.min_value, abs=1e-12)
    assert surface_gradient(surface.loss, lowest[None]).abs().max() < 1e-9
    H = numerical_hessian(surface.loss, lowest)
    exact = torch.autograd.functional.hessian(lambda theta: surface.loss(theta[None]).sum(), lowest)
    assert torch.allclose(H, exact, atol=1e-5) and torch.equal(H, H.T)
    assert torch.linalg.eigvalsh(exact)[-1].item() == pytest.approx(20, abs=1e-9)
    (left, right), (bottom, top) = surface.plot_limits
    for x, y in (surface.start, surface.minimum):
        assert left < x < right and bottom < y < top
    grid = torch.cartesian_prod(
        torch.linspace(left, right, 60, dtype=DOUBLE), torch.linspace(bottom, top, 60, dtype=DOUBLE)
    )
    assert surface.loss(grid).min() >= surface.min_value


def test_classify_trajectory_labels_each_step_size_regime():
    loss, start = (
        quadratic(torch.diag(torch.tensor([1.0, 20.0], dtype=DOUBLE))),
        torch.tensor([0.05, 1.0], dtype=DOUBLE),
    )
    words = [
        classify_trajectory(loss, gradient_descent(loss, start, lr=step, n_steps=60))
        for step in (0.0001, 0.05, 0.099, 0.101)
    ]
    assert words == ["creeps", "settles", "zigzags", "diverges"]
    assert (
        classify_trajectory(loss, torch.tensor([[1.0, 0.0], [2.0, 0.0], [float("nan"), 0.0]], dtype=DOUBLE))
        == "diverges"
    )
    with pytest.raises(ValueError, match="three points"):
        classify_trajectory(loss, start[None])
