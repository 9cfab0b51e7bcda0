"""The built book, as a reader's browser sees it. `make test` builds it first."""

import functools
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from docs_ext import execution_stats

ROOT = Path(__file__).parents[3]
HTML = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html") if "_static" not in path.parts) or [
    "index.html"
]
CHAPTERS = [
    f"chapters/{path.stem}"
    for path in sorted((ROOT / "chapters").glob("*.ipynb"))
    if execution_stats.is_chapter(path.stem)
]
PAGES_WITH_ADVANCED_SECTIONS = [
    page for page in PAGES if (HTML / page).is_file() and 'id="go-deeper"' in (HTML / page).read_text(encoding="utf-8")
]
# What a build writes where nobody wrote a text: the name of a file, a digest, the class of a figure.
PLACEHOLDER_ALT_TEXT = re.compile(r"(\.\./)*_images/.*|[0-9a-f]{16,}.*|.*\.(png|svg|jpe?g|gif)|<?Figure size .*", re.I)

# Everything on a page at once. A kind of code has one colour: one of each is judged, not ten thousand.
EXPAND_ALL_SCRIPT = """() => {
  document.querySelectorAll("details").forEach(box => { box.open = true; });
  document.querySelectorAll(".quiz .options").forEach(box => {
    for (const one of box.querySelectorAll("input")) if (one.value === "right" || !box.querySelector(":checked")) one.click();
  });
  const seen = new Set(), again = [];
  for (const token of document.querySelectorAll("pre span[class]")) {
    const kind = token.className + getComputedStyle(token.closest("pre")).backgroundColor;
    if (seen.has(kind)) again.push(token);
    seen.add(kind);
  }
  again.forEach(token => token.replaceWith(...token.childNodes));
}"""
OVERFLOWING_ELEMENTS_SCRIPT = """() => {
  const scrolls = element => element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement.closest("article *")));
  return [...document.querySelectorAll("article *")].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && (box.right > innerWidth + 1 || box.left < -1) && !scrolls(element);
  }).map(element => element.outerHTML.slice(0, 160));
}"""

# What Python says of a figure that a cell ends in and nobody describes.
BARE_FIGURE_REPR = re.compile(r"<Figure size|<Axes|<matplotlib\.")

# Nothing moves any more, and whatever scrolls has its place in the order of Tab: the theme looks for it a moment after the page or its
# window has changed.
SETTLED = """() => {
  const moving = document.getAnimations().filter(a => a.timeline === document.timeline && a.playState !== "finished");
  const boxes = [...document.querySelectorAll("article pre, .cell_output > .output, .pst-scrollable-table-container")];
  const scrolls = box => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  return !moving.length && boxes.every(box => !scrolls(box) || box.tabIndex === 0);
}"""
FORMULAS_DRAWN = "[...document.querySelectorAll('article .math')].every(math => math.querySelector('mjx-container'))"

axe = Axe()


@functools.cache
def soup(page):
    return BeautifulSoup((HTML / page).read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(page):
    return {
        tag.get("id") or tag.get("name") for tag in soup(page).find_all(lambda tag: tag.get("id") or tag.get("name"))
    }


def broken_links(page):
    """Links and embedded files of a page that lead nowhere in the book."""
    wrong = []
    for tag, attribute in (
        ("a", "href"),
        ("link", "href"),
        ("img", "src"),
        ("script", "src"),
        ("source", "src"),
        ("video", "src"),
    ):
        for found in soup(page).find_all(tag, attrs={attribute: True}):
            parts = urlsplit(found[attribute])
            if parts.scheme or parts.netloc:
                continue
            target = ((HTML / page).parent / unquote(parts.path)).resolve() if parts.path else HTML / page
            if not target.exists():
                wrong.append(found[attribute])
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in anchors(os.path.relpath(target, HTML))
            ):
                wrong.append(found[attribute])
    return wrong


def external_requests(page):
    """Files that a page would fetch from another host as soon as it is opened."""
    wanted = [
        ("link", "href"),
        ("img", "src"),
        ("script", "src"),
        ("iframe", "src"),
        ("source", "src"),
        ("video", "src"),
    ]
    return [
        found[attribute]
        for tag, attribute in wanted
        for found in soup(page).find_all(tag, attrs={attribute: True})
        if urlsplit(found[attribute]).netloc and found.get("rel") not in (["canonical"],)
    ]


