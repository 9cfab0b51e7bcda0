"""Tests that the methods page shows the table of methods, and that its links and those of the glossary are valid."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs_ext import methods_page
from tutorial_course.methods import COST_SYMBOLS, METHODS

PAGES = Path(__file__).parents[2] / "chapters"
TOC = (PAGES.parent / "_toc.yml").read_text(encoding="utf-8")
PAGES_WITH_SECTION_LINKS = ("methods.md", "glossary.md")


def read(page):
    return (PAGES / page).read_text(encoding="utf-8")


def test_methods_page_lists_every_method_and_cost_symbol():
    tables = methods_page.method_tables()
    assert [name for name in METHODS if f"\n| {name}" not in tables] == []
    assert tables.count("\n| ") == len(METHODS) + 4 and tables.count("our own experiment") == 2
    assert all(f"${letter}$: {meaning}." in tables for letter, meaning in COST_SYMBOLS.items())
    row = "| ODIN | `uncertainty.odin_score` | [3.A](03-uncertainty.ipynb#section-3-a)"
    assert row in tables and ") | 1 | {cite:t}`liang2018odin` |" in tables


def test_methods_page_is_filled_while_it_is_read():
    dependencies = []
    app = SimpleNamespace(srcdir=PAGES.parent, env=SimpleNamespace(note_dependency=dependencies.append))
    source, other = [read("methods.md")], ["text"]
    methods_page.fill_page(app, "chapters/methods", source)
    methods_page.fill_page(app, "chapters/setup", other)
    assert methods_page.method_tables() in source[0] and methods_page.PLACEHOLDER not in source[0]
    assert other == ["text"] and all(Path(file).is_file() for file in dependencies) and dependencies
    with pytest.raises(ValueError, match="needs the line <!-- methods -->"):
        methods_page.fill_page(app, "chapters/methods", ["# Methods"])


@pytest.mark.parametrize("page", PAGES_WITH_SECTION_LINKS)
def test_methods_and_glossary_pages_link_to_correct_sections(page):
    links = re.findall(r"\[\d\.\w\]\([^)]*\)", read(page))
    assert len(links) > 30 and [link for link in links if link != methods_page.section_link(link[1:4])] == []


@pytest.mark.parametrize("page", PAGES_WITH_SECTION_LINKS)
def test_methods_and_glossary_pages_are_in_the_toc(page):
    assert f"file: chapters/{page.removesuffix('.md')}\n" in TOC


def test_glossary_page_terms_are_sorted_and_unique():
    terms = re.findall(r"^\| ([^|]+?) \| [^|]+ \| \[", read("glossary.md"), re.M)
    assert len(terms) == read("glossary.md").count("\n| ") - 1, "one row of headings"
    assert len(terms) > 30 and [term.lower() for term in terms] == sorted({term.lower() for term in terms})


def test_section_link_of_methods_page_follows_myst_anchors():
    assert methods_page.section_link("2.2") == "[2.2](02-information.ipynb#section-2-2)"
    assert methods_page.section_link("3.6") == "[3.6](03-uncertainty.ipynb#section-3-6)"
