"""Write a version everywhere it is stated: ``make release VERSION=1.2.0``.

The command writes the library's ``__version__``, the setup cells, which then install the tag of that version, the
heading in CHANGELOG.md and the version in CITATION.cff, and prints what remains to be done by hand. Afterwards,
``VERSION=1.3.0.dev0`` begins the next version: the setup cells follow the default branch again.
"""

import re
import sys
from datetime import date
from pathlib import Path

from packaging.version import InvalidVersion, Version

from tools import repo_url

UNRELEASED = "## Unreleased"


def parse_version(text, now):
    """Return a version in normal form, or exit with a message that explains what is wrong with it."""
    try:
        version = Version(text)
    except InvalidVersion:
        raise SystemExit(
            f"{text!r} is not a version. The current version is {now}; write, for example, make release VERSION=1.0.0"
        ) from None
    if version <= Version(now):
        raise SystemExit(f"{version} is not above the current version, {now}; a released version does not change")
    return str(version)


def changelog_with_heading(changes, version, day):
    """Return the changelog with its unreleased part named; for a development version, with a new unreleased part."""
    n_unreleased = changes.count(f"{UNRELEASED}\n")
    if repo_url.release_tag(version):
        if n_unreleased != 1:
            raise SystemExit(f"CHANGELOG.md needs one part '{UNRELEASED}' with the changes; it has {n_unreleased}")
        return changes.replace(f"{UNRELEASED}\n", f"## {version}, {day.isoformat()}\n")
    return (
        changes
        if n_unreleased
        else re.sub(r"^(?=## )", f"{UNRELEASED}\n\nNothing yet.\n\n", changes, count=1, flags=re.M)
    )


def citation_with_version(citation, version, day):
    """Return the citation file with the version and date of a release; a development version is not cited."""
    bare = re.sub(r"^(version|date-released): .*\n", "", citation, flags=re.M)
    if not repo_url.release_tag(version):
        return bare
    return bare.replace(
        "type: software\n", f"type: software\nversion: {version}\ndate-released: {day.isoformat()}\n", 1
    )


def release(root, text, day):
    """Write a version everywhere and return it; nothing is written if any check fails."""
    root = Path(root)
    version = parse_version(text, repo_url.library_version(root))
    library, changes, citation = root / "tutorial_lib" / "__init__.py", root / "CHANGELOG.md", root / "CITATION.cff"
    new_contents = {
        library: re.sub(
            repo_url.VERSION, f'__version__ = "{version}"', library.read_text(encoding="utf-8"), flags=re.M
        ),
        changes: changelog_with_heading(changes.read_text(encoding="utf-8"), version, day),
        citation: citation_with_version(citation.read_text(encoding="utf-8"), version, day),
    }
    for path, content in new_contents.items():
        path.write_text(content, encoding="utf-8")
    repo_url.write_setup_cells(root)
    return version


if __name__ == "__main__":
    root_dir = Path(__file__).resolve().parent.parent
    version = release(root_dir, sys.argv[1] if len(sys.argv) > 1 else "", date.today())
    tag = repo_url.release_tag(version)
    print(f"The version is now {version}. Setup cells install from {tag or 'the default branch'}.")
    if tag:
        print(f'Then: make test && git commit -am "Version {version}" && git tag {tag} && git push origin HEAD {tag}')
        if repo_url.configured_url(root_dir) is None:
            print(
                "The project has no address yet, which the setup cells need: make set-repo-url URL=https://github.com/OWNER/PROJECT first"
            )
