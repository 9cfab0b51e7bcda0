"""Which operations used which parameter: every torch call that a parameter enters is intercepted.

Calls are tracked rather than modules. So nothing is attached to the model, and the tracker also sees a function that
takes a module's weight, a module that is called twice, and a parameter that belongs to no layer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tutorial_lib._validation import promote_to_float32
from tutorial_lib.gradients._gradient_tap import tap_gradient
from tutorial_lib.gradients._independence import rows_agree, rows_to_check
from tutorial_lib.gradients._op_rules import OP_RULES, TrackedCall
from tutorial_lib.gradients._parameter_rules import GivenGradientRule, ParameterRule

# statistic(rule, G) -> (n, …): what is computed from the gradient G (n, C, …) at the output of an operation.
Statistic = Callable[[ParameterRule, Tensor], Tensor]

# How many numbers are worked on at a time: what the cache of a processor holds, and what keeps a GPU busy.
CHUNK_NUMEL = {"cpu": 2**20}
DEFAULT_CHUNK_NUMEL = 2**27


class ParameterUseTracker(TorchFunctionMode):
    """Track the uses of parameters in a forward pass; compute statistics in the backward pass.

    Inside ``with tracker:`` every torch call is intercepted. If the operation has a rule, its output is tapped;
    otherwise the parameter is unsupported. ``torch.autograd.grad(J, tracker.anchor)`` then delivers the gradient of
    each tapped output. It is turned into the statistic at once and released, so no list of gradients ever exists.

    Args:
        parameters: name -> parameter, the parameters to track.
        n: number of samples in the pass.
        statistic: what is computed from each gradient.
    """

    def __init__(self, parameters: dict[str, nn.Parameter], n: int, statistic: Statistic):
        super().__init__()
        self.n, self.statistic = n, statistic
        self.names = {id(parameter): name for name, parameter in parameters.items()}
        self.anchor = torch.zeros((), device="cpu", requires_grad=True)
        # Forward pass: some rows of what entered at each tapped use, and the parameters for which rules do not suffice.
        self.rows = rows_to_check(n) or [0]
        self.inputs: dict[str, list[Tensor]] = defaultdict(list)
        self.unsupported: set[str] = set()
        self.unconfirmed: set[str] = set()
        # Backward pass: the statistic of a parameter used once, and the summed gradient of one used more often.
        self.statistics: dict[str, Tensor] = {}
        self.gradient_sums: dict[str, Tensor] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        # Runs a torch call, tapped if a parameter enters it and there is a rule for it.
        kwargs = kwargs or {}
        arguments = list(_flatten_arguments((*args, *kwargs.values())))
        used = [self.names[id(a)] for a in arguments if id(a) in self.names]
        has_rule = used and func in OP_RULES and not any(isinstance(a, Tensor) and a.is_complex() for a in arguments)
        call = OP_RULES[func](func, self.n, self.names, *args, **kwargs) if has_rule else None
        if call:
            return self._attach(call, used)
        output = func(*args, **kwargs)
        # Asking a parameter for its shape does not use it.
        if used and any(isinstance(o, Tensor) for o in _flatten_arguments((output,))):
            self.unsupported.update(used)
        return output

    def _attach(self, call: TrackedCall, used: list[str]) -> Tensor:
        """Run an operation that has rules, with a tap on its output."""
        rules = {self.names[id(p)]: rule for p, rule in call.rules if id(p) in self.names}
        self.unsupported.update(name for name, times in Counter(used).items() if times > 1 or name not in rules)
        recorded = torch.is_grad_enabled()
        has_sample_rows = len(call.activations) == self.n
        for name in rules:
            self.inputs[name].append(call.activations[self.rows] if has_sample_rows else call.activations)
            # A use without a graph is repeated later (a checkpoint), or it is not part of the gradient.
            if not has_sample_rows or not recorded:
                self.unsupported.add(name)
            elif not call.batch_axis_known:
                self.unconfirmed.add(name)
        if not rules or not recorded:
            return call.run(lambda output: output)
        a = call.activations
        return call.run(lambda y: tap_gradient(y, self.anchor, partial(self._on_output_gradient, rules, a, a._version)))

    def _on_output_gradient(
        self, rules: dict[str, ParameterRule], activations: Tensor, version: int, G: Tensor
    ) -> None:
        """Use the gradient G (C, n, …) that reached the output of one operation."""
        if activations._version != version:
            # The input was overwritten in place after the operation: nothing can be computed from it.
            self.unsupported.update(rules)
        # Half precision is too coarse to add squares in.
        G = G.detach().to(promote_to_float32(G)).transpose(0, 1)
        for name, rule in rules.items():
            if name in self.unsupported:
                continue
            if len(self.inputs[name]) == 1:
                self.statistics[name] = self._in_chunks(self.statistic, rule, G)
            else:
                gradient = self._in_chunks(lambda rule, G: rule.gradient(G), rule, G)
                self.gradient_sums[name] = self.gradient_sums.get(name, 0) + gradient

    def _in_chunks(self, statistic: Statistic, rule: ParameterRule, G: Tensor) -> Tensor:
        """A statistic, computed for as many samples at a time as fit into the cache."""
        numel = CHUNK_NUMEL.get(G.device.type, DEFAULT_CHUNK_NUMEL)
        step = max(1, numel // max(rule.numel_per_sample(G), 1))
        chunks = [slice(i, i + step) for i in range(0, self.n, step)]
        return torch.cat([statistic(rule.select(rows), G[rows]) for rows in chunks])

    def has_rows_of(self, single: ParameterUseTracker, row: int) -> bool:
        """Compare what entered the operations that have rules with a pass over one sample.

        An axis that is as long as the batch is the batch axis only if it shrinks with the batch, and the rows of a
        layer belong to the samples in their order only if a sample alone has the same row.

        Args:
            single: a tracker that was open during a forward pass over this sample alone.
            row: index of the sample, one of ``rows``.

        Returns:
            Whether this row of every input is what the sample gave alone; otherwise no rule may be used.
        """
        for name in self.inputs.keys() - self.unsupported:
            uses, alone, i = self.inputs[name], single.inputs[name], self.rows.index(row)
            if len(uses) != len(alone) or not all(rows_agree(a, i, b) for a, b in zip(uses, alone)):
                return False
        return True

    def results(self) -> dict[str, Tensor]:
        """Return the statistics that the backward pass has computed.

        Returns:
            The supported parameters that the loss reaches, name -> statistic (n, …).
        """
        summed = {name: self.statistic(GivenGradientRule(M.shape[2:]), M) for name, M in self.gradient_sums.items()}
        return {name: value for name, value in (self.statistics | summed).items() if name not in self.unsupported}

    def is_supported(self, name: str) -> bool:
        """Return whether each use of a parameter has a rule, and at least one use is recorded.

        Args:
            name: name of the parameter.

        Returns:
            False if the parameter needs another method.
        """
        return name in self.inputs and name not in self.unsupported


def _flatten_arguments(values: Iterable) -> Iterator:
    """The arguments of a call, those inside lists and tuples included."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flatten_arguments(value)
        else:
            yield value
