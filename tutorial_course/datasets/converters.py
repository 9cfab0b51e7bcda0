"""Converters of datasets that only their authors may distribute into folders that this package reads.

Each converter takes the official download, unpacked, and writes a folder with the name of the dataset into the data
folder. The image files are copied. The table is written last, so that an incomplete folder has none and counts as
missing.
"""

import csv
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from tutorial_course.datasets._files import is_plain_filename, read_text
from tutorial_course.datasets.fixations import FIXATION_COLUMNS
from tutorial_course.datasets.iqa_datasets import REQUIRED_COLUMNS
from tutorial_lib._download import StrPath, display_path, resolve_data_dir
from tutorial_lib.data._safe_io import atomic_write, open_image


def convert_live(folder: StrPath, *, data_dir: StrPath | None = None) -> Path:
    """Convert LIVE as its authors publish it, and return the folder that was written.

    The published layout, ``databaserelease2``, has five folders of images, ``refimgs`` and ``dmos.mat``. The 203
    undistorted copies among the 982 images are omitted. If ``dmos_realigned.mat`` exists, its scores are used.

    Args:
        folder: the unpacked download.
        data_dir: the data folder in which ``live/`` is written; None selects the folder in ``TUTORIAL_DATA``, or else
            the user's cache.

    Returns:
        The path of ``live/``.

    Raises:
        FileNotFoundError: a file of the published layout is missing; the message names it.
        ValueError: a file cannot be read, or the numbers of scores and images differ.
    """
    folder = Path(folder)
    score_file = _find(folder, "dmos*.mat")[-1]  # dmos_realigned.mat, if it exists
    with _report_malformed(score_file):
        variables = loadmat(score_file, variable_names=["dmos", "dmos_new", "orgs"])
        dmos = variables["dmos_new" if "dmos_new" in variables else "dmos"].flatten()
        is_copy = variables["orgs"].flatten()
    pairs = []
    for kind in ("jp2k", "jpeg", "wn", "gblur", "fastfading"):  # the order of the scores
        (listing,) = _find(folder / kind, "info.txt")
        with _report_malformed(listing):
            lines = [line.split()[:2] for line in read_text(listing).splitlines() if line.split()]
            for reference, name in sorted(lines, key=lambda line: int(line[1][3:].partition(".")[0])):
                if not (is_plain_filename(reference) and is_plain_filename(name)):
                    raise ValueError(f"{reference!r} or {name!r} is not a plain file name")
                pairs.append((folder / kind / name, folder / "refimgs" / reference, kind))
    if not len(pairs) == len(dmos) == len(is_copy):
        raise ValueError(f"{len(pairs)} images are listed in info.txt, {score_file.name} has {len(dmos)} scores")
    rows = [(*pair, float(s)) for pair, s, copy in zip(pairs, dmos, is_copy, strict=True) if not copy]
    return _write_scores("live", "dmos", rows, data_dir)


def convert_tid2013(folder: StrPath, *, data_dir: StrPath | None = None) -> Path:
    """Convert TID2013 as its authors publish it, and return the folder that was written.

    The published layout has ``distorted_images``, ``reference_images`` and ``mos_with_names.txt``.

    Args:
        folder: the unpacked download.
        data_dir: the data folder in which ``tid2013/`` is written; None selects the folder in ``TUTORIAL_DATA``, or
            else the user's cache.

    Returns:
        The path of ``tid2013/``.

    Raises:
        FileNotFoundError: a file of the published layout is missing; the message names it.
        ValueError: the list of scores cannot be read.
    """
    folder, rows = Path(folder), []
    # Some names are in capital letters in one place and in small letters in another.
    files = {p.name.lower(): p for part in ("distorted_images", "reference_images") for p in (folder / part).glob("*")}
    (listing,) = _find(folder, "mos_with_names.txt")
    with _report_malformed(listing):
        for score, name in [line.lower().split() for line in read_text(listing).splitlines() if line.split()]:
            if not is_plain_filename(name):
                raise ValueError(f"{name!r} is not a plain file name")
            reference, kind = name.split("_")[0] + ".bmp", f"type {int(name.split('_')[1])}"
            image, original = (files.get(n, folder / "distorted_images" / n) for n in (name, reference))
            rows.append((image, original, kind, float(score)))
    return _write_scores("tid2013", "mos", rows, data_dir)


