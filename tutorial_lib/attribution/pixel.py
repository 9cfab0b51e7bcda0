"""Which pixels does the answer hang on? Maps of the size of the picture, from gradients at the picture or around it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_choice, check_floating
from tutorial_lib.gradients import fix_predicted_class, input_gradient, objective_values


def saliency(model: nn.Module, x: Tensor, objective=None, *, batch_size: int = 64) -> Tensor:
    """The gradient of the logit, ∂z_c/∂x, signed: where would a small change of the picture raise it? x (N, C, H, W) -> like x.

    In logits a unit of the picture. The classical map is :func:`magnitude` of it. ``objective``: a class, (N,) labels, None
    (the class predicted) or any objective; a probability instead of a logit would saturate, and would be a contrast already.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.input_gradient` does.

    Source: Simonyan, Vedaldi, Zisserman, 2013, arXiv 1312.6034.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
        >>> torch.equal(saliency(model, torch.ones(1, 3, 1, 1), 1).flatten(), model[1].weight[1])
        True
    """
    return input_gradient(model, x, objective, batch_size=batch_size)


def input_x_gradient(model: nn.Module, x: Tensor, objective=None, *, batch_size: int = 64) -> Tensor:
    """The picture times its gradient, x ⊙ ∂z_c/∂x, signed, in logits: x (N, C, H, W) -> like x.

    For a network of ReLUs without biases its sum is the logit itself. It is relative to black: a black pixel gets nothing.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.input_gradient` does.

    Source: Shrikumar et al., 2016, arXiv 1605.01713.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1, bias=False))
        >>> x = torch.rand(2, 3, 1, 1)
        >>> torch.allclose(input_x_gradient(model, x, 0).flatten(1).sum(1), model(x)[:, 0], atol=1e-6)
        True
    """
    return x.detach() * input_gradient(model, x, objective, batch_size=batch_size)


def smoothgrad(
    model: nn.Module,
    x: Tensor,
    objective=None,
    *,
    n_samples: int = 50,
    noise_level: float = 0.15,
    reduction: str = "mean",
    batch_size: int = 16,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The gradient averaged over noisy copies of the picture: 1/S Σ_s ∂z_c/∂x (x + ε_s), ε_s ~ N(0, σ²). x (N, …) -> like x.

    ``noise``: σ as a share of each picture's own range, max − min. ``read``: "mean", signed; "square", the mean of the
    squares ≥ 0; "variance", their variance ≥ 0 (VarGrad, divided by S). Every picture meets the same S noise fields, so the
    result depends neither on the batch nor on the chunk, only on the ``generator``. The class predicted is that at x itself.
    ``batch_size``: copies at a time.

    Raises:
        ValueError: no samples, negative noise, an unknown reading, and as :func:`tutorial_lib.gradients.input_gradient` does.

    Source: Smilkov et al., 2017, arXiv 1706.03825; the variance: Adebayo et al., 2018, arXiv 1810.03307.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
        >>> x = torch.rand(1, 3, 1, 1)
        >>> torch.allclose(smoothgrad(model, x, 1, n_samples=4), saliency(model, x, 1))
        True
    """
    check_choice(reduction, ["mean", "square", "variance"], "reading")
    if n_samples < 1 or noise_level < 0:
        raise ValueError(
            f"smoothgrad needs at least one sample and noise ≥ 0, not samples={n_samples}, noise={noise_level}"
        )
    if generator is None:
        generator = torch.Generator().manual_seed(0)

    def fields(points: range) -> Tensor:
        # One after the other, so that the chunk does not change them; in one precision, so that x's does not.
        drawn = torch.empty((len(points), 1, *x.shape[1:]), dtype=torch.float32, device=generator.device)
        for field in drawn:
            field.normal_(generator=generator)
        return drawn.to(x)

    check_floating(x)
    x = x.detach()
    span = x.flatten(1).amax(1) - x.flatten(1).amin(1) if x.numel() else x.new_zeros(len(x))
    way = noise_level * span.view(-1, *(1,) * (x.dim() - 1))
    mean, variance = _gradient_moments(
        model, x, objective, x, way, fields, n_samples, batch_size, spread=reduction != "mean"
    )
    return {"mean": mean, "square": variance + mean.square(), "variance": variance}[reduction].to(x.dtype)


