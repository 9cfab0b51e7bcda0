"""Gradients with respect to inputs and activations, their cost, and the table that compares tensors."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests._reference import init_with_seed
from tutorial_lib import gradients as g


def flops(f):
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops()


def test_input_gradient_matches_autograd_and_finite_differences(signs, images, labels):
    J = g.cross_entropy(labels)
    leaf = images.clone().requires_grad_()
    (autograd,) = torch.autograd.grad(J(signs(leaf)).sum(), leaf)
    directions = torch.eye(432, dtype=torch.float64).view(432, 1, 3, 12, 12)[::43]
    with torch.no_grad():
        finite = torch.stack(
            [(J(signs(images + 1e-6 * w)) - J(signs(images - 1e-6 * w))) / 2e-6 for w in directions], 1
        )
    ours = g.input_gradient(signs, images, J)
    torch.testing.assert_close(ours, autograd, rtol=1e-10, atol=1e-14)
    assert (ours.flatten(1)[:, ::43] - finite).abs().max() < 1e-7 * ours.abs().max()
    h = g.penultimate_features(signs, images)[1]
    delta = g.last_layer_gradient_factors(*g.penultimate_features(signs, images), J)[0]
    ours = g.per_sample_gradients(signs, images, J, layers="head")["head.weight"]
    torch.testing.assert_close(ours, delta[:, :, None] * h[:, None], rtol=1e-10, atol=1e-14)


def test_class_jacobian_matches_gradient_of_each_class(signs, images):
    J = g.class_jacobian(signs, images)
    each = torch.stack([g.input_gradient(signs, images, c) for c in range(10)], 1)
    torch.testing.assert_close(J, each, rtol=1e-10, atol=1e-14)
    delta = g.last_layer_gradient_factors(signs(images).detach(), images.flatten(1), g.kl_from_uniform())[0]
    torch.testing.assert_close(
        torch.einsum("nc,nc...->n...", delta, J),
        g.input_gradient(signs, images, g.kl_from_uniform()),
        rtol=1e-9,
        atol=1e-13,
    )
    late = g.class_jacobian(signs, images, layer="last", classes=[9, 2])
    torch.testing.assert_close(late[:, 0], g.layer_gradient(signs, images, signs.last, 9)[1], rtol=1e-10, atol=1e-14)
    for classes in ([10], [-1], []):
        with pytest.raises(ValueError, match="classes must lie in 0…9"):
            g.class_jacobian(signs, images, classes=classes)


def test_outputs_and_input_gradient_need_a_single_pass(signs, images, labels):
    J = g.cross_entropy(labels)
    z, gradient = g.outputs_and_input_gradient(signs, images, J)
    assert torch.equal(z, g.model_outputs(signs, images)) and torch.equal(gradient, g.input_gradient(signs, images, J))
    torch.testing.assert_close(z, signs(images).detach(), rtol=1e-12, atol=1e-14)
    forward = flops(lambda: signs(images))
    with g.skip_independence_check():
        assert flops(lambda: g.outputs_and_input_gradient(signs, images, J)) <= 2.01 * forward
    many = images.repeat(13, 1, 1, 1)
    assert flops(lambda: g.outputs_and_input_gradient(signs, many, 1)) <= (2.01 + 1 / 65) * 13 * forward


def test_outputs_and_class_gradients_accept_classes_per_sample(signs, images):
    classes = torch.tensor([[0, 9], [3, 3], [8, 1], [5, 2], [2, 5]])
    z, J = g.outputs_and_class_gradients(signs, images, classes, batch_size=2)
    every = g.class_jacobian(signs, images)
    torch.testing.assert_close(J, every[torch.arange(5)[:, None], classes], rtol=1e-10, atol=1e-14)
    assert torch.equal(z, g.model_outputs(signs, images, batch_size=2))
    for wrong in (classes[:3], classes[:, 0]):
        with pytest.raises(ValueError, match="classes: whole numbers"):
            g.outputs_and_class_gradients(signs, images, wrong)
    for wrong in (classes + 1, classes - 1):
        with pytest.raises(ValueError, match="classes must lie in"):
            g.outputs_and_class_gradients(signs, images, wrong)


def test_class_gradient_gram_requires_classes_for_many_outputs(assert_unchanged):
    model = init_with_seed(torch.nn.Linear(3, 200))
    x = torch.ones(2, 3)
    with pytest.raises(ValueError, match="200 classes: name up to 128"):
        g.class_gradient_gram(assert_unchanged(model), x)
    assert g.class_gradient_gram(model, x, classes=[3, 199]).shape == (2, 1, 2, 2)


def test_gradient_functions_reject_invalid_arguments(signs, images):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        g.input_gradient(signs, images, batch_size=0)
    with pytest.raises(ValueError, match="p ≥ 1"):
        g.per_sample_gradient_norms(signs, images, p=0.5)
    with pytest.raises(ValueError, match="unknown grouping 'row'"):
        g.per_sample_gradient_norms(signs, images, group_by="row")
    with pytest.raises(ValueError, match="expected logit_gradients of floats"):
        g.gradient_norms_from_gram(torch.ones(2, 3, 4, 4), torch.ones(2, 5))
    with pytest.raises(ValueError, match="features"):
        g.last_layer_gradient_factors(torch.ones(2, 3), torch.ones(3, 4))


def test_gradients_are_zero_for_objective_independent_of_outputs(signs, images):
    blind = g.bind_per_sample(lambda z, t: t, torch.ones(5, dtype=torch.float64))
    assert not g.input_gradient(signs, images, blind).any()
    assert not g.per_sample_gradient_norms(signs, images, blind).any()


def test_gradient_functions_stay_within_flop_budget(assert_unchanged):
    torchvision = pytest.importorskip("torchvision")
    model = assert_unchanged(init_with_seed(torchvision.models.resnet18(weights=None, num_classes=10)))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    forward = flops(lambda: model(x))
    with g.skip_independence_check():
        assert flops(lambda: g.input_gradient(model, x)) <= 2.01 * forward
        assert flops(lambda: g.layer_gradient(model, x, "layer4.1")) <= 1.15 * forward
        assert flops(lambda: g.layer_gradient(model, x, "layer4.1.conv2")) <= 1.15 * forward
        assert flops(lambda: g.class_jacobian(model, x)) <= 0.6 * flops(
            lambda: g.input_gradient(model, x.repeat_interleave(10, 0))
        )
        assert flops(lambda: g.per_sample_gradient_norms(model, x)) <= 3 * forward
