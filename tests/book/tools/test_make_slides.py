"""Tests that the decks follow the chapters, work offline and by keyboard, and describe their figures."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests._axe import violations
from tools import make_slides
from tools.teaching import guide, notebook_outline

ROOT = Path(__file__).parents[3]
CHAPTERS = [path.stem for path in sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))]
TEACHING_PLAN = guide.read_plan(ROOT)
CHAPTER_PLANS, ROUTES = TEACHING_PLAN["chapters"], {name.replace(" ", "-"): name for name in TEACHING_PLAN["routes"]}


@pytest.fixture(scope="module")
def decks(book, tmp_path_factory):
    target = tmp_path_factory.mktemp("slides")
    make_slides.build_decks(ROOT, target)
    return target


def soup(decks, name):
    return BeautifulSoup((decks / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck_follows_chapter_structure(decks, name):
    deck, lesson = soup(decks, name), notebook_outline.chapters(ROOT)[name]
    sections = deck.select(".slides > section")
    titles = [s.h2.get_text(" ") for s in sections if "opening" in s["class"]]
    assert [title.split()[0] for title in titles] == list(CHAPTER_PLANS[name]["sections"])
    questions = [s.p.text for s in sections if "predict" in s["class"]]
    assert questions == [question for _, question in notebook_outline.predictions(lesson)]
    assert len([s for s in sections if "poll" in s["class"]]) == len(
        CHAPTER_PLANS[name].get("polls", {}).get("questions", [])
    )
    lines = [
        number for number, section in CHAPTER_PLANS[name]["sections"].items() if "line" in section.get("marks", [])
    ]
    assert [s.h2.get_text(" ").split()[1] for s in sections if "exercise" in s["class"]] == lines
    assert "summary" in sections[-1]["class"] and deck.select_one(".question").text.endswith("?")


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck_shows_every_image_of_the_core(decks, name):
    page = BeautifulSoup(
        (ROOT / "_build" / "html" / "chapters" / f"{name}.html").read_text(encoding="utf-8"), "html.parser"
    )
    excluded = page.select("#go-deeper img, #the-map img, #course-overview img")
    core = [image["alt"] for image in page.select("article .cell_output img") if image not in excluded]
    assert core and [section.img["alt"] for section in soup(decks, name).select("section.figure")] == core


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck_notes_list_minutes_and_stop_points(decks, name):
    notes = [aside.text for aside in soup(decks, name).select("aside.notes")]
    text = "\n".join(notes)
    for section in CHAPTER_PLANS[name]["sections"].values():
        assert f"Plan {section['minutes']} min." in text
        assert "stop" not in section or "Stop point: " in text
    assert text.count("How to read this") >= 1


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck_notes_give_measurements_after_predictions(decks, name):
    measured = notebook_outline.measured_results(
        notebook_outline.sections(make_slides.executed(ROOT, name), f"{name}.ipynb")
    )
    predicted = [place for place, _ in notebook_outline.predictions(notebook_outline.chapters(ROOT)[name])]
    assert list(measured) == predicted
    deck, last = soup(decks, name), 0
    places = {s.h2.text: n for n, s in enumerate(deck.select(".slides > section"), 1) if "predict" in s["class"]}
    for place, value in measured.items():
        (position,) = [
            n for n, s in enumerate(deck.select(".slides > section"), 1) if f"Measured: {value}" in s.aside.text
        ]
        assert position >= places[f"Predict, {place}"] and position >= last
        last = position


def test_section_slides_move_further_text_to_notes():
    def markdown(text):
        return {"cell_type": "markdown"}, text

    reading_time = "*This section takes about 12 minutes to read. It uses section 1.0.*"
    cells = [
        markdown(f"{reading_time}\n\nOpening.\n\n**Predict:** what?\n\nExplained later."),
        markdown("More text.\n\n- no\n\nTwo things:\n\n- a list\n\n| a |"),
    ]
    cells.append(markdown('<div class="live live-below" data-exhibit="hue">\n\nIn your browser.\n\n</div>'))
    cells.append(markdown("**Exercise 1.1 (8 min).** Write it."))
    opening, exercise = make_slides.section_slides(
        notebook_outline.Section("", 2, "1.1 X", cells), {"minutes": 3, "marks": ["line"]}, {}, {}
    )
    assert opening[1] == "<p>Opening.</p>" and opening[2] == [
        "Plan **3 min**. The class solves the exercise of this section in its one-line form.",
        "Explained later.",
        "More text.",
        "Two things:",
        "- a list",
    ]
    assert exercise[1].startswith("<p><strong>Exercise 1.1 (at home: 8 min).</strong>")


def test_without_exercise_changes_minutes_and_omits_the_exercise():
    section = {"minutes": 10, "marks": ["must", "line"], "stop": "All see it."}
    opening = ["4.5 X", "", [*make_slides.timing(section), "More."], "opening", "10 min ● ✎"]
    exercise, figure = ["✎ 4.5 X", "", [], "exercise", ""], ["4.5 X", "", [], "figure", ""]
    notes = ["Plan **8 min**. Never cut this section.", "**Stop point:** All see it.", "More."]
    assert make_slides.without_exercise([opening, exercise, figure], section, 8) == [
        ["4.5 X", "", notes, "opening", "8 min ●"],
        figure,
    ]


@pytest.mark.parametrize("name", ROUTES)
def test_route_deck_lists_sections_with_clock_times(decks, name):
    sections, at, expected = soup(decks, name).select(".slides > section"), 0, []
    for step in guide.route_steps(TEACHING_PLAN, ROUTES[name]):
        if "chapter" in step:
            for number, section in CHAPTER_PLANS[step["chapter"]]["sections"].items():
                expected.append((number, f"This slide starts at {guide.format_clock(at)}."))
                at += section["minutes"]
            at += CHAPTER_PLANS[step["chapter"]].get("polls", {}).get("minutes", 0)
        else:
            title = step.get("section") or step["what"].split()[0].strip(":,")
            expected.append((title, f"This slide starts at {guide.format_clock(at)}."))
            at += step["minutes"]
    begins = [s for s in sections if {"opening", "step"} & set(s["class"])]
    assert [(s.h2.get_text(" ").split()[0].strip(":,"), s.aside.p.text) for s in begins] == expected
    assert at == TEACHING_PLAN["routes"][ROUTES[name]]["minutes"]
    dividers = [s for s in sections if "cover" in s["class"]]
    assert len(dividers) == 5 and sections[0].h2.text.startswith("Welcome") and sections[0].img
    index = [link["href"] for link in soup(decks, "index").find_all("a")]
    assert index == [f"{deck}.html" for deck in (*ROUTES, *CHAPTERS)]


def test_90_minute_deck_can_be_spoken_in_the_planned_minutes(decks):
    """The estimate that the teaching page describes."""
    minutes, planned = {}, {}
    for section in soup(decks, "90-minutes").select(".slides > section"):
        if "opening" in section["class"]:
            number, step = section.h2.text.split()[0], section.h2.select_one(".small").text
            planned[number] = int(step.split()[0])
        if not planned or {"cover", "step"} & set(section["class"]):
            continue
        section.h2.extract()
        notes = [note.get_text(" ") for note in section.aside.extract().find_all(["p", "li"])]
        notes = [note for note in notes if note.startswith(("Method", "How to read", "Result", "Measured"))]
        words = sum(len(text.split()) for text in [section.get_text(" "), *notes])
        pauses = ("predict" in section["class"]) + (len(section.select("img")) + len(section.select("ol li"))) / 3
        minutes[number] = minutes.get(number, 0) + words / 130 + pauses
    assert len(minutes) == 10 and {n: m for n, m in minutes.items() if m > planned[n]} == {}


def test_slides_of_a_route_end_before_the_given_title(decks):
    chapters = [title.get_text(" ") for name in CHAPTERS for title in soup(decks, name).select("section > h2")]
    route = [title.get_text(" ") for title in soup(decks, "90-minutes").select("section > h2")]
    ends = [step["until"] for step in guide.route_steps(TEACHING_PLAN, "90 minutes") if "until" in step]
    assert len(ends) == 2 and set(ends) <= set(chapters) and not set(ends) & set(route)


def test_claim_poll_slide_shows_claims_and_hides_verdicts(decks):
    (poll,) = soup(decks, "05-conclusion").select("section.claim-poll")
    claims = notebook_outline.claim_questions(notebook_outline.chapters(ROOT)["05-conclusion"])
    assert len(claims) == 6 and [item.text for item in poll.select("ol li")] == [
        claim.text.replace("*", "") for claim in claims
    ]
    assert all(choice in poll.select_one(".choices").text for choice in claims[0].options)
    notes = poll.aside.extract().text
    assert notes.count("Verdict in the claims table: ") == 6 and "Verdict in the claims table" not in poll.text
    assert "opening" in poll.find_previous_sibling("section")["class"]


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck_images_keep_alt_text(decks, name):
    images = soup(decks, name).find_all("img")
    assert images and all(image["src"].startswith("data:image/") and len(image["alt"].split()) >= 4 for image in images)


@pytest.mark.parametrize("name", [*CHAPTERS, *ROUTES, "index"])
def test_deck_works_offline_and_by_keyboard(decks, new_tab, name):
    tab, errors, external = new_tab(viewport={"width": 1280, "height": 720}), [], []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on(
        "request",
        lambda request: request.url.startswith(("file:", "data:", "blob:")) or external.append(request.url),
    )
    tab.on("requestfailed", lambda request: errors.append(request.url[:200]))
    tab.goto((decks / f"{name}.html").as_uri())
    if name != "index":
        tab.wait_for_function("Reveal.isReady() && MathJax.startup.promise.then(() => true)")
        # Formulas appear once in the notes; on the slides they have MathML for screen readers.
        assert (
            tab.locator("aside.notes mjx-container").count()
            and not tab.locator("aside.notes mjx-assistive-mml").count()
        )
        on_slides = tab.locator("section > :not(aside) mjx-container")
        assert on_slides.count() == tab.locator("section > :not(aside) mjx-container > mjx-assistive-mml").count()
        assert step_through_deck(tab) == []
    assert (errors, external) == ([], [])


SHOW_ALL_SLIDES_SCRIPT = """() => document.querySelectorAll(".slides > section").forEach(slide => {
  slide.hidden = false;
  slide.removeAttribute("aria-hidden");
  Object.assign(slide.style, { display: "block", position: "static" });
})"""


# All decks have one structure, so that the larger ones are tested with the slow tests.
@pytest.mark.parametrize("name", ["index", *(pytest.param(n, marks=pytest.mark.slow) for n in [*CHAPTERS, *ROUTES])])
def test_deck_is_accessible(decks, new_tab, name):
    tab = new_tab(viewport={"width": 1280, "height": 720})
    tab.goto((decks / f"{name}.html").as_uri())
    if name != "index":
        tab.wait_for_function("Reveal.isReady() && MathJax.startup.promise.then(() => true)")
        tab.evaluate(SHOW_ALL_SLIDES_SCRIPT)
    assert violations(tab) == []


def step_through_deck(tab):
    """Step through a deck with the space bar, and return messages on keys without effect and slides that do not fit."""
    errors, count, steps = [], tab.evaluate("Reveal.getTotalSlides()"), 0
    while not tab.evaluate("Reveal.isLastSlide()") and steps < 3 * count:
        tab.keyboard.press("Space")
        steps += 1
        outside = tab.evaluate(
            "[...Reveal.getCurrentSlide().children].filter(e => !e.matches('aside'))"
            ".map(e => e.getBoundingClientRect())"
            ".filter(box => box.bottom > innerHeight + 1 || box.right > innerWidth + 1 || !box.width).length"
        )
        if outside:
            errors.append("does not fit: " + tab.evaluate("Reveal.getCurrentSlide().innerText").strip()[:60])
    if not tab.evaluate("Reveal.isLastSlide()"):
        errors.append("the space bar does not reach the end")
    tab.keyboard.press("ArrowLeft")
    if tab.evaluate("Reveal.isLastSlide()"):
        errors.append("the arrow does not go back")
    tab.keyboard.press("o")
    if not tab.evaluate("Reveal.isOverview()"):
        errors.append("no overview")
    return errors


# Tests of the checks.


def test_step_through_deck_detects_overflowing_slide(new_tab, tmp_path):
    long = make_slides.slide("Long", "<p>word</p>" * 60)
    make_slides.copy_assets(tmp_path)
    three = make_slides.slide("One", "<p>x</p>") + long + make_slides.slide("Two", "<p>x</p>")
    (tmp_path / "x.html").write_text(make_slides.DECK.format(title="x", slides=three), encoding="utf-8")
    tab = new_tab(viewport={"width": 1280, "height": 720})
    tab.goto((tmp_path / "x.html").as_uri())
    tab.wait_for_function("Reveal.isReady()")
    assert violations(tab) == []
    assert [message[:18] for message in step_through_deck(tab)] == ["does not fit: Long"]


def test_first_sentences_end_with_a_complete_sentence():
    assert make_slides.first_sentences("One two. Three four five. Six.", max_words=5) == "One two. Three four five."
    assert (
        make_slides.first_sentences("One.\n\nTwo follows:\n\n$$ x $$\n\n**Predict:** no.")
        == "One.\n\nTwo follows:\n\n$$ x $$"
    )
    assert make_slides.first_sentences("One. Two follows:\n\n- a list") == "One."


def test_slide_html_drops_links_into_the_book():
    assert (
        make_slides.html("[Chapter 2](02-information.ipynb) and [a paper](https://arxiv.org/abs/1)").count("<a ") == 1
    )
    assert make_slides.html("where $a<b$") == '<p>where <span class="math inline">\\(a&lt;b\\)</span></p>'


def test_executed_names_chapter_that_has_not_run(tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "01-x.ipynb").write_text(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    with pytest.raises(SystemExit, match="01-x has no cached outputs, because"):
        make_slides.executed(tmp_path, "01-x")
