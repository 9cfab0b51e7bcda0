"""Switch events: how often the predicted class of an image changes during training, and sample selection by them."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.runtime import default_generator, random_permutation


@convert_arguments
def switch_events(predictions: Tensor) -> Tensor:
    """Return how often the predicted class of each image changed between epochs.

    S(x) = Σ_t 1[ŷ_t(x) ≠ ŷ_{t−1}(x)]. No labels are needed.

    Args:
        predictions: predicted classes after each of T epochs (T, N), whole numbers.

    Returns:
        Counts (N,), int64, from 0 to T − 1, on the device of the predictions; higher means less stable.

    Raises:
        ValueError: the predictions are not a table (T, N) of whole numbers.

    References:
        Benkert et al., IEEE TAI, 2023, arXiv:2302.12018; an earlier version with labels: Toneva et al.,
        arXiv:1812.05159.

    Example:
        >>> switch_events(torch.tensor([[0, 2], [1, 2], [0, 2]]))
        tensor([2, 0])
    """
    if predictions.dim() != 2 or not len(predictions) or predictions.is_floating_point() or predictions.is_complex():
        raise ValueError(
            f"expected predictions (epochs, images) of whole numbers, not {tuple(predictions.shape)} of "
            f"{predictions.dtype}; stack the arg-max after each epoch"
        )
    return (predictions[1:] != predictions[:-1]).sum(0)


@convert_arguments
def gaussian_switch_sampling(
    events: Tensor, n: int, *, component: str = "higher", generator: torch.Generator | None = None
) -> Tensor:
    """Return the indices of n images, selected by their switch events (GSS).

    Gaussian Switch Sampling fits a mixture of two Gaussians to the counts. If more than n images belong to the selected
    component, n of them are sampled without replacement, with probabilities proportional to the component's
    responsibility. Otherwise the n most extreme counts are taken, and ties are broken at random. If all counts are
    equal, no mixture can be fitted, and n images are sampled uniformly. The method was made for active learning.

    Args:
        events: counts (N,) from :func:`switch_events`.
        n: number of images, from 1 to N.
        component: "higher" selects the unstable images, as the paper does; "lower" selects the stable ones.
        generator: source of randomness, on the CPU; None is a new one with seed 0.

    Returns:
        Indices (n,), all different, int64, on the device of the events.

    Raises:
        ValueError: n is not between 1 and N, the events are not (N,), or the component is unknown.

    References:
        Benkert et al., IEEE TAI, 2023, arXiv:2302.12018.

    Example:
        >>> gaussian_switch_sampling(torch.tensor([0, 9, 0, 8, 0]), 2).sort().values
        tensor([1, 3])
    """
    from sklearn.mixture import GaussianMixture

    check_choice(component, ["higher", "lower"], "component")
    if events.dim() != 1 or not 0 < n <= len(events):
        raise ValueError(
            f"cannot choose {n} of events of shape {tuple(events.shape)}; events are (N,), and n is 1 to N"
        )
    generator = default_generator(generator)
    counts = events.detach().cpu().double()
    if counts.min() == counts.max():
        return random_permutation(generator, len(counts))[:n].to(events.device)
    seed = int(torch.randint(2**31, (), generator=generator, device=generator.device))
    mixture = GaussianMixture(n_components=2, max_iter=1000, random_state=seed).fit(counts[:, None].numpy())
    means = mixture.means_[:, 0]
    index = means.argmax() if component == "higher" else means.argmin()
    responsibility = torch.from_numpy(mixture.predict_proba(counts[:, None].numpy())[:, index])
    members = (responsibility > 0.5).nonzero()[:, 0]
    if len(members) > n:
        chosen = members[torch.multinomial(responsibility[members], n, generator=generator)]
    else:
        shuffled = random_permutation(generator, len(counts))
        order = counts[shuffled].argsort(descending=component == "higher", stable=True)
        chosen = shuffled[order[:n]]
    return chosen.to(events.device)
