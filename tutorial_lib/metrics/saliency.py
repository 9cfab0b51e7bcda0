"""Evaluation of saliency maps against human fixations.

Fixations are points (K, 2), row and column; a fixation density is their smoothed sum. Every function takes one image at
a time and returns a number. The metrics differ in what they are invariant to, and each docstring says it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._batching import scale_by_power_of_two
from tutorial_lib._validation import (
    check_counts,
    check_nonnegative,
    check_shapes,
    convert_arguments,
    promote_to_float32,
)
from tutorial_lib.metrics.baseline_maps import map_size
from tutorial_lib.metrics.correlation import plcc
from tutorial_lib.metrics.detection import auroc

# Added to the arguments of logarithms: the machine precision of float64, as in the code of the MIT benchmark.
EPS = torch.finfo(torch.float64).eps


@convert_arguments
def nss(saliency: Tensor, fixations: Tensor) -> float:
    """Return the normalized scanpath saliency (NSS), 1/K Σ (S − μ)/σ.

    The mean of the standardized map at the fixations, invariant to scale and offset of the map. σ is taken over all
    pixels (divided by n, not n − 1). This is the definition of the paper. The code of the MIT/Tübingen benchmark
    counts each fixated pixel once, even if several viewers fixated it; for its value pass ``fixations.unique(dim=0)``.

    Args:
        saliency: S (H, W).
        fixations: points (K, 2), whole numbers, row and column; a repeated point counts repeatedly.

    Returns:
        NSS in standard deviations; 0 is chance level, and higher is better. A constant map has 0.

    Raises:
        ValueError: the map is not (H, W) or not finite, there are no fixations, or one lies outside the map.

    References:
        Peters et al., Vision Research 45, 2005, doi:10.1016/j.visres.2005.03.019.

    Example:
        >>> round(nss(torch.tensor([[0., 0.], [0., 4.]]), torch.tensor([[1, 1]])), 4)
        1.7321
    """
    values, fixated = sample_at(saliency, fixations)
    if values.max() == values.min():
        return 0.0
    values, scale = scale_by_power_of_two(values[None])
    return ((fixated / scale.flatten() - values.mean()) / values.std(correction=0)).mean().item()


@convert_arguments
def cc(saliency: Tensor, density: Tensor) -> float:
    """Return Pearson's correlation coefficient (CC) of a map and a fixation density.

    It is invariant to scale and offset of the map, and weights false positives and misses equally.

    Args:
        saliency: map (H, W).
        density: fixation density (H, W), for example from :func:`fixation_density`.

    Returns:
        CC in [−1, 1]; 0 is chance level, and higher is better. A constant map has 0.

    Raises:
        ValueError: the maps are not (H, W), have different sizes or are not finite.

    Example:
        >>> round(cc(torch.tensor([[0., 1.], [2., 3.]]), torch.tensor([[5., 7.], [9., 11.]])), 6)
        1.0
    """
    a, b = check_map_pair(saliency, density)
    return 0.0 if a.max() == a.min() or b.max() == b.min() else plcc(a, b)


@convert_arguments
def sim(saliency: Tensor, density: Tensor) -> float:
    """Return the similarity (SIM) of a map and a fixation density, Σ min(P, Q).

    P and Q are the two maps divided by their sums, as in the paper. SIM is invariant to the scale of the map; a miss
    cannot be made up for elsewhere, and an offset lowers it. The code of the MIT/Tübingen benchmark first rescales both
    maps to [0, 1] and therefore ignores an offset; for its value pass rescaled maps.

    Args:
        saliency: map (H, W), ≥ 0, not zero everywhere.
        density: fixation density (H, W), ≥ 0, for example from :func:`fixation_density`.

    Returns:
        SIM in [0, 1]; higher is better.

    Raises:
        ValueError: the maps are not (H, W), have different sizes, are not finite, have negative values, or are zero
            everywhere.

    References:
        Judd, Durand, Torralba, MIT-CSAIL-TR-2012-001.

    Example:
        >>> sim(torch.tensor([[1., 1.]]), torch.tensor([[0., 2.]]))
        0.5
    """
    P, Q = normalize_to_distribution(*check_map_pair(saliency, density))
    return torch.minimum(P, Q).sum().item()


@convert_arguments
def kl_divergence(saliency: Tensor, density: Tensor) -> float:
    """Return the Kullback–Leibler divergence of a map from a fixation density, KL(Q ‖ P).

    Σ Q log(ε + Q/(ε + P)), where P and Q are the map and the density divided by their sums. It is invariant to the
    scale of the map. A fixated position at which the map is zero costs up to log 1/ε ≈ 36 nats times its share of Q.

    Args:
        saliency: map (H, W), ≥ 0, not zero everywhere.
        density: fixation density (H, W), ≥ 0, for example from :func:`fixation_density`.

    Returns:
        Divergence in nats, ≥ 0 up to ε; lower is better.

    Raises:
        ValueError: the maps are not (H, W), have different sizes, are not finite, have negative values, or are zero
            everywhere.

    References:
        Bylinskii et al., IEEE TPAMI 2019, arXiv:1604.03605.

    Example:
        >>> round(kl_divergence(torch.tensor([[1., 1.]]), torch.tensor([[0., 2.]])), 4)
        0.6931
    """
    P, Q = normalize_to_distribution(*check_map_pair(saliency, density))
    return (Q * (EPS + Q / (EPS + P)).log()).sum().item()


@convert_arguments
def auc_judd(saliency: Tensor, fixations: Tensor) -> float:
    """Return the AUC of fixated against all other pixels (AUC-Judd).

    The probability that the map is higher at a fixation than at a pixel without a fixation, where a tie counts half. It
    is invariant to every increasing transformation of the map, and false positives where the map is low cost little.
    The result is exact, because pairs are counted. Common implementations interpolate linearly between thresholds at
    the fixations, which adds at most 1/(2K), and break ties with noise.

    Args:
        saliency: map (H, W).
        fixations: points (K, 2), whole numbers, row and column; a repeated point counts repeatedly.

    Returns:
        AUC in [0, 1]; ½ is chance level, and higher is better. A center prior reaches about ¾ on photographs, so report
        it as well.

    Raises:
        ValueError: the map is not (H, W) or not finite, there are no fixations, one lies outside the map, or every
            pixel has a fixation.

    References:
        Judd, Ehinger, Durand, Torralba, ICCV 2009, doi:10.1109/ICCV.2009.5459462.

    Example:
        >>> auc_judd(torch.tensor([[0., 1.], [1., 2.]]), torch.tensor([[1, 1], [0, 1]]))
        0.875
    """
    values, fixated = sample_at(saliency, fixations)
    is_free = torch.ones_like(values, dtype=torch.bool)
    is_free[tuple(fixations.detach().cpu().long().T)] = False
    if not is_free.any():
        raise ValueError("every pixel has a fixation, so there are no pixels to compare the fixations with")
    return auroc(values[is_free], fixated)


@convert_arguments
def shuffled_auc(saliency: Tensor, fixations: Tensor, others: Tensor) -> float:
    """Return the AUC of fixations against fixations in other images (shuffled AUC).

    The probability that the map is higher at a fixation than at a point that was fixated in another image, where a tie
    counts half. What all images have in common, above all the center prior, has no effect. All pairs are counted, and
    none are sampled.

    Args:
        saliency: map (H, W).
        fixations: points (K, 2), whole numbers, row and column.
        others: fixations in *other* images (M, 2), whole numbers, row and column.

    Returns:
        AUC in [0, 1]; ½ is chance level, also for a center prior, and higher is better.

    Raises:
        ValueError: the map is not (H, W) or not finite, one of the sets has no fixations, or one lies outside the map.

    References:
        Zhang et al., Journal of Vision 8(7):32, 2008, doi:10.1167/8.7.32.

    Example:
        >>> shuffled_auc(torch.tensor([[0., 1.], [1., 2.]]), torch.tensor([[1, 1]]), torch.tensor([[0, 0], [1, 1]]))
        0.75
    """
    return auroc(sample_at(saliency, others)[1], sample_at(saliency, fixations)[1])


@convert_arguments
def information_gain(saliency: Tensor, fixations: Tensor, baseline: Tensor) -> float:
    """Return the information gain of a map over a baseline, in bits per fixation.

    1/K Σ log₂(ε + P) − log₂(ε + B) at the fixations, where P and B are the map and the baseline divided by their sums.
    It is invariant to the scale of the map only, because the map is interpreted as a probability density, as in the
    paper. The code of the MIT/Tübingen benchmark first rescales both maps to [0, 1] and counts each fixated pixel once.
    A rescaled map is not the density that a model predicts, so its gain can be lower or higher than that of the model.

    Args:
        saliency: map (H, W), ≥ 0, not zero everywhere.
        fixations: points (K, 2), whole numbers, row and column; a repeated point counts repeatedly.
        baseline: map (H, W), ≥ 0, not zero everywhere, for example a center prior.

    Returns:
        Gain in bits; 0 means as good as the baseline, and higher is better.

    Raises:
        ValueError: the maps are not (H, W), have different sizes, are not finite, have negative values, or are zero
            everywhere; there are no fixations, or one lies outside the map.

    References:
        Kümmerer, Wallis, Bethge, PNAS 112(52), 2015, doi:10.1073/pnas.1510393112.

    Example:
        >>> round(information_gain(torch.tensor([[1., 3.]]), torch.tensor([[0, 1]]), torch.ones(1, 2)), 4)
        0.585
    """
    P, B = normalize_to_distribution(*check_map_pair(saliency, baseline))
    gain = (EPS + P).log2() - (EPS + B).log2()
    return sample_at(gain.view(saliency.shape), fixations)[1].mean().item()


@convert_arguments
def fixation_density(fixations: Tensor, size: tuple[int, int], *, blur: float) -> Tensor:
    """Return the fixation density, a sum of Gaussians that integrates to one.

    Each fixation is a Gaussian that is renormalized inside the image, so that nothing is lost at the edges.

    Args:
        fixations: points (K, 2), whole numbers, row and column; a repeated point counts repeatedly.
        size: height H and width W of the image.
        blur: standard deviation in pixels, ≥ 0; 0 counts the points. The usual choice is one degree of visual angle:
            24 pixels for OSIE at 800 × 600, and about 35 for MIT1003.

    Returns:
        Density (H, W), float64, ≥ 0; it sums to one.

    Raises:
        ValueError: there are no fixations, one lies outside the image, or the blur is negative.

    Example:
        >>> fixation_density(torch.tensor([[0, 1], [0, 1]]), (1, 3), blur=0)
        tensor([[0., 1., 0.]], dtype=torch.float64)
    """
    check_counts(height=size[0], width=size[1])
    counts = torch.zeros(size, dtype=torch.float64, device="cpu")
    sample_at(counts, fixations)
    points = tuple(fixations.detach().cpu().long().T)
    counts.index_put_(points, counts.new_ones(len(fixations)), accumulate=True)
    # The transpose of the smoothing distributes each point's weight instead of averaging: nothing is lost at an edge.
    rows, columns = (gaussian_kernels(n, blur, counts) for n in size)
    return rows.T @ counts @ columns / len(fixations)


@convert_arguments
def gaussian_smooth(maps: Tensor, blur: float) -> Tensor:
    """Return maps smoothed by a Gaussian; at an edge the mean of the available pixels.

    Blur alone changes all metrics, so apply the same blur to every map that you compare. A constant map does not
    change.

    Args:
        maps: maps (…, H, W), floats.
        blur: standard deviation in pixels, ≥ 0; 0 changes nothing.

    Returns:
        Maps like the given ones, on their device and in their dtype.

    Raises:
        ValueError: the maps are not floats (…, H, W), or the blur is negative.

    Example:
        >>> gaussian_smooth(torch.tensor([[0., 0., 9., 0., 0.]]), 0.5).round(decimals=2)
        tensor([[0.0000, 0.9600, 7.0800, 0.9600, 0.0000]])
    """
    size, fine = map_size(maps), maps.to(promote_to_float32(maps))
    rows, columns = (gaussian_kernels(n, blur, fine) for n in size)
    return (rows @ fine @ columns.T).to(maps)


def gaussian_kernels(n: int, blur: float, like: Tensor) -> Tensor:
    """Return the matrix that smooths n pixels in a row by a Gaussian.

    Args:
        n: number of pixels.
        blur: standard deviation in pixels, ≥ 0; 0 gives the identity.
        like: tensor whose dtype and device the result has.

    Returns:
        Matrix (n, n), ≥ 0; row i holds the weights around pixel i, and sums to one.

    Raises:
        ValueError: the blur is negative.

    Example:
        >>> gaussian_kernels(2, 0, torch.zeros(1))
        tensor([[1., 0.],
                [0., 1.]])
    """
    check_nonnegative(blur=blur)
    positions = torch.arange(n, dtype=torch.float64, device="cpu")
    distances = positions[:, None] - positions
    weights = torch.exp(-(distances / blur).square() / 2) if blur else (distances == 0).double()
    return (weights / weights.sum(1, keepdim=True)).to(like)


def sample_at(saliency: Tensor, fixations: Tensor) -> tuple[Tensor, Tensor]:
    """Return a map, and its values at the fixations, after checking both.

    Args:
        saliency: map (H, W).
        fixations: points (K, 2), whole numbers, row and column.

    Returns:
        The map (H, W) and the values (K,), float64 on the CPU.

    Raises:
        ValueError: the map is not (H, W) or not finite, there are no fixations, or one lies outside the map.
    """
    values = check_map(saliency)
    check_shapes(fixations=(fixations, "whole K axes"))
    if fixations.shape[1] != 2:
        raise ValueError(f"expected fixations (K, 2), row and column, not {tuple(fixations.shape)}")
    rows, columns = fixations.detach().cpu().long().T
    H, W = values.shape
    if not ((rows >= 0) & (rows < H) & (columns >= 0) & (columns < W)).all():
        raise ValueError(
            f"a fixation lies outside the map of {H} × {W} pixels; points are (row, column) in the pixels of this map"
        )
    return values, values[rows, columns]


def check_map_pair(saliency: Tensor, density: Tensor) -> tuple[Tensor, Tensor]:
    """Return two maps of the same size as vectors, after checking them.

    Args:
        saliency: map (H, W).
        density: map (H, W).

    Returns:
        Both maps (H · W,), float64 on the CPU.

    Raises:
        ValueError: the maps are not (H, W), have different sizes or are not finite.
    """
    a, b = check_map(saliency), check_map(density)
    if a.shape != b.shape:
        raise ValueError(
            f"maps must have the same size, not {tuple(a.shape)} and {tuple(b.shape)}; resize the smaller one"
        )
    return a.flatten(), b.flatten()


def normalize_to_distribution(*maps: Tensor) -> list[Tensor]:
    """Return each map divided by its sum.

    Args:
        *maps: maps of any shape, ≥ 0, not zero everywhere.

    Returns:
        As many maps, each of which sums to one.

    Raises:
        ValueError: a map has negative values, or is zero everywhere.
    """
    for values in maps:
        if values.min() < 0 or not values.sum() > 0:
            raise ValueError(
                "a map must be non-negative and not zero everywhere; take its absolute value, or subtract its minimum"
            )
    return [values / values.sum() for values in maps]


def check_map(values: Tensor) -> Tensor:
    """Return a map as float64 on the CPU, after checking it.

    A map whose values differ by no more than their rounding errors becomes constant, because their order is
    meaningless.

    Args:
        values: map (H, W), of any dtype.

    Returns:
        Map (H, W), float64 on the CPU, without a graph.

    Raises:
        ValueError: the map is not (H, W), or not finite.
    """
    if values.dim() != 2 or not values.numel() or values.is_complex():
        raise ValueError(f"expected one map, (H, W), not {tuple(values.shape)} of {values.dtype}")
    precision = torch.finfo(values.dtype).eps if values.is_floating_point() else 0.0
    values = values.detach().to("cpu", torch.float64)
    if not values.isfinite().all():
        raise ValueError("the map is not finite; it has NaN or infinite values")
    if values.max() - values.min() <= 32 * precision * values.abs().max():
        return torch.full_like(values, values[0, 0].item())
    return values
