"""The exercises of chapter 3: the references against witnesses and the library, and answers found in other ways."""

import itertools
import re
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn

from tutorial_lib import gradients, measures, networks, uncertainty
from tutorial_lib.exercises import uncertainty as exercises
from tutorial_lib.instruments import check


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


# AUROC by counting.


def by_scikit_learn(normal, abnormal):
    return roc_auc_score([0] * len(normal) + [1] * len(abnormal), torch.cat([normal, abnormal]).numpy())


def by_ranks(normal, abnormal):
    ranks = measures.ranks(torch.cat([normal, abnormal]))
    M = len(abnormal)
    return (ranks[len(normal) :].sum() - M * (M + 1) / 2) / (len(normal) * M)


def by_two_loops(normal, abnormal):
    total = 0.0
    for a in abnormal.tolist():
        for n in normal.tolist():
            total += 1 if a > n else 0.5 if a == n else 0
    return total / (len(normal) * len(abnormal))


@pytest.mark.parametrize("witness", [measures.auroc, by_scikit_learn])
def test_auroc_agrees_with_a_witness(witness):
    for case in arguments(exercises.auroc):
        assert exercises.auroc.reference(*case).item() == pytest.approx(witness(*case), abs=1e-12)


@pytest.mark.parametrize(
    "answer",
    [
        measures.auroc,
        by_scikit_learn,
        by_ranks,
        by_two_loops,
        lambda n, a: (a[:, None] > n).float().mean() + (a[:, None] == n).float().mean() / 2,
    ],
    ids=["the library", "scikit-learn", "ranks", "two loops", "float32"],
)
def test_auroc_may_be_found_in_other_ways(answer, monkeypatch):
    monkeypatch.setattr(time, "process_time", lambda: 0.0)
    verdict = check(answer, exercises.auroc)
    assert verdict.passed and verdict.hint is None


def test_a_slow_double_loop_passes_with_a_hint(monkeypatch):
    monkeypatch.setattr(time, "process_time", itertools.count().__next__)  # every call takes a second
    verdict = check(by_two_loops, exercises.auroc)
    assert verdict.passed and verdict.hint.startswith("A double loop is right and slow")
    assert exercises.auroc.right in verdict.right and verdict.right.endswith(verdict.hint)
    assert repr(verdict).startswith("✓ auroc: right")


def test_an_exchange_is_one_minus_the_answer():
    exchanged = lambda normal, abnormal: measures.auroc(abnormal, normal)
    for case in arguments(exercises.auroc):
        assert exchanged(*case) == pytest.approx(1 - measures.auroc(*case))
    assert "1 − answer" in check(exchanged, exercises.auroc).hint


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda n, a: np.mean(a.numpy()[:, None] > n.numpy()), "Ties are counted as won, or as lost"),
        (lambda n, a: np.mean(a.numpy()[:, None] >= n.numpy()), "Ties are counted as won, or as lost"),
        (lambda n, a: ((a > 0.5).float().mean() + (n <= 0.5).float().mean()) / 2, "accuracy at the threshold ½"),
        (lambda n, a: by_ranks(n, a) - 1 / len(n), "do not begin at the same number"),
    ],
)
def test_slips_in_other_words_are_recognised(wrong, said):
    assert said in check(wrong, exercises.auroc).hint


def test_the_cases_have_ties_and_one_points_the_wrong_way():
    assert all((a[:, None] == n).any() for n, a in arguments(exercises.auroc))
    found = [measures.auroc(*case) for case in arguments(exercises.auroc)]
    assert min(found) < 0.5 < max(found)


# A norm without a backward pass.


def by_autograd(z, h):
    found = []
    for n in range(len(z)):
        W = torch.zeros(z.shape[1], h.shape[1], dtype=z.dtype, requires_grad=True)
        logits = W @ h[n] + z[n]
        loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        found.append(torch.autograd.grad(loss, W)[0].square().sum())
    return torch.stack(found)


def test_the_norm_agrees_with_a_backward_pass():
    for case in arguments(exercises.confounding_norm):
        torch.testing.assert_close(
            exercises.confounding_norm.reference(*case), by_autograd(*case), rtol=1e-10, atol=1e-16
        )


def test_the_norm_is_the_one_of_the_library():
    model = networks.load("signs/classifier")
    x = torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    theirs = uncertainty.confounding_norms(model, x, by="tensor", layers="head")[:, 0].square()
    torch.testing.assert_close(
        exercises.confounding_norm.reference(*gradients.features(model, x)), theirs, rtol=1e-4, atol=0
    )


