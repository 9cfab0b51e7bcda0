"""Tests that installing the library changes no package that is within its ranges, as those on Colab are."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pip_dry_run(*arguments):
    """Return {name: version} of everything that pip would install; nothing is installed and no network is used."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--quiet",
        "--no-index",
        "--no-build-isolation",
        "--report",
        "-",
    ]
    process = subprocess.run([*command, "--disable-pip-version-check", *arguments], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in json.loads(process.stdout)["install"]}


def test_install_adds_no_package_within_supported_ranges():
    assert list(pip_dry_run(str(ROOT))) == ["tutorial-lib"]


def test_install_dry_run_detects_unsatisfied_requirement(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace('"numpy>=1.26"', '"numpy>=999"'), encoding="utf-8"
    )
    for name in ("README.md", "LICENSE-CODE", "tutorial_lib"):
        (tmp_path / name).symlink_to(ROOT / name)
    try:
        pip_dry_run(str(tmp_path))
    except AssertionError as error:
        assert "numpy>=999" in str(error)
    else:
        raise AssertionError("pip accepted an older numpy")
