"""Eye fixations: the door, what it refuses, and the two official layouts on trees of a few pictures."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from tutorial_lib import metrics as M
from tutorial_lib.data import FIXATION_DATASETS, fixations_available, fixations_install_hint, load_fixations
from tutorial_lib.data.convert_fixations import convert_mit1003, convert_osie

DATA = os.environ.get("TUTORIAL_DATA", "")
NAMES = ["1001.jpg", "1002.jpg", "1003.jpg"]


@pytest.fixture(autouse=True)
def isolated_data_dir(monkeypatch, tmp_path):
    """No test may see, or write into, the data folder of whoever runs it."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()


def write_images(folder, names, size=(80, 60)):
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(names):
        Image.fromarray(np.full((size[1], size[0], 3), 40 * (k + 1), np.uint8)).save(folder / name)


def fixation_arrays(**changes):
    held = {
        "x": np.array([0.0, 79.9, 40, 80.4, 10], np.float32),
        "y": np.array([0.0, 59.9, 30, -0.2, 20], np.float32),
        "duration": np.full(5, 200.0, np.float32),
        "subject": np.array([0, 0, 1, 1, 0], np.int8),
        "image": np.array([0, 0, 0, 0, 2], np.int16),
        "names": np.array(NAMES),
    }
    return {key: array for key, array in (held | changes).items() if array is not None}


@pytest.fixture
def osie_dir(tmp_path):
    folder = tmp_path / "data" / "osie"
    write_images(folder / "images", NAMES)
    np.savez_compressed(folder / "fixations.npz", **fixation_arrays())
    return folder


def test_fixations_are_scaled_to_rows_and_columns_of_the_map(osie_dir):
    seen = load_fixations("osie")
    assert len(seen) == 3 and seen.image_size(0) == (60, 80) and seen.pixels_per_degree == 24
    assert seen.description == "3 of 700 photographs of osie, 1001.jpg to 1003.jpg" and len(seen.sha256) == 64
    assert seen.fixations(0, (60, 80)).tolist() == [[0, 0], [59, 79], [30, 40], [0, 79]]
    # Scaled by the picture's own size; what lies on or beyond the edge belongs to the last cell.
    assert seen.fixations(0, (15, 20)).tolist() == [[0, 0], [14, 19], [7, 10], [0, 19]]
    assert seen.fixations(0, (60, 80), viewer=1).tolist() == [[30, 40], [0, 79]]
    assert seen.fixations(0, (60, 80), without=1).tolist() == [[0, 0], [59, 79]]
    assert seen.fixations(1, (60, 80)).shape == (0, 2)


def test_fixation_dataset_returns_images_as_float_batches(osie_dir):
    seen = load_fixations("osie")
    x = seen.image(1)
    assert x.shape == (1, 3, 60, 80) and x.dtype == torch.float32 and abs(x.mean() - 80 / 255) < 0.01
    assert seen.image(1, (30, 40)).shape == (1, 3, 30, 40)


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
    "harm, said",
    [
        (write_object_array, "pickled objects, which are never loaded"),
        (write_pickle_file, "no .npz archive"),
        (truncate_file, "no .npz archive"),
        (write_archive_without_arrays, "it has no x and no y"),
        (write_modified_arrays(duration=None), "it has no duration"),
        (write_modified_arrays(names=np.array(["../1001.jpg", *NAMES[1:]])), r"'\.\./1001.jpg' is no plain file name"),
        (write_modified_arrays(names=np.array(["/etc/passwd", *NAMES[1:]])), "no plain file name"),
        (write_modified_arrays(names=np.array([r"..\1001.jpg", *NAMES[1:]])), "no plain file name"),
        (write_modified_arrays(names=np.array(["..", *NAMES[1:]])), "no plain file name"),
        (write_modified_arrays(names=np.array([NAMES[0], *NAMES[:2]])), "two pictures have one name"),
        (write_modified_arrays(names=np.array([b"1001.jpg"] * 3)), "not a list of file names"),
        (write_modified_arrays(names=np.array(NAMES[:2])), "images run from 0 to 2, but there are 2 names"),
        (write_modified_arrays(image=np.array([0, 0, -1, 0, 2])), "images run from -1 to 2"),
        (write_modified_arrays(x=np.array([0, 1, np.nan, 2, 3])), "x is float64, or not finite"),
        (write_modified_arrays(subject=np.zeros(5)), "subject is float64"),
        (write_modified_arrays(y=np.zeros(4)), "not equally long"),
        (write_modified_arrays(x=np.array(["a"] * 5)), "x is <U1"),
        (write_modified_arrays(names=np.array([*NAMES[:2], "1009.jpg"])), "has no images/1009.jpg"),
    ],
)
def test_load_fixations_rejects_malformed_and_unsafe_files(harm, said, osie_dir):
    harm(osie_dir)
    with pytest.raises(ValueError, match=said) as refusal:
        load_fixations("osie")
    assert FIXATION_DATASETS["osie"].url in str(refusal.value)


def test_load_fixations_reports_missing_data_and_invalid_arguments():
    assert not fixations_available("osie")
    for name, about in FIXATION_DATASETS.items():
        with pytest.raises(FileNotFoundError, match=f"{name} is not at hand") as refusal:
            load_fixations(name)
        assert fixations_install_hint(name) in str(refusal.value) and about.url in fixations_install_hint(name)
    with pytest.raises(ValueError, match="unknown set of fixations 'mit1004'; the nearest: 'mit1003'"):
        load_fixations("mit1004")
    for limit in (0, 1.5):
        with pytest.raises(ValueError, match="limit must be a whole number above 0"):
            load_fixations("osie", limit=limit)


