"""Sets of damaged pictures that people have judged, from a folder of plain files, and from the layouts they are published in.

One layout is read: ``<set>/images/`` with the pictures, and ``<set>/scores.csv`` with the columns distorted, reference,
distortion, and ``dmos`` (higher = worse) or ``mos`` (higher = better). The converters write it from the official downloads, which
ask for a form or forbid redistribution, so that nothing is downloaded here.
"""

from __future__ import annotations

import csv
import io
import math
import os
from contextlib import contextmanager
from pathlib import Path

from tutorial_lib._download import DATA_ENV_VAR, display_path, resolve_data_dir
from tutorial_lib._validation import check_choice
from tutorial_lib.data._safe_io import atomic_write, load_mat, open_image, read_text
from tutorial_lib.data.distorted_images import QualityDataset

# name -> (where it is had, its converter)
IQA_DATASETS = {
    "live": ("https://live.ece.utexas.edu/research/quality/subjective.htm", "convert_live"),
    "tid2013": ("https://www.ponomarenko.info/tid2013.htm", "convert_tid2013"),
}
SCORE_COLUMNS = {"dmos": ("worse", "difference mean opinion score"), "mos": ("better", "mean opinion score")}
REQUIRED_COLUMNS = ("distorted", "reference", "distortion")
MAX_IMAGE_PIXELS = 4_000_000  # pixels; what claims to be larger is no picture of these sets


def load_iqa_dataset(
    name: str, *, limit: int | None = None, data_dir: str | os.PathLike | None = None
) -> QualityDataset:
    """Read a set of pictures with human scores: "live" or "tid2013". Pictures are decoded one by one, when they are asked for.

    Args:
        name: the set.
        limit: take at most the first so many.
        root: the data folder; else ``TUTORIAL_DATA``, else the user's cache.

    Raises:
        FileNotFoundError: it is not at hand; the error says how it is had.
        ValueError: an unknown set, or files that are not what they should be; the error names the first one.

    Source: Sheikh, Sabir, Bovik, IEEE TIP 15(11), 2006 (LIVE); Ponomarenko et al., Signal Processing: Image Communication 30,
    2015 (TID2013).

    Example:
        >>> load_iqa_dataset("live", data_dir="no/such/folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: live is not at hand. Get it from https://live.ece.utexas.edu/...
    """
    folder = resolve_data_dir(data_dir) / check_choice(name, IQA_DATASETS, "set with opinions")
    table = folder / "scores.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{name} is not at hand. {iqa_install_hint(name, data_dir=data_dir)}")

    def refuse(why: str):
        return ValueError(f"{display_path(table)}: {why}. Mend the folder, or convert the official download again")

    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit must be a whole number above 0, or None; got {limit!r}")
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(table), newline="")))
    except (ValueError, csv.Error) as error:
        raise refuse(f"it is no table that can be read ({error})") from None
    columns = rows[0].keys() if rows else ()
    scale = [column for column in SCORE_COLUMNS if column in columns]
    if not rows or not set(REQUIRED_COLUMNS) <= set(columns) or len(scale) != 1:
        raise refuse(f"expected rows with the columns {', '.join(REQUIRED_COLUMNS)} and either dmos or mos")
    scores, images = [], folder / "images"
    for i, row in enumerate(rows, 2):
        try:
            scores.append(float(row[scale[0]]))
        except (TypeError, ValueError):
            scores.append(math.nan)
        if not math.isfinite(scores[-1]):
            raise refuse(f"line {i} has no number in the column {scale[0]}")
        for column in ("distorted", "reference"):
            # A name that leads out of the folder is no name of a picture of this set.
            if not row[column] or Path(row[column]).name != row[column] or "\0" in row[column]:
                raise refuse(f"line {i} names {row[column]!r}, which is no plain file name")
    total, rows, scores = len(rows), rows[:limit], scores[:limit]
    for row in rows:
        sizes = [_image_size(images / row[column], refuse) for column in ("distorted", "reference")]
        if sizes[0] != sizes[1]:
            raise refuse(f"{row['distorted']} is {sizes[0]}, its reference {row['reference']} is {sizes[1]}")
    rising, meaning = SCORE_COLUMNS[scale[0]]
    part = f"{'all' if len(rows) == total else 'the first'} {len(rows):,} rated pictures of {name} in this folder"
    return QualityDataset(
        [images / row["distorted"] for row in rows],
        {row["reference"]: images / row["reference"] for row in rows},
        [row["reference"] for row in rows],
        [row["distortion"] for row in rows],
        scores,
        higher_is=rising,
        score_description=meaning,
        description=part,
    )


def iqa_dataset_available(name: str, *, data_dir: str | os.PathLike | None = None) -> bool:
    """Whether :func:`opinions` would find the set.

    Example:
        >>> iqa_dataset_available("tid2013", data_dir="no/such/folder")
        False
    """
    return (resolve_data_dir(data_dir) / check_choice(name, IQA_DATASETS, "set with opinions") / "scores.csv").is_file()


