import copy

import pytest
import torch
from torch import nn

from experiments import _attack_detectors as detectors
from experiments import attacks
from tutorial_course.results import load_result
from tutorial_lib import uncertainty as U
from tutorial_lib.gradients import confounding_label_loss, last_linear_layer, model_outputs, per_sample_gradient_norms
from tutorial_lib.metrics import auroc
from tutorial_lib.models import load


@pytest.fixture(scope="module")
def attack_case():
    return attacks.select_correct(attacks.SIGNS[0], 28, "cpu")


def test_select_correct_keeps_only_correctly_classified_images(attack_case):
    model, x, y = attack_case
    assert len(x) == 28 and torch.equal(model_outputs(model, x).argmax(1), y)


def test_success_by_budget_grows_and_exceeds_noise(attack_case, monkeypatch):
    monkeypatch.setattr(attacks, "BUDGETS", (1, 16))
    rows = attacks.success_by_budget("here", *attack_case, 0)
    found = {(row["attack"], row["budget"]): row for row in rows}
    for attack in ("FGSM", "PGD"):
        assert found[attack, 1]["success"] < found[attack, 16]["success"]
        assert found["noise", 16]["success"] < found[attack, 16]["success"]
        assert found[attack, 16]["L2"] <= found["noise", 16]["L2"] + 0.1
    model, x, y = attack_case
    fooled = U.attack_success(model, x, U.fgsm(model, x, y, eps=16 / 255), y)[1]
    assert found["FGSM", 16]["success"] == pytest.approx(fooled.double().mean().item(), abs=1e-4)
    assert found["noise", 1]["sure of the wrong"] is None
    sure = lambda z: z.softmax(1).amax(1).double()
    z = model_outputs(model, U.fgsm(model, x, y, eps=16 / 255))
    rose = (sure(z) > sure(model_outputs(model, x)))[fooled]
    assert found["FGSM", 16]["surer than before"] == pytest.approx(rose.double().mean().item(), abs=1e-4)


def test_minimal_perturbations_noise_control_has_equal_norm(attack_case, monkeypatch):
    kept = []
    monkeypatch.setattr(U, "random_noise", lambda x, **k: kept.append(k) or x)
    monkeypatch.setattr(attacks, "MINIMAL_ATTACKS", 1)
    model, x, y = attack_case
    deep, searched = attacks.minimal_perturbations("here", model, x[:3], y[:3], 0)
    torch.testing.assert_close(kept[0]["eps"], attacks.perturbation_norms(U.deepfool(model, x[:3], y[:3]), x[:3]))
    assert kept[0]["norm"] == 2 and deep["success"] == searched["success"] == 1 and deep["noise"] == 0
    assert searched["L2"] < deep["L2"]


def test_transferability_counts_images_correct_for_both_models(attack_case):
    model, x, y = attack_case
    y = y.clone()
    y[:4] = (y[:4] + 1) % 14
    models = {"a": model, "b": load(attacks.SIGNS[1])}
    rows = attacks.transferability(models, x, y, 0)
    right = {name: model_outputs(m, x).argmax(1) == y for name, m in models.items()}
    assert not right["a"][:4].any()
    found = {(r["network"], r["to"], r["attack"]): r for r in rows}
    assert len(found) == 12 and found["a", "b", "PGD"]["pictures"] == (right["a"] & right["b"]).sum()
    assert found["a", "a", "PGD"]["success"] > found["a", "b", "PGD"]["success"] >= found["a", "b", "noise"]["success"]


def synthetic_features(shift):
    """Forty pictures and three families: one that moves the readings, one that moves them back, and noise that does nothing."""
    draw = lambda seed: torch.randn(40, 3, generator=detectors.make_generator(seed)).abs() + 1
    parts = [draw(1), draw(2) + shift, (draw(3) - shift).clamp(min=0.01), draw(1)]
    values = torch.cat(parts)
    readings = dict.fromkeys((detectors.LOGIT_SCORES, detectors.FEATURES, detectors.GRADIENTS), values)
    readings |= dict.fromkeys(detectors.FITTED_FREE_SCORES, values[:, 0])
    family, image = torch.arange(4).repeat_interleave(40), torch.arange(40).repeat(4)
    return detectors.DetectorInputs(readings, family, image, ["normal", "up", "down", "noise"])


