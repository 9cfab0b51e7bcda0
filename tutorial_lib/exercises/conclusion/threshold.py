"""Exercise 4: a threshold you may publish."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from tutorial_lib.instruments import Exercise

Report = tuple[Tensor, Tensor, Tensor]
KEPT = 0.95


def fair(score: Tensor, stranger: Tensor, aside: Tensor) -> Report:
    """A threshold for a score of abnormality, and what it does to pictures that had no say in it.

    ``threshold``: the smallest score at which at least 95 of 100 normal pictures that were set aside pass (score ≤ threshold).
    ``kept``: the share of the other normal pictures that pass. ``caught``: the share of the other strangers that do not.
    Shapes: score (N,), stranger and aside bool (N,) -> (), (), ().
    """
    return report(score, stranger, aside)


def smallest(normal: Tensor, strangers: Tensor) -> Tensor:
    """The k-th smallest lets k pass; a hair off, so that 0.95 · 20 is 19."""
    ordered = normal.sort().values
    return ordered[ceil(KEPT * len(ordered) - 1e-9) - 1]


def normal_aside(stranger: Tensor, aside: Tensor) -> Tensor:
    return aside & ~stranger


def shares(passes: Tensor, stranger: Tensor, aside: Tensor) -> tuple[Tensor, Tensor]:
    asked = ~aside
    return passes[asked & ~stranger].double().mean(), (~passes[asked & stranger]).double().mean()


def right_of_all(passes: Tensor, stranger: Tensor, aside: Tensor) -> tuple[Tensor, Tensor]:
    """Accuracy in the place of the strangers that were caught."""
    right = passes != stranger
    return shares(passes, stranger, aside)[0], right[~aside].double().mean()


def report(
    score: Tensor,
    stranger: Tensor,
    aside: Tensor,
    *,
    whose: Callable[[Tensor, Tensor], Tensor] = normal_aside,
    choose: Callable[[Tensor, Tensor], Tensor] = smallest,
    count: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = shares,
    turned: bool = False,
) -> Report:
    """The right lines, with what goes wrong left open: who is looked at, how it is chosen, what is counted, which way it points."""
    score = -score if turned else score
    threshold = choose(score[whose(stranger, aside)], score[aside & stranger])
    found = count(score <= threshold, stranger, aside)
    return (-threshold if turned else threshold), *found


def slip(**changed) -> Callable[..., Report]:
    return lambda *arguments: report(*arguments, **changed)


def most_right(normal: Tensor, strangers: Tensor, equally: bool) -> Tensor:
    """The score at which most pictures of both kinds are told apart."""
    at = torch.cat([normal, strangers]).sort().values[:, None]
    kept, caught = (normal <= at).double(), (strangers > at).double()
    told = kept.mean(1) + caught.mean(1) if equally else kept.sum(1) + caught.sum(1)
    return at[told.argmax(), 0]


def catching(normal: Tensor, strangers: Tensor) -> Tensor:
    """The largest score at which 95 of 100 strangers do not pass."""
    ordered = strangers.sort().values
    return torch.nextafter(ordered[len(ordered) - ceil(KEPT * len(ordered) - 1e-9)], ordered[0] - 1)


def scores(normal: int, strangers: int, apart: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor]]:
    """A case: scores of normal pictures and of strangers, ``apart`` from one another, about half of each set aside."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        n = normal + strangers
        stranger = torch.arange(n) >= normal
        score = torch.randn(n, generator=generator, dtype=torch.float64).exp() + apart * stranger
        aside = torch.arange(n) % 2 == 0
        order = torch.randperm(n, generator=generator)
        return score[order], stranger[order], aside[order]

    return make


publishable = Exercise(
    name="publishable",
    reference=fair,
    outputs=("threshold", "kept", "caught"),
    cases=(
        scores(46, 30, apart=2.0),
        scores(80, 24, apart=0.5),
        scores(62, 90, apart=3.0),
        scores(300, 50, apart=1.0),
    ),
    slips={
        "The threshold was chosen on pictures that it is then judged by. Kept is 95 of 100 by construction, and promises nothing: "
        "which pictures may be looked at before you decide?": (
            slip(whose=lambda stranger, aside: ~stranger & ~aside),
            slip(whose=lambda stranger, aside: ~stranger),
        ),
        "The threshold was chosen with strangers in hand. The next ones will be others: whose scores alone may decide how many "
        "normal pictures pass?": (
            slip(whose=lambda stranger, aside: aside),
            slip(whose=lambda stranger, aside: torch.ones_like(aside)),
            slip(choose=lambda normal, strangers: most_right(normal, strangers, True)),
            slip(choose=lambda normal, strangers: most_right(normal, strangers, False)),
            slip(choose=catching),
        ),
        "The score points the other way. Higher is more abnormal: on which side of the threshold do 95 of 100 normal pictures "
        "lie?": slip(turned=True),
        "Accuracy stands where the strangers were asked for. It moves with how many of them the test happens to hold: of the "
        "strangers alone, what share does not pass?": slip(count=right_of_all),
        "The threshold lies between two scores, and fewer than 95 of 100 pass. Count those of the set aside that are not above it: "
        "which is the first score with enough?": slip(choose=lambda normal, strangers: torch.quantile(normal, KEPT)),
        "The strangers that pass were counted, not those that are caught. Which of the two should be high?": slip(
            count=lambda *seen: (shares(*seen)[0], 1 - shares(*seen)[1])
        ),
    },
    look="sort the scores of the normal pictures set aside, put a finger on the place where 95 of 100 lie to the left, and only then "
    "open the other half",
    right="Chosen on normal pictures, judged on others, and both rates said: a reader can use it without knowing your test.",
)
