"""The outputs of a network and the value of an objective, without a gradient."""

import torch
from torch import Tensor, nn

from tutorial_lib._validation import convert_arguments
from tutorial_lib.gradients._context import checked_forward, detach_for_autograd, preserve_model, run_passes
from tutorial_lib.gradients.objectives import Objective, ObjectiveLike, as_objective


@convert_arguments
def model_outputs(model: nn.Module, x: Tensor, *, batch_size: int = 64) -> Tensor:
    """Return the outputs f(x) of a network, computed in batches and without a graph.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …).
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Outputs (N, …), all of them finite.

    Raises:
        ValueError: an empty batch, outputs that are not finite or not one row per sample, samples that influence each
            other, or a random network.

    Example:
        >>> model_outputs(nn.Flatten(), torch.tensor([[[1., 5.]]]))
        tensor([[1., 5.]])
    """

    @torch.no_grad()
    def one_pass(x: Tensor) -> Tensor:
        return checked_forward(model, detach_for_autograd(x))

    return run_passes(one_pass, model, x, batch_size=batch_size)


@convert_arguments
def objective_values(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    batch_size: int = 64,
) -> Tensor:
    """Return the value J(f(x)) of an objective for every sample, without a graph.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …).
        objective: what is computed, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the logit of
            the predicted class.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Values (N,), in the unit of the objective.

    Raises:
        ValueError: an empty batch, outputs that are not finite, or an objective that does not give one number per row.

    Example:
        >>> objective_values(nn.Flatten(), torch.tensor([[[1., 5.]]]), 0)
        tensor([1.])
    """

    @torch.no_grad()
    def one_pass(x: Tensor, objective: Objective) -> Tensor:
        outputs = checked_forward(model, detach_for_autograd(x))
        return objective.resolve(outputs)(outputs)

    bound = as_objective(objective, x)
    return run_passes(one_pass, model, x, bound, batch_size=batch_size)


@convert_arguments
def fix_predicted_class(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    batch_size: int = 64,
) -> Objective:
    """Return the objective with the predicted class fixed to the prediction of the model at x.

    The result then refers to the same class at x and at perturbed versions of x. No forward pass is made for an
    objective that does not use the predicted class.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: samples (N, …).
        objective: the objective, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the logit of the
            predicted class.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        An objective bound to labels (N,) instead of None.

    Raises:
        ValueError: an empty batch, outputs that are not finite, or an objective that does not give one number per row.

    Example:
        >>> J = fix_predicted_class(nn.Flatten(), torch.tensor([[[1., 5.]]]))
        >>> objective_values(nn.Flatten(), torch.tensor([[[7., 2.]]]), J)
        tensor([2.])
    """
    bound = as_objective(objective, x)
    # The context checks the model and the samples, also if no pass is needed.
    with preserve_model(model, x):
        return bound.resolve(model_outputs(model, x, batch_size=batch_size)) if bound.uses_predicted_class else bound
