import itertools

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from tutorial_course import plots


@pytest.fixture
def assert_rc_params_unchanged():
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("n, columns, rows", [(1, 8, ()), (9, 4, ()), (6, 3, ("a", "b"))])
def test_image_grid_shows_every_image_once(n, columns, rows, assert_rc_params_unchanged):
    images = torch.rand(n, 3, 12, 20)
    captions = [f"stop\n{i}%" for i in range(n)]
    figure = plots.image_grid(images, captions, columns=columns, row_labels=rows)
    axes = [axis for axis in figure.axes if axis.images]
    assert isinstance(figure, Figure) and len(axes) == n
    assert torch.allclose(torch.from_numpy(axes[-1].images[0].get_array().data), images[-1].permute(1, 2, 0))
    assert [axis.get_xlabel() for axis in axes] == captions
    assert tuple(axis.get_ylabel() for axis in axes if axis.get_ylabel()) == rows


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
    figure = plots.with_alt_text(plots.image_grid(torch.rand(1, 3, 8, 8)), 'A square of "noise" & nothing else.')
    assert 'alt="A square of &quot;noise&quot; &amp; nothing else."' in figure._repr_html_()
    assert repr(figure) == 'A square of "noise" & nothing else.'


@pytest.mark.parametrize("alt", ["", "figure", "fig 1"])
def test_with_alt_text_rejects_meaningless_text(alt):
    with pytest.raises(ValueError, match="say in a sentence what it shows"):
        plots.with_alt_text(Figure(), alt)


def test_style_holds_inside_its_context_only(assert_rc_params_unchanged):
    with plots.style():
        figure, axis = plots.panels()
        assert matplotlib.rcParams["legend.frameon"] is False
    assert axis.plot([0, 1])[0].get_color() == plots.PALETTE[0] and not axis.spines["right"].get_visible()


@pytest.mark.parametrize("grid, shape", [((1, 1), ()), ((1, 3), (3,)), ((2, 1), (2,)), ((2, 3), (2, 3))])
def test_panels_returns_axes_in_the_shape_of_the_grid(grid, shape):
    figure, axes = plots.panels(*grid, width=6, height=2, sharey=True)
    assert np.shape(axes) == shape and len(figure.axes) == grid[0] * grid[1]
    assert figure.get_size_inches().tolist() == [6, 2] and figure.get_constrained_layout()


def test_panels_shares_limits_and_sets_relative_widths():
    figure, (left, right) = plots.panels(1, 2, sharex=True, sharey=True, width_ratios=[3, 1])
    left.set(xlim=(-2, 2), ylim=(0, 7))
    assert right.get_xlim() == (-2, 2) and right.get_ylim() == (0, 7)
    figure.draw_without_rendering()
    assert left.get_position().width > 2 * right.get_position().width


def test_legend_above_lists_each_label_once_above_all_axes():
    figure, (left, right) = plots.panels(1, 2)
    for axis, names in ((left, "ab"), (right, "bc")):
        for name in names:
            axis.plot([0, 1], label=name)
    legend = plots.legend_above(figure)
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
    figure.draw_without_rendering()
    assert legend.get_window_extent().y0 >= max(axis.get_window_extent().y1 for axis in figure.axes)
    stacked = plots.legend_above(figure, n_columns=1)
    figure.draw_without_rendering()
    assert len({text.get_window_extent().x0 for text in stacked.get_texts()}) == 1


def test_legend_above_rejects_figure_without_labels():
    with pytest.raises(ValueError, match="pass label="):
        plots.legend_above(plots.panels()[0])


def test_band_shades_between_low_and_high_in_the_color_of_its_line():
    _, axis = plots.panels()
    x, mean = torch.arange(3.0), torch.tensor([0.5, 0.6, 0.7])
    lines = [plots.band(axis, x, mean, mean - 0.1, mean + 0.2, label=name, marker="o") for name in ("a", "b")]
    assert lines[0].get_ydata().tolist() == pytest.approx(mean.tolist()) and lines[0].get_marker() == "o"
    for line, shading in zip(lines, axis.collections, strict=True):
        assert matplotlib.colors.to_rgba(line.get_color(), 0.2) == tuple(shading.get_facecolor()[0])
        edges = shading.get_paths()[0].vertices
        assert [edges[:, 1].min(), edges[:, 1].max()] == pytest.approx([0.4, 0.9])
    assert lines[0].get_color() != lines[1].get_color()
    assert axis.get_legend_handles_labels()[1] == ["a", "b"]


def test_chance_line_crosses_the_axis_of_the_score_behind_the_data():
    _, axis = plots.panels()
    horizontal, vertical = plots.chance_line(axis), plots.chance_line(axis, 0.25, "x")
    (data,) = axis.plot([0, 1])
    assert list(horizontal.get_ydata()) == [0.5, 0.5] and list(vertical.get_xdata()) == [0.25, 0.25]
    assert horizontal.get_zorder() < data.get_zorder()


