"""Add the accessible names that the theme leaves out, and choose the color scheme before the page is rendered.

The toggles that unfold an entry of the sidebar have no accessible name, and the entries of the bibliography are in a
list without being list items. `tests/book/browser/test_built_html.py` checks the accessibility of every built page with
axe.
"""

import re

TOCTREE_TOGGLE = re.compile(r"(<details[^>]*>\s*)<summary>(?=\s*<span class=\"toctree-toggle\")")


def label_toctree_toggles(html):
    """Return the sidebar with an accessible name on each toggle."""
    return TOCTREE_TOGGLE.sub(r'\1<summary aria-label="Pages below this one">', html)


def fix_bibliography_roles(html):
    """Return the page body with the entries of its bibliography marked as list items."""
    if 'class="citation-list"' not in html:
        return html
    return html.replace('role="doc-biblioentry"', 'role="listitem"')


def fix_page(app, pagename, templatename, context, doctree):
    """Apply both corrections to a page before its template is rendered."""
    if "body" in context:
        context["body"] = fix_bibliography_roles(context["body"])
    if draw := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *args, **options: label_toctree_toggles(str(draw(*args, **options)))


# The theme chooses between light and dark only once all its scripts are loaded; until then a page would appear bright
# in the dark theme.
INITIAL_THEME_SCRIPT = (
    'if (document.documentElement.dataset.theme === "auto") document.documentElement.dataset.theme = '
    'matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";'
)


def setup(app):
    """Register the extension."""
    app.add_js_file(None, body=INITIAL_THEME_SCRIPT, priority=1)
    # A late priority, because the theme adds the function that draws its sidebar in the same event.
    app.connect("html-page-context", fix_page, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
