import matplotlib
import pytest
import torch
from matplotlib.figure import Figure

from tutorial_course import plots


@pytest.fixture
def assert_rc_params_unchanged():
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("n, columns, rows", [(1, 8, ()), (9, 4, ()), (6, 3, ("a", "b"))])
def test_image_grid_shows_every_image_once(n, columns, rows, assert_rc_params_unchanged):
    images = torch.rand(n, 3, 12, 20)
    figure = plots.image_grid(images, [f"no {i}\nsure" for i in range(n)], columns=columns, row_labels=rows)
    shown = [axis for axis in figure.axes if axis.images]
    assert isinstance(figure, Figure) and len(shown) == n
    assert torch.allclose(torch.from_numpy(shown[-1].images[0].get_array().data), images[-1].permute(1, 2, 0))
    assert [axis.get_xlabel() for axis in shown] == [f"no {i}\nsure" for i in range(n)]
    assert tuple(axis.get_ylabel() for axis in shown if axis.get_ylabel()) == rows


def test_prediction_grid_colors_labels_by_correctness():
    figure = plots.prediction_grid(
        torch.rand(2, 3, 8, 8), ["stop", "yield", "more"], [0.5, 1.0, 1.0], ["stop", "hump"], titles=["a", "b"]
    )
    right, wrong = (axis.xaxis.label for axis in figure.axes[:2])
    assert (right.get_text(), wrong.get_text()) == ("a\nstop\n50%", "b\nyield\n100%")
    assert (right.get_color(), wrong.get_color()) == (plots.CORRECT_COLOR, plots.WRONG_COLOR)


def test_image_grid_draws_single_channel_in_grayscale():
    figure = plots.image_grid(torch.rand(2, 1, 8, 8))
    assert figure.axes[0].images[0].get_array().shape == (8, 8)


def test_line_panels_keep_line_colors_across_panels(assert_rc_params_unchanged):
    figure = plots.line_panels([0, 1], {"one": {"a": [0, 1], "b": [1, 0]}, "two": {"b": [0.2, 0.4]}}, xlabel="x")
    one, two = figure.axes
    assert one.get_title() == "one" and two.get_title() == "two"
    assert one.lines[1].get_color() == two.lines[0].get_color() != one.lines[0].get_color()
    assert two.lines[0].get_ydata().tolist() == [0.2, 0.4]


def test_with_alt_text_adds_escaped_alt_text():
    shown = plots.with_alt_text(plots.image_grid(torch.rand(1, 3, 8, 8)), 'A square of "noise" & nothing else.')
    assert 'alt="A square of &quot;noise&quot; &amp; nothing else."' in shown._repr_html_()
    assert repr(shown) == 'A square of "noise" & nothing else.'


@pytest.mark.parametrize("alt", ["", "figure", "fig 1"])
def test_with_alt_text_rejects_meaningless_text(alt):
    with pytest.raises(ValueError, match="say in a sentence"):
        plots.with_alt_text(Figure(), alt)


def overlay_colors(found, **how):
    """The colours of a map laid over a mid-grey picture, (H, W, 3)."""
    figure = plots.overlay_maps(torch.full((1, 3, *found.shape[1:]), 0.5), {"map": found}, **how)
    return torch.from_numpy(figure.axes[1].images[0].get_array())


def test_overlay_maps_colors_positive_negative_and_zero():
    red, green, blue = overlay_colors(torch.tensor([[[1.0, 0.0, -1.0]]]))[0].T
    assert red[0] > green[0] > blue[0] and blue[2] > green[2] > red[2]
    assert red[1] == green[1] == blue[1]


def test_overlay_maps_uses_own_or_common_scale():
    weak = torch.tensor([[[1e-3, 0.0]]])
    assert torch.allclose(overlay_colors(weak), overlay_colors(weak / 1e-3))
    faint = overlay_colors(weak, scale=torch.ones(1))[0]
    assert torch.allclose(faint[0], faint[1], atol=0.02)
    assert not torch.allclose(*overlay_colors(weak)[0], atol=0.02)


def test_overlay_maps_leaves_zero_map_uncolored():
    seen = overlay_colors(torch.zeros(1, 2, 2))
    assert torch.equal(seen[..., 0], seen[..., 2]) and seen.isfinite().all()


def test_overlay_maps_shows_images_notes_and_outlines():
    x = torch.rand(2, 3, 8, 8)
    mask = torch.zeros(2, 8, 8, dtype=torch.bool)
    mask[0, 2:4, 2:4] = True  # the second has none to draw
    columns = {"one": torch.rand(2, 8, 8), "two": torch.rand(2, 8, 8)}
    figure = plots.overlay_maps(
        {"P": x, "Q": x}, columns, outline_masks=mask, row_labels=["a", "b"], notes={"two": ["first", "second"]}
    )
    assert [axis.get_title() for axis in figure.axes[:4]] == ["P", "Q", "one", "two"]
    assert figure.axes[4].get_ylabel() == "b" and figure.axes[7].get_xlabel() == "second"
    assert [len(axis.collections) for axis in figure.axes] == [0, 0, 1, 1, 0, 0, 0, 0]


def test_overlay_maps_rejects_size_mismatch():
    with pytest.raises(ValueError, match="why: maps .*upsample"):
        plots.overlay_maps(torch.rand(1, 3, 8, 8), {"why": torch.rand(1, 2, 2)})
