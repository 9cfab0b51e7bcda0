import sys
import types
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests._http_server import serve_directory
from tutorial_course.widgets import ask_prediction, compare_predictions, show_prediction

STATIC = Path(__file__).parents[3] / "_static"
ANGLE = {"question": "At which angle is it no longer recognized?", "between": (0, 180), "step": 5, "unit": "°"}
SHAPE = {"question": "Steadily, or in a jump?", "choices": ["steadily", "in a jump"]}


@pytest.fixture(autouse=True)
def session(monkeypatch):
    """The namespace of a reader who has just started."""
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.delenv("TUTORIAL_BOOK", raising=False)
    return module


def rows(results):
    """The rows of the table: place, question, answer, result."""
    table = BeautifulSoup(results.html(), "html.parser").find("table")
    return [[cell.text for cell in row.find_all(["th", "td"])] for row in table.select("tbody tr")]


# In a notebook.


def test_prediction_widget_slider_stores_answer_with_unit():
    prediction = ask_prediction("1.1", **ANGLE)
    _, slider, status = prediction.widget().children
    assert prediction.answer is None and (slider.min, slider.max, slider.step) == (0, 180, 5)
    assert "from 0 to 180°" in status.value
    slider.value = 90
    assert prediction.answer == "90°" and "90°" in status.value


def test_prediction_widget_choices_start_without_answer():
    prediction = ask_prediction("4.1", **SHAPE)
    _, buttons, status = prediction.widget().children
    assert buttons.value is None and prediction.answer is None and "Choose an answer" in status.value
    buttons.value = "in a jump"
    assert prediction.answer == "in a jump"


def test_prediction_widget_number_rejects_words():
    prediction = ask_prediction("3.1", "AUROC?", unit=" points")
    _, text, status = prediction.widget().children
    text.value = "much"
    assert prediction.answer is None and "Expected a number" in status.value
    text.value = "0,85"
    assert prediction.answer == "0.85 points" and "0.85 points" in status.value
    text.value = ""
    assert prediction.answer is None


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("589,824", "589824"),
        ("1,234,567.5", "1234567.5"),
        ("0,125", "0.125"),
        ("12,5", "12.5"),
        ("−3", "-3"),
        (" 40° ", "40"),
        ("1e-3", "0.001"),
    ],
)
def test_prediction_widget_number_reads_common_notations(typed, stored):
    prediction = ask_prediction("1.2", "By what factor?", unit="°")
    prediction.widget().children[1].value = typed
    assert prediction.answer == f"{stored}°"


def test_show_prediction_follows_answer_that_is_given_later():
    prediction = ask_prediction("1.1", **ANGLE)
    sentence, table = show_prediction("1.1", "at 40 degrees."), compare_predictions()
    assert "none yet" in sentence.widget().value and "none yet" in table.widget().value
    prediction.widget().children[1].value = 90
    for shown in (sentence.widget().value, table.widget().value):
        assert "90°" in shown and "at 40 degrees" in shown and "none yet" not in shown


def test_compare_predictions_keeps_order_of_questions():
    ask_prediction("1.1", **ANGLE)
    ask_prediction("1.2", **SHAPE).record("steadily")
    ask_prediction("1.3", "How many?")
    show_prediction("1.2", "in a jump")
    show_prediction("1.1", 40)
    assert rows(compare_predictions()) == [
        ["1.1", ANGLE["question"], "none yet", "40"],
        ["1.2", SHAPE["question"], "steadily", "in a jump"],
        ["1.3", "How many?", "none yet", "–"],
    ]


def test_ask_prediction_again_keeps_answer_to_same_question():
    ask_prediction("1.1", **ANGLE).record("90°")
    again = ask_prediction("1.1", **ANGLE)
    assert again.answer == "90°" and again.widget().children[1].value == 90
    assert ask_prediction("1.1", **SHAPE).answer is None


def test_show_prediction_rejects_place_without_question():
    with pytest.raises(ValueError, match="no question was asked at '9.9'"):
        show_prediction("9.9", 1)


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("", "What?"), "expected a place"),
        (("1.1", " "), "expected a place"),
        (("1.1", "What?", {"choices": ["one"]}), "two or more different answers"),
        (("1.1", "What?", {"choices": ["one", "one"]}), "two or more different answers"),
        (("1.1", "What?", {"choices": "yes"}), "two or more different answers"),
        (("1.1", "What?", {"choices": ["a", "b"], "between": (0, 1)}), "got both"),
        (("1.1", "What?", {"between": (1, 0)}), "at least one step"),
        (("1.1", "What?", {"between": (0, 1), "step": 0}), "at least one step"),
    ],
)
def test_ask_prediction_rejects_invalid_arguments(arguments, problem):
    *texts, options = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    with pytest.raises(ValueError, match=problem):
        ask_prediction(*texts, **options)


def test_predictions_in_notebook_offer_widget_and_text():
    bundle = ask_prediction("1.1", **ANGLE)._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} == set(bundle)
    assert bundle["text/plain"].startswith("Predict, 1.1: At which angle")


