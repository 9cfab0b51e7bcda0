import pytest

from tutorial_course.widgets import method_map
from tutorial_course.widgets.method_map import CHAPTER_TITLES, METHOD_GRID


def test_course_map_lists_every_method_once():
    html = method_map()._repr_html_()
    methods = [name for cell in METHOD_GRID.values() for name, _ in cell]
    assert all(html.count(f">{name}<") == 1 for name in methods)
    assert html.count('class="cell empty"') == 20 - len(METHOD_GRID)
    assert "cell lit" not in html and "later" not in html.split("</style>")[1]


@pytest.mark.parametrize("chapter", [1, 2, 3, 4, 5])
def test_course_map_highlights_chapter_and_fades_later_methods(chapter):
    html = method_map(chapter)._repr_html_().split("</style>")[1]
    lit = sum(any(number == chapter for _, number in cell) for cell in METHOD_GRID.values())
    later = sum(number > chapter for cell in METHOD_GRID.values() for _, number in cell)
    assert html.count('class="cell lit"') == lit and html.count("method later") == later
    assert ("axis" in html) == (chapter == 1)


def test_course_map_methods_belong_to_chapters():
    assert {number for cell in METHOD_GRID.values() for _, number in cell} <= set(CHAPTER_TITLES)


def test_course_map_rejects_unknown_chapter():
    with pytest.raises(ValueError, match="no chapter 7; chapters run from 1 to 5"):
        method_map(7)
