"""Words and symbols are linked where they are first used, and where a card would help: not in code, quotes, tables or their own section."""

from pathlib import Path
from types import SimpleNamespace

import cards
import pytest
from docutils import nodes

ROOT = Path(__file__).parent.parent.parent
KNOWN = {
    "twins": ("g.html#twins", "2.3", ["entry"]),
    "AUROC": ("g.html#auroc", "3.1", ["entry"]),
    "rank correlation": ("g.html#rank", "4.2", ["entry"]),
    "h": ("n.html#h", "", ["entry"]),
    "r_Q": ("n.html#r", cards.CORE, ["entry"]),
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


def linked(*sections):
    document = nodes.document(None, None)
    document += page(*sections).deepcopy()
    cards.link_first(document, KNOWN)
    return document


def test_the_first_use_is_linked_and_no_other():
    made = linked(
        ("2.1 One", p("Twins and a twin; twins again, AUROC and auroc."), p("Twins.")),
        ("2.2 Two", p("Twins, rank correlations.")),
    )
    assert links(made) == [("Twins", "g.html#twins"), ("AUROC", "g.html#auroc"), ("rank correlations", "g.html#rank")]
    assert "Twins and a twin; twins again, AUROC and auroc." in made.astext()


def test_sections_behind_the_door_are_read_alone():
    made = linked(("2.1 One", p("Twins.")), ("2.A Deep", p("Twins. Twins.")), ("2.B Deeper", p("Twins.")))
    assert len(links(made)) == 3


def test_a_word_is_not_linked_where_it_is_explained():
    assert links(linked(("2.3 Why", p("Twins.")), ("2.4 Then", p("Twins.")))) == [("Twins", "g.html#twins")]


@pytest.mark.parametrize(
    "part",
    [
        p(nodes.literal("", "twins")), p(nodes.strong("", "twins")), p(nodes.reference("", "twins", refid="x")),
        nodes.block_quote("", p("twins")), nodes.container("", p("twins")), nodes.literal_block("", "twins"), p("identical-twins, twinset"),
    ],
)  # fmt: skip
def test_nothing_is_linked_where_a_card_would_be_noise(part):
    assert links(linked(("2.1 On twins", part))) == []


def test_symbols_are_linked_as_they_stand():
    made = linked(
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
    made = linked(("2.A Deep", p("Take ", nodes.math("", "r_Q"))))
    assert links(made) == [("r_Q", "n.html#r")]


def test_papers_are_known_by_the_addresses_that_chapters_use():
    papers = cards.papers(ROOT)
    assert "Selvaraju" in papers["https://arxiv.org/abs/1610.02391"]
    assert "<a" not in "".join(papers.values())


def test_a_chapter_built_alone_keeps_its_papers():
    """`make chapter` has neither glossary nor notation."""
    paper = nodes.reference("", "Selvaraju and colleagues", refuri="https://arxiv.org/abs/1610.02391")
    document = nodes.document(None, None)
    document += page(("2.1 One", p("Twins of ", paper))).deepcopy()
    env = SimpleNamespace(found_docs={"chapters/02-information"})
    cards.connect(
        SimpleNamespace(builder=SimpleNamespace(format="html"), env=env, srcdir=ROOT),
        document,
        "chapters/02-information",
    )
    assert list(document["cards"]) == ["https://arxiv.org/abs/1610.02391"]
    assert len(links(document)) == 1


def test_every_everyday_word_is_one_of_the_tables():
    tables = "".join(
        (ROOT / "chapters" / f"{name}.md").read_text(encoding="utf-8") for name in ("glossary", "notation")
    )
    assert [word for word in cards.EVERYDAY if f"| {word} |" not in tables and f"${word}$" not in tables] == []
