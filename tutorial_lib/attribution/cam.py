"""Where in a layer's map is the evidence? The channels' maps, weighted by the mean gradient of a question asked of the network.

All questions weigh the rows of one Jacobian ∂z/∂A: "Why P?" by e_P, "What if not P?" by −e_P, "Why P, not Q?" by p − e_Q.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice
from tutorial_lib.attribution.guided_backprop import guided_backprop
from tutorial_lib.attribution.maps import upsample
from tutorial_lib.attribution.spatial_layout import (
    Grid,
    check_gradient_reaches_map,
    iter_batches,
    spatial_activations_and_gradients,
    spatial_layout,
)
from tutorial_lib.gradients import (
    Objective,
    as_objective,
    contrast_loss,
    fix_predicted_class,
    logit_difference,
    reduced_class_jacobian,
)

Layer = str | nn.Module
ChannelWeighting = Callable[[Tensor, Tensor], Tensor]


def grad_cam(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective=None,
    *,
    relu: bool = False,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Why P? The layer's maps weighted by their mean gradients: L = Σ_k α_k A^k, α_k = 1/Z Σ_ij ∂z_P/∂A^k_ij. -> (N, h, w).

    x (N, C, H, W). Raw and signed, in logits a position: positive where what is seen speaks for P. The paper's map is its
    positive part, ``relu=True``. Where the network ends in averaging and one linear layer, Σ_ij L_ij is z_P without its bias.
    One forward pass; the trunk before the layer leaves no graph. ``objective``: a class, (N,) labels, None (the class
    predicted), or any objective.

    Transformers: tokens (N, T, K) are laid out as a map, without the class token; ``grid=(h, w)`` names the map where its
    proportions are not the picture's. After the last attention only the class token reaches the answer, so take the layer
    before it: for torchvision's vit_b_16 ``"encoder.layers.encoder_layer_11.ln_1"``. Maps with their channels last (Swin) are
    recognised by their proportions.

    Raises:
        ValueError: x is no pictures, the layer has no positions or none that reach the answer, and as
            :func:`tutorial_lib.gradients.layer_gradient` does.

    Source: Selvaraju et al., IJCV 2020, arXiv 1610.02391.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> grad_cam(model, torch.rand(2, 3, 8, 8), "0", 1).shape
        torch.Size([2, 6, 6])
    """
    return _cam(model, x, layer, as_objective(objective, x), lambda A, g: g.mean((-2, -1)), relu, grid, batch_size)


