"""Image-quality datasets with human scores, read from a folder or converted from their published layouts.

A dataset is a folder with ``images/`` and ``scores.csv``. The table has the columns distorted, reference and
distortion, and either ``dmos`` (higher = worse) or ``mos`` (higher = better). The converters write this folder from the
official downloads. Those require a form or forbid redistribution, so nothing is downloaded here.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tutorial_lib._download import DATA_ENV_VAR, display_path, resolve_data_dir
from tutorial_lib._validation import check_choice
from tutorial_lib.data._safe_io import atomic_write, load_mat, open_image, read_text
from tutorial_lib.data.distorted_images import QualityDataset

# name -> (address of its authors, name of its converter)
IQA_DATASETS = {
    "live": ("https://live.ece.utexas.edu/research/quality/subjective.htm", "convert_live"),
    "tid2013": ("https://www.ponomarenko.info/tid2013.htm", "convert_tid2013"),
}
SCORE_COLUMNS = {"dmos": ("worse", "difference mean opinion score"), "mos": ("better", "mean opinion score")}
REQUIRED_COLUMNS = ("distorted", "reference", "distortion")
MAX_IMAGE_PIXELS = 4_000_000  # no image of these datasets is larger


def load_iqa_dataset(
    name: str, *, limit: int | None = None, data_dir: str | os.PathLike | None = None
) -> QualityDataset:
    """Return an image-quality dataset with human scores.

    Each image is decoded when it is indexed.

    Args:
        name: "live" or "tid2013".
        limit: number of images to take from the beginning; None takes all of them.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The dataset.

    Raises:
        FileNotFoundError: the dataset is not available; the message says how to get it.
        ValueError: an unknown dataset, or invalid files; the message names the first one.

    References:
        Sheikh, Sabir, Bovik, IEEE TIP 15(11), 2006 (LIVE); Ponomarenko et al., Signal Processing: Image Communication
        30, 2015 (TID2013).

    Example:
        >>> load_iqa_dataset("live", data_dir="no/such/folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: live is not available. Get it from https://live.ece.utexas.edu/...
    """
    folder = resolve_data_dir(data_dir) / check_choice(name, IQA_DATASETS, "image-quality dataset")
    table = folder / "scores.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{name} is not available. {iqa_install_hint(name, data_dir=data_dir)}")

    def make_error(reason: str) -> ValueError:
        return ValueError(f"{display_path(table)}: {reason}. Fix the folder, or convert the official download again")

    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit must be a whole number above 0, or None; got {limit!r}")
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(table), newline="")))
    except (ValueError, csv.Error) as error:
        raise make_error(f"it cannot be read as a table ({error})") from None
    columns = list(rows[0]) if rows else []
    score_columns = [column for column in SCORE_COLUMNS if column in columns]
    if not rows or not set(REQUIRED_COLUMNS) <= set(columns) or len(score_columns) != 1:
        raise make_error(f"expected rows with the columns {', '.join(REQUIRED_COLUMNS)} and either dmos or mos")
    scores, images = [], folder / "images"
    for i, row in enumerate(rows, 2):
        try:
            scores.append(float(row[score_columns[0]]))
        except (TypeError, ValueError):
            scores.append(math.nan)
        if not math.isfinite(scores[-1]):
            raise make_error(f"line {i} has no number in the column {score_columns[0]}")
        for column in ("distorted", "reference"):
            # A name that leads out of the folder is not an image of this dataset.
            if not row[column] or Path(row[column]).name != row[column] or "\0" in row[column]:
                raise make_error(f"line {i} names {row[column]!r}, which is not a plain file name")
    total, rows, scores = len(rows), rows[:limit], scores[:limit]
    for row in rows:
        sizes = [_image_size(images / row[column], make_error) for column in ("distorted", "reference")]
        if sizes[0] != sizes[1]:
            raise make_error(f"{row['distorted']} is {sizes[0]}, its reference {row['reference']} is {sizes[1]}")
    higher_is, score_description = SCORE_COLUMNS[score_columns[0]]
    count = f"{'all' if len(rows) == total else 'the first'} {len(rows):,}"
    return QualityDataset(
        [images / row["distorted"] for row in rows],
        {row["reference"]: images / row["reference"] for row in rows},
        [row["reference"] for row in rows],
        [row["distortion"] for row in rows],
        scores,
        higher_is=higher_is,
        score_description=score_description,
        description=f"{count} rated images of {name} in this folder",
    )


def iqa_dataset_available(name: str, *, data_dir: str | os.PathLike | None = None) -> bool:
    """Return whether :func:`load_iqa_dataset` finds the table of a dataset.

    Args:
        name: "live" or "tid2013".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        True if the table exists; its content is not checked.

    Raises:
        ValueError: an unknown dataset.

    Example:
        >>> iqa_dataset_available("tid2013", data_dir="no/such/folder")
        False
    """
    return (
        resolve_data_dir(data_dir) / check_choice(name, IQA_DATASETS, "image-quality dataset") / "scores.csv"
    ).is_file()


def iqa_install_hint(name: str, *, data_dir: str | os.PathLike | None = None) -> str:
    """Return a two-sentence hint on how to obtain a dataset that is not available locally.

    Args:
        name: "live" or "tid2013".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The address of the authors, and the call that converts their files.

    Raises:
        ValueError: an unknown dataset.

    Example:
        >>> iqa_install_hint("tid2013", data_dir="data")[:56]
        'Get it from https://www.ponomarenko.info/tid2013.htm, un'
    """
    address, converter = IQA_DATASETS[check_choice(name, IQA_DATASETS, "image-quality dataset")]
    target = display_path(resolve_data_dir(data_dir) / name)
    return (
        f"Get it from {address}, unpack it, and run `data.{converter}(folder)` once: it writes {target}. "
        f"Or set `{DATA_ENV_VAR}` to a folder that has `{name}/scores.csv` and `{name}/images`."
    )


def convert_live(folder: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
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
    realigned = folder / "dmos_realigned.mat"
    score_file = _existing_path(realigned if realigned.is_file() else folder / "dmos.mat")
    variables = load_mat(score_file, "dmos", "dmos_new", "orgs")
    dmos, is_copy = variables.get("dmos_new", variables.get("dmos")), variables.get("orgs")
    if dmos is None or is_copy is None:
        raise ValueError(f"{score_file.name} has no dmos and orgs; use the file that came with the images")
    pairs = []
    for kind in ("jp2k", "jpeg", "wn", "gblur", "fastfading"):  # the order of the scores
        listing = _existing_path(folder / kind / "info.txt")
        lines = [line.split() for line in read_text(listing).splitlines() if line.split()]
        with _report_malformed_lines(listing):
            for reference, name, *_ in sorted(lines, key=lambda parts: int(parts[1][3:].partition(".")[0])):
                image, original = _check_plain_filename(name), _check_plain_filename(reference)
                pairs.append((folder / kind / image, folder / "refimgs" / original, kind))
    if not len(pairs) == dmos.size == is_copy.size:
        raise ValueError(f"{len(pairs)} images are listed in info.txt, {score_file.name} has {dmos.size} scores")
    rows = [(*pair, float(s)) for pair, s, copy in zip(pairs, dmos.flat, is_copy.flat, strict=True) if not copy]
    return _write_dataset("live", "dmos", rows, data_dir)


def convert_tid2013(folder: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
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
    listing = _existing_path(folder / "mos_with_names.txt")
    for line in read_text(listing).splitlines():
        if len(parts := line.split()) == 2:
            with _report_malformed_lines(listing):
                score, name = float(parts[0]), _check_plain_filename(parts[1].lower())
                reference = name.split("_")[0] + ".bmp"
                image, original = (files.get(n, folder / "distorted_images" / n) for n in (name, reference))
                rows.append((image, original, f"type {int(name.split('_')[1])}", score))
    return _write_dataset("tid2013", "mos", rows, data_dir)


@contextmanager
def _report_malformed_lines(listing: Path) -> Iterator[None]:
    """Turn an error while the lines of a list are parsed into one that names the file."""
    try:
        yield
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"{display_path(listing)} is not a list of this dataset ({error}); use the file that came with the images"
        ) from None


def _check_plain_filename(name: str) -> str:
    """The name, if it is that of a file and not a path."""
    if set(name) & set("/\\:\0") or name in (".", ".."):
        raise ValueError(f"{name!r} is not a plain file name")
    return name


def _write_dataset(
    name: str,
    score_column: str,
    rows: list[tuple[Path, Path, str, float]],
    data_dir: str | os.PathLike | None,
) -> Path:
    """Write the folder of a dataset; a row is (distorted image, reference image, distortion, score)."""
    target, table = resolve_data_dir(data_dir) / name, []
    for image, original, _, _ in rows:
        _existing_path(image), _existing_path(original)
    (target / "images").mkdir(parents=True, exist_ok=True)
    finished = set()
    for image, original, kind, score in rows:
        names = f"{kind.replace(' ', '')}_{image.stem.lower()}.png", f"ref_{original.stem.lower()}.png"
        for source, file_name in zip((image, original), names, strict=True):
            if file_name not in finished:
                with open_image(source) as opened:
                    photo = opened.convert("RGB")
                with atomic_write(target / "images" / file_name) as temporary:
                    photo.save(temporary, "PNG")
                finished.add(file_name)
        table.append([*names, kind, repr(score)])
    # The table is written last, so that its presence means that all images are there.
    with atomic_write(target / "scores.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*REQUIRED_COLUMNS, score_column], *table])
    return target


def _existing_path(path: Path) -> Path:
    """The path, if the file exists."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{display_path(path)} is missing; pass the folder of the unpacked official download to the converter"
        )
    return path


def _image_size(path: Path, make_error: Callable[[str], ValueError]) -> str:
    """Width and height of an image file as text, from its header alone."""
    try:
        with Image.open(path) as opened:
            width, height = opened.size
    except FileNotFoundError:
        raise make_error(f"the image {path.name} is missing") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise make_error(f"{path.name} cannot be read as an image ({error})") from None
    if width * height > MAX_IMAGE_PIXELS:
        raise make_error(f"{path.name} declares {width}×{height} pixels, more than any image of these datasets")
    return f"{width}×{height}"
