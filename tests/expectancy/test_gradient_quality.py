"""Gradients of an autoencoder as quality: against the formula written naively, and the scalar identity."""

import pytest
import torch
from oracles import Signs, drawn, naive
from torch import nn

from tutorial_lib import data, gradients, information, networks
from tutorial_lib import expectancy as e


def by_layers(model, x):
    """layer -> (N, d), from one ordinary backward pass a picture."""
    found = {}
    for name, g in naive(model, x, gradients.reconstruction(x)).items():
        found.setdefault(name.rpartition(".")[0], []).append(g.flatten(1))
    return {layer: torch.cat(parts, 1) for layer, parts in found.items()}


def test_everything_read_off_a_pair_is_the_formula(autoencoder, images, references):
    a, b = by_layers(autoencoder, images), by_layers(autoencoder, references)
    found = e.required_changes(autoencoder, images, references)
    assert list(a) == gradients.layer_names(autoencoder)
    for i, layer in enumerate(a):
        for n in range(len(images)):
            u, v = a[layer][n], b[layer][n]
            expected = [(u - v).norm(), u.norm(), v.norm(), (u @ v) / (u.norm() * v.norm())]
            torch.testing.assert_close(
                torch.stack([column[n, i] for column in found]), torch.stack(expected), rtol=1e-8, atol=1e-12
            )
    torch.testing.assert_close(
        e.gradient_distance(autoencoder, images, references), (found.apart / found.reference).mean(1)
    )
    torch.testing.assert_close(e.gradient_cosine(autoencoder, images, references), found.cosine.mean(1))
    torch.testing.assert_close(e.change_norm(autoencoder, images), found.damaged.square().sum(1).sqrt())


def test_the_mean_gradient_and_the_alignment_with_it(autoencoder, images, references):
    each = naive(autoencoder, references, gradients.reconstruction(references))
    mean = e.mean_gradient(autoencoder, references, chunk=2)
    for name, g in each.items():
        torch.testing.assert_close(mean[name], g.mean(0), rtol=1e-8, atol=1e-14)
    own, usual = by_layers(autoencoder, images), by_layers(autoencoder, references)
    expected = torch.stack([torch.cosine_similarity(own[k], usual[k].mean(0)[None], dim=1) for k in own]).mean(0)
    torch.testing.assert_close(e.gradient_alignment(autoencoder, images, mean), expected)


def test_some_layers_only(autoencoder, images, references):
    found = e.required_changes(autoencoder, images, references, layers="decoder")
    every = e.required_changes(autoencoder, images, references)
    assert found.apart.shape == (5, 2)
    torch.testing.assert_close(found.cosine, every.cosine[:, 2:])
    mean = e.mean_gradient(autoencoder, references, layers="decoder")
    assert set(mean) == {"decoder.0.weight", "decoder.0.bias", "decoder.2.weight"}
    assert e.gradient_alignment(autoencoder, images, mean, layers="decoder").shape == (5,)


def test_equal_pictures_and_which_way_quality_points(autoencoder, images, references):
    for read, best in (("distance", 0.0), ("cosine", 1.0)):
        torch.testing.assert_close(
            e.gradient_quality(autoencoder, references, references, read=read), torch.full((5,), best).double()
        )
        assert (e.gradient_quality(autoencoder, images, references, read=read) < best - 1e-4).all()


def test_the_scale_of_one_layer_does_not_decide(autoencoder, images, references):
    """Reparametrise two layers of a ReLU network, w₁ → c w₁ and w₂ → w₂/c: the function stays, plain distances do not."""
    with torch.random.fork_rng([]):
        model = drawn(nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU(), nn.Conv2d(4, 3, 1, bias=False))).double()
    before = e.gradient_distance(model, images, references)
    plain = e.required_changes(model, images, references).apart.square().sum(1)
    with torch.no_grad():
        model[0].weight *= 10
        model[2].weight /= 10
    torch.testing.assert_close(e.gradient_distance(model, images, references), before)
    assert not torch.allclose(e.required_changes(model, images, references).apart.square().sum(1), plain, rtol=0.1)


@pytest.mark.parametrize("kind", ["gaussian blur", "noise", "codec error"])
def test_a_trained_autoencoder_is_asked_for_more_by_more_damage(kind):
    model = networks.load("signs/autoencoder")
    r = data.render(torch.arange(14), generator=torch.Generator().manual_seed(4000))
    levels = [e.gradient_distance(model, data.challenge(r, kind, level), r).mean() for level in (1, 3, 5)]
    assert 0 < levels[0] < levels[1] < levels[2]


def test_what_is_refused(autoencoder, images, references):
    with pytest.raises(ValueError, match="every picture needs its reference"):
        e.gradient_distance(autoencoder, images, references[:2])
    with pytest.raises(ValueError, match="unknown read 'distence'; the nearest: 'distance'"):
        e.gradient_quality(autoencoder, images, references, read="distence")
    with torch.random.fork_rng([]):
        still = nn.Conv2d(3, 3, 1, bias=False).double()
    still.weight.data = torch.eye(3).double()[:, :, None, None]
    with pytest.raises(ValueError, match="reconstructed perfectly"):
        e.gradient_distance(still, images, references)
    assert (e.required_changes(still, images, references).cosine == 0).all()


# Why this score, rather than Q?


@pytest.fixture
def rating(untouched):
    return untouched(drawn(networks.QualityNetwork(), seed=3).double())


def test_a_scalar_cannot_contrast(rating, images):
    """The map for any Q is 2 (f − Q) times the map of the score itself."""
    score = rating.only("score")
    f = score(images)[:, 0].detach()
    plain = e.contrast_map(score, images, "body", gradients.Objective(lambda out: out[:, 0]))
    for Q in (-3.0, 0.5, 0.61, 4.0):
        torch.testing.assert_close(
            e.contrast_map(score, images, "body", e.score_to(Q)), 2 * (f - Q)[:, None, None] * plain
        )
    torch.testing.assert_close(e.contrast_map(score, images, "body", e.score_to(f + 1)), -2 * plain)


def test_bins_can(rating):
    images = torch.rand(5, 3, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    bins = rating.only("bins")
    P = bins(images).argmax(1)
    W, A = bins.head.weight.detach(), bins.body(images).detach()
    maps = []
    for Q in range(6):
        found = e.contrast_map(bins, images, "body", gradients.logit_difference(Q))
        expected = torch.einsum("nk,nkhw->nhw", W[P] - W[Q], A) / A[0, 0].numel()
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(found, information.grad_cam(bins, images, "body", gradients.logit_difference(Q)))
        assert (found[Q == P] == 0).all()
        maps.append(found.flatten(1))
    a, b = (maps[Q] for Q in [Q for Q in range(6) if Q not in P.tolist()][:2])
    assert torch.cosine_similarity(a, b, dim=1).abs().max() < 0.999


def test_questions_that_do_not_fit(rating, images):
    with pytest.raises(ValueError, match=r"take network.only\('score'\)"):
        e.contrast_map(rating, images, "body", e.score_to(1.0))
    with torch.random.fork_rng([]):
        flat = drawn(Signs()).double()
    with pytest.raises(ValueError, match="a layer with positions"):
        e.contrast_map(flat, images, "head", gradients.logit(1))
