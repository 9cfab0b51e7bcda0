"""Detection of wrong labels: does self-influence find them better than a control without a backward pass?"""

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy as cross_entropy_loss
from torch.nn.functional import one_hot

from tutorial_lib.data import SIGNS, render
from tutorial_lib.gradients import cross_entropy, penultimate_features, per_sample_gradient_norms
from tutorial_lib.models import SmallCNN, train

SEEDS = (0, 1, 2, 3, 4)
N_IMAGES, SIZE, BATCH = 700, 24, 28
EPOCHS = 12
FLIPPED = (0.1, 0.3)  # share of the training images whose label is replaced by another class
SMALL = {"SEEDS": (0, 1), "N_IMAGES": 84, "EPOCHS": 2}


def flip_labels(labels: Tensor, share: float, n_classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return labels of which a share is replaced by another class at random, and the mask of the replaced ones."""
    is_flipped = torch.zeros(len(labels), dtype=torch.bool)
    is_flipped[torch.randperm(len(labels), generator=generator)[: round(share * len(labels))]] = True
    shift = torch.randint(1, n_classes, labels.shape, generator=generator)
    return torch.where(is_flipped, (labels + shift) % n_classes, labels), is_flipped


def label_scores(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return scores of each training image (N,); a larger value means that its label is more likely to be wrong.

    The self-influence is the squared norm of the gradient of the loss, which is the inner product of the gradient with
    itself. EL2N is the norm of p - y, the gradient with respect to the logits.
    """
    z, h = (torch.cat(part) for part in zip(*(penultimate_features(model, x) for x in images.split(250)), strict=True))
    error = z.softmax(1) - one_hot(labels, z.shape[1])
    norms = per_sample_gradient_norms(model, images, cross_entropy(labels))
    return {
        "loss": cross_entropy_loss(z, labels, reduction="none"),
        "EL2N": error.norm(dim=1),
        "self-influence, all layers": norms.square().sum(1),
        "self-influence, last layer": error.square().sum(1) * (h.square().sum(1) + 1),
    }


def run_seed(share: float, seed: int, device) -> list[dict]:
    """Return the AUROC of each score after each epoch, and of its sum over the epochs so far."""
    generator = torch.Generator().manual_seed(seed)
    clean = torch.arange(N_IMAGES) % len(SIGNS)
    images = render(clean, size=SIZE, generator=generator).to(device)
    labels, is_flipped = flip_labels(clean, share, len(SIGNS), generator)
    labels = labels.to(device)
    model = SmallCNN(len(SIGNS), generator=torch.Generator().manual_seed(seed)).to(device)
    rows, totals = [], {}
    for epoch in range(1, EPOCHS + 1):
        options = dict(epochs=1, batch_size=BATCH, weight_decay=0, max_shift=1, generator=generator, progress=False)
        train(model, images, labels, **options)
        key = {"seed": seed, "flipped": share, "epoch": epoch}
        for name, score in label_scores(model, images, labels).items():
            totals[name] = totals.get(name, 0) + score
            for sums, values in (("last epoch", score), ("sum over epochs", totals[name])):
                area = float(roc_auc_score(is_flipped, values.cpu()))
                rows.append({**key, "score": name, "over": sums, "auroc": round(area, 4)})
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [str(seed) for seed in SEEDS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of both shares of wrong labels for one seed, counted from the seed of the experiment."""
    return [row for share in FLIPPED for row in run_seed(share, seed + int(part), device)]
