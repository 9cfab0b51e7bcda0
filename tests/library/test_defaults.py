"""The default dtype, the default device and inference mode have no effect: results follow the arguments."""

import contextlib

import pytest
import torch

from tests.library.fuzz.mutations import close, tensors
from tests.library.fuzz.test_public_api import ALL_CASES, CASES
from tutorial_lib import data, models


@contextlib.contextmanager
def default_dtype_float64():
    """Set the default dtype, as scripts do that need double precision somewhere."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def default_device_meta():
    """Set a default device that no argument is on; "meta" stands in for "cuda" (as in PyTorch issue 58545)."""
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


DEFAULTS = [default_dtype_float64, default_device_meta, torch.inference_mode]


def same_results(call, default):
    expected = tensors(call())
    with default():
        result = call()
    results = tensors(result)
    assert len(results) == len(expected)
    for result, reference in zip(results, expected):
        assert result.dtype == reference.dtype and result.device == reference.device
        assert close(result, reference, 1e-6 if reference.dtype == torch.float32 else 1e-9)


@pytest.mark.parametrize("default", DEFAULTS)
@pytest.mark.parametrize("package, name", ALL_CASES, ids=[f"{package}.{name}" for package, name in ALL_CASES])
def test_public_functions_ignore_defaults(package, name, default):
    case = CASES[package][name]
    same_results(lambda: case.call(**case.arguments), default)


@pytest.mark.parametrize("default", DEFAULTS)
@pytest.mark.parametrize(
    "call",
    [
        lambda: data.render(["stop", 3], size=16),
        lambda: list(data.render([0, 1], size=16, masks=True, distribution="clean")),
        *(lambda c=c: data.corrupt(data.render(["stop"], size=16), c, 3) for c in data.CORRUPTIONS),
        *(lambda t=t: data.textures(t, 2, size=8) for t in data.TEXTURES),
        *(
            lambda f=f: list(data.counterfactual_pairs(["stop"], ["yield"] if f == "sign" else None, factor=f, size=16))
            for f in data.DEFAULT_FACTOR_CHANGE
        ),
        lambda: list(data.two_sign_images(["stop"], ["yield"], size=16)),
        *(lambda k=k: list(data.odd_one_out_arrays(k, size=24)) for k in data.ODD_ONE_OUT_KINDS),
        lambda: list(data.load("digits", limit=3)),
        lambda: list(data.load("signs", limit=2, size=16)),
        lambda: data.rotate(data.render(["stop"], size=16), 0.3),
        lambda: models.load("signs/classifier")(data.render(["stop"])),
        lambda: models.load("signs/quality")(data.render(["stop"])),
    ],
)
def test_images_and_networks_ignore_defaults(call, default):
    with torch.no_grad():
        same_results(call, default)
