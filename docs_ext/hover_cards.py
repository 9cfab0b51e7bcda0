"""Add hover cards: the entry of a paper, a glossary term or a symbol, shown beside its link.

A hover card appears when the pointer is on the link or when the link has the keyboard focus.

Chapters link papers by hand. Terms and symbols are linked here, at their first use in a chapter and at their first use
in each advanced section, because such a section is read on its own. They are not linked in the section that explains
them, nor in code, headings, tables, quotes or cell outputs. The notebooks are unchanged. A page contains the entries
that it needs, and _static/hover_cards.js shows them.
"""

import re
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from pybtex.backends.html import Backend
from pybtex.database import parse_file
from pybtex.plugin import find_plugin

GLOSSARY, NOTATION, BIBLIOGRAPHY = "chapters/glossary", "chapters/notation", "chapters/bibliography"
# Glossary terms that chapters also use in their everyday sense, and letters that they use for something else for a few
# lines: a hover card there would be wrong.
AMBIGUOUS_TERMS = {
    "budget",
    "contrast",
    "corruption",
    "detector",
    "novel",
    "margin",
    "setting",
    "verdict",
    "K",
    "t",
    r"\alpha",
}
GENERIC_SYMBOLS = ("Images and labels", "Networks", "Gradients")
NUMBER = re.compile(r"(\d\.\w+) ")
# A link that is only a formula has no accessible name.
UNNAMED_SYMBOLS = re.compile(r'(<a class="term[^>]*)>(?=<span class="math[^>]*>\\\((.+?)\\\)</span></a>)')
CORE_SECTIONS = "core"
CHAPTER = re.compile(r"chapters/0(\d)-")


def rows(doctree):
    """Yield the rows of a page's tables: an id for links, the heading above the table, and the cells."""
    for section in doctree.findall(nodes.section):
        for table in (child for child in section.children if isinstance(child, nodes.table)):
            for row in next(iter(table.findall(nodes.tbody))):
                yield (
                    nodes.make_id(f"{section[0].astext()} {row[0].astext()} {row.parent.index(row)}"),
                    section[0].astext(),
                    list(row),
                )


def name_rows(doctree):
    """Add to each table row the id to which a hover card's link leads."""
    for name, _, cells in list(rows(doctree)):
        cells[0]["ids"].append(name)


def glossary_entries(doctree, page):
    """Return the glossary: {term: (address, section that explains it, entry)}."""
    entries = {}
    for name, _, (word, meaning, section) in rows(doctree):
        entry = [nodes.paragraph("", "", nodes.strong("", word.astext()), nodes.Text(": "), *inner_html(meaning))]
        entries[word.astext()] = (f"{page}#{name}", section.astext(), entry)
    return entries


def notation_entries(doctree, chapter, page):
    """Return the symbols of a chapter: {symbol: (address, section that explains it, entry)}.

    A chapter's own meaning of a letter has precedence over the general one, and the meanings of other chapters are left
    out. The chapter's own symbols are explained in its core, at their first use.
    """
    entries = {}
    for name, heading, cells in rows(doctree):
        if len(cells) == 4 and heading in (*GENERIC_SYMBOLS, f"Chapter {chapter}"):
            symbol, meaning, *more = cells
            entry = [nodes.paragraph("", "", *inner_html(symbol), nodes.Text(": "), *inner_html(meaning))]
            labelled = [(label, cell) for label, cell in zip(("Shape: ", "In code: "), more) if cell.astext()]
            entry += [nodes.paragraph("", "", nodes.Text(label), *inner_html(cell)) for label, cell in labelled]
            # A row holds one symbol or several: `W, b`.
            for math in symbol.findall(nodes.math):
                home = "" if heading in GENERIC_SYMBOLS else CORE_SECTIONS
                entries |= dict.fromkeys([math.astext(), *math.astext().split(", ")], (f"{page}#{name}", home, entry))
    return entries


def inner_html(cell):
    """Return copies of the nodes inside the paragraphs of a table cell."""
    return [child.deepcopy() for paragraph in cell for child in paragraph]


@cache
def bibliography_entries(root):
    """Return {address: entry}; the entries have no links, because a pointer cannot reach a link inside a hover card."""
    data = parse_file(str(Path(root) / "chapters" / "references.bib"))
    style, backend, entries = find_plugin("pybtex.style.formatting", "plain")(), Backend("utf-8"), {}
    for entry in style.format_bibliography(data):
        fields, text = data.entries[entry.key].fields, re.sub(r"</?a\b[^>]*>", "", entry.text.render(backend))
        entries |= {f"https://arxiv.org/abs/{fields['eprint']}": text} if "eprint" in fields else {}
        entries |= {f"https://doi.org/{fields['doi']}": text} if "doi" in fields else {}
    return entries


