"""Corruption, open-set recognition and misclassification: scores with and without a backward pass, on the same images.

Every gradient score is compared with the same reading of activation norms, which needs no backward pass. The intervals
are bootstrap intervals over the source images; differences of two scores are paired.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from experiments.explanations_photos import sample_images
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import CORRUPTIONS, SEVERITIES, corrupt, is_available, load
from tutorial_lib.data.loading import resolve_data_dir
from tutorial_lib.metrics import auroc, oscr, risk_coverage
from tutorial_lib.models import load as network_of
from tutorial_lib.models import load_pretrained

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
PHOTO_NETWORKS = ("cifar10/resnet20", "cifar10/resnet56")
IMAGENET_MODEL = "imagenet/squeezenet1_1"
GRADIENT_NETWORKS = (SIGN_NETWORKS[0], *PHOTO_NETWORKS)  # with gradients of all layers for several classes
N_TRAIN, N_NORMAL, N_EACH, N_UNKNOWN, N_ALL_LAYERS = 600, 300, 12, 240, 60
N_RESAMPLES = 200
MILD_BLUR = {"signs": ("gaussian blur", 1), "cifar10": ("gaussian blur", 2)}
UNSEEN = ("decolorization", "codec error", "noise", "lens blur", "dirty lens", "rain")  # those of the 2019 paper
HIDDEN = (40, 20)
SMALL = {"N_TRAIN": 56, "N_NORMAL": 40, "N_EACH": 2, "N_UNKNOWN": 20, "N_ALL_LAYERS": 24, "N_RESAMPLES": 5}
SOFTMAX, ACTIVATIONS, GRADIENTS = "max softmax", "distance of activation norms", "distance of gradient norms"
# Every score of gradients is compared with the scores that need no backward pass.
NO_BACKWARD = (SOFTMAX, "energy", "Mahalanobis", ACTIVATIONS)
REFERENCES = {ACTIVATIONS: (SOFTMAX,), "GradNorm": NO_BACKWARD, GRADIENTS: NO_BACKWARD}
DEMONSTRATION, COUNTERFACTUALS = "GradTrust, demonstration", "GradTrust, 5 counterfactuals"
TRUST_REFERENCES = dict.fromkeys(
    (DEMONSTRATION, COUNTERFACTUALS, "GradNorm", GRADIENTS, ACTIVATIONS, "energy", "Mahalanobis"),
    (SOFTMAX, "margin", "largest logit"),
)

Rows = list[dict]
Table = dict[str, dict[str, float]]  # the metrics of every score


class Features(NamedTuple):
    """What the scores are computed from: logits (N, C), penultimate features (N, d), and norms of all layers."""

    z: Tensor
    h: Tensor
    activations: Tensor
    gradients: Tensor

    def at(self, rows: Tensor) -> "Features":
        """Return the features of some images."""
        return Features(*(values[rows] for values in self))


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def extract_features(model: nn.Module, x: Tensor) -> Features:
    """Return the features of all images; the gradients are those of the label of all ones."""
    z, h = zip(*(g.penultimate_features(model, part) for part in x.split(256)), strict=True)
    gradients = u.confounding_gradient_norms(model, x, group_by="tensor")
    parts = (torch.cat(z), torch.cat(h), u.activation_norms(model, x), gradients)
    return Features(*(part.double().cpu() for part in parts))


def log(norms: Tensor) -> Tensor:
    """Return the logarithm of norms, finite for zero."""
    return norms.clamp(min=1e-30).log()


def fit_scores(train: Features, labels: Tensor) -> Callable[[Features], dict[str, Tensor]]:
    """Return a function from features to scores; higher means more abnormal. No score is fitted to abnormal images."""
    predicted = train.z.argmax(1)
    features = u.MahalanobisDetector().fit(train.h, labels)
    activations = u.MahalanobisDetector(1e-3).fit(log(train.activations), predicted)
    gradients = u.MahalanobisDetector(1e-3).fit(log(train.gradients), predicted)

    def scores(f: Features) -> dict[str, Tensor]:
        return {
            SOFTMAX: u.msp_score(f.z),
            "energy": u.energy_score(f.z),
            "Mahalanobis": features.score(f.h),
            ACTIVATIONS: activations.score(log(f.activations)),
            "GradNorm": u.gradnorm_score(f.z, f.h),
            GRADIENTS: gradients.score(log(f.gradients)),
        }

    return scores


def trust_scores(z: Tensor) -> dict[str, Tensor]:
    """Return scores of the logits; higher means that the prediction is less trustworthy."""
    z = z.double()
    return {
        SOFTMAX: u.msp_score(z),
        "margin": u.margin_score(z),
        "entropy": u.entropy_score(z),
        "energy": u.energy_score(z),
        "largest logit": -z.amax(1),
        DEMONSTRATION: -u.grad_trust(z),
        COUNTERFACTUALS: -u.grad_trust(z, n_counterfactuals=5),
    }


def resample(rows_by_image: list[Tensor], generator: torch.Generator) -> Tensor:
    """Return rows of source images drawn with replacement; all rows of an image are drawn together."""
    drawn = torch.randint(len(rows_by_image), (len(rows_by_image),), generator=generator)
    return torch.cat([rows_by_image[i] for i in drawn])


def interval_rows(
    statistic: Callable[..., Table], ids: tuple[Tensor, ...], references: dict[str, tuple[str, ...]]
) -> Rows:
    """Return a row for each score: its metrics, and their differences from the reference scores, with 95% intervals.

    Args:
        statistic: maps the rows of every sample to {score: {metric: value}}.
        ids: for every sample, the source image of each row.
        references: {score: the scores that are subtracted from it}.
    """
    point, generator = statistic(*(torch.arange(len(i)) for i in ids)), make_generator(0)
    samples = [[(i == image).nonzero()[:, 0] for image in i.unique()] for i in ids]
    draws = [statistic(*(resample(sample, generator) for sample in samples)) for _ in range(N_RESAMPLES)]
    rows = []
    for name, metrics in point.items():
        row: dict = {"score": name}
        for metric in metrics:
            for reference in (None, *(r for r in references.get(name, ()) if r in point)):
                values = [t[name][metric] - (t[reference][metric] if reference else 0) for t in (point, *draws)]
                low, high = torch.tensor(values[1:]).quantile(torch.tensor([0.025, 0.975])).tolist()
                column = f"{metric} minus {reference}" if reference else metric
                row |= {column: values[0], f"{column}_low": low, f"{column}_high": high}
        rows.append({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()})
    return rows


def detection_metrics(normal: Tensor, abnormal: Tensor) -> dict[str, float]:
    """Return the AUROC, and the share of abnormal images among those accepted if 95% of the normal ones are."""
    missed = (abnormal <= u.threshold_at_tpr(normal, 0.95)).double().mean().item()
    return {"auroc": auroc(normal, abnormal), "fpr95": missed}


def detection_rows(normal: dict[str, Tensor], abnormal: dict[str, Tensor], ids: tuple[Tensor, Tensor]) -> Rows:
    """Return the detection metrics of all scores."""

    def statistic(n: Tensor, a: Tensor) -> Table:
        return {name: detection_metrics(normal[name][n], abnormal[name][a]) for name in normal}

    return interval_rows(statistic, ids, REFERENCES)


def open_set_rows(
    normal: dict[str, Tensor], correct: Tensor, unknown: dict[str, Tensor], ids: tuple[Tensor, Tensor]
) -> Rows:
    """Return the detection metrics and the OSCR of all scores."""

    def statistic(n: Tensor, a: Tensor) -> Table:
        return {
            name: detection_metrics(normal[name][n], unknown[name][a])
            | {"oscr": oscr(normal[name][n], correct[n], unknown[name][a])}
            for name in normal
        }

    return interval_rows(statistic, ids, REFERENCES)


def trust_rows(scores: dict[str, Tensor], correct: Tensor, ids: Tensor) -> Rows:
    """Return how well each score separates wrong from correct predictions, and the area under risk and coverage."""

    def statistic(rows: Tensor) -> Table:
        right = correct[rows]
        return {
            name: detection_metrics(score[rows][right], score[rows][~right])
            | {"aurc": risk_coverage(score[rows], right).area}
            for name, score in scores.items()
        }

    return interval_rows(statistic, (ids,), TRUST_REFERENCES)


class Corrupted(NamedTuple):
    """Corrupted images: features, labels, source images, type of corruption (index), and severity."""

    features: Features
    labels: Tensor
    source: Tensor
    kind: Tensor
    level: Tensor


def corrupted_images(images: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return images under every corruption and severity, with labels, source, type and severity.

    Every type has ``N_EACH`` source images of its own, which are used for all severities.
    """
    parts = []
    for i, kind in enumerate(CORRUPTIONS):
        source = torch.arange(N_EACH * i, N_EACH * (i + 1)) % len(images)
        for level in SEVERITIES:
            x = corrupt(images[source], kind, level, generator=make_generator(seed))
            parts.append((x, labels[source].cpu(), source, torch.full_like(source, i), torch.full_like(source, level)))
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def blur_detectors(
    clean: Features, blurred: Features, seed: int
) -> dict[str, tuple[Callable[[Features], Tensor], u.PurviewDetector]]:
    """Return detectors trained on clean images against one mild blur, with the function that reads their inputs."""
    inputs = {
        "gradient norms": (lambda f: f.gradients, True, ()),
        "gradient norms, two hidden layers": (lambda f: f.gradients, True, HIDDEN),
        "activation norms": (lambda f: f.activations, True, ()),
        "activation norms, two hidden layers": (lambda f: f.activations, True, HIDDEN),
        "features": (lambda f: f.h, False, ()),
    }
    return {
        name: (
            read,
            u.PurviewDetector(hidden, log=take_log).fit(read(clean), read(blurred), generator=make_generator(seed)),
        )
        for name, (read, take_log, hidden) in inputs.items()
    }


