"""Tests of the built pages in a browser. `make test` builds the book first."""

import functools
import os
import re
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image

from docs_ext import execution_stats
from tests._axe import violations

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
# What a build writes as alternative text if the author wrote none: a file name, a digest, the class of a figure.
PLACEHOLDER_ALT_TEXT = re.compile(r"(\.\./)*_images/.*|[0-9a-f]{16,}.*|.*\.(png|svg|jpe?g|gif)|<?Figure size .*", re.I)

EXPAND_ALL_SCRIPT = """() => {
  document.querySelectorAll("details").forEach(box => { box.open = true; });
  document.querySelectorAll(".quiz .options").forEach(box => {
    for (const one of box.querySelectorAll("input"))
      if (one.value === "right" || !box.querySelector(":checked")) one.click();
  });
}"""
# Mark one visible text of each combination of colors, size and weight that is not yet known, and return the new
# combinations: axe needs half a minute to compute the contrast of every text of a chapter.
MARK_NEW_TEXT_STYLES_SCRIPT = """known => {
  const background = element => {
    const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
    const own = [backgroundColor, backgroundImage, opacity].join();
    const isOpaque = !backgroundColor.startsWith("rgba");
    return isOpaque || !element.parentElement ? own : own + background(element.parentElement);
  };
  const styles = new Set(known), found = [];
  document.querySelectorAll("[data-new-text-style]").forEach(element => delete element.dataset.newTextStyle);
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!text || element.closest("mjx-container, script, style, noscript") || !element.checkVisibility()) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const style = [color, fontSize, fontWeight, background(element)].join();
    if (styles.has(style)) continue;
    styles.add(style);
    found.push(style);
    element.dataset.newTextStyle = "";
  }
  return found;
}"""
OVERFLOWING_ELEMENTS_SCRIPT = """() => {
  const scrolls = element => element
    && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement.closest("article *")));
  return [...document.querySelectorAll("article *")].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && (box.right > innerWidth + 1 || box.left < -1) && !scrolls(element);
  }).map(element => element.outerHTML.slice(0, 160));
}"""
# The size in points of the smallest text of each figure: at the width `min-width` it has 8 points.
FIGURE_TEXT_SIZES_SCRIPT = """() => [...document.querySelectorAll("article .cell_output img")]
  .filter(image => image.checkVisibility())
  .map(image => [image.alt, 8 * image.getBoundingClientRect().width / parseFloat(image.style.minWidth)])"""
# Lines of code are left out: the theme makes them focusable, and a line that is cut needs no further sign.
UNMARKED_WIDE_ELEMENTS_SCRIPT = """() => [...document.querySelectorAll("article :not(pre)")].filter(box => {
  const hidden = box.scrollWidth - box.clientWidth;
  if (hidden <= 1 || !box.checkVisibility() || !/auto|scroll/.test(getComputedStyle(box).overflowX)) return false;
  const { position, backgroundImage } = getComputedStyle(box, "::before");
  const shadow = box.matches(".more-right") && position === "sticky" && backgroundImage.includes("gradient");
  return !shadow || box.tabIndex !== 0 || box.getAttribute("role") !== "group" || !box.getAttribute("aria-label");
}).map(box => box.outerHTML.slice(0, 160))"""

# The text output of a cell whose last value is a figure without a description.
BARE_FIGURE_REPR = re.compile(r"<Figure size|<Axes|<matplotlib\.")

# No animation is running, and every element that scrolls can be reached by Tab: the theme updates this shortly after
# the page or its window has changed.
IS_SETTLED = """() => {
  const moving = document.getAnimations().filter(a => a.timeline === document.timeline && a.playState !== "finished");
  const boxes = [...document.querySelectorAll("article pre, .cell_output > .output, .pst-scrollable-table-container")];
  const scrolls = box => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  return !moving.length && boxes.every(box => !scrolls(box) || box.tabIndex === 0);
}"""
FORMULAS_DRAWN = "[...document.querySelectorAll('article .math')].every(math => math.querySelector('mjx-container'))"


