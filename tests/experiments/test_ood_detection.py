"""Tests of the experiment on OOD detection: every table against its definition on a few images."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

from experiments import _image_groups as f
from experiments import _ood_detectors as detectors
from experiments import _ood_scores as scores
from experiments import ood_detection as study
from experiments import ood_image_set
from experiments._image_groups import CONTROL, NEAR_OOD, NORMAL, make_generator
from experiments._paired_bootstrap import ImageResamples, interval, weighted_aurocs, weighted_detection_rates
from tests.experiments.test_image_groups import ColorClassifier, colored_images
from tutorial_course.results import load_result
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.metrics import auroc


@pytest.fixture(scope="module")
def features():
    """Return a small network and the features of training images, normal images, and a group of every family."""
    model = ColorClassifier().eval()
    x, labels = colored_images(60)
    labels = torch.where(torch.arange(60) < 12, (labels + 1) % 3, labels)  # misclassified
    dark = 0.5 * torch.rand(40, 1, 8, 8, generator=make_generator(1)).expand(-1, 3, -1, -1).clone()
    bright = 0.9 + 0.1 * torch.rand(40, 3, 8, 8, generator=make_generator(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f, "EPS", 0.35)  # so that attacks succeed
        attacked = list(f.adversarial_groups(model, x, labels, 0, 50))
    groups = [
        f.make_group(NORMAL, NORMAL, x, labels, torch.arange(60)),
        f.make_group("grey", NEAR_OOD, dark),
        f.make_group("bright", "textures", bright),
        *list(f.corruption_groups(x, labels, 0, 6))[:2],
        *attacked,
    ]
    train = f.make_group("train", NORMAL, *colored_images(90, 5))
    rename = lambda s: s._replace(name=study.ATTACK_NAMES.get(s.name, s.name))
    train, normal, *sets = (rename(f.extract_features(model, s)) for s in [train, *groups])
    return model, train, normal, sets, scores.fit_scores(train, model.head)


def test_weighted_metrics_equal_repeated_images():
    generator = make_generator(0)
    normal, abnormal = (torch.randint(6, (n,), generator=generator).double() for n in (40, 30))
    weights = [torch.randint(3, (1, n), generator=generator).double() for n in (40, 30)]
    repeated = [s.repeat_interleave(w[0].long()) for s, w in zip((normal, abnormal), weights, strict=True)]
    assert weighted_aurocs(normal, abnormal, weights).item() == pytest.approx(auroc(*repeated))
    threshold = u.threshold_at_tpr(repeated[0])
    expected = (repeated[1] > threshold).double().mean().item()
    assert weighted_detection_rates(normal, abnormal, weights).item() == pytest.approx(expected)


def test_image_resamples_give_copies_of_an_image_the_same_weight():
    resamples = ImageResamples(torch.tensor([4, 4, 9, 7]), make_generator(0), n_resamples=50)
    first, second = resamples.weights(torch.tensor([4, 7])), resamples.weights(torch.tensor([7, 9, 4]))
    assert torch.equal(first[0], torch.ones(2, dtype=torch.float64))
    assert torch.equal(first[:, 0], second[:, 2]) and torch.equal(first[:, 1], second[:, 0])
    assert (first[:, 0] + first[:, 1] + second[:, 1] == 3).all()


def test_interval_matches_bootstrap_standard_error():
    generator = make_generator(3)
    normal, abnormal = torch.randn(300, generator=generator), 1 + torch.randn(200, generator=generator)
    ids = torch.arange(500)
    resamples = ImageResamples(ids, generator, n_resamples=400)
    aurocs = weighted_aurocs(normal, abnormal, (resamples.weights(ids[:300]), resamples.weights(ids[300:])))
    found = interval(aurocs)
    assert found["lead"] == pytest.approx(auroc(normal, abnormal))
    a = found["lead"]  # the standard error of Hanley and McNeil
    pairs = a * (1 - a) + 199 * (a / (2 - a) - a**2) + 299 * (2 * a**2 / (1 + a) - a**2)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * (pairs / (300 * 200)) ** 0.5, rel=0.25)


def test_near_ood_group_leaves_out_shared_classes(tmp_path, monkeypatch):
    import numpy as np

    images = np.arange(4, dtype=np.uint8)[:, None, None, None] + np.zeros((4, 32, 32, 3), np.uint8)
    overlap = np.array(["", "cat"])
    np.savez(tmp_path / "tinyimagenet-val.npz", images=images, labels=np.array([0, 1, 0, 1]), cifar10_overlap=overlap)
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path))
    (group,) = f.near_ood_groups("cpu", 10)
    assert (group.name, group.family, group.images.shape) == ("tinyimagenet", NEAR_OOD, (2, 3, 32, 32))
    assert (255 * group.images[:, 0, 0, 0]).round().tolist() == [0, 2]


def test_all_scores_cover_both_kinds_and_match_library(features):
    _, train, normal, sets, fitted = features
    found = scores.all_scores(normal, fitted)
    assert found.keys() == scores.all_scores(sets[0], fitted).keys()
    z, h = normal.z.double(), normal.h.double()
    torch.testing.assert_close(found["max logit"], -z.amax(1))
    median = u.energy_score(train.z.double()).median()
    torch.testing.assert_close(found["two-sided energy"], (u.energy_score(z) - median).abs())
    torch.testing.assert_close(found["GradNorm"], u.gradnorm_score(z, h))
    unit = lambda h: h / h.norm(dim=1, keepdim=True)
    nearest = torch.cdist(unit(normal.h), unit(train.h)).sort(1).values[:, 49]
    torch.testing.assert_close(found["KNN"].float(), nearest, rtol=1e-3, atol=1e-5)
    kinds = {name: scores.needs_no_gradient(name) for name in found}
    assert not any(kinds[name] for name in (*scores.GRADIENT_SCORES, "dropout"))
    assert all(kinds[name] for name in ("max softmax", "KNN", "ViM", "ReAct", "ASH", "SCALE", scores.ACTIVATION_NORMS))


def test_score_rows_match_sklearn_and_lead_rows_are_differences(features):
    _, _, normal, sets, fitted = features
    rows = study.score_rows("here", normal, sets, fitted, 0)
    energy = lambda s: u.energy_score(s.z.double())
    for s in sets:
        (row,) = [r for r in rows if r["kind"] == "score" and r["set"] == s.name and r["metric"] == "auroc"]
        is_abnormal = [0] * len(normal.z) + [1] * len(s.z)
        assert row["energy"] == pytest.approx(
            roc_auc_score(is_abnormal, torch.cat([energy(normal), energy(s)])), abs=1e-3
        )
    by_task = {(r["metric"], r["task"]): r for r in rows if r["kind"] == "task"}
    assert {"FGSM", "textures", "corruptions", study.MISCLASSIFIED} <= {task for _, task in by_task}
    corruptions = [
        r["energy"] for r in rows if r["kind"] == "score" and r["family"] == "corruptions" and r["metric"] == "auroc"
    ]
    assert by_task["auroc", "corruptions"]["energy"] == pytest.approx(sum(corruptions) / len(corruptions), abs=1e-3)
    for row in (r for r in rows if r["kind"] == "lead" and r["task"] in study.TASKS):
        values = by_task[row["metric"], row["task"]]
        assert row["lead"] == pytest.approx(values[row["score"]] - values[row["reference"]], abs=2e-3)
        assert row["low"] <= row["lead"] <= row["high"]


def test_best_score_rows_choose_and_compare_on_different_images(features):
    _, _, normal, sets, fitted = features
    rows = study.best_score_rows("here", normal, sets, fitted, 0)
    assert {r["task"] for r in rows} >= {"textures", "corruptions", "FGSM"}
    for row in rows:
        assert scores.needs_no_gradient(row["best forward score"])
        assert row["best gradient score"] in scores.GRADIENT_SCORES
        assert row["lead"] == pytest.approx(row["gradient auroc"] - row["forward auroc"], abs=2e-3)
    (row,) = [r for r in rows if r["task"] == "textures"]
    assert (row["normal"], row["abnormal"]) == (30, 20) or row["normal"] + row["abnormal"] == 50


def test_layer_and_factor_rows_match_norms(features):
    model, _, normal, sets, _ = features
    rows = study.layer_rows("here", model, normal, sets)
    assert [r["layer"] for r in rows if r["norm of"] == "gradient"] == ["conv", "head"]
    grey = sets[0]
    head = lambda s: s.ones[:, 2:].square().sum(1)
    (row,) = [r for r in rows if (r["norm of"], r["layer"]) == ("gradient", "head")]
    expected = roc_auc_score([0] * 60 + [1] * 40, torch.cat([head(normal), head(grey)]))
    assert row[NEAR_OOD] == pytest.approx(expected, abs=1e-3)
    by_set = {r["set"]: r for r in study.factor_rows("here", normal, sets)}
    assert by_set[NORMAL]["auroc of sum of squared norms"] == 0.5
    delta = (grey.z.double().sigmoid() - 1) / 3
    assert by_set[NEAR_OOD]["median norm of delta"] == pytest.approx(delta.norm(dim=1).median().item(), rel=1e-3)
    # The norm of the gradient of the last layer is the product of both norms.
    torch.testing.assert_close(
        grey.ones[:, 2].double(), delta.norm(dim=1) * grey.h.double().norm(dim=1), rtol=1e-4, atol=0
    )


def test_shifted_model_changes_gradient_norms_but_no_probability(features):
    model, *_ = features
    x, _ = colored_images(6)
    shifted = study.shifted_model(model, x, 4.0)
    probabilities = [g.model_outputs(m, x).softmax(1) for m in (model, shifted)]
    torch.testing.assert_close(*probabilities)
    norms = [u.confounding_gradient_norms(m, x) for m in (model, shifted)]
    assert (norms[0] > 1.5 * norms[1]).all()


def test_detector_rows_cover_every_group_and_training_set(features, monkeypatch):
    _, _, normal, sets, fitted = features
    fit_sizes = []
    original_fit = u.PurviewDetector.fit

    def record(self, a, b, **options):
        fit_sizes.append((len(a), len(b)))
        return original_fit(self, a, b, **options)

    monkeypatch.setattr(u.PurviewDetector, "fit", record)
    monkeypatch.setattr(detectors, "N_PER_FAMILY", 15)
    monkeypatch.setattr(detectors, "MLP_EPOCHS", 2)
    monkeypatch.setattr(detectors, "N_SPLITS", 2)
    original_split, splits = detectors.aurocs_of_split, []

    def keep(*args):
        splits.append(original_split(*args))
        return splits[-1]

    monkeypatch.setattr(detectors, "aurocs_of_split", keep)
    rows = detectors.detector_rows("here", normal, sets, fitted.statistics, 0, deep=False)
    found = [r for r in rows if r["kind"] == "detector"]
    abnormal_groups = [s.name for s in sets if s.family != CONTROL]
    assert {r["set"] for r in found} == set(abnormal_groups)
    assert {r["trained"] for r in found} == {"own type", "own family", "other families"}
    assert len(found) == 3 * len(abnormal_groups)
    inputs = ("gradient norms", "activation norms", "six scores", "features")
    assert all(0 <= r[name] <= 1 for r in found for name in inputs)
    assert max(b for _, b in fit_sizes) <= 3 * 15  # at most 15 of each of three other families
    for row in found:  # the mean over splits
        values = [split[row["trained"], row["set"], row["family"]] for split in splits]
        assert row["features"] == pytest.approx(sum(float(v["features"][0]) for v in values) / 2, abs=1e-3)
    assert any(not torch.equal(a[k]["features"], b[k]["features"]) for a, b in [splits] for k in a)
    by_task = {(r["trained"], r["task"]): r for r in rows if r["kind"] == "detector task"}
    assert {task for _, task in by_task} == {NEAR_OOD, "textures", "corruptions", "FGSM"}
    for (trained, task), row in by_task.items():
        types = [r for r in found if r["trained"] == trained and task in (r["family"], r["set"])]
        for name in inputs:
            assert row[name] == pytest.approx(sum(r[name] for r in types) / len(types), abs=2e-3)
    for row in (r for r in rows if r["kind"] == "detector lead"):
        values = by_task[row["trained"], row["family"]]
        assert row["lead"] == pytest.approx(values[row["score"]] - values[row["reference"]], abs=2e-3)
    deep = detectors.detector_rows("here", normal, sets, fitted.statistics, 0, deep=True)
    two_layer = "gradient norms, two-layer network"
    assert all((two_layer in r) == (r["trained"] != "own type") for r in deep if r["kind"] == "detector")


def test_intervals_of_detectors_contain_the_spread_over_splits_and_over_test_images():
    generator = make_generator(0)
    splits = [0.6 + 0.1 * i + 0.02 * torch.randn(201, generator=generator, dtype=torch.float64) for i in range(3)]
    others = [values - 0.05 + 0.01 * torch.randn(201, generator=generator).double() for values in splits]
    pooled = {"gradient norms": detectors.pool_splits(splits), "activation norms": detectors.pool_splits(others)}
    resampled = {("other families", "PGD", "attacks"): pooled}
    (row,) = detectors.task_rows("here", resampled)
    assert (row["trained"], row["task"]) == ("other families", "PGD")
    assert row["gradient norms"] == pytest.approx(sum(values[0].item() for values in splits) / 3, abs=1e-3)
    # The variance is that over test images plus that over the splits 0.6, 0.7 and 0.8.
    assert row["gradient norms_sd"] == pytest.approx((0.02**2 + 0.02 / 3) ** 0.5, abs=5e-3)
    (lead,) = detectors.lead_rows("here", resampled)  # paired, so that the spread of both over splits cancels
    assert lead["lead"] == pytest.approx(0.05, abs=0.02)
    assert 0.03 < lead["high"] - lead["low"] < 0.05


def test_detector_rows_repeat_the_training_for_the_given_number_of_splits(features, monkeypatch):
    _, _, normal, sets, fitted = features
    seeds = []

    def record(pool, inputs, resamples, seed, deep):
        seeds.append(seed)
        return {("own type", "grey", NEAR_OOD): {"features": torch.full((3,), 0.5 + seed / 10)}}

    monkeypatch.setattr(detectors, "aurocs_of_split", record)
    rows = detectors.detector_rows("here", normal, sets, fitted.statistics, 1, deep=False, n_splits=3)
    assert seeds == [3, 4, 5] and rows[0]["features"] == pytest.approx(0.9)
    detectors.detector_rows("here", normal, sets, fitted.statistics, 0, deep=False)
    assert seeds[3:] == list(range(detectors.N_SPLITS))


def test_resampling_rows_compare_with_unchanged_and_resampled_normal_images(features):
    model, _, normal, sets, fitted = features
    x, labels = colored_images(60)
    resampled = f.extract_features(model, f.resampled_group(x[:30]))
    gtsrb = sets[0]._replace(name="gtsrb")
    rows = ood_image_set.resampling_rows("here", normal, [gtsrb, sets[1], resampled], fitted, 0)
    assert [(r["set"], r["normal images"]) for r in rows] == [("gtsrb", "unchanged"), ("gtsrb", "resampled")]
    abnormal = scores.all_scores(gtsrb, fitted)
    for row, clean in zip(rows, (normal.rows(torch.arange(30)), resampled), strict=True):
        usual = scores.all_scores(clean, fitted)
        for name in (scores.ACTIVATION_NORMS, scores.GRADIENT_NORMS):
            expected = roc_auc_score([0] * 30 + [1] * 40, torch.cat([usual[name], abnormal[name]]))
            assert row[name] == pytest.approx(expected, abs=1e-3)
        difference = row[scores.ACTIVATION_NORMS] - row[scores.GRADIENT_NORMS]
        assert row["lead"] == pytest.approx(difference, abs=2e-3) and row["low"] <= row["lead"] <= row["high"]


def test_confirmation_rows_compare_the_chosen_scores_on_the_given_images(features):
    _, _, normal, sets, fitted = features
    chosen = [
        {"kind": "best", "task": task, "best forward score": "energy", "best gradient score": "ExGrad"}
        for task in (NEAR_OOD, "far OOD")
    ]
    (row,) = ood_image_set.confirmation_rows(chosen, normal, sets, fitted, 0)  # no far OOD images
    values = study.paired_scores(normal, sets[0], fitted)
    assert (row["kind"], row["task"], row["abnormal"]) == ("confirmation", NEAR_OOD, len(sets[0].z))
    assert row["gradient auroc"] == pytest.approx(auroc(*values["ExGrad"]), abs=1e-3)
    assert row["lead"] == pytest.approx(auroc(*values["ExGrad"]) - auroc(*values["energy"]), abs=1e-3)


def test_table_of_the_second_image_set_is_complete():
    table = load_result("ood_image_set")
    for network in study.CIFAR_NETWORKS:
        here = table[table["network"] == network]
        tasks = here.query("kind == 'task' and metric == 'auroc'")["task"]
        assert {*study.TASKS, study.MISCLASSIFIED} <= set(tasks)
        assert set(here.query("kind == 'detector task' and trained == 'other families'")["task"]) == set(study.TASKS)
        resampling = here.query("kind == 'resampling' and set == 'gtsrb'").set_index("normal images")
        assert set(resampling.index) == {"unchanged", "resampled"}
        assert resampling["distance of activation norms"].nunique() == 2
    columns = ["network", "task", "best forward score", "best gradient score"]
    chosen = load_result("ood_detection").query("kind == 'best'")[columns]
    assert table.query("kind == 'confirmation'")[columns].values.tolist() == chosen.values.tolist()


def test_sentences_of_sections_3_a_and_3_h_follow_from_both_image_sets():
    first, second = load_result("ood_detection"), load_result("ood_image_set")
    inputs = ["gradient norms", "activation norms", "six scores", "features", "gradient norms, two-layer network"]
    rows = [
        t.query("kind == 'detector task' and trained == 'other families'").set_index(["network", "task"])
        for t in (first, second)
    ]
    small, large = study.CIFAR_NETWORKS
    assert all((t.loc[(small, "PGD"), inputs] < 0.25).all() for t in rows)
    pgd, other_pgd = (t.loc[(large, "PGD")] for t in rows)
    assert (pgd[inputs[:2]] > 0.55).all() and (other_pgd[inputs] < 0.45).all()
    assert all(pgd[name] - other_pgd[name] > max(t[f"{name}_sd"] for t in (pgd, other_pgd)) for name in inputs)
    assert all(t.loc[(small, "far OOD"), inputs[4]] > t.loc[(small, "far OOD"), inputs[0]] + 0.1 for t in rows)
    leads = second.query("kind == 'resampling'").set_index(["network", "set", "normal images"])
    assert all(leads.loc[(name, "gtsrb", "unchanged"), "low"] > 0 for name in study.CIFAR_NETWORKS)
    assert all(leads.loc[(name, "gtsrb", "resampled"), "lead"] < 0 for name in study.CIFAR_NETWORKS)
    near = [leads.loc[(name, "tinyimagenet", "resampled"), "low"] for name in study.CIFAR_NETWORKS]
    assert near[0] > 0 > near[1]
    digits = [leads.loc[(name, "mnist", "resampled"), "high"] for name in study.CIFAR_NETWORKS]
    assert digits[0] < 0 < digits[1] and leads.loc[(large, "gtsrb", "resampled"), "high"] < 0


def test_sentences_of_section_3_7_follow_from_both_image_sets():
    tables = (load_result("ood_detection").query("kind == 'best'"), load_result("ood_image_set"))
    first, second = (t.set_index(["task", "network"]) for t in (tables[0], tables[1].query("kind == 'confirmation'")))
    signs, photographs = list(study.SIGN_NETWORKS), list(study.CIFAR_NETWORKS)
    far = [t.loc["far OOD"].loc[signs] for t in (first, second)]
    assert all((t["low"].iloc[1:] > 0).all() and t["low"].iloc[0] < 0 for t in far)
    assert all((t["best gradient score"] == scores.GRADIENT_NORMS).all() for t in far)
    assert all((t["forward auroc"] > 0.98).all() and (t["lead"] < 0.02).all() for t in far)
    # In no other comparison is a gradient score better on both sets of images.
    confirmed = first.index[(first["low"] > 0) & (second.loc[first.index, "low"] > 0)]
    assert set(confirmed) == {("far OOD", name) for name in signs[1:]}
    for task, networks in (("PGD", signs + photographs), (NEAR_OOD, signs), ("textures", photographs)):
        leads = [t.loc[task].loc[networks] for t in (first, second)]
        assert (leads[0]["lead"] < 0).all() and (leads[1]["high"] < 0).all()
    assert (first.loc["textures"].loc[photographs, "high"] < 0).all()
    fgsm = [t.loc["FGSM"].loc[signs + photographs] for t in (first, second)]
    contains_zero = [t.index[(t["low"] <= 0) & (t["high"] >= 0)].tolist() for t in fgsm]
    assert contains_zero == [signs[1:2], [signs[1], photographs[0]]]
    rest = [t.loc[task] for t in (first, second) for task in (study.MISCLASSIFIED, "corruptions")]
    below = sum((t["high"] < 0).sum() for t in rest)
    assert 0 < below < sum(map(len, rest)) / 2 and not any((t["low"] > 0).any() for t in rest)


def test_ood_detection_table_is_complete():
    table = load_result("ood_detection")
    networks = (*study.SIGN_NETWORKS, *study.CIFAR_NETWORKS)
    assert table.query("kind == 'network'")["network"].tolist() == list(networks)
    for network in networks:
        here = table[table["network"] == network]
        tasks = here.query("kind == 'task' and metric == 'auroc'")
        assert {*study.TASKS, study.MISCLASSIFIED} <= set(tasks["task"])
        assert set(here.query("kind == 'best'")["task"]) == {*study.TASKS, study.MISCLASSIFIED}
        assert (here.query("kind == 'detector task'").groupby("task")["trained"].nunique() == 3).all()
        assert (here["kind"] == "layer").sum() == 2 * here.query("kind == 'network'")["layers"].item()
        assert set(here.query("kind == 'logit shift'")["shift"]) == set(study.SHIFTS)
    assert len(table.attrs["provenance"]["data"]) >= 6
