"""The exercises of chapter 4 on quality: references compared with the library, and alternative solutions."""

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


# Rank correlation.


def by_scipy(scores, opinions, higher_is_worse):
    return stats.spearmanr(scores.numpy(), -opinions.numpy() if higher_is_worse else opinions.numpy()).statistic


def by_loops(scores, opinions, higher_is_worse):
    def rank(v, x):
        return sum(1.0 for y in v if y < x) + sum(0.5 for y in v if y == x)

    a, b = scores.tolist(), [-o if higher_is_worse else o for o in opinions.tolist()]
    u, v = [rank(a, x) for x in a], [rank(b, x) for x in b]
    return np.corrcoef(u, v)[0, 1]


def by_library(scores, opinions, higher_is_worse):
    return (-1) ** higher_is_worse * metrics.srcc(scores, opinions)


@pytest.mark.parametrize("solution", [by_scipy, by_loops, by_library], ids=["scipy", "loops", "library"])
def test_rank_correlation_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.rank_correlation).passed
    for case in arguments(exercises.rank_correlation):
        assert exercises.rank_correlation.reference(*case).item() == pytest.approx(float(solution(*case)))


def test_rank_correlation_exercise_cases_cover_ties_and_both_directions():
    cases = arguments(exercises.rank_correlation)
    assert all(len(scores.unique()) < len(scores) for scores, _, _ in cases) and {
        higher_is_worse for *_, higher_is_worse in cases
    } == {
        True,
        False,
    }
    correlations = [exercises.rank_correlation.reference(*case) for case in cases]
    assert min(correlations) < -0.3 and max(correlations) > 0.5


# The gradient distance.


def by_loops_over_images(autoencoder, clean, distorted):
    """Return the distances by the formula, with ordinary backward passes on a copy."""
    import copy

    model, rows = copy.deepcopy(autoencoder), []
    for c, d in zip(clean, distorted):
        gradients = []
        for x in (d[None], c[None]):
            J = (model(x) - x).square().mean()
            gradients.append(torch.autograd.grad(J, list(model.parameters())))
        rows.append(sum((a - b).norm() / b.norm() for a, b in zip(*gradients)) / len(gradients[0]))
    return torch.stack(rows)


def by_the_library(autoencoder, clean, distorted):
    return quality.gradient_distance(autoencoder, distorted, clean)


@pytest.mark.parametrize(
    "solution",
    [by_loops_over_images, by_the_library, lambda *a: by_loops_over_images(*a).numpy()],
    ids=["loops", "library", "numpy"],
)
def test_gradient_distance_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.gradient_distance).passed


def test_gradient_distance_exercise_rejects_leftover_gradients():
    def leaves(autoencoder, clean, distorted):
        (autoencoder(clean) - clean).square().mean().backward()
        return by_the_library(autoencoder, clean, distorted)

    assert "a gradient was left in `.grad`" in check(leaves, exercises.gradient_distance).problem


def test_gradient_distance_exercise_cases_have_unequal_layer_norms():
    for autoencoder, clean, _ in arguments(exercises.gradient_distance):
        norms = gradients.per_sample_gradient_norms(autoencoder, clean, gradients.reconstruction_mse(clean))
        assert (norms.amax(1) > 3 * norms.amin(1)).all()


# Contrastive explanations of a score.


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
    return attribution.normalize_maps(attribution.grad_cam(model, A, "body", gradients.logit_difference(Q)))


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
    "solution", [by_grad_cam, in_closed_form, by_log_softmax], ids=["grad-cam", "closed form", "autograd"]
)
def test_bin_contrast_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.bin_contrast).passed


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
    mistakes = exercises.bin_contrast.iter_known_mistakes()
    scalar_score = next(wrong for hint, wrong in mistakes if hint.startswith("The gradient of a squared distance"))
    hint = check(scalar_score, exercises.bin_contrast).hint
    yours, right = (float(v) for v in re.findall(r"(-?\d\.\d\d)", hint))
    assert yours == 1 and right < 0.99
