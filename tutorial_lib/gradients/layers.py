"""A model is borrowed: looked into, split at a layer, and given back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tutorial_lib._validation import check_choice

Layer = str | nn.Module


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """Evaluation mode inside the block; on exit, also after an exception, every submodule's own flag is as before.

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
    """Everything the engine needs around a pass, whatever the caller's modes are: gradients on, autocast off, random state kept.

    Raises:
        ValueError: an empty batch; a module that ties the samples of a batch together or rolls dice; inference-mode parameters.
    """
    if not isinstance(x, Tensor) or x.dim() == 0 or len(x) == 0:
        raise ValueError("x must be a tensor of at least one sample, batch first")
    if x.dim() > 2 and not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"images must be float in [0, 1], not {x.dtype}: divide by the largest value first")
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and (module.training or module.running_mean is None):
            raise ValueError(
                f"{type(module).__name__} {name!r} uses the statistics of the batch, so no sample has a gradient of its own: "
                "keep running statistics, and call inside `with evaluating(model):`"
            )
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.training and module.p > 0:
            raise ValueError(f"{type(module).__name__} {name!r} is rolling dice: call inside `with evaluating(model):`")
    if any(p.is_inference() for p in model.parameters()):
        raise ValueError(
            "the parameters were made in inference mode, where nothing can be differentiated: build the model outside it"
        )
    attributes = [(module, dict(vars(module))) for module in model.modules()]
    accelerators = [] if x.device.type == "cpu" else [x.device]
    with ExitStack() as stack:
        stack.enter_context(
            torch.random.fork_rng(accelerators, device_type="cuda" if not accelerators else x.device.type)
        )
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(x.device.type, enabled=False))
        try:
            yield
        finally:
            # Some networks keep what they saw, and a recurrent one keeps the weights torch.func lent it.
            for module, before in attributes:
                for name in vars(module).keys() - before.keys():
                    del vars(module)[name]
                vars(module).update(before)


def math_attention() -> AbstractContextManager:
    """Inside, attention is computed step by step: its fused kernels have a first derivative and no second."""
    return sdpa_kernel(SDPBackend.MATH)


@contextmanager
def translate_errors(message: Callable[[], str]) -> Iterator[None]:
    """Inside runs what others wrote; where torch cannot do it, the error begins with ``refusal()``, and what torch said follows."""
    try:
        yield
    except (RuntimeError, IndexError) as error:
        if "memory" in str(error) or "CUDA error" in str(error):  # a full or a dead device is no question of shapes
            raise
        raise ValueError(f"{message()}: {str(error).splitlines()[0]}") from error


def checked_forward(model: nn.Module, x: Tensor) -> Tensor:
    """One pass, its outputs checked: a tensor of one finite row a sample."""

    def refusal() -> str:
        own = next((f", whose parameters are {p.dtype} on {p.device}," for p in model.parameters()), "")
        return f"this {type(model).__name__}{own} does not take x, {tuple(x.shape)} of {x.dtype} on {x.device}"

    with translate_errors(refusal):
        outputs = model(x)
    if not isinstance(outputs, Tensor) or outputs.dim() == 0 or len(outputs) != len(x):
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(f"the model must return a tensor of one row a sample, ({len(x)}, …), not {found}")
    finite = outputs.detach().isfinite().reshape(len(x), -1).all(1)
    if not finite.all():
        raise ValueError(f"the model's outputs are not finite for rows {(~finite).nonzero().flatten().tolist()[:8]}")
    return outputs


def find_layer(model: nn.Module, layer: Layer) -> nn.Module:
    """The module of a dotted name, or the module itself if it belongs to the model.

    Raises:
        ValueError: no such layer; the message holds the nearest names.

    Example:
        >>> find_layer(nn.Sequential(nn.Linear(2, 1)), "0")
        Linear(in_features=2, out_features=1, bias=True)
    """
    if isinstance(layer, nn.Module):
        if not any(layer is module for module in model.modules()):
            raise ValueError(f"this {type(layer).__name__} is no part of the model")
        return layer
    modules = dict(model.named_modules(remove_duplicate=False))
    return modules[layer] if layer == "" else modules[check_choice(layer, [name for name in modules if name], "layer")]


