"""Pixel attributions: maps of the size of the input, from gradients at the input or at points around it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices, broadcast_per_sample, expand_to_samples
from tutorial_lib._validation import (
    check_choice,
    check_counts,
    check_floating,
    check_nonnegative,
    convert_arguments,
    format_tensor,
    promote_to_float32,
)
from tutorial_lib.gradients import ObjectiveLike, fix_predicted_class, input_gradient, objective_values
from tutorial_lib.runtime import default_generator


@convert_arguments
def saliency(model: nn.Module, x: Tensor, objective: ObjectiveLike = None, *, batch_size: int = 64) -> Tensor:
    """Return the saliency map, the gradient of the logit with respect to the input, ∂z_c/∂x.

    It indicates which small changes of the image would increase the logit. The classical saliency map is its magnitude,
    :func:`~tutorial_lib.attribution.reduce_channels`. A probability instead of a logit would saturate, and would
    already contrast the class with all others.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), for example images (N, C, H, W), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Gradients like x, signed, by default in logits per unit of x.

    Raises:
        ValueError: x is not float, the outputs are not finite, or the objective does not give one number per row.

    References:
        Simonyan, Vedaldi, Zisserman, 2013, arXiv:1312.6034.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
        >>> torch.equal(saliency(model, torch.ones(1, 3, 1, 1), 1).flatten(), model[1].weight[1])
        True
    """
    return input_gradient(model, x, objective, batch_size=batch_size)


@convert_arguments
def smoothgrad(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    n_samples: int = 50,
    noise_level: float = 0.15,
    reduction: str = "mean",
    batch_size: int = 16,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return SmoothGrad: the mean gradient of noisy copies of the input, or its variance.

    1/S Σ_s ∂z_c/∂x (x + ε_s) with ε_s ~ N(0, σ²). All samples share the same S noise fields, so the result depends on
    the ``generator`` but not on the batch or the batch size.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), for example images (N, C, H, W), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the class predicted at x itself.
        n_samples: number of noisy copies S.
        noise_level: σ as a fraction of the range of each sample, max − min; ≥ 0.
        reduction: "mean" of the gradients; "square", the mean of their squares; or "variance" (VarGrad, divided by S).
        batch_size: noisy copies per pass; it bounds the memory and does not change the result.
        generator: source of the noise; None is a new generator with seed 0.

    Returns:
        Attributions like x: signed for "mean", ≥ 0 for "square" and "variance".

    Raises:
        ValueError: no samples, negative noise, or an unknown reduction; x is not float, the outputs are not finite, or
            the objective does not give one number per row.

    References:
        Smilkov et al., 2017, arXiv:1706.03825; the variance: Adebayo et al., 2018, arXiv:1810.03307.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
        >>> x = torch.rand(1, 3, 1, 1)
        >>> torch.allclose(smoothgrad(model, x, 1, n_samples=4), saliency(model, x, 1))
        True
    """
    check_choice(reduction, ["mean", "square", "variance"], "reduction")
    check_counts(n_samples=n_samples)
    check_nonnegative(noise_level=noise_level)
    generator = default_generator(generator)

    def sample_noise(points: range) -> Tensor:
        # One field at a time, so that the batch size does not change them; in single precision, whatever that of x is.
        noise = torch.empty((len(points), 1, *x.shape[1:]), dtype=torch.float32, device=generator.device)
        for field in noise:
            field.normal_(generator=generator)
        return noise.to(x)

    if not x.is_floating_point():
        raise ValueError(f"a gradient with respect to the input needs floats (N, …), not {format_tensor(x)}")
    x = x.detach()
    value_range = x.flatten(1).amax(1) - x.flatten(1).amin(1) if x.numel() else x.new_zeros(len(x))
    sigma = noise_level * broadcast_per_sample(value_range, x)
    mean, variance = _gradient_moments(
        model, x, objective, x, sigma, sample_noise, n_samples, batch_size, with_variance=reduction != "mean"
    )
    return {"mean": mean, "square": variance + mean.square(), "variance": variance}[reduction].to(x.dtype)


