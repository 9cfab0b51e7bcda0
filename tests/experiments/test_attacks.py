"""Tests of the experiment on adversarial attacks."""

import copy

import pytest
import torch
from torch import nn

from experiments import _attack_detectors as detectors
from experiments import attacks
from tutorial_course.results import load_result
from tutorial_lib import uncertainty as U
from tutorial_lib.gradients import confounding_label_loss, model_outputs, per_sample_gradient_norms
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
    by_attack = {(row["attack"], row["budget"]): row for row in rows}
    for attack in ("FGSM", "PGD"):
        assert by_attack[attack, 1]["success"] < by_attack[attack, 16]["success"]
        assert by_attack["noise", 16]["success"] < by_attack[attack, 16]["success"]
        assert by_attack[attack, 16]["L2"] <= by_attack["noise", 16]["L2"] + 0.1
    model, x, y = attack_case
    success = U.attack_success(model, x, U.fgsm(model, x, y, eps=16 / 255), y)[1]
    assert by_attack["FGSM", 16]["success"] == pytest.approx(success.double().mean().item(), abs=1e-4)
    assert by_attack["noise", 1]["confidence in the wrong class"] is None
    confidence = lambda z: z.softmax(1).amax(1).double()
    z = model_outputs(model, U.fgsm(model, x, y, eps=16 / 255))
    increased = (confidence(z) > confidence(model_outputs(model, x)))[success]
    assert by_attack["FGSM", 16]["more confident than before"] == pytest.approx(
        increased.double().mean().item(), abs=1e-4
    )


def test_rounded_input_gradient_is_masked_where_the_probability_rounds_to_one(attack_case):
    model, x, y = copy.deepcopy(attack_case[0]), *attack_case[1:]
    row = attacks.masking_row("here", model, x, y)
    assert row["agreement, others"] > 0.99
    for weight in model.head.parameters():
        weight.data *= 60  # the predictions stay the same
    assert torch.equal(model_outputs(model, x).argmax(1), y)
    assert attacks.masking_row("here", model, x, y)["saturated"] > 0.9
    exact = U.attack_success(model, x, U.fgsm(model, x, y, eps=16 / 255), y)[1].sum()
    rounded = (x + 16 / 255 * attacks.rounded_input_gradient(model, x, y).sign()).clamp(0, 1)
    assert (model_outputs(model, rounded).argmax(1) != y).sum() < exact / 2


def test_strength_rows_grow_with_the_strength_of_the_attack(attack_case, monkeypatch):
    monkeypatch.setattr(attacks, "STRONG_BUDGETS", (8,))
    monkeypatch.setattr(attacks, "STRONG_STEPS", 10)
    rows = attacks.strength_rows("here", *attack_case, 0)
    success = {row["attack"]: row["success"] for row in rows}
    assert success["FGSM"] < success["PGD"] <= success["PGD on the margin, with restarts"] + 0.05


def test_margin_pgd_counts_success_at_any_step_and_does_not_leave_the_budget(attack_case):
    model, x, y = attack_case
    options = {"steps": 3, "restarts": 1, "generator": detectors.make_generator(0)}
    assert not detectors.margin_pgd(model, x, y, eps=0.0, **options).any()
    assert detectors.margin_pgd(model, x, (y + 1) % 14, eps=0.0, **options).all()
    start = detectors.random_start(x, 0.1, detectors.make_generator(0))
    assert (start - x).abs().max() <= 0.1 + 1e-6 and not torch.equal(start[0] - x[0], start[1] - x[1])


def test_minimal_perturbations_noise_control_has_equal_norm(attack_case, monkeypatch):
    noise_arguments = []
    monkeypatch.setattr(U, "random_noise", lambda x, **k: noise_arguments.append(k) or x)
    monkeypatch.setattr(attacks, "MINIMAL_ATTACKS", 1)
    model, x, y = attack_case
    deep, searched = attacks.minimal_perturbations("here", model, x[:3], y[:3], 0)
    torch.testing.assert_close(
        noise_arguments[0]["eps"], attacks.perturbation_norms(U.deepfool(model, x[:3], y[:3]), x[:3])
    )
    assert noise_arguments[0]["norm"] == 2 and deep["success"] == searched["success"] == 1 and deep["noise"] == 0
    assert searched["L2"] < deep["L2"]


