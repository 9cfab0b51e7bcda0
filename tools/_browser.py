"""The browser that pages are looked at, and printed, with: the one that ``CHROMIUM`` names, else the first that is installed."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# It asks nobody for anything but the page.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_browser():
    """Its path, or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
