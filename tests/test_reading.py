"""Reading without a mouse, without a network, on paper: the built book in a browser, by what a reader does with it."""

import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
PLAYED = [f"chapters/{path.stem}.html" for path in sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))]
FORMULAS_DRAWN = "[...document.querySelectorAll('article .math')].every(math => math.querySelector('mjx-container'))"
# Whatever answers to keys, marked with a number; one button of a group of them is enough, the arrows lead to the others.
MARKED = """() => {
  document.querySelectorAll("article details").forEach(box => { box.open = true; });
  const wanted = "figure.explore input, .quiz .option:first-child input, article summary";
  return [...document.querySelectorAll(wanted)].filter(element => element.checkVisibility()).map((element, i) => element.dataset.mark = i);
}"""
HERE = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  return [here.dataset.mark ?? null, ring, here.outerHTML.slice(0, 120)];
}"""


@pytest.fixture
def tab(new_tab):
    return new_tab(viewport={"width": 1440, "height": 900}, color_scheme="dark")


def opened(tab, page):
    tab.goto((HTML / page).as_uri())
    tab.wait_for_function(FORMULAS_DRAWN)


# Keys.


@pytest.mark.parametrize("page", PLAYED)
def test_all_that_answers_is_reached_by_tab_and_shows_it(book, tab, page):
    opened(tab, page)
    wanted, reached, dark = {str(mark) for mark in tab.evaluate(MARKED)}, set(), []
    assert wanted
    tab.evaluate("document.querySelector('article h1 a').focus()")
    for _ in range(1500):
        tab.keyboard.press("Tab")
        mark, ring, what = tab.evaluate(HERE)
        if mark is not None:
            reached.add(mark)
            dark += [] if ring else [what]
        if reached == wanted or what.startswith("<body"):
            break
    missed = [
        tab.locator(f"[data-mark='{mark}']").evaluate("e => e.outerHTML.slice(0, 160)") for mark in wanted - reached
    ]
    assert missed == []
    assert dark == []


@pytest.mark.parametrize("page", PLAYED)
def test_sliders_turn_by_keys(book, tab, page):
    opened(tab, page)
    tab.evaluate(MARKED)
    for player in tab.locator("figure.explore").all():
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
                picture, words = data["frames"][
                    int(np.ravel_multi_index(at, [len(labels) for labels in data["labels"]]))
                ]
                assert image.get_attribute("src") == data["pictures"][picture] and image.get_attribute("alt") == words
                seen.add(picture)
            assert len(seen) > 1, "a slider that changes nothing"


@pytest.mark.parametrize("page", PLAYED)
def test_questions_are_answered_by_keys(book, tab, page):
    opened(tab, page)
    tab.evaluate(MARKED)
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


def test_a_page_that_no_key_moves_is_seen(tab):
    tab.set_content(
        "<article><h1><a href='#'>x</a></h1><details><summary tabindex=-1 style='outline:none'>Hint</summary></details></article>"
    )
    assert tab.evaluate(MARKED) == [0]
    tab.keyboard.press("Tab")
    assert tab.evaluate(HERE)[:2] == [None, True]
    tab.evaluate("document.querySelector('summary').focus()")
    assert tab.evaluate(HERE)[:2] == ["0", False]


def test_what_scrolls_in_a_fold_is_reached_once_it_is_open(book, tab):
    tab.set_viewport_size({"width": 390, "height": 900})
    opened(tab, PLAYED[0])
    pre = tab.locator("details.door pre").first
    tab.evaluate("addEventListener('resize', () => { window.resized = true; })")
    tab.locator("details.door > summary").press("Enter")
    # The theme looks again what scrolls when its window changes, and is told that it has.
    tab.wait_for_function("window.resized")
    tab.wait_for_function("pre => pre.scrollWidth > pre.clientWidth && pre.tabIndex === 0", arg=pre.element_handle())


def test_the_index_has_the_width_of_a_phone(book, tab):
    tab.set_viewport_size({"width": 390, "height": 900})
    opened(tab, "genindex.html")
    assert (
        min(
            tab.locator("table.indextable td").evaluate_all(
                "cells => cells.map(cell => cell.getBoundingClientRect().width)"
            )
        )
        > 300
    )


# Search.


def test_search_needs_no_network_and_no_mouse(book, tab):
    said = []
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("console", lambda message: message.type == "error" and said.append(message.text))
    tab.on("request", lambda request: request.url.startswith(("file:", "data:")) or said.append(request.url))
    tab.context.set_offline(True)
    opened(tab, "chapters/setup.html")
    tab.keyboard.press("Control+k")
    tab.wait_for_function("document.activeElement.matches('input[type=search]')")
    tab.keyboard.type("validity radius")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_function("document.querySelector('.search-summary').textContent.includes('found')")
    results = tab.locator("#search-results li a")
    assert {"1. Gradients in neural networks", "Glossary", "Notation"} <= set(results.all_inner_texts())
    assert any("foundations.validity_radius" in text for text in results.all_inner_texts())
    for address in results.evaluate_all("links => links.map(link => link.href.split('#')[0].split('?')[0])"):
        assert address.startswith("file:") and (HTML / address.split("/html/")[1]).is_file()
    results.first.press("Enter")
    tab.wait_for_selector("article h1")
    assert said == []


def test_search_shows_excerpts_where_pages_are_served(site, tab):
    tab.goto(f"{site}search.html?q=manifold")
    tab.wait_for_selector("#search-results li p.context")


# Cards.


def test_a_card_comes_by_tab_and_goes_by_escape(book, tab):
    opened(tab, "chapters/02-information.html")
    link = tab.locator("article a.term").first
    card = tab.locator(f"#{link.get_attribute('aria-describedby')}")
    assert card.get_attribute("role") == "tooltip" and card.is_hidden()
    tab.keyboard.press("Tab")  # a focus is shown to who uses keys
    link.focus()
    card.wait_for(state="visible")
    tab.keyboard.press("Escape")
    card.wait_for(state="hidden")
    assert link.evaluate("link => link === document.activeElement")


def test_a_card_shows_a_paper_as_the_bibliography_does(book, tab):
    tab.clock.install()
    tab.context.set_offline(True)
    tab.set_viewport_size({"width": 390, "height": 700})
    opened(tab, "chapters/02-information.html")
    link = tab.locator("article a[href='https://arxiv.org/abs/1610.02391']").first
    link.hover()
    card = tab.locator(".term-card:not([hidden])")
    card.wait_for()
    assert "Selvaraju" in card.inner_text() and "visual explanations" in card.inner_text()
    box = card.bounding_box()
    assert 0 <= box["x"] and box["x"] + box["width"] <= 390 and 0 <= box["y"] and box["y"] + box["height"] <= 700
    card.hover()
    tab.clock.run_for(400)
    assert card.is_visible(), "the pointer may go on to the card"
    tab.mouse.move(1, 1)
    card.wait_for(state="hidden")


def test_a_finger_follows_the_link(book, new_tab):
    tab = new_tab(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    opened(tab, "chapters/02-information.html")
    link = tab.locator("article a.term").first
    target = link.get_attribute("href")
    link.tap()
    tab.wait_for_url(f"**/{target}")
    assert tab.locator(f"[id='{target.split('#')[1]}']").inner_text()


@pytest.mark.parametrize("page", PLAYED)
def test_symbols_in_cards_are_drawn(book, tab, page):
    opened(tab, page)
    cards = tab.locator(".term-card")
    assert cards.count() > 5
    tab.wait_for_function(
        "[...document.querySelectorAll('.term-card .math')].every(math => math.querySelector('mjx-container'))"
    )


# Paper.


def paper(tab):
    """Show a dark page as it is printed: in the light theme, with the transition to it behind it."""
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.emulate_media(media="print")
    tab.wait_for_function("document.documentElement.dataset.theme === 'light'")
    tab.wait_for_function(
        "document.getAnimations().every(a => a.timeline !== document.timeline || a.playState === 'finished')"
    )


def test_a_chapter_in_the_dark_is_printed_dark_on_white(book, tab):
    opened(tab, PLAYED[0])
    paper(tab)
    colours = tab.evaluate("['article p', 'article h2', 'body'].map(e => getComputedStyle(document.querySelector(e)))"
                           ".flatMap(s => [s.color, s.backgroundColor])")  # fmt: skip
    light = [sum(map(float, colour.strip("rgba()").split(",")[:3])) / 3 for colour in colours]
    assert light[-1] == 255 and max(light[0], light[2]) < 100, colours
    tab.emulate_media(media="screen")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")


@pytest.mark.parametrize("page", PLAYED)
def test_on_paper_nothing_is_cut_and_no_button_is_left(book, tab, page):
    tab.set_viewport_size({"width": 720, "height": 1000})  # a sheet within its margins
    opened(tab, page)
    paper(tab)
    tab.wait_for_function("[...document.querySelectorAll('details.door')].every(door => door.open)")
    left = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .copybtn, .headerlink, .prev-next-footer, article input[type=range]"
    assert (
        tab.locator(left).evaluate_all(
            "all => all.filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 100))"
        )
        == []
    )
    cut = "all => all.filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 160))"
    assert tab.locator("article pre").evaluate_all(cut) == []
    inside = "all => all.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.alt)"
    assert tab.locator("article img").evaluate_all(inside) == []
    whole = "all => all.every(e => getComputedStyle(e).breakInside === 'avoid')"
    assert tab.locator("article :is(pre, img)").evaluate_all(whole)


# On a phone.


@pytest.fixture
def phone(new_tab):
    return new_tab(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme="dark")


def test_no_page_waits_for_a_script_that_draws_icons(book):
    assert [page.name for page in HTML.rglob("*.html") if "fontawesome.js" in page.read_text(encoding="utf-8")] == []
    assert not list(HTML.glob("_static/scripts/fontawesome*"))


def test_the_icons_are_there_all_the_same(book, phone):
    opened(phone, "index.html")
    icon = phone.locator("header .fa-solid, .bd-header .fa-solid, .fa-solid").first
    assert "Awesome" in icon.evaluate(
        "icon => getComputedStyle(icon, '::before').fontFamily + getComputedStyle(icon).fontFamily"
    )
    assert phone.evaluate(
        "document.fonts.ready.then(() => [...document.fonts].some(f => f.family.includes('Awesome') && f.status === 'loaded'))"
    )


def test_a_dark_phone_is_dark_before_the_scripts_are_there(book, phone):
    phone.route("**/*.js*", lambda route: route.abort())
    phone.goto((HTML / PLAYED[0]).as_uri(), wait_until="domcontentloaded")
    assert phone.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_contents_go_when_a_section_is_chosen(book, phone):
    opened(phone, PLAYED[0])
    phone.locator("button.secondary-toggle").first.tap()
    contents = phone.locator("#pst-secondary-sidebar-modal")
    contents.wait_for(state="visible")
    contents.locator("a[href^='#']:visible").nth(2).tap()
    contents.wait_for(state="hidden")


def test_the_door_is_open_for_who_comes_back(site, phone):
    phone.goto(site + PLAYED[0])
    assert not phone.locator("details.door").evaluate("door => door.open")
    phone.locator("details.door > summary").click()
    phone.wait_for_function("Object.values(sessionStorage).includes('open')")
    phone.reload()
    assert phone.locator("details.door").evaluate("door => door.open")
    phone.goto("about:blank")
    phone.goto(site + PLAYED[0])
    assert not phone.locator("details.door").evaluate("door => door.open")
