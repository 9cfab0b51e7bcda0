"""No gradient is not the same as a gradient of zero: variables that autograd cannot reach, and unused ones."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from tests._reference import init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import attribution, foundations
from tutorial_lib import gradients as g

NO_PATH = "no path of autograd leads"


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class TwoLayers(nn.Module):
    """Two linear layers, and a function between them."""

    def __init__(self, between):
        super().__init__()
        self.a, self.b, self.between = nn.Linear(4, 6), nn.Linear(6, 3), between

    def forward(self, x):
        return self.b(self.between(self.a, x))


def without_gradients(layer, x):
    with torch.no_grad():
        return layer(x)


def in_inference_mode(layer, x):
    with torch.inference_mode():
        h = layer(x)
    return h.clone()


def switched_off(layer, x):
    """Switch gradients off and on by function calls, without a context manager."""
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    h = layer(x)
    torch.set_grad_enabled(before)
    return h


CUTS = {
    "no_grad around the backbone": without_gradients,
    "inference mode around the backbone": in_inference_mode,
    "gradients switched off": switched_off,
    "detach": lambda layer, x: layer(x).detach(),
    "data": lambda layer, x: layer(x).data.relu(),
    "tensor made of a tensor, as in captum 510": lambda layer, x: torch.tensor(layer(x).tolist()),
    "NumPy": lambda layer, x: torch.from_numpy(np.tanh(layer(x).detach().numpy())),
    "whole numbers": lambda layer, x: (100 * layer(x)).long().float(),
    "comparison": lambda layer, x: (layer(x) > 0).float(),
    "largest index": lambda layer, x: nn.functional.one_hot(layer(x).argmax(1), 6).float(),
}


@pytest.mark.parametrize("name", CUTS)
def test_cut_between_input_and_outputs_is_refused(name, assert_unchanged):
    """Autograd and captum 1141, 1080 and 510 raise errors here; a map of zeros would look like a result."""
    model, x = assert_unchanged(init_with_seed(TwoLayers(CUTS[name]))), randn(4, 4)
    for f in (
        lambda: g.input_gradient(model, x, 1),
        lambda: g.class_jacobian(model, x),
        lambda: attribution.saliency(model, x, 1),
        lambda: attribution.grad_cam(model, x[:, :, None, None].expand(4, 4, 1, 1), "a", 1),
        lambda: g.layer_gradient(model, x, "a", 1),
        lambda: g.reduced_class_jacobian(model, x, "a", lambda J: J),
        lambda: g.input_gradient_of_norms(model, x, 1, lambda norms: norms.sum(1), layers="b"),
    ):
        with pytest.raises(ValueError):
            f()
    with pytest.raises(ValueError, match=NO_PATH):
        g.input_gradient(model, x, 1)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", CUTS)
def test_cut_between_parameter_and_outputs_is_refused(name, frozen, assert_unchanged):
    model, x = init_with_seed(TwoLayers(CUTS[name])).requires_grad_(not frozen), randn(4, 4)
    assert_unchanged(model)
    for f in (g.per_sample_gradient_norms, g.per_sample_gradients, g.gradient_sketch):
        with pytest.raises(ValueError, match=rf"{NO_PATH}.*'a.weight', 'a.bias'|inference tensor"):
            f(model, x, 1)
    with pytest.raises(ValueError, match=f"{NO_PATH}|inference tensor"):
        g.class_gradient_gram(model, x)
    # The layer behind the cut has a gradient.
    h = model.between(model.a, x).detach()
    norms = g.per_sample_gradient_norms(model, x, 1, layers="b", group_by="tensor")
    torch.testing.assert_close(norms, torch.stack([h.norm(dim=1), torch.ones(4)], 1))


def test_cut_is_refused_by_gradients_of_a_batch(assert_unchanged):
    model = assert_unchanged(init_with_seed(TwoLayers(without_gradients)))
    with pytest.raises(ValueError, match=rf"{NO_PATH}.*'a.weight', 'a.bias'"):
        g.loss_and_gradients(model, randn(4, 4), 1)
    assert set(g.loss_and_gradients(model, randn(4, 4), 1, layers="b")[1]) == {"b.weight", "b.bias"}


def test_quantized_network_is_refused(assert_unchanged):
    layers = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(init_with_seed(layers), {nn.Linear}, dtype=torch.qint8)
    for f in (g.input_gradient, attribution.saliency):
        with pytest.raises(ValueError):
            f(model, torch.rand(4, 5, generator=torch.Generator().manual_seed(0)), 1)


@pytest.mark.parametrize("operation", [torch.round, torch.floor, torch.sign])
def test_rounded_outputs_are_refused_for_gradients_only(operation, assert_unchanged):
    model = assert_unchanged(init_with_seed(TwoLayers(lambda layer, x: layer(x))))
    rounded = nn.Sequential(model)
    rounded.forward = lambda x: operation(model(x))
    for f in (g.input_gradient, g.per_sample_gradient_norms):
        with pytest.raises(ValueError, match="outputs are rounded"):
            f(rounded, randn(4, 4), 1)
    assert torch.equal(g.model_outputs(rounded, randn(4, 4)), operation(model(randn(4, 4))))


CUT_OBJECTIVES = {
    "predicted class": lambda z: z.argmax(1).float(),
    "correct or not": lambda z: z.argmax(1) == 1,
    "detached logit": lambda z: z.detach()[:, 1],
    "a number of Python": lambda z: torch.tensor([row[1].item() for row in z]),
    "NumPy": lambda z: torch.from_numpy(z.detach().numpy()[:, 1]),
}


@pytest.mark.parametrize("name", CUT_OBJECTIVES)
def test_objective_that_is_cut_off_is_refused_for_gradients_only(name, assert_unchanged):
    model, x, objective = assert_unchanged(init_with_seed(nn.Linear(4, 3))), randn(4, 4), CUT_OBJECTIVES[name]
    for f in (g.input_gradient, g.per_sample_gradient_norms, g.per_sample_gradients, g.loss_and_gradients):
        with pytest.raises(ValueError, match=f"{NO_PATH} from the objective to the outputs|{NO_PATH}"):
            f(model, x, objective)
    with pytest.raises(ValueError, match=NO_PATH):
        g.last_layer_gradient_factors(model(x), x, objective)
    assert torch.equal(g.objective_values(model, x, objective), objective(model(x).detach()))


ZERO_OBJECTIVES = {
    "times zero": lambda z: 0 * z[:, 0],
    "hinge that is satisfied": lambda z: (z[:, 0] - 1000).relu(),
    "constant": lambda z: torch.ones(len(z)),
}


@pytest.mark.parametrize("name", ZERO_OBJECTIVES)
def test_constant_objective_has_gradient_zero(name, assert_unchanged):
    model, x = assert_unchanged(init_with_seed(TwoLayers(lambda layer, x: layer(x)))), randn(4, 4)
    assert not g.input_gradient(model, x, ZERO_OBJECTIVES[name]).any()
    assert not g.per_sample_gradient_norms(model, x, ZERO_OBJECTIVES[name]).any()


class DoublesWithoutGradient(torch.autograd.Function):
    """An operation whose backward pass returns no gradient."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return None


