"""Eye-fixation datasets: photographs with the fixations of many viewers, read from the data folder and checked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tutorial_course.datasets._files import MAX_TEXT_BYTES, ConvertedDatasets, hash_parts, is_plain_filename
from tutorial_lib._download import StrPath, display_path
from tutorial_lib._validation import check_counts, convert_arguments
from tutorial_lib.data._safe_io import load_npz, open_image, read_image

# Column of a table of fixations -> type in which it is stored.
FIXATION_COLUMNS = {"x": np.float32, "y": np.float32, "duration": np.float32, "subject": np.int8, "image": np.int16}


@dataclass(frozen=True)
class FixationDatasetInfo:
    """A published eye-fixation dataset.

    Attributes:
        n_images: number of its images.
        pixels_per_degree: pixels per degree of the viewer's visual angle; None if it was not published.
        license: its license in words.
        url: where its authors publish it.
    """

    n_images: int
    pixels_per_degree: int | None
    license: str
    url: str


FIXATION_DATASETS = {
    # Xu, Jiang, Wang, Kankanhalli, Zhao, Journal of Vision 14(1):28, 2014; the degree is that of the authors' code.
    "osie": FixationDatasetInfo(700, 24, "MIT", "https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels"),
    # Judd, Ehinger, Durand, Torralba, ICCV 2009.
    "mit1003": FixationDatasetInfo(1003, 35, "research use", "https://people.csail.mit.edu/tjudd/WherePeopleLook/"),
    # Liang, Jiang, Liang, Zhao, Saliency Prediction with Scene Structural Guidance; images were scaled to the screen.
    "scene500": FixationDatasetInfo(500, None, "MIT", "https://github.com/Yanakz/Scene"),
}
_SOURCES = {name: f"{info.url} (license: {info.license})" for name, info in FIXATION_DATASETS.items()}
_CONVERTED = ConvertedDatasets("fixation dataset", "fixations.npz", _SOURCES)


@dataclass(frozen=True, repr=False)
class FixationDataset:
    """Photographs and the fixations of their viewers; ``len`` is the number of images.

    Attributes:
        folder: the folder with ``images/``.
        names: file names of the images.
        table: column name -> array with one entry per fixation, for each of ``FIXATION_COLUMNS``.
        pixels_per_degree: pixels per degree of the viewer's visual angle, at the original size of the images; None if
            it was not published.
        description: which images of which dataset these are, in words.
        sha256: hash of the fixations and of the image files, in this order.
    """

    folder: Path
    names: tuple[str, ...]
    table: dict[str, np.ndarray]
    pixels_per_degree: int | None
    description: str
    sha256: str

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"FixationDataset({self.description}, {len(self.table['x']):,} fixations)"

    @convert_arguments
    def image_size(self, i: int) -> tuple[int, int]:
        """Return the height and the width of an image as it was presented.

        Args:
            i: index of the image.

        Returns:
            Height and width in pixels.
        """
        with open_image(self.folder / "images" / self.names[i]) as photo:
            return photo.height, photo.width

    @convert_arguments
    def image(self, i: int, size: tuple[int, int] | None = None, *, device: torch.device | str | None = None) -> Tensor:
        """Return an image, decoded from its file.

        Args:
            i: index of the image.
            size: height and width to which the image is scaled (bilinear, antialiased); None keeps its own size.
            device: device of the result; None is the CPU.

        Returns:
            Image (1, 3, H, W), floats in [0, 1].
        """
        x = read_image(self.folder / "images" / self.names[i])
        if size is not None:
            x = torch.nn.functional.interpolate(x, size, mode="bilinear", antialias=True).clamp(0, 1)
        return x.to(device or "cpu")

    @convert_arguments
    def fixations(
        self,
        i: int,
        size: tuple[int, int],
        *,
        viewer: int | None = None,
        without: int | None = None,
        skip_first: bool = False,
    ) -> Tensor:
        """Return the fixated positions of an image, as rows and columns of a map.

        Args:
            i: index of the image.
            size: height and width of the map.
            viewer: number of the only viewer to include; None includes all of them.
            without: number of a viewer to leave out; None leaves out nobody.
            skip_first: leave out the first fixation of each viewer. Viewers start at the center of the screen, and
                benchmarks such as MIT300 leave it out for this reason.

        Returns:
            Row and column of each fixation (K, 2), int64; K may be 0.
        """
        t, (H, W), (height, width) = self.table, self.image_size(i), size
        selected = t["image"] == i
        if viewer is not None:
            selected &= t["subject"] == viewer
        if without is not None:
            selected &= t["subject"] != without
        if skip_first:
            shown = np.flatnonzero(t["image"] == i)  # the fixations of a viewer are in the order of time
            selected[shown[np.unique(t["subject"][shown], return_index=True)[1]]] = False
        positions = np.stack([t["y"][selected] * height / H, t["x"][selected] * width / W], 1)
        # A fixation on the last edge belongs to the last cell, and one slightly outside to the nearest cell.
        cells = np.clip(np.floor(positions), 0, [height - 1, width - 1])
        return torch.from_numpy(cells.astype(np.int64))


@convert_arguments
def load_fixations(name: str, *, limit: int | None = None, data_dir: StrPath | None = None) -> FixationDataset:
    """Return an eye-fixation dataset from the folder of its name in the data folder.

    The folder contains ``images/`` and ``fixations.npz``. The archive has the columns x, y, duration (ms), subject and
    image (an index into names), with one entry per fixation, and the array names, with one entry per image. Nothing is
    downloaded, because only the authors may distribute these datasets. The functions of
    ``tutorial_course.datasets.converters`` write the folder from the published files.

    Args:
        name: "osie", "mit1003" or "scene500".
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
    path = _CONVERTED.table_path(name, data_dir)
    check_counts(limit=limit)
    if not path.is_file():
        raise FileNotFoundError(f"{name} is not available. {fixations_install_hint(name, data_dir=data_dir)}")
    table, names = _validated_table(name, path)
    files = [path.parent / "images" / file for file in names]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ValueError(
            f"{display_path(path.parent)} has no images/{missing[0]}; {len(missing)} of {len(files)} images are "
            f"missing. {fixations_install_hint(name, data_dir=data_dir)}"
        )
    selected = table["image"] < len(files[:limit])
    table = {key: np.ascontiguousarray(array[selected]) for key, array in table.items()}
    sha256 = hash_parts([*(table[key].data for key in FIXATION_COLUMNS), *files[:limit]])
    info = FIXATION_DATASETS[name]
    count = f"all {info.n_images:,}" if len(names) == info.n_images else f"{len(names)} of {info.n_images:,}"
    if limit is not None and limit < len(names):
        names, count = names[:limit], f"the first {limit} of {count}"
    description = f"{count} photographs of {name}, {names[0]} to {names[-1]}"
    return FixationDataset(path.parent, names, table, info.pixels_per_degree, description, sha256)


