"""Find layers and their parameters, split a forward pass at a layer, take the features before the last layer."""

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice, convert_arguments, format_tensor
from tutorial_lib.gradients._context import detach_for_autograd, preserve_model, run_model
from tutorial_lib.gradients._independence import check_rows

# A layer is given by its dotted name, as in ``model.named_modules()``, or as the module itself.
Layer = str | nn.Module
GROUPINGS = ("layer", "tensor")


@convert_arguments
def find_layer(model: nn.Module, layer: Layer) -> nn.Module:
    """Return the submodule with a dotted name; a module of the model is returned as it is.

    Args:
        model: any module.
        layer: dotted name, as in ``model.named_modules()`` ("" is the model), or a module.

    Returns:
        The submodule.

    Raises:
        ValueError: there is no such layer; the message holds the nearest names.

    Example:
        >>> find_layer(nn.Sequential(nn.Linear(2, 1)), "0")
        Linear(in_features=2, out_features=1, bias=True)
    """
    if isinstance(layer, nn.Module):
        if not any(layer is module for module in model.modules()):
            raise ValueError(f"this {type(layer).__name__} is not part of the model")
        return layer
    modules = dict(model.named_modules(remove_duplicate=False))
    return modules[layer] if layer == "" else modules[check_choice(layer, [name for name in modules if name], "layer")]


