"""Tests of the experiment on explanations of photographs."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import nn
from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

from experiments import explanations_photos
from tests._malformed_files import write_decompression_bomb, write_svg, write_truncated_png
from tutorial_course.results import load_result
from tutorial_lib.models import is_pretrained_available, load_pretrained

PHOTOS_FOLDER = Path(os.environ.get("TUTORIAL_DATA", "")) / "imagenet-samples"


class RedGreenClassifier(nn.Module):
    """A classifier whose logits are differences of the mean red and green: the evidence is where the color is."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Identity()
        self.head = nn.Linear(3, 2, bias=False)
        self.head.weight.data = torch.tensor([[9.0, -9, 0], [-9, 9, 0]])

    def forward(self, x):
        return self.head(self.maps(x).mean((2, 3)))


def colored_images(labels):
    x = torch.zeros(len(labels), 3, 6, 6)
    x[torch.arange(len(labels)), labels] = 1 - 0.1 * torch.rand(
        len(labels), 6, 6, generator=torch.Generator().manual_seed(0)
    )
    return x


def test_pairwise_localization_finds_known_halves():
    labels = torch.tensor([0, 1] * 6)
    rows = explanations_photos.pairwise_localization(
        "here", RedGreenClassifier(), "maps", colored_images(labels), labels, seed=1, count=60
    )
    by_question = {row["question"]: row for row in rows}
    for question in ("why P", "what if not P", "why P, rather than Q", "why Q, rather than P"):
        # Upsampling blurs a little across the boundary.
        assert by_question[question]["point"] == 1 and by_question[question]["mass"] > 0.99
    assert by_question["what if not P"]["ratio to why P"] == pytest.approx(1, abs=0.2)
    assert 0.3 < by_question["random"]["mass"] < 0.7
    for row in rows:
        assert len(row["hits"]) == row["images"] == row["pairs"]
        assert row["question"] == "random" or set(row["hits"]) == {1.0}


def test_half_controls_find_known_halves():
    labels = torch.tensor([0, 1] * 6)
    x = colored_images(labels) * (0.5 + 0.5 * labels)[:, None, None, None]  # green is brighter than red
    options = ("here", RedGreenClassifier(), "maps", x, labels, 1, 60)
    by_method = {row["question"]: row for row in explanations_photos.half_controls(*options)}
    pairs = explanations_photos.pairs_of_photos(*options[1:2], *options[3:])
    assert 0 < len(pairs.images) == pairs.count <= 6
    for method in ("covering, why P", "covering, why P, rather than Q"):
        assert by_method[method]["hits"] == [1.0] * pairs.count
    # The class plays no role for the activation: it chooses green, and the network predicts green.
    assert (pairs.P == 1).all() and by_method["activation"]["point"] == 1


class ThirdClassForRedOnTheLeft(RedGreenClassifier):
    """The same classifier, which predicts a third class for wide images that are red on the left."""

    def forward(self, x):
        third = 99.0 * (x[:, 0, :, 0].mean(1) > 0.5) * (x.shape[-1] > 6) - 50
        return torch.cat([super().forward(x), third[:, None]], 1)


def test_pairwise_localization_leaves_out_pairs_without_a_predicted_class():
    labels = torch.tensor([0, 1] * 6)
    rows = explanations_photos.pairwise_localization(
        "here", ThirdClassForRedOnTheLeft(), "maps", colored_images(labels), labels, seed=1, count=60
    )
    for row in rows:
        assert 0 < row["images"] < row["pairs"] and len(row["hits"]) == row["images"]
        assert row["one of the two is predicted"] == pytest.approx(row["images"] / row["pairs"], abs=1e-4)


