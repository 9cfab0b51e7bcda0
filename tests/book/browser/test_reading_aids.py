"""Tests of the built book in a browser: keyboard use, search, hover cards, printing, and phones."""

import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
HTML = ROOT / "_build" / "html"
CHAPTER_PAGES = [f"chapters/{path.stem}.html" for path in sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))]
FORMULAS_DRAWN = "[...document.querySelectorAll('article .math')].every(math => math.querySelector('mjx-container'))"
# Every control that the keyboard can use; one radio button of a group is enough, because the arrow keys reach the
# others.
FIND_CONTROLS_SCRIPT = """() => {
  document.querySelectorAll("article details").forEach(box => { box.open = true; });
  const controls = ["figure.explore :is(input, select)", "form.prediction label:first-child input",
    ".quiz .option:first-child input", "article summary"].join(", ");
  return [...document.querySelectorAll(controls)].filter(element => element.checkVisibility())
    .map((element, i) => element.dataset.mark = i);
}"""
# After a key was pressed, a browser draws the focus ring also where a script sets the focus. The elements that Tab
# reaches have a tabIndex of 0, and Tab follows the order of the page as long as no element has a positive one.
FOCUS_FAULTS_SCRIPT = """() => {
  const ring = ({ outlineStyle, outlineWidth, boxShadow }) =>
    outlineStyle !== "none" && parseFloat(outlineWidth) > 0 || boxShadow !== "none";
  const fault = element => {
    element.focus({ preventScroll: true });
    if (element.tabIndex !== 0 || document.activeElement !== element) return "not reachable";
    return ring(getComputedStyle(element)) ? "" : "no visible focus";
  };
  return [...document.querySelectorAll("[data-mark]")].map(element => [fault(element), element.outerHTML.slice(0, 160)])
    .concat([...document.querySelectorAll("[tabindex]")].map(element =>
      [element.tabIndex > 0 ? "before all others" : "", element.outerHTML.slice(0, 160)]))
    .filter(([fault]) => fault);
}"""
FOCUSED_ELEMENT_SCRIPT = """() => {
  const here = document.activeElement;
  return [here.dataset.mark ?? null, here.outerHTML.slice(0, 120)];
}"""


@pytest.fixture
def tab(new_tab):
    return new_tab(viewport={"width": 1440, "height": 900}, color_scheme="dark")


def open_page(tab, page):
    tab.goto((HTML / page).as_uri())
    tab.wait_for_function(FORMULAS_DRAWN)


# Keyboard.


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_chapter_controls_are_focusable_with_visible_focus(book, tab, page):
    open_page(tab, page)
    assert tab.evaluate(FIND_CONTROLS_SCRIPT)
    tab.keyboard.press("Tab")
    assert tab.evaluate(FOCUS_FAULTS_SCRIPT) == []


def test_self_test_controls_are_reached_by_tab(book, tab):
    open_page(tab, "chapters/self-test.html")
    marks, reached = {str(mark) for mark in tab.evaluate(FIND_CONTROLS_SCRIPT)}, set()
    assert len(marks) > 20
    tab.evaluate("document.querySelector('article h1 a').focus()")
    for _ in range(1500):
        tab.keyboard.press("Tab")
        mark, html = tab.evaluate(FOCUSED_ELEMENT_SCRIPT)
        reached |= {mark} - {None}
        if reached == marks or html.startswith("<body"):
            break
    assert reached == marks


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_chapter_sliders_and_menus_respond_to_arrow_keys(book, tab, page):
    open_page(tab, page)
    tab.evaluate(FIND_CONTROLS_SCRIPT)
    for figure in tab.locator("figure.explore").all():
        image, controls = figure.locator("img"), figure.locator("input[type=range], select").all()
        data = json.loads(figure.locator("script[type='application/json']").text_content())
        assert len(controls) == len(data["labels"]) and len({alt for _, alt in data["frames"]}) > 1
        menus = [control.evaluate("control => control.tagName") == "SELECT" for control in controls]
        for control, is_menu, options in zip(controls, menus, data["labels"]):
            assert control.get_attribute("aria-label").strip()
            images = set()
            for key in ["Home", *["ArrowDown" if is_menu else "ArrowRight"] * (len(options) - 1)]:
                control.press(key)
                at = [int(other.input_value()) for other in controls]
                values = [labels[i] for labels, i in zip(data["labels"], at)]
                for other, other_is_menu, value in zip(controls, menus, values):
                    shown = (
                        "menu => menu.selectedOptions[0].text" if other_is_menu else "slider => slider.ariaValueText"
                    )
                    assert other.evaluate(shown) == value
                assert figure.locator("output").all_text_contents() == values
                image_source, alt = data["frames"][
                    int(np.ravel_multi_index(at, [len(labels) for labels in data["labels"]]))
                ]
                assert image.get_attribute("src") == data["images"][image_source] and image.get_attribute("alt") == alt
                images.add(image_source)
            assert len(images) > 1, "the control has no effect"


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_chapter_quizzes_can_be_answered_by_keyboard(book, tab, page):
    open_page(tab, page)
    tab.evaluate(FIND_CONTROLS_SCRIPT)
    for question in tab.locator(".quiz fieldset").all():
        assert question.locator("legend").inner_text().strip()
        first, second = question.locator(".option").all()[:2]
        first.locator("input").press("Space")
        assert first.locator(".feedback").is_visible()
        first.locator("input").press("ArrowDown")
        assert (
            second.locator("input").is_checked()
            and second.locator(".feedback").is_visible()
            and not first.locator(".feedback").is_visible()
        )
        assert question.get_by_role("radio", name=second.locator("label").inner_text(), exact=True).count() == 1


