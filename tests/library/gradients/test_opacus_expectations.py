"""The layers whose per-sample gradients Opacus tests, with our gradients and norms compared with a loop over samples.

Opacus draws the settings of each layer from ranges and compares its gradients with those of batches of one sample. The
tests here take fixed settings from the same ranges; the exact norms of embeddings are numbers from Opacus.

Our functions differ from Opacus in four ways:

- they work on any model in evaluation mode, and replace no layer by a variant (``DPLSTM``, ``DPMultiheadAttention``);
- the samples are always the first axis of x, so a model whose layers have the samples second swaps the axes itself;
- the loss is given for each sample, so there is no choice between its sum and its mean;
- an empty batch raises an error, whereas Opacus returns empty gradients.

References:
    Opacus, commit 4d0ebc8, ``opacus/tests/grad_samples`` and ``opacus/tests/grad_sample_module_test.py``,
    https://github.com/pytorch/opacus.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests._reference import gradient_products_by_loop, init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import gradients as g

pytestmark = pytest.mark.filterwarnings(
    "ignore:Using padding='same' with even kernel", "ignore:RNN module weights are not part of single contiguous chunk"
)
N = 3


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def integers(high, *shape):
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(0))


def squared_outputs():
    """The sum of the squared outputs, weighted so that no two of them have the same gradient."""

    def value(out):
        out = out.flatten(1)
        return (out.square() * torch.linspace(0.5, 1.5, out.shape[1], dtype=out.dtype)).sum(1)

    return g.as_objective(value)


def build(network, *args, **kwargs):
    """Return a network in double precision, initialized from a seed, without changing the global random state."""
    with torch.random.fork_rng([]):
        return init_with_seed(network(*args, **kwargs)).double()


def assert_matches_loop(model, x, objective=None):
    objective = objective or squared_outputs()
    expected = per_sample_gradients_by_loop(model, x, objective)
    for batch_size in (len(x), 2):
        gradients = g.per_sample_gradients(model, x, objective, batch_size=batch_size)
        assert gradients.keys() == expected.keys()
        for name, value in expected.items():
            assert gradients[name].shape == (len(x), *model.get_parameter(name).shape)
            torch.testing.assert_close(gradients[name], value, rtol=1e-9, atol=1e-11)
    norms = g.per_sample_gradient_norms(model, x, objective, group_by="tensor")
    by_tensor = torch.stack([value.flatten(1).norm(dim=1) for value in expected.values()], 1)
    torch.testing.assert_close(norms, by_tensor, rtol=1e-9, atol=1e-11)
    total = g.per_sample_gradient_norms(model, x, objective).norm(dim=1)
    torch.testing.assert_close(total, by_tensor.norm(dim=1), rtol=1e-9, atol=1e-11)
    products = g.gradient_products(model, x, x[:2], objective, objective.select(slice(2)))
    expected_products = gradient_products_by_loop(model, x, x[:2], objective, objective.select(slice(2)))
    torch.testing.assert_close(products, expected_products, rtol=1e-9, atol=1e-10)


class SamplesSecond(nn.Module):
    """A layer that has the samples on its second axis, inside a model that has them on the first."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.transpose(0, 1)).transpose(0, 1)


