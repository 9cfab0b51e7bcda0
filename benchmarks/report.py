"""Render the stored measurements as Markdown, for the page on speed."""

import json
import statistics
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
TITLES = {
    "gradients": "Per-sample gradients, compared with other libraries",
    "busy machine": "Per-sample gradients with two threads on a busy machine",
    "independence": "Cost of the check that samples are independent",
    "attribution": "Attribution maps, compared with other libraries",
    "uncertainty": "Gradient norms for a confounding label, compared with pytorch-ood",
    "attacks": "Adversarial attacks, compared with other libraries",
    "rendering": "Rendering synthetic traffic signs",
    "live exhibits": "Gradients in the browser",
}


def merge(processes: list[list[dict]]) -> list[dict]:
    """Return one row for each measurement: its median over the processes, and their range if there are several."""
    rows = []
    for row, *others in zip(*processes, strict=True):
        values = [r["measured"] for r in (row, *others)]
        merged = {**row, "measured": statistics.median(values)}
        merged |= {"low": min(values), "high": max(values)} if others else {}
        if "target" in row:
            merged["met"] = reaches_target(merged, merged["measured"])
        rows.append(merged)
    return rows


def reaches_target(row: dict, value: float) -> bool:
    """Return whether a value is at least, or at most, the target of a row."""
    return value >= row["target"] if row["least"] else value <= row["target"]


def format_row(row: dict) -> dict[str, str]:
    """Return the columns of a measurement that are not empty."""

    def number(value: float, decimals: int = 2) -> str:
        """A ratio has two decimals, another number three significant digits or what is left of its four decimals."""
        if row["unit"] == "×":
            return f"{value:.{decimals}f}"
        keeps_zeros = 0.1 <= abs(value) < 100 and value % 1
        return f"{value:{'#' if keeps_zeros else ''}.3g}".replace("-", "−")

    measured = row["measured"]
    # A ratio that misses its target by little has enough decimals to show it.
    digits = (d for d in (2, 3, 4) if "target" not in row or reaches_target(row, round(measured, d)) == row["met"])
    columns = {"what": row["what"], "measured": f"{number(measured, next(digits, 2))}\u00a0{row['unit']}"}
    if "low" in row:
        columns["range"] = f"{number(row['low'])} to {number(row['high'])}"
    if "target" in row:
        verdict = "met" if row["met"] else "**missed**"
        columns["target"] = f"{'≥' if row['least'] else '≤'}\u00a0{row['target']:.3g}, {verdict}"
    return columns


def format_rows(rows: list[dict]) -> list[str]:
    """Return the lines of a Markdown table, without the columns that are empty in all rows."""
    cells = [format_row(row) for row in rows]
    header = [name for name in ("what", "measured", "range", "target") if any(name in row for row in cells)]
    lines = [f"| {' | '.join(line)} |" for line in (header, *([row.get(name, "") for name in header] for row in cells))]
    return [lines[0], f"|{'---|' * len(header)}", *lines[1:]]


def table(folder: Path = RESULTS) -> str:
    """Return a section for each subject, with a table for each machine."""
    runs = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    lines = []
    for subject, title in TITLES.items():
        subject_runs = [run for run in runs if run["subject"] == subject]
        lines += [f"## {title}", ""] if subject_runs else []
        for run in subject_runs:
            machine = run["machine"]
            description = (
                machine.get("gpu")
                or f"{machine['processor']}, {machine['threads']} thread{'s' * (machine['threads'] != '1')}"
            )
            lines += [
                f"{description}; torch {machine['torch']}, Python {machine['python']}; "
                f"{run['date']}, medians of {run['rounds']} rounds"
                + (f"; processes with a warm allocator: {run['processes']}." if "processes" in run else "."),
                "",
            ]
            lines += [*format_rows(run["rows"]), ""]
    return "\n".join(lines)
