"""Model card of the shipped networks: accuracy under each corruption, on scenes outside the training set."""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from tutorial_lib.data import CORRUPTIONS, SEVERITIES, SIGNS, corrupt, render
from tutorial_lib.models import MODELS, load

N_CLEAN, N_CORRUPTED = 2_800, 700  # images; every sign equally often
TEST_SEED = 1_000
SMALL = {"N_CLEAN": 28, "N_CORRUPTED": 14}


def test_images(n: int, seed: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return n images of scenes outside the training set and their labels; the signs take turns."""
    labels = torch.arange(n) % len(SIGNS)
    return render(labels, generator=torch.Generator().manual_seed(TEST_SEED + seed), device=device), labels.to(device)


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of images that a classifier classifies correctly."""
    correct = [(model(x).argmax(1) == y).float() for x, y in zip(images.split(256), labels.split(256), strict=True)]
    return float(torch.cat(correct).mean())


@torch.no_grad()
def squared_error(model: nn.Module, images: Tensor) -> float:
    """Return the mean squared reconstruction error of an autoencoder."""
    return float(torch.stack([mse_loss(model(x), x) * len(x) for x in images.split(256)]).sum() / len(images))


def run(seed: int = 0, device: torch.device | str = "cpu") -> list[dict]:
    """Return one row per network, corruption and severity; the corruption "none" stands for clean images."""
    sets = [("none", 0, *test_images(N_CLEAN, seed, device))]
    images, labels = sets[0][2][:N_CORRUPTED], sets[0][3][:N_CORRUPTED]
    for corruption in CORRUPTIONS:
        for severity in SEVERITIES:
            corrupted = corrupt(images, corruption, severity, generator=torch.Generator().manual_seed(seed))
            sets.append((corruption, severity, corrupted, labels))
    # The quality network has an experiment of its own.
    models = {name: load(name, device) for name in MODELS if "quality" not in name}
    rows = []
    for name, model in models.items():
        is_classifier = "autoencoder" not in name
        for corruption, severity, x, y in sets:
            rows.append(
                {
                    "network": name,
                    "corruption": corruption,
                    "level": severity,
                    "images": len(x),
                    "measure": "accuracy" if is_classifier else "squared error",
                    "value": round(accuracy(model, x, y) if is_classifier else squared_error(model, x), 5),
                }
            )
    return rows


def format_card(rows: list[dict], training: list[dict]) -> str:
    """Return the model card as Markdown.

    Args:
        rows: rows of :func:`run`.
        training: one row per network on its training.

    Returns:
        The text; every number comes from the rows.
    """
    value = {(r["network"], r["corruption"], r["level"]): r["value"] for r in rows}
    n_images = {r["corruption"] == "none": r["images"] for r in rows}
    lines = [
        'The networks were trained on scenes of the distribution "wild", in which signs may be far away, tilted and',
        "partly hidden by leaves. All signs are equally frequent. The networks were",
        f"tested on scenes outside the training set: {n_images[True]:,} clean images, "
        f"and {n_images[False]:,} images for each corruption and severity.",
        "",
        "| network | seed | parameters | training images | epochs | clean images | mean over all corruptions |",
        "|---|---|---|---|---|---|---|",
    ]
    for t in training:
        name = t["network"]
        as_text = (lambda v: f"{v:.1%}") if "autoencoder" not in name else (lambda v: f"{v:.4f} (squared error)")
        corrupted = [value[name, corruption, severity] for corruption in CORRUPTIONS for severity in SEVERITIES]
        clean, mean = as_text(value[name, "none", 0]), as_text(sum(corrupted) / len(corrupted))
        lines.append(
            f"| {name} | {t['seed']} | {t['parameters']:,} | {t['images']:,} | {t['epochs']} | {clean} | {mean} |"
        )
    lines += [
        "",
        "Accuracy of `signs/classifier` by corruption and severity:",
        "",
        "| corruption | 1 | 2 | 3 | 4 | 5 |",
        "|---|---|---|---|---|---|",
    ]
    for corruption in CORRUPTIONS:
        cells = " | ".join(f"{value['signs/classifier', corruption, severity]:.0%}" for severity in SEVERITIES)
        lines.append(f"| {corruption} | {cells} |")
    means = [
        sum(value["signs/classifier", corruption, severity] for corruption in CORRUPTIONS) / len(CORRUPTIONS)
        for severity in SEVERITIES
    ]
    lines.append("| **mean** | " + " | ".join(f"**{m:.0%}**" for m in means) + " |")
    return "\n".join(lines) + "\n"
