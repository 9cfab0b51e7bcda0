"""The exercises of chapter 5: references compared with counts and other computations, and alternative solutions."""

from itertools import product

import pytest
import torch
from scipy import stats

from tutorial_course.exercises import ch5 as exercises
from tutorial_course.exercises import check
from tutorial_course.exercises.ch5.method_map import PLACES, ObjectiveOf, ReadOut, WithRespectTo
from tutorial_course.exercises.ch5.verdict import VerdictCode
from tutorial_course.methods import METHODS
from tutorial_course.pass_counter import count_passes
from tutorial_course.results.claims import Evidence, rules
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
VERDICT_TEXTS = {code: getattr(rules, code.name) for code in VerdictCode}


def cases():
    return [tuple(exercises.verdict.arguments(i).values()) for i in range(len(exercises.verdict.cases))]


def test_verdict_exercise_cases_cover_every_verdict_code():
    assert {exercises.verdict.reference(*case)[0] for case in cases()} == set(VerdictCode)


def test_verdict_exercise_reference_follows_the_rule_of_the_claims_table():
    generator = torch.Generator().manual_seed(0)
    random = []
    for n_seeds, lead, over_control, differs in product((3, 10), (0.0, 0.02, 0.05), (0.0, 0.02, 0.05), (0, 2)):
        results = torch.randn(3, n_seeds, generator=generator).double() / 100
        method, baseline, control = results + torch.tensor([[lead], [0.0], [lead - over_control]])
        random.append((method, baseline, control, 0.01, differs))
    codes = set()
    for method, baseline, control, margin, differs in cases() + random:
        code, lead = exercises.verdict.reference(method, baseline, control, margin, differs)
        leads, over_control = ([rules.t_estimate((method - other).tolist())] for other in (baseline, control))
        assert lead.item() == pytest.approx((method - baseline).mean().item())
        assert VERDICT_TEXTS[code] == Evidence(leads, margin, over_control=over_control).verdict(bool(differs))
        codes.add(code)
    assert codes == set(VerdictCode)


def in_numpy(method, baseline, control, margin, differs):
    def conclusion(v):
        half = stats.t.ppf(0.975, len(v) - 1) * stats.sem(v)
        return "behind" if v.mean() + half <= margin else "ahead" if v.mean() > half else "unclear"

    over_baseline, over_control = (method - baseline).numpy(), (method - control).numpy()
    if (first := conclusion(over_baseline)) == "behind":
        return (5, 4)[differs > 0], over_baseline.mean()
    second = conclusion(over_control)
    if "unclear" in (first, second):
        return 6, over_baseline.mean()
    return (3 if second == "behind" else (1, 2)[differs > 0]), over_baseline.mean()


def test_verdict_exercise_accepts_numpy_solution():
    assert check(in_numpy, exercises.verdict).passed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words, m, b, c, _, d: (words, (m - b).max()), "You report the best seed"),
        (
            lambda words, m, b, c, _, d: (
                (VerdictCode.CONFIRMED_HERE if d else VerdictCode.CONFIRMED_IN_PAPER_SETTING) if words == 3 else words,
                (m - b).mean(),
            ),
            "although a control performs equally well",
        ),
        (
            lambda words, m, b, c, _, d: (5 if words == 4 else words, (m - b).mean()),
            "for a setting that is not that of the paper",
        ),
    ],
)
def test_verdict_exercise_recognizes_mistakes(change, message):
    mistaken = lambda *case: change(exercises.verdict.reference(*case)[0], *case)
    assert message in check(mistaken, exercises.verdict).hint


def with_half_width(factor, may_be_inconclusive=True):
    """Return a solution whose intervals have a half-width of so many standard errors."""

    def solution(method, baseline, control, margin, differs):
        def is_ahead(difference):
            half = factor(len(difference)) * difference.std() / len(difference) ** 0.5
            if difference.mean() + half <= margin:
                return False
            return True if difference.mean() > half else None if may_be_inconclusive else False

        ahead, ahead_of_control = is_ahead(method - baseline), is_ahead(method - control)
        if ahead is False:
            return (4 if differs else 5), (method - baseline).mean()
        if None in (ahead, ahead_of_control):
            return 6, (method - baseline).mean()
        return (3 if not ahead_of_control else 2 if differs else 1), (method - baseline).mean()

    return solution


def t_quantile(n):
    return stats.t.ppf(0.975, n - 1)


@pytest.mark.parametrize(
    ("solution", "message"),
    [
        (with_half_width(lambda n: 2), "twice the standard error"),
        (with_half_width(lambda n: 0, may_be_inconclusive=False), "smaller than its variation between seeds"),
        (with_half_width(t_quantile, may_be_inconclusive=False), "You never return “inconclusive”"),
    ],
)
def test_verdict_exercise_recognizes_wrong_intervals(solution, message):
    assert check(with_half_width(t_quantile), exercises.verdict).passed
    assert message in check(solution, exercises.verdict).hint
