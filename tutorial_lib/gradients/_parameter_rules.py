"""What a parameter's gradient is, sample by sample, once the gradient G of a layer's output is known.

Every form keeps what entered the layer in its forward pass and answers two questions about G, of shape (n, C, …): C gradients for
each of n samples (C = 1 for a loss, one a class for a Jacobian).

    gradient(G) -> (n, C, *parameter)
    gram(G)     -> (n, C, C)            K = M Mᵀ, with M the gradients as rows; the squared norm where C = 1

A product W U of T positions (a matrix, a convolution, a table of words) has M_c = G_c Uᵀ, p × d for each sample. Its Gram matrix
is computed from M, at the price C·p·d·T, or without it ("ghost"): ⟨G_c Uᵀ, G_e Uᵀ⟩ = ⟨G_c A, G_e⟩ with A = UᵀU, at the price
T²·(d + C·p). The cheaper one is taken: for one gradient, the ghost form where T(d + p) ≤ d p.

Source: Goodfellow, arXiv 1510.01799 (one position); Li et al., arXiv 2110.05679, and Bu et al., arXiv 2205.10683 (ghost norms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_THREADS_NATIVE_CONV = 2  # threads; with more, those of a small convolution wait for each other


def batched_gram(M: Tensor, N: Tensor) -> Tensor:
    """M Nᵀ for every sample; a matrix product of one row by one column is slower than a sum."""
    return torch.linalg.vecdot(M, N)[..., None] if M.shape[1] == 1 else M @ N.mT


class ParameterRule:
    """A parameter's use in one operation."""

    def gradient(self, G: Tensor) -> Tensor:
        raise NotImplementedError

    def gram(self, G: Tensor) -> Tensor:
        M = self.gradient(G).flatten(2)
        return batched_gram(M, M)

    def numel_per_sample(self, G: Tensor) -> int:
        """How many numbers one sample takes while it is worked on."""
        return G[0].numel()

    def select(self, rows: slice) -> ParameterRule:
        """The form for some of the samples."""
        return replace(self, activations=self.a[rows]) if hasattr(self, "a") else self


@dataclass
class GivenGradientRule(ParameterRule):
    """G is the gradient itself: what reaches a sample's own copy of a parameter of this shape."""

    shape: torch.Size

    def gradient(self, G):
        return G.reshape(*G.shape[:2], *self.shape)


@dataclass
class BiasRule(ParameterRule):
    """A bias, the same at every position: ∂J/∂b = Σ_t G_t over the axes of the positions."""

    axes: tuple[int, ...]

    def gradient(self, G):
        return G.sum(self.axes) if self.axes else G


@dataclass
class NormScaleRule(ParameterRule):
    """The scale of a normalisation, y = γ x̂ + β: ∂J/∂γ = Σ_t G_t x̂_t over the same axes."""

    activations: Tensor
    normalise: Callable[[Tensor], Tensor]
    axes: tuple[int, ...]

    def gradient(self, G):
        x = self.normalise(self.activations.to(G.dtype))[:, None]
        # Memory just written is in the cache; new memory is not.
        product = x.mul_(G) if G.shape[1] == 1 else x * G
        return product.sum(self.axes) if self.axes else product


class MatmulRule(ParameterRule):
    """The weight of y_t = W u_t: subclasses say what U is."""

    groups = 1

    def use_ghost(self, G: Tensor) -> bool:
        T, d, p = self.matmul_sizes(G)
        return T * (d + G.shape[1] * p) <= G.shape[1] * d * p

    def numel_per_sample(self, G):
        T, d, p = self.matmul_sizes(G)
        return G[0].numel() + self.a[0].numel() + self.groups * (T * T if self.use_ghost(G) else G.shape[1] * d * p)

    def gram(self, G):
        if not self.use_ghost(G):
            return super().gram(G)
        # ⟨G_c Uᵀ, G_e Uᵀ⟩ = ⟨G_c UᵀU, G_e⟩: nothing of the weight's size is made.
        G = self.flatten_positions(G)
        GA = (G.flatten(2, 3) @ self.input_gram(G.dtype)).view_as(G)
        n, groups, C = G.shape[:3]
        GA, G = (t.transpose(1, 2).reshape(n, C, -1) for t in (GA, G))
        return batched_gram(GA, G)

    def matmul_sizes(self, G: Tensor) -> tuple[int, int, int]:
        """T, d, p: positions, inputs and outputs of one group."""
        raise NotImplementedError

    def flatten_positions(self, G: Tensor) -> Tensor:
        """G as (n, groups, C, p, T)."""
        raise NotImplementedError

    def input_gram(self, dtype: torch.dtype) -> Tensor:
        """A = UᵀU, (n, groups, T, T)."""
        raise NotImplementedError


