"""Quizzes as HTML: their structure, and their behavior in a browser by keyboard, without scripts, and in print."""

import re

import pytest
from bs4 import BeautifulSoup

from tutorial_course.exercises.ch1 import QUIZ
from tutorial_course.widgets import Question, quiz

QUESTION_WITH_MARKUP = Question(
    "Is <b> & `x < y` *right*?", {"“yes” & so on": "No: 1 < {n}.", "no": "It is {n:.1f}."}, correct=1
)


def soup(widget):
    return BeautifulSoup(widget._repr_html_(), "html.parser")


def test_quiz_renders_labeled_radio_buttons_with_feedback():
    page = soup(quiz(QUIZ))
    assert len(page.find_all("fieldset")) == len(QUIZ)
    for number, (field, question) in enumerate(zip(page.find_all("fieldset"), QUIZ), 1):
        assert field.legend.text == f"{number}. {question.text.replace('`', '')}"
        radios = field.find_all("input", type="radio")
        assert len(radios) == len(question.options) and len({radio["name"] for radio in radios}) == 1
        assert [radio["value"] for radio in radios].index("right") == question.correct
        assert not any(radio.has_attr("checked") for radio in radios)
        for radio, (option, feedback) in zip(radios, question.options.items()):
            assert field.find("label", attrs={"for": radio["id"]}).text == option
            text = radio.find_parent(class_="option").find(class_="feedback").text
            assert text == ("✓ Correct. " if radio["value"] == "right" else "✗ Incorrect. ") + feedback
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert len({radio["name"] for radio in page.find_all("input")}) == len(QUIZ)


def test_quiz_html_loads_nothing_from_other_hosts():
    html = quiz(QUIZ)._repr_html_()
    html = re.sub(r'href="\d\d-\w+\.ipynb#[^"]*"', "", html)  # links to sections of the course
    assert not re.search(r"https?:|src=|href=|url\(|@import|//\w", html)


def test_quiz_is_readable_without_styles_and_scripts():
    page = soup(quiz(QUIZ))
    for tag in page.find_all(["style", "script"]):
        tag.decompose()
    assert not page.find_all(hidden=True) and "display" not in str(page)
    assert all(feedback in page.text for question in QUIZ for feedback in question.options.values())


def test_quiz_fills_fields_and_escapes_html():
    widget = quiz([QUESTION_WITH_MARKUP], n=2)
    html = widget._repr_html_()
    assert (
        "Is &lt;b&gt; &amp; <code>x &lt; y</code> <em>right</em>?" in html
        and "No: 1 &lt; 2." in html
        and "It is 2.0." in html
    )
    assert repr(widget) == "1. Is <b> & `x < y` *right*?\n   a) “yes” & so on\n   b) no"


def test_quiz_html_is_deterministic_with_distinct_input_names():
    assert quiz(QUIZ)._repr_html_() == quiz(QUIZ)._repr_html_()
    names = [{radio["name"] for radio in soup(quiz(part)).find_all("input")} for part in (QUIZ[:2], QUIZ)]
    assert not names[0] & names[1]


@pytest.mark.parametrize("values", [{}, {"n": 1, "m": 2}])
def test_quiz_rejects_mismatched_fields_and_values(values):
    with pytest.raises(ValueError, match="every field needs a value"):
        quiz([QUESTION_WITH_MARKUP], **values)


def test_quiz_links_existing_sections_in_feedback():
    page = soup(
        quiz([Question("Section 2.2?", {"section 2.2": "See section 2.2 <b>", "no": "See section 9.9."}, correct=0)])
    )
    assert [(link.text, link["href"]) for link in page.find_all("a")] == [
        ("section 2.2", "02-information.ipynb#2.2-What-if-not-P%3F-Counterfactual-maps")
    ]
    assert page.a.find_parent(class_="feedback") and page.find("b") is None


