"""Gradients with respect to inputs and activations, what they cost, and the table that compares ways of computing."""

import pytest
import torch
from oracles import drawn
from torch.utils.flop_counter import FlopCounterMode

from tutorial_lib import gradients as g


def flops(f):
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops()


def test_closed_form_autograd_and_finite_difference_agree(signs, images, labels):
    J = g.cross_entropy(labels)
    leaf = images.clone().requires_grad_()
    (autograd,) = torch.autograd.grad(J(signs(leaf)).sum(), leaf)
    ways = torch.eye(432, dtype=torch.float64).view(432, 1, 3, 12, 12)[::43]
    with torch.no_grad():
        finite = torch.stack([(J(signs(images + 1e-6 * w)) - J(signs(images - 1e-6 * w))) / 2e-6 for w in ways], 1)
    ours = g.input_gradient(signs, images, J)
    assert g.compare(autograd=autograd, ours=ours).agree
    assert (ours.flatten(1)[:, ::43] - finite).abs().max() < 1e-7 * ours.abs().max()
    h, delta = g.features(signs, images)[1], g.last_layer_gradient(*g.features(signs, images), J)[0]
    table = g.compare(
        closed_form=delta[:, :, None] * h[:, None],
        autograd=g.parameter_gradients(signs, images, J, layers="head")["head.weight"],
        norm=(delta[:, :, None] * h[:, None]).float(),
        wrong=2 * delta[:, :, None] * h[:, None],
    )
    assert [row.verdict for row in table] == ["exact", table[1].verdict, "close", "different"] and table[
        1
    ].verdict != "different"
    assert not table.agree and "largest difference" in repr(table) and table._repr_markdown_().startswith("| ")


def test_compare_refuses(images):
    with pytest.raises(ValueError, match="at least two"):
        g.compare(a=images)
    with pytest.raises(ValueError, match="b has shape"):
        g.compare(a=images, b=images[1:])
    assert g.compare(a=images, b=images / 0).agree is False
    assert g.compare(a=images[:0], b=images[:0]).agree


def test_class_jacobian_is_every_class_gradient(signs, images):
    J = g.class_jacobian(signs, images)
    each = torch.stack([g.input_gradient(signs, images, c) for c in range(10)], 1)
    torch.testing.assert_close(J, each, rtol=1e-10, atol=1e-14)
    delta = g.last_layer_gradient(signs(images).detach(), images.flatten(1), g.uniform())[0]
    torch.testing.assert_close(
        torch.einsum("nc,nc...->n...", delta, J), g.input_gradient(signs, images, g.uniform()), rtol=1e-9, atol=1e-13
    )
    late = g.class_jacobian(signs, images, layer="last", classes=[9, 2])
    torch.testing.assert_close(late[:, 0], g.layer_gradient(signs, images, signs.last, 9)[1], rtol=1e-10, atol=1e-14)
    for classes in ([10], [-1], []):
        with pytest.raises(ValueError, match="classes must lie in 0…9"):
            g.class_jacobian(signs, images, classes=classes)


def test_one_pass_gives_outputs_and_gradient(signs, images, labels):
    J = g.cross_entropy(labels)
    z, gradient = g.outputs_and_gradient(signs, images, J)
    assert torch.equal(z, g.outputs(signs, images)) and torch.equal(gradient, g.input_gradient(signs, images, J))
    torch.testing.assert_close(z, signs(images).detach(), rtol=1e-12, atol=1e-14)
    forward = flops(lambda: signs(images))
    assert flops(lambda: g.outputs_and_gradient(signs, images, J)) <= 2.01 * forward


def test_every_sample_may_ask_about_classes_of_its_own(signs, images):
    classes = torch.tensor([[0, 9], [3, 3], [8, 1], [5, 2], [2, 5]])
    z, J = g.outputs_and_jacobian(signs, images, classes, chunk=2)
    every = g.class_jacobian(signs, images)
    torch.testing.assert_close(J, every[torch.arange(5)[:, None], classes], rtol=1e-10, atol=1e-14)
    assert torch.equal(z, g.outputs(signs, images, chunk=2))
    for wrong in (classes[:3], classes[:, 0]):
        with pytest.raises(ValueError, match=r"one row a sample, \(5, K\)"):
            g.outputs_and_jacobian(signs, images, wrong)
    for wrong in (classes + 1, classes - 1):
        with pytest.raises(ValueError, match="classes must lie in"):
            g.outputs_and_jacobian(signs, images, wrong)


def test_many_classes_must_be_named(untouched):
    model = drawn(torch.nn.Linear(3, 200))
    x = torch.ones(2, 3)
    with pytest.raises(ValueError, match="200 classes: name up to 128"):
        g.gradient_gram(untouched(model), x)
    assert g.gradient_gram(model, x, classes=[3, 199]).shape == (2, 1, 2, 2)


def test_wrong_arguments(signs, images):
    with pytest.raises(ValueError, match="chunk must be at least 1"):
        g.input_gradient(signs, images, chunk=0)
    with pytest.raises(ValueError, match="p ≥ 1"):
        g.gradient_norms(signs, images, p=0.5)
    with pytest.raises(ValueError, match="unknown grouping 'row'"):
        g.gradient_norms(signs, images, by="row")
    with pytest.raises(ValueError, match="K must be"):
        g.norms_from_gram(torch.ones(2, 3, 4, 4), torch.ones(2, 5))
    with pytest.raises(ValueError, match="features"):
        g.last_layer_gradient(torch.ones(2, 3), torch.ones(3, 4))


def test_an_objective_blind_to_the_input_has_the_gradient_zero(signs, images):
    blind = g.per_sample(lambda z, t: t, torch.ones(5, dtype=torch.float64))
    assert not g.input_gradient(signs, images, blind).any()
    assert not g.gradient_norms(signs, images, blind).any()


def test_what_it_costs(untouched):
    torchvision = pytest.importorskip("torchvision")
    model = untouched(drawn(torchvision.models.resnet18(weights=None, num_classes=10)))
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    forward = flops(lambda: model(x))
    assert flops(lambda: g.input_gradient(model, x)) <= 2.01 * forward
    assert flops(lambda: g.layer_gradient(model, x, "layer4.1")) <= 1.15 * forward
    assert flops(lambda: g.layer_gradient(model, x, "layer4.1.conv2")) <= 1.15 * forward
    assert flops(lambda: g.class_jacobian(model, x)) <= 0.6 * flops(
        lambda: g.input_gradient(model, x.repeat_interleave(10, 0))
    )
    assert flops(lambda: g.gradient_norms(model, x)) <= 3 * forward
