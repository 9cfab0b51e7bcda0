"""Objectives: the functions of a network's outputs that are differentiated, one number per sample.

An objective is any function ``(n, …) -> (n,)`` that treats each row of the outputs alone. Tensors with one row per
sample (labels, reference images) must be *bound* to it rather than closed over, because the engine works on batches, on
copies of samples and on repeated rows, and has to select the rows that belong to them.

The derivative ∂J/∂z with respect to the logits z is given for each objective, with p = softmax(z), e_c the one-hot
vector of class c and σ the sigmoid.
"""

import math
from collections.abc import Callable, Iterable
from copy import copy
from numbers import Integral
from typing import Any, Self, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib._tensor_ops import check_several_logits
from tutorial_lib._validation import check_range, convert_arguments, promote_to_float32
from tutorial_lib.gradients._context import CAUSES, NO_PATH, differentiate, translate_errors

# One class, or a class of each sample; None is the predicted class.
Target: TypeAlias = int | Tensor | None
# What stands for one class, or for a class of each sample.
CLASSES = Integral | Tensor | list | tuple | np.ndarray
# softplus(x) is computed as x above this number, where log(1 + exp(x)) = x in double precision.
SOFTPLUS_THRESHOLD = 60


class Objective:
    """A function of the outputs, one number per row, together with the tensors bound to it.

    The value of row n is ``fn(outputs, *bound)[n]``. A bound tensor holds one row per sample. A bound int is a class,
    the same for every row. A bound None stands for the class that is predicted from the outputs.

    Args:
        fn: differentiable function of outputs (n, …) and of the bound values, with result (n,).
        *bound: tensors, arrays or lists (N, …), class indices, or None.
        classes: whether bound whole numbers are class indices; they are then checked against the number of outputs.

    Example:
        >>> outputs = torch.tensor([[1., 5.], [2., 3.]])
        >>> logit(torch.tensor([0, 1]))(outputs)
        tensor([1., 3.])
    """

    @convert_arguments
    def __init__(self, fn: Callable[..., Tensor], *bound: Target, classes: bool = False):
        self.fn, self.bound, self.classes = fn, bound, classes

    @convert_arguments
    def __call__(self, outputs: Tensor) -> Tensor:
        """Return the objective of each row.

        Args:
            outputs: outputs of the network (n, …), with n rows bound.

        Returns:
            Values (n,), differentiable with respect to the outputs.
        """
        bound = self.resolve(outputs).bound if self.uses_predicted_class else self.bound
        # A copy, because the function may write to its argument.
        return self.fn(outputs.clone(), *bound)

    @property
    def uses_predicted_class(self) -> bool:
        """Whether the class that is predicted from the outputs takes part."""
        return any(b is None for b in self.bound)

    @property
    def tensors(self) -> list[Tensor]:
        """The bound tensors, one row per sample each."""
        return [b for b in self.bound if isinstance(b, Tensor)]

    def rebind(self, tensors: Iterable[Tensor]) -> Self:
        """Return the same objective with other tensors in place of those bound to it.

        Args:
            tensors: as many as :attr:`tensors`, in the same order.

        Returns:
            The objective of other samples.

        Example:
            >>> logit(torch.tensor([0, 1])).rebind([torch.tensor([1])])(torch.tensor([[1., 5.]]))
            tensor([5.])
        """
        replacements = iter(tensors)
        return self._with_bound(next(replacements) if isinstance(b, Tensor) else b for b in self.bound)

    def _with_bound(self, bound: Iterable[Target]) -> Self:
        """The same function with other bound values."""
        other = copy(self)
        other.bound = tuple(bound)
        return other

    def select(self, index: slice | Tensor) -> Self:
        """Return the same objective for some of the samples.

        Args:
            index: a slice, or positions (n,); repeated positions make copies of a sample.

        Returns:
            The objective of these samples, in this order.

        Example:
            >>> logit(torch.tensor([0, 1])).select(torch.tensor([1, 1]))(torch.tensor([[1., 5.], [2., 3.]]))
            tensor([5., 3.])
        """
        return self.rebind(tensor[index] for tensor in self.tensors)

    @convert_arguments
    def resolve(self, outputs: Tensor, *, needs_gradient: bool = False) -> Self:
        """Return the same objective with the predicted class fixed.

        It is checked that the objective fits these outputs, and that it treats each row alone: the first and the last
        row, the row of the largest value, and all rows without the first, must have the same values as in the batch.

        Args:
            outputs: outputs of the network (n, …).
            needs_gradient: whether the objective is going to be differentiated.

        Returns:
            An objective in which the class predicted from these outputs replaces None, with its tensors on the device
            of the outputs.

        Raises:
            ValueError: the objective does not fit these outputs: the number of rows, a class, or the shape of its
                result; its value for a row depends on other rows; or its values depend on the outputs, but cannot be
                differentiated, although this is needed.

        Example:
            >>> fixed = logit().resolve(torch.tensor([[1., 5.]]))
            >>> fixed(torch.tensor([[7., 2.]]))
            tensor([2.])
        """
        with torch.inference_mode(False), torch.enable_grad():
            outputs = outputs.detach().clone()
            if 0 in outputs.shape[1:]:
                raise ValueError(f"an objective needs at least one output per sample, not {tuple(outputs.shape)}")
            resolved = self._with_bound(self._resolve_bound(b, outputs) for b in self.bound)
            J = resolved._checked_values(outputs.requires_grad_(outputs.is_floating_point() or outputs.is_complex()))
            resolved._check_rows_alone(outputs.detach(), J.detach())
            if needs_gradient and outputs.requires_grad and not J.requires_grad:
                # The gradient is zero if the values are constant; otherwise they are cut off from the outputs.
                if not torch.equal(resolved._checked_values(1 - 2 * outputs.detach()), J):
                    raise ValueError(f"{NO_PATH} to the outputs: {CAUSES}")
                constant = resolved.fn
                resolved.fn = lambda z, *bound: constant(z, *bound) + 0 * z.reshape(len(z), -1).real.sum(1)
            return resolved

    def gradient(self, outputs: Tensor, leaf: Tensor) -> Tensor:
        """Return the gradient Σ_n ∂J_n/∂leaf of the objective of some outputs.

        Args:
            outputs: outputs of the network (n, …), with a graph that goes back to ``leaf``.
            leaf: what the objective is differentiated with respect to.

        Returns:
            The gradient, like ``leaf``.

        Raises:
            ValueError: the objective does not fit these outputs, see :meth:`resolve`, or no path of autograd leads to
                ``leaf``.

        Example:
            >>> z = torch.tensor([[1., 5.]], requires_grad=True)
            >>> logit(0).gradient(z, z)
            tensor([[1., 0.]])
        """
        return differentiate(self.resolve(outputs, needs_gradient=True)(outputs).sum(), leaf)

    def _checked_values(self, outputs: Tensor) -> Tensor:
        """The values of a resolved objective, one real number per row."""

        def message() -> str:
            bound = "".join(f", {tuple(b.shape)} of {b.dtype}" for b in self.tensors)
            return (
                f"the objective does not fit outputs {tuple(outputs.shape)} of {outputs.dtype}{bound} (a loss of "
                "outputs and targets needs its targets: bind_per_sample(loss, targets))"
            )

        with translate_errors(message):
            # A copy, because the function may write to its argument.
            J = self.fn(outputs.clone(), *self.bound)
        if not isinstance(J, Tensor) or J.shape != outputs.shape[:1]:
            raise ValueError(
                f"an objective maps outputs {tuple(outputs.shape)} to one number per row, ({len(outputs)},), "
                f"not {tuple(J.shape) if isinstance(J, Tensor) else type(J).__name__}: "
                "bind batch tensors with bind_per_sample, and reduce every axis but the first (a loss with "
                "reduction='none')"
            )
        if J.isnan().any():
            raise ValueError("an objective is a number for each row, but its value is NaN for some outputs")
        if J.is_complex():
            raise ValueError("an objective is real, not complex: take the real part or the absolute value")
        return J

    def _check_rows_alone(self, outputs: Tensor, J: Tensor) -> None:
        """Raise unless both ends, the row of the largest value, and all rows but the first keep their values alone."""
        n, dtype = len(outputs), promote_to_float32(J)
        if n < 2:
            return
        eps = torch.finfo(J.dtype if J.is_floating_point() else dtype).eps
        J = J.to(dtype)
        # Rounding is relative to the values, and if they cancel each other, to the outputs.
        atol = eps**0.5 * _largest(J) + 16 * eps * _largest(outputs)
        largest = int(J.abs().argmax())  # a row that a comparison with the other rows may have raised
        for rows in slice(1), slice(n - 1, None), slice(largest, largest + 1), slice(1, None):
            try:
                others = self.select(rows)._checked_values(outputs[rows]).to(dtype)
                same = torch.allclose(others, J[rows], rtol=0, atol=atol, equal_nan=True)
                problem = "" if same else "its value changes"
            except ValueError as error:
                problem = str(error)
            if problem:
                raise ValueError(
                    f"the objective of a row must depend on this row alone, but with fewer rows, {problem}: bind "
                    "tensors of one row per sample with bind_per_sample, and use no statistics of the batch"
                )

    def _resolve_bound(self, b: Any, outputs: Tensor) -> int | Tensor:
        """One bound value, checked against the outputs; None becomes the predicted class."""
        if b is None or isinstance(b, int):
            if outputs.dim() != 2:
                raise ValueError(f"a class needs outputs of shape (n, C), not {tuple(outputs.shape)}")
            b = outputs.argmax(1) if b is None else b
        if isinstance(b, int):
            if not 0 <= b < outputs.shape[1]:
                raise ValueError(f"class {b} of a network with {outputs.shape[1]} outputs")
            return b
        b = b.to(outputs.device)
        # A tensor made in inference mode cannot be saved for a backward pass; a copy made outside it can.
        b = b.clone() if b.is_inference() else b
        _check_rows(b, len(outputs), f"the outputs have {len(outputs)}")
        # A class out of range would end in an index error, on a GPU in an error that the process cannot recover from.
        if self.classes and not ((0 <= b) & (b < outputs.shape[-1])).all():
            raise ValueError(f"labels must lie in 0…{outputs.shape[-1] - 1}")
        return b


