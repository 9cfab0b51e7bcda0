"""Offline: a page asks no other host.

Formulas are drawn by the MathJax that sphinx-mathjax-offline lays beside the pages. What is left is thebe, which Jupyter Book links
into every page whether a book runs code in the page or not, with an address elsewhere and, since Sphinx 7, twice (a script error).
This course runs code in Jupyter and Colab, so the script goes, and with it a block of settings that names somebody else's repository.
So do the icons that some figures ask of another host: the theme has its own, and has them twice. A font of 0.2 MB draws them; the script of
1.5 MB that could do the same goes as well, or a phone waits for it on every page.
"""

import re
from pathlib import Path

FONTAWESOME_LINK = re.compile(r'<link[^>]*href="https?://[^"]*font-?awesome[^"]*"[^>]*>')
THEBE_SETTINGS = re.compile(
    r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName = [^<]*</script>', re.S
)
FONTAWESOME_SCRIPT = re.compile(r'<script defer src="[^"]*/scripts/fontawesome\.js[^"]*"></script>')


def strip_page(app, pagename, templatename, context, doctree):
    def wanted(script):
        return "thebe" not in f"{script.filename} {script.attributes.get('body')}".lower()

    context["script_files"] = [script for script in context.get("script_files", []) if wanted(script)]
    context["css_files"] = [sheet for sheet in context.get("css_files", []) if "thebe" not in str(sheet.filename)]
    if "body" in context:
        context["body"] = THEBE_SETTINGS.sub("", FONTAWESOME_LINK.sub("", context["body"]))


def strip_fontawesome(app, exception):
    """The theme writes this script into its layout, where no page's context reaches it."""
    if exception or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if FONTAWESOME_SCRIPT.search(text):
            page.write_text(FONTAWESOME_SCRIPT.sub("", text), encoding="utf-8")
    for script in Path(app.outdir, "_static", "scripts").glob("fontawesome.js*"):
        script.unlink()


def setup(app):
    # Late: the scripts of every other extension are in by then.
    app.connect("html-page-context", strip_page, priority=990)
    app.connect("build-finished", strip_fontawesome)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
