"""What a parameter's gradient is, sample by sample, once the gradient at the output of an operation is known.

Every rule is a formula of two tensors: ``a``, what entered the operation in the forward pass (n, …), and ``G``, the
gradient at its output (n, C, …), which holds C gradients for each of n samples (C = 1 for a loss, one per class for a
Jacobian). It answers two questions:

    gradient(a, G) -> (n, C, *parameter)
    gram(a, G)     -> (n, C, C)            K = M Mᵀ, with M the gradients as rows; the squared norm where C = 1

The weight of a product W U with T positions (a linear layer, a convolution, an embedding) has the gradients M_c = G_c
Uᵀ, p × d for each sample. Their Gram matrix is computed from M, at the cost C·p·d·T, or without it (the "ghost norm"):
⟨G_c Uᵀ, G_e Uᵀ⟩ = ⟨G_c A, G_e⟩ with A = UᵀU, at the cost T²·(d + C·p). The cheaper one is taken: for one gradient, the
ghost norm where T(d + p) ≤ d p.

References:
    Goodfellow, arXiv:1510.01799 (one position); Li et al., arXiv:2110.05679, and Bu et al., arXiv:2205.10683 (ghost
    norms).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

# With more threads than this, those of a small convolution wait for each other, and matrix products are faster.
MAX_THREADS_NATIVE_CONV = 2


def batched_gram(M: Tensor, N: Tensor) -> Tensor:
    """Return M Nᵀ for every sample.

    Args:
        M: (n, C, d).
        N: (n, C, d).

    Returns:
        (n, C, C).
    """
    # A matrix product of one row by one column is slower than a sum.
    return torch.linalg.vecdot(M, N)[..., None] if M.shape[1] == 1 else M @ N.mT


class ParameterRule(ABC):
    """How one operation uses one parameter."""

    @abstractmethod
    def gradient(self, a: Tensor, G: Tensor) -> Tensor:
        """Return the gradients with respect to the parameter.

        Args:
            a: what entered the operation (n, …).
            G: gradient at the output of the operation (n, C, …).

        Returns:
            M (n, C, *parameter).
        """

    def gram(self, a: Tensor, G: Tensor) -> Tensor:
        """Return the inner products of the gradients.

        Args:
            a: what entered the operation (n, …).
            G: gradient at the output of the operation (n, C, …).

        Returns:
            K = M Mᵀ (n, C, C).
        """
        M = self.gradient(a, G)
        # A complex number is a pair of real ones, so that ⟨a, b⟩ is the real part of conj(a) b.
        M = (torch.view_as_real(M) if M.is_complex() else M[..., None]).flatten(2)
        return batched_gram(M, M)

    def numel_per_sample(self, a: Tensor, G: Tensor) -> int:
        """Return how many numbers one sample takes in memory while it is worked on.

        Args:
            a: what entered the operation (n, …).
            G: gradient at the output of the operation (n, C, …).

        Returns:
            A count.
        """
        return G[0].numel()


@dataclass
class BiasRule(ParameterRule):
    """A bias, the same at every position: ∂J/∂b = Σ_t G_t.

    Without positions, G is the gradient itself, for example what reaches a sample's own copy of a parameter.

    Attributes:
        axes: axes of the positions t in G.
    """

    axes: tuple[int, ...] = ()

    def gradient(self, a, G):
        return G.sum(self.axes) if self.axes else G


@dataclass
class NormScaleRule(ParameterRule):
    """The scale of a normalization, y = γ x̂ + β: ∂J/∂γ = Σ_t G_t x̂_t.

    Attributes:
        normalize: maps what enters the normalization to x̂, in new memory.
        axes: axes of the positions t in G.
    """

    normalize: Callable[[Tensor], Tensor]
    axes: tuple[int, ...]

    def gradient(self, a, G):
        x_hat = self.normalize(a.to(G.dtype))[:, None]
        # Memory that was just written is in the cache; new memory is not.
        product = x_hat.mul_(G) if G.shape[1] == 1 else x_hat * G
        return product.sum(self.axes) if self.axes else product


@dataclass
class MatmulRule(ParameterRule):
    """The weight W, p × d, of a product y_t = W u_t at T positions.

    Subclasses say what U = (u_1, …, u_T) is, and how G is laid out.

    Attributes:
        shape: shape of the weight as that of a matrix or a kernel, outputs first.
        groups: number of independent products; more than 1 for a convolution with groups only.
    """

    shape: tuple[int, ...]
    groups = 1

    @abstractmethod
    def flatten_positions(self, G: Tensor) -> Tensor:
        """Return G with its positions along the last axis.

        Args:
            G: gradient at the output of the operation (n, C, …).

        Returns:
            (n, groups, C, p, T).
        """

    @abstractmethod
    def input_gram(self, a: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the inner products of what enters at two positions.

        Args:
            a: what entered the operation (n, …).
            dtype: dtype to compute in.

        Returns:
            A = UᵀU (n, groups, T, T).
        """

    def matmul_sizes(self, G: Tensor) -> tuple[int, int, int]:
        """Return the sizes of the product in one group.

        Args:
            G: gradient at the output of the operation (n, C, …).

        Returns:
            T, d, p: the numbers of positions, inputs and outputs.
        """
        return prod(G.shape[2:]) // self.shape[0], prod(self.shape[1:]), self.shape[0] // self.groups

    def use_ghost(self, G: Tensor) -> bool:
        """Return whether the ghost norm is cheaper than the gradient.

        Args:
            G: gradient at the output of the operation (n, C, …).

        Returns:
            T(d + C p) ≤ C d p.
        """
        C, (T, d, p) = G.shape[1], self.matmul_sizes(G)
        return T * (d + C * p) <= C * d * p

    def gram(self, a, G):
        if not self.use_ghost(G):
            return super().gram(a, G)
        # ⟨G_c Uᵀ, G_e Uᵀ⟩ = ⟨G_c A, G_e⟩: nothing of the size of the weight is made.
        G = self.flatten_positions(G)
        n, _, C = G.shape[:3]
        GA = (G.flatten(2, 3) @ self.input_gram(a, G.dtype)).view_as(G)
        GA, G = (t.transpose(1, 2).reshape(n, C, -1) for t in (GA, G))
        return batched_gram(GA, G)

    def numel_per_sample(self, a, G):
        C, (T, d, p) = G.shape[1], self.matmul_sizes(G)
        return G[0].numel() + a[0].numel() + self.groups * (T * T if self.use_ghost(G) else C * d * p)