def test_transfer_matrix_separates_own_from_other_attacks(monkeypatch):
    monkeypatch.setattr(detectors, "SPLITS", 2)
    monkeypatch.setattr(
        detectors, "fit_detector", lambda reading: U.PurviewDetector(log=reading == detectors.GRADIENTS)
    )
    rows = detectors.transfer_matrix("here", synthetic_features(3.0), 0)
    found = {(row["reading"], row["taught"], row["tested"]): row for row in rows}
    for reading in (detectors.LOGIT_SCORES, detectors.FEATURES, detectors.GRADIENTS):
        assert found[reading, "up", "up"]["auroc"] > 0.9 and found[reading, "down", "down"]["auroc"] > 0.9
        assert found[reading, "up", "down"]["auroc"] < 0.2 and found[reading, "all but down", "down"]["auroc"] < 0.2
        assert found[reading, "up", "noise"]["auroc"] == pytest.approx(0.5, abs=0.01)
        assert (reading, "all but down", "up") not in found and (reading, "all but noise", "noise") not in found
    assert found["energy", "nothing", "up"]["auroc"] > 0.9 and found["energy", "nothing", "up"]["splits"] == 2


def test_features_of_attacks_keep_successes_and_image_ids(attack_case):
    model, x, y = attack_case
    adversarial = x.clone()
    adversarial[5:9] = U.bim(model, x, y, eps=16 / 255)[5:9]
    found = detectors.features_of_attacks(model, x, y, {"noise": x, "mine": adversarial})
    assert found.of("noise").sum() == 28 and found.image_ids[found.of("mine")].tolist() == [5, 6, 7, 8]
    norms = per_sample_gradient_norms(model, adversarial[5:9], confounding_label_loss(), group_by="tensor")
    torch.testing.assert_close(found.readings[detectors.GRADIENTS][found.of("mine")], norms, rtol=1e-4, atol=1e-7)
    assert torch.equal(found.readings["energy"][:28], U.energy_score(model_outputs(model, x)))


@pytest.fixture(scope="module")
def fitted_detectors(attack_case):
    model, x, y = attack_case
    made = {"FGSM": U.fgsm(model, x, y, eps=8 / 255), "PGD": U.bim(model, x, y, eps=8 / 255)}
    found = detectors.features_of_attacks(model, x, y, made)
    learned = {}
    for reading in (detectors.FEATURES, detectors.GRADIENTS):
        values = found.readings[reading]
        learned[reading] = detectors.fit_detector(reading).fit(values[found.of("normal")], values[found.of("PGD")])
    return found, learned


def test_log_odds_match_detector_score(fitted_detectors):
    found, learned = fitted_detectors
    for reading, one in learned.items():
        values = found.readings[reading].double()
        torch.testing.assert_close(detectors.log_odds(one, values), one.score(values))


def test_detector_input_gradients_match_finite_differences(attack_case, fitted_detectors):
    model, x = copy.deepcopy(attack_case[0]).double(), attack_case[1][:2, :, 16:32, 16:32].double()
    known = detectors.detector_input_gradients(model, x[:1], fitted_detectors[1])
    readings = detectors.detector_features(model, x)
    expected = {name: one.score(readings[name]) for name, one in fitted_detectors[1].items()}
    expected |= {"energy": readings["energy"], "both": sum(expected.values())}
    assert known.keys() == expected.keys()
    for name, slope in known.items():
        score, rise = slope(x)
        torch.testing.assert_close(score, expected[name], rtol=1e-8, atol=1e-8)
        # So short a way that no rectifier switches on it.
        way = torch.randn(x.shape, generator=detectors.make_generator(1), dtype=x.dtype) * 1e-8
        climbed = (slope(x + way)[0] - slope(x - way)[0]) / 2e-8
        torch.testing.assert_close(climbed, (rise * way).flatten(1).sum(1) * 1e8, rtol=1e-3, atol=1e-4)


