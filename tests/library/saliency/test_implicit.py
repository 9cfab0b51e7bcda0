"""Implicit saliency, compared with the loop of the papers over labels, and the collapse of the signed mean."""

import pytest
import torch
import torch.nn.functional as F

from tutorial_lib import gradients as g
from tutorial_lib import models
from tutorial_lib import saliency as E


def naive(model, x, layer, classes, product):
    """Return the maps, with one ordinary backward pass for each image and label."""
    maps = []
    for n in range(len(x)):
        A, z = g.split_forward(model, x[n : n + 1], layer)
        total = 0
        for Q in classes:
            loss = F.cross_entropy(z, torch.tensor([Q]))
            (slope,) = torch.autograd.grad(loss, A, retain_graph=True)
            total = total + (slope * A.detach() if product else slope).abs().mean(1)
        maps.append(total / len(classes))
    return F.interpolate(torch.cat(maps)[:, None], tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0]


@pytest.mark.parametrize("layer", ["stem", "group"])
@pytest.mark.parametrize("product", [False, True])
@pytest.mark.parametrize("classes", [None, [0, 3, 7]])
def test_implicit_saliency_matches_loop_over_labels(layer, product, classes, signs, images):
    maps = E.implicit_saliency(signs, images, layer, classes=classes, times_activation=product)
    expected = naive(signs, images, layer, range(10) if classes is None else classes, product)
    torch.testing.assert_close(maps, expected, rtol=1e-8, atol=1e-12)
    assert (maps >= 0).all() and maps.std() > 1e-3 * maps.mean()


def test_implicit_saliency_signed_mean_equals_uniform_label_gradient(signs, images):
    A, z = g.split_forward(signs, images, "stem")
    each = torch.stack(
        [
            torch.autograd.grad(F.cross_entropy(z, torch.full((5,), Q), reduction="sum"), A, retain_graph=True)[0]
            for Q in range(10)
        ]
    )
    uniform = g.layer_gradient(signs, images, "stem", g.kl_from_uniform())[1]
    torch.testing.assert_close(each.mean(0), uniform, rtol=1e-8, atol=1e-12)
    weighted = (z.softmax(1).T.detach()[..., None, None, None] * each).sum(0)
    assert weighted.abs().max() < 1e-12 * each.abs().max()
    # The signed mean differs from the mean of absolute values.
    collapsed = uniform.abs().mean(1)
    assert ((each.abs().mean(2).mean(0) - collapsed) > 0.05 * collapsed.mean()).any()


def test_implicit_saliency_before_pooling_is_flat_without_activation():
    model = models.load("signs/classifier")
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    flat, product = (E.implicit_saliency(model, x, "block3", times_activation=p).flatten(1) for p in (False, True))
    assert ((flat.amax(1) - flat.amin(1)) <= 1e-5 * flat.amax(1)).all()
    assert (product.std(1) > 0.05 * product.mean(1)).all()


def test_implicit_saliency_rejects_invalid_input(signs, images):
    with pytest.raises(ValueError, match=r"the layer has no feature maps \(N, K, h, w\).*take an earlier layer"):
        E.implicit_saliency(signs, images, "head")
    with pytest.raises(ValueError, match=r"expected x: floats \(N, C, H, W\)"):
        E.implicit_saliency(signs, images[0], "stem")
    with pytest.raises(ValueError, match="classes must lie in 0…9"):
        E.implicit_saliency(signs, images, "stem", classes=[10])