ObjectiveLike: TypeAlias = Objective | Callable[[Tensor], Tensor] | Target
"""What every parameter ``objective`` accepts.

- None: the logit of the class that is predicted for each sample;
- an int, or integer labels (N,), as a tensor, an array or a list: the logit of that class, or of each sample's class;
- an :class:`Objective`: one of the functions of this module, such as ``cross_entropy(labels)``;
- any other callable: a function of the outputs, ``(n, …) -> (n,)``, that treats each row alone.
"""


def as_objective(objective: ObjectiveLike = None, x: Tensor | None = None) -> Objective:
    """Return the objective that an argument stands for.

    Args:
        objective: an int, labels (N,) or None stand for the logit of that class; a callable is taken as it is.
        x: the samples (N, …) of which the gradient will be taken, if they are known: bound tensors must have as many
            rows.

    Returns:
        The objective.

    Raises:
        TypeError: the argument is none of these.
        ValueError: labels that are not whole numbers (N,), or a bound tensor without one row for each sample of x.

    Example:
        >>> as_objective(1)(torch.tensor([[1., 5.], [2., 3.]]))
        tensor([5., 3.])
    """
    if isinstance(objective, Objective):
        resolved = objective
    elif callable(objective):
        resolved = Objective(objective)
    elif objective is None or isinstance(objective, CLASSES) and not isinstance(objective, bool):
        resolved = logit(objective)
    else:
        raise TypeError(f"an objective is a callable, a class, (N,) labels or None, not {type(objective).__name__}")
    if x is not None and len(x):
        # Checked here and not batch by batch, where the first batches would fit too many labels.
        for b in resolved.tensors:
            _check_rows(b, len(x), f"x has {len(x)} samples: one row for each")
    return resolved


