"""Guided backpropagation and the deconvnet, against captum, and where captum cannot follow."""

import warnings

import captum.attr
import pytest
import torch
from information.conftest import made
from oracles import Signs
from torch import nn

from tutorial_lib import gradients as g
from tutorial_lib import information as i

THEIRS = {"guided": captum.attr.GuidedBackprop, "deconvolution": captum.attr.Deconvolution}


def theirs(model, x, labels, rule):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        return THEIRS[rule](model).attribute(x.clone(), labels)


@pytest.mark.parametrize("rule", THEIRS)
def test_as_captum_where_every_relu_is_a_module(rule, pooled, images, answers):
    found = i.guided_backprop(pooled, images, answers, rule=rule)
    torch.testing.assert_close(found, theirs(pooled, images, answers, rule), rtol=1e-10, atol=1e-14)
    assert (found - i.saliency(pooled, images, answers)).norm() > 0.1 * found.norm()


def test_captum_misses_functions_and_reused_modules(signs, images, labels):
    """Signs uses one in-place ReLU twice, and another as a function: the naive rule decides who is right."""

    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a.relu()

        @staticmethod
        def backward(ctx, grad):
            (a,) = ctx.saved_tensors
            return grad * (a > 0) * (grad > 0)

    class Naive(Signs):
        def forward(self, x):
            x = Guided.apply(self.norm(self.stem(x)))
            x = Guided.apply(self.group(self.left(x)) + self.right(x))
            return self.head(Guided.apply(self.last(x) + x).mean((2, 3)))

    naive = made(Naive)
    naive.load_state_dict(signs.state_dict())
    leaf = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad(g.logit(labels)(naive(leaf)).sum(), leaf)
    torch.testing.assert_close(i.guided_backprop(signs, images, labels), expected, rtol=1e-10, atol=1e-14)
    assert (theirs(signs, images, labels, "guided") - expected).norm() > 0.1 * expected.norm()


def test_without_negative_weights_nothing_is_stopped(images):
    """One layer of ReLUs and weights ≥ 0 behind it: nothing negative reaches the rule, so it is the plain gradient."""
    model = made(lambda: nn.Sequential(nn.Flatten(), nn.Linear(432, 9), nn.ReLU(), nn.Linear(9, 3)))
    model[3].weight.data.abs_()
    torch.testing.assert_close(
        i.guided_backprop(model, images, 1), i.saliency(model, images, 1), rtol=1e-12, atol=1e-15
    )