def test_quiz_rejects_options_equal_after_filling():
    with pytest.raises(ValueError, match="two options are the same"):
        quiz([Question("q", {"{a}": "x", "{b}": "y"}, correct=0)], a=1, b=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Question("", {"a": "b", "c": "d"}, 0), "needs a text"),
        (lambda: Question("q", {"a": "b"}, 0), "two options"),
        (lambda: Question("q", {"a": "b", "c": " "}, 0), r"none for \['c'\]"),
        (lambda: Question("q", {"a": "b", "c": "d"}, 2), "from 0 to 1, not 2"),
        (lambda: Question("q", {"a": "b", "c": "d"}, -1), "from 0 to 1, not -1"),
        (lambda: quiz([]), "at least one question"),
    ],
)
def test_quiz_rejects_invalid_questions(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.fixture
def open_quiz(new_tab):
    """``open_quiz(**options)`` opens the quiz in a new browser context with these options."""

    def opener(**options):
        page = new_tab(**options)
        page.set_content(
            "<!doctype html><meta name=viewport content='width=device-width'><body>" + quiz(QUIZ)._repr_html_()
        )
        return page

    return opener


def test_quiz_can_be_answered_by_keyboard(open_quiz):
    page = open_quiz(viewport={"width": 390, "height": 800})
    assert page.locator(".feedback:visible").count() == 0
    for question in QUIZ[:2]:
        page.keyboard.press("Tab")  # from one question to the next
        page.keyboard.press("Space")
        correct_option = list(question.options)[question.correct]
        for _ in question.options:
            if page.locator("input:focus + label").inner_text() == correct_option:
                break
            page.keyboard.press("ArrowDown")
    assert page.locator(".feedback:visible").all_inner_texts() == [
        "✓ Correct. " + list(q.options.values())[q.correct] for q in QUIZ[:2]
    ]
    assert page.locator(".score").inner_text() == "2 of 5 answered, 2 correct."
    page.keyboard.press("ArrowDown")
    assert (
        page.locator(".feedback:visible").count() == 2
        and page.locator(".score").inner_text() == "2 of 5 answered, 1 correct."
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_quiz_score_lists_missed_topics_by_frequency(new_tab):
    topics = ["first", "second", "second", "", "third"]
    questions = [
        Question(str(i), {"right": "r", "wrong": "w"}, correct=0, topic=topic) for i, topic in enumerate(topics)
    ]
    page = new_tab()
    page.set_content(quiz(questions)._repr_html_())
    for i, choice in enumerate(["wrong", "wrong", "wrong", "wrong", "right"]):
        page.locator("fieldset").nth(i).get_by_label(choice).check()
    assert page.locator(".score").inner_text() == "5 of 5 answered, 1 correct. Topics to review: second (2), first (1)."
    for i in range(4):
        page.locator("fieldset").nth(i).get_by_label("right").check()
    assert page.locator(".score").inner_text() == "5 of 5 answered, 5 correct."


def test_quiz_shows_feedback_without_javascript(open_quiz):
    page = open_quiz(java_script_enabled=False)
    page.get_by_label("is meaningless.").check()
    assert page.locator(".feedback:visible").all_inner_texts() == ["✗ Incorrect. " + QUIZ[1].options["is meaningless."]]
    assert page.locator("fieldset").nth(1).locator("label").all_inner_texts() == list(QUIZ[1].options)


def test_quiz_print_view_has_fixed_order_and_all_feedback(open_quiz):
    page = open_quiz()
    orders = set()
    for _ in range(8):
        page.set_content(quiz(QUIZ)._repr_html_())
        orders.add(tuple(page.locator("fieldset").first.locator("label").all_inner_texts()))
    assert len(orders) > 1 and {tuple(sorted(order)) for order in orders} == {tuple(sorted(QUIZ[0].options))}
    page.emulate_media(media="print")
    assert page.locator(".feedback:visible").count() == sum(len(question.options) for question in QUIZ)
    for field, question in zip(page.locator("fieldset").all(), QUIZ):
        heights = {label.inner_text(): label.bounding_box()["y"] for label in field.locator("label").all()}
        assert sorted(heights, key=heights.get) == [option.replace("`", "") for option in question.options]
