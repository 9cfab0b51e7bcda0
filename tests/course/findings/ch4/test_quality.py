"""The numbers behind the sentences about image quality."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings import ch4 as findings
from tutorial_lib.data import make_distortion_dataset


def test_hue_mismatch_separates_the_two_factors():
    errors = torch.tensor([[0.0, 0.1], [1.0, 1.2], [1.0, 1.2]])
    features = torch.tensor([[5.0, 5.0], [4.0, 6.0], [2.0, 3.0]])
    hue = findings.hue_mismatch(errors, features)
    assert (hue.start, hue.peak, hue.peak_step) == (pytest.approx(0.25), pytest.approx(5.6), 1)
    assert hue.end == pytest.approx(2.8) and hue.decrease.value == pytest.approx(2.8)
    assert (hue.error_ratio, hue.feature_ratio) == (pytest.approx(1.0), pytest.approx(0.5))


def test_within_kind_correlation_ignores_differences_between_kinds():
    pairs = make_distortion_dataset(2, kinds=("noise", "haze"))
    offset = torch.tensor([100.0 if kind == "haze" else 0.0 for kind in pairs.distortion_types])
    assert findings.within_kind_correlation(pairs.scores + offset, pairs) == pytest.approx(1)
    assert findings.within_kind_correlation(offset + pairs.scores % 2, pairs) < 1


TABLE = pd.DataFrame(
    [
        {"kind": "measure", "set": "live", "measure": "PSNR", "training": 1.0, "pooled": 0.9}
        | {"pooled low": 0.8, "pooled high": 0.95},
        {"kind": "measure", "set": "live", "measure": "distance", "training": 0.25, "pooled": 0.5}
        | {"pooled low": 0.4, "pooled high": 0.6},
        {"kind": "difference", "set": "live", "measure": "distance", "baseline": "PSNR", "training": 1.0}
        | {"pooled": -0.1, "pooled low": -0.2, "pooled high": 0.0},
        {"kind": "difference", "set": "signs", "measure": "distance", "baseline": "SSIM", "training": 1.0}
        | {"pooled": 0.3, "pooled low": 0.2, "pooled high": 0.4, "within": 0.1, "within low": 0.0, "within high": 0.2},
        {"kind": "contrast", "map": "expected score", "share": 0.7, "share low": 0.6, "share high": 0.8},
        {"kind": "contrast", "map": "bins", "share": 0.5, "share low": 0.4, "share high": 0.6}
        | {f"lead over the expected score{end}": value for end, value in (("", -0.2), (" low", -0.3), (" high", -0.1))},
        *(
            {"kind": "distortion", "set": name, "measure": measure, "training": training, "srcc": value}
            for name, measure, training, value in (
                ("live", "PSNR", 1.0, -0.5),
                ("live", "PSNR", 1.0, 0.75),
                ("live", "PSNR", 1.0, 0.25),
                ("live", "PSNR", 0.25, 0.99),
                ("live", "distance", 1.0, -0.99),
                ("signs", "PSNR", 1.0, -0.98),
            )
        ),
        {"kind": "scores", "set": "live", "measure": "PSNR", "training": 1.0, "scores": [1.0, 2.0]},
        {"kind": "scores", "set": "live", "measure": "distance", "training": 0.25, "scores": [3.0, 4.0]},
    ]
)


def test_stored_correlations_and_differences_have_their_intervals():
    assert findings.stored_correlation(TABLE, "live", "PSNR") == (0.9, 0.8, 0.95)
    assert findings.stored_correlation(TABLE, "live", "distance", training=0.25) == (0.5, 0.4, 0.6)
    assert findings.stored_difference(TABLE, "live", "distance", "PSNR") == (-0.1, -0.2, 0.0)
    with pytest.raises(ValueError):
        findings.stored_correlation(TABLE, "live", "distance")


def test_correlation_table_has_a_dash_for_a_missing_measure():
    text = findings.correlation_table(TABLE, {"PSNR": "color PSNR", "distance": "distance"}, {"live": "LIVE"})
    assert text.splitlines()[2:] == ["| color PSNR | 0.90 (0.80 to 0.95) |", "| distance | – |"]


def test_rated_scores_has_only_networks_with_the_full_training():
    scores = findings.rated_scores(TABLE)
    assert list(scores) == ["PSNR"] and scores["PSNR"][0].tolist() == [1.0, 2.0]


def test_protocol_of_a_nonlinear_measure():
    quality = torch.linspace(1, 100, 30, dtype=torch.float64)
    numbers = findings.protocol(quality.log(), quality)
    assert numbers["SRCC"] == numbers["KRCC"] == pytest.approx(1)
    assert numbers["PLCC"] > 0.99 and numbers["RMSE"] < 5


def test_map_shares_count_positive_values_only():
    maps = torch.tensor([[[3.0, -5.0], [0.0, 1.0]], [[-1.0, -1.0], [0.0, 0.0]]])
    shares = findings.map_shares(maps, torch.tensor([True, False]))
    assert shares[0] == pytest.approx(0.75) and shares[1].isnan()


def test_stored_training_effect_is_the_row_of_its_training():
    row = {"kind": "training", "set": "live", "measure": "m", "pooled": 0.1, "pooled low": 0.0, "pooled high": 0.2}
    table = pd.DataFrame([row | {"training": 2.0}, row | {"training": 0.5, "pooled": -0.1}])
    assert findings.stored_training_effect(table, "live", "m", 2.0) == (0.1, 0.0, 0.2)
    assert findings.stored_training_effect(table, "live", "m", 0.5).value == -0.1


def test_stored_contrast_is_that_of_its_map_and_column():
    assert findings.stored_contrast(TABLE, "expected score") == (0.7, 0.6, 0.8)
    assert findings.stored_contrast(TABLE, "bins", "lead over the expected score") == (-0.2, -0.3, -0.1)
    with pytest.raises(ValueError):
        findings.stored_contrast(TABLE, "unknown map")
