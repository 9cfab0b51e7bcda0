"""Determine and write the address of the project's repository.

The address is stored in one place, ``[project.urls] Repository`` in pyproject.toml, by ``make set-repo-url URL=…``,
which also writes the setup cell of every chapter. If it is not set, a build uses the git remote ``origin``. A remote
that is a folder or a machine of a local network is not an address, and without an address the pages have no Colab,
issue, edit or repository button.

A release is self-consistent: the book of version 1.2.0 opens the notebooks of the tag v1.2.0, and their setup cells
install the library of that tag. A development version such as 1.3.0.dev0 follows the default branch.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

VERSION = r'^__version__ = "(.+)"$'
FORGES = ("github", "gitlab", "bitbucket")

WITH_ADDRESS = """\
import importlib.util
import os

if not importlib.util.find_spec("tutorial_course"):  # on Colab, or in a bare clone
    local = os.path.exists("../pyproject.toml")
    source = "..[course]" if local else "tutorial-lib[course] @ git+{source}"
    %pip install -q "{{source}}"
from tutorial_lib import runtime

device = runtime.setup_device()"""

WITHOUT_ADDRESS = """\
import importlib.util
import os

if not importlib.util.find_spec("tutorial_course"):  # on Colab, or in a bare clone
    assert os.path.exists("../pyproject.toml"), (
        "The library is missing. Install it with "
        "%pip install 'tutorial-lib[course] @ git+https://github.com/OWNER/REPO{at}' "
        "(both names are in the address bar), "
        "or upload the project's folder and run %pip install './FOLDER[course]'"
    )
    %pip install -q "..[course]"
from tutorial_lib import runtime

device = runtime.setup_device()"""


def normalize(url):
    """Return a web address ``https://host/owner/project``, or None if ``url`` is not the address of a hosting service.

    >>> normalize("git@github.com:owner/project.git")
    'https://github.com/owner/project'
    >>> normalize("/somewhere/project") is None
    True
    """
    url = (url or "").strip()
    short = re.fullmatch(r"(?:[\w.-]+@)?([\w.-]+):(?!//)([^/\\].*)", url)
    if short:
        url = f"ssh://{short[1]}/{short[2]}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    path = re.sub(r"\.git$", "", parts.path.strip("/"))
    # A name without a dot is a machine of a local network, and an IP address is not a public address either.
    public = "." in host and not re.fullmatch(r"[\d.]+", host)
    if (
        parts.scheme not in ("http", "https", "ssh", "git")
        or not public
        or not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)+", path)
    ):
        return None
    at = f":{port}" if port and parts.scheme in ("http", "https") else ""
    return f"https://{host}{at}/{path}"


def configured_url(root):
    """Return the address in pyproject.toml, or None."""
    project = tomllib.loads((Path(root) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return normalize(project.get("urls", {}).get("Repository"))


def git_query(root, *arguments):
    """Return the output of a git command in ``root``, or an empty string if it fails."""
    try:
        result = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def repo_url(root):
    """Return the address of the project: the one in pyproject.toml, else that of the git remote, else None."""
    return configured_url(root) or normalize(git_query(root, "remote", "get-url", "origin"))


def library_version(root):
    """Return the version of the library, its ``__version__``."""
    return re.search(VERSION, (Path(root) / "tutorial_lib" / "__init__.py").read_text(encoding="utf-8"), re.M)[1]


def release_tag(version):
    """Return the tag of a released version, or None for a development version.

    >>> release_tag("1.2.0"), release_tag("1.3.0.dev0")
    ('v1.2.0', None)
    """
    return None if ".dev" in version else f"v{version}"


def setup_cell(address, tag=None):
    """Return the source of a chapter's first code cell, which works on Colab, in a clone and offline."""
    at = f"@{tag}" if tag else ""
    return WITH_ADDRESS.format(source=f"{address}{at}") if address else WITHOUT_ADDRESS.format(at=at)


def is_setup(cell):
    """Return whether a cell is the setup cell of a chapter."""
    return "setup" in cell["metadata"].get("tags", [])


def write_url(root, url):
    """Write the address into pyproject.toml and the setup cell into every chapter; None removes the address."""
    root = Path(root)
    project = root / "pyproject.toml"
    text = re.sub(r"^Repository = .*\n", "", project.read_text(encoding="utf-8"), flags=re.M)
    text = re.sub(r"^\[project\.urls\]\n+(?=\[|\Z)", "", text, flags=re.M)
    if url:
        if "[project.urls]" not in text:
            text = re.sub(r"^(?=\[tool\.)|\Z", "[project.urls]\n\n", text, count=1, flags=re.M)
        text = text.replace("[project.urls]\n", f'[project.urls]\nRepository = "{url}"\n', 1)
    project.write_text(text, encoding="utf-8")
    write_setup_cells(root)


def write_setup_cells(root):
    """Write the setup cell for the current address and version into every chapter."""
    source = setup_cell(configured_url(root), release_tag(library_version(root))).splitlines(keepends=True)
    for path in sorted((root / "chapters").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in filter(is_setup, notebook["cells"]):
            cell["source"] = source
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def theme_options(address, branch="main", tag=None):
    """Return the theme options of the repository buttons; empty without a usable address. A tag has no edit button."""
    forge = next((name for name in FORGES if address and name in urlsplit(address).hostname), None)
    if forge is None:
        return {}
    options = {
        "repository_url": address,
        "repository_provider": forge,
        "repository_branch": tag or branch,
        "path_to_docs": "",
    }
    options |= {
        "use_repository_button": True,
        "use_edit_page_button": not tag,
        "use_issues_button": forge != "bitbucket",
    }
    if forge == "github":
        options["launch_buttons"] = {
            "notebook_interface": "jupyterlab",
            "colab_url": "https://colab.research.google.com",
        }
    return options


def add_buttons(app, config):
    """Set the theme options of the repository buttons for this build."""
    address = repo_url(app.srcdir)
    branch = git_query(app.srcdir, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    # By default, the address of Jupyter Book itself is set; it must be removed in any case.
    other = {key: value for key, value in config.html_theme_options.items() if not key.startswith("repository_")}
    config.html_theme_options = other | theme_options(
        address, branch or "main", release_tag(library_version(app.srcdir)) if address else None
    )


def setup(app):
    """Register the extension."""
    app.connect("config-inited", add_buttons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    root_dir, url = Path(__file__).resolve().parent.parent, sys.argv[1] if len(sys.argv) > 1 else ""
    if url != "none" and normalize(url) is None:
        print(f"Current address: {repo_url(root_dir) or 'none'}.")
        print("To set it: make set-repo-url URL=https://github.com/OWNER/PROJECT   (URL=none removes it)")
        sys.exit(2)
    write_url(root_dir, None if url == "none" else normalize(url))
    print(
        f"New address: {configured_url(root_dir) or 'none'}. The setup cells use it, and so will the buttons of the next build."
    )
