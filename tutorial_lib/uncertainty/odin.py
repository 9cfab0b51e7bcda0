"""ODIN: the largest probability at a high temperature, after a small step towards the predicted class."""

from torch import Tensor, nn

from tutorial_lib._tensor_ops import log_odds
from tutorial_lib._validation import check_nonnegative, convert_arguments, promote_to_float32
from tutorial_lib.gradients import Objective, input_gradient, objective_values
from tutorial_lib.uncertainty.logit_scores import check_temperature, msp_score


@convert_arguments
def odin_score(
    model: nn.Module, x: Tensor, *, temperature: float = 1000.0, eps: float = 0.0014, batch_size: int = 64
) -> Tensor:
    """Return the ODIN score, one minus the largest probability after a step of the image.

    score = 1 − max_c p_c(x̃; T) with x̃ = x + ε sign(∇_x log p_P(x; T)), the predicted class P and the softmax
    p(·; T) of z/T, in the step and in the score. The step increases the probability of the predicted class more for
    images like those of the training set than for out-of-distribution images. Two forward passes and one backward pass
    to the image. As in the paper, x̃ is not clipped to [0, 1].

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats.
        temperature: T > 0. At the 1000 of the paper, little more remains of the softmax than the difference between z_P
            and the mean logit.
        eps: step size ε ≥ 0, in the unit of x; zero takes no step. The paper tunes T and ε on abnormal images; here
            they are not tuned.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Scores (N,) in [0, 1 − 1/C]; higher means more abnormal.

    Raises:
        ValueError: T ≤ 0, eps < 0, x is not float, or the outputs are not finite logits (N, C).

    References:
        Liang, Li, Srikant, ICLR 2018, arXiv:1706.02690.

    Example:
        >>> import torch
        >>> odin_score(nn.Flatten(), torch.tensor([[[0., 0.]], [[0., 10.]]]), temperature=1., eps=0.)
        tensor([5.0000e-01, 4.5398e-05])
    """
    T = check_temperature(temperature)
    check_nonnegative(eps=eps)

    def scaled(z: Tensor) -> Tensor:
        return z.to(promote_to_float32(z)) / T

    # The log-odds of P increase in the same direction as log p_P, whose gradient underflows where p_P rounds to 1.
    top_log_odds = Objective(lambda z, c: log_odds(scaled(z), c), None, classes=True)
    perturbed = x.detach() + eps * input_gradient(model, x, top_log_odds, batch_size=batch_size).sign()
    return objective_values(model, perturbed, lambda z: msp_score(scaled(z)).to(z), batch_size=batch_size)
