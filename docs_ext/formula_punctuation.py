"""Keep the punctuation mark after an inline formula in the line of the formula.

A browser may break a line at the end of a formula that MathJax has rendered, so that the next line would begin with a
full stop. MathJax still breaks long formulas inside the span, because it marks these places itself.
"""

import re

FORMULA = r'<span class="math notranslate nohighlight">\\\((?:(?!</span>).)*\\\)</span>'
FORMULA_AND_MARK = re.compile(rf"((?:<a [^>]*>{FORMULA}</a>|{FORMULA})[.,;:!?)]+)", re.S)


def keep_together(html):
    """Return the page body with each inline formula and the punctuation after it in a span without a line break."""
    return FORMULA_AND_MARK.sub(r'<span class="text-nowrap">\1</span>', html)


def fix_page(app, pagename, templatename, context, doctree):
    """Correct a page before its template is rendered."""
    if "body" in context:
        context["body"] = keep_together(context["body"])


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", fix_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