@convert_arguments
def integrated_gradients(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    baseline: float | Tensor = 0.0,
    n_steps: int = 64,
    batch_size: int = 16,
) -> Tensor:
    """Return integrated gradients: x − x′ times the mean gradient between baseline x′ and x.

    IG = (x − x′) ⊙ 1/S Σ_s ∂z_c/∂x (x′ + (s + ½)/S · (x − x′)), the midpoint rule for the integral along the straight
    path. The attributions are complete: they sum to z_c(x) − z_c(x′), up to the error of the rule, which
    :func:`convergence_delta` measures. A pixel that equals the baseline has attribution zero, whatever it means.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), for example images (N, C, H, W), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the class predicted at x.
        baseline: x′, an input without evidence: a number, one sample (…), or one for each sample (N, …). The default 0
            is black, which is not neutral where black carries meaning; ½ is gray.
        n_steps: number of points S.
        batch_size: points per pass; it bounds the memory and does not change the result.

    Returns:
        Attributions like x, signed, in the unit of the objective, by default logits.

    Raises:
        ValueError: no steps, or a baseline of another shape; x is not float, the outputs are not finite, or the
            objective does not give one number per row.

    References:
        Sundararajan, Taly, Yan, ICML 2017, arXiv:1703.01365.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1))
        >>> x = torch.rand(1, 3, 1, 1)
        >>> torch.allclose(integrated_gradients(model, x, 0).flatten(), x.flatten() * model[1].weight[0], atol=1e-6)
        True
    """
    check_floating(x)
    check_counts(n_steps=n_steps)
    x = x.detach()
    origin = expand_to_samples(baseline, x)
    # The midpoints of S equal parts of the path.
    fractions = (
        ((torch.arange(n_steps, dtype=torch.float64, device="cpu") + 0.5) / n_steps)
        .to(x)
        .view(-1, 1, *(1,) * (x.dim() - 1))
    )
    path = x - origin
    mean, _ = _gradient_moments(
        model, x, objective, origin, path, lambda p: fractions[p.start : p.stop], n_steps, batch_size, False
    )
    return (path * mean).to(x.dtype)


@convert_arguments
def convergence_delta(
    model: nn.Module,
    x: Tensor,
    attribution: Tensor,
    objective: ObjectiveLike = None,
    *,
    baseline: float | Tensor = 0.0,
    batch_size: int = 64,
) -> Tensor:
    """Return the error of the sum of an attribution, Σ_i a_i − (J(x) − J(x′)).

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), for example images (N, C, H, W), floats.
        attribution: attributions a, like x.
        objective: J, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the logit of the class
            predicted at x.
        baseline: x′, a number, one sample (…), or one for each sample (N, …); the default 0 is black.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Errors (N,), signed, in the unit of the objective; 0 for a complete attribution.

    Raises:
        ValueError: an attribution or a baseline of another shape than x.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1))
        >>> x = torch.rand(1, 3, 1, 1)
        >>> convergence_delta(model, x, integrated_gradients(model, x, 0), 0).abs() < 1e-5
        tensor([True])
    """
    if attribution.shape != x.shape:
        raise ValueError(f"the attribution must have the shape of x, {tuple(x.shape)}, not {tuple(attribution.shape)}")
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    J_x, J_baseline = (
        objective_values(model, samples, J, batch_size=batch_size) for samples in (x, expand_to_samples(baseline, x))
    )
    fine = promote_to_float32(attribution)
    return (attribution.flatten(1).sum(1, dtype=fine) - (J_x.to(fine) - J_baseline.to(fine))).to(attribution)


def _gradient_moments(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike,
    origin: Tensor,
    displacement: Tensor,
    coefficients: Callable[[range], Tensor],
    n_points: int,
    batch_size: int,
    with_variance: bool,
) -> tuple[Tensor, Tensor]:
    """Mean and, if required, variance of the gradient over the points origin + coefficient · displacement.

    ``coefficients(points)`` returns those of the next k points, (k, 1, …). The objective is fixed at x. The moments are
    computed in single precision at least.
    """
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    points_per_batch = max(1, batch_size // len(x))
    mean = torch.zeros_like(x, dtype=promote_to_float32(x))
    squares = torch.zeros_like(mean)
    for start in range(0, n_points, points_per_batch):
        k = min(points_per_batch, n_points - start)
        coefficient = coefficients(range(start, start + k))
        for rows in batch_slices(len(x), batch_size):
            points = (origin[rows] + coefficient * displacement[rows]).flatten(0, 1)
            index = torch.arange(len(x), device="cpu")[rows].repeat(k)
            gradients = input_gradient(model, points, J.select(index), batch_size=batch_size).to(mean.dtype)
            batch = gradients.unflatten(0, (k, -1))
            difference = batch.mean(0) - mean[rows]
            mean[rows] += difference * (k / (start + k))
            if with_variance:
                # Two groups are merged without the squares of large numbers (Chan, Golub, LeVeque, 1979).
                squares[rows] += (batch - batch.mean(0)).square().sum(0) + difference.square() * (
                    start * k / (start + k)
                )
            del points, gradients, batch  # so that they are not in memory during the next pass
    return mean, squares / n_points
