"""Gradients as uncertainty, fairly: scores apart from detectors, own families beside unseen ones, norms beside scores and features.

Three sign networks, a twin of theirs trained with a sigmoid, and a published CIFAR-10 network look at novel pictures, textures,
bad weather and attacks. What each picture shows is read once; every table below is made of that.
"""

import time
from statistics import mean

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from studies import _families as f
from studies._families import CONTROL, NORMAL, Learned, Seen, source
from studies.real_explanations import samples
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import CHALLENGES, LEVELS, NOVEL, SIGNS, available, challenge, load, render
from tutorial_lib.measures import accuracy, auroc, bootstrap_interval, macro_f1, risk_coverage
from tutorial_lib.networks import SignClassifier, pretrained, train
from tutorial_lib.networks import load as network_of

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
TWIN, CIFAR, LARGE = "signs, sigmoid", "cifar10/resnet20", "imagenet/squeezenet1_1"
STRANGERS = {"gtsrb": "strangers", "mnist": "strangers", "dtd": "textures"}
SEEDS = 3
NORMALS, TRAIN, ATTACKED, FAR = 1_000, 1_000, 300, 240
EACH = {SIGN_NETWORKS[0]: 60, CIFAR: 60}  # pictures of a challenge at a level; elsewhere half as many
SHOWN = 400  # of each family that a detector for an unseen one learns from
HIDDEN = (40, 20)
MILD, ASKED = ("gaussian blur", 1), ("decolorisation", "codec error", "noise", "lens blur", "dirty lens", "rain")
TWIN_PICTURES, TWIN_EPOCHS = 5_000, 6
OPEN_PICTURES, OPEN_EPOCHS, PLAYING = 3_500, 5, 4
PASS, PUBLISHED = 0.95, 0.95


def said(*words) -> None:
    print(f"[{time.process_time():6.0f} s]", *words, flush=True)


def rounded(values: dict) -> dict:
    return {k: round(float(v), 3) if isinstance(v, float | Tensor) else v for k, v in values.items()}


# Scores that have seen no abnormal picture


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
    """Families, and besides each kind of attack, texture and stranger by itself."""
    families = {family: [s for s in sets if s.family == family] for family in dict.fromkeys(s.family for s in sets)}
    return families | {s.name: [s] for s in sets if s.family not in ("weather", "novel", CONTROL)}


def by_layer(network: str, model: nn.Module, normal: Seen, sets: list[Seen]) -> list[dict]:
    """The signed AUROC of every layer's norm, a column for each group of sets."""
    owners = [name.rpartition(".")[0] for name in g.layer_names(model, by="tensor")]
    layers = g.layer_names(model)
    place = torch.tensor([[owner == layer for owner in owners] for layer in layers]).double()
    rows = []
    for label in ("ones", "uniform"):
        of_layers = lambda seen: getattr(seen, label).double().square() @ place.T
        found = {name: u.signed_auroc(of_layers(normal), of_layers(pooled(group))) for name, group in grouped(sets).items()}
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


# Detectors, which were shown abnormal pictures