def grad_cam_plus_plus(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective=None,
    *,
    relu: bool = False,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Grad-CAM whose positions do not count alike: L = Σ_k w_k A^k, w_k = Σ_ij α^k_ij ReLU(g^k_ij). -> (N, h, w), raw.

    x (N, C, H, W). α^k_ij = g²/(2g² + (Σ_ab A^k_ab) g³) with g = ∂z_P/∂A^k_ij, the derivatives of exp(z_P) without their
    common factor exp(z_P) > 0, which would overflow and is no part of the picture. For layers after a ReLU, A ≥ 0, as in the
    paper: there 0 ≤ α ≤ ½. Where A is signed the denominator can come near zero, and such a map should not be trusted. The
    objective should be a logit.

    Raises:
        ValueError: as :func:`grad_cam` does.

    Source: Chattopadhay et al., WACV 2018, arXiv 1710.11063.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> (grad_cam_plus_plus(model, torch.rand(2, 3, 8, 8), "1") >= 0).all()
        tensor(True)
    """

    def weigh(A: Tensor, g: Tensor) -> Tensor:
        # α ReLU(g) = ReLU(g)/(2 + S g), S = Σ A: where g ≤ 0 it is zero, and the cubes, which underflow, are not needed.
        below = 2 + A.sum((-2, -1), keepdim=True) * g
        return (g.relu() / torch.where(below == 0, 1, below)).sum((-2, -1))

    return _cam(model, x, layer, as_objective(objective, x), weigh, relu, grid, batch_size)


def counterfactual_cam(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective=None,
    *,
    relu: bool = False,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """What if not P? Grad-CAM with its weights negated, L = Σ_k (−α_k) A^k: positive where what is seen speaks against P.

    x (N, C, H, W) -> (N, h, w), raw and signed. With ``relu=True`` its support and Grad-CAM's share no position. It is often
    nearly empty: show it on Grad-CAM's scale (:func:`normalise`), or print its mass beside Grad-CAM's (:func:`mass_ratio`).

    Raises:
        ValueError: as :func:`grad_cam` does.

    Source: Selvaraju et al., IJCV 2020, arXiv 1610.02391; AlRegib and Prabhushankar, IEEE SPM 2022, arXiv 2202.11838.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> torch.equal(counterfactual_cam(model, torch.ones(1, 3, 8, 8), "0"), -grad_cam(model, torch.ones(1, 3, 8, 8), "0"))
        True
    """
    return _cam(model, x, layer, as_objective(objective, x), lambda A, g: -g.mean((-2, -1)), relu, grid, batch_size)


def contrast_cam(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    contrast_class: int | Tensor,
    target: int | Tensor | None = None,
    *,
    objective: str = "loss",
    relu: bool = False,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Why P, rather than Q? Grad-CAM of a contrast: positive where what is seen speaks for P and against Q. -> (N, h, w).

    x (N, C, H, W). Raw and signed. ``group_by="loss"``: the loss to Q, −log p_Q; L = Σ_c p_c L_c − L_Q, all classes held against Q
    by their probability, P by the most. ``group_by="logit"``: z_P − z_Q; L = L_P − L_Q, negated where P and Q change places;
    ``target`` is P (None: the class predicted). They agree as p_P → 1. "Why P, rather than P?" is answered by nearly nothing,
    or nothing: see :func:`normalise`.

    Raises:
        ValueError: no other class; a target for ``group_by="loss"``, which asks about whatever is predicted; and as
        :func:`grad_cam` does.

    Source: Prabhushankar, Kwon, Temel, AlRegib, ICIP 2020, arXiv 2008.00178 (the loss).

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> contrast_cam(model, torch.rand(2, 3, 8, 8), "0", 1, 1, objective="logit").any()
        tensor(False)
    """
    if check_choice(objective, ["loss", "logit"], "contrast") == "logit":
        J = logit_difference(contrast_class, target)
    elif target is None:
        J = contrast_loss(contrast_class)
    else:
        raise ValueError('the loss to Q asks about whatever is predicted: leave target out, or ask by="logit"')
    return grad_cam(model, x, layer, J, relu=relu, grid=grid, batch_size=batch_size)


def guided_grad_cam(
    model: nn.Module, x: Tensor, layer: Layer, objective=None, *, grid: Grid | None = None, batch_size: int = 64
) -> Tensor:
    """Where by Grad-CAM, what by guided backpropagation: ReLU(L), upsampled, ⊙ guided. x (N, C, H, W) -> like x, signed.

    Fine, and only half to be trusted: the guided factor hardly knows the weights of the last layers.

    Raises:
        ValueError: as :func:`grad_cam` and :func:`guided_backprop` do.

    Source: Selvaraju et al., IJCV 2020, arXiv 1610.02391; its failure: Adebayo et al., NeurIPS 2018, arXiv 1810.03292.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
        >>> guided_grad_cam(model, torch.rand(2, 3, 8, 8), "1").shape
        torch.Size([2, 3, 8, 8])
    """
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    where = upsample(grad_cam(model, x, layer, J, relu=True, grid=grid, batch_size=batch_size), x.shape[-2:])
    return guided_backprop(model, x, J, batch_size=batch_size) * where[:, None]


def all_class_cams(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    *,
    classes: Sequence[int] | None = None,
    grid: Grid | None = None,
    batch_size: int = 8,
) -> tuple[Tensor, Tensor]:
    """The Grad-CAM maps of all classes from one Jacobian at the layer: logits (N, C) and raw signed maps (N, classes, h, w).

    One forward pass, and backward passes from the logits to the layer only, for many classes at a time. Every map of this
    room but Grad-CAM++'s follows: ``maps[:, P]``, its negative, :func:`contrasts`. ``batch_size``: pictures at a time.

    Raises:
        ValueError: outputs that are no logits (N, C), an unknown class, and as :func:`grad_cam` does.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> logits, maps = all_class_cams(model, torch.rand(2, 3, 8, 8), "0")
        >>> torch.allclose(maps.sum((2, 3)) + model[3].bias, logits, atol=1e-6)
        True
    """
    found = []
    for part, _ in iter_batches(x, as_objective(0), batch_size):
        read = lambda g: check_gradient_reaches_map(g, spatial_layout(g.shape[1:], x.shape[-2:], grid)).mean((-2, -1))
        A, logits, alpha = reduced_class_jacobian(model, part, layer, read, classes=classes)
        maps = torch.einsum("nck,nkhw->nchw", alpha, spatial_layout(A.shape, x.shape[-2:], grid)(A))
        found.append((logits, maps))
    logits, maps = zip(*found)
    return torch.cat(logits), torch.cat(maps)


def all_contrast_cams(logits: Tensor, maps: Tensor) -> Tensor:
    """Why P, rather than Q, for every Q, from the maps of all classes: Σ_c p_c L_c − L_Q. -> (N, C, h, w), raw, signed.

    Logits (N, C), maps (N, C, h, w). The maps of ``contrast_cam(…, by="loss")`` without a backward pass; weighted by p they
    add up to zero: Σ_Q p_Q L^{P,Q} = 0.

    Raises:
        ValueError: logits and maps of different samples or classes: all classes are needed.

    Example:
        >>> all_contrast_cams(torch.zeros(1, 2), torch.tensor([1., 3.]).view(1, 2, 1, 1)).flatten()
        tensor([ 1., -1.])
    """
    if logits.dim() != 2 or maps.shape[:2] != logits.shape:
        raise ValueError(
            f"expected logits (N, C) and the maps of all C classes, not {tuple(logits.shape)}, {tuple(maps.shape)}"
        )
    if not (logits.is_floating_point() and maps.is_floating_point()):
        raise ValueError(f"logits and maps are floats, not {logits.dtype} and {maps.dtype}")
    return torch.einsum("nc,nc...->n...", logits.softmax(1).to(maps), maps)[:, None] - maps


def _cam(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: Objective,
    weigh: ChannelWeighting,
    relu: bool,
    grid: Grid | None,
    batch_size: int,
) -> Tensor:
    """Σ_k w_k A^k with w = weigh(A, ∂J/∂A), (N, K)."""
    laid = spatial_activations_and_gradients(model, x, layer, objective, grid, batch_size)
    maps = torch.cat([torch.einsum("nk,nkhw->nhw", weigh(A, g), A) for A, g in laid])
    return maps.relu() if relu else maps
