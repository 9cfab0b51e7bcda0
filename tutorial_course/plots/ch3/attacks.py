"""Success rates of adversarial attacks by budget, and an attacked sign with its scores."""

from collections.abc import Mapping

import pandas as pd
from torch import Tensor

from tutorial_course.findings.ch3.attacks import success_interval
from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    band,
    legend_above,
    panels,
    percent_axis,
    style,
    text_color_on,
    to_image_array,
    with_alt_text,
)

ATTACK_STYLES = {
    "PGD": {"color": PALETTE[1], "marker": "o"},
    "FGSM": {"color": PALETTE[0], "marker": "s"},
    "FGSM, rounded loss": {"color": PALETTE[4], "marker": "D", "linestyle": "--"},
    "noise": {"color": "#777777", "marker": "^"},
}


def success_figure(rows: pd.DataFrame, titles: Mapping[str, str], attacks: Mapping[str, str]) -> FigureWithAltText:
    """Return a figure with the success rate of each attack against its budget, with 95% Wilson intervals.

    Args:
        rows: rows with the columns ``network``, ``attack``, ``budget``, ``success`` and ``images``.
        titles: title of the panel, by network.
        attacks: entry in the legend, by attack.

    Returns:
        The figure, with a panel for each network.
    """
    ends = []
    with style():
        figure, axes = panels(1, len(titles), height=3, sharey=True)
        for axis, (network, title) in zip(axes, titles.items(), strict=True):
            for attack, label in attacks.items():
                own = rows[(rows["network"] == network) & (rows["attack"] == attack)]
                shares = [success_interval(*row) for row in own[["success", "images"]].itertuples(index=False)]
                values, low, high = zip(*shares, strict=True)
                band(axis, own["budget"], values, low, high, label=label, ms=4, **ATTACK_STYLES[attack])
                ends.append(f"{title}, {label} {values[-1]:.0%}")
            budgets = own["budget"].tolist()
            axis.set(title=title, xscale="log", xlabel="budget (gray levels)", ylim=(-0.03, 1.03), xticks=budgets)
            axis.set_xticklabels([f"{budget:g}" for budget in budgets])
            axis.minorticks_off()
            percent_axis(axis)
        axes[0].set_ylabel("success rate")
        legend_above(figure)
    return with_alt_text(
        figure,
        "Line plots of the success rate of attacks against the budget, with confidence bands. Rates at the largest "
        f"budget: {'; '.join(ends)}.",
    )


def attacked_sign_figure(x: Tensor, adversarial: Tensor, title: str, shares: Mapping[str, float]) -> FigureWithAltText:
    """Return a figure of an attacked image, its perturbation, and the share of normal images with lower scores.

    Args:
        x: the original image (3, H, W).
        adversarial: the attacked image (3, H, W).
        title: title of the attacked image, such as the prediction.
        shares: by score, the share of normal images whose score is lower.

    Returns:
        The figure.
    """
    with style():
        figure, (left, middle, right) = panels(1, 3, width=7.6, height=2.3, width_ratios=[1, 1, 1.5])
        panels_shown = ((left, adversarial, title), (middle, 0.5 + 8 * (adversarial - x), "perturbation × 8"))
        for axis, image, words in panels_shown:
            axis.imshow(to_image_array(image.clamp(0, 1)), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_title(words, fontsize=9)
        right.barh(list(shares), list(shares.values()), color=PALETTE[: len(shares)])
        right.set(xlim=(0, 1), xlabel="normal images with a lower score")
        right.tick_params(axis="y", labelsize=8.5)
        right.set_axisbelow(True)
        right.invert_yaxis()
        percent_axis(right, "x")
    scores = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return with_alt_text(
        figure,
        f"The attacked sign ({title}), its perturbation, and the share of normal images with a lower score: {scores}.",
    )


def detector_matrix_figure(
    tables: Mapping[str, pd.DataFrame], rows: Mapping[str, str], columns: Mapping[str, str]
) -> FigureWithAltText:
    """Return a figure with the AUROC of detectors (rows) on attacks (columns) for each data set or network.

    Args:
        tables: by title of the panel, the AUROC with a row per detector and a column per attack.
        rows: label by detector, in order.
        columns: label by attack, in order.

    Returns:
        The figure; the number of each cell is printed in it.
    """
    with style():
        figure, axes = panels(1, len(tables), height=0.9 + 0.3 * len(rows), sharey=True)
        for axis, (title, table) in zip(axes, tables.items(), strict=True):
            values = table.loc[[*rows], [*columns]].to_numpy()
            image = axis.imshow(values, cmap="RdBu_r", vmin=0, vmax=1, aspect="auto")
            for (i, j), value in (
                (at, values[at]) for at in ((i, j) for i in range(len(rows)) for j in range(len(columns)))
            ):
                color = text_color_on(image.to_rgba(value)[:3])
                axis.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8.5, color=color)
            axis.set(title=title, xticks=range(len(columns)), yticks=range(len(rows)), yticklabels=rows.values())
            axis.set_xticklabels(columns.values(), rotation=30, ha="right", rotation_mode="anchor")
            axis.tick_params(length=0, labelsize=8.5)
            axis.grid(False)
    lowest = "; ".join(
        f"{title} from {table.min().min():.2f} to {table.max().max():.2f}" for title, table in tables.items()
    )
    return with_alt_text(
        figure,
        f"Tables of the AUROC of {len(rows)} detectors for {', '.join(columns.values())}, colored from blue (0) over "
        f"white (0.5) to red (1): {lowest}.",
    )


def adaptive_attack_figure(
    rows: pd.DataFrame, titles: Mapping[str, str], detectors: Mapping[str, str], before: pd.DataFrame
) -> FigureWithAltText:
    """Return a figure with the AUROC of each detector against the number of runs of an adaptive attack on it.

    Args:
        rows: rows with the columns ``network``, ``detector``, ``restart`` and ``auroc``.
        titles: title of the panel, by network.
        detectors: label by detector.
        before: the AUROC for PGD, which does not use the detector: columns ``network``, ``detector`` and ``auroc``.

    Returns:
        The figure; the value at zero runs is the AUROC for PGD, which does not use the detector.
    """
    last, n_runs = [], rows["restart"].max() + 1
    with style():
        figure, axes = panels(1, len(titles), height=3, sharey=True)
        for axis, (network, title) in zip(axes, titles.items(), strict=True):
            for i, (detector, label) in enumerate(detectors.items()):
                own, start = (
                    t[(t["network"] == network) & (t["detector"] == detector)]["auroc"] for t in (rows, before)
                )
                values = [*start, *own]
                axis.plot(range(len(values)), values, "os^Dv"[i] + "-", ms=4, color=PALETTE[i], label=label)
                last.append(f"{title}, {label}: {values[0]:.2f} to {values[-1]:.2f}")
            axis.axhline(0.5, color="#555555", lw=1, ls="--", zorder=0.5)
            axis.set(title=title, xlabel="runs of the adaptive attack", ylim=(-0.03, 1.03), xlim=(-0.2, n_runs + 0.2))
            axis.xaxis.get_major_locator().set_params(integer=True)
        axes[0].set_ylabel("AUROC of the detector")
        legend_above(figure)
    return with_alt_text(
        figure,
        "Line plots of the AUROC of each detector against the number of runs of an adaptive attack on it. AUROC before "
        f"the first and after the last run: {'; '.join(last)}.",
    )
