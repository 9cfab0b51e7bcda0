"""The variance over contrasts, compared with a loop that runs the network again for every class."""

import copy

import pytest
import torch

from tutorial_lib import gradients as g
from tutorial_lib.attribution import contrast_cam, map_iou, map_snr, upsample, voice_map
from tutorial_lib.attribution.voice import min_max_normalize

LAYER = "left"


def naive_contrast_maps(model, x, P, classes=10, threshold=0.0):
    """Return the contrast maps, one list per image, with one forward and one backward pass for each class Q."""
    p = model(x).softmax(1)
    contrasts = [[] for _ in x]
    for Q in range(classes):
        A, gradient = g.layer_gradient(model, x, LAYER, g.contrast_loss(Q))
        maps = (gradient.mean((2, 3))[:, :, None, None] * A).sum(1)
        for i in range(len(x)):
            if Q != P[i] and p[i, Q] >= threshold:
                contrasts[i].append(maps[i])
    return contrasts


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.2])
def test_voice_map_matches_naive_loop(threshold, signs, images, labels):
    zeros = torch.zeros(6, 6).double()
    for target, P in ((labels, labels), (None, signs(images).argmax(1)), (3, torch.full((5,), 3))):
        contrasts = naive_contrast_maps(signs, images, P, threshold=threshold)
        expected = [torch.stack(m).var(0) if len(m) > 1 else zeros for m in contrasts]
        variance = voice_map(signs, images, LAYER, target, threshold=threshold)
        torch.testing.assert_close(variance, torch.stack(expected), rtol=1e-10, atol=1e-18)


def test_voice_map_as_published_matches_naive_loop(signs, images, labels):
    def normalize(m):
        m = upsample(m.relu()[None], 12)[0]
        return (m - m.min()) / (m.max() - m.min()) if m.max() > m.min() else torch.zeros_like(m)

    expected = torch.stack(
        [torch.stack([normalize(m) for m in maps]).var(0) for maps in naive_contrast_maps(signs, images, labels)]
    )
    variance = voice_map(signs, images, LAYER, labels, as_published=True)
    torch.testing.assert_close(variance, expected, rtol=1e-10, atol=1e-14)
    assert variance.shape == (5, 12, 12) and 0 < variance.max() <= 0.5


def test_voice_map_by_probability_is_mean_squared_contrast(signs, images):
    p = signs(images).softmax(1).detach()
    contrasts = torch.stack([contrast_cam(signs, images, LAYER, Q) for Q in range(10)], 1)
    assert torch.einsum("nq,nq...->n...", p, contrasts).abs().max() < 1e-14
    variance = voice_map(signs, images, LAYER, weights="probability")
    torch.testing.assert_close(variance, torch.einsum("nq,nqhw->nhw", p, contrasts.square()), rtol=1e-10, atol=1e-18)


@pytest.mark.parametrize("options", [{}, {"as_published": True}, {"weights": "probability"}])
def test_voice_map_is_independent_of_batch_size_and_class_order(
    options, signs, images, labels, assert_unchanged, monkeypatch
):
    expected = voice_map(signs, images, LAYER, labels, **options)
    assert (expected >= 0).all() and not expected.requires_grad
    tolerance = {"rtol": 1e-10, "atol": 1e-18}
    torch.testing.assert_close(voice_map(signs, images, LAYER, labels, batch_size=2, **options), expected, **tolerance)
    monkeypatch.setattr("tutorial_lib.attribution.voice.MAPS_PER_BLOCK", 3)
    torch.testing.assert_close(voice_map(signs, images, LAYER, labels, **options), expected, **tolerance)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    other = copy.deepcopy(signs)
    with torch.no_grad():
        other.head.weight.copy_(signs.head.weight[order])
        other.head.bias.copy_(signs.head.bias[order])
    variance = voice_map(assert_unchanged(other), images, LAYER, order.argsort()[labels], **options)
    torch.testing.assert_close(variance, expected, rtol=1e-9, atol=1e-18)


def test_voice_map_is_zero_for_equal_contrasts(signs, images, assert_unchanged):
    other = copy.deepcopy(signs)
    with torch.no_grad():
        other.head.weight.copy_(signs.head.weight[:1].expand(10, 16))
    assert_unchanged(other)
    for options in ({}, {"as_published": True}, {"weights": "probability"}):
        assert voice_map(other, images, LAYER, **options).abs().max() < 1e-16
    assert voice_map(signs, images, LAYER, threshold=0.9).abs().max() == 0


def test_map_iou_and_map_snr_match_definition():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 4, 6, 6, generator=generator, dtype=torch.float64).square()
    for i in range(4):
        m, n = ((v[i] - v[i].min()) / (v[i].max() - v[i].min()) for v in (a, b))
        both, either = ((m > 0.3) & (n > 0.3)).sum(), ((m > 0.3) | (n > 0.3)).sum()
        assert map_iou(a, b, threshold=0.3)[i] == both.double() / either
        assert map_snr(a)[i].item() == pytest.approx((m.mean() / m.std()).item(), rel=1e-12)
    assert map_iou(a, a).tolist() == [1] * 4
    flat = torch.full((2, 3, 3), 5.0)
    assert (
        map_iou(flat, flat).tolist() == [0, 0]
        and map_snr(flat).tolist() == [0, 0]
        and min_max_normalize(flat).max() == 0
    )
    with pytest.raises(ValueError, match="expected first: floats"):
        map_iou(a, b[:, :3])


def test_voice_map_rejects_invalid_input(signs, images):
    with pytest.raises(ValueError, match="unknown weights"):
        voice_map(signs, images, LAYER, weights="uniformly")
    with pytest.raises(ValueError, match="class 10"):
        voice_map(signs, images, LAYER, 10)
    with pytest.raises(ValueError, match="unknown layer"):
        voice_map(signs, images, "lefft")


@pytest.mark.parametrize("options", [{}, {"as_published": True}, {"weights": "probability"}])
def test_voice_map_on_gpu_matches_cpu(options, signs, images, labels, assert_unchanged, accelerator):
    gpu_model = assert_unchanged(copy.deepcopy(signs).to(accelerator))
    variance = voice_map(gpu_model, images.to(accelerator), LAYER, labels, **options)
    torch.testing.assert_close(
        variance.cpu(), voice_map(signs, images, LAYER, labels, **options), rtol=1e-6, atol=1e-10
    )
