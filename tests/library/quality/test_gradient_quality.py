"""Autoencoder gradients as quality scores, compared with the formula written naively; contrasts of scores."""

import pytest
import torch
from torch import nn

from tests._reference import SmallSignNet, init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import attribution, data, gradients, models
from tutorial_lib import quality as e


def layer_gradients_by_loop(model, x):
    """Return layer -> gradients (N, d), with one ordinary backward pass per image."""
    by_layer = {}
    for name, g in per_sample_gradients_by_loop(model, x, gradients.reconstruction_mse(x)).items():
        by_layer.setdefault(name.rpartition(".")[0], []).append(g.flatten(1))
    return {layer: torch.cat(parts, 1) for layer, parts in by_layer.items()}


def test_gradient_distance_and_norm_match_naive_loop(autoencoder, images, references):
    a, b = layer_gradients_by_loop(autoencoder, images), layer_gradients_by_loop(autoencoder, references)
    assert list(a) == gradients.layer_names(autoencoder)
    expected = {layer: (a[layer] - b[layer]).norm(dim=1) / b[layer].norm(dim=1) for layer in a}
    torch.testing.assert_close(
        e.gradient_distance(autoencoder, images, references), torch.stack([*expected.values()]).mean(0)
    )
    for layer in a:
        torch.testing.assert_close(
            e.gradient_distance(autoencoder, images, references, layers=layer), expected[layer], rtol=1e-8, atol=1e-12
        )
    torch.testing.assert_close(
        e.reconstruction_gradient_norm(autoencoder, images), torch.cat([*a.values()], 1).norm(dim=1)
    )
    assert (e.gradient_distance(autoencoder, references, references) == 0).all()


def test_gradient_alignment_selects_layers(autoencoder, images, references):
    mean = e.mean_reconstruction_gradient(autoencoder, references, layers="decoder")
    assert set(mean) == {"decoder.0.weight", "decoder.0.bias", "decoder.2.weight"}
    assert e.gradient_alignment(autoencoder, images, mean, layers="decoder").shape == (5,)


def test_mean_reconstruction_gradient_and_alignment_match_loop(autoencoder, images, references):
    each = per_sample_gradients_by_loop(autoencoder, references, gradients.reconstruction_mse(references))
    mean = e.mean_reconstruction_gradient(autoencoder, references, batch_size=2)
    for name, g in each.items():
        torch.testing.assert_close(mean[name], g.mean(0), rtol=1e-8, atol=1e-14)
    own, usual = layer_gradients_by_loop(autoencoder, images), layer_gradients_by_loop(autoencoder, references)
    expected = torch.stack([torch.cosine_similarity(own[k], usual[k].mean(0)[None], dim=1) for k in own]).mean(0)
    torch.testing.assert_close(e.gradient_alignment(autoencoder, images, mean), expected)


def test_gradient_distance_is_invariant_to_layer_rescaling(autoencoder, images, references):
    """Rescaling two layers of a ReLU network, w₁ → c w₁ and w₂ → w₂/c, keeps the function but not plain distances."""
    with torch.random.fork_rng([]):
        model = init_with_seed(
            nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU(), nn.Conv2d(4, 3, 1, bias=False))
        ).double()
    first_layer_difference = lambda: (
        layer_gradients_by_loop(model, images)["0"] - layer_gradients_by_loop(model, references)["0"]
    )
    before, plain = e.gradient_distance(model, images, references), first_layer_difference().norm(dim=1)
    with torch.no_grad():
        model[0].weight *= 10
        model[2].weight /= 10
    torch.testing.assert_close(e.gradient_distance(model, images, references), before)
    assert not torch.allclose(first_layer_difference().norm(dim=1), plain, rtol=0.1)


@pytest.mark.parametrize("kind", ["gaussian blur", "noise", "codec error"])
def test_gradient_distance_increases_with_distortion_severity(kind):
    model = models.load("signs/autoencoder")
    r = data.render(torch.arange(14), generator=torch.Generator().manual_seed(4000))
    levels = [e.gradient_distance(model, data.corrupt(r, kind, level), r).mean() for level in (1, 3, 5)]
    assert 0 < levels[0] < levels[1] < levels[2]


def test_gradient_distance_rejects_invalid_input(autoencoder, images, references):
    with pytest.raises(ValueError, match=r"expected x: floats \(N, C, H, W\), reference"):
        e.gradient_distance(autoencoder, images, references[:2])
    with torch.random.fork_rng([]):
        identity = nn.Conv2d(3, 3, 1, bias=False).double()
    identity.weight.data = torch.eye(3).double()[:, :, None, None]
    with pytest.raises(ValueError, match="reconstructed perfectly"):
        e.gradient_distance(identity, images, references)


# "Why this score, rather than Q?": contrastive explanations.


@pytest.fixture
def quality_network(assert_unchanged):
    return assert_unchanged(init_with_seed(models.QualityNetwork(), seed=3).double())


def test_score_contrast_cam_of_scalar_only_rescales_the_map(quality_network, images):
    """The map for any Q is 2 (f − Q) times the map of the score itself."""
    score = quality_network.with_head("score")
    f = score(images)[:, 0].detach()
    plain = e.score_contrast_cam(score, images, "body", gradients.Objective(lambda out: out[:, 0]))
    for Q in (-3.0, 0.5, 0.61, 4.0):
        torch.testing.assert_close(
            e.score_contrast_cam(score, images, "body", e.score_contrast_loss(Q)), 2 * (f - Q)[:, None, None] * plain
        )
    torch.testing.assert_close(e.score_contrast_cam(score, images, "body", e.score_contrast_loss(f + 1)), -2 * plain)


def test_score_contrast_cam_of_bins_depends_on_contrast_class(quality_network):
    images = torch.rand(5, 3, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    bins = quality_network.with_head("bins")
    P = bins(images).argmax(1)
    W, A = bins.head.weight.detach(), bins.body(images).detach()
    maps = []
    for Q in range(6):
        cam = e.score_contrast_cam(bins, images, "body", gradients.logit_difference(Q))
        expected = torch.einsum("nk,nkhw->nhw", W[P] - W[Q], A) / A[0, 0].numel()
        torch.testing.assert_close(cam, expected)
        torch.testing.assert_close(cam, attribution.grad_cam(bins, images, "body", gradients.logit_difference(Q)))
        assert (cam[Q == P] == 0).all()
        maps.append(cam.flatten(1))
    a, b = (maps[Q] for Q in [Q for Q in range(6) if Q not in P.tolist()][:2])
    assert torch.cosine_similarity(a, b, dim=1).abs().max() < 0.999


def test_score_contrast_cam_rejects_invalid_input(quality_network, images):
    with pytest.raises(ValueError, match=r"use network.with_head\('score'\)"):
        e.score_contrast_cam(quality_network, images, "body", e.score_contrast_loss(1.0))
    with torch.random.fork_rng([]):
        flat = init_with_seed(SmallSignNet()).double()
    with pytest.raises(ValueError, match="a map needs spatial positions"):
        e.score_contrast_cam(flat, images, "head", gradients.logit(1))
