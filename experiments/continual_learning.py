"""Continual learning of new classes and corruptions: plain training, replay, a quadratic penalty, joint training."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tutorial_lib.data import corrupt, load, render
from tutorial_lib.foundations import ewc_penalty, fisher_diagonal
from tutorial_lib.models import SmallCNN, train

SEEDS = (0, 1, 2)
SIZE, BATCH = 24, 28
EPOCHS, EXTRA_EPOCHS = 14, 8  # of the old task, then of the new task
N_IMAGES, TEST, FISHER = 700, 560, 210
N_REPLAY = (0.02, 0.05, 0.1, 0.3, 1.0)  # share of the old images that is stored
STRENGTHS = (10, 100, 1_000, 10_000, 100_000)  # λ
CORRUPTION = ("darkening", 5)
SMALL = {
    "SEEDS": (0, 1),
    "EPOCHS": 1,
    "EXTRA_EPOCHS": 1,
    "N_IMAGES": 56,
    "TEST": 56,
    "FISHER": 14,
    "N_REPLAY": (1.0,),
    "STRENGTHS": (10,),
}


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def signs(classes: range, n: int, seed: int, corruption: tuple[str, int] | None = None) -> tuple[Tensor, Tensor]:
    """Return images of signs and their labels, optionally with a corruption."""
    labels = torch.tensor(classes)[torch.arange(n) % len(classes)]
    images = render(labels, size=SIZE, distribution="clean", generator=make_generator(seed))
    return (corrupt(images, *corruption, generator=make_generator(seed)) if corruption else images), labels


def digits(split: str, classes: range) -> tuple[Tensor, Tensor]:
    """Return images of digits and their labels."""
    images, labels = load("digits", split, size=SIZE)
    rows = (labels >= classes.start) & (labels < classes.stop)
    return images[rows], labels[rows]


def settings(seed: int) -> dict[str, dict]:
    """Return, for each setting, the training and test data of the old and the new task, and the number of classes."""
    low, high, every = range(7), range(7, 14), range(14)
    a, b = 10 + seed, 1_000 + seed
    return {
        "new classes": {
            "old": (signs(low, N_IMAGES, a), signs(low, TEST, b)),
            "new": (signs(high, N_IMAGES, 20 + a), signs(high, TEST, 20 + b)),
            "classes": 14,
        },
        "new corruption": {
            "old": (signs(every, N_IMAGES, a), signs(every, TEST, b)),
            "new": (signs(every, N_IMAGES, 20 + a, CORRUPTION), signs(every, TEST, 20 + b, CORRUPTION)),
            "classes": 14,
        },
        "digits, new classes": {
            "old": tuple(digits(split, range(5)) for split in ("train", "test")),
            "new": tuple(digits(split, range(5, 10)) for split in ("train", "test")),
            "classes": 10,
        },
    }


@torch.no_grad()
def task_accuracy(model: nn.Module, test: tuple[Tensor, Tensor], allowed_classes: Tensor | None = None) -> float:
    """Return the accuracy; with ``allowed_classes``, only these can be predicted."""
    images, labels = test
    z = model(images.to(next(model.parameters()).device)).cpu()
    if allowed_classes is not None:
        z = z.index_fill(
            1,
            torch.tensor([c for c in range(z.shape[1]) if c not in allowed_classes.tolist()], dtype=torch.long),
            -torch.inf,
        )
    return float((z.argmax(1) == labels).float().mean())


def train_task(
    model: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator, loss=cross_entropy, n_samples=None
) -> None:
    """Train for one epoch on the images, or on ``n_samples`` of them, sampled in each call."""
    rows = torch.randperm(len(labels), generator=generator)[:n_samples]
    how = dict(epochs=1, batch_size=BATCH, weight_decay=0, max_shift=1, generator=generator, progress=False)
    train(model, images[rows], labels[rows], loss=loss, **how)


def compare_methods(model: nn.Module, old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor], seed: int):
    """Yield each method: its name, its strength, its training data, and its loss for a given model."""
    device = next(model.parameters()).device
    anchor = {name: p.detach().clone() for name, p in model.named_parameters()}
    fisher = fisher_diagonal(model, old[0][:FISHER].to(device))
    mean = sum(f.sum() for f in fisher.values()) / sum(f.numel() for f in fisher.values())
    equal = {name: mean.expand_as(f) for name, f in fisher.items()}

    def penalized_loss(strength, weights):
        return lambda model: lambda z, y: cross_entropy(z, y) + strength * ewc_penalty(model, anchor, weights)

    yield "none", 0, new, lambda model: cross_entropy
    order = torch.randperm(len(old[1]), generator=make_generator(seed))
    for share in N_REPLAY:
        rows = order[: round(share * len(order))]
        yield (
            "replay",
            share,
            tuple(torch.cat([n, o[rows]]) for n, o in zip(new, old, strict=True)),
            lambda model: cross_entropy,
        )
    for name, weights in (("penalty", fisher), ("penalty, equal weights", equal)):
        for strength in STRENGTHS:
            yield name, strength, new, penalized_loss(strength, weights)


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [str(s) for s in SEEDS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of all settings and methods for one seed, counted from the seed of the experiment."""
    rows, own_seed = [], seed + int(part)
    for setting, tasks in settings(own_seed).items():
        (old, old_test), (new, new_test), classes = tasks["old"], tasks["new"], tasks["classes"]
        old_classes = old[1].unique()

        def add_row(method, strength, epoch, model):
            key = {"setting": setting, "seed": own_seed, "method": method, "strength": strength, "epoch": epoch}
            scores = {"old": task_accuracy(model, old_test), "new": task_accuracy(model, new_test)}
            scores["old, old classes only"] = task_accuracy(model, old_test, old_classes)
            rows.append({**key, **{name: round(value, 4) for name, value in scores.items()}})

        model, generator = SmallCNN(classes, generator=make_generator(own_seed)).to(device), make_generator(own_seed)
        for epoch in range(1, EPOCHS + 1):
            train_task(model, *old, generator)
            add_row("before", 0, epoch, model)
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        for method, strength, images, loss in compare_methods(model, old, new, own_seed):
            copy, generator = SmallCNN(classes).to(device), make_generator(100 + own_seed)
            copy.load_state_dict(state)
            for epoch in range(EPOCHS + 1, EPOCHS + EXTRA_EPOCHS + 1):
                # Every method takes equally many steps: for each old image that replay uses, it omits a new one.
                train_task(copy, *images, generator, loss(copy), n_samples=len(new[1]))
                add_row(method, strength, epoch, copy)
        joint, generator = SmallCNN(classes, generator=make_generator(own_seed)).to(device), make_generator(own_seed)
        both = tuple(torch.cat([a, b]) for a, b in zip(old, new, strict=True))
        for _ in range(EPOCHS + EXTRA_EPOCHS):
            train_task(joint, *both, generator)
        add_row("joint", 0, EPOCHS + EXTRA_EPOCHS, joint)
    return rows


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    sets = [load("digits", split) for split in ("train", "test")]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
