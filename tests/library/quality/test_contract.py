"""Properties that every image-quality metric shares."""

import copy

import pytest
import torch

from tutorial_lib import quality as e


def fit_coder():
    generator = torch.Generator().manual_seed(9)
    return e.UNIQUEQuality(12, 4, downsample=False).fit(
        torch.rand(6, 3, 12, 12, generator=generator), patches=200, n_steps=10
    )


CODER = fit_coder()
# name -> (metric of (model, x, reference, …), whether it accepts batch_size)
QUALITIES = {
    "psnr": (lambda m, x, r: e.psnr(x, r), False),
    "ssim": (lambda m, x, r: e.ssim(x, r), False),
    "ms_ssim": (lambda m, x, r: e.ms_ssim(x, r, scales=1), False),
    "haarpsi": (lambda m, x, r: e.haarpsi(x, r), False),
    "gradient_distance": (lambda m, x, r, **k: e.gradient_distance(m, x, r, **k), True),
    "change_norm": (lambda m, x, r, **k: e.reconstruction_gradient_norm(m, x, **k), True),
    "gradient_alignment": (
        lambda m, x, r, **k: e.gradient_alignment(m, x, e.mean_reconstruction_gradient(m, r), **k),
        True,
    ),
    "SparseQuality": (lambda m, x, r, **k: CODER.score(x, r, **k), True),
    "surprisal": (lambda m, x, r, **k: e.surprisal(CODER, x, r, **k), True),
}
GRADIENTS = [name for name in QUALITIES if "gradient" in name or name == "change_norm"]
every_metric = pytest.mark.parametrize("name", QUALITIES)


@every_metric
def test_quality_metrics_match_input_shape_dtype_and_device(name, autoencoder, images, references, assert_unchanged):
    f, _ = QUALITIES[name]
    expected = f(autoencoder, images, references)
    assert expected.shape == (5,) and expected.dtype == torch.float64 and expected.isfinite().all()
    assert not expected.requires_grad and len(expected.unique()) == 5
    scores = f(assert_unchanged(copy.deepcopy(autoencoder).float()), images.float(), references.float())
    assert scores.dtype == torch.float32 and scores.device == images.device
    assert (scores.double() - expected).norm() <= 5e-3 * expected.norm()


@every_metric
def test_quality_metrics_batch_equals_single_images(name, autoencoder, images, references):
    f, _ = QUALITIES[name]
    if name == "gradient_alignment":  # its mean gradient comes from all references
        mean = e.mean_reconstruction_gradient(autoencoder, references)
        f = lambda m, x, r: e.gradient_alignment(m, x, mean)
    rows = torch.cat([f(autoencoder, images[n : n + 1], references[n : n + 1]) for n in range(5)])
    torch.testing.assert_close(f(autoencoder, images, references), rows, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
@pytest.mark.parametrize("name", [name for name, (_, chunked) in QUALITIES.items() if chunked])
def test_quality_metrics_are_independent_of_chunk_size(name, batch_size, autoencoder, images, references):
    f, _ = QUALITIES[name]
    torch.testing.assert_close(
        f(autoencoder, images, references, batch_size=batch_size),
        f(autoencoder, images, references),
        rtol=1e-8,
        atol=1e-12,
    )


@every_metric
def test_quality_metrics_work_with_frozen_model_and_under_no_grad(
    name, autoencoder, images, references, assert_unchanged
):
    f, _ = QUALITIES[name]
    expected, frozen = (
        f(autoencoder, images, references),
        assert_unchanged(copy.deepcopy(autoencoder).requires_grad_(False)),
    )
    torch.testing.assert_close(f(frozen, images, references), expected, rtol=1e-10, atol=1e-14)
    with torch.no_grad():
        torch.testing.assert_close(f(autoencoder, images, references), expected, rtol=1e-12, atol=1e-15)
    with torch.inference_mode():
        scores = f(autoencoder, images.clone(), references.clone())
    torch.testing.assert_close(scores.clone(), expected, rtol=1e-12, atol=1e-15)


@every_metric
def test_quality_metrics_are_deterministic(name, autoencoder, images, references):
    f, _ = QUALITIES[name]
    assert torch.equal(f(autoencoder, images, references), f(autoencoder, images, references))


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("wrong", ["not finite", "empty"])
def test_quality_gradient_metrics_reject_invalid_input(name, wrong, autoencoder, images, references):
    x, r = images.clone(), references
    if wrong == "not finite":
        x[2] = torch.nan
    else:
        x, r = x[:0], r[:0]
    with pytest.raises(ValueError, match=r"not finite for rows \[2" if wrong == "not finite" else "at least one"):
        QUALITIES[name][0](autoencoder, x, r)


@every_metric
def test_quality_metrics_on_gpu_match_cpu(name, autoencoder, images, references, assert_unchanged, accelerator):
    f, _ = QUALITIES[name]
    expected = f(autoencoder, images, references)
    model = assert_unchanged(copy.deepcopy(autoencoder).to(accelerator))
    scores = f(model, images.to(accelerator), references.to(accelerator))
    assert scores.device == accelerator
    torch.testing.assert_close(scores.cpu(), expected, rtol=1e-4, atol=1e-6)
    model, x, r = (t.to(accelerator, torch.float32) for t in (copy.deepcopy(autoencoder), images, references))
    expected = f(model, x, r)
    with torch.autocast(accelerator.type, torch.bfloat16):
        torch.testing.assert_close(f(model, x, r), expected, rtol=1e-3, atol=1e-6)


def test_quality_public_names_have_docstring_examples():
    for name in e.__all__:
        if name not in ("Changes", "SparseCoder"):
            assert ">>> " in getattr(e, name).__doc__, name
