"""DeepFool: steps to the nearest decision boundary of the linearized network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._batching import broadcast_per_sample, sample_norms
from tutorial_lib._validation import check_counts, check_nonnegative, convert_arguments
from tutorial_lib.gradients import model_outputs, outputs_and_class_gradients, skip_independence_check
from tutorial_lib.uncertainty.attacks import Bounds, check_bounds, labels_and_logits

# Near a curved boundary, steps to the linearized boundary become ever smaller and stop just before it. Every step after
# the first is therefore longer by this amount, as a fraction of the pixel range.
BOUNDARY_OVERSTEP = 1e-4


@convert_arguments
def deepfool(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    n_steps: int = 50,
    n_candidates: int = 10,
    overshoot: float = 0.02,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """Return adversarial images of DeepFool, moved across the nearest decision boundary in L2.

    With f_k = z_k − z_y and w_k = ∂f_k/∂x, the boundary to class k of the linearized network is |f_k| / ‖w_k‖ away.
    Each step goes to the nearest boundary, r = |f_k| w_k / ‖w_k‖², until the predicted class changes, and x′ = x + (1 +
    overshoot) Σ r, clipped to ``bounds``. For an affine network the first step is exact.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        n_steps: largest number of steps, ≥ 1.
        n_candidates: number of other classes whose boundaries are considered, those with the largest logits at x, ≥ 1.
        overshoot: by which fraction the sum of the steps is lengthened, so that the boundary is crossed.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Adversarial images of the shape, dtype and device of x. An image that is misclassified from the start is
        returned unchanged; one whose predicted class never changes is returned after all steps.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; n_steps < 1 or n_candidates < 1; labels that do
            not fit; outputs that are not finite logits (N, C).

    References:
        Moosavi-Dezfooli, Fawzi, Frossard, CVPR 2016, arXiv:1511.04599.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1., 0.], [0., 1.]]))
        >>> deepfool(model, torch.tensor([[0.6, 0.4]]), overshoot=0, n_steps=1)
        tensor([[0.5000, 0.5000]])
    """
    check_counts(n_steps=n_steps, n_candidates=n_candidates)
    check_nonnegative(overshoot=overshoot)
    x = check_bounds(x, bounds)
    y, logits = labels_and_logits(model, x, y, batch_size)
    adversarial, steps, active = x.clone(), torch.zeros_like(x), (logits.argmax(1) == y).nonzero()[:, 0]
    # First the class itself, even if others have an equal logit, then the other classes by decreasing logit.
    classes = logits.scatter(1, y[:, None], torch.inf).topk(min(n_candidates + 1, logits.shape[1])).indices
    for n in range(n_steps):
        if not len(active):
            break
        for rows in active.split(batch_size):
            with skip_independence_check():  # `labels_and_logits` has checked the model
                logits, jacobian = outputs_and_class_gradients(
                    model, adversarial[rows], classes[rows], batch_size=batch_size
                )
            steps[rows] += _step_to_nearest_boundary(
                logits, jacobian, classes[rows], BOUNDARY_OVERSTEP * (bounds[1] - bounds[0]) if n else 0.0
            )
        adversarial[active] = (x[active] + (1 + overshoot) * steps[active]).clamp(*bounds)
        with skip_independence_check():
            logits = model_outputs(model, adversarial[active], batch_size=batch_size)
        active = active[logits.argmax(1) == y[active]]
    return adversarial


def _step_to_nearest_boundary(logits: Tensor, jacobian: Tensor, classes: Tensor, overstep: float) -> Tensor:
    """The step to the nearest boundary of the linearized network, and ``overstep`` beyond it.

    Logits (n, C), gradients of the logits (n, K, …), classes (n, K) whose first column is the own class -> (n, …).
    """
    z = logits.gather(1, classes)
    f, w = z[:, 1:] - z[:, :1], jacobian[:, 1:] - jacobian[:, :1]
    slopes = sample_norms(w.flatten(0, 1)).view(w.shape[:2])
    # A boundary that no step comes closer to is infinitely far away.
    distances = torch.where(slopes > 0, f.abs() / slopes, torch.inf)
    rows, k = torch.arange(len(z), device=z.device), distances.argmin(1)
    reachable = distances[rows, k].isfinite()
    scale = torch.where(reachable, (distances[rows, k] + overstep) / slopes[rows, k], torch.zeros_like(distances[:, 0]))
    return broadcast_per_sample(scale, w[:, 0]) * w[rows, k]
