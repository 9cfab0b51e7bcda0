"""Where parameters are used: every torch call that a parameter enters is seen, and what reaches its output is read there.

Calls are watched rather than modules, so nothing is hung on the model, and neither a function that takes a module's weight, nor a
module called twice, nor a bare parameter escapes. One backward pass then brings each output's gradient by; it is read on the spot
and let go, so no list of gradients ever exists.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tutorial_lib.gradients._op_rules import OP_RULES
from tutorial_lib.gradients._parameter_rules import ParameterRule, GivenGradientRule

# Numbers worked on at a time: what a processor's cache holds, what keeps a GPU busy.
CHUNK_NUMEL = {"cpu": 2**20}
DEFAULT_CHUNK_NUMEL = 2**27
Statistic = Callable[[ParameterRule, Tensor], Tensor]


class ParameterUseTracker(TorchFunctionMode):
    """While open, taps every use of ``parameters`` (name -> parameter) in a pass over ``n`` samples that has a closed form.

    ``read(form, G)`` turns the gradient G (n, C, …) that reaches a use into the statistic wanted. ``root`` is what the backward
    pass is asked for. Parameters used in any other way end in ``elsewhere``.
    """

    def __init__(self, parameters: dict[str, nn.Parameter], n: int, statistic: Statistic):
        super().__init__()
        self.parameters, self.n, self.read = parameters, n, statistic
        self.names = {id(parameter): name for name, parameter in parameters.items()}
        self.root = torch.zeros((), requires_grad=True)
        self.uses, self.shapes = Counter(), defaultdict(list)
        self.elsewhere, self.unsure = set(), set()
        self.results, self.sums = {}, {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        used = [self.names[id(a)] for a in _flatten_arguments((args, kwargs.values())) if id(a) in self.names]
        call = used and func in OP_RULES and OP_RULES[func](func, self.n, self.names, *args, **kwargs)
        if call:
            return self._attach(call, used)
        output = func(*args, **kwargs)
        # Asking a parameter for its shape is no use of it.
        if used and any(isinstance(o, Tensor) for o in _flatten_arguments((output,))):
            self.elsewhere.update(used)
        return output

    def _attach(self, call, used: list[str]) -> Tensor:
        forms = {self.names[id(p)]: form for p, form in call.rules if id(p) in self.names}
        self.elsewhere.update(name for name, times in Counter(used).items() if times > 1 or name not in forms)
        for name in forms:
            self.uses[name] += 1
            self.shapes[name].append(tuple(call.activations.shape))
            # A use without a graph is repeated later (a checkpoint), or is no part of the gradient.
            if len(call.activations) != self.n or not torch.is_grad_enabled():
                self.elsewhere.add(name)
            elif not call.batch_axis_known:
                self.unsure.add(name)

        def tap(output: Tensor, forms: dict[str, ParameterRule]) -> Tensor:
            if not forms or not torch.is_grad_enabled():
                return output
            # A tensor is tapped without a copy, by marking it changed in place; autograd allows that for memory of its own.
            output = output.clone() if output._is_view() else output
            return _GradientTap.apply(output, self.root, partial(self._on_output_gradient, forms, call.activations, call.activations._version))

        return call.run(tap, forms)

    def _on_output_gradient(self, forms: dict[str, ParameterRule], a: Tensor, version: int, G: Tensor) -> None:
        if a._version != version:
            # What entered was overwritten later on: nothing can be read off it.
            self.elsewhere.update(forms)
        for name in forms.keys() - self.elsewhere:
            self._record(name, forms[name], G.detach())

    def _record(self, name: str, form: ParameterRule, G: Tensor) -> None:
        """Read the gradient G (C, n, …) that reached one use."""
        # Half precision is too coarse to add squares in.
        G = G.to(torch.promote_types(G.dtype, torch.float32)).transpose(0, 1)
        once = self.uses[name] == 1
        read = self.read if once else lambda form, G: form.gradient(G)
        step = max(1, CHUNK_NUMEL.get(G.device.type, DEFAULT_CHUNK_NUMEL) // max(form.numel_per_sample(G), 1))
        value = torch.cat([read(form.select(slice(i, i + step)), G[i : i + step]) for i in range(0, self.n, step)])
        if once:
            self.results[name] = value
        else:
            # Used more than once: its gradients add up before anything is read off them.
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def unsupported_parameters(self, single: ParameterUseTracker | None) -> set[str]:
        """The parameters without a closed form, once the pass is over; ``single`` watched a pass over one sample.

        An axis as long as the batch is the batch only if it shrinks with it.
        """
        for name in self.unsure if single else ():
            if single.shapes[name] != [(1, *shape[1:]) for shape in self.shapes[name]]:
                self.elsewhere.add(name)
        return self.elsewhere | (self.parameters.keys() - self.uses.keys())

    def results(self) -> dict[str, Tensor]:
        """The statistic of every parameter with a closed form that the loss reaches."""
        summed = {name: self.read(GivenGradientRule(M.shape[2:]), M) for name, M in self.sums.items()}
        return {name: value for name, value in (self.results | summed).items() if name not in self.elsewhere}


class _GradientTap(torch.autograd.Function):
    """The identity; on the way back, the gradient is shown to the watch."""

    @staticmethod
    def forward(ctx, output, root, show):
        ctx.mark_dirty(output)
        ctx.show = [show]
        return output

    @staticmethod
    def backward(ctx, G):
        # What entered is let go as soon as it has been read.
        return _VisitGradient.apply(G, ctx.show.pop()), None, None


class _VisitGradient(torch.autograd.Function):
    """Lets a gradient pass and shows it, (C, n, …): one class, or all classes that are taken back together."""

    @staticmethod
    def forward(G, show):
        show(G[None])
        return G.view_as(G)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def vmap(info, in_dims, G, show):
        G = G.movedim(in_dims[0], 0) if in_dims[0] is not None else G.expand(info.batch_size, *G.shape)
        show(G)
        return G, 0


def _flatten_arguments(values: Iterable) -> Iterator:
    for value in values:
        if isinstance(value, list | tuple | type({}.values())):
            yield from _flatten_arguments(value)
        else:
            yield value