@convert_arguments
def fixations_available(name: str, *, data_dir: StrPath | None = None) -> bool:
    """Return whether ``load_fixations(name)`` finds its folder.

    Args:
        name: "osie", "mit1003" or "scene500".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        True if the table of fixations exists; its content is not checked.

    Raises:
        ValueError: an unknown dataset.
    """
    return _CONVERTED.table_path(name, data_dir).is_file()


@convert_arguments
def fixations_install_hint(name: str, *, data_dir: StrPath | None = None) -> str:
    """Return a two-sentence hint on how to obtain a dataset that is not available locally.

    Args:
        name: "osie", "mit1003" or "scene500".
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The address of the authors, and the call that converts their files.

    Raises:
        ValueError: an unknown dataset.

    Example:
        >>> "convert_osie" in fixations_install_hint("osie")
        True
    """
    return _CONVERTED.install_hint(name, data_dir)


def _validated_table(name: str, path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The columns of a table of fixations and the file names of its images, after checking both."""

    def make_error(reason: str) -> ValueError:
        hint = f"Fix the file, or remove it. {fixations_install_hint(name, data_dir=path.parents[1])}"
        return ValueError(f"{display_path(path)} is not a table of fixations of {name}: {reason}. {hint}")

    columns = load_npz(path, (*FIXATION_COLUMNS, "names"), make_error, max_nbytes=MAX_TEXT_BYTES)
    array = columns.pop("names")
    names = tuple(map(str, array.flat))
    if array.ndim != 1 or not names or not all(map(is_plain_filename, names)) or len(set(names)) < len(names):
        raise make_error(f"names must be a list of different plain file names, not {array!r}")
    n = columns["x"].size
    for key, dtype in FIXATION_COLUMNS.items():
        column, kinds = columns[key], "iu" if np.issubdtype(dtype, np.integer) else "iuf"
        if column.shape != (n,) or n == 0 or column.dtype.kind not in kinds or not np.isfinite(column).all():
            raise make_error(f"{key} is {column.dtype} of shape {column.shape}, or not finite; x has {n} entries")
    first, last = columns["image"].min(), columns["image"].max()
    if first < 0 or last >= len(names):
        raise make_error(f"images run from {first} to {last}, but there are {len(names)} names")
    return columns, names
