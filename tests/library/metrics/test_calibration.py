"""Calibration metrics, compared with loops over bins and with scikit-learn's calibration curve."""

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score

from tutorial_lib.metrics import accuracy, expected_calibration_error, macro_f1


def sample_logits_and_labels(n=600, classes=5, temperature=3.0, dtype=torch.float64):
    """Return logits and labels sampled from softmax(logits / ``temperature``), so that the temperature is known."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    return logits.to(dtype), torch.multinomial((logits / temperature).softmax(1), 1, generator=generator)[:, 0]


def test_accuracy_matches_loop():
    logits, labels = sample_logits_and_labels()
    expected = sum(int(z.argmax() == y) for z, y in zip(logits, labels)) / 600
    assert accuracy(logits, labels) == accuracy(logits.argmax(1), labels) == pytest.approx(expected, abs=1e-15)
    for bad in (torch.zeros(0), torch.zeros(3), torch.zeros(600, 2, 2)):
        with pytest.raises(ValueError, match=r"predictions: .*\(n,"):
            accuracy(bad, labels)


@pytest.mark.parametrize("classes", [None, 5, 9])
def test_macro_f1_matches_loop_and_scikit_learn(classes):
    logits, labels = sample_logits_and_labels()
    predicted = logits.argmax(1)
    each = []
    for c in range(classes or 5):
        hit = sum(int(a == c and b == c) for a, b in zip(predicted, labels))
        false, missed = (
            sum(int(a == c != b) for a, b in zip(predicted, labels)),
            sum(int(a != c == b) for a, b in zip(predicted, labels)),
        )
        each.append(2 * hit / (2 * hit + false + missed) if hit + false + missed else 0)
    assert macro_f1(logits, labels, classes) == pytest.approx(sum(each) / len(each), abs=1e-14)
    all_classes = list(range(classes or 5))
    theirs = f1_score(labels.numpy(), predicted.numpy(), labels=all_classes, average="macro", zero_division=0)
    assert macro_f1(predicted, labels, classes) == pytest.approx(theirs, abs=1e-14)


def test_macro_f1_is_not_dominated_by_majority_class():
    labels = torch.tensor([0] * 99 + [1])
    lazy = torch.zeros(100, dtype=torch.long)
    assert accuracy(lazy, labels) == 0.99 and macro_f1(lazy, labels) < 0.5 and macro_f1(labels, labels) == 1
    for wrong, classes in ((labels - 1, None), (labels, 1)):
        with pytest.raises(ValueError, match="classes must lie in 0…"):
            macro_f1(wrong, wrong, classes)


@pytest.mark.parametrize("bins", [1, 2, 10, 15])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_expected_calibration_error_matches_loop_and_scikit_learn(bins, dtype):
    logits, labels = sample_logits_and_labels(dtype=dtype)
    p = logits.softmax(1)
    confidence, correct = p.max(1).values, p.argmax(1) == labels
    total = 0.0
    for m in range(bins):
        low, high = (torch.tensor(e / bins, dtype=torch.float64).to(dtype) for e in (m, m + 1))
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = correct[inside].double().mean() - confidence[inside].double().mean()
            total += inside.double().mean().item() * abs(gap.item())
    assert expected_calibration_error(p, labels, bins=bins) == pytest.approx(total, abs=1e-14)
    if dtype == torch.float64:
        frequency, mean_confidence = calibration_curve(correct.numpy(), confidence.numpy(), n_bins=bins)
        counts = np.bincount(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence.numpy()), minlength=bins)
        theirs = (np.abs(frequency - mean_confidence) * counts[counts > 0]).sum() / 600
        assert expected_calibration_error(p, labels, bins=bins) == pytest.approx(theirs, abs=1e-12)


def test_expected_calibration_error_of_known_predictors():
    _, labels = sample_logits_and_labels()
    certain = torch.nn.functional.one_hot(torch.zeros(600, dtype=torch.int64), 5).double()
    assert expected_calibration_error(certain, labels) == pytest.approx((labels != 0).double().mean().item(), abs=1e-15)
    logits, labels = sample_logits_and_labels(n=30000)
    assert expected_calibration_error((logits / 3).softmax(1), labels) < 0.01
    assert expected_calibration_error(logits.softmax(1), labels) > 0.1


def test_expected_calibration_error_bins_include_their_upper_edge():
    # With five bins, 0.6 is in a bin of its own, and 0.61 shares one with 0.8.
    for dtype in (torch.float64, torch.float32):
        p = torch.tensor([[0.6, 0.4], [0.8, 0.2], [0.61, 0.39]], dtype=dtype)
        error = expected_calibration_error(p, torch.tensor([1, 0, 1]), bins=5)
        assert error == pytest.approx((0.6 + abs(0.8 + 0.61 - 1)) / 3, abs=1e-6)


def test_expected_calibration_error_rejects_invalid_input():
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="softmax"):
        expected_calibration_error(torch.tensor([[2.0, -1.0], [0.5, 0.5]]), labels)
    with pytest.raises(ValueError, match="softmax"):
        expected_calibration_error(torch.full((2, 2), torch.nan), labels)
    with pytest.raises(ValueError, match="labels"):
        expected_calibration_error(torch.ones(3, 1), labels)
    with pytest.raises(ValueError, match="bin"):
        expected_calibration_error(torch.ones(2, 1), labels, bins=0)
