"""Link every mention of a section of the course, such as "section 2.3" or "sections 2.1 and 2.A", to this section."""

import re

from docutils import nodes

MENTION = re.compile(r"\b[Ss]ections?\s+\d\.\w\b(?:(?:,|,? and| or| to)\s+\d\.\w\b)*")
NUMBER = re.compile(r"\d\.\w")
LABEL = re.compile(r"section-(\d)-(\w)")
UNLINKED = nodes.reference | nodes.Titular | nodes.literal | nodes.FixedTextElement | nodes.raw


def section_places(env):
    """Return {number of a section: (page, label)} for all sections with a label."""
    slugs = [(page, name) for page, metadata in env.metadata.items() for name in metadata.get("myst_slugs", ())]
    labels = [(page, LABEL.fullmatch(name)) for page, name in slugs]
    return {f"{label[1]}.{label[2].upper()}": (page, label[0]) for page, label in labels if label}


def ancestors(node):
    """Return the nodes that contain a node."""
    return [] if node.parent is None else [node.parent, *ancestors(node.parent)]


def is_in_html_link(text):
    """Return whether a text follows the start tag of a link that is written as HTML."""
    before = [node for node, following in zip(text.parent.children, text.parent.children[1:]) if following is text]
    return any(isinstance(node, nodes.raw) and node.astext().startswith("<a ") for node in before)


def linked(text, address_of):
    """Return a text as nodes, with each section number of a mention as a link if it has an address."""
    parts, end = [], 0
    for number in (n for mention in MENTION.finditer(text) for n in NUMBER.finditer(text, *mention.span())):
        if address := address_of(number[0]):
            parts += [nodes.Text(text[end : number.start()]), nodes.reference("", number[0], refuri=address)]
            parts[-1]["internal"] = True
            end = number.end()
    return [*parts, nodes.Text(text[end:])]


def link_mentions(app, doctree, docname):
    """Link the mentions on a page; a mention inside its own section, or inside a link or a title, stays plain text."""
    if app.builder.format != "html":
        return
    places = section_places(app.env)
    for text in list(doctree.findall(nodes.Text)):
        if not MENTION.search(text) or is_in_html_link(text):
            continue
        above = ancestors(text)
        own = {name for node in above if isinstance(node, nodes.section) for name in node["ids"]}

        def address_of(number, own=own):
            page, label = places.get(number, (None, None))
            return f"{app.builder.get_relative_uri(docname, page)}#{label}" if page and label not in own else None

        if not any(isinstance(node, UNLINKED) for node in above):
            text.parent.replace(text, linked(text, address_of))


def setup(app):
    """Register the extension."""
    app.connect("doctree-resolved", link_mentions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
