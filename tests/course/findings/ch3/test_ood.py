"""Tests of the numbers on OOD detection."""

from math import isnan

import pandas as pd
import pytest
import torch
from torch import nn

from tutorial_course.findings import ch3 as findings
from tutorial_lib import uncertainty

NETWORK = "cifar10/resnet20"


@pytest.fixture
def study():
    """Return a stored result with two tasks and two scores."""
    rows = [
        {"kind": "task", "metric": metric, "network": NETWORK, "task": task, "energy": value, "energy_se": 0.01}
        | {"GradNorm": value - 0.1, "GradNorm_se": 0.02}
        for metric, shift in (("auroc", 0.0), ("detected", -0.3))
        for task, value in ((task, 0.9 - 0.1 * i + shift) for i, task in enumerate(findings.TASKS))
    ]
    rows += [
        {"kind": "lead", "metric": "auroc", "network": NETWORK, "task": "far OOD", "score": "GradNorm"}
        | {"reference": "energy", "lead": -0.1, "low": -0.2, "high": 0.0}
    ]
    rows += [
        {"kind": "detector task", "network": NETWORK, "trained": trained, "task": task}
        | {"gradient norms": value + gain, "gradient norms_sd": 0.02}
        for trained, gain in (("own family", 0.1), ("other families", 0.0))
        for task, value in (("corruptions", 0.7), ("FGSM", 0.7), ("PGD", 0.1))
    ]
    rows += [
        {"kind": "best", "network": NETWORK, "task": "far OOD", "best forward score": "energy"}
        | {"best gradient score": "ODIN", "forward auroc": 0.8, "gradient auroc": 0.9}
        | {"lead": 0.1, "low": 0.0, "high": 0.2}
    ]
    rows += [
        {"kind": "factor", "network": NETWORK, "set": "gtsrb", "auroc of norm of h": 0.2}
        | {"auroc of norm of p minus u": 0.3},
        {"kind": "score", "metric": "auroc", "network": NETWORK, "set": "gtsrb", "family": "far OOD", "abnormal": 100}
        | {"energy": 0.9, "GradNorm": 0.8, "ExGrad": 0.7, "max softmax": 0.85},
    ]
    table = pd.DataFrame(rows)
    table.attrs = {"name": "study", "provenance": {"command": "python -m experiments study"}}
    return table


def test_norms_by_layer_add_squares_of_tensors():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    by_tensor = uncertainty.confounding_gradient_norms(model, x, group_by="tensor")
    expected = uncertainty.confounding_gradient_norms(model, x)
    torch.testing.assert_close(findings.norms_by_layer(model, by_tensor), expected)


def test_stored_values_and_leads_have_their_intervals(study):
    value = findings.stored_value(study, NETWORK, "near OOD", "energy")
    assert value == pytest.approx((0.9, 0.9 - 1.959964 * 0.01, 0.9 + 1.959964 * 0.01))
    assert findings.stored_lead(study, NETWORK, "far OOD", "GradNorm", "energy") == (-0.1, -0.2, 0.0)
    with pytest.raises(ValueError, match="expected one stored row, got 0"):
        findings.stored_value(study, "signs/classifier", "near OOD", "energy")


def test_score_table_reports_fpr95_as_the_share_that_is_not_detected(study):
    row = findings.task_score_table(study, [NETWORK], {"energy": "energy"}, {NETWORK: "ResNet"})[0]
    assert row["AUROC, energy"] == "0.90 (0.88 to 0.92)" and row["FPR95, energy"] == "40% (38% to 42%)"


def test_detector_aurocs_are_those_of_the_task_with_their_standard_deviation(study):
    stored = (study, NETWORK, "other families", "corruptions")
    assert findings.detector_auroc(*stored, "gradient norms") == pytest.approx(0.7)
    assert findings.detector_sd(*stored, "gradient norms") == pytest.approx(0.02)
    assert isnan(findings.detector_auroc(*stored, "features"))
    assert findings.detector_pair(study, [NETWORK], "PGD", "gradient norms") == pytest.approx((0.2, 0.1))


def test_largest_change_finds_the_task_that_depends_most_on_the_images(study):
    tasks = [
        {"kind": "detector task", "network": NETWORK, "trained": "other families", "task": task, "gradient norms": 0.7}
        for task in findings.TASKS
    ]
    first, second = pd.DataFrame(tasks), pd.DataFrame(tasks)
    second.loc[second["task"] == "PGD", "gradient norms"] = 0.3
    second.loc[second["task"] == "FGSM", "gradient norms"] = 0.8
    stored = (first, second, [NETWORK], "other families", "gradient norms")
    assert findings.largest_change(*stored) == (NETWORK, "PGD", 0.7, 0.3)
    second.loc[second["task"] == "FGSM", "gradient norms"] = 0.1
    assert findings.largest_change(*stored)[1:] == ("FGSM", 0.7, 0.1)