def test_focus_script_detects_unreachable_and_unmarked_controls(tab):
    tab.set_content(
        "<article><h1><a href='#'>x</a></h1>"
        "<details><summary tabindex=-1 style='outline:none'>Hint</summary></details></article>"
    )
    assert tab.evaluate(FIND_CONTROLS_SCRIPT) == [0]
    tab.keyboard.press("Tab")
    assert [fault for fault, _ in tab.evaluate(FOCUS_FAULTS_SCRIPT)] == ["not reachable"]
    tab.evaluate("document.querySelector('summary').tabIndex = 0")
    assert [fault for fault, _ in tab.evaluate(FOCUS_FAULTS_SCRIPT)] == ["no visible focus"]
    tab.evaluate("document.querySelector('summary').style.outline = '2px solid'")
    assert tab.evaluate(FOCUS_FAULTS_SCRIPT) == []
    tab.evaluate("document.querySelector('a').tabIndex = 1")
    assert [fault for fault, _ in tab.evaluate(FOCUS_FAULTS_SCRIPT)] == ["before all others"]


def test_scrollable_code_in_opened_advanced_section_is_focusable(book, tab):
    tab.set_viewport_size({"width": 390, "height": 900})
    open_page(tab, CHAPTER_PAGES[0])
    pre = tab.locator("details.advanced-sections pre").first
    tab.evaluate("addEventListener('resize', () => { window.resized = true; })")
    tab.locator("details.advanced-sections > summary").press("Enter")
    # The theme looks for scrollable elements when its window is resized; the script of the book triggers that event.
    tab.wait_for_function("window.resized")
    tab.wait_for_function("pre => pre.scrollWidth > pre.clientWidth && pre.tabIndex === 0", arg=pre.element_handle())


def test_index_page_uses_full_width_on_phone(book, tab):
    tab.set_viewport_size({"width": 390, "height": 900})
    open_page(tab, "genindex.html")
    assert (
        min(
            tab.locator("table.indextable td").evaluate_all(
                "cells => cells.map(cell => cell.getBoundingClientRect().width)"
            )
        )
        > 300
    )


# Search.


def test_search_works_offline_and_by_keyboard(book, tab):
    problems = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("console", lambda message: message.type == "error" and problems.append(message.text))
    tab.on("request", lambda request: request.url.startswith(("file:", "data:")) or problems.append(request.url))
    tab.context.set_offline(True)
    open_page(tab, "chapters/setup.html")
    tab.keyboard.press("Control+k")
    tab.wait_for_function("document.activeElement.matches('input[type=search]')")
    tab.keyboard.type("radius")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_function("document.querySelector('.search-summary').textContent.includes('found')")
    results = tab.locator("#search-results li a")
    assert {"1. Gradients in neural networks", "Glossary", "Notation"} <= set(results.all_inner_texts())
    assert any("linearization_radius" in text for text in results.all_inner_texts())
    for address in results.evaluate_all("links => links.map(link => link.href.split('#')[0].split('?')[0])"):
        assert address.startswith("file:") and (HTML / address.split("/html/")[1]).is_file()
    results.first.press("Enter")
    tab.wait_for_selector("article h1")
    assert problems == []


def test_search_shows_excerpts_over_http(site, tab):
    tab.goto(f"{site}search.html?q=manifold")
    tab.wait_for_selector("#search-results li p.context")


# Hover cards.


def test_hover_card_opens_on_focus_and_closes_on_escape(book, tab):
    open_page(tab, "chapters/02-information.html")
    link = tab.locator("article a.term").first
    card = tab.locator(f"#{link.get_attribute('aria-describedby')}")
    assert card.get_attribute("role") == "tooltip" and card.is_hidden()
    tab.keyboard.press("Tab")  # makes the focus visible, as for keyboard users
    link.focus()
    card.wait_for(state="visible")
    tab.keyboard.press("Escape")
    card.wait_for(state="hidden")
    assert link.evaluate("link => link === document.activeElement")


def test_hover_card_shows_bibliography_entry_within_viewport(book, tab):
    tab.clock.install()
    tab.context.set_offline(True)
    tab.set_viewport_size({"width": 390, "height": 700})
    open_page(tab, "chapters/02-information.html")
    link = tab.locator("article a[href='https://arxiv.org/abs/1610.02391']").first
    link.hover()
    card = tab.locator(".hover-card:not([hidden])")
    card.wait_for()
    assert "Selvaraju" in card.inner_text() and "visual explanations" in card.inner_text()
    box = card.bounding_box()
    assert 0 <= box["x"] and box["x"] + box["width"] <= 390 and 0 <= box["y"] and box["y"] + box["height"] <= 700
    card.hover()
    tab.clock.run_for(400)
    assert card.is_visible(), "the pointer may move onto the card"
    tab.mouse.move(1, 1)
    card.wait_for(state="hidden")


