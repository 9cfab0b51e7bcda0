"""A function to be written: its reference, its cases, and the slips that people make in it."""

from __future__ import annotations

import copy
import inspect
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from tutorial_course.exercises.comparison import FLOAT32_RTOL, NumericResult, all_close, to_results

CaseFactory = Callable[[torch.Generator], tuple] | tuple


class CallRecord(NamedTuple):
    """One call of an answer, with what its numbers do not show: the value as it came, the warnings given on the way, and the
    seconds of processor time that it took."""

    arguments: dict[str, Any]
    value: Any
    warnings: list[warnings.WarningMessage]
    seconds: float = 0.0

    def has_graph(self) -> bool:
        """Whether a graph comes back with the value, so that a gradient of it would reach the network."""
        parts = self.value if isinstance(self.value, list | tuple) else [self.value]
        return any(isinstance(part, torch.Tensor) and part.requires_grad for part in parts)


@dataclass(frozen=True)
class Exercise:
    """A function to be written, and everything needed to answer whoever writes it.

    name: of the function. reference: one that is right. cases: each makes the arguments from a generator, anew for every call
    (a plain tuple is copied). slips: hint → the wrong function, or several, that this mistake amounts to; the first sentence of a
    hint names what is off, the rest says what to look at. A hint may hold ``{yours}`` and ``{right}``, the ``measure`` of both
    answers in the first case. outputs: names of the results, where there are several. look: what to look at when no slip is
    recognised. right: what to say when all is well. beside: hint → whether it holds of a call, for what no number shows, as a
    graph that comes back or a warning that does not; asked once all numbers are right. accepted: the same, for what is said to
    an answer that passes, as that it is right and slow.

    Raises:
        ValueError: no case, or a hint that does not say what to look at.
    """

    name: str
    reference: Callable
    cases: Sequence[CaseFactory]
    known_mistakes: Mapping[str, Callable | Sequence[Callable]] = field(default_factory=dict)
    outputs: Sequence[str] = ("the result",)
    fallback_hint: str = "take the smallest case and follow it by hand, line by line"
    success_message: str = ""
    measure: Callable[..., float] | None = None
    side_effect_checks: Mapping[str, Callable[[CallRecord], bool]] = field(default_factory=dict)
    advice_checks: Mapping[str, Callable[[CallRecord], bool]] = field(default_factory=dict)

    def __post_init__(self):
        if not self.cases:
            raise ValueError(
                f"{self.name}: a check needs at least one case, a function that makes the arguments from a generator"
            )
        for hint in (*self.known_mistakes, *self.side_effect_checks, *self.advice_checks):
            if not hint.strip():
                raise ValueError(
                    f"{self.name}: a slip needs a hint, a sentence that names it and one that says what to look at"
                )

    def arguments(self, case: int) -> dict[str, Any]:
        """The arguments of one case by name, made anew: what one call does to them harms no other."""
        make = self.cases[case]
        values = make(torch.Generator().manual_seed(case)) if callable(make) else copy.deepcopy(make)
        return dict(zip(inspect.signature(self.reference).parameters, values))

    def answers(self, function: Callable) -> list[list[NumericResult]]:
        """What a function of ours answers, case by case."""
        return [self.answer(function, i) for i in range(len(self.cases))]

    def answer(self, function: Callable, case: int) -> list[NumericResult]:
        return to_results(record_call(function, self.arguments(case)).value, len(self.outputs))

    def iter_known_mistakes(self) -> list[tuple[str, Callable]]:
        """Every hint with every wrong function that it stands for."""
        return [
            (hint, one)
            for hint, wrong in self.known_mistakes.items()
            for one in ([wrong] if callable(wrong) else wrong)
        ]

    def indistinguishable_mistakes(self) -> list[tuple[str, str]]:
        """Pairs of slips, or of a slip and the right answer, that the cases cannot tell apart in float32; a test wants none."""
        known = [
            ("right", self.answers(self.reference)),
            *((hint, self.answers(wrong)) for hint, wrong in self.iter_known_mistakes()),
        ]
        return [
            (a, b)
            for i, (a, answers) in enumerate(known)
            for b, others in known[i + 1 :]
            if a != b
            and all(all_close(one, other, 10 * FLOAT32_RTOL) for one, other in zip(answers, others, strict=True))
        ]


def call_with_fixed_rng(function: Callable, arguments: dict[str, Any]) -> Any:
    """A call that finds the same random state every time and gives the modes of torch back."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        return function(*arguments.values())


def record_call(function: Callable, arguments: dict[str, Any]) -> CallRecord:
    """The same call, with its warnings kept instead of printed."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        start = time.process_time()
        return CallRecord(arguments, call_with_fixed_rng(function, arguments), given, time.process_time() - start)
