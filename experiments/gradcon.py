"""One class is normal, everything else is not: GradCon with and without its constraint, and what a VAE's required change tells.

Signs are seen close up, as in CURE-TSR, where a picture is the sign. Each world gives, for one normal class, pictures to learn
from, normal pictures to be judged on, and abnormal ones: the other classes. Nobody is shown an abnormal picture before the judging.
"""

from collections.abc import Callable
from functools import cache
from statistics import mean

import torch
from torch import Tensor

from tutorial_lib.data import CORRUPTIONS, SEVERITIES, SIGNS, corrupt, load, render, sample_scenes
from tutorial_lib.data.registry import CIFAR10_CLASSES
from tutorial_lib.gradients import bernoulli_nll, objective_values, reconstruction_mse
from tutorial_lib.metrics import auroc
from tutorial_lib.models import StridedAutoencoder, VariationalAutoencoder
from tutorial_lib.uncertainty import GradCon, PurviewDetector, add_gaussian_noise, layer_gradient_features

SIZE, BATCH = 28, 16
SEEDS = (0, 1, 2)
ALPHAS = (0.0, 0.03)
STEPS, STEPS_LONG, VAE_STEPS = 300, 1_200, 600
LONG = {"signs": ("speed 30",), "cifar10": ("airplane",)}  # trained four times as long as well, with the first seed
N_IMAGES, N_TEST, N_CORRUPTED = (
    400,
    40,
    12,
)  # of each sign: to learn from, to be judged on, of these under every challenge
OOD_DATASETS = 300  # abnormal pictures at most
DIGITS_TO_LEARN = 1_300  # of the digits at hand; the rest is judged
CLASSIFIER_HIDDEN = {"hidden": (40, 20), "log": False, "epochs": 30}
SMALL = {
    "SEEDS": (0,),
    "STEPS": 6,
    "STEPS_LONG": 9,
    "VAE_STEPS": 6,
    "N_IMAGES": 32,
    "N_TEST": 4,
    "OOD_DATASETS": 20,
    "N_CORRUPTED": 2,
}
SMALL |= {"SEVERITIES": (3,), "CLASSIFIER_HIDDEN": {"log": False}}

Split = tuple[Tensor, Tensor, Tensor]


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cropped_signs(labels, seed: int, device="cpu") -> Tensor:
    """Signs that fill the picture; seeds below 1,000 are for training."""
    generator = make_generator(seed)
    scenes = sample_scenes(len(labels), size=SIZE, distribution="clean", generator=generator, device=device)
    size, x, y = torch.rand(3, len(labels), generator=generator)
    return render(labels, scene=scenes.with_pose(size=0.8 + 0.15 * size, x=0.1 * (x - 0.5), y=0.1 * (y - 0.5)))


def signs(normal: str, seed: int, device) -> Split:
    labels = torch.arange(len(SIGNS) * N_TEST) % len(SIGNS)
    judged, same = cropped_signs(labels, 1_000, device), (labels == SIGNS.index(normal)).to(device)
    return (
        cropped_signs([normal] * N_IMAGES, 10 * SIGNS.index(normal) + seed, device),
        judged[same],
        judged[~same][:OOD_DATASETS],
    )


@cache
def load_images(world: str, split: str, device) -> tuple[Tensor, Tensor]:
    images, labels = load(world, split, size=SIZE, device=device)
    return images, labels


def cifar10(normal: str, seed: int, device) -> Split:
    (images, labels), (judged, kinds) = (load_images("cifar10", split, device) for split in ("train", "test"))
    same = kinds == CIFAR10_CLASSES.index(normal)
    return images[labels == CIFAR10_CLASSES.index(normal)][:N_IMAGES], judged[same], judged[~same][:OOD_DATASETS]


def mnist(normal: str, seed: int, device) -> Split:
    images, labels = load_images("mnist", "test", device)
    # Only the test file need be at hand, so that one is split. Grey pictures have one channel here.
    images, same = images[:, :1], labels == int(normal)
    (learn, judged), (ours, theirs) = (t.tensor_split([DIGITS_TO_LEARN]) for t in (images, same))
    return learn[ours][:N_IMAGES], judged[theirs], judged[~theirs][:OOD_DATASETS]


