"""Reading without a mouse, without a network, on paper: the built book in a browser, by what a reader does with it."""

import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
HTML = ROOT / "_build" / "html"
CHAPTER_PAGES = [f"chapters/{path.stem}.html" for path in sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))]
FORMULAS_DRAWN = "[...document.querySelectorAll('article .math')].every(math => math.querySelector('mjx-container'))"
# Whatever answers to keys, marked with a number; one button of a group of them is enough, the arrows lead to the others.
MARK_CONTROLS_SCRIPT = """() => {
  document.querySelectorAll("article details").forEach(box => { box.open = true; });
  const wanted = "figure.explore input, .quiz .option:first-child input, article summary";
  return [...document.querySelectorAll(wanted)].filter(element => element.checkVisibility()).map((element, i) => element.dataset.mark = i);
}"""
FOCUSED_ELEMENT_SCRIPT = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  return [here.dataset.mark ?? null, ring, here.outerHTML.slice(0, 120)];
}"""


@pytest.fixture
def press_tab(new_tab):
    return new_tab(viewport={"width": 1440, "height": 900}, color_scheme="dark")


def open_page(tab, page):
    tab.goto((HTML / page).as_uri())
    tab.wait_for_function(FORMULAS_DRAWN)


# Keys.


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_chapter_controls_are_reachable_by_tab_with_visible_focus(book, press_tab, page):
    open_page(press_tab, page)
    wanted, reached, dark = {str(mark) for mark in press_tab.evaluate(MARK_CONTROLS_SCRIPT)}, set(), []
    assert wanted
    press_tab.evaluate("document.querySelector('article h1 a').focus()")
    for _ in range(1500):
        press_tab.keyboard.press("Tab")
        mark, ring, what = press_tab.evaluate(FOCUSED_ELEMENT_SCRIPT)
        if mark is not None:
            reached.add(mark)
            dark += [] if ring else [what]
        if reached == wanted or what.startswith("<body"):
            break
    missed = [
        press_tab.locator(f"[data-mark='{mark}']").evaluate("e => e.outerHTML.slice(0, 160)")
        for mark in wanted - reached
    ]
    assert missed == []
    assert dark == []


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_chapter_sliders_respond_to_arrow_keys(book, press_tab, page):
    open_page(press_tab, page)
    press_tab.evaluate(MARK_CONTROLS_SCRIPT)
    for player in press_tab.locator("figure.explore").all():
        image, dials = player.locator("img"), player.get_by_role("slider")
        data = json.loads(player.locator("script[type='application/json']").text_content())
        assert dials.count() == player.locator("input").count() and len({words for _, words in data["frames"]}) > 1
        for dial in dials.all():
            assert dial.get_attribute("aria-label").strip()
            seen = set()
            for key in ["Home", *["ArrowRight"] * int(dial.get_attribute("max"))]:
                dial.press(key)
                at = [int(other.input_value()) for other in dials.all()]
                stand = [labels[i] for labels, i in zip(data["labels"], at)]
                assert [other.get_attribute("aria-valuetext") for other in dials.all()] == stand
                assert player.locator("output").all_inner_texts() == stand
                image_source, words = data["frames"][
                    int(np.ravel_multi_index(at, [len(labels) for labels in data["labels"]]))
                ]
                assert (
                    image.get_attribute("src") == data["pictures"][image_source] and image.get_attribute("alt") == words
                )
                seen.add(image_source)
            assert len(seen) > 1, "a slider that changes nothing"


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_chapter_quizzes_can_be_answered_by_keyboard(book, press_tab, page):
    open_page(press_tab, page)
    press_tab.evaluate(MARK_CONTROLS_SCRIPT)
    for question in press_tab.locator(".quiz fieldset").all():
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


def test_focus_script_detects_unreachable_and_unmarked_controls(press_tab):
    press_tab.set_content(
        "<article><h1><a href='#'>x</a></h1><details><summary tabindex=-1 style='outline:none'>Hint</summary></details></article>"
    )
    assert press_tab.evaluate(MARK_CONTROLS_SCRIPT) == [0]
    press_tab.keyboard.press("Tab")
    assert press_tab.evaluate(FOCUSED_ELEMENT_SCRIPT)[:2] == [None, True]
    press_tab.evaluate("document.querySelector('summary').focus()")
    assert press_tab.evaluate(FOCUSED_ELEMENT_SCRIPT)[:2] == ["0", False]


def test_scrollable_code_in_opened_advanced_section_is_focusable(book, press_tab):
    press_tab.set_viewport_size({"width": 390, "height": 900})
    open_page(press_tab, CHAPTER_PAGES[0])
    pre = press_tab.locator("details.door pre").first
    press_tab.evaluate("addEventListener('resize', () => { window.resized = true; })")
    press_tab.locator("details.door > summary").press("Enter")
    # The theme looks again what scrolls when its window changes, and is told that it has.
    press_tab.wait_for_function("window.resized")
    press_tab.wait_for_function(
        "pre => pre.scrollWidth > pre.clientWidth && pre.tabIndex === 0", arg=pre.element_handle()
    )


def test_index_page_uses_full_width_on_phone(book, press_tab):
    press_tab.set_viewport_size({"width": 390, "height": 900})
    open_page(press_tab, "genindex.html")
    assert (
        min(
            press_tab.locator("table.indextable td").evaluate_all(
                "cells => cells.map(cell => cell.getBoundingClientRect().width)"
            )
        )
        > 300
    )


# Search.


def test_search_works_offline_and_by_keyboard(book, press_tab):
    said = []
    press_tab.on("pageerror", lambda error: said.append(str(error)))
    press_tab.on("console", lambda message: message.type == "error" and said.append(message.text))
    press_tab.on("request", lambda request: request.url.startswith(("file:", "data:")) or said.append(request.url))
    press_tab.context.set_offline(True)
    open_page(press_tab, "chapters/setup.html")
    press_tab.keyboard.press("Control+k")
    press_tab.wait_for_function("document.activeElement.matches('input[type=search]')")
    press_tab.keyboard.type("validity radius")
    press_tab.keyboard.press("Enter")
    press_tab.wait_for_selector("#search-results li a")
    press_tab.wait_for_function("document.querySelector('.search-summary').textContent.includes('found')")
    results = press_tab.locator("#search-results li a")
    assert {"1. Gradients in neural networks", "Glossary", "Notation"} <= set(results.all_inner_texts())
    assert any("foundations.linearization_radius" in text for text in results.all_inner_texts())
    for address in results.evaluate_all("links => links.map(link => link.href.split('#')[0].split('?')[0])"):
        assert address.startswith("file:") and (HTML / address.split("/html/")[1]).is_file()
    results.first.press("Enter")
    press_tab.wait_for_selector("article h1")
    assert said == []


def test_search_shows_excerpts_over_http(site, press_tab):
    press_tab.goto(f"{site}search.html?q=manifold")
    press_tab.wait_for_selector("#search-results li p.context")


# Cards.


def test_hover_card_opens_on_focus_and_closes_on_escape(book, press_tab):
    open_page(press_tab, "chapters/02-information.html")
    link = press_tab.locator("article a.term").first
    card = press_tab.locator(f"#{link.get_attribute('aria-describedby')}")
    assert card.get_attribute("role") == "tooltip" and card.is_hidden()
    press_tab.keyboard.press("Tab")  # a focus is shown to who uses keys
    link.focus()
    card.wait_for(state="visible")
    press_tab.keyboard.press("Escape")
    card.wait_for(state="hidden")
    assert link.evaluate("link => link === document.activeElement")


def test_hover_card_shows_bibliography_entry_within_viewport(book, press_tab):
    press_tab.clock.install()
    press_tab.context.set_offline(True)
    press_tab.set_viewport_size({"width": 390, "height": 700})
    open_page(press_tab, "chapters/02-information.html")
    link = press_tab.locator("article a[href='https://arxiv.org/abs/1610.02391']").first
    link.hover()
    card = press_tab.locator(".term-card:not([hidden])")
    card.wait_for()
    assert "Selvaraju" in card.inner_text() and "visual explanations" in card.inner_text()
    box = card.bounding_box()
    assert 0 <= box["x"] and box["x"] + box["width"] <= 390 and 0 <= box["y"] and box["y"] + box["height"] <= 700
    card.hover()
    press_tab.clock.run_for(400)
    assert card.is_visible(), "the pointer may go on to the card"
    press_tab.mouse.move(1, 1)
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
def test_hover_card_formulas_are_rendered(book, press_tab, page):
    open_page(press_tab, page)
    cards = press_tab.locator(".term-card")
    assert cards.count() > 5
    press_tab.wait_for_function(
        "[...document.querySelectorAll('.term-card .math')].every(math => math.querySelector('mjx-container'))"
    )


# Paper.


def print_media(tab):
    """Show a dark page as it is printed: in the light theme, with the transition to it behind it."""
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.emulate_media(media="print")
    tab.wait_for_function("document.documentElement.dataset.theme === 'light'")
    tab.wait_for_function(
        "document.getAnimations().every(a => a.timeline !== document.timeline || a.playState === 'finished')"
    )


def test_print_style_is_dark_on_white_in_dark_theme(book, press_tab):
    open_page(press_tab, CHAPTER_PAGES[0])
    print_media(press_tab)
    colors = press_tab.evaluate("['article p', 'article h2', 'body'].map(e => getComputedStyle(document.querySelector(e)))"
                           ".flatMap(s => [s.color, s.backgroundColor])")  # fmt: skip
    light = [sum(map(float, color.strip("rgba()").split(",")[:3])) / 3 for color in colors]
    assert light[-1] == 255 and max(light[0], light[2]) < 100, colors
    press_tab.emulate_media(media="screen")
    press_tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_print_style_cuts_nothing_and_hides_controls(book, press_tab, page):
    press_tab.set_viewport_size({"width": 720, "height": 1000})  # a sheet within its margins
    open_page(press_tab, page)
    print_media(press_tab)
    press_tab.wait_for_function("[...document.querySelectorAll('details.door')].every(door => door.open)")
    left = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .copybtn, .headerlink, .prev-next-footer, article input[type=range]"
    assert (
        press_tab.locator(left).evaluate_all(
            "all => all.filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 100))"
        )
        == []
    )
    cut = "all => all.filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 160))"
    assert press_tab.locator("article pre").evaluate_all(cut) == []
    inside = "all => all.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.alt)"
    assert press_tab.locator("article img").evaluate_all(inside) == []
    whole = "all => all.every(e => getComputedStyle(e).breakInside === 'avoid')"
    assert press_tab.locator("article :is(pre, img)").evaluate_all(whole)


# On a phone.


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
        "document.fonts.ready.then(() => [...document.fonts].some(f => f.family.includes('Awesome') && f.status === 'loaded'))"
    )


def test_dark_theme_applies_before_scripts_load(book, phone):
    phone.route("**/*.js*", lambda route: route.abort())
    phone.goto((HTML / CHAPTER_PAGES[0]).as_uri(), wait_until="domcontentloaded")
    assert phone.evaluate("document.documentElement.dataset.theme") == "dark"


def test_page_contents_dialog_closes_after_selection(book, phone):
    open_page(phone, CHAPTER_PAGES[0])
    phone.locator("button.secondary-toggle").first.tap()
    contents = phone.locator("#pst-secondary-sidebar-modal")
    contents.wait_for(state="visible")
    contents.locator("a[href^='#']:visible").nth(2).tap()
    contents.wait_for(state="hidden")


def test_advanced_sections_stay_open_on_reload_only(site, phone):
    phone.goto(site + CHAPTER_PAGES[0])
    assert not phone.locator("details.door").evaluate("door => door.open")
    phone.locator("details.door > summary").click()
    phone.wait_for_function("Object.values(sessionStorage).includes('open')")
    phone.reload()
    assert phone.locator("details.door").evaluate("door => door.open")
    phone.goto("about:blank")
    phone.goto(site + CHAPTER_PAGES[0])
    assert not phone.locator("details.door").evaluate("door => door.open")
