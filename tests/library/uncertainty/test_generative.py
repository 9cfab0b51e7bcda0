"""Layer-gradient features, compared with one backward pass per image; noise as a proxy for anomalies; both together."""

from functools import partial

import pytest
import torch

from tests._reference import per_sample_gradients_by_loop
from tutorial_lib import gradients as g
from tutorial_lib.metrics import auroc
from tutorial_lib.models import StridedAutoencoder, VariationalAutoencoder
from tutorial_lib.uncertainty import PurviewDetector, add_gaussian_noise, layer_gradient_features


@pytest.fixture
def images():
    return torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("objective", [g.reconstruction_mse, g.bernoulli_nll])
@pytest.mark.parametrize("layer", ["decoder.0", "decoder.4"])
def test_layer_gradient_features_match_backward_pass_per_image(objective, layer, images, assert_unchanged):
    vae = assert_unchanged(VariationalAutoencoder(1, (2, 3, 4, 5)).double())
    expected = per_sample_gradients_by_loop(vae, images, objective(images))[f"{layer}.weight"].flatten(1)
    for batch_size in (1, 4, 64):
        features = layer_gradient_features(vae, images, layer, objective, batch_size=batch_size)
        torch.testing.assert_close(features, expected, rtol=1e-9, atol=1e-12)
    assert not features.requires_grad


def test_layer_gradient_features_are_unaffected_by_kl_term(images):
    """∂(−ELBO)/∂φ = ∂L/∂φ: the KL term belongs to the encoder."""
    vae = VariationalAutoencoder(1, (2, 3, 4, 5)).double()
    weight = vae.decoder[0].weight
    for x, features in zip(images, layer_gradient_features(vae, images, objective=g.bernoulli_nll)):
        (whole,) = torch.autograd.grad(vae.negative_elbo(x[None]).sum(), weight)
        torch.testing.assert_close(whole.flatten(), features, rtol=1e-9, atol=1e-12)


def test_layer_gradient_features_accept_any_autoencoder(images):
    assert layer_gradient_features(StridedAutoencoder(1, (2, 3, 4, 5)).double(), images).shape == (6, 5 * 4 * 16)
    with pytest.raises(ValueError, match="unknown layer 'decoder.O'"):
        layer_gradient_features(StridedAutoencoder(1, (2, 3, 4, 5)).double(), images, "decoder.O")


def test_add_gaussian_noise_is_seeded_and_clipped(images):
    before = torch.get_rng_state()
    a, b, other = (add_gaussian_noise(images, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, other) and torch.equal(add_gaussian_noise(images), a)
    assert a.min() == 0 and a.max() == 1 and a.dtype == images.dtype and torch.equal(torch.get_rng_state(), before)
    assert torch.equal(add_gaussian_noise(images, spread=0.0), images)
    grey = torch.full((1, 100_000), 0.5, dtype=torch.float64)
    assert add_gaussian_noise(grey, spread=0.05).std() == pytest.approx(0.05, rel=0.02)


def test_layer_gradient_features_detect_noise_on_held_out_images():
    normal = 0.2 * torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(4))
    normal[..., 14:] += 0.6  # dark on the left, bright on the right
    vae = VariationalAutoencoder(1, (2, 3, 4, 5))
    vae.fit(normal[:40], epochs=10, batch_size=8)
    noisy_train, noisy_test = (
        add_gaussian_noise(x, generator=torch.Generator().manual_seed(i))
        for i, x in enumerate((normal[:40], normal[40:]))
    )
    change = partial(layer_gradient_features, vae, objective=g.bernoulli_nll)
    detector = PurviewDetector(log=False).fit(change(normal[:40]), change(noisy_train))
    assert auroc(detector.score(change(normal[40:])), detector.score(change(noisy_test))) > 0.95
