"""GradTrust: whether a prediction can be trusted, from the gradients that other predictions would need."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._tensor_ops import complement_probabilities
from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.uncertainty.logit_scores import check_logits


@convert_arguments
def grad_trust(logits: Tensor, *, n_counterfactuals: int | None = None, gram: Tensor | None = None) -> Tensor:
    """Return the GradTrust score of each prediction; higher means more trustworthy.

    Without ``n_counterfactuals``, as in the authors' demonstration: G = ∂J/∂W is the gradient of the mean squared error
    between the logits and 1/C, e_c = Var_k(G_ck²) the variance over the features k, and r = max_c e_c / mean_c e_c.
    Since G = 2/C (z − 1/C) hᵀ, the features h cancel: r = max_c (z_c − 1/C)⁴ / mean_c (z_c − 1/C)⁴. The score is
    computed from the logits and needs no backward pass. A very *negative* logit increases it as well.

    With ``n_counterfactuals=k``, the counterfactual form: r = mean_Q ‖g_Q‖ / ‖g_P‖ with the predicted class P, the k
    most likely other classes Q, and the gradient g_Q = ∂(−log p_Q)/∂θ, the change that the prediction Q would need.
    Without ``gram``, θ is the weight of the last layer, where g_Q = (p − e_Q) hᵀ. Then ‖h‖ cancels as well, r ≥ 1, and
    the score depends on the logits alone. With ``gram``, θ is all parameters that the Gram matrix was computed for, and
    the score depends on more than the logits.

    Args:
        logits: logits (N, C), C ≥ 2.
        n_counterfactuals: None, or the number k of other classes, 1 … C − 1.
        gram: only with ``n_counterfactuals``: Gram matrices K (N, L, C, C) of all or some layers, from
            :func:`~tutorial_lib.gradients.class_gradient_gram`; None is the last layer.

    Returns:
        Scores r (N,): in [1, C] without ``n_counterfactuals``; ≥ 1 with it and without ``gram``; ≥ 0 with both.

    Raises:
        ValueError: the logits are not floats (N, C) with C ≥ 2; ``n_counterfactuals`` is out of range; a Gram matrix of
            other samples or classes, or without ``n_counterfactuals``.

    References:
        Prabhushankar and AlRegib, IEEE MIPR 2024, arXiv:2405.13758, and its demonstration code. The counterfactual form
        is our interpretation of "counterfactual gradients of the likeliest classes".

    Example:
        >>> z = torch.tensor([[2., 0., 0.], [1., 1., 1.]])
        >>> grad_trust(z), grad_trust(z, n_counterfactuals=1)
        (tensor([2.9904, 1.0000]), tensor([4.5821, 1.0000]))
    """
    z = check_logits(logits)
    n_classes = z.shape[1]
    if n_counterfactuals is None:
        if gram is not None:
            raise ValueError("gram requires n_counterfactuals=k: without it, the score uses the last layer only")
        deviations = (z - 1 / n_classes).abs()
        largest = deviations.amax(1, keepdim=True)
        # The fourth powers are those of numbers in [0, 1]. If every deviation is zero, the ratio is 1.
        return (1 / torch.where(largest == 0, 1, deviations / largest).pow(4).mean(1)).to(logits)
    if not 1 <= n_counterfactuals < n_classes:
        raise ValueError(
            f"n_counterfactuals must lie in 1…{n_classes - 1} for {n_classes} classes, not {n_counterfactuals}"
        )
    classes = z.topk(n_counterfactuals + 1, dim=1).indices
    delta = z.softmax(1)[:, None].repeat(1, n_counterfactuals + 1, 1)
    # p − e_Q with p_Q − 1, which is not computed from a p_Q that rounds to 1.
    delta.scatter_(2, classes[..., None], -complement_probabilities(z).gather(1, classes)[..., None])
    # The squares of a nearly certain prediction would underflow, so δ is scaled before they are taken.
    scale = delta.abs().amax(2, keepdim=True).clamp(min=torch.finfo(delta.dtype).tiny)
    delta = delta / scale
    norms = delta.norm(dim=2)
    if gram is not None:
        check_shapes(logits=(logits, "logits N C"), gram=(gram, "floats N L C C"))
        K = gram.to(delta).sum(1)
        norms = torch.einsum("nkc,nce,nke->nk", delta, K, delta).clamp(min=0).sqrt()
    norms = scale[..., 0] * norms
    return (norms[:, 1:].mean(1) / norms[:, 0]).to(logits)
