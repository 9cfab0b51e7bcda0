"""Gradients as uncertainty: scores by severity of a corruption, trust in predictions, open-set recognition, and
detectors that are trained on one mild blur.

Three sign networks, a fourth one trained with a sigmoid loss, and a published CIFAR-10 network are evaluated on novel
classes, textures, corruptions and attacks. The features of each image are computed once, and every table is made from
them.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from experiments import _image_groups as f
from experiments._image_groups import CONTROL, NORMAL, FittedStatistics, GroupFeatures, make_generator, round_values
from experiments._ood_detectors import HIDDEN, blur_transfer_rows
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
OOD_DATASETS = {"gtsrb": "other datasets", "mnist": "other datasets", "dtd": "textures"}
NORMALS, TRAIN, N_ATTACKED, N_FAR_OOD = 1_000, 1_000, 300, 240
N_PER_GROUP = {SIGN_NETWORKS[0]: 60, CIFAR: 60}  # images of a corruption at a severity; half as many for other networks
MILD_SEVERITY = ("gaussian blur", 1)
SECOND_MODEL_IMAGES, SECOND_MODEL_EPOCHS = 5_000, 6
OPEN_SET_IMAGES, OPEN_SET_EPOCHS, N_PSEUDO_UNKNOWN = 3_500, 5, 4
SMALL = {"NORMALS": 56, "TRAIN": 56, "N_ATTACKED": 20, "N_FAR_OOD": 12, "N_PER_GROUP": {SIGN_NETWORKS[0]: 8, CIFAR: 8}}
SMALL |= {"SECOND_MODEL_IMAGES": 700, "SECOND_MODEL_EPOCHS": 3, "OPEN_SET_IMAGES": 700, "OPEN_SET_EPOCHS": 3}
SMALL |= {
    "_image_groups.NOVEL_SIGNS": NOVEL_SIGNS[:2],
    "_image_groups.CORRUPTIONS": ("noise", "haze"),
    "_ood_detectors.SEEDS": 1,
}


def score_rows(
    network: str, normal: GroupFeatures, sets: list[GroupFeatures], statistics: FittedStatistics
) -> list[dict]:
    """Return the AUROC of every untrained score on every group, for some networks also by severity."""
    normal_scores, rows = f.unsupervised_scores(normal, statistics), []
    for group in sets:
        levels = (
            [0, *group.level.unique().tolist()] if group.family == "corruptions" and network in N_PER_GROUP else [0]
        )
        for level in levels:
            part = group.rows(group.level == level) if level else group
            scores = f.unsupervised_scores(part, statistics)
            row = {"kind": "score", "network": network, "set": group.name, "family": group.family, "level": level}
            row |= {"normal": len(normal.z), "abnormal": len(part.z)}
            rows.append(row | round_values({name: auroc(normal_scores[name], score) for name, score in scores.items()}))
    return rows


def standardize(group: GroupFeatures, statistics: FittedStatistics, train_features: GroupFeatures, name: str) -> Tensor:
    """Return detector inputs, standardized by the training images of the network, so that networks are comparable."""
    (values, log), (train_values, _) = (f.detector_inputs(s, statistics)[name] for s in (group, train_features))
    values, train_values = (f.log_norms(v) if log else v.double() for v in (values, train_values))
    return (values - train_values.mean(0)) / train_values.std(0).clamp(min=1e-9)


def pseudo_unknown_rows(statistics: FittedStatistics, train_features: GroupFeatures, seed: int, device) -> dict:
    """Return detectors trained on pseudo-unknown classes, with a network of the other classes."""
    known_classes, pseudo_classes = u.split_pseudo_unknown_classes(
        len(SIGNS), N_PSEUDO_UNKNOWN, generator=make_generator(seed)
    )
    names = torch.cat([known_classes, pseudo_classes])
    train_labels = known_classes[torch.arange(OPEN_SET_IMAGES) % len(known_classes)]
    model = seeded_model(lambda: SignClassifier(len(known_classes)), seed).to(device)
    images = render(train_labels, generator=make_generator(3_000 + seed), device=device)
    index_of = torch.full((len(SIGNS),), -1).scatter(0, known_classes, torch.arange(len(known_classes)))
    train(
        model,
        images,
        index_of[train_labels],
        epochs=OPEN_SET_EPOCHS,
        lr=6e-3,
        generator=make_generator(seed),
        progress=False,
    )
    test_labels = names[torch.arange(1_400) % len(names)]
    is_known = torch.isin(test_labels, known_classes)
    features = f.extract_features(
        model,
        f.make_group(
            "pseudo",
            "pseudo",
            render(test_labels, generator=make_generator(4_000 + seed), device=device),
            index_of[test_labels],
        ),
    )
    own_train_features = f.extract_features(
        model, f.make_group("train", NORMAL, images[:TRAIN], index_of[train_labels][:TRAIN])
    )
    own_statistics = f.fit_statistics(own_train_features)
    detectors = {}
    for name, (values, log) in f.detector_inputs(features, own_statistics).items():
        if name == "features":
            continue  # features of different networks are not comparable
        for title, hidden in ((name, ()), (f"{name}, hidden layers", HIDDEN)):
            detector = u.PurviewDetector(hidden, log=log).fit(
                values[is_known], values[~is_known], generator=make_generator(seed)
            )
            detectors[title] = lambda s, detector=detector, name=name: detector.score(
                f.detector_inputs(s, statistics)[name][0]
            )
        standardized = standardize(features, own_statistics, own_train_features, name)
        detector = u.PurviewDetector(log=False).fit(standardized[is_known], standardized[~is_known])
        detectors[f"{name}, in own unit"] = lambda s, detector=detector, name=name: detector.score(
            standardize(s, statistics, train_features, name)
        )
    return detectors


def seeded_model(build, seed: int) -> nn.Module:
    """Return a model whose initial weights depend on the seed only."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def train_second_model(seed: int, device) -> nn.Module:
    """Return a sign network trained with a sigmoid loss per class, as the loss of the confounding label assumes."""
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
    network: str, model: nn.Module, seed: int, device, **options
) -> tuple[GroupFeatures, GroupFeatures, GroupFeatures, list[GroupFeatures]]:
    """Return the features of training images, of normal images without and with a mild blur, and of abnormal groups."""
    dataset = "cifar10" if network == CIFAR else "signs"
    images, labels = load(dataset, "test", limit=NORMALS, device=device)
    normal_group = f.make_group(NORMAL, NORMAL, images, labels, torch.arange(len(images)))
    train_images, train_labels = load(dataset, "train", limit=TRAIN, device=device)
    train_features = f.extract_features(model, f.make_group("train", NORMAL, train_images, train_labels), **options)
    normal = f.extract_features(model, normal_group, **options)
    blurred = f.extract_features(
        model, normal_group._replace(images=corrupt(images, *MILD_SEVERITY, generator=make_generator(seed))), **options
    )
    sets = []

    def groups():
        yield from f.novel_sign_group(device) if dataset == "signs" else ()
        yield from f.far_ood_groups(OOD_DATASETS, images.shape[-1], N_FAR_OOD, device, seed)
        yield from f.corruption_groups(images, labels, seed, N_PER_GROUP.get(network, max(N_PER_GROUP.values()) // 2))
        yield from f.adversarial_groups(model, images, labels, seed, N_ATTACKED)

    for group in groups():
        sets.append(f.extract_features(model, group, **options))
    return train_features, normal, blurred, sets


def network_rows(network: str, model: nn.Module, seed: int, device, **options) -> tuple[list[dict], tuple]:
    """Return the rows of one network, and the features for further tables."""
    train_features, normal, blurred, sets = make_image_groups(network, model, seed, device, **options)
    statistics = f.fit_statistics(train_features)
    summary = {
        "kind": "network",
        "network": network,
        "accuracy": accuracy(normal.z, normal.labels),
        "normal": len(normal.z),
    }
    attempted = next(len(s.z) for s in sets if s.family == CONTROL)
    summary |= {f"success of {s.name}": len(s.z) / attempted for s in sets if s.family == "attacks"}
    rows = [
        round_values(
            summary | {"attacked": attempted, "layers": len(g.layer_names(model)), "tensors": normal.ones.shape[1]}
        )
    ]
    rows += score_rows(network, normal, sets, statistics)
    rows += blur_transfer_rows(network, normal, blurred, sets, statistics, seed)
    return rows, (statistics, train_features, normal, sets)


def corrupted_copies(images: Tensor, labels: Tensor, seed: int, each: int) -> tuple[Tensor, Tensor]:
    """Return the images of severity 3 from :func:`experiments._image_groups.corruption_groups`, and their labels."""
    sets = [s for s in f.corruption_groups(images, labels, seed, each)]
    return tuple(torch.cat([getattr(s, c)[s.level == 3] for s in sets]) for c in ("images", "labels"))


def misclassification_rows(
    network: str, model: nn.Module, normal: GroupFeatures, sets: list[GroupFeatures], seed: int, device, deep: bool
) -> list[dict]:
    """Return trust scores on clean images and at severity 3; ``deep`` adds scores from gradients of all layers."""
    corrupted = f.pool_groups([s for s in sets if s.family == "corruptions"], lambda s: s.level == 3)
    K = (None, None)
    if deep:
        images, labels = load("cifar10" if network == CIFAR else "signs", "test", limit=NORMALS, device=device)
        K = (
            class_gradient_grams(model, images),
            class_gradient_grams(model, corrupted_copies(images, labels, seed, N_PER_GROUP[network])[0]),
        )
    rows = trust_rows(network, "clean", normal.z, normal.labels, normal.h, K[0])
    return rows + trust_rows(network, "level 3", corrupted.z, corrupted.labels, corrupted.h, K[1])


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [*SIGN_NETWORKS, SECOND_MODEL, *([CIFAR, IMAGENET_MODEL] if is_available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
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
        model, options = load_pretrained(part, device), {}
    else:
        model, options = network_of(part, device), {}
        if part == SIGN_NETWORKS[0]:
            others = tuple(network_of(name, device) for name in SIGN_NETWORKS[1:])
            options = {"others": others, "autoencoder": network_of("signs/autoencoder", device)}
    rows, (statistics, train_features, normal, sets) = network_rows(part, model, seed, device, **options)
    rows += misclassification_rows(part, model, normal, sets, seed, device, deep=part in N_PER_GROUP)
    unknown = f.pool_groups([s for s in sets if s.name in (OOD_DATASETS if part == CIFAR else NOVEL_SIGNS)])
    detectors = (
        {}
        if part == CIFAR
        else pseudo_unknown_rows(statistics, train_features, seed + SIGN_NETWORKS.index(part), device)
    )
    return rows + open_set_rows(part, normal, unknown, statistics, detectors)


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    if not is_available("cifar10"):
        return []
    sets = [load("cifar10", split, limit=limit) for split, limit in (("train", TRAIN), ("test", NORMALS))]
    sets += [load(name, "test", size=32) for name in OOD_DATASETS if is_available(name)]
    weights = [load_pretrained(name) for name in (CIFAR, IMAGENET_MODEL)]
    return [
        *({"subset": images.description, "sha256": images.sha256} for images in sets),
        *({"subset": f"weights {model.file.name}", "sha256": model.sha256} for model in weights),
    ]
