"""What a position of a feature map depends on, and what a backward pass to its layer costs."""

import time

import torch
from torch import Tensor, nn

from tutorial_lib.gradients import find_layer


def _layer_output(model: nn.Module, x: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """The activation of a layer and the outputs, with a graph that begins at x."""
    activations = []
    handle = find_layer(model, layer).register_forward_hook(lambda module, inputs, output: activations.append(output))
    try:
        outputs = model(x)
    finally:
        handle.remove()
    return activations[0], outputs


def receptive_field(model: nn.Module, x: Tensor, layer: str, row: int, column: int) -> tuple[int, int]:
    """Return the height and width of the region of the image on which one position of the feature maps depends.

    A pixel belongs to the receptive field if the gradient of the feature maps at this position is not zero there, for
    at least one of the images.

    Args:
        model: a network.
        x: images (N, C, H, W); several images avoid that a ReLU that is inactive hides a pixel.
        layer: name of the layer.
        row: row of the position.
        column: column of the position.

    Returns:
        Height and width of the smallest rectangle that contains the receptive field, in pixels.

    Example:
        >>> receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3)), torch.rand(1, 1, 8, 8), "0", 2, 2)
        (3, 3)
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        activation, _ = _layer_output(model, x, layer)
        (gradient,) = torch.autograd.grad(activation[:, :, row, column].sum(), x)
    depends = gradient.abs().sum((0, 1)) > 0
    rows, columns = depends.any(1).nonzero(), depends.any(0).nonzero()
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def backward_time_share(model: nn.Module, x: Tensor, layer: str, repeats: int = 5) -> float:
    """Return the processor time of a backward pass to a layer, as a share of that of a backward pass to the pixels.

    Args:
        model: a classifier.
        x: images (N, C, H, W).
        layer: name of the layer.
        repeats: number of measurements of each, of which the smallest counts.

    Returns:
        The share of the time, which varies between machines.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(288, 2))
        >>> backward_time_share(model, torch.rand(4, 1, 8, 8), "1") > 0
        True
    """
    seconds: dict[str, list[float]] = {"layer": [], "pixels": []}
    for _ in range(repeats):
        for end in seconds:
            pixels = x.detach().requires_grad_()
            with torch.enable_grad():
                activation, outputs = _layer_output(model, pixels, layer)
                start = time.process_time()
                torch.autograd.grad(outputs.amax(1).sum(), activation if end == "layer" else pixels)
                seconds[end].append(time.process_time() - start)
    return min(seconds["layer"]) / min(seconds["pixels"])
