"""Values that captum's own tests state for small networks whose weights are known, expected here from our functions.

The networks and inputs are built again from their description; the numbers are facts about them. Where a function of
captum takes several inputs, ours takes one tensor that holds them, because a model takes x alone.

Our functions differ from captum's in four ways, and the tests convert between them:

- captum's saliency is an absolute value, ours is signed;
- its occlusion starts from zero and clips the last window at the border, whereas ours starts from the mean color
  (``fill=0.0`` selects zero) and moves the last window inside the image;
- its Grad-CAM of a layer without positions is the sum over its units, whereas ours raises an error;
- its Guided Grad-CAM interpolates with the nearest value, ours bilinearly.

The noise of its noise tunnel is random, so only the limit without noise is compared.

References:
    captum, commit faac087, ``tests/attr``, ``tests/attr/layer``, ``tests/utils`` and
    ``captum/testing/helpers/basic_models.py``, https://github.com/pytorch/captum.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import attribution as i
from tutorial_lib import gradients as g


def floats(values):
    return torch.tensor(values, dtype=torch.float64)


def assert_values(actual, expected):
    torch.testing.assert_close(actual, floats(expected), rtol=1e-9, atol=1e-9)


def build(network, *args, **kwargs):
    """Return a network without changing the global random state."""
    with torch.random.fork_rng([]):
        return network(*args, **kwargs)


class Function(nn.Module):
    """A function without weights as a model."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


# x is a batch of vectors, or of pairs of vectors (N, 2, d) where captum takes two inputs.
saturated = Function(lambda x: 1 - F.relu(1 - x))
difference = Function(lambda x: F.relu(F.relu(x[:, 0]) - 1 - F.relu(x[:, 1])))
shifted_difference = Function(lambda x: F.relu(F.relu(x[:, 0] - 1) - F.relu(x[:, 1])))


def weighted_difference(a, b):
    return Function(lambda x: F.relu(a * F.relu(x[:, 0] - 1) - b * F.relu(x[:, 1])))


class Perceptron(nn.Module):
    """The identity, four sums of the inputs with biases, a ReLU, and two sums with biases."""

    def __init__(self, inplace=False):
        super().__init__()
        self.identity, self.hidden, self.relu = nn.Linear(3, 3), nn.Linear(3, 4), nn.ReLU(inplace)
        self.unused, self.last = nn.ReLU(), nn.Linear(4, 2)
        with torch.no_grad():
            self.identity.weight.copy_(torch.eye(3))
            self.identity.bias.zero_()
            self.hidden.weight.fill_(1)
            self.hidden.bias.copy_(torch.tensor([-10.0, 1, 1, 1]))
            self.last.weight.fill_(1)
            self.last.bias.copy_(torch.tensor([-1.0, 1]))
        self.double()

    def forward(self, x):
        h = self.hidden(self.identity(x.flatten(1)))
        self.unused(h)
        return self.last(self.relu(h))


