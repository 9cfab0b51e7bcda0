"""Tests of the experiment on uncertainty: every table against its definition on a few images, and the stored table."""

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from experiments import _image_groups as f
from experiments import _ood_detectors as detectors
from experiments import _trust_and_open_set as answers
from experiments import uncertainty as study
from experiments._image_groups import CONTROL, NORMAL, make_generator
from tutorial_course.results import assert_reproduces, load_result
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import CORRUPTIONS, NOVEL_SIGNS, SEVERITIES, load
from tutorial_lib.models import load as network_of


class ColorClassifier(nn.Module):
    """A small network with confident predictions: the logit of class c grows with the brightness of channel c."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 3)
        with torch.no_grad():
            self.conv.weight[:3] *= 0.2
            for c in range(3):
                self.conv.weight[c, c, 1, 1] = 2.0
                self.head.weight[c, c] = 8.0

    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))


def colored_images(n, seed=0):
    labels = torch.arange(n) % 3
    x = 0.3 * torch.rand(n, 3, 8, 8, generator=make_generator(seed))
    x[torch.arange(n), labels] += 0.6
    return x, labels


@pytest.fixture(scope="module")
def group_features():
    """Return a small network and the features of normal images and of a group of every family."""
    model = ColorClassifier().eval()
    x, labels = colored_images(60)
    images = torch.arange(60)
    normal = f.extract_features(model, f.make_group(NORMAL, NORMAL, x, labels, images))
    train_features = f.extract_features(model, f.make_group("train", NORMAL, *colored_images(90, 5)))
    sets = [
        f.make_group(
            "grey",
            "other datasets",
            0.5 * torch.rand(40, 1, 8, 8, generator=make_generator(1)).expand(-1, 3, -1, -1).clone(),
        )
    ]
    sets += [f.make_group("bright", "textures", 0.9 + 0.1 * torch.rand(40, 3, 8, 8, generator=make_generator(2)))]
    sets += list(f.corruption_groups(x, labels, 0, 6))[:2] + list(f.adversarial_groups(model, x, labels, 0, 50))
    return model, normal, f.fit_statistics(train_features), [f.extract_features(model, s) for s in sets]


def test_corruption_groups_keep_image_ids():
    x, labels = colored_images(12)
    sets = list(f.corruption_groups(x, labels, 0, 4))
    assert [s.name for s in sets] == list(CORRUPTIONS)
    for s in sets:
        assert s.images.shape == (20, 3, 8, 8) and s.level.tolist() == [level for level in SEVERITIES for _ in range(4)]
        assert torch.equal(s.labels, labels[s.image_ids])
    noise = sets[CORRUPTIONS.index("noise")]
    corrupted = f.corrupt(x[torch.arange(4, 8)], "noise", 2, generator=make_generator(0))
    torch.testing.assert_close(noise.images[4:8], corrupted)
    far = [
        f.make_group(name, "other datasets", x) for name in ("gtsrb", "mnist", "tsrgb")
    ]  # the last name is an anagram of the first
    image_ids = torch.cat([s.image_ids for s in (*far, sets[0])])
    assert len(image_ids.unique()) == 3 * 12 + 12 and torch.equal(
        far[0].image_ids, f.make_group("gtsrb", "other datasets", x).image_ids
    )


def test_adversarial_groups_keep_only_successful_attacks(group_features):
    model, *_ = group_features
    x, labels = colored_images(60)
    labels = torch.where(torch.arange(60) < 6, (labels + 1) % 3, labels)  # misclassified before the attack
    for s in f.adversarial_groups(model, x, labels, 0, 50):
        assert (s.images - x[s.image_ids]).abs().max() <= f.EPS + 1e-6 and (s.image_ids >= 6).all()
        predictions = g.model_outputs(model, s.images).argmax(1)
        if s.family == "attacks":
            assert (predictions != s.labels).all()
        else:
            assert s.family == CONTROL and len(s.images) == 50


def test_extract_features_matches_library(group_features):
    model, normal, statistics, sets = group_features
    x, _ = colored_images(60)
    torch.testing.assert_close(normal.ones, u.confounding_gradient_norms(model, x, group_by="tensor"))
    torch.testing.assert_close(
        normal.uniform, u.confounding_gradient_norms(model, x, activation="softmax", group_by="tensor")
    )
    assert f.unsupervised_scores(normal, statistics).keys() == f.unsupervised_scores(sets[0], statistics).keys()
    scores, log = f.detector_inputs(normal, statistics)["six scores"]
    assert scores.shape == (60, 6) and scores.isfinite().all() and not log
    assert torch.equal(f.detector_inputs(normal, statistics)["features"][0], normal.h)


def test_score_rows_match_sklearn_auroc(group_features):
    _, normal, statistics, sets = group_features
    rows = study.score_rows(study.CIFAR, normal, sets, statistics)
    for s in sets:
        (row,) = [r for r in rows if r["set"] == s.name and r["level"] == 0]
        is_abnormal = [0] * len(normal.z) + [1] * len(s.z)
        energy = torch.cat([u.energy_score(normal.z.double()), u.energy_score(s.z.double())])
        assert row["energy"] == pytest.approx(roc_auc_score(is_abnormal, energy), abs=1e-3)
        assert (row["normal"], row["abnormal"]) == (len(normal.z), len(s.z))
    assert {r["level"] for r in study.score_rows("here", normal, sets, statistics)} == {0}
    corruption_rows = [r for r in rows if r["family"] == "corruptions"]
    assert len(corruption_rows) == 2 * (1 + len(SEVERITIES)) and {r["abnormal"] for r in corruption_rows} == {30, 6}


def test_blur_transfer_rows_are_complete(group_features):
    model, normal, statistics, sets = group_features
    x, labels = colored_images(60)
    blurred = f.make_group(
        NORMAL, NORMAL, f.corrupt(x, *study.MILD_SEVERITY, generator=make_generator(0)), labels, torch.arange(60)
    )
    rows = study.blur_transfer_rows("here", normal, f.extract_features(model, blurred), sets, statistics, 0)
    assert len(rows) == 4 * 2 and all(0 <= r["accuracy"] <= 1 and 0 <= r["auroc"] <= 1 for r in rows)
    assert all(
        r["auroc"] == pytest.approx(sum(r[f"auroc {level}"] for level in SEVERITIES) / 5, abs=2e-3) for r in rows
    )


def test_trust_rows_separate_correct_from_wrong():
    z = torch.tensor([[4.0, 0, 0], [3, 0, 0], [0, 2, 0], [0.2, 0, 0.1]])
    rows = study.trust_rows("here", "synthetic", z, torch.tensor([0, 0, 1, 1]))
    assert {r["auroc"] for r in rows if r["trust"] in ("max softmax", "margin", "GradTrust, 1 counterfactual")} == {1.0}
    assert all(r["wrong"] == 1 and r["risk"] == 0.25 and r["low"] <= r["auroc"] <= r["high"] for r in rows)
    assert {r["risk at half"] for r in rows if r["trust"] == "margin"} == {0.0}
    assert study.trust_rows("here", "synthetic", z, z.argmax(1)) == []
    K = 2 * torch.eye(3).expand(4, 1, 3, 3)
    rows = study.trust_rows("here", "synthetic", z, torch.tensor([0, 0, 1, 1]), torch.ones(4, 2), K)
    with_gram = {r["trust"]: r["auroc"] for r in rows}
    assert with_gram["GradTrust, 1 counterfactual, all layers"] == with_gram["GradTrust, 1 counterfactual"] == 1.0


def test_open_set_rows_choose_threshold_on_held_out_half(group_features):
    _, normal, statistics, sets = group_features
    detectors = {"ideal": lambda s: torch.where(s.labels < 0, 9.0, -9.0)}
    rows = study.open_set_rows("here", normal, sets[0], statistics, detectors)
    assert all(r["known"] == 30 and r["unknown"] == 30 for r in rows)
    by_score = {(r["score"], r["threshold"]): r for r in rows}
    no_threshold = by_score["answers all", "none"]
    assert no_threshold["accuracy"] <= 0.5 and no_threshold["unknown accepted"] == 1
    perfect = by_score["detector, ideal", "published"]
    assert perfect["auroc"] == 1 and perfect["unknown accepted"] == 0
    assert perfect["accuracy"] == pytest.approx(no_threshold["accuracy"] + 0.5, abs=2e-3)
    half = u.group_train_mask(normal.image_ids, generator=make_generator(0))
    threshold = u.threshold_at_tpr(u.energy_score(normal.z.double()[half]), answers.PASS_RATE)
    accepted = (u.energy_score(normal.z.double()[~half]) <= threshold).double().mean().item()
    assert by_score["energy", "95% of normal"]["known accepted"] == pytest.approx(accepted, abs=1e-3)


def test_autoencoder_features_have_expected_shapes():
    x, _ = load("signs", "test", limit=3)
    features = f.autoencoder_features(network_of("signs/autoencoder"), x)
    assert features["code"].shape == (3, 16 * 6 * 6) and features["decoder"].shape == (3, 3 * 24 * 9 + 3)
    assert features["decoder"].abs().sum(1).min() > 0


@pytest.mark.slow
def test_network_rows_are_reproducible_and_match_stored_results(monkeypatch):
    tiny = {"NORMALS": 56, "TRAIN": 56, "N_ATTACKED": 20, "N_FAR_OOD": 12, "N_PER_GROUP": {"signs/classifier": 3}}
    for name, value in tiny.items():
        monkeypatch.setattr(study, name, value)
    monkeypatch.setattr(study, "OOD_DATASETS", {})
    monkeypatch.setattr(f, "NOVEL_SIGNS", NOVEL_SIGNS[:2])
    monkeypatch.setattr(f, "CORRUPTIONS", ("noise", "haze"))
    model = network_of("signs/classifier")
    rows, _ = study.network_rows("signs/classifier", model, 0, "cpu")
    assert rows == study.network_rows("signs/classifier", model, 0, "cpu")[0]
    table = load_result("uncertainty")
    here = table[table["network"] == "signs/classifier"]
    for kind in {r["kind"] for r in rows}:
        row = next(r for r in rows if r["kind"] == kind)
        assert row.keys() <= set(here[here["kind"] == kind].dropna(axis="columns", how="all")), kind
    # The few images reproduce the stored results within their statistical uncertainty.
    right = here.query("kind == 'network'")["accuracy"]
    assert_reproduces(table, [rows[0]["accuracy"]], right, n_fresh=56, n_stored=1_000)
    areas = [r for r in rows if r["kind"] == "score"]
    scores = here.query("kind == 'score' and level == 0").set_index("set")
    for name in NOVEL_SIGNS[:2]:
        fresh, stored = next(r for r in areas if r["set"] == name), scores.loc[name]
        values = ([r[score] for score in ("max softmax", "energy", "GradNorm", "odin")] for r in (fresh, stored))
        assert_reproduces(table, *values, n_fresh=56, n_stored=1_000)
        with pytest.raises(AssertionError, match="python -m experiments uncertainty"):
            assert_reproduces(table, [1 - fresh["energy"]], [stored["energy"]], n_fresh=56, n_stored=1_000)


def test_uncertainty_table_is_complete():
    table = load_result("uncertainty")
    networks = (*study.SIGN_NETWORKS, study.SECOND_MODEL, study.CIFAR)
    assert table.query("kind == 'network'")["network"].tolist() == list(networks)
    for network in networks:
        here = table[table["network"] == network]
        scores = here.query("kind == 'score'")
        sets = scores.query("level == 0")
        families = set(sets["family"])
        assert families - {"novel"} == {"textures", "other datasets", "corruptions", "attacks", CONTROL}
        assert ("novel" in families) == (network != study.CIFAR)
        assert set(sets.query("family == 'corruptions'")["set"]) == set(CORRUPTIONS)
        levels = len(SEVERITIES) if network in study.N_PER_GROUP else 0
        assert len(scores.query("family == 'corruptions'")) == 12 * (1 + levels)
        tested = here[here["in the 2019 paper"] == True]  # noqa: E712
        assert set(tested["set"]) == set(detectors.TEST_CORRUPTIONS)
    for network in (*study.SIGN_NETWORKS, study.CIFAR):
        here = table[table["network"] == network]
        assert set(here.query("kind == 'trust'")["images"]) == {"clean", "level 3"}
        assert not here.query("kind == 'open set' and score == 'answers all'").empty
    assert not table.query("kind == 'trust' and network == @study.IMAGENET_MODEL").empty
    assert len(table.attrs["provenance"]["data"]) >= 5
