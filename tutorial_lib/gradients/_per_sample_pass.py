"""One forward and one backward pass, and a statistic of every sample's own parameter gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_classes
from tutorial_lib.gradients._context import checked_forward, detach_for_autograd
from tutorial_lib.gradients._parameter_rules import GivenGradientRule
from tutorial_lib.gradients._parameter_tracker import ParameterUseTracker, Statistic
from tutorial_lib.gradients._vmap_fallback import ignore_vmap_warning, vmap_statistics
from tutorial_lib.gradients.objectives import Objective

# The backward passes of all classes are run together; more of them would need too much memory.
MAX_CLASSES = 128

Parameters = dict[str, nn.Parameter]


class PerSamplePass:
    """One forward and one backward pass that yield a statistic of per-sample gradients.

    ``statistic(rule, G)`` turns the gradient G (n, C, …) at the output of an operation into (n, …): the parameter
    gradient itself, its norm, or the Gram matrix over C classes. Each pass has four steps:

    1. forward: run the model while a tracker taps every operation that a parameter enters;
    2. confirm: if the batch axis of an input was only guessed from its length, run one sample and see whether that axis
       shrinks;
    3. backward: one backward pass delivers the gradient G to each tap, where the statistic is computed;
    4. collect: for a parameter with a use that no rule covers, torch.func computes the statistic; same numbers, but
       slower.

    Invariants:

    - The result has one entry per parameter, in the given order, with n rows and the dtype of the outputs, without a
      graph.
    - It is exact: a rule gives the same number as a backward pass over the sample alone. A parameter whose uses are not
      all covered by rules takes no number from them. A parameter that the loss does not reach has gradient zero.
    - Nothing is attached to the model. Neither ``.grad`` nor ``requires_grad`` of a parameter is read or written; its
      value is only read. The caller restores attributes, modes and random state with :func:`preserve_model`, inside
      which the pass must be run.
    - No sample influences another: :func:`preserve_model` refuses modules that use the statistics of the batch.

    Args:
        model: any module that takes x alone and returns one row per sample.
        parameters: name -> parameter, those to differentiate with respect to.
        statistic: what is computed from each gradient.
    """

    def __init__(self, model: nn.Module, parameters: Parameters, statistic: Statistic):
        self.model, self.parameters, self.statistic = model, parameters, statistic

    def of_loss(self, x: Tensor, objective: Objective) -> dict[str, Tensor]:
        """Return the statistics of ∂J/∂θ, C = 1.

        Args:
            x: samples (n, …).
            objective: the objective of these samples.

        Returns:
            name -> statistic (n, …).
        """
        x = detach_for_autograd(x)
        outputs, tracker = self._forward(x)
        resolved = objective.resolve(outputs)
        J = resolved(outputs).sum()
        if J.requires_grad:
            torch.autograd.grad(J, tracker.anchor, allow_unused=True)

        def values(outputs: Tensor, *rows: Tensor) -> Tensor:
            return resolved.rebind(row[None] for row in rows)(outputs)

        return self._collect(tracker, x, outputs, values, resolved.tensors, 1)

    def of_classes(self, x: Tensor, classes: Sequence[int] | None) -> dict[str, Tensor]:
        """Return the statistics of ∂z_c/∂θ for several classes c, C = len(classes).

        Args:
            x: samples (n, …).
            classes: class indices; None selects all of them.

        Returns:
            name -> statistic (n, …).

        Raises:
            ValueError: the outputs are not logits (n, C), a class is out of range, or there are too many classes for
                one pass.
        """
        # Some versions of torch cannot take all classes back together through other memory layouts.
        x = detach_for_autograd(x).contiguous()
        outputs, tracker = self._forward(x)
        indices = check_classes(outputs, classes)
        if classes is None and len(indices) > MAX_CLASSES:
            raise ValueError(f"{len(indices)} classes: name up to {MAX_CLASSES} of them with `classes`")
        z = outputs.sum(0)[indices]
        if z.requires_grad:
            with ignore_vmap_warning():
                torch.func.vmap(
                    lambda v: torch.autograd.grad(z, tracker.anchor, v, allow_unused=True, materialize_grads=True)
                )(torch.eye(len(z)).to(z))
        return self._collect(tracker, x, outputs, lambda outputs: outputs[0, indices], [], len(indices))

    def _forward(self, x: Tensor) -> tuple[Tensor, ParameterUseTracker]:
        """The outputs, and a tracker that saw every use of a parameter, with confirmed batch axes."""
        tracker = ParameterUseTracker(self.parameters, len(x), self.statistic)
        with tracker:
            outputs = checked_forward(self.model, x)
        if tracker.unconfirmed and len(x) > 1:
            single = ParameterUseTracker(self.parameters, 1, self.statistic)
            with torch.no_grad(), single:
                self.model(x[:1])
            tracker.confirm_batch_axis(single)
        return outputs, tracker

    def _collect(
        self,
        tracker: ParameterUseTracker,
        x: Tensor,
        outputs: Tensor,
        values: Callable[..., Tensor],
        bound: Sequence[Tensor],
        n_values: int,
    ) -> dict[str, Tensor]:
        """The statistic of every parameter: by its rules, by torch.func, or of the gradient zero."""
        results = tracker.results()
        others = {name: p for name, p in self.parameters.items() if not tracker.is_supported(name)}
        if others:
            results |= vmap_statistics(self.model, x, values, bound, n_values, self.statistic, others)
        for name in self.parameters.keys() - results.keys():  # not reached by the loss
            p = self.parameters[name]
            zero = outputs.new_zeros(len(outputs), n_values, *p.shape, dtype=p.dtype)
            results[name] = self.statistic(GivenGradientRule(p.shape), zero)
        return {name: results[name].detach().to(outputs.dtype) for name in self.parameters}
