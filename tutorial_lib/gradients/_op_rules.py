"""One rule per torch operation: which parameters it uses, how, and which axis of its input holds the samples.

A rule for an operation is called with the operation's own arguments, after ``(op, n, parameter_ids)``: the function
that was called, the number of samples, and the ids of the parameters that are tracked. It returns a
:class:`TrackedCall`, or None if this use of the operation has no closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.gradients._parameter_rules import (
    BiasRule,
    ConvRule,
    EmbeddingRule,
    GivenGradientRule,
    LinearRule,
    NormScaleRule,
    ParameterRule,
)


@dataclass
class TrackedCall:
    """An operation that is about to run, and closed forms for its parameter gradients.

    Attributes:
        run: ``run(tap)`` runs the operation, with ``tap`` applied to the tensor whose gradient G the rules need.
        activations: what enters the operation, samples first.
        rules: each parameter, or None where the operation has none, with its rule.
        batch_axis_known: whether the first axis holds the samples by the definition of the operation, and not only by
            its length.
    """

    run: Callable[[Callable[[Tensor], Tensor]], Tensor]
    activations: Tensor
    rules: list[tuple[Tensor | None, ParameterRule]]
    batch_axis_known: bool


def _linear_rule(op, n, parameter_ids, input, weight, bias=None):
    """y = W a + b for the last axis of a."""
    if input.dim() < 2:
        return None
    a = input.detach()
    rules = [(weight, LinearRule(a)), (bias, BiasRule(tuple(range(2, input.dim()))))]
    return TrackedCall(lambda tap: tap(op(input, weight, bias)), a, rules, input.dim() == 2)


def _conv_rule(op, n, parameter_ids, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y = W ∗ a + b over one or two spatial axes."""
    k = weight.dim() - 2
    if input.dim() != k + 2:
        return None
    size = tuple(weight.shape[2:])
    strides, dilations = _per_axis(stride, k), _per_axis(dilation, k)
    pad = _padding(padding, size, dilations)
    a = input.detach()
    images, shape = a, tuple(weight.shape)
    if k == 1:  # an image of height 1
        images, shape = a[:, :, None], (*weight.shape[:2], 1, *size)
        strides, pad, dilations = (1, *strides), (*pad, 0, 0), (1, *dilations)
    rules = [
        (weight, ConvRule(images, shape, strides, pad, dilations, groups)),
        (bias, BiasRule(tuple(range(3, 3 + k)))),
    ]
    return TrackedCall(lambda tap: tap(op(input, weight, bias, stride, padding, dilation, groups)), a, rules, True)


