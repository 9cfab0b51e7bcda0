"""Malformed files are rejected before memory is allocated; no code is run and no file is written elsewhere."""

import struct
import tracemalloc

import numpy as np
import pytest
import torch

from tests._malformed_files import (
    npy_bytes,
    npy_with_false_header,
    write_decompression_bomb,
    write_npz,
    write_svg,
    write_truncated_png,
)
from tutorial_lib import models
from tutorial_lib.data import _safe_io
from tutorial_lib.data.distorted_images import QualityDataset
from tutorial_lib.data.loading import load
from tutorial_lib.models.pretrained import locate_weights


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """Keep tests away from the data folder of the person who runs them."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


MALFORMED_ARRAYS = {
    "claims a terabyte": (
        lambda: npy_with_false_header((10**6, 32, 32, 3, 326)),
        "cannot reshape array of size 0",
    ),
    "claims more than an integer can hold": (lambda: npy_with_false_header((2**62, 2**62)), "not a valid .npz archive"),
    "claims a little more than it contains": (
        lambda: npy_with_false_header((3, 32, 32, 3), content=bytes(100)),
        "cannot reshape array of size 100",
    ),
    "unpacks to more than the dataset": (lambda: bytes(80_000_000), "images would take 80,000,000 bytes"),
    "a true header before 80 million zeros": (
        lambda: npy_with_false_header((26_041, 32, 32, 3), content=bytes(26_041 * 3072)),
        "images would take 79,99",
    ),
    "objects": (
        lambda: npy_with_false_header((3,), dtype="|O", content=b"cos\nabort\n(tR."),
        "it holds pickled objects, which are never loaded",
    ),
    "a header that is code": (
        lambda: b"\x93NUMPY\x01\x00\x20\x00__import__('os').abort()        ",
        "not a valid .npz archive",
    ),
    "another version": (lambda: b"\x93NUMPY\x09\x00" + bytes(100), "not a valid .npz archive"),
    "nothing": (lambda: b"", "not a valid .npz archive"),
}


@pytest.mark.parametrize("case", MALFORMED_ARRAYS)
def test_load_rejects_malformed_npz_before_allocating_memory(case, data):
    content, message = MALFORMED_ARRAYS[case]
    write_npz(data / "cifar10-test.npz", images=content(), labels=npy_bytes(np.zeros(3, np.int64)))
    assert (data / "cifar10-test.npz").stat().st_size < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message) as error:
            load("cifar10")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert str(data / "cifar10-test.npz") in str(error.value) and "remove it and load again" in str(error.value)


UNREADABLE_IMAGES = {
    "60,000 pixels wide": lambda path: write_decompression_bomb(path, 60_000),
    "15,000 pixels wide": lambda path: write_decompression_bomb(path, 15_000),  # Pillow accepts 179 million pixels
    "truncated": write_truncated_png,
    "no pixels": write_svg,
}


@pytest.mark.parametrize("kind", UNREADABLE_IMAGES)
def test_image_loaders_reject_unreadable_files(kind, tmp_path):
    path = UNREADABLE_IMAGES[kind](tmp_path / "a.png")
    options = {"higher_is": "worse", "score_description": "m", "description": "s"}
    rated = QualityDataset([path], {"r": path}, ["r"], ["k"], [1.0], **options)
    for read in (lambda: rated[0], lambda: _safe_io.read_image(path)):
        with pytest.raises(ValueError, match="a.png cannot be read as an image.*replace it with the complete file"):
            read()


def test_pretrained_rejects_oversized_weights_file(data):
    path, file = locate_weights("cifar10/resnet20")
    path.parent.mkdir()
    with path.open("wb") as out:
        out.truncate(10**11)
    with pytest.raises(ValueError, match=f"{file.name} has 100,000,000,000 bytes.*Remove it and load again"):
        models.load_pretrained("cifar10/resnet20")


@pytest.mark.parametrize("fault", ["header of a terabyte", "cut", "another network", "text"])
def test_models_load_rejects_corrupted_packaged_weights(fault, tmp_path, monkeypatch):
    from safetensors.torch import save

    whole = (models.WEIGHTS_DIR / "signs-quality.safetensors").read_bytes()
    content = {
        "header of a terabyte": struct.pack("<Q", 10**12) + b"{}",
        "cut": whole[:5000],
        "another network": save({"weight": torch.zeros(2)}),
        "text": b"version https://git-lfs.github.com/spec/v1\n",
    }[fault]
    (tmp_path / "signs-quality.safetensors").write_bytes(content)
    monkeypatch.setattr(models, "WEIGHTS_DIR", tmp_path)
    with pytest.raises(
        ValueError, match="signs-quality.safetensors is damaged or another file: install tutorial_lib again"
    ):
        models.load("signs/quality")


def test_atomic_write_leaves_no_file_after_failure(data):
    with pytest.raises(OSError, match="full"), _safe_io.atomic_write(data / "a.bin") as half:
        half.write_bytes(b"half")
        raise OSError("the disk is full")
    assert not any(data.iterdir())
