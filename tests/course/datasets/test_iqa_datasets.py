"""Datasets with human quality ratings: loading, converting the official layouts, and files that are rejected."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from tutorial_course import datasets
from tutorial_lib import metrics, quality
from tutorial_lib._download import DATA_ENV_VAR


def write_image(path, seed, size=(20, 16), noise=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    array = 255 * (0.5 + 0.3 * np.sin(np.arange(size[0] * size[1] * 3).reshape(size[1], size[0], 3) / 7 + seed))
    array = array + noise * generator.standard_normal(array.shape)
    Image.fromarray(array.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def small_live_dir(tmp_path):
    """Two references with two distorted images each."""
    folder, rows = tmp_path / "live", []
    for r in range(2):
        write_image(folder / "images" / f"ref{r}.png", r)
        for level in (1, 2):
            write_image(folder / "images" / f"noise{r}_{level}.png", r, noise=20 * level)
            rows.append([f"noise{r}_{level}.png", f"ref{r}.png", "noise", 20.5 * level + r])
    write_scores(folder, rows)
    return folder


def write_scores(folder, rows, header=("distorted", "reference", "distortion", "dmos")):
    with (folder / "scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_load_iqa_dataset_reads_scores_and_image_pairs(small_live_dir, tmp_path):
    assert datasets.iqa_dataset_available("live", data_dir=tmp_path) and not datasets.iqa_dataset_available(
        "tid2013", data_dir=tmp_path
    )
    dataset = datasets.load_iqa_dataset("live", data_dir=tmp_path)
    assert len(dataset) == 4 and dataset.higher_is == "worse" and dataset.scores.tolist() == [20.5, 41.0, 21.5, 42.0]
    distorted, reference = dataset[3]
    assert distorted.shape == reference.shape == (1, 3, 16, 20)
    with Image.open(small_live_dir / "images" / "noise1_2.png") as opened:
        assert torch.equal(distorted[0], torch.from_numpy(np.array(opened)).permute(2, 0, 1).float() / 255)
    assert metrics.srcc(torch.cat([quality.psnr(*dataset[i]) for i in range(4)]), dataset.quality) > 0.7
    first = datasets.load_iqa_dataset("live", limit=2, data_dir=tmp_path)
    sha256 = datasets.iqa_dataset_sha256(dataset)
    assert len(sha256) == 64 and datasets.iqa_dataset_sha256(first) != sha256
    assert "all 4 rated images of live" in repr(dataset) and "first 2 rated" in repr(first)


def test_load_iqa_dataset_uses_data_folder_from_environment(small_live_dir, tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_ENV_VAR, str(tmp_path))
    assert len(datasets.load_iqa_dataset("live")) == 4


def test_load_iqa_dataset_reports_missing_and_unknown_datasets(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"tid2013 is not available. Get it from https://.*convert_tid2013.*TUTORIAL_DATA"
    ):
        datasets.load_iqa_dataset("tid2013", data_dir=tmp_path)
    with pytest.raises(ValueError, match="unknown image-quality dataset 'liv'; the nearest: 'live'"):
        datasets.load_iqa_dataset("liv")


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (lambda f: (f / "scores.csv").write_bytes(b"\xff\xfe\x00bad"), "cannot be read as a table|expected rows"),
        (lambda f: (f / "scores.csv").write_text(""), "expected rows with the columns"),
        (
            lambda f: write_scores(f, [["a.png", "b.png", "k", 1]], ("distorted", "reference", "distortion", "score")),
            "either dmos or mos",
        ),
        (
            lambda f: write_scores(f, [["noise0_1.png", "ref0.png", "k", "high"]]),
            "line 2 has no number in the column dmos",
        ),
        (lambda f: write_scores(f, [["noise0_1.png", "ref0.png", "k", "nan"]]), "line 2 has no number"),
        (lambda f: write_scores(f, [["../../secret.png", "ref0.png", "k", 1]]), "not a plain file name"),
        (lambda f: write_scores(f, [["/etc/passwd", "ref0.png", "k", 1]]), "not a plain file name"),
        (lambda f: (f / "images" / "ref1.png").unlink(), "the image ref1.png is missing"),
        (
            lambda f: (f / "images" / "ref1.png").write_bytes(b"cbuiltins\neval\n."),
            "ref1.png cannot be read as an image",
        ),
        (
            lambda f: write_image(f / "images" / "ref1.png", 1, size=(24, 16)),
            "noise1_1.png is 20×16, its reference ref1.png is 24×16",
        ),
        (lambda f: Image.new("1", (4096, 1024)).save(f / "images" / "ref1.png"), "declares 4096×1024 pixels"),
    ],
)
def test_load_iqa_dataset_rejects_invalid_files(corrupt, message, small_live_dir, tmp_path):
    corrupt(small_live_dir)
    with pytest.raises(ValueError, match=message):
        datasets.load_iqa_dataset("live", data_dir=tmp_path)


@pytest.fixture
def official_live_dir(tmp_path):
    """LIVE in its published layout, with one undistorted copy and one distorted image of each type."""
    folder = tmp_path / "databaserelease2"
    write_image(folder / "refimgs" / "bikes.bmp", 0)
    for k, kind in enumerate(("jp2k", "jpeg", "wn", "gblur", "fastfading")):
        write_image(folder / kind / "img1.bmp", 0)
        write_image(folder / kind / "img2.bmp", 0, noise=10 * (k + 1))
        # The published files do not list the images in the order of their numbers either.
        (folder / kind / "info.txt").write_text("bikes.bmp img2.bmp 0.5\nbikes.bmp img1.bmp 0\n\n")
    scores = np.arange(10.0)[None] * 5
    savemat(folder / "dmos.mat", {"dmos": scores, "orgs": np.array([[1, 0] * 5])})
    return folder


def test_convert_live_reads_official_layout(official_live_dir, tmp_path):
    target = datasets.convert_live(official_live_dir, data_dir=tmp_path / "data")
    assert target == tmp_path / "data" / "live"
    dataset = datasets.load_iqa_dataset("live", data_dir=tmp_path / "data")
    assert dataset.distortion_types == ("jp2k", "jpeg", "wn", "gblur", "fastfading") and dataset.scores.tolist() == [
        5.0,
        15.0,
        25.0,
        35.0,
        45.0,
    ]
    assert set(dataset.references) == {"ref_bikes.bmp"}
    assert metrics.srcc(torch.cat([quality.psnr(*dataset[i]) for i in range(5)]), dataset.quality) == pytest.approx(1)


def test_convert_live_prefers_realigned_scores(official_live_dir, tmp_path):
    savemat(
        official_live_dir / "dmos_realigned.mat", {"dmos_new": np.arange(10.0)[None], "orgs": np.array([[1, 0] * 5])}
    )
    datasets.convert_live(official_live_dir, data_dir=tmp_path / "data")
    assert datasets.load_iqa_dataset("live", data_dir=tmp_path / "data").scores.tolist() == [1.0, 3.0, 5.0, 7.0, 9.0]


def test_iqa_converters_report_missing_and_inconsistent_files(official_live_dir, tmp_path):
    savemat(official_live_dir / "dmos.mat", {"dmos": np.arange(9.0), "orgs": np.zeros(9)})
    with pytest.raises(ValueError, match="10 images are listed in info.txt, dmos.mat has 9 scores"):
        datasets.convert_live(official_live_dir, data_dir=tmp_path / "data")
    savemat(official_live_dir / "dmos.mat", {"other": np.arange(9.0)})
    with pytest.raises(ValueError, match="dmos.mat is not a file of this dataset"):
        datasets.convert_live(official_live_dir, data_dir=tmp_path / "data")
    (official_live_dir / "gblur" / "info.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"info.txt is missing|no dmos"):
        savemat(official_live_dir / "dmos.mat", {"dmos": np.arange(10.0), "orgs": np.zeros(10)})
        datasets.convert_live(official_live_dir, data_dir=tmp_path / "data")
    assert not (tmp_path / "data" / "live" / "scores.csv").exists()
    with pytest.raises(FileNotFoundError, match="mos_with_names.txt is missing"):
        datasets.convert_tid2013(tmp_path)


def test_convert_tid2013_reads_official_layout(tmp_path):
    folder = tmp_path / "tid2013"
    write_image(folder / "reference_images" / "I01.BMP", 0)
    names = ["i01_01_1.bmp", "I01_01_2.bmp", "i01_08_1.bmp"]
    for k, name in enumerate(names):
        write_image(folder / "distorted_images" / name, 0, noise=10 * (k + 1))
    lines = [f"{6 - k:.5f} {name.upper().replace('BMP', 'bmp')}" for k, name in enumerate(names)]
    (folder / "mos_with_names.txt").write_text("\n".join(lines))
    datasets.convert_tid2013(folder, data_dir=tmp_path / "data")
    dataset = datasets.load_iqa_dataset("tid2013", data_dir=tmp_path / "data")
    assert (
        dataset.higher_is == "better"
        and dataset.scores.tolist() == [6.0, 5.0, 4.0]
        and dataset.distortion_types == ("type 1", "type 1", "type 8")
    )
    assert metrics.srcc(torch.cat([quality.psnr(*dataset[i]) for i in range(3)]), dataset.quality) == pytest.approx(1)


def test_convert_kadid10k_reads_official_layout(tmp_path):
    folder = tmp_path / "kadid10k"
    names = ["I01_01_01.png", "I01_01_02.png", "I01_25_05.png"]
    write_image(folder / "images" / "I01.png", 0)
    for k, name in enumerate(names):
        write_image(folder / "images" / name, 0, noise=10 * (k + 1))
    lines = [f"{name},I01.png,{4.57 - k},0.496" for k, name in enumerate(names)]
    (folder / "dmos.csv").write_text("\n".join(["dist_img,ref_img,dmos,var", *lines]))
    datasets.convert_kadid10k(folder, data_dir=tmp_path / "data")
    dataset = datasets.load_iqa_dataset("kadid10k", data_dir=tmp_path / "data")
    # The authors' "DMOS" is higher for better images.
    assert dataset.higher_is == "better" and dataset.scores.tolist() == pytest.approx([4.57, 3.57, 2.57])
    assert dataset.distortion_types == ("type 1", "type 1", "type 25")
    assert metrics.srcc(torch.cat([quality.psnr(*dataset[i]) for i in range(3)]), dataset.quality) == pytest.approx(1)


@pytest.mark.parametrize(
    "line", ["../I01_01_01.png,I01.png,4,0.5", "I01.png,I01.png,4,0.5", "I01_01_01.png,I01.png,x,0"]
)
def test_convert_kadid10k_rejects_malformed_score_list(line, tmp_path):
    (tmp_path / "dmos.csv").write_text(f"dist_img,ref_img,dmos,var\n{line}")
    with pytest.raises(ValueError, match="dmos.csv is not a file of this dataset"):
        datasets.convert_kadid10k(tmp_path, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(
    not datasets.iqa_dataset_available("live"),
    reason="LIVE is not available; set TUTORIAL_DATA to a folder that contains it",
)
def test_psnr_correlates_with_human_ratings_on_live():
    dataset = datasets.load_iqa_dataset("live")
    psnr = torch.cat([quality.psnr(*dataset[i]) for i in range(len(dataset))])
    assert abs(metrics.srcc(psnr, dataset.quality)) >= 0.85
