"""Tests of the experiment on image quality and of the training of the quality network."""

import sys

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from experiments import image_quality as study
from experiments import train_quality_network
from experiments._parts import run_study
from tutorial_course.results import load_result
from tutorial_lib import quality as e
from tutorial_lib.data import make_distortion_dataset
from tutorial_lib.gradients import objective_values, reconstruction_mse
from tutorial_lib.metrics import srcc
from tutorial_lib.models import QualityNetwork, load, train


@pytest.fixture
def tiny(monkeypatch):
    for name, value in study.SMALL.items():
        monkeypatch.setattr(study, name, value)
    monkeypatch.setattr(study, "available_sets", lambda: ["signs"])


def test_image_quality_rows_match_measures(tiny, monkeypatch):
    monkeypatch.setattr(study, "contrast_rows", lambda device: [])
    rows = run_study(study)
    pairs = study.load_quality_set("signs")
    x, r = pairs.as_batch()
    by_measure = {row["measure"]: row for row in rows if row["kind"] == "measure"}
    assert {"PSNR", "SSIM", "HaarPSI", "MS-SSIM", "UNIQUE", "surprisal", "distance", "alignment"} <= set(by_measure)
    assert by_measure["PSNR"]["pooled"] == pytest.approx(srcc(e.psnr(x, r), pairs.quality), abs=6e-5)
    assert by_measure["PSNR"]["seeds"] == by_measure["UNIQUE"]["seeds"] == 1
    assert by_measure["norm"]["blind"] and not by_measure["SSIM"]["blind"]
    for row in by_measure.values():
        assert row["pooled least"] <= row["pooled"] <= row["pooled most"] and row["within low"] <= row["within high"]
    assert len([row for row in rows if row["kind"] == "distortion" and row["measure"] == "SSIM"]) == 8
    difference = next(
        row
        for row in rows
        if row["kind"] == "difference" and (row["measure"], row["baseline"]) == ("HaarPSI", "PSNR, luma")
    )
    for statistic in ("monotone", "pooled"):
        expected = by_measure["HaarPSI"][statistic] - by_measure["PSNR, luma"][statistic]
        assert difference[statistic] == pytest.approx(expected, abs=2e-4)
        assert difference[f"{statistic} low"] <= difference[f"{statistic} high"]


