"""Find the browser that tests and printing use: the one named by ``CHROMIUM``, else the first that is installed."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# The browser sends no request except those of the page.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_browser():
    """Return the path of the browser, or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
