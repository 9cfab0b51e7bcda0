"""Render the stored measurements as Markdown, for the page on speed."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
TITLES = {
    "gradients": "Per-sample gradients, compared with other libraries",
    "information": "Attribution maps, compared with other libraries",
    "uncertainty": "Gradient norms for a confounding label, compared with pytorch-ood",
    "attacks": "Adversarial attacks, compared with other libraries",
    "world": "Rendering synthetic traffic signs",
}


def format_row(row: dict) -> str:
    """Return a measurement as a row of a Markdown table."""
    target = f"{'≥' if row['least'] else '≤'}\u00a0{row['target']:g}" if "target" in row else ""
    measured = f"{row['measured']:.2f}" if row["unit"] == "×" else f"{row['measured']:.3g}"
    verdict = {True: "met", False: "**missed**"}[row["met"]] if "target" in row else ""
    return f"| {row['what']} | {measured}\u00a0{row['unit']} | {target} | {verdict} |"


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
                f"{run['date']}, medians of {run['rounds']} rounds.",
                "",
            ]
            lines += ["| what | measured | target | |", "|---|---|---|---|", *map(format_row, run["rows"]), ""]
    return "\n".join(lines)
