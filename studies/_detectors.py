"""Detectors that were shown abnormal pictures: of their own kind, of other kinds only, of one attack, of one mild blur."""

from statistics import mean

import torch
from torch import Tensor

from studies import _families as f
from studies._families import CONTROL, Learned, Seen, rounded, source
from tutorial_lib import uncertainty as u
from tutorial_lib.data import LEVELS
from tutorial_lib.measures import auroc

SEEDS = 3
SHOWN = 400  # of each family that a detector for an unseen one learns from
HIDDEN = (40, 20)
# What the detector of 2019 was asked about, having learned one mild blur.
ASKED = ("decolorisation", "codec error", "noise", "lens blur", "dirty lens", "rain")


def detectors(network: str, normal: Seen, sets: list[Seen], learned: Learned, seed: int, *, deep: bool) -> list[dict]:
    """Trained on the kind they are tested on; and on every family but its own. Averaged over ways to halve the pictures.

    ``deep``: once, also with hidden layers, and trained on every kind but the one tested, its relatives included.
    """
    pool = [normal, *(s for s in sets if s.family != CONTROL)]
    kinds = torch.cat([torch.full((len(s.z),), i) for i, s in enumerate(pool)])
    names = list(dict.fromkeys(s.family for s in pool))
    family = torch.cat([torch.full((len(s.z),), names.index(s.family)) for s in pool])
    picture = torch.cat([s.picture for s in pool])
    pieces = [f.readable(s, learned) for s in pool]
    readings = {name: (torch.cat([p[name][0] for p in pieces]), log, ()) for name, (_, log) in pieces[0].items()}
    if deep:
        readings["norms, ones, hidden layers"] = (*readings["norms, ones"][:2], HIDDEN)
    found: dict[tuple, list[float]] = {}
    counts: dict[int, tuple[int, int]] = {}
    for i in range(seed, seed + SEEDS):
        folds = {
            "own": u.own_family(kinds, picture, generator=source(i)),
            "other families": u.leave_one_family_out(family, picture, generator=source(i)),
        }
        if deep and i == seed:
            folds["other kinds"] = u.leave_one_family_out(kinds, picture, generator=source(i))
        for reading, (values, log, layers) in readings.items():
            if layers and i > seed:
                continue  # once; it takes as long as all the others
            for trained, each in folds.items():
                for fold in each if not layers or trained != "other kinds" else ():
                    learns = fold.train if trained == "own" else evenly(fold.train, family, source(i))
                    fit = u.PurviewDetector(layers, log=log)
                    usual, shown = learns[kinds[learns] == 0], learns[kinds[learns] != 0]
                    score = fit.fit(values[usual], values[shown], generator=source(i)).score(values[fold.test])
                    asked = kinds[fold.test]
                    for k in asked.unique().tolist()[1:]:
                        found.setdefault((trained, k, reading), []).append(auroc(score[asked == 0], score[asked == k]))
                        counts[k] = (int((asked == 0).sum()), int((asked == k).sum()))
    rows = {}
    for (trained, k, reading), areas in found.items():
        row = {
            "kind": "detector",
            "network": network,
            "trained": trained,
            "set": pool[k].name,
            "family": pool[k].family,
        }
        row |= {"normal": counts[k][0], "abnormal": counts[k][1], "seeds": 1 if trained == "other kinds" else SEEDS}
        # The range: from the lowest to the highest of the seeds.
        several = {f"{reading}, range": max(areas) - min(areas)} if len(areas) > 1 else {}
        rows.setdefault((trained, k), row).update(rounded({reading: mean(areas)} | several))
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
                side = {
                    int(p): bool(v)
                    for p, v in zip(normal.picture, u.learning_half(normal.picture, generator=source(i)))
                }
                learns = lambda s: torch.tensor([side[int(p)] for p in s.picture])
                fit = u.PurviewDetector(log=log).fit(values[learns(normal)], pieces[a.name][reading][0][learns(a)])
                usual_scores = fit.score(values[~learns(normal)])
                for b in tried:
                    areas.setdefault(b.name, []).append(
                        auroc(usual_scores, fit.score(pieces[b.name][reading][0][~learns(b)]))
                    )
            row = {"kind": "attack transfer", "network": network, "reads": reading, "trained on": a.name}
            rows.append(row | rounded({name: mean(found) for name, found in areas.items()}))
    return rows


def from_one_blur(
    network: str, normal: Seen, blurred: Seen, sets: list[Seen], learned: Learned, seed: int
) -> list[dict]:
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
                    share = ((usual <= 0).double().mean() + (found > 0).double().mean()) / 2
                    right.setdefault((name, level), []).append(share.item())
        for name in asked:
            row = {
                "kind": "one blur",
                "network": network,
                "reads": reading,
                "set": name,
                "asked in 2019": name in ASKED,
            }
            row |= {
                title: mean(mean(found[name, v]) for v in LEVELS)
                for title, found in (("accuracy", right), ("auroc", areas))
            }
            rows.append(rounded(row | {f"auroc {level}": mean(areas[name, level]) for level in LEVELS}))
    return rows
