"""The data folder with published images and weights, and the errors of downloads into it."""

import errno
import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pooch

StrPath: TypeAlias = str | os.PathLike[str]

# Seconds to wait for a host: long enough for a slow one, short enough for a reader without a network.
CONNECT_TIMEOUT_S = 10.0

DATA_ENV_VAR = "TUTORIAL_DATA"

# Errors of the folder rather than of the network.
DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def resolve_data_dir(data_dir: StrPath | None = None) -> Path:
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
    return Path(data_dir or os.environ.get(DATA_ENV_VAR) or pooch.os_cache("tutorial_lib")).expanduser()


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
def explain_download_errors(label: str, folder: Path, hint: str) -> Iterator[None]:
    """Create the folder of a download, and turn any failure of the download into an error that names a way out.

    Args:
        label: the name of the download in error messages ("cifar10/test").
        folder: the folder for the finished file.
        hint: what a reader can do when the download fails.

    Yields:
        Nothing.

    Raises:
        FileNotFoundError: no network, no answer, or a folder that cannot be written.
        ValueError: the content is not the published one.
    """
    previous_timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_TIMEOUT_S)  # the datasets of torchvision take no other timeout
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        # For torchvision a wrong hash and, if there are mirrors, an unreachable host are both a RuntimeError.
        if not isinstance(error, OSError | http.client.HTTPException) and "<urlopen error" not in reason:
            raise ValueError(
                f"the download of {label} arrived damaged and was deleted ({reason}). Try again later.\n{hint}"
            ) from None
        if getattr(error, "errno", None) in DISK_ERRNOS or isinstance(error, PermissionError):
            hint = f"Free some space there, or set `{DATA_ENV_VAR}` to a folder that can be written. {hint}"
        raise FileNotFoundError(
            f"{label} is not available locally and cannot be downloaded into {display_path(folder)} ({reason}).\n{hint}"
        ) from None
    finally:
        socket.setdefaulttimeout(previous_timeout)
