"""The exercises of chapter 1: the references against a witness, and answers found in other ways."""

import math

import pytest
import torch
import torch.nn.functional as F

from tutorial_lib.exercises import gradients as exercises
from tutorial_lib.gradients import cross_entropy, evaluating, input_gradient
from tutorial_lib.instruments import check


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


@pytest.mark.parametrize("witness", [by_autograd, by_loops])
def test_backward_agrees_with_a_witness(witness):
    for case in arguments(exercises.backward):
        for mine, other in zip(exercises.backward.reference(*case), witness(*case), strict=True):
            torch.testing.assert_close(mine, other, atol=1e-12, rtol=1e-12)


def test_backward_is_checked_on_unequal_sizes():
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
    "answer", [by_autograd, by_finite_differences, lambda *a: by_autograd(*[t.float() for t in a[:5]], a[5])]
)
def test_backward_may_be_found_in_other_ways(answer):
    assert check(answer, exercises.backward).passed


def test_one_transposed_product_and_one_bias_left_long_are_slips_too():
    def half(*case):
        dW1, db1, dW2, db2 = by_autograd(*case)
        return dW1.T, db1, dW2, db2

    assert "wrong way round" in check(half, exercises.backward).hint


def test_backward_may_not_leave_its_leaves_behind():
    def careless(*case):
        for t in case[:4]:
            t.requires_grad_()
        return by_autograd(*case)

    assert "requires_grad" in check(careless, exercises.backward).off


# The largest step.


def test_the_largest_step_is_where_descent_ends():
    for (H,) in arguments(exercises.largest_step):
        step = exercises.largest_step.reference(H)
        for share, goes_down in ((0.999, True), (1.001, False)):
            theta, losses = torch.ones(len(H), dtype=H.dtype) + torch.arange(len(H)) / 7, []
            for _ in range(4000):
                losses.append((theta @ H @ theta / 2).item())
                theta = theta - share * step * (H + H.T) / 2 @ theta
            assert (losses[-1] < losses[0]) == goes_down


def test_the_largest_step_may_be_found_in_other_ways():
    def by_power(H):
        v = torch.ones(len(H), dtype=H.dtype)
        for _ in range(300):
            v = (H + H.T) @ v
            v /= v.norm()
        return 4 / float(v @ (H + H.T) @ v)

    assert check(by_power, exercises.largest_step).passed
    assert check(lambda H: 4 / torch.linalg.matrix_norm(H.float() + H.float().T, 2), exercises.largest_step).passed


# How far the straight line holds.


def walked(model, x, y, direction, distances, tolerance, of):
    u = direction / direction.norm()
    with evaluating(model):
        slope = float((input_gradient(model, x, cross_entropy(y)) * u).sum())
        start = F.cross_entropy(model(x), y).item()
        for t in distances.tolist():
            change = F.cross_entropy(model(x + t * u), y).item() - start
            if abs(change - t * slope) > tolerance * abs(change if of == "true" else t * slope):
                return t


def test_the_radius_agrees_with_a_walk():
    for case in arguments(exercises.validity_radius):
        assert walked(*case, of="true") == exercises.validity_radius.reference(*case).item()


@pytest.mark.parametrize("of", ["true", "predicted"])
def test_a_tenth_of_either_change_is_right(of):
    assert check(lambda *case: walked(*case, of=of), exercises.validity_radius).passed


def test_a_network_put_into_evaluation_mode_for_good_is_a_trace():
    def careless(model, *rest):
        return exercises.validity_radius.reference(model.eval(), *rest)

    assert check(careless, exercises.validity_radius).off == "`model` goes back in another mode than it came in"


def test_some_networks_come_in_training_mode_and_some_do_not():
    assert {case[0].training for case in arguments(exercises.validity_radius)} == {True, False}


# The smallest change.


def test_the_smallest_change_is_enough_and_no_other_is_smaller():
    generator = torch.Generator().manual_seed(0)
    for W, b, h, P, Q in arguments(exercises.smallest_change):
        dW, db = exercises.smallest_change.reference(W, b, h, P, Q)
        z = (W + dW) @ h + b + db
        torch.testing.assert_close(z[P], z[Q])
        # One linear condition, h·dW_P + db_P − h·dW_Q − db_Q = −m: its pseudo-inverse is the witness for the least solution.
        A = torch.zeros(*W.shape[:1], W.shape[1] + 1, dtype=W.dtype)
        A[P], A[Q] = torch.cat([h, h.new_ones(1)]), -torch.cat([h, h.new_ones(1)])
        m = (W @ h + b)[P] - (W @ h + b)[Q]
        least = (torch.linalg.pinv(A.view(1, -1)) @ -m.view(1)).view(A.shape)
        torch.testing.assert_close(torch.cat([dW, db[:, None]], 1), least)
        for _ in range(20):
            aside = torch.randn(A.shape, generator=generator, dtype=W.dtype)
            aside -= (aside * A).sum() / (A * A).sum() * A
            assert (least + 0.1 * aside).norm() > least.norm()


def test_moving_one_row_is_the_root_of_two_too_long_and_both_lengths_are_said():
    one_row = next(wrong for hint, wrong in exercises.smallest_change.mistakes() if "Only one" in hint)
    case = arguments(exercises.smallest_change)[0]
    yours, least = (
        exercises.smallest_change.measure(*answer(*case)) for answer in (one_row, exercises.smallest_change.reference)
    )
    assert yours == pytest.approx(math.sqrt(2) * least)
    verdict = check(one_row, exercises.smallest_change)
    assert f"{yours:.3f}" in verdict.hint and f"{least:.3f}" in verdict.hint


def test_the_smallest_change_may_be_found_in_another_way():
    def by_least_squares(W, b, h, P, Q):
        A = torch.zeros(len(b), len(h) + 1, dtype=W.dtype)
        A[P], A[Q] = torch.cat([h, h.new_ones(1)]), -torch.cat([h, h.new_ones(1)])
        m = A.flatten() @ torch.cat([W, b[:, None]], 1).flatten()
        change = (-m * A.flatten() / (A.flatten() @ A.flatten())).view(A.shape)
        return change[:, :-1], change[:, -1]

    assert check(by_least_squares, exercises.smallest_change).passed