def convert_kadid10k(folder: StrPath, *, data_dir: StrPath | None = None) -> Path:
    """Convert KADID-10k as its authors publish it, and return the folder that was written.

    The published layout, ``kadid10k``, has ``images`` with references ``I01.png`` and distorted images
    ``I01_02_03.png`` (reference, type, level), and ``dmos.csv`` with the columns dist_img, ref_img, dmos and var. The
    authors call their scores DMOS, but a higher score means a better image, from 1 to 5. Therefore they are stored in
    the column mos.

    Args:
        folder: the unpacked download.
        data_dir: the data folder in which ``kadid10k/`` is written; None selects the folder in ``TUTORIAL_DATA``, or
            else the user's cache.

    Returns:
        The path of ``kadid10k/``.

    Raises:
        FileNotFoundError: a file of the published layout is missing; the message names it.
        ValueError: the list of scores cannot be read.
    """
    (listing,) = _find(Path(folder), "dmos.csv")
    rows, images = [], Path(folder) / "images"
    with _report_malformed(listing):
        for line in csv.DictReader(read_text(listing).splitlines()):
            name, reference = line["dist_img"], line["ref_img"]
            if not (is_plain_filename(name) and is_plain_filename(reference)):
                raise ValueError(f"{name!r} or {reference!r} is not a plain file name")
            rows.append((images / name, images / reference, f"type {int(name.split('_')[1])}", float(line["dmos"])))
    return _write_scores("kadid10k", "mos", rows, data_dir)


def convert_osie(folder: StrPath, *, data_dir: StrPath | None = None) -> Path:
    """Convert OSIE as its authors publish it, and return the folder that was written.

    The published layout is ``data/stimuli/*.jpg`` and ``data/eye/fixations.mat``. In the .mat file, ``fixations`` has
    one cell per image, in the order of the file names. A cell has ``img``, the file name (optional), and ``subjects``,
    one cell per viewer with ``fix_x``, ``fix_y`` and ``fix_duration``.

    Args:
        folder: the unpacked download, which contains ``data/``.
        data_dir: the data folder in which ``osie/`` is written; None selects the folder in ``TUTORIAL_DATA``, or else
            the user's cache.

    Returns:
        The path of ``osie/``.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: the .mat file has another structure, or the numbers of images and cells differ.
    """
    images = _find(Path(folder) / "data" / "stimuli", "*.jpg")
    (path,) = _find(Path(folder) / "data" / "eye", "fixations.mat")
    rows = []
    with _report_malformed(path):
        variables = loadmat(path, variable_names=["fixations"], squeeze_me=True, struct_as_record=False)
        cells = np.atleast_1d(variables["fixations"])
        if len(cells) != len(images):
            raise ValueError(f"{len(cells)} cells for {len(images)} images: one of the two is incomplete")
        for i, (cell, image) in enumerate(zip(cells, images, strict=True)):
            if getattr(cell, "img", image.name) != image.name:
                raise ValueError(f"cell {i + 1} belongs to {cell.img!r}, but the image is {image.name!r}")
            for subject, viewer in enumerate(np.atleast_1d(cell.subjects)):
                columns = [np.atleast_1d(getattr(viewer, f"fix_{key}")).astype(float) for key in ("x", "y", "duration")]
                rows += [(x, y, t, subject, i) for x, y, t in zip(*columns, strict=True)]
    return _write_fixations("osie", images, rows, data_dir)


def convert_mit1003(folder: StrPath, *, data_dir: StrPath | None = None) -> Path:
    """Convert MIT1003 as its authors publish it, and return the folder that was written.

    The published layout is ``ALLSTIMULI/*.jpeg`` and ``ALLFIXATIONMAPS/*_fixPts.jpg``. A fixation map combines all
    viewers and has each point once. Therefore ``subject`` is −1 and ``duration`` is 0 in every row.

    Args:
        folder: the unpacked download, which contains both.
        data_dir: the data folder in which ``mit1003/`` is written; None selects the folder in ``TUTORIAL_DATA``, or
            else the user's cache.

    Returns:
        The path of ``mit1003/``.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: a map and its image differ in size.
    """
    images, rows = _find(Path(folder) / "ALLSTIMULI", "*.jpeg"), []
    for i, image in enumerate(images):
        (path,) = _find(Path(folder) / "ALLFIXATIONMAPS", f"{image.stem}_fixPts.jpg")
        with open_image(path) as points, open_image(image) as photo:
            if points.size != photo.size:
                raise ValueError(f"{path.name} has {points.size} pixels and {image.name} {photo.size}")
            # After JPEG compression a point is not quite white, and its neighbors are not quite black.
            y, x = (np.asarray(points.convert("L")) > 127).nonzero()
        rows += [(column + 0.5, row + 0.5, 0, -1, i) for row, column in zip(y.tolist(), x.tolist(), strict=True)]
    return _write_fixations("mit1003", images, rows, data_dir)


