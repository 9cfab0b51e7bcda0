"""The overview of the course, with highlighted chapters and with costs."""

import re

import pytest

from tutorial_course.methods import METHODS
from tutorial_course.results.claims import VERDICTS
from tutorial_course.widgets import method_cost_map, method_map
from tutorial_course.widgets.method_map import VERDICT_MARKS, method_verdict
from tutorial_course.widgets.section_links import CHAPTER_TITLES, section_url

CELLS = {method.cell for method in METHODS.values() if method.cell}


def chapters_of(cell):
    return {method.chapter for method in METHODS.values() if method.cell == cell}


def test_method_map_lists_every_method_once():
    html = method_map()._repr_html_()
    listed = [name for names in re.findall(r"<span>([^<]*)</span></span>", html) for name in names.split(", ")]
    assert sorted(listed) == sorted({method.name.split(",")[0] for method in METHODS.values() if method.cell})
    assert ">saliency, SmoothGrad, integrated gradients, guided backpropagation<" in html
    assert html.count('class="cell empty"') == 20 - len(CELLS)
    assert "cell lit" not in html and "later" not in html.split("</style>")[1]


@pytest.mark.parametrize("chapter", [1, 2, 3, 4, 5])
def test_method_map_highlights_chapter_and_fades_later_methods(chapter):
    html = method_map(chapter)._repr_html_().split("</style>")[1]
    lit = sum(chapter in chapters_of(cell) for cell in CELLS)
    later = sum(number > chapter for cell in CELLS for number in chapters_of(cell))
    assert html.count('class="cell lit"') == lit and html.count("line later") == later
    assert ("axis" in html) == (chapter == 1)


def test_method_map_repr_names_methods_and_chapters():
    assert {method.chapter for method in METHODS.values()} <= set(CHAPTER_TITLES)
    assert "GradCon: a direction (chapter 3)" in repr(method_map())


def test_method_map_rejects_unknown_chapter():
    with pytest.raises(ValueError, match="no chapter 7; chapters run from 1 to 5"):
        method_map(7)


def test_method_cost_map_shows_link_and_cost_of_every_method():
    html = method_cost_map()._repr_html_()
    for method in METHODS.values():
        if method.cell:
            costs = re.findall(
                rf'<a href="{re.escape(section_url(method.section))}"[^>]*>{re.escape(method.name)}</a>'
                '<span class="cost"[^>]*>([^<]*)</span>',
                html,
            )
            assert costs == [method.backward_passes], method.name
            assert re.sub("([._]|(?<=[a-z])[A-Z])", r"<wbr>\1", method.function) in html
    assert html.count('class="method"') == sum(bool(method.cell) for method in METHODS.values())
    assert html.count('class="cell empty"') == 20 - len(CELLS)


def test_method_cost_map_legend_names_every_verdict():
    html = method_cost_map()._repr_html_()
    legend = html.split("<figcaption>")[1]
    for method in METHODS.values():
        if method.cell:
            verdict = method_verdict(method) or "no claim of its own in the claims table"
            assert verdict.replace("'", "&#x27;") in html and verdict in legend, verdict
    assert set(VERDICT_MARKS) == {*VERDICTS, None} and len({mark for mark, _ in VERDICT_MARKS.values()}) == len(
        VERDICT_MARKS
    )


def test_method_cost_map_repr_describes_methods():
    assert (
        f"GradNorm (section 3.B, uncertainty.gradnorm_score, backward passes: 0, {method_verdict(METHODS['GradNorm'])})"
        in repr(method_cost_map())
    )
