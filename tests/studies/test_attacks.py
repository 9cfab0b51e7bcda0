import copy

import pytest
import torch
from torch import nn

from studies import _attack_detectors as detectors
from studies import attacks
from tutorial_lib import uncertainty as U
from tutorial_lib.gradients import confounding, gradient_norms, last_linear, outputs
from tutorial_lib.measures import auroc
from tutorial_lib.networks import load
from tutorial_lib.results import stored


@pytest.fixture(scope="module")
def few():
    return attacks.asked(attacks.SIGNS[0], 28, "cpu")


def test_only_what_the_network_gets_right_is_attacked(few):
    model, x, y = few
    assert len(x) == 28 and torch.equal(outputs(model, x).argmax(1), y)


def test_a_curve_rises_with_the_budget_and_noise_stays_below(few, monkeypatch):
    monkeypatch.setattr(attacks, "BUDGETS", (1, 16))
    rows = attacks.budgets("here", *few, 0)
    found = {(row["attack"], row["budget"]): row for row in rows}
    for attack in ("FGSM", "PGD"):
        assert found[attack, 1]["success"] < found[attack, 16]["success"]
        assert found["noise", 16]["success"] < found[attack, 16]["success"]
        assert found[attack, 16]["L2"] <= found["noise", 16]["L2"] + 0.1
    model, x, y = few
    fooled = U.fooled(model, x, U.fgsm(model, x, y, eps=16 / 255), y)[1]
    assert found["FGSM", 16]["success"] == pytest.approx(fooled.double().mean().item(), abs=1e-4)
    assert found["noise", 1]["sure of the wrong"] is None
    sure = lambda z: z.softmax(1).amax(1).double()
    z = outputs(model, U.fgsm(model, x, y, eps=16 / 255))
    rose = (sure(z) > sure(outputs(model, x)))[fooled]
    assert found["FGSM", 16]["surer than before"] == pytest.approx(rose.double().mean().item(), abs=1e-4)


def test_the_control_of_the_nearest_is_as_large(few, monkeypatch):
    kept = []
    monkeypatch.setattr(U, "random_noise", lambda x, **k: kept.append(k) or x)
    monkeypatch.setattr(attacks, "LEAST", 1)
    model, x, y = few
    deep, searched = attacks.nearest("here", model, x[:3], y[:3], 0)
    torch.testing.assert_close(kept[0]["eps"], attacks.sizes(U.deepfool(model, x[:3], y[:3]), x[:3]))
    assert kept[0]["norm"] == 2 and deep["success"] == searched["success"] == 1 and deep["noise"] == 0
    assert searched["L2"] < deep["L2"]


def test_handing_over_counts_what_both_got_right(few):
    model, x, y = few
    y = y.clone()
    y[:4] = (y[:4] + 1) % 14
    models = {"a": model, "b": load(attacks.SIGNS[1])}
    rows = attacks.handed_over(models, x, y, 0)
    right = {name: outputs(m, x).argmax(1) == y for name, m in models.items()}
    assert not right["a"][:4].any()
    found = {(r["network"], r["to"], r["attack"]): r for r in rows}
    assert len(found) == 12 and found["a", "b", "PGD"]["pictures"] == (right["a"] & right["b"]).sum()
    assert found["a", "a", "PGD"]["success"] > found["a", "b", "PGD"]["success"] >= found["a", "b", "noise"]["success"]


def made_up(shift):
    """Forty pictures and three families: one that moves the readings, one that moves them back, and noise that does nothing."""
    draw = lambda seed: torch.randn(40, 3, generator=detectors.source(seed)).abs() + 1
    parts = [draw(1), draw(2) + shift, (draw(3) - shift).clamp(min=0.01), draw(1)]
    values = torch.cat(parts)
    readings = dict.fromkeys((detectors.PLAIN, detectors.FEATURES, detectors.GRADIENTS), values)
    readings |= dict.fromkeys(detectors.UNTRAINED, values[:, 0])
    family, picture = torch.arange(4).repeat_interleave(40), torch.arange(40).repeat(4)
    return detectors.Found(readings, family, picture, ["normal", "up", "down", "noise"])


