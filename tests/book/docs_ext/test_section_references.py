"""Tests of the links from mentions of sections."""

from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from docs_ext import section_references

PLACES = {"chapters/01": {"section-1-1": 0, "section-1-a": 0, "other": 0}, "chapters/02": {"section-2-3": 0}}
ENV = SimpleNamespace(metadata={page: {"myst_slugs": slugs} for page, slugs in PLACES.items()} | {"index": {}})


def links(source, ids=()):
    """Return the links on a page of chapter 1: [(text, address)], without those that were there before."""
    doctree = publish_doctree(source)
    for section in doctree.findall(nodes.section):
        section["ids"] += ids
    uri = SimpleNamespace(format="html", get_relative_uri=lambda page, other: f"{other[-2:]}.html" * (page != other))
    section_references.link_mentions(SimpleNamespace(builder=uri, env=ENV), doctree, "chapters/01")
    assert doctree.astext() == publish_doctree(source).astext()
    return [(link.astext(), link["refuri"]) for link in doctree.findall(nodes.reference) if "internal" in link]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("See section 1.A.", [("1.A", "#section-1-a")]),
        (
            "Sections 1.1,\n1.A and 2.3 show it.",
            [("1.1", "#section-1-1"), ("1.A", "#section-1-a"), ("2.3", "02.html#section-2-3")],
        ),
        ("(sections 1.1 to 2.3), and section 9.9", [("1.1", "#section-1-1"), ("2.3", "02.html#section-2-3")]),
        ("In section 1.1234 or version 1.1, ``section 1.1``, `section 1.1 <https://a.org>`__", []),
    ],
)
def test_mentions_become_links_to_known_sections(source, expected):
    assert links(source) == expected


def test_mention_in_html_link_stays_plain():
    role = ".. role:: html(raw)\n   :format: html\n\n"
    source = role + ':html:`<a href="x">`\\ section 1.A\\ :html:`</a>`, section 1.A'
    assert len(links(source)) == 1


def test_titles_and_mentions_inside_the_section_stay_plain():
    source = "Section 1.1\n===========\n\nThis is section 1.1, not section 1.A.\n\nOther\n====="
    assert links(source, ids=["section-1-1"]) == [("1.A", "#section-1-a")]


def test_core_of_every_chapter_links_to_its_further_sections(book):
    from bs4 import BeautifulSoup

    missing = []
    for path in sorted((book / "chapters").glob("0*.html")):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find("article")
        further = page.find(id="go-deeper").extract()
        names = {name["id"] for name in further.find_all(id=section_references.LABEL)}
        missing += sorted(names - {link["href"].rpartition("#")[2] for link in page.find_all("a", href=True)})
    assert missing == []
