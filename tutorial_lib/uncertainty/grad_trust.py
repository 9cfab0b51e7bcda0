"""May this answer be trusted? How much more would have to change for another answer than for this one?"""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes
from tutorial_lib.uncertainty.logit_scores import check_logits, complement_probabilities


def grad_trust(logits: Tensor, *, n_counterfactuals: int | None = None, gram: Tensor | None = None) -> Tensor:
    """GradTrust: how far one answer's required change stands out among those of all. Higher = more to be trusted. -> (N,).

    ``rivals=None``, as the authors' demonstration computes it: G = ∂J/∂W of the mean squared error of the logits to 1/C,
    energy e_c = Var_k(G_ck²) over the features, r = max_c e_c / mean_c e_c, in [1, C]. As G = 2/C (z − 1/C) hᵀ, the features
    cancel: r = max_c (z_c − 1/C)⁴ / mean_c (z_c − 1/C)⁴. It is read off the logits, needs no backward pass, and a very
    *negative* logit can stand out as well.

    ``n_counterfactuals=k``, counterfactual: of the k most likely other answers Q, r = mean_Q ‖g_Q‖ / ‖g_P‖, where g_Q = ∂(−log p_Q)/∂θ
    is the change that the answer Q would need and P is the one given. At the last layer g_Q = (p − e_Q) hᵀ, so that ‖h‖
    cancels again, r ≥ 1, and the logits say it all. With ``gram``, θ is all that the Gram matrix was taken over; there they
    do not.

    Args:
        logits: (N, C).
        rivals: None, or how many other answers, 1 … C − 1.
        gram: for rivals: K, (N, L, C, C), of all or some layers, from :func:`tutorial_lib.gradients.class_gradient_gram`.

    Raises:
        ValueError: no logits, fewer than two classes, no such number of rivals, or a Gram matrix of other samples or classes.

    Source: Prabhushankar and AlRegib, IEEE MIPR 2024, arXiv 2405.13758, and its demonstration code; the form with rivals is our
    reading of "counterfactual gradients of the likeliest classes".

    Example:
        >>> z = torch.tensor([[2., 0., 0.], [1., 1., 1.]])
        >>> grad_trust(z), grad_trust(z, n_counterfactuals=1)
        (tensor([2.9904, 1.0000]), tensor([4.5821, 1.0000]))
    """
    classes = check_logits(logits).shape[1]
    if classes < 2:
        raise ValueError("trust needs another answer: at least two classes")
    if n_counterfactuals is None:
        if gram is not None:
            raise ValueError(
                "a Gram matrix is for n_counterfactuals=k; the demonstration's score knows the last layer alone"
            )
        away = (logits - 1 / classes).abs()
        largest = away.amax(1, keepdim=True)
        # A ratio of fourth powers, taken of what is at most one. Where nothing stands out at all, it is one.
        return 1 / torch.where(largest == 0, 1, away / largest).pow(4).mean(1)
    if not 1 <= n_counterfactuals < classes:
        raise ValueError(f"1 to {classes - 1} rivals among {classes} classes, not {n_counterfactuals}")
    asked = logits.topk(n_counterfactuals + 1, dim=1).indices
    needed = counterfactual_gradient_norms(logits, asked, gram)
    return needed[:, 1:].mean(1) / needed[:, 0]


def counterfactual_gradient_norms(logits: Tensor, classes: Tensor, gram: Tensor | None = None) -> Tensor:
    """The size of the change that each of some answers would need, ‖∂(−log p_Q)/∂θ‖ ≥ 0. (N, C), classes (N, k) -> (N, k).

    Without ``gram``: at the last layer, per unit of ‖h‖, ‖p − e_Q‖.

    Raises:
        ValueError: a Gram matrix of other samples or classes.

    Example:
        >>> counterfactual_gradient_norms(torch.zeros(1, 2), torch.tensor([[0]]))
        tensor([[0.7071]])
    """
    check_shapes(logits=(logits, "floats N C"), classes=(classes, "whole N k"))
    classes = classes.to(logits.device, torch.int64)
    if not ((0 <= classes) & (classes < logits.shape[1])).all():
        raise ValueError(f"classes must lie in 0…{logits.shape[1] - 1}")
    p = logits.softmax(1)
    delta = p[:, None].expand(-1, classes.shape[1], -1).clone()
    # p_Q − 1, not from a p_Q that rounds to one
    delta.scatter_(2, classes[..., None], -complement_probabilities(logits).gather(1, classes)[..., None])
    # Squares of what is nearly certain would vanish: the size is taken out before, and put back after.
    size = delta.abs().amax(2, keepdim=True).clamp(min=torch.finfo(delta.dtype).tiny)
    delta = delta / size
    if gram is None:
        return size[..., 0] * delta.norm(dim=2)
    if (
        gram.dim() != 4
        or not gram.is_floating_point()
        or gram.shape[0] != len(logits)
        or gram.shape[2:] != (logits.shape[1],) * 2
    ):
        raise ValueError(f"a Gram matrix (N, L, C, C) for logits {tuple(logits.shape)}, not {tuple(gram.shape)}")
    K = gram.sum(1).to(delta)
    return size[..., 0] * torch.einsum("nkc,nce,nke->nk", delta, K, delta).clamp(min=0).sqrt()
