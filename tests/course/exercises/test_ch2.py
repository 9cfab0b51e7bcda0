"""The exercises of chapter 2: references compared with computations and the library, and alternative solutions."""

import copy
import re
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn

from tutorial_course.exercises import ch2 as exercises
from tutorial_course.exercises import check
from tutorial_lib import attribution, gradients, models
from tutorial_lib.metrics import srcc


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


@pytest.fixture(scope="module")
def network():
    return models.load("signs/classifier")


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))


# Counterfactual explanations.


def by_loops(activation, gradient):
    N, K, h, w = activation.shape
    maps = torch.zeros(N, h, w, dtype=activation.dtype)
    for n in range(N):
        for i in range(h):
            for j in range(w):
                maps[n, i, j] = max(0, sum(-gradient[n, k].mean() * activation[n, k, i, j] for k in range(K)))
    return maps


def test_counterfactual_cam_exercise_reference_matches_loops():
    for case in arguments(exercises.counterfactual_cam):
        torch.testing.assert_close(
            exercises.counterfactual_cam.reference(*case), by_loops(*case), atol=1e-12, rtol=1e-12
        )


def test_counterfactual_cam_exercise_reference_matches_library(network, images):
    A, g = gradients.layer_gradient(network, images, network.block3, gradients.logit(3))
    theirs = attribution.counterfactual_cam(network, images, network.block3, 3, relu=True)
    torch.testing.assert_close(exercises.counterfactual_cam.reference(A, g), theirs)


@pytest.mark.parametrize(
    "solution",
    [
        by_loops,
        lambda A, g: by_loops(A.float(), g.float()),
        lambda A, g: F.relu(-torch.einsum("nkij,nk->nij", A, g.flatten(2).mean(2))),
        lambda A, g: np.maximum(0, -(g.numpy().mean((2, 3), keepdims=True) * A.numpy()).sum(1)),
        lambda A, g: attribution.normalize_maps(
            (-g.mean((2, 3), keepdim=True) * A).sum(1).relu(), scale=torch.ones(len(A))
        ),
    ],
    ids=["loops", "float32", "einsum", "numpy", "a common scale"],
)
def test_counterfactual_cam_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.counterfactual_cam).passed


def test_counterfactual_cam_exercise_hint_reports_both_map_masses():
    A, g = arguments(exercises.counterfactual_cam)[0]
    mass = (by_loops(A, g).sum() / by_loops(A, -g).sum()).item()
    assert 1e-4 < mass < 0.01
    painted = lambda A, g: attribution.normalize_maps(exercises.counterfactual_cam.reference(A, g))
    hint = check(painted, exercises.counterfactual_cam).hint
    expected, actual = (float(number) for number in re.findall(r"([\d.]+)%", hint))
    assert expected == pytest.approx(100 * mass, abs=0.05) and actual > 100 * expected


# Contrast without a backward pass.


def by_autograd(p, W, Q, positions):
    """Return the mean gradient over a map whose averages give these probabilities."""
    A = torch.randn(W.shape[1], positions, dtype=W.dtype, generator=torch.Generator().manual_seed(0)).requires_grad_()
    b = p.log() - (W @ A.mean(1)).detach()
    loss = F.cross_entropy((W @ A.mean(1) + b)[None], torch.tensor([Q]))
    return torch.autograd.grad(loss, A)[0].mean(1)


def test_contrast_weights_exercise_reference_matches_autograd():
    exercise = exercises.contrast_weights
    for i, case in enumerate(arguments(exercise)):
        torch.testing.assert_close(exercise.answer(exercise.reference, i)[0], by_autograd(*case))


def test_contrast_weights_exercise_reference_matches_library(network, images):
    z, _ = gradients.penultimate_features(network, images)
    A, _ = gradients.layer_gradient(network, images, network.block3, gradients.contrast_loss(5))
    weights = [
        exercises.contrast_weights.reference(p, network.head.weight.detach(), 5, A[0, 0].numel()) for p in z.softmax(1)
    ]
    maps = torch.einsum("nk,nkhw->nhw", torch.stack(weights), A)
    theirs = attribution.contrast_cam(network, images, network.block3, 5)
    torch.testing.assert_close(maps, theirs, atol=1e-5 * theirs.abs().max().item(), rtol=1e-4)


