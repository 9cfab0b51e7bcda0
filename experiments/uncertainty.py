"""Gradients as uncertainty, fairly: scores apart from detectors, own families beside unseen, norms beside scores and features.

Three sign networks, a twin of theirs trained with a sigmoid, and a published CIFAR-10 network look at novel pictures, textures,
bad weather and attacks. What each picture shows is read once; every table below is made of that.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from experiments import _image_groups as f
from experiments._image_groups import CONTROL, NORMAL, FittedStatistics, GroupFeatures, make_generator, round_values
from experiments._ood_detectors import HIDDEN, attack_transfer_rows, blur_transfer_rows, detector_rows
from experiments._trust_and_open_set import class_gradient_grams, open_set_rows, trust_rows
from experiments.explanations_photos import sample_images
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import NOVEL_SIGNS, SIGNS, corrupt, is_available, load, render
from tutorial_lib.metrics import accuracy, auroc
from tutorial_lib.models import SignClassifier, load_pretrained, train
from tutorial_lib.models import load as network_of

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
SECOND_MODEL, CIFAR, IMAGENET_MODEL = "signs, sigmoid", "cifar10/resnet20", "imagenet/squeezenet1_1"
OOD_DATASETS = {"gtsrb": "strangers", "mnist": "strangers", "dtd": "textures"}
NORMALS, TRAIN, N_ATTACKED, N_FAR_OOD = 1_000, 1_000, 300, 240
N_PER_GROUP = {SIGN_NETWORKS[0]: 60, CIFAR: 60}  # pictures of a challenge at a level; elsewhere half as many
MILD_SEVERITY = ("gaussian blur", 1)
SECOND_MODEL_IMAGES, SECOND_MODEL_EPOCHS = 5_000, 6
OPEN_PICTURES, OPEN_EPOCHS, N_PSEUDO_UNKNOWN = 3_500, 5, 4
SMALL = {"NORMALS": 56, "TRAIN": 56, "N_ATTACKED": 20, "N_FAR_OOD": 12, "N_PER_GROUP": {SIGN_NETWORKS[0]: 8, CIFAR: 8}}
SMALL |= {"SECOND_MODEL_IMAGES": 700, "SECOND_MODEL_EPOCHS": 3, "OPEN_PICTURES": 700, "OPEN_EPOCHS": 3}
SMALL |= {
    "_image_groups.NOVEL_SIGNS": NOVEL_SIGNS[:2],
    "_image_groups.CORRUPTIONS": ("noise", "haze"),
    "_ood_detectors.SEEDS": 1,
}


def score_rows(network: str, normal: GroupFeatures, sets: list[GroupFeatures], learned: FittedStatistics) -> list[dict]:
    """AUROC of every unsupervised score on every set; of weather, for some networks, at every level too."""
    usual, rows = f.unsupervised_scores(normal, learned), []
    for seen in sets:
        levels = [0, *seen.level.unique().tolist()] if seen.family == "weather" and network in N_PER_GROUP else [0]
        for level in levels:
            part = seen.rows(seen.level == level) if level else seen
            found = f.unsupervised_scores(part, learned)
            row = {"kind": "score", "network": network, "set": seen.name, "family": seen.family, "level": level}
            row |= {"normal": len(normal.z), "abnormal": len(part.z)}
            rows.append(row | round_values({name: auroc(usual[name], score) for name, score in found.items()}))
    return rows


def group_by_family(sets: list[GroupFeatures]) -> dict[str, list[GroupFeatures]]:
    """Families, and besides each set of real pictures and each kind of attack by itself."""
    families = {family: [s for s in sets if s.family == family] for family in dict.fromkeys(s.family for s in sets)}
    return families | {s.name: [s] for s in sets if s.name in OOD_DATASETS or s.family == "attacks"}


def layer_rows(network: str, model: nn.Module, normal: GroupFeatures, sets: list[GroupFeatures]) -> list[dict]:
    """The signed AUROC of every layer's norm, a column for each group of sets."""
    owners = [name.rpartition(".")[0] for name in g.layer_names(model, group_by="tensor")]
    layers = g.layer_names(model)
    place = torch.tensor([[owner == layer for owner in owners] for layer in layers]).double()
    rows = []
    for label in ("ones", "uniform"):
        of_layers = lambda seen: getattr(seen, label).double().square() @ place.T
        found = {
            name: u.columnwise_auroc(of_layers(normal), of_layers(pool_groups(group)))
            for name, group in group_by_family(sets).items()
        }
        for i, layer in enumerate(layers):
            row = {"kind": "layer", "network": network, "label": label, "layer": layer, "place": i}
            rows.append(row | round_values({name: areas[i] for name, areas in found.items()}))
    return rows


