"""The change a picture would need: gradients towards a label that fits nothing, a norm for each layer; and a detector."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_shapes
from tutorial_lib.gradients import (
    confounding_label_loss,
    gradient_norms_from_gram,
    last_layer_gradient_factors,
    per_sample_gradient_norms,
)
from tutorial_lib.uncertainty.logit_scores import check_logits


def confounding_gradient_norms(
    model: nn.Module,
    x: Tensor,
    labels: str | Tensor = "ones",
    *,
    activation: str = "sigmoid",
    reduction: str = "mean",
    layers: str | nn.Module | list | None = None,
    group_by: str = "layer",
    batch_size: int = 64,
) -> Tensor:
    """How far each layer would have to move for a label that fits nothing: ‖∂J(y)/∂θ_l‖ ≥ 0. x (N, …) -> (N, L).

    J is :func:`tutorial_lib.gradients.confounding_label_loss`. All ones with the sigmoid: δ = ∂J/∂z = (σ(z) − 1)/C. All ones with the
    softmax: δ = p − 1/C, the gradient of GradNorm's KL(u ‖ p). **No direction is given**: whether a stranger's norm is larger
    or smaller depends on loss, layer and network; see :func:`signed_auroc` first. One backward pass; norms, whose squares are
    the papers' feature.

    Args:
        model: pictures to logits, (N, C).
        x: (N, …).
        labels: "ones", "uniform" (1/C each; with the softmax, the same as "ones" up to a factor C), one label (C,) for all
            pictures, or one each, (N, C).
        link: "sigmoid" (the lab's code) or "softmax" (with ``reduction="sum"``: pytorch-ood's).
        reduction: "mean" over the classes, or "sum".
        layers: which; all by default.
        by: "layer", or "tensor", weights and biases apart, as in the papers.
        chunk: pictures at a time.

    Raises:
        ValueError: unknown labels, link or reduction, and as :func:`tutorial_lib.gradients.per_sample_gradient_norms` does.

    Source: Lee and AlRegib, ICIP 2020, arXiv 2008.08030; Lee et al., IEEE Access 2023, arXiv 2304.02834.

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


def confounding_norms_from_gram(
    gram: Tensor, logits: Tensor, labels: Tensor, *, activation: str = "sigmoid", reduction: str = "mean"
) -> Tensor:
    """The norms for any other labels, without another backward pass: √(δᵀKδ), for each label. -> (Q, N, L).

    Args:
        K: the Gram matrix of the classes' gradients, (N, L, C, C), from :func:`tutorial_lib.gradients.class_gradient_gram`.
        logits: (N, C).
        labels: (Q, C), each meant for all pictures.
        link, reduction: as for :func:`confounding_norms`.

    Raises:
        ValueError: shapes that do not belong together, and as :func:`confounding_norms` does.

    Example:
        >>> confounding_norms_from_gram(25 * torch.eye(2)[None, None], torch.zeros(1, 2), torch.tensor([[1., 1.], [0., 1.]]))
        tensor([[[1.7678]],
        <BLANKLINE>
                [[1.7678]]])
    """
    if labels.dim() != 2 or not len(labels) or labels.shape[1] != check_logits(logits).shape[1]:
        raise ValueError(f"labels (Q, C) for logits (N, C), not {tuple(labels.shape)} and {tuple(logits.shape)}")
    # δ asks for the logits alone; what stands where the features do is not looked at.
    delta = [
        last_layer_gradient_factors(logits, logits, confounding_label_loss(y, activation, reduction))[0] for y in labels
    ]
    return gradient_norms_from_gram(gram, torch.stack(delta).to(gram))


