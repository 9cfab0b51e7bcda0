"""Answers to exercises, checked kindly: what is right so far, the one thing that is off, what to look at."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dis import opmap
from typing import Any

import torch

from tutorial_course.exercises.comparison import NumericResult, all_close, allclose, describe_difference, to_results
from tutorial_course.exercises.exercise import CallRecord, CaseFactory, Exercise, call_with_fixed_rng, record_call
from tutorial_course.exercises.side_effects import Snapshot


@dataclass(frozen=True)
class CheckResult:
    """What a check answers. ``passed``; ``hint``, that of the slip it recognised, if any; three lines to read."""

    name: str
    passed: bool
    correct_so_far: str
    problem: str = ""
    next_step: str = ""
    hint: str | None = None
    not_started: bool = False

    def _lines(self) -> tuple[str, list[tuple[str, str]]]:
        if self.passed:
            return f"✓ {self.name}: right", [("", self.correct_so_far)]
        head = f"✎ {self.name}: still to be written" if self.not_started else f"✗ {self.name}: not yet"
        return head, [
            ("Right so far", capitalize(self.correct_so_far)),
            ("Off", capitalize(self.problem)),
            ("Next", capitalize(self.next_step)),
        ]

    def __repr__(self) -> str:
        head, lines = self._lines()
        return "\n".join([head, *(f"  {label}: {text}" if label else f"  {text}" for label, text in lines)])

    def _repr_markdown_(self) -> str:
        head, lines = self._lines()
        return "\n".join([f"**{head}**\n", *(f"- *{label}:* {text}" if label else text for label, text in lines)])


def capitalize(words: str) -> str:
    """The same words with a capital and a stop."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "?")) else ".")


def check(
    function: Callable,
    exercise: Exercise | Callable,
    *,
    cases: Sequence[CaseFactory] = (),
    known_mistakes: Mapping | None = None,
) -> CheckResult:
    """Run an answer on every case beside the reference, and say in three lines how it stands. It never raises on an answer.

    Right is what agrees in every number, up to the rounding of the answer's own precision, and leaves nothing behind on what it
    was lent. A slip is recognised by computing it: the wrong formula is evaluated on the same cases, and
    the answer compared with it.

    Args:
        mine: the reader's function.
        exercise: an :class:`Exercise`, or a reference function; then ``cases`` and ``slips`` are those of an Exercise.

    Raises:
        ValueError: a reference function without cases.

    Example:
        >>> check(lambda a: a + a, lambda a: 2 * a, cases=[(1.5,), (-2.0,)]).passed
        True
        >>> check(lambda a: a * a, lambda a: 2 * a, cases=[(3.0,)], known_mistakes={"That is a square. Look at 3.": lambda a: a**2}).hint
        'That is a square. Look at 3.'
    """
    if isinstance(function, Exercise):
        function, exercise = exercise, function
    if not isinstance(exercise, Exercise):
        exercise = Exercise(getattr(exercise, "__name__", "the function"), exercise, cases, known_mistakes or {})
    if not callable(function):
        found = f"what was handed in is no function but of type {type(function).__name__}"
        look = f"hand in the function by its name, without brackets: `{exercise.name}`"
        return CheckResult(exercise.name, False, "the check itself runs", found, look)
    return evaluate(exercise, [Attempt(function, exercise, i) for i in range(len(exercise.cases))])


class Attempt:
    """The reader's function on one case: the parts of its answer, or the trouble that kept it from giving one."""

    def __init__(self, mine: Callable, exercise: Exercise, case: int):
        self.parts: list[NumericResult] = []
        self.trouble: tuple[str, str] | None = None
        self.untouched = False
        arguments = exercise.arguments(case)
        self.call = f"{exercise.name}({', '.join(arguments)})"
        self.sizes = ", ".join(
            f"{name} {tuple(value.shape)}" for name, value in arguments.items() if isinstance(value, torch.Tensor)
        )
        lent = Snapshot(arguments)
        try:
            self.run(mine, arguments, exercise)
            self.trace = lent.first_change()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also an exit, and whatever else an answer may do
            self.trace, said = None, format_error(error)
            self.untouched = self.untouched or is_not_implemented(mine, error)
            self.trouble = self.trouble or (
                f"it stops with {said}",
                f"repeat it with these shapes: {self.sizes or 'see above'}",
            )

    def run(self, mine: Callable, arguments: dict[str, Any], exercise: Exercise) -> None:
        try:
            inspect.signature(mine).bind(*arguments.values())
        except TypeError as error:
            self.trouble = (
                f"it cannot be called as `{self.call}`: {error}",
                "the names may be your own, their number and order may not",
            )
            return
        except ValueError:
            pass  # a function of another language has no signature to look at
        # Warnings are the reader's to see, unless the exercise asks for them.
        if exercise.side_effect_checks:
            self.heard = record_call(mine, arguments)
        else:
            start = time.process_time()
            self.heard = CallRecord(arguments, call_with_fixed_rng(mine, arguments), [], time.process_time() - start)
        value = self.heard.value
        if inspect.iscoroutine(value):
            value.close()
        if value is None or value is ...:
            self.untouched = True
            self.trouble = "nothing comes back", "the last line should begin with `return`"
            return
        # Numbers that nobody could read are trouble of their own, told apart from an error inside the function.
        self.trouble = (
            "what comes back cannot be read as numbers: " + describe_type(value),
            "return tensors, arrays or numbers",
        )
        self.parts = to_results(value, len(exercise.outputs))
        self.trouble = None


