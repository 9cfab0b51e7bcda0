"""Pictures of a loss over the parameters: planes through a network, drawn at random or laid through the path of its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from tutorial_lib._validation import check_choice
from tutorial_lib.gradients._context import eval_mode, translate_errors

Direction = Mapping[str, Tensor]


def random_weight_direction(
    model: nn.Module, *, normalization: str = "filter", generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """A Gaussian direction in the space of the parameters, as long as the weights themselves.

    Args:
        model: its weights (parameters of two dimensions or more) get a direction; biases and the parameters of norms get zero.
        normalise: "filter" makes every filter of the direction as long as the filter it moves, ‖δ_ij‖ = ‖θ_ij‖ (Li et al.);
            "whole" only makes the direction as long as all weights together.
        generator: source of randomness, on the CPU; without one, a fresh one seeded with 0.

    Returns:
        name -> tensor like the parameter.

    Raises:
        ValueError: an unknown normalisation, or a model without weights.

    Source: Li et al., 2018, arXiv 1712.09913.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.allclose(random_weight_direction(model)["weight"].norm(dim=1), model.weight.norm(dim=1))
        True
    """
    check_choice(normalization, ["filter", "whole"], "normalisation")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    theta = {name: p.detach() for name, p in model.named_parameters()}
    weights = [name for name, p in theta.items() if p.dim() > 1]
    if not weights:
        raise ValueError("the model has no weights, parameters of two dimensions or more, to draw a direction for")
    drawn = {name: torch.randn(theta[name].shape, generator=generator).to(theta[name]) for name in weights}
    if normalization == "filter":
        sizes = {name: _filter_norms(theta[name]) / _filter_norms(drawn[name]) for name in weights}
    else:
        whole = (_global_norm({name: theta[name] for name in weights}) / _global_norm(drawn)).item()
        sizes = dict.fromkeys(weights, whole)
    return {name: sizes[name] * drawn[name] if name in drawn else torch.zeros_like(p) for name, p in theta.items()}


def _filter_norms(weight: Tensor) -> Tensor:
    """The norm of every filter, the weights that make one output: (out, …) -> (out, 1, …)."""
    return weight.flatten(1).norm(dim=1).reshape(-1, *(1,) * (weight.dim() - 1))


def _global_norm(direction: Direction) -> Tensor:
    return torch.stack([d.norm() for d in direction.values()]).norm()


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
    """The loss on a plane through a network: F(a, b) = L(θ + aδ + bη); without a second direction, along a line.

    Args:
        model: θ, borrowed. x: (N, …), looked at as one batch. y: what ``loss(outputs, y)`` takes.
        first, second: δ and η, name -> tensor; parameters that are not named stay.
        a, b: where to look, in lengths of δ and η.
        loss: mean loss of a batch.
        statistics: of batch normalisation: "frozen" keeps those of the network; "batch" takes those of x, anew at every point, as
            training does.

    Returns:
        (len(a), len(b)), or (len(a),) along a line.

    Raises:
        ValueError: a direction names or shapes a parameter that the model does not have; unknown statistics.

    Source: Li et al., 2018, arXiv 1712.09913; along a line, Goodfellow, Vinyals, Saxe, 2015, arXiv 1412.6544.

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
                    f"the direction's {name!r}, {tuple(d.shape)}, is no parameter of this {type(model).__name__}"
                )
    if not len(x):
        raise ValueError("a loss is a mean over at least one sample, and x has none")
    rows = []

    def refusal() -> str:
        return (
            f"model or loss do not fit x, {tuple(x.shape)} of {x.dtype}, and y, {getattr(y, 'shape', type(y).__name__)}"
        )

    with eval_mode(model), translate_errors(refusal):
        if batch_norm_statistics == "batch":
            for module in model.modules():
                module.training = isinstance(module, nn.modules.batchnorm._BatchNorm)
        for at in a:
            rows.append([])
            for beside in b if second is not None else (0.0,):
                held = {name: p + at * first[name] if name in first else p for name, p in theta.items()}
                held |= {name: held[name] + beside * d for name, d in (second or {}).items()}
                # In training mode the running statistics move: those of a copy.
                held |= {name: buffer.clone() for name, buffer in model.named_buffers()}
                rows[-1].append(loss(functional_call(model, held, (x,)), y))
    plane = torch.stack([torch.stack(row) for row in rows])
    return plane if second is not None else plane[:, 0]


