"""Attribution at pixel resolution: identities, naive loops and captum; and occlusion, the gradient-free reference."""

import warnings

import captum.attr
import pytest
import torch
from captum.attr._core import noise_tunnel
from torch import nn

from tests.library.attribution.conftest import make_model
from tutorial_lib import attribution as i
from tutorial_lib import gradients as g


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def smoothgrad_noise(x, samples):
    """Return the noise that ``smoothgrad`` samples."""
    generator = seeded()
    return torch.stack([torch.randn((1, *x.shape[1:]), generator=generator) for _ in range(samples)]).to(x)


@pytest.fixture
def affine(assert_unchanged):
    return assert_unchanged(make_model(lambda: nn.Sequential(nn.Flatten(), nn.Linear(432, 5))))


@pytest.fixture
def smooth(assert_unchanged):
    network = lambda: nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Conv2d(8, 8, 3), nn.Softplus(), nn.Flatten(), nn.Linear(512, 5)
    )
    return assert_unchanged(make_model(network))


# Saliency, and input times gradient.


def test_saliency_is_signed_and_matches_captum(pooled_cnn, images, predicted_labels):
    theirs = (
        captum.attr.Saliency(pooled_cnn)
        .attribute(images.clone().requires_grad_(), predicted_labels, abs=False)
        .detach()
    )
    torch.testing.assert_close(i.saliency(pooled_cnn, images, predicted_labels), theirs, rtol=1e-12, atol=1e-16)
    assert (theirs < 0).any() and (theirs > 0).any()


def test_saliency_of_affine_network_equals_its_weights(affine, images):
    assert torch.equal(i.saliency(affine, images, 3), affine[1].weight[3].view(1, 3, 12, 12).expand(5, -1, -1, -1))


# SmoothGrad.


def naive_smoothgrad(model, x, labels, samples, share):
    gradients = []
    for n in range(len(x)):
        spread = share * (x[n].max() - x[n].min())
        for field in smoothgrad_noise(x, samples):
            leaf = (x[n] + spread * field[0]).requires_grad_()
            gradients.append(torch.autograd.grad(model(leaf[None])[0, labels[n]], leaf)[0])
    return torch.stack(gradients).unflatten(0, (len(x), samples))


@pytest.mark.parametrize("batch_size", [1, 4, 7, 1000])
def test_smoothgrad_reductions_match_naive_loop(batch_size, pooled_cnn, images, predicted_labels):
    each = naive_smoothgrad(pooled_cnn, images, predicted_labels, 6, 0.2)
    reduce = lambda reduction: i.smoothgrad(
        pooled_cnn,
        images,
        predicted_labels,
        n_samples=6,
        noise_level=0.2,
        reduction=reduction,
        batch_size=batch_size,
        generator=seeded(),
    )
    torch.testing.assert_close(reduce("mean"), each.mean(1), rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(reduce("square"), each.square().mean(1), rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(reduce("variance"), each.var(1, correction=0), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    "read, nt_type", [("mean", "smoothgrad"), ("square", "smoothgrad_sq"), ("variance", "vargrad")]
)
def test_smoothgrad_matches_captum_with_the_same_noise(
    read, nt_type, pooled_cnn, images, predicted_labels, monkeypatch
):
    spread = 0.15 * (images.flatten(1).amax(1) - images.flatten(1).amin(1))
    noise = (smoothgrad_noise(images, 8) * spread.view(-1, 1, 1, 1)).transpose(0, 1).flatten(0, 1)
    monkeypatch.setattr(noise_tunnel.torch, "normal", lambda mean, std: noise)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(pooled_cnn))
    theirs = tunnel.attribute(images.clone(), nt_type=nt_type, nt_samples=8, target=predicted_labels, abs=False)
    ours = i.smoothgrad(pooled_cnn, images, predicted_labels, n_samples=8, reduction=read, generator=seeded())
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-9, atol=1e-13)


def test_smoothgrad_without_noise_equals_the_gradient(pooled_cnn, images, affine):
    torch.testing.assert_close(
        i.smoothgrad(pooled_cnn, images, 2, noise_level=0), i.saliency(pooled_cnn, images, 2), rtol=1e-12, atol=1e-16
    )
    torch.testing.assert_close(
        i.smoothgrad(affine, images, 2, noise_level=3.0), i.saliency(affine, images, 2), rtol=1e-12, atol=1e-16
    )
    assert i.smoothgrad(pooled_cnn, images, 2, noise_level=0, reduction="variance").abs().max() < 1e-28