@functools.cache
def soup(page):
    return BeautifulSoup((HTML / page).read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(page):
    return {
        tag.get("id") or tag.get("name") for tag in soup(page).find_all(lambda tag: tag.get("id") or tag.get("name"))
    }


def broken_links(page):
    """Return the links and embedded files of a page that do not exist in the book."""
    broken = []
    for tag, attribute in (
        ("a", "href"),
        ("link", "href"),
        ("img", "src"),
        ("script", "src"),
        ("source", "src"),
        ("video", "src"),
    ):
        for element in soup(page).find_all(tag, attrs={attribute: True}):
            parts = urlsplit(element[attribute])
            if parts.scheme or parts.netloc:
                continue
            target = ((HTML / page).parent / unquote(parts.path)).resolve() if parts.path else HTML / page
            if not target.exists():
                broken.append(element[attribute])
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in anchors(os.path.relpath(target, HTML))
            ):
                broken.append(element[attribute])
    return broken


def external_requests(page):
    """Return the files that a page would load from another host when it is opened."""
    sources = [
        ("link", "href"),
        ("img", "src"),
        ("script", "src"),
        ("iframe", "src"),
        ("source", "src"),
        ("video", "src"),
    ]
    return [
        element[attribute]
        for tag, attribute in sources
        for element in soup(page).find_all(tag, attrs={attribute: True})
        if urlsplit(element[attribute]).netloc and element.get("rel") not in (["canonical"],)
    ]


def images_without_alt(page):
    """Return the outputs without alternative text: undescribed figures, and text representations of figures."""
    outputs = soup(page).select("div.cell_output")
    descriptions = [(image, image.get("alt", "")) for output in outputs for image in output.find_all("img")]
    graphics = [
        figure for output in outputs for figure in output.find_all(["svg", "canvas", "video", "object", "iframe"])
    ]
    outer = [figure for figure in graphics if figure.get("aria-hidden") != "true" and not figure.find_parent("svg")]
    descriptions += [(figure, accessible_name(page, figure)) for figure in outer]
    bare = [block for output in outputs for block in output.find_all("pre") if BARE_FIGURE_REPR.search(block.text)]
    return [
        figure
        for figure, text in descriptions
        if PLACEHOLDER_ALT_TEXT.fullmatch(text.strip() or "x.png") or len(text.split()) < 4
    ] + bare


def accessible_name(page, figure):
    """Return the accessible name of a graphic: its own label or title, or the label of another element."""
    title = figure.find("title")
    labels = " ".join(
        part.text for name in figure.get("aria-labelledby", "").split() for part in soup(page).find_all(id=name)
    )
    whole = figure.find_parent(attrs={"role": "img", "aria-label": True})
    return figure.get("aria-label") or labels or (title.text if title else "") or (whole["aria-label"] if whole else "")


def test_built_book_contains_every_toc_page(book):
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [contents["root"], *(entry["file"] for part in contents["parts"] for entry in part["chapters"])]
    assert [page for page in pages if not (book / f"{page}.html").is_file()] == []
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
    (stats,) = soup(f"{chapter}.html").select(".execution-stats")
    assert "s of processor time" in stats.text
    assert not execution_stats.exceeded_budget(stats)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_built_chapter_shows_no_feedback_on_unstarted_exercises(book, chapter):
    shown = {}
    for cell in soup(f"{chapter}.html").select("div.cell"):
        code = "".join(part.text for part in cell.select(".cell_input"))
        if match := re.search(r"^check\((\w+), exercises\.\1\)$", code, re.M):
            shown[match[1]] = " ".join(output.text.strip() for output in cell.select(".cell_output"))
    assert shown == {name: f"✎ In the notebook, this cell checks your {name}." for name in shown} != {}
    outputs = [output.text for output in soup(f"{chapter}.html").select("div.cell_output")]
    assert [text for text in outputs if re.search(r"\bNone\b|[Yy]our(s| function| map)\b", text)] == []


@pytest.mark.parametrize("page", PAGES)
def test_built_page_has_at_most_one_h1(book, page):
    article = soup(page).find("article")
    assert article is None or len(article.find_all("h1")) <= 1