def test_predictions_without_ipywidgets_show_html(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bundle = ask_prediction("1.1", **ANGLE)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and ANGLE["question"] in bundle["text/html"]


def test_predictions_in_book_are_html_without_widget(monkeypatch):
    monkeypatch.setenv("TUTORIAL_BOOK", "1")
    prediction = ask_prediction("1.1", **ANGLE)
    assert set(prediction._repr_mimebundle_()) == {"text/html", "text/plain"} and prediction.box is None
    for results in (show_prediction("1.1", 40), compare_predictions()):
        link = BeautifulSoup(results.html(), "html.parser").a["href"]
        assert BeautifulSoup(prediction.html(), "html.parser").find(id=link.removeprefix("#"))
        monkeypatch.delenv("TUTORIAL_BOOK")
        assert "<a " not in results.html(), "a notebook has no place to link to"
        monkeypatch.setenv("TUTORIAL_BOOK", "1")


def test_prediction_html_escapes_texts():
    html = ask_prediction("1.1", "a < b & `c`?", choices=["<i>", '"q"']).html()
    page = BeautifulSoup(html, "html.parser")
    assert page.legend.text == "Predict: a < b & c?" and page.code.text == "c" and page.i is None
    assert [box["value"] for box in page.find_all("input")] == ["<i>", '"q"']


# In a browser.


@pytest.fixture
def open_page(new_tab):
    """A function that opens a page with three questions, their results and the table.

    The page comes from a server, because a browser may give a file another process, and an older storage, at a reload.
    """
    questions = [
        ask_prediction("1.1", **ANGLE),
        ask_prediction("1.2", **SHAPE),
        ask_prediction("1.3", "How many?", unit=" levels"),
    ]
    parts = [question.html() for question in questions]
    parts += [show_prediction(question.place, "measured <it>").html() for question in questions]
    script = (STATIC / "predictions.js").read_text(encoding="utf-8")
    style = (STATIC / "chapter.css").read_text(encoding="utf-8")
    page = (
        f"<!doctype html><meta charset=utf-8><title>x</title><link rel=icon href=data:,><style>{style}</style>"
        f'<script>{script}</script><body class="bd-article"><div class="bd-article">{"".join(parts)}'
        f"{compare_predictions().html()}</div>"
    )
    with serve_directory({"page.html": page.encode()}) as address:
        url = f"{address}/page.html"

        def opener(**options):
            tab, problems = new_tab(viewport={"width": 390, "height": 900}, **options), []
            tab.on("pageerror", lambda error: problems.append(str(error)))
            tab.on("request", lambda request: request.url.startswith((url, "data:")) or problems.append(request.url))
            tab.goto(url)
            return tab, problems

        yield opener


def shown_answers(tab):
    """The answers beside the results, and those in the table."""
    answers = tab.locator("[data-prediction]").all_inner_texts()
    assert answers[:3] == answers[3:]
    return answers[:3]


def test_predictions_page_stores_answers_over_reload(open_page):
    tab, problems = open_page()
    assert shown_answers(tab) == ["none yet"] * 3
    tab.get_by_role("slider").fill("90")
    tab.get_by_label("in a jump").check()
    tab.get_by_role("spinbutton").fill("12.5")
    assert shown_answers(tab) == ["90°", "in a jump", "12.5 levels"]
    tab.reload()
    assert shown_answers(tab) == ["90°", "in a jump", "12.5 levels"]
    assert tab.get_by_label("in a jump").is_checked() and tab.get_by_role("slider").input_value() == "90"
    assert tab.get_by_role("spinbutton").input_value() == "12.5"
    tab.get_by_role("spinbutton").fill("")
    tab.reload()
    assert shown_answers(tab) == ["90°", "in a jump", "none yet"]
    assert problems == []


def test_predictions_page_works_with_keyboard(open_page):
    tab, problems = open_page()
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Tab")
    tab.keyboard.type("7")
    tab.keyboard.press("Enter")  # does not send the form
    assert shown_answers(tab) == ["10°", "in a jump", "7 levels"] and problems == []


def test_predictions_page_works_with_touch(open_page):
    tab, problems = open_page(has_touch=True, is_mobile=True)
    box = tab.get_by_role("slider").bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.get_by_text("steadily", exact=True).tap()
    assert shown_answers(tab)[:2] == ["90°", "steadily"] and problems == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_predictions_page_names_controls_and_announces_answer(open_page):
    tab, _ = open_page()
    assert tab.get_by_role("group", name=ANGLE["question"]).get_by_role("slider").count() == 1
    assert tab.get_by_role("group", name=SHAPE["question"]).get_by_role("radio").count() == 2
    tab.get_by_label("steadily").check()
    assert "Your prediction: steadily" in tab.get_by_role("status").nth(1).inner_text()


def test_predictions_page_without_javascript_shows_questions(open_page):
    tab, problems = open_page(java_script_enabled=False)
    text = tab.locator("body").inner_text()
    assert all(question in text for question in (ANGLE["question"], SHAPE["question"], "How many?"))
    assert tab.locator("input:visible").count() == 0 and problems == []


def test_predictions_page_works_without_storage(open_page):
    tab, problems = open_page()
    tab.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied') }})")
    tab.reload()
    tab.get_by_label("steadily").check()
    assert shown_answers(tab)[1] == "steadily" and problems == []


def test_predictions_page_prints_answers_and_lines_for_missing_ones(open_page):
    tab, _ = open_page()
    tab.get_by_role("slider").fill("90")
    tab.emulate_media(media="print")
    assert tab.locator("input[type=range]:visible, input[type=number]:visible").count() == 0
    assert "Your prediction: 90°" in tab.locator("form").nth(0).inner_text()
    after = "form => getComputedStyle(form.querySelector('.status'), '::after').content"
    assert "My prediction: ....." in tab.locator("form").nth(2).evaluate(after)
    assert tab.locator("form").nth(0).evaluate(after) == "none"