def with_warning(solution):
    def also(p, W, Q, positions):
        if p[Q] == p.max():
            warnings.warn("the contrast is undefined", stacklevel=1)
        return solution(p, W, Q, positions)

    return also


@pytest.mark.parametrize(
    "solution",
    [
        by_autograd,
        lambda p, W, Q, Z: by_autograd(p.float(), W.float(), Q, Z),
        lambda p, W, Q, Z: [(sum(p[c] * W[c, k] for c in range(len(p))) - W[Q, k]) / Z for k in range(W.shape[1])],
    ],
    ids=["autograd", "float32", "a list"],
)
def test_contrast_weights_exercise_accepts_alternative_solutions(solution):
    assert check(with_warning(solution), exercises.contrast_weights).passed


def test_contrast_weights_exercise_requires_warning_if_q_equals_p():
    verdict = check(by_autograd, exercises.contrast_weights)
    assert "4 of 4" in verdict.correct_so_far and verdict.problem == "Q = P gives no warning" and not verdict.passed
    warned = [Q == p.argmax() for p, _, Q, _ in arguments(exercises.contrast_weights)]
    assert any(warned) and not all(warned)


def test_contrast_weights_exercise_check_suppresses_expected_warning(recwarn):
    check(exercises.contrast_weights.reference, exercises.contrast_weights)
    assert not recwarn


def test_contrast_weights_exercise_hint_reports_relative_distance():
    p, W, Q, positions = arguments(exercises.contrast_weights)[0]
    logits = lambda p, W, Q, positions: (W[p.argmax()] - W[Q]) / positions
    right = by_autograd(p, W, Q, positions)
    distance = ((logits(p, W, Q, positions) - right).norm() / right.norm()).item()
    assert f"{distance:.0%} of the correct norm" in check(logits, exercises.contrast_weights).hint


# Weight randomization.


def absolute(a, b):
    return abs(srcc(a, b))


def null(before, compare=absolute):
    maps = before.flatten(1)
    return np.mean([compare(maps[i], maps[j]) for i in range(len(maps)) for j in range(i)])


def randomization_solution(redraw, *, compare=absolute, alone=False):
    """Return a solution that randomizes the last layer in its own way."""

    def solution(method, model, x, draws=10):
        target = model(x).argmax(1)
        rows = [slice(n, n + 1) for n in range(len(x))] if alone else [slice(None)]
        before = torch.cat([method(model, x[row], target[row]) for row in rows])
        scores = np.zeros((draws, len(x)))
        for k in range(draws):
            other = copy.deepcopy(model)
            redraw(other, k)
            after = torch.cat([method(other, x[row], target[row]) for row in rows])
            scores[k] = [compare(a.flatten(), b.flatten()) for a, b in zip(before, after)]
        return scores.mean(0).mean(), null(before, compare)

    return solution


def reset(model, k):
    model.head.reset_parameters()


def seeded(model, k):
    model.head.weight.data.normal_(generator=torch.Generator().manual_seed(k))


def shuffled(model, k):
    order = torch.randperm(model.head.weight.numel(), generator=torch.Generator().manual_seed(k))
    model.head.weight = nn.Parameter(model.head.weight.detach().flatten()[order].view_as(model.head.weight))


def exchanged(model, k):
    model.head = nn.Linear(model.head.in_features, model.head.out_features)


def xavier_initialized(model, k):
    nn.init.xavier_normal_(model.head.weight)
    nn.init.zeros_(model.head.bias)


@pytest.mark.parametrize("redraw", [reset, seeded, shuffled, exchanged, xavier_initialized], ids=lambda f: f.__name__)
def test_randomization_score_exercise_accepts_any_reinitialization(redraw):
    assert check(randomization_solution(redraw), exercises.randomization_score).passed


def test_randomization_score_exercise_accepts_scipy_and_single_images():
    by_scipy = lambda a, b: abs(stats.spearmanr(a, b).statistic)
    assert check(randomization_solution(reset, compare=by_scipy, alone=True), exercises.randomization_score).passed


