"""Open-set recognition: classes that play the unknown, a threshold from normal pictures alone, and the answers."""

import pytest
import torch

from tutorial_lib.measures import accuracy, macro_f1
from tutorial_lib.uncertainty import max_softmax, open_set, pseudo_unknown, threshold_of_normal


@pytest.mark.parametrize("classes, unknown", [(2, 1), (14, 4), (10, 9)])
def test_classes_play_the_unknown(classes, unknown):
    splits = [pseudo_unknown(classes, unknown, generator=torch.Generator().manual_seed(seed)) for seed in range(12)]
    for known, playing in splits:
        assert sorted(known.tolist() + playing.tolist()) == list(range(classes)) and len(playing) == unknown
        assert known.tolist() == sorted(known.tolist())
    assert len({tuple(playing.tolist()) for _, playing in splits}) > 1


@pytest.mark.parametrize("n", [1, 7, 20, 100, 137])
@pytest.mark.parametrize("rate", [0.01, 0.5, 0.9, 0.95, 1])
def test_the_threshold_lets_so_many_pass_and_no_more(n, rate):
    normal = torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    threshold = threshold_of_normal(normal, rate)
    passed = (normal <= threshold).double().mean().item()
    assert passed >= rate - 1e-9
    assert threshold in normal.tolist()
    lower = normal[normal < threshold]
    assert not len(lower) or (normal <= lower.max()).double().mean().item() < rate


def test_tied_scores_pass_together():
    assert threshold_of_normal(torch.tensor([1.0, 1, 1, 2]), 0.5) == 1


def test_answers_with_a_class_for_the_rest():
    z = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 0, 5], [0.1, 0, 0]])
    said = open_set(z, max_softmax(z), 0.5)
    assert said.tolist() == [0, 1, 2, 3]
    truth = torch.tensor([0, 1, 1, 3])
    assert accuracy(said, truth) == 0.75
    assert macro_f1(said, truth, 4) == pytest.approx((1 + 2 / 3 + 0 + 1) / 4)
    assert (open_set(z, max_softmax(z), 1.0) < 3).all() and (open_set(z, max_softmax(z), -1.0) == 3).all()


def test_what_is_refused():
    for bad in (0, 5, 6):
        with pytest.raises(ValueError, match="can play the unknown"):
            pseudo_unknown(5, bad)
    for rate in (0, 1.1):
        with pytest.raises(ValueError, match="a rate above 0"):
            threshold_of_normal(torch.ones(3), rate)
    with pytest.raises(ValueError, match="not a number"):
        threshold_of_normal(torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match="a score for each of the 2 rows"):
        open_set(torch.ones(2, 3), torch.ones(3), 0.5)
