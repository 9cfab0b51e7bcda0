"""Tests that outputs are cached only while everything that computed them is unchanged."""

from types import SimpleNamespace

import pytest

from docs_ext.cache_key import fingerprint, set_cache_dir


@pytest.fixture
def project(tmp_path):
    for name in ["requirements.lock", "tutorial_lib/a.py", "tutorial_lib/models/weights/w.safetensors", "data/x.npz"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        "tutorial_lib/a.py",
        "tutorial_lib/models/weights/w.safetensors",
        "tutorial_course/results/new.json",
    ],
)
def test_cache_key_changes_with_packages_and_lock_file(project, name):
    before = fingerprint(project)
    assert fingerprint(project) == before
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("two", encoding="utf-8")
    assert fingerprint(project) != before


def test_cache_key_ignores_bytecode_and_readme(project):
    before = fingerprint(project)
    (project / "tutorial_lib" / "__pycache__").mkdir()
    (project / "tutorial_lib" / "__pycache__" / "a.pyc").touch()
    (project / "README.md").write_text("text", encoding="utf-8")
    assert fingerprint(project) == before


def test_cache_key_depends_on_data_dir(project):
    before = fingerprint(project, project / "data")
    assert before != fingerprint(project)
    (project / "data" / "y.npz").touch()
    assert fingerprint(project, project / "data") != before
    assert fingerprint(project, project / "nowhere") == fingerprint(project)


def test_set_cache_dir_removes_outdated_caches(project, monkeypatch):
    monkeypatch.setenv("TUTORIAL_DATA", str(project / "data"))
    config = SimpleNamespace(nb_execution_cache_path="")
    set_cache_dir(SimpleNamespace(srcdir=project), config)
    first = config.nb_execution_cache_path
    set_cache_dir(SimpleNamespace(srcdir=project), config)
    assert config.nb_execution_cache_path == first
    (project / "tutorial_lib" / "a.py").write_text("two", encoding="utf-8")
    set_cache_dir(SimpleNamespace(srcdir=project), config)
    assert (
        [str(path) for path in (project / "_build" / ".jupyter_cache").iterdir()]
        == [config.nb_execution_cache_path]
        != [first]
    )