def test_the_matrix_knows_own_family_from_another(monkeypatch):
    monkeypatch.setattr(detectors, "SPLITS", 2)
    monkeypatch.setattr(detectors, "detector", lambda reading: U.PurviewDetector(log=reading == detectors.GRADIENTS))
    rows = detectors.matrix("here", made_up(3.0), 0)
    found = {(row["reading"], row["taught"], row["tested"]): row for row in rows}
    for reading in (detectors.PLAIN, detectors.FEATURES, detectors.GRADIENTS):
        assert found[reading, "up", "up"]["auroc"] > 0.9 and found[reading, "down", "down"]["auroc"] > 0.9
        assert found[reading, "up", "down"]["auroc"] < 0.2 and found[reading, "all but down", "down"]["auroc"] < 0.2
        assert found[reading, "up", "noise"]["auroc"] == pytest.approx(0.5, abs=0.01)
        assert (reading, "all but down", "up") not in found and (reading, "all but noise", "noise") not in found
    assert found["energy", "nothing", "up"]["auroc"] > 0.9 and found["energy", "nothing", "up"]["splits"] == 2


def test_only_successes_count_and_a_picture_keeps_its_number(few):
    model, x, y = few
    adversarial = x.clone()
    adversarial[5:9] = U.bim(model, x, y, eps=16 / 255)[5:9]
    found = detectors.seen(model, x, y, {"noise": x, "mine": adversarial})
    assert found.of("noise").sum() == 28 and found.picture[found.of("mine")].tolist() == [5, 6, 7, 8]
    norms = gradient_norms(model, adversarial[5:9], confounding(), by="tensor")
    torch.testing.assert_close(found.readings[detectors.GRADIENTS][found.of("mine")], norms, rtol=1e-4, atol=1e-7)
    assert torch.equal(found.readings["energy"][:28], U.energy(outputs(model, x)))


@pytest.fixture(scope="module")
def taught(few):
    model, x, y = few
    made = {"FGSM": U.fgsm(model, x, y, eps=8 / 255), "PGD": U.bim(model, x, y, eps=8 / 255)}
    found = detectors.seen(model, x, y, made)
    learned = {}
    for reading in (detectors.FEATURES, detectors.GRADIENTS):
        values = found.readings[reading]
        learned[reading] = detectors.detector(reading).fit(values[found.of("normal")], values[found.of("PGD")])
    return found, learned


def test_the_log_odds_are_the_detectors(taught):
    found, learned = taught
    for reading, one in learned.items():
        values = found.readings[reading].double()
        torch.testing.assert_close(detectors.log_odds(one, values), one.score(values))


def test_slopes_are_those_of_the_scores(few, taught):
    model, x = copy.deepcopy(few[0]).double(), few[1][:2, :, 16:32, 16:32].double()
    known = detectors.slopes(model, x[:1], taught[1])
    readings = detectors.readings(model, x)
    expected = {name: one.score(readings[name]) for name, one in taught[1].items()}
    expected |= {"energy": readings["energy"], "both": sum(expected.values())}
    assert known.keys() == expected.keys()
    for name, slope in known.items():
        score, rise = slope(x)
        torch.testing.assert_close(score, expected[name], rtol=1e-8, atol=1e-8)
        # So short a way that no rectifier switches on it.
        way = torch.randn(x.shape, generator=detectors.source(1), dtype=x.dtype) * 1e-8
        climbed = (slope(x + way)[0] - slope(x - way)[0]) / 2e-8
        torch.testing.assert_close(climbed, (rise * way).flatten(1).sum(1) * 1e8, rtol=1e-3, atol=1e-4)


