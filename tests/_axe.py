"""Accessibility tests of a page in a browser, with the rules of axe."""

from axe_playwright_python.sync_playwright import Axe

# The success criteria of WCAG up to version 2.2, levels A and AA, and what axe recommends beyond them.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = Axe()


def violations(tab, context=None, **options):
    """Return all violations that axe reports, whatever their impact: (rule, beginning of the element)."""
    options = {"runOnly": TAGS, "resultTypes": ["violations"], "preload": False} | options
    found = AXE.run(tab, context=context, options=options).response["violations"]
    return [(violation["id"], node["html"][:160]) for violation in found for node in violation["nodes"]]
