"""Logits of single positions: naive loops, networks that have them, and networks that do not."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import gradients as g
from tutorial_lib import models


class PooledModel(nn.Module):
    """Feature maps, an optional head on each position, and an average."""

    def __init__(self, head):
        super().__init__()
        self.trunk, self.head = nn.Conv2d(3, 4, 3, 2), head

    def forward(self, x):
        return self.head(F.relu(self.trunk(x)))


def make_pooled_model(*more):
    return PooledModel(nn.Sequential(*more))


POOL = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
SUPPORTED_HEADS = {
    "pooled, linear": lambda: make_pooled_model(*POOL, nn.Linear(4, 5)),
    "two linear layers": lambda: make_pooled_model(*POOL, nn.Linear(4, 6), nn.Linear(6, 5)),
    "a convolution of one cell": lambda: make_pooled_model(nn.Conv2d(4, 5, 1), nn.ReLU(), *POOL),
    "normalised cells": lambda: make_pooled_model(
        nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 1), *POOL
    ),
}
UNSUPPORTED_HEADS = {
    "flattened": (lambda: make_pooled_model(nn.Flatten(), nn.Linear(100, 5)), "cannot be run position by position"),
    "pooled to a grid, flattened": (
        lambda: make_pooled_model(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)),
        "not the same at every position",
    ),
    "a nonlinearity after the pooling": (
        lambda: make_pooled_model(*POOL, nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5)),
        "not the same at every position",
    ),
    "a convolution of many cells": (
        lambda: make_pooled_model(nn.Conv2d(4, 5, 3, padding=1), *POOL),
        "not the same at every position",
    ),
    "the largest": (
        lambda: make_pooled_model(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 5)),
        "not the same at every position",
    ),
}


@pytest.fixture
def x():
    return torch.rand(3, 3, 11, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", SUPPORTED_HEADS)
def test_spatial_logits_match_head_on_single_positions(name, x, assert_unchanged):
    torch.manual_seed(0)
    model = assert_unchanged(SUPPORTED_HEADS[name]().double().eval())
    A, z, local = g.spatial_logits(model, x, "trunk")
    with torch.no_grad():
        maps = model.trunk(x)
        assert torch.equal(A, maps) and torch.allclose(z, model(x))
        for n in range(3):
            for i in range(5):
                for j in range(5):
                    alone = model.head(F.relu(maps[n : n + 1, :, i : i + 1, j : j + 1]))[0]
                    torch.testing.assert_close(local[n, :, i, j], alone, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(local.mean((2, 3)), z, rtol=1e-10, atol=1e-12)
    # The graph leads back to the activation, and the logits of a position depend on its own features only.
    (slope,) = torch.autograd.grad(local[0, 1, 2, 3], A)
    where = torch.zeros(3, 5, 5, dtype=torch.bool)
    where[0, 2, 3] = True
    assert not slope.movedim(1, -1)[~where].any()


def test_spatial_gradients_match_loop_with_per_image_labels(x, assert_unchanged):
    torch.manual_seed(0)
    model = assert_unchanged(SUPPORTED_HEADS["normalised cells"]().double().eval())
    label = torch.tensor([4, 0, 2])
    A, J, slope = g.spatial_gradients(model, x, "trunk", g.cross_entropy(label))
    for n in range(3):
        for i in range(5):
            for j in range(5):
                a = A[n : n + 1, :, i : i + 1, j : j + 1].clone().requires_grad_()
                one = F.cross_entropy(model.head(F.relu(a)), label[n : n + 1])
                torch.testing.assert_close(J[n, i, j], one.detach(), rtol=1e-10, atol=1e-12)
                torch.testing.assert_close(
                    slope[n, :, i, j], torch.autograd.grad(one, a)[0].flatten(), rtol=1e-9, atol=1e-12
                )
    # Without labels, the objective is the class predicted for the image, not for the position.
    P = g.model_outputs(model, x).argmax(1)
    for default, explicit in zip(
        g.spatial_gradients(model, x, "trunk"), g.spatial_gradients(model, x, "trunk", P), strict=True
    ):
        assert torch.equal(default, explicit)


@pytest.mark.parametrize("name", UNSUPPORTED_HEADS)
def test_spatial_logits_reject_head_that_mixes_positions(name, x, assert_unchanged):
    build, message = UNSUPPORTED_HEADS[name]
    torch.manual_seed(0)
    model = assert_unchanged(build().double().eval())
    with pytest.raises(ValueError, match=f"{message}.*ake the layer just before the average pooling"):
        g.spatial_logits(model, x, "trunk")


def test_spatial_logits_reject_layer_without_feature_maps(signs, images):
    with pytest.raises(ValueError, match=r"positions need maps \(N, K, h, w\)"):
        g.spatial_logits(signs, images, "head")
    with pytest.raises(ValueError, match="unknown layer 'lost'; the nearest: 'last'"):
        g.spatial_logits(signs, images, "lost")


@pytest.mark.parametrize(
    "name",
    ["cifar10/resnet20", "imagenet/resnet18", "imagenet/squeezenet1_1", "imagenet/mobilenet_v2", "imagenet/vgg16"],
)
def test_spatial_logits_average_to_logits_or_reject_published_models(name, assert_unchanged):
    """Random weights suffice, because the test depends only on how the maps become logits."""
    torch.manual_seed(0)
    if name.startswith("cifar"):
        model, layer, side = models.cifar_resnet.CifarResNet(20), "layer3", 32
    else:
        from torchvision.models import get_model

        # VGG-16 has 120 million weights in its head, whose values do not matter here.
        with torch.device("meta" if name == "imagenet/vgg16" else "cpu"):
            model, side = get_model(name.split("/")[1], weights=None), 64
        if name == "imagenet/vgg16":
            model.classifier = nn.Linear(512 * 7 * 7, 5, device="meta")
            init_with_seed(model.to_empty(device="cpu"))
        layer = {"resnet18": "layer4"}.get(name.split("/")[1], "features")
    assert_unchanged(model.eval())
    x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    if name == "imagenet/vgg16":
        with pytest.raises(ValueError, match="position"):
            g.spatial_logits(model, x, layer)
    else:
        result = g.spatial_logits(model, x, layer)
        torch.testing.assert_close(result.local.detach().mean((2, 3)), result.logits, rtol=1e-3, atol=1e-4)


def test_spatial_logits_work_in_float32_with_frozen_parameters(signs, images, assert_unchanged):
    model = assert_unchanged(copy.deepcopy(models.load("signs/classifier")).requires_grad_(False))
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        A, z, local = g.spatial_logits(model, x, "block3")
    assert A.requires_grad and local.requires_grad and not z.requires_grad
    torch.testing.assert_close(
        local, torch.einsum("ck,nkhw->nchw", model.head.weight, A) + model.head.bias[:, None, None]
    )
