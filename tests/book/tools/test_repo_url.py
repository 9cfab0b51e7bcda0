"""Tests that buttons and setup cells follow the address of the repository and the tag of a release."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tools import repo_url

ROOT = Path(__file__).parents[3]
ADDRESS = "https://github.com/owner/project"
README = """# Title

Text.

| | chapter | what you will do | to read |
|---|---|---|---|
| 1 | [Gradients](chapters/01-gradients.ipynb) | Derive backpropagation. | 35 min |

| folder | contents |
|---|---|
| `chapters/` | the notebooks |
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "_config.yml").write_text(
        f"title: x\n\nrepository:\n  url: {repo_url.PLACEHOLDER}\n  branch: main\n\nhtml: {{}}\n", encoding="utf-8"
    )
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    (tmp_path / "chapters").mkdir()
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["setup"]}, "source": ["old"], "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": ["1 + 1  # é"], "outputs": []},
    ]
    (tmp_path / "chapters" / "a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return tmp_path


def test_set_url_updates_settings_and_setup_cells(project):
    assert repo_url.repository(project) == (repo_url.PLACEHOLDER, "main")
    for address in (ADDRESS, "https://gitlab.com/group/part/project"):
        repo_url.set_url(project, address)
        assert repo_url.repository(project) == (address, "main")
        text = (project / "chapters" / "a.ipynb").read_text(encoding="utf-8")
        setup, other = json.loads(text)["cells"]
        assert "".join(setup["source"]) == repo_url.setup_cell(project) and f"git+{address}@main" in text
        assert other["source"] == ["1 + 1  # é"] and "é" in text and text.endswith("}\n")
    assert (project / "_config.yml").read_text(encoding="utf-8").endswith("\n\nhtml: {}\n")


def test_set_url_adds_badges_and_links_to_readme(project):
    repo_url.set_url(project, ADDRESS)
    readme = (project / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith("| 1 |"))
    assert "| 35 min | [book](https://owner.github.io/project/chapters/01-gradients.html)," in row
    assert "colab.research.google.com/github/owner/project/blob/main/chapters/01-gradients.ipynb" in row
    assert {line.count("|") for line in readme.splitlines()[6:9]} == {6}
    badges = f"[![Tests]({ADDRESS}/actions/workflows/tests.yml/badge.svg)]({ADDRESS}/actions/workflows/tests.yml)"
    assert readme.splitlines()[2].startswith(badges) and readme.count("[![") == 2
    repo_url.set_url(project, ADDRESS.replace("owner", "other"))
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "owner" not in readme and readme.count("[![") == 2
    for address in ("https://gitlab.com/group/part/project", repo_url.PLACEHOLDER):
        repo_url.set_url(project, address)
        assert (project / "README.md").read_text(encoding="utf-8") == README


@pytest.mark.parametrize(
    "url",
    ["", "/srv/git/project", "git@github.com:owner/project.git", "https://github.com", "https://github.com/owner"],
)
def test_set_url_rejects_local_and_incomplete_addresses(project, url):
    with pytest.raises(SystemExit, match="Expected an address such as"):
        repo_url.set_url(project, url)
    assert repo_url.repository(project) == (repo_url.PLACEHOLDER, "main")


def test_setup_cell_is_short_and_compiles(project):
    from IPython.core.inputtransformer2 import TransformerManager

    cell = repo_url.setup_cell(project)
    assert len(cell.splitlines()) <= 14
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


def test_setup_cell_installs_from_repository_on_colab(project, monkeypatch, capsys):
    repo_url.set_url(project, ADDRESS)
    pip_commands, error = run_setup_cell(repo_url.setup_cell(project), project / "chapters", monkeypatch)
    assert pip_commands == [f'install -q "tutorial-lib[course] @ git+{ADDRESS}@main"'] and error is None


def test_setup_cell_installs_local_clone(project, monkeypatch):
    (project / "pyproject.toml").touch()
    pip_commands, error = run_setup_cell(repo_url.setup_cell(project), project / "chapters", monkeypatch)
    assert pip_commands == ['install -q "..[course]"'] and error is None


def buttons(**options):
    """Return the theme options that are left of those that _config.yml sets."""
    config = SimpleNamespace(html_theme_options=dict.fromkeys(repo_url.BUTTONS, True) | options)
    repo_url.remove_buttons(None, config)
    return config.html_theme_options


def test_remove_buttons_keeps_all_with_an_address():
    assert set(buttons(repository_url=ADDRESS, repository_branch="main")) == {*repo_url.BUTTONS, "repository_branch"}


def test_remove_buttons_removes_all_without_an_address():
    assert set(buttons(repository_url=repo_url.PLACEHOLDER, repository_branch="main")) == {"repository_branch"}


def test_remove_buttons_removes_edit_button_of_a_release():
    left = buttons(repository_url=ADDRESS, repository_branch="v1.2.0")
    assert "use_edit_page_button" not in left and "launch_buttons" in left


def error_form_links(**options):
    """Return the addresses to which a page links that names the form for errors."""
    doctree = publish_doctree("Use the form *Error in the course*, *please*.")
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options=options))
    repo_url.link_error_form(app, doctree, "chapters/questions")
    assert doctree.astext() == "Use the form Error in the course, please."
    return [link["refuri"] for link in doctree.findall(nodes.reference)]


def test_error_form_is_linked_if_the_project_is_on_github():
    form = "error-in-the-course.yml"
    assert error_form_links(repository_url=ADDRESS) == [f"{ADDRESS}/issues/new?template={form}"]
    assert error_form_links() == error_form_links(repository_url="https://gitlab.com/group/project") == []
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / form).read_text(encoding="utf-8")
    assert text.startswith(f"name: {repo_url.ERROR_FORM}\n")
    assert f"the form *{repo_url.ERROR_FORM}*" in (ROOT / "chapters" / "questions.md").read_text(encoding="utf-8")


def test_every_question_has_an_address_of_its_own():
    text = (ROOT / "chapters" / "questions.md").read_text(encoding="utf-8")
    assert text.count("\n### ") == len(re.findall(r"\n\([a-z-]+\)=\n### ", text)) > 12
