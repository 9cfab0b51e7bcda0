import numpy
import pytest
import torch
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from tutorial_lib.data import CHALLENGES, LEVELS, challenge, render
from tutorial_lib.data.challenges import _gaussian, codec_error

PICTURES = render(torch.arange(28) % 14)


@pytest.mark.parametrize("kind", CHALLENGES)
def test_every_challenge_keeps_the_form_and_grows_with_its_level(kind):
    distances = []
    for level in LEVELS:
        seen = challenge(PICTURES, kind, level)
        assert seen.shape == PICTURES.shape and seen.dtype == PICTURES.dtype
        assert seen.min() >= 0 and seen.max() <= 1
        distances.append((seen - PICTURES).square().mean().item())
    assert distances == sorted(distances) and distances[0] > 0


@pytest.mark.parametrize("kind", CHALLENGES)
def test_a_seed_gives_the_same_weather_and_leaves_everything_else_alone(kind):
    before, state = PICTURES.clone(), torch.random.get_rng_state()
    a = challenge(PICTURES, kind, 3, generator=torch.Generator().manual_seed(4))
    b = challenge(PICTURES, kind, 3, generator=torch.Generator().manual_seed(4))
    assert torch.equal(a, b) and torch.equal(before, PICTURES) and torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", CHALLENGES)
@pytest.mark.parametrize("shape", [(1, 3, 17, 40), (2, 3, 96, 64)])
def test_any_size_and_double_precision(kind, shape):
    images = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    seen = challenge(images, kind, 5)
    assert seen.shape == shape and seen.dtype == torch.float64


def test_gaussian_blur_is_scipys():
    mine = _gaussian(PICTURES[:1].double(), 1.6)[0, 0].numpy()
    theirs = gaussian_filter(PICTURES[0, 0].double().numpy(), 1.6, mode="mirror", truncate=2.5)
    assert numpy.abs(mine - theirs).max() < 1e-6


def test_the_codec_rounds_the_cosine_transform_of_blocks():
    """Level 1 loses no block: compare with scipy's transform, block by block."""
    image = PICTURES[:1].double()
    seen = codec_error(image, (1.5, 0), torch.Generator())[0]
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
    # The course's matrix is single precision, so a few coefficients may round the other way.
    assert numpy.median(numpy.abs(seen.numpy() - expected)) < 1e-6
    assert (numpy.abs(seen.numpy() - expected) < 1e-4).mean() > 0.99


def test_decolorisation_ends_in_grey():
    seen = challenge(PICTURES, "decolorisation", 5)
    assert (seen - seen.mean(1, keepdim=True)).abs().max() < 1e-6


def test_haze_leaves_a_sign_to_be_seen():
    contrast = challenge(PICTURES, "haze", 5).flatten(2).std(-1) / PICTURES.flatten(2).std(-1)
    assert contrast.median() > 0.3


@pytest.mark.parametrize(
    "images, kind, level, said",
    [
        (PICTURES, "hazy", 1, "the nearest: 'haze'"),
        (PICTURES, "haze", 0, "levels run from 1"),
        (PICTURES, "haze", 6, "levels run from 1"),
        (PICTURES, "haze", 2.5, "levels run from 1"),
        (PICTURES[0], "haze", 1, r"needs images\[None\]"),
        (PICTURES[:, :1], "haze", 1, r"\(N, 3, H, W\)"),
        ((PICTURES * 255).byte(), "haze", 1, "divide bytes by 255"),
        (PICTURES * 2 - 0.5, "haze", 1, r"images lie in \[0, 1\]"),
        (PICTURES * float("nan"), "haze", 1, r"images lie in \[0, 1\]"),
        ("picture.png", "haze", 1, "this is str"),
    ],
)
def test_bad_input_is_answered(images, kind, level, said):
    with pytest.raises(ValueError, match=said):
        challenge(images, kind, level)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", CHALLENGES)
def test_the_gpu_sees_the_same_weather(kind):
    here, there = challenge(PICTURES, kind, 3), challenge(PICTURES.cuda(), kind, 3).cpu()
    # A coefficient at the very edge of a step may round the other way and move one 8×8 block.
    assert ((here - there).abs() <= 2 / 255).float().mean() > (0.99 if kind == "codec error" else 1 - 1e-9)