def test_explanation_uncertainty_rows_match_sklearn_auroc():
    x, labels = colored_images(torch.tensor([0, 1] * 6)), torch.tensor([0, 1] * 5 + [1, 0])
    rows = explanations_photos.explanation_uncertainty_rows(
        "here", RedGreenClassifier(), "maps", "synthetic", x, labels
    )
    (row,) = [r for r in rows if r["score"] == "1 − largest probability"]
    with torch.no_grad():
        score = 1 - RedGreenClassifier()(x).softmax(1).amax(1)
    wrong = torch.arange(12) >= 10
    assert row["wrong"] == 2 and row["auroc"] == pytest.approx(roc_auc_score(wrong, score), abs=1e-4)
    assert row["on wrong"] == pytest.approx(score[wrong].mean().item(), abs=1e-4)
    assert {r["score"] for r in rows} > {"overlap, raw", "mass, by probability"}


def test_load_photos_matches_torchvision_resize_and_crop(tmp_path):
    random = np.random.default_rng(4)
    files = []
    for k, shape in enumerate([(300, 451), (400, 301)]):
        files.append(tmp_path / f"{k}.png")
        Image.fromarray(random.integers(0, 256, (*shape, 3), np.uint8)).save(files[-1])
    theirs = torch.stack([pil_to_tensor(center_crop(resize(Image.open(file), 256), 224)) / 255 for file in files])
    assert torch.equal(explanations_photos.load_photos(files), theirs)


@pytest.mark.parametrize("write_file", [write_truncated_png, write_svg, write_decompression_bomb])
def test_load_photos_rejects_unreadable_and_missing_files(write_file, tmp_path):
    with pytest.raises(ValueError, match="a.png cannot be read as an image.*replace it with the complete file"):
        explanations_photos.load_photos([write_file(tmp_path / "a.png")])
    with pytest.raises(FileNotFoundError, match="No such file or directory: .*none.png"):
        explanations_photos.load_photos([tmp_path / "none.png"])


@pytest.mark.skipif(
    not PHOTOS_FOLDER.is_dir() or not is_pretrained_available("imagenet/squeezenet1_1"),
    reason="TUTORIAL_DATA has no imagenet-samples or no weights of imagenet/squeezenet1_1",
)
def test_pretrained_squeezenet_classifies_imagenet_photos():
    files = sorted(PHOTOS_FOLDER.glob("*.jpg"))[::4]
    model = load_pretrained("imagenet/squeezenet1_1")
    with torch.no_grad():
        batches = (explanations_photos.load_photos(files[k : k + 25]) for k in range(0, len(files), 25))
        predicted = torch.cat([model(x).argmax(1) for x in batches])
    labels = torch.tensor([int(file.name[:3]) for file in files])
    assert (predicted == labels).float().mean() >= 0.55


def test_two_object_photos_have_expected_shape_and_range():
    both = explanations_photos.two_object_photos()
    assert both.shape == (1, 3, 224, 448) and 0 <= both.min() and both.max() <= 1


def test_explanations_photos_table_is_complete():
    table = load_result("explanations_photos")
    for word in explanations_photos.CLASS_NAMES:
        assert table.query("kind == 'map' and target == @word")["row"].tolist() == list(range(13))
    deeper = table[table["network"] == explanations_photos.DEEPER]
    assert deeper["kind"].str.startswith("side by side").all() and len(deeper) == 5 + 3
    for network in (explanations_photos.PHOTOS, explanations_photos.IMAGENET_MODELS):
        rows = table[table["network"] == network]
        pairs = rows[rows["kind"] == "side by side"]
        assert len(pairs) == 5 and all(len(hits) == n for hits, n in zip(pairs["hits"], pairs["images"], strict=True))
        without_head = rows[
            (rows["kind"] == "randomization") & (rows["randomized"] == explanations_photos.LAYERS[network][0])
        ]
        assert without_head.set_index("method").loc["edges of the image", "magnitude"] == 1
        assert not rows.query("kind == 'voice' and score == '1 − largest probability'").empty
    assert len(table.attrs["provenance"]["data"]) == 5
