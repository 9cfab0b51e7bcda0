"""Does the answer hang on what a map marks? Take that away, or show it alone, and ask again; baselines beside it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from tutorial_lib.gradients import fixed_at, log_prob, value
from tutorial_lib.tensors import fitting

Target = int | Tensor | None


class Curve(NamedTuple):
    """``fraction`` of the pixels changed, (S + 1,); ``probability`` then, (N, S + 1); ``area`` under each, (N,), in [0, 1]."""

    fraction: Tensor
    probability: Tensor
    area: Tensor


class Drop(NamedTuple):
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
    steps: int = 20,
    chunk: int = 64,
    generator: torch.Generator | None = None,
) -> Curve:
    """p_P while the pixels that the map marks most are replaced first, from the picture to the baseline. A small area is better.

    At step s the s/S · HW pixels (rounded) of the highest values show the baseline; the area is by the trapezoid rule. It says
    little by itself: a network may fail on any holes. Hold it against those of ``random_map(maps)`` and ``centre_bias(maps)`` of
    :mod:`tutorial_lib.measures`. Pixels of equal value go in an order drawn once, the same for every picture.

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
        >>> fraction, p, area = deletion_curve(model, torch.rand(3, 3, 2, 2), torch.rand(3, 2, 2), steps=4)
        >>> fraction, p.shape
        (tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000]), torch.Size([3, 5]))
    """
    return _replaced(model, x, _as_picture(baseline, x), x, maps, target, steps, chunk, generator)


def insertion_curve(
    model: nn.Module,
    x: Tensor,
    maps: Tensor,
    target: Target = None,
    *,
    start: float | Tensor | None = None,
    steps: int = 20,
    chunk: int = 64,
    generator: torch.Generator | None = None,
) -> Curve:
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
        >>> insertion_curve(model, torch.rand(3, 3, 8, 8), torch.rand(3, 8, 8), steps=4).area.shape
        torch.Size([3])
    """
    return _replaced(
        model, x, x, blurred(x) if start is None else _as_picture(start, x), maps, target, steps, chunk, generator
    )


def average_drop(model: nn.Module, x: Tensor, maps: Tensor, target: Target = None, *, chunk: int = 64) -> Drop:
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
    maps = _checked(x, maps)
    L = maps.relu()
    peak = L.amax((1, 2), keepdim=True)
    L = L / torch.where(peak > 0, peak, 1)
    J = fixed_at(model, x, log_prob(target), chunk=chunk)
    whole, shown = (value(model, pictures, J, chunk=chunk) for pictures in (x, x * L[:, None].to(x)))
    # (Y − O) / Y = 1 − O/Y, from the logarithms, which do not run out of numbers.
    return Drop((shown - whole).clamp(max=0).expm1().abs(), shown > whole)


def blurred(x: Tensor, *, sigma: float = 5.0, kernel: int = 11) -> Tensor:
    """Pictures without detail: convolved with a Gaussian of σ pixels, ``kernel`` pixels wide, borders mirrored. -> like x.

    Raises:
        ValueError: an even kernel, or pictures smaller than half of it.

    Example:
        >>> torch.allclose(blurred(torch.full((1, 3, 8, 8), 0.3)), torch.tensor(0.3))
        True
    """
    fitting(x=(x, "floats N C H W"))
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


def _replaced(
    model: nn.Module,
    x: Tensor,
    marked: Tensor,
    rest: Tensor,
    maps: Tensor,
    target: Target,
    steps: int,
    chunk: int,
    generator: torch.Generator | None,
) -> Curve:
    """The curve of pictures that show ``marked`` where the map is highest, at more and more pixels, and ``rest`` elsewhere."""
    if steps < 1:
        raise ValueError(f"at least one step, not {steps}")
    place = _places(_checked(x, maps), generator)
    J = fixed_at(model, x, log_prob(target), chunk=chunk)
    counts = [round(s / steps * place[0].numel()) for s in range(steps + 1)]
    p = torch.stack(
        [value(model, torch.where((place < n)[:, None], marked, rest), J, chunk=chunk).exp() for n in counts], 1
    )
    fraction = torch.tensor([n / place[0].numel() for n in counts], dtype=p.dtype, device=p.device)
    return Curve(fraction, p, torch.trapezoid(p, fraction, dim=1))


def _places(maps: Tensor, generator: torch.Generator | None) -> Tensor:
    """The place of each pixel in its map's order, the highest value first: (N, H, W), integers from 0."""
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    flat = maps.flatten(1)
    mixed = torch.randperm(flat.shape[1], generator=generator, device=generator.device).to(maps.device)
    order = mixed[flat[:, mixed].argsort(dim=1, descending=True, stable=True)]
    here = torch.arange(flat.shape[1], device=maps.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, here).view_as(maps)


def _as_picture(shown: float | Tensor, x: Tensor) -> Tensor:
    shown = torch.as_tensor(shown, dtype=x.dtype, device=x.device).detach()
    try:
        return shown.expand_as(x)
    except RuntimeError:
        raise ValueError(
            f"a number, one picture or one for each of {tuple(x.shape)}, not {tuple(shown.shape)}"
        ) from None


def _checked(x: Tensor, maps: Tensor) -> Tensor:
    if x.dim() != 4 or maps.shape != (len(x), *x.shape[2:]):
        raise ValueError(
            f"pictures (N, C, H, W) need maps (N, H, W), not {tuple(x.shape)} and {tuple(maps.shape)}: "
            "upsample(maps, x.shape[-2:]) brings a layer's maps to the picture's size, magnitude(…) takes the channels away"
        )
    fitting(maps=(maps, "floats N H W"))
    if not maps.isfinite().all():
        raise ValueError("the maps are not finite")
    return maps.detach()
