"""What surrounds every pass: the model is checked, run in a known state of autograd, and left exactly as it was."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from tutorial_lib._batching import Result, run_in_batches
from tutorial_lib._validation import check_floating
from tutorial_lib.gradients._independence import CHECK_INDEPENDENCE, check_rows
from tutorial_lib.gradients._model_state import random_states, restore_global_state, restore_model, restore_weights

NO_PATH = "the outputs may depend on it, but no path of autograd leads from the objective"
CAUSES = (
    "it is cut by no_grad, detach, .data, whole numbers (argmax, quantization), or an operation that is not PyTorch's; "
    "remove the cut, or choose another variable"
)
# Functions whose gradient is zero wherever they have one.
ROUNDING = ("RoundBackward", "FloorBackward", "CeilBackward", "TruncBackward", "SignBackward")


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
    """Fix the state of autograd inside the block, and restore the global state afterwards.

    Inside, whatever the caller's modes are: gradients are recorded, inference mode is off, compiled models and
    attention layers run as they do in training, and weights that are computed from parameters are computed again in
    each pass. On exit, also after an exception, the random states and the defaults of torch are as they were. What a
    forward pass changes in the model is put back by :func:`run_model`.

    Args:
        model: the model that is going to be run; every sample must be independent of the others in its batch.
        x: the samples (N, …), N ≥ 1, on the device of the model.

    Yields:
        Nothing.

    Raises:
        ValueError: an empty batch, images of whole numbers, BatchNorm in training mode, an embedding with max_norm, or
            parameters that are not initialized or made in inference mode.
    """
    _check_model_and_samples(model, x)
    token = CHECK_INDEPENDENCE.set(CHECK_INDEPENDENCE.get())  # it is cleared after the first batch
    try:
        with (
            restore_global_state(x.device),
            # Without this module nothing is compiled, and its import would take seconds.
            torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext(),
            # A cached weight does not depend on the parameters any more.
            mock.patch.object(parametrize, "_cache_enabled", 0),
            # Under no_grad, attention would run kernels that set padded positions to zero, and that call no hooks.
            mock.patch.object(torch.backends.mha, "_is_fastpath_enabled", False),
            torch.inference_mode(False),
            torch.enable_grad(),
            restore_weights(model),
        ):
            yield
    finally:
        CHECK_INDEPENDENCE.reset(token)


def run_passes(
    one_pass: Callable[..., Result],
    model: nn.Module,
    x: Tensor,
    *row_arguments: Any,
    batch_size: int,
) -> Result:
    """Return ``one_pass(x, *row_arguments)``, run on some samples at a time, with the model left as it was.

    Args:
        one_pass: runs the model on some samples, see :func:`~tutorial_lib._batching.run_in_batches`.
        model: the model that is run.
        x: samples (N, …), N ≥ 1.
        *row_arguments: whatever else holds one row per sample.
        batch_size: samples per pass.

    Returns:
        The results of all passes, concatenated along axis 0.
    """
    with preserve_model(model, x):
        return run_in_batches(one_pass, x, *row_arguments, batch_size=batch_size)


def _check_model_and_samples(model: nn.Module, x: Tensor) -> None:
    """Raise unless autograd can differentiate the model, and each sample has a gradient of its own."""
    if len(x) == 0:
        raise ValueError("x must be a tensor of at least one sample, batch first")
    # Whole numbers may be indices of an embedding; bytes, and four axes with one or three channels, are images.
    is_image = x.dtype == torch.uint8 and x.dim() > 2 or x.dim() == 4 and x.shape[1] in (1, 3)
    if is_image and not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"images must be float in [0, 1], not {x.dtype}: divide by the largest value first")
    for name, module in model.named_modules():
        if getattr(module, "max_norm", None) is not None:
            raise ValueError(
                f"{type(module).__name__} {name!r} with max_norm rewrites its weight while it is used, so the model "
                "would not stay as it was"
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and (module.training or module.running_mean is None):
            raise ValueError(
                f"{type(module).__name__} {name!r} uses the statistics of the batch, so no sample has a gradient of "
                "its own: "
                "keep running statistics, and call inside `with eval_mode(model):`"
            )
    if any(is_lazy(p) for p in (*model.parameters(), *model.buffers())):
        raise ValueError("the model has parameters without a shape: run it once on samples to initialize them")
    if any(t.is_inference() for t in (*model.parameters(), *model.buffers())):
        raise ValueError(
            "parameters or buffers were made in inference mode, where nothing can be differentiated: build and load "
            "the model outside it"
        )


@contextmanager
def translate_errors(message: Callable[[], str]) -> Iterator[None]:
    """Turn torch's errors inside the block into a ValueError that says what was expected.

    Errors about memory and about the device pass through unchanged, since they do not concern the caller's shapes.

    Args:
        message: returns the beginning of the message; the first line of torch's own message follows it.

    Yields:
        Nothing.

    Raises:
        ValueError: a RuntimeError, an IndexError or a TypeError was raised inside the block.
    """
    try:
        yield
    except (RuntimeError, IndexError, TypeError) as error:
        if "memory" in str(error) or "CUDA error" in str(error):
            raise
        raise ValueError(f"{message()}: {str(error).splitlines()[0]}") from error


def run_model(
    model: nn.Module, x: Tensor, *, freeze: bool = False, mode: AbstractContextManager | None = None
) -> Tensor:
    """Run the model once, leave it as it was, and check that it returns one finite row per sample.

    Args:
        model: any module that takes x alone.
        x: samples (n, …); the model receives a copy, because it may write to its input.
        freeze: record no graph for the parameters.
        mode: a context for the operations of the model alone.

    Returns:
        The outputs (n, …), with their graph if autograd records one.

    Raises:
        ValueError: the model does not accept x, draws random numbers, returns something else than one row per sample, a
            value that is not finite, or rounded values, if their gradient is recorded.
    """

    def message() -> str:
        parameter = next(model.parameters(), None)
        own = "" if parameter is None else f", whose parameters are {parameter.dtype} on {parameter.device},"
        return f"this {type(model).__name__}{own} does not take x, {tuple(x.shape)} of {x.dtype} on {x.device}"

    parameters = list(model.parameters())
    before, versions = random_states(x.device), [p._version for p in parameters]
    # The model may leave gradients switched off.
    grad_mode = torch.set_grad_enabled(torch.is_grad_enabled())
    with restore_model(model, freeze=freeze), translate_errors(message), grad_mode, mode or nullcontext():
        outputs = model(x.clone())
    if not isinstance(outputs, Tensor) or outputs.dim() == 0 or len(outputs) != len(x):
        raise ValueError(
            f"the model must return a tensor of one row per sample, ({len(x)}, …), "
            f"not {tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__}: wrap it in a "
            "module that returns its logits alone"
        )
    if [p._version for p in parameters] != versions:
        raise ValueError(
            f"this {type(model).__name__} overwrites its own parameters in the forward pass, so its gradients would "
            "belong to other weights: move the change to where the model is trained"
        )
    if random_states(x.device) != before:
        raise ValueError(
            f"{_name_random_module(model)}, because random numbers are drawn in the forward pass: call inside `with "
            "eval_mode(model):`, or remove what is random in evaluation mode too"
        )
    finite = outputs.detach().isfinite().reshape(len(x), -1).all(1)
    if not finite.all():
        raise ValueError(f"the model's outputs are not finite for rows {(~finite).nonzero().flatten().tolist()[:8]}")
    if outputs.grad_fn is not None and outputs.grad_fn.name().startswith(ROUNDING):
        raise ValueError(
            "the outputs are rounded, and the gradient of a rounded value is zero wherever it exists: return the "
            "values before they are rounded"
        )
    return outputs


def _name_random_module(model: nn.Module) -> str:
    """The first module with a probability in training mode, in words, or the model if there is none."""
    for name, module in model.named_modules():
        p = getattr(module, "p", getattr(module, "dropout", 0))
        if module.training and isinstance(p, float) and p > 0:
            return f"{type(module).__name__} {name!r} is random in training mode"
    return f"this {type(model).__name__} is random"


def checked_forward(model: nn.Module, x: Tensor) -> Tensor:
    """Run the model once, and check that it treats each sample alone.

    Args:
        model: any module that takes x alone.
        x: samples (n, …).

    Returns:
        The outputs (n, …), with their graph if autograd records one.

    Raises:
        ValueError: see :func:`run_model`, or a sample has other outputs alone.
    """
    outputs = run_model(model, x)
    check_rows(lambda rows: (run_model(model, rows),), x, outputs)
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
        The leaf, with the values of x, and the outputs (n, …) with a graph that goes back to it.

    Raises:
        ValueError: x is not float, or the model is refused, see :func:`checked_forward`.
    """
    check_floating(x)
    leaf = detach_for_autograd(x).requires_grad_()
    return leaf, checked_forward(model, leaf)


def differentiate(J: Tensor, leaf: Tensor, *, retain_graph: bool = False) -> Tensor:
    """Return ∂J/∂leaf, if a path of autograd leads from J to the leaf.

    Args:
        J: a scalar.
        leaf: the tensor to differentiate with respect to.
        retain_graph: keep the graph for another backward pass.

    Returns:
        The gradient, like ``leaf``.

    Raises:
        ValueError: there is no path, or J is complex.
    """
    if J.is_complex():
        raise ValueError("a gradient needs real outputs, not complex ones: use their real part or absolute value")
    gradient = None
    if J.requires_grad:
        with translate_errors(lambda: "the outputs cannot be differentiated"):
            (gradient,) = torch.autograd.grad(J, leaf, retain_graph=retain_graph, allow_unused=True)
    if gradient is None:
        raise ValueError(f"{NO_PATH} to the variable of shape {tuple(leaf.shape)}: {CAUSES}")
    return gradient
