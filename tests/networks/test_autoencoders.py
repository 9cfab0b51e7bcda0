import copy

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tutorial_lib.networks import StridedAutoencoder, VariationalAutoencoder


@pytest.fixture
def pictures():
    return torch.rand(12, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels, parameters", [(1, 230_721), (3, 232_771)])
def test_the_published_size(channels, parameters):
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
def test_first_weights_come_from_the_generator_alone(build, pictures):
    before = torch.get_rng_state()

    def drawn(seed):
        return build(1, generator=torch.Generator().manual_seed(seed)).decoder[0].weight

    assert torch.equal(drawn(0), drawn(0)) and not torch.equal(drawn(0), drawn(1))
    assert torch.equal(build(1).decoder[0].weight, drawn(0)) and torch.equal(torch.get_rng_state(), before)
    network = build(1)
    for module in network.modules():
        if hasattr(module, "weight"):
            theirs = copy.deepcopy(module)
            with torch.random.fork_rng([]):
                theirs.reset_parameters()
            # A uniform draw, as torch itself makes it.
            assert module.weight.abs().max().item() == pytest.approx(theirs.weight.abs().max().item(), rel=0.05)


def test_the_divergence_is_that_of_two_normals(pictures):
    vae = VariationalAutoencoder(1).double()
    middle, spread = vae.encode(pictures.double())
    theirs = kl_divergence(Normal(middle, (spread / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(vae.divergence(pictures.double()), theirs)
    assert (theirs > 0).all()


def test_the_bound_is_loss_and_divergence_with_one_code_a_picture(pictures):
    vae, x = VariationalAutoencoder(1).double(), pictures.double()
    middle, spread = vae.encode(x)
    z = middle + (spread / 2).exp() * torch.randn(middle.shape, generator=torch.Generator().manual_seed(7))
    out = vae.decode(z)
    naive = -(x * out.log() + (1 - x) * (1 - out).log()).flatten(1).sum(1) + vae.divergence(x)
    torch.testing.assert_close(vae.bound(x, generator=torch.Generator().manual_seed(7)), naive)
    out = vae(x)
    naive = -(x * out.log() + (1 - x) * (1 - out).log()).flatten(1).sum(1) + vae.divergence(x)
    torch.testing.assert_close(vae.bound(x), naive)


def test_forward_is_without_chance_in_every_mode(pictures):
    vae = VariationalAutoencoder(1)
    assert torch.equal(vae.train()(pictures), vae.eval()(pictures))


def test_it_learns_and_repeats_itself(pictures):
    def fit(seed):
        vae = VariationalAutoencoder(1)
        return vae, vae.fit(pictures, epochs=15, batch=4, generator=torch.Generator().manual_seed(seed))

    state = torch.get_rng_state()
    (vae, history), (_, again), (_, other) = fit(0), fit(0), fit(1)
    assert history == again and history != other and history[-1] < history[0] and len(history) == 15
    assert not vae.training and torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match="at least one image"):
        vae.fit(pictures[:0])
