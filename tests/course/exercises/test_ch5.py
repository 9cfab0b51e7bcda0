"""The exercises of chapter 5: references compared with counts and other computations, and alternative solutions."""

import numpy as np
import pytest
import torch
from scipy import stats

from tutorial_course.exercises import ch5 as exercises
from tutorial_course.exercises import check
from tutorial_course.exercises.ch5.method_map import PLACES, ObjectiveOf, ReadOut, WithRespectTo
from tutorial_course.exercises.ch5.verdict import VerdictCode
from tutorial_course.methods import METHODS
from tutorial_course.pass_counter import count_passes
from tutorial_lib import attribution, gradients, models, uncertainty

# The place of a method in the course overview.

METHOD_NAMES = {
    "saliency": "saliency",
    "Grad-CAM": "Grad-CAM",
    "attack": "adversarial attacks, one step",
    "purview": "purview: a norm per layer",
}
METHOD_NAMES |= {"GradCon": "GradCon: a direction", "VOICE": "variance over Q (VOICE)"}


@pytest.mark.parametrize("name", PLACES)
def test_place_on_map_exercise_reference_matches_methods_table(name):
    wrt, of, _ = PLACES[name]
    row = [
        ObjectiveOf.PREDICTED,
        ObjectiveOf.ANOTHER,
        ObjectiveOf.EVERY,
        ObjectiveOf.CONFOUNDING,
        ObjectiveOf.ITSELF,
    ].index(of)
    assert METHODS[METHOD_NAMES[name]].cell == (row, int(wrt))


def test_place_on_map_exercise_enum_values_are_distinct():
    values = [int(member) for kind in (WithRespectTo, ObjectiveOf, ReadOut) for member in kind]
    assert len(set(values)) == len(values)


def test_place_on_map_exercise_accepts_integers():
    assert check(lambda method: [int(entry) for entry in PLACES[method]], exercises.place_on_map).passed


@pytest.mark.parametrize(
    ("method", "entry", "message"),
    [
        (
            "purview",
            (WithRespectTo.PARAMETERS, ReadOut.NORM, ReadOut.NORM),
            "You give the computed quantity as the objective",
        ),
        (
            "Grad-CAM",
            (WithRespectTo.INPUT, ObjectiveOf.PREDICTED, ReadOut.MAP),
            "You treat Grad-CAM or VOICE as a gradient with respect to the input",
        ),
        (
            "attack",
            (WithRespectTo.INPUT, ObjectiveOf.A_LOSS, ReadOut.MAP),
            "You name a loss without a label",
        ),
        ("GradCon", (WithRespectTo.PARAMETERS, ObjectiveOf.ITSELF, ReadOut.NORM), "You give a norm for GradCon"),
    ],
)
def test_place_on_map_exercise_recognizes_mistakes(method, entry, message):
    assert (
        message
        in check(lambda requested: entry if requested == method else PLACES[requested], exercises.place_on_map).hint
    )


# Computational cost.


def test_backward_pass_count_exercise_reference_matches_counter():
    network, C, N, S = models.load("signs/classifier"), 14, 2, 5
    x = torch.rand(N, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    W, y = network.head.weight, torch.zeros(N, dtype=torch.int64)
    computations = (
        lambda: (gradients.penultimate_features(network, x)[0].softmax(1)[:, None] - torch.eye(C)) @ W,
        lambda: uncertainty.confounding_gradient_norms(network, x),
        lambda: gradients.gradient_norms_from_gram(gradients.class_gradient_gram(network, x), torch.ones(N, C)),
        lambda: attribution.integrated_gradients(network, x, n_steps=S),
        lambda: uncertainty.pgd(network, x, y, eps=0.1, n_steps=S),
    )
    for computation, expected in zip(computations, exercises.backward_pass_count.reference(C, N, S), strict=True):
        with count_passes(network) as passes:
            computation()
        assert passes.backward == expected


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (lambda C, N, S: (C * N, N, C * N, S * N, S * N), "You count a pass for every contrast"),
        (lambda C, N, S: (0, N, N, S * N, S * N), "passes for the norms of every label is wrong"),
        (lambda C, N, S: (0, 1, C, S, S), "You count a batch as one image"),
        (lambda C, N, S: (0, N, C * N, N, S * N), "You count several steps as one"),
    ],
)
def test_backward_pass_count_exercise_recognizes_mistakes(costs, message):
    assert message in check(costs, exercises.backward_pass_count).hint


def test_backward_pass_count_exercise_accepts_tensor_entries():
    assert check(lambda C, N, S: list(N * torch.tensor([0, 1, C, S, S])), exercises.backward_pass_count).passed


# Verdicts on claims.


def cases():
    return [tuple(exercises.verdict.arguments(i).values()) for i in range(len(exercises.verdict.cases))]


def test_verdict_exercise_cases_cover_every_verdict_code():
    assert {exercises.verdict.reference(*case)[0] for case in cases()} == set(VerdictCode)


def test_verdict_exercise_reference_matches_scipy_standard_error():
    for method, baseline, control, differs in cases():
        words, lead = exercises.verdict.reference(method, baseline, control, differs)
        over = (method - baseline).numpy()
        assert lead.item() == pytest.approx(over.mean())
        assert (words < VerdictCode.NOT_CONFIRMED_HERE) == (over.mean() > 2 * stats.sem(over))


def in_numpy(method, baseline, control, differs):
    significant = lambda v: v.mean() > 2 * v.std(ddof=1) / np.sqrt(len(v))
    over_baseline, over_control = (method - baseline).numpy(), (method - control).numpy()
    code = (
        (5, 4)[differs > 0]
        if not significant(over_baseline)
        else 3
        if not significant(over_control)
        else (1, 2)[differs > 0]
    )
    return code, over_baseline.mean()


def test_verdict_exercise_accepts_numpy_solution():
    assert check(in_numpy, exercises.verdict).passed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words, m, b, c, d: (words, (m - b).max()), "You report the best seed"),
        (
            lambda words, m, b, c, d: (
                (VerdictCode.CONFIRMED_HERE if d else VerdictCode.CONFIRMED_IN_PAPER_SETTING) if words == 3 else words,
                (m - b).mean(),
            ),
            "although a control performs equally well",
        ),
        (
            lambda words, m, b, c, d: (5 if words == 4 else words, (m - b).mean()),
            "for a setting that is not that of the paper",
        ),
    ],
)
def test_verdict_exercise_recognizes_mistakes(change, message):
    mistaken = lambda m, b, c, d: change(exercises.verdict.reference(m, b, c, d)[0], m, b, c, d)
    assert message in check(mistaken, exercises.verdict).hint


def test_verdict_exercise_recognizes_lead_within_spread():
    def mistaken(method, baseline, control, differs):
        lead, beside = method - baseline, method - control
        if lead.mean() <= 0:
            return (4 if differs else 5), lead.mean()
        return (3 if not beside.mean() > 2 * beside.std() / len(beside) ** 0.5 else 2 if differs else 1), lead.mean()

    assert "smaller than its own variation" in check(mistaken, exercises.verdict).hint
