"""From what the authors of a set of eye fixations give to the folder that :func:`tutorial_lib.data.fixations` reads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from tutorial_lib._download import resolve_data_dir
from tutorial_lib.data._safe_io import atomic_write, load_mat, open_image
from tutorial_lib.data.fixations import FIXATION_COLUMNS, fixations_install_hint


def convert_osie(source: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
    """OSIE as its authors give it: ``data/stimuli/*.jpg`` and ``data/eye/fixations.mat``. -> the folder written.

    In the .mat file ``fixations`` is a cell for each picture, in the order of the file names: ``img``, its name where given, and
    ``subjects``, a cell for each viewer with ``fix_x``, ``fix_y`` and ``fix_duration``.

    Args:
        source: the folder that holds ``data/``.
        root: the data folder to write ``osie/`` into.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: the file is not of this kind, or there are not as many pictures as cells.
    """
    images = list_files(Path(source) / "data" / "stimuli", "*.jpg", "osie")
    path = list_files(Path(source) / "data" / "eye", "fixations.mat", "osie")[0]
    held = load_mat(path, "fixations", squeeze_me=True, struct_as_record=False)
    if "fixations" not in held:
        raise ValueError(
            f"{path} is no file of OSIE's fixations (it has none). {fixations_install_hint('osie', data_dir=data_dir)}"
        )
    cells = np.atleast_1d(held["fixations"])
    if len(cells) != len(images):
        raise ValueError(f"{path} has {len(cells)} cells for {len(images)} pictures: one of the two is not whole")
    rows = []
    for i, (cell, image) in enumerate(zip(cells, images, strict=True)):
        named = str(getattr(cell, "img", image.name))
        if named != image.name:
            raise ValueError(
                f"cell {i + 1} of {path} belongs to {named!r}, the picture is {image.name!r}: one of the two is not whole"
            )
        try:
            for subject, seen in enumerate(np.atleast_1d(cell.subjects)):
                columns = [np.atleast_1d(getattr(seen, f"fix_{key}")).astype(float) for key in ("x", "y", "duration")]
                rows += [(x, y, t, subject, i) for x, y, t in zip(*columns, strict=True)]
        except (AttributeError, ValueError, TypeError) as error:
            raise ValueError(
                f"cell {i + 1} of {path} holds no fixations ({error}). {fixations_install_hint('osie', data_dir=data_dir)}"
            ) from None
    return write_dataset("osie", images, rows, data_dir)


def convert_mit1003(source: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
    """MIT1003 as its authors give it: ``ALLSTIMULI/*.jpeg`` and ``ALLFIXATIONMAPS/*_fixPts.jpg``. -> the folder written.

    The maps of points hold all viewers together, each point once, so ``subject`` is −1 and ``duration`` 0 throughout.

    Args:
        source: the folder that holds both.
        root: the data folder to write ``mit1003/`` into.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: a map that is not of its picture's size.
    """
    images = list_files(Path(source) / "ALLSTIMULI", "*.jpeg", "mit1003")
    rows = []
    for i, image in enumerate(images):
        path = list_files(Path(source) / "ALLFIXATIONMAPS", f"{image.stem}_fixPts.jpg", "mit1003")[0]
        with open_image(path) as points, open_image(image) as photo:
            if points.size != photo.size:
                raise ValueError(
                    f"{path.name} has {points.size} pixels, its picture {photo.size}: one of the two is another's"
                )
            # Written as JPEG, a point is not quite white and its neighbours not quite black.
            y, x = (np.asarray(points.convert("L")) > 127).nonzero()
        rows += [(column + 0.5, row + 0.5, 0, -1, i) for row, column in zip(y.tolist(), x.tolist(), strict=True)]
    return write_dataset("mit1003", images, rows, data_dir)


def list_files(folder: Path, pattern: str, name: str) -> list[Path]:
    """The files of a folder, in the order of their names."""
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"no {pattern} in {folder}. {fixations_install_hint(name)}")
    return files


def write_dataset(name: str, images: list[Path], rows: list[tuple], data_dir: str | os.PathLike | None) -> Path:
    """The folder that ``gaze(name)`` reads; its table comes last, so that a half-written folder is none."""
    folder = resolve_data_dir(data_dir) / name
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for image in images:
        with atomic_write(folder / "images" / image.name) as half:
            shutil.copyfile(image, half)
    kinds = (np.float32, np.float32, np.float32, np.int8, np.int16)
    columns = {
        key: np.array([row[k] for row in rows], kind)
        for k, (key, kind) in enumerate(zip(FIXATION_COLUMNS, kinds, strict=True))
    }
    with atomic_write(folder / "fixations.npz") as half:
        np.savez_compressed(half, names=np.array([image.name for image in images]), **columns)
    return folder
