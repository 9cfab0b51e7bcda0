import matplotlib
import pytest
import torch
from matplotlib.figure import Figure

from tutorial_lib.instruments import plots


@pytest.fixture
def untouched_style():
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("n, columns, rows", [(1, 8, ()), (9, 4, ()), (6, 3, ("a", "b"))])
def test_pictures_show_every_picture_once(n, columns, rows, untouched_style):
    images = torch.rand(n, 3, 12, 20)
    figure = plots.pictures(images, [f"no {i}\nsure" for i in range(n)], columns=columns, rows=rows)
    shown = [axis for axis in figure.axes if axis.images]
    assert isinstance(figure, Figure) and len(shown) == n
    assert torch.allclose(torch.from_numpy(shown[-1].images[0].get_array().data), images[-1].permute(1, 2, 0))
    assert [axis.get_xlabel() for axis in shown] == [f"no {i}\nsure" for i in range(n)]
    assert tuple(axis.get_ylabel() for axis in shown if axis.get_ylabel()) == rows


def test_answers_are_coloured_by_the_truth():
    figure = plots.answers(torch.rand(2, 3, 8, 8), ["stop", "yield", "more"], [0.5, 1.0, 1.0], ["stop", "hump"], titles=["a", "b"])
    right, wrong = (axis.xaxis.label for axis in figure.axes[:2])
    assert (right.get_text(), wrong.get_text()) == ("a\nstop\n50%", "b\nyield\n100%")
    assert (right.get_color(), wrong.get_color()) == (plots.RIGHT, plots.WRONG)


def test_maps_of_one_channel_are_drawn_in_grey():
    figure = plots.pictures(torch.rand(2, 1, 8, 8))
    assert figure.axes[0].images[0].get_array().shape == (8, 8)


def test_curves_draw_each_line_in_the_same_colour_everywhere(untouched_style):
    figure = plots.curves([0, 1], {"one": {"a": [0, 1], "b": [1, 0]}, "two": {"b": [0.2, 0.4]}}, xlabel="x")
    one, two = figure.axes
    assert one.get_title() == "one" and two.get_title() == "two"
    assert one.lines[1].get_color() == two.lines[0].get_color() != one.lines[0].get_color()
    assert two.lines[0].get_ydata().tolist() == [0.2, 0.4]


def test_heat_writes_every_number(untouched_style):
    figure = plots.heat([[0.1, 0.2], [0.3, 0.94]], ["a", "b"], ["1", "2"], label="level")
    assert [text.get_text() for text in figure.axes[0].texts] == ["10%", "20%", "30%", "94%"]


def test_a_described_figure_carries_its_text():
    shown = plots.described(plots.pictures(torch.rand(1, 3, 8, 8)), 'A square of "noise" & nothing else.')
    assert 'alt="A square of &quot;noise&quot; &amp; nothing else."' in shown._repr_html_()
    assert repr(shown) == 'A square of "noise" & nothing else.'


@pytest.mark.parametrize("alt", ["", "figure", "fig 1"])
def test_a_text_that_describes_nothing_is_refused(alt):
    with pytest.raises(ValueError, match="say in a sentence"):
        plots.described(Figure(), alt)
