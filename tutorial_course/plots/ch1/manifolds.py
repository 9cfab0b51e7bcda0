"""Figures of manifolds and neighbors: Isomap, the Swiss roll, and the cost of a query."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, with_alt_text


def isomap_figure(embeddings: Mapping[int, np.ndarray], yaw: Tensor, size: Tensor) -> FigureWithAltText:
    """Return a figure of the coordinates that Isomap found, one panel per number of images.

    Args:
        embeddings: number of images n -> coordinates (n, 2); the images are the first n.
        yaw: yaw of every image (N,), shown by color.
        size: size of the sign in every image (N,), shown by the size of the dot.

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, len(embeddings), height=3.0)
        for axis, (n, coordinates) in zip(np.atleast_1d(axes), embeddings.items(), strict=True):
            dots = axis.scatter(
                *coordinates.T, c=yaw[:n], cmap="cividis", s=4 + 60 * size[:n] ** 3, vmin=yaw.min(), vmax=yaw.max()
            )
            axis.set(title=f"{n:,} images", xlabel="coordinate 1", xticks=[], yticks=[])
            axis.grid(False)
        np.atleast_1d(axes)[0].set_ylabel("coordinate 2")
        figure.colorbar(dots, ax=axes, label="yaw (radians)", shrink=0.9)
    return with_alt_text(
        figure,
        f"Scatter plots of the two Isomap coordinates for {', '.join(f'{n:,}' for n in embeddings)} images of a stop "
        "sign. Color shows the yaw, and the size of a dot the size of the sign. With many images both vary along the "
        "coordinates.",
    )


def swiss_roll_figure(
    points: Tensor, coordinates: Mapping[int | str, np.ndarray], arc: Tensor, follows: Mapping[int | str, float]
) -> FigureWithAltText:
    """Return a figure of the Swiss roll, of three sets of coordinates, and of their correlation with the arc length.

    Args:
        points: points of the roll (N, 3).
        coordinates: number of neighbors of Isomap, or "PCA" -> coordinates (N, 2).
        arc: arc length of every point (N,), shown by color.
        follows: as ``coordinates`` -> the larger absolute correlation of a coordinate with the arc length.

    Returns:
        The figure.
    """
    shown = {"the roll, seen from its end": points[:, [0, 2]].numpy(), "Isomap, 8 neighbors": coordinates[8]}
    shown |= {"Isomap, 30 neighbors": coordinates[30], "PCA": coordinates["PCA"]}
    with style():
        figure, axes = panels(1, 5, width=9.6, height=2.7, width_ratios=[1, 1, 1, 1, 1.3])
        for axis, (title, xy) in zip(axes, shown.items(), strict=False):
            axis.scatter(*xy.T, c=arc, cmap="cividis", s=4)
            axis.set(title=title, xticks=[], yticks=[])
            axis.title.set_fontsize(9)
            axis.grid(False)
        neighbors = [k for k in follows if k != "PCA"]
        axes[4].plot(neighbors, [follows[k] for k in neighbors], marker="o", label="Isomap")
        axes[4].axhline(follows["PCA"], color=PALETTE[1], linestyle="--", label="PCA")
        axes[4].set(xlabel="neighbors per point", ylabel="absolute correlation", ylim=(0, 1.05))
        axes[4].legend(fontsize=8)
    return with_alt_text(
        figure,
        "The Swiss roll and three plots of its coordinates, colored by arc length: with 8 neighbors a flat rectangle "
        "in the order of the color, with 30 neighbors and with PCA the colors overlap. Right: the correlation with "
        "the arc length against the number of neighbors.",
    )


def query_cost_figure(counts: Sequence[int], timings: Mapping[int, Sequence[float]]) -> FigureWithAltText:
    """Return a figure of the time of a query against the number of stored vectors, extrapolated to a million.

    Args:
        counts: numbers of stored vectors that were measured.
        timings: numbers per vector -> seconds per image, for the first of the counts.

    Returns:
        The figure.
    """
    with style():
        figure, axis = panels(width=5.8, height=3.0)
        for (d, seconds), color in zip(timings.items(), PALETTE, strict=False):
            measured = np.array(counts[: len(seconds)])
            extrapolated = np.array([*measured, 100_000, 1_000_000])
            axis.plot(measured, 1e3 * np.array(seconds), "o", color=color, label=f"{d:,} numbers per vector, measured")
            axis.plot(
                extrapolated,
                1e3 * seconds[-1] * extrapolated / measured[-1],
                "--",
                color=color,
                label="proportional to the last point",
            )
        axis.set(xscale="log", yscale="log", xlabel="stored vectors", ylabel="milliseconds per image")
        axis.legend(fontsize=8)
    return with_alt_text(
        figure,
        "Line plot of the milliseconds for one image against the number of stored vectors, both on logarithmic axes. "
        "The measured points are close to proportional lines, and vectors of more numbers take longer.",
    )
