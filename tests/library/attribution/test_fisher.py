"""The Fisher information of the last layer, compared with its definition computed gradient by gradient."""

import copy

import pytest
import torch

from tutorial_lib import gradients as g
from tutorial_lib._tensor_ops import complement_probabilities
from tutorial_lib.attribution import last_layer_fisher


def gradients_of_all_classes(model, x):
    """Return g_Q for every image and class by autograd, (N, C, C, d), with the logits and features."""
    z, h = g.penultimate_features(model, x)
    loops = [
        g.per_sample_gradients(model, x, g.contrast_loss(Q), layers="head")["head.weight"] for Q in range(z.shape[1])
    ]
    return torch.stack(loops, 1), z, h


@pytest.fixture
def class_gradients(signs, images):
    return gradients_of_all_classes(signs, images)


def test_last_layer_fisher_equals_expected_gradient_outer_product(class_gradients):
    G, z, h = class_gradients
    flat, p = G.flatten(2), z.softmax(1)
    whole = torch.einsum("nq,nqi,nqj->nij", p, flat, flat)
    fisher = last_layer_fisher(z, h)
    kron = torch.stack([torch.kron(c, torch.outer(v, v)) for c, v in zip(fisher.covariance, h)])
    torch.testing.assert_close(whole, kron, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(fisher.trace, whole.diagonal(dim1=1, dim2=2).sum(1), rtol=1e-10, atol=0)
    torch.testing.assert_close(fisher.trace, (1 - p.square().sum(1)) * h.square().sum(1), rtol=1e-10, atol=0)
    direction = torch.randn(10, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = direction.flatten() @ whole @ direction.flatten()
    torch.testing.assert_close(fisher.quadratic_form(direction), expected, rtol=1e-10, atol=1e-13)
    each = torch.randn(5, 10, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.einsum("ni,nij,nj->n", each.flatten(1), whole, each.flatten(1))
    torch.testing.assert_close(fisher.quadratic_form(each), expected, rtol=1e-10, atol=1e-13)


def test_last_layer_fisher_is_covariance_of_zero_mean_gradients(class_gradients):
    G, z, h = class_gradients
    assert torch.einsum("nq,nq...->n...", z.softmax(1), G).abs().max() < 1e-15  # Σ_Q p_Q g_Q = 0
    covariance = last_layer_fisher(z, h).covariance
    assert covariance.sum(2).abs().max() < 1e-15 and torch.linalg.eigvalsh(covariance).min() > -1e-15
    assert torch.equal(covariance, covariance.transpose(1, 2))
    assert torch.linalg.matrix_rank(G.flatten(2)).tolist() == [9] * 5  # C − 1


def test_last_layer_fisher_covariance_equals_loss_hessian(class_gradients):
    _, z, h = class_gradients
    hessian = torch.stack([torch.autograd.functional.hessian(lambda v: torch.logsumexp(v, 0), row) for row in z])
    torch.testing.assert_close(last_layer_fisher(z, h).covariance, hessian, rtol=1e-10, atol=1e-15)


def test_last_layer_fisher_quadratic_form_approximates_kl_divergence(class_gradients):
    _, z, h = class_gradients
    direction = torch.randn(10, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ratios = []
    for step in (1e-2, 1e-3):
        moved = (z + step * h @ direction.T).log_softmax(1)
        divergence = (z.softmax(1) * (z.log_softmax(1) - moved)).sum(1)
        ratios.append(
            (divergence / (step**2 / 2 * last_layer_fisher(z, h).quadratic_form(direction)) - 1).abs().max().item()
        )
    # The remainder is of third order, so the relative error is ten times smaller for a step ten times smaller.
    assert ratios[1] < 1e-2 and ratios[1] < 0.2 * ratios[0]


def test_last_layer_fisher_stays_positive_for_confident_predictions():
    z, h = torch.tensor([[40.0, 0.0, 5.0]]), torch.ones(1, 2)
    exact = last_layer_fisher(z.double(), h.double())
    torch.testing.assert_close(last_layer_fisher(z, h).trace.double(), exact.trace, rtol=1e-5, atol=0)
    assert 1 - z.softmax(1).square().sum() == 0 < last_layer_fisher(z, h).trace
    torch.testing.assert_close(complement_probabilities(z).double(), 1 - z.double().softmax(1), rtol=1e-5, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_last_layer_fisher_preserves_dtype_and_is_detached(dtype, signs, images, assert_unchanged):
    z, h = g.penultimate_features(assert_unchanged(copy.deepcopy(signs).to(dtype)), images.to(dtype))
    fisher = last_layer_fisher(z.requires_grad_(), h)
    for value in (fisher.trace, fisher.covariance, fisher.quadratic_form(torch.ones(10, 16))):
        assert value.dtype == dtype and not value.requires_grad


def test_last_layer_fisher_rejects_invalid_input():
    for z, h in [
        (torch.ones(3), torch.ones(3, 2)),
        (torch.ones(3, 2), torch.ones(2, 2)),
        (torch.ones(0, 2), torch.ones(0, 2)),
    ]:
        with pytest.raises(ValueError, match=r"expected logits: floats \(n, C\), features"):
            last_layer_fisher(z, h)
    fisher = last_layer_fisher(torch.ones(3, 2), torch.ones(3, 4))
    for bad in (torch.ones(4, 2), torch.ones(2), torch.ones(1, 1, 2, 4)):
        with pytest.raises(ValueError, match="shaped like the weight"):
            fisher.quadratic_form(bad)
