"""Tests that terms and symbols are linked at their first use, but not in code, quotes, tables or their own section."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

from docs_ext import hover_cards

ROOT = Path(__file__).parents[3]
CARD_ENTRIES = {
    "saliency maps": ("g.html#saliency-maps", "2.3", ["entry"]),
    "AUROC": ("g.html#auroc", "3.1", ["entry"]),
    "rank correlation": ("g.html#rank", "4.2", ["entry"]),
    "h": ("n.html#h", "", ["entry"]),
    "r_Q": ("n.html#r", hover_cards.CORE_SECTIONS, ["entry"]),
}


def page(*sections):
    """Return a chapter of sections, each given as a title and paragraphs."""
    document = nodes.section("", nodes.title("", "A chapter"))
    for title, *paragraphs in sections:
        document += nodes.section("", nodes.title("", title), *paragraphs)
    return nodes.container("", document).children[0]


def p(*parts):
    return nodes.paragraph("", "", *(nodes.Text(part) if isinstance(part, str) else part for part in parts))


def links(doctree):
    return [(link.astext(), link["refuri"]) for link in doctree.findall(nodes.reference) if "refuri" in link]


def with_linked_terms(*sections):
    document = nodes.document(None, None)
    document += page(*sections).deepcopy()
    hover_cards.link_first_use(document, CARD_ENTRIES)
    return document


def test_link_first_use_links_only_first_occurrence():
    document = with_linked_terms(
        ("2.1 One", p("Saliency maps and a map; saliency maps again, AUROC and auroc."), p("Saliency maps.")),
        ("2.2 Two", p("Saliency maps, rank correlations.")),
    )
    assert links(document) == [
        ("Saliency maps", "g.html#saliency-maps"),
        ("AUROC", "g.html#auroc"),
        ("rank correlations", "g.html#rank"),
    ]
    assert "Saliency maps and a map; saliency maps again, AUROC and auroc." in document.astext()


def test_link_first_use_restarts_in_each_advanced_section():
    document = with_linked_terms(
        ("2.1 One", p("Saliency maps.")),
        ("2.A Deep", p("Saliency maps. Saliency maps.")),
        ("2.B Deeper", p("Saliency maps.")),
    )
    assert len(links(document)) == 3


def test_link_first_use_skips_section_that_defines_term():
    document = with_linked_terms(("2.3 Why", p("Saliency maps.")), ("2.4 Then", p("Saliency maps.")))
    assert links(document) == [("Saliency maps", "g.html#saliency-maps")]


@pytest.mark.parametrize(
    "part",
    [
        p(nodes.literal("", "saliency maps")),
        p(nodes.strong("", "saliency maps")),
        p(nodes.reference("", "saliency maps", refid="x")),
        nodes.block_quote("", p("saliency maps")),
        nodes.container("", p("saliency maps")),
        nodes.literal_block("", "saliency maps"),
        p("pre-saliency maps, saliency mapset"),
    ],
)
def test_link_first_use_skips_code_quotes_and_links(part):
    assert links(with_linked_terms(("2.1 On saliency maps", part))) == []


def test_link_first_use_links_exact_symbols():
    document = with_linked_terms(
        (
            "2.1 One",
            p(
                "Take ",
                nodes.math("", "h"),
                " or ",
                nodes.math("", "h + 1"),
                " and ",
                nodes.math("", "r_Q"),
                ", plain h.",
            ),
        )
    )
    assert links(document) == [("h", "n.html#h")]
    document = with_linked_terms(("2.A Deep", p("Take ", nodes.math("", "r_Q"))))
    assert links(document) == [("r_Q", "n.html#r")]


def test_bibliography_entries_are_keyed_by_cited_url():
    papers = hover_cards.bibliography_entries(ROOT)
    assert "Selvaraju" in papers["https://arxiv.org/abs/1610.02391"]
    assert "<a" not in "".join(papers.values())


def test_add_links_keeps_papers_without_glossary():
    """`make chapter` builds neither the glossary nor the notation page."""
    paper = nodes.reference("", "Selvaraju and colleagues", refuri="https://arxiv.org/abs/1610.02391")
    document = nodes.document(None, None)
    document += page(("2.1 One", p("Saliency maps of ", paper))).deepcopy()
    env = SimpleNamespace(found_docs={"chapters/02-information"})
    hover_cards.add_links(
        SimpleNamespace(builder=SimpleNamespace(format="html"), env=env, srcdir=ROOT),
        document,
        "chapters/02-information",
    )
    assert list(document["hover_cards"]) == ["https://arxiv.org/abs/1610.02391"]
    assert len(links(document)) == 1


def test_ambiguous_terms_are_in_glossary_or_notation():
    tables = "".join(
        (ROOT / "chapters" / f"{name}.md").read_text(encoding="utf-8") for name in ("glossary", "notation")
    )
    assert [
        word for word in hover_cards.AMBIGUOUS_TERMS if f"| {word} |" not in tables and f"${word}$" not in tables
    ] == []