def convert_scene500(folder: StrPath, *, data_dir: StrPath | None = None) -> Path:
    """Convert the 500 scenes of Liang et al. as they publish them, and return the folder that was written.

    The published layout is ``data/stimuli/*.jpg`` and ``data/tidy/fixations.mat``. In the .mat file, ``fixations`` has
    a row per image, in the order of the file names, and a column per viewer. A cell has a row per fixation: y and x in
    pixels of the image, the latency and the duration in seconds.

    Args:
        folder: the unpacked download, which contains ``data/``.
        data_dir: the data folder in which ``scene500/`` is written; None selects the folder in ``TUTORIAL_DATA``, or
            else the user's cache.

    Returns:
        The path of ``scene500/``.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: the .mat file has another structure, or the numbers of images and rows differ.
    """
    images = _find(Path(folder) / "data" / "stimuli", "*.jpg")
    (path,) = _find(Path(folder) / "data" / "tidy", "fixations.mat")
    rows = []
    with _report_malformed(path):
        cells = loadmat(path, variable_names=["fixations"])["fixations"]
        if len(cells) != len(images):
            raise ValueError(f"{len(cells)} rows for {len(images)} images: one of the two is incomplete")
        for (i, viewer), cell in np.ndenumerate(cells):
            rows += [(x, y, 1000 * seconds, viewer, i) for y, x, _, seconds in cell.reshape(-1, 4)]
    return _write_fixations("scene500", images, rows, data_dir)


def _find(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that match a pattern, in the order of their names; at least one."""
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(
            f"{display_path(folder / pattern)} is missing; pass the folder of the unpacked official download"
        )
    return files


@contextmanager
def _report_malformed(path: Path) -> Iterator[None]:
    """Turn an error while the content of a file is parsed into one that names the file."""
    try:
        yield
    except Exception as error:  # scipy raises many types of errors on a broken file
        raise ValueError(
            f"{display_path(path)} is not a file of this dataset ({type(error).__name__}: {error}); "
            "use the file that came with the images"
        ) from None


def _copy_images(name: str, sources: dict[str, Path], data_dir: StrPath | None) -> Path:
    """Copy image files, given by their new names, into the folder of a dataset, and return this folder."""
    target = resolve_data_dir(data_dir) / name
    (target / "images").mkdir(parents=True, exist_ok=True)
    for file_name, source in sources.items():
        with atomic_write(target / "images" / file_name) as temporary:
            shutil.copyfile(source, temporary)
    return target


def _write_scores(
    name: str, score_column: str, rows: Iterable[tuple[Path, Path, str, float]], data_dir: StrPath | None
) -> Path:
    """Write an image-quality dataset; a row is (distorted image, reference image, distortion, score)."""
    sources: dict[str, Path] = {}
    table = [[*REQUIRED_COLUMNS, score_column]]
    for image, original, kind, score in rows:
        names = f"{kind.replace(' ', '')}_{image.name.lower()}", f"ref_{original.name.lower()}"
        sources |= zip(names, (image, original), strict=True)
        table.append([*names, kind, repr(score)])
    target = _copy_images(name, sources, data_dir)
    with atomic_write(target / "scores.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    return target


def _write_fixations(name: str, images: list[Path], rows: list[tuple], data_dir: StrPath | None) -> Path:
    """Write an eye-fixation dataset; a row has the entries of ``FIXATION_COLUMNS``."""
    target = _copy_images(name, {image.name: image for image in images}, data_dir)
    columns = zip(FIXATION_COLUMNS.items(), np.array(rows, float).reshape(-1, len(FIXATION_COLUMNS)).T, strict=True)
    arrays: dict[str, Any] = {key: column.astype(dtype) for (key, dtype), column in columns}
    with atomic_write(target / "fixations.npz") as temporary:
        np.savez_compressed(temporary, names=np.array([image.name for image in images]), **arrays)
    return target