def iqa_install_hint(name: str, *, data_dir: str | os.PathLike | None = None) -> str:
    """Say in two sentences how a set that is not at hand is had.

    Example:
        >>> iqa_install_hint("tid2013", data_dir="pictures").startswith("Get it from https://www.ponomarenko.info/tid2013.htm")
        True
    """
    address, converter = IQA_DATASETS[check_choice(name, IQA_DATASETS, "set with opinions")]
    target = display_path(resolve_data_dir(data_dir) / name)
    return (
        f"Get it from {address}, unpack it, and run `data.{converter}(folder)` once: it writes {target}. "
        f"Or set `{DATA_ENV_VAR}` to a folder that has `{name}/scores.csv` and `{name}/images`."
    )


def convert_live(folder: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
    """LIVE as it is published (``databaserelease2``: five folders of pictures, ``refimgs``, ``dmos.mat``) into the layout read here.

    The 203 undamaged copies among the 982 pictures are left out. Where ``dmos_realigned.mat`` lies there, its scores are taken.

    Raises:
        FileNotFoundError: a file of the published layout is missing; the error names it.
        ValueError: scores and pictures are not equally many.
    """
    folder = Path(folder)
    realigned = folder / "dmos_realigned.mat"
    scores = _existing_path(realigned if realigned.is_file() else folder / "dmos.mat")
    held = load_mat(scores, "dmos", "dmos_new", "orgs")
    dmos, copies = held.get("dmos_new", held.get("dmos")), held.get("orgs")
    if dmos is None or copies is None:
        raise ValueError(f"{scores.name} has no dmos and orgs; take the file that came with the pictures")
    found = []
    for kind in ("jp2k", "jpeg", "wn", "gblur", "fastfading"):  # the order in which the scores are listed
        listed = _existing_path(folder / kind / "info.txt")
        lines = [line.split() for line in read_text(listed).splitlines() if line.split()]
        with _parse_score_lines(listed):
            for reference, name, *_ in sorted(lines, key=lambda parts: int(parts[1][3:].partition(".")[0])):
                found.append(
                    (folder / kind / _is_plain_filename(name), folder / "refimgs" / _is_plain_filename(reference), kind)
                )
    if not len(found) == dmos.size == copies.size:
        raise ValueError(f"{len(found)} pictures are listed in info.txt, {scores.name} has {dmos.size} scores")
    kept = [(*one, float(s)) for one, s, copy in zip(found, dmos.flat, copies.flat, strict=True) if not copy]
    return _write_dataset("live", "dmos", kept, data_dir)


def convert_tid2013(folder: str | os.PathLike, *, data_dir: str | os.PathLike | None = None) -> Path:
    """TID2013 as it is published (``distorted_images``, ``reference_images``, ``mos_with_names.txt``) into the layout read here.

    Raises:
        FileNotFoundError: a file of the published layout is missing; the error names it.
    """
    folder, found = Path(folder), []
    # Names are written in capitals here and in small letters there.
    files = {p.name.lower(): p for part in ("distorted_images", "reference_images") for p in (folder / part).glob("*")}
    listed = _existing_path(folder / "mos_with_names.txt")
    for line in read_text(listed).splitlines():
        if len(parts := line.split()) == 2:
            with _parse_score_lines(listed):
                score, name = float(parts[0]), _is_plain_filename(parts[1].lower())
                reference = name.split("_")[0] + ".bmp"
                image, original = (files.get(n, folder / "distorted_images" / n) for n in (name, reference))
                found.append((image, original, f"type {int(name.split('_')[1])}", score))
    return _write_dataset("tid2013", "mos", found, data_dir)


@contextmanager
def _parse_score_lines(listed: Path):
    try:
        yield
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"{display_path(listed)} is no list of this set ({error}); take the file that came with the pictures"
        ) from None


def _is_plain_filename(name: str) -> str:
    """The name of a file, if it leads nowhere else."""
    if set(name) & set("/\\:\0") or name in (".", ".."):
        raise ValueError(f"{name!r} is no plain file name")
    return name


def _write_dataset(name: str, scale: str, found: list[tuple[Path, Path, str, float]], data_dir) -> Path:
    target, rows = resolve_data_dir(data_dir) / name, []
    for image, original, _, _ in found:
        _existing_path(image), _existing_path(original)
    (target / "images").mkdir(parents=True, exist_ok=True)
    written = set()
    for image, original, kind, score in found:
        names = f"{kind.replace(' ', '')}_{image.stem.lower()}.png", f"ref_{original.stem.lower()}.png"
        for source, file in zip((image, original), names, strict=True):
            if file not in written:
                with open_image(source) as opened:
                    photo = opened.convert("RGB")
                with atomic_write(target / "images" / file) as half:
                    photo.save(half, "PNG")
                written.add(file)
        rows.append([*names, kind, repr(score)])
    # The table comes last and whole: where it stands, the pictures stand too.
    with atomic_write(target / "scores.csv") as half, half.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*REQUIRED_COLUMNS, scale], *rows])
    return target


def _existing_path(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(
            f"{display_path(path)} is missing; point the converter at the unpacked official download"
        )
    return path


def _image_size(path: Path, refuse) -> str:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:  # reads the head only
            width, height = opened.size
    except FileNotFoundError:
        raise refuse(f"the picture {path.name} is missing") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise refuse(f"{path.name} is no picture that can be read ({error})") from None
    if width * height > MAX_IMAGE_PIXELS:
        raise refuse(f"{path.name} claims {width}×{height} pixels, more than any picture of these sets")
    return f"{width}×{height}"
