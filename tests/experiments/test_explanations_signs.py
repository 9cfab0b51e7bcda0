"""Tests of the experiment on explanations of signs."""

import copy

import pytest
import torch
from torch import nn

from experiments import explanations_signs
from tutorial_course.findings.ch2 import fisher_by_prediction
from tutorial_course.results import load_result
from tutorial_lib import attribution, data
from tutorial_lib.data import render
from tutorial_lib.gradients import penultimate_features
from tutorial_lib.metrics import auroc, srcc
from tutorial_lib.models import load


@pytest.fixture(scope="module")
def model():
    return load(explanations_signs.NETWORKS[0])


@pytest.fixture(scope="module")
def localization_rows(model):
    """Rows of one scene for each class and the class most similar to it."""
    return explanations_signs.counterfactual_localization("here", model, 5, "cpu", each=1)


def test_edge_detector_map_is_difference_of_neighbors():
    x = torch.zeros(1, 3, 4, 5)
    x[..., 3:] = 1.0  # one vertical edge between the columns 2 and 3
    assert torch.equal(explanations_signs.edge_detector_map(x)[0, 1:-1], torch.tensor([0.0, 0, 1, 1, 0]).expand(2, 5))
    assert torch.equal(explanations_signs.edge_detector_map(x.mT)[0], explanations_signs.edge_detector_map(x)[0].T)


def test_edges_times_the_centre_prior_depend_on_the_image_and_prefer_the_middle():
    x = torch.zeros(1, 3, 48, 48)
    x[..., 10:] = 1.0
    x[..., 20:] = 0.0  # two equal edges, of which the second one is closer to the middle
    maps = explanations_signs.centre_times_edges(x)
    assert list(maps) == [f"centre × edges, blur {blur}" for blur in (1, 2, 4)]
    for values in maps.values():
        assert values[0, 24].argmax() in (19, 20, 21) and values[0, 24, 20] > values[0, 2, 20] > 0
    assert not any(values.any() for values in explanations_signs.centre_times_edges(torch.ones(1, 3, 48, 48)).values())


def test_smoothed_saliency_keeps_the_total_of_an_inner_region(model):
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([1, 2])
    maps = attribution.reduce_channels(attribution.saliency(model, x, target))
    smoothed = explanations_signs.smoothed_saliency(model, x, target)
    assert smoothed.mean().item() == pytest.approx(maps.mean().item(), rel=0.02)
    assert smoothed.std().item() < 0.6 * maps.std().item()


def test_edges_times_one_weight_changes_only_its_sign(model):
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    other = copy.deepcopy(model)
    other.head.weight.data *= -1
    target = torch.tensor([1, 2])
    a, b = (explanations_signs.edges_times_one_weight(m, x, target, "head") for m in (model, other))
    assert torch.equal(a, -b) and torch.equal(a.abs(), explanations_signs.edge_detector_map(x))


