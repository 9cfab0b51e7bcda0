"""How well a map says where people looked. Fixations are points (K, 2), row and column; what they add up to is a density.

One picture at a time, plain numbers out. What each measure forgives is said with it: no two of them ask the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib.metrics.correlation import plcc
from tutorial_lib.metrics.detection import auroc

# What stands in for zero in a logarithm: the spacing of doubles at one, as in the benchmark's code.
EPS = torch.finfo(torch.float64).eps


def nss(saliency: Tensor, fixations: Tensor) -> float:
    """Normalised scanpath saliency: the mean of the standardised map at the fixations, 1/K Σ (S − μ)/σ. 0 = chance, higher is better.

    Forgives scale and offset of the map, and nothing else. σ is over all pixels (n, not n − 1); a constant map gets 0.

    Args:
        saliency: (H, W).
        fixations: (K, 2) integers, row and column; a point looked at twice counts twice.

    Raises:
        ValueError: no map of finite numbers, no fixations, or one outside of the map.

    Source: Peters et al., Vision Research 45, 2005, doi 10.1016/j.visres.2005.03.019.

    Example:
        >>> round(nss(torch.tensor([[0., 0.], [0., 4.]]), torch.tensor([[1, 1]])), 4)
        1.7321
    """
    values, at = sample_at(saliency, fixations)
    spread = values.std(correction=0)
    if values.max() == values.min():
        return 0.0
    return ((at - values.mean()) / spread).mean().item()


def cc(saliency: Tensor, density: Tensor) -> float:
    """Pearson's correlation of map and density (CC), in [−1, 1]; 0 = chance, higher is better. A constant map gets 0.

    Forgives scale and offset; false alarms and misses weigh alike.

    Raises:
        ValueError: maps of different sizes, or not finite.

    Example:
        >>> round(cc(torch.tensor([[0., 1.], [2., 3.]]), torch.tensor([[5., 7.], [9., 11.]])), 6)
        1.0
    """
    a, b = check_map_pair(saliency, density)
    return 0.0 if a.max() == a.min() or b.max() == b.min() else plcc(a, b)


def sim(saliency: Tensor, density: Tensor) -> float:
    """The mass that two maps share (SIM), Σ min(P, Q), each summing to one; in [0, 1], higher is better.

    Forgives the scale of the map. A miss cannot be made good elsewhere, and an offset costs.

    Raises:
        ValueError: maps of different sizes, not finite, with negative numbers, or empty.

    Source: Judd, Durand, Torralba, MIT-CSAIL-TR-2012-001.

    Example:
        >>> sim(torch.tensor([[1., 1.]]), torch.tensor([[0., 2.]]))
        0.5
    """
    P, Q = normalize_to_distribution(*check_map_pair(saliency, density))
    return torch.minimum(P, Q).sum().item()


def kl_divergence(saliency: Tensor, density: Tensor) -> float:
    """How much the density surprises the map: KL(Q ‖ P) = Σ Q log(ε + Q/(ε + P)) in nats, each summing to one. Lower is better.

    Forgives the scale of the map. One place that was looked at and held for impossible costs up to log 1/ε ≈ 36 nats a share.

    Raises:
        ValueError: as :func:`similarity` does.

    Source: Bylinskii et al., IEEE TPAMI 2019, arXiv 1604.03605.

    Example:
        >>> round(kl_divergence(torch.tensor([[1., 1.]]), torch.tensor([[0., 2.]])), 4)
        0.6931
    """
    P, Q = normalize_to_distribution(*check_map_pair(saliency, density))
    return (Q * (EPS + Q / (EPS + P)).log()).sum().item()


def auc_judd(saliency: Tensor, fixations: Tensor) -> float:
    """The chance that the map is higher at a fixation than at a pixel that nobody fixated, ties half. ½ = chance, higher is better.

    Forgives every increasing change of the map; false alarms where the map is low cost little. Exact: pairs are counted.
    (The usual code draws straight lines between thresholds at the fixations, which adds at most 1/(2K), and breaks ties by noise.)
    A blob in the middle of photographs gets about three quarters: say so beside it.

    Raises:
        ValueError: as :func:`nss` does; no pixel without a fixation.

    Source: Judd, Ehinger, Durand, Torralba, ICCV 2009, doi 10.1109/ICCV.2009.5459462.

    Example:
        >>> auc_judd(torch.tensor([[0., 1.], [1., 2.]]), torch.tensor([[1, 1], [0, 1]]))
        0.875
    """
    values, at = sample_at(saliency, fixations)
    free = torch.ones_like(values, dtype=torch.bool)
    free[tuple(fixations.detach().cpu().long().T)] = False
    if not free.any():
        raise ValueError("every pixel was fixated, so there is nothing to tell fixations from")
    return auroc(values[free], at)


def shuffled_auc(saliency: Tensor, fixations: Tensor, others: Tensor) -> float:
    """As :func:`auc_judd`, but against places fixated in *other* pictures: (M, 2). ½ = chance, also for a blob in the middle.

    What all pictures share, the centre above all, is worth nothing here. All pairs are counted, none is drawn.

    Raises:
        ValueError: as :func:`nss` does, for either set of points.

    Source: Zhang et al., Journal of Vision 8(7):32, 2008, doi 10.1167/8.7.32.

    Example:
        >>> shuffled_auc(torch.tensor([[0., 1.], [1., 2.]]), torch.tensor([[1, 1]]), torch.tensor([[0, 0], [1, 1]]))
        0.75
    """
    return auroc(sample_at(saliency, others)[1], sample_at(saliency, fixations)[1])


def information_gain(saliency: Tensor, fixations: Tensor, baseline: Tensor) -> float:
    """Bits a fixation that a map knows more than a baseline: 1/K Σ log₂(ε + P) − log₂(ε + B), each summing to one.

    0 = knows what the baseline (a centre prior) knows, below 0 less. Forgives the scale of the map only: a density is asked for.

    Raises:
        ValueError: as :func:`nss` and :func:`similarity` do.

    Source: Kümmerer, Wallis, Bethge, PNAS 112(52), 2015, doi 10.1073/pnas.1510393112.

    Example:
        >>> round(information_gain(torch.tensor([[1., 3.]]), torch.tensor([[0, 1]]), torch.ones(1, 2)), 4)
        0.585
    """
    P, B = normalize_to_distribution(*check_map_pair(saliency, baseline))
    gain = (EPS + P).log2() - (EPS + B).log2()
    return sample_at(gain.view(saliency.shape), fixations)[1].mean().item()


def fixation_density(fixations: Tensor, size: tuple[int, int], *, blur: float) -> Tensor:
    """Fixations as a density, (H, W) summing to one: each is a Gaussian of ``blur`` pixels, all of which stays in the picture.

    ``blur`` is one degree of the viewer's eye, the usual choice: degrees times pixels a degree (24 for OSIE at 800 × 600, some
    35 for MIT1003). 0 counts points.

    Raises:
        ValueError: no fixations, one outside of the picture, or a negative blur.

    Example:
        >>> fixation_density(torch.tensor([[0, 1], [0, 1]]), (1, 3), blur=0)
        tensor([[0., 1., 0.]], dtype=torch.float64)
    """
    counts = torch.zeros(size, dtype=torch.float64)
    sample_at(counts, fixations)
    points = tuple(fixations.detach().cpu().long().T)
    counts.index_put_(points, torch.ones(len(fixations), dtype=torch.float64), accumulate=True)
    # The transpose of smoothing hands every point's mass out instead of averaging what is around: nothing is lost at an edge.
    rows, columns = (gaussian_kernels(n, blur, counts) for n in size)
    return rows.T @ counts @ columns / len(fixations)


def gaussian_smooth(maps: Tensor, blur: float) -> Tensor:
    """Maps under a Gaussian of ``blur`` pixels, (…, H, W), on their device and in their dtype; at an edge the mean of what is there.

    The same for every map, or none can be compared: blur alone moves all measures. A constant map stays as it is.

    Raises:
        ValueError: no map, or a negative blur.

    Example:
        >>> gaussian_smooth(torch.tensor([[0., 0., 9., 0., 0.]]), 0.5).round(decimals=2)
        tensor([[0.0000, 0.9600, 7.0800, 0.9600, 0.0000]])
    """
    if maps.dim() < 2 or not maps.is_floating_point() or not maps.numel():
        raise ValueError(f"a map of floats, (…, H, W), not {maps.dtype} {tuple(maps.shape)}")
    rows, columns = (gaussian_kernels(n, blur, maps) for n in maps.shape[-2:])
    return rows @ maps @ columns.T


def gaussian_kernels(n: int, blur: float, like: Tensor) -> Tensor:
    """(n, n): row i weighs the cells around i by a Gaussian, and adds up to one.

    Example:
        >>> gaussian_kernels(2, 0, torch.zeros(1))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if blur < 0:
        raise ValueError(f"a blur of at least zero pixels, not {blur}")
    at = torch.arange(n, dtype=torch.float64)
    apart = at[:, None] - at
    weights = torch.exp(-(apart / blur).square() / 2) if blur else torch.eye(n, dtype=torch.float64)
    return (weights / weights.sum(1, keepdim=True)).to(like)


