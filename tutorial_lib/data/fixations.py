"""Where people looked: photographs with the fixations of many viewers, read from the data folder, always checked."""

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
    """A published set: its pictures, pixels a degree of the viewer's eye, licence, and where its authors give it."""

    n_images: int
    pixels_per_degree: int
    licence: str
    url: str


FIXATION_DATASETS = {
    # Xu, Jiang, Wang, Kankanhalli, Zhao, Journal of Vision 14(1):28, 2014; the degree is that of the authors' code.
    "osie": FixationDatasetInfo(700, 24, "MIT", "https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels"),
    # Judd, Ehinger, Durand, Torralba, ICCV 2009.
    "mit1003": FixationDatasetInfo(1003, 35, "research use", "https://people.csail.mit.edu/tjudd/WherePeopleLook/"),
}


@dataclass(frozen=True, repr=False)
class FixationDataset:
    """Photographs and what was looked at in them: ``len``, ``picture``, ``fixations``.

    Attributes:
        names: of the pictures' files.
        degree: pixels a degree of the viewer's eye, in the pictures' own size.
        subset: in words, which pictures of which set.
        sha256: of the fixations and the pictures' files, in this order.
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
        return f"Gaze({self.description}, {len(self.table['x']):,} fixations)"

    def image_size(self, i: int) -> tuple[int, int]:
        """Height and width of picture ``i`` as it was shown."""
        with open_image(self.folder / "images" / self.names[i]) as photo:
            return photo.size[1], photo.size[0]

    def image(self, i: int, size: tuple[int, int] | None = None, *, device=None) -> Tensor:
        """Picture ``i``: (1, 3, H, W) float in [0, 1], at its own size or scaled to ``size`` (bilinear, antialiased)."""
        with open_image(self.folder / "images" / self.names[i]) as photo:
            array = np.array(photo.convert("RGB"))
        x = torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255
        if size is not None:
            x = F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)
        return x.to(device or "cpu")

    def fixations(
        self, i: int, size: tuple[int, int], *, viewer: int | None = None, without: int | None = None
    ) -> Tensor:
        """Where picture ``i`` was looked at: (K, 2) int64, row and column in a map of ``size``; K may be 0.

        ``viewer``: of one viewer alone; ``without``: of all but one.
        """
        t = self.table
        chosen = t["image"] == i
        if viewer is not None:
            chosen &= t["subject"] == viewer
        if without is not None:
            chosen &= t["subject"] != without
        H, W = self.image_size(i)
        # A point on the last edge belongs to the last cell, and one a little outside to the nearest.
        rows = np.clip(np.floor(t["y"][chosen] * size[0] / H), 0, size[0] - 1)
        columns = np.clip(np.floor(t["x"][chosen] * size[1] / W), 0, size[1] - 1)
        return torch.from_numpy(np.stack([rows, columns], 1).astype(np.int64))


def load_fixations(
    name: str, *, limit: int | None = None, data_dir: str | os.PathLike | None = None
) -> FixationDataset:
    """Eye fixations on photographs, "osie" or "mit1003", from a folder of that name in the data folder.

    The folder holds ``images/`` and ``fixations.npz``: x, y, duration (ms), subject, image (into names), one entry a fixation,
    and names, one a picture. Nothing is downloaded: the sets are their authors' to give. ``data.gaze_sources`` turns what they
    give into this folder, and :func:`how_to_get_gaze` says how.

    Args:
        name: the set.
        limit: the first so many pictures of the file's order.
        root: the data folder; else ``TUTORIAL_DATA``, else the user's cache.

    Raises:
        ValueError: an unknown set, or a folder that is not what it should be; pickled objects are never loaded.
        FileNotFoundError: the set is not at hand; the message says how to get it.

    Example:
        >>> load_fixations("ossie")
        Traceback (most recent call last):
            ...
        ValueError: unknown set of fixations 'ossie'; the nearest: 'osie'
    """
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit must be a whole number above 0, or None; got {limit!r}")
    folder = resolve_data_dir(data_dir) / check_choice(name, FIXATION_DATASETS, "set of fixations")
    path = folder / "fixations.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{name} is not at hand. {fixations_install_hint(name, data_dir=data_dir)}")
    table, names = _validate_table(name, path)
    missing = [file for file in names if not (folder / "images" / file).is_file()]
    if missing:
        gone = f"images/{missing[0]}" + (f" nor {len(missing) - 1} others" if len(missing) > 1 else "")
        raise ValueError(f"{display_path(folder)} has no {gone}. {fixations_install_hint(name, data_dir=data_dir)}")
    total = len(names)
    names = names[:limit]
    keep = table["image"] < len(names)
    table = {key: array[keep] for key, array in table.items()}
    digest = hashlib.sha256()
    for key in FIXATION_COLUMNS:
        digest.update(np.ascontiguousarray(table[key]).tobytes())
    for file in names:
        digest.update((folder / "images" / file).read_bytes())
    official = FIXATION_DATASETS[name].n_images
    count = f"all {official:,}" if total == official else f"{total} of {official:,}"
    if len(names) < total:
        count = f"the first {len(names)} of {count}"
    subset = f"{count} photographs of {name}, {names[0]} to {names[-1]}"
    return FixationDataset(folder, names, table, FIXATION_DATASETS[name].pixels_per_degree, subset, digest.hexdigest())


def fixations_available(name: str, *, data_dir: str | os.PathLike | None = None) -> bool:
    """Say whether ``gaze(name)`` finds its folder.

    Raises:
        ValueError: an unknown set.
    """
    return (
        resolve_data_dir(data_dir) / check_choice(name, FIXATION_DATASETS, "set of fixations") / "fixations.npz"
    ).is_file()


def fixations_install_hint(name: str, *, data_dir: str | os.PathLike | None = None) -> str:
    """Say in one line how fixations that are not at hand are had.

    Raises:
        ValueError: an unknown set.

    Example:
        >>> "from_osie" in fixations_install_hint("osie")
        True
    """
    about = FIXATION_DATASETS[check_choice(name, FIXATION_DATASETS, "set of fixations")]
    return (
        f"Get it from {about.url} (licence: {about.licence}), then "
        f"`from tutorial_lib.data.convert_fixations import from_{name}; from_{name}(FOLDER)` writes it into "
        f"`{display_path(resolve_data_dir(data_dir) / name)}`; or set `{DATA_ENV_VAR}` to the folder whose `{name}/` has it."
    )


def _validate_table(name: str, path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    def refuse(why: str):
        otherwise = f"Mend the file, or remove it. {fixations_install_hint(name, data_dir=path.parents[1])}"
        return ValueError(f"{display_path(path)} holds no fixations of {name}: {why}. {otherwise}")

    held = load_npz(path, (*FIXATION_COLUMNS, "names"), refuse, max_nbytes=MAX_TEXT_BYTES)
    missing = [key for key in (*FIXATION_COLUMNS, "names") if key not in held]
    if missing:
        raise refuse(f"it has no {' and no '.join(missing)}")
    names = held.pop("names")
    if names.ndim != 1 or names.dtype.kind != "U" or not len(names):
        raise refuse(f"names are {names.dtype} of shape {names.shape}, not a list of file names")
    names = tuple(map(str, names))
    # A name is a file of this folder's images, and nothing that leads out of it.
    wild = [file for file in names if not file or file in (".", "..") or set(file) & set("/\\:\0")]
    if wild or len(set(names)) < len(names):
        raise refuse(f"{wild[0]!r} is no plain file name" if wild else "two pictures have one name")
    counts = {key: array.shape for key, array in held.items()}
    if len(set(counts.values())) > 1 or any(array.ndim != 1 for array in held.values()) or not len(held["x"]):
        raise refuse(f"its columns are not equally long lists: {counts}")
    for key in FIXATION_COLUMNS:
        kinds = "iu" if key in ("subject", "image") else "iuf"
        if held[key].dtype.kind not in kinds or not np.isfinite(held[key]).all():
            raise refuse(f"{key} is {held[key].dtype}, or not finite")
    if held["image"].min() < 0 or held["image"].max() >= len(names):
        raise refuse(
            f"images run from {held['image'].min()} to {held['image'].max()}, but there are {len(names)} names"
        )
    return held, names
