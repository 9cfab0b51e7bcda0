"""From what the authors of a set of eye fixations give to the folder that :func:`tutorial_lib.data.gaze` reads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from tutorial_lib.data.gaze import COLUMNS, how_to_get_gaze
from tutorial_lib.data.guarded import picture_file, read_mat, replacing
from tutorial_lib.folder import data_folder


def from_osie(source: str | os.PathLike, *, root: str | os.PathLike | None = None) -> Path:
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
    pictures = found(Path(source) / "data" / "stimuli", "*.jpg", "osie")
    path = found(Path(source) / "data" / "eye", "fixations.mat", "osie")[0]
    held = read_mat(path, "fixations", squeeze_me=True, struct_as_record=False)
    if "fixations" not in held:
        raise ValueError(f"{path} is no file of OSIE's fixations (it has none). {how_to_get_gaze('osie', root=root)}")
    cells = np.atleast_1d(held["fixations"])
    if len(cells) != len(pictures):
        raise ValueError(f"{path} has {len(cells)} cells for {len(pictures)} pictures: one of the two is not whole")
    rows = []
    for i, (cell, picture) in enumerate(zip(cells, pictures, strict=True)):
        named = str(getattr(cell, "img", picture.name))
        if named != picture.name:
            raise ValueError(
                f"cell {i + 1} of {path} belongs to {named!r}, the picture is {picture.name!r}: one of the two is not whole"
            )
        try:
            for subject, seen in enumerate(np.atleast_1d(cell.subjects)):
                columns = [np.atleast_1d(getattr(seen, f"fix_{key}")).astype(float) for key in ("x", "y", "duration")]
                rows += [(x, y, t, subject, i) for x, y, t in zip(*columns, strict=True)]
        except (AttributeError, ValueError, TypeError) as error:
            raise ValueError(
                f"cell {i + 1} of {path} holds no fixations ({error}). {how_to_get_gaze('osie', root=root)}"
            ) from None
    return written("osie", pictures, rows, root)


def from_mit1003(source: str | os.PathLike, *, root: str | os.PathLike | None = None) -> Path:
    """MIT1003 as its authors give it: ``ALLSTIMULI/*.jpeg`` and ``ALLFIXATIONMAPS/*_fixPts.jpg``. -> the folder written.

    The maps of points hold all viewers together, each point once, so ``subject`` is −1 and ``duration`` 0 throughout.

    Args:
        source: the folder that holds both.
        root: the data folder to write ``mit1003/`` into.

    Raises:
        FileNotFoundError: a part of the layout is missing; the message names it.
        ValueError: a map that is not of its picture's size.
    """
    pictures = found(Path(source) / "ALLSTIMULI", "*.jpeg", "mit1003")
    rows = []
    for i, picture in enumerate(pictures):
        path = found(Path(source) / "ALLFIXATIONMAPS", f"{picture.stem}_fixPts.jpg", "mit1003")[0]
        with picture_file(path) as points, picture_file(picture) as photo:
            if points.size != photo.size:
                raise ValueError(
                    f"{path.name} has {points.size} pixels, its picture {photo.size}: one of the two is another's"
                )
            # Written as JPEG, a point is not quite white and its neighbours not quite black.
            y, x = (np.asarray(points.convert("L")) > 127).nonzero()
        rows += [(column + 0.5, row + 0.5, 0, -1, i) for row, column in zip(y.tolist(), x.tolist(), strict=True)]
    return written("mit1003", pictures, rows, root)


def found(folder: Path, pattern: str, name: str) -> list[Path]:
    """The files of a folder, in the order of their names."""
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"no {pattern} in {folder}. {how_to_get_gaze(name)}")
    return files


def written(name: str, pictures: list[Path], rows: list[tuple], root: str | os.PathLike | None) -> Path:
    """The folder that ``gaze(name)`` reads; its table comes last, so that a half-written folder is none."""
    folder = data_folder(root) / name
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        with replacing(folder / "images" / picture.name) as half:
            shutil.copyfile(picture, half)
    kinds = (np.float32, np.float32, np.float32, np.int8, np.int16)
    columns = {
        key: np.array([row[k] for row in rows], kind) for k, (key, kind) in enumerate(zip(COLUMNS, kinds, strict=True))
    }
    with replacing(folder / "fixations.npz") as half:
        np.savez_compressed(half, names=np.array([picture.name for picture in pictures]), **columns)
    return folder
