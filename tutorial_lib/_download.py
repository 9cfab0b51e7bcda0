"""The data folder with published images and weights, and downloads into it that are complete or leave nothing."""

import errno
import http.client
import os
import shutil
import socket
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds to wait for a host: long enough for a slow one, short enough for a reader without a network.
CONNECT_TIMEOUT_S = 10.0

# Seconds without a change after which an unfinished download counts as killed.
STALE_AFTER_S = 3600.0

DATA_ENV_VAR = "TUTORIAL_DATA"

# Errors of the folder rather than of the network.
DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def resolve_data_dir(data_dir: str | os.PathLike | None = None) -> Path:
    """Return the folder for downloaded files; it need not exist yet.

    Args:
        data_dir: the folder; None selects the one in the environment variable ``TUTORIAL_DATA``, or else the user's
            cache.

    Returns:
        Its path.

    Example:
        >>> resolve_data_dir("images").name
        'images'
    """
    folder = data_dir or os.environ.get(DATA_ENV_VAR)
    if folder:
        return Path(folder).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("tutorial_lib"))


def display_path(path: Path) -> str:
    """Return a path for messages, with ~ for the home folder, since messages may be published.

    Args:
        path: any path.

    Returns:
        The text.

    Example:
        >>> display_path(Path.home() / "data")
        '~/data'
    """
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


@contextmanager
def atomic_download(label: str, path: Path, hint: str) -> Iterator[Path]:
    """Provide an empty folder for a download, and turn any failure into one error.

    The folder is next to ``path``. The body moves each finished file to ``path`` with ``os.replace``. The folder is
    removed afterwards.

    Args:
        label: the name of the download in error messages ("cifar10/test").
        path: where the finished file belongs.
        hint: what a reader can do when the download fails.

    Yields:
        The folder.

    Raises:
        FileNotFoundError: no network, no answer, or a folder that cannot be written.
        ValueError: the content is not the published one.
    """
    previous_timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_TIMEOUT_S)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_downloads(path.parent)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as raw:
            yield Path(raw)
    except (RuntimeError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        # torch and torchvision report a wrong hash and an unreachable mirror with the same class.
        if "<urlopen error" in str(error):
            raise FileNotFoundError(
                f"{label} is not available locally and cannot be downloaded: {error}\n{hint}"
            ) from None
        raise ValueError(
            f"the download of {label} arrived damaged and was deleted ({error}). Try again later.\n{hint}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if getattr(error, "errno", None) in DISK_ERRNOS:
            hint = f"Free some space there, or set `{DATA_ENV_VAR}` to a folder that can be written. {hint}"
        raise FileNotFoundError(
            f"{label} is not available locally and cannot be downloaded into {path.parent} ({reason}).\n{hint}"
        ) from None
    finally:
        socket.setdefaulttimeout(previous_timeout)


def remove_stale_downloads(folder: Path) -> None:
    """Remove the folders that killed downloads left behind.

    Args:
        folder: where to look for them.
    """
    for leftover in folder.glob(".fetching-*"):
        try:
            last_change = max(path.stat().st_mtime for path in (leftover, *leftover.rglob("*")))
        except OSError:  # another process has just finished it
            continue
        if time.time() - last_change > STALE_AFTER_S:
            shutil.rmtree(leftover, ignore_errors=True)