def sample_at(saliency: Tensor, fixations: Tensor) -> tuple[Tensor, Tensor]:
    """The map as float64 on the CPU, and its values at the fixations, (K,)."""
    values = check_map(saliency)
    good = isinstance(fixations, Tensor) and fixations.dim() == 2 and fixations.shape[1] == 2 and len(fixations)
    if not good or fixations.is_floating_point() or fixations.dtype == torch.bool:
        found = (
            f"{fixations.dtype} {tuple(fixations.shape)}" if isinstance(fixations, Tensor) else type(fixations).__name__
        )
        raise ValueError(f"fixations are at least one point, (K, 2) integers, row and column, not {found}")
    rows, columns = fixations.detach().cpu().long().T
    H, W = values.shape
    if not ((rows >= 0) & (rows < H) & (columns >= 0) & (columns < W)).all():
        raise ValueError(
            f"a fixation lies outside of the map of {H} × {W}: points are (row, column), in the pixels of this map"
        )
    return values, values[rows, columns]


def check_map_pair(saliency: Tensor, density: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps of one size, flat."""
    a, b = check_map(saliency), check_map(density)
    if a.shape != b.shape:
        raise ValueError(
            f"maps are compared at one size, not {tuple(a.shape)} and {tuple(b.shape)}: bring them to the larger"
        )
    return a.flatten(), b.flatten()


def normalize_to_distribution(*maps: Tensor) -> list[Tensor]:
    """Each map as shares of its mass."""
    for values in maps:
        if values.min() < 0 or not values.sum() > 0:
            raise ValueError(
                "masses are compared: a map must be at least zero and not empty; take its size, or subtract its least value"
            )
    return [values / values.sum() for values in maps]


def check_map(values: Tensor) -> Tensor:
    """A map (H, W) of finite numbers as float64 on the CPU."""
    if not isinstance(values, Tensor) or values.dim() != 2 or not values.numel():
        found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"one map, (H, W), not {found}")
    precision = torch.finfo(values.dtype).eps if values.is_floating_point() else 0.0
    values = values.detach().to("cpu", torch.float64)
    if not values.isfinite().all():
        raise ValueError("the map is not finite")
    # What varies by less than its own rounding is constant, and no order may be read off it.
    if values.max() - values.min() <= 32 * precision * values.abs().max():
        return torch.full_like(values, values[0, 0].item())
    return values
