"""GradCon, compared with its formula written naively with autograd, and properties of each of its scores."""

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from tutorial_lib.models import StridedAutoencoder
from tutorial_lib.uncertainty import GradCon, layer_gradient_features

FIT_OPTIONS = {"epochs": 3, "batch_size": 4, "lr": 1e-2}


def cosine(a, b):
    a, b = a.flatten(), b.flatten()
    return a @ b / (a.norm() * b.norm()) if a.norm() > 0 and b.norm() > 0 else a.new_zeros(())


def naive_gradcon(network, images, alpha, *, epochs, batch_size, lr, seed=0):
    """Train as the paper states, averaging the list of all past gradients in every step."""
    network = copy.deepcopy(network).train()
    weights = [layer.weight for layer in network.decoder if hasattr(layer, "weight")]
    optimizer, past = torch.optim.Adam(network.parameters(), lr=lr), []
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=generator).split(batch_size):
            L = ((network(images[rows]) - images[rows]) ** 2).mean()
            J = L
            if alpha and past:
                own = torch.autograd.grad(L, weights, create_graph=True)
                means = [torch.stack(column).mean(0) for column in zip(*past, strict=True)]
                J = L - alpha * sum(cosine(g, m) for g, m in zip(own, means, strict=True)) / len(weights)
            optimizer.zero_grad()
            J.backward()
            past.append([w.grad.clone() for w in weights])
            optimizer.step()
    return network.eval(), [torch.stack(column).mean(0) for column in zip(*past, strict=True)]


