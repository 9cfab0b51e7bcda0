"""Introspective learning: a second classifier, trained on the gradients of a network for "Why P, rather than Q?"."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tutorial_lib._batching import run_in_batches
from tutorial_lib._tensor_ops import complement_probabilities
from tutorial_lib._validation import check_choice, check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients import penultimate_features
from tutorial_lib.runtime import default_generator, random_permutation

# The entry Q of the gradient of each loss J(Q) with respect to the logits, for every class Q, as a function of the
# logits and of the target logit M.
LOSSES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "cross_entropy": lambda z, M: -complement_probabilities(z),
    "sigmoid": lambda z, M: -(-z).sigmoid() / z.shape[1],
    "squared": lambda z, M: 2 * (z - M) / z.shape[1],
}


@convert_arguments
def introspective_features(
    model: nn.Module,
    x: Tensor,
    *,
    loss: str = "cross_entropy",
    target_logit: float = 1.0,
    batch_size: int = 64,
) -> Tensor:
    """Return the gradients of the loss to every class Q, with respect to the last layer.

    ∂J(Q)/∂W is the gradient that answers "Why P, rather than Q?" for the prediction P. The result r_Q is its row Q,
    which belongs to the logit of Q. With the logits z, the features h, the probabilities p and C classes, it is

    - "cross_entropy": (p_Q − 1) h for J(Q) = −log p_Q;
    - "sigmoid": (σ(z_Q) − 1) h / C for the binary cross-entropy to e_Q, averaged over the classes, as for a single loss
      to a label of ones;
    - "squared": 2 (z_Q − M) h / C for (z − M e_Q)², averaged over the classes.

    These closed forms need one forward pass and no backward pass. They are functions of h and z, so they hold no
    further information about the image. The gradient for Q = P is small if the network is confident.

    Args:
        model: classifier that takes x alone, whose logits are the output of a Linear layer; it is left as it was.
        x: samples (N, …).
        loss: "cross_entropy", "sigmoid" or "squared".
        target_logit: M, the target value of z_Q in the squared loss; the other losses do not use it.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Gradients (N, C, d), signed, one row per class Q.

    Raises:
        ValueError: an unknown loss, or a model whose logits are not the output of a Linear layer.

    References:
        Prabhushankar and AlRegib, NeurIPS 2022, arXiv:2209.08425.

    Example:
        >>> model = nn.Linear(3, 2)
        >>> introspective_features(model, torch.rand(4, 3)).shape
        torch.Size([4, 2, 3])
    """
    own_entries = LOSSES[check_choice(loss, LOSSES, "loss")]

    def one_batch(x: Tensor) -> Tensor:
        z, h = penultimate_features(model, x)
        return own_entries(z, target_logit)[..., None] * h[:, None]

    return run_in_batches(one_batch, x, batch_size=batch_size)


class MLPHead:
    """A small classifier of features: a multilayer perceptron with sigmoids.

    It standardizes the features with the mean and standard deviation of those it was trained on.

    It is written in PyTorch and does not use scikit-learn, because introspective features have C · d numbers per sample
    and lie on the device of the network: the classifier is trained and evaluated there. In addition, it has one logit
    for each class up to the largest label, even if a class is missing in the training set.

    Args:
        hidden: number of units of each hidden layer; an empty tuple makes the classifier linear.

    References:
        Prabhushankar and AlRegib, NeurIPS 2022, arXiv:2209.08425 (the standardization and the three layers).

    Example:
        >>> features = torch.tensor([[-1.], [1.]]).repeat(50, 1)
        >>> head = MLPHead(hidden=(8,)).fit(features, (features[:, 0] > 0).long(), lr=0.05)
        >>> head.logits(torch.tensor([[-2.], [2.]])).argmax(1)
        tensor([0, 1])
    """

    @convert_arguments
    def __init__(self, hidden: tuple[int, ...] = (300, 100)):
        self.hidden = tuple(hidden)
        self.network: nn.Sequential | None = None

    @convert_arguments
    def fit(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        epochs: int = 30,
        batch_size: int = 128,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> MLPHead:
        """Train from scratch with AdamW on the cross-entropy loss, and return the classifier.

        Args:
            features: features (N, …) of at least two samples, floats; they are flattened.
            labels: class indices (N,); the largest one determines the number of classes.
            epochs: passes through the samples.
            batch_size: samples per step.
            lr: learning rate.
            weight_decay: weight decay of AdamW.
            generator: source of the initial weights and of the order of the samples, on the CPU; None is a new
                generator with seed 0.

        Returns:
            The same object, trained.

        Raises:
            ValueError: not one label per sample, a negative label, features that are not finite, or fewer than two
                samples.
        """
        check_shapes(features=(_flatten_features(features), "floats n d"), labels=(labels, "whole n"))
        if len(labels) < 2 or (labels < 0).any() or not features.isfinite().all():
            raise ValueError("expected at least two samples, finite features, and labels that are class indices ≥ 0")
        generator = default_generator(generator)
        with torch.inference_mode(False), torch.enable_grad():
            flat = _flatten_features(features).clone()
            labels = labels.to(flat.device, torch.int64, copy=True)
            self.mean, std = flat.mean(0), flat.std(0)
            # A constant feature cannot be divided by its standard deviation.
            self.std = torch.where(std > 0, std, 1)
            flat = (flat - self.mean) / self.std
            network = _make_mlp([flat.shape[1], *self.hidden, int(labels.max()) + 1], generator).to(flat)
            optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=weight_decay)
            for _ in range(epochs):
                for rows in random_permutation(generator, len(flat)).to(flat.device).split(batch_size):
                    optimizer.zero_grad()
                    cross_entropy(network(flat[rows]), labels[rows]).backward()
                    optimizer.step()
            self.network = network.requires_grad_(False)
        return self

    @convert_arguments
    def logits(self, features: Tensor) -> Tensor:
        """Return the logits of features.

        Args:
            features: features (N, …), of the same size as in :meth:`fit`.

        Returns:
            Logits (N, C), where C is the largest label in :meth:`fit` plus one.

        Raises:
            ValueError: the classifier is not trained, or features of another size.
        """
        if self.network is None:
            raise ValueError("this MLPHead is not trained: call fit first")
        flat = _flatten_features(features)
        check_shapes(features=(flat, "floats N d"), fitted_mean=(self.mean, "floats d"))
        with torch.no_grad():
            return self.network((flat.to(self.mean.device) - self.mean) / self.std).to(features.device)


class IntrospectiveClassifier:
    """A two-stage classifier: a small second stage, trained on features of a trained network.

    The network itself is not trained further. Its features can come from any function, so that controls use the same
    class: ``lambda model, x: penultimate_features(model, x)[1]`` trains the same second stage on h. Introspective
    features are functions of (z, h). They add a different geometry and no information, so compare the classifier with
    its controls.

    Args:
        model: trained classifier; it is left as it was.
        feature_fn: function of the model and images (N, …) that returns features (N, …), by default
            :func:`introspective_features`.
        hidden: number of units of each hidden layer of the second stage, see :class:`MLPHead`.
        batch_size: images per call of ``feature_fn``; it bounds the memory and does not change the result.

    References:
        Prabhushankar and AlRegib, NeurIPS 2022, arXiv:2209.08425.

    Example:
        >>> x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        >>> classifier = IntrospectiveClassifier(nn.Linear(2, 2), hidden=(16,)).fit(x, (x[:, 0] > 0).long(), lr=0.02)
        >>> classifier.predict(torch.tensor([[-2., 0.], [2., 0.]]))
        tensor([0, 1])
    """

    @convert_arguments
    def __init__(
        self,
        model: nn.Module,
        feature_fn: Callable[[nn.Module, Tensor], Tensor] = introspective_features,
        *,
        hidden: tuple[int, ...] = (300, 100),
        batch_size: int = 256,
    ):
        self.model, self.feature_fn, self.batch_size, self.head = model, feature_fn, batch_size, MLPHead(hidden)

    @convert_arguments
    def features(self, x: Tensor) -> Tensor:
        """Return the features on which the second stage is trained.

        Args:
            x: images (N, …).

        Returns:
            Features (N, …).
        """
        return run_in_batches(partial(self.feature_fn, self.model), x, batch_size=self.batch_size)

    @convert_arguments
    def fit(self, x: Tensor, labels: Tensor, **options: Any) -> IntrospectiveClassifier:
        """Train the second stage on clean images, and return the classifier.

        Args:
            x: images (N, …).
            labels: class indices (N,).
            **options: options of :meth:`MLPHead.fit`, such as ``epochs`` and ``lr``.

        Returns:
            The same object, trained.
        """
        self.head.fit(self.features(x), labels, **options)
        return self

    @convert_arguments
    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of the second stage.

        Args:
            x: images (N, …).

        Returns:
            Logits (N, C); their softmax is the confidence.
        """
        return self.head.logits(self.features(x))

    @convert_arguments
    def predict(self, x: Tensor) -> Tensor:
        """Return the classes that the second stage predicts.

        Args:
            x: images (N, …).

        Returns:
            Class indices (N,).
        """
        return self.logits(x).argmax(1)


def _flatten_features(features: Tensor) -> Tensor:
    """Features as one row per sample, in single precision at least, since half precision is too coarse for training."""
    if features.dim() < 2:
        raise ValueError(f"expected features (N, …), one row per sample, got {tuple(features.shape)}")
    return features.detach().flatten(1).to(promote_to_float32(features))


def _make_mlp(widths: list[int], generator: torch.Generator) -> nn.Sequential:
    """A multilayer perceptron with sigmoids between its layers, initialized as ``nn.Linear`` but from a generator."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip(widths, widths[1:]):
        linear = nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=torch.float32)
        for p in linear.parameters():
            nn.init.uniform_(p, -(n_in**-0.5), n_in**-0.5, generator=generator)
        layers += [linear, nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])
