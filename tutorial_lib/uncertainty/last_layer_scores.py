"""Scores from the gradient of the last layer, ∂J/∂W = δ hᵀ, whose norm is a product and needs no backward pass."""

from torch import Tensor

from tutorial_lib._tensor_ops import complement_probabilities
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients import kl_from_uniform, last_layer_gradient_factors
from tutorial_lib.uncertainty.logit_scores import check_temperature


@convert_arguments
def gradnorm_score(logits: Tensor, features: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Return the GradNorm score, minus the L1 norm of the last layer's gradient.

    −‖∂KL(u ‖ p)/∂W‖₁ = −‖h‖₁ Σ_c |p_c − 1/C| / T, since ∂KL/∂z = (p − u)/T with p = softmax(z/T) and u = 1/C. The norm
    is large where the prediction is confident and the features are large, as they are for the classes of the training
    set. The minus sign therefore makes higher scores more abnormal. The authors' code sums over the classes where the
    paper averages; the sum is C times as large.

    Args:
        logits: logits z (N, C).
        features: h (N, d), the input of the last layer, see :func:`~tutorial_lib.gradients.penultimate_features`.
        temperature: T > 0, the divisor of the logits.

    Returns:
        Scores (N,), ≤ 0; higher means more abnormal.

    Raises:
        ValueError: logits that are not floats (N, C), features that are not floats (N, d) of the same samples, T ≤ 0.

    References:
        Huang, Geng, Li, NeurIPS 2021, arXiv:2110.00218.

    Example:
        >>> import torch
        >>> gradnorm_score(torch.tensor([[0., 0.], [100., 0.]]), torch.tensor([[1., 2.], [1., 2.]]))
        tensor([-0., -3.])
    """
    check_shapes(logits=(logits, "logits N C"), features=(features, "floats N d"))
    z, h = (t.to(promote_to_float32(t)) for t in (logits, features))
    delta, h = last_layer_gradient_factors(z, h, kl_from_uniform(check_temperature(temperature)))
    # ‖δhᵀ‖₁ = ‖δ‖₁ ‖h‖₁
    return (-delta.abs().sum(1) * h.abs().sum(1)).to(logits)


@convert_arguments
def exgrad_score(logits: Tensor, features: Tensor) -> Tensor:
    """Return the ExGrad score, the expected L1 norm of the last layer's gradient.

    E_{Q∼p} ‖∂J(Q)/∂W‖₁ = 2 ‖h‖₁ (1 − ‖p‖²) with J(Q) = −log p_Q and ∂J/∂z = p − e_Q. The norms are averaged and not the
    gradients, because the average of the gradients is zero. Apart from the factor ‖h‖₁, the score depends on p alone.

    Args:
        logits: logits z (N, C).
        features: h (N, d), the input of the last layer, see :func:`~tutorial_lib.gradients.penultimate_features`.

    Returns:
        Scores (N,), ≥ 0; higher means more abnormal.

    Raises:
        ValueError: logits that are not floats (N, C), or features that are not floats (N, d) of the same samples.

    References:
        Igoe, Chung, Char, Schneider, 2022, arXiv:2205.10439.

    Example:
        >>> import torch
        >>> exgrad_score(torch.zeros(1, 2), torch.tensor([[1., -2.]]))
        tensor([3.])
    """
    check_shapes(logits=(logits, "logits N C"), features=(features, "floats N d"))
    # 1 − ‖p‖² = Σ_c p_c (1 − p_c), a sum without cancellation.
    z, h = (t.to(promote_to_float32(t)) for t in (logits, features))
    return (2 * (z.softmax(1) * complement_probabilities(z)).sum(1) * h.abs().sum(1)).to(logits)
