"""Write ``llms.txt``, a list of the pages with their first sentences, for programs that read the book.

The format is described at https://llmstxt.org: a title, a summary as a quotation, and links with descriptions.
"""

import re
from pathlib import Path

from docutils import nodes


def first_sentence(doctree):
    """Return the first sentence of a page, the whole question of a chapter, or an empty text."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if text.startswith("Question. "):
            return text.removeprefix("Question. ")
        if sentence := re.match(r".+?[.?!](?= [A-Z]|$)", text):
            return sentence[0]
    return ""


def pages_in_order(env, page):
    """Return a page and those below it, in the order of the table of contents."""
    below = [name for child in env.toctree_includes.get(page, []) for name in pages_in_order(env, child)]
    return [page, *below]


def listing(env, root):
    """Return the text of the file."""
    title, summary = env.titles[root].astext(), first_sentence(env.get_doctree(root))
    lines = [f"# {title}", "", f"> {summary}", "", "## Pages", ""]
    for page in pages_in_order(env, root)[1:]:
        description = first_sentence(env.get_doctree(page))
        lines.append(f"- [{env.titles[page].astext()}]({page}.html)" + (f": {description}" if description else ""))
    return "\n".join(lines) + "\n"


def write_listing(app, exception):
    """Write the file into the folder of a finished HTML build."""
    if exception is None and app.builder.format == "html":
        text = listing(app.env, app.config.root_doc)
        Path(app.outdir, "llms.txt").write_text(text, encoding="utf-8")


def setup(app):
    """Register the extension."""
    app.connect("build-finished", write_listing)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