class LinearRule(MatmulRule):
    """The weight (p, d) of a linear layer; a is (n, …, d), its rows are the columns of U, and G is (n, C, …, p)."""

    def flatten_positions(self, G):
        return G.flatten(2, -2).mT[:, None] if G.dim() > 3 else G[:, None, :, :, None]

    def _transposed_inputs(self, a: Tensor, dtype: torch.dtype) -> Tensor:
        """Uᵀ, (n, 1, T, d)."""
        return a.to(dtype).reshape(len(a), 1, -1, a.shape[-1])

    def input_gram(self, a, dtype):
        UT = self._transposed_inputs(a, dtype)
        return UT @ UT.mT

    def gradient(self, a, G):
        return self.flatten_positions(G)[:, 0] @ self._transposed_inputs(a, G.dtype)


@dataclass
class EmbeddingRule(MatmulRule):
    """The weight (V, p) of an embedding; a holds the indices (n, …), and G is (n, C, …, p).

    An embedding multiplies the transposed weight by one-hot columns, so that A says which positions hold the same
    index.

    Attributes:
        padding_idx: an index that takes no gradient, or None.
    """

    padding_idx: int | None

    def flatten_positions(self, G):
        return G.reshape(*G.shape[:2], -1, G.shape[-1]).mT[:, None]

    def input_gram(self, a, dtype):
        indices = a.reshape(len(a), -1)
        same = indices[:, :, None] == indices[:, None, :]
        if self.padding_idx is not None:
            same &= (indices != self.padding_idx)[:, None, :]
        return same[:, None].to(dtype)

    def gradient(self, a, G):
        G = G.reshape(*G.shape[:2], -1, G.shape[-1])
        indices = a.reshape(len(a), 1, -1, 1).expand(G.shape)
        if self.padding_idx is not None:
            G = G * (indices != self.padding_idx)
        return G.new_zeros(*G.shape[:2], self.shape[1], G.shape[-1]).scatter_add(2, indices, G)