def ancestors(node):
    """Yield the parents of a node, from the inside out."""
    while node.parent is not None:
        node = node.parent
        yield node


def section_of(paragraph):
    """Return the section number of a paragraph and its part of the chapter: the core or an advanced section."""
    titles = [node[0].astext() for node in ancestors(paragraph) if isinstance(node, nodes.section)]
    number = next((match[1] for title in titles if (match := NUMBER.match(title))), "")
    return number, number if number[-1:].isalpha() else CORE_SECTIONS


def prose_nodes(doctree):
    """Yield the paragraphs of running text: those in no quote, table or cell output."""
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if not any(
            isinstance(node, (nodes.block_quote, nodes.container, nodes.table)) for node in ancestors(paragraph)
        ):
            yield paragraph


def link_first_use(doctree, known):
    """Link the first use of each entry of ``known``: {term or symbol: (address, section that explains it, entry)}."""
    used = {}
    # A term may be capitalized at the start of a sentence or be in the plural; acronyms have one spelling.
    spelled = {
        form: word
        for word in known
        if word[0].isalpha() and len(word) > 3
        for form in (word, word[0].upper() + word[1:])
    }
    forms = re.compile(rf"(?<![\w-])({'|'.join(sorted(map(re.escape, spelled), key=len, reverse=True))})s?(?![\w-])")

    def linked(word, node):
        address, home, _ = known[word]
        if word in linked_words or home in (number, part):
            return node
        linked_words.add(word)
        return nodes.reference("", "", node, internal=True, refuri=address, classes=["term"])

    for paragraph in prose_nodes(doctree):
        number, part = section_of(paragraph)
        linked_words = used.setdefault(part, set())
        for child in list(paragraph.children):
            if isinstance(child, nodes.math) and child.astext() in known:
                paragraph.replace(child, linked(child.astext(), child.deepcopy()))
            elif isinstance(child, nodes.Text):
                text, parts, at = child.astext(), [], 0
                for match in forms.finditer(text):
                    parts += [nodes.Text(text[at : match.start()]), linked(spelled[match[1]], nodes.Text(match[0]))]
                    at = match.end()
                paragraph.replace(child, [*parts, nodes.Text(text[at:])])


def add_links(app, doctree, docname):
    """Link the terms and symbols of a chapter, and store the entries that the links of a page need."""
    if app.builder.format != "html":
        return
    if docname in (GLOSSARY, NOTATION):
        name_rows(doctree)
    known = {}
    # A chapter that is built alone has neither of these pages.
    if (chapter := CHAPTER.match(docname)) and {GLOSSARY, NOTATION} <= app.env.found_docs:
        pages = {page: app.builder.get_relative_uri(docname, page) for page in (GLOSSARY, NOTATION)}
        known = notation_entries(app.env.get_doctree(NOTATION), chapter[1], pages[NOTATION])
        known |= glossary_entries(app.env.get_doctree(GLOSSARY), pages[GLOSSARY])
        known = {word: row for word, row in known.items() if word not in AMBIGUOUS_TERMS}
        link_first_use(doctree, known)
    entries = {address: entry for address, _, entry in known.values()} | (
        {} if docname == BIBLIOGRAPHY else bibliography_entries(app.srcdir)
    )
    links = dict.fromkeys(link.get("refuri") for link in doctree.findall(nodes.reference))
    doctree["hover_cards"] = {address: entries[address] for address in links if address in entries}


def insert_cards(app, pagename, templatename, context, doctree):
    """Append the hover cards of a page, hidden, to its body, where MathJax finds their formulas."""
    if "body" in context:
        context["body"] = UNNAMED_SYMBOLS.sub(r'\1 aria-label="symbol \2">', context["body"])
    for i, (address, entry) in enumerate((doctree["hover_cards"] if doctree else {}).items()):
        text = (
            entry if isinstance(entry, str) else "".join(app.builder.render_partial(part)["fragment"] for part in entry)
        )
        context["body"] += (
            f'<div class="hover-card" role="tooltip" id="hover-card-{i}" data-for="{escape(address)}" hidden>'
            f"{text}</div>\n"
        )


def add_dependencies(app, docname, source):
    """Rebuild every page when the glossary, the notation or the bibliography changes."""
    for page in (f"{GLOSSARY}.md", f"{NOTATION}.md", "chapters/references.bib"):
        app.env.note_dependency(str(Path(app.srcdir) / page))


def setup(app):
    """Register the extension."""
    app.connect("source-read", add_dependencies)
    app.connect("doctree-resolved", add_links)
    app.connect("html-page-context", insert_cards)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