class PurviewDetector:
    """A small classifier that learns, from normal and abnormal pictures, which way their norms point.

    Features are logged (norms span orders of magnitude), standardised with the statistics of what it was fitted on, and read
    by a logistic regression, or by hidden layers. It has *seen* abnormal pictures: never set it beside a score that has not,
    without saying so, and ask how it does on a kind it was not shown (:func:`leave_one_family_out`). The features may be
    anything, so that its controls are the same class: on h, or on cheap scores.

    Args:
        hidden: widths of hidden layers, ReLUs, trained by Adam (step 1e-3, batches of 64); none: a logistic regression. The
            lab's code of 2019 has (40, 20).
        log: take the logarithm first; leave it off where features may be negative.
        epochs: passes through the features, for hidden layers.
        strength: the weight of the penalty ½‖w‖², against the summed loss of the logistic regression.

    Source: Lee et al., IEEE Access 2023, arXiv 2304.02834; Kwon et al., ICIP 2019, arXiv 1908.09998 (the widths).

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> normal, abnormal = (torch.randn(90, 3, generator=generator).exp() * size for size in (1, 9))
        >>> detector = PurviewDetector().fit(normal[:60], abnormal[:60])
        >>> bool(detector.score(normal[60:]).mean() < 0 < detector.score(abnormal[60:]).mean())
        True
    """

    def __init__(self, hidden: tuple[int, ...] = (), *, log: bool = True, epochs: int = 200, l2_penalty: float = 1.0):
        if epochs < 1 or l2_penalty <= 0:
            raise ValueError(f"at least one epoch and a strength above zero, not {epochs} and {l2_penalty}")
        self.hidden, self.log, self.epochs, self.strength = tuple(hidden), log, epochs, l2_penalty
        self.layers = None

    def fit(self, normal: Tensor, abnormal: Tensor, *, generator: torch.Generator | None = None) -> PurviewDetector:
        """Learn to tell abnormal from normal; both sides count alike, however many there are.

        Args:
            normal: features, (N, F).
            abnormal: features, (M, F).
            generator: source of first weights and order, for hidden layers; without one, a fresh one seeded with 0.

        Raises:
            ValueError: no features of equal length on both sides, ones that are not finite, or for ``log`` negative ones.
        """
        if (
            normal.dim() != 2
            or abnormal.dim() != 2
            or normal.shape[1] != abnormal.shape[1]
            or 0 in (len(normal), len(abnormal))
        ):
            raise ValueError(f"features (N, F) and (M, F), not {tuple(normal.shape)} and {tuple(abnormal.shape)}")
        check_shapes(normal=(normal, "floats N F"), abnormal=(abnormal, "floats M F"))
        both = self._preprocess(torch.cat([normal, abnormal.to(normal)]))
        self.mean, spread = both.mean(0), both.std(0)
        # A feature that never varies has no unit.
        self.spread = torch.where(spread > 0, spread, 1)
        seed = (
            0 if generator is None else int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
        )
        self.layers = self._fit_sklearn((both - self.mean) / self.spread, len(normal), seed)
        return self

    def _fit_sklearn(self, features: Tensor, normal: int, seed: int) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases, layer by layer; scikit-learn does the fitting."""
        abnormal = len(features) - normal
        given, said = features.numpy(), [0] * normal + [1] * abnormal
        if not self.hidden:
            from sklearn.linear_model import LogisticRegression

            model = LogisticRegression(C=1 / self.strength, class_weight="balanced", max_iter=2000).fit(given, said)
            return [(torch.from_numpy(model.coef_.T), torch.from_numpy(model.intercept_))]
        from sklearn.neural_network import MLPClassifier

        # It knows no class weights: the smaller side is repeated instead.
        rows = [*range(len(features))]
        rows += [rows[i % normal] for i in range(abnormal - normal)] + [
            normal + i % abnormal for i in range(normal - abnormal)
        ]
        how = {"batch_size": min(64, len(rows)), "max_iter": self.epochs, "tol": 0.0, "n_iter_no_change": self.epochs}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it stops when it was told to
            model = MLPClassifier(self.hidden, random_state=seed, **how).fit(given[rows], [said[i] for i in rows])
        return [
            (torch.from_numpy(w), torch.from_numpy(b)) for w, b in zip(model.coefs_, model.intercepts_, strict=True)
        ]

    def score(self, features: Tensor) -> Tensor:
        """The log odds of abnormal to normal; above zero: rather abnormal. (N, F) -> (N,).

        Raises:
            ValueError: nothing learned yet, or features of another length or sign than those it was fitted on.
        """
        if self.layers is None:
            raise ValueError("nothing has been learned yet: call fit(normal, abnormal) first")
        if features.dim() != 2 or features.shape[1] != len(self.mean):
            raise ValueError(f"fitted on features (N, {len(self.mean)}), these are {tuple(features.shape)}")
        found = (self._preprocess(features) - self.mean) / self.spread
        for i, (weight, bias) in enumerate(self.layers):
            found = (found.relu() if i else found) @ weight + bias
        return found[:, 0].to(features)

    def _preprocess(self, features: Tensor) -> Tensor:
        fine = features.detach().to("cpu", torch.float64)
        if not fine.isfinite().all():
            raise ValueError("the features are not finite")
        if not self.log:
            return fine
        if (fine < 0).any():
            raise ValueError("some features are negative and have no logarithm: take PurviewDetector(log=False)")
        # A norm of exactly zero is smaller than any that can be told from it.
        return fine.clamp(min=torch.finfo(torch.float32).tiny).log()