@pytest.mark.parametrize(
    "answer",
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
def test_the_norm_may_be_found_in_other_ways(answer):
    assert check(answer, exercises.confounding_norm).passed


def test_a_batch_taken_back_at_once_is_one_number():
    def batch(z, h):
        W = torch.zeros(z.shape[1], h.shape[1], dtype=z.dtype, requires_grad=True)
        F.binary_cross_entropy_with_logits(h @ W.T + z, torch.ones_like(z)).backward()
        return W.grad.square().sum()

    assert check(batch, exercises.confounding_norm).hint.startswith("One number comes back for the whole batch")


def test_the_softmax_points_the_other_way():
    """The slip is another method with the other sign: where all logits rise together, one norm falls and the other stays."""
    right = exercises.confounding_norm.reference
    softmax = next(wrong for hint, wrong in exercises.confounding_norm.mistakes() if "softmax" in hint)
    h = torch.ones(2, 3, dtype=torch.float64)
    unsure, sure = torch.zeros(1, 4, dtype=torch.float64), torch.tensor([[9.0, 0, 0, 0]], dtype=torch.float64)
    assert right(sure, h[:1]) < right(unsure, h[:1]) and softmax(sure, h[:1]) > softmax(unsure, h[:1])
    assert right(unsure + 5, h[:1]) < right(unsure, h[:1]) and softmax(unsure + 5, h[:1]) == pytest.approx(
        softmax(unsure, h[:1])
    )


# Ten small steps.


def by_loops(model, x, y, eps, step, steps):
    found = []
    for picture, label in zip(x, y):
        at = picture.clone()
        for _ in range(steps):
            leaf = at.clone().requires_grad_()
            (slope,) = torch.autograd.grad(F.cross_entropy(model(leaf[None]), label[None]), leaf)
            at = torch.max(torch.min(at + step * slope.sign(), picture + eps), picture - eps)
            at = at.clamp(0, 1)
        found.append(at)
    found = torch.stack(found)
    right = [n for n in range(len(x)) if model(x[n : n + 1]).argmax() == y[n]]
    return found, sum(int(model(found[n : n + 1]).argmax() != y[n]) for n in right) / len(right)


def test_small_steps_agree_with_loops_and_with_the_library():
    for case in arguments(exercises.pgd):
        model, x, y, eps, step, steps = case
        mine, share = exercises.pgd.reference(*case)
        expected, counted = by_loops(*case)
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)
        assert share.item() == pytest.approx(counted)
        theirs = uncertainty.bim(model, x, y, eps=eps, step=step, steps=steps)
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
        counts, lost = uncertainty.fooled(model, x, theirs, y)
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


@pytest.mark.parametrize("answer", [by_loops, in_one_batch, in_numpy], ids=["loops", "one batch", "numpy"])
def test_small_steps_may_be_found_in_other_ways(answer):
    assert check(answer, exercises.pgd).passed


def test_a_growing_budget_is_told_how_large_it_grew():
    def grows(model, x, y, eps, step, steps):
        at = x
        for _ in range(steps):
            slope = gradients.input_gradient(model, at, gradients.cross_entropy(y))
            at = (at + (step * slope.sign()).clamp(-eps, eps)).clamp(0, 1)
        return at, in_one_batch(model, x, y, eps, step, steps)[1]

    model, x, y, eps, step, steps = arguments(exercises.pgd)[0]
    hint = check(grows, exercises.pgd).hint
    (said,) = (float(found) for found in re.findall(r"change is ([\d.]+):", hint))
    assert (
        said == pytest.approx((grows(model, x, y, eps, step, steps)[0] - x).abs().max().item(), abs=5e-4)
        and said > 2 * eps
    )
    assert hint.startswith("Each step is brought back around the last one")


def test_small_steps_are_told_both_changes():
    timid = lambda model, x, y, eps, step, steps: exercises.pgd.reference(model, x, y, eps, step / steps, steps)
    yours, right = (float(found) for found in re.findall(r"(\d\.\d+)", check(timid, exercises.pgd).hint))
    assert right == pytest.approx(arguments(exercises.pgd)[0][3]) and yours == pytest.approx(0.04, abs=5e-4)


def test_a_graph_that_is_kept_is_named_although_the_numbers_are_right():
    def keeps(model, x, y, eps, step, steps):
        at, share = in_one_batch(model, x, y, eps, step, steps)
        return at.requires_grad_(), share

    verdict = check(keeps, exercises.pgd)
    assert (
        verdict.off == "The graph of all steps is kept"
        and "all numbers are right" in verdict.right
        and not verdict.passed
    )


