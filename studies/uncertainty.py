"""Gradients as uncertainty, fairly: scores apart from detectors, own families beside unseen, norms beside scores and features.

Three sign networks, a twin of theirs trained with a sigmoid, and a published CIFAR-10 network look at novel pictures, textures,
bad weather and attacks. What each picture shows is read once; every table below is made of that.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from studies import _families as f
from studies._answers import grams, open_sets, trusted
from studies._detectors import HIDDEN, between_attacks, detectors, from_one_blur
from studies._families import CONTROL, NORMAL, Learned, Seen, rounded, source
from studies.real_explanations import samples
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import NOVEL, SIGNS, available, challenge, load, render
from tutorial_lib.measures import accuracy, auroc
from tutorial_lib.networks import SignClassifier, pretrained, train
from tutorial_lib.networks import load as network_of

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
TWIN, CIFAR, LARGE = "signs, sigmoid", "cifar10/resnet20", "imagenet/squeezenet1_1"
STRANGERS = {"gtsrb": "strangers", "mnist": "strangers", "dtd": "textures"}
NORMALS, TRAIN, ATTACKED, FAR = 1_000, 1_000, 300, 240
EACH = {SIGN_NETWORKS[0]: 60, CIFAR: 60}  # pictures of a challenge at a level; elsewhere half as many
MILD = ("gaussian blur", 1)
TWIN_PICTURES, TWIN_EPOCHS = 5_000, 6
OPEN_PICTURES, OPEN_EPOCHS, PLAYING = 3_500, 5, 4
SMALL = {"NORMALS": 56, "TRAIN": 56, "ATTACKED": 20, "FAR": 12, "EACH": {SIGN_NETWORKS[0]: 8, CIFAR: 8}}
SMALL |= {"TWIN_PICTURES": 700, "TWIN_EPOCHS": 3, "OPEN_PICTURES": 700, "OPEN_EPOCHS": 3}
SMALL |= {"_families.NOVEL": NOVEL[:2], "_families.CHALLENGES": ("noise", "haze"), "_detectors.SEEDS": 1}


def scored(network: str, normal: Seen, sets: list[Seen], learned: Learned) -> list[dict]:
    """AUROC of every unsupervised score on every set; of weather, for some networks, at every level too."""
    usual, rows = f.unsupervised(normal, learned), []
    for seen in sets:
        levels = [0, *seen.level.unique().tolist()] if seen.family == "weather" and network in EACH else [0]
        for level in levels:
            part = seen.rows(seen.level == level) if level else seen
            found = f.unsupervised(part, learned)
            row = {"kind": "score", "network": network, "set": seen.name, "family": seen.family, "level": level}
            row |= {"normal": len(normal.z), "abnormal": len(part.z)}
            rows.append(row | rounded({name: auroc(usual[name], score) for name, score in found.items()}))
    return rows


def grouped(sets: list[Seen]) -> dict[str, list[Seen]]:
    """Families, and besides each set of real pictures and each kind of attack by itself."""
    families = {family: [s for s in sets if s.family == family] for family in dict.fromkeys(s.family for s in sets)}
    return families | {s.name: [s] for s in sets if s.name in STRANGERS or s.family == "attacks"}


def by_layer(network: str, model: nn.Module, normal: Seen, sets: list[Seen]) -> list[dict]:
    """The signed AUROC of every layer's norm, a column for each group of sets."""
    owners = [name.rpartition(".")[0] for name in g.layer_names(model, by="tensor")]
    layers = g.layer_names(model)
    place = torch.tensor([[owner == layer for owner in owners] for layer in layers]).double()
    rows = []
    for label in ("ones", "uniform"):
        of_layers = lambda seen: getattr(seen, label).double().square() @ place.T
        found = {
            name: u.signed_auroc(of_layers(normal), of_layers(pooled(group))) for name, group in grouped(sets).items()
        }
        for i, layer in enumerate(layers):
            row = {"kind": "layer", "network": network, "label": label, "layer": layer, "place": i}
            rows.append(row | rounded({name: areas[i] for name, areas in found.items()}))
    return rows


def raw(network: str, normal: Seen, sets: list[Seen]) -> list[dict]:
    """The sum of all squared norms as a score, and what it is made of: δ, h, and the logits behind δ."""

    def parts(seen: Seen) -> dict[str, Tensor]:
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
    for name, group in {NORMAL: [normal], **grouped(sets)}.items():
        seen = pooled(group)
        found = parts(seen)
        row = {"kind": "raw", "network": network, "set": name, "family": seen.family, "count": len(seen.z)}
        row |= {f"auroc of {name}": auroc(usual[name], value) for name, value in found.items() if "logit" not in name}
        row |= {f"median {name}": value.median() for name, value in found.items()}
        rows.append({k: float(f"{float(v):.4g}") if isinstance(v, float | Tensor) else v for k, v in row.items()})
    return rows