def blur_rows(clean: Features, blurred: Features, normal: Features, corrupted: Corrupted, seed: int) -> Rows:
    """Return the results of detectors trained on one mild blur, on each unseen type and as a mean over these types."""
    detectors = blur_detectors(clean, blurred, seed)
    usual = {name: detector.score(read(normal)) for name, (read, detector) in detectors.items()}
    scores = {name: detector.score(read(corrupted.features)) for name, (read, detector) in detectors.items()}

    def statistic(n: Tensor, a: Tensor) -> Table:
        table = {}
        for name in detectors:
            accepted, detected = (usual[name][n] <= 0).double().mean(), (scores[name][a] > 0).double().mean()
            table[name] = {
                "accuracy": ((accepted + detected) / 2).item(),
                "auroc": auroc(usual[name][n], scores[name][a]),
            }
        return table

    rows = []
    normal_ids = torch.arange(len(normal.z))
    references = {f"gradient norms{end}": (f"activation norms{end}",) for end in ("", ", two hidden layers")}
    for title, kinds in {"all six": UNSEEN, **{kind: (kind,) for kind in UNSEEN}}.items():
        chosen = torch.isin(corrupted.kind, torch.tensor([CORRUPTIONS.index(kind) for kind in kinds]))

        def on_chosen(n: Tensor, a: Tensor, at=chosen.nonzero()[:, 0]) -> Table:
            return statistic(n, at[a])

        for row in interval_rows(on_chosen, (normal_ids, corrupted.source[chosen]), references):
            rows.append({"kind": "one blur", "type": title, **row})
    return rows


