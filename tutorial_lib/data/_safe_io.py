"""Safe reading of files from outside, and the conversion of images.

Sizes are checked before memory is taken, and no content is ever executed.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def load_npz(
    path: Path,
    keys: Iterable[str],
    make_error: Callable[[str], Exception],
    *,
    max_nbytes: int,
    optional: Iterable[str] = (),
) -> dict[str, np.ndarray]:
    """Return the requested arrays of an .npz archive, without loading pickled objects.

    A small archive can declare, or unpack to, more than any machine holds. Therefore the size of an array is checked
    before it is read, and its declared shape must fit its size.

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
        ValueError: it is not a valid .npz archive ([Errno 2] No such file or directory: 'missing.npz')
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for key in (key for key in [*keys, *optional] if f"{key}.npy" in archive.namelist()):
                size = archive.getinfo(f"{key}.npy").file_size
                if size > max_nbytes + 10_000:  # a header has some hundred bytes
                    raise ValueError(f"{key} would take {size:,} bytes, and at most {max_nbytes:,} are expected")
                with archive.open(f"{key}.npy") as member:
                    arrays[key] = _parse_npy(member.read(size))
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise make_error(f"it is not a valid .npz archive ({error})") from None
    if missing := [key for key in keys if key not in arrays]:
        raise make_error(f"it has no {' and no '.join(missing)}")
    return arrays


def _parse_npy(content: bytes) -> np.ndarray:
    """The array in the content of an .npy file; it takes no more memory than the content, whatever its header says."""
    stream = io.BytesIO(content)
    major, _ = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, is_fortran_order, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never loaded")
    values = np.frombuffer(content, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if is_fortran_order else "C").copy()


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


def central_square(image: Image.Image) -> Image.Image:
    """Return the central square of an image of Pillow.

    Args:
        image: the image.

    Returns:
        The square; its side is the shorter side of the image.

    Example:
        >>> central_square(Image.new("L", (8, 6))).size
        (6, 6)
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def image_to_tensor(image: Image.Image) -> Tensor:
    """Return an image of Pillow as a tensor.

    Args:
        image: the image; gray is repeated to three channels.

    Returns:
        Image (1, 3, H, W), floats in [0, 1].

    Example:
        >>> image_to_tensor(Image.new("L", (8, 6), 255)).shape
        torch.Size([1, 3, 6, 8])
    """
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def read_image(path: str | os.PathLike) -> Tensor:
    """Return an image file as a tensor.

    Args:
        path: the file.

    Returns:
        Image (1, 3, H, W), floats in [0, 1].

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file cannot be read as an image, as in :func:`open_image`.
    """
    with open_image(path) as opened:
        return image_to_tensor(opened)


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
