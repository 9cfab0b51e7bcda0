"""Class activation maps: the feature maps of a layer, weighted by the gradients of an objective.

All of them except Grad-CAM++ combine the rows of one Jacobian ∂z/∂A, of the logits z with respect to the activation A
of the layer. With the probabilities p and the one-hot vector e_c of class c, "Why P?" weights the rows by e_P, "What if
not P?" by −e_P, and "Why P, rather than Q?" by p − e_Q.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_choice, check_shapes, convert_arguments
from tutorial_lib.attribution.maps import upsample
from tutorial_lib.attribution.spatial_layout import (
    Grid,
    check_layer_rows,
    gradient_maps,
    spatial_activations_and_gradients,
    spatial_layout,
)
from tutorial_lib.gradients import (
    Layer,
    ObjectiveLike,
    contrast_loss,
    fix_predicted_class,
    logit_difference,
    reduced_class_jacobian,
)
from tutorial_lib.gradients.relu_rules import guided_backprop

# From the activation and the gradient, (N, K, h, w) each, to the weight of each channel, (N, K).
ChannelWeighting = Callable[[Tensor, Tensor], Tensor]


@convert_arguments
def grad_cam(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike = None,
    *,
    relu: bool = False,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Return the Grad-CAM map: the feature maps of a layer, weighted by their mean gradients.

    L = Σ_k α_k A^k with α_k = 1/Z Σ_ij ∂J/∂A^k_ij, where A^k is the map of channel k, Z its number of positions, and J
    the objective, by default the logit z_P of the predicted class. The map answers the question "Why P?". It needs one
    forward pass per batch; the layers before ``layer`` keep no graph. If the rest of the network is global average
    pooling and one linear layer, Σ_ij L_ij is z_P without its bias.

    In a transformer the tokens (N, T, K) are arranged as a map, without the class token. After the last attention only
    the class token affects the outputs, so choose the layer before it: for torchvision's vit_b_16
    ``"encoder.layers.encoder_layer_11.ln_1"``. Maps with their channels last (Swin) are recognized by their aspect
    ratio.

    Args:
        model: classifier that takes x alone and returns logits; it is left as it was.
        x: images (N, C, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        relu: whether to return the positive part only, as the paper does.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, h, w) in the unit of J, by default logits per position. They are signed, and positive at positions
        that support P.

    Raises:
        ValueError: x is not a batch of images; the layer is unknown, is used twice, has no positions or none that
            affects the outputs; the outputs are not finite, or the objective does not fit.

    References:
        Selvaraju et al., IJCV 2020, arXiv:1610.02391.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> grad_cam(model, torch.rand(2, 3, 8, 8), "0", 1).shape
        torch.Size([2, 6, 6])
    """
    return _weighted_maps(model, x, layer, objective, lambda A, g: g.mean((-2, -1)), relu, grid, batch_size)


