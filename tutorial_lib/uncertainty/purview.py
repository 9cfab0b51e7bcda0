"""Gradient norms of confounding labels, one per layer, and a classifier that detects anomalies from such features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.gradients import Layer, confounding_label_loss, per_sample_gradient_norms


@convert_arguments
def confounding_gradient_norms(
    model: nn.Module,
    x: Tensor,
    labels: str | Tensor = "ones",
    *,
    activation: str = "sigmoid",
    reduction: str = "mean",
    layers: Layer | Sequence[Layer] | None = None,
    group_by: str = "layer",
    batch_size: int = 64,
) -> Tensor:
    """Return the gradient norms of the loss against a confounding label, layer by layer.

    ‖∂J(y)/∂θ_l‖ with the loss J of :func:`~tutorial_lib.gradients.confounding_label_loss` and a label y that the
    network was never trained on, for example all classes at once. With all ones and the sigmoid, δ = ∂J/∂z = (σ(z) −
    1)/C; with all ones and the softmax, δ = p − 1/C, the gradient of the KL(u ‖ p) of GradNorm. The norm measures how
    much a layer would have to change for this label. One backward pass. The result holds norms; the features in the
    papers are their squares.

    **The direction is not known in advance.** Whether the norm of an out-of-distribution image is larger or smaller
    depends on the loss, the layer and the network; compute :func:`~tutorial_lib.uncertainty.columnwise_auroc` first.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …).
        labels: "ones", "uniform" (1/C for each class; with the softmax the same as "ones" up to a factor C), one label
            (C,) for all images, or one per image (N, C).
        activation: "sigmoid" (as in the authors' code) or "softmax" (as in pytorch-ood, with ``reduction="sum"``).
        reduction: "mean" or "sum" over the classes.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        group_by: "layer" gives one column per layer; "tensor" separates weights from biases, as in the papers.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Norms (N, L), ≥ 0; the columns are ``layer_names(model, layers, group_by)``.

    Raises:
        ValueError: unknown labels, activation, reduction, grouping or layer; outputs that are not finite logits (N, C);
            BatchNorm or dropout in training mode.

    References:
        Lee and AlRegib, ICIP 2020, arXiv:2008.08030; Lee et al., IEEE Access 2023, arXiv:2304.02834.

    Example:
        >>> model = nn.Linear(2, 4)  # with σ(z) = ½ everywhere, δ = −½/4 for each class
        >>> model.weight.data.zero_(), model.bias.data.zero_()  # doctest: +ELLIPSIS
        (...)
        >>> confounding_gradient_norms(model, torch.tensor([[3., 4.]]), group_by="tensor")
        tensor([[1.2500, 0.2500]])
    """
    return per_sample_gradient_norms(
        model,
        x,
        confounding_label_loss(labels, activation, reduction),
        layers=layers,
        group_by=group_by,
        batch_size=batch_size,
    )


class PurviewDetector:
    """Classifier of abnormal against normal samples from features such as gradient norms.

    It is a logistic regression, or a network with hidden layers, on standardized features. It is trained on *abnormal*
    samples: say so wherever you compare it with a score that is not, and test it on a type of anomaly that was left out
    of the training (:func:`~tutorial_lib.uncertainty.leave_one_group_out`).

    Args:
        hidden: widths of the hidden layers (ReLU, trained by Adam); none is a logistic regression. The authors' code of
            2019 has (40, 20).
        log: whether the logarithm of the features is taken first; False allows negative features.
        epochs: passes over the features, for hidden layers.

    References:
        Lee et al., IEEE Access 2023, arXiv:2304.02834; Kwon et al., ICIP 2019, arXiv:1908.09998 (the widths).

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> normal, abnormal = (torch.randn(90, 3, generator=generator).exp() * scale for scale in (1, 9))
        >>> detector = PurviewDetector().fit(normal[:60], abnormal[:60])
        >>> bool(detector.score(normal[60:]).mean() < 0 < detector.score(abnormal[60:]).mean())
        True
    """

    @convert_arguments
    def __init__(self, hidden: tuple[int, ...] = (), *, log: bool = True, epochs: int = 200):
        if epochs < 1:
            raise ValueError(f"the training needs at least one epoch, not {epochs}")
        self.hidden, self.log, self.epochs = tuple(hidden), log, epochs
        self.layers: list[tuple[Tensor, Tensor]] | None = None

    @convert_arguments
    def fit(self, normal: Tensor, abnormal: Tensor, *, generator: torch.Generator | None = None) -> PurviewDetector:
        """Fit the classifier, with equal weight for both sides, and return it.

        Args:
            normal: features (N, F) of normal samples.
            abnormal: features (M, F) of abnormal samples.
            generator: source of the initial weights and the order, for hidden layers; None is a new one with seed 0.

        Returns:
            The fitted detector, ``self``.

        Raises:
            ValueError: features of other shapes, features that are not finite, or negative ones with ``log``.
        """
        check_shapes(normal=(normal, "floats n F"), abnormal=(abnormal, "floats m F"))
        both = self._preprocess(torch.cat([normal, abnormal.to(normal)]))
        self.mean, spread = both.mean(0), both.std(0)
        # A feature that never varies has no unit.
        self.spread = torch.where(spread > 0, spread, 1)
        features, is_abnormal = ((both - self.mean) / self.spread).numpy(), np.arange(len(both)) >= len(normal)
        if self.hidden:
            seed = (
                0
                if generator is None
                else int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
            )
            weights, biases = _fit_mlp(features, is_abnormal, self.hidden, self.epochs, seed)
        else:
            from sklearn.linear_model import LogisticRegression

            model = LogisticRegression(class_weight="balanced", max_iter=2000).fit(features, is_abnormal)
            weights, biases = [model.coef_.T], [model.intercept_]
        self.layers = [(torch.from_numpy(w), torch.from_numpy(b)) for w, b in zip(weights, biases, strict=True)]
        return self

    @convert_arguments
    def score(self, features: Tensor) -> Tensor:
        """Return the log-odds that each sample is abnormal.

        Args:
            features: features (N, F).

        Returns:
            Scores (N,); higher means more abnormal, and above zero abnormal is more likely than normal.

        Raises:
            ValueError: the detector is not fitted, or features of another width, or negative ones with ``log``.
        """
        if self.layers is None:
            raise ValueError("nothing has been learned yet: call fit(normal, abnormal) first")
        check_shapes(features=(features, "floats N F"), fitted_mean=(self.mean, "floats F"))
        h = (self._preprocess(features) - self.mean) / self.spread
        for i, (weight, bias) in enumerate(self.layers):
            h = (h.relu() if i else h) @ weight + bias
        return h[:, 0].to(features)

    def _preprocess(self, features: Tensor) -> Tensor:
        fine = features.detach().to("cpu", torch.float64)
        if not fine.isfinite().all():
            raise ValueError("the features are not finite")
        if not self.log:
            return fine
        if (fine < 0).any():
            raise ValueError("some features are negative and have no logarithm: take PurviewDetector(log=False)")
        # A norm of zero has no logarithm, and is replaced by the smallest positive number of single precision.
        return fine.clamp(min=torch.finfo(torch.float32).tiny).log()


def _fit_mlp(
    features: NDArray, is_abnormal: NDArray, hidden: tuple[int, ...], epochs: int, seed: int
) -> tuple[list[NDArray], list[NDArray]]:
    """The weights and biases of a multilayer perceptron, trained by Adam with equal weight for both sides."""
    from sklearn.neural_network import MLPClassifier

    # MLPClassifier has no class weights, so the samples of the smaller side are repeated instead.
    sides = np.flatnonzero(~is_abnormal), np.flatnonzero(is_abnormal)
    smaller, larger = sorted(sides, key=len)
    rows = np.concatenate([*sides, np.resize(smaller, len(larger) - len(smaller))])
    with warnings.catch_warnings():
        # The training always ends by reaching the number of epochs, which scikit-learn warns about.
        warnings.simplefilter("ignore")
        model = MLPClassifier(
            hidden, batch_size=min(64, len(rows)), max_iter=epochs, tol=0.0, n_iter_no_change=epochs, random_state=seed
        ).fit(features[rows], is_abnormal[rows])
    return model.coefs_, model.intercepts_
