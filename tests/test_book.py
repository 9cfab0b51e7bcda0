"""The built book, as a reader's browser sees it. `make test` builds it first."""

import functools
import http.server
import os
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html") if "_static" not in path.parts) or ["index.html"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
# What a build writes where nobody wrote a text: the name of a file, a digest, the class of a figure.
NO_TEXT = re.compile(r"(\.\./)*_images/.*|[0-9a-f]{16,}.*|.*\.(png|svg|jpe?g|gif)|<?Figure size .*", re.I)


def missing(reason):
    """Skip where a reader has no browser; fail where the project is judged."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@functools.cache
def soup(page):
    return BeautifulSoup((HTML / page).read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(page):
    return {tag.get("id") or tag.get("name") for tag in soup(page).find_all(lambda tag: tag.get("id") or tag.get("name"))}


@pytest.fixture(scope="module")
def book():
    if not (HTML / "index.html").is_file():
        missing("the book is not built: make book")
    return HTML


@pytest.fixture(scope="module")
def site(book):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(book))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing("no Chromium to look at the pages with; on Debian: apt install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: make book installs it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


def broken_links(page):
    """Links and embedded files of a page that lead nowhere in the book."""
    wrong = []
    for tag, attribute in (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("source", "src"), ("video", "src")):
        for found in soup(page).find_all(tag, attrs={attribute: True}):
            parts = urlsplit(found[attribute])
            if parts.scheme or parts.netloc:
                continue
            target = ((HTML / page).parent / unquote(parts.path)).resolve() if parts.path else HTML / page
            if not target.exists():
                wrong.append(found[attribute])
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors(os.path.relpath(target, HTML)):
                wrong.append(found[attribute])
    return wrong


def outside(page):
    """Files that a page would fetch from another host as soon as it is opened."""
    wanted = [("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")]
    return [
        found[attribute]
        for tag, attribute in wanted
        for found in soup(page).find_all(tag, attrs={attribute: True})
        if urlsplit(found[attribute]).netloc and found.get("rel") not in (["canonical"],)
    ]


def test_every_page_of_the_contents_is_built(book):
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    wanted = [contents["root"], *(entry["file"] for part in contents["parts"] for entry in part["chapters"])]
    assert [page for page in wanted if not (book / f"{page}.html").is_file()] == []
    assert (book / "search.html").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(book, page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES)
def test_nothing_comes_from_elsewhere(book, page):
    assert outside(page) == []


@pytest.mark.parametrize("page", PAGES)
def test_pictures_have_words(book, page):
    images = [image for image in soup(page).find_all("img") if "logo" not in " ".join(image.get("class", []))]
    assert [str(image)[:200] for image in images if NO_TEXT.fullmatch(image.get("alt", "").strip() or "x.png")] == []


@pytest.mark.parametrize("page", PAGES)
def test_one_heading_of_first_rank(book, page):
    article = soup(page).find("article")
    assert article is None or len(article.find_all("h1")) <= 1


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("page", PAGES)
def test_in_the_browser(site, browser, page, width):
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        tab, errors, elsewhere = context.new_page(), [], []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("request", lambda request: request.url.startswith((site, "data:", "blob:")) or elsewhere.append(request.url))
        tab.on("response", lambda response: response.status < 400 or errors.append(f"{response.status} {response.url}"))
        tab.goto(site + page)
        tab.wait_for_load_state("networkidle")
        if tab.locator("article .math").count():
            tab.wait_for_selector("mjx-container", state="attached")
        assert errors == []
        assert elsewhere == []
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
        assert tab.evaluate("[...document.querySelectorAll('article .math')].filter(m => !m.querySelector('mjx-container')).length") == 0


# The rules can fail.


def test_a_bad_page_is_seen(tmp_path, monkeypatch):
    (tmp_path / "bad.html").write_text(
        '<a href="nowhere.html">x</a><a href="#nothing">x</a><script src="https://elsewhere.example/x.js"></script>'
        '<img src="_images/0123456789abcdef.png" alt="_images/0123456789abcdef.png">',
        encoding="utf-8",
    )
    monkeypatch.setattr(f"{__name__}.HTML", tmp_path)
    for cached in (soup, anchors):
        cached.cache_clear()
    try:
        assert broken_links("bad.html") == ["nowhere.html", "#nothing", "_images/0123456789abcdef.png"]
        assert outside("bad.html") == ["https://elsewhere.example/x.js"]
        with pytest.raises(AssertionError):
            test_pictures_have_words(tmp_path, "bad.html")
    finally:
        for cached in (soup, anchors):
            cached.cache_clear()