def unknown_images(dataset: str, size: int, device) -> dict[str, Tensor]:
    """Return images of unknown classes by name, near and far ones apart."""
    if dataset == "signs":
        return {"novel signs": load("signs", "novel", limit=N_UNKNOWN, device=device).images}
    groups = {"TinyImageNet (near)": near_images(device)}
    for name in ("gtsrb", "mnist", "dtd"):
        images = load(name, "test", size=size, device=device).images
        groups[f"{name} (far)"] = images[torch.linspace(0, len(images) - 1, N_UNKNOWN // 2).long()]
    return groups


def near_file() -> Path:
    """Return the file of validation images of TinyImageNet, scaled to 32 pixels."""
    return resolve_data_dir(None) / "tinyimagenet-val.npz"


def near_images(device) -> Tensor:
    """Return images of TinyImageNet from classes that CIFAR-10 does not have."""
    with np.load(near_file(), allow_pickle=False) as file:
        images = file["images"][file["cifar10_overlap"][file["labels"]] == ""]
    chosen = torch.from_numpy(images)[torch.linspace(0, len(images) - 1, N_UNKNOWN).long()]
    return chosen.permute(0, 3, 1, 2).float().div(255).to(device)


def all_layers_rows(model: nn.Module, x: Tensor, labels: Tensor) -> Rows:
    """Return the trust scores from counterfactual gradients of all layers, and those of the last layer."""
    z = g.model_outputs(model, x).cpu().double()
    gram = torch.cat([g.class_gradient_gram(model, part).sum(1, keepdim=True).cpu() for part in x.split(16)]).double()
    scores = {SOFTMAX: u.msp_score(z), "last layer": -u.grad_trust(z, n_counterfactuals=5)}
    scores |= {"all layers": -u.grad_trust(z, n_counterfactuals=5, gram=gram)}
    correct, ids = z.argmax(1) == labels, torch.arange(len(z))

    def statistic(rows: Tensor) -> Table:
        right = correct[rows]
        return {name: {"auroc": auroc(score[rows][right], score[rows][~right])} for name, score in scores.items()}

    return interval_rows(statistic, (ids,), {"all layers": (SOFTMAX, "last layer")})


def misclassification_rows(clean: tuple[Tensor, Tensor], corrupted: Corrupted, scores: dict[str, Tensor]) -> Rows:
    """Return the rows on clean images (logits, labels) and on corrupted images of severity 3."""
    rows = []
    right = clean[0].argmax(1) == clean[1]
    if (~right).sum() >= 10:
        found = trust_rows(trust_scores(clean[0]), right, torch.arange(len(right)))
        counts = {"images": "clean", "count": len(right), "wrong": int((~right).sum())}
        rows += [{"kind": "misclassification", **counts, **row} for row in found]
    middle = corrupted.level == 3
    z, right = corrupted.features.z[middle], corrupted.features.z[middle].argmax(1) == corrupted.labels[middle]
    every = trust_scores(z) | {name: score[middle] for name, score in scores.items() if name not in (SOFTMAX, "energy")}
    counts = {"images": "severity 3", "count": len(right), "wrong": int((~right).sum())}
    found = trust_rows(every, right, corrupted.source[middle])
    return rows + [{"kind": "misclassification", **counts, **row} for row in found]


def severity_rows(normal: dict[str, Tensor], scores: dict[str, Tensor], corrupted: Corrupted) -> Rows:
    """Return the detection rows for every severity (0: all) over all types, and for every type over all severities."""
    ids, wrong = torch.arange(len(normal[SOFTMAX])), corrupted.features.z.argmax(1) != corrupted.labels
    rows = []
    for level in (0, *SEVERITIES):
        at = (corrupted.level == level) if level else corrupted.level > 0
        found = detection_rows(normal, {n: s[at] for n, s in scores.items()}, (ids, corrupted.source[at]))
        base = {
            "kind": "severity",
            "severity": level,
            "count": int(at.sum()),
            "error": wrong[at].double().mean().item(),
        }
        rows += [{**base, "error": round(base["error"], 4), **row} for row in found]
    shown = (SOFTMAX, ACTIVATIONS, GRADIENTS)
    for i, kind in enumerate(CORRUPTIONS):
        at = corrupted.kind == i
        pair = {n: normal[n] for n in shown}, {n: scores[n][at] for n in shown}
        found = detection_rows(*pair, (ids, corrupted.source[at]))
        base = {"kind": "type", "type": kind, "error": round(wrong[at].double().mean().item(), 4)}
        rows += [{**base, **row} for row in found]
    return rows


def has_photographs() -> bool:
    """Return whether the data sets of photographs are available."""
    return near_file().is_file() and all(map(is_available, ("cifar10", "gtsrb", "mnist", "dtd")))


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [*SIGN_NETWORKS, *([*PHOTO_NETWORKS, IMAGENET_MODEL] if has_photographs() else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> Rows:
    """Return the rows of one network."""
    if part == IMAGENET_MODEL:
        photographs, labels = sample_images(device)
        z = g.model_outputs(load_pretrained(part, device), photographs, batch_size=8).cpu()
        right = z.argmax(1) == labels.cpu()
        base = {"network": part, "kind": "misclassification", "images": "photographs", "count": len(z)}
        found = trust_rows(trust_scores(z), right, torch.arange(len(z)))
        return [{**base, "wrong": int((~right).sum()), **row} for row in found]
    dataset = "cifar10" if part in PHOTO_NETWORKS else "signs"
    model = (load_pretrained if dataset == "cifar10" else network_of)(part, device)
    train, labels = load(dataset, "train", limit=N_TRAIN, device=device)
    images, test_labels = load(dataset, "test", limit=932, device=device)
    images_ood = unknown_images(dataset, images.shape[-1], device)

    train_features, normal = extract_features(model, train), extract_features(model, images[:N_NORMAL])
    mild = corrupt(train[:N_NORMAL], *MILD_BLUR[dataset], generator=make_generator(seed))
    x, *metadata = corrupted_images(images[N_NORMAL:], test_labels[N_NORMAL:], seed)
    corrupted = Corrupted(extract_features(model, x), *metadata)
    scores_of = fit_scores(train_features, labels.cpu())
    normal_scores, scores = scores_of(normal), scores_of(corrupted.features)

    rows = severity_rows(normal_scores, scores, corrupted)
    rows += blur_rows(train_features.at(torch.arange(N_NORMAL)), extract_features(model, mild), normal, corrupted, seed)
    clean = g.model_outputs(model, images).cpu(), test_labels.cpu()
    rows += misclassification_rows(clean, corrupted, scores)
    correct, ids = normal.z.argmax(1) == test_labels[:N_NORMAL].cpu(), torch.arange(N_NORMAL)
    for name, unknown in images_ood.items():
        found = open_set_rows(
            normal_scores, correct, scores_of(extract_features(model, unknown)), (ids, torch.arange(len(unknown)))
        )
        rows += [{"kind": "open set", "unknown": name, "count": len(unknown), **row} for row in found]
    if part in GRADIENT_NETWORKS:
        at = (corrupted.level == 3).nonzero()[:, 0][:: max(1, 12 * N_EACH // N_ALL_LAYERS)]
        rows += [{"kind": "all layers", **row} for row in all_layers_rows(model, x[at], corrupted.labels[at])]
    return [{"network": part, **row} for row in rows]


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    if not has_photographs():
        return []
    sets = [load("cifar10", "train", limit=N_TRAIN), load("cifar10", "test", limit=932)]
    sets += [load(name, "test", size=32) for name in ("gtsrb", "mnist", "dtd")]
    weights = [load_pretrained(name) for name in (*PHOTO_NETWORKS, IMAGENET_MODEL)]
    near = "TinyImageNet validation images, scaled to 32 pixels, the first ten of each class"
    return [
        {"subset": near, "sha256": hashlib.sha256(near_file().read_bytes()).hexdigest()},
        *({"subset": images.description, "sha256": images.sha256} for images in sets),
        *({"subset": f"weights {model.file.name}", "sha256": model.sha256} for model in weights),
    ]
