"""Transfer of detectors trained on pseudo-unknown classes, to other classes, to novel signs, and to another network."""

from collections.abc import Callable
from statistics import mean

import torch
from torch import Tensor, nn

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import SIGNS, load, render
from tutorial_lib.metrics import accuracy, auroc
from tutorial_lib.models import SignClassifier, train
from tutorial_lib.models import load as network_of

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
SPLITS, N_PSEUDO_UNKNOWN = 5, 4
N_IMAGES, EPOCHS = 6_000, 8
N_TRAIN_IMAGES, N_NORMAL, N_NOVEL = 2_100, 700, 450
HIDDEN = (40, 20)
SMALL = {"SPLITS": 2, "N_IMAGES": 70, "EPOCHS": 1, "N_TRAIN_IMAGES": 56, "N_NORMAL": 28, "N_NOVEL": 18, "HIDDEN": (4,)}


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def train_on_classes(classes: Tensor, seed: int, device) -> nn.Module:
    """Return a network trained on the remaining classes only."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SignClassifier(len(classes)).to(device)
    labels = torch.arange(N_IMAGES) % len(classes)
    images = render(classes[labels], generator=make_generator(3_000 + seed), device=device)
    train(model, images, labels, epochs=EPOCHS, generator=make_generator(seed), progress=False)
    return model


def feature_sets(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return the inputs of the detectors, (N, F), and single scores, (N, 1)."""
    z, h = (
        torch.cat(part).cpu().double()
        for part in zip(*[g.penultimate_features(model, p) for p in x.split(256)], strict=True)
    )
    ones, uniform = (
        u.confounding_gradient_norms(model, x, activation=link, group_by="tensor", batch_size=128).cpu().double()
        for link in ("sigmoid", "softmax")
    )
    # The scores get the best known preprocessing: logarithms, except for the energy, which may be negative.
    scores = [u.msp_score(z), u.entropy_score(z), u.margin_score(z), -u.gradnorm_score(z, h)]
    log_scores = torch.stack([*(v.clamp(min=1e-30).log() for v in scores), u.energy_score(z)], 1)
    features = {"norms, ones": ones.clamp(min=1e-30).log(), "norms, uniform": uniform.clamp(min=1e-30).log()}
    return features | {"five scores": log_scores, "max softmax": log_scores[:, :1], "energy": log_scores[:, -1:]}


def fit_score(name: str, hidden: tuple, known: Tensor, pseudo_unknown: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    """Return the score of a trained detector; with a single feature, the feature itself."""
    if known.shape[1] == 1:
        return lambda values: values[:, 0].contiguous()
    return u.PurviewDetector(hidden, log=False).fit(known, pseudo_unknown, generator=make_generator(seed)).score


def transfer_steps(
    features_a: dict[str, dict], features_b: dict[str, dict], train_masks: dict[str, Tensor], classes: Tensor, seed: int
) -> list[dict]:
    """Return the AUROC on trained and untrained pseudo-unknown classes, on novel signs, and on novel signs with network
    B.

    Args:
        features_a: features of network A for "known", "pseudo-unknown" and "novel" images.
        features_b: features of network B for "known" and "novel" images.
        train_masks: masks of the training images among "known" and "pseudo-unknown"; the others are test images.
        classes: class of each pseudo-unknown image.
        seed: seed of the detectors.
    """
    rows = []
    for name in features_a["known"]:
        known, pseudo_unknown, novel = (features_a[part][name] for part in ("known", "pseudo-unknown", "novel"))
        train_known, train_pseudo = train_masks["known"], train_masks["pseudo-unknown"]
        for hidden in ((),) if known.shape[1] == 1 or name != "norms, ones" else ((), HIDDEN):
            score = fit_score(name, hidden, known[train_known], pseudo_unknown[train_pseudo], seed)
            normal_scores = score(known[~train_known])
            left_out = []
            for c in classes.unique().tolist():
                score_without = fit_score(
                    name, hidden, known[train_known], pseudo_unknown[train_pseudo & (classes != c)], seed
                )
                left_out.append(
                    auroc(
                        score_without(known[~train_known]),
                        score_without(pseudo_unknown[~train_pseudo & (classes == c)]),
                    )
                )
            aurocs = {
                "pseudo-unknown, trained": auroc(normal_scores, score(pseudo_unknown[~train_pseudo])),
                "pseudo-unknown, left out": mean(left_out),
                "novel": auroc(normal_scores, score(novel)),
            }
            aurocs["novel, through B"] = auroc(score(features_b["known"][name]), score(features_b["novel"][name]))
            row = {"input": name + ", hidden layers" * bool(hidden), "learns": known.shape[1] > 1}
            rows.append(row | {k: round(v, 4) for k, v in aurocs.items()})
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [str(split) for split in range(SPLITS)]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    split = int(part)
    normal, labels = load("signs", "test", limit=N_NORMAL, device=device)
    novel = load("signs", "novel", limit=N_NOVEL, device=device).images
    order = torch.randperm(len(SIGNS), generator=make_generator(seed + split))
    known_classes, pseudo_classes = order[N_PSEUDO_UNKNOWN:].sort().values, order[:N_PSEUDO_UNKNOWN].sort().values
    A, B = train_on_classes(known_classes, seed + split, device), network_of(NETWORKS[split % len(NETWORKS)], device)
    train_labels = torch.arange(N_TRAIN_IMAGES) % len(SIGNS)
    train_images = render(train_labels, generator=make_generator(4_000 + seed + split), device=device)
    is_known = torch.isin(train_labels, known_classes)
    # The signs alternate, and whole periods are used for training or for the test, so that both contain all signs.
    train = torch.arange(N_TRAIN_IMAGES) // len(SIGNS) % 2 == 0
    images = {"known": train_images[is_known], "pseudo-unknown": train_images[~is_known], "novel": novel}
    accuracy_a = accuracy(
        g.model_outputs(A, images["known"]).cpu(), torch.searchsorted(known_classes, train_labels[is_known])
    )
    features_a = {name: feature_sets(A, x) for name, x in images.items()}
    features_b = {"known": feature_sets(B, normal), "novel": feature_sets(B, novel)}
    metadata = {
        "split": split,
        "network B": NETWORKS[split % len(NETWORKS)],
        "pseudo-unknown classes": ", ".join(SIGNS[c] for c in pseudo_classes),
    }
    metadata |= {
        "accuracy, A": round(accuracy_a, 4),
        "accuracy, B": round(accuracy(g.model_outputs(B, normal), labels), 4),
    }
    return [
        metadata | row
        for row in transfer_steps(
            features_a,
            features_b,
            {"known": train[is_known], "pseudo-unknown": train[~is_known]},
            train_labels[~is_known],
            seed + split,
        )
    ]
