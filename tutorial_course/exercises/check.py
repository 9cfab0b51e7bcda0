"""The checker of the exercises: it reports what is correct so far, one problem, and a next step.

The book is built from exercises that nobody has started, so that it shows no feedback on them.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

from torch import Tensor

from tutorial_course._display import is_book_build
from tutorial_course.exercises.comparison import all_agree, describe_difference, to_results
from tutorial_course.exercises.exercise import CallRecord, Exercise, record_call


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
            return f"✓ {self.name}: correct", [("", self.correct_so_far)]
        head = f"✎ {self.name}: not started" if self.not_started else f"✗ {self.name}: not correct yet"
        return head, [
            ("Correct so far", _capitalize(self.correct_so_far)),
            ("Problem", _capitalize(self.problem)),
            ("Next step", _capitalize(self.next_step)),
        ]

    def __repr__(self) -> str:
        head, lines = self._lines()
        return "\n".join([head, *(f"  {label}: {text}" if label else f"  {text}" for label, text in lines)])

    def _repr_markdown_(self) -> str:
        if is_book_build() and not self.passed:
            return f"✎ *In the notebook, this cell checks your* `{self.name}`*.*"
        head, lines = self._lines()
        return "\n".join([f"**{head}**\n", *(f"- *{label}:* {text}" if label else text for label, text in lines)])


def _capitalize(text: str) -> str:
    """Text as a sentence, with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def check(function: Callable, exercise: Exercise) -> CheckResult:
    """Compare a solution with the reference on every case, and report the result.

    A solution is correct if every number agrees with the reference, or with one of the alternatives of the exercise, up
    to rounding in the precision of the solution, and if the arguments and the global settings of torch are left
    unchanged. A known mistake is recognized by computing it: the wrong formula is evaluated on the same cases, and the
    solution is compared with it. The check never raises an error because of the solution.

    Args:
        function: the reader's function.
        exercise: the exercise.

    Returns:
        The result: whether the check has passed, what is correct, the first problem and a next step.

    Example:
        >>> mistakes = {"That is a square. Look at 3.": lambda a: a**2}
        >>> double = Exercise("double", lambda a: 2 * a, [(1.5,), (3.0,)], mistakes)
        >>> check(lambda a: a + a, double).passed
        True
        >>> check(lambda a: a * a, double).hint
        'That is a square. Look at 3.'
    """
    if not callable(function):
        problem = f"expected a function, got an object of type {type(function).__name__}"
        next_step = f"pass the function by its name, without parentheses: `{exercise.name}`"
        return CheckResult(exercise.name, False, "the check itself runs", problem, next_step)
    return _evaluate(exercise, [_attempt(function, exercise, i) for i in range(len(exercise.cases))])


def solution_or_reference(function: Callable, exercise: Exercise) -> Callable:
    """Return the reader's function if it is correct, or else the reference, so that later cells can use either.

    Args:
        function: the reader's function.
        exercise: the exercise.

    Returns:
        A correct function.

    Example:
        >>> double = Exercise("double", lambda a: 2 * a, [(1.5,)])
        >>> solution_or_reference(lambda a: None, double)(3)
        6
    """
    return function if check(function, exercise).passed else exercise.reference


@dataclass
class _Attempt:
    """The reader's function on one case.

    Attributes:
        call: the call in words.
        shapes: the shapes of the arguments that are tensors, in words.
        record: the record of the call; None if it was not completed.
        results: the value of the function as tensors.
        error: why there are no results, and a next step; None if there are results.
        not_started: whether the function returns nothing.
    """

    call: str
    shapes: str
    record: CallRecord | None = None
    results: list[Tensor] = field(default_factory=list)
    error: tuple[str, str] | None = None
    not_started: bool = False


