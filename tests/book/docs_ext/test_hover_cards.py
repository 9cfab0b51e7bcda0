"""Words and symbols are linked where they are first used, and where a card would help: not in code, quotes, tables or their own section."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

from docs_ext import hover_cards

ROOT = Path(__file__).parents[3]
CARD_ENTRIES = {
    "twins": ("g.html#twins", "2.3", ["entry"]),
    "AUROC": ("g.html#auroc", "3.1", ["entry"]),
    "rank correlation": ("g.html#rank", "4.2", ["entry"]),
    "h": ("n.html#h", "", ["entry"]),
    "r_Q": ("n.html#r", hover_cards.CORE_SECTIONS, ["entry"]),
}


def page(*sections):
    """A chapter of sections, each a title and paragraphs."""
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
    made = with_linked_terms(
        ("2.1 One", p("Twins and a twin; twins again, AUROC and auroc."), p("Twins.")),
        ("2.2 Two", p("Twins, rank correlations.")),
    )
    assert links(made) == [("Twins", "g.html#twins"), ("AUROC", "g.html#auroc"), ("rank correlations", "g.html#rank")]
    assert "Twins and a twin; twins again, AUROC and auroc." in made.astext()


def test_link_first_use_restarts_in_each_advanced_section():
    made = with_linked_terms(("2.1 One", p("Twins.")), ("2.A Deep", p("Twins. Twins.")), ("2.B Deeper", p("Twins.")))
    assert len(links(made)) == 3


def test_link_first_use_skips_section_that_defines_term():
    assert links(with_linked_terms(("2.3 Why", p("Twins.")), ("2.4 Then", p("Twins.")))) == [("Twins", "g.html#twins")]


@pytest.mark.parametrize(
    "part",
    [
        p(nodes.literal("", "twins")), p(nodes.strong("", "twins")), p(nodes.reference("", "twins", refid="x")),
        nodes.block_quote("", p("twins")), nodes.container("", p("twins")), nodes.literal_block("", "twins"), p("identical-twins, twinset"),
    ],
)  # fmt: skip
def test_link_first_use_skips_code_quotes_and_links(part):
    assert links(with_linked_terms(("2.1 On twins", part))) == []


def test_link_first_use_links_exact_symbols():
    made = with_linked_terms(
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
    assert links(made) == [("h", "n.html#h")]
    made = with_linked_terms(("2.A Deep", p("Take ", nodes.math("", "r_Q"))))
    assert links(made) == [("r_Q", "n.html#r")]


def test_bibliography_entries_are_keyed_by_cited_url():
    papers = hover_cards.bibliography_entries(ROOT)
    assert "Selvaraju" in papers["https://arxiv.org/abs/1610.02391"]
    assert "<a" not in "".join(papers.values())


def test_add_links_keeps_papers_without_glossary():
    """`make chapter` has neither glossary nor notation."""
    paper = nodes.reference("", "Selvaraju and colleagues", refuri="https://arxiv.org/abs/1610.02391")
    document = nodes.document(None, None)
    document += page(("2.1 One", p("Twins of ", paper))).deepcopy()
    env = SimpleNamespace(found_docs={"chapters/02-information"})
    hover_cards.add_links(
        SimpleNamespace(builder=SimpleNamespace(format="html"), env=env, srcdir=ROOT),
        document,
        "chapters/02-information",
    )
    assert list(document["cards"]) == ["https://arxiv.org/abs/1610.02391"]
    assert len(links(document)) == 1


def test_ambiguous_terms_are_in_glossary_or_notation():
    tables = "".join(
        (ROOT / "chapters" / f"{name}.md").read_text(encoding="utf-8") for name in ("glossary", "notation")
    )
    assert [
        word for word in hover_cards.AMBIGUOUS_TERMS if f"| {word} |" not in tables and f"${word}$" not in tables
    ] == []
