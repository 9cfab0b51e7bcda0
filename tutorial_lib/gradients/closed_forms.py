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


class Form:
    """A parameter's use in one operation."""

    def gradient(self, G: Tensor) -> Tensor:
        raise NotImplementedError

    def gram(self, G: Tensor) -> Tensor:
        M = self.gradient(G).flatten(2)
        return M @ M.mT

    def work(self, G: Tensor) -> int:
        """How many numbers one sample takes while it is worked on."""
        return G[0].numel()

    def rows(self, rows: slice) -> Form:
        """The form for some of the samples."""
        return replace(self, a=self.a[rows]) if hasattr(self, "a") else self


@dataclass
class Known(Form):
    """G is the gradient itself: what reaches a sample's own copy of a parameter of this shape."""

    shape: torch.Size

    def gradient(self, G):
        return G.reshape(*G.shape[:2], *self.shape)


@dataclass
class Sum(Form):
    """A bias, the same at every position: ∂J/∂b = Σ_t G_t over the axes of the positions."""

    axes: tuple[int, ...]

    def gradient(self, G):
        return G.sum(self.axes) if self.axes else G


@dataclass
class Scale(Form):
    """The scale of a normalisation, y = γ x̂ + β: ∂J/∂γ = Σ_t G_t x̂_t over the same axes."""

    a: Tensor
    normalise: Callable[[Tensor], Tensor]
    axes: tuple[int, ...]

    def gradient(self, G):
        product = G * self.normalise(self.a.to(G.dtype))[:, None]
        return product.sum(self.axes) if self.axes else product


class Product(Form):
    """The weight of y_t = W u_t: subclasses say what U is."""

    groups = 1

    def ghost(self, G: Tensor) -> bool:
        T, d, p = self.sizes(G)
        return T * (d + G.shape[1] * p) <= G.shape[1] * d * p

    def work(self, G):
        T, d, p = self.sizes(G)
        return G[0].numel() + self.a[0].numel() + self.groups * (T * T if self.ghost(G) else G.shape[1] * d * p)

    def gram(self, G):
        if not self.ghost(G):
            return super().gram(G)
        # ⟨G_c Uᵀ, G_e Uᵀ⟩ = ⟨G_c UᵀU, G_e⟩: nothing of the weight's size is made.
        G = self.positions(G)
        GA = (G.flatten(2, 3) @ self.inner(G.dtype)).view_as(G)
        n, groups, C = G.shape[:3]
        GA, G = (t.transpose(1, 2).reshape(n, C, -1) for t in (GA, G))
        return GA @ G.mT

    def sizes(self, G: Tensor) -> tuple[int, int, int]:
        """T, d, p: positions, inputs and outputs of one group."""
        raise NotImplementedError

    def positions(self, G: Tensor) -> Tensor:
        """G as (n, groups, C, p, T)."""
        raise NotImplementedError

    def inner(self, dtype: torch.dtype) -> Tensor:
        """A = UᵀU, (n, groups, T, T)."""
        raise NotImplementedError


@dataclass
class Matrix(Product):
    """The weight of a Linear layer; a: (n, …, d), G: (n, C, …, p)."""

    a: Tensor

    def sizes(self, G):
        return self.a[0].numel() // self.a.shape[-1], self.a.shape[-1], G.shape[-1]

    def positions(self, G):
        return G.flatten(2, -2).mT[:, None] if G.dim() > 3 else G[:, None, :, :, None]

    def inner(self, dtype):
        U = self.a.to(dtype).reshape(len(self.a), 1, -1, self.a.shape[-1])
        return U @ U.mT

    def gradient(self, G):
        U = self.a.to(G.dtype).reshape(len(self.a), 1, -1, self.a.shape[-1])
        return self.positions(G)[:, 0] @ U


@dataclass
class Table(Product):
    """The weight (V, d) of an Embedding: U is one-hot, so A says which positions hold the same word. a: (n, …) words."""

    a: Tensor
    words: int
    padding: int | None

    def sizes(self, G):
        return max(self.a[0].numel(), 1), self.words, G.shape[-1]

    def positions(self, G):
        return G.reshape(*G.shape[:2], -1, G.shape[-1]).mT[:, None]

    def inner(self, dtype):
        a = self.a.reshape(len(self.a), -1)
        same = a[:, :, None] == a[:, None, :]
        if self.padding is not None:
            same &= (a != self.padding)[:, None, :]
        return same[:, None].to(dtype)

    def gradient(self, G):
        G = G.reshape(*G.shape[:2], -1, G.shape[-1])
        a = self.a.reshape(len(self.a), 1, -1, 1).expand(G.shape)
        if self.padding is not None:
            G = G * (a != self.padding)
        return G.new_zeros(*G.shape[:2], self.words, G.shape[-1]).scatter_add(2, a, G)


@dataclass
class Convolution(Product):
    """The weight of a convolution, (p, c / groups, k, l); a: (n, c, H, W), G: (n, C, p, h, w). U holds the windows under the kernel.

    U is never laid out. Its rows come one kernel offset at a time, each a strided view of the padded input.
    """

    a: Tensor
    kernel: tuple[int, ...]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int

    def sizes(self, G):
        return G[0, 0, 0].numel(), self.kernel[1] * self.kernel[2] * self.kernel[3], G.shape[2] // self.groups

    def positions(self, G):
        return G.reshape(*G.shape[:2], self.groups, -1, G[0, 0, 0].numel()).transpose(1, 2)

    def padded(self, dtype: torch.dtype) -> Tensor:
        return F.pad(self.a.to(dtype), self.padding) if any(self.padding) else self.a.to(dtype)

    def offsets(self, dtype: torch.dtype) -> Iterator[Tensor]:
        """The inputs that one kernel offset after the other meets, each (n, groups, c / groups, T)."""
        a = self.padded(dtype)
        k, s, e = self.kernel[2:], self.stride, self.dilation
        h, w = ((a.shape[2 + i] - e[i] * (k[i] - 1) - 1) // s[i] + 1 for i in (0, 1))
        for y in range(0, k[0] * e[0], e[0]):
            for x in range(0, k[1] * e[1], e[1]):
                met = a[:, :, y : y + s[0] * (h - 1) + 1 : s[0], x : x + s[1] * (w - 1) + 1 : s[1]]
                yield met.reshape(len(a), self.groups, -1, h * w)

    def inner(self, dtype):
        return sum(U.mT @ U for U in self.offsets(dtype))

    def gradient(self, G):
        n, C = G.shape[:2]
        if G.device.type == "cpu":
            # The processor's own kernel, one sample at a time, beats every batched form; a GPU would starve on it.
            a, setting = self.padded(G.dtype), (self.stride, 0, self.dilation, self.groups)
            pairs = [(i, c) for i in range(n) for c in range(C)]
            M = torch.stack([torch.nn.grad.conv2d_weight(a[i, None], self.kernel, G[i, c, None], *setting) for i, c in pairs])
            return M.view(n, C, *self.kernel)
        positions = self.positions(G).flatten(2, 3)
        M = torch.stack([positions @ U.mT for U in self.offsets(G.dtype)], -1)
        return M.view(n, self.groups, C, -1, *self.kernel[1:]).transpose(1, 2).reshape(n, C, *self.kernel)


@dataclass
class Convolution1d(Convolution):
    """The same with one row: a: (n, c, L), G: (n, C, p, l)."""

    def padded(self, dtype):
        return super().padded(dtype)[:, :, None]

    def gradient(self, G):
        return super().gradient(G[:, :, :, None] if G.dim() == 4 else G).squeeze(-2)