def test_transferability_counts_images_correct_for_both_models(attack_case):
    model, x, y = attack_case
    y = y.clone()
    y[:4] = (y[:4] + 1) % 14
    models = {"a": model, "b": load(attacks.SIGNS[1])}
    rows = attacks.transferability(models, x, y, 0)
    correct = {name: model_outputs(m, x).argmax(1) == y for name, m in models.items()}
    assert not correct["a"][:4].any()
    by_pair = {(r["network"], r["to"], r["attack"]): r for r in rows}
    assert len(by_pair) == 12 and by_pair["a", "b", "PGD"]["images"] == (correct["a"] & correct["b"]).sum()
    assert (
        by_pair["a", "a", "PGD"]["success"]
        > by_pair["a", "b", "PGD"]["success"]
        >= by_pair["a", "b", "noise"]["success"]
    )


def synthetic_features(shift):
    """Return forty images and three families: two shift the features in opposite directions, noise does not."""
    sample = lambda seed: torch.randn(40, 3, generator=detectors.make_generator(seed)).abs() + 1
    parts = [sample(1), sample(2) + shift, (sample(3) - shift).clamp(min=0.01), sample(1)]
    values = torch.cat(parts)
    features = dict.fromkeys(detectors.FEATURE_SETS, values)
    features |= dict.fromkeys(detectors.FITTED_FREE_SCORES, values[:, 0])
    family, image = torch.arange(4).repeat_interleave(40), torch.arange(40).repeat(4)
    return detectors.DetectorInputs(features, family, image, ["normal", "up", "down", "noise"])


def test_transfer_matrix_separates_own_from_other_attacks(monkeypatch):
    monkeypatch.setattr(detectors, "SPLITS", 2)
    monkeypatch.setattr(
        detectors, "fit_detector", lambda feature_set: U.PurviewDetector(log=feature_set == detectors.GRADIENTS)
    )
    rows = detectors.transfer_matrix("here", synthetic_features(3.0), 0)
    by_cell = {(row["input"], row["trained on"], row["tested"]): row for row in rows}
    for feature_set in detectors.FEATURE_SETS:
        assert by_cell[feature_set, "up", "up"]["auroc"] > 0.9 and by_cell[feature_set, "down", "down"]["auroc"] > 0.9
        assert (
            by_cell[feature_set, "up", "down"]["auroc"] < 0.2
            and by_cell[feature_set, "all but down", "down"]["auroc"] < 0.2
        )
        assert by_cell[feature_set, "up", "noise"]["auroc"] == pytest.approx(0.5, abs=0.01)
        assert (feature_set, "all but down", "up") not in by_cell and (
            feature_set,
            "all but noise",
            "noise",
        ) not in by_cell
    assert by_cell["energy", "nothing", "up"]["auroc"] > 0.9 and by_cell["energy", "nothing", "up"]["splits"] == 2
    # The family "down" is as far from the median of normal images as "up".
    assert min(by_cell[detectors.TWO_SIDED, "nothing", family]["auroc"] for family in ("up", "down")) > 0.7
    gradients = by_cell[detectors.GRADIENTS, "up", "up"]
    # All feature sets are equal, so that the difference is that of the logarithm alone.
    assert gradients["over activations"] == pytest.approx(0, abs=1e-4) == gradients["over activations_se"]


def test_auroc_influence_gives_the_bootstrap_standard_error_over_images():
    generator = detectors.make_generator(0)
    normal = torch.randn(60, generator=generator)
    abnormal = normal + 0.8 + torch.randn(60, generator=generator)  # one attacked image for each normal one
    ids = torch.arange(60)
    error = detectors.auroc_influence(normal, abnormal, ids, ids, 60).norm()
    areas = []
    for _ in range(300):
        rows = torch.randint(60, (60,), generator=generator)
        areas.append(auroc(normal[rows], abnormal[rows]))
    assert error.item() == pytest.approx(torch.tensor(areas).std().item(), rel=0.15)


def test_features_of_attacks_keep_successes_and_image_ids(attack_case):
    model, x, y = attack_case
    adversarial = x.clone()
    adversarial[5:9] = U.pgd(model, x, y, eps=16 / 255, random_start=False)[5:9]
    inputs = detectors.features_of_attacks(model, x, y, {"noise": x, "mine": adversarial})
    assert inputs.of("noise").sum() == 28 and inputs.image_ids[inputs.of("mine")].tolist() == [5, 6, 7, 8]
    norms = per_sample_gradient_norms(model, adversarial[5:9], confounding_label_loss(), group_by="tensor")
    torch.testing.assert_close(inputs.features[detectors.GRADIENTS][inputs.of("mine")], norms, rtol=1e-4, atol=1e-7)
    assert torch.equal(inputs.features["energy"][:28], U.energy_score(model_outputs(model, x)))


