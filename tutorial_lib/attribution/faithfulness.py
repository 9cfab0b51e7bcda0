"""Does the answer hang on what a map marks? Take that away, or show it alone, and ask again; baselines beside it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from tutorial_lib._validation import check_shapes
from tutorial_lib.gradients import fix_predicted_class, log_prob, objective_values

Target = int | Tensor | None


class PerturbationCurve(NamedTuple):
    """``fraction`` of the pixels changed, (S + 1,); ``probability`` then, (N, S + 1); ``area`` under each, (N,), in [0, 1]."""

    fraction: Tensor
    probability: Tensor
    area: Tensor


class DropResult(NamedTuple):
    """Per picture, (N,): ``drop``, the share of the probability lost, in [0, 1]; ``increase``, bool, whether it rose instead."""

    drop: Tensor
    increase: Tensor


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
    """p_P while the pixels that the map marks most are replaced first, from the picture to the baseline. A small area is better.

    At step s the s/S · HW pixels (rounded) of the highest values show the baseline; the area is by the trapezoid rule. It says
    little by itself: a network may fail on any holes. Hold it against those of ``random_map(maps)`` and ``centre_bias(maps)`` of
    :mod:`tutorial_lib.metrics`. Pixels of equal value go in an order drawn once, the same for every picture.

    Args:
        model: pictures to logits; borrowed.
        x: (N, C, H, W).
        maps: (N, H, W), signed; the largest goes first.
        target: P: a class, (N,) labels, or None, the class predicted for x itself.
        baseline: what shows nothing: a number (½, grey, is neutral for pictures in [0, 1]), or a picture, like x or one for all.
        steps: S.
        chunk: pictures at a time.
        generator: source of the order of ties; without one, a fresh one seeded with 0.

    Returns:
        the curve: see :class:`Curve`.

    Raises:
        ValueError: maps of another size than the pictures or not finite, no steps, an unknown class.

    Source: Petsiuk, Das, Saenko, BMVC 2018, arXiv 1806.07421.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
        >>> fraction, p, area = deletion_curve(model, torch.rand(3, 3, 2, 2), torch.rand(3, 2, 2), n_steps=4)
        >>> fraction, p.shape
        (tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000]), torch.Size([3, 5]))
    """
    return _perturbation_curve(model, x, _expand_to_image(baseline, x), x, maps, target, n_steps, batch_size, generator)


def insertion_curve(
    model: nn.Module,
    x: Tensor,
    maps: Tensor,
    target: Target = None,
    *,
    start: float | Tensor | None = None,
    n_steps: int = 20,
    batch_size: int = 64,
    generator: torch.Generator | None = None,
) -> PerturbationCurve:
    """p_P while the pixels that the map marks most are shown first, from a blurred start to the picture. A large area is better.

    At step s the s/S · HW pixels (rounded) of the highest values show the picture. All else as for :func:`deletion_curve`.

    Args:
        model, x, maps, target, steps, chunk, generator: as for :func:`deletion_curve`.
        start: what is shown before, a number or a picture; None: the picture :func:`blurred`, which opens fewer false edges.

    Returns:
        the curve: see :class:`Curve`.

    Raises:
        ValueError: as :func:`deletion_curve` does.

    Source: Petsiuk, Das, Saenko, BMVC 2018, arXiv 1806.07421.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
        >>> insertion_curve(model, torch.rand(3, 3, 8, 8), torch.rand(3, 8, 8), n_steps=4).area.shape
        torch.Size([3])
    """
    return _perturbation_curve(
        model,
        x,
        x,
        gaussian_blur(x) if start is None else _expand_to_image(start, x),
        maps,
        target,
        n_steps,
        batch_size,
        generator,
    )


def average_drop(
    model: nn.Module, x: Tensor, maps: Tensor, target: Target = None, *, batch_size: int = 64
) -> DropResult:
    """What is lost when only what the map marks is shown: max(0, Y − O) / Y, Y = p_P(x), O = p_P(x ⊙ L), for each picture.

    L is the map's positive part over its largest value. ``drop.mean()`` is the paper's average drop (lower is better),
    ``increase.float().mean()`` its increase in confidence (higher is better). A map that marks all drops nothing: read both
    beside those of ``uniform_map(maps)``, ``centre_bias(maps)`` and ``random_map(maps)``.

    Args:
        model, x, maps, target, chunk: as for :func:`deletion_curve`.

    Returns:
        drop and increase, (N,): see :class:`Drop`.

    Raises:
        ValueError: as :func:`deletion_curve` does.

    Source: Chattopadhay et al., WACV 2018, arXiv 1710.11063.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
        >>> average_drop(model, torch.rand(3, 3, 2, 2), torch.ones(3, 2, 2)).drop
        tensor([0., 0., 0.])
    """
    maps = _check_maps(x, maps)
    L = maps.relu()
    peak = L.amax((1, 2), keepdim=True)
    L = L / torch.where(peak > 0, peak, 1)
    J = fix_predicted_class(model, x, log_prob(target), batch_size=batch_size)
    whole, shown = (objective_values(model, images, J, batch_size=batch_size) for images in (x, x * L[:, None].to(x)))
    # (Y − O) / Y = 1 − O/Y, from the logarithms, which do not run out of numbers.
    return DropResult((shown - whole).clamp(max=0).expm1().abs(), shown > whole)


def gaussian_blur(x: Tensor, *, sigma: float = 5.0, kernel: int = 11) -> Tensor:
    """Pictures without detail: convolved with a Gaussian of σ pixels, ``kernel`` pixels wide, borders mirrored. -> like x.

    Raises:
        ValueError: an even kernel, or pictures smaller than half of it.

    Example:
        >>> torch.allclose(gaussian_blur(torch.full((1, 3, 8, 8), 0.3)), torch.tensor(0.3))
        True
    """
    check_shapes(x=(x, "floats N C H W"))
    reach = kernel // 2
    if not len(x):
        return x.detach()
    if kernel % 2 == 0 or sigma <= 0 or min(x.shape[-2:]) <= reach:
        found = f"{kernel}, {tuple(x.shape[-2:])} and {sigma}"
        raise ValueError(f"an odd kernel, less than twice the picture's side, and σ > 0; not {found}")
    bell = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma).square() / 2)
    bell = (bell / bell.sum()).to(x)
    rows = pad(x.detach().flatten(0, 1)[:, None], (reach,) * 4, mode="reflect")
    return conv2d(conv2d(rows, bell.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1)).view_as(x)


def _perturbation_curve(
    model: nn.Module,
    x: Tensor,
    marked: Tensor,
    rest: Tensor,
    maps: Tensor,
    target: Target,
    n_steps: int,
    batch_size: int,
    generator: torch.Generator | None,
) -> PerturbationCurve:
    """The curve of pictures that show ``marked`` where the map is highest, at more and more pixels, and ``rest`` elsewhere."""
    if n_steps < 1:
        raise ValueError(f"at least one step, not {n_steps}")
    place = _pixel_ranks(_check_maps(x, maps), generator)
    J = fix_predicted_class(model, x, log_prob(target), batch_size=batch_size)
    counts = [round(s / n_steps * place[0].numel()) for s in range(n_steps + 1)]
    p = torch.stack(
        [
            objective_values(model, torch.where((place < n)[:, None], marked, rest), J, batch_size=batch_size).exp()
            for n in counts
        ],
        1,
    )
    fraction = torch.tensor([n / place[0].numel() for n in counts], dtype=p.dtype, device=p.device)
    return PerturbationCurve(fraction, p, torch.trapezoid(p, fraction, dim=1))


def _pixel_ranks(maps: Tensor, generator: torch.Generator | None) -> Tensor:
    """The place of each pixel in its map's order, the highest value first: (N, H, W), integers from 0."""
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    flat = maps.flatten(1)
    mixed = torch.randperm(flat.shape[1], generator=generator, device=generator.device).to(maps.device)
    order = mixed[flat[:, mixed].argsort(dim=1, descending=True, stable=True)]
    here = torch.arange(flat.shape[1], device=maps.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, here).view_as(maps)


def _expand_to_image(shown: float | Tensor, x: Tensor) -> Tensor:
    shown = torch.as_tensor(shown, dtype=x.dtype, device=x.device).detach()
    try:
        return shown.expand_as(x)
    except RuntimeError:
        raise ValueError(
            f"a number, one picture or one for each of {tuple(x.shape)}, not {tuple(shown.shape)}"
        ) from None


def _check_maps(x: Tensor, maps: Tensor) -> Tensor:
    if x.dim() != 4 or maps.shape != (len(x), *x.shape[2:]):
        raise ValueError(
            f"pictures (N, C, H, W) need maps (N, H, W), not {tuple(x.shape)} and {tuple(maps.shape)}: "
            "upsample(maps, x.shape[-2:]) brings a layer's maps to the picture's size, magnitude(…) takes the channels away"
        )
    check_shapes(maps=(maps, "floats N H W"))
    if not maps.isfinite().all():
        raise ValueError("the maps are not finite")
    return maps.detach()