def test_both_says_logits_and_features(few):
    model, x, _ = few
    head = last_linear(model, x)
    z, h = detectors.features(model, x[:3])
    with torch.no_grad():
        torch.testing.assert_close(detectors.Both(model, head)(x[:3]), torch.cat([z, h], 1))
    assert not head._forward_pre_hooks


def test_who_knows_the_detector_fools_and_is_seen_less(few, taught):
    model, x, y = few
    slope = detectors.slopes(model, x[:1], taught[1])["energy"]
    plain = U.bim(model, x, y, eps=8 / 255)
    lost = outputs(model, plain).argmax(1) != y
    found, fell = detectors.evading(model, x, y, slope, eps=8 / 255, steps=12)
    assert (found - x).abs().max() <= 8 / 255 + 1e-6 and found.min() >= 0 and found.max() <= 1
    assert torch.equal(outputs(model, found).argmax(1) != y, fell) and fell.sum() >= lost.sum() - 2
    normal = U.energy(outputs(model, x))
    seen = [auroc(normal, U.energy(outputs(model, pictures[who]))) for pictures, who in ((plain, lost), (found, fell))]
    assert seen[1] < seen[0] - 0.1
    assert torch.equal(found[~fell], x[~fell])


class Unmoved(nn.Module):
    def forward(self, x):
        return torch.stack([x.flatten(1).mean(1) * 0 + 1, x.flatten(1).mean(1) * 0], 1)


def test_an_attack_without_success_hands_nothing_in():
    x = torch.rand(2, 3, 4, 4, generator=detectors.source(0))
    found, fell = detectors.evading(
        Unmoved(), x, torch.tensor([0, 0]), lambda x: (x.flatten(1).sum(1), x), eps=0.1, steps=3
    )
    assert not fell.any() and torch.equal(found, x)


def test_what_is_stored_is_whole():
    kept = stored("attacks")
    families = {"noise", "FGSM", "PGD", "PGD, L2", "PGD, first", "DeepFool"}
    for network in (*attacks.SIGNS, attacks.PHOTOS):
        for attack in ("noise", "FGSM", "PGD"):
            rows = kept.where(kind="budget", network=network, attack=attack)
            assert [row["budget"] for row in rows] == list(attacks.BUDGETS)
            if attack == "PGD":  # what fools in a small ball lies in the large one too
                assert all(a["success"] <= b["success"] + 0.02 for a, b in zip(rows, rows[1:]))
        noise, pgd = (kept.where(kind="budget", network=network, attack=a, budget=8)[0] for a in ("noise", "PGD"))
        assert pgd["success"] > noise["success"] + 0.5
        assert {row["attack"] for row in kept.where(kind="nearest", network=network)} == {"DeepFool", "Carlini-Wagner"}
        assert {row["family"] for row in kept.where(kind="family", network=network)} == families
        for reading in (detectors.PLAIN, detectors.FEATURES, detectors.GRADIENTS):
            cells = kept.where(kind="detector", network=network, reading=reading)
            assert len(cells) == len(families) ** 2 + len(families) - 1
            assert all(
                row["splits"] == detectors.SPLITS >= 3 and row["low"] <= row["auroc"] <= row["high"] for row in cells
            )
        for reading in detectors.UNTRAINED:
            assert {row["tested"] for row in kept.where(kind="detector", network=network, reading=reading)} == families
    assert len(kept.where(kind="handed over")) == 27
    for network in (attacks.SIGNS[0], attacks.PHOTOS):
        attempts = {row["attack"] for row in kept.where(kind="knowing", network=network)}
        known = ("energy", "features", "gradients", "both", "a copy of features", "a copy of gradients")
        assert attempts == {"FGSM", "PGD"} | {f"evading {judge}" for judge in known}
        for judge in ("features", "gradients"):
            (blind,) = kept.where(kind="knowing", network=network, attack="PGD", judge=judge)
            (aware,) = kept.where(kind="knowing", network=network, attack=f"evading {judge}", judge=judge)
            assert aware["auroc"] < blind["auroc"] and aware["success"] >= blind["success"] - 0.05