def raw_score_rows(network: str, normal: GroupFeatures, sets: list[GroupFeatures]) -> list[dict]:
    """The sum of all squared norms as a score, and what it is made of: δ, h, and the logits behind δ."""

    def parts(seen: GroupFeatures) -> dict[str, Tensor]:
        z, classes = seen.z.double(), seen.z.shape[1]
        top = z.amax(1)
        return {
            "sum, ones": seen.ones.double().square().sum(1),
            "sum, uniform": seen.uniform.double().square().sum(1),
            "delta, ones": ((z.sigmoid() - 1) / classes).norm(dim=1),
            "delta, uniform": (z.softmax(1) - 1 / classes).norm(dim=1),
            "h": seen.h.double().norm(dim=1),
            "largest logit": top,
            "other logits": (z.sum(1) - top) / (classes - 1),
        }

    usual, rows = parts(normal), []
    for name, group in {NORMAL: [normal], **group_by_family(sets)}.items():
        seen = pool_groups(group)
        found = parts(seen)
        row = {"kind": "raw", "network": network, "set": name, "family": seen.family, "count": len(seen.z)}
        row |= {f"auroc of {name}": auroc(usual[name], value) for name, value in found.items() if "logit" not in name}
        row |= {f"median {name}": value.median() for name, value in found.items()}
        rows.append({k: float(f"{float(v):.4g}") if isinstance(v, float | Tensor) else v for k, v in row.items()})
    return rows


def standardize(seen: GroupFeatures, learned: FittedStatistics, taught: GroupFeatures, name: str) -> Tensor:
    """What a detector reads, logged, in the unit of a network's own training pictures, so that two networks compare."""
    (values, log), (usual, _) = (f.detector_inputs(s, learned)[name] for s in (seen, taught))
    values, usual = (f.log_norms(v) if log else v.double() for v in (values, usual))
    return (values - usual.mean(0)) / usual.std(0).clamp(min=1e-9)


def pseudo_unknown_rows(learned: FittedStatistics, taught: GroupFeatures, seed: int, device) -> dict:
    """Detectors from classes that play the unknown, seen by a network of the other classes; as they are, and in its own unit."""
    stay, play = u.split_pseudo_unknown_classes(len(SIGNS), N_PSEUDO_UNKNOWN, generator=make_generator(seed))
    names = torch.cat([stay, play])
    shown = stay[torch.arange(OPEN_PICTURES) % len(stay)]
    model = seeded_model(lambda: SignClassifier(len(stay)), seed).to(device)
    images = render(shown, generator=make_generator(3_000 + seed), device=device)
    place = torch.full((len(SIGNS),), -1).scatter(0, stay, torch.arange(len(stay)))
    train(model, images, place[shown], epochs=OPEN_EPOCHS, lr=6e-3, generator=make_generator(seed), progress=False)
    asked = names[torch.arange(1_400) % len(names)]
    inside = torch.isin(asked, stay)
    seen = f.extract_features(
        model,
        f.make_group(
            "pseudo", "pseudo", render(asked, generator=make_generator(4_000 + seed), device=device), place[asked]
        ),
    )
    own_taught = f.extract_features(model, f.make_group("train", NORMAL, images[:TRAIN], place[shown][:TRAIN]))
    own = f.fit_statistics(own_taught)
    detected = {}
    for name, (values, log) in f.detector_inputs(seen, own).items():
        if name == "features":
            continue  # those of another network mean something else
        for title, hidden in ((name, ()), (f"{name}, hidden layers", HIDDEN)):
            fit = u.PurviewDetector(hidden, log=log).fit(
                values[inside], values[~inside], generator=make_generator(seed)
            )
            detected[title] = lambda s, fit=fit, name=name: fit.score(f.detector_inputs(s, learned)[name][0])
        unit = standardize(seen, own, own_taught, name)
        fit = u.PurviewDetector(log=False).fit(unit[inside], unit[~inside])
        detected[f"{name}, in own unit"] = lambda s, fit=fit, name=name: fit.score(
            standardize(s, learned, taught, name)
        )
    return detected


