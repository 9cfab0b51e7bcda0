"""One forward and one backward pass, and a statistic of every sample's own parameter gradient."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_classes
from tutorial_lib.gradients._connectivity import check_zero_gradients
from tutorial_lib.gradients._context import detach_for_autograd, run_model, translate_errors
from tutorial_lib.gradients._independence import CHECK_INDEPENDENCE, check_rows, rows_to_check
from tutorial_lib.gradients._parameter_tracker import ParameterUseTracker, Statistic
from tutorial_lib.gradients._vmap_fallback import ignore_vmap_warning, vmap_statistics
from tutorial_lib.gradients.objectives import Objective

# The backward passes of all classes are run together; more of them would need too much memory.
MAX_CLASSES = 128


class PerSamplePass:
    """One forward and one backward pass that yield a statistic of per-sample gradients.

    ``statistic(rule, a, G)`` turns what entered an operation, a (n, …), and the gradient G (n, C, …) at its output into
    (n, …): the parameter gradient itself, its norm, or the Gram matrix over C classes. Each pass has four steps:

    1. forward: run the model while a tracker taps every operation that a parameter enters;
    2. confirm: run one sample alone, and compare its outputs and what enters each operation with its row of the batch.
       If the outputs differ, the samples influence each other, which is an error; if only an input differs, its rows
       are not the samples in their order, and no rule is used;
    3. backward: one backward pass delivers the gradient G to each tap, where the statistic is computed;
    4. collect: for a parameter with a use that no rule covers, or that the loss does not reach, torch.func computes the
       statistic; same numbers, but slower.

    Invariants:

    - The result has one entry per parameter, in the given order, with n rows, without a graph. Its dtype is that of the
      parameter, real for norms and inner products, but float32 instead of float16, in which sums overflow.
    - It is exact: a rule gives the same number as a backward pass over the sample alone. A parameter whose uses are not
      all covered by rules takes no number from them. A parameter without influence on the outputs has gradient zero,
      and one that is cut off from them is an error.
    - Nothing is attached to the model. Neither ``.grad`` nor ``requires_grad`` of a parameter is read or written; its
      value is only read. The caller restores modes and random state with :func:`preserve_model`, inside which the pass
      must be run.
    - No sample influences another: step 2 checks it, unless the caller of :func:`preserve_model` has switched it off.

    Args:
        model: any module that takes x alone and returns one row per sample.
        parameters: name -> parameter, those to differentiate with respect to.
        statistic: what is computed from each gradient.
    """

    def __init__(self, model: nn.Module, parameters: dict[str, nn.Parameter], statistic: Statistic):
        self.model, self.parameters, self.statistic = model, parameters, statistic
        # Remembered from batch to batch, because step 2 compares the rows of the first batch only, unless an axis of a
        # later batch is known by its length alone.
        self.rows_are_samples = True

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
        resolved = objective.resolve(outputs, needs_gradient=True)
        J = resolved(outputs).sum()
        if J.requires_grad:
            with translate_errors(lambda: "the parameters cannot be differentiated"):
                torch.autograd.grad(J, tracker.anchor, allow_unused=True)

        def values(outputs: Tensor, *rows: Tensor) -> Tensor:
            return resolved.rebind(row[None] for row in rows)(outputs)

        return self._collect(tracker, x, values, resolved.tensors, 1)

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
        if outputs.is_complex():
            raise ValueError("the gradients of logits need real outputs, not complex ones")
        if classes is None and len(indices) > MAX_CLASSES:
            raise ValueError(f"{len(indices)} classes: name up to {MAX_CLASSES} of them with `classes`")
        z = outputs.sum(0)[indices]
        if z.requires_grad:
            with translate_errors(lambda: "the parameters cannot be differentiated"), ignore_vmap_warning():
                torch.func.vmap(
                    lambda v: torch.autograd.grad(z, tracker.anchor, v, allow_unused=True, materialize_grads=True)
                )(torch.eye(len(z), dtype=z.dtype, device=z.device))
        return self._collect(tracker, x, lambda outputs: outputs[0, indices], [], len(indices))

    def _forward(self, x: Tensor) -> tuple[Tensor, ParameterUseTracker]:
        """Steps 1 and 2: the outputs, and a tracker that saw every use of a parameter."""
        trackers: list[ParameterUseTracker] = []

        def tracked_pass(rows: Tensor) -> tuple[Tensor]:
            trackers.append(ParameterUseTracker(self.parameters, len(rows), self.statistic))
            outputs = run_model(self.model, rows, mode=trackers[-1])
            trackers[-1].forward_ended = True
            return (outputs,)

        (outputs,) = tracked_pass(x)
        tracker = trackers[0]
        if CHECK_INDEPENDENCE.get():
            check_rows(tracked_pass, x, outputs)
        elif not tracker.batch_axes_known:
            for row in rows_to_check(len(x)):
                tracked_pass(x[row : row + 1])
        alone = [single for single in trackers[1:] if single.n == 1]
        self.rows_are_samples = self.rows_are_samples and tracker.has_rows_of(alone)
        if not self.rows_are_samples:
            tracker.unsupported.update(self.parameters)
        return outputs, tracker

    def _collect(
        self,
        tracker: ParameterUseTracker,
        x: Tensor,
        values: Callable[..., Tensor],
        bound: Sequence[Tensor],
        n_values: int,
    ) -> dict[str, Tensor]:
        """Step 4: the statistic of every parameter, from the backward pass or by torch.func."""
        results = tracker.results()
        # Also the parameters that the loss does not reach: torch.func gives them the gradient zero.
        others = {name: p for name, p in self.parameters.items() if name not in results}
        if others:
            computed = vmap_statistics(self.model, x, values, bound, n_values, self.statistic, others)
            check_zero_gradients(self.model, x, computed)
            results |= computed
        return {name: _in_dtype_of(p, results[name].detach()) for name, p in self.parameters.items()}


def _in_dtype_of(parameter: Tensor, statistic: Tensor) -> Tensor:
    """The statistic in the precision of its parameter, or in float32 if this is float16."""
    dtype = parameter.dtype if statistic.is_complex() or not parameter.is_complex() else parameter.dtype.to_real()
    return statistic.to(torch.float32 if dtype == torch.float16 else dtype)
