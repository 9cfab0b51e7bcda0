"""Freshness: executed outputs are good for as long as everything that computed them is unchanged.

Jupyter Book keeps the outputs of a notebook under the text of its code cells. That text stays the same when the library below it
changes, and the page would go on showing yesterday's numbers. So the outputs live in a folder that is named after a fingerprint of
all they rest on: the library with its weights and stored results, the lock, the Python version, and the data folder.
Another fingerprint means an empty folder, and Sphinx, seeing a setting changed, reads every page again.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from tutorial_lib._download import resolve_data_dir


def fingerprint(root, data=None):
    """Name of a state: the contents of the library and the lock below ``root``, the names, sizes and times of the files in ``data``."""
    root, digest = Path(root), hashlib.sha256()
    digest.update(str(sys.version_info[:2]).encode())
    for path in [root / "requirements.lock", *sorted((root / "tutorial_lib").rglob("*"))]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"\n{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    # Data sets are large: a listing says enough.
    if data and Path(data).is_dir():
        for path in sorted(Path(data).rglob("*")):
            if path.is_file():
                stat = path.stat()
                digest.update(f"\n{path.relative_to(data).as_posix()} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def set_cache_dir(app, config):
    """Keep the outputs of this state, forget those of every other."""
    root = Path(app.srcdir)
    cache = root / "_build" / ".jupyter_cache" / fingerprint(root, resolve_data_dir())
    for old in cache.parent.glob("*"):
        if old != cache:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    cache.mkdir(parents=True, exist_ok=True)
    config.nb_execution_cache_path = str(cache)


def setup(app):
    app.connect("config-inited", set_cache_dir)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