@pytest.mark.parametrize("page", PAGES)
def test_built_page_tables_are_rendered(book, page):
    # A table that is not rendered leaves its row of hyphens, which a page shows as dashes.
    assert [p.get_text()[:80] for p in soup(page).find_all("p") if re.search(r"\|\s*[-–—:]+\s*\|", p.get_text())] == []


# After a change of the width, the new layout is there when two frames have been drawn. The theme looks for elements
# that scroll when the window is resized, perhaps before the new layout is there, so that it is asked to look again.
WAIT_FOR_LAYOUT_SCRIPT = """async width => {
  const frame = () => new Promise(requestAnimationFrame);
  while (innerWidth !== width) await frame();
  await frame();
  await frame();
  dispatchEvent(new Event("resize"));
}"""


def overflowing_elements(tab):
    """Return the elements that extend beyond the window and cannot be scrolled to."""
    return tab.evaluate(OVERFLOWING_ELEMENTS_SCRIPT)


def figures_with_small_text(tab):
    """Return the figures with text of less than 8 points, or with text of an unknown size."""
    return [(alt, size) for alt, size in tab.evaluate(FIGURE_TEXT_SIZES_SCRIPT) if not size > 7.99]


def unmarked_wide_elements(tab):
    """Return the elements that scroll sideways without a shadow, or that the keyboard cannot scroll."""
    return tab.evaluate(UNMARKED_WIDE_ELEMENTS_SCRIPT)


def low_contrast_texts(tab, known_styles):
    """Return the texts whose contrast is too low, one of each style, and add the styles to those that are known."""
    new_styles = tab.evaluate(MARK_NEW_TEXT_STYLES_SCRIPT, sorted(known_styles))
    known_styles.update(new_styles)
    marked = {"include": [["[data-new-text-style]"]]}
    return violations(tab, marked, runOnly={"type": "rule", "values": ["color-contrast"]}) if new_styles else []


@pytest.fixture(scope="module")
def known_styles():
    """The styles of text whose contrast other pages have tested already, for each theme."""
    return {"light": set(), "dark": set()}


# First wide and then narrow in the light theme, then the other way round in the dark one, because a page must fit both
# widths and adapt to the change. The contrast is tested in each theme, and everything else that axe knows in the light
# theme, because the themes differ in colors only. Each page is loaded once; the last test of this group loads a page in
# the dark theme. The pages of the API reference have one structure, so each width is tested in one theme only.
@pytest.mark.parametrize("page", PAGES)
def test_built_page_is_accessible_and_fits_in_both_themes(site, new_tab, known_styles, page):
    errors, external = [], []
    tab = new_tab(color_scheme="light", viewport={"width": 1440, "height": 900})
    tab.on("pageerror", lambda error: errors.append(str(error)))
    # Resources that fail to load are handled below, except for the icon that a browser requests by itself.
    other_error = re.compile("(?!Failed to load resource)")
    tab.on(
        "console",
        lambda message: message.type == "error" and other_error.match(message.text) and errors.append(message.text),
    )
    tab.on("request", lambda request: request.url.startswith((site, "data:", "blob:")) or external.append(request.url))
    tab.on("response", lambda response: response.status < 400 or errors.append(f"{response.status} {response.url}"))
    tab.goto(site + page)
    tab.wait_for_function(FORMULAS_DRAWN)
    tab.evaluate(EXPAND_ALL_SCRIPT)
    for theme, widths in (("light", (1440, 390)), ("dark", (390, 1440))):
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
        tab.wait_for_function(IS_SETTLED)
        assert low_contrast_texts(tab, known_styles[theme]) == [], theme
        if theme == "light":
            assert violations(tab, rules={"color-contrast": {"enabled": False}}) == []
        for width in widths[:1] if "_api" in page else widths:
            tab.set_viewport_size({"width": width, "height": 900})
            tab.evaluate(WAIT_FOR_LAYOUT_SCRIPT, width)
            tab.wait_for_function(IS_SETTLED)
            assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
                f"the page scrolls sideways at {width} in the {theme} theme"
            )
            assert overflowing_elements(tab) == [], (theme, width)
            assert figures_with_small_text(tab) == [], (theme, width)
            assert unmarked_wide_elements(tab) == [], (theme, width)
    assert errors == []
    assert external == []


