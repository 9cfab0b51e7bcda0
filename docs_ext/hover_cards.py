"""Cards: who points at a paper, a word of the glossary or a symbol, or comes to it by Tab, reads its entry beside it.

Chapters link papers by hand. Words and symbols are linked here, where a chapter first uses them and where each section behind the door
does, since such a section is read on its own; not where the glossary says that a word is explained, and not in code, headings, tables,
quotes or what cells computed. The notebooks stay as they are. A page carries the entries that it needs: _static/cards.js shows them.
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
# Words of the glossary that chapters use in their everyday sense, too, and letters that they lend to something else for a few lines:
# a card there would be wrong.
AMBIGUOUS_TERMS = {
    "budget",
    "challenge",
    "contrast",
    "detector",
    "novel",
    "pass",
    "setting",
    "verdict",
    "K",
    "t",
    r"\alpha",
}
GENERIC_SYMBOLS = ("Pictures and labels", "Networks", "Gradients")
NUMBER = re.compile(r"(\d\.\w+) ")
# A link that is nothing but a formula has no name for a listener.
UNNAMED_SYMBOLS = re.compile(r'(<a class="term[^>]*)>(?=<span class="math[^>]*>\\\((.+?)\\\)</span></a>)')
CORE_SECTIONS = "before the door"
CHAPTER = re.compile(r"chapters/0(\d)-")


def rows(doctree):
    """The rows of a page's tables: a name for each that a link can lead to, the heading above it, its cells."""
    for section in doctree.findall(nodes.section):
        for table in (child for child in section.children if isinstance(child, nodes.table)):
            for row in next(iter(table.findall(nodes.tbody))):
                yield (
                    nodes.make_id(f"{section[0].astext()} {row[0].astext()} {row.parent.index(row)}"),
                    section[0].astext(),
                    list(row),
                )


def name_rows(doctree):
    for name, _, cells in list(rows(doctree)):
        cells[0]["ids"].append(name)


def glossary_entries(doctree, page):
    found = {}
    for name, _, (word, meaning, section) in rows(doctree):
        entry = [nodes.paragraph("", "", nodes.strong("", word.astext()), nodes.Text(": "), *inner_html(meaning))]
        found[word.astext()] = (f"{page}#{name}", section.astext(), entry)
    return found


def notation_entries(doctree, chapter, page):
    """A chapter's own meaning of a letter goes before the general one, what other chapters mean by it stays away. Its own letters are
    explained in its core, where they first stand."""
    found = {}
    for name, heading, cells in rows(doctree):
        if len(cells) == 4 and heading in (*GENERIC_SYMBOLS, f"Chapter {chapter}"):
            symbol, meaning, *more = cells
            entry = [nodes.paragraph("", "", *inner_html(symbol), nodes.Text(": "), *inner_html(meaning))]
            labelled = [(label, cell) for label, cell in zip(("Shape: ", "In code: "), more) if cell.astext()]
            entry += [nodes.paragraph("", "", nodes.Text(label), *inner_html(cell)) for label, cell in labelled]
            # One sign to a row, or several: `W, b`.
            for math in symbol.findall(nodes.math):
                home = "" if heading in GENERIC_SYMBOLS else CORE_SECTIONS
                found |= dict.fromkeys([math.astext(), *math.astext().split(", ")], (f"{page}#{name}", home, entry))
    return found


def inner_html(cell):
    return [child.deepcopy() for paragraph in cell for child in paragraph]


@cache
def bibliography_entries(root):
    """address → entry, as the bibliography has it, without links: nobody can point at what is in a card."""
    data = parse_file(str(Path(root) / "chapters" / "references.bib"))
    style, backend, found = find_plugin("pybtex.style.formatting", "plain")(), Backend("utf-8"), {}
    for entry in style.format_bibliography(data):
        fields, text = data.entries[entry.key].fields, re.sub(r"</?a\b[^>]*>", "", entry.text.render(backend))
        found |= {f"https://arxiv.org/abs/{fields['eprint']}": text} if "eprint" in fields else {}
        found |= {f"https://doi.org/{fields['doi']}": text} if "doi" in fields else {}
    return found


def section_of(node):
    while node.parent is not None:
        node = node.parent
        yield node


def sentence_around(paragraph):
    """The number of a paragraph's section; and its part of the chapter: a section behind the door is one, for it is read alone."""
    titles = [node[0].astext() for node in section_of(paragraph) if isinstance(node, nodes.section)]
    number = next((match[1] for title in titles if (match := NUMBER.match(title))), "")
    return number, number if number[-1:].isalpha() else CORE_SECTIONS


def prose_nodes(doctree):
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if not any(
            isinstance(node, (nodes.block_quote, nodes.container, nodes.table)) for node in section_of(paragraph)
        ):
            yield paragraph


def link_first_use(doctree, known):
    """Link what is known, {word or symbol: (address, where it is explained, entry)}, where it is first used."""
    used = {}
    # At the start of a sentence, or of many, too; AUROC and VOICE are written in no other way.
    spelled = {
        form: word
        for word in known
        if word[0].isalpha() and len(word) > 3
        for form in (word, word[0].upper() + word[1:])
    }
    forms = re.compile(rf"(?<![\w-])({'|'.join(sorted(map(re.escape, spelled), key=len, reverse=True))})s?(?![\w-])")

    def linked(word, node):
        address, home, _ = known[word]
        if word in seen or home in (number, part):
            return node
        seen.add(word)
        return nodes.reference("", "", node, internal=True, refuri=address, classes=["term"])

    for paragraph in prose_nodes(doctree):
        number, part = sentence_around(paragraph)
        seen = used.setdefault(part, set())
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
    if app.builder.format != "html":
        return
    if docname in (GLOSSARY, NOTATION):
        name_rows(doctree)
    known = {}
    # A chapter that is built alone has no such pages beside it.
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
    doctree["cards"] = {address: entries[address] for address in links if address in entries}


def insert_cards(app, pagename, templatename, context, doctree):
    """Write the cards of a page below it, where MathJax finds their formulas; hidden, until the script shows one."""
    if "body" in context:
        context["body"] = UNNAMED_SYMBOLS.sub(r'\1 aria-label="symbol \2">', context["body"])
    for i, (address, entry) in enumerate((doctree["cards"] if doctree else {}).items()):
        text = (
            entry if isinstance(entry, str) else "".join(app.builder.render_partial(part)["fragment"] for part in entry)
        )
        context["body"] += (
            f'<div class="term-card" role="tooltip" id="card-{i}" data-for="{escape(address)}" hidden>{text}</div>\n'
        )


def add_dependencies(app, docname, source):
    for page in (f"{GLOSSARY}.md", f"{NOTATION}.md", "chapters/references.bib"):
        app.env.note_dependency(str(Path(app.srcdir) / page))


def setup(app):
    app.connect("source-read", add_dependencies)
    app.connect("doctree-resolved", add_links)
    app.connect("html-page-context", insert_cards)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
