"""Properties that every saliency map shares."""

import copy

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import quality, saliency


class Pooled(nn.Module):
    """Average pooling and one linear layer, after an in-place activation and one that is used twice."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.act = (
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
        )
        self.maps, self.drop, self.head = nn.Conv2d(8, 12, 3, padding=1), nn.Dropout(0.5), nn.Linear(12, 6)

    def forward(self, x):
        return self.head(self.drop(self.act(self.maps(self.act(self.norm(self.stem(x))))).mean((2, 3))))


@pytest.fixture
def pooled(assert_unchanged):
    model = init_with_seed(Pooled()).double()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    model.norm.weight.requires_grad_(False)
    return assert_unchanged(model)


MAPS = {
    "implicit_saliency": lambda m, x, **k: saliency.implicit_saliency(m, x, "stem", **k),
    "implicit_saliency product": lambda m, x, **k: saliency.implicit_saliency(m, x, m.maps, times_activation=True, **k),
    "local_mismatch": lambda m, x, **k: saliency.local_mismatch(m, x, "maps", **k),
    "spectral_residual": lambda m, x, **k: saliency.spectral_residual(x, **k),
}
every_map = pytest.mark.parametrize("name", MAPS)
every_map_of_a_model = pytest.mark.parametrize("name", [name for name in MAPS if name != "spectral_residual"])


@every_map
def test_saliency_maps_match_input_shape_dtype_and_device(name, pooled, images, assert_unchanged):
    expected = MAPS[name](pooled, images)
    assert expected.shape == (5, 12, 12) and expected.dtype == torch.float64 and not expected.requires_grad
    assert expected.isfinite().all() and (expected >= 0).all() and (expected.flatten(1).std(1) > 0).all()
    maps = MAPS[name](assert_unchanged(copy.deepcopy(pooled).float()), images.float())
    assert maps.dtype == torch.float32 and maps.device == images.device
    assert (maps.double() - expected).norm() <= 5e-3 * expected.norm()


@every_map
def test_saliency_maps_batch_equals_single_images(name, pooled, images):
    rows = torch.cat([MAPS[name](pooled, images[n : n + 1]) for n in range(5)])
    torch.testing.assert_close(MAPS[name](pooled, images), rows, rtol=1e-8, atol=1e-12)


@every_map
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_saliency_maps_are_independent_of_chunk_size(name, batch_size, pooled, images):
    torch.testing.assert_close(
        MAPS[name](pooled, images, batch_size=batch_size), MAPS[name](pooled, images), rtol=1e-8, atol=1e-12
    )


@every_map
def test_saliency_maps_work_with_frozen_model_and_under_no_grad(name, pooled, images, assert_unchanged):
    f, frozen = MAPS[name], assert_unchanged(copy.deepcopy(pooled).requires_grad_(False))
    expected = f(pooled, images)
    torch.testing.assert_close(f(frozen, images), expected, rtol=1e-10, atol=1e-14)
    with torch.no_grad():
        torch.testing.assert_close(f(pooled, images), expected, rtol=1e-12, atol=1e-15)
    with torch.inference_mode():
        maps = f(pooled, images.clone())
    torch.testing.assert_close(maps.clone(), expected, rtol=1e-12, atol=1e-15)
    leaf = images.clone().requires_grad_()
    assert not f(pooled, leaf * 1).requires_grad and leaf.grad is None


@every_map_of_a_model
@pytest.mark.parametrize("wrong", ["not finite", "empty", "batch statistics", "dice"])
def test_saliency_maps_reject_invalid_input(name, wrong, pooled, images):
    message = {
        "not finite": r"outputs are not finite for rows \[0",
        "empty": "at least one sample",
        "batch statistics": "BatchNorm2d 'norm' uses the statistics of the batch",
        "dice": "Dropout 'drop' is random in training mode",
    }[wrong]
    x = images.clone()
    if wrong == "not finite":
        x[0] = torch.nan
    elif wrong == "empty":
        x = x[:0]
    else:
        {"batch statistics": pooled.norm, "dice": pooled.drop}[wrong].train()
    try:
        with pytest.raises(ValueError, match=message):
            MAPS[name](pooled, x)
    finally:
        pooled.eval()


@every_map
def test_saliency_maps_on_gpu_match_cpu(name, pooled, images, assert_unchanged, accelerator):
    expected = MAPS[name](pooled, images)
    maps = MAPS[name](assert_unchanged(copy.deepcopy(pooled).to(accelerator)), images.to(accelerator))
    assert maps.device == accelerator
    torch.testing.assert_close(maps.cpu(), expected, rtol=1e-6, atol=1e-9)
    model, x = copy.deepcopy(pooled).to(accelerator, torch.float32), images.to(accelerator, torch.float32)
    expected = MAPS[name](model, x)
    with torch.autocast(accelerator.type, torch.bfloat16):
        torch.testing.assert_close(MAPS[name](model, x), expected, rtol=1e-3, atol=1e-6)


def test_saliency_public_names_have_docstring_examples():
    for name in quality.__all__:
        assert ">>> " in getattr(quality, name).__doc__, name
