"""The scoreboard and the decision tree follow the claims, and change when a stored number changes."""

import pandas as pd
import pytest

from tutorial_course.findings.ch5 import TASKS, Decision, Task, decision_tree, decision_tree_text, scoreboard_table
from tutorial_course.methods import METHODS
from tutorial_course.results import claims
from tutorial_course.results.claims import Estimate, Evidence
from tutorial_course.results.claims.rules import table
from tutorial_course.widgets.section_links import SECTION_TITLES

ATTACK = next(task for task in TASKS if task.claim == "engineered")
LOOK = next(task for task in TASKS if task.claim == "implicit")


def task_with(*leads, margin=0.05):
    evidence = Evidence(leads, margin) if leads else None
    stored = (lambda: evidence) if evidence else None
    return Task("group", "Is it so?", "3.1", "method", "control", "AUROC", stored=stored)


@pytest.mark.parametrize(
    ("leads", "decision"),
    [
        ([Estimate(0.2, 0.1, 0.3)], Decision.GRADIENT),
        ([Estimate(0.02, -0.01, 0.04)], Decision.CONTROL),
        ([Estimate(0.2, -0.1, 0.5)], Decision.UNDECIDED),
        ([Estimate(0.2, 0.1, 0.3), Estimate(-0.2, -0.3, -0.1)], Decision.UNDECIDED),
        ([], Decision.NO_INTERVAL),
    ],
)
def test_decision_follows_rule_of_the_claims(leads, decision):
    assert task_with(*leads).decision() == decision


def test_decision_tree_continues_only_if_the_gradient_is_ahead():
    ahead, wide = task_with(Estimate(0.2, 0.1, 0.3)), task_with(Estimate(0.2, -0.1, 0.5))
    (first, second) = decision_tree([ahead, wide])["group"]
    assert first.use_gradient and first.advice.startswith("continue with the gradient (method;")
    assert not second.use_gradient
    assert second.advice == "stop, because the result for the gradient (method) is inconclusive"
    assert "Use this control first: control." in decision_tree_text(decision_tree([ahead]))


def test_tasks_name_existing_sections_methods_and_claims():
    ids = {claim.id for claim in claims.CLAIMS}
    for task in TASKS:
        assert task.section in SECTION_TITLES and (task.method is None or task.method in METHODS), task.question
        assert task.claim is None or task.claim in ids, task.claim


def test_decision_tree_paths_agree_with_their_claims():
    confirmed = (claims.CONFIRMED_HERE, claims.CONFIRMED_IN_PAPER_SETTING)
    for task in TASKS:
        claim = task.find_claim()
        if claim is not None and claim.evidence is not None and task.decision() == Decision.GRADIENT:
            assert claim.verdict in confirmed, task.question
        if claim is not None and claim.evidence is not None and claim.verdict == claims.CONTROL_AS_GOOD:
            assert task.decision() == Decision.CONTROL, task.question


def test_unknown_claim_gives_no_interval():
    task = Task("group", "Is it so?", "3.1", "method", "control", "AUROC", claim="no such claim")
    assert task.decision() == Decision.NO_INTERVAL
    assert "no interval stored" in scoreboard_table([task])


def test_missing_columns_give_no_interval(monkeypatch):
    empty = pd.DataFrame([{"kind": "another"}])
    monkeypatch.setattr("tutorial_course.findings.ch5.scoreboard.table", lambda name: empty)
    for task in TASKS:
        if task.stored is not None:
            assert task.stored().leads == []


@pytest.fixture
def editable(monkeypatch):
    """A function that makes a stored result editable, and restores it after the test."""
    originals = {}

    def edit(name):
        frame = table(name)
        originals[name] = (frame, frame.copy())
        return frame

    yield edit
    for frame, original in originals.values():
        for column in original:
            frame[column] = original[column]


def forget_computed_values(claim):
    """Let a claim compute its verdict again."""
    for name in ("verdict", "intervals"):
        vars(claim).pop(name, None)


def test_tree_changes_with_a_stored_number(editable):
    before = decision_tree()
    assert {leaf.question: leaf.use_gradient for leaves in before.values() for leaf in leaves}[LOOK.question] is False
    frame = editable("saliency")
    kinds = ("fixations", "fixations, difference")  # the metric of the map, and its difference from the control
    rows = frame["kind"].isin(kinds) & (frame["map"] == "implicit") & (frame["prior"] == False)  # noqa: E712
    assert rows.any()
    for column, value in {"auc": 0.99, "auc, low": 0.98, "auc, high": 1.0}.items():
        frame.loc[rows, column] = value
    claim = LOOK.find_claim()
    assert claim.evidence().verdict(bool(claim.differs)) == claims.CONFIRMED_HERE
    forget_computed_values(claim)
    try:
        assert LOOK.leads()[0].value > 0.1
        after = decision_tree()
    finally:
        forget_computed_values(claim)
    assert {leaf.question: leaf.use_gradient for leaves in after.values() for leaf in leaves}[LOOK.question] is True
    assert before != after


def test_scoreboard_has_a_row_per_task():
    lines = scoreboard_table().splitlines()
    assert len(lines) == len(TASKS) + 2