@pytest.fixture(scope="module")
def fitted_detectors(attack_case):
    model, x, y = attack_case
    attacked = {"FGSM": U.fgsm(model, x, y, eps=8 / 255), "PGD": U.pgd(model, x, y, eps=8 / 255, random_start=False)}
    inputs = detectors.features_of_attacks(model, x, y, attacked)
    fitted = {}
    for feature_set in (detectors.FEATURES, detectors.ACTIVATIONS, detectors.GRADIENTS):
        values = inputs.features[feature_set]
        fitted[feature_set] = detectors.fit_detector(feature_set).fit(
            values[inputs.of("normal")], values[inputs.of("PGD")]
        )
    return inputs, fitted


def test_log_odds_match_detector_score(fitted_detectors):
    inputs, fitted = fitted_detectors
    for feature_set, detector in fitted.items():
        values = inputs.features[feature_set].double()
        torch.testing.assert_close(detectors.log_odds(detector, values), detector.score(values))


def test_detector_input_gradients_match_finite_differences(attack_case, fitted_detectors):
    model, x = copy.deepcopy(attack_case[0]).double(), attack_case[1][:2, :, 16:32, 16:32].double()
    gradients = detectors.detector_input_gradients(model, x[:1], fitted_detectors[1], energy=-5.0)
    features = detectors.detector_features(model, x)
    expected = {name: detector.score(features[name]) for name, detector in fitted_detectors[1].items()}
    expected[detectors.TWO_SIDED] = (features["energy"] + 5).abs()
    assert gradients.keys() == expected.keys()
    for name, score_and_gradient in gradients.items():
        score, gradient = score_and_gradient(x)
        torch.testing.assert_close(score, expected[name], rtol=1e-8, atol=1e-8)
        # So short a step that no rectifier changes its state.
        step = torch.randn(x.shape, generator=detectors.make_generator(1), dtype=x.dtype) * 1e-8
        finite_difference = (score_and_gradient(x + step)[0] - score_and_gradient(x - step)[0]) / 2e-8
        torch.testing.assert_close(finite_difference, (gradient * step).flatten(1).sum(1) * 1e8, rtol=1e-3, atol=1e-4)


def test_layer_norms_return_logits_features_and_norms_of_all_layers(attack_case):
    model, x, _ = attack_case
    network = detectors.LayerNorms(model, x[:1])
    z, h = detectors.penultimate_features(model, x[:3])
    with torch.no_grad():
        outputs = network(x[:3])
    torch.testing.assert_close(outputs[:, : z.shape[1] + h.shape[1]], torch.cat([z, h], 1))
    norms = outputs[:, z.shape[1] + h.shape[1] :]
    torch.testing.assert_close(norms[:, -1], z.norm(dim=1))
    assert norms.shape[1] == len(network.layers)
    assert not network.head._forward_pre_hooks and not network.head._forward_hooks


def test_adaptive_attack_fools_model_with_lower_detector_auroc(attack_case, fitted_detectors):
    model, x, y = attack_case
    energy = float(U.energy_score(model_outputs(model, x)).median())
    slopes = detectors.detector_input_gradients(model, x[:1], fitted_detectors[1], energy)
    score_and_gradient = slopes[detectors.TWO_SIDED]
    plain = U.pgd(model, x, y, eps=8 / 255, random_start=False)
    plain_success = model_outputs(model, plain).argmax(1) != y
    adversarial, lowest = detectors.adaptive_attack(model, x, y, score_and_gradient, eps=8 / 255, steps=12)
    success = lowest.isfinite()
    assert (adversarial - x).abs().max() <= 8 / 255 + 1e-6 and adversarial.min() >= 0 and adversarial.max() <= 1
    assert (
        torch.equal(model_outputs(model, adversarial).argmax(1) != y, success)
        and success.sum() >= plain_success.sum() - 2
    )
    distance = lambda images: (U.energy_score(model_outputs(model, images)) - energy).abs()
    aurocs = [
        auroc(distance(x), distance(images[mask])) for images, mask in ((plain, plain_success), (adversarial, success))
    ]
    torch.testing.assert_close(lowest[success].float(), distance(adversarial[success]), atol=1e-4, rtol=1e-4)
    assert aurocs[1] < aurocs[0] - 0.1
    assert torch.equal(adversarial[~success], x[~success])


