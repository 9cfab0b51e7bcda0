"""The exercises of chapter 3: references compared with computations and the library, and alternative solutions."""

import itertools
import math
import re
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn

from tutorial_course.exercises import ch3 as exercises
from tutorial_course.exercises import check
from tutorial_lib import gradients, metrics, models, uncertainty


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


# AUROC by counting.


def by_scikit_learn(normal, abnormal):
    return roc_auc_score([0] * len(normal) + [1] * len(abnormal), torch.cat([normal, abnormal]).numpy())


def by_ranks(normal, abnormal):
    ranks = metrics.average_ranks(torch.cat([normal, abnormal]))
    M = len(abnormal)
    return (ranks[len(normal) :].sum() - M * (M + 1) / 2) / (len(normal) * M)


def by_two_loops(normal, abnormal):
    total = 0.0
    for a in abnormal.tolist():
        for n in normal.tolist():
            total += 1 if a > n else 0.5 if a == n else 0
    return total / (len(normal) * len(abnormal))


@pytest.mark.parametrize("computation", [metrics.auroc, by_scikit_learn])
def test_auroc_exercise_reference_matches_library_and_sklearn(computation):
    for case in arguments(exercises.auroc):
        assert exercises.auroc.reference(*case).item() == pytest.approx(computation(*case), abs=1e-12)


@pytest.mark.parametrize(
    "solution",
    [
        metrics.auroc,
        by_scikit_learn,
        by_ranks,
        by_two_loops,
        lambda n, a: (a[:, None] > n).float().mean() + (a[:, None] == n).float().mean() / 2,
    ],
    ids=["the library", "scikit-learn", "ranks", "two loops", "float32"],
)
def test_auroc_exercise_accepts_alternative_solutions(solution, monkeypatch):
    monkeypatch.setattr(time, "process_time", lambda: 0.0)
    verdict = check(solution, exercises.auroc)
    assert verdict.passed and verdict.hint is None


def test_auroc_exercise_accepts_slow_loop_with_advice(monkeypatch):
    monkeypatch.setattr(time, "process_time", itertools.count().__next__)  # every call takes a second
    verdict = check(by_two_loops, exercises.auroc)
    assert verdict.passed and verdict.hint.startswith("A double loop is correct but slow")
    assert exercises.auroc.success_message in verdict.correct_so_far and verdict.correct_so_far.endswith(verdict.hint)
    assert repr(verdict).startswith("✓ auroc: correct")


def test_auroc_exercise_recognizes_swapped_arguments():
    exchanged = lambda normal, abnormal: metrics.auroc(abnormal, normal)
    for case in arguments(exercises.auroc):
        assert exchanged(*case) == pytest.approx(1 - metrics.auroc(*case))
    assert "one minus the correct AUROC" in check(exchanged, exercises.auroc).hint


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda n, a: np.mean(a.numpy()[:, None] > n.numpy()), "Ties are counted as 1, or as 0"),
        (lambda n, a: np.mean(a.numpy()[:, None] >= n.numpy()), "Ties are counted as 1, or as 0"),
        (lambda n, a: ((a > 0.5).float().mean() + (n <= 0.5).float().mean()) / 2, "accuracy at the threshold ½"),
        (lambda n, a: by_ranks(n, a) - 1 / len(n), "The ranks start at 0"),
    ],
)
def test_auroc_exercise_recognizes_mistake_variants(wrong, message):
    assert message in check(wrong, exercises.auroc).hint


def test_auroc_exercise_cases_cover_ties_and_values_below_half():
    assert all((a[:, None] == n).any() for n, a in arguments(exercises.auroc))
    areas = [metrics.auroc(*case) for case in arguments(exercises.auroc)]
    assert min(areas) < 0.5 < max(areas)


# Gradient norms without a backward pass.


def by_autograd(z, h):
    norms = []
    for n in range(len(z)):
        W = torch.zeros(z.shape[1], h.shape[1], dtype=z.dtype, requires_grad=True)
        logits = W @ h[n] + z[n]
        loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        norms.append(torch.autograd.grad(loss, W)[0].square().sum())
    return torch.stack(norms)


