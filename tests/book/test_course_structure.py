"""Tests of what learners use to plan: reading times, prerequisites, goals, the overview and the reading paths."""

import json
import re
from pathlib import Path

import pytest

from docs_ext import section_references
from tools.teaching import notebook_outline

ROOT = Path(__file__).parents[2]
CHAPTERS = notebook_outline.chapters(ROOT)
SECTIONS = {name: notebook_outline.numbered_sections(lesson) for name, lesson in CHAPTERS.items()}
CORE = [section for sections in SECTIONS.values() for section in sections.values() if section.rank == 2]
SUMMARIES = [section for section in CORE if section.title.endswith(notebook_outline.SUMMARY_TITLES)]
EXPLAINED = [section for section in CORE if section not in SUMMARIES]

WORDS_PER_MINUTE, LINES_PER_MINUTE = 240, 20
SLOW_WORDS_PER_MINUTE, MINUTES_PER_FIGURE, CORE_MINUTES = 200, 0.5, 45  # for readers of English as a second language
FIGURE = re.compile(r"\b(?:with_alt_text|\w+_figure)\(")
PLAN = re.compile(r"\*This section takes about (\d+) minutes to read\. It uses (.+)\.\*\n")
VERBS = (
    "choose compare compute derive describe determine distinguish evaluate explain generate implement judge locate "
    "measure name test"
)


def count_words(section):
    """Return the number of words of the text and of the computed sentences, without hints and formulas."""
    sentences = [arguments[0] for arguments, _ in section.calls("markdown") if arguments]
    text = "\n".join([section.words, *(sentence for sentence in sentences if isinstance(sentence, str))])
    return len(re.sub(r"<details>.*?</details>|\$\$.*?\$\$|\]\([^)]*\)", " ", text, flags=re.S).split())


def code_cells(section):
    """Return the sources of the code cells of a section."""
    return [source for cell, source in section.cells if cell["cell_type"] == "code"]


def reading_minutes(section):
    """Return an estimate for text, computed sentences and code, without hints, formulas and cells with a title."""
    lines = sum(len(source.splitlines()) for source in code_cells(section) if source[:8] != "# @title")
    return count_words(section) / WORDS_PER_MINUTE + lines / LINES_PER_MINUTE


def by_number(section):
    return section.number


@pytest.mark.parametrize("section", EXPLAINED, ids=by_number)
def test_section_begins_with_its_reading_time(section):
    plan, expected = PLAN.match(section.words), reading_minutes(section)
    line = f"*This section takes about {expected:.0f} minutes to read. It uses section 1.2.*"
    assert plan and abs(int(plan[1]) - expected) <= max(2, 0.3 * expected), (
        f"begin the section with a line such as {line}"
    )


@pytest.mark.parametrize("section", EXPLAINED, ids=by_number)
def test_section_uses_only_earlier_sections(section):
    used = PLAN.match(section.words)[2]
    numbers, order = re.findall(r"\b\d\.\w\b", used), [other.number for other in EXPLAINED]
    assert numbers or "chapters" in used or used == "no earlier section"
    assert [number for number in numbers if number not in order[: order.index(section.number)]] == []
    assert all(int(last) < int(section.number[0]) for last in re.findall(r"chapters \d to (\d)", used))


@pytest.mark.parametrize("name", CHAPTERS)
def test_first_screen_states_reading_times_and_prerequisites(name):
    line = re.search(
        r"> \*\*Time\*\* (\d+) min to read.*; the further sections take about (\d+) min", CHAPTERS[name][0].words
    )
    sections = SECTIONS[name].values()
    core = [section for section in sections if section.rank == 2]
    minutes = sum(int(plan[1]) if (plan := PLAN.match(s.words)) else reading_minutes(s) for s in core)
    assert abs(int(line[1]) - minutes) <= 5
    assert abs(int(line[2]) - sum(section.minutes for section in sections if section.rank == 3)) <= 5
    assert re.search(r"\*\*(prerequisites?|you need)\*\* \w", line.string)


@pytest.mark.parametrize("name", ["01-gradients", "02-information"])
def test_core_of_chapter_can_be_read_slowly_in_45_minutes(name):
    core = [section for section in SECTIONS[name].values() if section.rank == 2]
    n_words = sum(map(count_words, core))
    n_figures = sum(bool(FIGURE.search(source)) for section in core for source in code_cells(section))
    minutes = n_words / SLOW_WORDS_PER_MINUTE + n_figures * MINUTES_PER_FIGURE
    assert minutes <= CORE_MINUTES, f"move a topic to a further section: {n_words} words and {n_figures} figures"


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter_begins_with_goals_that_can_be_examined(name):
    _, announced, goals = CHAPTERS[name][0].words.partition("**After this chapter you will be able to**\n\n")
    verbs = re.findall(r"^- (\w+)", goals, re.M)
    assert announced and len(verbs) >= 5 and set(verbs) <= set(VERBS.split())


@pytest.mark.parametrize("name", CHAPTERS)
def test_course_overview_of_chapter_marks_this_chapter(name):
    marked = [call for section in CHAPTERS[name] for call in section.calls("method_map")]
    whole = [call for section in CHAPTERS[name] for call in section.calls("method_cost_map")]
    assert marked == [([], {"chapter": int(name[:2])})] or whole  # the last chapter shows all methods with their costs


@pytest.mark.parametrize("name", CHAPTERS)
def test_core_mentions_every_further_section(name):
    core = "\n".join(section.words for section in SECTIONS[name].values() if section.rank == 2)
    mentions = " ".join(section_references.MENTION.findall(core))
    links = re.findall(r"\[(\d\.\w)\]\(", core)
    further = [section.number for section in SECTIONS[name].values() if section.rank == 3]
    assert [number for number in further if number not in mentions and number not in links] == []


def test_introduction_describes_three_reading_paths():
    cells = json.loads((ROOT / "chapters" / "introduction.ipynb").read_text(encoding="utf-8"))["cells"]
    (paths,) = [line for cell in cells for line in cell["source"] if line.startswith("**Three reading paths.**")]
    for reader in ("Practitioners", "Researchers", "Instructors"):
        sentence = re.search(rf"\*{reader}\*[^*]+", paths)[0]
        assert "](" in sentence