class FirstResult(nn.Module):
    """The first result of a layer that returns several."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


# Linear layers and biases along a sequence.


SEQUENCES = [(N, 4, 10), (N, 1, 10), (N, N, 10), (N, 4, 2, 10)]


@pytest.mark.parametrize(
    "shape, samples_first",
    [((N, 10), True), *((shape, first) for shape in SEQUENCES for first in (True, False))],
    ids=str,
)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_layer_over_sequences_matches_loop(shape, samples_first, bias, assert_unchanged):
    """A sequence as long as the batch must not be taken for the batch."""
    layer = build(nn.Linear, 10, 12, bias=bias)
    assert_matches_loop(assert_unchanged(layer if samples_first else SamplesSecond(layer)), randn(*shape))


class SequenceBias(nn.Module):
    """One more step at the end of each sequence, a parameter that all samples share."""

    def __init__(self, d):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(d))

    def forward(self, x):
        return torch.cat([x, self.bias.expand(len(x), 1, -1)], 1)


class SequenceBiasSamplesSecond(SequenceBias):
    def forward(self, x):
        x = x.transpose(0, 1)
        return torch.cat([x, self.bias.repeat(1, x.shape[1], 1)]).transpose(0, 1)


@pytest.mark.parametrize("network", [SequenceBias, SequenceBiasSamplesSecond])
@pytest.mark.parametrize("length", [N, 5])
def test_bias_appended_to_sequence_matches_loop(network, length, assert_unchanged):
    assert_matches_loop(assert_unchanged(build(network, 4)), randn(N, length, 4))


# Convolutions: kernel, stride, padding, dilation, groups.

PADDINGS_1D = [(2, 1, 0), (3, 2, 1), (2, 2, 2), (3, 1, "same"), (2, 1, "same"), (3, 2, "valid")]


@pytest.mark.parametrize("kernel, stride, padding", PADDINGS_1D)
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("channels, out, groups", [(1, 2, 1), (3, 6, 3), (6, 3, 3), (4, 2, 2)])
def test_conv1d_matches_loop(kernel, stride, padding, dilation, channels, out, groups, assert_unchanged):
    layer = build(nn.Conv1d, channels, out, kernel, stride, padding, dilation, groups)
    assert_matches_loop(assert_unchanged(layer), randn(N, channels, 8))


@pytest.mark.parametrize("kernel, stride, padding", [(2, 1, 0), (3, 2, 2), (4, 2, 2), (2, 1, "same"), (4, 2, "valid")])
@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("channels, out, groups", [(1, 2, 1), (3, 6, 3), (4, 2, 2)])
def test_conv2d_matches_loop(kernel, stride, padding, dilation, channels, out, groups, assert_unchanged):
    layer = build(nn.Conv2d, channels, out, kernel, stride, padding, dilation, groups)
    assert_matches_loop(assert_unchanged(layer), randn(N, channels, 11, 12))


def test_conv2d_with_dilation_along_one_axis_matches_loop(assert_unchanged):
    """A kernel of one column, dilated along the rows, over an image of one column."""
    layer = build(nn.Conv2d, 1, 1, (3, 1), dilation=(3, 1), bias=False)
    assert_matches_loop(assert_unchanged(layer), randn(N, 1, 8, 1))


@pytest.mark.parametrize(
    "kernel, stride, padding, dilation",
    [
        (2, 1, 0, 1),
        (3, 2, 2, 1),
        ((1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 2)),
        (2, 1, "same", (1, 2, 2)),
        ((1, 2, 3), 1, "valid", 1),
    ],
)
@pytest.mark.parametrize("channels, out, groups", [(1, 2, 1), (3, 6, 3), (4, 2, 2)])
def test_conv3d_matches_loop(kernel, stride, padding, dilation, channels, out, groups, assert_unchanged):
    layer = build(nn.Conv3d, channels, out, kernel, stride, padding, dilation, groups)
    assert_matches_loop(assert_unchanged(layer), randn(N, channels, 3, 6, 7))


# Normalizations.


@pytest.mark.parametrize("layer", [nn.LayerNorm, nn.RMSNorm])
@pytest.mark.parametrize(
    "shape, normalized",
    [
        ((N, 5), 5),
        ((N, 4, 5), 5),
        ((N, N, 5), 5),
        ((N, 4, 2, 5), 5),
        ((N, 4, 5), [4, 5]),
        ((N, 4, 2, 5), [2, 5]),
        ((N, 4, 2, 5), [4, 2, 5]),
    ],
    ids=str,
)
def test_layer_and_rms_norm_matches_loop(layer, shape, normalized, assert_unchanged):
    assert_matches_loop(assert_unchanged(build(layer, normalized)), randn(*shape))


@pytest.mark.parametrize("channels, groups", [(4, 1), (8, 4), (6, 6), (1, 1)])
@pytest.mark.parametrize("size", [(5, 4), (6,), (2, 3, 4)], ids=str)
def test_group_norm_matches_loop(channels, groups, size, assert_unchanged):
    assert_matches_loop(assert_unchanged(build(nn.GroupNorm, groups, channels)), randn(N, channels, *size))


@pytest.mark.parametrize(
    "layer, size", [(nn.InstanceNorm1d, (5,)), (nn.InstanceNorm2d, (5, 4)), (nn.InstanceNorm3d, (2, 5, 4))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_instance_norm_matches_loop(layer, size, channels, assert_unchanged):
    norm = build(layer, channels, affine=True, track_running_stats=False)
    assert_matches_loop(assert_unchanged(norm), randn(N, channels, *size))


def test_batch_norm_in_training_mode_is_rejected():
    model = build(lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Flatten())).train()
    with pytest.raises(ValueError, match="uses the statistics of the batch"):
        g.per_sample_gradients(model, randn(N, 3, 5), squared_outputs())


def test_instance_norm_with_running_statistics_is_rejected_or_unchanged():
    """Opacus refuses this layer, because its running statistics depend on all samples."""
    model = build(nn.InstanceNorm1d, 3, affine=True, track_running_stats=True).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        g.per_sample_gradients(model, randn(N, 3, 5), squared_outputs())
    except ValueError:
        pass
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# Embeddings.


@pytest.mark.parametrize(
    "shape",
    [
        (N,),
        (N, 5),
        (N, N),
        (N, 5, 4),
        (N, 5, 4, 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [2, 32])
def test_embedding_matches_loop(shape, rows, assert_unchanged):
    assert_matches_loop(assert_unchanged(build(nn.Embedding, rows, 10)), integers(rows, *shape))


@pytest.mark.parametrize(
    "indices, gradients, expected",
    [
        ([[1, 1], [2, 0], [2, 0]], [[[0.2], [0.2]], [[0.3], [0.1]], [[0.3], [0.1]]], [0.4, 0.3162, 0.3162]),
        (
            [[k] for k in (1, 1, 2, 0, 2, 0)],
            [[[v, v]] for v in (0.2, 0.2, 0.3, 0.1, 0.3, 0.1)],
            [0.2828, 0.2828, 0.4243, 0.1414, 0.4243, 0.1414],
        ),
        (
            [[0] * 6, [1, 0, 0, 0, 0, 0], [2, 3, 4, 5, 6, 7], [4, 3, 0, 0, 0, 0], [8, 7, 9, 6, 5, 0]],
            [[[v]] * 6 for v in (0.0025, -0.0014, -0.0002, 0.0019, -0.0016)],
            [0.0150, 0.0071, 0.0005, 0.0081, 0.0039],
        ),
    ],
    ids=["repeated index", "two columns", "six indices"],
)
def test_embedding_norms_match_numbers_of_opacus(indices, gradients, expected, assert_unchanged):
    """The gradient at the output is given: the objective is its inner product with the output."""
    weights = torch.tensor(gradients, dtype=torch.float64)
    model = assert_unchanged(build(nn.Embedding, 10, weights.shape[-1]))
    objective = g.bind_per_sample(lambda out, w: (out * w).flatten(1).sum(1), weights)
    norms = g.per_sample_gradient_norms(model, torch.tensor(indices), objective)
    torch.testing.assert_close(norms[:, 0], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=5e-5)
    assert_matches_loop(model, torch.tensor(indices), objective)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 0])
def test_embedding_bag_matches_loop(mode, padding, assert_unchanged):
    """Opacus takes bags of different lengths with offsets; here a bag is a row, and the padding index shortens it."""
    bags = torch.tensor([[3, 1, 7, 7, 0], [2, 0, 0, 0, 0], [9, 8, 7, 1, 4]])
    assert_matches_loop(assert_unchanged(build(nn.EmbeddingBag, 10, 6, mode=mode, padding_idx=padding)), bags)


class BagsWithOffsets(nn.Module):
    """Bags of different lengths in one vector, with their offsets: each row holds a bag and −1 after its end."""

    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(10, 6, mode="mean")

    def forward(self, x):
        lengths = (x >= 0).sum(1)
        return self.bag(x[x >= 0], lengths.cumsum(0) - lengths)


def test_embedding_bag_with_offsets_matches_loop(assert_unchanged):
    bags = torch.tensor([[3, 1, 7, 7, 0], [2, -1, -1, -1, -1], [9, 8, 7, -1, -1]])
    assert_matches_loop(assert_unchanged(build(BagsWithOffsets)), bags)


# Recurrent layers.


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize(
    "settings",
    [
        dict(bias=False),
        dict(num_layers=2),
        dict(batch_first=False, bidirectional=True),
    ],
    ids=str,
)
def test_recurrent_layer_matches_loop(layer, settings, assert_unchanged):
    rnn = FirstResult(layer(4, 5, **{"batch_first": True, **settings}))
    model = build(lambda: rnn if rnn.layer.batch_first else SamplesSecond(rnn))
    assert_matches_loop(assert_unchanged(model), randn(N, 3, 4))


@pytest.mark.parametrize(
    "layer",
    [
        nn.RNN,
        nn.GRU,
        nn.LSTM,
    ],
)
def test_recurrent_layer_in_single_precision_matches_loop(layer, assert_unchanged):
    """On processors torch runs an LSTM in single precision by another library than one in double precision."""
    model = assert_unchanged(build(lambda: FirstResult(layer(4, 5, batch_first=True))).float())
    x = randn(N, 3, 4).float()
    expected = per_sample_gradients_by_loop(model, x, squared_outputs())
    gradients = g.per_sample_gradients(model, x, squared_outputs())
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value)


class PackedSequences(nn.Module):
    """Sequences of different lengths, packed: zeros after the end of a sequence say how long it is."""

    def __init__(self, layer, enforce_sorted):
        super().__init__()
        self.layer, self.enforce_sorted = layer(4, 5, batch_first=True), enforce_sorted

    def forward(self, x):
        lengths = x.abs().sum(2).ne(0).sum(1)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.enforce_sorted)
        return pad_packed_sequence(self.layer(packed)[0], batch_first=True, total_length=x.shape[1])[0]


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("lengths", [(4, 3, 1), (1, 4, 2)], ids=str)
def test_recurrent_layer_on_packed_sequences_matches_loop(layer, lengths, assert_unchanged):
    x = randn(N, 4, 4)
    for row, length in zip(x, lengths):
        row[length:] = 0
    model = build(PackedSequences, layer, enforce_sorted=lengths == (4, 3, 1))
    assert_matches_loop(assert_unchanged(model), x)


# Attention.


class Attention(nn.Module):
    """Attention of the first third of the channels on the second, with values from the last."""

    def __init__(self, **settings):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, dropout=0.0, **settings)
        self.batch_first = settings.get("batch_first", False)

    def forward(self, x):
        x = x if self.batch_first else x.transpose(0, 1)
        out = self.attention(*x.chunk(3, -1))[0]
        return out if self.batch_first else out.transpose(0, 1)


@pytest.mark.parametrize(
    "settings",
    [
        dict(num_heads=1),
        dict(num_heads=2, batch_first=True),
        dict(num_heads=2, bias=False),
        dict(num_heads=2, add_bias_kv=True),
        dict(num_heads=2, add_zero_attn=True, batch_first=True),
        dict(num_heads=2, add_bias_kv=True, add_zero_attn=True, bias=False),
        dict(num_heads=1, kdim=4, vdim=4, batch_first=True),
    ],
    ids=str,
)
def test_multihead_attention_matches_loop(settings, assert_unchanged):
    """The sequences are as long as the batch, so that the two axes could be confused."""
    assert_matches_loop(assert_unchanged(build(Attention, **settings)), randn(N, N, 12))


# Whole networks, and parameters that are shared, frozen, unused or owned by no known layer.


class SampleNetwork(nn.Module):
    """Two convolutions with strides, max pooling as a function, and two linear layers."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 8, 2, padding=3), nn.Conv2d(4, 6, 4, 2)
        self.fc1, self.fc2 = nn.Linear(6 * 4 * 4, 8), nn.Linear(8, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2, 1)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2, 1)
        return self.fc2(F.relu(self.fc1(x.view(-1, 6 * 4 * 4))))


