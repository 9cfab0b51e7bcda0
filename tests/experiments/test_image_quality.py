"""Tests of the experiment on image quality and of the training of the quality network."""

import pytest
import torch

from experiments import image_quality as study
from experiments import train_quality_network
from experiments._parts import run_study
from tutorial_course.results import load_result
from tutorial_lib import quality as e
from tutorial_lib.data import QualityDataset, make_distortion_dataset
from tutorial_lib.gradients import objective_values, reconstruction_mse
from tutorial_lib.metrics import srcc
from tutorial_lib.models import load

TINY = {"SEEDS": (0, 1), "N_RESAMPLES": 20, "SCENES": 2, "N_FEW": 2, "EPOCHS": 1, "N_TRAIN_IMAGES": 64, "PRISTINE": 8}


@pytest.fixture
def tiny(monkeypatch):
    for name, number in TINY.items():
        monkeypatch.setattr(study, name, number)
    monkeypatch.setattr(study, "CODER", {"hidden": 16, "patches": 200, "steps": 5})
    monkeypatch.setattr(study, "available_sets", lambda: ["signs"])


def test_image_quality_rows_match_measures(tiny):
    rows = run_study(study)
    pairs = study.load_quality_set("signs")
    x, r = pairs.as_batch()
    by_measure = {row["measure"]: row for row in rows if row["kind"] == "measure"}
    assert {"PSNR", "SSIM", "MS-SSIM", "UNIQUE", "surprisal", "distance", "alignment"} <= set(by_measure)
    assert by_measure["PSNR"]["pooled"] == pytest.approx(srcc(e.psnr(x, r), pairs.quality), abs=6e-5)
    assert (
        by_measure["PSNR"]["seeds"] == 1
        and by_measure["distance"]["seeds"] == 2
        and by_measure["norm"]["blind"]
        and not by_measure["SSIM"]["blind"]
    )
    for row in by_measure.values():
        assert row["pooled least"] <= row["pooled"] <= row["pooled most"] and row["within low"] <= row["within high"]
    assert len([row for row in rows if row["kind"] == "distortion" and row["measure"] == "SSIM"]) == 8


def test_gradient_measures_match_library(tiny):
    pairs = study.load_quality_set("signs")
    x, r = (side[:3] for side in pairs.as_batch())
    network = load("signs/autoencoder")
    measures = study.gradient_measures(network, r)(x, r)
    torch.testing.assert_close(measures["distance"], e.gradient_quality(network, x, r))
    torch.testing.assert_close(measures["cosine"], e.gradient_quality(network, x, r, metric="cosine"))
    torch.testing.assert_close(measures["norm"], -e.reconstruction_gradient_norm(network, x))
    torch.testing.assert_close(measures["error"], -objective_values(network, x, reconstruction_mse(x)))
    torch.testing.assert_close(
        measures["alignment"], e.gradient_alignment(network, x, e.mean_reconstruction_gradient(network, r))
    )


def test_score_pairs_equals_single_images():
    originals = {"a": torch.rand(1, 3, 16, 16), "b": torch.rand(1, 3, 20, 16)}
    few = make_distortion_dataset(torch.cat([originals["a"]]), names=("a",), kinds=("noise",))
    same = study.score_pairs(few, lambda x, r: {"PSNR": e.psnr(x, r)}, "cpu")["PSNR"]
    torch.testing.assert_close(same, torch.cat([e.psnr(*few[i]) for i in range(5)]).double())
    assert isinstance(few, QualityDataset)


def test_image_quality_correlations_are_one_for_severity_itself():
    pairs = make_distortion_dataset(2, kinds=("noise", "haze"))
    row = study.correlations(-pairs.scores, pairs)
    assert row["within"] == row["pooled"] == row["pooled low"] == 1
    assert study.correlations(pairs.scores, pairs)["within, signed"] == -1


def test_image_quality_table_supports_statements_of_chapter_4():
    table = load_result("image_quality")
    measures = table.query("kind == 'measure'").set_index(["set", "measure"])
    assert set(measures.index.unique("set")) == {"signs", "photographs", "live"}
    # The claims of the chapter, with tolerance for other machines.
    assert measures.loc[("live", "PSNR"), "pooled"] >= 0.85
    for name in ("signs", "photographs"):
        rows = measures.xs(name)
        assert rows.query("blind == False")["within"].min() > rows.loc[["norm", "alignment"], "within"].max() - 0.02


def test_quality_network_reproduces_stored_srcc_on_new_scenes():
    table = load_result("train_quality_network").set_index("kind")
    assert table.loc["training", "parameters"] == sum(p.numel() for p in load("signs/quality").parameters())
    fresh = train_quality_network.scenes(7, 5_000)
    row = next(
        row for row in train_quality_network.evaluate(load("signs/quality"), fresh, "cpu") if row["distortion"] == "all"
    )
    assert abs(row["srcc"] - table.query("distortion == 'all'")["srcc"].item()) < 0.12
