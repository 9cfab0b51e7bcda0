"""Write the whole course into one archive, for a classroom without a network: ``make bundle``.

The archive contains the book, the notebooks, the slides, the library as a wheel with the trained weights, the lock
file, the licences, a list of checksums, and a page of instructions. The same contents give the same file, byte for
byte.
"""

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

from hatchling.build import build_wheel

import tutorial_lib

# Speech rules of MathJax's formula explorer, which is disabled here; rendering does not need them.
EXCLUDED_FILES = ("/_static/mathjax/sre/",)
LICENCE_FILES = ("requirements.lock", "LICENSE", "LICENSE-CODE", "CITATION.cff", "CHANGELOG.md")
CHECKSUM_FILE, TIMESTAMP = "SHA256SUMS", (1980, 1, 1, 0, 0, 0)

README = """# {title}

This folder is the whole course, version {version}: {count} files, {size:.0f} MB. It needs no network.

- **Read:** open `book/index.html`.
- **Teach:** open `slides/index.html`; minutes and answers to common questions are in `book/chapters/teaching.html`,
  and a page to print in `book/chapters/polls.html`.
- **Run:** install the library, then open a notebook. The folder `notebooks/sections` contains a notebook for each core
  section.

```bash
python3 -m venv course
course/bin/pip install -r requirements.lock     # needs a network, or the downloaded packages described below
course/bin/pip install --no-deps library/{wheel}
course/bin/python -m jupyterlab notebooks
```

On Windows, the first line is `py -3.12 -m venv course`. Use `course\\Scripts\\pip` and `course\\Scripts\\python` in the
other lines.

The library contains the trained networks. It runs on Python 3.11, 3.12 and 3.13. If PyTorch, torchvision, Matplotlib,
pandas, scikit-learn, scikit-image, ipywidgets, safetensors and JupyterLab are installed already, only the second
installation is needed. The same holds for notebooks that run elsewhere, because their first cell needs only the
library.

**Without any network.** Download the packages on a machine of the same kind that has a network, and copy them. A
classroom with three kinds of machines needs three folders. On Linux, the packages contain several gigabytes that only a
GPU needs. Without a GPU, download `torch` and `torchvision` in the same versions from
<https://download.pytorch.org/whl/cpu> into the folder instead.

```bash
pip download -r requirements.lock -d packages
course/bin/pip install --no-index --find-links packages -r requirements.lock
```

**Is the copy complete?** `sha256sum -c {sums}` (on a Mac: `shasum -a 256 -c {sums}`) compares every file with its
checksum.

Text and figures: CC BY 4.0 (`LICENSE`); code: MIT (`LICENSE-CODE`). Adapted from the slides of the IEEE ICIP 2023
tutorial by G. AlRegib and M. Prabhushankar (CC BY 4.0), changes made. How to cite: `CITATION.cff`.
"""


def files_below(folder, name):
    """Return {name in the archive: path} for all files of a folder."""
    if not (folder / "index.html").is_file():
        raise SystemExit(f"{folder} does not exist yet: make book slides")
    files = {
        f"{name}/{path.relative_to(folder).as_posix()}": path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return {place: path for place, path in files.items() if not any(part in f"/{place}" for part in EXCLUDED_FILES)}


def wheel(root, target):
    """Build the wheel of the library, including the weights, and return its path; needs no network."""
    before = os.getcwd()
    os.chdir(root)
    try:
        return Path(target) / build_wheel(str(target))
    finally:
        os.chdir(before)


def contents(root, library):
    """Return the files of the archive except the instructions and the checksums: {name: bytes}."""
    files = files_below(root / "_build" / "html", "book") | files_below(root / "_build" / "slides", "slides")
    files |= {f"notebooks/{path.name}": path for path in sorted((root / "chapters").glob("*.ipynb"))}
    files |= {
        name.replace("book/chapters", "notebooks", 1): path for name, path in files.items() if "/sections/" in name
    }
    files |= {name: root / name for name in LICENCE_FILES} | {f"library/{library.name}": library}
    return {name: path.read_bytes() for name, path in files.items()}


def checksums(files):
    """Return the checksums of all files, in the format of ``sha256sum -c``."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def build_bundle(root, target):
    """Write the archive and its checksum into a folder, and return the path of the archive."""
    version = tutorial_lib.__version__
    with tempfile.TemporaryDirectory() as folder:
        library = wheel(root, folder)
        files = contents(root, library)
    size = sum(map(len, files.values())) / 1e6
    fields = {"title": "Gradients in neural networks, hands on", "version": version, "wheel": library.name}
    files["README.md"] = README.format(**fields, count=len(files) + 2, size=size, sums=CHECKSUM_FILE).encode()
    files[CHECKSUM_FILE] = checksums(files).encode()
    name = f"gradients-{version}"
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for place in sorted(files):
            entry = zipfile.ZipInfo(f"{name}/{place}", TIMESTAMP)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[place], zipfile.ZIP_DEFLATED, 6)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".zip.sha256").write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    root_dir = Path(__file__).resolve().parent.parent
    bundle = build_bundle(root_dir, root_dir / "dist")
    print(f"{bundle}: {bundle.stat().st_size / 1e6:.0f} MB, and its checksum in the same folder")
