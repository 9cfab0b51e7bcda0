"""Networks and objectives in which samples influence each other, are reordered, or are random."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests._reference import init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import attribution, models
from tutorial_lib import gradients as g

CLASSES = torch.ones(5, 1, dtype=torch.long)
FUNCTIONS = {
    "input_gradient": lambda m, x, **k: g.input_gradient(m, x, 1, **k),
    "outputs_and_input_gradient": lambda m, x, **k: g.outputs_and_input_gradient(m, x, 1, **k)[1],
    "outputs_and_class_gradients": lambda m, x, **k: g.outputs_and_class_gradients(m, x, CLASSES, **k),
    "class_jacobian": lambda m, x, **k: g.class_jacobian(m, x, **k),
    "layer_gradient": lambda m, x, **k: g.layer_gradient(m, x, "layer", 1, **k)[1],
    "reduced_class_jacobian": lambda m, x, **k: g.reduced_class_jacobian(m, x, "layer", lambda J: J, **k)[2],
    "per_sample_gradients": lambda m, x, **k: g.per_sample_gradients(m, x, 1, **k)["layer.weight"],
    "per_sample_gradient_norms": lambda m, x, **k: g.per_sample_gradient_norms(m, x, 1, **k),
    "gradient_products": lambda m, x, **k: g.gradient_products(m, x, torch.ones(1, *x.shape[1:]), 1, 1, **k),
    "gradient_products, other": lambda m, x, **k: g.gradient_products(m, torch.ones(1, *x.shape[1:]), x, 1, 1, **k),
    "class_gradient_gram": lambda m, x, **k: g.class_gradient_gram(m, x, **k),
    "gradient_sketch": lambda m, x, **k: g.gradient_sketch(m, x, 1, **k),
    "model_outputs": lambda m, x, **k: g.model_outputs(m, x, **k),
    "objective_values": lambda m, x, **k: g.objective_values(m, x, 1, **k),
    "fix_predicted_class": lambda m, x, **k: g.fix_predicted_class(m, x, **k),
    "split_forward": lambda m, x, **k: g.split_forward(m, x, "layer", **k),
    "loss_and_gradients": lambda m, x, **k: g.loss_and_gradients(m, x, 1, **k),
    "input_gradient_of_norms": lambda m, x, **k: g.input_gradient_of_norms(m, x, None, lambda n: n.sum(1), **k),
}
every_function = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)


class Network(nn.Module):
    """A linear layer inside any function of the network and its input."""

    def __init__(self, function):
        super().__init__()
        self.layer, self.function = nn.Linear(4, 3), function

    def forward(self, x):
        return self.function(self.layer, x)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(function):
    return init_with_seed(Network(function))


def shift(h):
    """Return each row plus the row before it."""
    return h + F.pad(h, (0, 0, 1, 0))[:-1]


MIXED = {
    "mean of the batch subtracted": lambda layer, x: layer(x) - layer(x).mean(0),
    "mirrored": lambda layer, x: layer(x).flip(0),
    "rolled by one": lambda layer, x: layer(x.roll(1, 0)),
    "neighbors exchanged": lambda layer, x: layer(x)[torch.arange(len(x)) ^ 1 if len(x) % 2 == 0 else slice(None)],
    "accumulated": lambda layer, x: layer(x).cumsum(0),
    "accumulated from the end": lambda layer, x: layer(x).flip(0).cumsum(0).flip(0),
    "temporal shift module with time along the batch": lambda layer, x: shift(layer(x)),
    "shifted from the end": lambda layer, x: shift(layer(x).flip(0)).flip(0),
    "attention over the batch": lambda layer, x: (x @ x.T / 4).softmax(1) @ layer(x),
    "divided by the batch size": lambda layer, x: layer(x) / len(x),
    "contrast with the largest of the batch": lambda layer, x: layer(x) - layer(x).amax(0),
    "weights of the batch": lambda layer, x: layer(x) + 0.01 * x.sum(),
}


@pytest.mark.parametrize("n", [2, 3, 4, 7])
@pytest.mark.parametrize("name", MIXED)
def test_mixed_samples_are_refused(name, n, assert_unchanged):
    """In inseq 110 and 113, the attribution of a sentence differed between a batch and the sentence alone."""
    if name == "neighbors exchanged" and n % 2:
        pytest.skip("an odd batch is not changed")
    model = assert_unchanged(network(MIXED[name]))
    for f in (FUNCTIONS["input_gradient"], FUNCTIONS["per_sample_gradient_norms"], FUNCTIONS["model_outputs"]):
        with pytest.raises(ValueError, match="must depend on this sample alone"):
            f(model, randn(n, 4))


@every_function
def test_functions_refuse_mixed_samples_and_can_omit_the_check(f, assert_unchanged):
    model = assert_unchanged(network(MIXED["accumulated"]))
    with pytest.raises(ValueError, match="must depend on this sample alone.*skip_independence_check"):
        f(model, randn(5, 4))
    with g.skip_independence_check():
        f(model, randn(5, 4))
    with pytest.raises(ValueError, match="must depend on this sample alone"):
        f(model, randn(5, 4))


def test_batch_size_of_one_differentiates_mixing_network_sample_by_sample(assert_unchanged):
    model, x = assert_unchanged(network(MIXED["attention over the batch"])), randn(5, 4)
    expected = torch.cat([g.input_gradient(model, x[i : i + 1], 1) for i in range(5)])
    torch.testing.assert_close(g.input_gradient(model, x, 1, batch_size=1), expected)


def test_network_that_cannot_run_one_sample_is_refused(assert_unchanged):
    """A squeeze without an axis removes the batch axis of a single sample, a frequent mistake."""
    model = assert_unchanged(network(lambda layer, x: layer(x).squeeze()))
    with pytest.raises(ValueError, match=r"sample 3 alone cannot be run \(the model must return"):
        g.input_gradient(model, randn(5, 4), 1)


REORDERED_INSIDE = {
    "a layer sees the mirrored batch": lambda layer, x: layer(x.flip(0)).flip(0),
    "a layer sees the rolled batch, as with shifted windows": lambda layer, x: layer(x.roll(1, 0)).roll(-1, 0),
    "a layer sees the samples sorted, as packed sequences are": lambda layer, x: layer(x[x[:, 0].argsort()])[
        x[:, 0].argsort().argsort()
    ],
}


@pytest.mark.parametrize("batch_size", [2, 5])
@pytest.mark.parametrize("name", REORDERED_INSIDE)
def test_rows_reordered_inside_get_their_own_gradients(name, batch_size, assert_unchanged):
    """The outputs are in order, but row n of the layer is not sample n."""
    model, x = assert_unchanged(network(REORDERED_INSIDE[name]).double()), randn(5, 4).double()
    objective = g.cross_entropy([0, 1, 2, 0, 1])
    expected = per_sample_gradients_by_loop(model, x, objective)
    gradients = g.per_sample_gradients(model, x, objective, batch_size=batch_size)
    for key, value in expected.items():
        torch.testing.assert_close(gradients[key], value)
    torch.testing.assert_close(
        g.per_sample_gradient_norms(model, x, objective, group_by="tensor", batch_size=batch_size),
        torch.stack([value.flatten(1).norm(dim=1) for value in expected.values()], 1),
    )
    if batch_size == 5:
        with pytest.raises(ValueError, match="has other values in the batch than alone"):
            g.layer_gradient(model, x, "layer", objective)


class SecondAxis(nn.Module):
    """A token embedding with positions (1, T), and linear layers that see the samples along the second axis."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(9, 4), nn.Embedding(5, 4)
        self.inner, self.layer = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.tokens(x) + self.places(torch.arange(x.shape[1])[None])
        return self.layer(self.inner(x.transpose(0, 1)).tanh().mean(0))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_batch_along_second_axis_and_broadcast_positions_match_loop(n, assert_unchanged):
    """In Opacus 650 a layer sees the batch along its second axis, in 841 position embeddings have a batch axis of 1."""
    model = assert_unchanged(init_with_seed(SecondAxis()).double())
    x = torch.randint(9, (n, 5), generator=torch.Generator().manual_seed(0))
    expected = per_sample_gradients_by_loop(model, x, g.kl_from_uniform())
    for key, value in g.per_sample_gradients(model, x, g.kl_from_uniform()).items():
        torch.testing.assert_close(value, expected[key])


