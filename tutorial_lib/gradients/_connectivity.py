"""A gradient of zero is a result only if the variable has no influence, or a path of autograd leads to it."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tutorial_lib.gradients._context import CAUSES, NO_PATH, translate_errors
from tutorial_lib.gradients._model_state import restore_model


def check_zero_gradients(model: nn.Module, x: Tensor, gradients: dict[str, Tensor]) -> None:
    """Raise an error if a gradient is zero because its parameter is cut off from the outputs.

    A parameter without a path of autograd to the outputs has the gradient zero if the outputs stay the same when its
    values are changed, for example that of a head which is not used. Otherwise autograd cannot see what it does.

    Args:
        model: any module that takes x alone.
        x: samples (n, …); the first of them is run, if a gradient is zero.
        gradients: parameter name -> its gradient, or something that is zero only if the gradient is.

    Raises:
        ValueError: a parameter changes the outputs, but no path leads to it.
    """
    parameters = dict(model.named_parameters())
    leaves = {name: parameters[name].detach().requires_grad_() for name, g in gradients.items() if not g.any()}
    if not leaves:
        return

    def outputs(values: dict[str, Tensor]) -> Tensor:
        with restore_model(model):
            return functional_call(model, values, (x[:1].clone(),))

    with torch.enable_grad(), translate_errors(lambda: "the first sample cannot be run alone"):
        expected = outputs(leaves)
        unreached = list(leaves)
        if expected.requires_grad:
            paths = torch.autograd.grad(expected, list(leaves.values()), torch.ones_like(expected), allow_unused=True)
            unreached = [name for name, gradient in zip(leaves, paths) if gradient is None]
    with torch.no_grad():
        cut = [name for name in unreached if not torch.equal(outputs({name: 1 - 2 * leaves[name]}), expected)]
    if cut:
        raise ValueError(f"{NO_PATH} to the parameters {cut[:8]}: {CAUSES} (`layers` chooses parameters)")
