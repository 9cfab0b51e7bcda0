"""The spectral residual, compared with NumPy's transform and a loop over neighbors."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tutorial_lib import saliency as E


def naive(image, width=64, blur=2.5):
    """Return the map of one image (3, H, W), pixel by pixel, by the steps of the code of Hou and Zhang (2007)."""
    height = round(width * image.shape[1] / image.shape[2])
    red, green, blue = image.double()
    gray = 0.299 * red + 0.587 * green + 0.114 * blue
    small = F.interpolate(gray[None, None], (height, width), mode="bicubic", antialias=True)[0, 0].numpy()
    spectrum = np.fft.fft2(small)
    log, residual = np.log(np.abs(spectrum)), np.zeros_like(small)
    for i in range(height):
        for j in range(width):
            # The border is repeated outside: `imfilter(log, fspecial('average', 3), 'replicate')`.
            rows = [min(max(i + step, 0), height - 1) for step in (-1, 0, 1)]
            columns = [min(max(j + step, 0), width - 1) for step in (-1, 0, 1)]
            residual[i, j] = log[i, j] - log[np.ix_(rows, columns)].mean()
    back = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    out = np.zeros_like(back)
    for i in range(height):
        for j in range(width):
            y, x = np.mgrid[:height, :width]
            weights = np.exp(-((y - i) ** 2 + (x - j) ** 2) / (2 * blur**2))
            out[i, j] = (weights * back).sum() / weights.sum()
    whole = F.interpolate(
        torch.from_numpy(out)[None, None], tuple(image.shape[-2:]), mode="bilinear", align_corners=False
    )
    return whole[0, 0]


def test_spectral_residual_matches_naive_loop():
    x = torch.rand(2, 3, 30, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    maps = E.spectral_residual(x)
    for n in range(2):
        torch.testing.assert_close(maps[n], naive(x[n]), rtol=1e-6, atol=1e-9)


def test_spectral_residual_highlights_odd_patch_in_regular_pattern():
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(128), indexing="ij")
    x = 0.5 + 0.4 * torch.sin(columns / 3.0) + 0.01 * torch.rand(96, 128, generator=torch.Generator().manual_seed(0))
    x[40:56, 60:80] = 0.5 + 0.4 * torch.sin(rows[40:56, 60:80] / 3.0)
    (S,) = E.spectral_residual(x.expand(1, 3, 96, 128))
    row, column = divmod(int(S.argmax()), 128)
    assert 36 <= row < 60 and 56 <= column < 84


def test_spectral_residual_is_scale_invariant_and_zero_for_flat_images():
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(E.spectral_residual(0.2 * x), E.spectral_residual(x), rtol=1e-3, atol=1e-6)
    x[1] = 0.7
    S = E.spectral_residual(x)
    assert not S[1].any() and S[0].all() and S.dtype == torch.float32


def test_spectral_residual_batch_equals_single_images_in_own_dtype():
    x = torch.rand(5, 3, 20, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = E.spectral_residual(x)
    torch.testing.assert_close(whole, torch.cat([E.spectral_residual(x[i : i + 1]) for i in range(5)]))
    torch.testing.assert_close(whole, E.spectral_residual(x, batch_size=2))
    torch.testing.assert_close(E.spectral_residual(x.float()).double(), whole, rtol=1e-2, atol=1e-6)
    assert E.spectral_residual(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "wrong",
    [
        torch.rand(3, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        torch.full((1, 3, 8, 8), torch.nan),
        torch.zeros(0, 3, 8, 8),
    ],
)
def test_spectral_residual_rejects_invalid_input(wrong):
    with pytest.raises(ValueError, match="expected images of finite floats"):
        E.spectral_residual(wrong)