def _per_axis(value: int | tuple[int, ...], k: int) -> tuple[int, ...]:
    """A setting of a convolution for each of k axes."""
    return (value,) * k if isinstance(value, int) else tuple(value) * (k // len(value))


def _padding(padding: Any, size: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """The padding in the order of F.pad, last axis first; "same" may pad one more after than before."""
    if padding == "same":
        total = [e * (s - 1) for e, s in zip(dilation, size)]
        around = [(t // 2, t - t // 2) for t in total]
    else:
        around = [(p, p) for p in _per_axis(0 if padding == "valid" else padding, len(size))]
    return tuple(p for pair in reversed(around) for p in pair)


def _batch_norm_rule(
    op, n, parameter_ids, input, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """y = γ x̂ + β with the running statistics; those of the batch make samples depend on each other."""
    if training or mean is None:
        raise ValueError(
            "a batch normalization uses the statistics of the batch, so no sample has a gradient of its own"
        )
    shape = (-1,) + (1,) * (input.dim() - 2)

    def normalize(a):
        return (a - mean.to(a).view(shape)).mul_((var.to(a) + eps).rsqrt().view(shape))

    output = lambda: op(input, mean, var, weight, bias, False, momentum, eps)
    return _norm_affine_rule(input, output, weight, bias, normalize, tuple(range(3, input.dim() + 1)), True)


def _group_norm_rule(op, n, parameter_ids, input, num_groups, weight=None, bias=None, eps=1e-5):
    """y = γ x̂ + β with the statistics of each group of channels."""
    normalize = lambda a: F.group_norm(a, num_groups, eps=eps)
    output = lambda: op(input, num_groups, weight, bias, eps)
    return _norm_affine_rule(input, output, weight, bias, normalize, tuple(range(3, input.dim() + 1)), True)


def _layer_norm_rule(op, n, parameter_ids, input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """y = γ x̂ + β with the statistics of the last axes, along which the parameters lie."""
    last = len(normalized_shape)
    if input.dim() == last:
        return None
    normalize = lambda a: F.layer_norm(a, normalized_shape, eps=eps)
    output = lambda: op(input, normalized_shape, weight, bias, eps)
    positions = tuple(range(2, input.dim() - last + 1))
    return _norm_affine_rule(input, output, weight, bias, normalize, positions, input.dim() == last + 1)


def _norm_affine_rule(input, output, weight, bias, normalize, positions, batch_axis_known):
    """A normalization with scale and shift; ``positions``: the axes of G over which the parameters are shared."""
    a = input.detach()
    rules = [(weight, NormScaleRule(a, normalize, positions)), (bias, BiasRule(positions))]
    return TrackedCall(lambda tap: tap(output()), a, rules, batch_axis_known)


def _embedding_rule(
    op,
    n,
    parameter_ids,
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """The rows of W at some indices."""
    if max_norm is not None:
        raise ValueError(
            "an Embedding with max_norm rewrites its weight while it is used, so the model would not stay as it was"
        )
    if scale_grad_by_freq or input.dim() == 0:
        return None
    padding_idx = padding_idx if padding_idx is None else padding_idx % weight.shape[0]
    rule = EmbeddingRule(input, weight.shape[0], padding_idx)
    return TrackedCall(lambda tap: tap(op(input, weight)), input, [(weight, rule)], input.dim() == 1)


def _broadcast_rule(op, n, parameter_ids, *args, **kwargs):
    """A parameter added, multiplied or repeated over the batch: each sample gets its own copy, which is tapped."""
    places = [i for i, argument in enumerate(args) if id(argument) in parameter_ids]
    if len(places) != 1 or len(args) < 2:
        return None
    (place,) = places
    p: Tensor = args[place]
    # The shape of the result; a number has no shape.
    other = p.detach().expand(*args[1:]) if op is Tensor.expand else args[1 - place]
    shape = getattr(other, "shape", ())
    same_dim = p.dim() == len(shape)
    if len(shape) < max(p.dim(), 1) or shape[0] != n or (same_dim and p.shape[0] != 1):
        return None

    def run(tap):
        copies = p.detach().expand(n, *(1,) * (len(shape) - p.dim() - 1), *p.shape[same_dim:]).clone()
        return op(*args[:place], tap(copies), *args[place + 1 :], **kwargs)

    return TrackedCall(run, other.detach(), [(p, GivenGradientRule(p.shape))], False)


_BROADCAST_OPS = (
    *(getattr(module, name) for module in (torch, Tensor) for name in ("add", "sub", "mul", "div")),
    *(getattr(Tensor, f"__{prefix}{name}__") for prefix in ("", "r", "i") for name in ("add", "sub", "mul", "truediv")),
)
# From a torch function to its rule.
OP_RULES: dict[Callable, Callable[..., TrackedCall | None]] = {
    F.linear: _linear_rule,
    F.conv1d: _conv_rule,
    F.conv2d: _conv_rule,
    F.batch_norm: _batch_norm_rule,
    F.group_norm: _group_norm_rule,
    F.layer_norm: _layer_norm_rule,
    F.embedding: _embedding_rule,
    Tensor.expand: _broadcast_rule,
    **dict.fromkeys(_BROADCAST_OPS, _broadcast_rule),
}