def test_confounding_gradient_norm_exercise_reference_matches_autograd():
    for case in arguments(exercises.confounding_gradient_norm):
        torch.testing.assert_close(
            exercises.confounding_gradient_norm.reference(*case), by_autograd(*case), rtol=1e-10, atol=1e-16
        )


def test_confounding_gradient_norm_exercise_reference_matches_library():
    model = models.load("signs/classifier")
    x = torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    theirs = uncertainty.confounding_gradient_norms(model, x, group_by="tensor", layers="head")[:, 0].square()
    torch.testing.assert_close(
        exercises.confounding_gradient_norm.reference(*gradients.penultimate_features(model, x)),
        theirs,
        rtol=1e-4,
        atol=0,
    )


@pytest.mark.parametrize(
    "solution",
    [
        by_autograd,
        lambda z, h: by_autograd(z.float(), h.float()),
        lambda z, h: (
            ((np.exp(-z.numpy()) / (1 + np.exp(-z.numpy())) / z.shape[1]) ** 2).sum(1) * (h.numpy() ** 2).sum(1)
        ),
        lambda z, h: torch.einsum("nc,nd->ncd", (z.sigmoid() - 1) / z.shape[1], h).flatten(1).square().sum(1),
    ],
    ids=["autograd", "float32", "numpy", "einsum"],
)
def test_confounding_gradient_norm_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.confounding_gradient_norm).passed


def test_confounding_gradient_norm_exercise_recognizes_batch_gradient():
    def batch(z, h):
        W = torch.zeros(z.shape[1], h.shape[1], dtype=z.dtype, requires_grad=True)
        F.binary_cross_entropy_with_logits(h @ W.T + z, torch.ones_like(z)).backward()
        return W.grad.square().sum()

    assert check(batch, exercises.confounding_gradient_norm).hint.startswith(
        "Your function returns one number for the whole batch"
    )


def test_confounding_gradient_norm_exercise_softmax_reverses_order():
    """If all logits rise together, the correct norm falls, and that of the mistake with softmax does not change."""
    correct = exercises.confounding_gradient_norm.reference
    softmax = next(
        wrong for hint, wrong in exercises.confounding_gradient_norm.iter_known_mistakes() if "softmax" in hint
    )
    h = torch.ones(2, 3, dtype=torch.float64)
    uncertain, confident = torch.zeros(1, 4, dtype=torch.float64), torch.tensor([[9.0, 0, 0, 0]], dtype=torch.float64)
    assert correct(confident, h[:1]) < correct(uncertain, h[:1]) and softmax(confident, h[:1]) > softmax(
        uncertain, h[:1]
    )
    assert correct(uncertain + 5, h[:1]) < correct(uncertain, h[:1]) and softmax(uncertain + 5, h[:1]) == pytest.approx(
        softmax(uncertain, h[:1])
    )


# Projected gradient descent.


def by_loops(model, x, y, eps, step, steps):
    adversarial = []
    for image, label in zip(x, y):
        at = image.clone()
        for _ in range(steps):
            leaf = at.clone().requires_grad_()
            (slope,) = torch.autograd.grad(F.cross_entropy(model(leaf[None]), label[None]), leaf)
            at = torch.max(torch.min(at + step * slope.sign(), image + eps), image - eps)
            at = at.clamp(0, 1)
        adversarial.append(at)
    adversarial = torch.stack(adversarial)
    correct = [n for n in range(len(x)) if model(x[n : n + 1]).argmax() == y[n]]
    return adversarial, sum(int(model(adversarial[n : n + 1]).argmax() != y[n]) for n in correct) / len(correct)


