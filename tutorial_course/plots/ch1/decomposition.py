"""Figures of the decomposition of gradients, and of the training images that influence a prediction."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.lines import Line2D
from torch import Tensor

from tutorial_course.findings.ch1.data_attribution import LabelCurve
from tutorial_course.findings.ch1.decomposition import GroupDescription
from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    band,
    image_grid,
    panels,
    style,
    to_image_array,
    with_alt_text,
)


def decomposition_figure(images: Sequence[Tensor], groups: Sequence[GroupDescription]) -> FigureWithAltText:
    """Return a figure with an image of each group, its two largest coefficients and its residual share.

    Args:
        images: one image (3, H, W) per group.
        groups: the groups, described by :func:`~tutorial_course.findings.ch1.describe_groups`.

    Returns:
        The figure.
    """
    captions = []
    for group in groups:
        lines = [f"{value:.2f} {name}" for name, value in group.largest if value > 0.1]
        captions.append(
            "\n".join([group.name, *lines, *[" "] * (2 - len(lines)), f"residual {group.residual_share:.0%}"])
        )
    return with_alt_text(
        image_grid(list(images), captions, columns=5, image_height=1.35),
        "Images of a known sign and of novel signs. Below each are the known classes with the largest mean "
        "coefficients above 0.1, and the median residual share.",
    )


def leave_one_out_figure(retrained: Tensor, approximations: Mapping[str, Tensor]) -> FigureWithAltText:
    """Return scatter plots of approximated influences against the result of retraining.

    Args:
        retrained: change of the test loss after each removal (N,).
        approximations: name -> approximated change (N,).

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, len(approximations), width=7.4, height=3.0)
        for axis, (name, values) in zip(np.atleast_1d(axes), approximations.items(), strict=True):
            axis.scatter(1000 * retrained, 1000 * values, s=14, color=PALETTE[0])
            axis.set(
                title=name, xlabel="change of the test loss by retraining (× 10⁻³)", ylabel="approximation (× 10⁻³)"
            )
            if name == "influence function":
                axis.axline((0, 0), slope=1, color="#555555", linewidth=1, linestyle="--")
    return with_alt_text(
        figure,
        f"Scatter plots of {' and '.join(approximations)} against the change of the test loss after retraining "
        "without a training image, in thousandths; the vertical scales differ. For influence functions the dots "
        "should lie on the dashed diagonal.",
    )


def proponents_figure(tests: Tensor, reference: Tensor, rankings: Mapping[str, Tensor]) -> FigureWithAltText:
    """Return a figure with a row per test image and the training images that each measure ranks highest.

    Args:
        tests: test images (N, 3, H, W).
        reference: training images (M, 3, H, W).
        rankings: name of a measure -> indices of the highest training images (N, k).

    Returns:
        The figure.
    """
    k = next(iter(rankings.values())).shape[1]
    with style():
        figure, axes = panels(len(tests), 1 + k * len(rankings), width=8.0, height=1.15 * len(tests) + 0.4)
        axes = np.atleast_2d(axes)
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
        for row, (test, cells) in enumerate(zip(tests, axes, strict=True)):
            cells[0].imshow(to_image_array(test))
            for i, indices in enumerate(rankings.values()):
                for j, index in enumerate(indices[row].tolist()):
                    cells[1 + i * k + j].imshow(to_image_array(reference[index]))
        axes[0, 0].set_title("test image", fontsize=9)
        for i, name in enumerate(rankings):
            axes[0, 1 + i * k].set_title(name, fontsize=9, loc="left")
    return with_alt_text(
        figure,
        f"A row for each of {len(tests)} test images: the test image, and then the {k} training images with the "
        f"highest {' and the highest '.join(rankings)}.",
    )


def wrong_labels_figure(curves: Sequence[LabelCurve]) -> FigureWithAltText:
    """Return line plots of the AUROC of wrong against correct labels, one panel per share of wrong labels.

    Args:
        curves: the curves of :func:`~tutorial_course.findings.ch1.label_curves`.

    Returns:
        The figure.
    """
    shares = sorted({curve.flipped for curve in curves})
    scores = list(dict.fromkeys(curve.score for curve in curves))
    with style():
        figure, axes = panels(1, len(shares), height=3.4, sharey=True)
        for axis, share in zip(np.atleast_1d(axes), shares, strict=True):
            for curve in (c for c in curves if c.flipped == share):
                color = PALETTE[scores.index(curve.score)]
                if curve.over == "last epoch":
                    band(axis, curve.epochs, curve.mean, curve.low, curve.high, color=color, alpha=0.12)
                else:
                    axis.plot(curve.epochs, curve.mean, linestyle="--", color=color)
            axis.set(title=f"{share:.0%} wrong labels", xlabel="epoch")
        np.atleast_1d(axes)[0].set_ylabel("AUROC")
        handles = [Line2D([], [], color=PALETTE[i], label=score) for i, score in enumerate(scores)]
        handles += [
            Line2D([], [], color="#555555", linestyle=s, label=n)
            for s, n in (("-", "after the epoch"), ("--", "sum over epochs"))
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=8.5)
    return with_alt_text(
        figure,
        f"Line plots of the AUROC with which {', '.join(scores)} find wrong labels, against the epoch, for "
        f"{' and '.join(f'{share:.0%}' for share in shares)} wrong labels. All curves rise and are close to each "
        "other.",
    )