@dataclass
class ConvRule(MatmulRule):
    """The weight (p, c / groups, k, l) of a convolution; a is (n, c, H, W), and G is (n, C, p, h, w).

    U holds the windows under the kernel. It is never laid out: its rows come one row of the kernel at a time, as views
    of the input. A one-dimensional convolution is one over an image of height 1.

    Attributes:
        stride: per axis.
        padding: left, right, top, bottom.
        dilation: per axis.
        groups: groups of channels.
    """

    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int

    def flatten_positions(self, G):
        return G.flatten(3).unflatten(2, (self.groups, -1)).transpose(1, 2)

    def _images(self, a: Tensor, dtype: torch.dtype, padding: tuple[int, ...]) -> Tensor:
        """What entered, as images (n, c, H, W) with a padding."""
        a = (a[:, :, None] if a.dim() == 3 else a).to(dtype)
        return F.pad(a, padding) if any(padding) else a

    def unfolded_rows(self, a: Tensor, dtype: torch.dtype) -> Iterator[Tensor]:
        """Return the rows of U, one row of the kernel after the other.

        Args:
            a: what entered the operation (n, …).
            dtype: dtype to compute in.

        Yields:
            (n, groups, c / groups · l, T), for each of the k rows of the kernel.
        """
        a = self._images(a, dtype, self.padding)
        (k, l), s, e = self.shape[2:], self.stride, self.dilation
        h, w = ((a.shape[2 + i] - e[i] * (self.shape[2 + i] - 1) - 1) // s[i] + 1 for i in (0, 1))
        strips = torch.stack([a[..., x : x + s[1] * (w - 1) + 1 : s[1]] for x in range(0, l * e[1], e[1])], 2)
        for y in range(0, k * e[0], e[0]):
            # With a stride of one this is a view: the rows of a strip lie next to each other.
            yield strips[..., y : y + s[0] * (h - 1) + 1 : s[0], :].reshape(len(a), self.groups, -1, h * w)

    def input_gram(self, a, dtype):
        return sum(U.mT @ U for U in self.unfolded_rows(a, dtype))

    def gradient(self, a, G):
        native = G.device.type == "cpu" and torch.get_num_threads() <= MAX_THREADS_NATIVE_CONV
        M = self._native_gradient(a, G) if native else self._unfolded_gradient(a, G)
        M = M.reshape(*G.shape[:2], *self.shape)
        return M.squeeze(-2) if a.dim() == 3 else M

    def _unfolded_gradient(self, a: Tensor, G: Tensor) -> Tensor:
        """G Uᵀ, one row of the kernel at a time."""
        (n, C), (_, c, k, l) = G.shape[:2], self.shape
        rows = self.flatten_positions(G).flatten(2, 3)
        M = torch.stack([rows @ U.mT for U in self.unfolded_rows(a, G.dtype)], -2)
        return M.view(n, self.groups, C, -1, k, c, l).movedim(1, 2).transpose(-3, -2)

    def _native_gradient(self, a: Tensor, G: Tensor) -> Tensor:
        """The same by torch's own kernel in one call, in which each sample is a group of channels of one image."""
        left, right, top, bottom = self.padding
        # The kernel pads faster, but the same on both sides only.
        symmetric = left == right and top == bottom
        images = self._images(a, G.dtype, () if symmetric else self.padding)
        pad = (top, left) if symmetric else 0
        G = (G.unsqueeze(3) if a.dim() == 3 else G).unflatten(2, (self.groups, -1)).transpose(1, 2)
        n, groups, C, p = G.shape[:4]
        shape, rows = (n * groups * C * p, *self.shape[1:]), G.flatten(0, 3)[None]
        M = conv2d_weight(images.flatten(0, 1)[None], shape, rows, self.stride, pad, self.dilation, n * groups)
        return M.view(n, groups, C, p, *self.shape[1:]).transpose(1, 2)