def test_built_page_is_drawn_in_dark_theme_from_the_start(site, new_tab):
    tab = new_tab(color_scheme="dark")
    tab.goto(site + PAGES_WITH_ADVANCED_SECTIONS[-1])
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.wait_for_function(FORMULAS_DRAWN)
    assert low_contrast_texts(tab, set()) == []


def test_low_contrast_texts_finds_one_gray_word_among_equal_paragraphs(new_tab):
    tab, known_styles = new_tab(), set()
    paragraphs = "<p>Readable text with a <span>word</span> in it.</p>" * 50
    gray = "<p>Readable text with a <span style='color: #aaa'>word</span> in it.</p>"
    on_gray = "<div style='background: #666'><p>Readable text.</p></div>"
    for added, rules in (("", []), (gray, ["color-contrast"]), (on_gray, ["color-contrast"]), (on_gray, [])):
        tab.set_content(f"<html lang='en'><title>Page</title><main>{paragraphs}{added}{paragraphs}</main></html>")
        assert [rule for rule, _ in low_contrast_texts(tab, known_styles)] == rules


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("<table><tr><th></th><th>AUROC</th></tr><tr><td>entropy</td><td>0.8</td></tr></table>", "empty-table-header"),
        ("</main><p>Text outside of every landmark.</p><main>", "region"),
        ("<button style='width: 9px; height: 9px; padding: 0' aria-label='x'></button>" * 2, "target-size"),
        ("<img src='data:,'>", "image-alt"),
    ],
)
def test_violations_are_reported_with_every_impact(new_tab, content, rule):
    tab = new_tab()
    tab.set_content(f"<!doctype html><html lang='en'><title>Page</title><main><h1>A</h1>{content}</main></html>")
    assert rule in {name for name, _ in violations(tab)}


WIDE_ELEMENTS_PAGE = """<!doctype html><html lang="en"><head><title>Page</title>
<link rel="stylesheet" href="{static}/theme.css"><script src="{static}/wide_elements.js"></script>
<style>body {{ background: {page} }} h1, p {{ background: white }}
table, mjx-math {{ display: block; height: 80px; width: {width} }}</style></head>
<body><main><article class="bd-article"><h1>Wide elements</h1><div class="cell_output">
<div class="described" style="overflow-x:auto"><img alt="A wide figure" src="data:," style="background:white;
display:block;height:80px;width:{width};min-width:{min_width}"></div></div>
<div class="pst-scrollable-table-container" style="overflow:auto"><table></table></div>
<mjx-container display="true" style="display:block"><mjx-math></mjx-math></mjx-container>
<p>Text.</p></article></main></body>"""
WIDE_ELEMENTS = ".described, .pst-scrollable-table-container, mjx-container"


@pytest.fixture
def open_wide_elements(new_tab, tmp_path):
    """``open_wide_elements(width, page, min_width)`` opens a page with a figure, a table and a formula on a phone."""

    def opener(width, page="#fff", min_width="500px", **options):
        path = tmp_path / "page.html"
        static = (ROOT / "_static").as_uri()
        path.write_text(
            WIDE_ELEMENTS_PAGE.format(static=static, width=width, page=page, min_width=min_width), encoding="utf-8"
        )
        tab = new_tab(viewport={"width": 390, "height": 900}, **options)
        tab.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            tab.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        return tab

    return opener


