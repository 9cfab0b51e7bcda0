"""Tests of the experiment on wrong labels."""

import torch

from experiments import data_attribution
from tutorial_course.results import load_result
from tutorial_lib.gradients import cross_entropy, gradient_products
from tutorial_lib.models import SmallCNN


def test_flip_labels_replaces_a_share_by_other_classes():
    labels = torch.arange(200) % 5
    flipped, mask = data_attribution.flip_labels(labels, 0.3, 5, torch.Generator().manual_seed(0))
    assert mask.sum() == 60 and torch.equal(flipped != labels, mask)
    assert set(flipped.tolist()) == set(range(5))


def test_label_scores_are_products_of_each_gradient_with_itself():
    generator = torch.Generator().manual_seed(0)
    model, x = SmallCNN(4, generator=generator), torch.rand(6, 3, 24, 24, generator=generator)
    y = torch.arange(6) % 4
    scores = data_attribution.label_scores(model, x, y)
    for name, layers in {"self-influence, all layers": None, "self-influence, last layer": "head"}.items():
        J = cross_entropy(y)
        expected = gradient_products(model, x, x, J, other_objective=J, layers=layers).diagonal()
        torch.testing.assert_close(scores[name], expected, rtol=1e-4, atol=1e-6)
    p = model(x).softmax(1)
    torch.testing.assert_close(scores["loss"], -p[torch.arange(6), y].log())


def test_data_attribution_table_is_complete():
    table = load_result("data_attribution")
    counts = table.groupby(["flipped", "score", "over"]).size()
    runs = len(data_attribution.SEEDS) * data_attribution.EPOCHS
    assert len(counts) == 16 and set(counts) == {runs}
    assert table["auroc"].between(0, 1).all()
