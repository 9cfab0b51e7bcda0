"""Sentences of chapter 3 hold for all stored networks and image sets, not only for those that a table shows."""

import pytest

from tutorial_course.findings import ch3 as findings
from tutorial_course.findings.intervals import t_interval
from tutorial_course.results import load_result

SIGNS, CIFAR, TASKS = findings.SIGN_NETWORKS, findings.CIFAR_NETWORKS, findings.TASKS
OOD_TASKS = ("near OOD", "far OOD")
GRADIENTS, ACTIVATIONS = "distance of gradient norms", "distance of activation norms"


@pytest.fixture(scope="module")
def study():
    return load_result("ood_detection")


@pytest.fixture(scope="module")
def other_images():
    return load_result("ood_image_set")


@pytest.fixture(scope="module")
def corruption():
    return load_result("corruption_and_open_set")


@pytest.fixture(scope="module")
def gradcon():
    return load_result("gradcon")


@pytest.fixture(scope="module")
def attacks():
    return load_result("attacks")


def sign(interval):
    """Return 1 or -1 if the interval lies above or below zero, and 0 if it contains zero."""
    return int(interval.low > 0) - int(interval.high < 0)


def detector_signs(table, trained, task, networks, end=""):
    """Return the sign of gradient norms minus activation norms for each network."""
    pair = (f"gradient norms{end}", f"activation norms{end}")
    return [sign(findings.detector_lead(table, name, trained, task, *pair)) for name in networks]


def lead_signs(table, task, networks, *pair):
    """Return the sign of a stored difference of two scores for each network."""
    return [sign(findings.stored_lead(table, name, task, *pair)) for name in networks]


@pytest.mark.parametrize("score", ["max softmax", "energy"])
def test_more_than_half_of_the_abnormal_images_are_accepted(study, score):
    accepted = {
        (n, t): 1 - findings.stored_value(study, n, t, score, "detected").value for n in SIGNS + CIFAR for t in TASKS
    }
    assert all(sum(accepted[n, t] > 0.5 for t in TASKS) > len(TASKS) / 2 for n in CIFAR)
    assert all(accepted[n, t] > 0.5 for n in SIGNS for t in ("corruptions", "PGD"))
    if score == "energy":
        assert [t for t in TASKS if max(accepted[n, t] for n in SIGNS + CIFAR) < 1 / 3] == ["far OOD"]


def test_added_constant_changes_the_auroc_in_every_row_and_the_layers_in_nearly_every_row(study):
    rows = study.query("kind == 'logit shift'").groupby(["network", "set"])
    assert (rows["auroc"].nunique() == 3).all()
    assert (rows["layers above"].nunique() > 1).sum() == len(rows) - 1


def test_detector_on_gradient_norms_has_high_auroc_for_known_types(study, other_images):
    for table, networks in ((study, SIGNS + CIFAR), (other_images, CIFAR)):
        for trained in ("own type", "own family"):
            for task in ("near OOD", "far OOD", "textures", "PGD"):
                areas = [findings.detector_auroc(table, n, trained, task, "gradient norms") for n in networks]
                assert min(areas) > 0.87


def test_differences_of_detectors_for_known_types(study, other_images):
    for trained in ("own type", "own family"):
        for task in TASKS:
            assert max(detector_signs(study, trained, task, CIFAR)) <= 0
            assert max(detector_signs(other_images, trained, task, CIFAR)) <= 0
        for task in ("near OOD", "far OOD", "FGSM"):
            assert detector_signs(study, trained, task, CIFAR) == [-1, -1]
    for task in ("near OOD", "far OOD", "textures", "PGD"):
        assert detector_signs(study, "own family", task, SIGNS) == [1, 1, 1]
    six = {
        t: [sign(findings.detector_lead(study, n, "own family", t, "gradient norms", "six scores")) for n in SIGNS]
        for t in TASKS
    }
    assert all(six[t] == ([-1] * 3 if t in ("FGSM", "PGD") else [0] * 3) for t in TASKS)


