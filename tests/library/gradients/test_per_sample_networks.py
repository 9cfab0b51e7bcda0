"""Networks with in-place activations, residual additions and attention, compared with the naive loop in float64."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torchvision.models.convnext import CNBlockConfig

from tests._reference import gradient_products_by_loop, init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import gradients as g
from tutorial_lib.models import load

NETWORKS = {
    "resnet18": {},
    "mobilenet_v3_small": {},
    "ConvNeXt": dict(block_setting=[CNBlockConfig(12, 24, 2), CNBlockConfig(24, None, 1)]),
    "DenseNet": dict(growth_rate=8, block_config=(2, 2), num_init_features=16),
    "densenet121": {},
    "vit_b_16": {"image_size": 32},
    "VisionTransformer": dict(image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=24),
}
SLOW = ["densenet121", "vit_b_16"]


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
def test_per_sample_norms_match_loop_on_whole_networks(name, assert_unchanged):
    model = assert_unchanged(init_with_seed(build(name).double()))
    side = NETWORKS.get(name, {}).get("image_size", 32 if name == "resnet18" else 48)
    x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective = g.cross_entropy(torch.tensor([3, 7]))
    expected = {k: v.flatten(1).norm(dim=1) for k, v in per_sample_gradients_by_loop(model, x, objective).items()}
    expected = torch.stack([expected[k] for k in g.layer_names(model, group_by="tensor")], 1)
    assert (expected.amax(0) > 1e-6 * expected.max()).all(), "the columns must be large enough for a comparison"
    norms = g.per_sample_gradient_norms(model, x, objective, group_by="tensor")
    assert ((norms - expected).abs() <= 1e-10 * expected.amax(0)).all()
    layers = g.per_sample_gradient_norms(model, x, objective)
    assert layers.shape == (2, len(g.layer_names(model)))
    torch.testing.assert_close(layers.square().sum(1), expected.square().sum(1), rtol=1e-10, atol=0)


def test_per_sample_gradients_match_loop_on_sign_network(signs, images, labels):
    objective = g.cross_entropy(labels)
    expected = per_sample_gradients_by_loop(signs, images, objective)
    gradients = g.per_sample_gradients(signs, images, objective)
    assert list(gradients) == list(expected)
    for name in expected:
        assert expected[name].abs().max() > 1e-6
        torch.testing.assert_close(gradients[name], expected[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3, float("inf")])
def test_per_sample_norms_match_loop_for_every_p(p, signs, images, labels):
    expected = per_sample_gradients_by_loop(signs, images, g.cross_entropy(labels))
    tensors = torch.stack([v.flatten(1).norm(p, 1) for v in expected.values()], 1)
    torch.testing.assert_close(
        g.per_sample_gradient_norms(signs, images, g.cross_entropy(labels), p=p, group_by="tensor"),
        tensors,
        rtol=1e-10,
        atol=0,
    )
    head = torch.cat([expected["head.weight"].flatten(1), expected["head.bias"]], 1).norm(p, 1)
    torch.testing.assert_close(
        g.per_sample_gradient_norms(signs, images, g.cross_entropy(labels), p=p, layers="head")[:, 0],
        head,
        rtol=1e-10,
        atol=0,
    )


def test_class_gradient_gram_is_jacobian_times_its_transpose(signs, images):
    K = g.class_gradient_gram(signs, images, classes=[4, 0, 2])
    J = [g.per_sample_gradients(signs, images, c) for c in (4, 0, 2)]
    names = g.layer_names(signs)
    for l, layer in enumerate(names):
        own = [k for k in J[0] if k.rpartition(".")[0] == layer]
        flat = torch.stack([torch.cat([j[k].flatten(1) for k in own], 1) for j in J], 1)
        torch.testing.assert_close(K[:, l], flat @ flat.mT, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layers", [None, "head", ["left", "group", "stem"]])
@pytest.mark.parametrize("n, m", [(1, 1), (1, 5), (5, 1), (5, 3)])
@pytest.mark.parametrize("batch_size", [2, 100])
def test_gradient_products_match_loop(n, m, layers, batch_size, signs, images, labels):
    x, other, names = images[:n], images.flip(0)[:m], g.layer_names(signs, layers, "tensor")
    objective, other_objective = g.cross_entropy(labels[:n]), g.log_prob(labels[:m])
    A, B = (
        torch.cat([v.flatten(1) for k, v in per_sample_gradients_by_loop(signs, *rows).items() if k in names], 1)
        for rows in ((x, objective), (other, other_objective))
    )
    products = g.gradient_products(signs, x, other, objective, other_objective, layers=layers, batch_size=batch_size)
    torch.testing.assert_close(products, A @ B.T, rtol=1e-10, atol=1e-12)


class SortedSamples(torch.nn.Sequential):
    """Layers that receive the samples in the order of their first values."""

    def forward(self, x):
        order = x[:, 0].argsort()
        return super().forward(x[order])[order.argsort()]


def test_gradient_products_match_loop_where_rules_hold_for_one_set_only(assert_unchanged):
    model = SortedSamples(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    model = assert_unchanged(init_with_seed(model.double()))
    x = torch.rand(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = gradient_products_by_loop(model, x, x, g.logit(0), g.logit(1))
    torch.testing.assert_close(g.gradient_products(model, x[:1], x, 0, 1), expected[:1], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(g.gradient_products(model, x, x[:1], 0, 1), expected[:, :1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "objective",
    [
        g.contrast_loss(3),
        g.confounding_label_loss(),
        g.confounding_label_loss(activation="softmax", reduction="sum"),
        g.kl_from_uniform(2.0),
    ],
)
def test_gradient_norms_from_gram_match_direct_norms(objective, signs, images):
    logits, h = g.penultimate_features(signs, images)
    delta, _ = g.last_layer_gradient_factors(logits, h, objective)
    norms = g.gradient_norms_from_gram(g.class_gradient_gram(signs, images), delta)
    torch.testing.assert_close(norms, g.per_sample_gradient_norms(signs, images, objective), rtol=1e-9, atol=0)
    stacked = g.gradient_norms_from_gram(g.class_gradient_gram(signs, images), torch.stack([delta, 2 * delta]))
    torch.testing.assert_close(stacked[1], 2 * norms)


def test_gradient_norms_from_gram_match_on_torchvision_vit(assert_unchanged):
    model = init_with_seed(torchvision.models.VisionTransformer(16, 8, 2, 2, 16, 32, num_classes=4).double())
    model = assert_unchanged(model)
    x = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = model(x).detach()
    delta, _ = g.last_layer_gradient_factors(z, z, g.kl_from_uniform())
    K = g.class_gradient_gram(model, x, batch_size=2)
    torch.testing.assert_close(
        g.gradient_norms_from_gram(K, delta),
        g.per_sample_gradient_norms(model, x, g.kl_from_uniform()),
        rtol=1e-8,
        atol=1e-12,
    )


class ScaledCosine(nn.Module):
    """A cosine classifier whose scale is a parameter without axes, as the logit scale of CLIP, used in three ways."""

    def __init__(self):
        super().__init__()
        self.weight, self.log_scale = nn.Parameter(torch.ones(3, 6)), nn.Parameter(torch.tensor(1.5))
        self.scale, self.offset = nn.Parameter(torch.tensor(0.7)), nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        cosine = F.linear(F.normalize(x), F.normalize(self.weight))
        return cosine * self.log_scale.exp() * self.scale + self.offset


@pytest.mark.parametrize("make", [ScaledCosine, lambda: nn.Sequential(weight_norm(nn.Linear(6, 3), dim=None))])
def test_parameters_without_axes_match_loop(make, assert_unchanged):
    model, x = assert_unchanged(make().double()), torch.rand(4, 6, generator=torch.Generator().manual_seed(0)).double()
    expected = per_sample_gradients_by_loop(model, x, g.cross_entropy(1))
    gradients = g.per_sample_gradients(model, x, g.cross_entropy(1))
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value)
    for p in (1, 2, torch.inf):
        norms = g.per_sample_gradient_norms(model, x, g.cross_entropy(1), p=p, group_by="tensor")
        values = [value.reshape(4, -1).norm(p, 1) for value in expected.values()]
        torch.testing.assert_close(norms, torch.stack(values, 1))
    logits = per_sample_gradients_by_loop(model, x, g.logit(2))
    gram = sum(value.reshape(4, -1).square().sum(1) for value in logits.values())
    torch.testing.assert_close(g.class_gradient_gram(model, x)[:, :, 2, 2].sum(1), gram)
