"""The report of a check, for every kind of solution."""

import random
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from tutorial_course.exercises import Exercise, check
from tutorial_lib.gradients._context import eval_mode


def halves(x, k):
    """Return two results of different shapes."""
    return x / k, x.sum()


def vectors(generator):
    return torch.randn(3, generator=generator, dtype=torch.float64), 2.0


EXERCISE = Exercise(
    "halves",
    halves,
    cases=(vectors, vectors, (torch.ones(2, dtype=torch.float64), 4.0)),
    outputs=("part", "total"),
    known_mistakes={
        "You multiplied. Look at large k.": lambda x, k: (x * k, x.sum()),
        "You averaged. Look at the size of x; yours is {yours:.0f} long, {right:.0f} is right.": lambda x, k: (
            x / k,
            x.mean(),
        ),
        "You kept x to yourself. Return both.": lambda x, k: x / k,
    },
    success_message="Well cut.",
    measure=lambda part, total: float(len(part)),
)


def test_check_reports_correct_solution():
    verdict = check(halves, EXERCISE)
    assert verdict.passed and verdict.hint is None
    assert (
        repr(verdict)
        == "✓ halves: correct\n  3 of 3 cases agree with the reference, and the arguments are unchanged. Well cut."
    )
    assert verdict._repr_markdown_().startswith("**✓ halves: correct**\n\n3 of 3")


def test_check_reports_wrong_solution_in_three_lines():
    verdict = check(lambda x, k: (x * k, x.sum()), EXERCISE)
    assert not verdict.passed and verdict.hint == "You multiplied. Look at large k."
    assert repr(verdict).splitlines() == [
        "✗ halves: not correct yet",
        "  Correct so far: It runs on all 3 cases; every shape is correct; correct in all cases: `total`.",
        "  Problem: You multiplied.",
        "  Next step: Look at large k.",
    ]
    assert verdict._repr_markdown_().count("\n- *") == 3


def test_check_hint_includes_measure_of_both_results():
    assert "yours is 3 long, 3 is right" in check(lambda x, k: (x / k, x.mean()), EXERCISE).hint


def test_check_recognizes_mistake_with_missing_result():
    assert check(lambda x, k: x / k, EXERCISE).hint == "You kept x to yourself. Return both."


def test_check_prefers_mistake_that_explains_more_results():
    both = Exercise(
        "f",
        lambda a: (a, a),
        cases=[(2.0,)],
        outputs=("u", "v"),
        known_mistakes={"U. u": lambda a: (-a, a), "V. v": lambda a: (-a, -a)},
    )
    assert check(lambda a: (-a, -a), both).hint == "V. v"
    assert check(lambda a: (-a, 7.0), both).hint == "U. u"
    assert check(lambda a: (5.0, 7.0), both).hint is None


@pytest.mark.parametrize(
    "correct_labels",
    [
        lambda x, k: (x.float() / k, x.float().sum()),
        lambda x, k: (x.numpy() / k, x.numpy().sum()),
        lambda x, k: [(x / k).tolist(), float(x.sum())],
        lambda x, k: (x.half() / k, x.sum().reshape(1)),
        lambda x, k: ((x / k).requires_grad_(), sum(x)),
        lambda *xk: (torch.stack([one * (1 / xk[1]) for one in xk[0]]), np.float32(xk[0].sum())),
    ],
    ids=["float32", "numpy", "lists", "half", "graph", "another order"],
)
def test_check_accepts_other_types_and_precisions(correct_labels):
    assert check(correct_labels, EXERCISE).passed


@pytest.mark.parametrize("off", [1e-5, -1e-5, 1e-3])
def test_check_rejects_small_errors_in_float64(off):
    assert not check(lambda x, k: (x / k * (1 + off), x.sum()), EXERCISE).passed


def raises_error(_, __):
    raise RuntimeError("a `tick`\nand a second line")


def deep(x, k):
    return deep(x, k)


def raises_unprintable_error(x, k):
    class Silent(Exception):
        def __str__(self):
            raise ValueError

    raise Silent


class Odd:
    def __repr__(self):
        raise ValueError

    __str__ = __len__ = __iter__ = __float__ = __array__ = __repr__


