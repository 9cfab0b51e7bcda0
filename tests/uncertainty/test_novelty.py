"""One layer's required change against one backward pass a picture; noise that stands in for the abnormal; the two together."""

from functools import partial

import pytest
import torch
from oracles import naive

from tutorial_lib import gradients as g
from tutorial_lib.measures import auroc
from tutorial_lib.networks import StridedAutoencoder, VariationalAutoencoder
from tutorial_lib.uncertainty import PurviewDetector, decoder_gradient, noisy


@pytest.fixture
def pictures():
    return torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("objective", [g.reconstruction, g.bernoulli])
@pytest.mark.parametrize("layer", ["decoder.0", "decoder.4"])
def test_it_is_that_of_one_backward_pass_a_picture(objective, layer, pictures, untouched):
    vae = untouched(VariationalAutoencoder(1, (2, 3, 4, 5)).double())
    slow = naive(vae, pictures, objective(pictures))[f"{layer}.weight"].flatten(1)
    for chunk in (1, 4, 64):
        found = decoder_gradient(vae, pictures, layer, objective, chunk=chunk)
        torch.testing.assert_close(found, slow, rtol=1e-9, atol=1e-12)
    assert not found.requires_grad


def test_the_divergence_asks_nothing_of_the_decoder(pictures):
    """∂(−ELBO)/∂φ = ∂L/∂φ: the KL term belongs to the encoder."""
    vae = VariationalAutoencoder(1, (2, 3, 4, 5)).double()
    weight = vae.decoder[0].weight
    for x, found in zip(pictures, decoder_gradient(vae, pictures, objective=g.bernoulli)):
        (whole,) = torch.autograd.grad(vae.bound(x[None]).sum(), weight)
        torch.testing.assert_close(whole.flatten(), found, rtol=1e-9, atol=1e-12)


def test_any_autoencoder_will_do(pictures):
    assert decoder_gradient(StridedAutoencoder(1, (2, 3, 4, 5)).double(), pictures).shape == (6, 5 * 4 * 16)
    with pytest.raises(ValueError, match="unknown layer 'decoder.O'"):
        decoder_gradient(StridedAutoencoder(1, (2, 3, 4, 5)).double(), pictures, "decoder.O")


def test_noise(pictures):
    before = torch.get_rng_state()
    a, b, other = (noisy(pictures, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, other) and torch.equal(noisy(pictures), a)
    assert a.min() == 0 and a.max() == 1 and a.dtype == pictures.dtype and torch.equal(torch.get_rng_state(), before)
    assert torch.equal(noisy(pictures, spread=0.0), pictures)
    grey = torch.full((1, 100_000), 0.5, dtype=torch.float64)
    assert noisy(grey, spread=0.05).std() == pytest.approx(0.05, rel=0.02)


def test_a_judge_of_changes_tells_noise_that_it_has_not_seen():
    normal = 0.2 * torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(4))
    normal[..., 14:] += 0.6  # dark on the left, bright on the right
    vae = VariationalAutoencoder(1, (2, 3, 4, 5))
    vae.fit(normal[:40], epochs=10, batch=8)
    learned, kept = (
        noisy(x, generator=torch.Generator().manual_seed(i)) for i, x in enumerate((normal[:40], normal[40:]))
    )
    change = partial(decoder_gradient, vae, objective=g.bernoulli)
    judge = PurviewDetector(log=False).fit(change(normal[:40]), change(learned))
    assert auroc(judge.score(change(normal[40:])), judge.score(change(kept))) > 0.95