def integrated_gradients(
    model: nn.Module,
    x: Tensor,
    objective=None,
    *,
    baseline: float | Tensor = 0.0,
    n_steps: int = 64,
    batch_size: int = 16,
) -> Tensor:
    """The gradient averaged on the way from a baseline x′ to the picture, times the way. x (N, …) -> like x, signed, in logits.

    IG = (x − x′) ⊙ 1/S Σ_s ∂z_c/∂x (x′ + (s + ½)/S · (x − x′)), the midpoint rule for the integral over [0, 1]. Complete: its
    sum is z_c(x) − z_c(x′), up to the error of the rule, which :func:`completeness_gap` measures. ``baseline``: what counts
    as nothing, a number (0 is black, which is not neutral where black means something; ½ is grey), one picture, or one for
    each. What is the same in both gets nothing, whatever it means. ``batch_size``: points of the way at a time.

    Raises:
        ValueError: no steps, a baseline of another shape, and as :func:`tutorial_lib.gradients.input_gradient` does.

    Source: Sundararajan, Taly, Yan, ICML 2017, arXiv 1703.01365.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1))
        >>> x = torch.rand(1, 3, 1, 1)
        >>> torch.allclose(integrated_gradients(model, x, 0).flatten(), x.flatten() * model[1].weight[0], atol=1e-6)
        True
    """
    check_floating(x)
    if n_steps < 1:
        raise ValueError(f"integrated_gradients needs at least one step, not {n_steps}")
    x = x.detach()
    origin = _baseline(x, baseline)
    # The midpoints of S equal parts of the way.
    shares = ((torch.arange(n_steps, dtype=torch.float64) + 0.5) / n_steps).to(x).view(-1, 1, *(1,) * (x.dim() - 1))
    way = x - origin
    mean, _ = _gradient_moments(
        model, x, objective, origin, way, lambda p: shares[p.start : p.stop], n_steps, batch_size, spread=False
    )
    return (way * mean).to(x.dtype)


def convergence_delta(
    model: nn.Module,
    x: Tensor,
    attribution: Tensor,
    objective=None,
    *,
    baseline: float | Tensor = 0.0,
    batch_size: int = 64,
) -> Tensor:
    """How far a map's sum is from what it should explain: Σ_i a_i − (J(x) − J(x′)), signed, (N,); 0 for a complete map.

    x and the attribution (N, C, H, W), the baseline as for :func:`integrated_gradients`; in the unit of the objective.

    Raises:
        ValueError: a map or a baseline of another shape.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1))
        >>> x = torch.rand(1, 3, 1, 1)
        >>> convergence_delta(model, x, integrated_gradients(model, x, 0), 0).abs() < 1e-5
        tensor([True])
    """
    if attribution.shape != x.shape:
        raise ValueError(f"the attribution must be of the shape of x, {tuple(x.shape)}, not {tuple(attribution.shape)}")
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    explained = objective_values(model, x, J, batch_size=batch_size) - objective_values(
        model, _baseline(x, baseline), J, batch_size=batch_size
    )
    return attribution.flatten(1).sum(1) - explained


def _gradient_moments(
    model: nn.Module,
    x: Tensor,
    objective,
    origin: Tensor,
    way: Tensor,
    fields: Callable[[range], Tensor],
    count: int,
    batch_size: int,
    spread: bool,
) -> tuple[Tensor, Tensor]:
    """Mean and, with ``spread``, variance of the gradient over the points origin + field · way, some points at a time.

    ``fields(points)`` gives the fields of the next points, (k, 1, …). The objective is fixed at x. Single precision at least.
    """
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    together = max(1, batch_size // len(x))
    mean = torch.zeros_like(x, dtype=torch.promote_types(x.dtype, torch.float32))
    squares = torch.zeros_like(mean)
    for done in range(0, count, together):
        k = min(together, count - done)
        field = fields(range(done, done + k))
        for rows in batch_slices(len(x), batch_size):
            points = (origin[rows] + field * way[rows]).flatten(0, 1)
            copies = torch.arange(len(x))[rows].repeat(k)
            gradient = input_gradient(model, points, J.select(copies), batch_size=batch_size).unflatten(0, (k, -1))
            _update_moments(mean[rows], squares[rows] if spread else None, gradient.to(mean.dtype), done)
            del points, gradient  # or they would lie beside the next pass
    return mean, squares / count


def _update_moments(mean: Tensor, squares: Tensor | None, new: Tensor, done: int) -> None:
    """Bring a mean and a sum of squared deviations, of ``done`` values so far, up to date with ``new`` ones (k, …), in place."""
    k, here = len(new), new.mean(0)
    apart = here - mean
    mean += apart * (k / (done + k))
    if squares is not None:
        # Two groups are put together without the squares of large numbers (Chan, Golub, LeVeque, 1979).
        squares += (new - here).square().sum(0) + apart.square() * (done * k / (done + k))


def _baseline(x: Tensor, baseline: float | Tensor) -> Tensor:
    if not isinstance(baseline, Tensor):
        return torch.full_like(x, baseline)
    if baseline.shape not in (x.shape, x.shape[1:]):
        raise ValueError(
            f"baseline: a number, a picture {tuple(x.shape[1:])} or one for each, not {tuple(baseline.shape)}"
        )
    return baseline.detach().to(x).expand_as(x)
