"""Does the order of learning matter? Easy first, novel first, at random, on growing parts of a pool; and a query by switches."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tutorial_lib.data import CORRUPTIONS, corrupt, load, render
from tutorial_lib.foundations import gaussian_switch_sampling, switch_events
from tutorial_lib.models import SmallCNN, train

SEEDS = (0, 1, 2)
SIZE, BATCH, EPOCHS = 24, 28, 20
POOL, INITIAL_SIZE, TEST = 1_120, 280, 840  # drawn signs
DIGITS = {"pool": slice(280, 1_120), "start": slice(0, 280)}  # of the training part, mixed
STAGES = (8, 4, 2, 1, 1)  # each stage trains on the first 1/8, 1/4, … of the order, in equally many steps
SEVERITY = 4  # of the challenge
SMALL = {"SEEDS": (0, 1), "EPOCHS": 2, "POOL": 112, "INITIAL_SIZE": 56, "TEST": 56, "STAGES": (2, 1)}
SMALL |= {"DIGITS": {"pool": slice(56, 168), "start": slice(0, 56)}}


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def add_unusual_samples(images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Twelve pictures in every 39 meet a challenge, each of them one of the twelve; the last tensor says which, (N,) bool."""
    images, unusual = images.clone(), torch.zeros(len(images), dtype=torch.bool)
    for k, kind in enumerate(CORRUPTIONS):
        # 39 shares no factor with the 14 signs, which come in turn: every sign meets every challenge.
        images[3 * k :: 39] = corrupt(images[3 * k :: 39], kind, SEVERITY, generator=generator)
        unusual[3 * k :: 39] = True
    return images, labels, unusual