def test_average_drop_matches_definition(model):
    x = torch.rand(5, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    maps, labels = torch.rand(5, 48, 48, generator=torch.Generator().manual_seed(1)) - 0.3, torch.arange(5)
    drop, increase = explanations_signs.average_drop(model, x, maps, labels)
    L = maps.clamp(min=0) / maps.amax((1, 2), keepdim=True)
    Y, O = (model(images).softmax(1)[torch.arange(5), labels] for images in (x, x * L[:, None]))
    torch.testing.assert_close(drop, ((Y - O).clamp(min=0) / Y).detach(), rtol=1e-4, atol=1e-6)
    assert torch.equal(increase, O > Y)
    assert explanations_signs.average_drop(model, x, torch.ones_like(maps), labels)[0].max() == 0


def test_average_drop_matches_torchcam_and_does_not_saturate():
    # The probability is the sum of the pixels; only the first pixel is kept, so it falls from 1 to 0.4.
    image = torch.tensor([[[[0.4, 0.3], [0.2, 0.1]]]], dtype=torch.float64)
    kept, label = torch.tensor([[[1.0, 0], [0, 0]]], dtype=torch.float64), torch.tensor([0])

    class SumClassifier(nn.Module):
        def forward(self, x):
            s = x.flatten(1).sum(1)
            return torch.stack([s, 1 - s], 1).clamp(min=1e-300).log()

    drop, increase = explanations_signs.average_drop(SumClassifier(), image, kept, label)
    assert drop.item() == pytest.approx(0.6, rel=1e-9) and not increase.any()
    assert explanations_signs.average_drop(SumClassifier(), image, 0 * kept, label + 1)[1].all()
    # Confident predictions, whose probabilities are all 1 in float32.
    confident = nn.Sequential(nn.Flatten(), nn.Linear(3, 2, bias=False))
    confident[1].weight.data = torch.tensor([[40.0, -5, 0], [0, 0, 0]])
    for x in (torch.ones(1, 3, 1, 1), torch.tensor([1.0, 1, 0]).view(1, 3, 1, 1)):
        drop, increase = explanations_signs.average_drop(confident, x, torch.ones(1, 1, 1), label)
        assert drop.item() == 0 and not increase.item()


def test_standardized_ranks_give_rank_correlations_of_images():
    a, b = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.ones(2, 3, 3)
    b[1] = torch.rand(3, 3, generator=torch.Generator().manual_seed(1))
    correlations = (explanations_signs.standardized_ranks(a) * explanations_signs.standardized_ranks(b)).sum(1)
    assert correlations.tolist() == pytest.approx([0.0, srcc(a[1].flatten(), b[1].flatten())])


def test_similarity_columns_add_variances_of_images_and_draws():
    signed = torch.tensor([[0.5, -0.5], [0.1, 0.3]])
    columns = explanations_signs.similarity_columns(signed, signed.abs())
    assert columns["signed"] == pytest.approx(0.1) and columns["absolute"] == pytest.approx(0.35)
    # Means over draws 0.3 and 0.4, means over images 0.5 and 0.2.
    assert columns["absolute_se"] == pytest.approx((0.005 / 2 + 0.045 / 2) ** 0.5, abs=1e-4)
    assert (columns["low"], columns["high"]) == (pytest.approx(0.2), pytest.approx(0.5))


def test_reference_rows_compare_other_images_and_other_networks():
    x = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    reverse = lambda model, x: -x
    rows = explanations_signs.reference_rows(lambda model, x: x, [(None, reverse)], None, x)
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert rows["null: another image"]["absolute"] == pytest.approx(
        sum(abs(srcc(x[i], x[j])) for i, j in pairs) / 3, abs=1e-4
    )
    assert rows["ceiling: another network"]["signed"] == -1 and rows["ceiling: another network"]["absolute"] == 1


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
        if row["randomized"] == "nothing" or (row["method"], row["randomized"][:4]) == ("edges of the image", "head"):
            assert row["signed"] == pytest.approx(1) and row["magnitude"] == pytest.approx(1)
        if row["method"] == "edges × sign of one weight" and row["randomized"].startswith("head"):
            assert row["absolute"] == pytest.approx(1)
    assert "null: another image" in {row["randomized"] for row in rows}
    accuracy_rows = explanations_signs.accuracy_under_randomization("here", model, x, p, ("head",), 0, 2)
    assert [row["randomized"] for row in accuracy_rows] == ["nothing", "head", "head, re-initialized"]
    assert (
        accuracy_rows[0]["accuracy"] == explanations_signs.mean(explanations_signs.correctly_classified(model, x, p))
        and accuracy_rows[1]["accuracy"] < accuracy_rows[0]["accuracy"]
    )


def test_counterfactual_localization_averages_over_correct_pairs(model, localization_rows):
    x, counterfactual, mask, p, q = explanations_signs.sign_scenes(1, 5, "cpu")
    valid = (
        explanations_signs.correctly_classified(model, x, p)
        & explanations_signs.correctly_classified(model, counterfactual, q)
        & mask.flatten(1).any(1)
    )
    maps = attribution.reduce_channels(attribution.guided_backprop(model, x[valid], p[valid])).double()
    share = sum((m * k).sum() / m.sum() for m, k in zip(maps, mask[valid])) / valid.sum()
    (row,) = [r for r in localization_rows if r["method"] == "guided backpropagation" and r["question"] == "why P"]
    assert row["images"] == valid.sum() and row["mass"] == pytest.approx(share.item(), abs=1e-3)
    assert {r["question"] for r in localization_rows if r["method"] == "uniform"} == {"none"}


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


def test_counterfactual_localization_stores_paired_differences(localization_rows):
    rows = [row for row in localization_rows if row["kind"] == "counterfactual pairs"]
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


def test_paired_differences_use_the_best_width_of_the_edges(localization_rows):
    rows = localization_rows
    precision = {(r["method"], r["question"]): r["precision"] for r in rows if "precision" in r}
    best = max(value for (method, _), value in precision.items() if method.startswith("centre × edges"))
    differences = [row for row in rows if row["kind"] == "paired differences"]
    assert len(differences) == 14
    for row in differences:
        reference = precision[row["reference"], row["question_of_reference"]]
        assert reference == best or not row["reference"].startswith("centre × edges")
        difference = precision[row["method"], row["question"]] - reference
        assert row["difference"] == pytest.approx(difference, abs=2e-4)
        assert row["difference_low"] <= row["difference"] <= row["difference_high"]


def test_rows_over_edges_choose_the_best_width_for_each_metric(monkeypatch):
    monkeypatch.setattr(explanations_signs, "RANK_METRICS", ("precision sign", "deletion grey"))
    narrow, wide = "centre × edges, blur 1", "centre × edges, blur 4"
    scores = {
        narrow: {"precision sign": torch.tensor([0.5, 0.7]), "deletion grey": torch.tensor([0.1, 0.3])},
        wide: {"precision sign": torch.tensor([0.6, 0.8]), "deletion grey": torch.tensor([0.4, 0.4])},
        "saliency": {"precision sign": torch.tensor([0.7, 0.8]), "deletion grey": torch.tensor([0.1, 0.2])},
    }
    (row,) = explanations_signs.rows_over_edges("here", scores)
    assert row["method"] == "saliency"
    assert (row["precision sign over edges"], row["precision sign control"]) == (pytest.approx(0.05), wide)
    assert (row["deletion grey over edges"], row["deletion grey control"]) == (pytest.approx(-0.05), narrow)


def test_explanations_signs_table_is_complete():
    table = load_result("explanations_signs")
    methods = set(explanations_signs.methods("block3"))
    for network in explanations_signs.NETWORKS:
        rows = table[table["network"] == network]
        assert set(rows.query("kind == 'counterfactual pairs' and question == 'why P'")["method"]) == {
            *methods,
            "saliency, smoothed",
        }
        tests = rows.query("kind == 'randomization'")
        maps = methods | {"Grad-CAM, positive part", "contrast", "edges of the image", "edges × sign of one weight"}
        references = ("null: another image", "ceiling: another network")
        for stage in ("nothing", "head", "head, re-initialized", *references):
            assert set(tests[tests["randomized"] == stage]["method"]) == maps
        for stage in (f"{layer}, re-initialized" for layer in explanations_signs.LAYERS[1:]):
            assert set(tests[tests["randomized"] == stage]["method"]) == maps - set(explanations_signs.SLOW_METHODS)
        slow = tests["method"].isin(explanations_signs.SLOW_METHODS)
        assert (tests[slow]["draws"] == explanations_signs.N_SLOW_RANDOMIZATIONS).all()
        assert (tests[~slow]["draws"] == explanations_signs.N_RANDOMIZATIONS).all()
        assert tests["signed"].between(-1, 1).all() and (tests["signed"].abs() <= tests["absolute"] + 1e-4).all()
        pairs = rows.query("kind == 'counterfactual pairs'").set_index(["method", "question"])
        for method in methods:
            low, gain, high = pairs.loc[(method, "why P, rather than Q"), ["gain_low", "gain", "gain_high"]]
            assert low <= gain <= high and len(pairs.loc[(method, "why P"), "precision_of_pairs"]) == 14
        assert rows.query("kind == 'Fisher information'")["group"].tolist() == [
            "correct",
            "wrong",
            "wrong and confident",
        ]
        metrics = rows.query("kind == 'metrics'").set_index("method")
        widths = {f"centre, width {width}" for width in explanations_signs.CENTRE_WIDTHS}
        edges = {f"centre × edges, blur {blur:g}" for blur in explanations_signs.EDGE_BLURS}
        controls = {"random", "uniform", "centre", "edges of the image", "random, smooth"} | edges
        assert edges <= set(pairs.xs("none", level="question").index)
        assert len(rows.query("kind == 'paired differences'")) == 14
        assert set(metrics.index) == methods | controls | widths
        assert metrics.loc["uniform", "drop"] == 0
        for metric in explanations_signs.RANK_METRICS:
            assert metrics.loc["centre", f"{metric} over centre"] == 0
            gain = metrics.loc["Grad-CAM", metric] - metrics.loc["centre", metric]
            assert metrics.loc["Grad-CAM", f"{metric} over centre"] == pytest.approx(gain, abs=2e-4)
        over_edges = rows.query("kind == 'metrics over edges'").set_index("method")
        assert set(over_edges.index) == methods
        for metric in explanations_signs.RANK_METRICS:
            control = over_edges.loc["Grad-CAM", f"{metric} control"]
            gain = metrics.loc["Grad-CAM", metric] - metrics.loc[control, metric]
            assert over_edges.loc["Grad-CAM", f"{metric} over edges"] == pytest.approx(gain, abs=2e-4)


def test_smooth_random_maps_are_correlated_over_distance_and_have_equal_variance_everywhere():
    maps = explanations_signs.smooth_random_map(torch.zeros(400, 48, 48))
    left, right = (part - part.mean() for part in (maps[:, :, :-8], maps[:, :, 8:]))
    assert 0.7 < (left * right).mean() / left.square().mean() < 0.9  # exp(-8² / (4 · 9²)) is 0.82
    spread = maps.std(0)
    assert spread[0].mean().item() == pytest.approx(spread[24].mean().item(), rel=0.1)


def test_summary_is_mean_and_standard_error():
    values = torch.tensor([1.0, 2, 3, 6])
    standard_error = values.numpy().std(ddof=1) / 2
    assert explanations_signs.summary("a", values) == {"a": 3.0, "a_se": pytest.approx(standard_error, abs=1e-4)}


def test_faithfulness_rows_match_metrics_of_each_map(model, monkeypatch):
    methods = {"saliency": explanations_signs.methods("block3")["saliency"]}
    monkeypatch.setattr(explanations_signs, "methods", lambda layer: methods)
    monkeypatch.setattr(explanations_signs, "PROTOCOLS", {"grey": (0.5, 2)})
    monkeypatch.setattr(explanations_signs, "RANK_METRICS", ("precision sign", "deletion grey"))
    stored = explanations_signs.faithfulness_rows("here", model, 0, "cpu", each=1)
    rows = {row["method"]: row for row in stored if row["kind"] == "metrics"}
    labels = torch.arange(14)
    scenes = render(labels, masks=True, generator=torch.Generator().manual_seed(1))
    valid = explanations_signs.correctly_classified(model, scenes.images, labels)
    valid &= (scenes.glyph_mask[:, 0] > 0.5).flatten(1).any(1)
    maps = attribution.reduce_channels(attribution.saliency(model, scenes.images[valid], labels[valid]))
    precision = attribution.precision_at_k(maps, scenes.sign_mask[valid, 0] > 0.5)
    row = rows["saliency"]
    assert row["images"] == valid.sum() and row["precision sign"] == pytest.approx(precision.mean().item(), abs=1e-4)
    assert row["precision sign over centre"] == pytest.approx(
        row["precision sign"] - rows["centre"]["precision sign"], abs=2e-4
    )
    # The order of the pixels does not depend on the width, and the other widths have no such metrics.
    assert "precision sign" not in rows["centre, width 0.05"] and rows["centre, width 0.05"]["mass sign"] > 0
    assert rows["centre, width 0.25"]["drop"] == rows["centre"]["drop"]
    (over_edges,) = [row for row in stored if row["kind"] == "metrics over edges"]
    best = max(rows[f"centre × edges, blur {blur:g}"]["precision sign"] for blur in explanations_signs.EDGE_BLURS)
    assert over_edges["precision sign over edges"] == pytest.approx(row["precision sign"] - best, abs=2e-4)


def test_fisher_rows_agree_with_findings_of_the_chapter(model):
    rows = explanations_signs.fisher_rows("here", model, "cpu", each=10)
    images, labels = (values[:120] for values in data.load("signs", "test"))
    corrupted = [
        data.corrupt(part, kind, 3, generator=torch.Generator().manual_seed(0))
        for kind, part in zip(data.CORRUPTIONS, images.split(10), strict=True)
    ]
    z, h = penultimate_features(model, torch.cat(corrupted))
    correct, uncertain, confident = fisher_by_prediction(z, h, labels)
    rows, baseline = rows[:3], rows[3:]
    uncertainty, wrong = 1 - z.double().softmax(1).amax(1), z.argmax(1) != labels
    assert baseline[0]["auroc"] == pytest.approx(auroc(uncertainty[~wrong], uncertainty[wrong]), abs=1e-4)
    for row, of_trace in zip(baseline, rows[1:], strict=True):
        assert row["lead_auroc"] == pytest.approx(of_trace["auroc"] - row["auroc"], abs=2e-4)
        assert row["lead_low"] <= row["lead_auroc"] <= row["lead_high"]
    assert [row["images"] for row in rows] == [
        correct["images"],
        uncertain["images"] + confident["images"],
        confident["images"],
    ]
    assert rows[0]["trace"] == pytest.approx(correct["trace"], abs=1e-4)
    assert rows[2]["true"] == pytest.approx(confident["true"], abs=1e-4)
    assert all(0 <= row["low"] <= row["auroc"] <= row["high"] <= 1 for row in rows[1:])
