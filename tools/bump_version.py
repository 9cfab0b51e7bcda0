"""A release: one version, written wherever it is said. No extension, but a command: ``make release VERSION=1.2.0``.

It writes the library's ``__version__``, the setup cells, which then install that very tag, the heading in CHANGELOG.md and the version in
CITATION.cff, and says what is left to do by hand. ``VERSION=1.3.0.dev0`` afterwards opens the next one: cells follow the branch again.
"""

import re
import sys
from datetime import date
from pathlib import Path

from packaging.version import InvalidVersion, Version

from tools import repo_url

UNRELEASED = "## Unreleased"


def parse_version(text, now):
    """The version that was asked for, as it is written, or an error that says what is wrong with it."""
    try:
        version = Version(text)
    except InvalidVersion:
        raise SystemExit(
            f"{text!r} is no version. The one now is {now}; say, for example, make release VERSION=1.0.0"
        ) from None
    if version <= Version(now):
        raise SystemExit(f"{version} is not above the version now, {now}: a version that is out stays as it is")
    return str(version)


def changelog_with_heading(changes, version, day):
    """The changelog with its open part closed, or, for a version in the making, with a new open part."""
    there = changes.count(f"{UNRELEASED}\n")
    if repo_url.release_tag(version):
        if there != 1:
            raise SystemExit(f"CHANGELOG.md needs one part '{UNRELEASED}' that says what is new; it has {there}")
        return changes.replace(f"{UNRELEASED}\n", f"## {version}, {day.isoformat()}\n")
    return changes if there else re.sub(r"^(?=## )", f"{UNRELEASED}\n\nNothing yet.\n\n", changes, count=1, flags=re.M)


def citation_with_version(citation, version, day):
    """The citation file with the version and day of a release; a version in the making is not cited."""
    bare = re.sub(r"^(version|date-released): .*\n", "", citation, flags=re.M)
    if not repo_url.release_tag(version):
        return bare
    return bare.replace(
        "type: software\n", f"type: software\nversion: {version}\ndate-released: {day.isoformat()}\n", 1
    )


def release(root, text, day):
    """Write a version everywhere; nothing is written if anything is wrong."""
    root = Path(root)
    version = parse_version(text, repo_url.library_version(root))
    library, changes, citation = root / "tutorial_lib" / "__init__.py", root / "CHANGELOG.md", root / "CITATION.cff"
    written = {
        library: re.sub(
            repo_url.VERSION, f'__version__ = "{version}"', library.read_text(encoding="utf-8"), flags=re.M
        ),
        changes: changelog_with_heading(changes.read_text(encoding="utf-8"), version, day),
        citation: citation_with_version(citation.read_text(encoding="utf-8"), version, day),
    }
    for path, content in written.items():
        path.write_text(content, encoding="utf-8")
    repo_url.write_setup_cells(root)
    return version


if __name__ == "__main__":
    home = Path(__file__).resolve().parent.parent
    version = release(home, sys.argv[1] if len(sys.argv) > 1 else "", date.today())
    tag = repo_url.release_tag(version)
    print(f"The version is now {version}. Setup cells follow {tag or 'the default branch'}.")
    if tag:
        print(f'Then: make test && git commit -am "Version {version}" && git tag {tag} && git push origin HEAD {tag}')
        if repo_url.configured_url(home) is None:
            print(
                "The project has no address yet, so cells cannot name it: make set-repo-url URL=https://github.com/OWNER/PROJECT first"
            )
