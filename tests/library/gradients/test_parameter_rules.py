"""Layers with and without a closed form, compared with the naive loop: gradients, norms, products and Gram matrices."""

import pytest
import torch
import torch.utils.checkpoint
from torch import nn

from tests._reference import gradient_products_by_loop, init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import gradients as g

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def assert_matches_loop(model, x, batch_size=3):
    objective = g.confounding_label_loss()
    expected = per_sample_gradients_by_loop(model, x, objective)
    gradients = g.per_sample_gradients(model, x, objective, batch_size=batch_size)
    largest = max(v.abs().max() for v in expected.values())
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value, rtol=1e-10, atol=1e-12 * largest.item())
    norms = torch.stack([v.flatten(1).norm(dim=1) for v in expected.values()], 1)
    order = list(expected)
    columns = [order.index(name) for name in g.layer_names(model, group_by="tensor")]
    computed = g.per_sample_gradient_norms(model, x, objective, group_by="tensor", batch_size=batch_size)
    torch.testing.assert_close(computed, norms[:, columns], rtol=1e-10, atol=1e-12 * largest.item())
    products = g.gradient_products(model, x, x.flip(0), objective, 0, batch_size=batch_size)
    expected_products = gradient_products_by_loop(model, x, x.flip(0), objective, g.logit(0))
    torch.testing.assert_close(
        products, expected_products, rtol=1e-9, atol=1e-10 * expected_products.abs().max().item()
    )
    z = model(x).detach()
    delta, _ = g.last_layer_gradient_factors(z, z, objective)
    layers = g.per_sample_gradient_norms(model, x, objective, batch_size=batch_size)
    # The square root of a difference of nearly equal numbers keeps half of the digits.
    torch.testing.assert_close(
        g.gradient_norms_from_gram(g.class_gradient_gram(model, x, batch_size=batch_size), delta),
        layers,
        rtol=1e-9,
        atol=1e-7 * largest.item(),
    )


def with_classifier_head(layer, x):
    return init_with_seed(
        nn.Sequential(layer, nn.Tanh(), nn.Flatten(), nn.Linear(layer.double()(x).flatten(1).shape[1], 3)).double()
    )


# The rule chooses another computation above two threads, and a new number of threads makes the first call slow.
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "kernel, stride, padding, dilation, groups, mode",
    [
        (3, 1, 1, 1, 1, "zeros"),
        (3, 2, 1, 1, 2, "reflect"),
        ((3, 2), (2, 1), (1, 0), (1, 2), 4, "zeros"),
        (2, 1, "same", 1, 1, "zeros"),
        ((4, 3), 1, "same", (1, 2), 2, "circular"),
        (1, 2, 0, 1, 1, "zeros"),
        (3, 1, "valid", 1, 1, "zeros"),
        (8, 1, 0, 1, 1, "zeros"),
    ],
)
def test_conv2d_per_sample_gradients_match_loop(
    kernel, stride, padding, dilation, groups, mode, threads, assert_unchanged
):
    x = randn(5, 4, 9, 8)
    model = with_classifier_head(nn.Conv2d(4, 8, kernel, stride, padding, dilation, groups, padding_mode=mode), x)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert_matches_loop(assert_unchanged(model), x)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("settings", [(3, 1, 1, 1, 1), (3, 2, 1, 2, 2), (4, 1, "same", 1, 4)])
def test_conv1d_per_sample_gradients_match_loop(settings, assert_unchanged):
    x = randn(5, 4, 11)
    assert_matches_loop(assert_unchanged(with_classifier_head(nn.Conv1d(4, 8, *settings), x)), x)


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.LayerNorm(6),
        nn.LayerNorm([4, 6, 6]),
        nn.InstanceNorm2d(4, affine=True),
        nn.PReLU(4),
        nn.ConvTranspose2d(4, 3, 3, 2),
        nn.Linear(6, 5),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 3, 3)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_image_layer_per_sample_gradients_match_loop(layer, assert_unchanged):
    layer, x = init_with_seed(layer), randn(5, 4, 6, 6)
    assert_matches_loop(assert_unchanged(with_classifier_head(layer, x)), x)


class EmbeddingModel(nn.Module):
    """Free parameters, embedded tokens, and as many positions as samples."""

    def __init__(self, padding=None):
        super().__init__()
        self.table, self.norm, self.linear = nn.Embedding(11, 6, padding_idx=padding), nn.LayerNorm(6), nn.Linear(6, 6)
        self.token, self.place = nn.Parameter(torch.randn(1, 1, 6)), nn.Parameter(torch.randn(1, 6, 6))
        self.scale, self.head = nn.Parameter(torch.randn(6)), nn.Linear(6, 3)

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), self.table(x)], 1) + self.place
        return self.head((self.scale * self.linear(self.norm(x))).tanh().mean(1))


class TiedWeights(nn.Module):
    """An embedding table that is also the last layer, and a layer used twice."""

    def __init__(self):
        super().__init__()
        self.table, self.twice, self.last = nn.Embedding(7, 6), nn.Linear(6, 6), nn.Linear(6, 7, bias=False)
        self.last.weight = self.table.weight

    def forward(self, x):
        return self.last(self.twice(self.twice(self.table(x)).tanh()).mean(1))