def test_resampling_lead_is_that_of_the_named_normal_images():
    row = {"kind": "resampling", "network": NETWORK, "set": "gtsrb", "low": -0.1, "high": 0.1}
    rows = [row | {"normal images": name, "lead": lead} for name, lead in (("unchanged", 0.03), ("resampled", -0.02))]
    table = pd.DataFrame(rows)
    assert findings.resampling_lead(table, NETWORK, "gtsrb", "resampled") == (-0.02, -0.1, 0.1)
    assert findings.resampling_lead(table, NETWORK, "gtsrb", "unchanged").value == 0.03
    with pytest.raises(ValueError, match="expected one stored row, got 0"):
        findings.resampling_lead(table, NETWORK, "mnist", "resampled")


def test_score_by_task_and_names_of_scores(study):
    table = findings.score_by_task(study, [NETWORK])
    assert list(table.columns) == list(findings.TASKS) and table.loc["energy", "PGD"] == pytest.approx(0.4)
    assert findings.single_network_scores(study) == ["energy", "GradNorm"]


def test_factor_aurocs_count_small_factors_as_abnormal(study):
    (row,) = findings.factor_aurocs(study, [NETWORK]).itertuples(index=True)
    assert row[0] == "photographs of signs (GTSRB)" and row[1:] == pytest.approx((0.8, 0.7, 0.8, 0.7))


def test_assert_set_aurocs_can_fail(study):
    findings.assert_set_aurocs(study, NETWORK, {"gtsrb": {"energy": 0.88, "MSP": 0.86}, "unknown": {"energy": 0.1}})
    with pytest.raises(AssertionError, match="compute it again"):
        findings.assert_set_aurocs(study, NETWORK, {"gtsrb": {"energy": 0.6}})


def test_anomaly_rows_compare_with_the_best_control_by_class():
    rows = [
        {"kind": "class", "dataset": "signs", "normal": c, "steps": 300, "alpha": alpha, "both": both}
        | {"reconstruction": 0.5, "mean image": 0.6 + 0.1 * i}
        for i, c in enumerate("ab")
        for alpha, both in ((0.0, 0.1), (0.03, 0.8 + 0.1 * i))
    ]
    rows += [{"kind": "class", "dataset": "signs", "normal": "a", "steps": 900, "alpha": 0.03, "both": 0.0}]
    (found,) = findings.anomaly_rows(pd.DataFrame(rows))
    assert found["forward"] == "distance to the mean image" and found["difference"] == pytest.approx((0.2, 0.2, 0.2))
    assert found["gradient"] == "GradCon"
    (found,) = findings.anomaly_rows(pd.DataFrame([row | {"alignment": 0.9} for row in rows]))
    assert (found["gradient"], found["gradient AUROC"]) == ("alignment", pytest.approx(0.9))


def test_open_set_rows_compare_the_best_scores_by_network_and_unknown_images():
    difference = {"oscr minus energy": -0.1, "oscr minus energy_low": -0.2, "oscr minus energy_high": 0.0}
    row = {"kind": "open set", "network": NETWORK, "unknown": "mnist (far)"}
    scores = {"max softmax": 0.7, "energy": 0.8, "GradNorm": 0.7, "distance of gradient norms": 0.6}
    rows = [row | {"score": name, "oscr": value} for name, value in scores.items()]
    rows[2] |= difference
    (found,) = findings.open_set_rows(pd.DataFrame(rows))
    assert (found["task"], found["forward"], found["gradient"]) == ("open set: digits", "energy", "GradNorm")
    assert found["difference"] == (-0.1, -0.2, 0.0)


def test_best_scores_and_answer_table_name_the_cost(study):
    (row,) = findings.best_scores(study)
    rows = [row | {"data": "CIFAR-10", "confirmation": again} for again in (None, row["difference"])]
    text, confirmed = findings.answer_table(rows)
    assert text["difference"] == "+0.100 (0.000 to +0.200)"
    assert (
        findings.passes_text([row, {"gradient": "GradNorm"}])
        == "2 forward, 1 backward for ODIN; 1 forward for GradNorm"
    )
    assert text["other images"] is None and confirmed["other images"] == text["difference"]


def test_assert_task_and_detector_aurocs_can_fail(study):
    findings.assert_task_aurocs(study, NETWORK, {"near OOD": {"energy": 0.93}})
    with pytest.raises(AssertionError, match="compute it again"):
        findings.assert_task_aurocs(study, NETWORK, {"near OOD": {"energy": 0.8}})
    findings.assert_detector_aurocs(study, NETWORK, {("PGD", "gradient norms", "own family"): 0.3})
    with pytest.raises(AssertionError, match="compute it again"):
        findings.assert_detector_aurocs(study, NETWORK, {("PGD", "gradient norms", "own family"): 0.5})
    # A large spread over splits does not make the check weaker than 0.02 + 4 · 0.04.
    wide = study.assign(**{"gradient norms_sd": 0.5})
    findings.assert_detector_aurocs(wide, NETWORK, {("PGD", "gradient norms", "own family"): 0.2 + 0.17})
    with pytest.raises(AssertionError, match="compute it again"):
        findings.assert_detector_aurocs(wide, NETWORK, {("PGD", "gradient norms", "own family"): 0.2 + 0.19})
