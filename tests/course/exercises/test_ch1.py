"""The exercises of chapter 1: references compared with other computations, and alternative solutions."""

import math

import pytest
import torch
import torch.nn.functional as F

from tutorial_course.exercises import ch1 as exercises
from tutorial_course.exercises import check
from tutorial_lib.foundations import numerical_hessian
from tutorial_lib.gradients import cross_entropy, input_gradient
from tutorial_lib.gradients._context import eval_mode


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


# Backpropagation by hand.


def by_autograd(W1, b1, W2, b2, x, y):
    leaves = [t.clone().requires_grad_() for t in (W1, b1, W2, b2)]
    loss = F.cross_entropy(F.linear(F.linear(x, leaves[0], leaves[1]).relu(), leaves[2], leaves[3]), y)
    return torch.autograd.grad(loss, leaves)


def by_loops(W1, b1, W2, b2, x, y):
    gradients = [torch.zeros_like(t) for t in (W1, b1, W2, b2)]
    for n in range(len(x)):
        s = [sum(W1[i, k] * x[n, k] for k in range(len(x[n]))) + b1[i] for i in range(len(b1))]
        z = [sum(W2[c, i] * max(s[i], 0) for i in range(len(s))) + b2[c] for c in range(len(b2))]
        p = [math.exp(one) / sum(map(math.exp, z)) for one in z]
        for c in range(len(z)):
            delta = (p[c] - float(c == y[n])) / len(x)
            gradients[3][c] += delta
            for i in range(len(s)):
                gradients[2][c, i] += delta * max(s[i], 0)
                gradients[1][i] += delta * W2[c, i] * (s[i] > 0)
                gradients[0][i] += delta * W2[c, i] * (s[i] > 0) * x[n]
    return gradients


@pytest.mark.parametrize("computation", [by_autograd, by_loops])
def test_backward_exercise_reference_matches_autograd_and_loops(computation):
    for case in arguments(exercises.backward):
        for mine, other in zip(exercises.backward.reference(*case), computation(*case), strict=True):
            torch.testing.assert_close(mine, other, atol=1e-12, rtol=1e-12)


def test_backward_exercise_cases_use_distinct_sizes():
    sizes = [{*W1.shape, *W2.shape[:1], len(x)} for W1, _, W2, _, x, _ in arguments(exercises.backward)]
    assert all(len(one) == 4 for one in sizes)


def by_finite_differences(*case):
    def loss(*parameters):
        return F.cross_entropy(F.linear(F.linear(case[4], *parameters[:2]).relu(), *parameters[2:]), case[5])

    def slope(k, i):
        nudged = [[t.clone() for t in case[:4]] for _ in range(2)]
        for sign, parameters in zip((1, -1), nudged):
            parameters[k].view(-1)[i] += sign * 1e-6
        return (loss(*nudged[0]) - loss(*nudged[1])) / 2e-6

    return [torch.stack([slope(k, i) for i in range(t.numel())]).view(t.shape) for k, t in enumerate(case[:4])]


@pytest.mark.parametrize(
    "solution", [by_autograd, by_finite_differences, lambda *a: by_autograd(*[t.float() for t in a[:5]], a[5])]
)
def test_backward_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.backward).passed


def test_backward_exercise_recognizes_one_transposed_gradient():
    def half(*case):
        dW1, db1, dW2, db2 = by_autograd(*case)
        return dW1.T, db1, dW2, db2

    assert "the gradient is transposed" in check(half, exercises.backward).hint


def test_backward_exercise_rejects_changed_requires_grad():
    def careless(*case):
        for t in case[:4]:
            t.requires_grad_()
        return by_autograd(*case)

    assert "requires_grad" in check(careless, exercises.backward).problem


# The Hessian-vector product.


def by_numerical_hessian(loss, theta, v):
    return numerical_hessian(lambda points: torch.stack([loss(point) for point in points]), theta) @ v


def by_forward_over_reverse(loss, theta, v):
    return torch.func.jvp(torch.func.grad(loss), (theta,), (v,))[1]


def by_full_hessian(loss, theta, v):
    return torch.autograd.functional.hessian(loss, theta) @ v


@pytest.mark.parametrize("computation", [by_numerical_hessian, by_forward_over_reverse, by_full_hessian])
def test_hessian_vector_product_exercise_reference_matches_other_computations(computation):
    for case in arguments(exercises.hessian_vector_product):
        expected = exercises.hessian_vector_product.reference(*case)
        torch.testing.assert_close(computation(*case), expected, atol=1e-7, rtol=1e-7)
        assert not expected.requires_grad


@pytest.mark.parametrize("solution", [by_numerical_hessian, by_forward_over_reverse, by_full_hessian])
def test_hessian_vector_product_exercise_accepts_alternative_solutions(solution):
    assert check(solution, exercises.hessian_vector_product).passed


