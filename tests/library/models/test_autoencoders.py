import copy

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tutorial_lib.models import StridedAutoencoder, VariationalAutoencoder


@pytest.fixture
def images():
    return torch.rand(12, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels, parameters", [(1, 230_721), (3, 232_771)])
def test_strided_autoencoder_has_published_sizes(channels, parameters):
    network = StridedAutoencoder(channels)
    assert sum(p.numel() for p in network.parameters()) == parameters
    x = torch.rand(2, channels, 28, 28)
    assert network.encoder(x).shape == (2, 64, 3, 3) and network(x).shape == x.shape
    code, sizes = network.encoder(x), []
    for layer in network.decoder:
        code = layer(code)
        sizes.append(code.shape[-1])
    assert sizes[::2] == [4, 8, 14, 28]


@pytest.mark.parametrize("build", [StridedAutoencoder, VariationalAutoencoder])
def test_autoencoder_initialization_depends_only_on_generator(build, images):
    before = torch.get_rng_state()

    def first_decoder_weight(seed):
        return build(1, generator=torch.Generator().manual_seed(seed)).decoder[0].weight

    assert torch.equal(first_decoder_weight(0), first_decoder_weight(0)) and not torch.equal(
        first_decoder_weight(0), first_decoder_weight(1)
    )
    assert torch.equal(build(1).decoder[0].weight, first_decoder_weight(0)) and torch.equal(
        torch.get_rng_state(), before
    )
    network = build(1)
    for module in network.modules():
        if hasattr(module, "weight"):
            theirs = copy.deepcopy(module)
            with torch.random.fork_rng([]):
                theirs.reset_parameters()
            # The uniform distribution of PyTorch's own initialization.
            assert module.weight.abs().max().item() == pytest.approx(theirs.weight.abs().max().item(), rel=0.05)


def test_vae_kl_divergence_matches_torch_distributions(images):
    vae = VariationalAutoencoder(1).double()
    middle, spread = vae.encode(images.double())
    theirs = kl_divergence(Normal(middle, (spread / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(vae.kl_divergence(images.double()), theirs)
    assert (theirs > 0).all()


def test_vae_negative_elbo_matches_formula(images):
    vae, x = VariationalAutoencoder(1).double(), images.double()
    middle, spread = vae.encode(x)
    z = middle + (spread / 2).exp() * torch.randn(middle.shape, generator=torch.Generator().manual_seed(7))
    out = vae.decode(z)
    naive = -(x * out.log() + (1 - x) * (1 - out).log()).flatten(1).sum(1) + vae.kl_divergence(x)
    torch.testing.assert_close(vae.negative_elbo(x, generator=torch.Generator().manual_seed(7)), naive)
    out = vae(x)
    naive = -(x * out.log() + (1 - x) * (1 - out).log()).flatten(1).sum(1) + vae.kl_divergence(x)
    torch.testing.assert_close(vae.negative_elbo(x), naive)


def test_vae_forward_is_deterministic_in_train_and_eval_mode(images):
    vae = VariationalAutoencoder(1)
    assert torch.equal(vae.train()(images), vae.eval()(images))


def test_vae_fit_lowers_loss_and_is_reproducible(images):
    def fit(seed):
        vae = VariationalAutoencoder(1)
        return vae, vae.fit(images, epochs=15, batch_size=4, generator=torch.Generator().manual_seed(seed))

    state = torch.get_rng_state()
    (vae, history), (_, again), (_, other) = fit(0), fit(0), fit(1)
    assert history == again and history != other and history[-1] < history[0] and len(history) == 15
    assert not vae.training and torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match="at least one image"):
        vae.fit(images[:0])
