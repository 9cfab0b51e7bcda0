"""Passes are counted per sample, even if vmap runs several together, and no hook stays on the network."""

import pytest
import torch
from torch import nn

from tutorial_course.pass_counter import PassCounts, count_passes
from tutorial_lib import gradients, models

N, C = 3, 14


@pytest.fixture(scope="module")
def model():
    return models.load("signs/classifier")


@pytest.fixture
def x():
    return torch.rand(N, 3, 48, 48, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("function", "forward", "backward"),
    [
        (lambda m, x: gradients.model_outputs(m, x), 1, 0),
        (lambda m, x: gradients.penultimate_features(m, x), 1, 0),
        (lambda m, x: gradients.input_gradient(m, x), 1, 1),
        (lambda m, x: gradients.layer_gradient(m, x, "block3", 1), 1, 1),
        (lambda m, x: gradients.class_jacobian(m, x), 1, C),
        (lambda m, x: gradients.class_jacobian(m, x, classes=[1, 5], batch_size=2), 1, 2),
        # Here vmap runs the classes together, and a counter of calls would count too few passes.
        (lambda m, x: gradients.class_gradient_gram(m, x), 1, C),
        (lambda m, x: gradients.per_sample_gradient_norms(m, x, gradients.confounding_label_loss()), 1, 1),
        (lambda m, x: gradients.reduced_class_jacobian(m, x, "block3", lambda g: g.flatten(2).sum(2)), 1, C),
    ],
)
def test_count_passes_counts_forward_and_backward_per_sample(model, x, function, forward, backward):
    with count_passes(model) as passes:
        function(model, x)
    assert (passes.forward / N, passes.backward / N) == (forward, backward)


def test_count_passes_counts_one_backward_per_image_of_training_step(model, x):
    with count_passes(model) as passes:
        model(x).logsumexp(1).mean().backward()
    model.zero_grad()
    assert passes.backward == N


def test_count_passes_counts_per_image_for_autoencoder(x):
    autoencoder = models.load("signs/autoencoder")
    with count_passes(autoencoder) as passes:
        gradients.per_sample_gradient_norms(autoencoder, x, gradients.reconstruction_mse(x))
    assert (passes.forward, passes.backward) == (N, N)


def test_count_passes_does_not_change_gradients(model, x):
    expected = gradients.class_gradient_gram(model, x, classes=[0, 3])
    with count_passes(model):
        torch.testing.assert_close(gradients.class_gradient_gram(model, x, classes=[0, 3]), expected)


def test_count_passes_peak_bytes_is_peak_of_live_allocations():
    with count_passes(nn.Identity()) as passes:
        a = torch.zeros(1000)
        b = a + 1
        del a
        c = b * 2
        del b
        assert passes.peak_bytes == 8000
        d = c.view(10, 100)  # shares the memory of c
        assert passes.peak_bytes == 8000
        e = torch.zeros(5000)
    assert passes.peak_bytes == 24000 and d is not None and e is not None
    before = torch.zeros(9000)
    with count_passes(nn.Identity()) as passes:
        before.add_(1)
    assert passes.peak_bytes == 0


def test_count_passes_removes_hooks_on_exit_and_after_exception(model, x):
    hooks = len(model._forward_hooks)
    with pytest.raises(ZeroDivisionError), count_passes(model):
        raise ZeroDivisionError
    assert len(model._forward_hooks) == hooks
    with count_passes(model) as passes:
        pass
    gradients.input_gradient(model, x)
    assert passes == PassCounts()