def test_differences_of_detectors_on_signs_if_the_family_is_left_out(study):
    expected = {"near OOD": [0, 0, 0], "far OOD": [1, 1, 1], "textures": [1, 1, 1], "PGD": [1, 1, 1]}
    expected |= {"FGSM": [1, 1, 0], "corruptions": [0, 1, 0]}
    assert {t: detector_signs(study, "other families", t, SIGNS) for t in TASKS} == expected
    for name in SIGNS:
        for task in TASKS:
            six, *others = (
                findings.detector_auroc(study, name, "other families", task, i)
                for i in ("six scores", "gradient norms", "activation norms")
            )
            assert six > max(others)


def test_differences_of_detectors_on_the_second_set_and_with_two_layers(study, other_images):
    far = [
        findings.detector_lead(table, CIFAR[0], "other families", "far OOD", "gradient norms", "activation norms")
        for table in (study, other_images)
    ]
    assert far[0].value < 2 * far[1].value < 0
    assert detector_signs(other_images, "other families", "textures", CIFAR[1:]) == [0]
    signs = {t: detector_signs(study, "other families", t, (SIGNS[0], *CIFAR), ", two-layer network") for t in TASKS}
    assert [(t, i) for t in TASKS for i, s in enumerate(signs[t]) if s > 0] == [("textures", 0)]
    assert [(t, i) for t in TASKS for i, s in enumerate(signs[t]) if s < 0] == [
        (t, i) for t in ("near OOD", "FGSM") for i in (1, 2)
    ]
    for table in (study, other_images):
        assert detector_signs(table, "other families", "far OOD", CIFAR[:1], ", two-layer network") == [0]
        assert detector_signs(table, "other families", "FGSM", CIFAR, ", two-layer network") == [-1, -1]


def test_gradcon_and_its_controls(gradcon):
    def difference(*pair):
        return findings.difference_over_classes(gradcon, *pair)

    assert sign(difference("GradCon", "distance to the mean image", "signs").interval) == 0
    over_activations = difference("alignment, with constraint", "activation norms, all layers", "corruptions")
    assert sign(over_activations.interval) == 1 and over_activations.positive == over_activations.classes
    runs = gradcon[gradcon["kind"].isin(["corruption, by sign", "corruption, forward control, by sign"])]
    runs = runs.query("seed == 0").groupby("normal")
    same_run = runs.apply(lambda rows: rows.loc[rows["alpha"] == 0.03, "alignment"].item() - rows["activations"].max())
    assert sign(t_interval(same_run.tolist())) == 1
    assert sign(difference("GradCon", "activation norms, all layers", "corruptions").interval) == 0
    means = [findings.class_aurocs(gradcon, score, "cifar10").mean() for score in findings.GRADCON_SCORES]
    assert max(means) < 0.65
    errors = gradcon.query("kind == 'class'").groupby(["dataset", "alpha"])["error"].mean()
    assert all(errors[d, 0.03] > errors[d, 0.0] for d in ("signs", "cifar10"))
    digits = gradcon.query("kind == 'class' and dataset == 'mnist' and alpha == 0.03").groupby("normal")
    assert (digits["both"].mean() < digits["mean image"].mean()).all()
    longer = gradcon.query("kind == 'class'").groupby(["alpha", "normal", "steps"])[["both", "reconstruction"]].mean()
    for normal in ("speed 30", "airplane"):
        for alpha, score in ((0.03, "both"), (0.0, "reconstruction")):
            assert longer.loc[(alpha, normal, 1200), score] > longer.loc[(alpha, normal, 300), score]
    by_type = gradcon.query("kind == 'corruption' and alpha == 0.03").groupby("corruption")["both"].mean()
    control = gradcon.query("kind == 'corruption, forward control'")
    control = control.groupby("corruption")["two-sided reconstruction"].mean()
    assert all(control[name] > by_type[name] for name in ("gaussian blur", "lens blur", "noise"))


def test_detector_on_vae_gradients_with_one_and_with_three_runs(gradcon):
    runs = gradcon.query("kind == 'corruption, novelty scores, by sign'")
    lead = runs["classifier on gradients"] - runs["squared error"]
    assert sign(t_interval(lead[runs["seed"] == 0].tolist())) == 0
    assert sign(t_interval(lead.groupby(runs["normal"]).mean().tolist())) == 1


