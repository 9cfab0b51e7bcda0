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
            measured, target = merged["measured"], row["target"]
            merged["met"] = measured >= target if row["least"] else measured <= target
        rows.append(merged)
    return rows


def format_row(row: dict) -> str:
    """Return a measurement as a row of a Markdown table."""
    digits = ".2f" if row["unit"] == "×" else ".3g"
    target = f"{'≥' if row['least'] else '≤'}\u00a0{row['target']:g}" if "target" in row else ""
    measured = f"{row['measured']:{digits}}\u00a0{row['unit']}"
    spread = f"{row['low']:{digits}} to {row['high']:{digits}}" if "low" in row else ""
    verdict = {True: "met", False: "**missed**"}[row["met"]] if "target" in row else ""
    return f"| {row['what']} | {measured} | {spread} | {target} | {verdict} |"


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
            header = ["| what | measured | range | aim | result |", "|---|---|---|---|---|"]
            lines += [*header, *map(format_row, run["rows"]), ""]
    return "\n".join(lines)
