"""Provide the live exhibits: figures in which the sign classifier and its gradients run in the browser.

A live exhibit is ``<div class="live" data-exhibit="hue">`` around a figure that Python has drawn. In a chapter it is
``<div class="live live-below" data-exhibit="hue">`` below a figure, around one sentence with a link to the playground,
which is all that JupyterLab and Colab show. An attribute ``data-state="sign=yield&amp;hue=60"`` stores the state in
which it starts, written as in a link to a state. A page with an exhibit gets the style sheet and the small script
``live/loader.js``, which adds a button. Everything else is loaded when a reader presses it, as classic scripts, because
a page that was opened from a folder may load nothing else. Without JavaScript the figure remains. In print and in the
PDF, the figure remains without the button and without the sentence.

All files are written into the folder ``_static/live`` of the built book. They are not in the folder ``_static`` of the
sources, because Jupyter Book links every script in that folder into every page.
"""

import re
from pathlib import Path

from docutils import nodes

EXHIBIT = re.compile(r'<div class="live(?: live-below)?" data-exhibit="[a-z]+"(?: data-state="[^"]+")?>')


def find_exhibits(app, doctree):
    """Store whether a page has live exhibits."""
    if any(EXHIBIT.search(raw.astext()) for raw in doctree.findall(nodes.raw)):
        app.env.metadata[app.env.docname]["live"] = True


def add_loader(app, pagename, templatename, context, doctree):
    """Add the style sheet and the script with the button to a page that has exhibits, and to no other page."""
    if app.env.metadata.get(pagename, {}).get("live"):
        app.add_css_file("live/live.css")
        app.add_js_file("live/loader.js", loading_method="defer")


def write_if_used(app, exception):
    """Write the files of the exhibits if a page of the book has one."""
    if exception is None and app.builder.format == "html" and any("live" in m for m in app.env.metadata.values()):
        from docs_ext.live_files import write_files

        write_files(Path(app.outdir) / "_static" / "live")


def setup(app):
    """Register the extension."""
    app.connect("doctree-read", find_exhibits)
    app.connect("html-page-context", add_loader)
    app.connect("build-finished", write_if_used)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