def test_pgd_exercise_reference_matches_loops_and_library():
    for case in arguments(exercises.pgd):
        model, x, y, eps, step, steps = case
        mine, share = exercises.pgd.reference(*case)
        expected, counted = by_loops(*case)
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)
        assert share.item() == pytest.approx(counted)
        theirs = uncertainty.pgd(model, x, y, eps=eps, alpha=step, n_steps=steps, random_start=False)
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
        counts, lost = uncertainty.attack_success(model, x, theirs, y)
        assert share.item() == pytest.approx((lost.sum() / counts.sum()).item())


def in_one_batch(model, x, y, eps, step, steps):
    at = x.clone()
    for _ in range(steps):
        leaf = at.detach().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(model(leaf), y), leaf)
        at = at + step * slope.sign()
        at = torch.min(torch.max(at, (x - eps).clamp(min=0)), (x + eps).clamp(max=1))
    before, after = model(x).argmax(1), model(at).argmax(1)
    return at, float((after[before == y] != y[before == y]).float().mean())


def in_numpy(*case):
    at, share = in_one_batch(*case)
    return at.numpy(), np.float64(share)


@pytest.mark.parametrize("solution", [by_loops, in_one_batch, in_numpy], ids=["loops", "one batch", "numpy"])
def test_pgd_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.pgd).passed


def test_pgd_exercise_hint_reports_excessive_perturbation_size():
    def grows(model, x, y, eps, step, steps):
        at = x
        for _ in range(steps):
            slope = gradients.input_gradient(model, at, gradients.cross_entropy(y))
            at = (at + (step * slope.sign()).clamp(-eps, eps)).clamp(0, 1)
        return at, in_one_batch(model, x, y, eps, step, steps)[1]

    model, x, y, eps, step, steps = arguments(exercises.pgd)[0]
    hint = check(grows, exercises.pgd).hint
    (reported,) = (float(number) for number in re.findall(r"change is ([\d.]+):", hint))
    assert (
        reported == pytest.approx((grows(model, x, y, eps, step, steps)[0] - x).abs().max().item(), abs=5e-4)
        and reported > 2 * eps
    )
    assert hint.startswith("Each step is projected onto the ε-ball around the previous image")


def test_pgd_exercise_hint_reports_both_sizes_for_too_small_steps():
    timid = lambda model, x, y, eps, step, steps: exercises.pgd.reference(model, x, y, eps, step / steps, steps)
    actual, expected = (float(number) for number in re.findall(r"(\d\.\d+)", check(timid, exercises.pgd).hint))
    assert expected == pytest.approx(arguments(exercises.pgd)[0][3]) and actual == pytest.approx(0.04, abs=5e-4)


def test_pgd_exercise_rejects_attached_graph():
    def keeps(model, x, y, eps, step, steps):
        at, share = in_one_batch(model, x, y, eps, step, steps)
        return at.requires_grad_(), share

    verdict = check(keeps, exercises.pgd)
    assert (
        verdict.problem == "The graph of all steps is kept"
        and "all numbers are correct" in verdict.correct_so_far
        and not verdict.passed
    )


def test_pgd_exercise_rejects_leftover_gradients():
    def leaves(model, x, y, eps, step, steps):
        leaf = x.clone().requires_grad_()
        F.cross_entropy(model(leaf), y).backward()
        return in_one_batch(model, x, y, eps, step, steps)

    assert "a gradient was left in `.grad`" in check(leaves, exercises.pgd).problem


def test_pgd_exercise_recognizes_wrong_success_rate_alone():
    def counts_all(model, x, y, eps, step, steps):
        at, _ = in_one_batch(model, x, y, eps, step, steps)
        return at, float((model(at).argmax(1) != y).float().mean())

    verdict = check(counts_all, exercises.pgd)
    assert (
        verdict.problem == "Images that were misclassified before the attack are counted"
        and "correct in all cases: the batch of attacked images" in verdict.correct_so_far
    )


def test_pgd_exercise_cases_cover_clipping_and_partial_success():
    for model, x, y, eps, step, steps in arguments(exercises.pgd):
        correct = model(x).argmax(1) == y
        adversarial, share = by_loops(model, x, y, eps, step, steps)
        assert not correct.all() and correct.any() and 0 < share < 1
        assert (x == 0).any() and (x == 1).any() and steps * step > eps
        assert (adversarial - x).abs().max().item() == pytest.approx(eps)
    assert any(step > eps for _, _, _, eps, step, _ in arguments(exercises.pgd))


