"""Eye fixations: loading, files that are rejected, and the conversion of small trees in the two official layouts."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from tutorial_course.datasets import (
    FIXATION_DATASETS,
    convert_mit1003,
    convert_osie,
    convert_scene500,
    fixations_available,
    fixations_install_hint,
    load_fixations,
)
from tutorial_lib import metrics as M

DATA = os.environ.get("TUTORIAL_DATA", "")
NAMES = ["1001.jpg", "1002.jpg", "1003.jpg"]


@pytest.fixture(autouse=True)
def isolated_data_dir(monkeypatch, tmp_path):
    """Keep tests away from the data folder of the person who runs them."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()


def write_images(folder, names, size=(80, 60)):
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(names):
        Image.fromarray(np.full((size[1], size[0], 3), 40 * (k + 1), np.uint8)).save(folder / name)


def fixation_arrays(**changes):
    arrays = {
        "x": np.array([0.0, 79.9, 40, 80.4, 10], np.float32),
        "y": np.array([0.0, 59.9, 30, -0.2, 20], np.float32),
        "duration": np.full(5, 200.0, np.float32),
        "subject": np.array([0, 0, 1, 1, 0], np.int8),
        "image": np.array([0, 0, 0, 0, 2], np.int16),
        "names": np.array(NAMES),
    }
    return {key: array for key, array in (arrays | changes).items() if array is not None}


@pytest.fixture
def osie_dir(tmp_path):
    folder = tmp_path / "data" / "osie"
    write_images(folder / "images", NAMES)
    np.savez_compressed(folder / "fixations.npz", **fixation_arrays())
    return folder


def test_fixations_are_scaled_to_rows_and_columns_of_the_map(osie_dir):
    dataset = load_fixations("osie")
    assert len(dataset) == 3 and dataset.image_size(0) == (60, 80) and dataset.pixels_per_degree == 24
    assert dataset.description == "3 of 700 photographs of osie, 1001.jpg to 1003.jpg" and len(dataset.sha256) == 64
    assert dataset.fixations(0, (60, 80)).tolist() == [[0, 0], [59, 79], [30, 40], [0, 79]]
    # Coordinates are scaled by the size of the image; points on or beyond its edge belong to the last cell.
    assert dataset.fixations(0, (15, 20)).tolist() == [[0, 0], [14, 19], [7, 10], [0, 19]]
    assert dataset.fixations(0, (60, 80), viewer=1).tolist() == [[30, 40], [0, 79]]
    assert dataset.fixations(0, (60, 80), without=1).tolist() == [[0, 0], [59, 79]]
    assert dataset.fixations(1, (60, 80)).shape == (0, 2)


def test_fixation_dataset_returns_images_as_float_batches(osie_dir):
    dataset = load_fixations("osie")
    x = dataset.image(1)
    assert x.shape == (1, 3, 60, 80) and x.dtype == torch.float32 and abs(x.mean() - 80 / 255) < 0.01
    assert dataset.image(1, (30, 40)).shape == (1, 3, 30, 40)


def test_load_fixations_limit_takes_first_images_and_changes_hash(osie_dir):
    few = load_fixations("osie", limit=2)
    assert len(few) == 2 and few.names == tuple(NAMES[:2]) and len(few.table["x"]) == 4
    assert few.description == "the first 2 of 3 of 700 photographs of osie, 1001.jpg to 1002.jpg"
    assert few.sha256 != load_fixations("osie").sha256 == load_fixations("osie").sha256


def write_object_array(folder):
    np.savez(folder / "fixations.npz", **fixation_arrays(names=np.array([*NAMES, {}], object)))


def write_pickle_file(folder):
    (folder / "fixations.npz").write_bytes(pickle.dumps(fixation_arrays()))


