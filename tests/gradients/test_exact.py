"""Against the naive loop in float64, on whole networks: in-place and functional activations, residual adds, attention."""

import pytest
import torch
from oracles import drawn, naive

from tutorial_lib import gradients as g
from tutorial_lib.networks import load

torchvision = pytest.importorskip("torchvision")
NETWORKS = {
    "resnet18": {},
    "mobilenet_v3_small": {},
    "convnext_tiny": {},
    "densenet121": {},
    "vit_b_16": {"image_size": 32},
    "VisionTransformer": dict(image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=24),
}
SLOW = ["vit_b_16"]


def build(name):
    if name.startswith("signs/"):
        return load(name)
    return getattr(torchvision.models, name)(num_classes=10, **NETWORKS[name])


@pytest.mark.parametrize(
    "name",
    [
        "signs/classifier",
        "signs/transformer",
        *(pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NETWORKS),
    ],
)
def test_norms_of_whole_networks(name, untouched):
    model = untouched(drawn(build(name).double()))
    side = NETWORKS.get(name, {}).get("image_size", 48)
    x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective = g.cross_entropy(torch.tensor([3, 7]))
    expected = {k: v.flatten(1).norm(dim=1) for k, v in naive(model, x, objective).items()}
    expected = torch.stack([expected[k] for k in g.layer_names(model, by="tensor")], 1)
    assert (expected.amax(0) > 1e-6 * expected.max()).all(), "a column so small proves nothing"
    found = g.gradient_norms(model, x, objective, by="tensor")
    assert ((found - expected).abs() <= 1e-10 * expected.amax(0)).all()
    layers = g.gradient_norms(model, x, objective)
    assert layers.shape == (2, len(g.layer_names(model)))
    torch.testing.assert_close(layers.square().sum(1), expected.square().sum(1), rtol=1e-10, atol=0)


def test_gradients_of_the_sign_network(signs, images, labels):
    objective = g.cross_entropy(labels)
    expected = naive(signs, images, objective)
    found = g.parameter_gradients(signs, images, objective)
    assert list(found) == list(expected)
    for name in expected:
        assert expected[name].abs().max() > 1e-6
        torch.testing.assert_close(found[name], expected[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3, float("inf")])
def test_other_norms(p, signs, images, labels):
    expected = naive(signs, images, g.cross_entropy(labels))
    tensors = torch.stack([v.flatten(1).norm(p, 1) for v in expected.values()], 1)
    torch.testing.assert_close(
        g.gradient_norms(signs, images, g.cross_entropy(labels), p=p, by="tensor"), tensors, rtol=1e-10, atol=0
    )
    head = torch.cat([expected["head.weight"].flatten(1), expected["head.bias"]], 1).norm(p, 1)
    torch.testing.assert_close(
        g.gradient_norms(signs, images, g.cross_entropy(labels), p=p, layers="head")[:, 0], head, rtol=1e-10, atol=0
    )


def test_gram_is_the_jacobian_times_itself(signs, images):
    K = g.gradient_gram(signs, images, classes=[4, 0, 2])
    J = [g.parameter_gradients(signs, images, c) for c in (4, 0, 2)]
    names = g.layer_names(signs)
    for l, layer in enumerate(names):
        own = [k for k in J[0] if k.rpartition(".")[0] == layer]
        flat = torch.stack([torch.cat([j[k].flatten(1) for k in own], 1) for j in J], 1)
        torch.testing.assert_close(K[:, l], flat @ flat.mT, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "objective", [g.loss_to(3), g.confounding(), g.confounding(link="softmax", reduction="sum"), g.uniform(2.0)]
)
def test_gram_holds_the_norm_of_every_loss(objective, signs, images):
    logits, h = g.features(signs, images)
    delta, _ = g.last_layer_gradient(logits, h, objective)
    found = g.norms_from_gram(g.gradient_gram(signs, images), delta)
    torch.testing.assert_close(found, g.gradient_norms(signs, images, objective), rtol=1e-9, atol=0)
    many = g.norms_from_gram(g.gradient_gram(signs, images), torch.stack([delta, 2 * delta]))
    torch.testing.assert_close(many[1], 2 * found)


def test_vision_transformer_gram(untouched):
    model = drawn(torchvision.models.VisionTransformer(16, 8, 2, 2, 16, 32, num_classes=4).double())
    model = untouched(model)
    x = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = model(x).detach()
    delta, _ = g.last_layer_gradient(z, z, g.uniform())
    K = g.gradient_gram(model, x, chunk=2)
    torch.testing.assert_close(
        g.norms_from_gram(K, delta), g.gradient_norms(model, x, g.uniform()), rtol=1e-8, atol=1e-12
    )