def test_smoothgrad_spread_falls_with_sqrt_of_sample_count(pooled_cnn, images):
    spread = lambda samples: (
        torch.stack([i.smoothgrad(pooled_cnn, images, 2, n_samples=samples, generator=seeded(s)) for s in range(12)])
        .std(0)
        .mean()
    )
    # The spread over repetitions falls with the square root of the samples: sixteen times the samples give a quarter.
    assert 0.15 < spread(32) / spread(2) < 0.4


def test_smoothgrad_is_seeded(pooled_cnn, images):
    explain = lambda seed: i.smoothgrad(pooled_cnn, images, 2, n_samples=3, generator=seeded(seed))
    assert torch.equal(explain(1), explain(1)) and not torch.equal(explain(1), explain(2))
    assert torch.equal(i.smoothgrad(pooled_cnn, images, 2, n_samples=3), explain(0))
    generator = seeded()
    first = i.smoothgrad(pooled_cnn, images, 2, n_samples=3, generator=generator)
    assert not torch.equal(i.smoothgrad(pooled_cnn, images, 2, n_samples=3, generator=generator), first)


def test_smoothgrad_default_target_is_prediction_for_clean_image(pooled_cnn, images):
    """The default target is the class predicted for the clean image, even where the noise changes the prediction."""
    predicted = pooled_cnn(images).argmax(1)
    explain = lambda target: i.smoothgrad(pooled_cnn, images, target, n_samples=4, noise_level=5.0, generator=seeded())
    noisy = images + 5 * smoothgrad_noise(images, 4)
    assert (pooled_cnn(noisy.flatten(0, 1)).argmax(1) != predicted.repeat(4)).any()
    assert torch.equal(explain(None), explain(predicted))


def test_smoothgrad_rejects_invalid_input(pooled_cnn, images):
    with pytest.raises(ValueError, match="n_samples must be a whole number above 0"):
        i.smoothgrad(pooled_cnn, images, n_samples=0)
    with pytest.raises(ValueError, match="noise_level must be a finite number of at least 0"):
        i.smoothgrad(pooled_cnn, images, noise_level=-0.1)
    with pytest.raises(ValueError, match="unknown reduction 'means'; the nearest: 'mean'"):
        i.smoothgrad(pooled_cnn, images, reduction="means")


# Integrated gradients.


@pytest.mark.parametrize("baseline", ["number", "image", "images"])
def test_integrated_gradients_match_captum(baseline, pooled_cnn, images, predicted_labels):
    ours = {"number": 0.5, "image": images[3], "images": images.flip(0)}[baseline]
    theirs = {"number": 0.5, "image": images[3:4], "images": images.flip(0)}[baseline]
    # Captum keeps its steps in single precision, which is exact for a number of steps that is a power of two.
    expected = captum.attr.IntegratedGradients(pooled_cnn).attribute(
        images, theirs, predicted_labels, n_steps=32, method="riemann_middle"
    )
    for batch_size in (3, 5, 64):
        attributions = i.integrated_gradients(
            pooled_cnn, images, predicted_labels, baseline=ours, n_steps=32, batch_size=batch_size
        )
        torch.testing.assert_close(attributions, expected, rtol=1e-9, atol=1e-13)


def test_convergence_delta_falls_quadratically_and_matches_captum(smooth, images):
    gaps = [
        i.convergence_delta(smooth, images, i.integrated_gradients(smooth, images, n_steps=n)).abs().max()
        for n in (8, 32, 128)
    ]
    # The midpoint rule is of second order: four times the steps give a sixteenth of the gap.
    assert 10 < gaps[0] / gaps[1] < 25 and 10 < gaps[1] / gaps[2] < 25
    theirs = captum.attr.IntegratedGradients(smooth).attribute(
        images, 0.0, 2, n_steps=8, method="riemann_middle", return_convergence_delta=True
    )
    torch.testing.assert_close(i.convergence_delta(smooth, images, theirs[0], 2), theirs[1], rtol=1e-9, atol=1e-12)


def test_integrated_gradients_of_affine_network_need_one_step(affine, images):
    attributions = i.integrated_gradients(affine, images, 1, baseline=images[0], n_steps=1)
    torch.testing.assert_close(
        attributions.flatten(1), (images - images[0]).flatten(1) * affine[1].weight[1].detach(), rtol=1e-12, atol=1e-15
    )
    assert i.convergence_delta(affine, images, attributions, 1, baseline=images[0]).abs().max() < 1e-12
    assert not attributions[0].any()