def truncate_file(folder):
    content = (folder / "fixations.npz").read_bytes()
    (folder / "fixations.npz").write_bytes(content[: len(content) // 2])


def write_archive_without_arrays(folder):
    with zipfile.ZipFile(folder / "fixations.npz", "w") as file:
        file.writestr("x", b"no array")


def write_modified_arrays(**changes):
    return lambda folder: np.savez(folder / "fixations.npz", **fixation_arrays(**changes))


@pytest.mark.parametrize(
    "corrupt, message",
    [
        (write_object_array, "pickled objects, which are never loaded"),
        (write_pickle_file, "not a valid .npz archive"),
        (truncate_file, "not a valid .npz archive"),
        (write_archive_without_arrays, "it has no x and no y"),
        (write_modified_arrays(duration=None), "it has no duration"),
        (
            write_modified_arrays(names=np.array(["../1001.jpg", *NAMES[1:]])),
            r"different plain file names, not array\(\['\.\./1001.jpg'",
        ),
        (write_modified_arrays(names=np.array(["/etc/passwd", *NAMES[1:]])), "different plain file names"),
        (write_modified_arrays(names=np.array([r"..\1001.jpg", *NAMES[1:]])), "different plain file names"),
        (write_modified_arrays(names=np.array(["..", *NAMES[1:]])), "different plain file names"),
        (write_modified_arrays(names=np.array([NAMES[0], *NAMES[:2]])), "different plain file names"),
        (
            write_modified_arrays(names=np.array([b"1001.jpg"] * 3)),
            r"different plain file names, not array\(\[b'1001.jpg'",
        ),
        (write_modified_arrays(names=np.array(NAMES[:2])), "images run from 0 to 2, but there are 2 names"),
        (write_modified_arrays(image=np.array([0, 0, -1, 0, 2])), "images run from -1 to 2"),
        (write_modified_arrays(x=np.array([0, 1, np.nan, 2, 3])), r"x is float64 of shape \(5,\), or not finite"),
        (write_modified_arrays(subject=np.zeros(5)), "subject is float64"),
        (write_modified_arrays(y=np.zeros(4)), r"y is float64 of shape \(4,\), or not finite; x has 5 entries"),
        (write_modified_arrays(x=np.array(["a"] * 5)), "x is <U1"),
        (write_modified_arrays(names=np.array([*NAMES[:2], "1009.jpg"])), "has no images/1009.jpg"),
    ],
)
def test_load_fixations_rejects_malformed_and_unsafe_files(corrupt, message, osie_dir):
    corrupt(osie_dir)
    with pytest.raises(ValueError, match=message) as error:
        load_fixations("osie")
    assert FIXATION_DATASETS["osie"].url in str(error.value)


def test_load_fixations_reports_missing_data_and_invalid_arguments():
    assert not fixations_available("osie")
    for name, info in FIXATION_DATASETS.items():
        with pytest.raises(FileNotFoundError, match=f"{name} is not available") as error:
            load_fixations(name)
        assert fixations_install_hint(name) in str(error.value) and info.url in fixations_install_hint(name)
    with pytest.raises(ValueError, match="unknown fixation dataset 'mit1004'; the nearest: 'mit1003'"):
        load_fixations("mit1004")
    for limit in (0, 1.5):
        with pytest.raises(ValueError, match="limit (must|to) be a whole number"):
            load_fixations("osie", limit=limit)


# The official layouts.


def matlab_cells(values):
    cells = np.empty(len(values), object)
    cells[:] = values
    return cells


@pytest.fixture
def official_osie(tmp_path):
    """Two images and two viewers; one recording has a single fixation, and one has none."""
    write_images(tmp_path / "official" / "data" / "stimuli", NAMES[:2])
    (tmp_path / "official" / "data" / "eye").mkdir()
    viewer = lambda *points: dict(
        zip(("fix_x", "fix_y", "fix_duration"), np.array(points, float).reshape(-1, 3).T, strict=True)
    )
    fixations = matlab_cells([
        {"img": NAMES[0], "subjects": matlab_cells([viewer((10.5, 20.5, 200), (70, 50, 150)), viewer((40, 30, 300))])},
        {"img": NAMES[1], "subjects": matlab_cells([viewer(), viewer((1, 2, 90))])},
    ])  # fmt: skip
    savemat(tmp_path / "official" / "data" / "eye" / "fixations.mat", {"fixations": fixations})
    return tmp_path / "official"


def test_convert_osie_reads_official_layout(official_osie, tmp_path):
    assert convert_osie(official_osie) == tmp_path / "data" / "osie"
    dataset = load_fixations("osie")
    assert dataset.names == tuple(NAMES[:2]) and fixations_available("osie")
    assert dataset.fixations(0, (60, 80)).tolist() == [[20, 10], [50, 70], [30, 40]]
    assert dataset.fixations(0, (60, 80), viewer=1).tolist() == [[30, 40]]
    assert dataset.fixations(1, (60, 80)).tolist() == [[2, 1]] and dataset.table["duration"].tolist() == [
        200,
        150,
        300,
        90,
    ]
    assert abs(dataset.image(1).mean() - 80 / 255) < 0.01


def test_convert_osie_rejects_incomplete_or_inconsistent_files(official_osie):
    stimuli, eye = official_osie / "data" / "stimuli", official_osie / "data" / "eye"
    write_images(stimuli, ["1003.jpg"])
    with pytest.raises(ValueError, match="fixations.mat is not a file of this dataset .*2 cells for 3 images"):
        convert_osie(official_osie)
    (stimuli / "1002.jpg").unlink()
    with pytest.raises(ValueError, match="belongs to '1002.jpg', but the image is '1003.jpg'"):
        convert_osie(official_osie)
    (eye / "fixations.mat").write_bytes(b"no such thing" * 40)
    with pytest.raises(
        ValueError, match="fixations.mat is not a file of this dataset .*use the file that came with the images"
    ):
        convert_osie(official_osie)
    savemat(eye / "fixations.mat", {"other": 1})
    with pytest.raises(ValueError, match="is not a file of this dataset .KeyError: 'fixations'"):
        convert_osie(official_osie)
    (eye / "fixations.mat").unlink()
    with pytest.raises(
        FileNotFoundError, match="fixations.mat is missing; pass the folder of the unpacked official download"
    ):
        convert_osie(official_osie)
    assert not fixations_available("osie")


def test_fixations_can_leave_out_the_first_of_each_viewer(osie_dir):
    dataset = load_fixations("osie")
    t = dataset.table
    first = {int(s): np.flatnonzero((t["image"] == 0) & (t["subject"] == s))[0] for s in t["subject"][t["image"] == 0]}
    everything, rest = (dataset.fixations(0, (60, 80), skip_first=skip) for skip in (False, True))
    assert len(rest) == len(everything) - len(first)
    for viewer in first:
        own = dataset.fixations(0, (60, 80), viewer=viewer)
        assert dataset.fixations(0, (60, 80), viewer=viewer, skip_first=True).tolist() == own.tolist()[1:]


def test_convert_scene500_reads_official_layout(tmp_path):
    source = tmp_path / "official"
    write_images(source / "data" / "stimuli", ["001.jpg", "002.jpg"])
    (source / "data" / "tidy").mkdir()
    cells = np.empty((2, 2), object)  # a row per image and a column per viewer: y, x, latency, duration
    cells[0, 0] = np.array([[20.5, 10.5, 0.3, 0.2], [50, 70, 0.6, 0.15]])
    cells[0, 1] = np.array([[30.0, 40.0, 0.2, 0.3]])
    cells[1, 0], cells[1, 1] = np.zeros((0, 4)), np.array([[2.0, 1.0, 0.1, 0.09]])
    savemat(source / "data" / "tidy" / "fixations.mat", {"fixations": cells})
    assert convert_scene500(source) == tmp_path / "data" / "scene500"
    dataset = load_fixations("scene500")
    assert dataset.names == ("001.jpg", "002.jpg") and dataset.pixels_per_degree is None
    assert dataset.fixations(0, (60, 80)).tolist() == [[20, 10], [50, 70], [30, 40]]
    assert dataset.fixations(1, (60, 80), viewer=1).tolist() == [[2, 1]]
    assert dataset.table["duration"].tolist() == pytest.approx([200, 150, 300, 90])
    (source / "data" / "stimuli" / "002.jpg").unlink()
    with pytest.raises(ValueError, match="2 rows for 1 images"):
        convert_scene500(source)


def test_convert_mit1003_reads_official_layout_and_rejects_mismatches(tmp_path):
    source = tmp_path / "official"
    write_images(source / "ALLSTIMULI", ["a.jpeg", "b.jpeg"])
    (source / "ALLFIXATIONMAPS").mkdir()
    for name, points in (("a", [(5, 7), (50, 70)]), ("b", [(30, 30)])):
        map = np.zeros((60, 80), np.uint8)
        for row, column in points:
            map[row, column] = 255
        Image.fromarray(map).save(source / "ALLFIXATIONMAPS" / f"{name}_fixPts.jpg", quality=95)
    convert_mit1003(source)
    dataset = load_fixations("mit1003")
    assert dataset.names == ("a.jpeg", "b.jpeg") and dataset.pixels_per_degree == 35
    assert sorted(dataset.fixations(0, (60, 80)).tolist()) == [[5, 7], [50, 70]] and dataset.fixations(
        1, (6, 8)
    ).tolist() == [[3, 3]]
    Image.new("L", (8, 6)).save(source / "ALLFIXATIONMAPS" / "b_fixPts.jpg")
    with pytest.raises(ValueError, match=r"b_fixPts.jpg has \(8, 6\) pixels and b.jpeg \(80, 60\)"):
        convert_mit1003(source)
    (source / "ALLFIXATIONMAPS" / "b_fixPts.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="b_fixPts.jpg is missing"):
        convert_mit1003(source)


@pytest.mark.skipif(
    not DATA or not fixations_available("osie", data_dir=DATA), reason="TUTORIAL_DATA has no osie/fixations.npz"
)
def test_osie_viewers_predict_fixations_better_than_center_prior():
    dataset = load_fixations("osie", data_dir=DATA)
    assert len(dataset) == 150 and len(dataset.table["x"]) == 21_058
    center_prior = M.center_bias_map(torch.zeros(150, 200))
    points = [dataset.fixations(i, (150, 200)) for i in range(150)]
    areas = [M.auc_judd(center_prior, p) for p in points]
    assert 0.70 < sum(areas) / 150 < 0.76
    viewer_areas = [
        M.auc_judd(
            M.fixation_density(dataset.fixations(i, (150, 200), without=0), (150, 200), blur=6),
            dataset.fixations(i, (150, 200), viewer=0),
        )
        for i in range(20)
    ]
    assert sum(viewer_areas) / 20 > 0.85
