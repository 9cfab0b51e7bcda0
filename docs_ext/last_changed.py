"""Show at the end of a page when its text was last changed, according to the history of git.

A page says nothing if the date is not known: outside of a clone, in a clone without its whole history, without git, and
while the text differs from the last commit.
"""

import subprocess
from datetime import date
from pathlib import Path


def git(root, *arguments):
    """Return what a git command prints, or an empty text if it fails or git is not installed."""
    try:
        command = ["git", "-c", "core.quotePath=off", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def change_dates(root, folder):
    """Return {path of a file below a folder of the project: date of the last commit that changed it}."""
    # An empty prefix: the project is not a folder inside another repository.
    if git(root, "rev-parse", "--show-prefix", "--is-shallow-repository") != "\nfalse\n":
        return {}
    dates, day = {}, None
    for line in git(root, "log", "--format=%x00%cs", "--name-only", "--", folder).splitlines():
        if line.startswith("\0"):
            day = date.fromisoformat(line[1:])
        elif line:
            dates.setdefault(line, day)
    changed = git(root, "diff", "--name-only", "HEAD", "--", folder).splitlines()
    return {path: day for path, day in dates.items() if path not in changed}


def read_history(app):
    """Read the dates of all pages once per build."""
    app.last_changed = change_dates(app.srcdir, "chapters")


def add_date(app, pagename, templatename, context, doctree):
    """Give the footer of the theme the date of a page."""
    if pagename in app.env.found_docs:
        path = Path(app.env.doc2path(pagename)).relative_to(app.srcdir).as_posix()
        if day := app.last_changed.get(path):
            context["last_updated"] = f"{day.day} {day:%B %Y}"


def setup(app):
    """Register the extension."""
    app.connect("builder-inited", read_history)
    app.connect("html-page-context", add_date)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