def in_unit(seen: Seen, learned: Learned, taught: Seen, name: str) -> Tensor:
    """What a detector reads, logged, in the unit of a network's own training pictures, so that two networks compare."""
    (values, log), (usual, _) = (f.readable(s, learned)[name] for s in (seen, taught))
    values, usual = (f.logged(v) if log else v.double() for v in (values, usual))
    return (values - usual.mean(0)) / usual.std(0).clamp(min=1e-9)


def played(learned: Learned, taught: Seen, seed: int, device) -> dict:
    """Detectors from classes that play the unknown, seen by a network of the other classes; as they are, and in its own unit."""
    stay, play = u.pseudo_unknown(len(SIGNS), PLAYING, generator=source(seed))
    names = torch.cat([stay, play])
    shown = stay[torch.arange(OPEN_PICTURES) % len(stay)]
    model = seeded(lambda: SignClassifier(len(stay)), seed).to(device)
    images = render(shown, generator=source(3_000 + seed), device=device)
    place = torch.full((len(SIGNS),), -1).scatter(0, stay, torch.arange(len(stay)))
    train(model, images, place[shown], epochs=OPEN_EPOCHS, step=6e-3, generator=source(seed), progress=False)
    asked = names[torch.arange(1_400) % len(names)]
    inside = torch.isin(asked, stay)
    seen = f.read(
        model, f.made("pseudo", "pseudo", render(asked, generator=source(4_000 + seed), device=device), place[asked])
    )
    own_taught = f.read(model, f.made("train", NORMAL, images[:TRAIN], place[shown][:TRAIN]))
    own = f.learn(own_taught)
    detected = {}
    for name, (values, log) in f.readable(seen, own).items():
        if name == "features":
            continue  # those of another network mean something else
        for title, hidden in ((name, ()), (f"{name}, hidden layers", HIDDEN)):
            fit = u.PurviewDetector(hidden, log=log).fit(values[inside], values[~inside], generator=source(seed))
            detected[title] = lambda s, fit=fit, name=name: fit.score(f.readable(s, learned)[name][0])
        unit = in_unit(seen, own, own_taught, name)
        fit = u.PurviewDetector(log=False).fit(unit[inside], unit[~inside])
        detected[f"{name}, in own unit"] = lambda s, fit=fit, name=name: fit.score(in_unit(s, learned, taught, name))
    return detected


