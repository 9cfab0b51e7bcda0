"""Faithfulness: the change of the prediction when the highlighted pixels are removed, or inserted."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib._batching import expand_to_samples
from tutorial_lib._tensor_ops import log_odds
from tutorial_lib._validation import check_counts, check_shapes, convert_arguments
from tutorial_lib.attribution.maps import check_maps
from tutorial_lib.gradients import Objective, fix_predicted_class, logit, objective_values
from tutorial_lib.gradients.objectives import Target
from tutorial_lib.runtime import default_generator, random_permutation


class PerturbationCurve(NamedTuple):
    """The probability of a class while more and more pixels of each image are replaced.

    Attributes:
        fraction: the fraction of pixels replaced at each step, (S + 1,), from 0 to 1.
        probability: the probability of the class at each step, (N, S + 1).
        area: the area under each curve, (N,), in [0, 1].
    """

    fraction: Tensor
    probability: Tensor
    area: Tensor


@convert_arguments
def deletion_curve(
    model: nn.Module,
    x: Tensor,
    maps: Tensor,
    target: Target = None,
    *,
    baseline: float | Tensor = 0.5,
    n_steps: int = 20,
    batch_size: int = 64,
    generator: torch.Generator | None = None,
) -> PerturbationCurve:
    """Return the deletion curve: the probability p_P while pixels are removed, highest first.

    At step s, the s/S · HW pixels (rounded) with the highest map values show the baseline. The area is computed by the
    trapezoid rule. It means little alone, because a network may fail on any image with holes: compare it with the areas
    of :func:`~tutorial_lib.metrics.random_map` and :func:`~tutorial_lib.metrics.center_bias_map`. Pixels of equal value
    are removed in a random order, the same for all images. The insertion curve starts from images without the pixels
    and adds them: ``deletion_curve(model, start, maps, target, baseline=x)``.

    Args:
        model: classifier that takes x alone and returns logits; it is left as it was.
        x: images (N, C, H, W), floats.
        maps: maps (N, H, W), signed; the highest values are removed first.
        target: the class P, an index or labels (N,); None is the class predicted at x.
        baseline: what replaces a pixel: a number, one image (C, H, W), or one for each image (N, C, H, W). The default
            ½ is neutral gray for images in [0, 1].
        n_steps: number of steps S.
        batch_size: images per pass; it bounds the memory and does not change the result.
        generator: source of the order of ties; None is a new generator with seed 0.

    Returns:
        Fractions (S + 1,), probabilities (N, S + 1) and areas (N,), see :class:`PerturbationCurve`. A smaller area
        indicates a more faithful map.

    Raises:
        ValueError: maps of another size than the images or not finite, a baseline of another shape, no steps, or an
            unknown class.

    References:
        Petsiuk, Das, Saenko, BMVC 2018, arXiv:1806.07421.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
        >>> fraction, p, area = deletion_curve(model, torch.rand(3, 3, 2, 2), torch.rand(3, 2, 2), n_steps=4)
        >>> fraction, p.shape
        (tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000]), torch.Size([3, 5]))
    """
    check_counts(n_steps=n_steps)
    replacement = expand_to_samples(baseline, x)
    ranks = _pixel_ranks(check_maps(maps, x.shape[:1] + x.shape[2:], "images"), generator)
    # The log-odds of the class, from which its probability follows without rounding to 1 too early.
    J = fix_predicted_class(model, x, Objective(log_odds, *logit(target).bound, classes=True), batch_size=batch_size)
    n_pixels = ranks[0].numel()
    counts = [round(s / n_steps * n_pixels) for s in range(n_steps + 1)]
    perturbed = (torch.where((ranks < n)[:, None], replacement, x) for n in counts)
    p = torch.stack([objective_values(model, images, J, batch_size=batch_size).sigmoid() for images in perturbed], 1)
    fraction = torch.tensor([n / n_pixels for n in counts], dtype=p.dtype, device=p.device)
    return PerturbationCurve(*(t.to(x) for t in (fraction, p, torch.trapezoid(p, fraction, dim=1))))


@convert_arguments
def gaussian_blur(x: Tensor) -> Tensor:
    """Return images without fine detail, convolved with a Gaussian of σ = 5 pixels.

    The kernel is 11 pixels wide, and the borders are mirrored.

    Args:
        x: images (N, C, H, W), floats, of at least 6 × 6 pixels.

    Returns:
        Images like x, without a graph.

    Raises:
        ValueError: x does not hold images, or images that are too small for the kernel.

    Example:
        >>> torch.allclose(gaussian_blur(torch.full((1, 3, 8, 8), 0.3)), torch.tensor(0.3))
        True
    """
    from torchvision.transforms import functional

    check_shapes(x=(x, "floats N C H W"))
    if min(x.shape[-2:]) < 6:
        raise ValueError(f"expected images of at least 6 × 6 pixels for a kernel of 11 pixels, got {tuple(x.shape)}")
    return functional.gaussian_blur(x.detach(), 11, 5.0) if len(x) else x.detach()


def _pixel_ranks(maps: Tensor, generator: torch.Generator | None) -> Tensor:
    """The rank of each pixel in its map, 0 for the highest value, (N, H, W); ties are in random order."""
    generator = default_generator(generator)
    values = maps.flatten(1)
    shuffled = random_permutation(generator, values.shape[1]).to(maps.device)
    order = shuffled[values[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    return order.argsort(1).view_as(maps)