def is_not_implemented(mine: Callable, error: BaseException) -> bool:
    """Whether the function itself raises that it is still to be written."""
    step = error.__traceback__
    while step.tb_next:
        step = step.tb_next
    # torch raises the same error where an operation is missing; then there is code, and it deserves the true message.
    code = step.tb_frame.f_code
    own = code is getattr(mine, "__code__", None) and code.co_code[step.tb_lasti] == opmap["RAISE_VARARGS"]
    return isinstance(error, NotImplementedError) and own


def describe_type(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of " + (", ".join(type(one).__name__ for one in value[:6]) or "nothing")
    return f"it is of type {type(value).__name__}"


def format_error(error: BaseException) -> str:
    """An error's type and the first line of what it says, fit for a line of Markdown."""
    try:
        said = (str(error).strip().splitlines() or [""])[0].replace("`", "'")[:160]
    except Exception:
        said = ""
    return f"`{type(error).__name__}: {said}`" if said else f"`{type(error).__name__}`"


def evaluate(exercise: Exercise, attempts: list[Attempt]) -> CheckResult:
    """The one thing to say about all attempts together."""
    n = len(attempts)
    troubled = [attempt for attempt in attempts if attempt.trouble]
    if all(attempt.untouched for attempt in attempts):
        off, look = (
            "nothing comes back yet",
            "write your lines where the dots are, end with `return`, and run the cell again",
        )
        return CheckResult(exercise.name, False, f"it can be called: `{attempts[0].call}`", off, look, not_started=True)
    if troubled:
        so_far = (
            f"it runs on {n - len(troubled)} of {n} cases" if len(troubled) < n else "there is a function to work on"
        )
        return CheckResult(exercise.name, False, so_far, *troubled[0].trouble)
    right, mine = exercise.answers(exercise.reference), [attempt.parts for attempt in attempts]
    trace = next((attempt.trace for attempt in attempts if attempt.trace), None)
    if all(map(all_close, mine, right)):
        so_far = f"all numbers are right, in {n} of {n} cases"
        if trace:
            return CheckResult(exercise.name, False, so_far, *trace)
        for hint, holds in exercise.side_effect_checks.items():
            if any(holds(attempt.heard) for attempt in attempts):
                off, _, look = hint.partition(". ")
                return CheckResult(exercise.name, False, so_far, off, look or exercise.fallback_hint, hint=hint)
        everywhere = f"{n} of {n} cases agree with the reference, and nothing was left behind."
        advice = exercise.advice_checks.items()
        also = next((hint for hint, holds in advice if any(holds(attempt.heard) for attempt in attempts)), None)
        said = " ".join(words for words in (everywhere, exercise.success_message, also) if words)
        return CheckResult(exercise.name, True, said, hint=also)
    so_far = describe_progress(mine, right, exercise.outputs)
    hint = match_known_mistake(exercise, mine, right)
    if hint:
        if exercise.measure and "{" in hint:
            yours, least = (exercise.measure(*(part.value for part in parts[0])) for parts in (mine, right))
            hint = hint.format(yours=yours, right=least)
        off, _, look = hint.partition(". ")
        return CheckResult(exercise.name, False, so_far, off, look or exercise.fallback_hint, hint=hint)
    if trace:
        return CheckResult(exercise.name, False, so_far, *trace)
    i = next(i for i in range(n) if not all_close(mine[i], right[i]))
    where = f" (case {i + 1}: {attempts[i].sizes})" if attempts[i].sizes else f" (case {i + 1})"
    return CheckResult(
        exercise.name,
        False,
        so_far,
        describe_difference(mine[i], right[i], exercise.outputs) + where,
        exercise.fallback_hint,
    )


def describe_progress(mine: list[list[NumericResult]], right: list[list[NumericResult]], names: Sequence[str]) -> str:
    """It runs; the shapes; which results, or how many cases, agree."""
    said = [f"it runs on all {len(right)} cases" if len(right) > 1 else "it runs"]
    if all(len(a) == len(b) for a, b in zip(mine, right)):
        columns = [all(allclose(a[j], b[j]) for a, b in zip(mine, right)) for j in range(len(names))]
        if all(p.shape_matches(q) for a, b in zip(mine, right) for p, q in zip(a, b)):
            said.append(
                "every shape is right" if any(q.value.dim() for q in right[0]) else "a number comes back, as it should"
            )
        if any(columns):
            said.append(", ".join(f"`{name}`" for name, fine in zip(names, columns) if fine) + " right everywhere")
        elif cases := sum(map(all_close, mine, right)):
            said.append(f"{cases} of {len(right)} cases agree")
    return "; ".join(said)


def match_known_mistake(
    exercise: Exercise, mine: list[list[NumericResult]], right: list[list[NumericResult]]
) -> str | None:
    """The hint of the slip that explains most of the wrong results, in all cases; among equals, the one most like the answer."""
    if len({len(parts) for parts in mine}) > 1:
        return None
    results = range(len(mine[0]))
    wrong = {
        j
        for j in results
        if len(mine[0]) != len(right[0]) or not all(allclose(a[j], b[j]) for a, b in zip(mine, right))
    }
    best, closest = None, (0, 0)
    for hint, function in exercise.iter_known_mistakes():
        fits = set(results)
        for i, parts in enumerate(mine):
            other = exercise.answer(function, i)
            fits = {j for j in fits if len(other) == len(parts) and allclose(parts[j], other[j])}
            if not fits & wrong:
                break
        if fits & wrong and (len(fits & wrong), len(fits)) > closest:
            best, closest = hint, (len(fits & wrong), len(fits))
    return best