class ConstantClassifier(nn.Module):
    def forward(self, x):
        return torch.stack([x.flatten(1).mean(1) * 0 + 1, x.flatten(1).mean(1) * 0], 1)


def test_remove_descent_removes_only_components_against_the_gradient():
    gradient = torch.tensor([[1.0, 2.0, -2.0], [1.0, 2.0, -2.0], [0.0, 0.0, 0.0]])
    step = torch.tensor([[3.0, 1.0, 0.0], [-3.0, 1.0, 4.0], [1.0, -1.0, 2.0]])
    expected = step.clone()
    expected[1] += gradient[1]  # the component along the gradient is −9 of the squared norm 9
    torch.testing.assert_close(detectors.remove_descent(step, gradient), expected)
    assert (expected[1] * gradient[1]).sum() == 0


def test_adaptive_attack_without_success_returns_input():
    x = torch.rand(2, 3, 4, 4, generator=detectors.make_generator(0))
    adversarial, lowest = detectors.adaptive_attack(
        ConstantClassifier(), x, torch.tensor([0, 0]), lambda x: (x.flatten(1).sum(1), x), eps=0.1, steps=3
    )
    assert lowest.isinf().all() and torch.equal(adversarial, x)


def test_restarted_attack_never_gets_worse_and_stops_without_improvement(attack_case, fitted_detectors, monkeypatch):
    monkeypatch.setattr(detectors, "STEPS", 6)
    monkeypatch.setattr(detectors, "MAX_RESTARTS", 6)
    model, x, y = attack_case
    energy = float(U.energy_score(model_outputs(model, x)).median())
    slope = detectors.detector_input_gradients(model, x[:1], fitted_detectors[1], energy)[detectors.FEATURES]
    normal = slope(x)[0].double()
    points, success, rows = detectors.restarted_attack(model, x, y, slope, normal, eps=8 / 255, seed=0)
    areas = [row["auroc"] for row in rows]
    assert [row["restart"] for row in rows] == list(range(len(rows))) and len(rows) <= detectors.MAX_RESTARTS
    assert all(row["success"] <= rows[-1]["success"] for row in rows)
    score = slope(points[success])[0].double()
    assert auroc(normal, score) == pytest.approx(areas[-1], abs=0.01)
    monkeypatch.setattr(detectors, "IMPROVEMENT", 2.0)
    assert len(detectors.restarted_attack(model, x, y, slope, normal, eps=8 / 255, seed=0)[2]) == 1


def test_attacks_table_is_complete():
    table = load_result("attacks")
    families = {"noise", "FGSM", "PGD", "PGD, L2", "DeepFool"}
    for network in (attacks.SIGNS[0], *attacks.PHOTOS):
        here = table[table["network"] == network].set_index("kind")
        success = here.loc["budget"].pivot(index="budget", columns="attack", values="success")
        assert set(success) == {"noise", "FGSM", attacks.ROUNDED, "PGD"} and success.notna().all(axis=None)
        assert success.index.tolist() == sorted(attacks.BUDGETS)
        # A successful example within a small budget is also within a larger one.
        assert (success["PGD"].diff().dropna() >= -0.02).all()
        assert success.loc[8, "PGD"] > success.loc[8, "noise"] + 0.5
        assert set(here.loc["family", "family"]) == families
        readings = here.loc["detector"].groupby("input")
        for feature_set in detectors.FEATURE_SETS:
            cells = readings.get_group(feature_set)
            assert len(cells) == len(families) ** 2 + len(families) - 1
            assert (cells["splits"] == detectors.SPLITS).all() and (cells["auroc_se"] >= 0).all()
        for feature_set in (*detectors.FITTED_FREE_SCORES, detectors.TWO_SIDED):
            assert set(readings.get_group(feature_set)["tested"]) == families
    assert (table["kind"] == "transfer").sum() == 3 * (3**2 + 2**2)