def test_classifier_with_detector_returns_logits_and_features(attack_case):
    model, x, _ = attack_case
    head = last_linear_layer(model, x)
    z, h = detectors.penultimate_features(model, x[:3])
    with torch.no_grad():
        torch.testing.assert_close(detectors.ClassifierWithDetector(model, head)(x[:3]), torch.cat([z, h], 1))
    assert not head._forward_pre_hooks


def test_adaptive_attack_fools_model_with_lower_detector_auroc(attack_case, fitted_detectors):
    model, x, y = attack_case
    slope = detectors.detector_input_gradients(model, x[:1], fitted_detectors[1])["energy"]
    plain = U.bim(model, x, y, eps=8 / 255)
    lost = model_outputs(model, plain).argmax(1) != y
    found, fell = detectors.adaptive_attack(model, x, y, slope, eps=8 / 255, steps=12)
    assert (found - x).abs().max() <= 8 / 255 + 1e-6 and found.min() >= 0 and found.max() <= 1
    assert torch.equal(model_outputs(model, found).argmax(1) != y, fell) and fell.sum() >= lost.sum() - 2
    normal = U.energy_score(model_outputs(model, x))
    seen = [
        auroc(normal, U.energy_score(model_outputs(model, images[who])))
        for images, who in ((plain, lost), (found, fell))
    ]
    assert seen[1] < seen[0] - 0.1
    assert torch.equal(found[~fell], x[~fell])


class ConstantClassifier(nn.Module):
    def forward(self, x):
        return torch.stack([x.flatten(1).mean(1) * 0 + 1, x.flatten(1).mean(1) * 0], 1)


def test_adaptive_attack_without_success_returns_input():
    x = torch.rand(2, 3, 4, 4, generator=detectors.make_generator(0))
    found, fell = detectors.adaptive_attack(
        ConstantClassifier(), x, torch.tensor([0, 0]), lambda x: (x.flatten(1).sum(1), x), eps=0.1, steps=3
    )
    assert not fell.any() and torch.equal(found, x)


def test_attacks_table_is_complete():
    kept = load_result("attacks")
    families = {"noise", "FGSM", "PGD", "PGD, L2", "PGD, first", "DeepFool"}
    for network in (*attacks.SIGNS, attacks.PHOTOS):
        for attack in ("noise", "FGSM", "PGD"):
            rows = kept.select(kind="budget", network=network, attack=attack)
            assert [row["budget"] for row in rows] == list(attacks.BUDGETS)
            if attack == "PGD":  # what fools in a small ball lies in the large one too
                assert all(a["success"] <= b["success"] + 0.02 for a, b in zip(rows, rows[1:]))
        noise, pgd = (kept.select(kind="budget", network=network, attack=a, budget=8)[0] for a in ("noise", "PGD"))
        assert pgd["success"] > noise["success"] + 0.5
        assert {row["attack"] for row in kept.select(kind="nearest", network=network)} == {"DeepFool", "Carlini-Wagner"}
        assert {row["family"] for row in kept.select(kind="family", network=network)} == families
        for reading in (detectors.LOGIT_SCORES, detectors.FEATURES, detectors.GRADIENTS):
            cells = kept.select(kind="detector", network=network, reading=reading)
            assert len(cells) == len(families) ** 2 + len(families) - 1
            assert all(
                row["splits"] == detectors.SPLITS >= 3 and row["low"] <= row["auroc"] <= row["high"] for row in cells
            )
        for reading in detectors.FITTED_FREE_SCORES:
            assert {row["tested"] for row in kept.select(kind="detector", network=network, reading=reading)} == families
    assert len(kept.select(kind="handed over")) == 27
    for network in (attacks.SIGNS[0], attacks.PHOTOS):
        attempts = {row["attack"] for row in kept.select(kind="knowing", network=network)}
        known = ("energy", "features", "gradients", "both", "a copy of features", "a copy of gradients")
        assert attempts == {"FGSM", "PGD"} | {f"evading {judge}" for judge in known}
        for judge in ("features", "gradients"):
            (blind,) = kept.select(kind="knowing", network=network, attack="PGD", judge=judge)
            (aware,) = kept.select(kind="knowing", network=network, attack=f"evading {judge}", judge=judge)
            assert aware["auroc"] < blind["auroc"] and aware["success"] >= blind["success"] - 0.05
