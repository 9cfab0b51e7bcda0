"""Keep executed outputs only while everything that computed them is unchanged.

Jupyter Book caches the outputs of a notebook under the text of its code cells. That text stays the same when the
packages behind it change, and the page would show outdated numbers. Therefore the cache is in a folder whose name is a
fingerprint of everything that the outputs depend on: the packages with their weights and stored results, the lock file,
the Python version, and the data folder. Another fingerprint means an empty folder, and Sphinx, whose settings have then
changed, reads every page again.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from tutorial_lib._download import resolve_data_dir

PACKAGES = ("tutorial_lib", "tutorial_course")


def fingerprint(root, data=None):
    """Return a hash of the packages and the lock file below ``root``, and of the file listing of ``data``."""
    root, digest = Path(root), hashlib.sha256()
    digest.update(str(sys.version_info[:2]).encode())
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*"))]
    for path in [root / "requirements.lock", *files]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"\n{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    # Data sets are large, so that only their listing enters the hash.
    if data and Path(data).is_dir():
        for path in sorted(Path(data).rglob("*")):
            if path.is_file():
                stat = path.stat()
                digest.update(f"\n{path.relative_to(data).as_posix()} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def set_cache_dir(app, config):
    """Select the cache folder of the current fingerprint and delete all others."""
    root = Path(app.srcdir)
    cache = root / "_build" / ".jupyter_cache" / fingerprint(root, resolve_data_dir())
    for old in cache.parent.glob("*"):
        if old != cache:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    cache.mkdir(parents=True, exist_ok=True)
    config.nb_execution_cache_path = str(cache)


def setup(app):
    """Register the extension."""
    app.connect("config-inited", set_cache_dir)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
