"""Converters of published eye-fixation datasets into the folder that :func:`tutorial_lib.data.load_fixations` reads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tutorial_lib._download import resolve_data_dir
from tutorial_lib.data._safe_io import atomic_write, load_mat, open_image
from tutorial_lib.data.fixations import FIXATION_COLUMNS, fixations_install_hint


def convert_osie(source: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
    """Convert OSIE as its authors publish it, and return the folder that was written.

    The published layout is ``data/stimuli/*.jpg`` and ``data/eye/fixations.mat``. In the .mat file, ``fixations`` has
    one cell per image, in the order of the file names. A cell has ``img``, the file name (optional), and ``subjects``,
    one cell per viewer with ``fix_x``, ``fix_y`` and ``fix_duration``.

    Args:
        source: the folder that contains ``data/``.
        data_dir: the data folder in which ``osie/`` is written; None selects the folder in ``TUTORIAL_DATA``, or else
            the user's cache.

    Returns:
        The path of ``osie/``.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: the .mat file has another structure, or the numbers of images and cells differ.
    """
    images = list_files(Path(source) / "data" / "stimuli", "*.jpg", "osie")
    path = list_files(Path(source) / "data" / "eye", "fixations.mat", "osie")[0]
    variables = load_mat(path, "fixations", squeeze_me=True, struct_as_record=False)
    if "fixations" not in variables:
        raise ValueError(
            f"{path} has no variable 'fixations', so it is not the file of OSIE. "
            f"{fixations_install_hint('osie', data_dir=data_dir)}"
        )
    cells = np.atleast_1d(variables["fixations"])
    if len(cells) != len(images):
        raise ValueError(f"{path} has {len(cells)} cells for {len(images)} images: one of the two is incomplete")
    rows = []
    for i, (cell, image) in enumerate(zip(cells, images, strict=True)):
        file_name = str(getattr(cell, "img", image.name))
        if file_name != image.name:
            raise ValueError(
                f"cell {i + 1} of {path} belongs to {file_name!r}, but the image is {image.name!r}: "
                "one of the two is incomplete"
            )
        try:
            for subject, viewer in enumerate(np.atleast_1d(cell.subjects)):
                columns = [np.atleast_1d(getattr(viewer, f"fix_{key}")).astype(float) for key in ("x", "y", "duration")]
                rows += [(x, y, t, subject, i) for x, y, t in zip(*columns, strict=True)]
        except (AttributeError, ValueError, TypeError) as error:
            raise ValueError(
                f"cell {i + 1} of {path} holds no fixations ({error}). "
                f"{fixations_install_hint('osie', data_dir=data_dir)}"
            ) from None
    return write_dataset("osie", images, rows, data_dir)


def convert_mit1003(source: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
    """Convert MIT1003 as its authors publish it, and return the folder that was written.

    The published layout is ``ALLSTIMULI/*.jpeg`` and ``ALLFIXATIONMAPS/*_fixPts.jpg``. A fixation map combines all
    viewers and has each point once. Therefore ``subject`` is −1 and ``duration`` is 0 in every row.

    Args:
        source: the folder that contains both.
        data_dir: the data folder in which ``mit1003/`` is written; None selects the folder in ``TUTORIAL_DATA``, or
            else the user's cache.

    Returns:
        The path of ``mit1003/``.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: a map and its image differ in size.
    """
    images = list_files(Path(source) / "ALLSTIMULI", "*.jpeg", "mit1003")
    rows = []
    for i, image in enumerate(images):
        path = list_files(Path(source) / "ALLFIXATIONMAPS", f"{image.stem}_fixPts.jpg", "mit1003")[0]
        with open_image(path) as points, open_image(image) as photo:
            if points.size != photo.size:
                raise ValueError(
                    f"{path.name} has {points.size} pixels, its image {photo.size}: the two do not belong together"
                )
            # After JPEG compression a point is not quite white, and its neighbors are not quite black.
            y, x = (np.asarray(points.convert("L")) > 127).nonzero()
        rows += [(column + 0.5, row + 0.5, 0, -1, i) for row, column in zip(y.tolist(), x.tolist(), strict=True)]
    return write_dataset("mit1003", images, rows, data_dir)


def list_files(folder: Path, pattern: str, name: str) -> list[Path]:
    """Return the files of a folder that match a pattern, in the order of their names.

    Args:
        folder: where to look.
        pattern: such as "*.jpg".
        name: the dataset, for the error message.

    Returns:
        At least one path.

    Raises:
        FileNotFoundError: no file matches.
    """
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"no {pattern} in {folder}. {fixations_install_hint(name)}")
    return files


def write_dataset(name: str, images: list[Path], rows: list[tuple], data_dir: str | os.PathLike | None) -> Path:
    """Write the folder that ``load_fixations(name)`` reads.

    The table is written last, so that an incomplete folder has none and counts as missing.

    Args:
        name: the dataset, which is also the name of the folder.
        images: the image files, which are copied.
        rows: one tuple per fixation, with the entries of ``FIXATION_COLUMNS``.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The path of the folder.
    """
    folder = resolve_data_dir(data_dir) / name
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for image in images:
        with atomic_write(folder / "images" / image.name) as temporary:
            shutil.copyfile(image, temporary)
    dtypes = (np.float32, np.float32, np.float32, np.int8, np.int16)
    columns: dict[str, Any] = {
        key: np.array([row[k] for row in rows], dtype)
        for k, (key, dtype) in enumerate(zip(FIXATION_COLUMNS, dtypes, strict=True))
    }
    with atomic_write(folder / "fixations.npz") as temporary:
        np.savez_compressed(temporary, names=np.array([image.name for image in images]), **columns)
    return folder