@dataclass
class LinearRule(MatmulRule):
    """The weight of a Linear layer; a: (n, …, d), G: (n, C, …, p)."""

    activations: Tensor

    def matmul_sizes(self, G):
        return self.activations[0].numel() // self.activations.shape[-1], self.activations.shape[-1], G.shape[-1]

    def flatten_positions(self, G):
        return G.flatten(2, -2).mT[:, None] if G.dim() > 3 else G[:, None, :, :, None]

    def input_gram(self, dtype):
        U = self.activations.to(dtype).reshape(len(self.activations), 1, -1, self.activations.shape[-1])
        return U @ U.mT

    def gradient(self, G):
        U = self.activations.to(G.dtype).reshape(len(self.activations), 1, -1, self.activations.shape[-1])
        return self.flatten_positions(G)[:, 0] @ U


@dataclass
class EmbeddingRule(MatmulRule):
    """The weight (V, d) of an Embedding: U is one-hot, so A says which positions hold the same word. a: (n, …) words."""

    indices: Tensor
    num_embeddings: int
    padding_idx: int | None

    def matmul_sizes(self, G):
        return max(self.indices[0].numel(), 1), self.num_embeddings, G.shape[-1]

    def flatten_positions(self, G):
        return G.reshape(*G.shape[:2], -1, G.shape[-1]).mT[:, None]

    def input_gram(self, dtype):
        a = self.indices.reshape(len(self.indices), -1)
        same = a[:, :, None] == a[:, None, :]
        if self.padding_idx is not None:
            same &= (a != self.padding_idx)[:, None, :]
        return same[:, None].to(dtype)

    def gradient(self, G):
        G = G.reshape(*G.shape[:2], -1, G.shape[-1])
        a = self.indices.reshape(len(self.indices), 1, -1, 1).expand(G.shape)
        if self.padding_idx is not None:
            G = G * (a != self.padding_idx)
        return G.new_zeros(*G.shape[:2], self.num_embeddings, G.shape[-1]).scatter_add(2, a, G)


@dataclass
class ConvRule(MatmulRule):
    """The weight of a convolution, a kernel (p, c / groups, k, l); a: (n, c, H, W), G: (n, C, p, h, w).

    U holds the windows under the kernel. It is never laid out: its rows come one row of the kernel at a time, as views of the input.
    A convolution over a line is one over a picture of height 1.
    """

    activations: Tensor
    kernel: tuple[int, int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int

    def matmul_sizes(self, G):
        return G[0, 0, 0].numel(), self.kernel[1] * self.kernel[2] * self.kernel[3], G.shape[2] // self.groups

    def flatten_positions(self, G):
        return G.reshape(*G.shape[:2], self.groups, -1, G[0, 0, 0].numel()).transpose(1, 2)

    def padded(self, dtype: torch.dtype) -> Tensor:
        return F.pad(self.activations.to(dtype), self.padding) if any(self.padding) else self.activations.to(dtype)

    def unfolded_rows(self, dtype: torch.dtype) -> Iterator[Tensor]:
        """The rows of U for one row of the kernel after the other, each (n, groups, c / groups · l, T)."""
        a = self.padded(dtype)
        (k, l), s, e = self.kernel[2:], self.stride, self.dilation
        h, w = ((a.shape[2 + i] - e[i] * (self.kernel[2 + i] - 1) - 1) // s[i] + 1 for i in (0, 1))
        strips = torch.stack([a[..., x : x + s[1] * (w - 1) + 1 : s[1]] for x in range(0, l * e[1], e[1])], 2)
        for y in range(0, k * e[0], e[0]):
            # With a stride of one this is a view: the rows of a strip lie next to each other.
            yield strips[..., y : y + s[0] * (h - 1) + 1 : s[0], :].reshape(len(a), self.groups, -1, h * w)

    def input_gram(self, dtype):
        return sum(U.mT @ U for U in self.unfolded_rows(dtype))

    def gradient(self, G):
        n, C, line = *G.shape[:2], G.dim() == 4
        G = G.unsqueeze(3) if line else G
        shape = (n, C, *self.kernel[:2], *self.kernel[2 + line :])
        if G.device.type == "cpu" and torch.get_num_threads() <= MAX_THREADS_NATIVE_CONV:
            # A processor's own kernel, one sample at a time, is the fastest where few threads have to wait for each other.
            left, right, top, bottom = self.padding
            even = left == right and top == bottom
            a = self.activations.to(G.dtype) if even else self.padded(G.dtype)
            setting = self.stride, (top, left) if even else 0, self.dilation, self.groups
            pairs = [(i, c) for i in range(n) for c in range(C)]
            M = [torch.nn.grad.conv2d_weight(a[i, None], self.kernel, G[i, c, None], *setting) for i, c in pairs]
            return (M[0] if len(M) == 1 else torch.stack(M)).view(shape)
        rows = self.flatten_positions(G).flatten(2, 3)
        M = torch.stack([rows @ U.mT for U in self.unfolded_rows(G.dtype)], -2)
        M = M.view(n, self.groups, C, -1, self.kernel[2], self.kernel[1], self.kernel[3])
        return M.movedim(1, 2).transpose(-3, -2).reshape(shape)