WORLDS: dict[str, tuple[Callable[..., Split], tuple[str, ...]]] = {
    "signs": (signs, ("stop", "speed 30", "hump", "ahead only")),
    "cifar10": (cifar10, CIFAR10_CLASSES),
    "mnist": (mnist, ("0", "1", "2")),
}


def round_values(values: dict[str, float]) -> dict[str, float]:
    return {name: round(float(v), 4) for name, v in values.items()}


def epochs(images: Tensor, steps: int) -> int:
    return max(1, round(steps * BATCH / len(images)))


def gradcon(images: Tensor, alpha: float, seed: int, steps: int) -> GradCon:
    network = StridedAutoencoder(images.shape[1], generator=make_generator(seed)).to(images.device)
    return GradCon(network, alpha=alpha).fit(
        images, epochs=epochs(images, steps), batch_size=BATCH, generator=make_generator(seed)
    )


def gradcon_scores(detector: GradCon, x: Tensor) -> dict[str, Tensor]:
    """The three scores, and the length of the gradient beside its direction: how much, and which way."""
    error, (lengths, cosines) = detector.score(x, "reconstruction"), detector.gradient_statistics(x)
    both = error - detector.beta * cosines.mean(1)
    return {
        "reconstruction": error,
        "alignment": -cosines.mean(1),
        "both": both,
        "length": lengths.square().sum(1).sqrt(),
    }


def train_vae(images: Tensor, seed: int, steps: int) -> VariationalAutoencoder:
    network = VariationalAutoencoder(images.shape[1], generator=make_generator(seed)).to(images.device)
    network.fit(images, epochs=epochs(images, steps), batch_size=BATCH, generator=make_generator(seed))
    return network.requires_grad_(False)