class OneConvolution(nn.Module):
    """Two 3 × 3 sums with biases over a 4 × 4 image, a ReLU, four times the same signed sum of them, and a ReLU.

    The channels of x are added first, where captum takes one or two images.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.entry, self.conv, self.relu = nn.Identity(), nn.Conv2d(1, 2, 3), nn.ReLU(inplace)
        self.fc, self.relu2 = nn.Linear(8, 4), nn.ReLU(inplace)
        with torch.no_grad():
            self.conv.weight.fill_(1)
            self.conv.bias.copy_(torch.tensor([-50.0, -75]))
            self.fc.weight.copy_(torch.tensor([1.0] * 5 + [-1.0] * 3))
            self.fc.bias.zero_()
        self.double()

    def forward(self, x):
        h = self.relu(self.conv(self.entry(x.sum(1, keepdim=True))))
        return self.relu2(self.fc(h.flatten(1)))


RAMP = torch.arange(16, dtype=torch.float64).view(1, 1, 4, 4)
RAMP_AND_ONES = torch.cat([RAMP, torch.ones_like(RAMP)], 1)


@pytest.fixture
def perceptron(assert_unchanged):
    return assert_unchanged(build(Perceptron))


@pytest.fixture
def convolution(assert_unchanged):
    return assert_unchanged(build(OneConvolution))


@pytest.fixture
def inplace_convolution(assert_unchanged):
    return assert_unchanged(build(OneConvolution, inplace=True))


# Gradients with respect to the input.


def test_saliency_of_saturated_unit_matches_captum():
    x = floats([[1], [2], [3], [0], [-1], [7], [5], [-3]])
    assert_values(i.saliency(saturated, x, 0), [[0], [0], [0], [1], [1], [0], [0], [1]])


@pytest.mark.parametrize(
    "model, x, objective, expected",
    [
        (difference, [[[4, -1], [2, 5]]], 0, [[[1, 0], [-1, 0]]]),
        (difference, [[[4, -1], [2, 5]]], 1, [[[0, 0], [0, 0]]]),
        (
            difference,
            [[[4, -1], [2, -5]], [[3, 10], [-2, 1]]],
            torch.tensor([0, 1]),
            [[[1, 0], [-1, 0]], [[0, 1], [0, -1]]],
        ),
        (weighted_difference(1, 0.5), [[[10], [8]]], 0, [[[1], [-0.5]]]),
        (weighted_difference(3, -4), [[[-10], [6]]], 0, [[[0], [4]]]),
        (
            Function(lambda x: 1 - F.relu(1 - x.sum(1))),
            [[[-3, -5], [-5, 2]]],
            1,
            [[[0, 1], [0, 1]]],
        ),
    ],
)
def test_saliency_of_two_inputs_matches_captum(model, x, objective, expected):
    assert_values(i.saliency(model, floats(x), objective), expected)


def test_saliency_of_outputs_with_two_axes_matches_captum():
    """Where captum takes a tuple of indices as target, ours takes a function of the outputs."""
    x = floats([[[4, 2], [-1, -2]], [[3, -4], [10, 5]]])
    one_entry = i.saliency(saturated, x, lambda z: z[:, 0, 1])
    assert_values(one_entry, [[[0, 0], [0, 0]], [[0, 1], [0, 0]]])
    entries = g.bind_per_sample(lambda z, k: z.flatten(1).gather(1, k[:, None])[:, 0], torch.tensor([3, 1]))
    assert_values(i.saliency(saturated, x, entries), [[[0, 0], [0, 1]], [[0, 1], [0, 0]]])


def test_absolute_saliency_matches_captum_with_negative_gradients():
    """Captum returns absolute values unless ``abs=False``; its test takes those of a gradient with both signs."""
    x = floats([[[1.5, 2, 34.3], [3, 3.5, 23.2]], [[3.4, 1.2, 2], [2.3, 1.2, 0.3]]])
    maps = i.saliency(weighted_difference(2, 3), x, 2)
    assert_values(maps, [[[0, 0, 0], [0, 0, 0]], [[0, 0, 2], [0, 0, -3]]])
    assert_values(maps.abs(), [[[0, 0, 0], [0, 0, 0]], [[0, 0, 2], [0, 0, 3]]])
    assert_values(x * maps, [[[0, 0, 0], [0, 0, 0]], [[0, 0, 4], [0, 0, -0.9]]])  # input × gradient


def test_saliency_leaves_gradient_attribute_of_input_as_in_captum():
    x = floats([[5], [-3]]).requires_grad_()
    x.grad = floats([[9], [14]])
    assert_values(i.saliency(saturated, x, 0), [[0], [1]])
    assert_values(x.grad, [[9], [14]])
    assert x.requires_grad


@pytest.mark.parametrize("inplace", [False, True])
def test_saliency_of_perceptron_matches_captum(inplace):
    model = build(Perceptron, inplace)
    assert_values(i.saliency(model, floats([[1, 6, -3]]), 0), [[3, 3, 3]])


def test_saliency_and_input_x_gradient_of_probability_match_captum():
    """Captum's network ends in a softmax; the probability as an objective of the logits has the same gradient."""
    layers = nn.Linear(5, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 10)
    hidden = init_with_seed(nn.Sequential(*layers).double())
    x = floats([[0, 1, 2, 3, 4]])
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(hidden(leaf).softmax(1)[0, 5], leaf)
    for model, objective in ((nn.Sequential(hidden, nn.Softmax(1)), 5), (hidden, lambda z: z.softmax(1)[:, 5])):
        maps = i.saliency(model, x, objective)
        torch.testing.assert_close(maps, expected, rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(x * maps, x * expected, rtol=1e-10, atol=1e-14)


# Noise tunnel.


LARGE = floats([[[10.5, 12, 34.3], [1, 3.5, 23.2]], [[43.4, 51.2, 32], [2.3, 1.2, 0.3]]]).repeat_interleave(3, 0)


@pytest.mark.parametrize("reduction", ["mean", "square", "variance"])
def test_noise_tunnel_with_little_noise_matches_captum(reduction):
    """With vanishing noise the mean is the gradient, the mean square its square, and the variance zero."""
    model = weighted_difference(2, 3)
    gradient = i.saliency(model, LARGE, 1)
    assert_values(gradient, [[[0, 2, 0], [0, -3, 0]]] * 6)
    expected = {"mean": gradient, "square": gradient.square(), "variance": torch.zeros_like(gradient)}[reduction]
    for batch_size in (1, 2, 3, 6, 64):
        maps = i.smoothgrad(model, LARGE, 1, n_samples=10, noise_level=2e-7, reduction=reduction, batch_size=batch_size)
        torch.testing.assert_close(maps, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "square", "variance"])
