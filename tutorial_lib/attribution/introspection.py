"""Introspective learning: ask a trained network "why this, rather than Q?" for every Q; a second stage reads the answers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_choice, check_shapes
from tutorial_lib.attribution.fisher import complement_probabilities
from tutorial_lib.gradients import penultimate_features, reduced_class_jacobian

# The gradient of the loss to Q with respect to the logits is δ_c for every c ≠ Q: (δ, what stands at Q itself, δ_Q − pull).
LOSSES = {
    "cross_entropy": lambda z, height: (z.softmax(1), -complement_probabilities(z), 1.0),
    "sigmoid": lambda z, height: (z.sigmoid() / z.shape[1], -(-z).sigmoid() / z.shape[1], 1 / z.shape[1]),
    "squared": lambda z, height: (2 * z / z.shape[1], 2 * (z - height) / z.shape[1], 2 * height / z.shape[1]),
}


def introspective_features(
    model: nn.Module,
    x: Tensor,
    *,
    loss: str = "cross_entropy",
    weight_rows: str = "own",
    layer: str | nn.Module | None = None,
    target_logit: float = 1.0,
    batch_size: int = 64,
) -> Tensor:
    """For every Q, "why P, rather than Q?": r_Q = ∂J(Q)/∂W, the last layer's gradient of the loss to Q. x (N, …) -> (N, C, d).

    J "cross_entropy": ∂J/∂W = (p − e_Q) hᵀ, its own row Q is (p_Q − 1) h. "sigmoid": the binary cross-entropy to e_Q, mean
    over the classes; own row (σ(z_Q) − 1) h / C, the same for all Q as one loss to all ones has. "squared": the mean of (z −
    M e_Q)²; own row 2 (z_Q − M) h / C. Closed forms after one forward pass, no backward pass, nothing of the picture that h
    and z did not hold. With ``layer``: ∂J(Q)/∂A, what the loss asks of that layer's activation A, (N, C, …) like A; one
    forward pass, one backward pass a class as far as the layer. Row P is small where the network is sure: it asks for nothing
    new.

    Args:
        model: images to logits; without ``layer``, the logits must come straight from a Linear layer.
        x: (N, …).
        loss: which J.
        rows: at the last layer, each question's "own" row Q, (N, C, d), or "all" rows, (N, C, C, d): C times as much.
        layer: a module or its name.
        height: M, what the squared loss wants the logit of Q to be.
        chunk: samples at a time.

    Raises:
        ValueError: an unknown loss, rows or layer; rows="all" of another layer; a model without features h.

    Source: Prabhushankar and AlRegib, NeurIPS 2022, arXiv 2209.08425.

    Example:
        >>> model = nn.Linear(3, 2)
        >>> introspective_features(model, torch.rand(4, 3)).shape
        torch.Size([4, 2, 3])
    """
    delta = LOSSES[check_choice(loss, LOSSES, "loss")]
    whole = check_choice(weight_rows, ["own", "all"], "rows") == "all"
    if whole and layer is not None:
        raise ValueError('only the last layer\'s weight has rows of classes: leave out rows="all" for another layer')
    found = []
    for part in batch_slices(max(1, len(x)), batch_size):
        z, h = penultimate_features(model, x[part]) if layer is None else (None, None)
        if layer is not None:
            found.append(_at_layer(model, x[part], layer, delta, target_logit))
        elif whole:
            other, at_own, _ = delta(z, target_logit)
            every = other[:, None].expand(-1, z.shape[1], -1).clone()
            every.diagonal(dim1=1, dim2=2).copy_(at_own)
            found.append(every[..., None] * h[:, None, None])
        else:
            found.append(delta(z, target_logit)[1][..., None] * h[:, None])
    return torch.cat(found)


def _at_layer(
    model: nn.Module, x: Tensor, layer: str | nn.Module, logit_gradients: Callable, target_logit: float
) -> Tensor:
    _, z, J = reduced_class_jacobian(model, x, layer, lambda gradients: gradients)
    other, _, pull = logit_gradients(z, target_logit)
    # ∂J(Q)/∂A = Σ_c δ_c ∂z_c/∂A − pull · ∂z_Q/∂A: only the last term knows Q.
    return torch.einsum("nc,nc...->n...", other, J)[:, None] - pull * J


class MLPHead:
    """A small network H that reads features, (N, …), standardised with the statistics it was trained on, and answers with logits.

    Args:
        hidden: units of its hidden layers, sigmoids; none makes it linear.

    Source: the standardised input and the three layers are those of Prabhushankar and AlRegib, NeurIPS 2022, arXiv 2209.08425.

    Example:
        >>> features = torch.tensor([[-1.], [1.]]).repeat(50, 1)
        >>> stage = MLPHead(hidden=(8,)).fit(features, (features[:, 0] > 0).long(), lr=0.05)
        >>> stage.logits(torch.tensor([[-2.], [2.]])).argmax(1)
        tensor([0, 1])
    """

    def __init__(self, hidden: tuple[int, ...] = (300, 100)):
        self.hidden, self.network = tuple(hidden), None

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
        """Train it anew by Adam on the cross-entropy; mean and spread of the features are taken from these features alone.

        Args:
            features: (N, …), flattened for each sample.
            labels: (N,), classes.
            epochs, batch, step: passes through the features, samples a step, learning rate.
            weight_decay: AdamW's.
            generator: source of first weights and order, on the CPU; without one, a fresh one seeded with 0.

        Raises:
            ValueError: not one label a sample, features that are not finite, fewer than two samples.
        """
        check_shapes(labels=(labels, "whole N"))
        if len(features) != len(labels) or len(labels) < 2 or features.dim() < 2 or not features.numel():
            found = f"{tuple(features.shape)} and {tuple(labels.shape)}"
            raise ValueError(f"features (N, …) and labels (N,) of at least two samples, not {found}")
        if (labels < 0).any():
            raise ValueError("labels run from 0: the negative ones stand for no class")
        if not features.isfinite().all():
            raise ValueError("the features are not finite")
        generator = generator if generator is not None else torch.Generator().manual_seed(0)
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(features.device.type, enabled=False):
            flat = _flat(features).clone()
            labels = labels.to(flat.device, torch.int64, copy=True)
            self.mean, spread = flat.mean(0), flat.std(0)
            # A feature that never varies has no unit.
            self.spread = torch.where(spread > 0, spread, 1)
            flat = (flat - self.mean) / self.spread
            self.network = _make_mlp([flat.shape[1], *self.hidden, int(labels.max()) + 1], generator).to(flat)
            optimiser = torch.optim.AdamW(self.network.parameters(), lr=lr, weight_decay=weight_decay)
            for _ in range(epochs):
                for rows in torch.randperm(len(flat), generator=generator).to(flat.device).split(batch_size):
                    optimiser.zero_grad()
                    cross_entropy(self.network(flat[rows]), labels[rows]).backward()
                    optimiser.step()
            self.network.requires_grad_(False)
        return self

    def logits(self, features: Tensor) -> Tensor:
        """(N, …) -> (N, C), C the largest label seen + 1.

        Raises:
            ValueError: not fitted yet, or features of another length than those it was fitted on.
        """
        if self.network is None:
            raise ValueError("nothing has been learned yet: call fit first")
        if features.dim() < 2:
            raise ValueError(f"features are one row a sample, (N, …), not {tuple(features.shape)}")
        flat = _flat(features)
        if flat.shape[1] != len(self.mean):
            raise ValueError(f"fitted on {len(self.mean)} features a sample, these are {flat.shape[1]}")
        with torch.no_grad():
            return self.network((flat - self.mean) / self.spread)


class IntrospectiveClassifier:
    """Two stages: a trained network senses, frozen; a second stage reflects on what ``read(model, x)`` finds, and answers anew.

    ``read`` may be anything, so the controls are the same class: ``lambda model, x: features(model, x)[1]`` is the same head
    on h. Introspective features are a function of (z, h): what they add is another geometry, no information. Hold it against
    its controls.

    Args:
        model: images to logits; borrowed, never changed.
        read: from model and images to features, (N, …); by default :func:`introspective_features`.
        hidden: the second stage's, see :class:`SecondStage`.
        chunk: images at a time.

    Source: Prabhushankar and AlRegib, NeurIPS 2022, arXiv 2209.08425.

    Example:
        >>> x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        >>> two = IntrospectiveClassifier(nn.Linear(2, 2), hidden=(16,)).fit(x, (x[:, 0] > 0).long(), lr=0.02)
        >>> two.predict(torch.tensor([[-2., 0.], [2., 0.]]))
        tensor([0, 1])
    """

    def __init__(
        self,
        model: nn.Module,
        feature_fn: Callable[[nn.Module, Tensor], Tensor] = introspective_features,
        *,
        hidden: tuple[int, ...] = (300, 100),
        batch_size: int = 256,
    ):
        self.model, self.read, self.batch_size, self.stage = model, feature_fn, batch_size, MLPHead(hidden)

    def features(self, x: Tensor) -> Tensor:
        """What the second stage reads: (N, …)."""
        return torch.cat([self.read(self.model, x[rows]) for rows in batch_slices(max(1, len(x)), self.batch_size)])

    def fit(self, x: Tensor, labels: Tensor, **options) -> IntrospectiveClassifier:
        """Train the second stage on clean pictures and their labels; options as in :meth:`SecondStage.fit`."""
        self.stage.fit(self.features(x), labels, **options)
        return self

    def logits(self, x: Tensor) -> Tensor:
        """The second stage's logits, (N, C); their softmax is its confidence."""
        return self.stage.logits(self.features(x))

    def predict(self, x: Tensor) -> Tensor:
        """The second stage's classes, (N,)."""
        return self.logits(x).argmax(1)


def _flat(features: Tensor) -> Tensor:
    # Half precision is too coarse to train in.
    return features.detach().flatten(1).to(torch.promote_types(features.dtype, torch.float32))


def _make_mlp(widths: list[int], generator: torch.Generator) -> nn.Sequential:
    layers = []
    for a, b in zip(widths, widths[1:]):
        linear = nn.utils.skip_init(nn.Linear, a, b)
        for p in linear.parameters():
            nn.init.uniform_(p, -(a**-0.5), a**-0.5, generator=generator)
        layers += [linear, nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])