def sign_data(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    labels, generator = torch.arange(n) % 14, make_generator(seed)
    return add_unusual_samples(render(labels, size=SIZE, distribution="clean", generator=generator), labels, generator)


def datasets(seed: int) -> dict[str, dict]:
    """For each world three sets (images, labels, unusual): what to begin with, the pool, the test."""
    drawn = {
        "start": sign_data(INITIAL_SIZE, 500 + seed),
        "pool": sign_data(POOL, 10 + seed),
        "test": sign_data(TEST, 1_000 + seed),
    }
    train_digits, test_digits = (load("digits", split, size=SIZE) for split in ("train", "test"))
    mixed = torch.randperm(len(train_digits.labels), generator=make_generator(seed))
    parts = {
        name: (train_digits.images[mixed[rows]], train_digits.labels[mixed[rows]]) for name, rows in DIGITS.items()
    }
    parts["test"] = (test_digits.images, test_digits.labels)
    return {
        "signs": drawn,
        "digits": {name: add_unusual_samples(*pair, make_generator(seed)) for name, pair in parts.items()},
    }


@torch.no_grad()
def logits(model, images: Tensor) -> Tensor:
    device = next(model.parameters()).device
    return torch.cat([model(x.to(device)).cpu() for x in images.split(256)])


def pilot_difficulty(model, start: tuple, pool: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """The predictions for the pool after each lap of learning what there is to begin with, (T, N), and the last logits."""
    predictions, generator = [], make_generator(seed)
    for _ in range(EPOCHS):
        train(
            model,
            *start[:2],
            epochs=1,
            batch_size=BATCH,
            lr=2e-3,
            weight_decay=0,
            max_shift=1,
            generator=generator,
            progress=False,
        )
        predictions.append(logits(model, pool).argmax(1))
    return torch.stack(predictions), logits(model, pool)


def curriculum_order(key: Tensor, labels: Tensor, shuffled: Tensor, balanced: bool) -> Tensor:
    """The pool in order of a key, ties as shuffled; balanced: every class in turn, each in its own order of the key."""
    order = shuffled[key[shuffled].argsort(stable=True)]
    if not balanced:
        return order
    turn = torch.zeros(len(order))
    for c in labels.unique():
        own = (labels[order] == c).nonzero()[:, 0]
        turn[own] = torch.arange(len(own)) / len(own)
    return order[turn.argsort(stable=True)]


def effective_classes(labels: Tensor) -> float:
    """How many equally frequent classes would be as mixed: exp of the entropy."""
    share = labels.bincount().float() / len(labels)
    return float((-(share * share.clamp(min=1e-9).log()).sum()).exp())


def evaluate(model, test: tuple) -> dict:
    images, labels, unusual = test
    right = (logits(model, images).argmax(1) == labels).float()
    return {"everyday": round(float(right[~unusual].mean()), 4), "unusual": round(float(right[unusual].mean()), 4)}


def train_in_stages(model, pool: tuple, order: Tensor, test: tuple, seed: int):
    """Train on growing parts of the order; after each stage, how many pictures and how good."""
    generator = make_generator(seed)
    for part in STAGES:
        rows = order[: len(order) // part]
        how = dict(epochs=2 * part, batch_size=BATCH, weight_decay=0, max_shift=1, generator=generator, progress=False)
        train(model, pool[0][rows], pool[1][rows], **how)
        yield len(rows), evaluate(model, test)


def parts() -> list[str]:
    return [str(s) for s in SEEDS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """All orders and queries of one seed, counted from the study's own."""
    rows, own = [], seed + int(part)
    for world, sets in datasets(own).items():
        start, pool, test = sets["start"], sets["pool"], sets["test"]
        classes = int(pool[1].max()) + 1

        def note(part, name, stage, images, mixed, values):
            key = {"world": world, "seed": own, "part": part, "name": name, "stage": stage, "pictures": images}
            rows.append({**key, "classes": round(mixed, 2), **values})

        def fresh(offset):
            return SmallCNN(classes, generator=make_generator(offset + own)).to(device)

        predictions, z = pilot_difficulty(fresh(0), start, pool[0], own)
        events, loss = switch_events(predictions), cross_entropy(z, pool[1], reduction="none")
        for name, chosen in (("right", z.argmax(1) == pool[1]), ("wrong", z.argmax(1) != pool[1])):
            sides = {"everyday": ~pool[2], "unusual": pool[2]}
            mean = {side: round(float(events[chosen & rows_of].float().mean()), 3) for side, rows_of in sides.items()}
            note("pilot", f"switch events, {name}", 0, int(chosen.sum()), classes, mean)

        shuffled = torch.randperm(len(pool[1]), generator=make_generator(9_000 + own))
        keys = {"few switches": events, "many switches": -events, "low loss": loss, "high loss": -loss}
        orders = {name: curriculum_order(key, pool[1], shuffled, True) for name, key in keys.items()}
        orders |= {
            f"{name}, classes as they come": curriculum_order(key, pool[1], shuffled, False)
            for name, key in keys.items()
        }
        known = {"random": torch.zeros(len(shuffled)), "everyday": pool[2] * 1, "unusual": pool[2] * -1}
        orders |= {name: curriculum_order(key, pool[1], shuffled, True) for name, key in known.items()}
        for name, order in orders.items():
            mixed = effective_classes(pool[1][order[: len(order) // STAGES[0]]])
            for stage, (n, values) in enumerate(train_in_stages(fresh(50), pool, order, test, own), 1):
                note("order", name, stage, n, mixed, values)

        picks = {
            c: gaussian_switch_sampling(events, INITIAL_SIZE, component=c, generator=make_generator(own))
            for c in ("higher", "lower")
        }
        picks["random"] = shuffled[:INITIAL_SIZE]
        for name, pick in picks.items():
            images, labels = (torch.cat([a, b[pick]]) for a, b in zip(start[:2], pool[:2], strict=True))
            model = fresh(80)
            how = dict(
                epochs=EPOCHS,
                batch_size=BATCH,
                weight_decay=0,
                max_shift=1,
                generator=make_generator(own),
                progress=False,
            )
            train(model, images, labels, **how)
            note("query", name, 1, INITIAL_SIZE, effective_classes(pool[1][pick]), evaluate(model, test))
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    sets = [load("digits", split) for split in ("train", "test")]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
