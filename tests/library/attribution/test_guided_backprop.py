"""Guided backpropagation and the deconvnet, compared with captum and tested where captum cannot be applied."""

import warnings

import captum.attr
import pytest
import torch
from torch import nn

from tests._reference import SmallSignNet
from tests.library.attribution.conftest import make_model
from tutorial_lib import attribution as i
from tutorial_lib import gradients as g

CAPTUM_METHODS = {"guided": captum.attr.GuidedBackprop, "deconvolution": captum.attr.Deconvolution}


def captum_attribution(model, x, labels, rule):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum warns that it sets hooks
        return CAPTUM_METHODS[rule](model).attribute(x.clone(), labels)


@pytest.mark.parametrize("rule", CAPTUM_METHODS)
def test_guided_backprop_matches_captum_with_relu_modules(rule, pooled_cnn, images, predicted_labels):
    maps = i.guided_backprop(pooled_cnn, images, predicted_labels, rule=rule)
    torch.testing.assert_close(
        maps, captum_attribution(pooled_cnn, images, predicted_labels, rule), rtol=1e-10, atol=1e-14
    )
    assert (maps - i.saliency(pooled_cnn, images, predicted_labels)).norm() > 0.1 * maps.norm()


def test_guided_backprop_handles_functional_and_reused_relus(signs, images, labels):
    """The network uses one in-place ReLU twice and another as a function; the expected map applies the rule naively."""

    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a.relu()

        @staticmethod
        def backward(ctx, grad):
            (a,) = ctx.saved_tensors
            return grad * (a > 0) * (grad > 0)

    class Naive(SmallSignNet):
        def forward(self, x):
            x = Guided.apply(self.norm(self.stem(x)))
            x = Guided.apply(self.group(self.left(x)) + self.right(x))
            return self.head(Guided.apply(self.last(x) + x).mean((2, 3)))

    naive = make_model(Naive)
    naive.load_state_dict(signs.state_dict())
    leaf = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad(g.logit(labels)(naive(leaf)).sum(), leaf)
    torch.testing.assert_close(i.guided_backprop(signs, images, labels), expected, rtol=1e-10, atol=1e-14)
    assert (captum_attribution(signs, images, labels, "guided") - expected).norm() > 0.1 * expected.norm()


def test_guided_backprop_equals_gradient_without_negative_weights(images):
    """One layer of ReLUs followed by weights ≥ 0: no negative gradient reaches the rule, which changes nothing."""
    model = make_model(lambda: nn.Sequential(nn.Flatten(), nn.Linear(432, 9), nn.ReLU(), nn.Linear(9, 3)))
    model[3].weight.data.abs_()
    torch.testing.assert_close(
        i.guided_backprop(model, images, 1), i.saliency(model, images, 1), rtol=1e-12, atol=1e-15
    )
