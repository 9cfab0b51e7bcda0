"""The figures of the further sections of chapter 2, on small data with known values."""

import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb

from tutorial_course.findings.ch2.faithfulness import MethodScore
from tutorial_course.plots import PALETTE, ch2
from tutorial_course.plots.core import MIN_TEXT_POINTS
from tutorial_lib.attribution import PerturbationCurve
from tutorial_lib.data import CounterfactualPair


def lines_with(axis, marker):
    return [line for line in axis.lines if line.get_marker() == marker]


def assert_readable(described):
    """Every text is large enough on the page, and the alternative text is a sentence."""
    sizes = [text.get_fontsize() for text in described.figure.findobj(match=lambda a: hasattr(a, "get_fontsize"))]
    assert min(sizes) >= MIN_TEXT_POINTS and described.alt.endswith(".") and len(described.alt.split()) > 10


def test_path_figure_shows_logits_and_sums():
    path, share = torch.rand(9, 3, 8, 8), torch.linspace(0, 1, 9)
    described = ch2.path_figure(path, share, share**2, share**2 + 0.1)
    strip, axis = described.figure.axes
    assert [image.get_array().shape for image in strip.images] == [(8, 8, 3)] * 5
    # Each image is above its position on the horizontal axis.
    middles = [sum(image.get_extent()[:2]) / 2 for image in strip.images]
    assert middles == pytest.approx([0, 0.25, 0.5, 0.75, 1]) and strip.get_xlim() == axis.get_xlim()
    (points,) = lines_with(axis, "o")
    assert points.get_ydata() == pytest.approx((share**2 + 0.1).numpy())
    assert_readable(described)


def test_gallery_gives_all_maps_of_a_method_one_color_scale():
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    image = torch.rand(1, 3, 8, 8)
    pair = CounterfactualPair(image, image, mask)
    strong, weak = torch.ones(1, 8, 8), 0.25 * torch.ones(1, 8, 8)
    maps = {"why P?": {"a": strong, "b": -strong}, "why P, rather than Q?": {"a": weak, "b": weak}}
    described = ch2.gallery_figure(pair, maps, [["stop"], ["yield"]])
    shown = [axis.images[0].get_array() for axis in described.figure.axes]
    assert float(shown[2].max()) == pytest.approx(1) and float(shown[3].max()) == pytest.approx(0.25)
    assert float(shown[4].max()) == 0  # only positive values are shown
    assert_readable(described)


def test_deletion_figure_replaces_the_highest_pixels_first():
    x, maps = torch.ones(2, 3, 4, 6), torch.arange(24.0).view(1, 4, 6).expand(2, 4, 6)
    curve = PerturbationCurve(torch.linspace(0, 1, 13), torch.linspace(1, 0, 13).expand(2, 13), torch.ones(2))
    curves = {("black", name): curve for name in ("Grad-CAM", "centre prior")}
    described = ch2.deletion_figure(
        x, maps, {"black": 0.0, "grey": 0.5}, curves | {("grey", "Grad-CAM"): curve, ("grey", "centre prior"): curve}, 1
    )
    first = described.figure.axes[0]
    # One twelfth of 24 pixels are the last two.
    assert first.images[0].get_array()[..., 0].flatten().tolist() == [1] * 22 + [0] * 2
    assert first.get_xlabel() == "p = 92%"
    assert_readable(described)


def test_faithfulness_figure_marks_the_centre_prior_and_the_methods():
    scores = [MethodScore("Grad-CAM", 0.6, 0.5, 0.7, True), MethodScore("centre", 0.4, 0.3, 0.5, False)]
    described = ch2.faithfulness_figure(
        {"deletion grey": scores, "insertion grey": scores}, {"deletion grey": "d", "insertion grey": "i"}
    )
    left, right = described.figure.axes
    assert "lower is better" in left.get_title() and "higher is better" in right.get_title()
    (method,) = lines_with(left, "o")
    assert method.get_xdata() == [0.6] and to_rgb(method.get_color()) == to_rgb(PALETTE[0])
    assert [line.get_xdata()[0] for line in left.lines if line.get_linestyle() == "--"] == [0.4]
    assert [label.get_text() for label in left.get_yticklabels()] == ["Grad-CAM", "center prior"]
    assert_readable(described)


def test_explanation_uncertainty_figure_scales_only_the_weighted_maps_together():
    x, maps = torch.rand(2, 3, 8, 8), torch.stack([torch.eye(8), 0.1 * torch.eye(8)])
    described = ch2.explanation_uncertainty_figure(x, maps, maps, maps, {"correct": 0, "wrong": 1}, ["a", "b"])
    second_row = described.figure.axes[4:]
    assert [float(axis.images[0].get_array().max()) for axis in second_row[1:]] == pytest.approx([1, 1, 0.1])
    assert "overlap 1.00" in second_row[2].get_xlabel()
    assert_readable(described)


