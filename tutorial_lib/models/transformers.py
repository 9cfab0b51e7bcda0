"""The vision transformer of the synthetic traffic signs, for the same task as the convolutional classifier."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention


class PatchEmbedding(nn.Module):
    """The tokens of an image: a class token and one token per 6×6 pixels.

    Position embeddings are learned. Two convolutions come first, because training on patches of raw pixels would need
    far more images.

    Args:
        side: number of tokens along the height, and along the width.
        width: length of a token.
        stem: channels of the first convolution.
    """

    def __init__(self, side: int, width: int, stem: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
        self.patches = nn.Conv2d(stem, width, 3, stride=3)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 1 + side * side, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens of images.

        Args:
            x: images (N, 3, 6 side, 6 side).

        Returns:
            Tokens (N, 1 + side², width), the class token first.
        """
        tokens = self.patches(self.stem(x)).flatten(2).mT
        return torch.cat([self.class_token.expand(len(x), -1, -1), tokens], 1) + self.position


class Attention(nn.Module):
    """Multi-head self-attention, softmax(QKᵀ/√d) V.

    Args:
        width: length of a token.
        heads: number of heads, a divisor of ``width``.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the output of the attention.

        Args:
            tokens: tokens (N, T, width).

        Returns:
            Tokens (N, T, width).
        """
        split = self.query_key_value(tokens).unflatten(-1, (3, self.heads, -1))  # (N, T, 3, heads, d)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        return self.project(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """Attention and a two-layer network per token, each after a LayerNorm and with a shortcut.

    Args:
        width: length of a token.
        heads: number of heads, a divisor of ``width``.
        hidden: units of the hidden layer.
    """

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.widen, self.narrow = nn.LayerNorm(width), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            tokens: tokens (N, T, width).

        Returns:
            Tokens (N, T, width).
        """
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.narrow(gelu(self.widen(self.norm2(tokens))))


class SignTransformer(nn.Module):
    """A small vision transformer: images (N, 3, 48, 48) in [0, 1] to logits (N, classes).

    The head takes the class token of the last block after a LayerNorm, which is therefore the feature vector of
    :func:`~tutorial_lib.gradients.penultimate_features`. The 64 other tokens of a block belong to the 8×8 positions of
    the image.

    Args:
        classes: number of logits.
        width: length of a token.
        depth: number of blocks.
        heads: number of attention heads, a divisor of ``width``.
        hidden: units of the hidden layer of each block.
        stem: channels of the first convolution.

    References:
        Dosovitskiy et al., 2020, arXiv:2010.11929; the stem follows Xiao et al., 2021, arXiv:2106.14881.
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
        """Return the logits of images.

        Args:
            x: images (N, 3, 48, 48) in [0, 1].

        Returns:
            Logits (N, classes).
        """
        return self.head(self.norm(self.blocks(self.tokens(x - 0.5))[:, 0]))