def test_gradient_measures_match_library(tiny):
    pairs = study.load_quality_set("signs")
    x, r = pairs[0]
    x, r = torch.cat([x, pairs[1][0]]), torch.cat([r, r])
    network = load("signs/autoencoder")
    measures = study.gradient_measures(network, r)(x, r[:1])
    torch.testing.assert_close(measures["distance"], -e.gradient_distance(network, x, r), rtol=1e-4, atol=1e-5)
    of_x, of_r = (study.gradient_vectors(network, images) for images in (x, r))
    cosines = [torch.cosine_similarity(a, b, dim=1) for a, b in zip(of_x, of_r, strict=True)]
    torch.testing.assert_close(measures["cosine"], torch.stack(cosines).mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(measures["norm"], -e.reconstruction_gradient_norm(network, x), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(measures["error"], -objective_values(network, x, reconstruction_mse(x)))
    alignment = e.gradient_alignment(network, x, e.mean_reconstruction_gradient(network, r))
    torch.testing.assert_close(measures["alignment"], alignment, rtol=1e-4, atol=1e-5)


def test_score_pairs_equals_single_images():
    few = make_distortion_dataset(torch.rand(2, 3, 16, 16), names=("a", "b"), kinds=("noise",))
    together = study.score_pairs(few, lambda x, r: {"PSNR": e.psnr(x, r.expand_as(x))})["PSNR"]
    torch.testing.assert_close(together, torch.cat([e.psnr(*few[i]) for i in range(10)]).double())


def test_correlations_match_scipy_and_are_one_for_severity_itself():
    rng = np.random.default_rng(0)
    scores, quality = rng.normal(size=(3, 40)).round(1), rng.integers(5, size=40).astype(float)
    for row, value in zip(scores, study.spearman(scores, quality), strict=True):
        assert value == pytest.approx(spearmanr(row, quality).statistic)
    pairs = make_distortion_dataset(2, kinds=("noise", "haze"))
    kinds = np.array(pairs.distortion_types)
    for sign, expected in ((-1, 1), (1, -1)):
        values = study.correlations(sign * pairs.scores.numpy()[None], pairs.quality.numpy(), kinds)
        assert values["within, signed"] == values["pooled"] == expected and values["within"] == 1


def test_interval_of_the_monotone_correlation_resamples_references_with_their_series():
    # One reference is ordered perfectly and the other one in reverse, so that a resampled mean is -1, 0 or 1.
    pairs = make_distortion_dataset(torch.rand(2, 3, 16, 16), names=("a", "b"), kinds=("noise", "haze"))
    sign = torch.tensor([1.0 if name == "a" else -1.0 for name in pairs.references])
    row = {"measure": "m", "training": 1.0, "seed": 0, "scores": (sign * pairs.quality).tolist()}
    (measure,) = [row for row in study.set_rows("signs", pairs, [row]) if row["kind"] == "measure"]
    assert (measure["monotone"], measure["monotone low"], measure["monotone high"]) == (0, -1, 1)


def test_resampled_rows_keep_references_together(monkeypatch):
    monkeypatch.setattr(study, "N_RESAMPLES", 5)
    references = np.array([0, 1, 0, 2, 1, 2, 2])
    for rows in study.resampled_rows(references):
        counts = np.bincount(rows, minlength=7)
        assert all(len(set(counts[references == r])) == 1 for r in range(3))


def test_missing_lpips_package_raises_and_omits_no_rows(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)  # as if the package were not installed
    with pytest.raises(ModuleNotFoundError, match="the rows of LPIPS would be missing"):
        study.run_part("without a network, photographs")


def test_patch_map_computes_each_patch_alone():
    network = load("signs/quality").with_head("score")
    x = torch.rand(2, 3, 48, 48)
    maps = study.patch_map(network, x, 1.0)
    assert maps.shape == (2, 6, 6)
    corner = e.score_contrast_cam(network, x[..., :24, 24:], "body", e.score_contrast_loss(1.0))
    torch.testing.assert_close(maps[:, :3, 3:], corner)


def test_image_quality_table_supports_statements_of_chapter_4():
    table = load_result("image_quality")
    measures = table.query("kind == 'measure' and training == 1").set_index(["set", "measure"])
    assert set(measures.index.unique("set")) == {"signs", "photographs", "live"}
    assert len(table.query("kind == 'image'")) == 157
    # HaarPSI without a network is ahead of the gradient distance on all three sets.
    for name in ("signs", "photographs", "live"):
        assert measures.loc[(name, "HaarPSI"), "pooled"] > measures.loc[(name, "distance"), "pooled"]
    shares = table.query("kind == 'contrast'").set_index("map")["share"]
    assert shares["expected score, Q = 1"] > shares["bins, rather than the best"] > shares["score, Q = 1"]


def test_quality_network_reproduces_stored_srcc_on_new_scenes():
    table = load_result("train_quality_network").set_index("kind")
    assert table.loc["training", "parameters"] == sum(p.numel() for p in load("signs/quality").parameters())
    fresh = train_quality_network.scenes(7, 5_000)
    row = next(
        row for row in train_quality_network.evaluate(load("signs/quality"), fresh, "cpu") if row["distortion"] == "all"
    )
    assert abs(row["srcc"] - table.query("distortion == 'all'")["srcc"].item()) < 0.12


def test_score_to_bin_picks_nearest_bin():
    scores = torch.tensor([0.0, 0.09, 0.11, 0.5, 0.99, 1.0])
    assert train_quality_network.score_to_bin(scores).tolist() == [0, 0, 1, 2, 5, 5]


def test_quality_loss_is_regression_plus_classification_loss():
    out, scores = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)), torch.tensor([0.0, 0.4, 1.0])
    expected = sum(10 * (o[0] - s) ** 2 - o[1:].log_softmax(0)[round(5 * s.item())] for o, s in zip(out, scores)) / 3
    torch.testing.assert_close(train_quality_network.quality_loss(out, scores), expected)


def test_quality_network_learns_noise_severity():
    def rated(n, seed):
        dataset = make_distortion_dataset(n, kinds=("noise",), generator=torch.Generator().manual_seed(seed))
        return dataset.as_batch()[0], 1 - dataset.scores.float() / 5

    network = QualityNetwork()
    history = train(network, *rated(40, 0), loss=train_quality_network.quality_loss, epochs=12, progress=False)
    assert history[-1] < history[0] and not network.training
    x, q = rated(8, 1)
    assert srcc(network(x)[:, 0], q) > 0.6
