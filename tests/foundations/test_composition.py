"""A gradient as a mixture of learned ones, and the two least changes of a last layer that make two classes tie."""

import numpy as np
import pytest
import torch
from torch import nn

from tutorial_lib.exercises.gradients import smallest_change
from tutorial_lib.foundations import class_means, compose, last_layer_matrix, least_bend, least_move
from tutorial_lib.gradients import cross_entropy, features, last_layer_gradient, parameter_gradients


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_mixture_gives_its_coefficients_back():
    learned, a = drawn(4, 5, 7), drawn(6, 4, seed=1)
    found = compose(torch.einsum("nc,cij->nij", a, learned), learned)
    torch.testing.assert_close(found.coefficients, a)
    torch.testing.assert_close(found.remainder, torch.zeros(6, dtype=a.dtype), atol=1e-20, rtol=0)


def test_it_is_least_squares():
    learned, g = drawn(4, 30), drawn(6, 30, seed=1)
    found = compose(g, learned)
    for i in range(6):
        a, rest, *_ = np.linalg.lstsq(learned.T.numpy(), g[i].numpy(), rcond=None)
        np.testing.assert_allclose(found.coefficients[i], a, rtol=1e-9)
        assert found.remainder[i].item() == pytest.approx(rest[0] / g[i].square().sum().item())
    assert ((0 <= found.remainder) & (found.remainder <= 1)).all()


def test_what_is_orthogonal_is_new_and_what_is_half_is_half():
    learned = torch.eye(2, 5, dtype=torch.float64)
    g = torch.tensor([[0.0, 0, 3, 1, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 0]], dtype=torch.float64)
    assert compose(g, learned).remainder.tolist() == pytest.approx([1, 0.5, 0])


def test_the_share_does_not_depend_on_length_and_not_on_the_basis():
    learned, g = drawn(3, 20), drawn(5, 20, seed=1)
    before = compose(g, learned).remainder
    torch.testing.assert_close(compose(9 * g, learned).remainder, before)
    torch.testing.assert_close(compose(g, drawn(3, 3, seed=2) @ learned).remainder, before)


def test_means_are_those_of_a_loop():
    g, labels = drawn(20, 2, 3), torch.arange(20) % 4
    torch.testing.assert_close(class_means(g, labels), torch.stack([g[labels == c].mean(0) for c in range(4)]))


def test_the_matrix_is_autograds():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = drawn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2])
    by_hand = last_layer_matrix(*last_layer_gradient(*features(model, x), cross_entropy(y)))
    full = parameter_gradients(model, x, cross_entropy(y), layers="2")
    torch.testing.assert_close(by_hand, torch.cat([full["2.weight"], full["2.bias"][..., None]], 2))


@pytest.fixture
def layer():
    return drawn(4, 6), drawn(4, seed=1), drawn(5, 6, seed=2)


@pytest.mark.parametrize("P, Q", [(0, 3), (torch.tensor([0, 1, 2, 3, 0]), torch.tensor([1, 0, 3, 2, 2]))])
def test_after_the_least_change_two_classes_tie(layer, P, Q):
    W, b, h = layer
    p, q = (torch.as_tensor(c).expand(5)[:, None] for c in (P, Q))
    moved = (h + least_move(W, b, h, P, Q)) @ W.T + b
    torch.testing.assert_close(moved.gather(1, p), moved.gather(1, q))
    dW, db = least_bend(W, b, h, P, Q)
    bent = torch.einsum("ncd,nd->nc", W + dW, h) + b + db
    torch.testing.assert_close(bent.gather(1, p), bent.gather(1, q))


def test_no_shorter_change_would_do(layer):
    W, b, h = layer
    P, Q, row = 0, 2, h[:1]
    move, (dW, db) = least_move(W, b, row, P, Q), least_bend(W, b, row, P, Q)
    bend = torch.cat([dW.flatten(), db.flatten()])
    # Every other solution is this one plus something that leaves the margin alone; at right angles, so it can only be longer.
    free = drawn(200, 6, seed=3)
    free -= (free @ (W[P] - W[Q]))[:, None] * (W[P] - W[Q]) / (W[P] - W[Q]).square().sum()
    assert ((move + free).norm(dim=1) >= move.norm()).all()
    margin = torch.zeros(4, 7, dtype=h.dtype)
    margin[P], margin[Q] = torch.cat([row[0], row.new_ones(1)]), -torch.cat([row[0], row.new_ones(1)])
    flat = torch.cat([margin[:, :6].flatten(), margin[:, 6]])
    free = drawn(200, 28, seed=4)
    free -= (free @ flat)[:, None] * flat / flat.square().sum()
    assert ((bend + free).norm(dim=1) >= bend.norm()).all()
    torch.testing.assert_close(bend @ flat, -(row @ (W[P] - W[Q]) + b[P] - b[Q])[0])


def test_the_exercise_asks_for_the_same_bend(layer):
    W, b, h = layer
    for found, expected in zip(least_bend(W, b, h[:1], 0, 2), smallest_change.reference(W, b, h[0], 0, 2), strict=True):
        torch.testing.assert_close(found[0], expected)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: compose(drawn(2, 3), drawn(2, 4)), "against"),
        (lambda: compose(drawn(2, 3), drawn(4, 3)), "depend on each other"),
        (lambda: compose(drawn(2, 5), torch.ones(2, 5, dtype=torch.float64)), "depend on each other"),
        (lambda: class_means(drawn(3, 2), torch.tensor([0, 2, 2])), r"\[1\]"),
        (lambda: class_means(drawn(3, 2), torch.tensor([0])), "as many labels"),
        (lambda: last_layer_matrix(drawn(3, 2), drawn(4, 2)), "factors"),
        (lambda: least_move(drawn(3, 2), drawn(3), drawn(4, 2), 1, 1), "differ"),
        (lambda: least_move(torch.ones(2, 2), torch.ones(2), torch.ones(1, 2), 0, 1), "no move"),
        (lambda: least_bend(drawn(3, 2), drawn(2), drawn(4, 2), 0, 1), "expected"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
