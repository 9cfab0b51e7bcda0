"""Accessible: where what makes the pages leaves a listener without a word, or a reader in the wrong light.

The arrows that unfold an entry of the sidebar have no name, and the bibliography is a list of things that are no items of a list.
The rest of what a page needs to be read by ear or by keyboard stands where it is made; `tests/test_book.py` asks a judge about all.
"""

import re

ENTRY = re.compile(r"(<details[^>]*>\s*)<summary>(?=\s*<span class=\"toctree-toggle\")")


def name_arrows(html):
    """Unfolding shows the pages below the entry that stands before it."""
    return ENTRY.sub(r'\1<summary aria-label="Pages below this one">', html)


def mend_list(html):
    if 'class="citation-list"' not in html:
        return html
    return html.replace('role="doc-biblioentry"', 'role="listitem"')


def mend(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = mend_list(context["body"])
    if draw := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **options: name_arrows(str(draw(*args, **options)))


# The theme finds out which of its two faces a reader wants when all its scripts are there. Until then a dark phone would glare.
FACE = (
    'if (document.documentElement.dataset.theme === "auto") document.documentElement.dataset.theme = '
    'matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";'
)


def setup(app):
    app.add_js_file(None, body=FACE, priority=1)
    # Late: the theme has said by then how it draws its sidebar.
    app.connect("html-page-context", mend, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