@convert_arguments
def grad_cam_plus_plus(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike = None,
    *,
    relu: bool = False,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Return the Grad-CAM++ map, whose channel weights do not treat all positions alike.

    L = Σ_k w_k A^k with w_k = Σ_ij α^k_ij ReLU(g^k_ij), g = ∂J/∂A and α^k_ij = g²/(2g² + (Σ_ab A^k_ab) g³). The
    derivatives are those of exp(J) without their common factor exp(J) > 0, which would overflow and does not depend on
    the position. After a ReLU, where A ≥ 0 as in the paper, 0 ≤ α ≤ ½. If A is signed, the denominator can come close
    to zero, and the map should not be trusted.

    Args:
        model: classifier that takes x alone and returns logits; it is left as it was.
        x: images (N, C, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K); best after a ReLU.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; it should be a
            logit. None is the logit of the predicted class.
        relu: whether to return the positive part only.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, h, w), positive at positions that support the class, and nowhere negative after a ReLU.

    Raises:
        ValueError: x is not a batch of images; the layer is unknown, is used twice, has no positions or none that
            affects the outputs; the outputs are not finite, or the objective does not fit.

    References:
        Chattopadhay et al., WACV 2018, arXiv:1710.11063.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> (grad_cam_plus_plus(model, torch.rand(2, 3, 8, 8), "1") >= 0).all()
        tensor(True)
    """

    def weight_channels(A: Tensor, g: Tensor) -> Tensor:
        # α ReLU(g) = ReLU(g)/(2 + S g) with S = Σ A: it is zero where g ≤ 0, and avoids the cubes, which underflow.
        denominator = 2 + A.sum((-2, -1), keepdim=True) * g
        return (g.relu() / torch.where(denominator == 0, 1, denominator)).sum((-2, -1))

    return _weighted_maps(model, x, layer, objective, weight_channels, relu, grid, batch_size)


@convert_arguments
def counterfactual_cam(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike = None,
    *,
    relu: bool = False,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Return the counterfactual map, Grad-CAM with negated channel weights ("What if not P?").

    L = −Σ_k α_k A^k with the weights α_k = 1/Z Σ_ij ∂J/∂A^k_ij of Grad-CAM. With ``relu=True`` no position is positive
    both here and in Grad-CAM. The map is often almost zero: display it on the scale of the Grad-CAM map, with
    :func:`~tutorial_lib.attribution.normalize_maps`, or report its ℓ1 norm relative to that map, with
    :func:`~tutorial_lib.attribution.l1_ratio`.

    Args:
        model: classifier that takes x alone and returns logits; it is left as it was.
        x: images (N, C, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        relu: whether to return the positive part only.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, h, w) in the unit of J, signed, and positive at positions that speak against P.

    Raises:
        ValueError: x is not a batch of images; the layer is unknown, is used twice, has no positions or none that
            affects the outputs; the outputs are not finite, or the objective does not fit.

    References:
        Selvaraju et al., IJCV 2020, arXiv:1610.02391; AlRegib and Prabhushankar, IEEE SPM 2022, arXiv:2202.11838.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> x = torch.ones(1, 3, 8, 8)
        >>> torch.equal(counterfactual_cam(model, x, "0"), -grad_cam(model, x, "0"))
        True
    """
    return _weighted_maps(model, x, layer, objective, lambda A, g: -g.mean((-2, -1)), relu, grid, batch_size)


@convert_arguments
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
    """Return the Grad-CAM map of a contrast between two classes ("Why P, rather than Q?").

    With the Grad-CAM map L_c of each class c and the probabilities p, the objectives are:

    - "loss": J = −log p_Q and L = Σ_c p_c L_c − L_Q, which contrasts all classes with Q, weighted by their
      probability, the predicted class most;
    - "logit": J = z_P − z_Q and L = L_P − L_Q, which changes its sign when P and Q are exchanged.

    The two agree in the limit p_P → 1. The map of Q = P is zero or almost zero; see
    :func:`~tutorial_lib.attribution.normalize_maps` on how to display it.

    Args:
        model: classifier that takes x alone and returns logits; it is left as it was.
        x: images (N, C, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K).
        contrast_class: the class Q, an index or labels (N,).
        target: for "logit", the class P, an index or labels (N,); None is the predicted class. The loss accepts None
            only.
        objective: "loss" or "logit".
        relu: whether to return the positive part only.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, h, w), signed, and positive at positions that support P over Q.

    Raises:
        ValueError: no contrast class; a target for the loss; an unknown objective or class; x is not a batch of images;
            the layer is unknown, is used twice, has no positions or none that affects the outputs; the outputs are not
            finite.

    References:
        Prabhushankar, Kwon, Temel, AlRegib, ICIP 2020, arXiv:2008.00178 (the loss).

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> contrast_cam(model, torch.rand(2, 3, 8, 8), "0", 1, 1, objective="logit").any()
        tensor(False)
    """
    if check_choice(objective, ["loss", "logit"], "objective") == "logit":
        J = logit_difference(contrast_class, target)
    elif target is None:
        J = contrast_loss(contrast_class)
    else:
        raise ValueError('the loss contrasts the predicted class with Q: omit target, or use objective="logit"')
    return grad_cam(model, x, layer, J, relu=relu, grid=grid, batch_size=batch_size)


