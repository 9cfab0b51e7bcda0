"""PSNR, SSIM, MS-SSIM and HaarPSI: compared with loops and with other libraries, and the input that they reject."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tutorial_lib import quality as e
from tutorial_lib.quality.full_reference import MS_SSIM_WEIGHTS


def random_pair(seed, *shape, noise=0.2):
    generator = torch.Generator().manual_seed(seed)
    r = torch.rand(shape, generator=generator, dtype=torch.float64)
    r = torch.nn.functional.avg_pool2d(r, 3, 1, 1)
    return (r + noise * torch.randn(shape, generator=generator, dtype=torch.float64)).clamp(0, 1), r


CASES = [
    random_pair(0, 3, 3, 24, 31),
    random_pair(1, 2, 1, 11, 40, noise=0.05),
    random_pair(2, 1, 3, 64, 64, noise=0.6),
]
cases = pytest.mark.parametrize(("x", "r"), CASES, ids=["colour", "just the window", "much noise"])


@cases
@pytest.mark.parametrize("peak", [1.0, 255.0])
def test_ssim_matches_scikit_image(x, r, peak):
    options = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": peak,
        "channel_axis": 0,
    }
    for a, b, score in zip(x * peak, r * peak, e.ssim(x * peak, r * peak, data_range=peak), strict=True):
        assert score.item() == pytest.approx(structural_similarity(a.numpy(), b.numpy(), **options), abs=1e-6)


@cases
def test_psnr_matches_scikit_image(x, r):
    for a, b, score in zip(x, r, e.psnr(x, r), strict=True):
        assert score.item() == pytest.approx(peak_signal_noise_ratio(b.numpy(), a.numpy(), data_range=1.0))


def ssim_terms_by_loop(x, r):
    """Return the luminance and structure terms (H − 10, W − 10) of two arrays (H, W), window by window."""
    t = np.arange(11) - 5
    w = np.exp(-(t[:, None] ** 2 + t**2) / (2 * 1.5**2))
    w /= w.sum()
    light, structure = (np.empty((x.shape[0] - 10, x.shape[1] - 10)) for _ in range(2))
    for i in range(light.shape[0]):
        for j in range(light.shape[1]):
            a, b = x[i : i + 11, j : j + 11], r[i : i + 11, j : j + 11]
            m, n = (w * a).sum(), (w * b).sum()
            v, u, c = (w * (a - m) ** 2).sum(), (w * (b - n) ** 2).sum(), (w * (a - m) * (b - n)).sum()
            light[i, j] = (2 * m * n + 1e-4) / (m * m + n * n + 1e-4)
            structure[i, j] = (2 * c + 9e-4) / (v + u + 9e-4)
    return light, structure


def test_ssim_map_matches_window_loop():
    x, r = random_pair(3, 2, 3, 15, 18)
    maps = e.ssim_map(x, r)
    for n in range(2):
        each = [np.prod(ssim_terms_by_loop(x[n, c].numpy(), r[n, c].numpy()), axis=0) for c in range(3)]
        np.testing.assert_allclose(maps[n], np.mean(each, axis=0), atol=1e-10)
    torch.testing.assert_close(e.ssim(x, r), maps.mean((1, 2)))


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_ms_ssim_matches_scale_by_scale_loop(scales):
    x, r = random_pair(4, 2, 1, 46, 51, noise=0.05)
    for n in range(2):
        a, b, expected = x[n, 0].numpy(), r[n, 0].numpy(), 1.0
        for j in range(scales):
            light, structure = ssim_terms_by_loop(a, b)
            part = (light * structure).mean() if j == scales - 1 else structure.mean()
            expected *= max(part, 0) ** (MS_SSIM_WEIGHTS[j] / sum(MS_SSIM_WEIGHTS[:scales]))
            a, b = (v[: v.shape[0] // 2 * 2, : v.shape[1] // 2 * 2] for v in (a, b))
            a, b = (v.reshape(v.shape[0] // 2, 2, v.shape[1] // 2, 2).mean((1, 3)) for v in (a, b))
        assert e.ms_ssim(x, r, scales=scales)[n].item() == pytest.approx(expected, abs=1e-9)


def test_ms_ssim_default_weights_sum_to_one():
    assert (
        sum(MS_SSIM_WEIGHTS) == pytest.approx(1, abs=2e-4) and e.ms_ssim(*random_pair(5, 1, 1, 176, 176)).item() < 0.9
    )


def test_ms_ssim_with_one_scale_equals_ssim():
    x, r = random_pair(6, 3, 1, 20, 20, noise=0.05)
    torch.testing.assert_close(e.ms_ssim(x, r, scales=1), e.ssim(x, r))


def test_full_reference_metrics_of_identical_and_inverted_images():
    _, r = random_pair(7, 2, 3, 48, 48)
    assert (e.psnr(r, r) == math.inf).all() and (e.ssim(r, r) == 1).all() and (e.ms_ssim(r, r, scales=3) == 1).all()
    assert (e.ssim(1 - r, r) < 0).all() and (e.ms_ssim(1 - r, r, scales=3) == 0).all()


def test_to_luma_matches_bt601_weights():
    x = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(e.to_luma(x)[:, 0], 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2])
    with pytest.raises(ValueError, match="color images"):
        e.to_luma(x[:, :1])


@pytest.mark.parametrize("measure", [e.psnr, e.ssim, e.ssim_map, lambda x, r: e.ms_ssim(x, r, scales=1)])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, r: (x, r[:1]), r"expected x: floats \(n, C, H, W\), reference: floats"),
        (lambda x, r: (x[0], r[0]), r"expected x: floats \(n, C, H, W\), reference: floats"),
        (lambda x, r: (x[:0], r[:0]), "expected x: floats"),
        (lambda x, r: ((255 * x).byte(), r), "got uint8"),
    ],
)
def test_full_reference_metrics_reject_invalid_pairs(measure, change, message):
    with pytest.raises(ValueError, match=message):
        measure(*change(*random_pair(8, 2, 3, 16, 16)))


def test_ssim_and_ms_ssim_reject_images_too_small_for_the_window():
    x, r = random_pair(9, 1, 3, 48, 60)
    with pytest.raises(ValueError, match="at least 176 pixels per side, not 48: take scales=3"):
        e.ms_ssim(x, r)
    with pytest.raises(ValueError, match="11×11"):
        e.ssim(x[..., :10], r[..., :10])
    with pytest.raises(ValueError, match="between 1 and 5"):
        e.ms_ssim(x, r, scales=6)


def haarpsi_by_loop(x, r):
    """Return HaarPSI of two luma and chroma arrays (3, H, W), as the published formula."""
    weights = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    x, r = (255 * np.tensordot(weights, v.numpy(), 1) for v in (x, r))
    x, r = (v.reshape(3, v.shape[1] // 2, 2, v.shape[2] // 2, 2).mean((2, 4)) for v in (x, r))

    def filtered(luma, size, is_vertical):
        before, after = size // 2 - 1, size // 2
        padded = np.pad(luma, ((before, after), (before, after)))
        out = np.empty_like(luma)
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                window = padded[i : i + size, j : j + size]
                window = window if is_vertical else window.T
                out[i, j] = abs(window[: size // 2].sum() - window[size // 2 :].sum()) / size
        return out

    def similar(a, b):
        return (2 * a * b + 30) / (a**2 + b**2 + 30)

    total, total_weight, both = 0.0, 0.0, []
    for vertical in (True, False):
        a, b = ([filtered(v[0], size, vertical) for size in (2, 4, 8)] for v in (x, r))
        w = np.maximum(a[2], b[2])
        s = (similar(a[0], b[0]) + similar(a[1], b[1])) / 2
        total, total_weight = total + (w / (1 + np.exp(-4.2 * s))).sum(), total_weight + w.sum()
        both.append(w)
    chroma = []
    for v in (x, r):
        padded = np.pad(v[1:], ((0, 0), (0, 1), (0, 1)))
        corners = padded[:, :-1, :-1], padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, 1:, 1:]
        chroma.append(abs(sum(corners) / 4))
    w = sum(both) / 2
    total += (w / (1 + np.exp(-4.2 * similar(*chroma).mean(0)))).sum()
    mean = total / (total_weight + w.sum())
    return (math.log(mean / (1 - mean)) / 4.2) ** 2


def test_haarpsi_matches_loop():
    x, r = random_pair(4, 2, 3, 24, 30)
    for a, b, score in zip(x, r, e.haarpsi(x, r), strict=True):
        assert score.item() == pytest.approx(haarpsi_by_loop(a, b), abs=1e-9)
    torch.testing.assert_close(e.haarpsi(255 * x, 255 * r, data_range=255), e.haarpsi(x, r))


def test_haarpsi_matches_piq():
    piq = pytest.importorskip("piq", reason="compares with piq, if it is installed")
    x, r = random_pair(5, 3, 3, 33, 40)  # odd sides are padded
    # piq rounds the color matrix to four decimals, the authors' code to three.
    torch.testing.assert_close(e.haarpsi(x, r), piq.haarpsi(x, r, reduction="none"), atol=1e-3, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1e-6, 0.2, 1.0])
def test_haarpsi_of_equal_uniform_images_is_one(value):
    """Black images have no response to any filter."""
    x = torch.full((1, 3, 16, 16), value)
    torch.testing.assert_close(e.haarpsi(x, x), torch.ones(1), atol=1e-5, rtol=0)


def test_haarpsi_of_equal_images_is_one_and_of_gray_images_is_refused():
    _, r = random_pair(6, 2, 3, 32, 32)
    torch.testing.assert_close(e.haarpsi(r, r), torch.ones(2, dtype=r.dtype), atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="HaarPSI needs color images"):
        e.haarpsi(r[:, :1], r[:, :1])
    with pytest.raises(ValueError, match="at least 8×8"):
        e.haarpsi(r[..., :7, :7], r[..., :7, :7])
