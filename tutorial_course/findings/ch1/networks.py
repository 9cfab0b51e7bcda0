"""Convolutions as matrices, shifts, exclusive or, and the sizes of language models: the numbers of section 1.C."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def is_doubly_block_toeplitz(matrix: Tensor, n_rows: int, n_columns: int) -> bool:
    """Return whether the blocks of a matrix are constant along their diagonals, and equal along those of the matrix.

    Args:
        matrix: (n_rows², n_columns²), of blocks (n_rows, n_columns).
        n_rows: rows of a block.
        n_columns: columns of a block.

    Returns:
        Whether both conditions hold.
    """
    blocks = matrix.view(n_rows, n_rows, n_columns, n_columns)  # block row, row, block column, column
    inside = torch.equal(blocks[:, :-1, :, :-1], blocks[:, 1:, :, 1:])
    between = torch.equal(blocks[:-1, :, :-1], blocks[1:, :, 1:])
    return inside and between


def shift_deviation(weight: Tensor, image: Tensor, shift: tuple[int, int]) -> tuple[float, float]:
    """Return how much the feature maps of a shifted image differ from the shifted feature maps.

    Args:
        weight: kernels (K, C, 3, 3) of a convolution with zero padding.
        image: (1, C, H, W); it is shifted cyclically.
        shift: rows and columns, at least 2 each.

    Returns:
        The largest absolute difference at positions that the border does not reach, and at all positions.
    """

    def feature_maps(x: Tensor) -> Tensor:
        return conv2d(pad(x, (1, 1, 1, 1)), weight)

    difference = feature_maps(image.roll(shift, (2, 3))) - feature_maps(image).roll(shift, (2, 3))
    difference = difference.abs().amax((0, 1))
    is_inside = torch.ones_like(difference, dtype=torch.bool)
    for axis, offset in enumerate(shift):
        positions = torch.tensor([0, offset - 1, offset, -1])  # the border, and the border after the shift
        is_inside.index_fill_(axis, positions % difference.shape[axis], False)
    return difference[is_inside].max().item(), difference.max().item()


def exclusive_or_accuracy() -> dict[str, float]:
    """Return how many corners of exclusive or a straight line and a hidden layer classify correctly.

    Returns:
        The number ``n`` of straight lines tried, the accuracy of the best one (``straight``), and that of a network
        with two hidden neurons (``hidden``).
    """
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([False, True, True, False])
    grid = torch.cartesian_prod(*[torch.linspace(-2, 2, 41)] * 3)  # w₁, w₂, b
    is_correct = (corners @ grid[:, :2].T + grid[:, 2] > 0) == labels[:, None]
    hidden = torch.relu(corners @ torch.ones(2, 2) - torch.tensor([0.0, 1.0]))
    with_hidden = (hidden @ torch.tensor([1.0, -2.0]) > 0.5) == labels
    return {
        "n": len(grid),
        "straight": is_correct.float().mean(0).max().item(),
        "hidden": with_hidden.float().mean().item(),
    }


def transformer_parameters(d: int, d_inner: int, vocabulary: int, n_layers: int = 6) -> int:
    """Return the number of parameters of the first Transformer, with an encoder and a decoder.

    Args:
        d: width of the model.
        d_inner: width of the hidden layer of each feed-forward block.
        vocabulary: number of tokens, whose embedding is shared by input and output.
        n_layers: layers of the encoder, and of the decoder.

    Returns:
        The number of parameters.
    """
    attention, feed_forward, norm = 4 * (d * d + d), 2 * d * d_inner + d + d_inner, 2 * d
    encoder, decoder = attention + feed_forward + 2 * norm, 2 * attention + feed_forward + 3 * norm
    return n_layers * (encoder + decoder) + vocabulary * d


class ModelSize(NamedTuple):
    """A language model.

    Attributes:
        name: its name.
        year: year of publication.
        parameters: number of parameters.
        is_sparse: whether only a part of them is used for each input.
    """

    name: str
    year: int
    parameters: float
    is_sparse: bool = False


def language_model_sizes(first: int) -> list[ModelSize]:
    """Return the published sizes of nine language models; their papers are listed in the bibliography.

    Args:
        first: number of parameters of the first Transformer.

    Returns:
        The models in the order of their years.
    """
    return [
        ModelSize("Transformer (base)", 2017, first),
        ModelSize("BERT-large", 2018, 340e6),
        ModelSize("GPT-2", 2019, 1.5e9),
        ModelSize("Megatron-LM", 2019, 8.3e9),
        ModelSize("T5", 2019, 11e9),
        ModelSize("Turing-NLG", 2020, 17.2e9),
        ModelSize("GPT-3", 2020, 175e9),
        ModelSize("MT-NLG", 2021, 530e9),
        ModelSize("Switch (sparse)", 2021, 1.6e12, is_sparse=True),
    ]