def test_success_and_confidence_after_fgsm_and_pgd(attacks):
    rows = attacks.query("kind == 'budget'").set_index(["attack", "network", "budget"])
    fgsm, pgd = (rows.loc[attack] for attack in ("FGSM", "PGD"))
    assert (fgsm["success"] <= pgd["success"]).all()
    assert (fgsm["success"] < pgd["success"])[fgsm.index.get_level_values("budget") >= 4].all()
    more_confident = "more confident than before"
    assert fgsm[more_confident].max() < 0.5 and pgd.xs(8, level="budget")[more_confident].min() > 0.3


def test_detectors_of_attacks(attacks):
    areas = attacks.query("kind == 'detector'").set_index(["network", "input", "trained on", "tested"])["auroc"]
    areas = areas.sort_index()
    for name in CIFAR:
        two_sided = areas[name, "two-sided energy", "nothing"]
        assert two_sided["PGD"] > 0.97 > 0.9 > two_sided["PGD, L2"] > two_sided["FGSM"]
        assert areas[name, "gradients", "DeepFool", "DeepFool"] < 0.7
        assert areas[name, "max softmax", "nothing", "DeepFool"] > 0.97
    assert areas[SIGNS[0], "max softmax", "nothing", "DeepFool"] > 0.97
    assert min(areas[n, "gradients", t, t] for n in (SIGNS[0], *CIFAR) for t in ("FGSM", "PGD")) > 0.8


def test_gradient_norms_are_better_for_known_pgd_on_signs(study):
    for trained in ("own type", "own family"):
        assert detector_signs(study, trained, "PGD", SIGNS) == [1, 1, 1]


def test_distances_without_abnormal_images_on_signs(study):
    pair = (GRADIENTS, ACTIVATIONS)
    assert lead_signs(study, "near OOD", SIGNS, *pair) == [-1, 0, 1]
    for task in ("far OOD", "textures", "corruptions"):
        assert max(abs(findings.stored_lead(study, n, task, *pair).value) for n in SIGNS) < 0.02
    assert lead_signs(study, "FGSM", SIGNS, GRADIENTS, "Mahalanobis") == [-1, 0, 0]
    assert lead_signs(study, "PGD", SIGNS, GRADIENTS, "Mahalanobis") == [-1, -1, -1]


def test_energy_odin_and_resampling(study, other_images):
    def area(name, task, score):
        return findings.stored_value(study, name, task, score).value

    for task in OOD_TASKS:
        assert all(area(n, task, "ASH") < area(n, task, "max softmax") for n in SIGNS)
        assert all(area(n, task, "ODIN") < area(n, task, "max softmax") for n in SIGNS)
        assert all(area(n, task, "ODIN") > area(n, task, "max softmax") for n in CIFAR)
    for table in (study, other_images):
        for task in (*OOD_TASKS, "textures"):
            assert lead_signs(table, task, CIFAR, "two-sided energy", "energy") == [-1, -1]
        resampled = table.query("kind == 'score' and metric == 'auroc' and set == 'resampled'")
        assert resampled[["max softmax", "energy", "KNN", ACTIVATIONS, GRADIENTS]].min().min() > 0.55


def test_detected_images_on_the_second_set(other_images):
    pair = (GRADIENTS, "energy", "detected")
    assert lead_signs(other_images, "near OOD", CIFAR, *pair)[0] == 0
    assert lead_signs(other_images, "far OOD", CIFAR, *pair) == [0, 0]


def test_corruptions_by_severity_and_after_training_on_one_blur(corruption):
    rows = corruption.query("kind == 'severity'").set_index(["severity", "network", "score"])
    assert (rows.loc[5, ["auroc", "error"]] > rows.loc[1, ["auroc", "error"]]).all(axis=None)
    blur = corruption.query("kind == 'one blur' and type == 'all six' and network in @CIFAR")
    blur = blur[blur["score"] == "gradient norms"]
    assert (blur["auroc minus activation norms_low"] > 0).all()
    assert ((blur["auroc_low"] < 0.5) & (blur["auroc_high"] > 0.5)).all()


def test_demonstration_code_of_gradtrust_on_cifar(corruption):
    rows = corruption.query("kind == 'misclassification' and score == 'GradTrust, demonstration' and network in @CIFAR")
    high = rows.set_index(["images", "network"])["auroc minus max softmax_high"]
    assert set(high[high < 0].index) == {("clean", CIFAR[0]), ("severity 3", CIFAR[1])}
