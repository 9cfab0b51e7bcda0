"""Local mismatch, compared with a loop over positions, and on an array with a known odd sign."""

import pytest
import torch
import torch.nn.functional as F

from experiments.saliency import local_loss
from tutorial_lib import data, models
from tutorial_lib import gradients as g
from tutorial_lib import saliency as E


@pytest.fixture
def pooled(assert_unchanged):
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3),
        torch.nn.Tanh(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(6, 4),
    )
    return assert_unchanged(model.double().eval())


def naive(model, x, expected):
    """Return ℓ and Σ_k |A_k ∂ℓ/∂A_k|, computed position by position."""
    with torch.no_grad():
        maps = model[1](model[0](x))
    N, _, h, w = maps.shape
    loss, size = torch.zeros(2, N, h, w, dtype=x.dtype)
    for n in range(N):
        for i in range(h):
            for j in range(w):
                a = maps[n, :, i, j].clone().requires_grad_()
                one = -(expected[n] * (model[4].weight.detach() @ a + model[4].bias.detach()).log_softmax(0)).sum()
                (slope,) = torch.autograd.grad(one, a)
                loss[n, i, j], size[n, i, j] = one.detach(), (slope * a.detach()).abs().sum()
    return [
        F.interpolate(m[:, None], tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0] for m in (loss, size)
    ]


def test_local_mismatch_and_loss_match_loop_over_positions(pooled):
    x = torch.rand(3, 3, 8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        p = pooled(x).softmax(1)
    loss, size = naive(pooled, x, p)
    torch.testing.assert_close(local_loss(pooled, x, "1"), loss, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(E.local_mismatch(pooled, x, "1"), size, rtol=1e-9, atol=1e-12)


def test_local_mismatch_matches_softmax_difference_formula(pooled):
    x = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    A, z, local = g.spatial_logits(pooled, x, "1")
    delta = local.softmax(1) - z.softmax(1)[..., None, None]
    slope = torch.einsum("ck,nchw->nkhw", pooled[4].weight, delta)
    size = F.interpolate((A * slope).abs().sum(1)[:, None], (6, 6), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(E.local_mismatch(pooled, x, "1"), size.detach(), rtol=1e-9, atol=1e-12)


def test_local_mismatch_is_zero_for_uniform_image(pooled):
    x = torch.tensor([0.2, 0.9, 0.4], dtype=torch.float64)[:, None, None].expand(1, 3, 7, 7)
    assert E.local_mismatch(pooled, x, "1").abs().max() < 1e-12


def test_local_mismatch_and_loss_find_the_odd_sign():
    model = models.load("signs/classifier")
    arrays = data.odd_one_out_arrays("class", 6, generator=torch.Generator().manual_seed(11))
    for f in (local_loss, E.local_mismatch):
        cells = f(model, arrays.images, "block3").view(6, 3, 48, 3, 48).mean((2, 4)).flatten(1)
        assert (cells.argmax(1) == arrays.odd_index).sum() >= 5


def test_local_mismatch_rejects_invalid_input(pooled):
    x = torch.linspace(0, 1, 3 * 3 * 8 * 8, dtype=torch.float64).view(3, 3, 8, 8)
    # A nonlinearity that is the same at every position is accepted; a convolution over several positions is rejected.
    assert E.local_mismatch(pooled, x, "0").shape == (3, 8, 8)
    with pytest.raises(ValueError, match="not the same at every position"):
        E.local_mismatch(
            models.load("signs/classifier").double(), torch.zeros(1, 3, 48, 48, dtype=torch.float64), "block2"
        )
    with pytest.raises(ValueError, match=r"expected x: floats \(N, C, H, W\)"):
        E.local_mismatch(pooled, x[0], "1")
