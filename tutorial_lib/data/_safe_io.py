"""Safe reading of files from outside: sizes are checked before memory is taken, and no content is ever executed."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

# Bytes of a table or list that was made by hand.
MAX_TEXT_BYTES = 50_000_000


def load_npz(
    path: Path,
    keys: Iterable[str],
    make_error: Callable[[str], Exception],
    *,
    max_nbytes: int,
    optional: Iterable[str] = (),
) -> dict[str, np.ndarray]:
    """Return the requested arrays of an .npz archive, without loading pickled objects.

    A small archive can declare, or unpack to, more than any machine holds. Therefore shapes and sizes are checked
    before an array is read.

    Args:
        path: the archive.
        keys: names of the arrays to read.
        make_error: maps a reason to the error to raise.
        max_nbytes: largest size of an array, in bytes.
        optional: further names, which the archive may lack.

    Returns:
        Name -> array, for the names that the archive has.

    Raises:
        Exception: what ``make_error`` returns, if the archive is damaged, an array is missing, or an array is too
            large or pickled.

    Example:
        >>> load_npz(Path("missing.npz"), ["images"], ValueError, max_nbytes=10)
        Traceback (most recent call last):
            ...
        ValueError: it is not an .npz archive, or it is damaged
    """
    if not zipfile.is_zipfile(path):
        raise make_error("it is not an .npz archive, or it is damaged")
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for key in (key for key in [*keys, *optional] if f"{key}.npy" in archive.namelist()):
                with archive.open(f"{key}.npy") as member:
                    _check_header(key, member, archive.getinfo(f"{key}.npy").file_size, max_nbytes)
                with archive.open(f"{key}.npy") as member:
                    arrays[key] = np.lib.format.read_array(member, allow_pickle=False)
    except _UnsafeArrayError as error:
        raise make_error(str(error)) from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise make_error(f"it cannot be read ({error})") from None
    if missing := [key for key in keys if key not in arrays]:
        raise make_error(f"it has no {' and no '.join(missing)}")
    return arrays


class _UnsafeArrayError(Exception):
    """An array that is not loaded because of what its header declares."""


def _check_header(key: str, member: IO[bytes], size: int, max_nbytes: int) -> None:
    """Raise an error if an array of ``size`` bytes declares pickled objects or too many bytes in its header."""
    major, _ = np.lib.format.read_magic(member)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(member)
    declared = prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise _UnsafeArrayError(f"{key} holds pickled objects, which are never loaded")
    if max(size, declared) > max_nbytes + 10_000:  # a header has some hundred bytes
        raise _UnsafeArrayError(
            f"{key} would take {max(size, declared):,} bytes, and at most {max_nbytes:,} are expected"
        )
    if declared > size:
        raise _UnsafeArrayError(f"{key} declares {declared:,} bytes but holds {size:,}")


@contextmanager
def open_image(path: str | os.PathLike) -> Iterator[Image.Image]:
    """Open an image file; any failure inside the context becomes an error that names the file.

    Args:
        path: the file.

    Yields:
        The image, not decoded yet.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not an image, is truncated, or declares more pixels than Pillow accepts (179 million),
            so that decoding it could exhaust the memory.
    """
    try:
        with Image.open(path) as opened:
            yield opened
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{os.fspath(path)} cannot be read as an image ({error}); replace it with the complete file"
        ) from None


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


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Provide a temporary path, whose file is moved to ``path`` when it is complete.

    A link at ``path`` is replaced and not followed.

    Args:
        path: where the file belongs.

    Yields:
        A path in the same folder.

    Raises:
        OSError: the file cannot be written; no part of it is left.
    """
    temporary = path.with_name(f".half-{os.getpid()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