class TrajectoryPCA(NamedTuple):
    """The plane of a path: ``first`` and ``second``, directions of length one; ``path`` (T, 2), where each state casts its
    shadow, the last at the origin; ``shares`` (T,), the part of the path's variation
    that each component holds, the largest first."""

    first: dict[str, Tensor]
    second: dict[str, Tensor]
    path: Tensor
    explained_variance_ratio: Tensor


def trajectory_pca(states: Sequence[Direction]) -> TrajectoryPCA:
    """The plane that holds most of a path: the first two principal components of θ_t − θ_T.

    Args:
        states: the parameters at T times, in order, each name -> tensor; the last is the origin of the plane.

    Raises:
        ValueError: fewer than three states, or states of different parameters.

    Source: Li et al., 2018, arXiv 1712.09913. A random walk, too, gathers in few components: Antognini and Sohl-Dickstein, 2018,
    arXiv 1806.08805; compare with one of the same step lengths, :func:`random_walk`.

    Example:
        >>> states = [{"w": torch.tensor([float(t), 2.0 * t, 0.0])} for t in range(4)]
        >>> round(trajectory_pca(states).explained_variance_ratio[0].item(), 6)
        1.0
    """
    theta = _flatten_states(states)
    centred = theta - theta.mean(0)
    # The few states span the plane: an eigenvector u of the small matrix of inner products gives the component Cᵀu.
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    components = torch.nn.functional.normalize(centred.T @ vectors[:, :2], dim=0)
    path = (theta - theta[-1]) @ components
    first, second = (_unflatten_state(c, states[-1]) for c in components.T)
    return TrajectoryPCA(first, second, path.to(first[next(iter(first))]), values / values.sum())


def explained_variance(states: Sequence[Direction], directions: Sequence[Direction]) -> float:
    """The share of a path's variation that the span of some directions holds, 0 … 1.

    Raises:
        ValueError: fewer than three states, or states and directions of different parameters.

    Example:
        >>> states = [{"w": torch.tensor([float(t), 2.0 * t])} for t in range(3)]
        >>> explained_variance(states, [{"w": torch.tensor([1.0, 0.0])}])
        0.2
    """
    theta = _flatten_states([*states, *directions])
    theta, spanned = theta[: len(states)], theta[len(states) :]
    centred = theta - theta.mean(0)
    basis = torch.linalg.qr(spanned.T)[0]
    return round(float((centred @ basis).square().sum() / centred.square().sum()), 12)


def random_walk_like(
    states: Sequence[Direction], *, generator: torch.Generator | None = None
) -> list[dict[str, Tensor]]:
    """A path without an aim: as many steps as the given one, each as long as its, every one in a direction of its own.

    Raises:
        ValueError: fewer than three states, or states of different parameters.

    Example:
        >>> walk = random_walk_like([{"w": torch.tensor([t, 2 * t])} for t in (0., 1., 4.)])
        >>> (walk[2]["w"] - walk[1]["w"]).norm().round(decimals=3) == (3 * 5 ** 0.5 * torch.ones(())).round(decimals=3)
        tensor(True)
    """
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    theta = _flatten_states(states)
    lengths = theta.diff(dim=0).norm(dim=1, keepdim=True)
    moves = torch.randn(len(theta) - 1, theta.shape[1], generator=generator, dtype=theta.dtype)
    walk = torch.cat([theta[:1], theta[:1] + (lengths * torch.nn.functional.normalize(moves, dim=1)).cumsum(0)])
    return [_unflatten_state(point, states[0]) for point in walk]


def _flatten_states(states: Sequence[Direction]) -> Tensor:
    """Every state as one long row, in float64 on the CPU: a path is long and its last steps are short."""
    if len(states) < 3:
        raise ValueError(f"a path of {len(states)} states spans no plane; keep three or more")
    names = list(states[0])
    if any(set(state) != set(names) for state in states):
        raise ValueError("the states hold different parameters; keep the same names each time")
    if any(state[name].shape != states[0][name].shape for state in states for name in names):
        raise ValueError("the states hold parameters of different shapes; keep those of one network")
    rows = [[state[name].detach().flatten().to("cpu", torch.float64) for name in names] for state in states]
    theta = torch.stack([torch.cat(row) for row in rows])
    if not theta.isfinite().all():
        raise ValueError("some states are not finite: end the path before the training diverged")
    return theta


def _unflatten_state(row: Tensor, like: Direction) -> dict[str, Tensor]:
    parts = row.split([t.numel() for t in like.values()])
    return {name: part.reshape(t.shape).to(t) for (name, t), part in zip(like.items(), parts, strict=True)}