INVALID_SOLUTIONS = {
    "raises": (raises_error, "`RuntimeError: a 'tick'`"),
    "recursion": (deep, "`RecursionError"),
    "silent error": (raises_unprintable_error, "Silent: <exception str() failed>`"),
    "generator": (lambda x, k: (one for one in x), "type generator"),
    "text": (lambda x, k: "x / k", "type str"),
    "dict": (lambda x, k: {"part": x}, "type dict"),
    "odd object": (lambda x, k: Odd(), "type Odd"),
    "odd inside": (lambda x, k: (x, Odd()), "a tuple of Tensor, Odd"),
    "none inside": (lambda x, k: (x / k, None), "a tuple of Tensor, NoneType"),
    "empty": (lambda x, k: (), "2 results are expected, part, total, but the function returns 0"),
    "too many": (lambda x, k: (x, x, x), "2 results are expected, part, total, but the function returns 3"),
    "shape": (
        lambda x, k: (x[None] / k, x.sum()),
        "`part` differs from the expected result: The values for attribute 'shape' do not match",
    ),
    "no single number": (lambda x, k: (x / k, x), "torch.Size([3]) != torch.Size([])"),
    "NaN": (lambda x, k: (x / k * float("nan"), x.sum()), "Greatest absolute difference: nan at index (0,)"),
    "infinite": (lambda x, k: (x / 0, x.sum()), "Greatest absolute difference: inf at index (0,)"),
    "complex": (lambda x, k: (x * 1j, x.sum()), "cannot be converted to numbers"),
    "factor": (lambda x, k: (-2 * x / k, x.sum()), "every number in it is -2 times"),
    "number": (lambda x, k: (x / k, x.sum() + 10), "Absolute difference: 10.0"),
    "one number": (
        lambda x, k: (torch.cat([x[:1] + 1, x[1:]]) / k, x.sum()),
        "Mismatched elements: 1 / 3 (33.3%); Greatest absolute difference: 0.5 at index (0,)",
    ),
    "one argument": (lambda x: x, "takes 1 positional argument but 2 were given"),
    "three arguments": (lambda x, k, z: x, "missing 1 required positional argument: 'z'"),
    "class": (Odd, "Odd() takes no arguments"),
    "no function": (3, "got an object of type int"),
    "nothing": (None, "got an object of type NoneType"),
    "result": (halves(torch.ones(2), 2.0), "got an object of type tuple"),
    "builtin": (max, "it stops with"),
    "missing operation": (lambda x, k: x - (x > 0), "with a bool tensor is not supported"),
}


def test_check_explains_unknown_name():
    verdict = check(lambda x, k: unknown_name, EXERCISE)  # noqa: F821
    assert "NameError: name 'unknown_name'" in verdict.problem and "spelling" in verdict.next_step


def test_check_shortens_long_errors_between_words():
    def fail(x, k):
        raise ValueError("word " * 200)

    assert check(fail, EXERCISE).problem.endswith("word …`")


