"""Figures of a convolution as a matrix, and of the growth of language models."""

from collections.abc import Sequence

from torch import Tensor

from tutorial_course.findings.ch1.networks import ModelSize
from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, with_alt_text


def matrix_figure(matrix: Tensor) -> FigureWithAltText:
    """Return an image of the matrix of a convolution.

    Args:
        matrix: T (pixels of the feature map, pixels of the image).

    Returns:
        The figure.
    """
    limit = float(matrix.abs().max())
    with style():
        figure, axis = panels(width=5.4, height=3.4)
        axis.grid(False)
        shown = axis.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit)
        axis.set(xlabel="pixel of the image", ylabel="pixel of the feature map")
        figure.colorbar(shown, ax=axis, shrink=0.8, label="weight")
    return with_alt_text(
        figure,
        "The matrix of a convolution as an image: each block contains three short diagonals, the same blocks repeat "
        "along the diagonals of the matrix, and all other entries are zero.",
    )


def model_sizes_figure(sizes: Sequence[ModelSize]) -> FigureWithAltText:
    """Return a plot of the number of parameters of language models by year.

    Args:
        sizes: the models.

    Returns:
        The figure.
    """
    with style():
        figure, axis = panels(width=6.6, height=3.7)
        for model in sizes:
            axis.plot(model.year, model.parameters, "o", color=PALETTE[1 if model.is_sparse else 0])
            is_left = model.name == "T5"  # on the right, it would overlap its neighbor
            axis.annotate(
                model.name,
                (model.year, model.parameters),
                xytext=(-7 if is_left else 7, -3),
                ha="right" if is_left else "left",
                textcoords="offset points",
                fontsize=8.5,
            )
        axis.axhline(1e12, color="#888888", linestyle="--", linewidth=1)
        years = range(min(m.year for m in sizes), max(m.year for m in sizes) + 2)
        axis.text(years[0] - 0.15, 1.15e12, "a trillion", fontsize=8.5, color="#555555")
        axis.set(yscale="log", xlim=(years[0] - 0.2, years[-1] + 0.4), ylim=(3e7, 4e12), xticks=years)
        axis.set(xlabel="year of publication", ylabel="parameters")
    return with_alt_text(
        figure,
        f"Scatter plot of the parameters of {len(sizes)} language models against the year of publication, on a "
        "logarithmic axis. They grow from tens of millions to more than a trillion.",
    )
