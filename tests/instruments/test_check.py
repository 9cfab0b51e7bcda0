"""What a check says, whatever it is given."""

import sys
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from tutorial_lib.gradients import evaluating
from tutorial_lib.instruments import Exercise, check


def halves(x, k):
    """Two results of different shapes."""
    return x / k, x.sum()


def vectors(generator):
    return torch.randn(3, generator=generator, dtype=torch.float64), 2.0


EXERCISE = Exercise(
    "halves",
    halves,
    cases=(vectors, vectors, (torch.ones(2, dtype=torch.float64), 4.0)),
    outputs=("part", "total"),
    slips={
        "You multiplied. Look at large k.": lambda x, k: (x * k, x.sum()),
        "You averaged. Look at the size of x; yours is {yours:.0f} long, {right:.0f} is right.": lambda x, k: (
            x / k,
            x.mean(),
        ),
        "You kept x to yourself. Return both.": lambda x, k: x / k,
    },
    right="Well cut.",
    measure=lambda part, total: float(len(part)),
)


def test_the_right_answer_passes_and_is_told_so():
    verdict = check(halves, EXERCISE)
    assert verdict.passed and verdict.hint is None
    assert (
        repr(verdict)
        == "✓ halves: right\n  3 of 3 cases agree with the reference, and nothing was left behind. Well cut."
    )
    assert verdict._repr_markdown_().startswith("**✓ halves: right**\n\n3 of 3")


def test_a_wrong_answer_gets_three_lines():
    verdict = check(lambda x, k: (x * k, x.sum()), EXERCISE)
    assert not verdict.passed and verdict.hint == "You multiplied. Look at large k."
    assert repr(verdict).splitlines() == [
        "✗ halves: not yet",
        "  Right so far: It runs on all 3 cases; every shape is right; `total` right everywhere.",
        "  Off: You multiplied.",
        "  Next: Look at large k.",
    ]
    assert verdict._repr_markdown_().count("\n- *") == 3


def test_a_hint_may_hold_a_measure_of_both_answers():
    assert "yours is 3 long, 3 is right" in check(lambda x, k: (x / k, x.mean()), EXERCISE).hint


def test_a_slip_is_named_although_a_result_is_missing():
    assert check(lambda x, k: x / k, EXERCISE).hint == "You kept x to yourself. Return both."


def test_the_slip_that_explains_more_is_named():
    both = Exercise(
        "f",
        lambda a: (a, a),
        cases=[(2.0,)],
        outputs=("u", "v"),
        slips={"U. u": lambda a: (-a, a), "V. v": lambda a: (-a, -a)},
    )
    assert check(lambda a: (-a, -a), both).hint == "V. v"
    assert check(lambda a: (-a, 7.0), both).hint == "U. u"
    assert check(lambda a: (5.0, 7.0), both).hint is None


