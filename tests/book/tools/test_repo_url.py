"""Tests that buttons and setup cells follow the address of the repository, and that there are none without it."""

import json
import subprocess

import pytest

from tools import repo_url

ADDRESS = "https://github.com/owner/project"


@pytest.mark.parametrize(
    "url",
    [
        ADDRESS,
        "https://github.com/owner/project.git",
        "https://github.com/owner/project/",
        "https://someone:secret@github.com/owner/project.git",
        "git@github.com:owner/project.git",
        "ssh://git@github.com/owner/project.git",
        "ssh://git@github.com:22/owner/project.git",
        "http://github.com/owner/project",
    ],
)
def test_repo_url_normalizes_equivalent_forms(url):
    assert repo_url.normalize(url) == ADDRESS


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        "/srv/git/project",
        "../project",
        "file:///srv/git/project.git",
        "C:\\project",
        "http://localhost:3000/owner/project",
        "git@gitserver:owner/project.git",
        "https://10.0.0.1/owner/project",
        "https://github.com",
        "https://github.com/owner",
        "origin",
    ],
)
def test_repo_url_rejects_local_and_incomplete_urls(url):
    assert repo_url.normalize(url) is None


def test_repo_url_keeps_groups_and_ports():
    assert repo_url.normalize("git@gitlab.com:group/part/project.git") == "https://gitlab.com/group/part/project"
    assert (
        repo_url.normalize("https://git.example.org:8443/owner/project") == "https://git.example.org:8443/owner/project"
    )


@pytest.mark.parametrize("tag", [None, "v1.2.0"])
@pytest.mark.parametrize("address", [None, ADDRESS])
def test_setup_cell_is_short_and_compiles(address, tag, capsys):
    from IPython.core.inputtransformer2 import TransformerManager

    cell = repo_url.setup_cell(address, tag)
    assert len(cell.splitlines()) <= 14
    assert (address or "OWNER") in cell and ("@v1.2.0" in cell) == bool(tag)
    compile(TransformerManager().transform_cell(cell), "setup", "exec")


def run_setup_cell(cell, folder, monkeypatch):
    """Return the pip commands and the error of a setup cell, run in ``folder`` where the library cannot be imported."""
    from IPython.core.interactiveshell import InteractiveShell

    pip_commands = []
    shell = InteractiveShell()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shell.register_magic_function(lambda line: pip_commands.append(line), magic_name="pip")
    result = shell.run_cell("\n".join(cell.splitlines()[:-2] if "\ndevice" in cell else cell.splitlines()[:-1]))
    return pip_commands, result.error_in_exec


def test_setup_cell_installs_from_repository_on_colab(tmp_path, monkeypatch, capsys):
    (tmp_path / "chapters").mkdir()
    pip_commands, error = run_setup_cell(repo_url.setup_cell(ADDRESS), tmp_path / "chapters", monkeypatch)
    assert pip_commands == [f'install -q "tutorial-lib[course] @ git+{ADDRESS}"'] and error is None
    pip_commands, error = run_setup_cell(repo_url.setup_cell(ADDRESS, "v1.2.0"), tmp_path / "chapters", monkeypatch)
    assert pip_commands == [f'install -q "tutorial-lib[course] @ git+{ADDRESS}@v1.2.0"'] and error is None
    pip_commands, error = run_setup_cell(repo_url.setup_cell(None), tmp_path / "chapters", monkeypatch)
    assert pip_commands == [] and "%pip install" in str(error)


@pytest.mark.parametrize("address", [None, ADDRESS])
def test_setup_cell_installs_local_clone(tmp_path, monkeypatch, address):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "pyproject.toml").touch()
    pip_commands, error = run_setup_cell(repo_url.setup_cell(address), tmp_path / "chapters", monkeypatch)
    assert pip_commands == ['install -q "..[course]"'] and error is None


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n\n[project.scripts]\na = "b"\n\n[tool.pytest]\nc = 1\n', encoding="utf-8"
    )
    (tmp_path / "chapters").mkdir()
    (tmp_path / "tutorial_lib").mkdir()
    (tmp_path / "tutorial_lib" / "__init__.py").write_text(
        '"""Text."""\n\n__version__ = "1.2.0.dev0"\n', encoding="utf-8"
    )
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["setup"]}, "source": ["old"], "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": ["1 + 1  # é"], "outputs": []},
    ]
    (tmp_path / "chapters" / "a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return tmp_path


def test_write_url_updates_pyproject_and_setup_cells(project):
    before = (project / "pyproject.toml").read_text(encoding="utf-8")
    assert repo_url.configured_url(project) is None
    repo_url.write_url(project, ADDRESS)
    assert repo_url.configured_url(project) == repo_url.repo_url(project) == ADDRESS
    repo_url.write_url(project, "https://github.com/other/project")
    assert repo_url.configured_url(project) == "https://github.com/other/project"
    text = (project / "chapters" / "a.ipynb").read_text(encoding="utf-8")
    setup, other = json.loads(text)["cells"]
    assert "".join(setup["source"]) == repo_url.setup_cell("https://github.com/other/project")
    assert other["source"] == ["1 + 1  # é"] and "é" in text and text.endswith("}\n")
    repo_url.write_url(project, None)
    assert (project / "pyproject.toml").read_text(encoding="utf-8") == before


def test_repo_url_falls_back_to_git_remote(project):
    def git(*words):
        subprocess.run(["git", "-C", str(project), *words], check=True, capture_output=True)

    git("init", "-q")
    assert repo_url.repo_url(project) is None
    git("remote", "add", "origin", "/srv/git/project.git")
    assert repo_url.repo_url(project) is None
    git("remote", "set-url", "origin", "git@github.com:owner/project.git")
    assert repo_url.repo_url(project) == ADDRESS


def test_theme_options_use_release_tag_for_notebooks():
    options = repo_url.theme_options(ADDRESS, "main", "v1.2.0")
    assert (
        options["repository_branch"] == "v1.2.0" and not options["use_edit_page_button"] and options["launch_buttons"]
    )


def test_theme_options_follow_repository_url():
    options = repo_url.theme_options(ADDRESS)
    assert options["launch_buttons"]["colab_url"] and options["use_issues_button"] and options["use_edit_page_button"]
    assert "launch_buttons" not in repo_url.theme_options("https://gitlab.com/owner/project")
    assert repo_url.theme_options("https://git.example.org/owner/project") == repo_url.theme_options(None) == {}
