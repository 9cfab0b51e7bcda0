"""Anomaly detection with one normal class: GradCon with and without its constraint, and gradients of a VAE.

Signs fill the image, as in CURE-TSR. For one normal class, each data set has training images, normal test images, and
abnormal test images of the other classes. No abnormal image is used in training.
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
from tutorial_lib.uncertainty import (
    GradCon,
    MahalanobisDetector,
    PurviewDetector,
    activation_norms,
    add_gaussian_noise,
    layer_gradient_features,
)

SIZE, BATCH = 28, 16
SEEDS = (0, 1, 2)
ALPHAS = (0.0, 0.03)
FORWARD = "forward, "  # how the names of the parts with controls begin
STEPS, STEPS_LONG, VAE_STEPS = 300, 1_200, 600
LONG = {"signs": ("speed 30",), "cifar10": ("airplane",)}  # trained four times as long as well, with the first seed
N_IMAGES, N_TEST, N_CORRUPTED = (
    400,
    40,
    12,
)  # of each sign: training images, test images, and how many of these for each corruption
OOD_DATASETS = 300  # maximum number of abnormal images
DIGITS_TO_LEARN = 1_300  # of the available digits; the others are test images
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
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def cropped_signs(labels, seed: int, device="cpu") -> Tensor:
    """Return signs that fill the image; seeds below 1,000 are for training."""
    generator = make_generator(seed)
    scenes = sample_scenes(len(labels), size=SIZE, distribution="clean", generator=generator, device=device)
    size, x, y = torch.rand(3, len(labels), generator=generator)
    return render(labels, scene=scenes.with_pose(size=0.8 + 0.15 * size, x=0.1 * (x - 0.5), y=0.1 * (y - 0.5)))


def signs(normal: str, seed: int, device) -> Split:
    """Return training, normal test and abnormal test images of signs."""
    labels = torch.arange(len(SIGNS) * N_TEST) % len(SIGNS)
    test, same = cropped_signs(labels, 1_000, device), (labels == SIGNS.index(normal)).to(device)
    return (
        cropped_signs([normal] * N_IMAGES, 10 * SIGNS.index(normal) + seed, device),
        test[same],
        test[~same][:OOD_DATASETS],
    )


@cache
def load_images(dataset: str, split: str, device) -> tuple[Tensor, Tensor]:
    """Return images and labels of a data set."""
    images, labels = load(dataset, split, size=SIZE, device=device)
    return images, labels


def cifar10(normal: str, seed: int, device) -> Split:
    """Return training, normal test and abnormal test images of CIFAR-10."""
    (images, labels), (test, test_labels) = (load_images("cifar10", split, device) for split in ("train", "test"))
    same = test_labels == CIFAR10_CLASSES.index(normal)
    return images[labels == CIFAR10_CLASSES.index(normal)][:N_IMAGES], test[same], test[~same][:OOD_DATASETS]


def mnist(normal: str, seed: int, device) -> Split:
    """Return training, normal test and abnormal test images of digits."""
    images, labels = load_images("mnist", "test", device)
    # Only the test file is required, which is split here. Gray images have one channel.
    images, same = images[:, :1], labels == int(normal)
    (train, test), (train_same, test_same) = (t.tensor_split([DIGITS_TO_LEARN]) for t in (images, same))
    return train[train_same][:N_IMAGES], test[test_same], test[~test_same][:OOD_DATASETS]


DATASETS: dict[str, tuple[Callable[..., Split], tuple[str, ...]]] = {
    "signs": (signs, ("stop", "speed 30", "hump", "ahead only")),
    "cifar10": (cifar10, CIFAR10_CLASSES),
    "mnist": (mnist, ("0", "1", "2")),
}


def round_values(values: dict[str, float]) -> dict[str, float]:
    """Return the values rounded to four decimals."""
    return {name: round(float(v), 4) for name, v in values.items()}


def epochs(images: Tensor, steps: int) -> int:
    """Return the number of epochs for a number of steps."""
    return max(1, round(steps * BATCH / len(images)))


def gradcon(images: Tensor, alpha: float, seed: int, steps: int) -> GradCon:
    """Return a trained GradCon detector."""
    network = StridedAutoencoder(images.shape[1], generator=make_generator(seed)).to(images.device)
    return GradCon(network, alpha=alpha).fit(
        images, epochs=epochs(images, steps), batch_size=BATCH, generator=make_generator(seed)
    )


def gradcon_scores(detector: GradCon, x: Tensor) -> dict[str, Tensor]:
    """Return the three scores of GradCon, and the norm of the gradient for comparison with its direction."""
    error, (norms, cosines) = detector.score(x, "reconstruction"), detector.gradient_statistics(x)
    both = error - detector.beta * cosines.mean(1)
    return {
        "reconstruction": error,
        "alignment": -cosines.mean(1),
        "both": both,
        "norm": norms.square().sum(1).sqrt(),
    }


def fit_forward_controls(detector: GradCon, images: Tensor) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return a function that computes two scores of the same autoencoder that need no backward pass.

    The two-sided reconstruction error is the distance from the median error of the training images. The activations
    are the Mahalanobis distance of the norms of all layers' outputs from those of the training images.
    """
    median = detector.score(images, "reconstruction").median()
    norms = activation_norms(detector.network, images).log()
    distance = MahalanobisDetector(1e-3).fit(norms, torch.zeros(len(norms), dtype=torch.long))

    def score(x: Tensor) -> dict[str, Tensor]:
        error = detector.score(x, "reconstruction")
        activations = distance.score(activation_norms(detector.network, x).log())
        return {"two-sided reconstruction": (error - median).abs(), "activations": activations}

    return score


