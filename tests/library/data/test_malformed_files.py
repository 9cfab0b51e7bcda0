"""Malformed files are rejected before memory is allocated; no code is run and no file is written elsewhere."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from tutorial_lib import models
from tutorial_lib.data import _safe_io, convert_live, convert_mit1003, convert_tid2013, load_iqa_dataset
from tutorial_lib.data.distorted_images import QualityDataset
from tutorial_lib.data.fixations import FixationDataset, load_fixations
from tutorial_lib.data.image_files import load_image_files
from tutorial_lib.data.loading import load
from tutorial_lib.models.pretrained import locate_weights


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """Keep tests away from the data folder of the person who runs them."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def npy_with_false_header(shape, dtype="|u1", content=b""):
    """Return an .npy file whose header claims more data than it contains."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue() + content


def write_npz(path, **members):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def npy_bytes(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


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


def test_load_fixations_rejects_false_array_size(data):
    columns = dict.fromkeys(("x", "y", "duration", "subject", "image"), npy_bytes(np.zeros(1, np.int16)))
    write_npz(
        data / "osie" / "fixations.npz",
        **columns | {"x": npy_with_false_header((10**12,), "<f4")},
        names=npy_bytes(np.array(["a.jpg"])),
    )
    with pytest.raises(ValueError, match="cannot reshape array of size 0 into shape .*Fix the file"):
        load_fixations("osie")


def write_decompression_bomb(path, side=60_000):
    """Write a PNG of some hundred bytes whose header claims side² pixels."""
    batch_size = lambda kind, body: (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    )
    head = batch_size(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + head + batch_size(b"IDAT", zlib.compress(bytes(1000))) + batch_size(b"IEND", b"")
    )
    return path


def write_truncated_png(path):
    out = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(out, "PNG")
    path.write_bytes(out.getvalue()[:2000])
    return path


def write_svg(path):
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return path


@pytest.mark.parametrize("side", [60_000, 15_000])  # Pillow rejects more than 179 million pixels
@pytest.mark.parametrize("reader", ["photos", "rated", "gaze"])
def test_image_loaders_reject_decompression_bombs(reader, side, tmp_path):
    path = write_decompression_bomb(tmp_path / "a.png", side)
    readers = {
        "photos": lambda: load_image_files(path),
        "rated": lambda: QualityDataset(
            [path], {"r": path}, ["r"], ["k"], [1.0], higher_is="worse", score_description="m", description="s"
        )[0],
        "gaze": lambda: FixationDataset(tmp_path, ("../a.png",), {}, 24, "", "").image(0),
    }
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match="a.png cannot be read as an image.*replace it with the complete file"):
        readers[reader]()


@pytest.mark.parametrize("write_file", [write_truncated_png, write_svg])
def test_image_loaders_report_unreadable_files(write_file, tmp_path):
    with pytest.raises(ValueError, match="a.png cannot be read as an image"):
        load_image_files(write_file(tmp_path / "a.png"))
    rated = QualityDataset(
        [tmp_path / "a.png"],
        {"r": tmp_path / "a.png"},
        ["r"],
        ["k"],
        [1.0],
        higher_is="worse",
        score_description="m",
        description="s",
    )
    with pytest.raises(ValueError, match="a.png cannot be read as an image"):
        rated[0]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"\xff\xfe\x00distorted", "it cannot be read as a table|expected rows"),
        (b"distorted,reference,distortion,dmos\n\x00,\x00,\x00,1\n", "plain file name|as a table|missing"),
        (b"distorted,reference,distortion,dmos\na.png,../../etc/passwd,k,1\n", "which is not a plain file name"),
        (b"distorted,reference,distortion,dmos\n" + b"a" * 200_000 + b",b,k,1\n", "cannot be read as a table"),
        (b"distorted,reference,distortion,dmos\na.png\n", "has no number"),
    ],
)
def test_load_iqa_dataset_rejects_malformed_score_table(content, message, data):
    (data / "live").mkdir()
    (data / "live" / "scores.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        load_iqa_dataset("live")
    assert "scores.csv" in str(error.value) and "Fix the folder" in str(error.value)


def test_load_iqa_dataset_rejects_oversized_score_table(data):
    (data / "live").mkdir()
    with (data / "live" / "scores.csv").open("wb") as file:
        file.truncate(10**11)
    with pytest.raises(ValueError, match="100,000,000,000 bytes"):
        load_iqa_dataset("live")


@pytest.mark.parametrize("line", ["a.bmp ../../secret1.bmp 1", "a.bmp", "a.bmp imgx.bmp 1", "../r.bmp img1.bmp 1"])
def test_convert_live_rejects_path_traversal_and_malformed_lists(line, tmp_path, data):
    from scipy.io import savemat

    folder = tmp_path / "live"
    for kind in ("jp2k", "jpeg", "wn", "gblur", "fastfading"):
        (folder / kind).mkdir(parents=True)
        (folder / kind / "info.txt").write_text(line)
    savemat(folder / "dmos.mat", {"dmos": np.zeros(5), "orgs": np.zeros(5)})
    with pytest.raises(
        ValueError, match="info.txt is not a file of this dataset.*use the file that came with the images"
    ):
        convert_live(folder)
    assert not any(data.iterdir())


@pytest.mark.parametrize("line", ["x i01_01_1.bmp", "5.5 i01.bmp", "5.5 ../i01_01_1.bmp"])
def test_convert_tid2013_rejects_malformed_score_list(line, tmp_path, data):
    (tmp_path / "mos_with_names.txt").write_text(line)
    with pytest.raises(ValueError, match="mos_with_names.txt is not a file of this dataset"):
        convert_tid2013(tmp_path)
    assert not any(data.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"MATLAB 5.0 MAT-file" + bytes(600), b"\x89HDF\r\n\x1a\n" + bytes(600), b"x" * 3000]
)
def test_convert_live_rejects_invalid_matlab_files(content, tmp_path):
    path = tmp_path / "dmos.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="dmos.mat is not a file of this dataset"):
        convert_live(tmp_path)


def test_convert_mit1003_replaces_symlinks_without_following_them(tmp_path, data):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (data / "mit1003" / "images").mkdir(parents=True)
    (data / "mit1003" / "images" / "a.jpeg").symlink_to(secret)
    (data / "mit1003" / "fixations.npz").symlink_to(secret)
    for folder, name in (("ALLSTIMULI", "a.jpeg"), ("ALLFIXATIONMAPS", "a_fixPts.jpg")):
        (tmp_path / folder).mkdir()
        Image.new("L", (8, 8), 255).save(tmp_path / folder / name)
    convert_mit1003(tmp_path)
    assert secret.read_text() == "mine" and len(load_fixations("mit1003")) == 1
    assert sorted(p.name for p in (data / "mit1003").iterdir()) == ["fixations.npz", "images"]


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
