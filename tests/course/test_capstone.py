"""The report of the capstone project: what is rejected, and the numbers of a complete report."""

import pytest
import torch

from tutorial_course.capstone import RUBRIC, capstone_report, rubric_table

COMPLETE = dict(
    question="Is it so?",
    source="photographs",
    used_sources=["signs"],
    unit="photograph",
    values={"norms": torch.tensor([0.8, 0.9, 0.7, 0.9, 0.8]), "energy": torch.tensor([0.5, 0.6, 0.5, 0.6, 0.4])},
    gradient="norms",
    control="energy",
    margin=0.05,
    failure="The method fails for smooth images because their norms are small.",
    test_of_failure="Train it on smooth images too and test it on other photographs.",
)


def test_capstone_report_computes_paired_difference():
    report = capstone_report(**COMPLETE)
    assert "The mean difference (norms − energy) is +0.300" in report
    assert "The gradient method (norms) performs better than the control (energy)." in report
    assert "| norms | 0.82" in report and "over 5 units (unit: photograph)" in report


def test_capstone_report_says_when_the_control_performs_equally_well():
    values = COMPLETE["values"] | {"norms": COMPLETE["values"]["energy"] + 0.001}
    assert "The control (energy) performs equally well or better." in capstone_report(**COMPLETE | {"values": values})
    values = COMPLETE["values"] | {"norms": torch.tensor([0.1, 0.9, 0.1, 0.9, 0.9])}
    assert "The interval is inconclusive." in capstone_report(**COMPLETE | {"values": values})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"used_sources": ["signs", "photographs"]}, "'photographs' is not unseen"),
        ({"control": "norms"}, "there is no control"),
        ({"control": "softmax"}, "there is no control"),
        ({"gradient": "norm"}, "unknown method 'norm'"),
        ({"values": {"norms": torch.ones(3), "energy": torch.ones(3)}}, "no interval can be computed"),
        ({"values": {"norms": torch.ones(6), "energy": torch.ones(5)}}, "no interval can be computed"),
        ({"failure": "It fails."}, "rejected: describe a failure"),
        ({"test_of_failure": ""}, "an experiment that could refute"),
    ],
)
def test_capstone_report_is_rejected_with_reason(change, reason):
    with pytest.raises(ValueError, match=reason):
        capstone_report(**COMPLETE | change)


def test_rubric_gives_partial_credit_for_each_part():
    assert len(rubric_table().splitlines()) == len(RUBRIC) + 2
    for criterion in RUBRIC:
        assert len({criterion.full, criterion.half, criterion.none}) == 3
