"""The training path and its principal components: the numbers of section 1.D."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

PATHS = {
    "the training path": ("path", ["first", "second"]),
    "a random walk with the same step norms": ("random walk", ["first", "second"]),
    "the training path, in a random plane": ("random plane", ["both"]),
}


def path_with_equal_steps(states: Sequence[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
    """Return a path along a straight line whose steps all have norm 1, with the shapes of another path.

    Args:
        states: the states of a path, parameter name -> tensor.

    Returns:
        As many states; :func:`~tutorial_lib.foundations.random_walk_like` makes a random walk with equal steps of it.
    """
    start = states[0]
    norm = sum(p.numel() for p in start.values()) ** 0.5
    return [{name: torch.full_like(p, t / norm) for name, p in start.items()} for t in range(len(states))]


def trajectory_shares(study: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Return the stored shares of the variance that two components explain.

    Args:
        study: the stored result ``training_trajectory``.

    Returns:
        Name of the path -> the ``values`` of all networks and draws, and their ``range`` as a text.
    """
    rows = study.query("kind == 'share'")
    shares = {}
    for title, (of, columns) in PATHS.items():
        values = rows[rows["of"] == of][columns].astype(float).sum(axis=1)
        shares[title] = {"values": values.tolist(), "range": f"{values.min():.2%} to {values.max():.2%}"}
    return shares


def path_losses(study: pd.DataFrame) -> pd.DataFrame:
    """Return the loss along the stored path, with current and with final statistics of batch normalization.

    Args:
        study: the stored result ``training_trajectory``.

    Returns:
        A table with the columns step, loss (current statistics) and frozen (final statistics).
    """
    return study.query("kind == 'path'")[["step", "loss", "frozen"]].astype(float).reset_index(drop=True)