def test_hover_card_link_is_followed_on_touch_screen(book, new_tab):
    tab = new_tab(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    open_page(tab, "chapters/02-information.html")
    link = tab.locator("article a.term").first
    target = link.get_attribute("href")
    link.tap()
    tab.wait_for_url(f"**/{target}")
    assert tab.locator(f"[id='{target.split('#')[1]}']").inner_text()


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_hover_card_formulas_are_rendered(book, tab, page):
    open_page(tab, page)
    cards = tab.locator(".hover-card")
    assert cards.count() > 5
    tab.wait_for_function(
        "[...document.querySelectorAll('.hover-card .math')].every(math => math.querySelector('mjx-container'))"
    )


# Printing.


def print_media(tab):
    """Switch a dark page to print media and wait until the light theme is applied."""
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    tab.emulate_media(media="print")
    tab.wait_for_function("document.documentElement.dataset.theme === 'light'")
    tab.wait_for_function(
        "document.getAnimations().every(a => a.timeline !== document.timeline || a.playState === 'finished')"
    )


def test_print_style_is_dark_on_white_in_dark_theme(book, tab):
    open_page(tab, CHAPTER_PAGES[0])
    print_media(tab)
    colors = tab.evaluate("['article p', 'article h2', 'body'].map(e => getComputedStyle(document.querySelector(e)))"
                           ".flatMap(s => [s.color, s.backgroundColor])")  # fmt: skip
    light = [sum(map(float, color.strip("rgba()").split(",")[:3])) / 3 for color in colors]
    assert light[-1] == 255 and max(light[0], light[2]) < 100, colors
    tab.emulate_media(media="screen")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_print_style_cuts_nothing_and_hides_controls(book, tab, page):
    tab.set_viewport_size({"width": 720, "height": 1000})  # the width of a sheet without its margins
    open_page(tab, page)
    print_media(tab)
    tab.wait_for_function("[...document.querySelectorAll('details.advanced-sections')].every(details => details.open)")
    hidden = (
        ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .copybtn, .headerlink, .prev-next-footer, "
        "article input[type=range]"
    )
    assert (
        tab.locator(hidden).evaluate_all(
            "all => all.filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 100))"
        )
        == []
    )
    cut = (
        "all => all.filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 160))"
    )
    assert tab.locator("article pre").evaluate_all(cut) == []
    inside = "all => all.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.alt)"
    assert tab.locator("article img").evaluate_all(inside) == []
    unbroken = "all => all.every(e => getComputedStyle(e).breakInside === 'avoid')"
    assert tab.locator("article :is(pre, img)").evaluate_all(unbroken)


# Phones.


@pytest.fixture
def phone(new_tab):
    return new_tab(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme="dark")


def test_built_pages_do_not_load_fontawesome_script(book):
    assert [page.name for page in HTML.rglob("*.html") if "fontawesome.js" in page.read_text(encoding="utf-8")] == []
    assert not list(HTML.glob("_static/scripts/fontawesome*"))


def test_page_icons_render_from_font_on_phone(book, phone):
    open_page(phone, "index.html")
    icon = phone.locator("header .fa-solid, .bd-header .fa-solid, .fa-solid").first
    assert "Awesome" in icon.evaluate(
        "icon => getComputedStyle(icon, '::before').fontFamily + getComputedStyle(icon).fontFamily"
    )
    assert phone.evaluate(
        "document.fonts.ready.then(() => [...document.fonts]"
        ".some(f => f.family.includes('Awesome') && f.status === 'loaded'))"
    )


def test_dark_theme_applies_before_scripts_load(book, phone):
    phone.route("**/*.js*", lambda route: route.abort())
    phone.goto((HTML / CHAPTER_PAGES[0]).as_uri(), wait_until="domcontentloaded")
    phone.wait_for_function("document.documentElement.dataset.theme === 'dark'")


def test_page_contents_dialog_closes_after_selection(book, phone):
    open_page(phone, CHAPTER_PAGES[0])
    phone.locator("button.secondary-toggle").first.tap()
    contents = phone.locator("#pst-secondary-sidebar-modal")
    contents.wait_for(state="visible")
    contents.locator("a[href^='#']:visible").nth(2).tap()
    contents.wait_for(state="hidden")


def test_advanced_sections_stay_open_on_reload_only(site, phone):
    phone.goto(site + CHAPTER_PAGES[0])
    assert not phone.locator("details.advanced-sections").evaluate("details => details.open")
    phone.locator("details.advanced-sections > summary").click()
    phone.wait_for_function("Object.values(sessionStorage).includes('open')")
    phone.reload()
    assert phone.locator("details.advanced-sections").evaluate("details => details.open")
    phone.goto("about:blank")
    phone.goto(site + CHAPTER_PAGES[0])
    assert not phone.locator("details.advanced-sections").evaluate("details => details.open")
