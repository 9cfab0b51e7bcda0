"""Write the title of a collapsed code cell on the bar that opens it, instead of the same words for every cell.

The title is the first line of the cell, ``# @title …``, which Colab shows as well.
"""

import re

from docutils import nodes

TITLE = re.compile(r"# @title (\S.*)\n*")


def label_collapsed_cells(app, doctree):
    """Set the text of the bar of each collapsed cell, and remove the title from the code below it."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code" or not cell.get("hide_mode"):
            continue
        block = next(cell.findall(nodes.literal_block), None)
        title = TITLE.match(block.rawsource or block.astext()) if block else None
        if title is None:
            continue
        cell["prompt_show"], cell["prompt_hide"] = f"{title[1]} · code", f"{title[1]} · hide code"
        code = block.astext()[title.end() :]
        if code:
            block.rawsource = code
            block.children = []
            block += nodes.Text(code)


def name_toggles(app, pagename, templatename, context, doctree):
    """Remove the name that the theme gives to every toggle, so that screen readers read the text of its bar."""
    if "body" in context:
        context["body"] = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app):
    """Register the extension."""
    app.connect("doctree-read", label_collapsed_cells)
    app.connect("html-page-context", name_toggles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
