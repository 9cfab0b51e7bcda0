"""The transformer of the sign world: the classifier's task, none of its convolution blocks, and gradients that are taken the same way."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention


class PatchEmbedding(nn.Module):
    """A picture as a row of tokens: a short stem, one token for each 6×6 pixels, a class token in front, and where each one stands.

    (N, 3, 6H, 6W) -> (N, 1 + HW, width). Two convolutions come first, since patches cut from raw pixels need far more pictures.
    """

    def __init__(self, side: int, width: int, stem: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
        self.patches = nn.Conv2d(stem, width, 3, stride=3)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 1 + side * side, width))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(self.stem(x)).flatten(2).mT
        return torch.cat([self.class_token.expand(len(x), -1, -1), tokens], 1) + self.position


class Attention(nn.Module):
    """Every token looks at every other: softmax(QKᵀ/√d) V in several heads. (N, T, width) -> like it."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        split = self.query_key_value(tokens).unflatten(-1, (3, self.heads, -1))  # (N, T, 3, heads, d)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        return self.project(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """Attention, then two layers for each token by itself, each beside a shortcut and behind a LayerNorm. (N, T, width) -> like it."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.widen, self.narrow = nn.LayerNorm(width), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.narrow(gelu(self.widen(self.norm2(tokens))))


class SignTransformer(nn.Module):
    """A small vision transformer for pictures of 48×48: images in [0, 1], (N, 3, 48, 48), to logits, (N, classes).

    The class token of the last block, behind a LayerNorm, enters the head, so ``features`` finds h there. The 64 other tokens of a
    block stand for 8×8 places: ``token_maps`` lays them out like the channels of a convolution.

    Source: Dosovitskiy and colleagues, 2020, arXiv 2010.11929; the stem after Xiao and colleagues, 2021, arXiv 2106.14881.
    """

    def __init__(
        self, classes: int = 14, width: int = 48, depth: int = 4, heads: int = 4, hidden: int = 96, stem: int = 16
    ):
        super().__init__()
        self.tokens = PatchEmbedding(8, width, stem)
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads, hidden) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.tokens(x - 0.5))[:, 0]))
