"""Gradients with respect to the parameters, one for every sample: themselves, their norms, and their inner products over classes.

Where every use of a parameter has a closed form, one backward pass over the batch gives the exact result for each sample; all other
parameters go through :mod:`torch.func`, with the same result. Either way the squares of the columns add up to the squared norm of
the gradient with respect to all parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp, vmap

from tutorial_lib.gradients.layers import Layer, parameters_by_layer
from tutorial_lib.gradients._context import translate_errors, preserve_model, checked_forward, detach_for_autograd
from tutorial_lib.gradients._parameter_rules import GivenGradientRule
from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients.inputs import check_classes
from tutorial_lib.gradients.objectives import Objective, as_objective
from tutorial_lib.gradients._parameter_tracker import Statistic, ParameterUseTracker
from tutorial_lib._validation import check_choice


def per_sample_gradients(
    model: nn.Module, x: Tensor, objective=None, *, layers: Layer | list[Layer] | None = None, batch_size: int = 16
) -> dict[str, Tensor]:
    """Every sample's own gradient, ∂J_n/∂θ: a dictionary from names to tensors (N, …), each shaped like its parameter, signed.

    N times the memory of the parameters: for norms alone, :func:`gradient_norms` needs none of it.

    Raises:
        ValueError: BatchNorm or dropout in training mode, an unknown layer, outputs or an objective of the wrong shape.

    Example:
        >>> model, x = nn.Linear(2, 3), torch.tensor([[1., 2.]])
        >>> per_sample_gradients(model, x, 1)["weight"]
        tensor([[[0., 0.],
                 [1., 2.],
                 [0., 0.]]])
    """
    owners = parameters_by_layer(model, layers)
    found = _per_sample_statistics(model, x, as_objective(objective, x), None, owners, batch_size, lambda form, G: form.gradient(G))
    return {name: value[:, 0] for name, value in found.items()}


def per_sample_gradient_norms(
    model: nn.Module,
    x: Tensor,
    objective=None,
    *,
    layers: Layer | list[Layer] | None = None,
    p: float = 2,
    group_by: str = "layer",
    batch_size: int = 64,
) -> Tensor:
    """The norm of every sample's own gradient, layer by layer: ‖∂J_n/∂θ_l‖_p ≥ 0, (N, L), from one backward pass.

    Columns are ``layer_names(model, layers, by)``; ``group_by="tensor"`` separates weights from biases. Norms, not squares: for p = 2,
    ``norms.square().sum(1)`` is the squared norm over all parameters. No gradient of a parameter is kept; for p = 2, few are made.

    Raises:
        ValueError: as :func:`parameter_gradients` does; p < 1.

    Source: Goodfellow, arXiv 1510.01799; Bu et al., arXiv 2205.10683.

    Example:
        >>> per_sample_gradient_norms(nn.Linear(2, 3), torch.tensor([[3., 4.]]), 1, group_by="tensor")
        tensor([[5., 1.]])
    """
    if p < 1:
        raise ValueError(f"a norm needs p ≥ 1, not {p}")
    check_choice(group_by, ["layer", "tensor"], "grouping")

    def read(form, G):
        return form.gram(G)[:, 0, 0].clamp(min=0).sqrt() if p == 2 else form.gradient(G).flatten(1).norm(p, 1)

    owners = parameters_by_layer(model, layers)
    found = _per_sample_statistics(model, x, as_objective(objective, x), None, owners, batch_size, read)
    if group_by == "tensor":
        return torch.stack(list(found.values()), 1)
    # ‖(a, b)‖ = ‖(‖a‖, ‖b‖)‖
    return torch.stack([torch.stack([found[name] for name in names]).norm(p, 0) for names in owners.values()], 1)


def class_gradient_gram(
    model: nn.Module,
    x: Tensor,
    *,
    layers: Layer | list[Layer] | None = None,
    classes: Sequence[int] | None = None,
    batch_size: int = 8,
) -> Tensor:
    """The inner products of a sample's class gradients, layer by layer: K_ce = ⟨∂z_c/∂θ_l, ∂z_e/∂θ_l⟩, (N, L, C, C).

    K = J Jᵀ with J = ∂z/∂θ_l. It holds the gradient norm of *every* loss: ‖∂J/∂θ_l‖² = δᵀKδ with δ = ∂J/∂z
    (:func:`norms_from_gram`). One forward pass and one backward pass for each of the C classes, taken together.

    Raises:
        ValueError: as :func:`parameter_gradients` does; outputs that are no logits (N, C); more than 128 classes and no ``classes``.

    Example:
        >>> class_gradient_gram(nn.Linear(2, 2, bias=False), torch.tensor([[3., 4.]]))
        tensor([[[[25.,  0.],
                  [ 0., 25.]]]])
    """
    owners = parameters_by_layer(model, layers)
    found = _per_sample_statistics(model, x, None, classes, owners, batch_size, lambda form, G: form.gram(G))
    return torch.stack([sum(found[name] for name in names) for names in owners.values()], 1)


def gradient_norms_from_gram(gram: Tensor, logit_gradients: Tensor) -> Tensor:
    """The gradient norms of any loss from its δ = ∂J/∂z: √(δᵀKδ) ≥ 0. K (N, L, C, C), δ (N, C) -> (N, L).

    Many losses at once: δ (Q, N, C) -> (Q, N, L).

    Raises:
        ValueError: the shapes do not belong together.

    Example:
        >>> gradient_norms_from_gram(25 * torch.eye(2)[None, None], torch.tensor([[0.6, -0.8]]))
        tensor([[5.]])
    """
    if gram.dim() != 4 or logit_gradients.shape[-2:] != gram.shape[::3][:2] or gram.shape[2] != gram.shape[3]:
        raise ValueError(f"K must be (N, L, C, C) and delta (…, N, C), not {tuple(gram.shape)} and {tuple(logit_gradients.shape)}")
    if not (gram.is_floating_point() and logit_gradients.is_floating_point()):
        raise ValueError(f"K and delta are floats, not {gram.dtype} and {logit_gradients.dtype}")
    fine = torch.promote_types(gram.dtype, logit_gradients.dtype)
    gram, logit_gradients = gram.to(fine), logit_gradients.to(fine)
    return torch.einsum("...nc,nlce,...ne->...nl", logit_gradients, gram, logit_gradients).clamp(min=0).sqrt()


def last_layer_gradient_factors(logits: Tensor, features: Tensor, objective=None) -> tuple[Tensor, Tensor]:
    """The gradient with respect to the last layer, ∂J/∂W = δ hᵀ with δ = ∂J/∂z, as its rank-one factors (δ, h).

    logits (N, C), h (N, d) -> δ (N, C), h (N, d); ∂J/∂b = δ, ‖∂J/∂W‖ = ‖δ‖ ‖h‖. No pass through the network.

    Raises:
        ValueError: logits and features of different batches, or an objective of the wrong shape.

    Example:
        >>> delta, h = last_layer_gradient_factors(torch.zeros(1, 2), torch.tensor([[3., 4.]]), lambda z: z[:, 0])
        >>> delta, delta.norm() * h.norm()
        (tensor([[1., 0.]]), tensor(5.))
    """
    if logits.dim() != 2 or features.dim() != 2 or len(logits) != len(features) or not logits.is_floating_point():
        found = f"{logits.dtype} {tuple(logits.shape)} and {tuple(features.shape)}"
        raise ValueError(f"logits (N, C) of floats and features (N, d) expected, not {found}")
    with torch.inference_mode(False), torch.enable_grad():
        z = detach_for_autograd(logits).requires_grad_()
        J = as_objective(objective).resolve(z)(z)
        (delta,) = torch.autograd.grad(J.sum(), z)
    return delta, detach_for_autograd(features)


def _per_sample_statistics(
    model: nn.Module,
    x: Tensor,
    objective: Objective | None,
    classes: Sequence[int] | None,
    owners: dict[str, dict[str, nn.Parameter]],
    batch_size: int,
    statistic: Statistic,
) -> dict[str, Tensor]:
    """name -> statistic (N, …), of the objective, or without one of the Jacobian of the classes."""
    parameters = {name: parameter for names in owners.values() for name, parameter in names.items()}
    chunks = []
    with preserve_model(model, x):
        for rows in batch_slices(len(x), batch_size):
            part = detach_for_autograd(x[rows])
            if objective is None:
                part = part.contiguous()  # older versions of torch cannot take all classes back through other layouts
            watch = ParameterUseTracker(parameters, len(part), statistic)
            with watch:
                outputs = checked_forward(model, part)
            if objective is None:
                picked = check_classes(outputs, classes)
                if classes is None and len(picked) > 128:
                    raise ValueError(f"{len(picked)} classes: name up to 128 of them with `classes`")
                bound, goal = None, outputs.sum(0)[picked]
            else:
                bound = objective.select(rows).resolve(outputs)
                goal = bound(outputs).sum()
            single = None
            if watch.unsure and len(part) > 1:
                with torch.no_grad(), (single := ParameterUseTracker(parameters, 1, statistic)):
                    model(part[:1])
            watch.unsupported_parameters(single)
            _backward(goal, watch.root)
            found = watch.results()
            others = {name: parameters[name] for name in watch.unsupported_parameters(None)}
            if others:
                found |= _vmap_fallback(model, part, bound, None if bound else picked, others, statistic)
            width = 1 if bound else len(picked)
            for name in parameters.keys() - found.keys():
                zero = outputs.new_zeros(len(part), width, *parameters[name].shape, dtype=parameters[name].dtype)
                found[name] = statistic(GivenGradientRule(parameters[name].shape), zero)
            chunks.append({name: found[name].detach().to(outputs.dtype) for name in parameters})
    return {name: torch.cat([c[name] for c in chunks]) for name in parameters}


def _backward(goal: Tensor, root: Tensor) -> None:
    """One backward pass: of a number, or of all classes together."""
    if not goal.requires_grad:
        return
    if goal.dim() == 0:
        torch.autograd.grad(goal, root, allow_unused=True)
        return
    with ignore_vmap_warning():
        vmap(lambda v: torch.autograd.grad(goal, root, v, allow_unused=True, materialize_grads=True))(
            torch.eye(len(goal)).to(goal)
        )


def _vmap_fallback(
    model: nn.Module,
    x: Tensor,
    objective: Objective | None,
    classes: list[int] | None,
    others: dict[str, nn.Parameter],
    statistic: Statistic,
) -> dict[str, Tensor]:
    """The same for any parameter and any network, through torch.func; some samples at a time, since here gradients are made."""
    held = {name: parameter.detach() for name, parameter in others.items()}

    def outputs(held, row):
        return functional_call(model, held, (row[None],))

    if objective:
        bound = [b for b in objective.bound if isinstance(b, Tensor)]
        one = grad(lambda held, row, *b: _rebind(objective, [t[None] for t in b])(outputs(held, row))[0])
    else:
        bound = []

        def one(held, row):
            z, pull = vjp(lambda held: outputs(held, row)[0, classes], held)
            # One class after the other: vmap inside vmap gives wrong numbers for PReLU without a word (torch 2.15).
            pulled = [pull(e)[0] for e in torch.eye(len(classes)).to(z)]
            return {name: torch.stack([p[name] for p in pulled]) for name in held}

    each = len(classes) if classes else 1
    step = max(1, 2**26 // (each * sum(p.numel() for p in held.values())))
    found = []
    # The parameters stay constants of the outer graph, or that would be recorded as well.
    with torch.no_grad(), ignore_vmap_warning():
        for rows in batch_slices(len(x), step):
            part = (x[rows], *(b[rows] for b in bound))
            try:
                M = vmap(one, (None, *(0 for _ in part)))(held, *part)
            except RuntimeError:
                # Not every network can be vectorised over its samples; one after the other they always work.
                with translate_errors(
                    lambda: f"this {type(model).__name__} does not take samples of {tuple(x.shape[1:])} one by one"
                ):
                    alone = [one(held, *(t[0] for t in row)) for row in zip(*(t.split(1) for t in part))]
                M = {name: torch.stack([a[name] for a in alone]) for name in held}
            for name, m in M.items():
                m = m if classes else m[:, None]
                M[name] = statistic(GivenGradientRule(m.shape[2:]), m.to(torch.promote_types(m.dtype, torch.float32)))
            found.append(M)
    return {name: torch.cat([M[name] for M in found]) for name in held}


def _rebind(objective: Objective, tensors: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """The objective's function with other tensors in the place of those bound to it."""
    tensors = iter(tensors)
    bound = [next(tensors) if isinstance(b, Tensor) else b for b in objective.bound]
    return lambda outputs: objective.fn(outputs, *bound)


class ignore_vmap_warning(warnings.catch_warnings):
    """torch.func's notice that an operation is done sample by sample; the result is the same."""

    def __enter__(self):
        super().__enter__()
        warnings.filterwarnings("ignore", message=".*performance drop.*")