def _attempt(function: Callable, exercise: Exercise, case: int) -> _Attempt:
    """The result of calling the function on one case and converting its value to tensors."""
    arguments = exercise.arguments(case)
    shapes = [f"{name} {tuple(value.shape)}" for name, value in arguments.items() if isinstance(value, Tensor)]
    attempt = _Attempt(f"{exercise.name}({', '.join(arguments)})", ", ".join(shapes))
    try:
        attempt.record = record_call(function, arguments)
    except Exception as error:
        next_step = f"repeat the call `{attempt.call}` with these shapes: {attempt.shapes or 'see above'}"
        if isinstance(error, NameError):
            next_step = "correct the spelling of this name, or define or import it in your cell"
        attempt.error = f"it stops with {_format_error(error)}", next_step
        return attempt
    value = attempt.record.value
    if not exercise.side_effect_checks:  # the reader sees the warnings, unless the exercise checks them
        for warning in attempt.record.warnings:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if value is None or value is ...:
        attempt.not_started = True
        attempt.error = "the function returns nothing", "the last line should begin with `return`"
        return attempt
    try:
        attempt.results = to_results(value, len(exercise.outputs))
    except Exception:
        attempt.error = (
            "the returned value cannot be converted to numbers: " + _describe_type(value),
            "return tensors, arrays or numbers",
        )
    return attempt


def _describe_type(value: Any) -> str:
    """The type of a value, and the types in a list or tuple."""
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of " + (", ".join(type(item).__name__ for item in value[:6]) or "nothing")
    return f"it is of type {type(value).__name__}"


def _format_error(error: Exception) -> str:
    """The type of an error and the first line of its message, as code in Markdown."""
    line = traceback.format_exception_only(error)[-1].splitlines()[0].replace("`", "'")
    return f"`{shorten(line, 400, placeholder=' …')}`"


def _evaluate(exercise: Exercise, attempts: list[_Attempt]) -> CheckResult:
    """The result of all attempts together: the first problem that applies, or that the check has passed."""
    n = len(attempts)
    errors = [attempt.error for attempt in attempts if attempt.error]
    if all(attempt.not_started for attempt in attempts):
        return CheckResult(
            exercise.name,
            False,
            f"it can be called: `{attempts[0].call}`",
            "the function returns nothing yet",
            "write your lines where the dots are, end with `return`, and run the cell again",
            not_started=True,
        )
    if errors:
        so_far = f"it runs on {n - len(errors)} of {n} cases" if len(errors) < n else "there is a function to work on"
        return CheckResult(exercise.name, False, so_far, *errors[0])
    results, records = [attempt.results for attempt in attempts], [attempt.record for attempt in attempts]
    expected = _expected_results(exercise, results)
    side_effect = next((record.side_effect for record in records if record.side_effect), None)
    if all(map(all_agree, results, expected)):
        so_far = f"all numbers are correct, in {n} of {n} cases"
        if side_effect:
            return CheckResult(exercise.name, False, so_far, *side_effect)
        for hint, applies in exercise.side_effect_checks.items():
            if any(applies(record) for record in records):
                return _result_from_hint(exercise, so_far, hint)
        agreement = f"{n} of {n} cases agree with the reference, and the arguments are unchanged."
        checks = exercise.advice_checks.items()
        advice = next((hint for hint, applies in checks if any(applies(record) for record in records)), None)
        message = " ".join(filter(None, (agreement, exercise.success_message, advice)))
        return CheckResult(exercise.name, True, message, hint=advice)
    so_far = _describe_progress(results, expected, exercise.outputs)
    mistake = _match_known_mistake(exercise, results, expected)
    if mistake:
        if exercise.measure and "{" in mistake:
            yours, right = (exercise.measure(*map(Tensor.double, parts[0])) for parts in (results, expected))
            mistake = mistake.format(yours=yours, right=right)
        return _result_from_hint(exercise, so_far, mistake)
    if side_effect:
        return CheckResult(exercise.name, False, so_far, *side_effect)
    i = next(i for i in range(n) if not all_agree(results[i], expected[i]))
    case = f"case {i + 1}: {attempts[i].shapes}" if attempts[i].shapes else f"case {i + 1}"
    problem = f"{_first_difference(results[i], expected[i], exercise.outputs)} ({case})"
    return CheckResult(exercise.name, False, so_far, problem, exercise.fallback_hint)


