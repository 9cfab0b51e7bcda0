"""Which torch calls have a closed form: how each uses its parameters, and which axis of what enters holds the samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.gradients._parameter_rules import ConvRule, ParameterRule, GivenGradientRule, LinearRule, NormScaleRule, BiasRule, EmbeddingRule


@dataclass
class TrackedCall:
    """``run(tap, forms)`` makes the call, with ``tap`` on what its gradient is read from; ``forms``: parameter, form.

    ``a`` is what enters, samples first. ``sure``: by the operation's own definition, not only by the length of that axis.
    """

    run: Callable
    activations: Tensor
    rules: list[tuple[Tensor | None, ParameterRule]]
    batch_axis_known: bool


def _linear_rule(func, n, names, input, weight, bias=None):
    if input.dim() < 2:
        return None
    a = input.detach()
    forms = [(weight, LinearRule(a)), (bias, BiasRule(tuple(range(2, input.dim()))))]
    return TrackedCall(lambda tap, forms: tap(func(input, weight, bias), forms), a, forms, input.dim() == 2)


def _conv_rule(func, n, names, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    k = len(weight.shape) - 2
    if input.dim() != k + 2:
        return None
    each = lambda v: (v,) * k if isinstance(v, int) else tuple(v) * (k // len(v))
    size, stride, dilation = weight.shape[2:], each(stride), each(dilation)
    if padding == "same":
        total = [e * (s - 1) for e, s in zip(dilation, size)]
        around = [(t // 2, t - t // 2) for t in total]
    else:
        around = [(p, p) for p in each(0 if padding == "valid" else padding)]
    a = input.detach()
    pad = [p for pair in reversed(around) for p in pair]
    if k == 2:
        form = ConvRule(a, tuple(weight.shape), stride, tuple(pad), dilation, groups)
    else:
        form = ConvRule(
            a[:, :, None], (*weight.shape[:2], 1, *size), (1, *stride), (*pad, 0, 0), (1, *dilation), groups
        )
    forms = [(weight, form), (bias, BiasRule(tuple(range(3, 3 + k))))]
    return TrackedCall(
        lambda tap, forms: tap(func(input, weight, bias, stride, padding, dilation, groups), forms), a, forms, True
    )


def _batch_norm_rule(func, n, names, input, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if training or mean is None:
        raise ValueError(
            "a batch normalisation uses the statistics of the batch, so no sample has a gradient of its own"
        )
    shape = (-1,) + (1,) * (input.dim() - 2)

    def normalise(a):
        return (a - mean.to(a).view(shape)).mul_((var.to(a) + eps).rsqrt().view(shape))

    return _norm_affine_rule(
        input, lambda: func(input, mean, var, weight, bias, False, momentum, eps), weight, bias, normalise, 1, True
    )


def _group_norm_rule(func, n, names, input, num_groups, weight=None, bias=None, eps=1e-5):
    def normalise(a):
        return F.group_norm(a, num_groups, eps=eps)

    return _norm_affine_rule(input, lambda: func(input, num_groups, weight, bias, eps), weight, bias, normalise, 1, True)


def _layer_norm_rule(func, n, names, input, normalized_shape, weight=None, bias=None, eps=1e-5):
    def normalise(a):
        return F.layer_norm(a, normalized_shape, eps=eps)

    last = len(normalized_shape)
    if input.dim() == last:
        return None
    sure = input.dim() == last + 1
    return _norm_affine_rule(
        input, lambda: func(input, normalized_shape, weight, bias, eps), weight, bias, normalise, -last, sure
    )


def _norm_affine_rule(input, run, weight, bias, normalise, at, sure):
    # The parameters lie along axis 1, or along the last ones; G has the axis of the classes before them.
    spread = range(2, input.dim()) if at == 1 else range(1, input.dim() + at)
    axes, a = tuple(i + 1 for i in spread), input.detach()
    forms = [(weight, NormScaleRule(a, normalise, axes)), (bias, BiasRule(axes))]
    return TrackedCall(lambda tap, forms: tap(run(), forms), a, forms, sure)


def _embedding_rule(
    func,
    n,
    names,
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    if max_norm is not None:
        raise ValueError("an Embedding with max_norm rewrites its weight while it is used: it cannot be borrowed")
    if scale_grad_by_freq or input.dim() == 0:
        return None
    form = EmbeddingRule(input, weight.shape[0], padding_idx if padding_idx is None else padding_idx % weight.shape[0])
    return TrackedCall(lambda tap, forms: tap(func(input, weight), forms), input, [(weight, form)], input.dim() == 1)


def _broadcast_rule(func, n, names, *args, **kwargs):
    """A parameter added, multiplied or repeated over the batch: every sample gets a copy of its own, and the copy is tapped."""
    place = [i for i, a in enumerate(args) if id(a) in names]
    if len(place) != 1 or len(args) < 2:
        return None
    p = args[place[0]]
    if func in _EXPAND_OPS:
        sizes = args[1] if isinstance(args[1], list | tuple | torch.Size) else args[1:]
        shape = torch.Size(size if size >= 0 else p.shape[i - len(sizes)] for i, size in enumerate(sizes))
    else:
        other = args[1 - place[0]]
        shape = other.shape if isinstance(other, Tensor) else ()
    if len(shape) < max(p.dim(), 1) or shape[0] != n or p.dim() == len(shape) and p.shape[0] != 1:
        return None

    def run(tap, forms):
        own = p.detach().expand(n, *(1,) * (len(shape) - p.dim() - 1), *p.shape[p.dim() == len(shape) :]).clone()
        return func(*args[: place[0]], tap(own, forms), *args[place[0] + 1 :], **kwargs)

    return TrackedCall(run, p.new_empty(()).expand(shape), [(p, GivenGradientRule(p.shape))], False)


_EXPAND_OPS = {Tensor.expand}
_BROADCAST_OPS = {getattr(holder, name) for name in ("add", "sub", "mul", "div") for holder in (torch, Tensor)} | {
    getattr(Tensor, name)
    for op in ("add", "sub", "mul", "truediv")
    for name in (f"__{op}__", f"__r{op}__", f"__i{op}__")
}
OP_RULES = {
    F.linear: _linear_rule,
    F.conv1d: _conv_rule,
    F.conv2d: _conv_rule,
    F.batch_norm: _batch_norm_rule,
    F.group_norm: _group_norm_rule,
    F.layer_norm: _layer_norm_rule,
    F.embedding: _embedding_rule,
} | dict.fromkeys(_EXPAND_OPS | _BROADCAST_OPS, _broadcast_rule)
