"""Exercise 4: a threshold you may publish."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

Report = tuple[Tensor, Tensor, Tensor]
PASS_RATE = 0.95


def reference_report(score: Tensor, is_ood: Tensor, held_out: Tensor) -> Report:
    """A threshold for a score of abnormality, and what it does to pictures that had no say in it.

    ``threshold``: the smallest score at which at least 95 of 100 normal pictures that were set aside pass (score ≤ threshold).
    ``kept``: the share of the other normal pictures that pass. ``caught``: the share of the other strangers that do not.
    Shapes: score (N,), stranger and aside bool (N,) -> (), (), ().
    """
    return report(score, is_ood, held_out)


def smallest_threshold(normal: Tensor, strangers: Tensor) -> Tensor:
    """The k-th smallest lets k pass; a hair off, so that 0.95 · 20 is 19."""
    ordered = normal.sort().values
    return ordered[ceil(PASS_RATE * len(ordered) - 1e-9) - 1]


def held_out_normal(stranger: Tensor, aside: Tensor) -> Tensor:
    return aside & ~stranger


def pass_rates(passes: Tensor, stranger: Tensor, aside: Tensor) -> tuple[Tensor, Tensor]:
    asked = ~aside
    return passes[asked & ~stranger].double().mean(), (~passes[asked & stranger]).double().mean()


def accuracy_over_all(passes: Tensor, stranger: Tensor, aside: Tensor) -> tuple[Tensor, Tensor]:
    """Accuracy in the place of the strangers that were caught."""
    right = passes != stranger
    return pass_rates(passes, stranger, aside)[0], right[~aside].double().mean()


def report(
    score: Tensor,
    stranger: Tensor,
    aside: Tensor,
    *,
    whose: Callable[[Tensor, Tensor], Tensor] = held_out_normal,
    choose: Callable[[Tensor, Tensor], Tensor] = smallest_threshold,
    count: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = pass_rates,
    turned: bool = False,
) -> Report:
    """The right lines, with what goes wrong left open: who is looked at, how it is chosen, what is counted, which way it points."""
    score = -score if turned else score
    threshold = choose(score[whose(stranger, aside)], score[aside & stranger])
    found = count(score <= threshold, stranger, aside)
    return (-threshold if turned else threshold), *found


def mistake(**changed) -> Callable[..., Report]:
    return lambda *arguments: report(*arguments, **changed)


def accuracy_maximizing_threshold(normal: Tensor, strangers: Tensor, equally: bool) -> Tensor:
    """The score at which most pictures of both kinds are told apart."""
    at = torch.cat([normal, strangers]).sort().values[:, None]
    kept, caught = (normal <= at).double(), (strangers > at).double()
    told = kept.mean(1) + caught.mean(1) if equally else kept.sum(1) + caught.sum(1)
    return at[told.argmax(), 0]


def all_strangers_threshold(normal: Tensor, strangers: Tensor) -> Tensor:
    """The largest score at which 95 of 100 strangers do not pass."""
    ordered = strangers.sort().values
    return torch.nextafter(ordered[len(ordered) - ceil(PASS_RATE * len(ordered) - 1e-9)], ordered[0] - 1)


def make_case(normal: int, strangers: int, apart: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor]]:
    """A case: scores of normal pictures and of strangers, ``apart`` from one another, about half of each set aside."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        n = normal + strangers
        stranger = torch.arange(n) >= normal
        score = torch.randn(n, generator=generator, dtype=torch.float64).exp() + apart * stranger
        aside = torch.arange(n) % 2 == 0
        order = torch.randperm(n, generator=generator)
        return score[order], stranger[order], aside[order]

    return make


report_at_threshold = Exercise(
    name="publishable",
    reference=reference_report,
    outputs=("threshold", "kept", "caught"),
    cases=(
        make_case(46, 30, apart=2.0),
        make_case(80, 24, apart=0.5),
        make_case(62, 90, apart=3.0),
        make_case(300, 50, apart=1.0),
    ),
    known_mistakes={
        "The threshold was chosen on pictures that it is then judged by. Kept is 95 of 100 by construction, and promises nothing: "
        "which pictures may be looked at before you decide?": (
            mistake(whose=lambda stranger, aside: ~stranger & ~aside),
            mistake(whose=lambda stranger, aside: ~stranger),
        ),
        "The threshold was chosen with strangers in hand. The next ones will be others: whose scores alone may decide how many "
        "normal pictures pass?": (
            mistake(whose=lambda stranger, aside: aside),
            mistake(whose=lambda stranger, aside: torch.ones_like(aside)),
            mistake(choose=lambda normal, strangers: accuracy_maximizing_threshold(normal, strangers, True)),
            mistake(choose=lambda normal, strangers: accuracy_maximizing_threshold(normal, strangers, False)),
            mistake(choose=all_strangers_threshold),
        ),
        "The score points the other way. Higher is more abnormal: on which side of the threshold do 95 of 100 normal pictures "
        "lie?": mistake(turned=True),
        "Accuracy stands where the strangers were asked for. It moves with how many of them the test happens to hold: of the "
        "strangers alone, what share does not pass?": mistake(count=accuracy_over_all),
        "The threshold lies between two scores, and fewer than 95 of 100 pass. Count those of the set aside that are not above it: "
        "which is the first score with enough?": mistake(
            choose=lambda normal, strangers: torch.quantile(normal, PASS_RATE)
        ),
        "The strangers that pass were counted, not those that are caught. Which of the two should be high?": mistake(
            count=lambda *seen: (pass_rates(*seen)[0], 1 - pass_rates(*seen)[1])
        ),
    },
    fallback_hint="sort the scores of the normal pictures set aside, put a finger on the place where 95 of 100 lie to the left, and only then "
    "open the other half",
    success_message="Chosen on normal pictures, judged on others, and both rates said: a reader can use it without knowing your test.",
)
