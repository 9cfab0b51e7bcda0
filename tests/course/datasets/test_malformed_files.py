"""Malformed files of datasets are rejected; no code is run and no file is written elsewhere."""

import numpy as np
import pytest
from PIL import Image

from tests._malformed_files import npy_bytes, npy_with_false_header, write_decompression_bomb, write_npz
from tutorial_course.datasets import (
    FixationDataset,
    convert_live,
    convert_mit1003,
    convert_tid2013,
    load_fixations,
    load_iqa_dataset,
)


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """Keep tests away from the data folder of the person who runs them."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_load_fixations_rejects_false_array_size(data):
    columns = dict.fromkeys(("x", "y", "duration", "subject", "image"), npy_bytes(np.zeros(1, np.int16)))
    write_npz(
        data / "osie" / "fixations.npz",
        **columns | {"x": npy_with_false_header((10**12,), "<f4")},
        names=npy_bytes(np.array(["a.jpg"])),
    )
    with pytest.raises(ValueError, match="cannot reshape array of size 0 into shape .*Fix the file"):
        load_fixations("osie")


@pytest.mark.parametrize("side", [60_000, 15_000])  # Pillow rejects more than 179 million pixels
def test_fixation_dataset_rejects_decompression_bombs(side, tmp_path):
    write_decompression_bomb(tmp_path / "a.png", side)
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match="a.png cannot be read as an image.*replace it with the complete file"):
        FixationDataset(tmp_path, ("../a.png",), {}, 24, "", "").image(0)


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