def fit_novelty_classifier(
    network: VariationalAutoencoder, images: Tensor, seed: int
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Scores of a VAE that ask for no gradient, the length of one layer's gradient, and judges that learned from noise alone."""

    def change(x: Tensor) -> Tensor:
        return layer_gradient_features(network, x, objective=bernoulli_nll)

    def cheap(x: Tensor) -> Tensor:
        error, unlikely = (
            objective_values(network, x, objective(x)) for objective in (reconstruction_mse, bernoulli_nll)
        )
        with torch.no_grad():
            return torch.stack([error, unlikely, network.kl_divergence(x)], 1)

    def judge(read: Callable[[Tensor], Tensor]) -> PurviewDetector:
        shown = add_gaussian_noise(images, generator=make_generator(seed))
        return PurviewDetector(**CLASSIFIER_HIDDEN).fit(read(images), read(shown), generator=make_generator(seed))

    by_gradient, by_cheap = judge(change), judge(cheap)

    def read(x: Tensor) -> dict[str, Tensor]:
        plain, gradient = cheap(x), change(x)
        return {
            "squared error": plain[:, 0],
            "unlikely": plain[:, 1],
            "divergence": plain[:, 2],
            "bound": plain[:, 1] + plain[:, 2],
            "length": gradient.norm(dim=1),
            "judge of gradients": by_gradient.score(gradient),
            "judge of cheap scores": by_cheap.score(plain),
        }

    return read


def aurocs(normal: dict[str, Tensor], abnormal: dict[str, Tensor]) -> dict[str, float]:
    return round_values({name: auroc(normal[name], abnormal[name]) for name in normal})


def corruption_rows(read: Callable[[Tensor], dict[str, Tensor]], clean: Tensor, seed: int) -> list[dict]:
    """Clean pictures of the normal sign against pictures of the same sign under each challenge and level."""
    normal, rows = read(clean), []
    for kind in CORRUPTIONS:
        levels = [
            corrupt(clean[:N_CORRUPTED], kind, level, generator=make_generator(1_000 + seed)) for level in SEVERITIES
        ]
        found = read(torch.cat(levels))
        for i, level in enumerate(SEVERITIES):
            part = {name: scores[i * N_CORRUPTED : (i + 1) * N_CORRUPTED] for name, scores in found.items()}
            rows.append({"challenge": kind, "level": level, **aurocs(normal, part)})
    return rows


def average_rows(rows: list[dict], *columns: str) -> list[dict]:
    """Means over the rows that agree in these columns, and how many there were."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[c] for c in columns), []).append(row)
    found = []
    for key, some in groups.items():
        numbers = [name for name, v in some[0].items() if isinstance(v, float) and name not in columns]
        base = {**dict(zip(columns, key, strict=True)), "runs": len(some)}
        found.append({**base, **round_values({name: mean(row[name] for row in some) for name in numbers})})
    return found


def parts() -> list[str]:
    return [
        f"{world}, {normal}, {own}" for world, (_, normals) in WORLDS.items() for normal in normals for own in SEEDS
    ]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """One normal class and one seed, counted from the study's own."""
    world, normal, own = part.split(", ")
    rows, own = [], seed + int(own)
    images, same, others = WORLDS[world][0](normal, own, device)
    base = {"world": world, "normal": normal, "seed": own}
    # What asks no network: how far is it to the mean of the normal pictures? And what would drawing nothing cost?
    far = lambda x, middle=images.mean(0): {"mean picture": (x - middle).square().flatten(1).mean(1)}

    def weather(kind: str, read: Callable[[Tensor], dict[str, Tensor]], alpha: float | None = None) -> list[dict]:
        base = {"kind": kind, "normal": normal, "seed": own, "alpha": alpha}
        return [{**base, **row} for row in corruption_rows(read, same, own)]

    blind = {**aurocs(far(same), far(others)), "black error": round(images.square().mean().item(), 5)}
    lengths = [STEPS] + [STEPS_LONG] * (own == seed + SEEDS[0] and normal in LONG.get(world, ()))
    for steps, alpha in [(steps, alpha) for steps in lengths for alpha in ALPHAS]:
        detector = gradcon(images, alpha, own, steps)
        error, cosine = detector.history[-1]
        found = aurocs(*(gradcon_scores(detector, x) for x in (same, others)))
        row = {"kind": "class", **base, "alpha": alpha, "steps": steps, **found, **blind}
        rows.append({**row, "error": round(error, 5), "cosine": round(cosine, 4)})
        if world == "signs" and steps == STEPS:
            rows += weather("challenge", lambda x, d=detector: gradcon_scores(d, x), alpha)
    network = train_vae(images, own, VAE_STEPS)
    read = fit_novelty_classifier(network, images, own)
    rows.append({"kind": "novelty", **base, "steps": VAE_STEPS, **aurocs(read(same), read(others))})
    if world == "signs":
        rows += weather("novelty challenge", read) + weather("blind challenge", far)
    counts = {"learned": len(images), "normal pictures": len(same), "abnormal pictures": len(others)}
    models = {"weights": detector.network, "weights, VAE": network}
    weights = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    return [*rows, {"kind": "size", "world": world, "normal": normal, **counts, **weights}]


def joined(found: list[list[dict]]) -> list[dict]:
    """Classes, then novelty, then weather averaged in two ways, then each size once."""
    of_kinds: dict[str, list[dict]] = {}
    for row in (row for rows in found for row in rows):
        of_kinds.setdefault(row["kind"], []).append(row)
    rows, sizes = of_kinds["class"] + of_kinds["novelty"], of_kinds["size"]
    for kind in ("challenge", "novelty challenge", "blind challenge"):
        of_kind = of_kinds.get(kind, [])
        rows += average_rows(of_kind, "kind", "alpha", "challenge", "level")
        rows += [{**row, "kind": f"{kind}, by sign"} for row in average_rows(of_kind, "alpha", "normal", "seed")]
    return rows + [row for i, row in enumerate(sizes) if row not in sizes[:i]]


def run(seed: int = 0, device="cpu") -> list[dict]:
    return joined([run_part(part, seed, device) for part in parts()])


def sources() -> list[dict]:
    sets = [load("cifar10", "train"), load("cifar10", "test"), load("mnist", "test")]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