@convert_arguments
def bind_per_sample(fn: Callable[..., Tensor], *tensors: Tensor) -> Objective:
    """Return an objective that compares the outputs with tensors of one row per sample.

    Args:
        fn: ``fn(outputs, *rows) -> (n,)``, differentiable with respect to the outputs.
        *tensors: tensors, arrays or lists (N, …); the engine selects the rows that belong to each batch.

    Returns:
        The objective, outputs (n, …) -> (n,).

    Example:
        >>> target = torch.zeros(2, 3)
        >>> bind_per_sample(lambda out, t: (out - t).abs().sum(1), target)(torch.ones(2, 3))
        tensor([3., 3.])
    """
    return Objective(fn, *tensors)


def _largest(t: Tensor) -> float:
    """The largest finite absolute value."""
    return float(t.to(promote_to_float32(t)).abs().nan_to_num(0, 0, 0).max())


def _check_rows(b: Tensor, n: int, expected: str) -> None:
    """Raise unless a bound tensor has n rows."""
    if b.dim() == 0 or len(b) != n:
        raise ValueError(f"the objective is bound to {len(b) if b.dim() else 'no'} rows, {expected}")


def _check_labels(target: Target, name: str = "target") -> Target:
    """Labels as int64; a class and None as they are."""
    if not isinstance(target, Tensor):
        return target
    if target.dim() != 1 or target.is_floating_point() or target.dtype == torch.bool:
        raise ValueError(
            f"{name} must be integer labels of shape (N,), not {target.dtype} of shape {tuple(target.shape)}"
        )
    return target.long()


