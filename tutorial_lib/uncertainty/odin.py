"""A step of the picture towards its own answer: what was learned gains more from it than a stranger does."""

from __future__ import annotations

from torch import Tensor, nn

from tutorial_lib.gradients import Objective, input_gradient, objective_values
from tutorial_lib.uncertainty.logit_scores import check_temperature, msp_score


def odin_score(
    model: nn.Module, x: Tensor, *, temperature: float = 1000.0, eps: float = 0.0014, batch_size: int = 64
) -> Tensor:
    """ODIN: the largest probability at a high temperature, after a small step of the picture towards the class predicted.

    x̃ = x + ε sign(∇_x log p_P(x; T)), score = 1 − max_c p_c(x̃; T), in [0, 1 − 1/C]; higher = more abnormal. p(·; T) is the
    softmax of z/T, in the step and in the score alike. Two forward passes and one backward pass, to the picture. x̃ is not
    brought back into [0, 1], as in the paper.

    Args:
        model: pictures to logits.
        x: (N, …) -> (N,).
        temperature: T; the paper's 1000 leaves of the softmax little but how far z_P stands above the mean logit.
        step: ε, in the unit of x; zero takes no step. T and ε are tuned on abnormal pictures in the paper; here they are not.
        chunk: pictures at a time.

    Raises:
        ValueError: T ≤ 0, a negative step, and as :func:`tutorial_lib.gradients.input_gradient` does.

    Source: Liang, Li, Srikant, ICLR 2018, arXiv 1706.02690.

    Example:
        >>> import torch
        >>> odin_score(nn.Flatten(), torch.tensor([[[0., 0.]], [[0., 10.]]]), temperature=1., eps=0.)
        tensor([5.0000e-01, 4.5398e-05])
    """
    T = check_temperature(temperature)
    if eps < 0:
        raise ValueError(f"a step of zero or more, not {eps}")
    sure = Objective(lambda z, c: (z / T).log_softmax(1).gather(1, c[:, None])[:, 0], None, classes=True)
    moved = x.detach() + eps * input_gradient(model, x, sure, batch_size=batch_size).sign()
    return objective_values(model, moved, lambda z: msp_score(z / T), batch_size=batch_size)