def edge_contrasts(tab, box):
    """Return how much the left and the right edge of an element differ from its middle, in levels of gray."""
    image = Image.open(BytesIO(box.screenshot())).convert("L")
    levels = [image.getpixel((x, image.height // 2)) for x in (1, image.width // 2, image.width - 2)]
    return abs(levels[0] - levels[1]), abs(levels[2] - levels[1])


@pytest.mark.parametrize("page", ["#fff", "#121212"])
def test_wide_elements_have_shadow_where_they_continue(open_wide_elements, page):
    tab = open_wide_elements("700px", page)
    boxes = tab.locator(WIDE_ELEMENTS).all()
    assert len(boxes) == 3 and unmarked_wide_elements(tab) == [] and violations(tab) == []
    for box in boxes:
        left, right = edge_contrasts(tab, box)
        assert left < 5 and right > 50
        box.focus()
        box.press("ArrowRight")
        tab.wait_for_function("box => box.scrollLeft > 20", arg=box.element_handle())
        box.evaluate("box => { box.scrollLeft = 700; }")
        tab.wait_for_function("box => box.matches('.more-left:not(.more-right)')", arg=box.element_handle())
        left, right = edge_contrasts(tab, box)
        assert left > 50 and right < 5


def test_wide_elements_shadow_moves_nothing(open_wide_elements):
    tops = "[...document.querySelectorAll('article *')].map(e => e.getBoundingClientRect().top)"
    with_script, without = (open_wide_elements("700px", java_script_enabled=enabled) for enabled in (True, False))
    assert with_script.evaluate(tops) == without.evaluate(tops)
    assert with_script.evaluate("document.documentElement.scrollWidth") == 390


def test_narrow_elements_are_no_groups(open_wide_elements):
    tab = open_wide_elements("300px", min_width="300px")
    assert tab.locator("[role=group], .more-left, .more-right").count() == 0
    tab.set_viewport_size({"width": 200, "height": 900})
    tab.wait_for_function("document.querySelectorAll('[role=group][tabindex=\"0\"].more-right').length === 3")
    tab.set_viewport_size({"width": 390, "height": 900})
    tab.wait_for_function("!document.querySelector('[role=group], .more-right')")


def test_wide_element_checks_detect_unmarked_elements_and_small_text(open_wide_elements):
    tab = open_wide_elements("700px", min_width="800px")
    assert figures_with_small_text(tab) == []
    tab.add_style_tag(content="img { min-width: 0 !important }")
    ((alt, size),) = figures_with_small_text(tab)
    assert alt == "A wide figure" and 3 < size < 5
    tab.evaluate("document.querySelector('img').style.minWidth = ''")
    assert len(figures_with_small_text(tab)) == 1
    for change in (
        "box.classList.remove('more-right')",
        "box.removeAttribute('aria-label')",
        "box.removeAttribute('role')",
        "box.tabIndex = -1",
    ):
        tab = open_wide_elements("700px")
        tab.evaluate(f"const box = document.querySelector('.described'); {change}")
        assert len(unmarked_wide_elements(tab)) == 1


STACKING_PAGE = """<!doctype html><html lang="en"><head><title>Page</title>
<link rel="stylesheet" href="{static}/theme.css"><script src="{static}/wide_elements.js"></script></head>
<body><main><article class="bd-article"><h1>Tables</h1>{tables}</article></main></body>"""
LONG, SHORT = "A sentence that is too long for a narrow column.", "0.5"


def table_html(text):
    heads, cells = (
        "".join(f"<{tag}>{word}</{tag}>" for word in words) for tag, words in (("th", "abcde"), ("td", [text] * 5))
    )
    return f'<table class="table"><thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody></table>'


def test_rows_with_long_texts_are_stacked_on_a_phone(new_tab, tmp_path):
    path = tmp_path / "page.html"
    page = STACKING_PAGE.format(static=(ROOT / "_static").as_uri(), tables=table_html(LONG) + table_html(SHORT))
    path.write_text(page, encoding="utf-8")
    lefts = (
        "[...document.querySelectorAll('tr:has(td)')].map(row => new Set([...row.cells].map(c => c.offsetLeft)).size)"
    )
    for width, columns in ((390, [1, 5]), (1200, [5, 5])):
        tab = new_tab(viewport={"width": width, "height": 900})
        tab.goto(path.as_uri())
        assert tab.evaluate(lefts) == columns and violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") == width


# The advanced sections, on the chapters that have them and on a minimal page with the same structure.

MINIMAL_PAGE = """<!doctype html><html lang="en">
<head><link rel="stylesheet" href="{static}/chapter.css"><script src="{static}/advanced_sections.js"></script></head>
<body><nav><a href="#core">Core</a> <a href="#go-deeper">Deeper</a> <a href="#one">1.A</a> <a href="#two">1.B</a></nav>
<article class="bd-article"><section id="title"><h1>Title</h1>
<section id="core"><h2>Core</h2><p style="height:60em">Long.</p></section>
<section id="go-deeper"><h2>Go deeper<a class="headerlink" href="#go-deeper">#</a></h2><p>End of the core path.</p>
<div class="cell"><pre>state</pre></div>
<section id="one"><h3>1.A First<a class="headerlink" href="#one">#</a></h3><p style="height:60em">Long.</p></section>
<section id="two"><h3>1.B Second</h3><details><summary>Hint</summary><p id="hint">Hint.</p></details>
<p style="height:60em">Long.</p></section></section></section></article></body></html>"""


# All chapters have the same structure and the same script, so that the longer ones are tested with the slow tests.
@pytest.fixture(
    params=[
        "minimal page",
        *(pytest.param(page, marks=[pytest.mark.book, pytest.mark.slow]) for page in PAGES_WITH_ADVANCED_SECTIONS[:-2]),
        *(pytest.param(page, marks=pytest.mark.book) for page in PAGES_WITH_ADVANCED_SECTIONS[-2:]),
    ]
)
def chapter(request, tmp_path):
    """Address of a page with advanced sections."""
    if request.param != "minimal page":
        return request.getfixturevalue("site") + request.param
    path = tmp_path / "page.html"
    path.write_text(MINIMAL_PAGE.format(static=(ROOT / "_static").as_uri()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def chapter_tab(new_tab, chapter):
    tab = new_tab(viewport={"width": 1440, "height": 900})
    tab.goto(chapter)
    return tab


def is_open(tab):
    return tab.locator("details.advanced-sections").evaluate("details => details.open")


def wait_until_open(tab):
    tab.wait_for_function("document.querySelector('details.advanced-sections').open")


def advanced_section_ids(tab):
    """Return the ids of the advanced sections."""
    return tab.locator("details.advanced-sections > section").evaluate_all(
        "sections => sections.map(section => section.id)"
    )


def wait_until_in_viewport(tab, name):
    top = "name => { const y = document.getElementById(name).getBoundingClientRect().top; return -2 < y && y < 300; }"
    tab.wait_for_function(top, arg=name)


def test_advanced_sections_are_visible_without_javascript(new_tab, chapter):
    tab = new_tab(java_script_enabled=False)
    tab.goto(chapter)
    sections = tab.locator("section#go-deeper > section")
    assert tab.locator("details.advanced-sections").count() == 0
    assert sections.count() > 0 and all(section.is_visible() for section in sections.all())


def test_advanced_sections_are_collapsed_and_summary_lists_titles(chapter_tab):
    names = advanced_section_ids(chapter_tab)
    assert names and not is_open(chapter_tab)
    assert not any(chapter_tab.locator(f"[id='{name}']").is_visible() for name in names)
    summary = chapter_tab.locator("details.advanced-sections > summary").inner_text()
    assert "Go deeper" in summary and "#" not in summary
    headings = chapter_tab.locator("details.advanced-sections > section > h3")
    titles = headings.evaluate_all("all => all.map(title => title.firstChild.textContent.trim())")
    assert len(titles) == len(names) and all(title in summary for title in titles)
    assert chapter_tab.locator("section#go-deeper > h2").is_visible()


def test_advanced_sections_open_and_close_by_keyboard(chapter_tab):
    for _ in range(1000):
        chapter_tab.keyboard.press("Tab")
        if chapter_tab.evaluate("document.activeElement.matches('details.advanced-sections > summary')"):
            break
    chapter_tab.keyboard.press("Enter")
    wait_until_open(chapter_tab)
    chapter_tab.keyboard.press("Space")
    chapter_tab.wait_for_function("!document.querySelector('details.advanced-sections').open")


def test_advanced_sections_open_for_link_from_another_page(chapter_tab):
    name, address = advanced_section_ids(chapter_tab)[-1], chapter_tab.url
    chapter_tab.goto("about:blank")
    chapter_tab.goto(f"{address}#{name}")
    wait_until_in_viewport(chapter_tab, name)
    assert is_open(chapter_tab)


def test_advanced_sections_script_opens_for_url_fragment(new_tab, chapter):
    # Chromium itself opens a collapsed element for a fragment; an address that changes without navigation tests the
    # script.
    tab = new_tab()
    tab.goto(chapter)
    first, last = advanced_section_ids(tab)[0], advanced_section_ids(tab)[-1]
    tab.evaluate(
        "name => { history.replaceState(null, '', '#' + name); dispatchEvent(new Event('hashchange')); }", last
    )
    assert is_open(tab)
    wait_until_in_viewport(tab, last)
    # Record the state after the script and before the browser scrolls to the fragment.
    record = "() => { window.openedEarly = document.querySelector('details.advanced-sections')?.open; }"
    tab.add_init_script(f"addEventListener('DOMContentLoaded', {record})")
    tab.goto("about:blank")
    tab.goto(f"{chapter}#{first}")
    assert tab.evaluate("window.openedEarly")


def test_advanced_sections_open_for_every_link_on_the_page(chapter_tab):
    core = chapter_tab.locator("section > section[id]").first.get_attribute("id")
    for name in ["go-deeper", *advanced_section_ids(chapter_tab)]:
        chapter_tab.evaluate("name => { location.hash = name; }", core)
        chapter_tab.locator("details.advanced-sections").evaluate("details => { details.open = false; }")
        link = chapter_tab.locator(f"nav a[href='#{name}']").first
        link.evaluate("link => link.click()")
        wait_until_in_viewport(chapter_tab, name)
        assert is_open(chapter_tab), name
        # The same link again, when the address already has this fragment.
        chapter_tab.locator("details.advanced-sections").evaluate("details => { details.open = false; }")
        link.evaluate("link => link.click()")
        wait_until_in_viewport(chapter_tab, name)
        assert is_open(chapter_tab), name


def test_advanced_sections_stay_collapsed_for_other_url_fragments(chapter_tab):
    core = chapter_tab.locator("section > section[id]").first.get_attribute("id")
    for hash in (core, "nowhere", "%"):
        chapter_tab.evaluate(
            "hash => new Promise(changed => {"
            " addEventListener('hashchange', () => changed(), { once: true }); location.hash = hash; })",
            hash,
        )
        assert not is_open(chapter_tab)


def test_advanced_sections_open_for_printing_and_are_restored(chapter_tab):
    chapter_tab.evaluate(
        "addEventListener('beforeprint', () => {"
        " window.printed = document.querySelector('details.advanced-sections').open; })"
    )
    chapter_tab.pdf()
    assert chapter_tab.evaluate("window.printed")
    chapter_tab.wait_for_function("!document.querySelector('details.advanced-sections').open")
    chapter_tab.locator("details.advanced-sections > summary").click()
    chapter_tab.pdf()
    assert is_open(chapter_tab)


def test_collapsed_hint_opens_for_link_into_it(new_tab, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(MINIMAL_PAGE.format(static=(ROOT / "_static").as_uri()), encoding="utf-8")
    tab = new_tab()
    tab.goto(f"{path.as_uri()}#hint")
    wait_until_in_viewport(tab, "hint")
    assert tab.locator("details[open]").count() == 2


# Tests of the checks.


@pytest.mark.parametrize(
    ("output", "n_reported"),
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
def test_images_without_alt_reports_only_undescribed_figures(tmp_path, monkeypatch, output, n_reported):
    (tmp_path / "page.html").write_text(f'<img src="x.png"><div class="cell_output">{output}</div>', encoding="utf-8")
    monkeypatch.setattr(f"{__name__}.HTML", tmp_path)
    soup.cache_clear()
    try:
        assert len(images_without_alt("page.html")) == n_reported
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
