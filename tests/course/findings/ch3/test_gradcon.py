"""The AUROC of GradCon and its controls over classes."""

import pandas as pd
import pytest

from tutorial_course.findings.ch3 import auroc_over_classes, class_aurocs, difference_over_classes


@pytest.fixture
def result():
    rows = []
    for normal, shift in (("stop", 0.0), ("hump", 0.1)):
        for seed in (0, 1):
            for alpha in (0.0, 0.03):
                value = 0.6 + shift + 0.1 * seed + alpha
                columns = {"reconstruction": value, "both": value + 0.1, "norm": 0.5, "alignment": 0.7}
                base = {"dataset": "signs", "normal": normal, "seed": seed, "alpha": alpha, "mean image": 0.5 + shift}
                rows.append({"kind": "class", "steps": 300, **base, **columns})
                rows.append({"kind": "class", "steps": 1200, **base, **dict.fromkeys(columns, 0.0)})
            base = {"normal": normal, "seed": seed}
            rows.append({"kind": "forward control", "dataset": "signs", **base, "activations": 0.9 - shift})
            rows.append({"kind": "corruption, forward control, by sign", **base, "alpha": 0.0, "activations": 0.4})
            rows.append({"kind": "corruption, mean image, by sign", **base, "mean image": 0.3})
    return pd.DataFrame(rows)


def test_class_aurocs_average_runs_and_ignore_longer_training(result):
    assert class_aurocs(result, "reconstruction error", "signs").to_dict() == pytest.approx(
        {"hump": 0.75, "stop": 0.65}
    )
    assert class_aurocs(result, "activation norms, all layers", "signs")["hump"] == pytest.approx(0.8)
    assert class_aurocs(result, "activation norms, all layers", "corruptions").tolist() == pytest.approx([0.4, 0.4])
    assert class_aurocs(result, "distance to the mean image", "corruptions").tolist() == pytest.approx([0.3, 0.3])


def test_difference_over_classes_is_paired(result):
    difference = difference_over_classes(result, "GradCon", "reconstruction error", "signs")
    # The classes differ by 0.1, but the difference is the same in both of them.
    assert difference.interval == pytest.approx((0.13, 0.13, 0.13)) and difference[1:] == (2, 2)
    assert difference_over_classes(result, "GradCon", "activation norms, all layers", "signs").positive == 1


def test_auroc_over_classes_contains_the_mean_of_the_classes(result):
    interval = auroc_over_classes(result, "reconstruction error", "signs")
    assert interval.value == pytest.approx(0.7) and interval.low < 0.65 and interval.high > 0.75
