"""Accessible: where what makes the pages leaves a listener without a word, or a reader in the wrong light.

The arrows that unfold an entry of the sidebar have no name, and the bibliography is a list of things that are no items of a list.
The rest of what a page needs to be read by ear or by keyboard stands where it is made; `tests/book/browser/test_built_html.py` asks a judge about all.
"""

import re

TOCTREE_TOGGLE = re.compile(r"(<details[^>]*>\s*)<summary>(?=\s*<span class=\"toctree-toggle\")")


def label_toctree_toggles(html):
    """Unfolding shows the pages below the entry that stands before it."""
    return TOCTREE_TOGGLE.sub(r'\1<summary aria-label="Pages below this one">', html)


def fix_bibliography_roles(html):
    if 'class="citation-list"' not in html:
        return html
    return html.replace('role="doc-biblioentry"', 'role="listitem"')


def fix_page(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = fix_bibliography_roles(context["body"])
    if draw := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **options: label_toctree_toggles(str(draw(*args, **options)))


# The theme finds out which of its two faces a reader wants when all its scripts are there. Until then a dark phone would glare.
INITIAL_THEME_SCRIPT = (
    'if (document.documentElement.dataset.theme === "auto") document.documentElement.dataset.theme = '
    'matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";'
)


def setup(app):
    app.add_js_file(None, body=INITIAL_THEME_SCRIPT, priority=1)
    # Late: the theme has said by then how it draws its sidebar.
    app.connect("html-page-context", fix_page, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
