"""What the shipped networks can do: accuracy for each challenge and level, on scenes that training never drew."""

import torch
from torch.nn.functional import mse_loss

from tutorial_lib.data import CORRUPTIONS, SEVERITIES, SIGNS, corrupt, render
from tutorial_lib.models import MODELS, load

N_CLEAN, N_CORRUPTED = 2_800, 700  # pictures; every sign equally often
TEST_SEED = 1_000
SMALL = {"N_CLEAN": 28, "N_CORRUPTED": 14}


def test_images(n: int, seed: int, device):
    labels = torch.arange(n) % len(SIGNS)
    return render(labels, generator=torch.Generator().manual_seed(TEST_SEED + seed), device=device), labels.to(device)


@torch.no_grad()
def accuracy(model, images, labels) -> float:
    right = [(model(x).argmax(1) == y).float() for x, y in zip(images.split(256), labels.split(256), strict=True)]
    return float(torch.cat(right).mean())


@torch.no_grad()
def squared_error(model, images) -> float:
    return float(torch.stack([mse_loss(model(x), x) * len(x) for x in images.split(256)]).sum() / len(images))


def run(seed: int = 0, device="cpu") -> list[dict]:
    sets = [("none", 0, *test_images(N_CLEAN, seed, device))]
    images, labels = sets[0][2][:N_CORRUPTED], sets[0][3][:N_CORRUPTED]
    for kind in CORRUPTIONS:
        for level in SEVERITIES:
            sets.append(
                (kind, level, corrupt(images, kind, level, generator=torch.Generator().manual_seed(seed)), labels)
            )
    models = {name: load(name, device) for name in MODELS if "quality" not in name}  # that one has a study of its own
    rows = []
    for name, model in models.items():
        classifier = "autoencoder" not in name
        for kind, level, x, y in sets:
            value = accuracy(model, x, y) if classifier else squared_error(model, x)
            measure = "accuracy" if classifier else "squared error"
            rows.append(
                {
                    "network": name,
                    "challenge": kind,
                    "level": level,
                    "pictures": len(x),
                    "measure": measure,
                    "value": round(value, 5),
                }
            )
    return rows


def format_card(rows: list[dict], training: list[dict]) -> str:
    """The model card as Markdown, every number from the rows."""
    value = {(r["network"], r["challenge"], r["level"]): r["value"] for r in rows}
    counts = {r["challenge"] == "none": r["pictures"] for r in rows}
    lines = [
        "Trained on scenes of the wild world, every sign equally often; judged on scenes that training never drew",
        f"({counts[True]:,} without a challenge, {counts[False]:,} for each challenge and level).",
        "",
        "| network | seed | parameters | training pictures | epochs | without a challenge | mean over challenges |",
        "|---|---|---|---|---|---|---|",
    ]
    for t in training:
        name = t["network"]
        shown = (lambda v: f"{v:.1%}") if "autoencoder" not in name else (lambda v: f"{v:.4f} (squared error)")
        hard = [value[name, kind, level] for kind in CORRUPTIONS for level in SEVERITIES]
        mean = shown(sum(hard) / len(hard))
        lines.append(
            f"| {name} | {t['seed']} | {t['parameters']:,} | {t['pictures']:,} | {t['epochs']} | {shown(value[name, 'none', 0])} | {mean} |"
        )
    lines += [
        "",
        "Accuracy of `signs/classifier` by challenge and level:",
        "",
        "| challenge | 1 | 2 | 3 | 4 | 5 |",
        "|---|---|---|---|---|---|",
    ]
    for kind in CORRUPTIONS:
        cells = " | ".join(f"{value['signs/classifier', kind, level]:.0%}" for level in SEVERITIES)
        lines.append(f"| {kind} | {cells} |")
    means = [
        sum(value["signs/classifier", kind, level] for kind in CORRUPTIONS) / len(CORRUPTIONS) for level in SEVERITIES
    ]
    lines.append("| **mean** | " + " | ".join(f"**{m:.0%}**" for m in means) + " |")
    return "\n".join(lines) + "\n"
