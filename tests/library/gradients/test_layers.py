"""Finding layers, splitting networks, penultimate features, and input that is rejected."""

import doctest
import importlib
import pkgutil

import pytest
import torch
from torch import nn

import tutorial_lib.gradients
from tutorial_lib import gradients as g

# Created before any test compares the random state.
UNRELATED_LAYER, LSTM = nn.Linear(1, 1), nn.LSTM(144, 2)


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(tutorial_lib.gradients.__path__)])
def test_gradients_docstring_examples_run(name):
    module = importlib.import_module(f"tutorial_lib.gradients.{name}")
    assert doctest.testmod(module, extraglobs={"nn": nn, "torch": torch}).failed == 0


def test_gradients_public_names_have_docstring_examples():
    for name in g.__all__:
        assert ">>> " in getattr(g, name).__doc__, name


def test_eval_mode_restores_training_flags_after_exception(assert_unchanged):
    model = assert_unchanged(nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2).eval(), nn.Linear(2, 2))))
    with pytest.raises(KeyError), g.eval_mode(model) as inside:
        assert inside is model and not any(m.training for m in model.modules())
        raise KeyError


def test_find_layer_accepts_names_and_modules_and_rejects_unknown_ones(signs):
    assert g.find_layer(signs, "left") is signs.left and g.find_layer(signs, signs.left) is signs.left
    with pytest.raises(ValueError, match="unknown layer 'letf'; the nearest: 'left'"):
        g.find_layer(signs, "letf")
    with pytest.raises(ValueError, match="this Linear is not part of the model"):
        g.find_layer(signs, UNRELATED_LAYER)


def test_layer_names_lists_only_layers_that_own_parameters(signs):
    assert g.layer_names(signs) == ["stem", "norm", "left", "right", "group", "last", "head"]
    assert g.layer_names(signs, ["head", signs.stem]) == ["head", "stem"]
    assert g.layer_names(signs, "head", group_by="tensor") == ["head.weight", "head.bias"]
    assert g.layer_names(nn.Sequential(nn.Sequential(signs)), "0.0.head") == ["0.0.head"]
    assert g.layer_names(nn.Sequential(nn.Sequential(signs)), "0")[0] == "0.0.stem"
    with pytest.raises(ValueError, match="layer 'act' owns no parameters"):
        g.layer_names(signs, "act")
    with pytest.raises(ValueError, match="no parameters"):
        g.layer_names(nn.ReLU())


@pytest.mark.parametrize("layer", ["stem", "norm", "left", "group", "last"])
def test_split_forward_matches_forward_hook(layer, signs, images):
    activation, logits = g.split_forward(signs, images, layer)
    assert torch.equal(logits, signs(images))
    (gradient,) = torch.autograd.grad(logits[:, 2].sum(), activation)
    activations = []
    handle = g.find_layer(signs, layer).register_forward_hook(lambda m, i, out: activations.append(out) or out.clone())
    logits = signs(images)
    handle.remove()
    (expected,) = torch.autograd.grad(logits[:, 2].sum(), activations[0])
    torch.testing.assert_close(activation, activations[0], rtol=0, atol=0)
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=0)


def test_split_forward_saves_no_graph_before_the_layer(signs, images):
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
        g.split_forward(signs, images, "last")
        late = sum(saved)
        g.split_forward(signs, images, "stem")
    assert late < 0.5 * (sum(saved) - late)


def test_split_forward_rejects_reused_tuple_and_unreached_layers(signs, images):
    with pytest.raises(ValueError, match="'act': it is used twice in one pass"):
        g.split_forward(signs, images, "act")
    tuples = nn.Sequential(nn.Flatten(2), LSTM)
    with pytest.raises(ValueError, match="'1': it returns a tuple"):
        g.split_forward(tuples.double(), images, "1")
    spare = nn.Sequential(signs)
    spare.register_module("spare", None)
    spare.other = nn.Identity()
    spare.forward = lambda x: signs(x)
    with pytest.raises(ValueError, match="'other' is not reached"):
        g.split_forward(spare, images, "other")


def test_penultimate_features_are_inputs_of_last_linear_layer(signs, images):
    z, h = g.penultimate_features(signs, images)
    torch.testing.assert_close(h @ signs.head.weight.T + signs.head.bias, z)
    assert torch.equal(z, signs(images)) and not z.requires_grad
    assert g.last_linear_layer(signs, images) is signs.head


@pytest.mark.parametrize(
    "model", [nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1)), nn.Sequential(nn.Flatten(), nn.Identity())]
)
def test_penultimate_features_reject_model_without_final_linear(model, assert_unchanged):
    with pytest.raises(ValueError, match="this Sequential do not come straight from a Linear"):
        g.penultimate_features(assert_unchanged(model), torch.ones(2, 4))
    with pytest.raises(ValueError, match="this Sequential do not come straight from a Linear"):
        g.last_linear_layer(model, torch.ones(2, 4))


def test_input_gradient_rejects_outputs_without_batch_axis(signs, images):
    with pytest.raises(ValueError, match="must return a tensor of one row per sample"):
        g.input_gradient(nn.Sequential(signs, nn.Flatten(0)), images)


def test_input_gradient_rejects_inference_mode_parameters(images):
    with torch.inference_mode():
        model = nn.Linear(12, 2).double()
    with pytest.raises(ValueError, match="made in inference mode"):
        g.input_gradient(model, images)


def test_per_sample_norms_reject_embedding_with_max_norm(assert_unchanged):
    with pytest.raises(ValueError, match="max_norm"):
        g.per_sample_gradient_norms(
            assert_unchanged(nn.Sequential(nn.Embedding(4, 2, max_norm=1.0), nn.Flatten())),
            torch.zeros(2, 3, dtype=torch.long),
        )


class StatefulModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.last = nn.Linear(2, 2), None

    def forward(self, x):
        self.last = self.cached = self.linear(x)
        return self.last


def test_preserve_model_restores_attributes_set_in_forward(assert_unchanged):
    model = assert_unchanged(StatefulModel())
    g.per_sample_gradient_norms(model, torch.ones(2, 2), 1)
    g.input_gradient(model, torch.ones(2, 2), 1)
    assert model.last is None and not hasattr(model, "cached")