def test_noise_tunnel_does_not_depend_on_batch_size_as_in_captum(reduction):
    model = weighted_difference(2, 3)
    maps = [
        i.smoothgrad(model, LARGE, 1, n_samples=10, noise_level=0.5, reduction=reduction, batch_size=size)
        for size in (1, 2, 3, 6, 100)
    ]
    for other in maps[1:]:
        torch.testing.assert_close(other, maps[0], rtol=1e-12, atol=1e-12)


def test_noise_tunnel_over_integrated_gradients_matches_captum(perceptron):
    """Captum applies the tunnel to any method; here the mean over noisy inputs is taken by hand."""
    x = floats([[1.5, 2, 1.3], [0.5, 0.1, 2.3], [1.5, 2, 1.3]])
    plain = i.integrated_gradients(perceptron, x, 0, n_steps=100)
    noise = 2e-8 * torch.randn(5, *x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    tunnel = torch.stack([i.integrated_gradients(perceptron, x + n, 0, n_steps=100) for n in noise])
    torch.testing.assert_close(tunnel.mean(0), plain, rtol=0, atol=1e-6)
    assert (i.convergence_delta(perceptron, x, tunnel.mean(0), 0).abs() < 0.07).all()


# Integrated gradients.


@pytest.mark.parametrize("model", [difference, shifted_difference], ids=["difference", "shifted"])
def test_integrated_gradients_of_both_paper_networks_match_captum(model):
    """The two networks compute the same function, so the attributions must be equal (implementation invariance)."""
    x = floats([[[3], [1]]])
    attribution = i.integrated_gradients(model, x, 0, n_steps=500)
    torch.testing.assert_close(attribution, floats([[[1.5], [-0.5]]]), rtol=0, atol=0.005)  # captum tests 0.05
    torch.testing.assert_close(attribution / x, floats([[[0.5], [-0.5]]]), rtol=0, atol=0.005)  # no multiplication
    assert i.convergence_delta(model, x, attribution, 0).abs() < 0.005


def test_integrated_gradients_of_both_paper_networks_agree():
    x = floats([[[3], [1]], [[2.5], [0.7]], [[0.5], [0.2]]])
    one, other = (i.integrated_gradients(model, x, 0, n_steps=500) for model in (difference, shifted_difference))
    torch.testing.assert_close(one.sum((1, 2)), other.sum((1, 2)), rtol=0, atol=0.01)


@pytest.mark.parametrize("x, baseline, total", [(1, 0, 1), (0, 0, 0), (-1, 1e-5, -1.00001)])
def test_integrated_gradients_of_saturated_unit_are_complete(x, baseline, total):
    attribution = i.integrated_gradients(saturated, floats([[x]]), 0, baseline=baseline, n_steps=500)
    assert_values(attribution, [[total]])
    assert_values(i.convergence_delta(saturated, floats([[x]]), attribution, 0, baseline=baseline), [0])


PAIRS = floats([[[1.5, 2, 34.3], [3, 3.5, 23.2]], [[3.4, 1.2, 2], [2.3, 1.2, 0.3]]])


@pytest.mark.parametrize(
    "model, baseline, objective",
    [
        (Function(lambda x: F.relu(F.relu(x[:, 0] - 1) - F.relu(x[:, 1]) / floats([1, 2, 3]))), 0.0, 0),
        (Function(lambda x: F.relu(F.relu(x[:, 0] - 1) - F.relu(x[:, 1]) / floats([1, 2, 3]))), torch.zeros(3), 1),
        (weighted_difference(2, 3), 0.0, 1),
        (weighted_difference(2, 3), floats([[0] * 3, [1e-5] * 3]), 1),
        (weighted_difference(2, 3), floats([[[0] * 3, [1e-5] * 3]] * 2), 2),
        (Function(lambda x: 1 - F.relu(1 - x.sum(1))[:, 1:2]), 0.0, 0),
    ],
)
def test_integrated_gradients_with_baselines_are_complete(model, baseline, objective):
    """A number, one baseline for all samples, and one for each: the error of the sum stays below captum's 0.07."""
    attribution = i.integrated_gradients(model, PAIRS, objective, baseline=baseline, n_steps=500)
    delta = i.convergence_delta(model, PAIRS, attribution, objective, baseline=baseline)
    assert attribution.shape == PAIRS.shape and delta.shape == (2,)
    assert (delta.abs() < 0.07).all()


def test_integrated_gradients_of_batch_match_samples_alone(perceptron):
    x = floats([[1.5, 2, 1.3], [0.5, 0.1, 2.3], [1.5, 2, 1.3]])
    for batch_size in (3, 10, 20):
        together = i.integrated_gradients(perceptron, x, 0, n_steps=100, batch_size=batch_size)
        alone = torch.cat([i.integrated_gradients(perceptron, row[None], 0, n_steps=100) for row in x])
        torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
        assert (i.convergence_delta(perceptron, x, together, 0).abs() < 0.07).all()


# Activations and gradients of layers.


@pytest.mark.parametrize(
    "layer, x, activation",
    [
        ("identity", [0, 100, 0], [0, 100, 0]),
        ("hidden", [0, 100, 0], [90, 101, 101, 101]),
        ("hidden", [2, -5, 4], [-9, 2, 2, 2]),
        ("relu", [3, 4, 0], [0, 8, 8, 8]),
        ("relu", [0, 14, 6], [10, 21, 21, 21]),
        ("last", [0, 100, 0], [392, 394]),
    ],
)
@pytest.mark.parametrize("inplace", [False, True])
def test_layer_activation_matches_captum(layer, x, activation, inplace):
    """A ReLU in place after ``hidden`` must not change the activation of ``hidden``."""
    model = build(Perceptron, inplace)
    assert_values(g.layer_gradient(model, floats([x]), layer, 0)[0], [activation])


@pytest.mark.parametrize(
    "layer, x, objective, gradient",
    [
        ("identity", [5, -11, 23], 0, [4, 4, 4]),
        ("hidden", [5, 2, 1], 1, [0, 1, 1, 1]),
        ("last", [5, 2, 1], 1, [0, 1]),
    ],
)
@pytest.mark.parametrize("inplace", [False, True])
def test_layer_gradient_matches_captum(layer, x, objective, gradient, inplace):
    model = build(Perceptron, inplace)
    assert_values(g.layer_gradient(model, floats([x]), layer, objective)[1], [gradient])


@pytest.mark.parametrize(
    "layer, x, expected",
    [
        ("identity", [0, 100, 0], [0, 400, 0]),
        ("hidden", [0, 100, 0], [90, 101, 101, 101]),
        ("relu", [3, 4, 0], [0, 8, 8, 8]),
        ("last", [0, 100, 0], [392, 0]),
        ("identity", [3, 4, 0], [9, 12, 0]),
    ],
)
@pytest.mark.parametrize("mode", ["plain", "no_grad", "frozen"])
def test_layer_gradient_x_activation_matches_captum(layer, x, expected, mode, perceptron):
    """The result is the same without a gradient mode around the call, and with frozen parameters."""
    perceptron.requires_grad_(mode != "frozen")
    with torch.set_grad_enabled(mode != "no_grad"):
        activation, gradient = g.layer_gradient(perceptron, floats([x]), layer, 0)
    perceptron.requires_grad_(True)
    assert_values(activation * gradient, [expected])


def test_activation_before_inplace_relu_matches_captum():
    model = nn.Sequential(build(nn.Conv2d, 3, 4, 3), nn.ReLU(inplace=True))
    x = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    activation, _ = g.layer_gradient(model, x, "0", lambda z: z.flatten(1).sum(1))
    assert torch.equal(activation, model[0](x)) and (activation < 0).any()


def test_layer_without_influence_is_rejected_as_in_captum(perceptron):
    """Captum raises an error by default, because a missing path can also be a mistake."""
    with pytest.raises(ValueError, match="no path of autograd"):
        g.layer_gradient(perceptron, floats([[5, 2, 1]]), "unused", 1)


# Guided backpropagation and the deconvnet.


@pytest.mark.parametrize(
    "rule, expected",
    [
        ("guided", [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]),
        ("deconvolution", [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]),
    ],
)
def test_guided_rules_match_captum(rule, expected, convolution, inplace_convolution):
    for model in (convolution, inplace_convolution):
        for k in range(4):  # the four outputs are equal
            assert_values(i.guided_backprop(model, RAMP, k, rule=rule), [[expected]])


@pytest.mark.parametrize(
    "rule, expected",
    [
        ("guided", [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]),
        ("deconvolution", [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]),
    ],
)
def test_guided_rules_of_two_images_match_captum(rule, expected, convolution):
    assert_values(i.guided_backprop(convolution, RAMP_AND_ONES, 0, rule=rule), [[expected, expected]])


@pytest.mark.parametrize("rule", ["guided", "deconvolution"])
def test_guided_rules_of_output_match_those_of_last_layer_unit(rule, convolution):
    """Captum compares the attribution of output k with that of unit k of the last ReLU, for large random images."""
    x = 100 * torch.randn(8, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    maps = [i.guided_backprop(convolution, x, k, rule=rule) for k in range(4)]
    for other in maps[1:]:
        assert torch.equal(other, maps[0])
    assert maps[0].any() and (maps[0] >= 0).all()  # every weight on the way to the image is positive


# Grad-CAM and Guided Grad-CAM.


@pytest.mark.parametrize(
    "layer, expected",
    [("conv", [[11.25, 13.5], [20.25, 22.5]]), ("relu", [[0, 4], [28, 32.5]])],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_grad_cam_of_ramp_matches_captum(layer, expected, frozen, convolution):
    convolution.requires_grad_(not frozen)
    assert_values(i.grad_cam(convolution, RAMP, layer, 0), [expected])
    convolution.requires_grad_(True)


def test_grad_cam_of_two_images_and_before_inplace_relu_matches_captum(convolution, inplace_convolution):
    for model in (convolution, inplace_convolution):
        assert_values(i.grad_cam(model, RAMP_AND_ONES, "conv", 0), [[[14.5, 19], [32.5, 37]]])


def test_grad_cam_before_sum_over_channels_matches_captum(convolution):
    """Captum returns the terms of the sum with ``attr_dim_summation=False``; ours follow from the layer's gradient."""
    A, gradient = g.layer_gradient(convolution, RAMP, "conv", 0)
    terms = gradient.mean((2, 3), keepdim=True) * A
    assert_values(terms, [[[[-3.75, 3], [23.25, 30]], [[15, 10.5], [-3, -7.5]]]])
    assert_values(i.grad_cam(convolution, RAMP, "conv", 0), terms.sum(1).tolist())


def test_grad_cam_at_layer_input_is_signed_as_in_captum(convolution):
    """At the input the weight is 0.5625, and the negative pixel stays negative unless ``relu=True``."""
    x = RAMP.clone()
    x[0, 0, 1, 1] = -4
    assert_values(i.grad_cam(convolution, x, "entry", 0), (0.5625 * x[:, 0]).tolist())
    assert_values(i.grad_cam(convolution, x, "entry", 0, relu=True), (0.5625 * x[:, 0]).relu().tolist())


@pytest.mark.parametrize("layer, x, total", [("identity", [0, 100, 0], 400), ("relu", [0, 6, 0], 21)])
def test_grad_cam_of_vector_layer_is_gradient_x_activation_in_captum(layer, x, total, perceptron):
    """Captum sums over the units of a layer without positions; ours refuses it, and the sum is the same number."""
    activation, gradient = g.layer_gradient(perceptron, floats([x]), layer, 0)
    assert_values((activation * gradient).sum(1), [total])
    with pytest.raises(ValueError, match="a map needs spatial positions"):
        i.grad_cam(perceptron, floats([x]).view(1, 1, 1, 3), layer, 0)


def nearest_guided_grad_cam(model, x, layer, objective):
    """Guided Grad-CAM with captum's interpolation."""
    cam = F.interpolate(i.grad_cam(model, x, layer, objective, relu=True)[:, None], x.shape[-2:], mode="nearest")
    return i.guided_backprop(model, x, objective) * cam


def test_guided_grad_cam_of_ramp_matches_captum(convolution):
    expected = [[0, 0, 4, 4], [0, 0, 12, 8], [28, 84, 97.5, 65], [28, 56, 65, 32.5]]
    assert_values(nearest_guided_grad_cam(convolution, RAMP, "relu", 0), [[expected]])


def test_guided_grad_cam_of_two_images_matches_captum(convolution, inplace_convolution):
    expected = [[14.5, 29, 38, 19], [29, 58, 76, 38], [65, 130, 148, 74], [32.5, 65, 74, 37]]
    for model in (convolution, inplace_convolution):
        assert_values(nearest_guided_grad_cam(model, RAMP_AND_ONES, "conv", 0), [[expected, expected]])


def test_guided_grad_cam_without_interpolation_matches_captum_rule(convolution):
    """At a layer of the size of the image no interpolation is needed, and our function is the product itself."""
    expected = nearest_guided_grad_cam(convolution, RAMP, "entry", 0)
    torch.testing.assert_close(i.guided_grad_cam(convolution, RAMP, "entry", 0), expected, rtol=1e-12, atol=1e-12)
    assert expected[0, 0, 3, 3] == 0.5625 * 15


# Occlusion and feature ablation.


def row(*vectors):
    """Vectors as images of height 1 (N, 1, 1, d)."""
    return floats(vectors)[:, None, None]


@pytest.mark.parametrize(
    "x, window, fill, expected",
    [
        (row([20, 50, 30]), 1, 0.0, [[80, 200, 120]]),
        (row([20, 50, 30]), (1, 2), 10.0, [[200, 220, 240]]),
        (row([20, 50, 30]), (1, 2), floats([[[10, 10, 10]]]), [[200, 220, 240]]),
        (row([2, 10, 3], [20, 50, 30]), 1, 0.0, [[8, 35, 12], [80, 200, 120]]),
    ],
)
def test_occlusion_of_perceptron_matches_captum(x, window, fill, expected, perceptron):
    for batch_size in (1, 2, 3, 64):
        maps = i.occlusion(perceptron, x, 0, window=window, stride=1, fill=fill, batch_size=batch_size)
        assert_values(maps[:, 0], expected)


def test_occlusion_with_stride_moves_last_window_inside_the_image(perceptron):
    """Captum clips the second of two windows of width 2 on three features, and attributes 120 to the third alone.

    Ours covers the second and the third feature, and the second belongs to both windows.
    """
    maps = i.occlusion(perceptron, row([20, 50, 30]), 0, window=(1, 2), stride=(1, 2), fill=0.0)
    assert_values(maps[:, 0], [[280, (280 + 320) / 2, 320]])


def test_occlusion_of_one_unit_windows_matches_captum():
    """Two numbers that enter one after the other are two pixels here."""
    x = floats([[[[-10, -5]]], [[[3, 1]]]])
    model = Function(lambda x: F.relu(F.relu(x[..., 0] - 1) - F.relu(x[..., 1])).flatten(1))
    assert_values(i.occlusion(model, x, 0, window=1, fill=0.0)[:, 0], [[0, 0], [1, -1]])


@pytest.mark.parametrize(
    "window, stride, expected",
    [
        (4, 4, [[67] * 4] * 4),
        ((2, 3), (2, 1), [[17] * 4, [17] * 4, [64, 65.5, 65.5, 67], [64, 65.5, 65.5, 67]]),
        ((2, 4), (2, 1), [[17] * 4, [17] * 4, [67] * 4, [67] * 4]),
        (1, 1, [[0, 2, 4, 3], [4, 9, 10, 7], [4, 13, 14, 11], [0, 0, 0, 0]]),
    ],
)
def test_occlusion_of_first_image_matches_captum(window, stride, expected, convolution):
    """The second image, of ones, is not covered: it is a constant of the network here."""
    model = nn.Sequential(Function(lambda x: x + 1), convolution)
    for batch_size in (1, 3, 7, 64):
        maps = i.occlusion(model, RAMP, 0, window=window, stride=stride, fill=0.0, batch_size=batch_size)
        assert_values(maps, [expected])


@pytest.mark.parametrize(
    "x, window, stride, expected",
    [
        (torch.ones_like(RAMP), 4, 4, [[13] * 4] * 4),
        (torch.ones_like(RAMP), (1, 2), (1, 2), [[3] * 4, [3] * 4, [3] * 4, [0] * 4]),
        (torch.ones_like(RAMP), 1, 1, [[1, 2, 2, 1], [1, 2, 2, 1], [1, 2, 2, 1], [0, 0, 0, 0]]),
        (torch.ones_like(RAMP[..., :1]), (2, 1), (1, 1), [[10], [10], [8], [6]]),
    ],
)
def test_occlusion_of_second_image_matches_captum(x, window, stride, expected, convolution):
    model = nn.Sequential(Function(lambda x: x + RAMP), convolution)
    assert_values(i.occlusion(model, x, 0, window=window, stride=stride, fill=0.0), [expected])


@pytest.mark.parametrize(
    "fill, expected",
    [
        (
            [[[3, 0, 0], [0, 1, 0], [1, 2, 3]]],
            [
                [[80, 400, 0], [80, 196, 120], [-4, 392, 28]],
                [[68, 200, 120], [0, 396, 0], [4, 32, 0]],
            ],
        ),
        (
            [[[[3, 0, 0], [0, 1, 0], [3, 2, 4]]], [[[3, 0, 2], [0, 1, 4], [1, 2, 3]]]],
            [
                [[80, 400, 0], [80, 196, 120], [-12, 392, 24]],
                [[68, 200, 112], [0, 396, -16], [4, 32, 0]],
            ],
        ),
    ],
    ids=["one baseline", "one baseline per sample"],
)
def test_feature_ablation_with_baselines_matches_captum(fill, expected, perceptron):
    """Captum's three inputs of three features are the rows of one image; they are added before the perceptron."""
    x = floats(
        [
            [[[23, 100, 0], [20, 50, 30], [0, 100, 10]]],
            [[[20, 50, 30], [0, 100, 0], [2, 10, 3]]],
        ]
    )
    model = nn.Sequential(Function(lambda x: x.sum((1, 2))), perceptron)
    assert_values(i.occlusion(model, x, 0, window=1, fill=floats(fill)), expected)


@pytest.mark.parametrize("window, stride", [((1, 2), 2), ((5, 1), 1), (2, 3), ((1, 2), (1, 0))])
def test_occlusion_rejects_windows_and_strides_that_captum_rejects(window, stride, convolution):
    with pytest.raises(ValueError, match="1 ≤ stride ≤ window ≤ side"):
        i.occlusion(convolution, RAMP, 0, window=window, stride=stride)


# Per-sample gradients and Jacobians with respect to the parameters.


def linear(*shapes, starts):
    """Linear layers without a bias whose weights count up from ``starts``."""
    layers = [build(nn.Linear, d, p, bias=False) for p, d in shapes]
    for layer, start in zip(layers, starts):
        layer.weight.data = torch.arange(float(start), start + layer.weight.numel()).view_as(layer.weight)
    return nn.Sequential(*layers).double()


ONES, TWOS = [1] * 5, [2] * 5


@pytest.mark.parametrize(
    "shapes, starts, labels, expected",
    [
        ([(1, 5)], [0], [[9], [18]], {"0.weight": [[[2] * 5], [[8] * 5]]}),
        ([(2, 5)], [0], [[9, 38], [18, 74]], {"0.weight": [[[2] * 5, [-6] * 5], [[8] * 5, [-16] * 5]]}),
        (
            [(2, 5), (1, 2)],
            [0, 1],
            [[78], [156]],
            {"0.weight": [[[4] * 5, [8] * 5], [[16] * 5, [32] * 5]], "1.weight": [[[40, 140]], [[160, 560]]]},
        ),
        (
            [(2, 5), (2, 2)],
            [0, 0],
            [[33, 124], [69, 256]],
            {
                "0.weight": [[[4] * 5, [10] * 5], [[-48] * 5, [-68] * 5]],
                "1.weight": [[[40, 140], [20, 70]], [[40, 140], [-240, -840]]],
            },
        ),
    ],
    ids=["scalar", "vector", "two layers, scalar", "two layers, vector"],
)
def test_per_sample_gradients_of_squared_error_match_captum(shapes, starts, labels, expected, assert_unchanged):
    model, x = assert_unchanged(linear(*shapes, starts=starts)), floats([ONES, TWOS])
    loss = g.bind_per_sample(lambda out, y: (out - y).square().sum(1), floats(labels))
    gradients = g.per_sample_gradients(model, x, loss)
    norms = g.per_sample_gradient_norms(model, x, loss)
    for column, (name, values) in enumerate(expected.items()):
        assert_values(gradients[name], values)
        assert_values(norms[:, column], floats(values).flatten(1).norm(dim=1).tolist())


def test_per_sample_gradients_of_outputs_match_captum(assert_unchanged):
    """Captum sums the outputs of a sample if there is no loss."""
    total = lambda out: out.sum(1)
    x = floats([ONES, TWOS])
    gradients = g.per_sample_gradients(assert_unchanged(linear((2, 5), (2, 2), starts=[0, 0])), x, total)
    assert_values(gradients["0.weight"], [[[2] * 5, [4] * 5], [[4] * 5, [8] * 5]])
    assert_values(gradients["1.weight"], [[[10, 35], [10, 35]], [[20, 70], [20, 70]]])


def test_per_sample_loss_that_is_one_number_is_rejected_as_in_captum(assert_unchanged):
    model = assert_unchanged(linear((2, 5), starts=[0]))
    with pytest.raises(ValueError, match="one number per row"):
        g.per_sample_gradients(model, floats([ONES, TWOS]), lambda out: out.square().sum())


@pytest.mark.parametrize("layers", ["conv", "fc", ["conv", "fc"]])
def test_per_sample_gradients_of_selected_layers_match_captum(layers, convolution):
    x = 20 * torch.randn(6, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    total = lambda z: z.sum(1)
    gradients = g.per_sample_gradients(convolution, x, total, layers=layers)
    names = [layers] if isinstance(layers, str) else layers
    assert list(gradients) == [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    for n in range(6):
        parameters = [convolution.get_parameter(name) for name in gradients]
        expected = torch.autograd.grad(convolution(x[n : n + 1]).sum(), parameters)
        for value, gradient in zip(expected, gradients.values()):
            torch.testing.assert_close(gradient[n], value, rtol=1e-10, atol=1e-12)
