"""The report on a classifier: loading images, checks, measurements with known values, and the page."""

import re

import pytest
import torch
from PIL import Image
from torch import nn

from tests._model_state import ModelState
from tutorial_course.model_report import measurements as m
from tutorial_course.model_report import model_report, upload_images
from tutorial_course.model_report.images import load_folder
from tutorial_course.model_report.page import overlay
from tutorial_lib import models


class RedOrBlue(nn.Module):
    """Logits that are the mean red and the mean blue value, times a scale."""

    def __init__(self, scale=10.0):
        super().__init__()
        self.features = nn.Conv2d(3, 2, 1)
        self.scale = scale
        with torch.no_grad():
            self.features.weight.zero_()
            self.features.weight[0, 0] = self.features.weight[1, 2] = 1.0
            self.features.bias.zero_()

    def forward(self, x):
        return self.scale * self.features(x).mean((2, 3))


def save_images(folder, colors, size=(40, 32)):
    for name, color in colors.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, color).save(path)
    return folder


@pytest.fixture
def folder(tmp_path):
    return save_images(tmp_path / "images", {"red/a": (200, 0, 40), "blue/b": (30, 0, 210), "blue/c": (120, 0, 110)})


def test_load_folder_reads_central_square_and_labels_of_subfolders(tmp_path):
    wide = Image.new("RGB", (80, 40), (0, 0, 0))
    wide.paste((255, 255, 255), (20, 0, 60, 40))  # the central square is white
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        wide.save(tmp_path / name / "x.png")
    found = load_folder(tmp_path, 40, classes=["cat", "dog"])
    assert found.names == ["cat/x.png", "dog/x.png"] and found.labels.tolist() == [0, 1]
    assert found.images.shape == (2, 3, 40, 40) and found.images.min() == 1
    assert load_folder(tmp_path, 40, classes=["cat"]).labels is None
    assert load_folder(tmp_path, 40, labels={"cat/x.png": 3, "dog/x.png": 1}).labels.tolist() == [3, 1]


def test_load_folder_crops_a_share_of_the_shorter_side(tmp_path):
    image = Image.new("RGB", (64, 64), (0, 0, 0))
    image.paste((255, 255, 255), (16, 16, 48, 48))
    image.save(tmp_path / "a.png"), image.save(tmp_path / "b.png")
    assert load_folder(tmp_path, 32, crop=0.5).images.min() > 0.9
    assert load_folder(tmp_path, 32).images.mean().item() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folder": "no such folder"}, "is not a folder; check the path"),
        ({"size": 8}, "expected size ≥ 32"),
        ({"labels": {"a.png": 0}}, "labels has no entry for"),
        ({"labels": {"a.png": "green", "b.png": 0, "c.png": 0}}, "the label 'green' of .* is not among the classes"),
        ({"labels": {"a.png": 7, "b.png": 0, "c.png": 0}}, "expected labels from 0 to 1"),
        ({"classes": ["red", "green", "blue"]}, "the model has 2 outputs, got 3 names"),
        ({"mean": (0.5, 0.5, 0.5)}, "both mean and std, or neither"),
        ({"model": "resnet18"}, "expected a torch.nn.Module that returns logits, got str"),
        ({"model": nn.Conv2d(3, 2, 3)}, r"expected logits \(N, C\)"),
        ({"model": nn.Sequential(nn.Flatten(), nn.Linear(5, 2))}, "does not accept images of shape"),
        ({"model": RedOrBlue(float("inf"))}, "not finite"),
    ],
)
def test_model_report_names_what_is_wrong(folder, change, message):
    arguments = {"model": RedOrBlue(), "folder": folder, "size": 32} | change
    with pytest.raises(ValueError, match=message):
        model_report(arguments.pop("model"), arguments.pop("folder"), **arguments)


def test_model_report_names_broken_and_missing_images(tmp_path):
    with pytest.raises(ValueError, match="found 0 in"):
        model_report(RedOrBlue(), tmp_path, size=32)
    save_images(tmp_path, {"good": (1, 2, 3)})
    (tmp_path / "bad.jpg").write_text("no image")
    with pytest.raises(ValueError, match="bad.jpg cannot be read as an image"):
        model_report(RedOrBlue(), tmp_path, size=32)