def test_hessian_vector_product_exercise_rejects_result_with_graph():
    def careless(loss, theta, v):
        theta = theta.clone().requires_grad_()
        (g,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
        return torch.autograd.grad(g @ v, theta, create_graph=True)[0]

    assert "graph" in check(careless, exercises.hessian_vector_product).problem


# The largest step size.


def test_largest_step_exercise_reference_is_divergence_threshold():
    for (H,) in arguments(exercises.largest_step):
        step = exercises.largest_step.reference(H)
        for share, goes_down in ((0.999, True), (1.001, False)):
            theta, losses = torch.ones(len(H), dtype=H.dtype) + torch.arange(len(H)) / 7, []
            for _ in range(4000):
                losses.append((theta @ H @ theta / 2).item())
                theta = theta - share * step * H @ theta
            assert (losses[-1] < losses[0]) == goes_down


def test_largest_step_exercise_accepts_alternative_solutions():
    def by_power(H):
        v = torch.ones(len(H), dtype=H.dtype)
        for _ in range(300):
            v = H @ v
            v /= v.norm()
        return 2 / float(v @ H @ v)

    assert check(by_power, exercises.largest_step).passed
    assert check(lambda H: 2 / torch.linalg.matrix_norm(H.float(), 2), exercises.largest_step).passed


def test_largest_step_exercise_cases_are_symmetric_and_positive_definite():
    for (H,) in arguments(exercises.largest_step):
        assert torch.equal(H, H.T) and torch.linalg.eigvalsh(H).min() > 0


# The linearization radius.


def radius_by_loop(model, x, y, direction, distances, tolerance, of):
    u = direction / direction.norm()
    with eval_mode(model):
        slope = float((input_gradient(model, x, cross_entropy(y)) * u).sum())
        start = F.cross_entropy(model(x), y).item()
        for t in distances.tolist():
            change = F.cross_entropy(model(x + t * u), y).item() - start
            if abs(change - t * slope) > tolerance * abs(change if of == "true" else t * slope):
                return t


def test_linearization_radius_exercise_reference_matches_loop():
    for case in arguments(exercises.linearization_radius):
        assert radius_by_loop(*case, of="true") == exercises.linearization_radius.reference(*case).item()


@pytest.mark.parametrize("of", ["true", "predicted"])
def test_linearization_radius_exercise_accepts_either_relative_error(of):
    assert check(lambda *case: radius_by_loop(*case, of=of), exercises.linearization_radius).passed


def test_linearization_radius_exercise_rejects_changed_training_mode():
    def careless(model, *rest):
        return exercises.linearization_radius.reference(model.eval(), *rest)

    assert check(careless, exercises.linearization_radius).problem == "`model` is in a different mode than before"


def test_linearization_radius_exercise_cases_cover_train_and_eval_mode():
    assert {case[0].training for case in arguments(exercises.linearization_radius)} == {True, False}


# The minimal weight update.


def test_minimal_weight_update_exercise_reference_is_minimal():
    generator = torch.Generator().manual_seed(0)
    for W, b, h, P, Q in arguments(exercises.minimal_weight_update):
        dW, db = exercises.minimal_weight_update.reference(W, b, h, P, Q)
        z = (W + dW) @ h + b + db
        torch.testing.assert_close(z[P], z[Q])
        # One linear condition, h·dW_P + db_P − h·dW_Q − db_Q = −m: its pseudo-inverse gives the smallest solution.
        A = torch.zeros(*W.shape[:1], W.shape[1] + 1, dtype=W.dtype)
        A[P], A[Q] = torch.cat([h, h.new_ones(1)]), -torch.cat([h, h.new_ones(1)])
        m = (W @ h + b)[P] - (W @ h + b)[Q]
        smallest = (torch.linalg.pinv(A.view(1, -1)) @ -m.view(1)).view(A.shape)
        torch.testing.assert_close(torch.cat([dW, db[:, None]], 1), smallest)
        for _ in range(20):
            orthogonal = torch.randn(A.shape, generator=generator, dtype=W.dtype)
            orthogonal -= (orthogonal * A).sum() / (A * A).sum() * A
            assert (smallest + 0.1 * orthogonal).norm() > smallest.norm()


def test_minimal_weight_update_exercise_hint_reports_both_norms():
    one_row = next(wrong for hint, wrong in exercises.minimal_weight_update.iter_known_mistakes() if "Only one" in hint)
    case = arguments(exercises.minimal_weight_update)[0]
    actual, smallest = (
        exercises.minimal_weight_update.measure(*solution(*case))
        for solution in (one_row, exercises.minimal_weight_update.reference)
    )
    assert actual == pytest.approx(math.sqrt(2) * smallest)
    verdict = check(one_row, exercises.minimal_weight_update)
    assert f"{actual:.3f}" in verdict.hint and f"{smallest:.3f}" in verdict.hint


def test_minimal_weight_update_exercise_accepts_least_squares():
    def by_least_squares(W, b, h, P, Q):
        A = torch.zeros(len(b), len(h) + 1, dtype=W.dtype)
        A[P], A[Q] = torch.cat([h, h.new_ones(1)]), -torch.cat([h, h.new_ones(1)])
        m = A.flatten() @ torch.cat([W, b[:, None]], 1).flatten()
        change = (-m * A.flatten() / (A.flatten() @ A.flatten())).view(A.shape)
        return change[:, :-1], change[:, -1]

    assert check(by_least_squares, exercises.minimal_weight_update).passed