def test_randomization_score_exercise_accepts_one_reused_copy():
    def solution(method, model, x, draws=10):
        other, target, total = copy.deepcopy(model), model(x).argmax(1), 0
        for _ in range(draws):
            other.head.reset_parameters()
            pairs = zip(method(model, x, target), method(other, x, target))
            total += torch.tensor([absolute(a.flatten(), b.flatten()) for a, b in pairs]).mean()
        return total / draws, null(method(model, x, target))

    assert check(solution, exercises.randomization_score).passed


def test_randomization_score_exercise_requires_unchanged_model():
    def careless(method, model, x, draws=10, copied=lambda model: model):
        target, scores = model(x).argmax(1), []
        before = method(model, x, target)
        for _ in range(draws):
            other = copied(model)
            other.head.reset_parameters()
            scores += [absolute(a.flatten(), b.flatten()) for a, b in zip(before, method(other, x, target))]
        return sum(scores) / len(scores), null(before)

    def halfway(*case):
        return careless(*case, copied=copy.copy)

    for solution in (careless, halfway):
        verdict = check(solution, exercises.randomization_score)
        assert (
            verdict.problem == "`model.head.weight` was changed in place"
            and "all numbers are correct" in verdict.correct_so_far
        )
        assert "copy.deepcopy" in verdict.next_step and not verdict.passed

    def restored(method, model, x, draws=10):
        original = copy.deepcopy(model.state_dict())
        try:
            return careless(method, model, x, draws)
        finally:
            model.load_state_dict(original)

    assert check(restored, exercises.randomization_score).passed


def test_randomization_score_exercise_recognizes_repeated_seed():
    def seeded_anew(model, k):
        seeded(model, 0)

    assert check(randomization_solution(seeded_anew), exercises.randomization_score).hint.startswith(
        "Your function uses only one draw"
    )


def test_randomization_score_exercise_recognizes_recomputed_target():
    def solution(method, model, x, draws=10):
        scores = []
        for _ in range(draws):
            other = copy.deepcopy(model)
            other.head.reset_parameters()
            scores += [absolute(a.flatten(), b.flatten()) for a, b in zip(method(model, x), method(other, x))]
        return sum(scores) / len(scores), null(method(model, x))

    assert check(solution, exercises.randomization_score).hint.startswith("The target is recomputed")


def test_randomization_score_exercise_rejects_randomizing_all_layers():
    def all_layers(model, k):
        for p in model.parameters():
            nn.init.normal_(p, generator=torch.Generator().manual_seed(k))

    assert not check(randomization_solution(all_layers), exercises.randomization_score).passed


def test_randomization_score_exercise_cases_cover_insensitive_methods():
    cases = arguments(exercises.randomization_score)
    assert sum(len(model(x).argmax(1).unique()) > 1 for _, model, x, _ in cases) >= 2
    scores = [exercises.randomization_score.reference(*case) for case in arguments(exercises.randomization_score)]
    assert [score == pytest.approx(1) for score, _ in scores] == [m.kind.startswith("edges") for m, *_ in cases]
    assert all(0 < null < 0.9 for _, null in scores)


def test_randomization_score_exercise_signed_mean_hides_edges_times_one_weight():
    (case,) = [c for c in arguments(exercises.randomization_score) if c[0].kind == "edges times one weight"]
    signed, _ = randomization_solution(reset, compare=srcc)(*case)
    assert abs(signed) < 0.7
    verdict = check(randomization_solution(reset, compare=srcc), exercises.randomization_score)
    assert verdict.hint.startswith("Positive and negative correlations are averaged")


@pytest.mark.parametrize("outer", [abs, float], ids=["|r| of absolute maps", "r of absolute maps"])
def test_randomization_score_exercise_accepts_absolute_values_of_the_maps(outer):
    compare = lambda a, b: outer(srcc(a.abs(), b.abs()))
    assert check(randomization_solution(reset, compare=compare), exercises.randomization_score).passed


