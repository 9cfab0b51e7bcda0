"""Decomposing gradients into class gradients, and the minimal change of a last layer that makes classes tie."""

import numpy as np
import pytest
import torch
from torch import nn

from tutorial_course.exercises.ch1 import minimal_weight_update as update_exercise
from tutorial_lib.foundations import (
    class_mean_gradients,
    decompose_gradients,
    last_layer_gradient_matrix,
    minimal_weight_update,
)
from tutorial_lib.gradients import (
    cross_entropy,
    last_layer_gradient_factors,
    penultimate_features,
    per_sample_gradients,
)


def random_tensor(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_decompose_gradients_recovers_mixture_coefficients():
    learned, a = random_tensor(4, 5, 7), random_tensor(6, 4, seed=1)
    result = decompose_gradients(torch.einsum("nc,cij->nij", a, learned), learned)
    torch.testing.assert_close(result.coefficients, a)
    torch.testing.assert_close(result.residual_share, torch.zeros(6, dtype=a.dtype), atol=1e-20, rtol=0)


def test_decompose_gradients_matches_least_squares():
    learned, g = random_tensor(4, 30), random_tensor(6, 30, seed=1)
    result = decompose_gradients(g, learned)
    for i in range(6):
        a, rest, *_ = np.linalg.lstsq(learned.T.numpy(), g[i].numpy(), rcond=None)
        np.testing.assert_allclose(result.coefficients[i], a, rtol=1e-9)
        assert result.residual_share[i].item() == pytest.approx(rest[0] / g[i].square().sum().item())
    assert ((0 <= result.residual_share) & (result.residual_share <= 1)).all()


def test_decompose_gradients_residual_share_of_known_vectors():
    learned = torch.eye(2, 5, dtype=torch.float64)
    g = torch.tensor([[0.0, 0, 3, 1, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 0]], dtype=torch.float64)
    assert decompose_gradients(g, learned).residual_share.tolist() == pytest.approx([1, 0.5, 0])


def test_decompose_gradients_residual_is_scale_and_basis_invariant():
    learned, g = random_tensor(3, 20), random_tensor(5, 20, seed=1)
    before = decompose_gradients(g, learned).residual_share
    torch.testing.assert_close(decompose_gradients(9 * g, learned).residual_share, before)
    torch.testing.assert_close(decompose_gradients(g, random_tensor(3, 3, seed=2) @ learned).residual_share, before)


def test_class_mean_gradients_match_loop():
    g, labels = random_tensor(20, 2, 3), torch.arange(20) % 4
    torch.testing.assert_close(class_mean_gradients(g, labels), torch.stack([g[labels == c].mean(0) for c in range(4)]))


def test_last_layer_gradient_matrix_matches_autograd():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = random_tensor(6, 5), torch.tensor([0, 1, 2, 0, 1, 2])
    computed = last_layer_gradient_matrix(
        *last_layer_gradient_factors(*penultimate_features(model, x), cross_entropy(y))
    )
    full = per_sample_gradients(model, x, cross_entropy(y), layers="2")
    torch.testing.assert_close(computed, torch.cat([full["2.weight"], full["2.bias"][..., None]], 2))


@pytest.fixture
def layer():
    return random_tensor(4, 6), random_tensor(4, seed=1), random_tensor(5, 6, seed=2)


@pytest.mark.parametrize("P, Q", [(0, 3), (torch.tensor([0, 1, 2, 3, 0]), torch.tensor([1, 0, 3, 2, 2]))])
def test_minimal_weight_update_makes_the_two_classes_tie(layer, P, Q):
    W, b, h = layer
    p, q = (torch.as_tensor(c).expand(5)[:, None] for c in (P, Q))
    dW, db = minimal_weight_update(W, b, h, P, Q)
    updated = torch.einsum("ncd,nd->nc", W + dW, h) + b + db
    torch.testing.assert_close(updated.gather(1, p), updated.gather(1, q))


def test_minimal_weight_update_has_the_smallest_norm(layer):
    W, b, h = layer
    P, Q, row = 0, 2, h[:1]
    dW, db = minimal_weight_update(W, b, row, P, Q)
    bend = torch.cat([dW.flatten(), db.flatten()])
    # Every other solution adds an orthogonal component that leaves the margin unchanged, so it can only be longer.
    margin = torch.zeros(4, 7, dtype=h.dtype)
    margin[P], margin[Q] = torch.cat([row[0], row.new_ones(1)]), -torch.cat([row[0], row.new_ones(1)])
    flat = torch.cat([margin[:, :6].flatten(), margin[:, 6]])
    free = random_tensor(200, 28, seed=4)
    free -= (free @ flat)[:, None] * flat / flat.square().sum()
    assert ((bend + free).norm(dim=1) >= bend.norm()).all()
    torch.testing.assert_close(bend @ flat, -(row @ (W[P] - W[Q]) + b[P] - b[Q])[0])


def test_minimal_weight_update_matches_exercise_solution(layer):
    W, b, h = layer
    for result, expected in zip(
        minimal_weight_update(W, b, h[:1], 0, 2), update_exercise.reference(W, b, h[0], 0, 2), strict=True
    ):
        torch.testing.assert_close(result[0], expected)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: decompose_gradients(random_tensor(2, 3), random_tensor(2, 4)), "same shape per row"),
        (lambda: decompose_gradients(random_tensor(2, 3), random_tensor(4, 3)), "linearly dependent"),
        (
            lambda: decompose_gradients(random_tensor(2, 5), torch.ones(2, 5, dtype=torch.float64)),
            "linearly dependent",
        ),
        (lambda: class_mean_gradients(random_tensor(3, 2), torch.tensor([0, 2, 2])), r"\[1\]"),
        (
            lambda: class_mean_gradients(random_tensor(3, 2), torch.tensor([0])),
            r"expected gradients: floats \(N, D\), labels",
        ),
        (
            lambda: last_layer_gradient_matrix(random_tensor(3, 2), random_tensor(4, 2)),
            "expected logit_gradients: floats",
        ),
        (lambda: minimal_weight_update(random_tensor(3, 2), random_tensor(3), random_tensor(4, 2), 1, 1), "differ"),
        (lambda: minimal_weight_update(random_tensor(3, 2), random_tensor(2), random_tensor(4, 2), 0, 1), "expected"),
    ],
)
def test_decomposition_and_minimal_weight_update_reject_invalid_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
