"""The time to render synthetic traffic-sign images, and to apply corruptions."""

import statistics

import torch

from benchmarks.timing import time_interleaved
from tutorial_lib.data import CORRUPTIONS, SIGNS, corrupt, counterfactual_pairs, render

N_IMAGES = 512
TARGET = 2.0  # milliseconds per image of 48×48 on one core


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the milliseconds per image, including scenes and random numbers."""
    labels = torch.arange(N_IMAGES) % len(SIGNS)
    images = render(labels, device=device)
    ways = {
        "an image of 48×48": lambda: render(labels, device=device),
        "an image of 96×96": lambda: render(labels, size=96, device=device),
        "a counterfactual pair of 48×48": lambda: counterfactual_pairs(
            labels, (labels + 1) % len(SIGNS), device=device
        ),
    } | {f"{kind}, level 3": lambda kind=kind: corrupt(images, kind, 3) for kind in CORRUPTIONS}
    rows = []
    for name, seconds in time_interleaved(ways, rounds, device).items():
        row = {"what": name, "measured": round(1000 * statistics.median(seconds) / N_IMAGES, 4), "unit": "ms"}
        if not rows:
            row |= {"target": TARGET, "least": False, "met": row["measured"] <= TARGET}
        rows.append(row)
        print(f"{name:75} {row['measured']:8.3f} ms", flush=True)
    return rows
