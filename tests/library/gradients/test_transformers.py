"""The engine on a transformer: tokens, class token and position embedding behave as convolutions do."""

import copy

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import attribution
from tutorial_lib import gradients as g
from tutorial_lib.models import SignTransformer

LAST_TOKEN_LAYER = "blocks.1.norm1"  # the last layer whose tokens all reach the output


def log_sum(norms):
    return norms.log().sum(1)


def flat(tensors):
    return torch.cat([t.flatten(1) for t in tensors], 1)


FUNCTIONS = {
    "input_gradient": lambda m, x, J, **k: g.input_gradient(m, x, J, **k),
    "class_jacobian": lambda m, x, J, **k: g.class_jacobian(m, x, **k),
    "class_jacobian of tokens": lambda m, x, J, **k: g.class_jacobian(
        m, x, layer=LAST_TOKEN_LAYER, classes=[1, 4], **k
    ),
    "parameter_gradients": lambda m, x, J, **k: flat(g.per_sample_gradients(m, x, J, **k).values()),
    "gradient_norms": lambda m, x, J, **k: g.per_sample_gradient_norms(m, x, J, group_by="tensor", **k),
    "gradient_gram": lambda m, x, J, **k: g.class_gradient_gram(m, x, classes=[0, 3], **k),
    "norms_gradient": lambda m, x, J, **k: flat(g.input_gradient_of_norms(m, x, J, log_sum, **k)),
    "grad_cam": lambda m, x, J, **k: attribution.grad_cam(m, x, LAST_TOKEN_LAYER, J, **k),
}
every_function = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())


@pytest.fixture
def transformer(assert_unchanged):
    model = init_with_seed(SignTransformer(classes=6, width=12, depth=2, heads=3, hidden=16, stem=4)).double()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    return assert_unchanged(model)


@pytest.fixture
def images():
    return torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def J():
    return g.cross_entropy(torch.tensor([1, 0, 5]))


def test_transformer_per_sample_gradients_match_loop(transformer, images, J):
    expected, gradients = (
        per_sample_gradients_by_loop(transformer, images, J),
        g.per_sample_gradients(transformer, images, J),
    )
    assert list(gradients) == list(expected) and {"tokens.class_token", "tokens.position"} < set(gradients)
    for name in expected:
        assert expected[name].abs().max() > 1e-6
        torch.testing.assert_close(gradients[name], expected[name], rtol=1e-9, atol=1e-12)


def test_transformer_squared_layer_norms_sum_to_total(transformer, images, J):
    whole = flat(per_sample_gradients_by_loop(transformer, images, J).values()).square().sum(1)
    norms = g.per_sample_gradient_norms(transformer, images, J)
    assert g.layer_names(transformer)[0] == "tokens" and norms.shape == (3, len(g.layer_names(transformer)))
    torch.testing.assert_close(norms.square().sum(1), whole, rtol=1e-10, atol=0)
    own = per_sample_gradients_by_loop(transformer, images, J)
    bare = flat([own["tokens.class_token"], own["tokens.position"]]).norm(dim=1)
    torch.testing.assert_close(norms[:, 0], bare, rtol=1e-10, atol=0)
    assert (bare > 1e-3 * whole.sqrt()).all(), "the columns must be large enough for a comparison"


@pytest.mark.parametrize(
    "objective",
    [g.contrast_loss(3), g.confounding_label_loss(), g.confounding_label_loss(activation="softmax", reduction="sum")],
)
def test_transformer_norms_from_gram_match_direct_norms(objective, transformer, images):
    logits, h = g.penultimate_features(transformer, images)
    delta, _ = g.last_layer_gradient_factors(logits, h, objective)
    norms = g.gradient_norms_from_gram(g.class_gradient_gram(transformer, images), delta)
    torch.testing.assert_close(
        norms, g.per_sample_gradient_norms(transformer, images, objective), rtol=1e-8, atol=1e-12
    )
    head = g.layer_names(transformer).index("head")
    torch.testing.assert_close(
        norms[:, head], delta.norm(dim=1) * (h.square().sum(1) + 1).sqrt()
    )  # the 1 comes from the bias


@every_function
def test_transformer_gradients_batch_equals_single_samples(f, transformer, images, J):
    rows = [f(transformer, images[i : i + 1], J.select(slice(i, i + 1))) for i in range(3)]
    torch.testing.assert_close(f(transformer, images, J), torch.cat(rows), rtol=1e-9, atol=1e-12)


@every_function
def test_transformer_gradients_are_independent_of_chunk_size(f, transformer, images, J):
    torch.testing.assert_close(
        f(transformer, images, J, batch_size=2), f(transformer, images, J), rtol=1e-9, atol=1e-12
    )