def detectors(network: str, normal: Seen, sets: list[Seen], learned: Learned, seed: int, *, hidden: bool) -> list[dict]:
    """Trained on the kind they are tested on; and on every other family but its own. Averaged over ways to halve the pictures."""
    shown = [s for s in sets if s.family != CONTROL]
    pool = [normal, *shown]
    kinds = torch.cat([torch.full((len(s.z),), i) for i, s in enumerate(pool)])
    names = list(dict.fromkeys(s.family for s in pool))
    family = torch.cat([torch.full((len(s.z),), names.index(s.family)) for s in pool])
    picture = torch.cat([s.picture for s in pool])
    pieces = [f.readable(s, learned) for s in pool]
    readings = {name: (torch.cat([p[name][0] for p in pieces]), log, ()) for name, (_, log) in pieces[0].items()}
    if hidden:
        readings["norms, ones, hidden layers"] = (*readings["norms, ones"][:2], HIDDEN)
    found: dict[tuple, list[float]] = {}
    counts: dict[int, tuple[int, int]] = {}
    for i in range(seed, seed + SEEDS):
        own = u.own_family(kinds, picture, generator=source(i))
        unseen = u.leave_one_family_out(family, picture, generator=source(i))
        for reading, (values, log, layers) in readings.items():
            if layers and i > seed:
                continue  # once; it takes as long as all the others

            def reached(train: Tensor, test: Tensor, k: int) -> float:
                fit = u.PurviewDetector(layers, log=log)
                fit.fit(values[train[kinds[train] == 0]], values[train[kinds[train] != 0]], generator=source(i))
                score = fit.score(values[test])
                return auroc(score[kinds[test] == 0], score[kinds[test] == k])

            for fold in own:
                found.setdefault((reading, "own", fold.family), []).append(reached(fold.train, fold.test, fold.family))
                counts[fold.family] = (int((kinds[fold.test] == 0).sum()), int((kinds[fold.test] != 0).sum()))
            for fold in unseen:
                few = evenly(fold.train, family, source(i))
                for k in kinds[fold.test].unique().tolist():
                    if k:
                        found.setdefault((reading, "unseen", k), []).append(reached(few, fold.test, k))
    rows = {}
    for (reading, trained, k), areas in found.items():
        row = {"kind": "detector", "network": network, "trained": trained, "set": pool[k].name, "family": pool[k].family}
        row = rows.setdefault((trained, k), row | {"normal": counts[k][0], "abnormal": counts[k][1], "seeds": SEEDS})
        # From the lowest to the highest of the seeds; nothing, where there was only one.
        row.update(rounded({reading: mean(areas), f"{reading}, range": max(areas) - min(areas)}))
    return list(rows.values())


def evenly(rows: Tensor, family: Tensor, generator: torch.Generator) -> Tensor:
    """At most so many of each abnormal family, so that the largest does not drown the others; all that are normal."""
    kept = []
    for k in family[rows].unique().tolist():
        own = rows[family[rows] == k]
        kept.append(own[torch.randperm(len(own), generator=generator)[: SHOWN if k else None]])
    return torch.cat(kept)


def halves(normal: Seen, seen: Seen, i: int) -> tuple[Tensor, Tensor]:
    """Which of both are for learning, by picture."""
    both = u.learning_half(torch.cat([normal.picture, seen.picture]), generator=source(i))
    return both[: len(normal.z)], both[len(normal.z) :]


def between_attacks(network: str, normal: Seen, sets: list[Seen], learned: Learned, seed: int) -> list[dict]:
    """Trained on one attack, or on noise as large; tested on another."""
    tried = [s for s in sets if s.family in ("attacks", CONTROL)]
    usual, rows = f.readable(normal, learned), []
    pieces = {s.name: f.readable(s, learned) for s in tried}
    for reading, (values, log) in usual.items():
        for a in tried:
            areas: dict[str, list[float]] = {}
            for i in range(seed, seed + SEEDS):
                # Pictures number the same for all three, so that one halving serves all.
                side = {int(p): bool(v) for p, v in zip(normal.picture, u.learning_half(normal.picture, generator=source(i)))}
                learns = lambda s: torch.tensor([side[int(p)] for p in s.picture])
                fit = u.PurviewDetector(log=log).fit(values[learns(normal)], pieces[a.name][reading][0][learns(a)])
                usual_scores = fit.score(values[~learns(normal)])
                for b in tried:
                    areas.setdefault(b.name, []).append(auroc(usual_scores, fit.score(pieces[b.name][reading][0][~learns(b)])))
            row = {"kind": "attack transfer", "network": network, "reads": reading, "trained on": a.name}
            rows.append(row | rounded({name: mean(found) for name, found in areas.items()}))
    return rows