@pytest.mark.parametrize(
    "right",
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
def test_unexpected_right_answers_pass(right):
    assert check(right, EXERCISE).passed


@pytest.mark.parametrize("off", [1e-5, -1e-5, 1e-3])
def test_what_is_nearly_right_in_float64_is_wrong(off):
    assert not check(lambda x, k: (x / k * (1 + off), x.sum()), EXERCISE).passed


def stops(_, __):
    raise RuntimeError("a `tick`\nand a second line")


def leaves(_, __):
    sys.exit(3)


def deep(x, k):
    return deep(x, k)


async def later(x, k):
    return x / k, x.sum()


def unspeakable(x, k):
    class Silent(Exception):
        def __str__(self):
            raise ValueError

    raise Silent


class Odd:
    def __repr__(self):
        raise ValueError

    __str__ = __len__ = __iter__ = __float__ = __array__ = __repr__


ZOO = {
    "raises": (stops, "`RuntimeError: a 'tick'`"),
    "exits": (leaves, "`SystemExit: 3`"),
    "recursion": (deep, "`RecursionError"),
    "silent error": (unspeakable, "`Silent`"),
    "coroutine": (later, "type coroutine"),
    "generator": (lambda x, k: (one for one in x), "type generator"),
    "text": (lambda x, k: "x / k", "type str"),
    "dict": (lambda x, k: {"part": x}, "type dict"),
    "odd object": (lambda x, k: Odd(), "type Odd"),
    "odd inside": (lambda x, k: (x, Odd()), "a tuple of Tensor, Odd"),
    "none inside": (lambda x, k: (x / k, None), "a tuple of Tensor, NoneType"),
    "empty": (lambda x, k: (), "2 results are wanted, part, total; there came 0"),
    "too many": (lambda x, k: (x, x, x), "2 results are wanted, part, total; there came 3"),
    "shape": (lambda x, k: (x[None] / k, x.sum()), "`part` has shape (1, 3), and (3,) is wanted"),
    "no single number": (lambda x, k: (x / k, x), "`total` has shape (3,), and a single number is wanted"),
    "NaN": (lambda x, k: (x / k * float("nan"), x.sum()), "no number (NaN, or infinity)"),
    "infinite": (lambda x, k: (x / 0, x.sum()), "no number (NaN, or infinity)"),
    "complex": (lambda x, k: (x * 1j, x.sum()), "cannot be read"),
    "factor": (lambda x, k: (-2 * x / k, x.sum()), "every number in it is -2 times"),
    "too large": (lambda x, k: (x / k, x.sum() + 10), "is too large"),
    "too small": (lambda x, k: (x / k, x.sum() - 10), "is too small"),
    "one number": (
        lambda x, k: (torch.cat([x[:1] + 1, x[1:]]) / k, x.sum()),
        "1 of 3 numbers in `part` differ, the first of them at [0]",
    ),
    "one argument": (lambda x: x, "cannot be called as `halves(x, k)`: too many positional arguments"),
    "three arguments": (lambda x, k, z: x, "missing a required argument: 'z'"),
    "class": (Odd, "cannot be called as"),
    "number": (3, "no function but of type int"),
    "nothing": (None, "no function but of type NoneType"),
    "result": (halves(torch.ones(2), 2.0), "no function but of type tuple"),
    "builtin": (max, "it stops with"),
    "missing operation": (lambda x, k: x - (x > 0), "with a bool tensor is not supported"),
    "missing elsewhere": (lambda x, k: exec("raise NotImplementedError('no Half')"), "NotImplementedError: no Half"),
}


@pytest.mark.parametrize("animal", ZOO)
def test_nothing_makes_a_check_raise(animal):
    mine, off = ZOO[animal]
    verdict = check(mine, EXERCISE)
    assert not verdict.passed and verdict.hint is None and not verdict.untouched
    assert off in verdict.off, verdict
    assert len(repr(verdict).splitlines()) == 4 and verdict.look and verdict.right
    assert "`" not in verdict._repr_markdown_().replace("`", "", 2 * (verdict._repr_markdown_().count("`") // 2))


def test_the_reader_may_stop_it():
    def stop(x, k):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(stop, EXERCISE)


def unwritten(x, k):
    raise NotImplementedError("your line")


@pytest.mark.parametrize("stub", [lambda x, k: None, lambda x, k: ..., unwritten])
def test_an_untouched_stub_is_answered_politely(stub):
    verdict = check(stub, EXERCISE)
    assert not verdict.passed and verdict.untouched and verdict.off == "nothing comes back yet"
    assert repr(verdict).startswith("✎ halves: still to be written") and "✗" not in repr(verdict)


def test_nothing_in_one_case_only_is_another_matter():
    verdict = check(lambda x, k: halves(x, k) if k == 2 else None, EXERCISE)
    assert not verdict.untouched and verdict.right == "it runs on 2 of 3 cases" and verdict.off == "nothing comes back"


def test_cases_are_made_anew_for_every_call():
    seen = []

    def mine(x, k):
        seen.append(x.clone())
        result = halves(x, k)
        x.zero_()
        return result

    first, second = check(mine, EXERCISE), check(mine, EXERCISE)
    assert first == second and first.off == "`x` was changed in place"
    assert all(torch.equal(a, b) and a.any() for a, b in zip(seen[:3], seen[3:]))


# What may be left behind on a network and on a tensor.


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2).double()
        self.norm = nn.BatchNorm1d(2).double()

    def forward(self, x):
        return self.norm(self.linear(x))


def lent(generator):
    model = Net()
    for parameter in model.parameters():
        parameter.data.normal_(generator=generator)
    return model, torch.randn(4, 3, generator=generator, dtype=torch.float64)


def outputs(model, x):
    with evaluating(model), torch.no_grad():
        return model(x)


LOOK = Exercise("look", outputs, cases=(lent,))


def trained(model, x):
    result = outputs(model, x)
    model(x)
    return result


def evaluated(model, x):
    return model.eval()(x)


def backwards(model, x):
    with evaluating(model):
        result = model(x)
        result.sum().backward()
    return result


def frozen(model, x):
    model.requires_grad_(False)
    return outputs(model, x)


def hooked(model, x):
    model.norm.register_forward_hook(lambda *_: None)
    return outputs(model, x)


def nudged(model, x):
    result = outputs(model, x)
    model.linear.weight.data += 1e-12
    return result


def attached(model, x):
    model.extra = nn.Linear(1, 1)
    return outputs(model, x)


def asked(model, x):
    return outputs(model, x.requires_grad_())


def scaled(model, x):
    result = outputs(model, x)
    x.mul_(2)
    return result


@pytest.mark.parametrize(
    ("mine", "off"),
    [
        (trained, "`model.norm.running_mean` has moved"),
        (evaluated, "`model` goes back in another mode than it came in"),
        (backwards, "a gradient was left in `.grad` of `model.linear.weight`"),
        (frozen, "`requires_grad` of `model.linear.weight` was switched"),
        (hooked, "a hook was left on `model`"),
        (nudged, "`model.linear.weight` was changed in place"),
        (attached, "`model`"),
        (asked, "`requires_grad` of `x` was switched"),
        (scaled, "`x` was changed in place"),
    ],
)
def test_a_right_answer_that_leaves_a_trace_is_rejected(mine, off):
    verdict = check(mine, LOOK)
    assert not verdict.passed and verdict.off.startswith(off), verdict
    assert verdict.right == "all numbers are right, in 1 of 1 cases"


def test_the_same_answer_without_a_trace_passes():
    assert check(outputs, LOOK).passed


def test_answers_may_use_autograd_and_random_numbers_and_give_the_modes_back():
    def slope(x):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((leaf**2).sum() + 0 * torch.rand(1).sum(), leaf)
        torch.set_grad_enabled(False)
        return gradient

    before = torch.get_rng_state()
    with torch.no_grad():
        assert check(slope, lambda x: 2 * x, cases=[(torch.arange(3.0),)]).passed
    assert torch.is_grad_enabled() and torch.equal(before, torch.get_rng_state())


def test_arrays_and_lists_are_watched_too():
    def spoil(a, b):
        b[0] += 1
        return a + b[0].item() - 1

    def spoil_array(a, b):
        a += 1
        return a - 1 + b[0].item()

    for mine, off in ((spoil, "`b[0]` was changed in place"), (spoil_array, "`a` was changed in place")):
        assert check(mine, lambda a, b: a + b[0].item(), cases=[(np.ones(2), [torch.ones(1)])]).off == off


def test_an_exercise_is_made_from_a_reference_or_handed_in_the_wrong_way_round():
    assert check(EXERCISE, halves).passed
    assert check(lambda a: a * a, abs, cases=[(-1.0,), (1.0,)]).passed
    with pytest.raises(ValueError, match="at least one case"):
        check(abs, abs)
    with pytest.raises(ValueError, match="a slip needs a hint"):
        check(abs, abs, cases=[(1.0,)], slips={" ": abs})


def test_slips_that_the_cases_cannot_tell_apart_are_found():
    assert EXERCISE.confused() == []
    doubtful = Exercise(
        "f",
        lambda a: a**2,
        cases=[(1.0,), (2.0,)],
        slips={"A. a": lambda a: 2 * a, "B. b": lambda a: a + a, "C. c": lambda a: a * a},
    )
    assert doubtful.confused() == [("right", "C. c"), ("A. a", "B. b")]


def test_what_no_number_shows_is_said_once_all_numbers_are_right():
    exercise = Exercise(
        "twice",
        lambda a: 2 * a,
        cases=[(1.0,), (-1.0,)],
        slips={"That is a half. Look at 1.": lambda a: a / 2},
        beside={"No warning comes. Look below zero.": lambda call: call.arguments["a"] < 0 and not call.warnings},
    )

    def answer(factor, text):
        def mine(a):
            if text and a < 0:
                warnings.warn(text, stacklevel=1)
            return factor * a

        return mine

    assert check(answer(2, "below zero"), exercise).passed
    silent = check(answer(2, ""), exercise)
    assert not silent.passed and silent.hint == "No warning comes. Look below zero."
    assert (silent.right, silent.off, silent.look) == (
        "all numbers are right, in 2 of 2 cases",
        "No warning comes",
        "Look below zero.",
    )
    assert check(answer(0.5, ""), exercise).off == "That is a half"
    assert check(lambda a: None, exercise).untouched and check(lambda a, b: a, exercise).hint is None


def test_a_warning_nobody_asked_for_is_the_readers_to_see():
    def mine(x, k):
        warnings.warn("mind the gap", stacklevel=1)
        return halves(x, k)

    with pytest.warns(UserWarning, match="mind the gap"):
        assert check(mine, EXERCISE).passed


def test_a_hint_beside_the_numbers_may_not_be_empty():
    with pytest.raises(ValueError, match="needs a hint"):
        Exercise("f", lambda a: a, cases=[(1.0,)], beside={" ": lambda call: False})


def test_an_answer_may_pass_with_a_word_of_advice():
    roundabout = Exercise(
        "f",
        lambda a: 2 * a,
        cases=[(1.0,), (3.0,)],
        right="Doubled.",
        accepted={"It is a list. A number would do.": lambda call: isinstance(call.value, list)},
    )
    plain, advised = check(lambda a: a + a, roundabout), check(lambda a: [a + a], roundabout)
    assert plain.passed and plain.hint is None and plain.right.endswith("Doubled.")
    assert (
        advised.passed
        and advised.right == plain.right + " It is a list. A number would do."
        and advised.hint in advised.right
    )
    assert check(lambda a: [a], roundabout).hint is None


@pytest.mark.parametrize("beside", [{}, {"No warning comes.": lambda call: False}])
def test_a_call_records_its_processor_time(beside, monkeypatch):
    now, seen = [7.0], []

    def mine(a):
        now[0] += 2.5
        return a

    monkeypatch.setattr(time, "process_time", lambda: now[0])
    timed = Exercise(
        "f",
        lambda a: a,
        cases=[(1.0,)],
        beside=beside,
        accepted={"Slow. Faster?": lambda call: seen.append(call.seconds)},
    )
    check(mine, timed), check(lambda a: a, timed)
    assert seen == [2.5, 0]


def test_warnings_are_the_readers_to_see_also_where_time_is_taken():
    def warns(a):
        warnings.warn("look here", stacklevel=1)
        return a

    with pytest.warns(UserWarning, match="look here"):
        assert check(
            warns, Exercise("f", lambda a: a, cases=[(1.0,)], accepted={"Slow. Faster?": lambda call: False})
        ).passed
