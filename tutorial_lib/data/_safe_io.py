"""Files from elsewhere, read with care: what they claim is looked at before memory is taken, and nothing in them is ever run."""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np

# Pixels: four times the largest photograph of a good camera today; what claims more is a bomb, not a picture.
MAX_IMAGE_PIXELS = 200_000_000
# Bytes of a table or list that people made.
MAX_TEXT_BYTES = 50_000_000


def load_npz(
    path: Path, keys: Iterable[str], make_error: Callable[[str], Exception], *, max_nbytes: int
) -> dict[str, np.ndarray]:
    """The arrays of an .npz archive that are there of those asked for; each may take ``most`` bytes.

    A small archive can claim, or unpack to, more than any machine holds: shapes and sizes are read first, and the array after.
    Pickled objects are never loaded.

    Args:
        refuse: from a reason to the error to raise.

    Example:
        >>> load_npz(Path("no.npz"), ["images"], ValueError, max_nbytes=10)
        Traceback (most recent call last):
            ...
        ValueError: it is no .npz archive, or a damaged one
    """
    if not zipfile.is_zipfile(path):
        raise make_error("it is no .npz archive, or a damaged one")
    held = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for key in keys:
                if f"{key}.npy" not in archive.namelist():
                    continue
                size = archive.getinfo(f"{key}.npy").file_size
                with archive.open(f"{key}.npy") as member:
                    claimed = _declared_nbytes(member, make_error)
                if max(size, claimed) > max_nbytes + 10_000:  # a header is some hundred bytes
                    raise make_error(
                        f"{key} would take {max(size, claimed):,} bytes, and no more than {max_nbytes:,} are expected"
                    )
                if claimed > size:
                    raise make_error(f"{key} claims {claimed:,} bytes and holds {size:,}")
                with archive.open(f"{key}.npy") as member:
                    held[key] = np.lib.format.read_array(member, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        if isinstance(error, _InvalidFile):
            raise error.reason from None
        raise make_error(f"it cannot be read ({error})") from None
    return held


class _InvalidFile(ValueError):
    def __init__(self, reason: Exception):
        super().__init__(str(reason))
        self.reason = reason


def _declared_nbytes(member, refuse: Callable[[str], Exception]) -> int:
    """The bytes that an array says it needs."""
    major, _ = np.lib.format.read_magic(member)
    header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(member)
    if dtype.hasobject:
        raise _InvalidFile(refuse("it holds pickled objects, which are never loaded"))
    return prod(shape) * dtype.itemsize


@contextmanager
def open_image(path: str | os.PathLike):
    """An open picture, its head read and its size allowed; whatever fails inside names the file.

    Raises:
        ValueError: it is no picture, is cut short, or claims more than ``LARGEST`` pixels.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is ours
            with Image.open(path) as opened:
                if prod(opened.size) > MAX_IMAGE_PIXELS:
                    raise ValueError(f"it claims {opened.size[0]}×{opened.size[1]} pixels, and was not unpacked")
                yield opened
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{os.fspath(path)} is no picture that can be read ({error}); put the whole file in its place"
        ) from None


def read_text(path: Path) -> str:
    """The text of a list that people made.

    Raises:
        ValueError: it is longer than ``LONGEST`` bytes, or no text.
    """
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, and is no list of pictures; take the file that came with them"
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text ({error}); take the file that came with the pictures") from None


def load_mat(path: Path, *names: str, **how) -> dict[str, np.ndarray]:
    """Some variables of a MATLAB file of version 5, numbers and structures; nothing in it is run.

    Raises:
        ValueError: it cannot be read.
    """
    from scipy.io import loadmat

    try:
        return loadmat(path, variable_names=list(names), **how)
    except Exception as error:  # scipy fails in many ways on a file that is broken
        why = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path} is no MATLAB file that can be read ({why}); take the file that came with the pictures"
        ) from None


@contextmanager
def atomic_write(path: Path):
    """A name beside ``path`` to write to; what was written takes its place whole, also the place of a link that leads elsewhere.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    half = path.with_name(f".half-{os.getpid()}-{path.name}")
    try:
        yield half
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
