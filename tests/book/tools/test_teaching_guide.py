"""Tests that the teaching guide agrees with the chapters: sections, minutes, exercises, questions and costs."""

import copy
import re
from io import BytesIO
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from docs_ext import execution_stats
from tools.teaching import compute_costs, guide, notebook_outline, printable_polls

ROOT = Path(__file__).parents[3]
PLAN, CHAPTER_OUTLINES = guide.read_plan(ROOT), notebook_outline.chapters(ROOT)
HTML = ROOT / "_build" / "html" / "chapters"
RUN = {
    "seconds": 61.0,
    "processor": 44.4,
    "gigabytes": 1.84,
    "cores": 2,
    "kind": "x86_64",
    "gpu": None,
    "date": "2026-11-24",
}


def page(name):
    return BeautifulSoup((HTML / f"{name}.html").read_text(encoding="utf-8"), "html.parser").find("article")


def test_teaching_plan_is_valid():
    assert guide.validate_plan(PLAN, CHAPTER_OUTLINES) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["chapters"]["02-information"]["sections"].update({"2.9": {"minutes": 1}}), "has no section 2.9"),
        (lambda p: p["chapters"]["02-information"]["sections"].pop("2.6"), "section 2.6 is not in the plan"),
        (lambda p: p["chapters"].pop("01-gradients"), "01-gradients is not in the plan"),
        (lambda p: p["chapters"]["03-uncertainty"]["sections"]["3.1"].update(minutes=6), "'41 min to teach'"),
        (lambda p: p["chapters"]["04-expectancy"]["sections"]["4.4"].update(marks=[]), "no section is marked 'cut'"),
        (lambda p: p["routes"]["90 minutes"]["steps"].pop(), "its steps take 80 min, not 90"),
        (lambda p: p["routes"]["three hours"]["steps"].pop(3), "there was no break for"),
        (lambda p: p["routes"]["three hours"]["steps"][0].update(hands=11), "more hands-on minutes than minutes"),
    ],
)
def test_validate_plan_detects_each_error(change, message):
    plan = copy.deepcopy(PLAN)
    if "01-gradients" in message:  # the routes refer to this chapter
        plan["routes"] = {}
    change(plan)
    assert message in "; ".join(guide.validate_plan(plan, CHAPTER_OUTLINES))


def test_three_hour_route_has_enough_hands_on_time():
    assert sum(step["hands"] for step in guide.route_steps(PLAN, "three hours")) >= 70
    assert sum(step["minutes"] for step in guide.route_steps(PLAN, "three hours") if step["break"]) == 15


def test_90_minute_route_has_a_reserve_of_ten_minutes_and_every_required_section():
    steps = list(guide.route_steps(PLAN, "90 minutes"))
    assert sum(step["minutes"] for step in steps if not step.get("reserve")) <= 80
    assert sum(step["minutes"] for step in steps if step.get("reserve")) >= 10 and steps[-1]["reserve"]
    required = {number for number, s in guide.plan_sections(PLAN).items() if "must" in s.get("marks", [])}
    taught = {step["section"]: step["minutes"] for step in steps if "section" in step}
    assert required <= set(taught)
    # A section without a class exercise needs at least as many minutes as in the three-hour route.
    longer = {number for number, s in guide.plan_sections(PLAN).items() if "line" in s.get("marks", [])}
    assert all(taught[n] >= guide.plan_sections(PLAN)[n]["minutes"] for n in set(taught) - longer)


def test_teaching_plan_names_existing_sections_and_exercises():
    text = (ROOT / "chapters" / "teaching.yml").read_text(encoding="utf-8")
    numbered = {n for lesson in CHAPTER_OUTLINES.values() for n in notebook_outline.numbered_sections(lesson)}
    words = "\n".join(section.words for lesson in CHAPTER_OUTLINES.values() for section in lesson)
    exercises = re.findall(r"exercise (\d\.\d)", text)
    assert exercises and all(f"**Exercise {number} " in words for number in exercises)
    sections = set(re.findall(r"\b[1-5]\.(?:\d|[A-Z])\b", re.sub(r"exercise \d\.\d", "", text)))
    assert sections <= numbered


def test_route_table_has_hands_on_column_only_if_needed():
    tables = dict(zip(PLAN["routes"], re.findall(r"^\| start .*\|$", guide.Guide(ROOT).routes(), re.M), strict=True))
    assert {name: "hands-on" in head for name, head in tables.items()} == {
        name: any(step["hands"] for step in guide.route_steps(PLAN, name)) for name in PLAN["routes"]
    }
    assert "hands-on" in tables["three hours"] and "hands-on" not in tables["90 minutes"]