@pytest.mark.parametrize("which, decimals, label", [("x", None, "25%"), ("y", None, "25%"), ("y", 1, "25.0%")])
def test_percent_axis_labels_one_axis_in_percent(which, decimals, label):
    _, axis = plots.panels()
    plots.percent_axis(axis, which, decimals=decimals)
    sides = {"x": axis.xaxis, "y": axis.yaxis}
    assert sides.pop(which).get_major_formatter()(0.25) == label
    (other,) = sides.values()
    assert not isinstance(other.get_major_formatter(), matplotlib.ticker.PercentFormatter)


@pytest.mark.parametrize("block", [plots.percent_axis, lambda axis, which: plots.chance_line(axis, 0.5, which)])
def test_axis_building_blocks_reject_unknown_axis(block):
    with pytest.raises(ValueError, match="unknown axis 'z'"):
        block(plots.panels()[1], "z")


def overlay_colors(values, **options):
    """The colors of a map on a gray image, (H, W, 3)."""
    figure = plots.overlay_maps(torch.full((1, 3, *values.shape[1:]), 0.5), {"map": values}, **options)
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
    colors = overlay_colors(torch.zeros(1, 2, 2))
    assert torch.equal(colors[..., 0], colors[..., 2]) and colors.isfinite().all()


def test_overlay_maps_shows_images_notes_and_outlines():
    x = torch.rand(2, 3, 8, 8)
    mask = torch.zeros(2, 8, 8, dtype=torch.bool)
    mask[0, 2:4, 2:4] = True  # the second mask is empty
    columns = {"one": torch.rand(2, 8, 8), "two": torch.rand(2, 8, 8)}
    figure = plots.overlay_maps(
        {"P": x, "Q": x}, columns, outline_masks=mask, row_labels=["a", "b"], notes={"two": ["first", "second"]}
    )
    assert [axis.get_title() for axis in figure.axes[:4]] == ["P", "Q", "one", "two"]
    assert figure.axes[4].get_ylabel() == "b" and figure.axes[7].get_xlabel() == "second"
    assert [len(axis.collections) for axis in figure.axes] == [0, 0, 1, 1, 0, 0, 0, 0]


def test_overlay_maps_rejects_size_mismatch():
    with pytest.raises(ValueError, match=r"why: expected maps of shape \(1, 8, 8\) .* got \(1, 2, 2\); upsample"):
        plots.overlay_maps(torch.rand(1, 3, 8, 8), {"why": torch.rand(1, 2, 2)})


def test_image_plots_accept_tensors_on_gpu(accelerator):
    images, maps = torch.rand(2, 3, 8, 8, device=accelerator), torch.randn(2, 8, 8, device=accelerator)
    confidence, scale = torch.rand(2, device=accelerator), maps.abs().amax((1, 2))
    for figure in (
        plots.image_grid(images),
        plots.prediction_grid(images, ["stop", "yield"], confidence, ["stop", "stop"]),
        plots.overlay_maps(images, {"saliency": maps}, outline_masks=maps > 0, scale=scale),
    ):
        assert sum(len(axis.images) for axis in figure.axes) >= 2


# Text that can be read, and colors that can be told apart.


@pytest.mark.parametrize("width, smallest", [(4, 8.0), (8.4, 8.6)])
def test_with_alt_text_enlarges_small_text_at_reading_width(width, smallest):
    with plots.style():
        figure, axis = plots.panels(width=width)
    axis.plot([0, 1], label="a line")
    axis.legend(fontsize=6)
    axis.tick_params(labelsize=5)
    axis.set_title("large", fontsize=14)
    plots.with_alt_text(figure, "A line, with a small legend.")
    figure.canvas.draw()
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
    assert min(sizes) == pytest.approx(smallest, abs=0.1) and max(sizes) == 14


# How people with one kind of cone missing see linear RGB: Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009.
COLOR_BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", COLOR_BLINDNESS)
def test_palette_colors_differ_for_color_blind_readers(kind):
    color = pytest.importorskip("skimage.color")

    def as_perceived(name):
        rgb = np.array(to_rgb(name))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        perceived = np.clip(COLOR_BLINDNESS[kind] @ linear, 0, 1)
        perceived = np.where(perceived <= 0.0031308, 12.92 * perceived, 1.055 * perceived ** (1 / 2.4) - 0.055)
        return color.rgb2lab(perceived[None, None])[0, 0]

    pairs = [*itertools.combinations(plots.PALETTE, 2), (plots.CORRECT_COLOR, plots.WRONG_COLOR)]
    differences = {pair: color.deltaE_ciede2000(*map(as_perceived, pair)) for pair in pairs}
    # Colors side by side are told apart from about 2 on; lines in a figure are apart, and thin.
    assert min(differences.values()) > 10, min(differences, key=differences.get)
