"""One rule per torch operation: which parameters it uses, how, and whether the first axis of its input is the batch.

The function of an operation in ``OP_RULES`` is called with the operation's own arguments. It returns a
:class:`TrackedCall`, or None if this use of the operation has no closed form.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib.gradients._parameter_rules import (
    BiasRule,
    ConvRule,
    EmbeddingRule,
    LinearRule,
    NormScaleRule,
    ParameterRule,
)


@dataclass
class TrackedCall:
    """An operation that is about to run, and closed forms for its parameter gradients.

    Attributes:
        activations: what enters the operation, samples first, without a graph.
        rules: each parameter, or None where the operation has none, with its rule.
        batch_axis_known: whether the first axis holds the samples by the definition of the operation, and not only by
            its length.
        run: ``run(tap)`` runs the operation with ``tap`` applied to copies of a parameter, one for each sample. None
            if the output of the operation is tapped.
    """

    activations: Tensor
    rules: list[tuple[Tensor | None, ParameterRule]]
    batch_axis_known: bool
    run: Callable[[Callable[[Tensor], Tensor]], Tensor] | None = None


def _linear_rule(input, weight, bias=None):
    """y = W a + b for the last axis of a."""
    if input.dim() < 2:
        return None
    rules = [(weight, LinearRule(weight.shape)), (bias, BiasRule(tuple(range(2, input.dim()))))]
    return TrackedCall(input.detach(), rules, input.dim() == 2)


def _conv_rule(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y = W ∗ a + b over one or two spatial axes."""
    k = weight.dim() - 2
    if input.dim() != k + 2:
        return None
    size = tuple(weight.shape[2:])
    strides, dilations = _per_axis(stride, k), _per_axis(dilation, k)
    pad = _padding(padding, size, dilations)
    if k == 1:  # an image of height 1
        size, strides, pad, dilations = (1, *size), (1, *strides), (*pad, 0, 0), (1, *dilations)
    rule = ConvRule((*weight.shape[:2], *size), strides, pad, dilations, groups)
    return TrackedCall(input.detach(), [(weight, rule), (bias, BiasRule(tuple(range(3, 3 + k))))], True)


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


def _batch_norm_rule(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """y = γ x̂ + β with the running statistics; those of the batch make samples depend on each other."""
    if training or running_mean is None:
        raise ValueError(
            "a batch normalization uses the statistics of the batch, so no sample has a gradient of its own"
        )
    normalize = lambda a: F.batch_norm(a, running_mean.to(a), running_var.to(a), eps=eps)
    return _norm_affine_rule(input, weight, bias, normalize, tuple(range(3, input.dim() + 1)), True)


def _group_norm_rule(input, num_groups, weight=None, bias=None, eps=1e-5):
    """y = γ x̂ + β with the statistics of each group of channels."""
    normalize = lambda a: F.group_norm(a, num_groups, eps=eps)
    return _norm_affine_rule(input, weight, bias, normalize, tuple(range(3, input.dim() + 1)), True)


def _layer_norm_rule(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """y = γ x̂ + β with the statistics of the last axes, along which the parameters lie."""
    last = len(normalized_shape)
    if input.dim() == last:
        return None
    normalize = lambda a: F.layer_norm(a, normalized_shape, eps=eps)
    positions = tuple(range(2, input.dim() - last + 1))
    return _norm_affine_rule(input, weight, bias, normalize, positions, input.dim() == last + 1)


def _norm_affine_rule(input, weight, bias, normalize, positions, batch_axis_known):
    """A normalization with scale and shift; ``positions``: the axes of G over which the parameters are shared."""
    rules = [(weight, NormScaleRule(normalize, positions)), (bias, BiasRule(positions))]
    return TrackedCall(input.detach(), rules, batch_axis_known)


def _embedding_rule(
    input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False
):
    """The rows of W at some indices."""
    if max_norm is not None or scale_grad_by_freq or input.dim() == 0:
        return None
    padding_idx = padding_idx if padding_idx is None else padding_idx % weight.shape[0]
    rule = EmbeddingRule((weight.shape[1], weight.shape[0]), padding_idx)
    return TrackedCall(input, [(weight, rule)], input.dim() == 1)


def _broadcast_rule(op, *args, **kwargs):
    """A parameter added, multiplied or repeated over the batch: each sample gets its own copy, which is tapped."""
    places = [i for i, argument in enumerate(args) if isinstance(argument, nn.Parameter)]
    if len(places) != 1 or len(args) < 2:
        return None
    (place,) = places
    p = args[place]
    # The shape of the result; a number has no shape.
    other = p.detach().expand(*args[1:]) if op is Tensor.expand else args[1 - place]
    shape = getattr(other, "shape", ())
    shape_of_copies = (1,) * (len(shape) - p.dim()) + p.shape
    if len(shape) < max(p.dim(), 1) or shape_of_copies[0] != 1:
        return None

    def run(tap):
        copies = tap(p.detach().expand(shape[0], *p.shape).clone()).view(shape[0], *shape_of_copies[1:])
        return op(*args[:place], copies, *args[place + 1 :], **kwargs)

    # What reaches the copy of a sample is the gradient itself, as that of a bias without positions.
    return TrackedCall(other.detach(), [(p, BiasRule())], False, run)


_BROADCAST_OPS = (
    Tensor.expand,
    *(getattr(module, name) for module in (torch, Tensor) for name in ("add", "sub", "mul", "div")),
    *(getattr(Tensor, f"__{prefix}{name}__") for prefix in ("", "r", "i") for name in ("add", "sub", "mul", "truediv")),
)
# From a torch function to its rule, which is called with the arguments of the function.
OP_RULES: dict[Callable, Callable[..., TrackedCall | None]] = {
    F.linear: _linear_rule,
    F.conv1d: _conv_rule,
    F.conv2d: _conv_rule,
    F.batch_norm: _batch_norm_rule,
    F.group_norm: _group_norm_rule,
    F.layer_norm: _layer_norm_rule,
    F.embedding: _embedding_rule,
    **{op: partial(_broadcast_rule, op) for op in _BROADCAST_OPS},
}
