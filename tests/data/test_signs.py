import pytest
import torch

from tutorial_lib.data import NOVEL, SIGNS, as_labels
from tutorial_lib.data.signs import DESIGNS, PAINTS


def test_the_world_has_fourteen_known_and_nine_novel_signs():
    assert (len(SIGNS), len(NOVEL), len(DESIGNS)) == (14, 9, 23)
    assert not set(SIGNS) & set(NOVEL)


@pytest.mark.parametrize("label", range(23), ids=SIGNS + NOVEL)
def test_a_design_stays_on_its_plate(label):
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
def test_where_the_shape_is_the_message_the_whole_sign_is_the_glyph(sign):
    x = torch.zeros(1, 1)
    assert all(layer.glyph for layer in DESIGNS[SIGNS.index(sign)](x, x))


def test_labels_come_as_names_numbers_and_tensors():
    assert as_labels("stop").tolist() == [0]
    assert as_labels(["yield", 0, "green stop"]).tolist() == [1, 0, 14]
    assert as_labels(torch.tensor([3, 4], dtype=torch.int32)).tolist() == [3, 4]


@pytest.mark.parametrize(
    "labels, said",
    [
        ("stpo", "the nearest: 'stop'"),
        ([23], "label 23 is no sign; labels run from 0 to 22"),
        ([-1], "label -1 is no sign"),
        (torch.tensor([0.0]), "labels are ints"),
    ],
)
def test_bad_labels_are_answered(labels, said):
    with pytest.raises(ValueError, match=said):
        as_labels(labels)
