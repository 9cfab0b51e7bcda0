"""Tests that the methods page agrees with the table of methods, and that its links and the glossary's are valid."""

import re
from pathlib import Path

import pytest

from tutorial_course.methods import COST_SYMBOLS, METHODS
from tutorial_course.widgets.section_links import CHAPTER_FILES, SECTION_TITLES

PAGES = Path(__file__).parents[2] / "chapters"
TOC = (PAGES.parent / "_toc.yml").read_text(encoding="utf-8")
PAGES_WITH_SECTION_LINKS = ("methods.md", "glossary.md")


def read(page):
    return (PAGES / page).read_text(encoding="utf-8")


def expected_link(section):
    """Return the link to a section; MyST makes the anchor from the heading, in lower case with hyphens."""
    slug = re.sub(r"[^\w\- ]", "", f"{section} {SECTION_TITLES[section]}".lower()).replace(" ", "-")
    return f"[{section}]({CHAPTER_FILES[int(section[0])]}.ipynb#{slug})"


def expected_row(method):
    own, source = " (our own trial)" * method.is_own_proposal, f"{{cite:t}}`{method.source}`" if method.source else ""
    link = expected_link(method.section)
    return f"| {method.name}{own} | `{method.function}` | {link} | {method.backward_passes} | {source} |"


@pytest.mark.parametrize("chapter", [1, 2, 3, 4])
def test_methods_page_lists_every_method_in_order(chapter):
    rows = [expected_row(method) for method in METHODS.values() if method.chapter == chapter]
    part = read("methods.md").split(f"### Chapter {chapter}\n")[1].split("\n### ")[0]
    listed = [line for line in part.splitlines() if line.startswith("| ") and not line.startswith("| method")]
    assert listed == rows, "the table should read:\n" + "\n".join(rows)


def test_methods_page_explains_every_cost_symbol():
    assert all(f"${letter}$: {meaning}." in read("methods.md") for letter, meaning in COST_SYMBOLS.items())


@pytest.mark.parametrize("page", PAGES_WITH_SECTION_LINKS)
def test_methods_and_glossary_pages_link_to_correct_sections(page):
    links = re.findall(r"\[\d\.\w\]\([^)]*\)", read(page))
    assert len(links) > 30 and [link for link in links if link != expected_link(link[1:4])] == []


@pytest.mark.parametrize("page", PAGES_WITH_SECTION_LINKS)
def test_methods_and_glossary_pages_are_in_the_toc(page):
    assert f"file: chapters/{page.removesuffix('.md')}\n" in TOC


def test_glossary_page_terms_are_sorted_and_unique():
    terms = re.findall(r"^\| ([^|]+?) \| [^|]+ \| \[", read("glossary.md"), re.M)
    assert len(terms) > 30 and [term.lower() for term in terms] == sorted({term.lower() for term in terms})


def test_expected_link_of_methods_page_follows_myst_anchors():
    assert expected_link("2.2") == "[2.2](02-information.ipynb#22-what-if-not-p)"
    assert expected_link("3.6") == "[3.6](03-uncertainty.ipynb#36--and-detect-it)"
