"""Training curricula and sample selection on a growing part of the training images.

The images are ordered by how often their predicted class changed (switch events), by their loss, or at random.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tutorial_lib.data import CORRUPTIONS, corrupt, load, render
from tutorial_lib.foundations import gaussian_switch_sampling, switch_events
from tutorial_lib.models import SmallCNN, train

SEEDS = (0, 1, 2)
SIZE, BATCH, EPOCHS = 24, 28, 20
POOL, INITIAL_SIZE, TEST = 1_120, 280, 840  # numbers of synthetic signs
DIGITS = {"pool": slice(280, 1_120), "start": slice(0, 280)}  # of the shuffled training split
STAGES = (8, 4, 2, 1, 1)  # each stage trains on the first 1/8, 1/4, … of the order, with equally many steps
SEVERITY = 4  # of the corruptions
SMALL = {"SEEDS": (0, 1), "EPOCHS": 2, "POOL": 112, "INITIAL_SIZE": 56, "TEST": 56, "STAGES": (2, 1)}
SMALL |= {"DIGITS": {"pool": slice(56, 168), "start": slice(0, 56)}}


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def add_unusual_samples(images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return images of which twelve in every 39 are corrupted, one per corruption, their labels, and the mask, (N,)."""
    images, is_corrupted = images.clone(), torch.zeros(len(images), dtype=torch.bool)
    for k, kind in enumerate(CORRUPTIONS):
        # The period 39 and the 14 signs, which take turns, have no common factor: every sign gets every corruption.
        images[3 * k :: 39] = corrupt(images[3 * k :: 39], kind, SEVERITY, generator=generator)
        is_corrupted[3 * k :: 39] = True
    return images, labels, is_corrupted


