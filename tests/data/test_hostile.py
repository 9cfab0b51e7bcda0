"""Files that lie about themselves: refused by name before memory is taken, nothing run, nothing written elsewhere."""

import io
import os
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from tutorial_lib import networks
from tutorial_lib.data import gaze_sources, guarded, opinions
from tutorial_lib.data.gaze import Gaze, gaze
from tutorial_lib.data.opinions import convert_live, convert_tid2013
from tutorial_lib.data.photos import photos
from tutorial_lib.data.public import load
from tutorial_lib.data.rated import Rated
from tutorial_lib.networks.pretrained import find_weights


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """No test may see, or write into, the data folder of whoever runs it."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


class Bomb:
    def __reduce__(self):
        return os.abort, ()


def claiming(shape, dtype="|u1", held=b""):
    """An .npy file whose head claims more than it holds."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue() + held


def archived(path, **members):
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def saved(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


PICTURES = {
    "claims a terabyte": (lambda: claiming((10**6, 32, 32, 3, 326)), "images would take 1,001,472,000,000 bytes"),
    "claims more than numbers hold": (lambda: claiming((2**62, 2**62)), "images would take"),
    "claims a little more than it holds": (
        lambda: claiming((3, 32, 32, 3), held=bytes(100)),
        "images claims 9,216 bytes and holds",
    ),
    "unpacks to more than the set": (lambda: bytes(80_000_000), "it cannot be read|images would take"),
    "a real head before 80 million zeros": (
        lambda: claiming((26_041, 32, 32, 3), held=bytes(26_041 * 3072)),
        "images would take 79,99",
    ),
    "objects": (
        lambda: claiming((3,), dtype="|O", held=b"cos\nabort\n(tR."),
        "it holds pickled objects, which are never loaded",
    ),
    "a head that is code": (lambda: b"\x93NUMPY\x01\x00\x20\x00__import__('os').abort()        ", "it cannot be read"),
    "another version": (lambda: b"\x93NUMPY\x09\x00" + bytes(100), "it cannot be read"),
    "nothing": (lambda: b"", "it cannot be read"),
}


@pytest.mark.parametrize("what", PICTURES)
def test_archives_that_lie_are_refused_before_memory_is_taken(what, data):
    content, said = PICTURES[what]
    archived(data / "cifar10-test.npz", images=content(), labels=saved(np.zeros(3, np.int64)))
    assert (data / "cifar10-test.npz").stat().st_size < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=said) as error:
            load("cifar10")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert str(data / "cifar10-test.npz") in str(error.value) and "remove it and load again" in str(error.value)


def test_fixations_that_lie_are_refused_too(data):
    columns = dict.fromkeys(("x", "y", "duration", "subject", "image"), saved(np.zeros(1, np.int16)))
    archived(
        data / "osie" / "fixations.npz", **columns | {"x": claiming((10**12,), "<f4")}, names=saved(np.array(["a.jpg"]))
    )
    with pytest.raises(ValueError, match="x would take 4,000,000,000,000 bytes.*Mend the file"):
        gaze("osie")


def bomb(path, side=60_000):
    """A PNG of some hundred bytes whose head claims side² pixels."""
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))
    return path


def cut(path):
    out = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(out, "PNG")
    path.write_bytes(out.getvalue()[:2000])
    return path


def text(path):
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return path


@pytest.mark.parametrize("side", [60_000, 15_000])  # Pillow refuses the first, and of the second it only warns
@pytest.mark.parametrize("reader", ["photos", "rated", "gaze"])
def test_picture_bombs_are_not_unpacked(reader, side, tmp_path):
    path = bomb(tmp_path / "a.png", side)
    readers = {
        "photos": lambda: photos(path),
        "rated": lambda: Rated([path], {"r": path}, ["r"], ["k"], [1.0], rising="worse", meaning="m", subset="s")[0],
        "gaze": lambda: Gaze(tmp_path, ("../a.png",), {}, 24, "", "").picture(0),
    }
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match="a.png is no picture that can be read.*put the whole file in its place"):
        readers[reader]()


@pytest.mark.parametrize("harm", [cut, text])
def test_pictures_that_are_none_are_named(harm, tmp_path):
    with pytest.raises(ValueError, match="a.png is no picture that can be read"):
        photos(harm(tmp_path / "a.png"))
    rated = Rated(
        [tmp_path / "a.png"], {"r": tmp_path / "a.png"}, ["r"], ["k"], [1.0], rising="worse", meaning="m", subset="s"
    )
    with pytest.raises(ValueError, match="a.png is no picture that can be read"):
        rated[0]


