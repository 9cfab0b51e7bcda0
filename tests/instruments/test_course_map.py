import pytest

from tutorial_lib.instruments import course_map
from tutorial_lib.instruments.course_map import CELLS, TITLES


def test_the_whole_map_names_every_method_once():
    html = course_map()._repr_html_()
    methods = [name for cell in CELLS.values() for name, _ in cell]
    assert all(html.count(f">{name}<") == 1 for name in methods)
    assert html.count('class="cell empty"') == 20 - len(CELLS)
    assert "cell lit" not in html and "later" not in html.split("</style>")[1]


@pytest.mark.parametrize("chapter", [1, 2, 3, 4, 5])
def test_a_chapter_lights_its_own_cells_and_pales_later_ones(chapter):
    html = course_map(chapter)._repr_html_().split("</style>")[1]
    lit = sum(any(number == chapter for _, number in cell) for cell in CELLS.values())
    later = sum(number > chapter for cell in CELLS.values() for _, number in cell)
    assert html.count('class="cell lit"') == lit and html.count("method later") == later
    assert ("axis" in html) == (chapter == 1)


def test_every_method_belongs_to_a_chapter():
    assert {number for cell in CELLS.values() for _, number in cell} <= set(TITLES)


def test_no_other_chapter():
    with pytest.raises(ValueError, match="no chapter 7; chapters run from 1 to 5"):
        course_map(7)
