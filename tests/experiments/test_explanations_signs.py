"""Tests of the experiment on explanations of signs."""

import pytest
import torch
from torch import nn

from experiments import explanations_signs
from tutorial_course.findings.ch2 import fisher_by_prediction
from tutorial_course.results import load_result
from tutorial_lib import attribution, data
from tutorial_lib.gradients import penultimate_features
from tutorial_lib.metrics import srcc
from tutorial_lib.models import load


@pytest.fixture(scope="module")
def model():
    return load(explanations_signs.NETWORKS[0])


def test_edge_detector_map_is_difference_of_neighbors():
    x = torch.zeros(1, 3, 4, 5)
    x[..., 3:] = 1.0  # one vertical edge between the columns 2 and 3
    assert torch.equal(explanations_signs.edge_detector_map(x)[0, 1:-1], torch.tensor([0.0, 0, 1, 1, 0]).expand(2, 5))
    assert torch.equal(explanations_signs.edge_detector_map(x.mT)[0], explanations_signs.edge_detector_map(x)[0].T)


def test_reinitialized_head_is_a_copy_with_equal_scale():
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 50))
    before = model[1].weight.detach().clone()
    other = explanations_signs.reinitialized_head(model, "1", torch.Generator().manual_seed(0))
    assert torch.equal(model[1].weight, before) and not torch.equal(other[1].weight, before)
    assert other[1].weight.std().item() == pytest.approx(before.std().item(), rel=0.05)
    assert abs(other[1].weight.mean()) < 0.05 * before.std()


def test_explanations_rank_correlation_is_computed_per_image():
    a, b = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.ones(2, 3, 3)
    b[1] = torch.rand(3, 3, generator=torch.Generator().manual_seed(1))
    assert explanations_signs.rank_correlation(a, b) == [0.0, srcc(a[1].flatten(), b[1].flatten())]


def test_explanation_maps_have_image_size(model):
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    for name, explain in explanations_signs.methods("block3").items():
        maps = explanations_signs.to_image_maps(explain(model, x, torch.tensor([1, 2])))
        assert maps.shape == (2, 48, 48) and maps.isfinite().all() and maps.any(), name


def test_randomization_rows_keep_edge_maps_and_lower_accuracy(model):
    x, _, _, p, q = explanations_signs.sign_scenes(1, 2, "cpu")
    x, p, q = x[:3], p[:3], q[:3]
    slow = ("occlusion", "SmoothGrad", "integrated gradients")
    rows = explanations_signs.randomization_rows("here", model, x, p, q, "block3", ("head",), 0, 1, skip=slow)
    assert not {row["method"] for row in rows} & set(slow)
    for row in rows:
        if row["randomized"] == "nothing" or row["method"] == "edges of the image":
            assert row["signed"] == pytest.approx(1) and row["magnitude"] == pytest.approx(1)
    accuracy_rows = explanations_signs.accuracy_under_randomization("here", model, x, p, ("head",), 0, 2)
    assert [row["randomized"] for row in accuracy_rows] == ["nothing", "head"]
    assert (
        accuracy_rows[0]["accuracy"] == explanations_signs.mean(explanations_signs.correctly_classified(model, x, p))
        and accuracy_rows[1]["accuracy"] < accuracy_rows[0]["accuracy"]
    )


def test_counterfactual_localization_averages_over_correct_pairs(model):
    rows = explanations_signs.counterfactual_localization("here", model, 5, "cpu", each=1)
    x, counterfactual, mask, p, q = explanations_signs.sign_scenes(1, 5, "cpu")
    valid = (
        explanations_signs.correctly_classified(model, x, p)
        & explanations_signs.correctly_classified(model, counterfactual, q)
        & mask.flatten(1).any(1)
    )
    maps = attribution.reduce_channels(attribution.guided_backprop(model, x[valid], p[valid])).double()
    share = sum((m * k).sum() / m.sum() for m, k in zip(maps, mask[valid])) / valid.sum()
    (row,) = [r for r in rows if r["method"] == "guided backpropagation" and r["question"] == "why P"]
    assert row["images"] == valid.sum() and row["mass"] == pytest.approx(share.item(), abs=1e-3)
    assert {r["question"] for r in rows if r["method"] == "uniform"} == {"none"}


def test_mean_mask_of_other_scenes_excludes_own_scene_and_other_classes():
    masks = torch.tensor([[[True, False]], [[False, True]], [[True, True]], [[True, False]]])
    means = explanations_signs.mean_mask_of_other_scenes(masks, torch.tensor([0, 0, 0, 1]))
    assert means.tolist() == [[[0.5, 1.0]], [[1.0, 0.5]], [[0.5, 0.5]], [[0.0, 0.0]]]


