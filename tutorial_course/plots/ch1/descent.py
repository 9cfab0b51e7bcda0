"""Gradient descent on surfaces, its stability limit, and training paths of a network, for section 1.3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from tutorial_course.findings.ch1.toy_surfaces import ToySurface
from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, with_alt_text

FRAME_MARGINS = {"left": 0.01, "right": 0.98, "bottom": 0.17, "top": 0.9, "wspace": 0.22}
LOSS_TICKS = (0.03, 0.1, 0.3, 1, 2)
# The results of findings.classify_trajectory in words.
OUTCOMES = {
    "settles": "converges",
    "creeps": "converges slowly or fluctuates",
    "zigzags": "oscillates and has not converged",
    "diverges": "diverges",
}


def descent_figure(surface: ToySurface, path: Tensor, title: str) -> FigureWithAltText:
    """Return the path of gradient descent on a surface, and its loss against the steps.

    Args:
        surface: a surface with two parameters.
        path: positions (steps + 1, 2).
        title: the surface and what the path does, in words.

    Returns:
        Two panels: the path on the surface, and the loss above its minimum.
    """
    (left, right), (bottom, top) = surface.plot_limits
    rows, columns = torch.linspace(bottom, top, 90), torch.linspace(left, right, 120)
    grid = torch.cartesian_prod(rows, columns).flip(1)
    height = (3 * (surface.loss(grid) - surface.min_value + 0.02).log()).floor().view(90, 120)
    shown = path.clamp(-99, 99)
    with style():
        figure = Figure(figsize=(7.2, 2.8))  # constrained layout would take as long as drawing, for each of many frames
        plane, curve = figure.subplots(1, 2, width_ratios=(1.5, 1), gridspec_kw=FRAME_MARGINS)
        plane.imshow(
            height.numpy(),
            extent=(left, right, bottom, top),
            origin="lower",
            aspect="auto",
            cmap="cividis",
            vmax=1.4 * float(height.max()),
        )
        plane.plot(shown[:, 0], shown[:, 1], "-o", color="white", lw=1.2, ms=2.8)
        plane.plot(*surface.minimum, "*", color=PALETTE[4], ms=13, mec="black")
        plane.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], title=title)
        plane.grid(False)
        # The loss of a diverging path would overflow where Matplotlib computes the limits of a logarithmic axis.
        curve.semilogy(range(len(path)), surface.loss(shown) - surface.min_value, color=PALETTE[1])
        curve.set(ylim=(1e-6, 1e4), xlim=(0, len(path) - 1), xlabel="step")
        curve.set_yticks([1e-6, 1e-3, 1, 1e3], ["10⁻⁶", "10⁻³", "1", "10³"])
        curve.minorticks_off()
        curve.set_title("loss above the minimum")
    return with_alt_text(figure, f"Left a path over the surface, right its loss over the steps: {title}.")


def stability_figure(
    shares: Sequence[float], ratios: Mapping[str, Sequence[float]], limits: Mapping[str, float]
) -> FigureWithAltText:
    """Return how much of the loss is left after gradient descent, against the learning rate.

    Args:
        shares: learning rates as multiples of 2/λmax (n,).
        ratios: name of a surface -> the final loss divided by the initial loss (n,).
        limits: name of a surface -> the measured stability limit, as a multiple of 2/λmax.

    Returns:
        One panel with a logarithmic axis.
    """
    with style():
        figure, axis = panels(width=6.6, height=2.7)
        for (name, values), line in zip(ratios.items(), ("-", "--", ":")):
            axis.semilogy(shares, values, line, lw=2, label=f"{name}: limit measured at {limits[name]:.4f}")
        axis.axhline(1, color="#555555", lw=1)
        axis.set(
            xlabel="learning rate, in units of 2/λmax", title="final loss divided by initial loss", ylim=(1e-12, 1e12)
        )
        axis.legend(fontsize=8)
    return with_alt_text(
        figure,
        "Three curves against the learning rate, for three surfaces. Below 2/λmax the final loss is a small fraction "
        "of the initial loss. All curves cross one close to 2/λmax and grow by many powers of ten beyond it.",
    )


def optimizer_paths_figure(paths: pd.DataFrame, surface: pd.DataFrame) -> FigureWithAltText:
    """Return the training paths of one or two optimizers on a plane in weight space, and their losses per step.

    Args:
        paths: columns "optimizer", "step", "first", "second" (coordinates on the plane) and "loss".
        surface: the loss on the plane, with columns "first", "second" and "loss".

    Returns:
        Two panels; the loss of the plane is shown in color, on a logarithmic scale.
    """
    grid = surface.pivot(index="second", columns="first", values="loss")
    height = torch.tensor(grid.to_numpy(dtype=float)).clamp(min=0.02).log10()
    with style():
        figure, (plane, curve) = panels(1, 2, height=3.2, width_ratios=(1.5, 1))
        shade = plane.contourf(grid.columns, grid.index, height, levels=16, cmap="cividis")
        bar = figure.colorbar(shade, ax=plane, label="loss", ticks=torch.tensor(LOSS_TICKS).log10().tolist())
        bar.set_ticklabels([str(tick) for tick in LOSS_TICKS])
        styles = zip(paths.groupby("optimizer", sort=False), (PALETTE[4], "white"), (PALETTE[4], PALETTE[0]), "os")
        for (name, path), on_plane, on_white, marker in styles:
            plane.plot(path["first"], path["second"], marker=marker, color=on_plane, lw=1.2, ms=2.5, label=name)
            curve.semilogy(path["step"], path["loss"], marker=marker, color=on_white, ms=2.5, label=name)
        start = paths.iloc[0]
        plane.plot(start["first"], start["second"], "s", color=PALETTE[1], ms=8, mec="white", label="start")
        plane.set(xlabel="first component", ylabel="second component", aspect="equal")
        plane.grid(False)
        plane.legend(
            fontsize=8, labelcolor="white", frameon=True, facecolor="#12284C", edgecolor="none", framealpha=0.8
        )
        curve.set(xlabel="step", title="loss on training images")
        curve.legend(fontsize=8)
    names = " and of ".join(paths["optimizer"].unique())
    return with_alt_text(
        figure,
        f"Left: the loss on a plane in weight space, with the training path of {names} from the start to low losses. "
        "Right: the loss on the path against the number of steps.",
    )
