"""The Fisher information of the last layer: its factor, its divergence and its trace."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    panels,
    style,
    text_color_on,
    to_image_array,
    with_alt_text,
)


def fisher_factor_figure(
    image: Tensor, factors: Mapping[str, Tensor], row_names: Sequence[str], column_names: Sequence[str], title: str
) -> FigureWithAltText:
    """Return an image and several matrices over its most probable classes, with their entries.

    Args:
        image: the image (3, H, W).
        factors: matrices (c, c) by title.
        row_names: a name for each row of the matrices.
        column_names: a name for each column of the matrices, in the same order.
        title: title of the image.

    Returns:
        The figure, with the image above the names of the rows and the matrices in two rows of two.
    """
    with style():
        figure, grid = panels(2, 3, width=8.4, height=6.0, width_ratios=[0.9, 1, 1])
        grid[0, 0].imshow(to_image_array(image), interpolation="nearest")
        grid[0, 0].set_title(title, fontsize=9)
        for axis, (name, values) in zip(grid[:, 1:].flatten(), factors.items(), strict=True):
            shown = axis.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
            axis.set_title(name, fontsize=9)
            for i, line in enumerate(values.tolist()):
                for j, value in enumerate(line):
                    color = text_color_on(shown.to_rgba(value)[:3])
                    axis.text(j, i, f"{value:+.2f}", ha="center", va="center", fontsize=8.5, color=color)
        for axis in grid.flatten():
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        for axis in grid[:, 1]:
            axis.set_yticks(range(len(row_names)), row_names, fontsize=8.5)
            axis.tick_params(length=0)
        for axis in grid[1, 1:]:
            axis.set_xticks(range(len(column_names)), column_names, fontsize=8.5, rotation=35, ha="right")
            axis.tick_params(length=0)
        grid[1, 0].set_visible(False)
    return with_alt_text(
        figure,
        "A sign partly hidden by leaves, and four matrices over its five most probable classes. The Fisher factor is "
        "positive on the diagonal and negative elsewhere. The other three, one for each of the three most probable "
        "labels, differ from it and from each other in magnitude and in polarity.",
    )


def fisher_divergence_figure(
    steps: Tensor,
    divergences: Mapping[str, Sequence[tuple[float, float]]],
    trace: Tensor,
    empirical_trace: Tensor,
    correct: Tensor,
) -> FigureWithAltText:
    """Return the divergence over the norm of a weight change, and the two traces of each image.

    Args:
        steps: norms of the change (S,).
        divergences: by direction, pairs of the divergence and of half the quadratic form, one for each step.
        trace: trace of the Fisher information of each image (N,).
        empirical_trace: trace of the empirical one (N,).
        correct: which images are classified correctly, (N,), bool.

    Returns:
        The figure.
    """
    with style():
        figure, (left, right) = panels(1, 2, height=3.5)
        for (name, pairs), color in zip(divergences.items(), PALETTE, strict=False):
            divergence, half = zip(*pairs, strict=True)
            left.loglog(steps, divergence, "o", ms=3.5, color=color, label=name)
            left.loglog(steps, half, color=color, lw=1.2)
        left.set(
            xlabel="norm of the weight change Δ", title="KL divergence (points), ½ ΔᵀFΔ (lines)", ylim=(1e-10, 1e3)
        )
        left.legend(fontsize=9, loc="upper left", title="direction of Δ", title_fontsize=9)
        for mask, color, name, size in ((correct, PALETTE[5], "correct", 2.2), (~correct, PALETTE[1], "wrong", 3.8)):
            right.loglog(trace[mask], empirical_trace[mask], "o", ms=size, mew=0, alpha=0.7, color=color, label=name)
        ends = [trace.min(), trace.max()]
        right.plot(ends, ends, color="#555555", lw=1, ls="--", label="equal")
        right.set(xlabel="trace of F", title="squared gradient for the given label")
        right.legend(fontsize=9, loc="upper left")
    return with_alt_text(
        figure,
        "The left panel shows the divergence over the norm of a weight change. The points lie on the lines of half "
        "the quadratic form and leave them only for large changes. The right panel shows, for every test image, the "
        "squared gradient for its label against the trace of the Fisher information. Most correctly classified images "
        "lie below the line of equality, and most misclassified ones lie above it.",
    )
