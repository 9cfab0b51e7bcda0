"""The exercises of chapter 5: the references against what is counted and computed elsewhere, and answers found in other ways."""

import numpy as np
import pytest
import torch
from scipy import stats

from tutorial_lib import gradients, information, networks, uncertainty
from tutorial_lib.exercises import conclusion as exercises
from tutorial_lib.exercises.conclusion.judging import Words
from tutorial_lib.exercises.conclusion.placing import PLACES, Of, Read, Wrt
from tutorial_lib.instruments import METHODS, check

# Place it on the map.

ON_THE_MAP = {
    "saliency": "saliency",
    "Grad-CAM": "Grad-CAM",
    "attack": "adversarial attacks, one step",
    "purview": "purview: a norm per layer",
}
ON_THE_MAP |= {"GradCon": "GradCon: a direction", "VOICE": "variance over Q (VOICE)"}


@pytest.mark.parametrize("name", PLACES)
def test_places_are_those_of_the_map(name):
    wrt, of, _ = PLACES[name]
    row = [Of.PREDICTED, Of.ANOTHER, Of.EVERY, Of.CONFOUNDING, Of.ITSELF].index(of)
    assert METHODS[ON_THE_MAP[name]].cell == (row, int(wrt))


def test_no_answer_to_one_question_is_an_answer_to_another():
    values = [int(member) for kind in (Wrt, Of, Read) for member in kind]
    assert len(set(values)) == len(values)


def test_a_place_may_be_given_in_numbers():
    assert check(lambda method: [int(answer) for answer in PLACES[method]], exercises.place).passed


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("purview", (Wrt.PARAMETERS, Read.NORM, Read.NORM), "The read-out stands where the expectation belongs"),
        ("Grad-CAM", (Wrt.INPUT, Of.PREDICTED, Read.MAP), "Grad-CAM is taken for a gradient of the input"),
        ("attack", (Wrt.INPUT, Of.A_LOSS, Read.MAP), "A loss is named where a label is asked for"),
        ("GradCon", (Wrt.PARAMETERS, Of.ITSELF, Read.NORM), "the direction is taken for a size"),
    ],
)
def test_misplaced_methods_are_recognised(method, answer, said):
    assert said in check(lambda asked: answer if asked == method else PLACES[asked], exercises.place).hint


# What does it cost?


def test_costs_are_what_is_counted():
    network, C, N, S = networks.load("signs/classifier"), 14, 2, 5
    x = torch.rand(N, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    W, y = network.head.weight, torch.zeros(N, dtype=torch.int64)
    ways = (
        lambda: (gradients.features(network, x)[0].softmax(1)[:, None] - torch.eye(C)) @ W,
        lambda: uncertainty.confounding_norms(network, x),
        lambda: gradients.norms_from_gram(gradients.gradient_gram(network, x), torch.ones(N, C)),
        lambda: information.integrated_gradients(network, x, steps=S),
        lambda: uncertainty.pgd(network, x, y, eps=0.1, steps=S),
    )
    for way, expected in zip(ways, exercises.backward_passes.reference(C, N, S), strict=True):
        with gradients.counted(network) as passes:
            way()
        assert passes.backward == expected


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        (lambda C, N, S: (C * N, N, C * N, S * N, S * N), "A pass for every contrast"),
        (lambda C, N, S: (0, N, N, S * N, S * N), "One pass for the norms of every label"),
        (lambda C, N, S: (0, 1, C, S, S), "A batch was counted as one picture"),
        (lambda C, N, S: (0, N, C * N, N, S * N), "A walk is counted as one step"),
    ],
)
def test_wrong_costs_are_recognised(costs, said):
    assert said in check(costs, exercises.backward_passes).hint


def test_costs_may_be_a_tensor():
    assert check(lambda C, N, S: list(N * torch.tensor([0, 1, C, S, S])), exercises.backward_passes).passed


# Write a verdict.


def cases():
    return [tuple(exercises.verdict.arguments(i).values()) for i in range(len(exercises.verdict.cases))]


def test_the_cases_ask_for_every_verdict():
    assert {exercises.verdict.reference(*case)[0] for case in cases()} == set(Words)


def test_the_spread_of_a_mean_is_that_of_scipy():
    for method, baseline, control, differs in cases():
        words, lead = exercises.verdict.reference(method, baseline, control, differs)
        over = (method - baseline).numpy()
        assert lead.item() == pytest.approx(over.mean())
        assert (words < Words.NOT_SEEN_IN_OURS) == (over.mean() > 2 * stats.sem(over))


def in_numpy(method, baseline, control, differs):
    sure = lambda v: v.mean() > 2 * v.std(ddof=1) / np.sqrt(len(v))
    lead, beside = (method - baseline).numpy(), (method - control).numpy()
    words = (5, 4)[differs > 0] if not sure(lead) else 3 if not sure(beside) else (1, 2)[differs > 0]
    return words, lead.mean()


def test_a_verdict_may_be_found_in_numpy():
    assert check(in_numpy, exercises.verdict).passed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words, m, b, c, d: (words, (m - b).max()), "The best seed is reported"),
        (
            lambda words, m, b, c, d: (
                (Words.SEEN_IN_OURS if d else Words.SEEN_IN_THEIRS) if words == 3 else words,
                (m - b).mean(),
            ),
            "although a control does as well",
        ),
        (
            lambda words, m, b, c, d: (5 if words == 4 else words, (m - b).mean()),
            "of a setting that is not the paper's",
        ),
    ],
)
def test_hasty_verdicts_are_recognised(change, said):
    hasty = lambda m, b, c, d: change(exercises.verdict.reference(m, b, c, d)[0], m, b, c, d)
    assert said in check(hasty, exercises.verdict).hint


def test_a_win_within_the_spread_is_recognised():
    def hasty(method, baseline, control, differs):
        lead, beside = method - baseline, method - control
        if lead.mean() <= 0:
            return (4 if differs else 5), lead.mean()
        return (3 if not beside.mean() > 2 * beside.std() / len(beside) ** 0.5 else 2 if differs else 1), lead.mean()

    assert "within its own spread" in check(hasty, exercises.verdict).hint
