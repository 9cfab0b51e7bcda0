"""Other backward rules for ReLUs in every spelling, reductions of the class Jacobian, and objective values."""

import copy

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import gradients as g
from tutorial_lib.gradients.relu_rules import guided_backprop


class NaiveReLURule(torch.autograd.Function):
    """The formula, written naively."""

    @staticmethod
    def forward(ctx, a, rule, top):
        ctx.save_for_backward(a)
        ctx.rule, ctx.top = rule, top
        return a.clamp(0, top)

    @staticmethod
    def backward(ctx, grad):
        (a,) = ctx.saved_tensors
        passes = (a > 0) & (a < ctx.top) if ctx.rule == "guided" else torch.ones_like(a, dtype=torch.bool)
        return grad * passes * (grad > 0), None, None


RELU_VARIANTS = {
    "module": nn.ReLU(),
    "in place": nn.ReLU(inplace=True),
    "function": nn.functional.relu,
    "function in place": lambda a: nn.functional.relu(a, inplace=True),
    "method": lambda a: a.clone().relu_(),
    "clamp": lambda a: a.clamp(min=0),
    "clamp_min": lambda a: a.clamp_min(0),
    "threshold": lambda a: nn.functional.threshold(a, 0, 0),
    "six": nn.functional.relu6,
    "six in place": nn.ReLU6(inplace=True),
}


class Reused(nn.Module):
    """A network that uses one activation three times, once after a residual addition."""

    def __init__(self, act):
        super().__init__()
        self.act = act
        self.one, self.two, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x):
        x = self.act(self.one(x))
        x = self.act(self.act(self.two(x)) - 0.5 * x)
        return self.head(torch.sigmoid(x).mean((2, 3)))


@pytest.mark.parametrize("rule", ["guided", "deconvolution"])
@pytest.mark.parametrize("name", RELU_VARIANTS)
def test_guided_backprop_covers_every_form_of_relu(name, rule, images, assert_unchanged):
    naive = init_with_seed(
        Reused(lambda a: NaiveReLURule.apply(a, rule, 6.0 if name.startswith("six") else torch.inf)).double()
    )
    model = assert_unchanged(init_with_seed(Reused(RELU_VARIANTS[name]).double()))
    leaf = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad(naive(leaf)[:, 2].sum(), leaf)
    gradient = guided_backprop(model, images, 2, rule=rule)
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-15)
    assert (gradient - g.input_gradient(model, images, 2)).norm() > 0.01 * gradient.norm()


def test_guided_backprop_does_not_treat_unit_clamp_as_relu(images, assert_unchanged):
    act = lambda a: a.clamp(0, 1)
    with pytest.raises(ValueError, match="no ReLU was found on the way through this Reused"):
        guided_backprop(assert_unchanged(init_with_seed(Reused(act).double())), images, 2)


@pytest.mark.parametrize("act", [nn.GELU(), nn.SiLU(), torch.tanh, nn.LeakyReLU()])
def test_guided_backprop_rejects_model_without_relu(act, images, assert_unchanged):
    with pytest.raises(ValueError, match="no ReLU was found"):
        guided_backprop(assert_unchanged(init_with_seed(Reused(act).double())), images)


def test_guided_backprop_does_not_apply_to_the_objective(images, labels, assert_unchanged):
    model = assert_unchanged(init_with_seed(Reused(nn.ReLU()).double()))
    hinge = g.bind_per_sample(
        lambda z, y: -(1 - z.gather(1, y[:, None])[:, 0]).relu() - z.gather(1, y[:, None])[:, 0], labels % 4
    )
    plain = g.bind_per_sample(
        lambda z, y: -(1 - z.gather(1, y[:, None])[:, 0]).clamp(0, 9) - z.gather(1, y[:, None])[:, 0], labels % 4
    )
    assert torch.equal(guided_backprop(model, images, hinge), guided_backprop(model, images, plain))


def test_guided_backprop_rejects_invalid_arguments(signs, images):
    with pytest.raises(ValueError, match="unknown rule 'guide'; the nearest: 'guided'"):
        guided_backprop(signs, images, rule="guide")
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        guided_backprop(signs, images, batch_size=0)
    blind = g.bind_per_sample(lambda z, t: t, torch.ones(5, dtype=torch.float64))
    assert not guided_backprop(signs, images, blind).any()


