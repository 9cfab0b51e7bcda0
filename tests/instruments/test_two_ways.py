import pytest

from tutorial_lib.instruments import two_ways
from tutorial_lib.instruments.two_ways import HEIGHT, PARTS, SIGN, boundary


def test_the_sign_changes_sides_by_the_boundary_alone():
    here = abs(HEIGHT - SIGN[1]).argmin()
    assert boundary(0)[here] < SIGN[0] < boundary(1)[here]


def test_every_part_can_be_lit_and_says_so():
    shown = {lit: two_ways(lit) for lit in (None, *PARTS)}
    assert len({picture._repr_html_() for picture in shown.values()}) == 1 + len(PARTS)
    assert all(PARTS[lit] in shown[lit].alt for lit in PARTS)


def test_an_unknown_part_is_named():
    with pytest.raises(ValueError, match="unknown part 'lenght'; the nearest: 'length'"):
        two_ways("lenght")