def seeded(build, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def twin(seed: int, device) -> nn.Module:
    """A sign network whose classes were learned each by itself, with a sigmoid, as the confounding label's loss asks."""
    labels = torch.arange(TWIN_PICTURES) % len(SIGNS)
    images = render(labels, generator=source(5_000 + seed), device=device)
    model = seeded(SignClassifier, seed).to(device)
    loss = lambda z, y: len(SIGNS) * binary_cross_entropy_with_logits(z, one_hot(y, len(SIGNS)).to(z))
    train(model, images, labels, loss=loss, epochs=TWIN_EPOCHS, step=6e-3, generator=source(seed), progress=False)
    return model


def looked(network: str, model: nn.Module, seed: int, device, **how) -> tuple[Seen, Seen, Seen, list[Seen]]:
    """(training pictures, normal ones, the same under one mild blur, all sets) as this network sees them."""
    world = "cifar10" if network == CIFAR else "signs"
    images, labels = load(world, "test", limit=NORMALS, device=device)
    own = f.made(NORMAL, NORMAL, images, labels, torch.arange(len(images)))
    pictures, answers = load(world, "train", limit=TRAIN, device=device)
    learned = f.read(model, f.made("train", NORMAL, pictures, answers), **how)
    normal = f.read(model, own, **how)
    blurred = f.read(model, own._replace(images=challenge(images, *MILD, generator=source(seed))), **how)
    sets = []

    def sources():
        yield from f.novel(device) if world == "signs" else ()
        yield from f.far(STRANGERS, images.shape[-1], FAR, device, seed)
        yield from f.weather(images, labels, seed, EACH.get(network, max(EACH.values()) // 2))
        yield from f.attacked(model, images, labels, seed, ATTACKED)

    for found in sources():
        sets.append(f.read(model, found, **how))
    return learned, normal, blurred, sets


def of_network(network: str, model: nn.Module, seed: int, device, **how) -> tuple[list[dict], tuple]:
    taught, normal, blurred, sets = looked(network, model, seed, device, **how)
    learned = f.learn(taught)
    right = {"kind": "network", "network": network, "right": accuracy(normal.z, normal.labels), "normal": len(normal.z)}
    attempted = next(len(s.z) for s in sets if s.family == CONTROL)
    right |= {f"fooled by {s.name}": len(s.z) / attempted for s in sets if s.family == "attacks"}
    rows = [
        rounded(right | {"attacked": attempted, "layers": len(g.layer_names(model)), "tensors": normal.ones.shape[1]})
    ]
    rows += scored(network, normal, sets, learned) + by_layer(network, model, normal, sets) + raw(network, normal, sets)
    rows += detectors(network, normal, sets, learned, seed, deep=network in EACH)
    rows += between_attacks(network, normal, sets, learned, seed) + from_one_blur(
        network, normal, blurred, sets, learned, seed
    )
    return rows, (learned, taught, normal, sets)


def pooled(sets: list[Seen], keep=lambda s: slice(None)) -> Seen:
    """Several sets as one; of each what ``keep`` says."""
    parts = [s.rows(keep(s)) for s in sets]
    passes = {k: torch.cat([p.passes[k] for p in parts]) for k in parts[0].passes}
    columns = {
        c: torch.cat([getattr(p, c) for p in parts])
        for c in ("labels", "picture", "level", "z", "h", "ones", "uniform")
    }
    return sets[0]._replace(passes=passes, **columns)


def challenged(images: Tensor, labels: Tensor, seed: int, each: int) -> tuple[Tensor, Tensor]:
    """The pictures of level 3 as :func:`studies._families.weather` makes them."""
    sets = [s for s in f.weather(images, labels, seed, each)]
    return tuple(torch.cat([getattr(s, c)[s.level == 3] for s in sets]) for c in ("images", "labels"))


def right_or_wrong(
    network: str, model: nn.Module, normal: Seen, sets: list[Seen], seed: int, device, deep: bool
) -> list[dict]:
    """On fair pictures and on those of level 3; ``deep``: with the change of all layers, on as many."""
    hard = pooled([s for s in sets if s.family == "weather"], lambda s: s.level == 3)
    K = (None, None)
    if deep:
        images, labels = load("cifar10" if network == CIFAR else "signs", "test", limit=NORMALS, device=device)
        K = grams(model, images), grams(model, challenged(images, labels, seed, EACH[network])[0])
    rows = trusted(network, "fair", normal.z, normal.labels, normal.h, K[0])
    return rows + trusted(network, "level 3", hard.z, hard.labels, hard.h, K[1])


def parts() -> list[str]:
    return [*SIGN_NETWORKS, TWIN, *([CIFAR, LARGE] if available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == TWIN:
        return of_network(part, twin(seed, device), seed, device)[0]
    if part == LARGE:
        photographs, labels = samples(device)
        z = g.outputs(pretrained(part, device), photographs, chunk=8).cpu() if len(photographs) else None
        return [] if z is None else trusted(part, "photographs", z, labels.cpu())
    if part == CIFAR:
        model, more = pretrained(part, device), {}
    else:
        model, more = network_of(part, device), {}
        if part == SIGN_NETWORKS[0]:
            others = tuple(network_of(name, device) for name in SIGN_NETWORKS[1:])
            more = {"others": others, "autoencoder": network_of("signs/autoencoder", device)}
    rows, (learned, taught, normal, sets) = of_network(part, model, seed, device, **more)
    rows += right_or_wrong(part, model, normal, sets, seed, device, deep=part in EACH)
    unknown = pooled([s for s in sets if s.name in (STRANGERS if part == CIFAR else NOVEL)])
    play = {} if part == CIFAR else played(learned, taught, seed + SIGN_NETWORKS.index(part), device)
    return rows + open_sets(part, normal, unknown, learned, play)


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if not available("cifar10"):
        return []
    sets = [load("cifar10", split, limit=limit) for split, limit in (("train", TRAIN), ("test", NORMALS))]
    sets += [load(world, "test", size=32) for world in STRANGERS if available(world)]
    weights = [pretrained(name) for name in (CIFAR, LARGE)]
    return [
        *({"subset": pictures.subset, "sha256": pictures.sha256} for pictures in sets),
        *({"subset": f"weights {model.file.name}", "sha256": model.sha256} for model in weights),
    ]
