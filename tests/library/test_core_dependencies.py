"""The library imports only its declared dependencies, and works without the packages that only the course needs."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tutorial_lib import data

ROOT = Path(__file__).parents[2]
COURSE_PACKAGES = ("matplotlib", "ipywidgets", "pandas", "yaml", "skimage")


def test_library_imports_without_course_packages():
    packages = (
        "gradients",
        "attribution",
        "uncertainty",
        "data",
        "models",
        "foundations",
        "metrics",
        "quality",
        "saliency",
    )
    # Importing a package of the course fails in the new process, as if it were not installed.
    code = f"import sys\nsys.modules.update(dict.fromkeys({COURSE_PACKAGES!r}))\n"
    code += "\n".join(f"import tutorial_lib.{package}" for package in packages)
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


def test_skimage_photos_names_the_extra_to_install_without_skimage(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ModuleNotFoundError, match=re.escape('pip install "tutorial-lib[course]"')):
        data.skimage_photos(8)


def test_declared_dependencies_are_the_packages_that_the_library_imports():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tutorial_lib").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"tutorial_lib"}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in declared}
    # scikit-learn is imported as sklearn; Pillow comes with torchvision; scikit-image is optional.
    assert packages - {"PIL", "skimage"} == names - {"scikit-learn"} | {"sklearn"}
