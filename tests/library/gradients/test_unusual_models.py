"""Scripted, traced, compiled and parallel networks, losses as objectives, labels of other types, and one logit."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from tests._reference import init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import attribution
from tutorial_lib import gradients as g
from tutorial_lib.gradients.relu_rules import guided_backprop

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def cnn():
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return init_with_seed(nn.Sequential(*layers, nn.Linear(5, 3)))


def images():
    return torch.rand(4, 3, 9, 9, generator=torch.Generator().manual_seed(0))


HIDES = "hides (its layers|the operations)"


@pytest.mark.parametrize("make", [torch.jit.script, lambda model: torch.jit.trace(model, images())])
def test_scripted_network_is_exact_or_refused_in_every_call(make):
    """From its second call on, the JIT compiler runs another graph."""
    model, x = cnn(), images()
    scripted = make(model)
    for _ in range(3):
        torch.testing.assert_close(g.input_gradient(scripted, x, 1), g.input_gradient(model, x, 1))
        torch.testing.assert_close(g.class_jacobian(scripted, x), g.class_jacobian(model, x))
        for call in (
            lambda: attribution.grad_cam(scripted, x, "2", 1),
            lambda: g.per_sample_gradient_norms(scripted, x, 1),
            lambda: g.penultimate_features(scripted, x),
        ):
            with pytest.raises(ValueError, match="from which it was made|Linear layer"):
                call()
        try:
            torch.testing.assert_close(guided_backprop(scripted, x, 1), guided_backprop(model, x, 1))
        except ValueError as error:
            assert "without scripting" in str(error)


def test_scripted_part_of_a_network_is_exact_or_refused():
    model, x = cnn(), images()
    mixed = nn.Sequential(torch.jit.script(model[:4]), model[4:])
    for _ in range(3):
        norms = g.per_sample_gradient_norms(mixed, x, 1, layers="1")
        torch.testing.assert_close(norms, g.per_sample_gradient_norms(model, x, 1, layers="6"))
        with pytest.raises(ValueError, match="hides its layers"):
            attribution.grad_cam(mixed, x, "0", 1)
        try:
            torch.testing.assert_close(guided_backprop(mixed, x, 1), guided_backprop(model, x, 1))
        except ValueError as error:
            assert "without scripting" in str(error)


def compiled(model):
    return torch.compile(model, backend="eager")


def compiled_in_place(model):
    model.compile(backend="eager")
    return model


def compiled_in_part(model):
    return nn.Sequential(*[torch.compile(layer, backend="eager") for layer in model])


@pytest.mark.parametrize("make", [compiled, compiled_in_place, compiled_in_part])
def test_compiled_network_matches_its_original(make):
    """Operations inside a compiled network would be invisible, for example its ReLUs."""
    model, x = cnn(), images()
    other = make(copy.deepcopy(model))
    for _ in range(2):
        torch.testing.assert_close(guided_backprop(other, x, 1), guided_backprop(model, x, 1))
        torch.testing.assert_close(g.input_gradient(other, x, 1), g.input_gradient(model, x, 1))
        torch.testing.assert_close(
            g.per_sample_gradient_norms(other, x, 1), g.per_sample_gradient_norms(model, x, 1), rtol=1e-4, atol=1e-6
        )
        assert torch.equal(g.penultimate_features(other, x)[1], g.penultimate_features(model, x)[1])
        other(x)


def test_parallel_network_is_exact_or_refused(assert_unchanged):
    """On a machine without GPUs, DataParallel calls its network directly."""
    model, x = cnn(), images()
    parallel, without_rule = nn.DataParallel(model), nn.DataParallel(init_with_seed(nn.Sequential(nn.PReLU(), cnn())))
    assert_unchanged(parallel)
    assert_unchanged(without_rule)
    torch.testing.assert_close(g.input_gradient(parallel, x, 1), g.input_gradient(model, x, 1))
    torch.testing.assert_close(g.per_sample_gradient_norms(parallel, x, 1), g.per_sample_gradient_norms(model, x, 1))
    with pytest.raises(ValueError, match="parallel network, pass the network from which it was made"):
        g.per_sample_gradient_norms(without_rule, x, 1)


class Checkpointed(nn.Module):
    def __init__(self, model, reentrant):
        super().__init__()
        self.model, self.reentrant = model, reentrant

    def forward(self, x):
        h = torch.utils.checkpoint.checkpoint(self.model[:4], x, use_reentrant=self.reentrant)
        return self.model[4:](h.relu())


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_network_is_exact_or_refused(reentrant, assert_unchanged):
    """A reentrant checkpoint hides its operations, which are run again in the backward pass."""
    model, x = assert_unchanged(cnn()), images()
    checkpointed = Checkpointed(model, reentrant)
    for f in (guided_backprop, g.input_gradient):
        if reentrant:
            with pytest.raises(ValueError, match="hides the operations|checkpoint"):
                f(checkpointed, x, 1)
        else:
            torch.testing.assert_close(f(checkpointed, x, 1), f(model, x, 1))


@pytest.mark.parametrize("make", [weight_norm, nn.utils.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_parametrized_layer_is_one_layer_with_exact_gradients(make):
    """The names of its parameters do not end with "weight"."""
    model = nn.Sequential(make(nn.Linear(4, 5)), nn.Tanh(), nn.Linear(5, 3)).double().eval()
    x = torch.rand(3, 4, generator=torch.Generator().manual_seed(0)).double()
    assert g.layer_names(model) == ["0", "2"] and len(g.layer_names(model, "0", group_by="tensor")) >= 2
    expected = per_sample_gradients_by_loop(model, x, g.kl_from_uniform())
    gradients = g.per_sample_gradients(model, x, g.kl_from_uniform())
    norms = g.per_sample_gradient_norms(model, x, g.kl_from_uniform(), layers="0")
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value)
    own = [value.flatten(1) for name, value in expected.items() if name.startswith("0.")]
    torch.testing.assert_close(norms[:, 0], torch.cat(own, 1).norm(dim=1))


# Losses as objectives.

LABELS = torch.tensor([0, 2, 1, 0])


def classifier():
    return init_with_seed(nn.Linear(5, 3)), torch.rand(4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(),
        F.cross_entropy,
        nn.MSELoss(reduction="none"),
        lambda outputs, target: (outputs - target).square().mean(1),
        lambda outputs: F.cross_entropy(outputs, LABELS),
        lambda outputs: F.cross_entropy(outputs, LABELS, reduction="sum"),
        lambda outputs: F.cross_entropy(outputs, LABELS).item(),
        g.bind_per_sample(nn.CrossEntropyLoss(), LABELS),
        g.bind_per_sample(F.mse_loss, torch.zeros(4, 3)),
    ],
)
def test_loss_without_targets_or_with_a_mean_is_refused_with_remedy(loss, assert_unchanged):
    model, x = classifier()
    for f in (g.per_sample_gradient_norms, g.input_gradient, g.objective_values, g.loss_and_gradients):
        with pytest.raises(ValueError, match=r"bind_per_sample|reduction='none'"):
            f(assert_unchanged(model), x, loss)


@pytest.mark.parametrize(
    "targets",
    [LABELS, LABELS.numpy(), LABELS.tolist(), tuple(LABELS.tolist()), LABELS.int(), LABELS.numpy().astype("u1")],
)
def test_targets_of_every_type_give_the_same_objective(targets, assert_unchanged):
    model, x = classifier()
    expected = g.per_sample_gradient_norms(assert_unchanged(model), x, g.cross_entropy(LABELS))
    torch.testing.assert_close(g.per_sample_gradient_norms(model, x, g.cross_entropy(targets)), expected)
    loss = nn.CrossEntropyLoss(reduction="none")
    if not isinstance(targets, torch.Tensor) or targets.dtype == torch.int64:
        bound = g.bind_per_sample(lambda z, y: loss(z, y.long()), targets)
        torch.testing.assert_close(g.per_sample_gradient_norms(model, x, bound), expected)
    gradient = g.input_gradient(model, x, targets)
    torch.testing.assert_close(gradient, model.weight[LABELS].detach())


@pytest.mark.parametrize("number", [np.int64(2), np.uint8(2), 2])
def test_class_numbers_of_every_type_give_the_same_objective(number, assert_unchanged):
    model, x = classifier()
    gradient = g.input_gradient(assert_unchanged(model), x, number)
    assert torch.equal(gradient, model.weight[2].detach().expand(4, 5))
    for make in (g.cross_entropy, g.log_prob, g.contrast_loss, g.logit, g.logit_difference):
        torch.testing.assert_close(make(number)(model(x)), make(2)(model(x)))


@pytest.mark.parametrize(
    "wrong", [[0.5, 1.0, 2.0, 0.0], ["a"] * 4, [0, 1], [[0], [1], [2], [0]], [], np.array(["a"] * 4)]
)
def test_labels_that_are_no_classes_are_refused(wrong, assert_unchanged):
    model, x = classifier()
    with pytest.raises((ValueError, TypeError)):
        g.input_gradient(assert_unchanged(model), x, wrong)


# One logit.


@pytest.mark.parametrize(
    "objective",
    [
        g.cross_entropy(0),
        g.log_prob(),
        g.contrast_loss(0),
        g.logit_difference(0),
        g.confounding_label_loss(activation="softmax"),
        g.kl_from_uniform(),
    ],
)
def test_class_objectives_of_one_logit_are_refused_with_remedy(objective, assert_unchanged):
    """Its softmax is always 1, so that the gradient of every loss of a class would be zero."""
    x, model = classifier()[1], assert_unchanged(init_with_seed(nn.Linear(5, 1)))
    for f in (g.per_sample_gradient_norms, g.input_gradient, g.objective_values):
        with pytest.raises(ValueError, match=r"at least two logits.*torch.cat\(\[-z / 2, z / 2\], 1\)"):
            f(model, x, objective)


@pytest.mark.parametrize("objective", [None, 0, torch.zeros(4, dtype=torch.long)], ids=["none", "class", "labels"])
def test_logit_of_network_with_one_output_is_its_score(objective, assert_unchanged):
    x, model = classifier()[1], assert_unchanged(init_with_seed(nn.Linear(5, 1)))
    assert torch.equal(g.input_gradient(model, x, objective), model.weight.detach().expand(4, 5))


def test_binary_loss_of_one_logit_matches_autograd(assert_unchanged):
    x, model = classifier()[1], assert_unchanged(init_with_seed(nn.Linear(5, 1)))
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    loss = g.bind_per_sample(lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], y, reduction="none"), y)
    expected = (model(x).sigmoid() - y[:, None]).detach() * model.weight.detach()
    torch.testing.assert_close(g.input_gradient(model, x, loss), expected)
    assert torch.equal(g.input_gradient(model, x, lambda z: z[:, 0]), model.weight.detach().expand(4, 5))
    assert torch.equal(g.class_jacobian(model, x)[:, 0], model.weight.detach().expand(4, 5))