# The official layouts.


def matlab_cells(values):
    held = np.empty(len(values), object)
    held[:] = values
    return held


@pytest.fixture
def official_osie(tmp_path):
    """Two pictures, two viewers; one of them saw a single point, and one none."""
    write_images(tmp_path / "given" / "data" / "stimuli", NAMES[:2])
    (tmp_path / "given" / "data" / "eye").mkdir()
    viewer = lambda *points: dict(
        zip(("fix_x", "fix_y", "fix_duration"), np.array(points, float).reshape(-1, 3).T, strict=True)
    )
    fixations = matlab_cells([
        {"img": NAMES[0], "subjects": matlab_cells([viewer((10.5, 20.5, 200), (70, 50, 150)), viewer((40, 30, 300))])},
        {"img": NAMES[1], "subjects": matlab_cells([viewer(), viewer((1, 2, 90))])},
    ])  # fmt: skip
    savemat(tmp_path / "given" / "data" / "eye" / "fixations.mat", {"fixations": fixations})
    return tmp_path / "given"


def test_convert_osie_reads_official_layout(official_osie, tmp_path):
    assert convert_osie(official_osie) == tmp_path / "data" / "osie"
    seen = load_fixations("osie")
    assert seen.names == tuple(NAMES[:2]) and fixations_available("osie")
    assert seen.fixations(0, (60, 80)).tolist() == [[20, 10], [50, 70], [30, 40]]
    assert seen.fixations(0, (60, 80), viewer=1).tolist() == [[30, 40]]
    assert seen.fixations(1, (60, 80)).tolist() == [[2, 1]] and seen.table["duration"].tolist() == [200, 150, 300, 90]
    assert abs(seen.image(1).mean() - 80 / 255) < 0.01


def test_convert_osie_rejects_incomplete_or_inconsistent_files(official_osie):
    stimuli, eye = official_osie / "data" / "stimuli", official_osie / "data" / "eye"
    write_images(stimuli, ["1003.jpg"])
    with pytest.raises(ValueError, match="has 2 cells for 3 pictures"):
        convert_osie(official_osie)
    (stimuli / "1002.jpg").unlink()
    with pytest.raises(ValueError, match="belongs to '1002.jpg', the picture is '1003.jpg'"):
        convert_osie(official_osie)
    (eye / "fixations.mat").write_bytes(b"no such thing" * 40)
    with pytest.raises(ValueError, match="is no MATLAB file that can be read"):
        convert_osie(official_osie)
    savemat(eye / "fixations.mat", {"other": 1})
    with pytest.raises(ValueError, match="is no file of OSIE's fixations"):
        convert_osie(official_osie)
    (eye / "fixations.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"no fixations.mat in .*Get it from"):
        convert_osie(official_osie)
    assert not fixations_available("osie")


def test_convert_mit1003_reads_official_layout_and_rejects_mismatches(tmp_path):
    given = tmp_path / "given"
    write_images(given / "ALLSTIMULI", ["a.jpeg", "b.jpeg"])
    (given / "ALLFIXATIONMAPS").mkdir()
    for name, points in (("a", [(5, 7), (50, 70)]), ("b", [(30, 30)])):
        map = np.zeros((60, 80), np.uint8)
        for row, column in points:
            map[row, column] = 255
        Image.fromarray(map).save(given / "ALLFIXATIONMAPS" / f"{name}_fixPts.jpg", quality=95)
    convert_mit1003(given)
    seen = load_fixations("mit1003")
    assert seen.names == ("a.jpeg", "b.jpeg") and seen.pixels_per_degree == 35
    assert sorted(seen.fixations(0, (60, 80)).tolist()) == [[5, 7], [50, 70]] and seen.fixations(
        1, (6, 8)
    ).tolist() == [[3, 3]]
    Image.new("L", (8, 6)).save(given / "ALLFIXATIONMAPS" / "b_fixPts.jpg")
    with pytest.raises(ValueError, match="one of the two is another's"):
        convert_mit1003(given)
    (given / "ALLFIXATIONMAPS" / "b_fixPts.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="no b_fixPts.jpg"):
        convert_mit1003(given)


@pytest.mark.skipif(
    not DATA or not fixations_available("osie", data_dir=DATA), reason="TUTORIAL_DATA has no osie/fixations.npz"
)
def test_osie_viewers_predict_fixations_better_than_center_prior():
    seen = load_fixations("osie", data_dir=DATA)
    assert len(seen) == 150 and len(seen.table["x"]) == 21_058
    blob = M.center_bias_map(torch.zeros(150, 200))
    points = [seen.fixations(i, (150, 200)) for i in range(150)]
    areas = [M.auc_judd(blob, p) for p in points]
    assert 0.70 < sum(areas) / 150 < 0.76
    people = [
        M.auc_judd(
            M.fixation_density(seen.fixations(i, (150, 200), without=0), (150, 200), blur=6),
            seen.fixations(i, (150, 200), viewer=0),
        )
        for i in range(20)
    ]
    assert sum(people) / 20 > 0.85
