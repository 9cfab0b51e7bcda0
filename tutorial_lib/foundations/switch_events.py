"""Switch events: how often a network changed its mind about a picture while it learned; and a selection by them."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice

COMPONENTS = ("higher", "lower")


def switch_events(predictions: Tensor) -> Tensor:
    """How often the prediction of each picture switched: S(x) = Σ_t 1[ŷ_t(x) ≠ ŷ_{t−1}(x)], from 0 to T − 1; needs no labels.

    Args:
        predictions: (T, N), the predicted classes after each of T epochs.

    Returns:
        (N,), int64, on the device of the predictions; higher = less settled.

    Raises:
        ValueError: not a table of whole numbers.

    Source: Benkert et al., IEEE TAI, 2023, arXiv 2302.12018; its forerunner with labels: Toneva et al., arXiv 1812.05159.

    Example:
        >>> switch_events(torch.tensor([[0, 2], [1, 2], [0, 2]]))
        tensor([2, 0])
    """
    if predictions.dim() != 2 or not len(predictions) or predictions.is_floating_point():
        raise ValueError(
            f"predictions (epochs, pictures) of whole numbers expected, not {tuple(predictions.shape)} of {predictions.dtype}; "
            "stack the arg-max after each epoch"
        )
    return (predictions[1:] != predictions[:-1]).sum(0)


def gaussian_switch_sampling(
    events: Tensor, n: int, *, component: str = "higher", generator: torch.Generator | None = None
) -> Tensor:
    """Choose ``n`` pictures by their switch events, as Gaussian Switch Sampling does.

    A mixture of two Gaussians is fitted to the counts. If more than ``n`` pictures belong to the asked component, ``n`` are drawn
    without replacement, with chances proportional to the component's responsibility; else the ``n`` most extreme counts are
    taken, ties at random. Counts that are all the same hold no mixture: then ``n`` pictures are drawn evenly.

    Args:
        events: (N,), counts of :func:`switch_events`.
        n: how many to choose.
        component: "higher" chooses the unsettled, as the paper does; "lower" the settled.
        generator: source of randomness, on the CPU; without one, a fresh one seeded with 0.

    Returns:
        n different indices, int64, on the device of the events.

    Raises:
        ValueError: more asked for than there are, events that are no row of numbers, or an unknown component.

    Source: Benkert et al., IEEE TAI, 2023, arXiv 2302.12018; made for active learning.

    Example:
        >>> gaussian_switch_sampling(torch.tensor([0, 9, 0, 8, 0]), 2).sort().values
        tensor([1, 3])
    """
    check_choice(component, COMPONENTS, "component")
    if events.dim() != 1 or not 0 < n <= len(events):
        raise ValueError(f"cannot choose {n} of events of shape {tuple(events.shape)}; give (N,) and ask for 1 to N")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    counts = events.detach().cpu().double()
    if counts.min() == counts.max():
        return torch.randperm(len(counts), generator=generator)[:n].to(events.device)
    share = _component_responsibility(counts, component, generator)
    members = (share > 0.5).nonzero()[:, 0]
    if len(members) > n:
        chosen = members[torch.multinomial(share[members], n, generator=generator)]
    else:
        shuffled = torch.randperm(len(counts), generator=generator)
        order = counts[shuffled].argsort(descending=component == "higher", stable=True)
        chosen = shuffled[order[:n]]
    return chosen.to(events.device)


def _component_responsibility(counts: Tensor, component: str, generator: torch.Generator) -> Tensor:
    """How far the asked component of the mixture answers for each count, (N,) in [0, 1]."""
    from sklearn.mixture import GaussianMixture

    start = int(torch.randint(2**31, (), generator=generator))
    mixture = GaussianMixture(n_components=2, max_iter=1000, random_state=start).fit(counts[:, None].numpy())
    which = mixture.means_[:, 0].argmax() if component == "higher" else mixture.means_[:, 0].argmin()
    return torch.from_numpy(mixture.predict_proba(counts[:, None].numpy())[:, which])