@every_function
def test_transformer_gradients_work_under_no_grad_and_inference_mode(f, transformer, images, J):
    expected = f(transformer, images, J)
    with torch.no_grad():
        assert torch.equal(f(transformer, images, J), expected)
    with torch.inference_mode():
        result = f(transformer, images.clone(), g.cross_entropy(torch.tensor([1, 0, 5])))
    assert torch.equal(result, expected) and not result.requires_grad


@every_function
def test_transformer_gradients_support_frozen_float32_model(f, transformer, images, J):
    expected = f(transformer, images, J)
    frozen = copy.deepcopy(transformer).requires_grad_(False)
    torch.testing.assert_close(f(frozen, images, J), expected, rtol=1e-12, atol=1e-14)
    single = f(frozen.float(), images.float(), J)
    assert single.dtype == torch.float32 and (single - expected).norm() <= 1e-4 * expected.norm()


def test_transformer_grad_cam_matches_reshaped_token_gradients(transformer, images, J):
    A, gradient = g.layer_gradient(transformer, images, LAST_TOKEN_LAYER, J)
    assert A.shape == gradient.shape == (3, 65, 12)
    places, slope = (t[:, 1:].reshape(3, 8, 8, 12) for t in (A, gradient))  # without the class token
    expected = (places * slope.mean((1, 2), keepdim=True)).sum(3)
    torch.testing.assert_close(attribution.grad_cam(transformer, images, LAST_TOKEN_LAYER, J), expected)
    assert attribution.contrast_cam(transformer, images, LAST_TOKEN_LAYER, 2).shape == (3, 8, 8)


def test_grad_cam_rejects_transformer_layer_after_last_attention(transformer, images):
    with pytest.raises(ValueError, match="only the class token of this layer affects the outputs"):
        attribution.grad_cam(transformer, images, "blocks.1.norm2")


def test_transformer_token_jacobian_gives_layer_gradient_of_a_loss(transformer, images, J):
    jacobian = g.class_jacobian(transformer, images, layer=LAST_TOKEN_LAYER)
    delta, _ = g.last_layer_gradient_factors(*g.penultimate_features(transformer, images), J)
    torch.testing.assert_close(
        torch.einsum("nc,nctk->ntk", delta, jacobian), g.layer_gradient(transformer, images, LAST_TOKEN_LAYER, J)[1]
    )


def test_transformer_gradient_of_norms_matches_central_differences(transformer, images, J):
    norms, slope = g.input_gradient_of_norms(transformer, images, J, log_sum)
    torch.testing.assert_close(norms, g.per_sample_gradient_norms(transformer, images, J), rtol=1e-8, atol=1e-12)
    direction = torch.randn(images.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ahead, back = (
        log_sum(g.per_sample_gradient_norms(transformer, images + step * direction, J)) for step in (1e-8, -1e-8)
    )  # so short that no ReLU of the stem switches
    torch.testing.assert_close((slope * direction).flatten(1).sum(1), (ahead - back) / 2e-8, rtol=1e-4, atol=1e-5)


def test_transformer_loss_and_gradients_support_double_backward(transformer, images, J):
    model = copy.deepcopy(transformer).requires_grad_()
    _, gradients = g.loss_and_gradients(model, images, J)
    second = torch.autograd.grad(sum(v.square().sum() for v in gradients.values()), model.tokens.position)[0]
    assert second.abs().max() > 1e-6 and second.isfinite().all()


class PaddedEncoder(nn.Module):
    """An encoder of PyTorch with padded tokens, and a mean over all tokens."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.encoder(x, src_key_padding_mask=x[..., 0] < 0.2).mean(1))


@pytest.mark.filterwarnings("ignore:.*nested tensors")
def test_padded_encoder_has_the_same_outputs_with_and_without_gradients(assert_unchanged):
    """Without gradients, PyTorch would run a kernel that sets the outputs of padded tokens to zero."""
    model, x = assert_unchanged(init_with_seed(PaddedEncoder())), torch.full((4, 5, 6), 0.5)
    x[1:, 3:, 0] = 0.1
    expected = model(x).detach()
    torch.testing.assert_close(g.model_outputs(model, x), expected)
    torch.testing.assert_close(g.outputs_and_input_gradient(model, x, 1)[0], expected)
    with torch.no_grad():
        assert not torch.allclose(model(x), expected, atol=1e-3) and torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("layer", ["encoder.layers.0.linear1", "encoder.layers.0.norm1", "encoder.layers.1"])
def test_layers_of_a_frozen_encoder_have_the_gradients_of_a_trainable_one(layer, assert_unchanged):
    """The same kernel calls no hooks, so that the layers inside it would not be found."""
    model, x = init_with_seed(PaddedEncoder()), torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(0))
    expected = g.layer_gradient(model, x, layer, 1)
    for result, value in zip(g.layer_gradient(assert_unchanged(model.requires_grad_(False)), x, layer, 1), expected):
        torch.testing.assert_close(result, value)
