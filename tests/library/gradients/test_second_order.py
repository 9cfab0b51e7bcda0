"""Gradients of gradient norms, compared with finite differences, a closed form and a naive double backward pass."""

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import gradients as g


def weighted_log_sum(norms):
    return (norms.log() * torch.arange(1, norms.shape[1] + 1).to(norms)).sum(1)


@pytest.fixture
def smooth_model(assert_unchanged):
    layers = nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3, groups=2), nn.Softplus(), nn.Flatten(), nn.Linear(256, 6)
    return assert_unchanged(init_with_seed(nn.Sequential(*layers)).double())


@pytest.mark.parametrize("by", ["layer", "tensor"])
@pytest.mark.parametrize(
    "J", [g.confounding_label_loss(), g.cross_entropy(torch.tensor([1, 0, 3, 5, 1]))], ids=["confounding", "labels"]
)
def test_input_gradient_of_norms_matches_finite_differences(J, by, smooth_model, images):
    norms, gradient = g.input_gradient_of_norms(smooth_model, images, J, weighted_log_sum, group_by=by)
    torch.testing.assert_close(
        norms, g.per_sample_gradient_norms(smooth_model, images, J, group_by=by), rtol=1e-10, atol=1e-14
    )
    height = lambda x: weighted_log_sum(g.per_sample_gradient_norms(smooth_model, x, J, group_by=by))
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        direction = torch.randn(images.shape, generator=generator, dtype=images.dtype)
        slope = (height(images + 1e-6 * direction) - height(images - 1e-6 * direction)) / 2e-6
        torch.testing.assert_close((gradient * direction).flatten(1).sum(1), slope, rtol=1e-5, atol=1e-6)


def test_input_gradient_of_norms_matches_double_backward(signs, images, labels):
    J, layers = g.cross_entropy(labels), ["left", "head"]
    _, gradient = g.input_gradient_of_norms(signs, images, J, weighted_log_sum, layers=layers)
    parameters = [[*signs.left.parameters()], [*signs.head.parameters()]]
    for n in range(5):
        leaf = images[n : n + 1].clone().requires_grad_()
        loss = nn.functional.cross_entropy(signs(leaf), labels[n : n + 1])
        norms = [
            sum(G.square().sum() for G in torch.autograd.grad(loss, own, create_graph=True)).sqrt()
            for own in parameters
        ]
        (expected,) = torch.autograd.grad(weighted_log_sum(torch.stack(norms)[None])[0], leaf)
        torch.testing.assert_close(gradient[n], expected[0], rtol=1e-8, atol=1e-12)


class DataDependentScale(nn.Module):
    """Cannot be vectorized, because it converts a tensor to a Python number."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2).double()

    def forward(self, x):
        return self.head(x * (2.0 if x.sum().item() > 0 else 1.0))


def test_input_gradient_of_norms_falls_back_to_loop_without_vmap(assert_unchanged):
    model = assert_unchanged(DataDependentScale())
    x = torch.tensor([[1.0, 2.0, 2.0], [-2.0, -1.0, -2.0]], dtype=torch.float64)
    norms, gradient = g.input_gradient_of_norms(model, x, 1, lambda norms: norms.sum(1), group_by="tensor")
    scale = torch.tensor([[2.0], [1.0]], dtype=torch.float64)
    torch.testing.assert_close(norms, torch.cat([3 * scale, torch.ones_like(scale)], 1))
    torch.testing.assert_close(gradient, scale * x / 3)


def test_input_gradient_of_norms_rejects_reduction_of_wrong_shape(signs, images):
    with pytest.raises(ValueError, match="one number per row"):
        g.input_gradient_of_norms(signs, images, None, lambda norms: norms)


@pytest.mark.parametrize("offload", [True, False])
def test_saved_tensors_hooks_of_the_caller_are_named_where_torch_func_refuses_them(offload, signs, images):
    """Functions without torch.func give the same result inside the block."""
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(force=True), torch.from_numpy)
    expected = g.per_sample_gradients(signs, images, 1)
    with torch.autograd.graph.save_on_cpu() if offload else hooks:
        with pytest.raises(ValueError, match="outside a block with saved_tensors_hooks"):
            g.input_gradient_of_norms(signs, images, 1, weighted_log_sum)
        torch.testing.assert_close(g.per_sample_gradients(signs, images, 1), expected)
        assert g.loss_and_gradients(signs, images, 1, layers="head")[0].isfinite()
