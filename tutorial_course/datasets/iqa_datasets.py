"""Image-quality datasets with human scores, read from a folder and checked.

A dataset is a folder with ``images/`` and ``scores.csv``. The table has the columns distorted, reference and
distortion, and either ``dmos`` (higher = worse) or ``mos`` (higher = better). ``tutorial_course.datasets.converters``
writes this folder from the official downloads. Those require a form or forbid redistribution, so nothing is downloaded
here.
"""

import csv
import io
import math

from tutorial_course.datasets._files import ConvertedDatasets, hash_parts, is_plain_filename, read_text
from tutorial_lib._download import StrPath, display_path
from tutorial_lib._validation import check_counts, convert_arguments
from tutorial_lib.data import QualityDataset
from tutorial_lib.data._safe_io import open_image

# Name -> address of its authors.
IQA_DATASETS = {
    "live": "https://live.ece.utexas.edu/research/quality/subjective.htm",
    "tid2013": "https://www.ponomarenko.info/tid2013.htm",
    "kadid10k": "https://database.mmsp-kn.de/kadid-10k-database.html",
}
_CONVERTED = ConvertedDatasets("image-quality dataset", "scores.csv", IQA_DATASETS)
# Column of scores -> what a higher score means, and the name of the score.
SCORE_COLUMNS = {"dmos": ("worse", "difference mean opinion score"), "mos": ("better", "mean opinion score")}
REQUIRED_COLUMNS = ("distorted", "reference", "distortion")
MAX_IMAGE_PIXELS = 4_000_000  # no image of these datasets is larger


@convert_arguments
def load_iqa_dataset(name: str, *, limit: int | None = None, data_dir: StrPath | None = None) -> QualityDataset:
    """Return an image-quality dataset with human scores.

    Each image is decoded when it is indexed.

    Args:
        name: "live", "tid2013" or "kadid10k".
        limit: number of images to take from the beginning; None takes all of them.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The dataset.

    Raises:
        FileNotFoundError: the dataset is not available; the message says how to get it.
        ValueError: an unknown dataset, or invalid files; the message names the first one.

    References:
        Sheikh, Sabir, Bovik, IEEE TIP 15(11), 2006 (LIVE); Ponomarenko et al., Signal Processing: Image Communication
        30, 2015 (TID2013); Lin, Hosu, Saupe, QoMEX 2019 (KADID-10k).

    Example:
        >>> load_iqa_dataset("live", data_dir="no/such/folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: live is not available. Get it from https://live.ece.utexas.edu/...
    """
    table = _CONVERTED.table_path(name, data_dir)
    check_counts(limit=limit)
    if not table.is_file():
        raise FileNotFoundError(f"{name} is not available. {iqa_install_hint(name, data_dir=data_dir)}")

    def make_error(reason: str) -> ValueError:
        return ValueError(f"{display_path(table)}: {reason}. Fix the folder, or convert the official download again")

    try:
        rows = list(csv.DictReader(io.StringIO(read_text(table), newline="")))
    except (ValueError, csv.Error) as error:
        raise make_error(f"it cannot be read as a table ({error})") from None
    columns = set(rows[0]) if rows else set()
    score_columns = columns & set(SCORE_COLUMNS)
    if not set(REQUIRED_COLUMNS) <= columns or len(score_columns) != 1:
        raise make_error(f"expected rows with the columns {', '.join(REQUIRED_COLUMNS)} and either dmos or mos")
    score_column = score_columns.pop()
    scores, images = [], table.parent / "images"
    for line, row in enumerate(rows, 2):
        try:
            scores.append(float(row[score_column]))
        except (TypeError, ValueError):
            scores.append(math.nan)
        if not math.isfinite(scores[-1]):
            raise make_error(f"line {line} has no number in the column {score_column}")
        # A name that leads out of the folder is not an image of this dataset.
        invalid = [row[column] for column in ("distorted", "reference") if not is_plain_filename(row[column] or "")]
        if invalid:
            raise make_error(f"line {line} names {invalid[0]!r}, which is not a plain file name")
    for row in rows[:limit]:
        sizes = []
        for file in (images / row["distorted"], images / row["reference"]):
            if not file.is_file():
                raise make_error(f"the image {file.name} is missing")
            with open_image(file) as opened:
                sizes.append(f"{opened.width}×{opened.height}")
            if opened.width * opened.height > MAX_IMAGE_PIXELS:
                raise make_error(f"{file.name} declares {sizes[-1]} pixels, more than any image of these datasets")
        if sizes[0] != sizes[1]:
            raise make_error(f"{row['distorted']} is {sizes[0]}, its reference {row['reference']} is {sizes[1]}")
    count = "all" if limit is None or limit >= len(rows) else "the first"
    rows, (higher_is, score_description) = rows[:limit], SCORE_COLUMNS[score_column]
    return QualityDataset(
        [images / row["distorted"] for row in rows],
        {row["reference"]: images / row["reference"] for row in rows},
        [row["reference"] for row in rows],
        [row["distortion"] for row in rows],
        scores[:limit],
        higher_is=higher_is,
        score_description=score_description,
        description=f"{count} {len(rows):,} rated images of {name} in this folder",
    )


def iqa_dataset_sha256(dataset: QualityDataset) -> str:
    """Return the hash of a dataset that was loaded from files.

    Args:
        dataset: what :func:`load_iqa_dataset` returned.

    Returns:
        The sha256 of its image files and scores.
    """
    references = [dataset.reference_images[name] for name in sorted(set(dataset.references))]
    return hash_parts([*dataset.images, *references, dataset.scores.numpy().astype("<f8").data])


@convert_arguments
def iqa_dataset_available(name: str, *, data_dir: StrPath | None = None) -> bool:
    """Return whether :func:`load_iqa_dataset` finds the table of a dataset.

    Args:
        name: "live", "tid2013" or "kadid10k".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        True if the table exists; its content is not checked.

    Raises:
        ValueError: an unknown dataset.

    Example:
        >>> iqa_dataset_available("tid2013", data_dir="no/such/folder")
        False
    """
    return _CONVERTED.table_path(name, data_dir).is_file()


@convert_arguments
def iqa_install_hint(name: str, *, data_dir: StrPath | None = None) -> str:
    """Return a two-sentence hint on how to obtain a dataset that is not available locally.

    Args:
        name: "live", "tid2013" or "kadid10k".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The address of the authors, and the call that converts their files.

    Raises:
        ValueError: an unknown dataset.

    Example:
        >>> iqa_install_hint("tid2013", data_dir="data")[:56]
        'Get it from https://www.ponomarenko.info/tid2013.htm, un'
    """
    return _CONVERTED.install_hint(name, data_dir)
