"""The loss as a function of the weights, on random planes and on the principal plane of a training path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from torch.nn.utils import get_total_norm

from tutorial_lib._batching import sample_norms
from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.gradients._context import eval_mode, translate_errors
from tutorial_lib.runtime import default_generator, random_normal

Direction = Mapping[str, Tensor]


@convert_arguments
def random_weight_direction(
    model: nn.Module, *, normalization: str = "filter", generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Return a Gaussian direction in weight space, with the norm of the weights themselves.

    Args:
        model: any module. Its weights (parameters with two or more axes) get a random direction; its biases and the
            parameters of its normalization layers get zero.
        normalization: "filter" gives each filter of the direction the norm of the filter that it changes, ‖δ_ij‖ =
            ‖θ_ij‖ (Li et al.); "whole" gives the direction the norm of all weights together.
        generator: source of randomness, on the CPU; None is a new one with seed 0.

    Returns:
        Parameter name -> tensor like the parameter.

    Raises:
        ValueError: an unknown normalization, or a model without weights.

    References:
        Li et al., 2018, arXiv:1712.09913.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.allclose(random_weight_direction(model)["weight"].norm(dim=1), model.weight.norm(dim=1))
        True
    """
    check_choice(normalization, ["filter", "whole"], "normalization")
    generator = default_generator(generator)
    theta = {name: p.detach() for name, p in model.named_parameters()}
    weights = [name for name, p in theta.items() if p.dim() > 1]
    if not weights:
        raise ValueError(
            "the model has no weights, that is, no parameters with two or more axes, to find a direction for"
        )
    noise = {name: random_normal(generator, *theta[name].shape).to(theta[name]) for name in weights}
    if normalization == "filter":
        scales = {name: sample_norms(theta[name]) / sample_norms(noise[name]) for name in weights}
    else:
        scales = dict.fromkeys(
            weights, get_total_norm([theta[name] for name in weights]) / get_total_norm(noise.values())
        )
    return {
        name: scales[name].to(p) * noise[name] if name in noise else torch.zeros_like(p) for name, p in theta.items()
    }


@convert_arguments
@torch.no_grad()
def loss_surface(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    first: Direction,
    second: Direction | None = None,
    *,
    a: Sequence[float],
    b: Sequence[float] = (0.0,),
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    batch_norm_statistics: str = "frozen",
) -> Tensor:
    """Return the loss on a plane, or along a line, through the weights of a network.

    F(a, b) = L(θ + aδ + bη), or F(a) = L(θ + aδ) along a line.

    Args:
        model: the network with the weights θ; it is left as it was.
        x: samples (N, …), N ≥ 1; they are run as one batch.
        y: whatever ``loss(outputs, y)`` takes, for example labels (N,).
        first: δ, parameter name -> tensor like the parameter; parameters that are not named do not change.
        second: η, in the same form; None evaluates the loss along the line of δ.
        a: coefficients of δ.
        b: coefficients of η; not used without a second direction.
        loss: the mean loss of a batch, (outputs, y) -> scalar.
        batch_norm_statistics: "frozen" keeps the stored statistics of batch normalization; "batch" computes those of x
            at every point, as in training.

    Returns:
        Losses (len(a), len(b)), or (len(a),) along a line.

    Raises:
        ValueError: a direction has a name or a shape that the model does not have, an empty x, a model or a loss that
            does not fit x and y, or an unknown kind of statistics.

    References:
        Li et al., 2018, arXiv:1712.09913; along a line: Goodfellow, Vinyals, Saxe, 2015, arXiv:1412.6544.

    Example:
        >>> model, x, y = nn.Linear(2, 3), torch.ones(4, 2), torch.tensor([0, 1, 2, 0])
        >>> loss_surface(model, x, y, random_weight_direction(model), a=[-1, 0, 1]).shape
        torch.Size([3])
    """
    check_choice(batch_norm_statistics, ["frozen", "batch"], "kind of statistics")
    theta = {name: p.detach() for name, p in model.named_parameters()}
    for direction in (first, second or {}):
        for name, d in direction.items():
            if name not in theta or d.shape != theta[name].shape:
                raise ValueError(
                    f"the direction's {name!r}, {tuple(d.shape)}, is not a parameter of this {type(model).__name__}"
                )
    if not len(x):
        raise ValueError("a loss is a mean over at least one sample, but x is empty")

    def loss_at(a_i: float, b_j: float) -> Tensor:
        state = {name: p + a_i * first[name] if name in first else p for name, p in theta.items()}
        state |= {name: state[name] + b_j * d for name, d in (second or {}).items()}
        # In training mode the running statistics are updated; copies protect those of the model.
        state |= {name: buffer.clone() for name, buffer in model.named_buffers()}
        return loss(functional_call(model, state, (x,)), y)

    received = f"x, {tuple(x.shape)} of {x.dtype}, and y, {getattr(y, 'shape', type(y).__name__)}"
    columns = b if second is not None else (0.0,)
    with eval_mode(model), translate_errors(lambda: f"the model or the loss do not fit {received}"):
        if batch_norm_statistics == "batch":
            for module in model.modules():
                module.training = isinstance(module, nn.modules.batchnorm._BatchNorm)
        surface = torch.stack([torch.stack([loss_at(a_i, b_j) for b_j in columns]) for a_i in a])
    return surface if second is not None else surface[:, 0]


