"""Open-set recognition: a threshold from normal images alone, and the predictions."""

import pytest
import torch

from tutorial_lib.metrics import accuracy, macro_f1
from tutorial_lib.uncertainty import msp_score, open_set_predict, threshold_at_tpr


@pytest.mark.parametrize("n", [1, 7, 20, 100, 137])
@pytest.mark.parametrize("rate", [0.01, 0.5, 0.9, 0.95, 1])
def test_threshold_at_tpr_is_smallest_score_reaching_the_rate(n, rate):
    normal = torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    threshold = threshold_at_tpr(normal, rate)
    passed = (normal <= threshold).double().mean().item()
    assert passed >= rate - 1e-9
    assert threshold in normal.tolist()
    lower = normal[normal < threshold]
    assert not len(lower) or (normal <= lower.max()).double().mean().item() < rate


def test_threshold_at_tpr_accepts_tied_scores_together():
    assert threshold_at_tpr(torch.tensor([1.0, 1, 1, 2]), 0.5) == 1


def test_open_set_predict_assigns_rejected_samples_to_extra_class():
    z = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 0, 5], [0.1, 0, 0]])
    predicted = open_set_predict(z, msp_score(z), 0.5)
    assert predicted.tolist() == [0, 1, 2, 3]
    truth = torch.tensor([0, 1, 1, 3])
    assert accuracy(predicted, truth) == 0.75
    assert macro_f1(predicted, truth, 4) == pytest.approx((1 + 2 / 3 + 0 + 1) / 4)
    assert (open_set_predict(z, msp_score(z), 1.0) < 3).all() and (open_set_predict(z, msp_score(z), -1.0) == 3).all()


def test_open_set_functions_reject_invalid_input():
    for rate in (0, 1.1):
        with pytest.raises(ValueError, match="pass_rate must be above 0"):
            threshold_at_tpr(torch.ones(3), rate)
    with pytest.raises(ValueError, match="not a number"):
        threshold_at_tpr(torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match="expected logits: floats"):
        open_set_predict(torch.ones(2, 3), torch.ones(3), 0.5)