@pytest.mark.parametrize(
    "content, said",
    [
        (b"\xff\xfe\x00distorted", "no text|expected rows"),
        (b"distorted,reference,distortion,dmos\n\x00,\x00,\x00,1\n", "plain file name|no table|missing"),
        (b"distorted,reference,distortion,dmos\na.png,../../etc/passwd,k,1\n", "which is no plain file name"),
        (b"distorted,reference,distortion,dmos\n" + b"a" * 200_000 + b",b,k,1\n", "no table that can be read"),
        (b"distorted,reference,distortion,dmos\na.png\n", "has no number"),
    ],
)
def test_tables_of_opinions_that_are_none(content, said, data):
    (data / "live").mkdir()
    (data / "live" / "scores.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        opinions("live")
    assert "scores.csv" in str(error.value) and "Mend the folder" in str(error.value)


def test_a_table_of_gigabytes_is_not_read(data):
    (data / "live").mkdir()
    with (data / "live" / "scores.csv").open("wb") as file:
        file.truncate(10**11)
    with pytest.raises(ValueError, match="100,000,000,000 bytes"):
        opinions("live")


@pytest.mark.parametrize("line", ["a.bmp ../../secret1.bmp 1", "a.bmp", "a.bmp imgx.bmp 1", "../r.bmp img1.bmp 1"])
def test_lists_of_live_that_lead_elsewhere(line, tmp_path, data):
    from scipy.io import savemat

    folder = tmp_path / "live"
    for kind in ("jp2k", "jpeg", "wn", "gblur", "fastfading"):
        (folder / kind).mkdir(parents=True)
        (folder / kind / "info.txt").write_text(line)
    savemat(folder / "dmos.mat", {"dmos": np.zeros(5), "orgs": np.zeros(5)})
    with pytest.raises(ValueError, match="info.txt is no list of this set.*take the file that came with the pictures"):
        convert_live(folder)
    assert not any(data.iterdir())


@pytest.mark.parametrize("line", ["x i01_01_1.bmp", "5.5 i01.bmp", "5.5 ../i01_01_1.bmp"])
def test_lists_of_tid_that_are_none(line, tmp_path, data):
    (tmp_path / "mos_with_names.txt").write_text(line)
    with pytest.raises(ValueError, match="mos_with_names.txt is no list of this set"):
        convert_tid2013(tmp_path)
    assert not any(data.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"MATLAB 5.0 MAT-file" + bytes(600), b"\x89HDF\r\n\x1a\n" + bytes(600), b"x" * 3000]
)
def test_matlab_files_that_are_none(content, tmp_path):
    path = tmp_path / "dmos.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="dmos.mat (is no MATLAB file that can be read|has no dmos and orgs)"):
        convert_live(tmp_path)


def test_a_link_in_the_data_folder_is_replaced_and_not_followed(tmp_path, data):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (data / "mit1003" / "images").mkdir(parents=True)
    (data / "mit1003" / "images" / "a.jpeg").symlink_to(secret)
    (data / "mit1003" / "fixations.npz").symlink_to(secret)
    for folder, name in (("ALLSTIMULI", "a.jpeg"), ("ALLFIXATIONMAPS", "a_fixPts.jpg")):
        (tmp_path / folder).mkdir()
        Image.new("L", (8, 8), 255).save(tmp_path / folder / name)
    gaze_sources.from_mit1003(tmp_path)
    assert secret.read_text() == "mine" and len(gaze("mit1003")) == 1
    assert sorted(p.name for p in (data / "mit1003").iterdir()) == ["fixations.npz", "images"]


def test_weights_of_gigabytes_are_not_read(data):
    path, file = find_weights("cifar10/resnet20")
    path.parent.mkdir()
    with path.open("wb") as out:
        out.truncate(10**11)
    with pytest.raises(ValueError, match=f"{file.name} has 100,000,000,000 bytes.*Remove it and load again"):
        networks.pretrained("cifar10/resnet20")


@pytest.mark.parametrize("harm", ["head of a terabyte", "cut", "another network", "text"])
def test_shipped_weights_that_are_damaged_say_so(harm, tmp_path, monkeypatch):
    from safetensors.torch import save

    whole = (networks.WEIGHTS / "signs-quality.safetensors").read_bytes()
    content = {
        "head of a terabyte": struct.pack("<Q", 10**12) + b"{}",
        "cut": whole[:5000],
        "another network": save({"weight": torch.zeros(2)}),
        "text": b"version https://git-lfs.github.com/spec/v1\n",
    }[harm]
    (tmp_path / "signs-quality.safetensors").write_bytes(content)
    monkeypatch.setattr(networks, "WEIGHTS", tmp_path)
    with pytest.raises(
        ValueError, match="signs-quality.safetensors is damaged or another file: install tutorial_lib again"
    ):
        networks.load("signs/quality")


def test_what_fails_half_way_leaves_nothing(data):
    with pytest.raises(OSError, match="full"), guarded.replacing(data / "a.bin") as half:
        half.write_bytes(b"half")
        raise OSError("the disk is full")
    assert not any(data.iterdir())