class Frames(nn.Module):
    """Two frames per sample, which a layer sees as a batch of twice the size."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        maps = self.conv(x.unflatten(1, (2, 3)).flatten(0, 1)).relu()
        return self.head(maps.mean((2, 3)).unflatten(0, (-1, 2)).mean(1))


@pytest.mark.parametrize("n", [1, 3])
def test_layer_with_more_rows_than_samples_is_refused_for_maps(n, assert_unchanged):
    model = assert_unchanged(init_with_seed(Frames()))
    x = torch.rand(n, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    for f in (attribution.grad_cam, attribution.guided_grad_cam, g.layer_gradient):
        with pytest.raises(ValueError, match=rf"one row per sample, \({n}, …\), but it returns float32 \({2 * n}, 4"):
            f(model, x, "conv", 1)
    expected = per_sample_gradients_by_loop(model, x, g.kl_from_uniform())
    for key, value in g.per_sample_gradients(model, x, g.kl_from_uniform()).items():
        torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=1e-6)


class Tokens(nn.Module):
    """A layer with the tokens first: as many tokens as samples would look like the batch."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.layer(x.transpose(0, 1)).tanh().mean(0))


def test_layer_with_tokens_first_is_refused_for_its_gradient(assert_unchanged):
    with pytest.raises(ValueError, match=r"expected floats with one row per sample, \(1, …\), but it returns"):
        g.layer_gradient(assert_unchanged(Tokens()), randn(5, 5, 4), "layer", 1)