def test_operation_without_a_gradient_is_a_cut(assert_unchanged):
    model = assert_unchanged(init_with_seed(TwoLayers(lambda layer, x: DoublesWithoutGradient.apply(layer(x)))))
    for f in (g.input_gradient, g.per_sample_gradient_norms, g.per_sample_gradients, g.loss_and_gradients):
        with pytest.raises(ValueError, match=NO_PATH):
            f(model, randn(4, 4), 1)
    assert g.per_sample_gradient_norms(model, randn(4, 4), 1, layers="b").all()


class AuxiliaryHead(nn.Module):
    """A head that is used in training only, one whose result is kept but not returned, and a scale that is not used."""

    def __init__(self):
        super().__init__()
        self.a, self.head, self.auxiliary, self.kept = (nn.Linear(4, 3) for _ in range(4))
        self.scale, self.last = nn.Parameter(torch.ones(3)), None

    def forward(self, x):
        h = self.a(x)
        self.last = self.kept(h[:, :1].expand(-1, 4))
        return h + self.auxiliary(x) if self.training else h


def test_unused_parameters_have_gradient_zero(assert_unchanged):
    """An auxiliary classifier in evaluation mode, as in GoogLeNet, has no influence on the outputs."""
    model, x = assert_unchanged(init_with_seed(AuxiliaryHead())), randn(4, 4)
    gradients = g.per_sample_gradients(model, x, 1)
    nonzero = {name for name, gradient in gradients.items() if gradient.any()}
    assert nonzero == {"a.weight", "a.bias"} and len(gradients) == 9
    norms = g.per_sample_gradient_norms(model, x, 1, group_by="tensor")
    assert [bool(column.any()) for column in norms.T] == [
        name in nonzero for name in g.layer_names(model, group_by="tensor")
    ]


def test_dead_units_have_gradient_zero(assert_unchanged):
    """A layer whose units are all inactive is connected, and its gradient is zero."""
    model = init_with_seed(TwoLayers(lambda layer, x: (layer(x) - 1000).relu()))
    gradients = g.per_sample_gradients(assert_unchanged(model), randn(4, 4), 1)
    assert not gradients["a.weight"].any() and not gradients["b.weight"].any() and gradients["b.bias"].any()


# Gradients switched on inside a network.


