"""The pack: the whole course in one file, for a room without a network. No extension, but a command: ``make bundle``.

It holds the book, the notebooks, the slides, and the library as a wheel, which carries the trained weights; the lock, the licences, a
list of checksums, and a page that says what to do with them. The same contents make the same file, byte by byte.
"""

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

from hatchling.build import build_wheel

from tools import repo_url

# Read aloud by a formula's explorer, which nobody can reach here; not needed to draw one.
EXCLUDED_FILES = ("/_static/mathjax/sre/",)
LICENCE_FILES = ("requirements.lock", "LICENSE", "LICENSE-CODE", "CITATION.cff", "CHANGELOG.md")
CHECKSUM_FILE, TIMESTAMP = "SHA256SUMS", (1980, 1, 1, 0, 0, 0)

README = """# {title}

This folder is the whole course, version {version}: {count} files, {size:.0f} MB. None of it asks another host for anything.

- **Read:** open `book/index.html`.
- **Teach:** open `slides/index.html`; minutes and answers to common questions are in `book/chapters/teaching.html`,
  and a page to print in `book/chapters/polls.html`.
- **Run:** install the library, then open a notebook.

```bash
python3 -m venv course
course/bin/pip install -r requirements.lock     # needs a network, or the folder of the next paragraph
course/bin/pip install --no-deps library/{wheel}
course/bin/python -m jupyterlab notebooks
```

On Windows the first line is `py -3.12 -m venv course`, and `course\\Scripts\\pip` and `course\\Scripts\\python` stand for the other two.

The trained networks are inside the library. Python 3.11, 3.12 or 3.13 will do. Whoever has PyTorch, torchvision, Matplotlib, scikit-learn,
scikit-image, ipywidgets, safetensors and JupyterLab already needs the second of these installations only. So do notebooks that run
somewhere else: their first cell asks for the library, and this is how it gets there.

**No network at all.** Fetch the packages where there is one, on a machine of the same kind (a room with three kinds of machines needs three
folders), and bring them along. On Linux they hold some gigabytes that only a GPU needs; without one, fetch `torch` and `torchvision` in the
same versions from <https://download.pytorch.org/whl/cpu> into the folder instead.

```bash
pip download -r requirements.lock -d packages
course/bin/pip install --no-index --find-links packages -r requirements.lock
```

**Is it whole?** `sha256sum -c {sums}` (on a Mac: `shasum -a 256 -c {sums}`) compares every file with its checksum.

Text and figures: CC BY 4.0 (`LICENSE`); code: MIT (`LICENSE-CODE`). Adapted from the slides of the IEEE ICIP 2023 tutorial by
G. AlRegib and M. Prabhushankar (CC BY 4.0), changes made. How to cite: `CITATION.cff`.
"""


def files_below(folder, name):
    """Files of a folder by the name that they get in the pack."""
    if not (folder / "index.html").is_file():
        raise SystemExit(f"{folder} is not there yet: make book slides")
    named = {
        f"{name}/{path.relative_to(folder).as_posix()}": path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return {place: path for place, path in named.items() if not any(part in f"/{place}" for part in EXCLUDED_FILES)}


def wheel(root, target):
    """The library as a wheel, with the weights inside; built by this process, which needs no network."""
    before = os.getcwd()
    os.chdir(root)
    try:
        return Path(target) / build_wheel(str(target))
    finally:
        os.chdir(before)


def contents(root, library):
    """Everything in the pack but its own two pages: name → bytes."""
    files = files_below(root / "_build" / "html", "book") | files_below(root / "_build" / "slides", "slides")
    files |= {f"notebooks/{path.name}": path for path in sorted((root / "chapters").glob("*.ipynb"))}
    files |= {name: root / name for name in LICENCE_FILES} | {f"library/{library.name}": library}
    return {name: path.read_bytes() for name, path in files.items()}


def checksums(files):
    """Lines as ``sha256sum -c`` reads them."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def build_bundle(root, target):
    """Write the pack into a folder, and its own checksum beside it; returns its path."""
    version = repo_url.library_version(root)
    with tempfile.TemporaryDirectory() as folder:
        library = wheel(root, folder)
        files = contents(root, library)
    size = sum(map(len, files.values())) / 1e6
    words = {"title": "Gradients in neural networks, hands on", "version": version, "wheel": library.name}
    files["README.md"] = README.format(**words, count=len(files) + 2, size=size, sums=CHECKSUM_FILE).encode()
    files[CHECKSUM_FILE] = checksums(files).encode()
    name = f"gradients-{version}"
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as pack:
        for place in sorted(files):
            entry = zipfile.ZipInfo(f"{name}/{place}", TIMESTAMP)
            entry.external_attr = 0o644 << 16
            pack.writestr(entry, files[place], zipfile.ZIP_DEFLATED, 6)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".zip.sha256").write_text(f"{digest}  {path.name}\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    home = Path(__file__).resolve().parent.parent
    made = build_bundle(home, home / "dist")
    print(f"{made}: {made.stat().st_size / 1e6:.0f} MB, and its checksum beside it")
