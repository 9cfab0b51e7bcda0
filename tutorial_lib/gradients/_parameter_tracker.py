"""Which operations used which parameter: every torch call that a parameter enters is intercepted.

Calls are tracked rather than modules. So nothing is attached to the model, and the tracker also sees a function that
takes a module's weight, a module that is called twice, and a parameter that belongs to no layer.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import promote_to_float32
from tutorial_lib.gradients._gradient_tap import tap_gradient
from tutorial_lib.gradients._independence import rows_agree, rows_to_check
from tutorial_lib.gradients._op_rules import OP_RULES, TrackedCall
from tutorial_lib.gradients._parameter_rules import BiasRule, ParameterRule

# statistic(rule, a, G) -> (n, …): what is computed from what entered an operation, (n, …), and from the gradient G at
# its output, (n, C, …).
Statistic = Callable[[ParameterRule, Tensor, Tensor], Tensor]

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
        # Forward pass: what entered each use of a parameter by an operation with a rule, of some samples only, namely
        # those that are also run alone; and the parameters for which rules do not suffice.
        self.compared_rows = rows_to_check(n) or [0]
        self.uses: dict[str, list[Tensor]] = defaultdict(list)
        self.unsupported: set[str] = set()
        # Whether the first axis of each input holds the samples by the definition of its operation.
        self.batch_axes_known = True
        # Set by the caller; before that, a gradient is one that the model computes inside its forward pass.
        self.forward_ended = False
        # Backward pass: the statistic of a parameter used once, and the summed gradient of one used more often.
        self.statistics: dict[str, Tensor] = {}
        self.gradient_sums: dict[str, Tensor] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        # Runs a torch call, tapped if a parameter enters it and there is a rule for it.
        kwargs = kwargs or {}
        arguments = list(_flatten_arguments((*args, *kwargs.values())))
        used = [self.names[id(a)] for a in arguments if id(a) in self.names]
        has_rule = used and func in OP_RULES and not any(isinstance(a, Tensor) and a.is_complex() for a in arguments)
        call = OP_RULES[func](*args, **kwargs) if has_rule else None
        rules = self._track(call, used) if call else {}
        if call and rules:
            a = call.activations
            tap = lambda y: tap_gradient(y, self.anchor, partial(self._on_output_gradient, rules, a, a._version))
            return call.run(tap) if call.run else tap(func(*args, **kwargs))
        output = func(*args, **kwargs)
        # Asking a parameter for its shape does not use it.
        if used and not call and any(isinstance(o, Tensor) for o in _flatten_arguments((output,))):
            self.unsupported.update(used)
        return output

    def _track(self, call: TrackedCall, used: list[str]) -> dict[str, ParameterRule]:
        """Note a use of parameters; return the rules that the backward pass needs, name -> rule."""
        rules = {self.names[id(p)]: rule for p, rule in call.rules if id(p) in self.names}
        self.unsupported.update(name for name, times in Counter(used).items() if times > 1 or name not in rules)
        has_sample_rows = len(call.activations) == self.n
        for name in rules:
            self.uses[name].append(call.activations[self.compared_rows] if has_sample_rows else call.activations)
        # A use without a graph is repeated later (a checkpoint), or it is not part of the gradient.
        if not has_sample_rows or not torch.is_grad_enabled():
            self.unsupported.update(rules)
            return {}
        self.batch_axes_known = self.batch_axes_known and call.batch_axis_known
        return rules

    def _on_output_gradient(self, rules: dict[str, ParameterRule], a: Tensor, version: int, G: Tensor) -> None:
        """Use the gradient G (C, n, …) that reached the output of an operation, which ``a`` entered."""
        if a._version != version or not self.forward_ended:
            # The input was overwritten in place after the operation, or this is not a gradient of the objective.
            self.unsupported.update(rules)
        # Half precision is too coarse to add squares in. Rules take the samples first.
        G = G.detach().to(promote_to_float32(G)).transpose(0, 1)
        for name, rule in rules.items():
            if name in self.unsupported:
                continue
            if len(self.uses[name]) == 1:
                self.statistics[name] = self._in_chunks(self.statistic, rule, a, G)
            else:
                gradient = self._in_chunks(lambda rule, a, G: rule.gradient(a, G), rule, a, G)
                self.gradient_sums[name] = self.gradient_sums.get(name, 0) + gradient

    def _in_chunks(self, statistic: Statistic, rule: ParameterRule, a: Tensor, G: Tensor) -> Tensor:
        """A statistic, computed for as many samples at a time as fit into the cache."""
        numel = CHUNK_NUMEL.get(G.device.type, DEFAULT_CHUNK_NUMEL)
        step = max(1, numel // max(rule.numel_per_sample(a, G), 1))
        return torch.cat([statistic(rule, a[rows], G[rows]) for rows in batch_slices(self.n, step)])

    def has_rows_of(self, alone: list[Self]) -> bool:
        """Compare what entered the operations that have rules with passes over single samples.

        An axis that is as long as the batch is the batch axis only if it shrinks with the batch, and the rows of a
        layer belong to the samples in their order only if a sample alone has the same row.

        Args:
            alone: one tracker for each of ``compared_rows``, open during a forward pass over this sample alone; or no
                tracker, if nothing is to be compared.

        Returns:
            Whether these rows of every input are what the samples gave alone; otherwise no rule may be used.
        """
        for name in self.uses.keys() - self.unsupported:
            for i, single in enumerate(alone):
                batch, expected = self.uses[name], single.uses[name]
                if len(batch) != len(expected) or not all(rows_agree(a, i, b) for a, b in zip(batch, expected)):
                    return False
        return True

    def results(self) -> dict[str, Tensor]:
        """Return the statistics that the backward pass has computed.

        Returns:
            name -> statistic (n, …) of the parameters that the loss reaches, and whose uses all have rules.
        """
        # A rule without positions takes a gradient as it is.
        summed = {name: self.statistic(BiasRule(), M, M) for name, M in self.gradient_sums.items()}
        return {name: value for name, value in (self.statistics | summed).items() if name not in self.unsupported}


def _flatten_arguments(values: Iterable) -> Iterator:
    """The arguments of a call, those inside lists and tuples included."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flatten_arguments(value)
        else:
            yield value
