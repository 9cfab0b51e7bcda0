"""An exercise: a function to write, with its reference solution, test cases and known mistakes."""

from __future__ import annotations

import copy
import inspect
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tutorial_course.exercises.comparison import to_results
from tutorial_course.exercises.side_effects import first_change, global_state, restore_global_state, state_of

CaseFactory = Callable[[torch.Generator], tuple] | tuple


class CallRecord(NamedTuple):
    """One call of a function, with what the numbers in its result do not show.

    Attributes:
        arguments: the arguments by name.
        value: the value that the function returned.
        warnings: the warnings that it gave, which are not printed.
        seconds: processor time in seconds.
        side_effect: the first change that it made to the arguments or to a global setting of torch, as the problem in
            words and what to do instead; None if there is none.
    """

    arguments: dict[str, Any]
    value: Any
    warnings: list[warnings.WarningMessage]
    seconds: float
    side_effect: tuple[str, str] | None

    def has_graph(self) -> bool:
        """Return whether the value has a graph, so that a gradient of it would reach the network.

        Returns:
            True if a tensor in the value requires gradients.
        """
        parts = self.value if isinstance(self.value, list | tuple) else [self.value]
        return any(isinstance(part, Tensor) and part.requires_grad for part in parts)


@dataclass(frozen=True)
class Exercise:
    """A function to write, and everything that is needed to check a solution.

    A hint has two parts: its first sentence names the problem, the rest says what to look at.

    Attributes:
        name: name of the function.
        reference: a correct function.
        cases: each creates the arguments of one call from a generator; a plain tuple of arguments is copied.
        known_mistakes: ``{hint: wrong function}``, or several wrong functions, that compute what this mistake leads to.
            A hint may contain ``{yours}`` and ``{right}``, the ``measure`` of the solution and of the reference in the
            first case.
        outputs: names of the results, if there are several.
        alternatives: further correct functions, which follow another convention; a solution passes if it agrees with
            one of them in every case.
        fallback_hint: what to look at if no known mistake is recognized.
        success_message: what to add if the check has passed.
        measure: a number computed from the results, for the hints.
        side_effect_checks: ``{hint: check}``, where ``check(record)`` tells whether the hint applies to a call, for
            what the numbers do not show, such as a graph or a missing warning; used once all numbers are correct.
        advice_checks: the same for solutions that pass, such as "correct, but slow".
    """

    name: str
    reference: Callable
    cases: Sequence[CaseFactory]
    known_mistakes: Mapping[str, Callable | Sequence[Callable]] = field(default_factory=dict)
    outputs: Sequence[str] = ("the result",)
    alternatives: Sequence[Callable] = ()
    fallback_hint: str = "take the smallest case and follow it by hand, line by line"
    success_message: str = ""
    measure: Callable[..., float] | None = None
    side_effect_checks: Mapping[str, Callable[[CallRecord], bool]] = field(default_factory=dict)
    advice_checks: Mapping[str, Callable[[CallRecord], bool]] = field(default_factory=dict)

    def arguments(self, case: int) -> dict[str, Any]:
        """Return the arguments of one case.

        They are created for this call, so that calls cannot affect each other.

        Args:
            case: index of the case.

        Returns:
            The arguments by the names of the reference's parameters.
        """
        create = self.cases[case]
        values = create(torch.Generator().manual_seed(case)) if callable(create) else copy.deepcopy(create)
        return dict(zip(inspect.signature(self.reference).parameters, values))

    def answer(self, function: Callable, case: int) -> list[Tensor]:
        """Return the results of a function on one case.

        Args:
            function: the reference or a wrong function.
            case: index of the case.

        Returns:
            The results.
        """
        return to_results(record_call(function, self.arguments(case)).value, len(self.outputs))

    def iter_known_mistakes(self) -> list[tuple[str, Callable]]:
        """Return every hint with each of its wrong functions.

        Returns:
            Pairs (hint, wrong function).
        """
        return [
            (hint, function)
            for hint, wrong in self.known_mistakes.items()
            for function in ([wrong] if callable(wrong) else wrong)
        ]


def record_call(function: Callable, arguments: dict[str, Any]) -> CallRecord:
    """Call a function with the arguments, and record its warnings, its processor time and its first side effect.

    Afterwards the random states and the global settings of torch and NumPy are as they were before the call.

    Args:
        function: the function.
        arguments: the arguments by name, passed by position.

    Returns:
        The record of the call.
    """

    def state() -> dict:
        return {key: part for item in arguments.items() for key, part in state_of(*item).items()} | global_state()

    settings, python, numpy = global_state(), random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            before, start = state(), time.process_time()
            value = function(*arguments.values())
            seconds = time.process_time() - start
            return CallRecord(arguments, value, caught, seconds, first_change(before, state()))
    finally:
        restore_global_state(settings)
        random.setstate(python)
        np.random.set_state(numpy)
