"""Offline: a page asks no other host.

Formulas are drawn by the MathJax that sphinx-mathjax-offline lays beside the pages. What is left is thebe, which Jupyter Book links
into every page whether a book runs code in the page or not, with an address elsewhere and, since Sphinx 7, twice (a script error).
This course runs code in Jupyter and Colab, so the script goes, and with it a block of settings that names somebody else's repository.
So do the icons that some figures ask of another host: the theme has its own.
"""

import re

ELSEWHERE = re.compile(r'<link[^>]*href="https?://[^"]*font-?awesome[^"]*"[^>]*>')
SETTINGS = re.compile(r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName = [^<]*</script>', re.S)


def clean_page(app, pagename, templatename, context, doctree):
    def wanted(script):
        return "thebe" not in f"{script.filename} {script.attributes.get('body')}".lower()

    context["script_files"] = [script for script in context.get("script_files", []) if wanted(script)]
    context["css_files"] = [sheet for sheet in context.get("css_files", []) if "thebe" not in str(sheet.filename)]
    if "body" in context:
        context["body"] = SETTINGS.sub("", ELSEWHERE.sub("", context["body"]))


def setup(app):
    # Late: the scripts of every other extension are in by then.
    app.connect("html-page-context", clean_page, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