# Objectives that do not treat each row alone.

LABELS = torch.tensor([0, 1, 2, 0, 1])
TYING_OBJECTIVES = {
    "labels closed over": lambda z: F.cross_entropy(z, LABELS, reduction="none"),
    "labels closed over and cut to the batch": lambda z: z[torch.arange(len(z)), LABELS[: len(z)]],
    "target closed over and broadcast": lambda z: (z - torch.eye(3)[LABELS]).square().mean(1),
    "weights closed over": lambda z: z[:, 1] * torch.arange(1.0, 6),
    "mean of the batch": lambda z: (z - z.mean(0))[:, 1].square(),
    "mean loss for every row": lambda z: z.logsumexp(1).mean().expand(len(z)),
    "divided by the number of rows": lambda z: z[:, 1] / len(z),
    "divided by the norm of the batch": lambda z: z[:, 1] / z.norm(),
    "sorted": lambda z: z[:, 1].sort().values,
    "difference to the next row": lambda z: z[:, 1] - z[:, 1].roll(-1),
    "contrastive": lambda z: (z @ z.T).log_softmax(1).diagonal(),
    "first row alone sees the others": lambda z: torch.cat([z[:1, 1] + 0.01 * z[1:, 2].sum(), 10 + z[1:, 1]]),
}


@pytest.mark.parametrize("labels", [[0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0, 1]])
def test_closed_over_labels_are_noticed_in_every_order(labels, assert_unchanged):
    """Some of these labels are the same from the end, and some differ in a single place."""
    model, y = assert_unchanged(network(lambda layer, x: layer(x))), torch.tensor(labels)
    with pytest.raises(ValueError, match="bind_per_sample"):
        g.input_gradient(model, randn(len(y), 4), lambda z: z[torch.arange(len(z)), y[: len(z)]])


@pytest.mark.parametrize("name", TYING_OBJECTIVES)
def test_objective_that_ties_rows_is_refused(name, assert_unchanged):
    model, x = assert_unchanged(network(lambda layer, x: layer(x))), randn(5, 4)
    for f in (g.per_sample_gradient_norms, g.per_sample_gradients, g.input_gradient, g.objective_values):
        with pytest.raises(ValueError, match="objective.*(bind_per_sample|bind batch tensors)"):
            f(model, x, TYING_OBJECTIVES[name])
    with pytest.raises(ValueError, match="bind_per_sample"):
        g.last_layer_gradient_factors(model(x), x, TYING_OBJECTIVES[name])