def from_one_blur(network: str, normal: Seen, blurred: Seen, sets: list[Seen], learned: Learned, seed: int) -> list[dict]:
    """The transfer of 2019: learn clean against one mild blur; tell all other challenges, at every level, from clean."""
    readings = {name: (log, ()) for name, (_, log) in f.readable(normal, learned).items()}
    readings |= {name: (False, HIDDEN) for name in ("decoder", "code") if name in normal.passes}
    value = lambda seen, name: seen.passes[name] if name in seen.passes else f.readable(seen, learned)[name][0]
    rows = []
    for reading, (log, hidden) in readings.items():
        clean, mild = value(normal, reading), value(blurred, reading)
        asked = {s.name: (s, value(s, reading)) for s in sets if s.family == "weather"}
        areas, right = {}, {}
        for i in range(seed, seed + SEEDS):
            side = u.learning_half(normal.picture, generator=source(i))
            learns = {int(p) for p in normal.picture[side]}
            fit = u.PurviewDetector(hidden, log=log).fit(clean[side], mild[side], generator=source(i))
            usual = fit.score(clean[~side])
            for name, (seen, values) in asked.items():
                score = fit.score(values)
                tested = torch.tensor([int(p) not in learns for p in seen.picture])
                for level in LEVELS:
                    found = score[tested & (seen.level == level)]
                    areas.setdefault((name, level), []).append(auroc(usual, found))
                    right.setdefault((name, level), []).append(((usual <= 0).double().mean() + (found > 0).double().mean()).item() / 2)
        for name in asked:
            row = {"kind": "one blur", "network": network, "reads": reading, "set": name, "asked in 2019": name in ASKED}
            row |= {"accuracy": mean(mean(right[name, level]) for level in LEVELS), "auroc": mean(mean(areas[name, level]) for level in LEVELS)}
            rows.append(rounded(row | {f"auroc {level}": mean(areas[name, level]) for level in LEVELS}))
    return rows


# Right against wrong


def trusts(z: Tensor, h: Tensor | None, gram: Tensor | None) -> dict[str, Tensor]:
    """What may say that an answer is to be trusted, higher = more."""
    z, some = z.double(), min(5, z.shape[1] - 1)
    found = {
        "max softmax": -u.max_softmax(z),
        "margin": -u.margin(z),
        "entropy": -u.entropy(z),
        "energy": -u.energy(z),
        "largest logit": z.amax(1),
        "GradTrust, demonstration": u.grad_trust(z),
        "GradTrust, 1 rival": u.grad_trust(z, rivals=1),
        f"GradTrust, {some} rivals": u.grad_trust(z, rivals=some),
    }
    if h is not None:
        found["change of the last layer"] = -u.change_norms(z, z.argmax(1, keepdim=True))[:, 0] * h.double().norm(dim=1)
        found["GradNorm"] = -u.grad_norm(z, h.double())
    if gram is not None:
        found["change of all layers"] = -u.change_norms(z, z.argmax(1, keepdim=True), gram.double())[:, 0]
        found["GradTrust, 1 rival, all layers"] = u.grad_trust(z, rivals=1, gram=gram.double())
        found[f"GradTrust, {some} rivals, all layers"] = u.grad_trust(z, rivals=some, gram=gram.double())
    return found


