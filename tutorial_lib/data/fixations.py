"""Eye-fixation datasets: photographs with the fixations of many viewers, read from the data folder and checked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib._download import DATA_ENV_VAR, display_path, resolve_data_dir
from tutorial_lib._validation import check_choice
from tutorial_lib.data._safe_io import MAX_TEXT_BYTES, load_npz, open_image

FIXATION_COLUMNS = ("x", "y", "duration", "subject", "image")


@dataclass(frozen=True)
class FixationDatasetInfo:
    """A published eye-fixation dataset.

    Attributes:
        n_images: number of its images.
        pixels_per_degree: pixels per degree of the viewer's visual angle.
        license: its license in words.
        url: where its authors publish it.
    """

    n_images: int
    pixels_per_degree: int
    license: str
    url: str


FIXATION_DATASETS = {
    # Xu, Jiang, Wang, Kankanhalli, Zhao, Journal of Vision 14(1):28, 2014; the degree is that of the authors' code.
    "osie": FixationDatasetInfo(700, 24, "MIT", "https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels"),
    # Judd, Ehinger, Durand, Torralba, ICCV 2009.
    "mit1003": FixationDatasetInfo(1003, 35, "research use", "https://people.csail.mit.edu/tjudd/WherePeopleLook/"),
}


@dataclass(frozen=True, repr=False)
class FixationDataset:
    """Photographs and the fixations of their viewers; ``len`` is the number of images.

    Attributes:
        folder: the folder with ``images/``.
        names: file names of the images.
        table: column name -> array with one entry per fixation, for each of ``FIXATION_COLUMNS``.
        pixels_per_degree: pixels per degree of the viewer's visual angle, at the original size of the images.
        description: which images of which dataset these are, in words.
        sha256: hash of the fixations and of the image files, in this order.
    """

    folder: Path
    names: tuple[str, ...]
    table: dict[str, np.ndarray]
    pixels_per_degree: int
    description: str
    sha256: str

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"FixationDataset({self.description}, {len(self.table['x']):,} fixations)"

    def image_size(self, i: int) -> tuple[int, int]:
        """Return the height and the width of an image as it was presented.

        Args:
            i: index of the image.

        Returns:
            Height and width in pixels.
        """
        with open_image(self.folder / "images" / self.names[i]) as photo:
            return photo.size[1], photo.size[0]

    def image(self, i: int, size: tuple[int, int] | None = None, *, device: torch.device | str | None = None) -> Tensor:
        """Return an image, decoded from its file.

        Args:
            i: index of the image.
            size: height and width to which the image is scaled (bilinear, antialiased); None keeps its own size.
            device: device of the result; None is the CPU.

        Returns:
            Image (1, 3, H, W), floats in [0, 1].
        """
        with open_image(self.folder / "images" / self.names[i]) as photo:
            array = np.array(photo.convert("RGB"))
        x = torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255
        if size is not None:
            x = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)
        return x.to(device or "cpu")

    def fixations(
        self, i: int, size: tuple[int, int], *, viewer: int | None = None, without: int | None = None
    ) -> Tensor:
        """Return the fixated positions of an image, as rows and columns of a map.

        Args:
            i: index of the image.
            size: height and width of the map.
            viewer: number of the only viewer to include; None includes all of them.
            without: number of a viewer to leave out; None leaves out nobody.

        Returns:
            Row and column of each fixation (K, 2), int64; K may be 0.
        """
        t = self.table
        selected = t["image"] == i
        if viewer is not None:
            selected &= t["subject"] == viewer
        if without is not None:
            selected &= t["subject"] != without
        H, W = self.image_size(i)
        # A fixation on the last edge belongs to the last cell, and one slightly outside to the nearest cell.
        rows = np.clip(np.floor(t["y"][selected] * size[0] / H), 0, size[0] - 1)
        columns = np.clip(np.floor(t["x"][selected] * size[1] / W), 0, size[1] - 1)
        return torch.from_numpy(np.stack([rows, columns], 1).astype(np.int64))


def load_fixations(
    name: str, *, limit: int | None = None, data_dir: str | os.PathLike | None = None
) -> FixationDataset:
    """Return an eye-fixation dataset from the folder of its name in the data folder.

    The folder contains ``images/`` and ``fixations.npz``. The archive has the columns x, y, duration (ms), subject and
    image (an index into names), with one entry per fixation, and the array names, with one entry per image. Nothing is
    downloaded, because only the authors may distribute these datasets. The functions of
    ``tutorial_lib.data.convert_fixations`` write the folder from the published files, and
    :func:`fixations_install_hint` says how.

    Args:
        name: "osie" or "mit1003".
        limit: number of images to take from the beginning; None takes all of them.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The dataset.

    Raises:
        ValueError: an unknown dataset, or a folder with invalid content; pickled objects are never loaded.
        FileNotFoundError: the dataset is not available; the message says how to get it.

    Example:
        >>> load_fixations("ossie")
        Traceback (most recent call last):
            ...
        ValueError: unknown fixation dataset 'ossie'; the nearest: 'osie'
    """
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit must be a whole number above 0, or None; got {limit!r}")
    folder = resolve_data_dir(data_dir) / check_choice(name, FIXATION_DATASETS, "fixation dataset")
    path = folder / "fixations.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{name} is not available. {fixations_install_hint(name, data_dir=data_dir)}")
    table, names = _validate_table(name, path)
    missing = [file for file in names if not (folder / "images" / file).is_file()]
    if missing:
        others = f" and lacks {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"{display_path(folder)} has no images/{missing[0]}{others}. "
            f"{fixations_install_hint(name, data_dir=data_dir)}"
        )
    total = len(names)
    names = names[:limit]
    selected = table["image"] < len(names)
    table = {key: array[selected] for key, array in table.items()}
    digest = hashlib.sha256()
    for key in FIXATION_COLUMNS:
        digest.update(np.ascontiguousarray(table[key]).tobytes())
    for file in names:
        digest.update((folder / "images" / file).read_bytes())
    info = FIXATION_DATASETS[name]
    count = f"all {info.n_images:,}" if total == info.n_images else f"{total} of {info.n_images:,}"
    if len(names) < total:
        count = f"the first {len(names)} of {count}"
    description = f"{count} photographs of {name}, {names[0]} to {names[-1]}"
    return FixationDataset(folder, names, table, info.pixels_per_degree, description, digest.hexdigest())


def fixations_available(name: str, *, data_dir: str | os.PathLike | None = None) -> bool:
    """Return whether ``load_fixations(name)`` finds its folder.

    Args:
        name: "osie" or "mit1003".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        True if the table of fixations exists; its content is not checked.

    Raises:
        ValueError: an unknown dataset.
    """
    return (
        resolve_data_dir(data_dir) / check_choice(name, FIXATION_DATASETS, "fixation dataset") / "fixations.npz"
    ).is_file()


def fixations_install_hint(name: str, *, data_dir: str | os.PathLike | None = None) -> str:
    """Return a one-line hint on how to obtain a dataset that is not available locally.

    Args:
        name: "osie" or "mit1003".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The address of the authors, and the call that converts their files.

    Raises:
        ValueError: an unknown dataset.

    Example:
        >>> "convert_osie" in fixations_install_hint("osie")
        True
    """
    info = FIXATION_DATASETS[check_choice(name, FIXATION_DATASETS, "fixation dataset")]
    return (
        f"Get it from {info.url} (license: {info.license}), then "
        f"`from tutorial_lib.data.convert_fixations import convert_{name}; convert_{name}(FOLDER)` writes it into "
        f"`{display_path(resolve_data_dir(data_dir) / name)}`; "
        f"or set `{DATA_ENV_VAR}` to the folder whose `{name}/` has it."
    )


def _validate_table(name: str, path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The columns of a table of fixations and the file names of its images, after checking both."""

    def make_error(reason: str) -> ValueError:
        hint = f"Fix the file, or remove it. {fixations_install_hint(name, data_dir=path.parents[1])}"
        return ValueError(f"{display_path(path)} is not a table of fixations of {name}: {reason}. {hint}")

    columns = load_npz(path, (*FIXATION_COLUMNS, "names"), make_error, max_nbytes=MAX_TEXT_BYTES)
    missing = [key for key in (*FIXATION_COLUMNS, "names") if key not in columns]
    if missing:
        raise make_error(f"it has no {' and no '.join(missing)}")
    array = columns.pop("names")
    if array.ndim != 1 or array.dtype.kind != "U" or not len(array):
        raise make_error(f"names are {array.dtype} of shape {array.shape}, not a list of file names")
    names = tuple(map(str, array))
    # A name must be a file in images/, not a path that leads out of it.
    invalid = [file for file in names if not file or file in (".", "..") or set(file) & set("/\\:\0")]
    if invalid or len(set(names)) < len(names):
        raise make_error(f"{invalid[0]!r} is not a plain file name" if invalid else "two images have the same name")
    shapes = {key: column.shape for key, column in columns.items()}
    if len(set(shapes.values())) > 1 or any(column.ndim != 1 for column in columns.values()) or not len(columns["x"]):
        raise make_error(f"its columns are not lists of the same length: {shapes}")
    for key in FIXATION_COLUMNS:
        kinds = "iu" if key in ("subject", "image") else "iuf"
        if columns[key].dtype.kind not in kinds or not np.isfinite(columns[key]).all():
            raise make_error(f"{key} is {columns[key].dtype}, or not finite")
    if columns["image"].min() < 0 or columns["image"].max() >= len(names):
        raise make_error(
            f"images run from {columns['image'].min()} to {columns['image'].max()}, but there are {len(names)} names"
        )
    return columns, names