@convert_arguments
def guided_grad_cam(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike = None,
    *,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Return Guided Grad-CAM: guided backpropagation times the positive part of Grad-CAM.

    ReLU(L), upsampled to the size of the image, is multiplied with the guided gradient at each pixel. The result is
    detailed, but only its Grad-CAM factor is trustworthy: the guided gradient hardly depends on the weights of the last
    layers.

    Args:
        model: classifier with ReLUs that takes x alone and returns logits; it is left as it was.
        x: images (N, C, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Attributions like x, signed.

    Raises:
        ValueError: a network without a ReLU; x is not a batch of images; the layer is unknown, is used twice, has no
            positions or none that affects the outputs; the outputs are not finite, or the objective does not fit.

    References:
        Selvaraju et al., IJCV 2020, arXiv:1610.02391; its failure: Adebayo et al., NeurIPS 2018, arXiv:1810.03292.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
        >>> guided_grad_cam(model, torch.rand(2, 3, 8, 8), "1").shape
        torch.Size([2, 3, 8, 8])
    """
    J = fix_predicted_class(model, x, objective, batch_size=batch_size)
    cam = upsample(grad_cam(model, x, layer, J, relu=True, grid=grid, batch_size=batch_size), x.shape[-2:])
    return guided_backprop(model, x, J, batch_size=batch_size) * cam[:, None]


@convert_arguments
def all_class_cams(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    *,
    classes: Sequence[int] | None = None,
    grid: Grid | None = None,
    batch_size: int = 8,
) -> tuple[Tensor, Tensor]:
    """Return the logits and the Grad-CAM maps of all classes, from one Jacobian at the layer.

    One forward pass per batch, and backward passes from the logits to the layer only, for many classes at a time. Other
    maps follow without a further pass: ``maps[:, P]`` is Grad-CAM, its negative is the counterfactual map, and
    :func:`all_contrast_cams` gives the contrasts. Only Grad-CAM++ does not follow.

    Args:
        model: classifier that takes x alone and returns logits (N, C); it is left as it was.
        x: images (N, channels, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K).
        classes: class indices; None selects all of them.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Logits (N, C), and maps (N, classes, h, w) in logits per position, signed; map k belongs to ``classes[k]``.

    Raises:
        ValueError: outputs that are not logits (N, C), or an unknown class; x is not a batch of images; the layer is
            unknown, is used twice, has no positions or none that affects the outputs.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> logits, maps = all_class_cams(model, torch.rand(2, 3, 8, 8), "0")
        >>> torch.allclose(maps.sum((2, 3)) + model[3].bias, logits, atol=1e-6)
        True
    """
    check_shapes(x=(x, "floats N C H W"))

    def one_batch(x: Tensor) -> tuple[Tensor, Tensor]:
        def mean_over_positions(g: Tensor) -> Tensor:
            check_layer_rows(g[0], x)
            return gradient_maps(g, spatial_layout(g.shape[1:], x.shape[-2:], grid)).mean((-2, -1))

        A, logits, alpha = reduced_class_jacobian(model, x, layer, mean_over_positions, classes=classes)
        return logits, torch.einsum("nck,nkhw->nchw", alpha, spatial_layout(A.shape, x.shape[-2:], grid)(A))

    return run_in_batches(one_batch, x, batch_size=batch_size)


@convert_arguments
def all_contrast_cams(logits: Tensor, maps: Tensor) -> Tensor:
    """Return the contrast maps of every class Q, "Why P, rather than Q?", from all class maps.

    L^{P,Q} = Σ_c p_c L_c − L_Q: the maps of ``contrast_cam(…, objective="loss")``, without a backward pass. Their mean
    weighted by p is zero, Σ_Q p_Q L^{P,Q} = 0.

    Args:
        logits: logits (N, C), floats.
        maps: class maps L_c of all C classes, (N, C, h, w), from :func:`all_class_cams`.

    Returns:
        Maps (N, C, h, w), signed; map Q is positive at positions that support the prediction over Q.

    Raises:
        ValueError: logits and maps of different images or classes, or tensors that do not hold floats.

    Example:
        >>> all_contrast_cams(torch.zeros(1, 2), torch.tensor([1., 3.]).view(1, 2, 1, 1)).flatten()
        tensor([ 1., -1.])
    """
    check_shapes(logits=(logits, "floats N C"), maps=(maps, "floats N C h w"))
    return torch.einsum("nc,nc...->n...", logits.softmax(1).to(maps), maps)[:, None] - maps


def _weighted_maps(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike,
    weight_channels: ChannelWeighting,
    relu: bool,
    grid: Grid | None,
    batch_size: int,
) -> Tensor:
    """Σ_k w_k A^k with the channel weights w = weight_channels(A, ∂J/∂A), (N, K)."""
    batches = spatial_activations_and_gradients(model, x, layer, objective, grid, batch_size)

    maps = torch.cat([torch.einsum("nk,nkhw->nhw", weight_channels(A, g), A) for A, g in batches])
    return maps.relu() if relu else maps
