"""Passes are counted for what they are, whoever takes them together, and nothing is left on the network."""

import pytest
import torch
from torch import nn

from tutorial_lib import gradients, networks
from tutorial_lib.gradients import counted

N, C = 3, 14


@pytest.fixture(scope="module")
def model():
    return networks.load("signs/classifier")


@pytest.fixture
def x():
    return torch.rand(N, 3, 48, 48, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("way", "forward", "backward"),
    [
        (lambda m, x: gradients.outputs(m, x), 1, 0),
        (lambda m, x: gradients.features(m, x), 1, 0),
        (lambda m, x: gradients.input_gradient(m, x), 1, 1),
        (lambda m, x: gradients.layer_gradient(m, x, "block3", 1), 1, 1),
        (lambda m, x: gradients.class_jacobian(m, x), 1, C),
        (lambda m, x: gradients.class_jacobian(m, x, classes=[1, 5], chunk=2), 1, 2),
        # Here vmap takes the classes together, and a counter that looks at calls would see a few.
        (lambda m, x: gradients.gradient_gram(m, x), 1, C),
        (lambda m, x: gradients.gradient_norms(m, x, gradients.confounding()), 1, 1),
        (lambda m, x: gradients.class_readings(m, x, "block3", lambda g: g.flatten(2).sum(2)), 1, C),
    ],
)
def test_a_pass_is_a_gradient_that_enters_the_network(model, x, way, forward, backward):
    with counted(model) as passes:
        way(model, x)
    assert (passes.forward / N, passes.backward / N) == (forward, backward)


def test_an_ordinary_training_step_is_a_pass_for_each_picture_of_the_batch(model, x):
    with counted(model) as passes:
        model(x).logsumexp(1).mean().backward()
    model.zero_grad()
    assert passes.backward == N


def test_an_autoencoder_counts_by_pictures_too(x):
    autoencoder = networks.load("signs/autoencoder")
    with counted(autoencoder) as passes:
        gradients.gradient_norms(autoencoder, x, gradients.reconstruction(x))
    assert (passes.forward, passes.backward) == (N, N)


def test_gradients_are_the_same_while_they_are_counted(model, x):
    expected = gradients.gradient_gram(model, x, classes=[0, 3])
    with counted(model):
        torch.testing.assert_close(gradients.gradient_gram(model, x, classes=[0, 3]), expected)


def test_what_is_held_is_what_is_alive_at_once():
    with counted(nn.Identity()) as passes:
        a = torch.zeros(1000)
        b = a + 1
        del a
        c = b * 2
        del b
        assert passes.held == 8000
        d = c.view(10, 100)  # no memory of its own
        assert passes.held == 8000
        e = torch.zeros(5000)
    assert passes.held == 24000 and d is not None and e is not None
    before = torch.zeros(9000)
    with counted(nn.Identity()) as passes:
        before.add_(1)
    assert passes.held == 0


def test_nothing_is_left_on_the_network_also_after_an_error(model, x):
    hooks = len(model._forward_hooks)
    with pytest.raises(ZeroDivisionError), counted(model):
        raise ZeroDivisionError
    assert len(model._forward_hooks) == hooks
    with counted(model) as passes:
        pass
    gradients.input_gradient(model, x)
    assert passes == gradients.Passes()
