import pytest

from tutorial_course.plots import two_adaptations_figure
from tutorial_course.plots.two_adaptations import HIGHLIGHTS, SIGN_POSITION, Y_GRID, boundary


def test_two_adaptations_boundary_moves_across_the_sign():
    here = abs(Y_GRID - SIGN_POSITION[1]).argmin()
    assert boundary(0)[here] < SIGN_POSITION[0] < boundary(1)[here]


def test_two_adaptations_figure_highlights_and_describes_every_part():
    figures = {lit: two_adaptations_figure(lit) for lit in (None, *HIGHLIGHTS)}
    assert len({figure._repr_html_() for figure in figures.values()}) == 1 + len(HIGHLIGHTS)
    assert all(HIGHLIGHTS[lit] in figures[lit].alt for lit in HIGHLIGHTS)


def test_two_adaptations_figure_suggests_nearest_part():
    with pytest.raises(ValueError, match="unknown part 'lenght'; the nearest: 'length'"):
        two_adaptations_figure("lenght")
