"""Activation norms of all layers: the control without a backward pass for the gradient norms of all layers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import convert_arguments
from tutorial_lib.gradients import Layer, find_layer, layer_names, model_outputs, skip_independence_check


@convert_arguments
def activation_norms(
    model: nn.Module, x: Tensor, *, layers: Layer | Sequence[Layer] | None = None, batch_size: int = 64
) -> Tensor:
    """Return the norm of the output of each layer with parameters, ‖a_l‖₂.

    One forward pass and no backward pass. The columns are those of
    :func:`~tutorial_lib.uncertainty.confounding_gradient_norms` with ``group_by="layer"``. Therefore, a detector that
    is fitted to both in the same way shows what the backward pass adds.

    Args:
        model: any module that takes x alone; it is left as it was.
        x: images (N, …).
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Norms (N, L), ≥ 0; the columns are ``layer_names(model, layers)``. If a layer is called several times, its
        squared norms are added; a layer that is not called has the norm 0.

    Raises:
        ValueError: an unknown layer, or a layer whose output is not a tensor with one row per image.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
        >>> model[1].weight.data = torch.tensor([[1., 0.], [0., 2.]])
        >>> activation_norms(model, torch.tensor([[[3., 2.]]]))
        tensor([[5.]])
    """
    names = layer_names(model, layers)

    def batch_norms(x: Tensor) -> Tensor:
        squares = [x.new_zeros(len(x)) for _ in names]

        def record(column: int, output: Tensor) -> None:
            if not isinstance(output, Tensor) or output.shape[:1] != x.shape[:1]:
                raise ValueError(
                    f"the output of the layer {names[column]} is not a tensor with one row for each of the {len(x)} "
                    "images; leave the layer out by naming others in layers"
                )
            squares[column] = squares[column] + output.detach().flatten(1).to(x.dtype).square().sum(1)

        with ExitStack() as hooks:
            for i, name in enumerate(names):
                hook = find_layer(model, name).register_forward_hook(lambda m, inputs, out, i=i: record(i, out))
                hooks.enter_context(hook)
            hooks.enter_context(skip_independence_check())
            model_outputs(model, x, batch_size=max(1, len(x)))
        return torch.stack(squares, 1).sqrt()

    model_outputs(model, x[:4])  # checks the model and the samples
    return run_in_batches(batch_norms, x, batch_size=batch_size)
