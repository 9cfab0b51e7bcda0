"""The data folder: where published pictures and weights are kept, and how a download gets there whole or not at all."""

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

# Seconds a silent host is waited for: long enough for a slow one, short enough for a reader without a network.
CONNECT_TIMEOUT_S = 10.0

# Seconds without a sign of life after which a download that was begun is one that was killed.
STALE_AFTER_S = 3600.0

DATA_ENV_VAR = "TUTORIAL_DATA"

# What stands in the way is the folder, not the network.
DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def resolve_data_dir(data_dir: str | os.PathLike | None = None) -> Path:
    """Return the folder of downloaded things; it need not exist yet.

    ``root`` if given, else the folder the environment variable ``TUTORIAL_DATA`` names, else the user's cache.

    Example:
        >>> resolve_data_dir("pictures").name
        'pictures'
    """
    chosen = data_dir or os.environ.get(DATA_ENV_VAR)
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("tutorial_lib"))


def display_path(path: Path) -> str:
    """A path as one says it, with ~ for the home folder: what is printed may stand on a public page.

    Example:
        >>> display_path(Path.home() / "data")
        '~/data'
    """
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


@contextmanager
def atomic_download(label: str, path: Path, hint: str) -> Iterator[Path]:
    """Lend an empty folder beside ``path`` to a download, remove it afterwards, and answer any failure with one error.

    The body downloads into the folder and moves what is finished to ``path`` with ``os.replace``; both are on one
    file system, so a file is there whole or not there. A host that stays silent is given up after ``PATIENCE`` seconds.

    Args:
        what: what is being fetched, for the error ("cifar10/test").
        path: where it is to stand.
        otherwise: what a reader can do when the download fails.

    Raises:
        FileNotFoundError: no network, no answer, or the folder cannot be written.
        ValueError: what arrived is not what was published.
    """
    waited = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_TIMEOUT_S)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_downloads(path.parent)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as raw:
            yield Path(raw)
    except (RuntimeError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        # torch and torchvision report a wrong hash and an unreachable mirror with the same class.
        if "<urlopen error" in str(error):
            raise FileNotFoundError(f"{label} is not at hand and cannot be downloaded: {error}\n{hint}") from None
        raise ValueError(
            f"the download of {label} arrived damaged and was thrown away ({error}). Try again later.\n{hint}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if getattr(error, "errno", None) in DISK_ERRNOS:
            hint = f"Make room there, or set `{DATA_ENV_VAR}` to a folder that can be written. {hint}"
        raise FileNotFoundError(
            f"{label} is not at hand and cannot be downloaded into {path.parent} ({reason}).\n{hint}"
        ) from None
    finally:
        socket.setdefaulttimeout(waited)


def remove_stale_downloads(folder: Path) -> None:
    """Remove what killed downloads left: a process that is killed cannot, and nobody else knows of it."""
    for left in folder.glob(".fetching-*"):
        try:
            alive = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
        except OSError:  # another process is just done with it
            continue
        if time.time() - alive > STALE_AFTER_S:
            shutil.rmtree(left, ignore_errors=True)