def test_measurements_match_formulas(folder):
    model = RedOrBlue()
    x = load_folder(folder, 32).images
    measured = m.measure(model, x)
    p = (10 * torch.stack([x[:, 0].mean((1, 2)), x[:, 2].mean((1, 2))], 1)).softmax(1)
    torch.testing.assert_close(measured.probabilities, p)
    torch.testing.assert_close(measured.scores["1 − maximum softmax"], 1 - p.amax(1))
    # An attack raises one channel and lowers the other by the budget, which changes the difference by twice as much.
    gap = (x[:, 0] - x[:, 2]).mean((1, 2)).abs()
    for budget in m.BUDGETS:
        expected = gap < 2 * budget / 255 - 1e-4
        close = (gap - 2 * budget / 255).abs() > 2e-3
        assert torch.equal(measured.changed["attack", budget][close], expected[close])
    assert not measured.changed["noise", m.BUDGETS[0]].any()
    assert torch.equal(measured.quality["sharpness"], torch.zeros(3))  # uniform images
    assert measured.degraded["darkening"]["SSIM"].max() < 1


def test_map_of_the_network_differs_from_controls():
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    measured = m.measure(RedOrBlue(), images)
    assert measured.map_method == "Grad-CAM at layer features"
    assert measured.maps.shape == (3, 32, 32)
    assert all(((0 <= s) & (s <= 1)).all() for s in measured.similarity.values())
    assert measured.similarity[m.ANOTHER].max() < 0.2


def test_find_map_layer_prefers_last_feature_map():
    network = models.load("signs/classifier")
    name = m.find_map_layer(network, torch.rand(1, 3, 48, 48))
    assert name is not None and name.startswith("block3")
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3))
    assert m.find_map_layer(flat, torch.rand(1, 3, 32, 32)) is None
    measured = m.measure(flat, torch.rand(2, 3, 32, 32))
    assert measured.map_method == "magnitude of the input gradient"


def test_normalized_model_equals_manual_normalization():
    model, x = RedOrBlue(), torch.rand(2, 3, 32, 32)
    expected = model((x - 0.5) / torch.tensor([0.1, 0.2, 0.4]).view(3, 1, 1))
    torch.testing.assert_close(m.Normalized(model, (0.5, 0.5, 0.5), (0.1, 0.2, 0.4))(x), expected)


def test_overlay_is_orange_for_positive_and_blue_for_negative_values():
    values = torch.zeros(4, 4)
    values[0, 0], values[3, 3] = 2.0, -2.0
    colored = overlay(torch.ones(3, 4, 4), values)
    assert colored[0, 0] == pytest.approx(m_color("D55E00")) and colored[3, 3] == pytest.approx(m_color("0072B2"))
    assert colored[1, 1] == pytest.approx([1, 1, 1])


def m_color(code):
    return [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]


def test_model_report_is_self_contained_and_leaves_the_model(folder, tmp_path):
    model = RedOrBlue().train()
    before = ModelState(model)
    report = model_report(model, folder, size=32, classes=["red", "blue"], title="Colors <1>")
    before.check()
    assert model.training
    assert report.n_correct == 2  # the third image is slightly more red than blue
    assert not re.search(r"(src|href)=\"(?!data:|#)|url\(|@import|<script|https?:", report.html)
    assert report.html.count("<img") == report.html.count("alt=") == 6
    assert "Colors &lt;1&gt;" in report.html and '<html lang="en">' in report.html
    assert "prefers-color-scheme: dark" in report.html and "Limitation." in report.html
    assert report.save(tmp_path / "report.html").read_text(encoding="utf-8") == report.html
    assert "<iframe title=" in report._repr_html_()


def test_model_report_without_labels_reports_no_errors(folder):
    report = model_report(RedOrBlue(), folder, size=32, limit=2)
    assert report.n_correct is None and "How many predictions are correct?" not in report.html
    assert "The AUROC was not computed" in report.html and len(report.names) == 2


def test_upload_images_outside_colab_returns_the_folder(tmp_path):
    assert upload_images(tmp_path / "new").is_dir()


def test_measurements_run_on_an_accelerator(accelerator):
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = m.measure(RedOrBlue(), images)
    measured = m.measure(RedOrBlue().to(accelerator), images.to(accelerator))
    torch.testing.assert_close(measured.probabilities, expected.probabilities, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(measured.maps, expected.maps, rtol=1e-3, atol=1e-5)
    tensors = [*measured.scores.values(), *measured.similarity.values(), *measured.quality.values()]
    assert all(tensor.device.type == "cpu" for tensor in tensors)
