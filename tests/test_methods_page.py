"""The page of methods is the table of methods, and what the glossary and it link to is there."""

import re
from pathlib import Path

import pytest

from tutorial_lib.instruments import METHODS
from tutorial_lib.instruments.methods import LETTERS
from tutorial_lib.instruments.sections import CHAPTERS, TITLES

PAGES = Path(__file__).parents[1] / "chapters"
TOC = (PAGES.parent / "_toc.yml").read_text(encoding="utf-8")
LINKED = ("methods.md", "glossary.md")


def read(page):
    return (PAGES / page).read_text(encoding="utf-8")


def place(section):
    """A link to a section as a page writes it; the anchor is the heading as MyST writes it: lower case, words joined by hyphens."""
    slug = re.sub(r"[^\w\- ]", "", f"{section} {TITLES[section]}".lower()).replace(" ", "-")
    return f"[{section}]({CHAPTERS[int(section[0])]}.ipynb#{slug})"


def row(method):
    ours, source = " (our own trial)" * method.ours, f"{{cite:t}}`{method.source}`" if method.source else ""
    return f"| {method.name}{ours} | `{method.function}` | {place(method.section)} | {method.passes} | {source} |"


@pytest.mark.parametrize("chapter", [1, 2, 3, 4])
def test_the_page_holds_every_method_in_order(chapter):
    rows = [row(method) for method in METHODS.values() if method.chapter == chapter]
    part = read("methods.md").split(f"### Chapter {chapter}\n")[1].split("\n### ")[0]
    there = [line for line in part.splitlines() if line.startswith("| ") and not line.startswith("| method")]
    assert there == rows, "the table should read:\n" + "\n".join(rows)


def test_every_letter_is_explained():
    assert all(f"${letter}$: {words}." in read("methods.md") for letter, words in LETTERS.items())


@pytest.mark.parametrize("page", LINKED)
def test_sections_are_linked_where_they_stand(page):
    links = re.findall(r"\[\d\.\w\]\([^)]*\)", read(page))
    assert len(links) > 30 and [link for link in links if link != place(link[1:4])] == []


@pytest.mark.parametrize("page", LINKED)
def test_the_page_is_in_the_book(page):
    assert f"file: chapters/{page.removesuffix('.md')}\n" in TOC


def test_words_are_in_order_and_said_once():
    words = re.findall(r"^\| ([^|]+?) \| [^|]+ \| \[", read("glossary.md"), re.M)
    assert len(words) > 30 and [w.lower() for w in words] == sorted({w.lower() for w in words})


def test_a_wrong_link_would_be_seen():
    assert place("2.2") == "[2.2](02-information.ipynb#22-what-if-not-p)"
    assert place("3.6") == "[3.6](03-uncertainty.ipynb#36--and-detect-it)"
