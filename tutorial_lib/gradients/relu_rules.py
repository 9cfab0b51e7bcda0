"""Input gradients with another backward rule at every ReLU: guided backpropagation and the deconvolution network.

The rule is attached to the graph of one pass, which is released with the pass; the model is never changed.
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.gradients._context import forward_from_leaf, run_passes
from tutorial_lib.gradients.objectives import Objective, ObjectiveLike, as_objective

# rule(ordinary, incoming): what a ReLU passes on, from what it passes on by the ordinary rule and what reaches it.
RELU_BACKWARD_RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "guided": lambda ordinary, incoming: ordinary.clamp(min=0),
    "deconvolution": lambda ordinary, incoming: incoming.clamp(min=0),
}
# The nodes of a graph that are ReLUs: every spelling of ReLU and ReLU6, whether module, function or in place.
# A clamp with another upper end keeps images in their range and is not a ReLU.
IS_RELU_NODE: dict[str, Callable[[Any], bool]] = {
    "ReluBackward": lambda node: True,
    "HardtanhBackward": lambda node: (node._saved_min_val, node._saved_max_val) == (0, 6),
    "ClampBackward": lambda node: (
        not isinstance(node._saved_min, Tensor) and node._saved_min == 0 and node._saved_max is None
    ),
    "ClampMinBackward": lambda node: not isinstance(node._saved_min, Tensor) and node._saved_min == 0,
    "ThresholdBackward": lambda node: node._saved_threshold == 0,
}
# Nodes with a graph of their own: scripted or compiled functions, and reentrant checkpoints.
HIDING_NODES = ("DifferentiableGraphBackward", "CompiledFunctionBackward", "CheckpointFunctionBackward")


@convert_arguments
def guided_backprop(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    rule: str = "guided",
    batch_size: int = 64,
) -> Tensor:
    """Return ∂J/∂x, backpropagated with a modified rule at every ReLU.

    A ReLU with input a, reached by the gradient g, passes on g·1[a > 0] by the ordinary rule, g·1[a > 0]·1[g > 0] by
    "guided", and g·1[g > 0] by "deconvolution". The rule applies to every ReLU of the graph: modules, functions, in
    place, or used twice. Other activations keep their own gradient. Scripted networks hide their graph, and so their
    ReLUs; they are refused. The map is sharp but not trustworthy, because it restores the edges of
    the image, and hardly changes when the last layers are re-initialized at random.

    Args:
        model: any module with a ReLU that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        rule: "guided" or "deconvolution" (the deconvnet).
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Modified gradients like x, signed.

    Raises:
        ValueError: a network without a ReLU, or with parts that hide theirs; an unknown rule; x is not float, the
            outputs are not finite, or the objective does not give one number per row.

    References:
        Springenberg et al., ICLR workshop 2015, arXiv:1412.6806; Zeiler and Fergus, 2013, arXiv:1311.2901; its
        failure: Adebayo et al., NeurIPS 2018, arXiv:1810.03292.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> guided_backprop(model, torch.rand(5, 3, 1, 1), 1).shape
        torch.Size([5, 3, 1, 1])
    """
    bound = as_objective(objective, x)
    backward_rule = RELU_BACKWARD_RULES[check_choice(rule, RELU_BACKWARD_RULES, "rule")]

    def one_pass(x: Tensor, objective: Objective) -> Tensor:
        leaf, outputs = forward_from_leaf(model, x)
        nodes = list(find_relu_nodes(outputs))
        if not nodes:
            raise ValueError(
                f"no ReLU was found on the way through this {type(model).__name__}: guided backpropagation is a rule "
                "for "
                "ReLUs (GELU, SiLU and the like are not); use saliency or smoothgrad, or a network that is not compiled"
            )
        for node in nodes:
            node.register_hook(lambda passed, reached: (backward_rule(passed[0], reached[0]), *passed[1:]))
        return objective.gradient(outputs, leaf)

    return run_passes(one_pass, model, x, bound, batch_size=batch_size)


def find_relu_nodes(outputs: Tensor) -> Iterator[Any]:
    """Return the ReLU nodes of the graph that ends in ``outputs``, one for each use of a ReLU.

    Args:
        outputs: a tensor with a graph.

    Yields:
        Nodes of the autograd graph.

    Raises:
        ValueError: a part of the graph is hidden, because it was scripted or is computed again in the backward pass.

    Example:
        >>> import torch
        >>> x = torch.ones(1, requires_grad=True)
        >>> len(list(find_relu_nodes(torch.relu(torch.relu(x) + x).clamp(min=0))))
        3
    """
    visited: set[Any] = set()
    pending: list[Any] = [outputs.grad_fn]
    while pending:
        node = pending.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        if node.name().rpartition("::")[2].startswith(HIDING_NODES):
            raise ValueError(
                f"a {node.name()} hides the operations inside it, and so their ReLUs: pass the network without "
                "scripting, tracing and reentrant checkpoints"
            )
        if IS_RELU_NODE.get(node.name().rstrip("0123456789"), lambda node: False)(node):
            yield node
        pending += [parent for parent, _ in node.next_functions]