# Leave-one-group-out splits.


def by_lists(family, image, left_out):
    pairs = list(zip(family.tolist(), image.tolist(), strict=True))
    train = [p % 3 == 0 and f != left_out for f, p in pairs]
    return train, [p % 3 == 1 and f == 0 for f, p in pairs], [p % 3 == 2 and f in (0, left_out) for f, p in pairs]


def test_leave_one_group_out_exercise_reference_matches_loop():
    for case in arguments(exercises.leave_one_group_out):
        masks = exercises.leave_one_group_out.reference(*case)
        assert [mask.tolist() for mask in masks] == list(by_lists(*case))


def test_leave_one_group_out_exercise_groups_match_library():
    for family, image, left_out in arguments(exercises.leave_one_group_out):
        train, calibration, test = exercises.leave_one_group_out.reference(family, image, left_out)
        sides = [set(image[mask].tolist()) for mask in (train, calibration, test)]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
        (fold,) = [f for f in uncertainty.leave_one_group_out(family, image) if f.group == left_out]
        for mine, theirs in ((train, fold.train), (test, fold.test)):
            assert set(family[mine].tolist()) == set(family[theirs].tolist())
        assert set(family[calibration].tolist()) == {0}


@pytest.mark.parametrize(
    "solution",
    [by_lists, lambda f, p, o: [mask.numpy() for mask in exercises.leave_one_group_out.reference(f, p, o)]],
    ids=["lists", "numpy"],
)
def test_leave_one_group_out_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.leave_one_group_out).passed


def test_leave_one_group_out_exercise_recognizes_shared_normal_images():
    def shares(family, image, left_out):
        train, calibration, test = exercises.leave_one_group_out.reference(family, image, left_out)
        return train, calibration | (family == 0), test

    verdict = check(shares, exercises.leave_one_group_out)
    assert (
        verdict.problem == "Some normal images are in two sets"
        and "correct in all cases: `train`, `test`" in verdict.correct_so_far
    )


def test_leave_one_group_out_exercise_random_split_shares_images():
    """In the first two cases, a random split by sample puts the same image on both sides."""
    for family, image, _ in arguments(exercises.leave_one_group_out):
        side = torch.rand(len(family), generator=torch.Generator().manual_seed(0)) < 0.5
        assert set(image[side].tolist()) & set(image[~side].tolist())


# A conformal threshold.


def test_conformal_threshold_exercise_reference_accepts_enough_new_images():
    reference = exercises.conformal_threshold.reference
    assert reference(torch.arange(19.0)) == 18 and reference(torch.arange(39.0)) == 37
    assert reference(torch.arange(18.0)) == float("inf")
    scores = torch.randn(4000, 60, generator=torch.Generator().manual_seed(0))
    accepted = [scores[i, 59] <= reference(scores[i, :59]) for i in range(4000)]
    assert sum(accepted) / 4000 == pytest.approx(57 / 60, abs=4 * (0.05 * 0.95 / 4000) ** 0.5)


def test_conformal_threshold_exercise_accepts_numpy_solution():
    def by_numpy(score):
        k = math.ceil(0.95 * (len(score) + 1) - 1e-9)
        return np.sort(score.numpy())[k - 1] if k <= len(score) else np.inf

    assert check(by_numpy, exercises.conformal_threshold).passed


# A fact that the quiz states.


def test_ch3_quiz_sampled_label_gradients_average_to_zero():
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    x = torch.rand(1, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    p = model(x).softmax(1)[0].detach()
    each = [gradients.per_sample_gradients(model, x, gradients.cross_entropy(Q)) for Q in range(3)]
    for name in each[0]:
        average = sum(p[Q] * each[Q][name] for Q in range(3))
        assert average.abs().max() < 1e-15 < each[0][name].abs().max()
