"""The engine on a transformer: what holds for convolutions holds for tokens, class token and position embedding included."""

import copy

import pytest
import torch
from oracles import drawn, naive

from tutorial_lib import gradients as g
from tutorial_lib import information
from tutorial_lib.networks import SignTransformer

LAST = "blocks.1.norm1"  # the last layer whose tokens all reach the answer


def log_sum(norms):
    return norms.log().sum(1)


def flat(tensors):
    return torch.cat([t.flatten(1) for t in tensors], 1)


FUNCTIONS = {
    "input_gradient": lambda m, x, J, **k: g.input_gradient(m, x, J, **k),
    "class_jacobian": lambda m, x, J, **k: g.class_jacobian(m, x, **k),
    "class_jacobian of tokens": lambda m, x, J, **k: g.class_jacobian(m, x, layer=LAST, classes=[1, 4], **k),
    "parameter_gradients": lambda m, x, J, **k: flat(g.parameter_gradients(m, x, J, **k).values()),
    "gradient_norms": lambda m, x, J, **k: g.gradient_norms(m, x, J, by="tensor", **k),
    "gradient_gram": lambda m, x, J, **k: g.gradient_gram(m, x, classes=[0, 3], **k),
    "norms_gradient": lambda m, x, J, **k: flat(g.norms_gradient(m, x, J, log_sum, **k)),
    "grad_cam": lambda m, x, J, **k: information.grad_cam(m, x, LAST, J, **k),
}
everything = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())


@pytest.fixture
def transformer(untouched):
    model = drawn(SignTransformer(classes=6, width=12, depth=2, heads=3, hidden=16, stem=4)).double()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    return untouched(model)


@pytest.fixture
def pictures():
    return torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def J():
    return g.cross_entropy(torch.tensor([1, 0, 5]))


def test_gradients_are_those_of_a_loop(transformer, pictures, J):
    expected, found = naive(transformer, pictures, J), g.parameter_gradients(transformer, pictures, J)
    assert list(found) == list(expected) and {"tokens.class_token", "tokens.position"} < set(found)
    for name in expected:
        assert expected[name].abs().max() > 1e-6
        torch.testing.assert_close(found[name], expected[name], rtol=1e-9, atol=1e-12)


def test_squares_add_up_over_all_parameters(transformer, pictures, J):
    whole = flat(naive(transformer, pictures, J).values()).square().sum(1)
    norms = g.gradient_norms(transformer, pictures, J)
    assert g.layer_names(transformer)[0] == "tokens" and norms.shape == (3, len(g.layer_names(transformer)))
    torch.testing.assert_close(norms.square().sum(1), whole, rtol=1e-10, atol=0)
    own = naive(transformer, pictures, J)
    bare = flat([own["tokens.class_token"], own["tokens.position"]]).norm(dim=1)
    torch.testing.assert_close(norms[:, 0], bare, rtol=1e-10, atol=0)
    assert (bare > 1e-3 * whole.sqrt()).all(), "a column so small proves nothing"


@pytest.mark.parametrize("objective", [g.loss_to(3), g.confounding(), g.confounding(link="softmax", reduction="sum")])
def test_gram_holds_the_norm_of_every_loss(objective, transformer, pictures):
    logits, h = g.features(transformer, pictures)
    delta, _ = g.last_layer_gradient(logits, h, objective)
    found = g.norms_from_gram(g.gradient_gram(transformer, pictures), delta)
    torch.testing.assert_close(found, g.gradient_norms(transformer, pictures, objective), rtol=1e-8, atol=1e-12)
    head = g.layer_names(transformer).index("head")
    torch.testing.assert_close(found[:, head], delta.norm(dim=1) * (h.square().sum(1) + 1).sqrt())  # the bias is the 1


@everything
def test_a_batch_is_as_many_batches_of_one(f, transformer, pictures, J):
    rows = [f(transformer, pictures[i : i + 1], J.rows(slice(i, i + 1))) for i in range(3)]
    torch.testing.assert_close(f(transformer, pictures, J), torch.cat(rows), rtol=1e-9, atol=1e-12)


@everything
def test_the_chunk_does_not_matter(f, transformer, pictures, J):
    torch.testing.assert_close(f(transformer, pictures, J, chunk=2), f(transformer, pictures, J), rtol=1e-9, atol=1e-12)


@everything
def test_whatever_mode_the_caller_works_in(f, transformer, pictures, J):
    expected = f(transformer, pictures, J)
    with torch.no_grad():
        assert torch.equal(f(transformer, pictures, J), expected)
    with torch.inference_mode():
        found = f(transformer, pictures.clone(), g.cross_entropy(torch.tensor([1, 0, 5])))
    assert torch.equal(found, expected) and not found.requires_grad


@everything
def test_frozen_and_single_precision(f, transformer, pictures, J):
    expected = f(transformer, pictures, J)
    frozen = copy.deepcopy(transformer).requires_grad_(False)
    torch.testing.assert_close(f(frozen, pictures, J), expected, rtol=1e-12, atol=1e-14)
    single = f(frozen.float(), pictures.float(), J)
    assert single.dtype == torch.float32 and (single - expected).norm() <= 1e-4 * expected.norm()


def test_maps_of_tokens_are_the_gradient_of_the_layer_laid_out(transformer, pictures, J):
    A, gradient = g.layer_gradient(transformer, pictures, LAST, J)
    assert A.shape == gradient.shape == (3, 65, 12)
    places, slope = (t[:, 1:].reshape(3, 8, 8, 12) for t in (A, gradient))  # without the class token
    expected = (places * slope.mean((1, 2), keepdim=True)).sum(3)
    torch.testing.assert_close(information.grad_cam(transformer, pictures, LAST, J), expected)
    assert information.contrast_cam(transformer, pictures, LAST, 2).shape == (3, 8, 8)


def test_after_the_last_attention_no_map_is_left(transformer, pictures):
    with pytest.raises(ValueError, match="only the class token reaches the answer"):
        information.grad_cam(transformer, pictures, "blocks.1.norm2")


def test_the_jacobian_of_tokens_holds_any_loss(transformer, pictures, J):
    jacobian = g.class_jacobian(transformer, pictures, layer=LAST)
    delta, _ = g.last_layer_gradient(*g.features(transformer, pictures), J)
    torch.testing.assert_close(
        torch.einsum("nc,nctk->ntk", delta, jacobian), g.layer_gradient(transformer, pictures, LAST, J)[1]
    )


def test_a_gradient_of_norms_is_a_central_difference(transformer, pictures, J):
    norms, slope = g.norms_gradient(transformer, pictures, J, log_sum)
    torch.testing.assert_close(norms, g.gradient_norms(transformer, pictures, J), rtol=1e-8, atol=1e-12)
    way = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ahead, back = (
        log_sum(g.gradient_norms(transformer, pictures + step * way, J)) for step in (1e-8, -1e-8)
    )  # so short that no ReLU of the stem switches
    torch.testing.assert_close((slope * way).flatten(1).sum(1), (ahead - back) / 2e-8, rtol=1e-4, atol=1e-5)


def test_a_loss_may_ask_where_its_own_gradient_points(transformer, pictures, J):
    own = copy.deepcopy(transformer).requires_grad_()
    _, found = g.batch_gradient(own, pictures, J)
    second = torch.autograd.grad(sum(v.square().sum() for v in found.values()), own.tokens.position)[0]
    assert second.abs().max() > 1e-6 and second.isfinite().all()