def trusted(network: str, title: str, z: Tensor, labels: Tensor, h: Tensor | None = None, gram: Tensor | None = None) -> list[dict]:
    right = z.argmax(1) == labels
    rows = []
    if right.all():
        return rows
    for name, trust in trusts(z, h, gram).items():
        low, high = bootstrap_interval(auroc, trust[~right], trust[right], paired=False, resamples=300)
        row = {"kind": "trust", "network": network, "pictures": title, "count": len(z), "wrong": int((~right).sum()), "trust": name}
        # The error rate among the half that is trusted most, and on average over all coverages.
        curve = risk_coverage(-trust, right)
        area = {"auroc": auroc(trust[~right], trust[right]), "low": low, "high": high, "risk area": curve.area}
        rows.append(row | rounded(area | {"risk at half": curve.risk[len(z) // 2 - 1], "risk": curve.risk[-1]}))
    return rows


def grams(model: nn.Module, x: Tensor) -> Tensor:
    """K of all layers together, (N, 1, C, C)."""
    return torch.cat([g.gradient_gram(model, part).sum(1, keepdim=True).cpu() for part in x.split(64)])


# Open set


def opened(network: str, how: str, score: str, known: Tensor, labels: Tensor, unknown: Tensor, scores: tuple, threshold: float) -> dict:
    """Name what is known, refuse the rest: one row."""
    classes = known.shape[1]
    answers = torch.cat([u.open_set(z, s, threshold) for z, s in zip((known, unknown), scores, strict=True)])
    truth = torch.cat([labels, torch.full((len(unknown),), classes)])
    row = {"kind": "open set", "network": network, "threshold": how, "score": score, "known": len(known), "unknown": len(unknown)}
    passed = {"known passed": (scores[0] <= threshold).double().mean(), "unknown passed": (scores[1] <= threshold).double().mean()}
    judged = {"accuracy": accuracy(answers, truth), "macro f1": macro_f1(answers, truth, classes + 1), "auroc": auroc(*scores)}
    return row | rounded(judged | passed)


def open_sets(network: str, normal: Seen, unknown: Seen, learned: Learned, detected: dict) -> list[dict]:
    """The threshold lets a share of one half of the normal pictures pass; the other half is tested, beside as many unknown.

    A detector's own threshold, as published, stands beside it.
    """
    half = u.learning_half(normal.picture, generator=source(0))
    held, known = normal.rows(half), normal.rows(~half)
    unknown = unknown.rows(torch.linspace(0, len(unknown.z) - 1, min(len(known.z), len(unknown.z))).long())
    found = {name: tuple(f.unsupervised(s, learned)[name] for s in (held, known, unknown)) for name in f.unsupervised(held, learned)}
    found |= {f"detector, {name}": tuple(score(s) for s in (held, known, unknown)) for name, score in detected.items()}
    rows = [opened(network, "none", "answers all", known.z, known.labels, unknown.z, (torch.zeros(len(known.z)), torch.zeros(len(unknown.z))), 0.0)]
    for name, (normal, a, b) in found.items():
        rows.append(opened(network, f"{PASS:.0%} of normal", name, known.z, known.labels, unknown.z, (a, b), u.threshold_of_normal(normal, PASS)))
        if name.startswith("detector"):
            odds = torch.logit(torch.tensor(PUBLISHED, dtype=torch.float64)).item()
            rows.append(opened(network, "published", name, known.z, known.labels, unknown.z, (a, b), odds))
    return rows


def played(learned: Learned, seed: int, device) -> dict:
    """Detectors from classes that play the unknown: a network of the other classes, its norms and scores, (2-FC) and linear."""
    stay, play = u.pseudo_unknown(len(SIGNS), PLAYING, generator=source(seed))
    names = torch.cat([stay, play])
    shown = stay[torch.arange(OPEN_PICTURES) % len(stay)]
    model = seeded(lambda: SignClassifier(len(stay)), seed).to(device)
    images = render(shown, generator=source(3_000 + seed), device=device)
    place = torch.full((len(SIGNS),), -1).scatter(0, stay, torch.arange(len(stay)))
    train(model, images, place[shown], epochs=OPEN_EPOCHS, step=6e-3, generator=source(seed), progress=False)
    asked = names[torch.arange(1_400) % len(names)]
    look = render(asked, generator=source(4_000 + seed), device=device)
    inside = torch.isin(asked, stay)
    made = f.made("pseudo", "pseudo", look, place[asked])
    seen = f.read(model, made)
    said(f"open set, split {seed}: {accuracy(seen.z[inside], place[asked][inside]):.1%} of the known classes right")
    own = f.learn(f.read(model, f.made("train", NORMAL, images[:TRAIN], place[shown][:TRAIN])))
    detected = {}
    for name, (values, log) in f.readable(seen, own).items():
        for title, hidden in ((name, ()), (f"{name}, hidden layers", HIDDEN)):
            if name != "features":  # those of another network mean something else
                fit = u.PurviewDetector(hidden, log=log).fit(values[inside], values[~inside], generator=source(seed))
                detected[title] = lambda s, fit=fit, name=name: fit.score(f.readable(s, learned)[name][0])
    return detected


# All together


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


def of_network(network: str, model: nn.Module, seed: int, device, *, hidden: bool = False, **how) -> tuple[list[dict], tuple]:
    taught, normal, blurred, sets = looked(network, model, seed, device, **how)
    learned = f.learn(taught)
    right = {"kind": "network", "network": network, "right": accuracy(normal.z, normal.labels), "normal": len(normal.z)}
    attempted = next(len(s.z) for s in sets if s.family == CONTROL)
    right |= {f"fooled by {s.name}": len(s.z) / attempted for s in sets if s.family == "attacks"}
    said(network, "looked at", sum(len(s.z) for s in sets), "pictures;", right)
    rows = [rounded(right | {"attacked": attempted, "layers": len(g.layer_names(model)), "tensors": normal.ones.shape[1]})]
    rows += scored(network, normal, sets, learned) + by_layer(network, model, normal, sets) + raw(network, normal, sets)
    rows += detectors(network, normal, sets, learned, seed, hidden=hidden)
    said(network, "detectors")
    rows += between_attacks(network, normal, sets, learned, seed) + from_one_blur(network, normal, blurred, sets, learned, seed)
    said(network, "transfers")
    return rows, (learned, normal, sets)


def pooled(sets: list[Seen], keep=lambda s: slice(None)) -> Seen:
    """Several sets as one; of each what ``keep`` says."""
    parts = [s.rows(keep(s)) for s in sets]
    passes = {k: torch.cat([p.passes[k] for p in parts]) for k in parts[0].passes}
    columns = {c: torch.cat([getattr(p, c) for p in parts]) for c in ("labels", "picture", "level", "z", "h", "ones", "uniform")}
    return sets[0]._replace(passes=passes, **columns)


def challenged(images: Tensor, labels: Tensor, seed: int, each: int) -> tuple[Tensor, Tensor]:
    """The pictures of level 3 as :func:`studies._families.weather` makes them."""
    sets = [s for s in f.weather(images, labels, seed, each)]
    return tuple(torch.cat([getattr(s, c)[s.level == 3] for s in sets]) for c in ("images", "labels"))


def right_or_wrong(network: str, model: nn.Module, normal: Seen, sets: list[Seen], seed: int, device, *, deep: bool) -> list[dict]:
    """On fair pictures and on those of level 3; ``deep``: with the change of all layers, on as many."""
    weather = pooled([s for s in sets if s.family == "weather"], lambda s: s.level == 3)
    if not deep:
        return trusted(network, "fair", normal.z, normal.labels, normal.h) + trusted(network, "level 3", weather.z, weather.labels, weather.h)
    images, labels = load("cifar10" if network == CIFAR else "signs", "test", limit=NORMALS, device=device)
    K = grams(model, images)
    hard, _ = challenged(images, labels, seed, EACH[network])
    rows = trusted(network, "fair", normal.z, normal.labels, normal.h, K)
    return rows + trusted(network, "level 3", weather.z, weather.labels, weather.h, grams(model, hard))


def run(seed: int = 0, device="cpu") -> list[dict]:
    rows = []
    models = {name: network_of(name, device) for name in SIGN_NETWORKS}
    for i, (network, model) in enumerate(models.items()):
        first = {"others": tuple(models[n] for n in SIGN_NETWORKS[1:]), "autoencoder": network_of("signs/autoencoder", device)} if not i else {}
        found, (learned, normal, sets) = of_network(network, model, seed, device, hidden=not i, **first)
        rows += found + right_or_wrong(network, model, normal, sets, seed, device, deep=not i)
        said(network, "right or wrong")
        unknown = pooled([s for s in sets if s.name in NOVEL])
        rows += open_sets(network, normal, unknown, learned, played(learned, seed + i, device))
    network = TWIN
    rows += of_network(network, twin(seed, device), seed, device)[0]
    if available("cifar10"):
        model = pretrained(CIFAR, device)
        found, (learned, normal, sets) = of_network(CIFAR, model, seed, device, hidden=True)
        rows += found + right_or_wrong(CIFAR, model, normal, sets, seed, device, deep=True)
        unknown = pooled([s for s in sets if s.name in STRANGERS])
        rows += open_sets(CIFAR, normal, unknown, learned, {})
        photographs, labels = samples(device)
        if len(photographs):
            large = pretrained(LARGE, device)
            rows += trusted(LARGE, "photographs", g.outputs(large, photographs, chunk=8).cpu(), labels.cpu())
    said("done")
    return rows


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