class TrajectoryPCA(NamedTuple):
    """The plane of a training path, and the projection of the path on it.

    Attributes:
        first: first principal direction, parameter name -> tensor, of norm 1 over all parameters.
        second: second principal direction, in the same form.
        path: coordinates (T, 2) of the states in this plane; the last state is the origin.
        explained_variance_ratio: share of the path's variance (T,) along each component, the largest first.
    """

    first: dict[str, Tensor]
    second: dict[str, Tensor]
    path: Tensor
    explained_variance_ratio: Tensor


@convert_arguments
def trajectory_pca(states: Sequence[Direction]) -> TrajectoryPCA:
    """Return the plane that explains most of the variance of a training path.

    The first two principal components of θ_t − θ_T. The path of a random walk is concentrated in few components as well
    (Antognini and Sohl-Dickstein), so compare with a walk of the same step lengths from :func:`random_walk_like`.

    Args:
        states: the parameters at T ≥ 3 times, in order, each parameter name -> tensor; the last one becomes the origin
            of the plane.

    Returns:
        The two directions, the path in their plane, and the shares of the variance of all components.

    Raises:
        ValueError: fewer than three states, states of different parameters, or states that are not finite.

    References:
        Li et al., 2018, arXiv:1712.09913; random walks: Antognini and Sohl-Dickstein, 2018, arXiv:1806.08805.

    Example:
        >>> states = [{"w": torch.tensor([float(t), 2.0 * t, 0.0])} for t in range(4)]
        >>> round(trajectory_pca(states).explained_variance_ratio[0].item(), 6)
        1.0
    """
    theta = _flatten_states(states)
    centered = theta - theta.mean(0)
    # There are few states C: an eigenvector u of CCᵀ, the small matrix of inner products, gives the component Cᵀu.
    values, vectors = torch.linalg.eigh(centered @ centered.T)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    components = torch.nn.functional.normalize(centered.T @ vectors[:, :2], dim=0)
    path = (theta - theta[-1]) @ components
    first, second = (_unflatten_state(c, states[-1]) for c in components.T)
    return TrajectoryPCA(first, second, path.to(first[next(iter(first))]), values / values.sum())


@convert_arguments
def explained_variance(states: Sequence[Direction], directions: Sequence[Direction]) -> float:
    """Return the share of a path's variance that lies in the span of some directions.

    Args:
        states: the parameters at T times, each parameter name -> tensor.
        directions: the directions that span a subspace, in the same form; they need not be orthogonal.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: fewer than three states and directions in total, states and directions of different parameters, or
            values that are not finite.

    Example:
        >>> states = [{"w": torch.tensor([float(t), 2.0 * t])} for t in range(3)]
        >>> explained_variance(states, [{"w": torch.tensor([1.0, 0.0])}])
        0.2
    """
    theta = _flatten_states([*states, *directions])
    theta, spanning = theta[: len(states)], theta[len(states) :]
    centered = theta - theta.mean(0)
    basis = torch.linalg.qr(spanning.T)[0]
    return round(float((centered @ basis).square().sum() / centered.square().sum()), 12)


@convert_arguments
def random_walk_like(
    states: Sequence[Direction], *, generator: torch.Generator | None = None
) -> list[dict[str, Tensor]]:
    """Return a random walk with the start and the step lengths of a given path.

    Each step has the norm of the corresponding step of the path, and a random direction of its own.

    Args:
        states: the parameters at T ≥ 3 times, in order, each parameter name -> tensor.
        generator: source of randomness, on the CPU; None is a new one with seed 0.

    Returns:
        T states, each parameter name -> tensor; the first is the first state of the path.

    Raises:
        ValueError: fewer than three states, states of different parameters, or states that are not finite.

    Example:
        >>> walk = random_walk_like([{"w": torch.tensor([t, 2 * t])} for t in (0., 1., 4.)])
        >>> (walk[2]["w"] - walk[1]["w"]).norm().round(decimals=3) == (3 * 5 ** 0.5 * torch.ones(())).round(decimals=3)
        tensor(True)
    """
    generator = default_generator(generator)
    theta = _flatten_states(states)
    lengths = theta.diff(dim=0).norm(dim=1, keepdim=True)
    steps = torch.randn(len(theta) - 1, theta.shape[1], generator=generator, device=generator.device, dtype=theta.dtype)
    walk = torch.cat([theta[:1], theta[:1] + (lengths * torch.nn.functional.normalize(steps, dim=1)).cumsum(0)])
    return [_unflatten_state(row, states[0]) for row in walk]


def _flatten_states(states: Sequence[Direction]) -> Tensor:
    """Every state as one row, in float64 on the CPU, because a path is long and its last steps are short."""
    if len(states) < 3:
        raise ValueError(f"a path of {len(states)} states does not span a plane; record three or more")
    shapes = [{name: t.shape for name, t in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("the states hold different parameters or shapes; record the same names at each time")
    if any(t.is_complex() for state in states for t in state.values()):
        raise ValueError("the states hold complex parameters; pass their real and imaginary parts: torch.view_as_real")
    rows = [[state[name].detach().flatten().to("cpu", torch.float64) for name in states[0]] for state in states]
    theta = torch.stack([torch.cat(row) for row in rows])
    if not theta.isfinite().all():
        raise ValueError("some states are not finite; end the path before the training diverges")
    return theta


def _unflatten_state(row: Tensor, like: Direction) -> dict[str, Tensor]:
    """One row as a state with the names, shapes, dtypes and devices of another state."""
    parts = row.split([t.numel() for t in like.values()])
    return {name: part.reshape(t.shape).to(t) for (name, t), part in zip(like.items(), parts, strict=True)}