def test_randomization_score_exercise_reference_runs_on_library_methods(network, images):
    before = copy.deepcopy(network.state_dict())
    score = exercises.randomization_score.reference
    grad_cam = lambda model, x, target: attribution.grad_cam(model, x, "block3", target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert score(lambda model, x, target: x, network, images, 2)[0] == pytest.approx(1)
        assert score(grad_cam, network, images, 4)[0] < 0.9
        assert 0 <= score(attribution.saliency, network, images, 2)[0] < 0.9
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


# Introspective features.


def by_rows(p, h):
    """Return row Q of the gradient of the loss for label Q, with one backward pass for each Q."""
    N, C, d = *p.shape, h.shape[1]
    features = torch.zeros(N, C, d, dtype=h.dtype)
    for n in range(N):
        for Q in range(C):
            W = torch.zeros(C, d, dtype=h.dtype, requires_grad=True)
            logits = W @ h[n].detach() + p[n].detach().log()
            features[n, Q] = torch.autograd.grad(-logits.log_softmax(0)[Q], W)[0][Q]
    return features.flatten(1)


def test_introspective_features_exercise_reference_matches_autograd():
    for case in arguments(exercises.introspective_features):
        torch.testing.assert_close(exercises.introspective_features.reference(*case), by_rows(*case))


def test_introspective_features_exercise_reference_matches_library(network, images):
    z, h = gradients.penultimate_features(network, images)
    mine = exercises.introspective_features.reference(z.softmax(1), h)
    torch.testing.assert_close(mine, attribution.introspective_features(network, images).flatten(1))


def test_introspective_features_exercise_blocks_permute_with_classes():
    for p, h in arguments(exercises.introspective_features):
        order = torch.randperm(p.shape[1], generator=torch.Generator().manual_seed(1))
        features = exercises.introspective_features.reference
        blocks = features(p, h).view(len(p), p.shape[1], -1)
        assert torch.equal(features(p[:, order], h).view_as(blocks), blocks[:, order])


@pytest.mark.parametrize(
    "solution",
    [
        by_rows,
        lambda p, h: by_rows(p.float(), h.float()),
        lambda p, h: torch.einsum("nq,nd->nqd", p - 1, h).reshape(len(p), -1).data,
        lambda p, h: torch.stack([torch.kron(a - 1, b) for a, b in zip(p, h)]).detach(),
        lambda p, h: np.concatenate(
            [(p.detach().numpy()[:, [Q]] - 1) * h.detach().numpy() for Q in range(p.shape[1])], 1
        ),
    ],
    ids=["rows", "float32", "einsum", "kron", "numpy"],
)
def test_introspective_features_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.introspective_features).passed


def test_introspective_features_exercise_rejects_attached_graph():
    graph = lambda p, h: ((p - 1)[:, :, None] * h[:, None]).flatten(1)
    verdict = check(graph, exercises.introspective_features)
    assert (
        verdict.problem == "The features are still attached to the autograd graph"
        and "all numbers are correct" in verdict.correct_so_far
        and not verdict.passed
    )
    assert check(lambda p, h: list(graph(p, h)), exercises.introspective_features).hint == verdict.hint
    with torch.no_grad():
        assert not check(graph, exercises.introspective_features).passed  # printing the result must not hide it
    assert all(p.requires_grad and h.requires_grad for p, h in arguments(exercises.introspective_features))


def test_introspective_features_exercise_success_message_asks_question():
    verdict = check(exercises.introspective_features.reference, exercises.introspective_features)
    assert repr(verdict).endswith("which of them are not functions of h?")


# Completeness of integrated gradients.


def test_completeness_gap_reference_matches_library():
    class Saturating(nn.Module):
        def forward(self, x):
            return torch.tanh(8 * (x.flatten(1).sum(1, keepdim=True) - 1))

    f, x, baseline, n_steps = arguments(exercises.completeness_gap)[1]
    images, black = x.view(len(x), 1, 1, -1), baseline.view(len(x), 1, 1, -1)
    maps = attribution.integrated_gradients(Saturating(), images, 0, baseline=black, n_steps=n_steps)
    expected = maps.flatten(1).sum(1) - (f(x) - f(baseline))
    torch.testing.assert_close(exercises.completeness_gap.reference(f, x, baseline, n_steps), expected)


def test_completeness_is_exact_for_quadratic_functions_and_lost_with_a_distant_baseline():
    quadratic, distant, near = (
        exercises.completeness_gap.reference(*case).abs().max().item() for case in arguments(exercises.completeness_gap)
    )
    assert quadratic < 1e-12 and near < 0.01 and distant > 1
