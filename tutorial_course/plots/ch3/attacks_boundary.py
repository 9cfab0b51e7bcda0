"""The margin along DeepFool's steps, and the distance to the boundary of correct and wrong predictions."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from tutorial_course.findings.ch3.attacks_boundary import BoundaryStep
from tutorial_course.findings.intervals import Interval
from tutorial_course.plots.core import (
    CORRECT_COLOR,
    PALETTE,
    WRONG_COLOR,
    FigureWithAltText,
    legend_above,
    panels,
    style,
    with_alt_text,
)


def boundary_steps_figure(steps: Sequence[BoundaryStep], P: str, Q: str) -> FigureWithAltText:
    """Return a figure with the margin along each step of DeepFool and its linear approximation.

    Args:
        steps: the steps, in order.
        P: name of the predicted class.
        Q: name of the nearest other class.

    Returns:
        The figure, with a panel per step; below zero, the logit of Q is larger than that of P.
    """
    with style():
        figure, axes = panels(1, len(steps), height=2.9, sharey=True)
        for i, (axis, step) in enumerate(zip(axes, steps, strict=True), 1):
            axis.plot(step.distance, step.margin, color=PALETTE[0], label="network")
            axis.plot(
                step.distance, step.linear, "--", color="#222222", lw=1.2, label="linear approximation at the start"
            )
            axis.axvline(step.length, color=PALETTE[1], lw=1.2, label="end of the step")
            axis.axhline(0, color="#555555", lw=1)
            axis.set(title=f"step {i}", xlabel="L2 distance from the start of the step")
        axes[0].set_ylabel(f"logit of {P} − logit of {Q}")
        legend_above(figure)
    ends = "; ".join(f"step {i}: {margin_at_end(step):.1f}" for i, step in enumerate(steps, 1))
    return with_alt_text(
        figure,
        f"Line plots of the margin between {P} and {Q} along the steps of DeepFool, with the linear approximation, "
        f"which reaches zero at the end of each step. Margin of the network at the end: {ends}.",
    )


def margin_at_end(step: BoundaryStep) -> float:
    """Return the margin of the network at the end of a step.

    Args:
        step: the step.

    Returns:
        The margin at the sampled distance that is nearest to the length of the step.
    """
    return float(step.margin[(step.distance - step.length).abs().argmin()])


def boundary_distance_figure(
    msp: Tensor, distance: Tensor, correct: Tensor, aurocs: Mapping[str, Interval]
) -> FigureWithAltText:
    """Return a figure of the distance to the boundary against the MSP, and the AUROC of several scores.

    Args:
        msp: one minus the largest softmax probability of each image (N,).
        distance: distance to the boundary of each image (N,).
        correct: whether each prediction is correct (N,).
        aurocs: by score, the AUROC of correct against wrong predictions with its interval.

    Returns:
        The figure.
    """
    with style():
        figure, (left, right) = panels(1, 2, height=3, width_ratios=[1, 0.85])
        groups = ((correct, CORRECT_COLOR, "o", "correct prediction"), (~correct, WRONG_COLOR, "^", "wrong prediction"))
        for group, color, marker, label in groups:
            left.plot(msp[group], distance[group], marker, ms=4.5, mfc="none", color=color, label=label)
        left.set(xscale="log", yscale="log", xlabel="MSP (1 − largest probability)", ylabel="distance to the boundary")
        left.legend(fontsize=8.5, loc="lower left")
        for i, interval in enumerate(aurocs.values()):
            right.plot([interval.low, interval.high], [i, i], color=PALETTE[0], lw=1.5)
            right.plot(interval.value, i, "o", color=PALETTE[0], ms=6)
        right.axvline(0.5, color="#555555", lw=1, ls="--")
        right.set(yticks=range(len(aurocs)), yticklabels=aurocs, ylim=(len(aurocs) - 0.5, -0.5), xlim=(0.45, 1))
        right.set_xlabel("AUROC, wrong against correct")
        right.tick_params(axis="y", labelsize=8.5)
        right.grid(axis="y", visible=False)
    values = ", ".join(f"{name} {interval:.2f}" for name, interval in aurocs.items())
    return with_alt_text(
        figure,
        "Left: a scatter plot of the distance to the boundary against the MSP, which "
        f"falls for correct and for wrong predictions. Right: the AUROC of several scores with intervals: {values}.",
    )