@pytest.fixture
def images():
    return torch.rand(10, 2, 28, 28, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def network():
    return StridedAutoencoder(2, (3, 4, 5, 6)).double()


@pytest.fixture
def fitted(network, images):
    return GradCon(network, alpha=0.5).fit(images, **FIT_OPTIONS)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_gradcon_training_and_scores_match_naive_formula(network, images, alpha):
    reference, means = naive_gradcon(network, images, alpha, **FIT_OPTIONS)
    detector = GradCon(network, alpha=alpha, beta=0.7).fit(images, **FIT_OPTIONS)
    for mine, theirs in zip(detector.network.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine.detach(), theirs.detach(), rtol=1e-8, atol=1e-10)
    for mine, theirs in zip(detector.mean_gradients.values(), means, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-12)
    weights = [layer.weight for layer in reference.decoder if hasattr(layer, "weight")]
    for x in images[:4]:
        L = ((reference(x[None]) - x) ** 2).mean()
        own = torch.stack([cosine(g, m) for g, m in zip(torch.autograd.grad(L, weights), means, strict=True)])
        lengths, cosines = detector.gradient_statistics(x[None])
        torch.testing.assert_close(cosines[0], own, rtol=1e-7, atol=1e-9)
        again = torch.autograd.grad(((reference(x[None]) - x) ** 2).mean(), weights)
        torch.testing.assert_close(lengths[0], torch.stack([g.norm() for g in again]))
        for metric, expected in (("reconstruction", L), ("alignment", -own.mean()), ("both", L - 0.7 * own.mean())):
            torch.testing.assert_close(detector.score(x[None], metric)[0], expected.detach(), rtol=1e-7, atol=1e-9)


def test_gradcon_constraint_increases_gradient_alignment(network, images):
    plain, constrained = (
        GradCon(network, alpha=alpha).fit(images, **(FIT_OPTIONS | {"epochs": 12})) for alpha in (0.0, 0.5)
    )
    assert constrained.history[-1][1] > plain.history[-1][1] + 0.1  # later gradients align with earlier ones
    assert constrained.history[-1][0] > plain.history[-1][0]  # at the cost of a larger error
    assert plain.history[-1][0] < plain.history[0][0]


def test_gradcon_matches_closed_form_for_linear_decoder():
    """x̂ = W z: ∂L/∂W = 2/D (Wz − x) zᵀ; with a negligible learning rate, the mean gradient is the mean of these."""
    generator = torch.Generator().manual_seed(0)

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(6, 3, bias=False), nn.Linear(3, 6, bias=False)
            for p in self.parameters():
                p.data = torch.randn(p.shape, generator=generator)

        def forward(self, x):
            return self.decoder(self.encoder(x))

    model, x = Linear().double(), torch.rand(8, 6, generator=generator, dtype=torch.float64)
    detector = GradCon(model).fit(x, epochs=1, batch_size=8, lr=1e-12)
    z = model.encoder(x).detach()
    each = 2 / 6 * (z @ model.decoder.weight.detach().T - x)[:, :, None] * z[:, None]
    torch.testing.assert_close(detector.mean_gradients["decoder.weight"], each.mean(0), rtol=1e-8, atol=1e-9)
    expected = torch.stack([cosine(g, each.mean(0)) for g in each])
    torch.testing.assert_close(detector.gradient_statistics(x)[1][:, 0], expected, rtol=1e-7, atol=1e-9)


def test_gradcon_score_is_independent_of_batch_size(fitted, images):
    for read in ("reconstruction", "alignment", "both"):
        fitted.batch_size = 64
        whole = fitted.score(images, read)
        assert whole.shape == (10,) and whole.dtype == torch.float64 and not whole.requires_grad
        alone = torch.cat([fitted.score(x[None], read) for x in images])
        torch.testing.assert_close(whole, alone, rtol=1e-10, atol=1e-13)
        for fitted.batch_size in (1, 3):
            torch.testing.assert_close(fitted.score(images, read), whole, rtol=1e-10, atol=1e-13)


def test_gradcon_alignment_is_bounded_and_subtracted_from_error(fitted, images):
    cosines = fitted.gradient_statistics(torch.cat([images, torch.zeros_like(images[:1])]))[1]
    assert cosines.shape == (11, 4) and cosines.abs().max() <= 1 + 1e-12
    error = fitted.score(images, "reconstruction")
    torch.testing.assert_close(fitted.score(images), error - 0.12 * fitted.gradient_statistics(images)[1].mean(1))


def test_gradcon_cosine_of_tiny_gradients_does_not_underflow(network, images):
    """The smallest gradients still have a direction, and a gradient of zero has none."""
    images = images.float()
    detector = GradCon(network).fit(images, **FIT_OPTIONS)
    before, directions = detector.gradient_statistics(images)[1], detector.mean_gradients
    for size in (1e-15, 1e-30):
        detector.mean_gradients = {name: size * d for name, d in directions.items()}
        torch.testing.assert_close(detector.gradient_statistics(images)[1], before, rtol=1e-3, atol=1e-4)
    detector.mean_gradients = {name: 0 * d for name, d in directions.items()}
    assert torch.equal(detector.gradient_statistics(images)[1], torch.zeros(10, 4))


def test_gradcon_fit_is_seeded_and_restarts_from_scratch(network, images):
    def fit(seed, detector=None):
        generator = torch.Generator().manual_seed(seed)
        return (detector or GradCon(network)).fit(images, **FIT_OPTIONS, generator=generator)

    before, same = torch.get_rng_state(), GradCon(network)
    first = fit(0).score(images)
    assert torch.equal(fit(0).score(images), first) and not torch.equal(fit(1).score(images), first)
    assert torch.equal(fit(0, fit(1, same)).score(images), first) and len(same.history) == FIT_OPTIONS["epochs"]
    assert torch.equal(GradCon(network).fit(images, **FIT_OPTIONS).score(images), first)
    with torch.no_grad():
        assert torch.equal(GradCon(network).fit(images, **FIT_OPTIONS).score(images), first)
    with torch.inference_mode():
        assert torch.equal(GradCon(network).fit(images.clone(), **FIT_OPTIONS).score(images.clone()), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_gradcon_leaves_the_autoencoder_unchanged(network, images, assert_unchanged):
    assert_unchanged(network.requires_grad_(False).train())
    detector = GradCon(network).fit(images, **FIT_OPTIONS)
    own = assert_unchanged(detector.network)
    assert all(a is not b for a, b in zip(own.parameters(), network.parameters(), strict=True))
    for read in ("reconstruction", "alignment", "both"):
        detector.score(images, read)
    assert not any(p.requires_grad for p in own.parameters()) and not any(m.training for m in own.modules())


def test_gradcon_score_preserves_dtype_of_the_images(network, images):
    detector = GradCon(network).fit(images.float(), **FIT_OPTIONS)
    assert detector.score(images.float()).dtype == torch.float32
    assert (
        detector.score(images.float()) - GradCon(network).fit(images, **FIT_OPTIONS).score(images)
    ).abs().max() < 0.02


def test_gradcon_cosines_stay_bounded_for_saturated_network(network, images):
    """Where the sigmoid saturates, every gradient is nearly zero, and the score must not divide by it."""
    network.float().decoder[6].bias.data -= 55.0
    detector = GradCon(network, alpha=0.0).fit(images.float(), **FIT_OPTIONS)
    assert detector.gradient_statistics(images.float())[1].abs().max() <= 1 + 1e-5
    assert all(abs(cosine) <= 1 + 1e-5 for _, cosine in detector.history)


def test_gradcon_detects_misaligned_gradients(network):
    """Normal images are dark on the left and bright on the right, with noise; abnormal images are mirrored."""
    images = 0.2 * torch.rand(50, 2, 28, 28, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    images[..., 14:] += 0.6
    detector = GradCon(network, alpha=0.3).fit(images[:40], epochs=10, batch_size=8, lr=1e-2)
    for read in ("reconstruction", "alignment", "both"):
        assert detector.score(images[40:].flip(-1), read).min() > detector.score(images[40:], read).max(), read


def test_gradcon_rejects_invalid_input(network, images):
    with pytest.raises(ValueError, match="call fit first"):
        GradCon(network).score(images)
    with pytest.raises(ValueError, match="unknown kind of score 'alignmnt'; the nearest: 'alignment'"):
        GradCon(network).fit(images, **FIT_OPTIONS).score(images, "alignmnt")
    with pytest.raises(ValueError, match="at least 0"):
        GradCon(network, alpha=-1)
    with pytest.raises(ValueError, match="unknown layer 'decodr'"):
        GradCon(network, decoder="decodr")
    for bad, message in ((images[:0], "at least one step"), ((255 * images).byte(), "float images")):
        with pytest.raises(ValueError, match=message):
            GradCon(network).fit(bad)


def test_gradcon_on_gpu_matches_cpu(network, images, accelerator):
    here, there = (GradCon(network).fit(x, **FIT_OPTIONS) for x in (images, images.to(accelerator)))
    assert there.score(images.to(accelerator)).device == accelerator
    torch.testing.assert_close(there.score(images.to(accelerator)).cpu(), here.score(images), rtol=1e-5, atol=1e-7)


def parametrized_autoencoder(parametrize):
    generator = torch.Generator().manual_seed(0)
    layers = {"encoder": nn.Linear(6, 4), "decoder": nn.Sequential(parametrize(nn.Linear(4, 6)))}
    network = nn.Sequential(OrderedDict(layers))
    for p in network.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    return network


@pytest.mark.parametrize(
    "parametrize, columns",
    [
        (lambda layer: layer, 1),
        (nn.utils.parametrizations.weight_norm, 2),
        (nn.utils.parametrizations.spectral_norm, 1),
        (nn.utils.parametrizations.orthogonal, 1),
    ],
)
def test_gradcon_uses_parameters_of_parametrized_weights(parametrize, columns):
    """Weights that are computed from other parameters, whose names do not end with "weight"."""
    network, x = parametrized_autoencoder(parametrize), torch.rand(12, 6, generator=torch.Generator().manual_seed(1))
    detector = GradCon(network).fit(x, epochs=2)
    norms, cosines = detector.gradient_statistics(x)
    assert norms.shape == cosines.shape == (12, columns) and norms.isfinite().all() and cosines.abs().max() <= 1.001
    names = [name for name, p in detector.network.named_parameters() if "decoder" in name and "bias" not in name]
    for n in range(3):
        loss = (detector.network.requires_grad_()(x[n : n + 1]) - x[n : n + 1]).square().mean()
        gradients = torch.autograd.grad(loss, [detector.network.get_parameter(name) for name in names])
        torch.testing.assert_close(norms[n], torch.stack([g.norm() for g in gradients]))
    features = layer_gradient_features(network.eval(), x, "decoder.0")
    assert features.shape[0] == 12 and features.isfinite().all()


def test_gradcon_refuses_decoder_without_weights():
    network = nn.Sequential(OrderedDict(encoder=nn.Linear(6, 6), decoder=nn.Sigmoid()))
    with pytest.raises(ValueError, match="weights|parameters"):
        GradCon(network)
