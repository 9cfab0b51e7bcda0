"""Tests of the experiment on corruption, open-set recognition and misclassification."""

import pytest
import torch

from experiments import corruption_and_open_set as study
from tutorial_course.results import load_result
from tutorial_lib.metrics import auroc


def test_resample_draws_all_rows_of_a_source_image_together():
    samples = [torch.tensor([0, 3]), torch.tensor([1]), torch.tensor([2, 4])]
    drawn = study.resample(samples, study.make_generator(0)).tolist()
    assert drawn.count(0) == drawn.count(3) and drawn.count(2) == drawn.count(4)
    assert drawn.count(0) + drawn.count(1) + drawn.count(2) == 3


def test_interval_rows_pair_the_scores(monkeypatch):
    monkeypatch.setattr(study, "N_RESAMPLES", 50)
    normal = torch.randn(40, generator=study.make_generator(0))
    abnormal = torch.randn(60, generator=study.make_generator(1)) + 1

    def statistic(n, a):
        value = auroc(normal[n], abnormal[a])
        return {"one": {"auroc": value}, "same": {"auroc": value}, "worse": {"auroc": value - 0.1}}

    ids = torch.arange(40), torch.arange(60) // 5
    one, same, worse = study.interval_rows(statistic, ids, {"same": ("one",), "worse": ("one",)})
    assert one["auroc_low"] < one["auroc"] < one["auroc_high"] and "auroc minus one" not in one
    # The difference of two equal scores has no spread, because both have the same resamples.
    assert [same[f"auroc minus one{end}"] for end in ("", "_low", "_high")] == [0, 0, 0]
    assert [worse[f"auroc minus one{end}"] for end in ("", "_low", "_high")] == pytest.approx([-0.1] * 3)


def test_detection_metrics_accept_95_percent_of_the_normal_images():
    normal = torch.arange(20.0)
    metrics = study.detection_metrics(normal, torch.tensor([17.5, 18.5, 30.0, 31.0]))
    assert metrics["fpr95"] == 0.25  # the threshold is 18, which accepts 19 of 20
    assert metrics["auroc"] == (18 + 19 + 20 + 20) / 80


def test_corrupted_images_have_sources_of_their_own_for_every_type(monkeypatch):
    monkeypatch.setattr(study, "N_EACH", 2)
    images, labels = torch.rand(30, 3, 16, 16), torch.arange(30)
    x, y, source, kind, level = study.corrupted_images(images, labels, 0)
    assert len(x) == 12 * 5 * 2 and torch.equal(y, labels[source])
    by_type = [set(source[kind == k].tolist()) for k in range(12)]
    assert all(len(sources) == 2 for sources in by_type) and len(set.union(*by_type)) == 24
    assert sorted(level[kind == 3].tolist()) == sorted([1, 2, 3, 4, 5] * 2)


def test_corruption_and_open_set_table_is_complete():
    table = load_result("corruption_and_open_set")
    networks = set(study.SIGN_NETWORKS + study.PHOTO_NETWORKS)
    for kind, columns in {"severity": ["severity"], "one blur": ["type"], "open set": ["unknown"]}.items():
        rows = table[table["kind"] == kind]
        assert set(rows["network"]) == networks
        assert not rows.duplicated(["network", "score", *columns]).any()
    assert set(table[table["kind"] == "misclassification"]["network"]) == networks | {study.IMAGENET_MODEL}
    for metric in ("auroc", "fpr95", "oscr", "aurc", "accuracy"):
        rows = table[table[metric].notna()]
        assert rows[metric].between(0, 1).all() and (rows[f"{metric}_low"] <= rows[f"{metric}_high"]).all()
    # The control without a backward pass is stored for the same images as every gradient score.
    gradients = table[(table["score"] == study.GRADIENTS) & table["kind"].isin(["severity", "type", "open set"])]
    assert gradients[f"auroc minus {study.ACTIVATIONS}"].notna().all()