def _gather_class(z: Tensor, c: int | Tensor) -> Tensor:
    """The entry of class c in each row of z (n, C): one class for all rows, or one per row (n,)."""
    return z[:, c] if isinstance(c, int) else z.gather(1, c[:, None])[:, 0]


def _in_float32(fn: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compute an objective of outputs in half precision in float32; a sum may be too large for float16."""

    def values(z: Tensor, *bound: Any) -> Tensor:
        J = fn(z.to(promote_to_float32(z)), *bound)
        return J.to(z.dtype) if z.dtype == torch.bfloat16 else J

    return values


def _log_softmax(z: Tensor) -> Tensor:
    """log p (n, C), exact in value and derivatives also where the probability p of the top class rounds to 1.

    There, log p = −log(1 + Σ_{e≠top} exp(z_e − z_top)), and ∂ log p / ∂z_top is the sum of the other probabilities.
    """
    top = check_several_logits(z).argmax(1, keepdim=True)
    behind = z - z.gather(1, top)
    others = behind.scatter(1, top, -torch.inf).logsumexp(1, keepdim=True)
    return behind.scatter(1, top, 0.0) - F.softplus(others, threshold=SOFTPLUS_THRESHOLD)


@convert_arguments
def logit(target: Target = None) -> Objective:
    """Return the objective J = z_c, the logit of a class; ∂J/∂z = e_c.

    Args:
        target: class index, labels (N,), or None for the predicted class.

    Returns:
        The objective, logits (n, C) -> (n,).

    Raises:
        ValueError: labels that are not whole numbers (N,).

    Example:
        >>> logit(0)(torch.tensor([[1., 5.]]))
        tensor([1.])
    """
    return Objective(_gather_class, _check_labels(target), classes=True)


@convert_arguments
def log_prob(target: Target = None) -> Objective:
    """Return the objective J = log p_c ≤ 0, the log-probability of a class.

    log p_c = z_c − log Σ_e exp z_e, and ∂J/∂z = e_c − p.

    Args:
        target: class index, labels (N,), or None for the predicted class.

    Returns:
        The objective, logits (n, C) -> (n,).

    Raises:
        ValueError: labels that are not whole numbers (N,).

    Example:
        >>> log_prob(0)(torch.zeros(1, 2)).exp()
        tensor([0.5000])
    """
    return Objective(_in_float32(lambda z, c: _gather_class(_log_softmax(z), c)), _check_labels(target), classes=True)


@convert_arguments
def cross_entropy(target: Target = None) -> Objective:
    """Return the objective J = −log p_c ≥ 0, the cross-entropy loss; ∂J/∂z = p − e_c.

    Args:
        target: class index, labels (N,), or None for the predicted class.

    Returns:
        The objective, logits (n, C) -> (n,).

    Raises:
        ValueError: labels that are not whole numbers (N,).

    Example:
        >>> cross_entropy(0)(torch.zeros(1, 2))
        tensor([0.6931])
    """
    return Objective(_in_float32(lambda z, c: -_gather_class(_log_softmax(z), c)), _check_labels(target), classes=True)


@convert_arguments
def contrast_loss(contrast_class: int | Tensor) -> Objective:
    """Return the contrast loss J(P, Q) = −log p_Q of the prediction P against another class Q.

    ∂J/∂z = p − e_Q: the cross-entropy loss whose label is the class that P is contrasted with.

    Args:
        contrast_class: the class Q, an index or labels (N,).

    Returns:
        The objective, logits (n, C) -> (n,).

    Raises:
        ValueError: no class, or labels that are not whole numbers (N,).

    References:
        Prabhushankar, Kwon, Temel, AlRegib, ICIP 2020, arXiv:2008.00178.

    Example:
        >>> contrast_loss(1)(torch.zeros(1, 2))
        tensor([0.6931])
    """
    return cross_entropy(_check_labels(contrast_class, "contrast_class"))


@convert_arguments
def logit_difference(contrast_class: int | Tensor, target: Target = None) -> Objective:
    """Return the objective J = z_P − z_Q, the margin of class P over class Q.

    ∂J/∂z = e_P − e_Q. It answers the question "Why P, rather than Q?".

    Args:
        contrast_class: the class Q, an index or labels (N,).
        target: the class P, an index, labels (N,), or None for the predicted class.

    Returns:
        The objective, logits (n, C) -> (n,); positive where P has the larger logit.

    Raises:
        ValueError: no contrast class, or labels that are not whole numbers (N,).

    Example:
        >>> logit_difference(0)(torch.tensor([[1., 5.]]))
        tensor([4.])
    """
    return Objective(
        lambda z, p, q: _gather_class(check_several_logits(z), p) - _gather_class(z, q),
        _check_labels(target),
        _check_labels(contrast_class, "contrast_class"),
        classes=True,
    )


@convert_arguments
def confounding_label_loss(
    labels: str | Tensor = "ones", activation: str = "sigmoid", reduction: str = "mean"
) -> Objective:
    """Return the loss against a confounding label, one that the network was never trained on.

    With the label y and its entries y_i, summed over the classes i (and divided by C for ``reduction="mean"``):

    - "sigmoid": J = Σ_i −y_i log σ(z_i) − (1 − y_i) log(1 − σ(z_i)), ∂J/∂z = σ(z) − y;
    - "softmax": J = −Σ_i y_i log p_i, ∂J/∂z = (Σ_i y_i) p − y.

    Args:
        labels: "ones" (every class), "uniform" (1/C for every class), one label (C,) for all samples, or one per sample
            (N, C).
        activation: "sigmoid" (binary cross-entropy of each class) or "softmax" (cross-entropy).
        reduction: "mean" or "sum" over the classes.

    Returns:
        The objective, logits (n, C) -> (n,), ≥ 0 for labels in [0, 1].

    Raises:
        ValueError: unknown labels, activation or reduction.

    References:
        Lee et al., IEEE Access 2023, arXiv:2304.02834 (sigmoid, mean). The library pytorch-ood uses softmax and sum.

    Example:
        >>> confounding_label_loss()(torch.zeros(1, 3))
        tensor([0.6931])
    """
    losses = {
        # Each of the two terms is exact, while σ(z) − 1 would round to 0.
        "sigmoid": lambda z, y: (
            y * F.softplus(-z, threshold=SOFTPLUS_THRESHOLD) + (1 - y) * F.softplus(z, threshold=SOFTPLUS_THRESHOLD)
        ),
        "softmax": lambda z, y: -y * _log_softmax(z),
    }
    if activation not in losses or reduction not in ("mean", "sum"):
        raise ValueError(
            f"activation is 'sigmoid' or 'softmax', reduction 'mean' or 'sum', not {activation!r}, {reduction!r}"
        )
    if isinstance(labels, str):
        valid = labels in ("ones", "uniform")
    else:
        valid = not labels.is_complex() and labels.dim() in (1, 2)
    if not valid:
        raise ValueError("labels are 'ones', 'uniform', a real tensor (C,) for all samples, or (N, C)")

    @_in_float32
    def loss(z: Tensor, y: Tensor | None = None) -> Tensor:
        if isinstance(labels, str):
            y = torch.full_like(z, 1.0 if labels == "ones" else 1 / z.shape[1])
        elif y is None:
            y = labels
        per_class = losses[activation](z, y.to(z).expand_as(z).clone())
        return per_class.mean(1) if reduction == "mean" else per_class.sum(1)

    return Objective(loss, *([labels] if isinstance(labels, Tensor) and labels.dim() == 2 else []))


@convert_arguments
def kl_from_uniform(temperature: float = 1.0) -> Objective:
    """Return the divergence from the uniform distribution as an objective.

    J = KL(u ‖ softmax(z/T)) with u = 1/C, and ∂J/∂z = (softmax(z/T) − u) / T.

    Args:
        temperature: T > 0, the divisor of the logits.

    Returns:
        The objective, logits (n, C) -> (n,), ≥ 0; zero for the uniform prediction.

    References:
        Huang, Geng, Li, GradNorm, NeurIPS 2021, arXiv:2110.00218.

    Example:
        >>> kl_from_uniform()(torch.zeros(1, 4)).abs() < 1e-6
        tensor([True])
    """
    return Objective(_in_float32(lambda z: -_log_softmax(z / temperature).mean(1) - math.log(z.shape[1])))


@convert_arguments
def reconstruction_mse(x: Tensor) -> Objective:
    """Return the mean squared reconstruction error as an objective.

    J = mean((x̂ − x)²) over the values of each sample.

    Args:
        x: the samples (N, …) that the outputs x̂ are compared with.

    Returns:
        The objective, outputs like x -> (n,), ≥ 0.

    Example:
        >>> x = torch.zeros(2, 1, 4, 4)
        >>> reconstruction_mse(x)(x + 2)
        tensor([4., 4.])
    """
    return Objective(_in_float32(lambda out, x: (out - _check_same_shape(x, out)).square().flatten(1).mean(1)), x)


@convert_arguments
def bernoulli_nll(x: Tensor) -> Objective:
    """Return the Bernoulli negative log-likelihood as an objective.

    J = −Σ x log x̂ + (1 − x) log(1 − x̂), in nats. Each output x̂ is the probability of a bright pixel. The minimum
    over x̂ is the entropy of x and not zero, so gray images have a higher value than black and white ones, however well
    they are reconstructed.

    Args:
        x: the samples (N, …), values in [0, 1].

    Returns:
        The objective, outputs like x in [0, 1] -> (n,), ≥ 0, a sum over each sample.

    References:
        Kingma, Welling, ICLR 2014, arXiv:1312.6114 (the reconstruction term).

    Example:
        >>> x = torch.tensor([[0., 1.]])
        >>> bernoulli_nll(x)(torch.tensor([[0.5, 0.5]]))
        tensor([1.3863])
    """
    check_range("x", x, 0, 1, "a Bernoulli likelihood needs probabilities")
    nll = _in_float32(
        lambda out, x: (
            F.binary_cross_entropy(out, _check_same_shape(x, out).to(out), reduction="none").flatten(1).sum(1)
        )
    )
    return Objective(nll, x)


def _check_same_shape(x: Tensor, out: Tensor) -> Tensor:
    """The input, if the outputs have its shape; broadcasting would compare different pixels without an error."""
    if x.is_complex() and not out.is_complex():
        raise ValueError(f"a reconstruction of real numbers has a real input, not {x.dtype}: take its real part")
    if x.shape[1:] != out.shape[1:]:
        raise ValueError(f"a reconstruction has the shape of the input, {tuple(x.shape)}, not {tuple(out.shape)}")
    return x
