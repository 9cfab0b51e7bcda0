"""Write the address of the project's repository wherever it is stated: ``make set-repo-url URL=…``.

The address is the setting ``repository`` in _config.yml, from which Jupyter Book makes the buttons of the pages. Its
``branch`` is the default branch, or the tag of a release. The setup cell of every chapter states both as text,
because a notebook that is opened on Colab has no other file. README.md has badges, and links to the book and to
Colab. Therefore the book of version 1.2.0 opens the notebooks of the tag v1.2.0, and their setup cells install the
library of that tag.
"""

import json
import re
import sys
from pathlib import Path

# It is replaced by `make set-repo-url`; until then the pages have no buttons.
PLACEHOLDER = "https://github.com/OWNER/REPO"
SETTING = re.compile(r"^repository:\n  url: (\S+)\n  branch: (\S+)$", re.M)
# The title of README.md, and below it the badges.
TITLE = re.compile(r"\A(# .*\n)(?:\n\[!\[.*\n)?")
CHAPTER_TABLE = re.compile(r"(?m)^\| \| chapter \|.*\n(?:\|.*\n)+")
# The name of the issue form for errors, of which the name of its file is made.
ERROR_FORM = "Error in the course"
BUTTONS = ("repository_url", "launch_buttons", "use_repository_button", "use_edit_page_button", "use_issues_button")

SETUP_CELL = """\
# @title Set up: install the course where it is missing, and choose the processor or the GPU
import importlib.util
import os

if not importlib.util.find_spec("tutorial_course"):  # on Colab, or in a bare clone
    source = "..[course]"
    if not os.path.exists("../pyproject.toml"):
        source = "tutorial-lib[course] @ git+{url}@{branch}"
    %pip install -q "{{source}}"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads leave the processor
from tutorial_lib import runtime

device = runtime.setup_device()"""


def repository(root):
    """Return the address of the repository, and the branch or tag that buttons and setup cells use."""
    return SETTING.search((Path(root) / "_config.yml").read_text(encoding="utf-8")).groups()


def is_setup(cell):
    """Return whether a cell is the setup cell of a chapter."""
    return "setup" in cell["metadata"].get("tags", [])


def setup_cell(root):
    """Return the source of a chapter's first code cell, which works on Colab, in a clone and offline."""
    url, branch = repository(root)
    return SETUP_CELL.format(url=url, branch=branch)


def write_setup_cells(root):
    """Write the setup cell into every chapter."""
    for path in sorted((Path(root) / "chapters").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in filter(is_setup, notebook["cells"]):
            cell["source"] = setup_cell(root).splitlines(keepends=True)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def github_project(url):
    """Return the owner and the name of a project on GitHub, or None for the placeholder and for other hosts."""
    match = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", url)
    return match.groups() if match and url != PLACEHOLDER else None


def badges(url, branch):
    """Return README's line of badges, the state of the tests and a button that opens chapter 1 on Colab, or no line."""
    if not (project := github_project(url)):
        return ""
    tests, colab = f"{url}/actions/workflows/tests.yml", "https://colab.research.google.com"
    notebook = f"{colab}/github/{'/'.join(project)}/blob/{branch}/chapters/01-gradients.ipynb"
    return f"\n[![Tests]({tests}/badge.svg)]({tests}) [![Open in Colab]({colab}/assets/colab-badge.svg)]({notebook})\n"


def link_chapters(table, url, branch):
    """Return README's table of chapters with a column of links to the book and to Colab, if the project is on GitHub.

    The first four columns stay as they are.
    """
    lines = ["|".join(line.split("|")[:5]) + "|" for line in table.strip().splitlines()]
    if not (project := github_project(url)):
        return "\n".join(lines)
    owner, name = project
    linked = [lines[0] + " open |", lines[1] + "---|"]
    for line in lines[2:]:
        path = re.search(r"\((chapters/[\w-]+)\.ipynb\)", line)[1]
        book = f"[book](https://{owner}.github.io/{name}/{path}.html)"
        colab = f"[Colab](https://colab.research.google.com/github/{owner}/{name}/blob/{branch}/{path}.ipynb)"
        linked.append(f"{line} {book}, {colab} |")
    return "\n".join(linked)


def write_readme_links(root):
    """Write the badges into README.md, and the links to the book and to Colab into its table of chapters."""
    path = Path(root) / "README.md"
    if not path.is_file():  # a folder that contains only the chapters
        return
    text = path.read_text(encoding="utf-8")
    linked = CHAPTER_TABLE.sub(lambda table: link_chapters(table[0], *repository(root)) + "\n", text)
    path.write_text(TITLE.sub(lambda title: title[1] + badges(*repository(root)), linked), encoding="utf-8")


def set_url(root, url):
    """Write the address into _config.yml, into every setup cell and into README.md."""
    if not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+){2,}", url):
        raise SystemExit(f"Expected an address such as {PLACEHOLDER}, got {url!r}: make set-repo-url URL={PLACEHOLDER}")
    settings = Path(root) / "_config.yml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(SETTING.sub(rf"repository:\n  url: {url}\n  branch: \2", text), encoding="utf-8")
    write_setup_cells(root)
    write_readme_links(root)


def link_error_form(app, doctree, docname):
    """Link the name of the form for errors to the form, if the project is on GitHub."""
    from docutils import nodes  # here, because this module also runs where the packages of the book are not installed

    url = app.config.html_theme_options.get("repository_url", "")
    for name in list(doctree.findall(nodes.emphasis)) if url.startswith("https://github.com/") else []:
        if name.astext() == ERROR_FORM:
            address = f"{url}/issues/new?template={ERROR_FORM.lower().replace(' ', '-')}.yml"
            name.replace_self(nodes.reference("", "", name.deepcopy(), refuri=address))


def remove_buttons(app, config):
    """Remove the buttons that would lead nowhere: all without an address, and the edit button of a released book."""
    options = dict(config.html_theme_options)
    unusable = BUTTONS if options["repository_url"] == PLACEHOLDER else ()
    if options["repository_branch"].startswith("v"):
        unusable += ("use_edit_page_button",)
    config.html_theme_options = {key: value for key, value in options.items() if key not in unusable}


def setup(app):
    """Register the extension."""
    app.connect("config-inited", remove_buttons)
    app.connect("doctree-resolved", link_error_form)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    root_dir = Path(__file__).resolve().parent.parent
    if len(sys.argv) > 1:
        set_url(root_dir, sys.argv[1])
    else:
        write_setup_cells(root_dir)
        write_readme_links(root_dir)
    print("The buttons of the next build, the setup cells and README.md use {} at {}.".format(*repository(root_dir)))