def test_network_with_functional_pooling_matches_loop(assert_unchanged):
    """Opacus measures the absolute error of the outputs; the loss of one sample is its mean over the classes."""
    model = assert_unchanged(build(SampleNetwork))
    assert_matches_loop(model, randn(N, 3, 28, 28), g.as_objective(lambda z: z.abs().mean(1)))


def test_network_is_not_altered(assert_unchanged):
    model, x = assert_unchanged(build(SampleNetwork)), randn(N, 3, 28, 28)
    before = model(x).detach()
    g.per_sample_gradients(model, x, squared_outputs())
    assert torch.equal(model(x), before) and torch.equal(g.model_outputs(model, x), before)
    assert all(not vars(p) for p in model.parameters())  # no attribute such as grad_sample stays


class FreeParameter(nn.Module):
    """A weight that belongs to no known layer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2, 4))

    def forward(self, x):
        return F.linear(x, self.weight)


@pytest.mark.parametrize("shape", [(N, 4), (N, N, 4)], ids=str)
def test_parameter_outside_of_known_layers_matches_loop(shape, assert_unchanged):
    assert_matches_loop(assert_unchanged(build(FreeParameter)), randn(*shape))


class SharedWeights(nn.Module):
    """One layer used twice, and one weight of two layers."""

    def __init__(self):
        super().__init__()
        self.twice, self.tied = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        self.last = nn.Linear(4, 4)
        self.last.weight = self.tied.weight

    def forward(self, x):
        return self.last(self.tied(self.twice(self.twice(x).tanh())).tanh())


@pytest.mark.parametrize("shape", [(N, 4), (N, 5, 4)], ids=str)
def test_shared_weights_matches_loop(shape, assert_unchanged):
    assert_matches_loop(assert_unchanged(build(SharedWeights)), randn(*shape))


class TiedEmbedding(nn.Module):
    """An embedding whose weight is that of the last layer as well."""

    def __init__(self):
        super().__init__()
        self.table, self.last = nn.Embedding(8, 5), nn.Linear(5, 8, bias=False)
        self.last.weight = self.table.weight

    def forward(self, x):
        return self.last(self.table(x).tanh())


@pytest.mark.parametrize("length", [N, 6])
def test_embedding_tied_to_last_layer_matches_loop(length, assert_unchanged):
    assert_matches_loop(assert_unchanged(build(TiedEmbedding)), integers(8, N, length))


@pytest.mark.parametrize("frozen", [["conv1.weight"], ["fc1.weight", "fc1.bias"], None])
def test_frozen_parameters_have_the_same_gradients(frozen, assert_unchanged):
    """Opacus skips frozen parameters; ours never reads ``requires_grad``, so the gradient is the same."""
    model, x = build(SampleNetwork), randn(N, 3, 28, 28)
    expected = per_sample_gradients_by_loop(model, x, squared_outputs())
    for name, p in model.named_parameters():
        p.requires_grad_(frozen is not None and name not in frozen)
    gradients = g.per_sample_gradients(assert_unchanged(model), x, squared_outputs())
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value, rtol=1e-9, atol=1e-11)


class UnusedLayer(nn.Module):
    """A layer that is never called, and one whose result is not used."""

    def __init__(self):
        super().__init__()
        self.used, self.never, self.ignored = nn.Linear(4, 2), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x):
        self.ignored(x)
        return self.used(x)


def test_unused_layers_have_gradient_zero(assert_unchanged):
    model, x = assert_unchanged(build(UnusedLayer)), randn(N, 4)
    assert_matches_loop(model, x)
    gradients = g.per_sample_gradients(model, x, squared_outputs())
    assert gradients["used.weight"].any()
    assert not any(gradients[f"{layer}.{kind}"].any() for layer in ("never", "ignored") for kind in ("weight", "bias"))


@pytest.mark.parametrize("function", [g.per_sample_gradients, g.per_sample_gradient_norms])
def test_empty_batch_is_rejected(function, assert_unchanged):
    with pytest.raises(ValueError, match="at least one sample"):
        function(assert_unchanged(build(nn.Linear, 4, 2)), randn(0, 4), squared_outputs())


@pytest.mark.parametrize("n", [1, 2])
def test_one_sample_and_two_samples_matches_loop(n, assert_unchanged):
    """A batch of one must not lose its axis."""
    assert_matches_loop(assert_unchanged(build(SampleNetwork)), randn(n, 3, 28, 28))


def test_gradients_add_up_to_those_of_the_batch(assert_unchanged):
    """The sum over samples is the gradient of the summed loss, and the mean that of the mean loss."""
    model, x = assert_unchanged(build(SampleNetwork)), randn(N, 3, 28, 28)
    gradients = g.per_sample_gradients(model, x, squared_outputs())
    for reduce in (torch.sum, torch.mean):
        expected = torch.autograd.grad(reduce(squared_outputs()(model(x))), list(model.parameters()))
        for value, gradient in zip(expected, gradients.values()):
            torch.testing.assert_close(reduce(gradient, 0), value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_have_the_dtype_of_the_model(dtype, assert_unchanged):
    """In half precision Opacus tests the dtype of the gradients; here their values are compared as well."""
    model = assert_unchanged(build(lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))).to(dtype))
    gradients = g.per_sample_gradients(model, randn(N, 6).to(dtype), 1)
    expected = per_sample_gradients_by_loop(model, randn(N, 6).to(dtype), g.logit(1))
    for name, value in expected.items():
        assert gradients[name].dtype == dtype
        torch.testing.assert_close(gradients[name], value)
