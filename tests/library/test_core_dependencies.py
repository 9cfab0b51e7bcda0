"""The library imports only its declared dependencies, and works without the packages that only the course needs."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tutorial_lib import data

ROOT = Path(__file__).parents[2]
COURSE_PACKAGES = ("matplotlib", "ipywidgets", "pandas", "yaml", "skimage")
# Importing a package of the course fails in the new process, as if it were not installed.
IMPORT = f"""
import json, sys
sys.modules.update(dict.fromkeys({COURSE_PACKAGES!r}))
import torch
before = set(sys.modules)
import tutorial_lib
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
from tutorial_lib import attribution, data, foundations, gradients, metrics, models, quality, saliency, uncertainty
"""


def test_library_imports_without_course_packages_and_is_lightweight():
    """Importing the library loads no heavy package but torch; the modules that use other packages import them."""
    process = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    imported = set(json.loads(process.stdout))
    assert "tutorial_lib" in imported
    assert not {"torchvision", "sklearn", "skimage", "matplotlib", "ipywidgets", "scipy", "PIL"} & imported


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
