"""The lists of files that come with a dataset, the hash of a dataset, and the hint on how to get one."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tutorial_lib._download import DATA_ENV_VAR, StrPath, display_path, resolve_data_dir
from tutorial_lib._validation import check_choice

# Bytes of a table or list that was made by hand.
MAX_TEXT_BYTES = 50_000_000


def read_text(path: Path) -> str:
    """Return the text of a list or table that was made by hand.

    Args:
        path: the file.

    Returns:
        The text.

    Raises:
        ValueError: the file is longer than ``MAX_TEXT_BYTES`` bytes, or is not text.
    """
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, too many for a list of images; "
            "use the file that came with the images"
        )
    return path.read_text(encoding="utf-8")


def is_plain_filename(name: str) -> bool:
    """Return whether a name is that of a file in a folder, and not a path that could lead out of the folder.

    Args:
        name: a name from a table or list.

    Returns:
        True if it has no separator and is not a relative folder.

    Example:
        >>> is_plain_filename("ref1.png"), is_plain_filename("../ref1.png")
        (True, False)
    """
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def hash_parts(parts: Iterable[bytes | memoryview | Path]) -> str:
    """Return the sha256 of several pieces of data in a row.

    Args:
        parts: the pieces; a path stands for the content of its file.

    Returns:
        The hash, in hexadecimal digits.

    Example:
        >>> hash_parts([b"a", b"b"]) == hashlib.sha256(b"ab").hexdigest()
        True
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else part)
    return digest.hexdigest()


@dataclass(frozen=True)
class ConvertedDatasets:
    """Datasets of one kind, each of which a reader gets from its authors and converts into a folder with a table.

    Attributes:
        kind: what these datasets are, in words.
        table: name of the table in the folder of each dataset.
        sources: name -> the address of the authors, and what a reader must know about it.
    """

    kind: str
    table: str
    sources: dict[str, str]

    def table_path(self, name: str, data_dir: StrPath | None) -> Path:
        """Return where the table of a dataset is expected.

        Args:
            name: the dataset.
            data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

        Returns:
            The path, whether or not there is such a file.

        Raises:
            ValueError: an unknown dataset.
        """
        return resolve_data_dir(data_dir) / check_choice(name, self.sources, self.kind) / self.table

    def install_hint(self, name: str, data_dir: StrPath | None) -> str:
        """Return a two-sentence hint on how to get and convert a dataset.

        Args:
            name: the dataset.
            data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

        Returns:
            The hint.

        Raises:
            ValueError: an unknown dataset.
        """
        folder = display_path(self.table_path(name, data_dir).parent)
        return (
            f"Get it from {self.sources[name]}, unpack it, and run `tutorial_course.datasets.convert_{name}(folder)` "
            f"once: it writes `{folder}`. Or set `{DATA_ENV_VAR}` to a folder that has `{name}/{self.table}` and "
            f"`{name}/images`."
        )