@pytest.mark.parametrize("animal", INVALID_SOLUTIONS)
def test_check_never_raises(animal):
    mine, off = INVALID_SOLUTIONS[animal]
    verdict = check(mine, EXERCISE)
    assert not verdict.passed and verdict.hint is None and not verdict.not_started
    assert off in verdict.problem, verdict
    assert len(repr(verdict).splitlines()) == 4 and verdict.next_step and verdict.correct_so_far
    assert "`" not in verdict._repr_markdown_().replace("`", "", 2 * (verdict._repr_markdown_().count("`") // 2))


def test_check_propagates_keyboard_interrupt():
    def stop(x, k):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(stop, EXERCISE)


@pytest.mark.parametrize("stub", [lambda x, k: None, lambda x, k: ...])
def test_check_reports_stub_as_not_started(stub):
    verdict = check(stub, EXERCISE)
    assert not verdict.passed and verdict.not_started and verdict.problem == "the function returns nothing yet"
    assert repr(verdict).startswith("✎ halves: not started") and "✗" not in repr(verdict)


def test_check_reports_missing_result_in_some_cases():
    verdict = check(lambda x, k: halves(x, k) if k == 2 else None, EXERCISE)
    assert (
        not verdict.not_started
        and verdict.correct_so_far == "it runs on 2 of 3 cases"
        and verdict.problem == "the function returns nothing"
    )


def test_check_rebuilds_cases_for_every_call():
    inputs = []

    def solution(x, k):
        inputs.append(x.clone())
        result = halves(x, k)
        x.zero_()
        return result

    first, second = check(solution, EXERCISE), check(solution, EXERCISE)
    assert first == second and first.problem == "`x` was changed in place"
    assert all(torch.equal(a, b) and a.any() for a, b in zip(inputs[:3], inputs[3:]))


# Side effects on networks and tensors.


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2).double()
        self.norm = nn.BatchNorm1d(2).double()

    def forward(self, x):
        return self.norm(self.linear(x))


def make_model_case(generator):
    model = Net()
    for parameter in model.parameters():
        parameter.data.normal_(generator=generator)
    return model, torch.randn(4, 3, generator=generator, dtype=torch.float64)


def outputs(model, x):
    with eval_mode(model), torch.no_grad():
        return model(x)


MODEL_EXERCISE = Exercise("look", outputs, cases=(make_model_case,))


def moves_running_statistics(model, x):
    result = outputs(model, x)
    model(x)
    return result


def leaves_eval_mode(model, x):
    return model.eval()(x)


def leaves_gradients(model, x):
    with eval_mode(model):
        result = model(x)
        result.sum().backward()
    return result


def leaves_frozen_parameters(model, x):
    model.requires_grad_(False)
    return outputs(model, x)


def leaves_hook(model, x):
    model.norm.register_forward_hook(lambda *_: None)
    return outputs(model, x)


def changes_weight(model, x):
    result = outputs(model, x)
    model.linear.weight.data += 1e-12
    return result


def adds_module(model, x):
    model.extra = nn.Linear(1, 1)
    return outputs(model, x)


def leaves_requires_grad(model, x):
    return outputs(model, x.requires_grad_())


def changes_input(model, x):
    result = outputs(model, x)
    x.mul_(2)
    return result


@pytest.mark.parametrize(
    ("mine", "off"),
    [
        (moves_running_statistics, "`model.norm.running_mean` has changed"),
        (leaves_eval_mode, "`model` is in a different mode than before"),
        (leaves_gradients, "a gradient was left in `.grad` of `model.linear.weight`"),
        (leaves_frozen_parameters, "`requires_grad` of `model.linear.weight` was changed"),
        (leaves_hook, "a hook was left on `model`"),
        (changes_weight, "`model.linear.weight` was changed in place"),
        (adds_module, "`model`"),
        (leaves_requires_grad, "`requires_grad` of `x` was changed"),
        (changes_input, "`x` was changed in place"),
    ],
)
def test_check_rejects_side_effects(mine, off):
    verdict = check(mine, MODEL_EXERCISE)
    assert not verdict.passed and verdict.problem.startswith(off), verdict
    assert verdict.correct_so_far == "all numbers are correct, in 1 of 1 cases"


def test_check_accepts_solution_without_side_effects():
    assert check(outputs, MODEL_EXERCISE).passed


def test_check_allows_autograd_and_restores_rng_and_grad_mode():
    def slope(x):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((leaf**2).sum() + 0 * torch.rand(1).sum(), leaf)
        return gradient

    before = torch.get_rng_state()
    with torch.no_grad():
        assert check(slope, Exercise("slope", lambda x: 2 * x, cases=[(torch.arange(3.0),)])).passed
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled() and torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        (lambda: torch.set_default_dtype(torch.float64), "get_default_dtype"),
        (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "get_num_threads"),
        (lambda: torch.set_float32_matmul_precision("medium"), "get_float32_matmul_precision"),
        (lambda: torch.autograd.set_detect_anomaly(True), "is_anomaly_enabled"),
        (lambda: torch.use_deterministic_algorithms(True), "are_deterministic_algorithms_enabled"),
        (lambda: torch.set_default_device("meta"), "get_default_device"),
        (lambda: torch.set_grad_enabled(False), "is_grad_enabled"),
    ],
)
def test_check_rejects_and_restores_changed_global_settings(change, setting):
    def solution(x):
        change()
        return 2 * x

    before = getattr(torch, setting)()
    verdict = check(solution, Exercise("double", lambda x: 2 * x, cases=[(torch.arange(3.0),)]))
    assert not verdict.passed and verdict.problem == f"the global setting `torch.{setting}()` was changed"
    assert getattr(torch, setting)() == before


