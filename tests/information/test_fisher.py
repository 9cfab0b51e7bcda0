"""The Fisher information of the last layer, against its definition, gradient by gradient."""

import copy

import pytest
import torch

from tutorial_lib import gradients as g
from tutorial_lib.information import fisher_information
from tutorial_lib.information.fisher import others


def every(model, x):
    """g_Q for every sample and class by autograd, (N, C, C, d), and the factors."""
    z, h = g.features(model, x)
    loops = [g.parameter_gradients(model, x, g.loss_to(Q), layers="head")["head.weight"] for Q in range(z.shape[1])]
    return torch.stack(loops, 1), z, h


@pytest.fixture
def measured(signs, images):
    return every(signs, images)


def test_it_is_the_mean_square_of_the_gradients_of_all_answers(measured):
    G, z, h = measured
    flat, p = G.flatten(2), z.softmax(1)
    whole = torch.einsum("nq,nqi,nqj->nij", p, flat, flat)
    fisher = fisher_information(z, h)
    kron = torch.stack([torch.kron(c, torch.outer(v, v)) for c, v in zip(fisher.covariance, h)])
    torch.testing.assert_close(whole, kron, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(fisher.trace, whole.diagonal(dim1=1, dim2=2).sum(1), rtol=1e-10, atol=0)
    torch.testing.assert_close(fisher.trace, (1 - p.square().sum(1)) * h.square().sum(1), rtol=1e-10, atol=0)
    direction = torch.randn(10, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = direction.flatten() @ whole @ direction.flatten()
    torch.testing.assert_close(fisher.quadratic(direction), expected, rtol=1e-10, atol=1e-13)
    each = torch.randn(5, 10, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.einsum("ni,nij,nj->n", each.flatten(1), whole, each.flatten(1))
    torch.testing.assert_close(fisher.quadratic(each), expected, rtol=1e-10, atol=1e-13)


def test_it_is_a_covariance(measured):
    G, z, h = measured
    assert torch.einsum("nq,nq...->n...", z.softmax(1), G).abs().max() < 1e-15  # Σ_Q p_Q g_Q = 0
    covariance = fisher_information(z, h).covariance
    assert covariance.sum(2).abs().max() < 1e-15 and torch.linalg.eigvalsh(covariance).min() > -1e-15
    assert torch.equal(covariance, covariance.transpose(1, 2))
    assert torch.linalg.matrix_rank(G.flatten(2)).tolist() == [9] * 5  # C − 1


def test_the_gauss_newton_matrix_is_the_same(measured):
    _, z, h = measured
    hessian = torch.stack([torch.autograd.functional.hessian(lambda v: torch.logsumexp(v, 0), row) for row in z])
    torch.testing.assert_close(fisher_information(z, h).covariance, hessian, rtol=1e-10, atol=1e-15)


def test_half_its_quadratic_is_how_far_the_prediction_moves(measured):
    _, z, h = measured
    direction = torch.randn(10, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ratios = []
    for step in (1e-2, 1e-3):
        moved = (z + step * h @ direction.T).log_softmax(1)
        divergence = (z.softmax(1) * (z.log_softmax(1) - moved)).sum(1)
        ratios.append(
            (divergence / (step**2 / 2 * fisher_information(z, h).quadratic(direction)) - 1).abs().max().item()
        )
    # What is left is of third order: ten times smaller for a step ten times smaller.
    assert ratios[1] < 1e-2 and ratios[1] < 0.2 * ratios[0]


def test_a_certain_network_still_has_some():
    z, h = torch.tensor([[40.0, 0.0, 5.0]]), torch.ones(1, 2)
    exact = fisher_information(z.double(), h.double())
    torch.testing.assert_close(fisher_information(z, h).trace.double(), exact.trace, rtol=1e-5, atol=0)
    assert 1 - z.softmax(1).square().sum() == 0 < fisher_information(z, h).trace
    torch.testing.assert_close(others(z).double(), 1 - z.double().softmax(1), rtol=1e-5, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtype_follows_and_nothing_keeps_a_graph(dtype, signs, images, untouched):
    z, h = g.features(untouched(copy.deepcopy(signs).to(dtype)), images.to(dtype))
    fisher = fisher_information(z.requires_grad_(), h)
    for found in (fisher.trace, fisher.covariance, fisher.quadratic(torch.ones(10, 16))):
        assert found.dtype == dtype and not found.requires_grad


def test_what_is_refused():
    for z, h in [
        (torch.ones(3), torch.ones(3, 2)),
        (torch.ones(3, 2), torch.ones(2, 2)),
        (torch.ones(0, 2), torch.ones(0, 2)),
    ]:
        with pytest.raises(ValueError, match=r"logits \(N, C\) and features"):
            fisher_information(z, h)
    fisher = fisher_information(torch.ones(3, 2), torch.ones(3, 4))
    for bad in (torch.ones(4, 2), torch.ones(2), torch.ones(1, 1, 2, 4)):
        with pytest.raises(ValueError, match="shaped like the weight"):
            fisher.quadratic(bad)