def parameters_by_layer(
    model: nn.Module, layers: Layer | Sequence[Layer] | None = None
) -> dict[str, dict[str, nn.Parameter]]:
    """Return the parameters, grouped by the module that owns them.

    Args:
        model: any module with parameters.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.

    Returns:
        Layer name -> parameter name -> parameter, in the order of registration, or in the order of ``layers``. A
        parameter shared by two modules belongs to the one that registered it first, and the parameters from which a
        parametrization computes a weight belong to the module of the weight. Parameter names are complete:
        "block1.conv.weight".

    Raises:
        ValueError: the model has no parameters, a layer is unknown, or a layer owns no parameters.

    Example:
        >>> parameters_by_layer(nn.Sequential(nn.Linear(2, 1, bias=False)))["0"]["0.weight"].shape
        torch.Size([1, 2])
    """
    by_layer: dict[str, dict[str, nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        # The parameters that a weight is computed from, as in weight normalization, belong to the layer of the weight.
        owner = name.rpartition(".")[0].partition(".parametrizations.")[0]
        by_layer.setdefault(owner, {})[name] = parameter
    if not by_layer:
        raise ValueError("the model has no parameters")
    if layers is None:
        return by_layer
    if not isinstance(layers, str | nn.Module) and not len(layers):
        raise ValueError("expected at least one layer in `layers`, or None for every layer; got none")
    names = {id(module): name for name, module in model.named_modules()}
    selected: dict[str, dict[str, nn.Parameter]] = {}
    for layer in [layers] if isinstance(layers, str | nn.Module) else layers:
        name = names[id(find_layer(model, layer))]
        inside = {
            owner: parameters
            for owner, parameters in by_layer.items()
            if owner == name or not name or owner.startswith(name + ".")
        }
        if not inside:
            raise ValueError(
                f"layer {name!r} owns no parameters (shared ones belong to the layer that registered them first)"
            )
        selected |= inside
    return selected


def flatten_layers(by_layer: dict[str, dict[str, nn.Parameter]]) -> dict[str, nn.Parameter]:
    """Return the parameters of all layers in one dictionary.

    Args:
        by_layer: layer name -> parameter name -> parameter, from :func:`parameters_by_layer`.

    Returns:
        Parameter name -> parameter.
    """
    return {name: p for parameters in by_layer.values() for name, p in parameters.items()}


@convert_arguments
def layer_names(model: nn.Module, layers: Layer | Sequence[Layer] | None = None, group_by: str = "layer") -> list[str]:
    """Return the names of the layers with parameters: the columns of per-layer results.

    Args:
        model: any module with parameters.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        group_by: "layer" lists the modules that own parameters directly; "tensor" lists each parameter, weights and
            biases apart.

    Returns:
        Names in the order of registration, or in the order of ``layers``. A parameter shared by two modules belongs to
        the one that registered it first.

    Raises:
        ValueError: a layer is unknown or owns no parameters; an unknown grouping.

    Example:
        >>> layer_names(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
        ['0', '2']
    """
    by_layer = parameters_by_layer(model, layers)
    if check_choice(group_by, GROUPINGS, "grouping") == "layer":
        return list(by_layer)
    return list(flatten_layers(by_layer))


@convert_arguments
def split_forward(model: nn.Module, x: Tensor, layer: Layer) -> tuple[Tensor, Tensor]:
    """Run the model once and return a layer's activation and the logits computed from it.

    The part of the model before the layer records no graph. Only the part after it does, so that a backward pass from
    the logits to the activation costs no more than that part. Where the network itself switches off gradients, nothing
    is recorded.

    Args:
        model: any module that takes x alone, and reaches the layer exactly once.
        x: samples (N, …).
        layer: dotted name or module.

    Returns:
        The activation (N, …), a leaf that requires gradients, and the logits (N, C) with a graph that goes back to it.
        The activation keeps the values that the layer returned, also if a ReLU in place follows.

    Raises:
        ValueError: the layer is unknown, is not reached, is used twice in one pass, was scripted, or does not return
            floats with one row per sample; samples that influence each other, or a random network.

    References:
        torch-cam, ``torchcam.methods.core``, for forward hooks combined with one ``autograd.grad``.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> activation, logits = split_forward(model, torch.ones(4, 2), "0")
        >>> torch.autograd.grad(logits.sum(), activation)[0].shape
        torch.Size([4, 3])
    """
    name, module = layer if isinstance(layer, str) else type(layer).__name__, find_layer(model, layer)
    if isinstance(module, torch.jit.ScriptModule):  # it runs in a compiler of its own, which calls no hooks
        raise ValueError(
            "a scripted or traced network hides its layers and operations: pass the network from which it was made"
        )

    def split_pass(x: Tensor) -> tuple[Tensor, Tensor]:
        activations: list[Tensor] = []

        def split(module, inputs, output):
            if activations or not isinstance(output, Tensor):
                why = "is used twice in one pass" if activations else f"returns a {type(output).__name__}, not a tensor"
                raise ValueError(f"cannot split at {name!r}: it {why}")
            if len(output) != len(x) or not (output.is_floating_point() or output.is_complex()):
                raise ValueError(
                    f"cannot split at {name!r}: expected floats with one row per sample, ({len(x)}, …), but it returns "
                    f"{format_tensor(output)}; choose a layer that keeps the samples apart"
                )
            activations.append(output.detach().requires_grad_())
            # Later operations in place change the clone; the activation stays as the layer returned it.
            return activations[0].clone()

        # Nothing requires gradients before the layer, so that no graph is recorded there.
        with module.register_forward_hook(split):
            logits = run_model(model, detach_for_autograd(x), freeze=True)
        if not activations:
            raise ValueError(f"layer {name!r} is not reached in a forward pass")
        return activations[0], logits

    with preserve_model(model, x):
        activation, logits = split_pass(x)
        check_rows(split_pass, x, activation, logits)
    return activation, logits


@convert_arguments
def penultimate_features(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits z and the features h that enter the last linear layer: z = W h + b.

    Args:
        model: a network whose outputs are those of an ``nn.Linear``.
        x: samples (N, …); they are run as one batch, without a graph.

    Returns:
        Logits (N, C) and features (N, d).

    Raises:
        ValueError: the outputs are not directly those of a linear layer with one row per sample.

    Example:
        >>> z, h = penultimate_features(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4)), torch.ones(5, 2))
        >>> z.shape, h.shape
        (torch.Size([5, 4]), torch.Size([5, 3]))
    """
    _, z, h = _find_last_linear_call(model, x)
    return z, h


@convert_arguments
def last_linear_layer(model: nn.Module, x: Tensor) -> nn.Linear:
    """Return the linear layer that computes the logits, z = W h + b.

    Args:
        model: a network whose outputs are those of an ``nn.Linear``.
        x: samples (N, …); one forward pass over the first of them finds the layer.

    Returns:
        The module; its ``weight`` is W and its ``bias`` is b.

    Raises:
        ValueError: the outputs are not directly those of a linear layer with one row per sample.

    Example:
        >>> last_linear_layer(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4)), torch.ones(5, 2))
        Linear(in_features=3, out_features=4, bias=True)
    """
    return _find_last_linear_call(model, x[:1])[0]


def _find_last_linear_call(model: nn.Module, x: Tensor) -> tuple[nn.Linear, Tensor, Tensor]:
    """The last linear layer, its output z and its input h."""

    def linear_pass(x: Tensor) -> tuple[nn.Linear, Tensor, Tensor]:
        calls: list[tuple[nn.Linear, Tensor, Tensor, list[int]]] = []

        def record(linear, inputs, z):
            calls.append((linear, z, inputs[0], [z._version, inputs[0]._version]))

        with ExitStack() as hooks:
            for module in model.modules():
                if isinstance(module, nn.Linear):
                    hooks.enter_context(module.register_forward_hook(record))
            logits = run_model(model, detach_for_autograd(x))
        for linear, z, h, versions in reversed(calls):
            returned = z.data_ptr() == logits.data_ptr() and z.shape == logits.shape
            # Neither the outputs nor the features may have been changed in place since then.
            if returned and h.dim() == 2 and [z._version, h._version] == versions:
                return linear, logits, h
        raise ValueError(
            f"the outputs of this {type(model).__name__} do not come straight from a Linear layer, so it has no "
            "features h"
        )

    with preserve_model(model, x), torch.no_grad():
        linear, logits, h = linear_pass(x)
        check_rows(lambda rows: linear_pass(rows)[1:], x, logits, h)
    return linear, logits, h
