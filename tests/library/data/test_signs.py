import pytest
import torch

from tutorial_lib.data import NOVEL_SIGNS, SIGNS, to_label_tensor
from tutorial_lib.data.signs import DESIGNS, PAINTS


def test_sign_classes_are_fourteen_known_and_nine_novel():
    assert (len(SIGNS), len(NOVEL_SIGNS), len(DESIGNS)) == (14, 9, 23)
    assert not set(SIGNS) & set(NOVEL_SIGNS)


@pytest.mark.parametrize("label", range(23), ids=SIGNS + NOVEL_SIGNS)
def test_sign_designs_stay_inside_their_plate(label):
    side = torch.linspace(-1.6, 1.6, 120)
    y, x = torch.meshgrid(side, side, indexing="ij")
    layers = DESIGNS[label](x, y)
    plate = layers[0].distance < 0.03
    for layer in layers:
        assert layer.paint in PAINTS
        assert (layer.distance < 0).any()
        assert not ((layer.distance < 0) & ~plate).any()
    assert any(layer.glyph for layer in layers)
    assert torch.hypot(x, y)[plate].max() < 1.5


@pytest.mark.parametrize("sign", ["yield", "priority"])
def test_yield_and_priority_sign_designs_are_all_glyph(sign):
    x = torch.zeros(1, 1)
    assert all(layer.glyph for layer in DESIGNS[SIGNS.index(sign)](x, x))


def test_to_label_tensor_accepts_names_ints_and_tensors():
    assert to_label_tensor("stop").tolist() == [0]
    assert to_label_tensor(["yield", 0, "green stop"]).tolist() == [1, 0, 14]
    assert to_label_tensor(torch.tensor([3, 4], dtype=torch.int32)).tolist() == [3, 4]


@pytest.mark.parametrize(
    "labels, message",
    [
        ("stpo", "the nearest: 'stop'"),
        ([23], "label 23 is out of range; labels run from 0 to 22"),
        ([-1], "label -1 is out of range"),
        (torch.tensor([0.0]), "labels must be whole numbers"),
    ],
)
def test_to_label_tensor_rejects_invalid_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        to_label_tensor(labels)
