"""The gradient of a batch with its graph: compared with autograd, and its derivative with finite differences."""

import copy

import pytest
import torch
from torch import nn

from tutorial_lib import gradients as g


def test_loss_and_gradients_matches_mean_of_per_sample_gradients(signs, images, labels):
    per_sample = g.per_sample_gradients(signs, images, g.cross_entropy(labels))
    model = copy.deepcopy(signs).requires_grad_()
    J, gradients = g.loss_and_gradients(model, images, g.cross_entropy(labels))
    torch.testing.assert_close(J.detach(), g.objective_values(signs, images, g.cross_entropy(labels)).mean())
    assert gradients.keys() == per_sample.keys() and J.requires_grad
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient.detach(), per_sample[name].mean(0), rtol=1e-9, atol=1e-12)


def test_loss_and_gradients_selects_layers(signs, images):
    model = copy.deepcopy(signs).requires_grad_()
    gradients = g.loss_and_gradients(model, images, 1, layers=["left", "head"])[1]
    assert list(gradients) == g.layer_names(model, ["left", "head"], group_by="tensor") and len(gradients) == 4


def test_loss_and_gradients_double_backward_matches_finite_differences(images):
    """d/dθ of ½‖∂J/∂W‖², compared with central differences of first derivatives."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(432, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    for p in model.parameters():
        p.data = 0.1 * torch.randn(p.shape, generator=generator, dtype=torch.float64)

    def half_square():
        return (
            sum(
                v.square().sum()
                for v in g.loss_and_gradients(model, images, g.kl_from_uniform(), layers="3")[1].values()
            )
            / 2
        )

    parameters = list(model.parameters())
    gradients = torch.autograd.grad(half_square(), parameters)
    directions = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters]
    values = []
    for sign in (1, -1):
        for p, d in zip(parameters, directions, strict=True):
            p.data += sign * 1e-5 * d
        values.append(half_square().item())
        for p, d in zip(parameters, directions, strict=True):
            p.data -= sign * 1e-5 * d
    slope = sum((f * d).sum() for f, d in zip(gradients, directions, strict=True)).item()
    assert abs(slope) > 1e-6 and (values[0] - values[1]) / 2e-5 == pytest.approx(slope, rel=1e-6)


def test_loss_and_gradients_is_zero_for_unused_parameters(images):
    model = nn.ModuleDict({"used": nn.Conv2d(3, 1, 1), "idle": nn.Linear(2, 2)}).double()
    model.forward = lambda x: model["used"](x).mean((1, 2, 3))
    _, gradients = g.loss_and_gradients(model, images, lambda out: out)
    assert (
        torch.equal(gradients["idle.weight"], torch.zeros(2, 2).double()) and gradients["used.weight"].abs().sum() > 0
    )


def test_loss_and_gradients_restores_model_and_ignores_autograd_modes(signs, images, assert_unchanged):
    model = assert_unchanged(copy.deepcopy(signs).requires_grad_())
    expected = g.loss_and_gradients(model, images, 1)[1]["head.weight"]
    with torch.no_grad():
        gradient = g.loss_and_gradients(model, images, 1)[1]["head.weight"]
    assert gradient.requires_grad and torch.equal(gradient, expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(g.loss_and_gradients(model, images, 1)[1]["head.weight"], expected)
    leaf = images.clone().requires_grad_()
    g.loss_and_gradients(model, leaf * 1, 1)[0].backward(inputs=[model.head.bias])
    assert leaf.grad is None
    model.head.bias.grad = None


def test_loss_and_gradients_rejects_invalid_input(signs, images):
    with pytest.raises(ValueError, match="require no gradient"):
        g.loss_and_gradients(signs, images, 1)  # the weight of its normalization layer is frozen
    with pytest.raises(ValueError, match="unknown layer"):
        g.loss_and_gradients(signs, images, 1, layers="hed")
    training = copy.deepcopy(signs).requires_grad_().train()
    with pytest.raises(ValueError, match="statistics of the batch"):
        g.loss_and_gradients(training, images, 1)