def test_evidence_change_is_zero_for_equal_images_and_linear_in_the_features():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    x, other = torch.rand(2, 2, 1, 2, 2)
    q = torch.tensor([1, 2])
    assert not explanations_signs.evidence_change(model, x, x, "0", q).any()
    change = explanations_signs.evidence_change(model, x, other, "0", q)
    weights = (model(x).softmax(1) - torch.eye(3)[q]) @ model[3].weight / 4
    expected = torch.einsum("nk,nkhw->nhw", weights, model[0](x) - model[0](other))
    torch.testing.assert_close(change, expected.detach())


def test_bootstrap_over_pairs_covers_the_spread_between_pairs():
    pairs = torch.arange(10).repeat_interleave(20)
    values = pairs.double()  # the pairs differ, and the scenes of a pair are equal
    low, high = explanations_signs.bootstrap_over_pairs(values, pairs)
    # The standard error of a mean over ten pairs is sqrt(8.25 / 10) = 0.91.
    assert high - low == pytest.approx(2 * 1.96 * (8.25 / 10) ** 0.5, rel=0.15)
    assert explanations_signs.bootstrap_over_pairs(values, pairs, resample_pairs=False) == (4.5, 4.5)


def test_counterfactual_localization_stores_paired_differences(model):
    rows = explanations_signs.counterfactual_localization("here", model, 5, "cpu", each=1)
    by_question = {row["question"]: row for row in rows if row["method"] == "Grad-CAM"}
    with_Q, without = by_question["why P, rather than Q"], by_question["why P"]
    centre = next(row for row in rows if row["method"] == "centre")
    assert with_Q["gain"] == pytest.approx(with_Q["precision"] - without["precision"], abs=2e-4)
    assert with_Q["over_centre"] == pytest.approx(with_Q["precision"] - centre["precision"], abs=2e-4)
    with_R = by_question["why P, rather than R"]
    assert with_R["gain_of_Q"] == pytest.approx(with_Q["precision"] - with_R["precision"], abs=2e-4)
    assert with_Q["gain_low"] <= with_Q["gain"] <= with_Q["gain_high"]
    # The order of the pixels of a Gaussian does not depend on its width, but the mass does.
    centres = [row for row in rows if row["method"].startswith("centre, width")]
    assert {row["precision"] for row in centres} == {centre["precision"]}
    assert [row["mass"] for row in centres] == sorted((row["mass"] for row in centres), reverse=True)


def test_explanations_signs_table_is_complete():
    table = load_result("explanations_signs")
    methods = set(explanations_signs.methods("block3"))
    for network in explanations_signs.NETWORKS:
        rows = table[table["network"] == network]
        assert set(rows.query("kind == 'counterfactual pairs' and question == 'why P'")["method"]) == methods
        pairs = rows.query("kind == 'counterfactual pairs'").set_index(["method", "question"])
        for method in methods:
            low, gain, high = pairs.loc[(method, "why P, rather than Q"), ["gain_low", "gain", "gain_high"]]
            assert low <= gain <= high and len(pairs.loc[(method, "why P"), "precision_of_pairs"]) == 14
        for stage in ("nothing", *explanations_signs.LAYERS, "head, re-initialized"):
            forget = rows.query("kind == 'randomization' and randomized == @stage")
            assert set(forget["method"]) == methods | {
                "Grad-CAM, positive part",
                "contrast",
                "edges of the image",
            }
            assert forget["signed"].between(-1, 1).all()
            assert (forget["draws"] == explanations_signs.N_RANDOMIZATIONS).all()
        assert rows.query("kind == 'Fisher information'")["group"].tolist() == [
            "correct",
            "wrong",
            "wrong and confident",
        ]
        metrics = rows.query("kind == 'metrics'").set_index("method")
        assert len(metrics) == len(methods) + 4
        assert metrics.loc["uniform", "drop"] == 0


def test_fisher_rows_agree_with_findings_of_the_chapter(model):
    rows = explanations_signs.fisher_rows("here", model, "cpu", each=10)
    images, labels = (values[:120] for values in data.load("signs", "test"))
    corrupted = [
        data.corrupt(part, kind, 3, generator=torch.Generator().manual_seed(0))
        for kind, part in zip(data.CORRUPTIONS, images.split(10), strict=True)
    ]
    z, h = penultimate_features(model, torch.cat(corrupted))
    correct, uncertain, confident = fisher_by_prediction(z, h, labels)
    assert [row["images"] for row in rows] == [
        correct["images"],
        uncertain["images"] + confident["images"],
        confident["images"],
    ]
    assert rows[0]["trace"] == pytest.approx(correct["trace"], abs=1e-4)
    assert rows[2]["true"] == pytest.approx(confident["true"], abs=1e-4)
    assert all(0 <= row["low"] <= row["auroc"] <= row["high"] <= 1 for row in rows[1:])