def test_bound_target_matches_loop_where_closed_over_target_is_refused(assert_unchanged):
    x = torch.rand(5, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    model = assert_unchanged(models.StridedAutoencoder(widths=(4, 4, 8, 8)))
    with pytest.raises(ValueError, match="bind"):
        g.per_sample_gradient_norms(model, x, lambda out: (out - x).square().flatten(1).mean(1))
    bound = g.bind_per_sample(lambda out, x: (out - x).square().flatten(1).mean(1), x)
    torch.testing.assert_close(
        g.per_sample_gradient_norms(model, x, bound), g.per_sample_gradient_norms(model, x, g.reconstruction_mse(x))
    )


# Random networks.


class OwnGenerator(nn.Module):
    """Noise from a generator that belongs to the module."""

    def __init__(self):
        super().__init__()
        self.layer, self.generator = nn.Linear(4, 3), torch.Generator().manual_seed(0)

    def forward(self, x):
        return self.layer(x) + torch.randn(len(x), 3, generator=self.generator)


class LSTMClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.layer = nn.LSTM(4, 4, 2, batch_first=True, dropout=0.5), nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(self.lstm(x[:, None].expand(-1, 3, -1))[0][:, -1])


def layer_drop(layer, x):
    """Skip the layer by chance, as LayerDrop in fairseq and transformers does with NumPy and Python."""
    return layer(x) if np.random.rand() > 0.5 else layer(x) + 1


RANDOM = {
    "dropout between the layers of an LSTM": LSTMClassifier,
    "dropout as a function, also in evaluation mode": lambda: network(lambda layer, x: F.dropout(layer(x), 0.5)),
    "randomized ReLU": lambda: init_with_seed(nn.Sequential(nn.Linear(4, 3), nn.RReLU())).train(),
    "gumbel softmax": lambda: network(lambda layer, x: F.gumbel_softmax(layer(x))),
    "stochastic depth": lambda: network(lambda layer, x: layer(x) * torch.bernoulli(torch.full((len(x), 1), 0.8))),
    "variational autoencoder that samples": lambda: network(lambda layer, x: layer(x) + torch.randn_like(x)[:, :3]),
    "LayerDrop by NumPy": lambda: network(layer_drop),
    "LayerDrop by Python": lambda: network(lambda layer, x: layer(x) * (random.random() > 0.5)),
}


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", RANDOM)
def test_random_network_is_refused_by_its_behavior(name, n, assert_unchanged):
    model = assert_unchanged(RANDOM[name]())
    states = random.getstate(), np.random.get_state()[1].tolist()
    for f in (g.input_gradient, g.per_sample_gradient_norms, g.objective_values):
        with pytest.raises(ValueError, match="is random.*eval_mode"):
            f(model, randn(n, 4), 1)
    assert states == (random.getstate(), np.random.get_state()[1].tolist())


def test_stochastic_depth_of_torchvision_is_refused_in_training_mode_only(assert_unchanged):
    torchvision = pytest.importorskip("torchvision")
    sizes = dict(patch_size=[4, 4], embed_dim=12, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4])
    model = init_with_seed(torchvision.models.SwinTransformer(**sizes, stochastic_depth_prob=0.5, num_classes=5))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="is random"):
        g.input_gradient(model.train(), x, 1)
    assert all(module.training for module in model.modules())
    assert_unchanged(model.eval())
    torch.testing.assert_close(
        g.input_gradient(model.eval(), x, 1), g.input_gradient(model, x, 1, batch_size=1), rtol=1e-3, atol=1e-5
    )


def test_modules_that_are_not_random_are_accepted_in_training_mode():
    """Dropout with p = 0 draws nothing, and a module that is not called does not matter."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.0)).train()
    model[0].unused = nn.Dropout(0.5)
    assert torch.equal(g.input_gradient(model, torch.ones(2, 4), 1)[0], model[0].weight[1])


def test_generator_of_a_module_is_noticed_by_its_outputs(assert_unchanged):
    model = assert_unchanged(OwnGenerator())
    for f in (g.input_gradient, g.per_sample_gradient_norms, g.model_outputs):
        with pytest.raises(ValueError, match="other values in the batch than alone"):
            f(model, randn(4, 4))


# No false alarms.


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "mobilenet_v3_small",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("convnext_tiny", "swin_t")),
    ],
)
def test_check_accepts_deep_networks_in_every_precision(name, dtype):
    torchvision = pytest.importorskip("torchvision")
    model = init_with_seed(getattr(torchvision.models, name)(num_classes=10)).to(dtype)
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(dtype)
    assert g.input_gradient(model, x, 1).isfinite().all()


class LowPrecisionInside(nn.Module):
    """Float32 outside, bfloat16 inside, and another order of summation for a batch of one, as on a GPU."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(400, 400), nn.Linear(400, 10)

    def forward(self, x):
        order = torch.arange(400) if len(x) > 1 else torch.arange(400).flip(0)
        with torch.autocast("cpu", torch.bfloat16):
            h = F.linear(x[:, order], self.a.weight[:, order], self.a.bias)
            return self.b(h.tanh() + (2e-3 if len(x) == 1 else 0)).float()


def test_check_accepts_low_precision_inside_of_float32_network():
    model, x = init_with_seed(LowPrecisionInside()), torch.rand(6, 400, generator=torch.Generator().manual_seed(0))
    assert g.input_gradient(model, x, 1).isfinite().all() and g.per_sample_gradient_norms(model, x, 1).isfinite().all()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_check_accepts_every_scale_and_constant_outputs(scale):
    model = network(lambda layer, x: scale * layer(x))
    assert g.input_gradient(model, randn(5, 4), 1).isfinite().all()
    assert not g.input_gradient(network(lambda layer, x: 0 * layer(x)), randn(5, 4), 1).any()
