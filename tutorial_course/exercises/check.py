"""The checker of the exercises: it reports what is correct so far, one problem, and a next step."""

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
    """The result of a check, shown in three lines.

    Attributes:
        name: name of the exercise.
        passed: whether the solution is correct and has no side effects.
        correct_so_far: what is correct, in words.
        problem: the first problem; empty if the check has passed.
        next_step: what to look at; empty if the check has passed.
        hint: the hint of the known mistake or of the advice that was recognized; None if there is none.
        not_started: whether the function returns nothing yet.
    """

    name: str
    passed: bool
    correct_so_far: str
    problem: str = ""
    next_step: str = ""
    hint: str | None = None
    not_started: bool = False

    def _lines(self) -> tuple[str, list[tuple[str, str]]]:
        """The heading, and the lines below it with their labels."""
        if self.passed:
            return f"✓ {self.name}: right", [("", self.correct_so_far)]
        head = f"✎ {self.name}: still to be written" if self.not_started else f"✗ {self.name}: not yet"
        return head, [
            ("Right so far", _capitalize(self.correct_so_far)),
            ("Off", _capitalize(self.problem)),
            ("Next", _capitalize(self.next_step)),
        ]

    def __repr__(self) -> str:
        head, lines = self._lines()
        return "\n".join([head, *(f"  {label}: {text}" if label else f"  {text}" for label, text in lines)])

    def _repr_markdown_(self) -> str:
        head, lines = self._lines()
        return "\n".join([f"**{head}**\n", *(f"- *{label}:* {text}" if label else text for label, text in lines)])