def test_integrated_gradients_are_implementation_invariant(pooled_cnn, images):
    class Doubled(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return 0.5 * self.model(2 * (x / 2)) + 0.5 * self.model(x)

    torch.testing.assert_close(
        i.integrated_gradients(Doubled(pooled_cnn), images, 2),
        i.integrated_gradients(pooled_cnn, images, 2),
        rtol=1e-10,
        atol=1e-14,
    )


def test_integrated_gradients_rejects_invalid_input(pooled_cnn, images):
    with pytest.raises(ValueError, match="n_steps must be a whole number above 0"):
        i.integrated_gradients(pooled_cnn, images, n_steps=0)
    with pytest.raises(ValueError, match="expected a number, one sample, or one for each"):
        i.integrated_gradients(pooled_cnn, images, baseline=images[:2])
    with pytest.raises(ValueError, match="have the shape of x"):
        i.convergence_delta(pooled_cnn, images, images[:, 0])


# Occlusion.


def naive_occlusion(model, x, label, patch, stride, fill):
    total, times = torch.zeros(len(x), 12, 12, dtype=x.dtype), torch.zeros(12, 12, dtype=x.dtype)
    places = sorted({*range(0, 13 - patch, stride), 12 - patch})
    for n in range(len(x)):
        for row in places:
            for column in places:
                covered = x[n].clone()
                covered[:, row : row + patch, column : column + patch] = (
                    x[n].mean((1, 2))[:, None, None] if fill is None else fill
                )
                fall = (model(x[n : n + 1]) - model(covered[None]))[0, label]
                total[n, row : row + patch, column : column + patch] += fall.detach()
                times[row : row + patch, column : column + patch] += 1
    return total / (times / len(x))


@pytest.mark.parametrize("patch, stride, fill", [(4, 2, None), (5, 3, 0.5), (12, 1, 0.0), (3, 3, None)])
def test_occlusion_matches_naive_loop(patch, stride, fill, pooled_cnn, images):
    expected = naive_occlusion(pooled_cnn, images, 2, patch, stride, fill)
    for batch_size in (1, 3, 1000):
        maps = i.occlusion(pooled_cnn, images, 2, window=patch, stride=stride, fill=fill, batch_size=batch_size)
        torch.testing.assert_close(maps, expected, rtol=1e-9, atol=1e-13)


def test_occlusion_matches_captum(pooled_cnn, images, predicted_labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = captum.attr.Occlusion(pooled_cnn).attribute(images, (3, 4, 4), (3, 2, 2), 0.25, predicted_labels)
    maps = i.occlusion(pooled_cnn, images, predicted_labels, window=4, stride=2, fill=0.25)
    # Captum accumulates in single precision.
    torch.testing.assert_close(maps[:, None].expand_as(theirs), theirs.double(), rtol=1e-6, atol=1e-7)


def test_occlusion_of_affine_network_pixelwise_is_input_x_gradient(affine, images):
    maps = i.occlusion(affine, images, 3, window=1, fill=0.0)
    torch.testing.assert_close(maps, (images * i.saliency(affine, images, 3)).sum(1), rtol=1e-9, atol=1e-12)


def test_occlusion_default_target_is_prediction_for_clean_image(pooled_cnn, images):
    maps = i.occlusion(pooled_cnn, images, window=12, fill=-9.0)
    occluded_logits = pooled_cnn(torch.full_like(images, -9)).detach()
    assert (occluded_logits.argmax(1) != pooled_cnn(images).argmax(1)).any()
    P = pooled_cnn(images).argmax(1)
    torch.testing.assert_close(
        maps[:, 0, 0], g.logit(P)(pooled_cnn(images).detach() - occluded_logits), rtol=1e-10, atol=1e-12
    )


def test_occlusion_windows_cover_every_pixel():
    for size, patch, stride in (((12, 20), 5, 3), ((9, 9), (2, 9), (2, 1)), ((7, 8), 7, None)):
        times = torch.zeros(size)
        for place in i.occlusion_windows(size, patch, stride):
            assert times[place].shape == ((patch, patch) if isinstance(patch, int) else patch)
            times[place] += 1
        assert times.min() >= 1
    for patch, stride in ((13, 1), (4, 5), (4, 0)):
        with pytest.raises(ValueError, match="1 ≤ stride ≤ window ≤ side"):
            i.occlusion_windows((12, 12), patch, stride)


def test_occlusion_rejects_unbatched_image(pooled_cnn, images):
    with pytest.raises(ValueError, match=r"expected x: floats \(N, C, H, W\)"):
        i.occlusion(pooled_cnn, images[0])
