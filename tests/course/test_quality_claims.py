"""The verdicts of the claims on image quality follow the stored numbers."""

import pandas as pd
import pytest

from tutorial_course.results import claims, load_result
from tutorial_course.results.claims import chapter4


@pytest.mark.parametrize(
    ("function", "rows", "shift", "verdict"),
    [
        ("gradient_distance_evidence", "baseline in ('PSNR', 'HaarPSI')", 0.9, claims.CONFIRMED_HERE),
        ("gradient_distance_evidence", "baseline == 'PSNR'", 0.9, claims.CONTROL_AS_GOOD),
        ("gradient_quality_evidence", "measure.str.startswith('surprisal')", 0.9, claims.CONFIRMED_HERE),
        ("gradient_quality_evidence", "measure.str.startswith('surprisal')", -0.9, claims.NOT_CONFIRMED_HERE),
        ("unique_evidence", "measure.str.startswith('UNIQUE')", -0.9, claims.NOT_CONFIRMED_HERE),
    ],
)
def test_verdict_changes_with_the_stored_difference(function, rows, shift, verdict, monkeypatch):
    table = load_result("image_quality")
    chosen = table.query("kind == 'difference'").query(rows, engine="python").index
    changed = table.copy()
    changed.loc[chosen, ["pooled", "pooled low", "pooled high"]] += shift
    evidence = getattr(chapter4, function)
    assert evidence().verdict(settings_differ=True) != verdict
    monkeypatch.setattr(chapter4, "table", lambda name: changed if name == "image_quality" else pd.DataFrame())
    assert evidence().verdict(settings_differ=True) == verdict


def test_verdict_of_the_score_contrast_changes_with_its_lead_over_the_expected_score(monkeypatch):
    changed = load_result("image_quality").copy()
    lead = "lead over the expected score"
    changed[[lead, f"{lead} low", f"{lead} high"]] += 0.9
    assert chapter4.quality_contrast_evidence().verdict(settings_differ=True) == claims.CONTROL_AS_GOOD
    monkeypatch.setattr(chapter4, "table", lambda name: changed)
    assert chapter4.quality_contrast_evidence().verdict(settings_differ=True) == claims.CONFIRMED_HERE


def test_comparison_of_the_gradient_distance_with_psnr_depends_on_the_training_and_that_with_haarpsi_does_not():
    rows = load_result("image_quality").query("kind == 'difference' and measure == 'distance'")
    psnr, haarpsi = (rows[rows["baseline"] == name].set_index(["set", "training"]) for name in ("PSNR", "HaarPSI"))
    sides = {key: (low > 0) - (high < 0) for key, low, high in psnr[["pooled low", "pooled high"]].itertuples()}
    signs = {("signs", 0.067): -1, ("signs", 1.0): 0, ("signs", 2.0): 1, ("signs", 4.0): 0}
    photographs = {("photographs", training): -1 for training in (0.067, 1.0, 2.0)}
    assert sides == signs | photographs | {("live", 1.0): -1, ("live", 2.0): 0}
    assert (haarpsi[["pooled high", "within high"]] < 0).all(axis=None)
    assert (psnr.loc[["signs", "photographs"], "within high"] < 0).all()


def test_only_networks_with_little_training_have_several_seeds():
    rows = load_result("image_quality").query("kind == 'measure' and measure == 'distance'")
    assert (rows.set_index("training")["seeds"] == 1).groupby(level=0).all().to_dict() == {
        0.067: False,
        1.0: True,
        2.0: True,
        4.0: True,
    }