class CutWeight(nn.Module):
    """A layer whose bias has a gradient, but whose weight is normalized where no gradients are recorded."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        with torch.no_grad():
            weight = self.layer.weight / self.layer.weight.norm()
        return nn.functional.linear(x, weight, self.layer.bias)


def test_weight_that_is_cut_off_is_refused_also_if_its_bias_is_not(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(CutWeight())), randn(4, 4)
    for f in (
        g.per_sample_gradient_norms,
        g.loss_and_gradients,
        lambda m, x, J: g.input_gradient_of_norms(m, x, J, lambda norms: norms.sum(1)),
    ):
        with pytest.raises(ValueError, match=rf"{NO_PATH}.*\['layer.weight'\]"):
            f(model, x, 1)


class SwitchedOn(nn.Module):
    """The usual switch of fine-tuning, switched on or off around the backbone."""

    def __init__(self, on):
        super().__init__()
        self.c, self.l, self.on = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), on

    def forward(self, x):
        with torch.set_grad_enabled(self.on):
            f = self.c(x).relu()
        return self.l(f.mean((2, 3)))


def test_gradients_switched_on_inside_match_plain_network(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(SwitchedOn(True))), randn(2, 3, 8, 8)
    activations = []
    with model.c.register_forward_hook(lambda module, inputs, output: activations.append(output)):
        z = model(x)
    (gradient,) = torch.autograd.grad(z[:, 1].sum(), activations)
    expected = (gradient.mean((2, 3), keepdim=True) * activations[0]).sum(1).detach()
    with torch.no_grad():
        torch.testing.assert_close(attribution.grad_cam(model, x, "c", 1), expected)
    torch.testing.assert_close(g.layer_gradient(model, x, "c", 1)[1], gradient)
    assert g.per_sample_gradient_norms(model, x, 1).all() and g.input_gradient(model, x, 1).any()


def test_layer_inside_a_part_without_gradients_is_refused(assert_unchanged):
    model = assert_unchanged(init_with_seed(SwitchedOn(False)))
    for f in (attribution.grad_cam, g.layer_gradient):
        with pytest.raises(ValueError, match=NO_PATH):
            f(model, randn(2, 3, 8, 8), "c", 1)


class SwitchesOff(nn.Module):
    """A network that switches gradients off at its end, and leaves them off."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        z = self.layer(x)
        torch.set_grad_enabled(False)
        return z


def test_network_that_leaves_gradients_off_matches_plain_network(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(SwitchesOff())), randn(4, 4)
    assert torch.equal(g.input_gradient(model, x, 1), model.layer.weight[1].detach().expand(4, 4))
    torch.testing.assert_close(
        g.per_sample_gradient_norms(model, x, 1), g.per_sample_gradient_norms(nn.Sequential(model.layer), x, 1)
    )
    assert g.loss_and_gradients(model, x, 1)[1]["layer.weight"].any() and torch.is_grad_enabled()


class EnergyModel(nn.Module):
    """A network that differentiates an energy with respect to its input in its forward pass."""

    def __init__(self):
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        with torch.enable_grad():
            x = x if x.requires_grad else x.requires_grad_()
            return torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)[0]


def test_network_that_differentiates_inside_matches_hessian(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(EnergyModel()).double()), randn(3, 4).double()
    gradient = g.input_gradient(model, x, lambda force: force[:, 1])
    for n in range(3):
        hessian = torch.autograd.functional.hessian(lambda v: model.energy(v).sum(), x[n])
        torch.testing.assert_close(gradient[n], hessian[1])
    with torch.no_grad():
        torch.testing.assert_close(g.model_outputs(model, x), model(x.clone()).detach())


class ScoreModel(nn.Module):
    """A network that adds the gradient of an energy, which its first layer computes, to its input."""

    def __init__(self, create_graph):
        super().__init__()
        self.energy, self.head, self.create_graph = nn.Linear(4, 5), nn.Linear(4, 3), create_graph

    def forward(self, x):
        with torch.enable_grad():
            point = x.detach().requires_grad_()
            energy = self.energy(point).tanh().sum()
            score = torch.autograd.grad(energy, point, create_graph=self.create_graph)[0]
        return self.head(x + score)


def test_gradients_inside_the_forward_pass_are_not_those_of_the_objective(assert_unchanged):
    """With a graph, the parameters of the energy have second derivatives; without one, no path leads to them."""
    x = randn(4, 4).double()
    second_order, first_order = (init_with_seed(ScoreModel(create_graph)).double() for create_graph in (True, False))
    assert_unchanged(second_order)
    assert_unchanged(first_order)
    expected = per_sample_gradients_by_loop(second_order, x, g.logit(1))
    for name, gradient in g.per_sample_gradients(second_order, x, 1).items():
        torch.testing.assert_close(gradient, expected[name])
    norms = torch.stack([expected[name].flatten(1).norm(dim=1) for name in expected], 1)
    torch.testing.assert_close(g.per_sample_gradient_norms(second_order, x, 1, group_by="tensor"), norms)
    gram = g.class_gradient_gram(second_order, x, classes=[1])
    torch.testing.assert_close(gram.sum(1).flatten(), norms.square().sum(1))
    for f in (g.per_sample_gradients, g.per_sample_gradient_norms):
        with pytest.raises(ValueError, match=NO_PATH):
            f(first_order, x, 1)
        f(first_order, x, 1, layers="head")


def test_surface_without_a_path_to_its_point_is_refused():
    with pytest.raises(ValueError, match=NO_PATH):
        foundations.surface_gradient(lambda theta: theta.detach().square().sum(1), torch.ones(2, 2))