def images_without_alt(page):
    """Outputs of a page that say nothing to who cannot see them: figures without a sentence, and the bare name of one."""
    outputs = soup(page).select("div.cell_output")
    said = [(image, image.get("alt", "")) for output in outputs for image in output.find_all("img")]
    drawn = [figure for output in outputs for figure in output.find_all(["svg", "canvas", "video", "object", "iframe"])]
    outer = [figure for figure in drawn if figure.get("aria-hidden") != "true" and not figure.find_parent("svg")]
    said += [(figure, accessible_name(page, figure)) for figure in outer]
    bare = [block for output in outputs for block in output.find_all("pre") if BARE_FIGURE_REPR.search(block.text)]
    return [
        figure
        for figure, words in said
        if PLACEHOLDER_ALT_TEXT.fullmatch(words.strip() or "x.png") or len(words.split()) < 4
    ] + bare


def accessible_name(page, figure):
    """The words that stand for a drawing: its own, its title's, those of the element it names, or of the picture it is part of."""
    title = figure.find("title")
    named = " ".join(
        part.text for name in figure.get("aria-labelledby", "").split() for part in soup(page).find_all(id=name)
    )
    whole = figure.find_parent(attrs={"role": "img", "aria-label": True})
    return figure.get("aria-label") or named or (title.text if title else "") or (whole["aria-label"] if whole else "")


def test_built_book_contains_every_toc_page(book):
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    wanted = [contents["root"], *(entry["file"] for part in contents["parts"] for entry in part["chapters"])]
    assert [page for page in wanted if not (book / f"{page}.html").is_file()] == []
    assert (book / "search.html").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_built_page_has_no_broken_links(book, page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES)
def test_built_page_loads_nothing_from_other_hosts(book, page):
    assert external_requests(page) == []


