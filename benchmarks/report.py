"""The kept measurements as Markdown, for the book's page on speed."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
TITLES = {
    "gradients": "Gradients for each sample, beside other libraries",
    "information": "Attribution maps, beside other libraries",
    "uncertainty": "Norms towards a confounding label, beside pytorch-ood",
    "attacks": "Attacks, beside other libraries",
    "world": "Drawing the sign world",
}


def row(found: dict) -> str:
    aim = f"{'≥' if found['least'] else '≤'}\u00a0{found['target']:g}" if "target" in found else ""
    measured = f"{found['measured']:.2f}" if found["unit"] == "×" else f"{found['measured']:.3g}"
    verdict = {True: "met", False: "**missed**"}[found["met"]] if "target" in found else ""
    return f"| {found['what']} | {measured}\u00a0{found['unit']} | {aim} | {verdict} |"


def table(folder: Path = RESULTS) -> str:
    """A section for each subject and a table for each machine it was measured on."""
    runs = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    lines = []
    for subject, title in TITLES.items():
        found = [run for run in runs if run["subject"] == subject]
        lines += [f"## {title}", ""] if found else []
        for run in found:
            machine = run["machine"]
            where = (
                machine.get("gpu")
                or f"{machine['processor']}, {machine['threads']} thread{'s' * (machine['threads'] != '1')}"
            )
            lines += [
                f"{where}; torch {machine['torch']}, Python {machine['python']}; {run['date']}, medians of {run['rounds']} rounds.",
                "",
            ]
            lines += ["| what | measured | aim | |", "|---|---|---|---|", *map(row, run["rows"]), ""]
    return "\n".join(lines)