def test_gradients_left_on_the_network_are_a_trace():
    def leaves(model, x, y, eps, step, steps):
        leaf = x.clone().requires_grad_()
        F.cross_entropy(model(leaf), y).backward()
        return in_one_batch(model, x, y, eps, step, steps)

    assert "a gradient was left in `.grad`" in check(leaves, exercises.pgd).off


def test_only_the_count_is_off_where_only_the_count_is():
    def counts_all(model, x, y, eps, step, steps):
        at, _ = in_one_batch(model, x, y, eps, step, steps)
        return at, float((model(at).argmax(1) != y).float().mean())

    verdict = check(counts_all, exercises.pgd)
    assert (
        verdict.off == "Pictures that were wrong before are counted as fooled"
        and "`the pictures` right" in verdict.right
    )


def test_the_cases_bite():
    for model, x, y, eps, step, steps in arguments(exercises.pgd):
        before = model(x).argmax(1) == y
        found, share = by_loops(model, x, y, eps, step, steps)
        assert not before.all() and before.any() and 0 < share < 1
        assert (x == 0).any() and (x == 1).any() and steps * step > eps
        assert (found - x).abs().max().item() == pytest.approx(eps)
    assert any(step > eps for _, _, _, eps, step, _ in arguments(exercises.pgd))


# An honest split.


def by_hand(family, picture, score, left_out):
    train = [p % 2 == 0 and f != left_out for f, p in zip(family.tolist(), picture.tolist())]
    test = [p % 2 == 1 and f in (0, left_out) for f, p in zip(family.tolist(), picture.tolist())]
    known = [s for s, t in zip(score.tolist(), train) if t]
    mean = sum(known) / len(known)
    spread = (sum((s - mean) ** 2 for s in known) / (len(known) - 1)) ** 0.5
    scaled = [(s - mean) / spread for s in score.tolist()]
    return train, test, scaled, max(s for s, t, f in zip(scaled, train, family.tolist()) if t and f == 0)


def test_the_split_agrees_with_one_by_hand():
    for case in arguments(exercises.leave_one_family_out):
        for mine, other in zip(exercises.leave_one_family_out.reference(*case), by_hand(*case), strict=True):
            torch.testing.assert_close(
                mine.double(), torch.as_tensor(other, dtype=torch.float64), rtol=1e-12, atol=1e-12
            )


def test_the_split_keeps_what_the_library_keeps_apart():
    for family, picture, score, left_out in arguments(exercises.leave_one_family_out):
        train, test, _, _ = exercises.leave_one_family_out.reference(family, picture, score, left_out)
        assert not set(picture[train].tolist()) & set(picture[test].tolist())
        (fold,) = [f for f in uncertainty.leave_one_family_out(family, picture) if f.family == left_out]
        for mine, theirs in ((train, fold.train), (test, fold.test)):
            assert set(family[mine].tolist()) == set(family[theirs].tolist())


@pytest.mark.parametrize(
    "answer",
    [
        by_hand,
        lambda f, p, s, o: [part.numpy() for part in exercises.leave_one_family_out.reference(f, p, s, o)],
        lambda f, p, s, o: exercises.leave_one_family_out.reference(f, p, s.float(), o),
    ],
    ids=["by hand", "numpy", "float32"],
)
def test_the_split_may_be_found_in_other_ways(answer):
    assert check(answer, exercises.leave_one_family_out).passed


def test_the_sides_are_right_where_only_the_scale_is_off():
    def peeks(family, picture, score, left_out):
        train, test, _, _ = exercises.leave_one_family_out.reference(family, picture, score, left_out)
        scaled = (score - score.mean()) / score.std()
        return train, test, scaled, scaled[train & (family == 0)].max()

    verdict = check(peeks, exercises.leave_one_family_out)
    assert (
        verdict.off == "The scores are standardised with what the test holds"
        and "`train`, `test` right" in verdict.right
    )


def test_a_split_by_chance_shares_pictures():
    """What a random split by sample does, in the first two cases at least: the same picture on both sides."""
    for family, picture, *_ in arguments(exercises.leave_one_family_out):
        side = torch.rand(len(family), generator=torch.Generator().manual_seed(0)) < 0.5
        assert set(picture[side].tolist()) & set(picture[~side].tolist())


# The quiz keeps its word.


def test_what_the_quiz_says_of_drawn_labels_holds():
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    x = torch.rand(1, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    p = model(x).softmax(1)[0].detach()
    each = [gradients.parameter_gradients(model, x, gradients.cross_entropy(Q)) for Q in range(3)]
    for name in each[0]:
        average = sum(p[Q] * each[Q][name] for Q in range(3))
        assert average.abs().max() < 1e-15 < each[0][name].abs().max()