def test_check_restores_settings_of_numpy_and_random_states():
    before = np.geterr(), random.getstate(), np.random.get_state()[1].tolist()

    def changes_settings(x, k):
        np.seterr(all="raise")
        return x / k, x.sum()

    def draws(x, k):
        return x / k + 0 * random.random() * np.random.rand(), x.sum()

    verdict = check(changes_settings, EXERCISE)
    assert not verdict.passed and verdict.problem == "the global setting `numpy.geterr()` was changed"
    assert check(draws, EXERCISE).passed
    assert before == (np.geterr(), random.getstate(), np.random.get_state()[1].tolist())


def test_check_detects_in_place_changes_in_arrays_and_lists():
    def spoil(a, b):
        b[0] += 1
        return a + b[0].item() - 1

    def spoil_array(a, b):
        a += 1
        return a - 1 + b[0].item()

    for mine, off in ((spoil, "`b[0]` was changed in place"), (spoil_array, "`a` was changed in place")):
        exercise = Exercise("add", lambda a, b: a + b[0].item(), cases=[(np.ones(2), [torch.ones(1)])])
        assert check(mine, exercise).problem == off


def test_check_applies_side_effect_checks_after_numbers_agree():
    exercise = Exercise(
        "twice",
        lambda a: 2 * a,
        cases=[(1.0,), (-1.0,)],
        known_mistakes={"That is a half. Look at 1.": lambda a: a / 2},
        side_effect_checks={
            "No warning comes. Look below zero.": lambda call: call.arguments["a"] < 0 and not call.warnings
        },
    )

    def make_solution(factor, text):
        def solution(a):
            if text and a < 0:
                warnings.warn(text, stacklevel=1)
            return factor * a

        return solution

    assert check(make_solution(2, "below zero"), exercise).passed
    silent = check(make_solution(2, ""), exercise)
    assert not silent.passed and silent.hint == "No warning comes. Look below zero."
    assert (silent.correct_so_far, silent.problem, silent.next_step) == (
        "all numbers are correct, in 2 of 2 cases",
        "No warning comes",
        "Look below zero.",
    )
    assert check(make_solution(0.5, ""), exercise).problem == "That is a half"
    assert check(lambda a: None, exercise).not_started and check(lambda a, b: a, exercise).hint is None


def test_check_passes_on_solution_warnings():
    def mine(x, k):
        warnings.warn("mind the gap", stacklevel=1)
        return halves(x, k)

    with pytest.warns(UserWarning, match="mind the gap"):
        assert check(mine, EXERCISE).passed


def test_check_adds_advice_to_correct_solution():
    roundabout = Exercise(
        "f",
        lambda a: 2 * a,
        cases=[(1.0,), (3.0,)],
        success_message="Doubled.",
        advice_checks={"It is a list. A number would do.": lambda call: isinstance(call.value, list)},
    )
    plain, advised = check(lambda a: a + a, roundabout), check(lambda a: [a + a], roundabout)
    assert plain.passed and plain.hint is None and plain.correct_so_far.endswith("Doubled.")
    assert (
        advised.passed
        and advised.correct_so_far == plain.correct_so_far + " It is a list. A number would do."
        and advised.hint in advised.correct_so_far
    )
    assert check(lambda a: [a], roundabout).hint is None


@pytest.mark.parametrize("side_effect_checks", [{}, {"No warning comes.": lambda call: False}])
def test_check_records_cpu_time_of_calls(side_effect_checks, monkeypatch):
    now, recorded = [7.0], []

    def solution(a):
        now[0] += 2.5
        return a

    monkeypatch.setattr(time, "process_time", lambda: now[0])
    timed = Exercise(
        "f",
        lambda a: a,
        cases=[(1.0,)],
        side_effect_checks=side_effect_checks,
        advice_checks={"Slow. Faster?": lambda call: recorded.append(call.seconds)},
    )
    check(solution, timed), check(lambda a: a, timed)
    assert recorded == [2.5, 0]


def test_check_passes_on_warnings_with_advice_checks():
    def warns(a):
        warnings.warn("look here", stacklevel=1)
        return a

    with pytest.warns(UserWarning, match="look here"):
        assert check(
            warns, Exercise("f", lambda a: a, cases=[(1.0,)], advice_checks={"Slow. Faster?": lambda call: False})
        ).passed