@pytest.mark.parametrize("n", [1, 5, 6])
@pytest.mark.parametrize("padding", [None, 0, -1])
def test_embedding_and_free_parameter_gradients_match_loop(n, padding, assert_unchanged):
    assert_matches_loop(
        assert_unchanged(init_with_seed(EmbeddingModel(padding).double())),
        torch.arange(5 * n).view(n, 5) % 11,
        batch_size=n,
    )


def test_tied_weight_and_reused_layer_gradients_match_loop(assert_unchanged):
    model = assert_unchanged(init_with_seed(TiedWeights().double()))
    assert_matches_loop(model, torch.arange(20).view(4, 5) % 7)
    assert g.layer_names(model) == ["table", "twice"]
    with pytest.raises(ValueError, match="'last' owns no parameters .shared ones belong"):
        g.per_sample_gradient_norms(model, torch.zeros(1, 5, dtype=torch.long), layers="last")


class TransposedWeight(nn.Module):
    """Samples on the second axis inside, as many positions as samples, a module that is never called, and attention."""

    def __init__(self):
        super().__init__()
        self.block, self.unused = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), nn.Linear(2, 2)
        self.inner, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.inner(self.block(x.transpose(0, 1))).mean(0))


def test_per_sample_gradients_do_not_infer_batch_axis_from_length(assert_unchanged):
    assert_matches_loop(assert_unchanged(init_with_seed(TransposedWeight().double())), randn(5, 5, 8), batch_size=5)


class SharedFunctional(nn.Module):
    """Weights used without their module, and a loop over values, which vmap cannot follow."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = nn.functional.linear(x, self.a.weight * 2, self.a.bias) @ self.b.weight
        return self.head(x if x.abs().max() > 0 else -x)


def test_functional_weight_per_sample_gradients_match_loop(assert_unchanged):
    assert_matches_loop(assert_unchanged(init_with_seed(SharedFunctional().double())), randn(5, 4))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.head = nn.GRU(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.cells(x)[0][:, -1])


def test_gru_per_sample_gradients_match_loop(assert_unchanged):
    assert_matches_loop(assert_unchanged(init_with_seed(Recurrent().double())), randn(5, 6, 4))


class Checkpointed(nn.Module):
    """A part that the backward pass computes again."""

    def __init__(self, reentrant):
        super().__init__()
        self.a, self.b, self.head, self.reentrant = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3), reentrant

    def forward(self, x):
        h = torch.utils.checkpoint.checkpoint(lambda h: self.b(h).tanh(), self.a(x), use_reentrant=self.reentrant)
        return self.head(h)


class DetachedBranch(nn.Module):
    """A branch that no gradient may pass."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        with torch.no_grad():
            gate = self.b(x)
        return self.head(gate * self.a(x))


def test_per_sample_norms_exact_or_rejected_under_checkpointing(assert_unchanged):
    models = [init_with_seed(Checkpointed(reentrant).double()) for reentrant in (False, True)]
    exact, refused, x = assert_unchanged(models[0]), assert_unchanged(models[1]), randn(4, 4)
    expected = per_sample_gradients_by_loop(exact, x, g.confounding_label_loss())
    norms = torch.stack([v.flatten(1).norm(dim=1) for v in expected.values()], 1)
    torch.testing.assert_close(
        g.per_sample_gradient_norms(exact, x, g.confounding_label_loss(), group_by="tensor"), norms, rtol=1e-10, atol=0
    )
    with pytest.raises(ValueError, match="cannot be differentiated.*checkpoint"):
        g.per_sample_gradient_norms(refused, x, g.confounding_label_loss())


def test_detached_branch_per_sample_gradients_match_loop(assert_unchanged):
    model, x, objective = assert_unchanged(init_with_seed(DetachedBranch().double())), randn(4, 4), g.kl_from_uniform()
    expected = per_sample_gradients_by_loop(model, x, objective)
    for name, gradient in g.per_sample_gradients(model, x, objective, layers=["a", "head"]).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-10, atol=1e-12)
    # Autograd has no gradient for b, which is not the same as a gradient of zero: the outputs depend on b.
    for call in (g.per_sample_gradients, g.per_sample_gradient_norms):
        with pytest.raises(ValueError, match=r"no path of autograd leads .* \['b.weight', 'b.bias'\]"):
            call(model, x, objective)


class InplaceInput(nn.Module):
    """The input of a layer is overwritten afterwards; autograd itself accepts that if the weight needs no gradient."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        h = x * 2
        y = self.a(h)
        h.zero_()
        return self.head(self.b(y).tanh())


def test_per_sample_norms_never_read_input_overwritten_in_place(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(InplaceInput().double())), randn(5, 4)
    try:
        norms = g.per_sample_gradient_norms(model, x, g.confounding_label_loss(), layers="a")
    except ValueError as error:
        assert "inplace" in str(error)
    else:
        h = 2 * x
        y = torch.func.functional_call(
            model.a, {k: v.detach() for k, v in model.a.named_parameters()}, h
        ).requires_grad_()
        (delta,) = torch.autograd.grad(g.confounding_label_loss()(model.head(model.b(y).tanh())).sum(), y)
        torch.testing.assert_close(norms[:, 0], delta.norm(dim=1) * (h.square().sum(1) + 1).sqrt())