def seeded_model(build, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def train_second_model(seed: int, device) -> nn.Module:
    """A sign network whose classes were learned each by itself, with a sigmoid, as the confounding label's loss asks."""
    labels = torch.arange(SECOND_MODEL_IMAGES) % len(SIGNS)
    images = render(labels, generator=make_generator(5_000 + seed), device=device)
    model = seeded_model(SignClassifier, seed).to(device)
    loss = lambda z, y: len(SIGNS) * binary_cross_entropy_with_logits(z, one_hot(y, len(SIGNS)).to(z))
    train(
        model,
        images,
        labels,
        loss=loss,
        epochs=SECOND_MODEL_EPOCHS,
        lr=6e-3,
        generator=make_generator(seed),
        progress=False,
    )
    return model


def make_image_groups(
    network: str, model: nn.Module, seed: int, device, **how
) -> tuple[GroupFeatures, GroupFeatures, GroupFeatures, list[GroupFeatures]]:
    """(training pictures, normal ones, the same under one mild blur, all sets) as this network sees them."""
    world = "cifar10" if network == CIFAR else "signs"
    images, labels = load(world, "test", limit=NORMALS, device=device)
    own = f.make_group(NORMAL, NORMAL, images, labels, torch.arange(len(images)))
    train_images, train_labels = load(world, "train", limit=TRAIN, device=device)
    learned = f.extract_features(model, f.make_group("train", NORMAL, train_images, train_labels), **how)
    normal = f.extract_features(model, own, **how)
    blurred = f.extract_features(
        model, own._replace(images=corrupt(images, *MILD_SEVERITY, generator=make_generator(seed))), **how
    )
    sets = []

    def sources():
        yield from f.novel_sign_group(device) if world == "signs" else ()
        yield from f.far_ood_groups(OOD_DATASETS, images.shape[-1], N_FAR_OOD, device, seed)
        yield from f.corruption_groups(images, labels, seed, N_PER_GROUP.get(network, max(N_PER_GROUP.values()) // 2))
        yield from f.adversarial_groups(model, images, labels, seed, N_ATTACKED)

    for found in sources():
        sets.append(f.extract_features(model, found, **how))
    return learned, normal, blurred, sets


def network_rows(network: str, model: nn.Module, seed: int, device, **how) -> tuple[list[dict], tuple]:
    taught, normal, blurred, sets = make_image_groups(network, model, seed, device, **how)
    learned = f.fit_statistics(taught)
    right = {"kind": "network", "network": network, "right": accuracy(normal.z, normal.labels), "normal": len(normal.z)}
    attempted = next(len(s.z) for s in sets if s.family == CONTROL)
    right |= {f"fooled by {s.name}": len(s.z) / attempted for s in sets if s.family == "attacks"}
    rows = [
        round_values(
            right | {"attacked": attempted, "layers": len(g.layer_names(model)), "tensors": normal.ones.shape[1]}
        )
    ]
    rows += (
        score_rows(network, normal, sets, learned)
        + layer_rows(network, model, normal, sets)
        + raw_score_rows(network, normal, sets)
    )
    rows += detector_rows(network, normal, sets, learned, seed, deep=network in N_PER_GROUP)
    rows += attack_transfer_rows(network, normal, sets, learned, seed) + blur_transfer_rows(
        network, normal, blurred, sets, learned, seed
    )
    return rows, (learned, taught, normal, sets)


def pool_groups(sets: list[GroupFeatures], keep=lambda s: slice(None)) -> GroupFeatures:
    """Several sets as one; of each what ``keep`` says."""
    parts = [s.rows(keep(s)) for s in sets]
    passes = {k: torch.cat([p.passes[k] for p in parts]) for k in parts[0].passes}
    columns = {
        c: torch.cat([getattr(p, c) for p in parts])
        for c in ("labels", "picture", "level", "z", "h", "ones", "uniform")
    }
    return sets[0]._replace(passes=passes, **columns)


def corrupted_copies(images: Tensor, labels: Tensor, seed: int, each: int) -> tuple[Tensor, Tensor]:
    """The pictures of level 3 as :func:`experiments._image_groups.corruption_groups` makes them."""
    sets = [s for s in f.corruption_groups(images, labels, seed, each)]
    return tuple(torch.cat([getattr(s, c)[s.level == 3] for s in sets]) for c in ("images", "labels"))


def misclassification_rows(
    network: str, model: nn.Module, normal: GroupFeatures, sets: list[GroupFeatures], seed: int, device, deep: bool
) -> list[dict]:
    """On fair pictures and on those of level 3; ``deep``: with the change of all layers, on as many."""
    hard = pool_groups([s for s in sets if s.family == "weather"], lambda s: s.level == 3)
    K = (None, None)
    if deep:
        images, labels = load("cifar10" if network == CIFAR else "signs", "test", limit=NORMALS, device=device)
        K = (
            class_gradient_grams(model, images),
            class_gradient_grams(model, corrupted_copies(images, labels, seed, N_PER_GROUP[network])[0]),
        )
    rows = trust_rows(network, "fair", normal.z, normal.labels, normal.h, K[0])
    return rows + trust_rows(network, "level 3", hard.z, hard.labels, hard.h, K[1])


def parts() -> list[str]:
    return [*SIGN_NETWORKS, SECOND_MODEL, *([CIFAR, IMAGENET_MODEL] if is_available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == SECOND_MODEL:
        return network_rows(part, train_second_model(seed, device), seed, device)[0]
    if part == IMAGENET_MODEL:
        photographs, labels = sample_images(device)
        z = (
            g.model_outputs(load_pretrained(part, device), photographs, batch_size=8).cpu()
            if len(photographs)
            else None
        )
        return [] if z is None else trust_rows(part, "photographs", z, labels.cpu())
    if part == CIFAR:
        model, more = load_pretrained(part, device), {}
    else:
        model, more = network_of(part, device), {}
        if part == SIGN_NETWORKS[0]:
            others = tuple(network_of(name, device) for name in SIGN_NETWORKS[1:])
            more = {"others": others, "autoencoder": network_of("signs/autoencoder", device)}
    rows, (learned, taught, normal, sets) = network_rows(part, model, seed, device, **more)
    rows += misclassification_rows(part, model, normal, sets, seed, device, deep=part in N_PER_GROUP)
    unknown = pool_groups([s for s in sets if s.name in (OOD_DATASETS if part == CIFAR else NOVEL_SIGNS)])
    play = {} if part == CIFAR else pseudo_unknown_rows(learned, taught, seed + SIGN_NETWORKS.index(part), device)
    return rows + open_set_rows(part, normal, unknown, learned, play)


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if not is_available("cifar10"):
        return []
    sets = [load("cifar10", split, limit=limit) for split, limit in (("train", TRAIN), ("test", NORMALS))]
    sets += [load(world, "test", size=32) for world in OOD_DATASETS if is_available(world)]
    weights = [load_pretrained(name) for name in (CIFAR, IMAGENET_MODEL)]
    return [
        *({"subset": images.description, "sha256": images.sha256} for images in sets),
        *({"subset": f"weights {model.file.name}", "sha256": model.sha256} for model in weights),
    ]
