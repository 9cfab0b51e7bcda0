"""Backward passes with another rule at the rectifiers. The graph is changed, which dies with the pass; the model never is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from tutorial_lib.gradients._context import preserve_model, checked_forward, detach_for_autograd
from tutorial_lib.gradients.inputs import _grad
from tutorial_lib._validation import check_floating
from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients.objectives import as_objective
from tutorial_lib._validation import check_choice

# What a rectifier lets pass, from the gradient that leaves it by the ordinary rule and the one that reaches it.
RELU_BACKWARD_RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "guided": lambda passed, reached: passed.clamp(min=0),
    "deconvolution": lambda passed, reached: reached.clamp(min=0),
}
# The nodes of a graph that are rectifiers: every spelling of ReLU and ReLU6, whether module, function or in place.
# A clamp with another upper end keeps pictures in their range, and is none.
IS_RELU_NODE: dict[str, Callable[[object], bool]] = {
    "ReluBackward": lambda node: True,
    "HardtanhBackward": lambda node: (node._saved_min_val, node._saved_max_val) == (0, 6),
    "ClampBackward": lambda node: (
        not isinstance(node._saved_min, Tensor) and node._saved_min == 0 and node._saved_max is None
    ),
    "ClampMinBackward": lambda node: not isinstance(node._saved_min, Tensor) and node._saved_min == 0,
    "ThresholdBackward": lambda node: node._saved_threshold == 0,
}


def relu_rule_gradient(model: nn.Module, x: Tensor, objective=None, *, rule: str = "guided", batch_size: int = 64) -> Tensor:
    """∂J/∂x with another backward rule at every ReLU of the graph: x (N, …) -> like x, signed.

    A ReLU with input a that the gradient g reaches lets pass, by the ordinary rule, g·1[a > 0]; by "guided" g·1[a > 0]·1[g >
    0]; by "deconvolution" g·1[g > 0]. Other activations keep their own gradient. Compiled networks hide their graph, and so
    their ReLUs.

    Raises:
        ValueError: a network without a ReLU, an unknown rule, and as :func:`input_gradient` does.

    Source: Springenberg et al., 2014, arXiv 1412.6806; Zeiler and Fergus, 2013, arXiv 1311.2901.

    Example:
        >>> x = torch.tensor([[-1., 2.]])
        >>> relu_rule_gradient(nn.Sequential(nn.ReLU(), nn.Linear(2, 1)), x, 0)[0, 0]
        tensor(0.)
    """
    objective, rule, pieces = as_objective(objective, x), RELU_BACKWARD_RULES[check_choice(rule, RELU_BACKWARD_RULES, "rule")], []
    check_floating(x)
    with preserve_model(model, x):
        for rows in batch_slices(len(x), batch_size):
            leaf = detach_for_autograd(x[rows]).requires_grad_()
            outputs = checked_forward(model, leaf.clone())
            nodes = list(find_relu_nodes(outputs))
            if not nodes:
                raise ValueError(
                    f"no ReLU was found on the way through this {type(model).__name__}: guided backpropagation is a rule for "
                    "rectifiers (GELU, SiLU and the like are none); use saliency or smoothgrad, or a network that is not compiled"
                )
            for node in nodes:
                node.register_hook(lambda passed, reached: (rule(passed[0], reached[0]), *passed[1:]))
            J = objective.select(rows).resolve(outputs)(outputs)
            pieces += _grad(J.sum(), leaf)
    return torch.cat(pieces)


def find_relu_nodes(outputs: Tensor) -> Iterator[object]:
    """The rectifiers of the graph that ends in ``outputs``, each use of one once.

    Example:
        >>> x = torch.ones(1, requires_grad=True)
        >>> len(list(find_relu_nodes(torch.relu(torch.relu(x) + x).clamp(min=0))))
        3
    """
    seen, ahead = set(), [outputs.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if IS_RELU_NODE.get(node.name().rstrip("0123456789"), lambda node: False)(node):
            yield node
        ahead += [before for before, _ in node.next_functions]
