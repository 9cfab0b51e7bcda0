"""What surrounds every pass: the model is checked, run in a known state of autograd, and left exactly as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """Put a model into evaluation mode inside the block and restore every flag afterwards.

    The ``training`` flag of each submodule is restored on its own, also after an exception.

    Args:
        model: any module.

    Yields:
        The model, in evaluation mode.

    Example:
        >>> model = nn.Sequential(nn.Dropout(), nn.Linear(2, 1))
        >>> with eval_mode(model): model[0].training
        False
        >>> model[0].training
        True
    """
    flags = [(module, module.training) for module in model.modules()]
    try:
        yield model.eval()
    finally:
        for module, flag in flags:
            module.training = flag


@contextmanager
def preserve_model(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Fix the state of autograd inside the block, and leave the model as it was.

    Inside, whatever the caller's modes are: gradients are recorded, inference mode and autocast are off. On exit, also
    after an
    exception: each module has the attributes it had before, and the global random state is restored. Parameters,
    buffers, ``.grad`` and hooks are not touched by anything that the engine does inside.

    Args:
        model: the model that is going to be run; every sample must be independent of the others in its batch.
        x: the samples (N, …), N ≥ 1, on the device of the model.

    Yields:
        Nothing.

    Raises:
        ValueError: an empty batch, images of whole numbers, a module whose result depends on the batch or on chance
            (BatchNorm or dropout in training mode), or parameters made in inference mode.
    """
    _check_model_and_samples(model, x)
    attributes = [(module, dict(vars(module))) for module in model.modules()]
    device = x.device.type
    accelerators = [] if device == "cpu" else [x.device]
    fork = torch.random.fork_rng(accelerators, device_type=device if accelerators else "cuda")
    with fork, torch.inference_mode(False), torch.enable_grad(), torch.autocast(device, enabled=False):
        try:
            yield
        finally:
            # Some networks store an activation as an attribute; a recurrent one stores the weights of torch.func.
            for module, before in attributes:
                for name in vars(module).keys() - before.keys():
                    del vars(module)[name]
                vars(module).update(before)


def _check_model_and_samples(model: nn.Module, x: Any) -> None:
    """Raise unless autograd can differentiate the model, and each sample has a gradient of its own."""
    if not isinstance(x, Tensor) or x.dim() == 0 or len(x) == 0:
        raise ValueError("x must be a tensor of at least one sample, batch first")
    if x.dim() > 2 and not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"images must be float in [0, 1], not {x.dtype}: divide by the largest value first")
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and (module.training or module.running_mean is None):
            raise ValueError(
                f"{type(module).__name__} {name!r} uses the statistics of the batch, so no sample has a gradient of "
                "its own: "
                "keep running statistics, and call inside `with eval_mode(model):`"
            )
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.training and module.p > 0:
            raise ValueError(
                f"{type(module).__name__} {name!r} is random in training mode: call inside `with eval_mode(model):`"
            )
    if any(p.is_inference() for p in model.parameters()):
        raise ValueError(
            "the parameters were made in inference mode, where nothing can be differentiated: build the model "
            "outside it"
        )


def math_attention() -> AbstractContextManager:
    """Compute attention step by step inside the block.

    The fused kernels of attention have no second derivative.

    Returns:
        A context manager.
    """
    return sdpa_kernel(SDPBackend.MATH)


@contextmanager
def translate_errors(message: Callable[[], str]) -> Iterator[None]:
    """Turn torch's errors inside the block into a ValueError that says what was expected.

    Errors about memory and about the device pass through unchanged, since they do not concern the caller's shapes.

    Args:
        message: returns the beginning of the message; the first line of torch's own message follows it.

    Yields:
        Nothing.

    Raises:
        ValueError: torch raised a RuntimeError or an IndexError inside the block.
    """
    try:
        yield
    except (RuntimeError, IndexError) as error:
        if "memory" in str(error) or "CUDA error" in str(error):
            raise
        raise ValueError(f"{message()}: {str(error).splitlines()[0]}") from error


def checked_forward(model: nn.Module, x: Tensor) -> Tensor:
    """Run the model once and check that it returns one finite row per sample.

    Args:
        model: any module that takes x alone.
        x: samples (n, …).

    Returns:
        The outputs (n, …), with their graph if autograd records one.

    Raises:
        ValueError: the model does not accept x, returns something else than one row per sample, or a value that is not
            finite.
    """

    def message() -> str:
        parameter = next(model.parameters(), None)
        own = "" if parameter is None else f", whose parameters are {parameter.dtype} on {parameter.device},"
        return f"this {type(model).__name__}{own} does not take x, {tuple(x.shape)} of {x.dtype} on {x.device}"

    with translate_errors(message):
        outputs = model(x)
    if not isinstance(outputs, Tensor) or outputs.dim() == 0 or len(outputs) != len(x):
        raise ValueError(
            f"the model must return a tensor of one row per sample, ({len(x)}, …), "
            f"not {tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__}"
        )
    finite = outputs.detach().isfinite().reshape(len(x), -1).all(1)
    if not finite.all():
        raise ValueError(f"the model's outputs are not finite for rows {(~finite).nonzero().flatten().tolist()[:8]}")
    return outputs


def detach_for_autograd(x: Tensor) -> Tensor:
    """Return x without its graph.

    A tensor that was made in inference mode is copied, because autograd cannot save it for a backward pass.

    Args:
        x: any tensor.

    Returns:
        A tensor with the same values that autograd can work with; it shares the memory of x where that is possible.
    """
    return x.clone() if x.is_inference() else x.detach()


def forward_from_leaf(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run the model on a leaf tensor, to be differentiated with respect to its input.

    Args:
        model: any module that takes x alone.
        x: floats (n, …).

    Returns:
        The leaf, with the values of x, and the outputs (n, …) with a graph that goes back to it. The model sees a copy
        of the leaf, because an operation in place is not allowed on a leaf.
    """
    leaf = detach_for_autograd(x).requires_grad_()
    return leaf, checked_forward(model, leaf.clone())


def grad_or_zero(J: Tensor, leaf: Tensor, *, retain_graph: bool = False) -> Tensor:
    """Return ∂J/∂leaf; zero if J does not depend on the leaf.

    Args:
        J: a scalar.
        leaf: the tensor to differentiate with respect to.
        retain_graph: keep the graph for another backward pass.

    Returns:
        The gradient, like ``leaf``.
    """
    if not J.requires_grad:
        return torch.zeros_like(leaf)
    return torch.autograd.grad(J, leaf, retain_graph=retain_graph, allow_unused=True, materialize_grads=True)[0]