def sign_data(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return images of signs, their labels, and the mask of the corrupted ones."""
    labels, generator = torch.arange(n) % 14, make_generator(seed)
    return add_unusual_samples(render(labels, size=SIZE, distribution="clean", generator=generator), labels, generator)


def datasets(seed: int) -> dict[str, dict]:
    """Return, for each data set, initial, pool and test data, each (images, labels, mask of the corrupted images)."""
    synthetic = {
        "start": sign_data(INITIAL_SIZE, 500 + seed),
        "pool": sign_data(POOL, 10 + seed),
        "test": sign_data(TEST, 1_000 + seed),
    }
    train_digits, test_digits = (load("digits", split, size=SIZE) for split in ("train", "test"))
    shuffled = torch.randperm(len(train_digits.labels), generator=make_generator(seed))
    subsets = {
        name: (train_digits.images[shuffled[rows]], train_digits.labels[shuffled[rows]])
        for name, rows in DIGITS.items()
    }
    subsets["test"] = (test_digits.images, test_digits.labels)
    return {
        "signs": synthetic,
        "digits": {name: add_unusual_samples(*pair, make_generator(seed)) for name, pair in subsets.items()},
    }


@torch.no_grad()
def logits(model, images: Tensor) -> Tensor:
    """Return the logits on the CPU, (N, C)."""
    device = next(model.parameters()).device
    return torch.cat([model(x.to(device)).cpu() for x in images.split(256)])


def pilot_difficulty(model, initial: tuple, pool: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return the predictions for the pool after each epoch on the initial data, (T, N), and the final logits."""
    predictions, generator = [], make_generator(seed)
    for _ in range(EPOCHS):
        train(
            model,
            *initial[:2],
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
    """Return the pool sorted by a key, with ties as shuffled; ``balanced`` alternates between the classes."""
    order = shuffled[key[shuffled].argsort(stable=True)]
    if not balanced:
        return order
    rank = torch.zeros(len(order))
    for c in labels.unique():
        of_class = (labels[order] == c).nonzero()[:, 0]
        rank[of_class] = torch.arange(len(of_class)) / len(of_class)
    return order[rank.argsort(stable=True)]


def effective_classes(labels: Tensor) -> float:
    """Return the effective number of classes, the exponential of the entropy of their frequencies."""
    share = labels.bincount().float() / len(labels)
    return float((-(share * share.clamp(min=1e-9).log()).sum()).exp())


def evaluate(model, test: tuple) -> dict:
    """Return the accuracy on clean and on corrupted images."""
    images, labels, is_corrupted = test
    correct = (logits(model, images).argmax(1) == labels).float()
    return {
        "everyday": round(float(correct[~is_corrupted].mean()), 4),
        "unusual": round(float(correct[is_corrupted].mean()), 4),
    }


def train_in_stages(model, pool: tuple, order: Tensor, test: tuple, seed: int):
    """Train on growing parts of an order, and yield the number of images and the accuracy after each stage."""
    generator = make_generator(seed)
    for part in STAGES:
        rows = order[: len(order) // part]
        options = dict(
            epochs=2 * part, batch_size=BATCH, weight_decay=0, max_shift=1, generator=generator, progress=False
        )
        train(model, pool[0][rows], pool[1][rows], **options)
        yield len(rows), evaluate(model, test)


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [str(s) for s in SEEDS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of all orders and selections for one seed, counted from the seed of the experiment."""
    rows, own_seed = [], seed + int(part)
    for dataset, sets in datasets(own_seed).items():
        initial, pool, test = sets["start"], sets["pool"], sets["test"]
        classes = int(pool[1].max()) + 1

        def add_row(part, name, stage, images, n_effective, values):
            key = {"dataset": dataset, "seed": own_seed, "part": part, "name": name, "stage": stage, "images": images}
            rows.append({**key, "classes": round(n_effective, 2), **values})

        def new_model(offset):
            return SmallCNN(classes, generator=make_generator(offset + own_seed)).to(device)

        predictions, z = pilot_difficulty(new_model(0), initial, pool[0], own_seed)
        events, loss = switch_events(predictions), cross_entropy(z, pool[1], reduction="none")
        for name, selected in (("right", z.argmax(1) == pool[1]), ("wrong", z.argmax(1) != pool[1])):
            subsets = {"everyday": ~pool[2], "unusual": pool[2]}
            mean = {subset: round(float(events[selected & mask].float().mean()), 3) for subset, mask in subsets.items()}
            add_row("pilot", f"switch events, {name}", 0, int(selected.sum()), classes, mean)

        shuffled = torch.randperm(len(pool[1]), generator=make_generator(9_000 + own_seed))
        keys = {"few switches": events, "many switches": -events, "low loss": loss, "high loss": -loss}
        orders = {name: curriculum_order(key, pool[1], shuffled, True) for name, key in keys.items()}
        orders |= {
            f"{name}, classes as they come": curriculum_order(key, pool[1], shuffled, False)
            for name, key in keys.items()
        }
        by_corruption = {"random": torch.zeros(len(shuffled)), "everyday": pool[2] * 1, "unusual": pool[2] * -1}
        orders |= {name: curriculum_order(key, pool[1], shuffled, True) for name, key in by_corruption.items()}
        for name, order in orders.items():
            n_effective = effective_classes(pool[1][order[: len(order) // STAGES[0]]])
            for stage, (n, values) in enumerate(train_in_stages(new_model(50), pool, order, test, own_seed), 1):
                add_row("order", name, stage, n, n_effective, values)

        selections = {
            c: gaussian_switch_sampling(events, INITIAL_SIZE, component=c, generator=make_generator(own_seed))
            for c in ("higher", "lower")
        }
        selections["random"] = shuffled[:INITIAL_SIZE]
        for name, selection in selections.items():
            images, labels = (torch.cat([a, b[selection]]) for a, b in zip(initial[:2], pool[:2], strict=True))
            model = new_model(80)
            options = dict(
                epochs=EPOCHS,
                batch_size=BATCH,
                weight_decay=0,
                max_shift=1,
                generator=make_generator(own_seed),
                progress=False,
            )
            train(model, images, labels, **options)
            add_row("query", name, 1, INITIAL_SIZE, effective_classes(pool[1][selection]), evaluate(model, test))
    return rows


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    sets = [load("digits", split) for split in ("train", "test")]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