@pytest.mark.parametrize("page", PAGES)
def test_built_page_images_have_alt_text(book, page):
    images = [image for image in soup(page).find_all("img") if "logo" not in " ".join(image.get("class", []))]
    assert [
        str(image)[:200] for image in images if PLACEHOLDER_ALT_TEXT.fullmatch(image.get("alt", "").strip() or "x.png")
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_built_page_figures_have_descriptive_text(book, page):
    assert [str(figure)[:200] for figure in images_without_alt(page)] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_built_chapter_shows_last_run_within_memory_budget(book, chapter):
    (card,) = soup(f"{chapter}.html").select(".run-card")
    assert "s of processor time" in card.text
    assert not execution_stats.exceeded_budget(card)


@pytest.mark.parametrize("page", PAGES)
def test_built_page_has_at_most_one_h1(book, page):
    article = soup(page).find("article")
    assert article is None or len(article.find_all("h1")) <= 1


@pytest.mark.parametrize("page", PAGES)
def test_built_page_tables_are_rendered(book, page):
    # A page sets a row of hyphens as dashes.
    assert [p.get_text()[:80] for p in soup(page).find_all("p") if re.search(r"\|\s*[-–—:]+\s*\|", p.get_text())] == []


def overflowing_elements(tab):
    """What reaches beyond the screen, and cannot be scrolled to."""
    return tab.evaluate(OVERFLOWING_ELEMENTS_SCRIPT)


def axe_violations(tab):
    """What axe, a judge of accessibility, calls serious or critical. Everything is unfolded and an answer of each kind is chosen."""
    tab.evaluate(EXPAND_ALL_SCRIPT)
    tab.wait_for_function(SETTLED)
    found = axe.run(tab, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
    return [
        (fault["id"], node["html"][:160])
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


# Wide in the first theme and then narrow, the other way round in the second: a page has to bear both, and the change.
@pytest.mark.parametrize(("theme", "widths"), [("light", (1440, 390)), ("dark", (390, 1440))])
@pytest.mark.parametrize("page", PAGES)
def test_built_page_is_accessible_and_fits_in_both_themes(site, new_tab, page, theme, widths):
    errors, elsewhere = [], []
    tab = new_tab(color_scheme=theme, viewport={"width": widths[0], "height": 900})
    tab.on("pageerror", lambda error: errors.append(str(error)))
    # What failed to load is seen below; an icon that the browser asks for unasked is not.
    complaint = re.compile("(?!Failed to load resource)")
    tab.on(
        "console",
        lambda message: message.type == "error" and complaint.match(message.text) and errors.append(message.text),
    )
    tab.on("request", lambda request: request.url.startswith((site, "data:", "blob:")) or elsewhere.append(request.url))
    tab.on("response", lambda response: response.status < 400 or errors.append(f"{response.status} {response.url}"))
    tab.goto(site + page)
    tab.wait_for_function(FORMULAS_DRAWN)
    assert tab.evaluate("document.documentElement.dataset.theme") == theme
    for width in widths:
        tab.set_viewport_size({"width": width, "height": 900})
        assert axe_violations(tab) == [], width
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"the page scrolls sideways at {width}"
        )
        assert overflowing_elements(tab) == [], width
    assert errors == []
    assert elsewhere == []


# The door, on the chapters that have one and on a page that says in a few lines what the theme and the chapters need of it.

MANUAL_PAGES = """<!doctype html><html lang="en">
<head><link rel="stylesheet" href="{static}/chapter.css"><script src="{static}/advanced_sections.js"></script></head>
<body><nav><a href="#core">Core</a> <a href="#go-deeper">Deeper</a> <a href="#one">1.A</a> <a href="#two">1.B</a></nav>
<article class="bd-article"><section id="title"><h1>Title</h1>
<section id="core"><h2>Core</h2><p style="height:60em">Long.</p></section>
<section id="go-deeper"><h2>Go deeper<a class="headerlink" href="#go-deeper">#</a></h2><p>End of the core path.</p>
<div class="cell"><pre>state</pre></div>
<section id="one"><h3>1.A First<a class="headerlink" href="#one">#</a></h3><p style="height:60em">Long.</p></section>
<section id="two"><h3>1.B Second</h3><details><summary>Hint</summary><p id="hint">Hint.</p></details>
<p style="height:60em">Long.</p></section></section></section></article></body></html>"""


@pytest.fixture(
    params=["by hand", *(pytest.param(page, marks=pytest.mark.book) for page in PAGES_WITH_ADVANCED_SECTIONS)]
)
def chapter(request, tmp_path):
    """Address of a page with a door."""
    if request.param != "by hand":
        return request.getfixturevalue("site") + request.param
    path = tmp_path / "page.html"
    path.write_text(MANUAL_PAGES.format(static=(ROOT / "_static").as_uri()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def element_in_viewport(new_tab, chapter):
    tab = new_tab(viewport={"width": 1440, "height": 900})
    tab.goto(chapter)
    return tab


def is_open(tab):
    return tab.locator("details.door").evaluate("door => door.open")


def wait_until_open(tab):
    tab.wait_for_function("document.querySelector('details.door').open")


def inside_advanced_section(tab):
    """The names of the sections behind the door."""
    return tab.locator("details.door > section").evaluate_all("sections => sections.map(section => section.id)")


def wait_until_in_viewport(tab, name):
    top = "name => { const y = document.getElementById(name).getBoundingClientRect().top; return -2 < y && y < 300; }"
    tab.wait_for_function(top, arg=name)


def test_advanced_sections_are_visible_without_javascript(new_tab, chapter):
    tab = new_tab(java_script_enabled=False)
    tab.goto(chapter)
    sections = tab.locator("section#go-deeper > section")
    assert tab.locator("details.door").count() == 0
    assert sections.count() > 0 and all(section.is_visible() for section in sections.all())


def test_advanced_sections_are_collapsed_and_summary_lists_titles(element_in_viewport):
    names = inside_advanced_section(element_in_viewport)
    assert names and not is_open(element_in_viewport)
    assert not any(element_in_viewport.locator(f"[id='{name}']").is_visible() for name in names)
    said = element_in_viewport.locator("details.door > summary").inner_text()
    assert "Go deeper" in said and "#" not in said
    headings = element_in_viewport.locator("details.door > section > h3")
    titles = headings.evaluate_all("all => all.map(title => title.firstChild.textContent.trim())")
    assert len(titles) == len(names) and all(title in said for title in titles)
    assert element_in_viewport.locator("section#go-deeper > h2").is_visible()


def test_advanced_sections_open_and_close_by_keyboard(element_in_viewport):
    for _ in range(300):
        element_in_viewport.keyboard.press("Tab")
        if element_in_viewport.evaluate("document.activeElement.matches('details.door > summary')"):
            break
    element_in_viewport.keyboard.press("Enter")
    wait_until_open(element_in_viewport)
    element_in_viewport.keyboard.press("Space")
    element_in_viewport.wait_for_function("!document.querySelector('details.door').open")


def test_advanced_sections_open_for_link_from_another_page(element_in_viewport):
    name, address = inside_advanced_section(element_in_viewport)[-1], element_in_viewport.url
    element_in_viewport.goto("about:blank")
    element_in_viewport.goto(f"{address}#{name}")
    wait_until_in_viewport(element_in_viewport, name)
    assert is_open(element_in_viewport)


def test_advanced_sections_script_opens_for_url_fragment(new_tab, chapter):
    """Chromium opens a closed box for an address by itself; an address that changes without its help shows what the script does."""
    tab = new_tab()
    tab.goto(chapter)
    first, last = inside_advanced_section(tab)[0], inside_advanced_section(tab)[-1]
    tab.evaluate(
        "name => { history.replaceState(null, '', '#' + name); dispatchEvent(new Event('hashchange')); }", last
    )
    assert is_open(tab)
    wait_until_in_viewport(tab, last)
    # After the script, before the browser looks for the place that the address names.
    asks = "() => { window.early = document.querySelector('details.door')?.open; }"
    tab.add_init_script(f"addEventListener('DOMContentLoaded', {asks})")
    tab.goto("about:blank")
    tab.goto(f"{chapter}#{first}")
    assert tab.evaluate("window.early")


def test_advanced_sections_open_for_every_link_on_the_page(element_in_viewport):
    core = element_in_viewport.locator("section > section[id]").first.get_attribute("id")
    for name in ["go-deeper", *inside_advanced_section(element_in_viewport)]:
        element_in_viewport.evaluate("name => { location.hash = name; }", core)
        element_in_viewport.locator("details.door").evaluate("door => { door.open = false; }")
        link = element_in_viewport.locator(f"nav a[href='#{name}']").first
        link.evaluate("link => link.click()")
        wait_until_in_viewport(element_in_viewport, name)
        assert is_open(element_in_viewport), name
        # And again, when the address names it already.
        element_in_viewport.locator("details.door").evaluate("door => { door.open = false; }")
        link.evaluate("link => link.click()")
        wait_until_in_viewport(element_in_viewport, name)
        assert is_open(element_in_viewport), name


def test_advanced_sections_stay_collapsed_for_other_url_fragments(element_in_viewport):
    core = element_in_viewport.locator("section > section[id]").first.get_attribute("id")
    for hash in (core, "nowhere", "%"):
        element_in_viewport.evaluate(
            "hash => new Promise(changed => { addEventListener('hashchange', () => changed(), { once: true }); location.hash = hash; })",
            hash,
        )
        assert not is_open(element_in_viewport)


def test_advanced_sections_open_for_printing_and_are_restored(element_in_viewport):
    element_in_viewport.evaluate(
        "addEventListener('beforeprint', () => { window.printed = document.querySelector('details.door').open; })"
    )
    element_in_viewport.pdf()
    assert element_in_viewport.evaluate("window.printed")
    element_in_viewport.wait_for_function("!document.querySelector('details.door').open")
    element_in_viewport.locator("details.door > summary").click()
    element_in_viewport.pdf()
    assert is_open(element_in_viewport)


def test_collapsed_hint_opens_for_link_into_it(new_tab, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(MANUAL_PAGES.format(static=(ROOT / "_static").as_uri()), encoding="utf-8")
    tab = new_tab()
    tab.goto(f"{path.as_uri()}#hint")
    wait_until_in_viewport(tab, "hint")
    assert tab.locator("details[open]").count() == 2


# The rules can fail.


@pytest.mark.parametrize(
    ("output", "seen"),
    [
        ('<img alt="One stop sign in nine steps.">', 0),
        ('<img src="x.png">', 1),
        ('<img alt="_images/0123456789abcdef.png">', 1),
        ('<img alt="a figure">', 1),
        ("<pre>&lt;Figure size 640x480 with 1 Axes&gt;</pre>", 1),
        ("<pre>[&lt;matplotlib.lines.Line2D at 0x7f&gt;]</pre>", 1),
        ("<pre>a figure of speech</pre>", 0),
        ("<svg><path/></svg>", 1),
        ('<svg aria-hidden="true"><path/></svg>', 0),
        ('<svg aria-label="A table of questions, by answer"><svg></svg></svg>', 0),
        ("<svg><title>A table of questions, by answer</title></svg>", 0),
        ('<p id="t">A table of questions, by answer</p><svg aria-labelledby="t"></svg>', 0),
        ('<div role="img" aria-label="A table of questions, by answer"><svg></svg></div>', 0),
        ("<canvas></canvas>", 1),
    ],
)
def test_images_without_alt_reports_only_undescribed_figures(tmp_path, monkeypatch, output, seen):
    (tmp_path / "page.html").write_text(f'<img src="x.png"><div class="cell_output">{output}</div>', encoding="utf-8")
    monkeypatch.setattr(f"{__name__}.HTML", tmp_path)
    soup.cache_clear()
    try:
        assert len(images_without_alt("page.html")) == seen
    finally:
        soup.cache_clear()


def test_built_page_checks_detect_a_broken_page(tmp_path, monkeypatch):
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
        assert external_requests("bad.html") == ["https://elsewhere.example/x.js"]
        with pytest.raises(AssertionError):
            test_built_page_images_have_alt_text(tmp_path, "bad.html")
    finally:
        for cached in (soup, anchors):
            cached.cache_clear()