def train_vae(images: Tensor, seed: int, steps: int) -> VariationalAutoencoder:
    """Return a trained VAE."""
    network = VariationalAutoencoder(images.shape[1], generator=make_generator(seed)).to(images.device)
    network.fit(images, epochs=epochs(images, steps), batch_size=BATCH, generator=make_generator(seed))
    return network.requires_grad_(False)


def fit_novelty_classifier(
    network: VariationalAutoencoder, images: Tensor, seed: int
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return a function that computes scores of a VAE, a gradient norm, and scores of classifiers trained on noise."""

    def layer_gradient(x: Tensor) -> Tensor:
        return layer_gradient_features(network, x, objective=bernoulli_nll)

    def compute_cheap_scores(x: Tensor) -> Tensor:
        error, likelihood = (
            objective_values(network, x, objective(x)) for objective in (reconstruction_mse, bernoulli_nll)
        )
        with torch.no_grad():
            return torch.stack([error, likelihood, network.kl_divergence(x)], 1)

    def fit_classifier(score: Callable[[Tensor], Tensor]) -> PurviewDetector:
        noisy = add_gaussian_noise(images, generator=make_generator(seed))
        return PurviewDetector(**CLASSIFIER_HIDDEN).fit(score(images), score(noisy), generator=make_generator(seed))

    gradient_classifier, cheap_classifier = fit_classifier(layer_gradient), fit_classifier(compute_cheap_scores)

    def score(x: Tensor) -> dict[str, Tensor]:
        cheap_scores, gradient = compute_cheap_scores(x), layer_gradient(x)
        return {
            "squared error": cheap_scores[:, 0],
            "unlikely": cheap_scores[:, 1],
            "divergence": cheap_scores[:, 2],
            "bound": cheap_scores[:, 1] + cheap_scores[:, 2],
            "norm": gradient.norm(dim=1),
            "classifier on gradients": gradient_classifier.score(gradient),
            "classifier on cheap scores": cheap_classifier.score(cheap_scores),
        }

    return score


def aurocs(normal: dict[str, Tensor], abnormal: dict[str, Tensor]) -> dict[str, float]:
    """Return the AUROC of each score."""
    return round_values({name: auroc(normal[name], abnormal[name]) for name in normal})


def corruption_rows(score: Callable[[Tensor], dict[str, Tensor]], clean: Tensor, seed: int) -> list[dict]:
    """Return the AUROC of clean images of the normal sign against the same images with each corruption and severity."""
    normal, rows = score(clean), []
    for kind in CORRUPTIONS:
        levels = [
            corrupt(clean[:N_CORRUPTED], kind, level, generator=make_generator(1_000 + seed)) for level in SEVERITIES
        ]
        scores = score(torch.cat(levels))
        for i, level in enumerate(SEVERITIES):
            severity_scores = {name: values[i * N_CORRUPTED : (i + 1) * N_CORRUPTED] for name, values in scores.items()}
            rows.append({"corruption": kind, "level": level, **aurocs(normal, severity_scores)})
    return rows


def average_rows(rows: list[dict], *columns: str) -> list[dict]:
    """Return the means over the rows that agree in these columns, and their number."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[c] for c in columns), []).append(row)
    averages = []
    for key, group in groups.items():
        numbers = [name for name, v in group[0].items() if isinstance(v, float) and name not in columns]
        base = {**dict(zip(columns, key, strict=True)), "runs": len(group)}
        averages.append({**base, **round_values({name: mean(row[name] for row in group) for name in numbers})})
    return averages


def part_names() -> list[str]:
    """Return the names of the parts: of each class and seed, and of the controls for the first seed."""
    parts = [
        f"{dataset}, {normal}, {own_seed}"
        for dataset, (_, normals) in DATASETS.items()
        for normal in normals
        for own_seed in SEEDS
    ]
    return parts + [FORWARD + part for part in parts if part.endswith(f", {SEEDS[0]}")]


def forward_control_rows(dataset: str, normal: str, seed: int, device) -> list[dict]:
    """Return the AUROC of the controls without a backward pass, for the autoencoder without the constraint."""
    images, same, others = DATASETS[dataset][0](normal, seed, device)
    score = fit_forward_controls(gradcon(images, 0.0, seed, STEPS), images)
    areas = aurocs(score(same), score(others))
    rows = [{"kind": "forward control", "dataset": dataset, "normal": normal, "seed": seed, **areas}]
    if dataset == "signs":
        base = {"kind": "corruption, forward control", "normal": normal, "seed": seed, "alpha": 0.0}
        rows += [{**base, **row} for row in corruption_rows(score, same, seed)]
    return rows


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one normal class and one seed, counted from the seed of the experiment."""
    dataset, normal, own_seed = part.removeprefix(FORWARD).split(", ")
    rows, own_seed = [], seed + int(own_seed)
    if part.startswith(FORWARD):
        return forward_control_rows(dataset, normal, own_seed, device)
    images, same, others = DATASETS[dataset][0](normal, own_seed, device)
    base = {"dataset": dataset, "normal": normal, "seed": own_seed}
    # Baselines without a network: the distance to the mean normal image, and the error of a black image.
    mean_distance = lambda x, center=images.mean(0): {"mean image": (x - center).square().flatten(1).mean(1)}

    def corruption_table(
        kind: str, score: Callable[[Tensor], dict[str, Tensor]], alpha: float | None = None
    ) -> list[dict]:
        base = {"kind": kind, "normal": normal, "seed": own_seed, "alpha": alpha}
        return [{**base, **row} for row in corruption_rows(score, same, own_seed)]

    baselines = {
        **aurocs(mean_distance(same), mean_distance(others)),
        "black error": round(images.square().mean().item(), 5),
    }
    step_counts = [STEPS] + [STEPS_LONG] * (own_seed == seed + SEEDS[0] and normal in LONG.get(dataset, ()))
    for steps, alpha in [(steps, alpha) for steps in step_counts for alpha in ALPHAS]:
        detector = gradcon(images, alpha, own_seed, steps)
        error, cosine = detector.history[-1]
        areas = aurocs(*(gradcon_scores(detector, x) for x in (same, others)))
        row = {"kind": "class", **base, "alpha": alpha, "steps": steps, **areas, **baselines}
        rows.append({**row, "error": round(error, 5), "cosine": round(cosine, 4)})
        if dataset == "signs" and steps == STEPS:
            rows += corruption_table("corruption", lambda x, d=detector: gradcon_scores(d, x), alpha)
    network = train_vae(images, own_seed, VAE_STEPS)
    score = fit_novelty_classifier(network, images, own_seed)
    rows.append({"kind": "novelty", **base, "steps": VAE_STEPS, **aurocs(score(same), score(others))})
    if dataset == "signs":
        rows += corruption_table("corruption, novelty scores", score) + corruption_table(
            "corruption, mean image", mean_distance
        )
    counts = {"training images": len(images), "normal images": len(same), "abnormal images": len(others)}
    models = {"weights": detector.network, "weights, VAE": network}
    weights = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    return [*rows, {"kind": "size", "dataset": dataset, "normal": normal, **counts, **weights}]


def join_parts(parts: list[list[dict]]) -> list[dict]:
    """Return the rows of classes, novelty and controls, then corruptions averaged in two ways, then each size once."""
    of_kinds: dict[str, list[dict]] = {}
    for row in (row for rows in parts for row in rows):
        of_kinds.setdefault(row["kind"], []).append(row)
    rows, sizes = of_kinds["class"] + of_kinds["novelty"] + of_kinds["forward control"], of_kinds["size"]
    corruptions = ("corruption", "corruption, novelty scores", "corruption, mean image", "corruption, forward control")
    for kind in corruptions:
        kind_rows = of_kinds.get(kind, [])
        rows += average_rows(kind_rows, "kind", "alpha", "corruption", "level")
        rows += [{**row, "kind": f"{kind}, by sign"} for row in average_rows(kind_rows, "alpha", "normal", "seed")]
    return rows + [row for i, row in enumerate(sizes) if row not in sizes[:i]]


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    sets = [load("cifar10", "train"), load("cifar10", "test"), load("mnist", "test")]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
