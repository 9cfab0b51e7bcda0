"""Tests that the bundle is complete, opens without a network, and contains a library that runs a chapter."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import make_bundle, make_slides

ROOT = Path(__file__).parents[3]
CHAPTER = "04-expectancy"

# Run the cells of the core in one process without a kernel, which would need sockets.
RUN = """
import json, sys, tutorial_lib
sys.path.append(sys.argv[3])
from docs_ext import advanced_sections
from IPython.core.interactiveshell import InteractiveShell
assert tutorial_lib.__file__.startswith(sys.argv[2]), tutorial_lib.__file__
shell, count = InteractiveShell.instance(colors="NoColor"), 0
for cell in advanced_sections.split_chapter(json.load(open(sys.argv[1], encoding="utf-8"))).core:
    if cell["cell_type"] == "code":
        shell.run_cell("".join(cell["source"])).raise_error()
        count += 1
print("ran", count)
"""


@pytest.fixture(scope="module")
def bundle(book, tmp_path_factory):
    if not (ROOT / "_build" / "slides" / "index.html").is_file():
        make_slides.build_decks(ROOT, ROOT / "_build" / "slides")
    return make_bundle.build_bundle(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def extracted_bundle(bundle, tmp_path_factory):
    target = tmp_path_factory.mktemp("classroom")
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(target)
    (folder,) = target.iterdir()
    return folder


def checksum_mismatches(folder):
    """Return the files that differ from the list of checksums, or that are missing from it or from the folder."""
    lines = (folder / make_bundle.CHECKSUM_FILE).read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    files = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and path.name != make_bundle.CHECKSUM_FILE
    }
    wrong = [
        name
        for name in listed
        if name not in files or hashlib.sha256(files[name].read_bytes()).hexdigest() != listed[name]
    ]
    return sorted([*wrong, *(set(files) - set(listed))])


def offline(command):
    """Return the command, run without network access where the system supports it."""
    prefix = ["unshare", "-rn"]
    works = shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    return [*prefix, *command] if works else command


def test_bundle_checksums_match(extracted_bundle):
    assert checksum_mismatches(extracted_bundle) == []
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", make_bundle.CHECKSUM_FILE], cwd=extracted_bundle, check=True)


def test_checksum_mismatches_lists_changed_and_extra_files(extracted_bundle, tmp_path):
    shutil.copytree(extracted_bundle, tmp_path / "copy", ignore=shutil.ignore_patterns("book"))
    for path in (extracted_bundle / "book").rglob("*"):  # hard links to the unchanged files
        if path.is_file():
            copy = tmp_path / "copy" / path.relative_to(extracted_bundle)
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, copy)
    lock = tmp_path / "copy" / "requirements.lock"
    lock.write_text(lock.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    (tmp_path / "copy" / "unlisted.txt").write_text("x")
    assert checksum_mismatches(tmp_path / "copy") == ["requirements.lock", "unlisted.txt"]


def test_bundle_contains_book_notebooks_slides_and_wheel(extracted_bundle, bundle):
    names = {path.relative_to(extracted_bundle).as_posix() for path in extracted_bundle.rglob("*")}
    chapters = [path.name for path in (ROOT / "chapters").glob("*.ipynb")]
    assert {f"notebooks/{name}" for name in chapters} <= names
    assert {"notebooks/sections/1.1.ipynb", "book/chapters/sections/1.1.ipynb"} <= names
    assert {
        "book/index.html",
        "slides/index.html",
        "README.md",
        "requirements.lock",
        "LICENSE",
        "LICENSE-CODE",
    } <= names
    (library,) = (extracted_bundle / "library").glob("*.whl")
    weights = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tutorial_lib").rglob("*.safetensors")}
    assert weights and weights <= set(zipfile.ZipFile(library).namelist())
    assert library.name in (extracted_bundle / "README.md").read_text(encoding="utf-8")
    digest, name = bundle.with_suffix(".zip.sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256(bundle.read_bytes()).hexdigest(), bundle.name)


def test_build_bundle_is_reproducible(bundle, tmp_path):
    assert make_bundle.build_bundle(ROOT, tmp_path).read_bytes() == bundle.read_bytes()


PAGES = [
    "book/index.html",
    "book/chapters/02-information.html",
    "book/chapters/teaching.html",
    "slides/02-information.html",
]


@pytest.mark.parametrize("page", PAGES)
def test_bundle_pages_open_offline(extracted_bundle, new_tab, page):
    tab, errors = new_tab(), []
    tab.context.set_offline(True)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or errors.append(request.url))
    tab.on("requestfailed", lambda request: errors.append(f"failed {request.url[:200]}"))
    tab.goto((extracted_bundle / page).as_uri())
    if "02-" in page:
        tab.wait_for_selector("mjx-container", state="attached")
    assert errors == []


@pytest.mark.slow
@pytest.mark.notebook
def test_bundle_wheel_runs_a_chapter(extracted_bundle, tmp_path):
    (library,) = (extracted_bundle / "library").glob("*.whl")
    with zipfile.ZipFile(library) as wheel:
        wheel.extractall(tmp_path / "site")
    variables = {"PYTHONPATH": str(tmp_path / "site"), "TUTORIAL_DATA": str(tmp_path), "IPYTHONDIR": str(tmp_path)}
    variables |= {"MPLBACKEND": "agg", "TUTORIAL_BOOK": ""}
    command = [
        sys.executable,
        "-c",
        RUN,
        str(extracted_bundle / "notebooks" / f"{CHAPTER}.ipynb"),
        str(tmp_path / "site"),
        str(ROOT),
    ]
    process = subprocess.run(
        offline(command),
        cwd=extracted_bundle / "notebooks",
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert int(process.stdout.splitlines()[-1].removeprefix("ran ")) > 20
