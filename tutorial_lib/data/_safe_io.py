"""Safe reading of files from outside: sizes are checked before memory is taken, and no content is ever executed."""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

# Four times the pixels of the largest photograph that a good camera takes today; a file that declares more is a bomb.
MAX_IMAGE_PIXELS = 200_000_000
# Bytes of a table or list that was made by hand.
MAX_TEXT_BYTES = 50_000_000


def load_npz(
    path: Path, keys: Iterable[str], make_error: Callable[[str], Exception], *, max_nbytes: int
) -> dict[str, np.ndarray]:
    """Return the requested arrays of an .npz archive, without loading pickled objects.

    A small archive can declare, or unpack to, more than any machine holds. Therefore shapes and sizes are checked
    before an array is read.

    Args:
        path: the archive.
        keys: names of the arrays to read; a name that the archive lacks is skipped.
        make_error: maps a reason to the error to raise.
        max_nbytes: largest size of an array, in bytes.

    Returns:
        Name -> array, for the names that the archive has.

    Raises:
        Exception: what ``make_error`` returns, if the archive is damaged, or an array is too large or pickled.

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
            for key in keys:
                if f"{key}.npy" not in archive.namelist():
                    continue
                size = archive.getinfo(f"{key}.npy").file_size
                with archive.open(f"{key}.npy") as member:
                    declared = _declared_nbytes(member)
                if max(size, declared) > max_nbytes + 10_000:  # a header has some hundred bytes
                    raise _UnsafeArrayError(
                        f"{key} would take {max(size, declared):,} bytes, and at most {max_nbytes:,} are expected"
                    )
                if declared > size:
                    raise _UnsafeArrayError(f"{key} declares {declared:,} bytes but holds {size:,}")
                with archive.open(f"{key}.npy") as member:
                    arrays[key] = np.lib.format.read_array(member, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        reason = str(error) if isinstance(error, _UnsafeArrayError) else f"it cannot be read ({error})"
        raise make_error(reason) from None
    return arrays


class _UnsafeArrayError(ValueError):
    """An array that is not loaded because of what its header declares."""


def _declared_nbytes(member: IO[bytes]) -> int:
    """The number of bytes that the header of an array declares."""
    major, _ = np.lib.format.read_magic(member)
    header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(member)
    if dtype.hasobject:
        raise _UnsafeArrayError("it holds pickled objects, which are never loaded")
    return prod(shape) * dtype.itemsize


@contextmanager
def open_image(path: str | os.PathLike) -> Iterator[Image.Image]:
    """Open an image file after checking its declared size.

    Any failure inside the context becomes an error that names the file.

    Args:
        path: the file.

    Yields:
        The image, not decoded yet.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not an image, is truncated, or declares more than ``MAX_IMAGE_PIXELS`` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit applies
            with Image.open(path) as opened:
                if prod(opened.size) > MAX_IMAGE_PIXELS:
                    raise ValueError(f"it declares {opened.size[0]}×{opened.size[1]} pixels and was not decoded")
                yield opened
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
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
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text ({error}); use the file that came with the images") from None


def load_mat(path: Path, *names: str, **options: Any) -> dict[str, np.ndarray]:
    """Return some variables of a MATLAB file of version 5; none of its content is executed.

    Args:
        path: the file.
        *names: names of the variables; a name that the file lacks is skipped.
        **options: further arguments of :func:`scipy.io.loadmat`.

    Returns:
        Name -> array or structure.

    Raises:
        ValueError: the file cannot be read.
    """
    from scipy.io import loadmat

    try:
        return loadmat(path, variable_names=list(names), **options)
    except Exception as error:  # scipy raises many types of errors on a broken file
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path} cannot be read as a MATLAB file ({reason}); use the file that came with the images"
        ) from None


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
