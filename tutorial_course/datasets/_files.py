"""The lists of files that come with a dataset, the hash of a dataset, and the hint on how to get one."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tutorial_lib._download import DATA_ENV_VAR, StrPath, display_path, resolve_data_dir

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


def conversion_hint(name: str, source: str, table: str, data_dir: StrPath | None) -> str:
    """Return a two-sentence hint on how to get and convert a dataset.

    Args:
        name: the dataset.
        source: the address of its authors, and what a reader must know about it.
        table: name of the table in the folder of the dataset.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The hint.
    """
    return (
        f"Get it from {source}, unpack it, and run `tutorial_course.datasets.convert_{name}(folder)` once: it writes "
        f"`{display_path(resolve_data_dir(data_dir) / name)}`. Or set `{DATA_ENV_VAR}` to a folder that has "
        f"`{name}/{table}` and `{name}/images`."
    )
