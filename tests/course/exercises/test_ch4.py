"""The exercises of chapter 4 on quality: the references against witnesses and the library, and answers found in other ways."""

import re

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from tutorial_course.exercises import ch4 as exercises
from tutorial_course.exercises import check
from tutorial_lib import attribution, gradients, metrics, quality


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


# Agreement in rank.


def by_scipy(scores, opinions, damage):
    return stats.spearmanr(scores.numpy(), -opinions.numpy() if damage else opinions.numpy()).statistic


def by_loops(scores, opinions, damage):
    def rank(v, x):
        return sum(1.0 for y in v if y < x) + sum(0.5 for y in v if y == x)

    a, b = scores.tolist(), [-o if damage else o for o in opinions.tolist()]
    u, v = [rank(a, x) for x in a], [rank(b, x) for x in b]
    return np.corrcoef(u, v)[0, 1]


def by_library(scores, opinions, damage):
    return (-1) ** damage * metrics.srcc(scores, opinions)


@pytest.mark.parametrize("answer", [by_scipy, by_loops, by_library], ids=["scipy", "loops", "library"])
def test_rank_correlation_exercise_accepts_alternative_solutions(answer):
    assert check(answer, exercises.rank_correlation).passed
    for case in arguments(exercises.rank_correlation):
        assert exercises.rank_correlation.reference(*case).item() == pytest.approx(float(answer(*case)))


def test_rank_correlation_exercise_cases_cover_ties_and_both_directions():
    cases = arguments(exercises.rank_correlation)
    assert all(len(scores.unique()) < len(scores) for scores, _, _ in cases) and {damage for *_, damage in cases} == {
        True,
        False,
    }
    found = [exercises.rank_correlation.reference(*case) for case in cases]
    assert min(found) < -0.3 and max(found) > 0.5


# The required change.


def by_loops_over_images(autoencoder, clean, damaged):
    """The formula, with ordinary backward passes on a copy."""
    import copy

    model, rows = copy.deepcopy(autoencoder), []
    for c, d in zip(clean, damaged):
        asked = []
        for x in (d[None], c[None]):
            J = (model(x) - x).square().mean()
            asked.append(torch.autograd.grad(J, list(model.parameters())))
        rows.append(sum((a - b).norm() / b.norm() for a, b in zip(*asked)) / len(asked[0]))
    return torch.stack(rows)


def by_the_library(autoencoder, clean, damaged):
    return quality.gradient_distance(autoencoder, damaged, clean)


@pytest.mark.parametrize(
    "answer",
    [by_loops_over_images, by_the_library, lambda *a: by_loops_over_images(*a).numpy()],
    ids=["loops", "library", "numpy"],
)
def test_gradient_distance_exercise_accepts_alternative_solutions(answer):
    assert check(answer, exercises.gradient_distance).passed


def test_gradient_distance_exercise_rejects_leftover_gradients():
    def leaves(autoencoder, clean, damaged):
        (autoencoder(clean) - clean).square().mean().backward()
        return by_the_library(autoencoder, clean, damaged)

    assert "a gradient was left in `.grad`" in check(leaves, exercises.gradient_distance).problem


def test_gradient_distance_exercise_cases_have_unequal_layer_norms():
    for autoencoder, clean, _ in arguments(exercises.gradient_distance):
        norms = gradients.per_sample_gradient_norms(autoencoder, clean, gradients.reconstruction_mse(clean))
        assert (norms.amax(1) > 3 * norms.amin(1)).all()


# A score that can be contrasted.


class Head(nn.Module):
    def __init__(self, W):
        super().__init__()
        self.body = nn.Identity()
        self.head = nn.Linear(*W.T.shape, bias=False, dtype=W.dtype)
        self.head.weight.data = W

    def forward(self, A):
        return self.head(self.body(A).mean((2, 3)))


def by_grad_cam(A, W, Q):
    with torch.random.fork_rng([]):
        model = Head(W)
    return attribution.normalize_maps(
        attribution.grad_cam(model, A, "body", gradients.logit_difference(Q)), floor=1e-12
    )


def in_closed_form(A, W, Q):
    P = (A.mean((2, 3)) @ W.T).argmax(1)
    maps = torch.einsum("nk,nkhw->nhw", W[P] - W[Q], A)
    return maps / maps.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)


def by_log_softmax(A, W, Q):
    A = A.clone().requires_grad_()
    p = (A.mean((2, 3)) @ W.T).log_softmax(1)
    J = p.max(1).values - p.gather(1, Q[:, None])[:, 0]
    (g,) = torch.autograd.grad(J.sum(), A)
    maps = (g.mean((2, 3), keepdim=True) * A).sum(1).detach()
    return maps / maps.abs().amax((1, 2), keepdim=True).clamp(min=1e-9)


@pytest.mark.parametrize(
    "answer", [by_grad_cam, in_closed_form, by_log_softmax], ids=["grad-cam", "closed form", "autograd"]
)
def test_bin_contrast_exercise_accepts_alternative_solutions(answer):
    assert check(answer, exercises.bin_contrast).passed


def test_bin_contrast_exercise_cases_cover_repeated_image_and_own_bin():
    for A, W, Q in arguments(exercises.bin_contrast):
        z = A.mean((2, 3)) @ W.T
        assert (
            torch.equal(A[0], A[1])
            and Q[0] != Q[1]
            and Q[-1] == z[-1].argmax()
            and not (Q[:-1] == z[:-1].argmax(1)).any()
        )
        assert (exercises.bin_contrast.reference(A, W, Q)[-1] == 0).all()


def test_bin_contrast_exercise_hint_reports_cosine_of_scalar_score_maps():
    from tutorial_course.exercises.ch4.bin_contrast import expected_score_objective, with_objective

    hint = check(with_objective(expected_score_objective), exercises.bin_contrast).hint
    yours, right = (float(v) for v in re.findall(r"(-?\d\.\d\d)", hint))
    assert yours == 1 and right < 0.99
