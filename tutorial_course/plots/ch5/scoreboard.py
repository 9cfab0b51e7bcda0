"""The scoreboard as a figure: the difference between each gradient and its control, in units of the margin."""

from __future__ import annotations

from collections.abc import Sequence

from tutorial_course.findings.ch5.scoreboard import Decision, Task
from tutorial_course.plots.core import PALETTE, FigureWithAltText, legend_above, panels, style, with_alt_text

COLORS = {Decision.GRADIENT: PALETTE[2], Decision.CONTROL: PALETTE[1], Decision.UNDECIDED: PALETTE[6]}
LIMIT = 6.0  # margins; longer intervals end in an arrow


def scoreboard_figure(tasks: Sequence[Task]) -> FigureWithAltText:
    """Return a figure with a row per task: the difference in each setting, divided by the margin of the task.

    Args:
        tasks: the rows of the scoreboard, from top to bottom.

    Returns:
        The figure. A difference beyond the limits of the axis is drawn at its end, as a triangle.
    """
    with style():
        figure, axis = panels(width=8.4, height=1.2 + 0.36 * len(tasks))
        axis.axvspan(-1, 1, color="#EFEFEF", zorder=0)
        axis.axvline(0, color="#555555", lw=1)
        for row, task in enumerate(tasks):
            evidence, leads, decision = task.evidence(), task.leads(), task.decision()
            if evidence is None or not leads:
                axis.text(0.12, row, Decision.NO_INTERVAL.value, va="center", fontsize=8, color="#555555")
                continue
            for k, lead in enumerate(leads):
                height = row + 0.6 * ((k + 0.5) / len(leads) - 0.5)
                value, low, high = (max(-LIMIT, min(LIMIT, number / evidence.margin)) for number in lead)
                beyond = abs(lead.value / evidence.margin) > LIMIT
                marker = ("<" if value < 0 else ">") if beyond else "o"
                color, label = COLORS[decision], decision.value
                axis.plot([low, high], [height, height], color=color, lw=1.5)
                axis.plot(value, height, marker, color=color, ms=6 if beyond else 4, label=label, clip_on=False)
        labels = [f"{task.question}\n{task.gradient} − {task.control}" for task in tasks]
        axis.set_yticks(range(len(tasks)), labels, fontsize=8)
        axis.set(
            ylim=(len(tasks) - 0.4, -0.6),
            xlim=(-LIMIT, LIMIT),
            xlabel="gradient method − control, divided by the margin",
        )
        if any(task.leads() for task in tasks):
            legend_above(figure)
    outcomes = " ".join(f"{task.question} {task.decision().value.capitalize()}." for task in tasks)
    return with_alt_text(
        figure,
        "A row for each task, with a point and a 95% interval for each setting. The x-axis is the difference between "
        f"the gradient method and its control, divided by the margin. {outcomes}",
    )
