import numpy
import pytest
import torch
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from tutorial_lib.data import CORRUPTIONS, SEVERITIES, corrupt, render
from tutorial_lib.data.corruptions import REFERENCE_HEIGHT, compression_artifacts, gaussian_blur

IMAGES = render(torch.arange(28) % 14)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corrupt_preserves_shape_and_grows_with_severity(kind):
    distances = []
    for level in SEVERITIES:
        corrupted = corrupt(IMAGES, kind, level)
        assert corrupted.shape == IMAGES.shape and corrupted.dtype == IMAGES.dtype
        assert corrupted.min() >= 0 and corrupted.max() <= 1
        distances.append((corrupted - IMAGES).square().mean().item())
    assert distances == sorted(distances) and distances[0] > 0


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corrupt_is_seeded_and_leaves_input_and_global_rng_unchanged(kind):
    before, state = IMAGES.clone(), torch.random.get_rng_state()
    a = corrupt(IMAGES, kind, 3, generator=torch.Generator().manual_seed(4))
    b = corrupt(IMAGES, kind, 3, generator=torch.Generator().manual_seed(4))
    assert torch.equal(a, b) and torch.equal(before, IMAGES) and torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(1, 3, 17, 40), (2, 3, 96, 64)])
def test_corrupt_accepts_any_image_size_and_float64(kind, shape):
    images = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    corrupted = corrupt(images, kind, 5)
    assert corrupted.shape == shape and corrupted.dtype == torch.float64


def test_corruption_gaussian_blur_matches_scipy():
    mine = gaussian_blur(IMAGES[:1].double(), 1.6 * REFERENCE_HEIGHT / IMAGES.shape[-2])[0, 0].numpy()
    theirs = gaussian_filter(IMAGES[0, 0].double().numpy(), 1.6, mode="mirror", truncate=2.5)
    assert numpy.abs(mine - theirs).max() < 1e-6


def test_compression_artifacts_match_quantized_block_dct():
    """The expected image applies scipy's transform block by block; severity 1 loses no block."""
    image = IMAGES[:1].double()
    compressed = compression_artifacts(image, (1.5, 0), torch.Generator())[0]
    to_luma = numpy.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
    luma = numpy.einsum("ij,jhw->ihw", to_luma, image[0].numpy())
    i = numpy.arange(8)
    for channel, weight in enumerate((1, 2, 2)):
        step = (0.02 + 0.012 * (i[:, None] + i)) * 1.5 * weight
        for row in range(0, 48, 8):
            for column in range(0, 48, 8):
                block = luma[channel, row : row + 8, column : column + 8]
                luma[channel, row : row + 8, column : column + 8] = idctn(
                    numpy.round(dctn(block, norm="ortho") / step) * step, norm="ortho"
                )
    expected = numpy.einsum("ij,jhw->ihw", numpy.linalg.inv(to_luma), luma)
    # The library's color matrix is in single precision, so a few coefficients may be rounded the other way.
    assert numpy.median(numpy.abs(compressed.numpy() - expected)) < 1e-6
    assert (numpy.abs(compressed.numpy() - expected) < 1e-4).mean() > 0.99


def test_corrupt_desaturation_at_highest_severity_is_gray():
    corrupted = corrupt(IMAGES, "decolorization", 5)
    assert (corrupted - corrupted.mean(1, keepdim=True)).abs().max() < 1e-6


def test_corrupt_haze_retains_image_contrast():
    contrast = corrupt(IMAGES, "haze", 5).flatten(2).std(-1) / IMAGES.flatten(2).std(-1)
    assert contrast.median() > 0.3


@pytest.mark.parametrize(
    "images, kind, level, message",
    [
        (IMAGES, "hazy", 1, "the nearest: 'haze'"),
        (IMAGES, "haze", 0, "severity must be 1"),
        (IMAGES, "haze", 6, "severity must be 1"),
        (IMAGES, "haze", 2.5, "expected severity to be a whole number, got 2.5"),
        (IMAGES[0], "haze", 1, r"add a batch axis to a single image: images\[None\]"),
        (IMAGES[:, :1], "haze", 1, r"\(N, 3, H, W\)"),
        ((IMAGES * 255).byte(), "haze", 1, "divide bytes by 255"),
        (IMAGES * 2 - 0.5, "haze", 1, r"expected images to lie in \[0, 1\]"),
        (IMAGES * float("nan"), "haze", 1, r"expected images to lie in \[0, 1\]"),
        ("image.png", "haze", 1, "got 'image.png'"),
    ],
)
def test_corrupt_rejects_invalid_input(images, kind, level, message):
    with pytest.raises(ValueError, match=message):
        corrupt(images, kind, level)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corrupt_on_gpu_matches_cpu(kind, accelerator):
    here, there = corrupt(IMAGES, kind, 3), corrupt(IMAGES.to(accelerator), kind, 3).cpu()
    # A coefficient halfway between two steps may be rounded the other way, which changes one 8×8 block.
    assert ((here - there).abs() <= 2 / 255).float().mean() >= (0.99 if kind == "codec error" else 1)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_corrupt_accepts_half_precision_and_small_images(corruption):
    """Matrices in half precision have no inverse in PyTorch, and a mirrored border needs an image that is wider."""
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.float16, torch.bfloat16):
        half = images.to(dtype)
        expected = corrupt(half.float(), corruption, 3)
        torch.testing.assert_close(corrupt(half, corruption, 3), expected.to(dtype), rtol=0, atol=0)
    for size in ((1, 1), (1, 9), (9, 1), (2, 2), (70, 2)):
        for severity in (1, 5):
            result = corrupt(torch.full((2, 3, *size), 0.5), corruption, severity)
            assert result.shape == (2, 3, *size) and result.min() >= 0 and result.max() <= 1  # NaN fails both
    assert corrupt(images[:0], corruption, 1).shape == (0, 3, 32, 32)