def test_teaching_page_source_has_no_typed_durations():
    text = (ROOT / "chapters" / "teaching.md").read_text(encoding="utf-8")
    assert re.findall(r"\b\d+ (?:min|s|GB|MB|seconds)\b", text) == []


@pytest.mark.parametrize("page", ["teaching.md", "polls.md", "teaching.yml"])
def test_teaching_pages_of_the_bundle_name_no_make_command(page):
    assert "`make" not in (ROOT / "chapters" / page).read_text(encoding="utf-8")


def test_advanced_sections_state_their_duration():
    advanced = [
        s
        for lesson in CHAPTER_OUTLINES.values()
        for s in notebook_outline.numbered_sections(lesson).values()
        if s.rank == 3
    ]
    assert len(advanced) > 20 and [s.title for s in advanced if s.minutes is None] == []


def test_exercises_of_returns_exercises_of_every_chapter():
    for lesson in CHAPTER_OUTLINES.values():
        exercises, quiz = notebook_outline.exercises_of(lesson)
        assert len(exercises) >= 4 and len(quiz) >= 5
        assert all(f"**Exercise {lesson[0].page[1]}." in section.words for section, _ in exercises)


def test_notebook_outline_ignores_headings_in_code():
    cells = [{"cell_type": "markdown", "source": "# T\n\n```python\n# no heading\n```\n\n## 1.1 Yes\n\nWords."}]
    cells += [{"cell_type": "code", "source": "%pip list\nask_prediction('1.1', 'How' ' many?', between=(0, 9))"}]
    cells += [{"cell_type": "code", "source": "ask_prediction('1.2', 'Which?', choices=['a', 'b'])"}]
    outline = notebook_outline.sections({"cells": cells}, "x.ipynb")
    assert [(s.rank, s.title, s.number) for s in outline] == [(1, "T", ""), (2, "1.1 Yes", "1.1")]
    assert (
        notebook_outline.predictions(outline) == [("1.1", "How many?"), ("1.2", "Which? (a; b)")]
        and outline[1].link == "[1.1 Yes](x.ipynb#section-1-1)"
    )


def test_predictions_are_those_of_the_core():
    sources = {"code": "ask_prediction('1.1', 'How many?')", "markdown": "## Go deeper"}
    cells = [{"cell_type": "markdown", "source": "# T"}]
    cells += [{"cell_type": kind, "source": source} for kind, source in sources.items()]
    cells += [{"cell_type": "code", "source": "ask_prediction('1.A', 'How few?')"}]
    assert notebook_outline.predictions(notebook_outline.sections({"cells": cells}, "x.ipynb")) == [
        ("1.1", "How many?")
    ]


def test_read_execution_stats_parses_stats_node():
    stats = compute_costs.read_execution_stats(execution_stats.stats_node(RUN))
    assert stats["seconds"] == 61 and stats["processor"] == 44.4 and stats["gigabytes"] == 1.84
    assert (stats["machine"], stats["day"]) == ("2 cores (x86_64)", "24 November 2026")
    assert compute_costs.read_execution_stats("<p>no stats</p>") is None


def test_cost_table_sums_chapters_and_multiplies_by_learners(monkeypatch):
    monkeypatch.setattr(compute_costs, "installed", lambda root: (4e9, 2e9))
    monkeypatch.setattr(compute_costs, "folder", lambda path: 1.5e6)
    runs = {"a": {"processor": 60, "gigabytes": 1.5}, "b": {"processor": 120, "gigabytes": 2.0}}
    rows = BeautifulSoup(compute_costs.cost_table(runs, ROOT), "html.parser").select("tbody tr")
    cells = [[cell.text for cell in row.find_all("td")][1:] for row in rows]
    assert cells[0] == ["3 min", "2.0 GB", "3.0 MB", "2.0 GB", "4.0 GB"]
    assert cells[1] == ["90 min", "60.0 GB", "90.0 MB", "60.0 GB", "120.0 GB"]
    assert cells[2] == ["500 h", "200.0 GB", "30.0 GB", "20.0 TB", "40.0 TB"]


def test_compute_costs_measures_installed_packages(tmp_path):
    (tmp_path / "requirements.lock").write_text(
        "numpy==1.0\nnot-an-installed-package==2.0\nnvidia-nothing==1.0 ; sys_platform == 'linux'\n"
    )
    gpu, rest = compute_costs.installed(tmp_path)
    assert gpu == 0 and 5e6 < rest < 5e8


def test_teaching_page_shows_execution_stats_of_every_chapter(book):
    rows = [row for row in page("teaching").select("tbody tr") if "cores (" in row.text or "core (" in row.text]
    for name, row in zip(CHAPTER_OUTLINES, rows, strict=True):
        stats = page(name).select_one(".execution-stats")
        assert (
            f"{float(stats['data-processor']):.0f} s" in row.text
            and f"{float(stats['data-gigabytes']):.1f} GB" in row.text
        )
    assert "<!--" not in page("teaching").text and not page("teaching").select(".teaching-measured")