def _expected_results(exercise: Exercise, results: list[list[Tensor]]) -> list[list[Tensor]]:
    """The results of the first correct function that agrees with the solution, otherwise those of the reference."""
    expected = []
    for function in (exercise.reference, *exercise.alternatives):
        expected.append([exercise.answer(function, i) for i in range(len(results))])
        if all(map(all_agree, results, expected[-1])):
            return expected[-1]
    return expected[0]


def _result_name(name: str) -> str:
    """The name of a result in a message: a variable as code, words as they are."""
    return name if name.startswith("the ") else f"`{name}`"


def _first_difference(mine: list[Tensor], expected: list[Tensor], names: Sequence[str]) -> str:
    """The first difference in words."""
    if len(mine) != len(expected):
        return f"{len(expected)} results are expected, {', '.join(names)}, but the function returns {len(mine)}"
    name, a, b = next(parts for parts in zip(names, mine, expected) if describe_difference(*parts[1:]))
    label = _result_name(name)
    if a.shape == b.shape and b.numel() > 1 and a.isfinite().all():
        ratio = ((a.double() * b).sum() / b.double().square().sum()).item()
        if ratio and not describe_difference(a, ratio * b.double()):
            return f"{label} has the correct direction, but every number in it is {ratio:.4g} times the expected one"
    return f"{label} differs from the expected result: {describe_difference(a, b)}"


def _result_from_hint(exercise: Exercise, so_far: str, hint: str) -> CheckResult:
    """The result for a hint: its first sentence is the problem, the rest is the next step."""
    problem, _, next_step = hint.partition(". ")
    return CheckResult(exercise.name, False, so_far, problem, next_step or exercise.fallback_hint, hint=hint)


def _describe_progress(results: list[list[Tensor]], expected: list[list[Tensor]], names: Sequence[str]) -> str:
    """What is correct: the shapes, and which results, or how many cases, agree with the reference."""
    lines = [f"it runs on all {len(expected)} cases" if len(expected) > 1 else "it runs"]
    if all(len(a) == len(b) for a, b in zip(results, expected)):
        if all(p.shape == q.shape for a, b in zip(results, expected) for p, q in zip(a, b)):
            lines.append("every shape is correct")
        wrong = _wrong_results(results, expected)
        if len(wrong) < len(names):
            correct = [_result_name(name) for j, name in enumerate(names) if j not in wrong]
            lines.append(f"correct in all cases: {', '.join(correct)}")
        elif n_cases := sum(map(all_agree, results, expected)):
            lines.append(f"{n_cases} of {len(expected)} cases agree")
    return "; ".join(lines)


def _wrong_results(results: list[list[Tensor]], expected: list[list[Tensor]]) -> set[int]:
    """The indices of the results that differ from the reference in some case."""
    if len(results[0]) != len(expected[0]):
        return set(range(len(results[0])))
    return {j for a, b in zip(results, expected) for j in range(len(a)) if describe_difference(a[j], b[j])}


def _match_known_mistake(exercise: Exercise, results: list[list[Tensor]], expected: list[list[Tensor]]) -> str | None:
    """The hint of the mistake that explains most wrong results in all cases, and among equals most results."""
    if len({len(parts) for parts in results}) > 1:
        return None
    wrong, best, closest = _wrong_results(results, expected), None, (0, 0)
    for hint, function in exercise.iter_known_mistakes():
        matches = set(range(len(results[0])))
        for i, mine in enumerate(results):
            other = exercise.answer(function, i)
            matches = {j for j in matches if len(other) == len(mine) and not describe_difference(mine[j], other[j])}
            if not matches & wrong:
                break
        if matches & wrong and (len(matches & wrong), len(matches)) > closest:
            best, closest = hint, (len(matches & wrong), len(matches))
    return best
