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


def test_gradient_distance_is_ahead_of_psnr_only_on_signs_after_longer_training_and_never_of_haarpsi():
    rows = load_result("image_quality").query("kind == 'difference' and measure == 'distance'")
    psnr, haarpsi = (rows[rows["baseline"] == name] for name in ("PSNR", "HaarPSI"))
    assert psnr[psnr["pooled low"] > 0][["set", "training"]].values.tolist() == [["signs", 2.0]]
    assert (haarpsi["pooled high"] < 0).all() and (psnr["within high"] < 0).loc[psnr["set"] == "signs"].all()