@pytest.mark.parametrize("network", attacks.ATTACKED)
def test_attacks_table_contains_strong_and_adaptive_attacks(network):
    here = load_result("attacks").query("network == @network").set_index("kind")
    assert set(here.loc["nearest", "attack"]) == {"DeepFool", "Carlini-Wagner"}
    strength = here.loc["strength"].groupby("attack")["success"].max()
    assert set(strength.index) == {"FGSM", "PGD", "PGD on the margin, with restarts", "AutoAttack"}
    knowing = here.loc["adaptive"].set_index(["attack", "detector"])
    evaded = (detectors.TWO_SIDED, "features", "activations", "gradients")
    copies = [f"a copy of {detector}" for detector in evaded[1:]]
    assert set(knowing.index.unique("attack")) == {"FGSM", "PGD"} | {f"evading {name}" for name in (*evaded, *copies)}
    for detector in evaded:
        standard, adaptive = (knowing.loc[(attack, detector)] for attack in ("PGD", f"evading {detector}"))
        assert adaptive["auroc"] < standard["auroc"] and adaptive["success"] >= standard["success"] - 0.05
        runs = here.loc["adaptive restarts"].query("detector == @detector")
        assert runs["auroc"].iloc[-1] == pytest.approx(adaptive["auroc"], abs=0.01)


def test_sentences_on_attack_strength_in_section_3_5_follow_from_the_table():
    rates = load_result("attacks").query("kind == 'strength'")
    rates = rates.pivot(index=["network", "budget"], columns="attack", values="success")
    signs, photographs = attacks.SIGNS[0], list(attacks.PHOTOS)
    margin, best_own = rates["PGD on the margin, with restarts"], rates.drop(columns="AutoAttack").max(axis=1)
    assert (rates.max(axis=1) - rates["PGD"] < 0.1).all()
    assert margin[signs, 4] < rates.loc[(signs, 4), "PGD"] < rates.loc[(signs, 4), "AutoAttack"]
    assert margin[signs, 8] > rates.loc[(signs, 8), "PGD"]
    assert ((rates["AutoAttack"] - best_own).dropna().abs() < 0.05).all()
    assert (rates.loc[[(name, 4) for name in photographs], ["PGD", "AutoAttack"]] == 1).all(axis=None)


def test_sentences_on_adaptive_attacks_in_section_3_6_follow_from_the_table():
    table = load_result("attacks")
    runs = table.query("kind == 'adaptive restarts'").set_index(["network", "detector"])
    rows = table.query("kind == 'adaptive'").set_index(["network", "attack", "detector"])
    evaded = {
        detector: rows.xs((f"evading {detector}", detector), level=("attack", "detector"))
        for detector in (detectors.TWO_SIDED, "features", "activations", "gradients")
    }
    copies = {
        detector: rows.xs((f"evading a copy of {detector}", detector), level=("attack", "detector"))["auroc"]
        for detector in ("features", "activations", "gradients")
    }
    small, large = photographs = list(attacks.PHOTOS)
    first = runs[runs["restart"] == 0]["auroc"]
    assert (first[photographs] < 0.05).all()
    assert all((found.loc[photographs, "success"] == 1).all() for found in evaded.values())
    assert all((found[photographs] < 0.25).all() for found in copies.values())
    assert max(copies["features"][small], copies["activations"][small]) < copies["gradients"][small] - 0.1
    assert max(found[large] for found in copies.values()) < 0.05
    signs = rows.loc[attacks.SIGNS[0]]
    for detector in ("features", "activations"):
        row = signs.loc[f"evading a copy of {detector}", detector]
        assert abs(row["auroc"] - 0.5) < 1.96 * row["auroc_se"]
    assert 0.7 < copies["gradients"][attacks.SIGNS[0]] < signs.loc[("PGD", "gradients"), "auroc"] - 0.05
    found = {detector: rows_of.loc[attacks.SIGNS[0]] for detector, rows_of in evaded.items()}
    gradients = found.pop("gradients")
    assert all(row["auroc"] + 1.96 * row["auroc_se"] < 0.5 for row in found.values())
    assert abs(gradients["auroc"] - 0.5) < 1.96 * gradients["auroc_se"]
    assert (runs["restart"] < detectors.MAX_RESTARTS - 1).all()
    strength = table.query("kind == 'adaptive strength'").set_index("budget")["auroc"]
    assert strength[32] < gradients["auroc"] < strength[8].min()


def test_sentences_on_transfer_between_attacks_on_signs_follow_from_the_table():
    cells = load_result("attacks").query("kind == 'detector' and network == @attacks.SIGNS[0] and input == 'gradients'")
    cells = cells.set_index(["trained on", "tested"]).loc["FGSM"]
    for control, better, worse in (("activations", ["PGD"], []), ("cheap scores", [], ["PGD, L2", "DeepFool"])):
        lead, se = cells[f"over {control}"], 1.96 * cells[f"over {control}_se"]
        tested = ["PGD", "PGD, L2", "DeepFool"]
        assert [name for name in tested if lead[name] > se[name]] == better
        assert [name for name in tested if lead[name] < -se[name]] == worse