def parameters_by_layer(model: nn.Module, layers: Layer | list[Layer] | None = None) -> dict[str, dict[str, nn.Parameter]]:
    """layer -> name -> parameter, in registration order. A tied parameter belongs to the layer that registered it first."""
    owners: dict[str, dict[str, nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        owners.setdefault(name.rpartition(".")[0], {})[name] = parameter
    if not owners:
        raise ValueError("the model has no parameters")
    if layers is None:
        return owners
    chosen = {}
    names = {id(module): name for name, module in model.named_modules()}
    for layer in [layers] if isinstance(layers, str | nn.Module) else layers:
        name = names[id(find_layer(model, layer))]
        inside = {
            owner: own for owner, own in owners.items() if owner == name or not name or owner.startswith(name + ".")
        }
        if not inside:
            raise ValueError(
                f"layer {name!r} owns no parameters (shared ones belong to the layer that registered them first)"
            )
        chosen |= inside
    return chosen


def layer_names(model: nn.Module, layers: Layer | list[Layer] | None = None, group_by: str = "layer") -> list[str]:
    """The modules that own parameters directly, in registration order: the columns of every per-layer result.

    ``layers`` narrows them to some modules or names (a block stands for the layers inside it); ``group_by="tensor"`` lists parameters.
    A parameter shared by two modules belongs to the one that registered it first.

    Raises:
        ValueError: an unknown layer, or one without parameters.

    Example:
        >>> layer_names(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
        ['0', '2']
    """
    owners = parameters_by_layer(model, layers)
    if check_choice(group_by, ["layer", "tensor"], "grouping") == "layer":
        return list(owners)
    return [name for own in owners.values() for name in own]


def split_forward(model: nn.Module, x: Tensor, layer: Layer) -> tuple[Tensor, Tensor]:
    """One pass, split at a layer: its activation, a leaf that takes gradients, and the logits computed from it.

    The trunk before the layer leaves no graph; only the head after it does, so what follows costs what the head costs.
    Shapes: x (N, …) -> activation (N, …), logits (N, C). What the layer returned is kept, also where an in-place ReLU follows.

    Raises:
        ValueError: an unknown layer, one the pass never reaches or reaches twice, or one that returns no tensor.

    Source: the idea of forward hooks and one ``autograd.grad`` is torch-cam's; the graph-free trunk is ours.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> activation, logits = split_forward(model, torch.ones(4, 2), "0")
        >>> torch.autograd.grad(logits.sum(), activation)[0].shape
        torch.Size([4, 3])
    """
    module, found = find_layer(model, layer), []

    def seen(_, __, output):
        if found or not isinstance(output, Tensor):
            why = "is used twice in one pass" if found else f"returns a {type(output).__name__}, not a tensor"
            raise ValueError(f"cannot split at {layer if isinstance(layer, str) else type(layer).__name__!r}: it {why}")
        torch.set_grad_enabled(True)
        found.append(output.detach().requires_grad_())
        # The clone is what later in-place operations change; the activation stays as the layer returned it.
        return found[0].clone()

    with preserve_model(model, x), torch.no_grad():
        handle = module.register_forward_hook(seen)
        try:
            logits = checked_forward(model, detach_for_autograd(x))
        finally:
            handle.remove()
    if not found:
        raise ValueError(
            f"layer {layer if isinstance(layer, str) else type(layer).__name__!r} is not reached in a pass"
        )
    return found[0], logits


def penultimate_features(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The logits and what enters the last Linear: z = W h + b. Shapes: x (N, …) -> z (N, C), h (N, d). One pass, no graph.

    Raises:
        ValueError: the outputs do not come straight from a Linear layer with one row a sample.

    Example:
        >>> z, h = penultimate_features(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4)), torch.ones(5, 2))
        >>> z.shape, h.shape
        (torch.Size([5, 4]), torch.Size([5, 3]))
    """
    _, z, h = _find_last_linear_call(model, x)
    return z, h


def last_linear_layer(model: nn.Module, x: Tensor) -> nn.Linear:
    """The Linear layer that the logits come straight from, W and b of z = W h + b; found in one pass over the first sample of x.

    Raises:
        ValueError: as :func:`features` does.

    Example:
        >>> last_linear_layer(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4)), torch.ones(5, 2))
        Linear(in_features=3, out_features=4, bias=True)
    """
    return _find_last_linear_call(model, x[:1])[0]


def _find_last_linear_call(model: nn.Module, x: Tensor) -> tuple[nn.Linear, Tensor, Tensor]:
    """The last Linear, what it returned and what entered it."""
    calls = []
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    with preserve_model(model, x), torch.no_grad():
        handles = [m.register_forward_hook(lambda m, inputs, out: calls.append((m, inputs[0], out))) for m in linears]
        try:
            logits = checked_forward(model, detach_for_autograd(x))
        finally:
            for handle in handles:
                handle.remove()
    for linear, h, out in reversed(calls):
        if out.data_ptr() == logits.data_ptr() and out.shape == logits.shape and h.dim() == 2:
            return linear, logits, h
    raise ValueError(
        f"the outputs of this {type(model).__name__} do not come straight from a Linear layer, so it has no features h"
    )


def detach_for_autograd(x: Tensor) -> Tensor:
    """x without its graph, and fit for autograd where the caller works in inference mode."""
    return x.clone() if x.is_inference() else x.detach()
