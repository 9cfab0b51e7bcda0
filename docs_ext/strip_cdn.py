"""Remove everything that a page would fetch from another host.

Formulas are rendered by the MathJax that sphinx-mathjax-offline copies beside the pages. What remains is thebe, which
Jupyter Book links into every page, whether a book runs code in the page or not, from another host and, since Sphinx 7,
twice (a script error). This course runs code in Jupyter and Colab, so the script is removed, together with a block of
settings that names another repository. The icons that some figures load from another host are removed too: the theme
brings its own, both as a font of 0.2 MB and as a script of 1.5 MB. The font is enough, and without the script a page
loads faster on a phone.
"""

import re
from pathlib import Path

FONTAWESOME_LINK = re.compile(r'<link[^>]*href="https?://[^"]*font-?awesome[^"]*"[^>]*>')
THEBE_SETTINGS = re.compile(
    r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName = [^<]*</script>', re.S
)
FONTAWESOME_SCRIPT = re.compile(r'<script defer src="[^"]*/scripts/fontawesome\.js[^"]*"></script>')


def strip_page(app, pagename, templatename, context, doctree):
    """Remove thebe and external icons from a page before its template is rendered."""

    def wanted(script):
        return "thebe" not in f"{script.filename} {script.attributes.get('body')}".lower()

    context["script_files"] = [script for script in context.get("script_files", []) if wanted(script)]
    context["css_files"] = [sheet for sheet in context.get("css_files", []) if "thebe" not in str(sheet.filename)]
    if "body" in context:
        context["body"] = THEBE_SETTINGS.sub("", FONTAWESOME_LINK.sub("", context["body"]))


def strip_fontawesome(app, exception):
    """Remove the icon script from the written pages; it is in the theme's layout, not in the page context."""
    if exception or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if FONTAWESOME_SCRIPT.search(text):
            page.write_text(FONTAWESOME_SCRIPT.sub("", text), encoding="utf-8")
    for script in Path(app.outdir, "_static", "scripts").glob("fontawesome.js*"):
        script.unlink()


def setup(app):
    """Register the extension."""
    # A late priority, because every other extension has added its scripts by then.
    app.connect("html-page-context", strip_page, priority=990)
    app.connect("build-finished", strip_fontawesome)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
