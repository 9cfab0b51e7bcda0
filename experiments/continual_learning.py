"""Learn, learn on, forget: new classes, new weather; replay, a quadratic penalty, joint training; and what the repair costs."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tutorial_lib.data import corrupt, load, render
from tutorial_lib.foundations import ewc_penalty, fisher_diagonal
from tutorial_lib.models import SmallCNN, train

SEEDS = (0, 1, 2)
SIZE, BATCH = 24, 28
EPOCHS, EXTRA_EPOCHS = 14, 8  # passes through the old pictures, then through the new
N_IMAGES, TEST, FISHER = 700, 560, 210
N_REPLAY = (0.02, 0.05, 0.1, 0.3, 1.0)  # share of the old pictures that is kept
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
    return torch.Generator().manual_seed(seed)


def signs(classes: range, n: int, seed: int, weather: tuple[str, int] | None = None) -> tuple[Tensor, Tensor]:
    labels = torch.tensor(classes)[torch.arange(n) % len(classes)]
    images = render(labels, size=SIZE, distribution="clean", generator=make_generator(seed))
    return (corrupt(images, *weather, generator=make_generator(seed)) if weather else images), labels


def digits(split: str, classes: range) -> tuple[Tensor, Tensor]:
    images, labels = load("digits", split, size=SIZE)
    rows = (labels >= classes.start) & (labels < classes.stop)
    return images[rows], labels[rows]


def settings(seed: int) -> dict[str, dict]:
    """For each setting the old and the new task, (images, labels) to learn from and to be judged on; the head's classes."""
    low, high, every = range(7), range(7, 14), range(14)
    a, b = 10 + seed, 1_000 + seed
    return {
        "new classes": {
            "old": (signs(low, N_IMAGES, a), signs(low, TEST, b)),
            "new": (signs(high, N_IMAGES, 20 + a), signs(high, TEST, 20 + b)),
            "classes": 14,
        },
        "new weather": {
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
def task_accuracy(model: nn.Module, test: tuple[Tensor, Tensor], told: Tensor | None = None) -> float:
    """The share right; with ``told``, only these classes are allowed as answers."""
    images, labels = test
    z = model(images.to(next(model.parameters()).device)).cpu()
    if told is not None:
        z = z.index_fill(
            1, torch.tensor([c for c in range(z.shape[1]) if c not in told.tolist()], dtype=torch.long), -torch.inf
        )
    return float((z.argmax(1) == labels).float().mean())


def train_task(
    model: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator, loss=cross_entropy, lap=None
) -> None:
    """One lap over the pictures, or over ``lap`` of them, drawn anew each time."""
    rows = torch.randperm(len(labels), generator=generator)[:lap]
    how = dict(epochs=1, batch_size=BATCH, weight_decay=0, max_shift=1, generator=generator, progress=False)
    train(model, images[rows], labels[rows], loss=loss, **how)


def compare_methods(model: nn.Module, old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor], seed: int):
    """Each repair: its name, its strength, the pictures to learn from, and its loss for a given model."""
    device = next(model.parameters()).device
    anchor = {name: p.detach().clone() for name, p in model.named_parameters()}
    fisher = fisher_diagonal(model, old[0][:FISHER].to(device))
    mean = sum(f.sum() for f in fisher.values()) / sum(f.numel() for f in fisher.values())
    equal = {name: mean.expand_as(f) for name, f in fisher.items()}

    def held(strength, weights):
        return lambda model: lambda z, y: cross_entropy(z, y) + strength * ewc_penalty(model, anchor, weights)

    yield "none", 0, new, lambda model: cross_entropy
    kept = torch.randperm(len(old[1]), generator=make_generator(seed))
    for share in N_REPLAY:
        rows = kept[: round(share * len(kept))]
        yield (
            "replay",
            share,
            tuple(torch.cat([n, o[rows]]) for n, o in zip(new, old, strict=True)),
            lambda model: cross_entropy,
        )
    for name, weights in (("penalty", fisher), ("penalty, equal weights", equal)):
        for strength in STRENGTHS:
            yield name, strength, new, held(strength, weights)


def parts() -> list[str]:
    return [str(s) for s in SEEDS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """All settings and repairs of one seed, counted from the study's own."""
    rows, own = [], seed + int(part)
    for setting, tasks in settings(own).items():
        (old, old_test), (new, new_test), classes = tasks["old"], tasks["new"], tasks["classes"]
        told = old[1].unique()

        def note(repair, strength, lap, model):
            key = {"setting": setting, "seed": own, "repair": repair, "strength": strength, "lap": lap}
            scores = {"old": task_accuracy(model, old_test), "new": task_accuracy(model, new_test)}
            scores["old, told"] = task_accuracy(model, old_test, told)
            rows.append({**key, **{name: round(value, 4) for name, value in scores.items()}})

        model, generator = SmallCNN(classes, generator=make_generator(own)).to(device), make_generator(own)
        for lap in range(1, EPOCHS + 1):
            train_task(model, *old, generator)
            note("before", 0, lap, model)
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        for repair, strength, images, loss in compare_methods(model, old, new, own):
            copy, generator = SmallCNN(classes).to(device), make_generator(100 + own)
            copy.load_state_dict(state)
            for lap in range(EPOCHS + 1, EPOCHS + EXTRA_EPOCHS + 1):
                # As many steps for every repair: what replay shows of the old, it does not show of the new.
                train_task(copy, *images, generator, loss(copy), lap=len(new[1]))
                note(repair, strength, lap, copy)
        joint, generator = SmallCNN(classes, generator=make_generator(own)).to(device), make_generator(own)
        both = tuple(torch.cat([a, b]) for a, b in zip(old, new, strict=True))
        for _ in range(EPOCHS + EXTRA_EPOCHS):
            train_task(joint, *both, generator)
        note("joint", 0, EPOCHS + EXTRA_EPOCHS, joint)
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    sets = [load("digits", split) for split in ("train", "test")]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