@pytest.mark.parametrize("layer", ["stem", "left", "last"])
@pytest.mark.parametrize("classes", [None, [7, 2]])
def test_reduced_class_jacobian_matches_reduction_of_class_jacobian(layer, classes, signs, images):
    A, z, reduced = g.reduced_class_jacobian(signs, images, layer, lambda G: G.square().sum(2), classes=classes)
    expected = g.class_jacobian(signs, images, layer=layer, classes=classes).square().sum(2)
    torch.testing.assert_close(reduced, expected, rtol=1e-10, atol=1e-14)
    assert torch.equal(z, signs(images)) and torch.equal(A, g.layer_gradient(signs, images, layer)[0])
    assert not A.requires_grad and not z.requires_grad and not reduced.requires_grad


def test_reduced_class_jacobian_processes_classes_in_chunks(signs, images, monkeypatch):
    sizes = []
    unchunked = g.reduced_class_jacobian(signs, images, "last", lambda G: sizes.append(len(G)) or G.mean((3, 4)))
    monkeypatch.setitem(g.inputs.CHUNK_NUMEL, "cpu", 3 * unchunked[0].numel())
    chunked = g.reduced_class_jacobian(signs, images, "last", lambda G: sizes.append(len(G)) or G.mean((3, 4)))[2]
    torch.testing.assert_close(chunked, unchunked[2], rtol=1e-12, atol=1e-16)
    assert sizes == [10, 3, 3, 3, 1]


class DoubleWithoutVmapRule(torch.autograd.Function):
    """Multiplication by two, without a rule for vmap."""

    @staticmethod
    def forward(ctx, a):
        return a * 2

    @staticmethod
    def backward(ctx, grad):
        return torch.from_numpy(grad.numpy()) * 2


def test_reduced_class_jacobian_falls_back_without_vmap_support(assert_unchanged, images):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 6)

        def forward(self, x):
            return self.head(DoubleWithoutVmapRule.apply(self.conv(x)).mean((2, 3)))

    model = assert_unchanged(init_with_seed(Odd().double()))
    _, _, reduced = g.reduced_class_jacobian(model, images, "conv", lambda G: G.sum((3, 4)))
    torch.testing.assert_close(reduced, 2 * model.head.weight.detach().expand(5, 6, 4), rtol=1e-12, atol=1e-14)


def test_objective_values_match_objective_of_outputs(signs, images, labels):
    with torch.no_grad():
        expected = g.cross_entropy(labels)(signs(images))
    for batch_size in (1, 2, 64):
        torch.testing.assert_close(
            g.objective_values(signs, images, g.cross_entropy(labels), batch_size=batch_size),
            expected,
            rtol=1e-12,
            atol=0,
        )
    assert torch.equal(g.objective_values(signs, images), signs(images).amax(1).detach())
    with torch.inference_mode():
        torch.testing.assert_close(
            g.objective_values(signs, images.clone(), g.cross_entropy(labels.clone())), expected, rtol=1e-12, atol=0
        )
    with pytest.raises(ValueError, match="at least one sample"):
        g.objective_values(signs, images[:0])


def test_fix_predicted_class_keeps_class_on_other_images(signs, images):
    predicted = signs(images).argmax(1)
    far = 9 * torch.randn(images.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert not torch.equal(signs(far).argmax(1), predicted)
    for batch_size in (2, 64):
        J = g.fix_predicted_class(signs, images, g.logit_difference(3), batch_size=batch_size)
        torch.testing.assert_close(
            g.objective_values(signs, far, J),
            g.objective_values(signs, far, g.logit_difference(3, predicted)),
            rtol=1e-12,
            atol=1e-12,
        )
    assert g.fix_predicted_class(signs, images, 4).bound == (4,)


def test_fix_predicted_class_runs_forward_only_when_needed(signs, images, labels):
    passes = []
    model = copy.deepcopy(signs)
    model.register_forward_pre_hook(lambda *_: passes.append(1))
    g.fix_predicted_class(model, images, g.cross_entropy(labels))
    assert not passes
    with g.skip_independence_check():
        g.fix_predicted_class(model, images)
    assert passes == [1]