def test_voice_figure_shows_each_score_with_its_interval():
    scores = ("a", "b", "c", "d", "e")
    rows = pd.DataFrame(
        {"network": "signs/classifier", "images": "corrupted", "score": scores, "auroc": [0.3, 0.4, 0.5, 0.6, 0.7]}
    ).assign(low=lambda t: t["auroc"] - 0.1, high=lambda t: t["auroc"] + 0.1, count=10, wrong=3)
    described = ch2.voice_auroc_figure(rows, scores)
    (axis,) = described.figure.axes
    assert [lines_with(axis, marker)[0].get_xdata()[0] for marker in "os^DX"] == [0.3, 0.4, 0.5, 0.6, 0.7]
    assert list(axis.lines[0].get_xdata()) == pytest.approx([0.2, 0.4])
    assert axis.get_yticklabels()[0].get_text() == "sign network 1,\ncorrupted, 3 of 10 wrong"
    assert_readable(described)


def head_rows():
    heads = (
        "cross_entropy",
        "sigmoid",
        "squared",
        "cross_entropy, linear",
        "h",
        "h and z",
        "h, as many weights",
        "h, linear",
    )
    rows = [
        {
            "trained": trained,
            "head": head,
            "network": "a",
            "seed": 0,
            "accuracy": 0.5 + 0.01 * i,
            "ece": 0.2,
            "scaled ece": 0.1,
        }
        for trained in ("clean", "augmented")
        for i, head in enumerate(("feed-forward", *heads))
    ]
    return pd.DataFrame(rows)


def test_head_gains_are_percentage_points_over_the_base_classifier():
    described = ch2.head_gains_figure({"signs": head_rows(), "other": head_rows()})
    (axis,) = (axis for axis in described.figure.axes if axis.get_title() == "signs")
    gains = [line.get_xdata()[0] for line in lines_with(axis, "o")]
    assert gains == pytest.approx([1, 2, 3, 4, 5, 6, 7, 8])
    assert_readable(described)


def test_calibration_figure_connects_raw_and_scaled_errors():
    described = ch2.calibration_figure({"signs": head_rows(), "other": head_rows()})
    (axis,) = (axis for axis in described.figure.axes if axis.get_title() == "signs")
    raw, scaled = lines_with(axis, "s")[:2]
    assert raw.get_xdata() == pytest.approx([0.2]) and scaled.get_xdata() == pytest.approx([0.1])
    assert axis.get_yticklabels()[0].get_text() == "f alone"
    assert_readable(described)


def test_introspective_features_figure_has_one_scale_per_loss():
    maps = {"cross_entropy": torch.stack([torch.ones(4, 5), -0.5 * torch.ones(4, 5)])}
    described = ch2.introspective_features_figure(torch.rand(2, 3, 8, 8), maps, ["a", "b"], list("wxyz"))
    assert [axis.images[0].get_clim() for axis in described.figure.axes if axis.get_yticks().size == 4] == [(-1, 1)] * 2
    assert_readable(described)


def test_fisher_figures_show_entries_and_traces():
    factor = torch.tensor([[0.25, -0.25], [-0.25, 0.25]])
    names = (["x, p = 0.5", "y, p = 0.5"], ["x", "y"])
    described = ch2.fisher_factor_figure(torch.rand(3, 8, 8), dict.fromkeys("abcd", factor), *names, "stop")
    assert [label.get_text() for label in described.figure.axes[4].get_xticklabels()] == ["x", "y"]
    assert [text.get_text() for text in described.figure.axes[1].texts] == ["+0.25", "-0.25", "-0.25", "+0.25"]
    assert_readable(described)
    steps, correct = torch.tensor([0.1, 1.0]), torch.tensor([True, False])
    described = ch2.fisher_divergence_figure(
        steps, {"random": [(1.0, 1.1), (2.0, 2.1)]}, torch.tensor([1.0, 2]), torch.tensor([0.5, 4]), correct
    )
    left, right = described.figure.axes
    assert list(left.lines[0].get_ydata()) == [1, 2] and list(left.lines[1].get_ydata()) == [1.1, 2.1]
    assert [line.get_ydata()[0] for line in right.lines[:2]] == [0.5, 4]
    assert_readable(described)


def test_paradigm_figures_show_positions_and_stacked_shares():
    embedding, classes = torch.tensor([[0.0, 1], [2, 3], [4, 5]]), torch.tensor([0, 1, 1])
    described = ch2.embedding_figure(embedding, classes, torch.rand(2, 4, 8, 8))
    axis = described.figure.axes[0]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines] == [(0, 1), (2, 3)]
    assert_readable(described)
    described = ch2.question_areas_figure(
        {"one sign": {"a": torch.tensor([0.25, 0.75]), "b": torch.tensor([0.75, 0.25])}}
    )
    bars = described.figure.axes[0].patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 0.5), (0.5, 0.5)]
    assert_readable(described)
