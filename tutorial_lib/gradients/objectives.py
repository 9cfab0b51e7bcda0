"""Of which expectation is the gradient? An objective turns a network's outputs into one number a row.

An objective is any row-wise function ``(n, …) -> (n,)``. Tensors that hold one row a sample (labels, references) are never closed
over but *bound*: the engine looks at chunks, copies and classes, and must pick the rows that belong to them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.gradients._context import translate_errors

Target = int | Tensor | None


class Objective:
    """A row-wise function of the outputs and the tensors bound to it: ``fn(outputs, *bound) -> (n,)``.

    A bound tensor holds one row a sample; a bound int is a class for every row; a bound ``None`` is the class predicted.
    ``classes`` says that whole numbers bound to it are classes, and must be among those of the outputs.

    Example:
        >>> outputs = torch.tensor([[1., 5.], [2., 3.]])
        >>> logit(torch.tensor([0, 1]))(outputs)
        tensor([1., 3.])
    """

    def __init__(self, fn: Callable[..., Tensor], *bound: Target, classes: bool = False):
        self.fn, self.bound, self.classes = fn, bound, classes

    def __call__(self, outputs: Tensor) -> Tensor:
        return self.fn(
            outputs,
            *(self.resolve(outputs).bound if None in [b for b in self.bound if not isinstance(b, Tensor)] else self.bound),
        )

    def select(self, index: slice | Tensor) -> Objective:
        """The same objective for the rows of ``index`` (a slice, or positions, repeated ones for copies of a sample).

        Example:
            >>> logit(torch.tensor([0, 1])).select(torch.tensor([1, 1]))(torch.tensor([[1., 5.], [2., 3.]]))
            tensor([5., 3.])
        """
        return Objective(self.fn, *(b[index] if isinstance(b, Tensor) else b for b in self.bound), classes=self.classes)

    def resolve(self, outputs: Tensor) -> Objective:
        """The same objective with "the class predicted" fixed to what these outputs predict; its result is checked for its shape.

        Raises:
            ValueError: the objective does not fit these outputs (rows, classes, shape of its result).

        Example:
            >>> fixed = logit().resolve(torch.tensor([[1., 5.]]))
            >>> fixed(torch.tensor([[7., 2.]]))
            tensor([2.])
        """
        outputs = outputs.detach()
        if 0 in outputs.shape[1:]:
            raise ValueError(f"an objective asks about outputs, and there are none: {tuple(outputs.shape)}")
        bound = []
        for b in self.bound:
            if b is None or isinstance(b, int):
                if outputs.dim() != 2:
                    raise ValueError(f"a class needs outputs of shape (n, C), not {tuple(outputs.shape)}")
                b = outputs.argmax(1) if b is None else b
            if isinstance(b, int) and not 0 <= b < outputs.shape[1]:
                raise ValueError(f"class {b} of a network with {outputs.shape[1]} outputs")
            if isinstance(b, Tensor):
                b = b.to(outputs.device)
                # What was made in inference mode cannot be saved for a backward pass; a copy made outside it can.
                b = b.clone() if b.is_inference() else b
                if b.dim() == 0 or len(b) != len(outputs):
                    raise ValueError(
                        f"the objective is bound to {len(b) if b.dim() else 'no'} rows, the outputs have {len(outputs)}"
                    )
                # A class out of range would end in an index error, on a GPU in a dead device.
                if self.classes and not ((0 <= b) & (b < outputs.shape[-1])).all():
                    raise ValueError(f"labels must lie in 0…{outputs.shape[-1] - 1}")
            bound.append(b)

        def refusal() -> str:
            given = "".join(f", {tuple(b.shape)} of {b.dtype}" for b in bound if isinstance(b, Tensor))
            return f"the objective does not fit outputs {tuple(outputs.shape)} of {outputs.dtype}{given}"

        with torch.no_grad(), translate_errors(refusal):
            result = self.fn(outputs, *bound)
        if not isinstance(result, Tensor) or result.shape != outputs.shape[:1]:
            found = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise ValueError(
                f"an objective maps outputs {tuple(outputs.shape)} to one number a row, ({len(outputs)},), not {found}: "
                "bind batch tensors with per_sample, and reduce every axis but the first"
            )
        return Objective(self.fn, *bound, classes=self.classes)


def as_objective(
    objective: Objective | Callable[[Tensor], Tensor] | Target = None, x: Tensor | None = None
) -> Objective:
    """The one notion of target: an int, (N,) labels or None mean the logit of that class; a row-wise callable is taken as it is.

    ``x``: the samples it is asked of, where they are at hand: what is bound must have as many rows.

    Raises:
        TypeError: it is none of these.
        ValueError: labels that are no whole numbers (N,), or not one for each sample of x.

    Example:
        >>> as_objective(1)(torch.tensor([[1., 5.], [2., 3.]]))
        tensor([5., 3.])
    """
    if (
        objective is None
        or (isinstance(objective, int) and not isinstance(objective, bool))
        or isinstance(objective, Tensor)
    ):
        objective = logit(objective)
    elif not isinstance(objective, Objective):
        if not callable(objective):
            raise TypeError(f"an objective is a callable, a class, (N,) labels or None, not {type(objective).__name__}")
        objective = Objective(objective)
    if isinstance(x, Tensor) and x.dim() and len(x):
        # Here and not chunk by chunk: the first chunks of too many labels would fit.
        for b in objective.bound:
            if isinstance(b, Tensor) and (b.dim() == 0 or len(b) != len(x)):
                raise ValueError(
                    f"the objective is bound to {len(b) if b.dim() else 'no'} rows, x has {len(x)} samples: one row for each"
                )
    return objective


def bind_per_sample(fn: Callable[..., Tensor], *tensors: Tensor) -> Objective:
    """Bind tensors of one row a sample to ``fn(outputs, *rows) -> (n,)``, so that the engine can pick their rows.

    Example:
        >>> target = torch.zeros(2, 3)
        >>> bind_per_sample(lambda out, t: (out - t).abs().sum(1), target)(torch.ones(2, 3))
        tensor([3., 3.])
    """
    return Objective(fn, *tensors)


def _check_labels(target: Target, name: str = "target") -> Target:
    if not isinstance(target, Tensor):
        return target
    if target.dim() != 1 or target.is_floating_point() or target.dtype == torch.bool:
        raise ValueError(
            f"{name} must be integer labels of shape (N,), not {target.dtype} of shape {tuple(target.shape)}"
        )
    return target.long()


def _gather_class(z: Tensor, c: int | Tensor) -> Tensor:
    return z[:, c] if isinstance(c, int) else z.gather(1, c[:, None])[:, 0]


def logit(target: Target = None) -> Objective:
    """The logit of a class, z_c: outputs (n, C) -> (n,). ``target``: a class, (N,) labels, or None, the class predicted.

    Example:
        >>> logit(0)(torch.tensor([[1., 5.]]))
        tensor([1.])
    """
    return Objective(_gather_class, _check_labels(target), classes=True)


def log_prob(target: Target = None) -> Objective:
    """The log-probability of a class, log p_c = z_c − log Σ exp z ≤ 0: outputs (n, C) -> (n,).

    Example:
        >>> log_prob(0)(torch.zeros(1, 2)).exp()
        tensor([0.5000])
    """
    return Objective(lambda z, c: _gather_class(z.log_softmax(1), c), _check_labels(target), classes=True)


def cross_entropy(target: Target = None) -> Objective:
    """The cross-entropy loss against a class, J = −log p_c ≥ 0: outputs (n, C) -> (n,); ∂J/∂z = p − e_c.

    Example:
        >>> cross_entropy(0)(torch.zeros(1, 2))
        tensor([0.6931])
    """
    return Objective(lambda z, c: -_gather_class(z.log_softmax(1), c), _check_labels(target), classes=True)


def contrast_loss(contrast_class: int | Tensor) -> Objective:
    """The contrast loss J(P, Q): the cross-entropy of what is predicted, P, against another class Q; ∂J/∂z = p − e_Q.

    Source: Prabhushankar, Kwon, Temel, AlRegib, ICIP 2020, arXiv 2008.00178.

    Example:
        >>> contrast_loss(1)(torch.zeros(1, 2))
        tensor([0.6931])
    """
    if contrast_class is None:
        raise ValueError("loss_to needs the other class: the class predicted is what it is held against")
    return cross_entropy(_check_labels(contrast_class, "other"))


def logit_difference(contrast_class: int | Tensor, target: Target = None) -> Objective:
    """Why P, rather than Q? The margin z_P − z_Q: outputs (n, C) -> (n,), positive where P wins.

    Example:
        >>> logit_difference(0)(torch.tensor([[1., 5.]]))
        tensor([4.])
    """
    if contrast_class is None:
        raise ValueError("logit_difference needs the other class")
    return Objective(
        lambda z, p, q: _gather_class(z, p) - _gather_class(z, q), _check_labels(target), _check_labels(contrast_class, "other"), classes=True
    )


def confounding_label_loss(labels: str | Tensor = "ones", activation: str = "sigmoid", reduction: str = "mean") -> Objective:
    """The loss against a label the network was never trained on; how much would it have to change?

    ``link="sigmoid"``: J = Σ_i −y_i log σ(z_i) − (1−y_i) log(1−σ(z_i)), ∂J/∂z = σ(z) − y.
    ``link="softmax"``: J = −Σ_i y_i log p_i, ∂J/∂z = (Σy) p − y. ``reduction="mean"`` divides by C.
    ``labels``: "ones", "uniform" (1/C for every class), one label (C,) for all samples, or one a sample, (N, C).
    Outputs (n, C) -> (n,).

    Raises:
        ValueError: unknown labels, link or reduction.

    Source: Lee et al., IEEE Access 2023, arXiv 2304.02834 (sigmoid, mean); pytorch-ood's form is softmax, sum.

    Example:
        >>> confounding_label_loss()(torch.zeros(1, 3))
        tensor([0.6931])
    """
    losses = {
        "sigmoid": lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none"),
        "softmax": lambda z, y: -y * z.log_softmax(1),
    }
    if activation not in losses or reduction not in ("mean", "sum"):
        raise ValueError(f"link is 'sigmoid' or 'softmax', reduction 'mean' or 'sum', not {activation!r}, {reduction!r}")
    unknown = labels not in ("ones", "uniform") if isinstance(labels, str) else labels.dim() not in (1, 2)
    if unknown:
        raise ValueError("labels are 'ones', 'uniform', a tensor (C,) for all samples, or (N, C)")

    def loss(z: Tensor, y: Tensor | None = None) -> Tensor:
        if y is None:
            y = torch.full_like(z, 1.0 if labels == "ones" else 1 / z.shape[1]) if isinstance(labels, str) else labels
        each = losses[activation](z, y.to(z).expand_as(z).clone())
        return each.mean(1) if reduction == "mean" else each.sum(1)

    return Objective(loss, *([labels] if isinstance(labels, Tensor) and labels.dim() == 2 else []))


def kl_from_uniform(temperature: float = 1.0) -> Objective:
    """The divergence from knowing nothing, J = KL(u ‖ softmax(z/T)) ≥ 0 with u = 1/C; ∂J/∂z = (p − u)/T. Outputs (n, C) -> (n,).

    Source: Huang, Geng, Li, GradNorm, NeurIPS 2021, arXiv 2110.00218.

    Example:
        >>> kl_from_uniform()(torch.zeros(1, 4)).abs() < 1e-6
        tensor([True])
    """
    return Objective(lambda z: -(z / temperature).log_softmax(1).mean(1) - math.log(z.shape[1]))


def reconstruction_mse(x: Tensor) -> Objective:
    """The mean squared error against the input itself, mean((x̂ − x)²) over each sample: outputs like x -> (n,).

    Example:
        >>> x = torch.zeros(2, 1, 4, 4)
        >>> reconstruction_mse(x)(x + 2)
        tensor([4., 4.])
    """
    return Objective(lambda out, x: (out - _check_same_shape(x, out)).square().flatten(1).mean(1), x)


def bernoulli_nll(x: Tensor) -> Objective:
    """How unlikely the input is when each output is the chance of a bright pixel: −Σ x log x̂ + (1−x) log(1−x̂) ≥ 0, in nats.

    A sum over each sample: outputs like x, in [0, 1], -> (n,). Its least value is not zero but the entropy of x, so grey pictures
    score higher than black and white ones however well they are reconstructed.

    Source: the reconstruction term of Kingma and Welling, ICLR 2014, arXiv 1312.6114.

    Example:
        >>> x = torch.tensor([[0., 1.]])
        >>> bernoulli_nll(x)(torch.tensor([[0.5, 0.5]]))
        tensor([1.3863])
    """
    return Objective(
        lambda out, x: F.binary_cross_entropy(out, _check_same_shape(x, out).to(out), reduction="none").flatten(1).sum(1), x
    )


def _check_same_shape(x: Tensor, out: Tensor) -> Tensor:
    """The input, if the outputs are of its shape: others would be stretched over each other without a word."""
    if x.shape[1:] != out.shape[1:]:
        raise ValueError(f"a reconstruction has the shape of the input, {tuple(x.shape)}, not {tuple(out.shape)}")
    return x