def _capitalize(text: str) -> str:
    """Text as a sentence, with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def check(
    function: Callable,
    exercise: Exercise | Callable,
    *,
    cases: Sequence[CaseFactory] = (),
    known_mistakes: Mapping[str, Callable | Sequence[Callable]] | None = None,
) -> CheckResult:
    """Compare a solution with the reference on every case, and report the result.

    A solution is correct if every number agrees with the reference up to rounding in the precision of the solution, and
    if the arguments are left unchanged. A known mistake is recognized by computing it: the wrong formula is evaluated
    on the same cases, and the solution is compared with it. The check never raises an error because of the solution.

    Args:
        function: the reader's function; the order of the first two arguments may be reversed.
        exercise: an :class:`Exercise`, or a reference function.
        cases: for a reference function, the cases of an :class:`Exercise`; otherwise unused.
        known_mistakes: for a reference function, the known mistakes of an :class:`Exercise`; otherwise unused.

    Returns:
        The result: whether the check has passed, what is correct, the first problem and a next step.

    Raises:
        ValueError: a reference function without cases.

    Example:
        >>> check(lambda a: a + a, lambda a: 2 * a, cases=[(1.5,), (-2.0,)]).passed
        True
        >>> mistakes = {"That is a square. Look at 3.": lambda a: a**2}
        >>> check(lambda a: a * a, lambda a: 2 * a, cases=[(3.0,)], known_mistakes=mistakes).hint
        'That is a square. Look at 3.'
    """
    if isinstance(function, Exercise):
        function, exercise = exercise, function
    if not isinstance(exercise, Exercise):
        exercise = Exercise(getattr(exercise, "__name__", "the function"), exercise, cases, known_mistakes or {})
    if not callable(function):
        problem = f"expected a function, got an object of type {type(function).__name__}"
        next_step = f"pass the function by its name, without parentheses: `{exercise.name}`"
        return CheckResult(exercise.name, False, "the check itself runs", problem, next_step)
    return _evaluate(exercise, [_Attempt(function, exercise, i) for i in range(len(exercise.cases))])


class _Attempt:
    """The reader's function on one case: its results, or a problem and a next step.

    Args:
        function: the reader's function.
        exercise: the exercise.
        case: index of the case.
    """

    def __init__(self, function: Callable, exercise: Exercise, case: int):
        self.results: list[NumericResult] = []
        self.error: tuple[str, str] | None = None
        self.side_effect: tuple[str, str] | None = None
        self.not_started = False
        arguments = exercise.arguments(case)
        self.call = f"{exercise.name}({', '.join(arguments)})"
        self.sizes = ", ".join(
            f"{name} {tuple(value.shape)}" for name, value in arguments.items() if isinstance(value, torch.Tensor)
        )
        before = Snapshot(arguments)
        try:
            self._run(function, arguments, exercise)
            self.side_effect = before.first_change()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit, and any other error that a solution may raise
            self.not_started = self.not_started or _is_not_implemented(function, error)
            self.error = self.error or (
                f"it stops with {_format_error(error)}",
                f"repeat it with these shapes: {self.sizes or 'see above'}",
            )

    def _run(self, function: Callable, arguments: dict[str, Any], exercise: Exercise) -> None:
        """Call the function and convert its value to numbers."""
        try:
            inspect.signature(function).bind(*arguments.values())
        except TypeError as error:
            self.error = (
                f"it cannot be called as `{self.call}`: {error}",
                "you may rename the arguments, but their number and order must stay",
            )
            return
        except ValueError:
            pass  # a function that is not written in Python has no signature
        # The reader sees the warnings, unless the exercise checks them.
        if exercise.side_effect_checks:
            self.record = record_call(function, arguments)
        else:
            start = time.process_time()
            value = call_with_fixed_rng(function, arguments)
            self.record = CallRecord(arguments, value, [], time.process_time() - start)
        value = self.record.value
        if inspect.iscoroutine(value):
            value.close()
        if value is None or value is ...:
            self.not_started = True
            self.error = "nothing comes back", "the last line should begin with `return`"
            return
        # The message in case that the conversion fails, which is another problem than an error inside the function.
        self.error = (
            "what comes back cannot be read as numbers: " + _describe_type(value),
            "return tensors, arrays or numbers",
        )
        self.results = to_results(value, len(exercise.outputs))
        self.error = None


def _is_not_implemented(function: Callable, error: BaseException) -> bool:
    """Whether the function itself raises NotImplementedError, as the stub of an exercise does."""
    step = error.__traceback__
    while step and step.tb_next:
        step = step.tb_next
    if step is None or not isinstance(error, NotImplementedError):
        return False
    # torch raises the same error if an operation is missing; then the function has been written, and the message
    # matters.
    code = step.tb_frame.f_code
    return code is getattr(function, "__code__", None) and code.co_code[step.tb_lasti] == opmap["RAISE_VARARGS"]


def _describe_type(value: Any) -> str:
    """The type of a value, and the types in a list or tuple."""
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of " + (", ".join(type(item).__name__ for item in value[:6]) or "nothing")
    return f"it is of type {type(value).__name__}"


def _format_error(error: BaseException) -> str:
    """The type of an error and the first line of its message, as code in Markdown."""
    try:
        message = (str(error).strip().splitlines() or [""])[0].replace("`", "'")[:160]
    except Exception:
        message = ""
    return f"`{type(error).__name__}: {message}`" if message else f"`{type(error).__name__}`"


def _evaluate(exercise: Exercise, attempts: list[_Attempt]) -> CheckResult:
    """The result of all attempts together: the first problem that applies, or that the check has passed."""
    n = len(attempts)
    errors = [attempt.error for attempt in attempts if attempt.error]
    if all(attempt.not_started for attempt in attempts):
        return CheckResult(
            exercise.name,
            False,
            f"it can be called: `{attempts[0].call}`",
            "nothing comes back yet",
            "write your lines where the dots are, end with `return`, and run the cell again",
            not_started=True,
        )
    if errors:
        so_far = f"it runs on {n - len(errors)} of {n} cases" if len(errors) < n else "there is a function to work on"
        return CheckResult(exercise.name, False, so_far, *errors[0])
    expected, results = exercise.answers(exercise.reference), [attempt.results for attempt in attempts]
    side_effect = next((attempt.side_effect for attempt in attempts if attempt.side_effect), None)
    if all(map(all_close, results, expected)):
        so_far = f"all numbers are right, in {n} of {n} cases"
        if side_effect:
            return CheckResult(exercise.name, False, so_far, *side_effect)
        for hint, applies in exercise.side_effect_checks.items():
            if any(applies(attempt.record) for attempt in attempts):
                return _result_from_hint(exercise, so_far, hint)
        agreement = f"{n} of {n} cases agree with the reference, and the arguments are unchanged."
        checks = exercise.advice_checks.items()
        advice = next((hint for hint, applies in checks if any(applies(attempt.record) for attempt in attempts)), None)
        message = " ".join(filter(None, (agreement, exercise.success_message, advice)))
        return CheckResult(exercise.name, True, message, hint=advice)
    so_far = _describe_progress(results, expected, exercise.outputs)
    mistake = _match_known_mistake(exercise, results, expected)
    if mistake:
        if exercise.measure and "{" in mistake:
            yours, right = (exercise.measure(*(part.value for part in parts[0])) for parts in (results, expected))
            mistake = mistake.format(yours=yours, right=right)
        return _result_from_hint(exercise, so_far, mistake)
    if side_effect:
        return CheckResult(exercise.name, False, so_far, *side_effect)
    i = next(i for i in range(n) if not all_close(results[i], expected[i]))
    where = f" (case {i + 1}: {attempts[i].sizes})" if attempts[i].sizes else f" (case {i + 1})"
    problem = describe_difference(results[i], expected[i], exercise.outputs) + where
    return CheckResult(exercise.name, False, so_far, problem, exercise.fallback_hint)


def _result_from_hint(exercise: Exercise, so_far: str, hint: str) -> CheckResult:
    """The result for a hint: its first sentence is the problem, the rest is the next step."""
    problem, _, next_step = hint.partition(". ")
    return CheckResult(exercise.name, False, so_far, problem, next_step or exercise.fallback_hint, hint=hint)


def _describe_progress(
    results: list[list[NumericResult]], expected: list[list[NumericResult]], names: Sequence[str]
) -> str:
    """What is correct: the shapes, and which results, or how many cases, agree with the reference."""
    lines = [f"it runs on all {len(expected)} cases" if len(expected) > 1 else "it runs"]
    if all(len(a) == len(b) for a, b in zip(results, expected)):
        columns = [all(allclose(a[j], b[j]) for a, b in zip(results, expected)) for j in range(len(names))]
        if all(p.shape_matches(q) for a, b in zip(results, expected) for p, q in zip(a, b)):
            has_shape = any(q.value.dim() for q in expected[0])
            lines.append("every shape is right" if has_shape else "a number comes back, as it should")
        if any(columns):
            lines.append(", ".join(f"`{name}`" for name, agrees in zip(names, columns) if agrees) + " right everywhere")
        elif n_cases := sum(map(all_close, results, expected)):
            lines.append(f"{n_cases} of {len(expected)} cases agree")
    return "; ".join(lines)


def _match_known_mistake(
    exercise: Exercise, results: list[list[NumericResult]], expected: list[list[NumericResult]]
) -> str | None:
    """The hint of the mistake that explains most wrong results in all cases, and among equals most results."""
    if len({len(parts) for parts in results}) > 1:
        return None
    indices = range(len(results[0]))
    wrong = {
        j
        for j in indices
        if len(results[0]) != len(expected[0]) or not all(allclose(a[j], b[j]) for a, b in zip(results, expected))
    }
    best, closest = None, (0, 0)
    for hint, function in exercise.iter_known_mistakes():
        matches = set(indices)
        for i, parts in enumerate(results):
            other = exercise.answer(function, i)
            matches = {j for j in matches if len(other) == len(parts) and allclose(parts[j], other[j])}
            if not matches & wrong:
                break
        if matches & wrong and (len(matches & wrong), len(matches)) > closest:
            best, closest = hint, (len(matches & wrong), len(matches))
    return best