def test_teaching_page_names_every_exercise(book):
    text = page("teaching").get_text(" ").replace("’", "'")
    for lesson in CHAPTER_OUTLINES.values():
        for _, exercise in notebook_outline.exercises_of(lesson)[0]:
            assert exercise.name in text
            mistakes = [guide.first_sentence(hint) for hint in exercise.known_mistakes]
            assert all(mistake in text for mistake in mistakes if re.fullmatch(r"[\w ,.'-]+", mistake))


# Printable polls.


@pytest.mark.parametrize("name", CHAPTER_OUTLINES)
def test_chapter_sheet_contains_every_question(name):
    sheet = printable_polls.chapter_sheet(name, CHAPTER_OUTLINES[name], ROOT)
    predictions = notebook_outline.predictions(CHAPTER_OUTLINES[name])
    assert predictions and all(question and question in sheet for _, question in predictions)
    quiz, claims = (
        notebook_outline.exercises_of(CHAPTER_OUTLINES[name])[1],
        notebook_outline.claim_questions(CHAPTER_OUTLINES[name]),
    )
    assert all(f"**{n}.** " in sheet for n in range(1, 6)) and sheet.count("\na) ") == len(quiz) + bool(claims)
    correct = re.findall(r"^- \*\*(?:Poll )?\d ([a-e])\.", printable_polls.answers(name, CHAPTER_OUTLINES[name]), re.M)
    assert correct == ["abcde"[question.correct] for question in (*quiz, *claims)]
    assert all(claim.text in sheet for claim in claims) and "Verdict in the claims table" not in sheet


def test_terms_are_those_that_a_sheet_uses(tmp_path):
    (tmp_path / "chapters").mkdir()
    rows = ["word", "---", "contrast", "contrast map", "energy", "maximum softmax probability (MSP)", "one, another"]
    text = "\n".join(f"| {word} | the meaning | [1.1](x) |" for word in rows)
    (tmp_path / "chapters" / "glossary.md").write_text(text, encoding="utf-8")
    used = printable_polls.terms(tmp_path, "Does the MSP change with two Contrast maps or with anotherness?")
    assert re.findall(r"\*\*(.+?)\*\*", used) == ["contrast map", "maximum softmax probability (MSP)"]


@pytest.mark.parametrize("name", CHAPTER_OUTLINES)
def test_answers_contain_no_doubled_quotation_marks(name):
    assert not re.search("“[^”]*“", printable_polls.answers(name, CHAPTER_OUTLINES[name]))


def test_notebook_outline_finds_claim_poll_of_chapter_5():
    assert [len(notebook_outline.claim_questions(lesson)) for lesson in CHAPTER_OUTLINES.values()] == [0, 0, 0, 0, 6]


def test_to_printable_leaves_computed_numbers_open():
    assert printable_polls.to_printable("Suppose {n:.2f} of them. Then …") == "Suppose … of them. Then …"


def test_polls_page_is_complete(book):
    article = page("polls")
    assert article.text.count("✎") == sum(
        len(notebook_outline.predictions(lesson)) + len(notebook_outline.claim_questions(lesson))
        for lesson in CHAPTER_OUTLINES.values()
    )
    answers = article.find(id="answers").find_all("li")
    measured = [item.text for item in answers if item.text.startswith("Measured, ")]
    places = [place for lesson in CHAPTER_OUTLINES.values() for place, _ in notebook_outline.predictions(lesson)]
    assert [text.split(". ")[0].removeprefix("Measured, ") for text in measured] == places
    rows = [row for name in CHAPTER_OUTLINES for row in page(name).select("table.predictions tbody tr")]
    assert [text.split(". ", 1)[1] for text in measured] == [row.find_all("td")[-1].text for row in rows]
    answers = [item for item in answers if item.text not in measured]
    assert len(answers) == sum(
        len(notebook_outline.exercises_of(lesson)[1]) + len(notebook_outline.claim_questions(lesson))
        for lesson in CHAPTER_OUTLINES.values()
    )
    assert "<!--" not in article.text


def test_polls_page_prints_sheets_first_and_answers_last(book, new_tab):
    tab = new_tab()
    tab.goto((HTML / "polls.html").as_uri())
    heads = [sheet.extract_text().splitlines()[0] for sheet in PdfReader(BytesIO(tab.pdf(format="A4"))).pages]
    begins = [n for n, head in enumerate(heads) if head == "Answers" or re.match(r"Chapter \d: ", head)]
    assert begins[0] == 0 and len(begins) == len(CHAPTER_OUTLINES) + 1 and heads[begins[-1]] == "Answers"
