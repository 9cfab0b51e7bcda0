"""Detectors that were shown abnormal pictures: of their own kind, of other kinds only, of one attack, of one mild blur."""

from statistics import mean

import torch
from torch import Tensor

from experiments import _image_groups as f
from experiments._image_groups import CONTROL, FittedStatistics, GroupFeatures, make_generator, round_values
from tutorial_lib import uncertainty as u
from tutorial_lib.data import SEVERITIES
from tutorial_lib.metrics import auroc

SEEDS = 3
TRAIN_CORRUPTION = 400  # of each family that a detector for an unseen one learns from
HIDDEN = (40, 20)
# What the detector of 2019 was asked about, having learned one mild blur.
TEST_CORRUPTIONS = ("decolorisation", "codec error", "noise", "lens blur", "dirty lens", "rain")


def detector_rows(
    network: str, normal: GroupFeatures, sets: list[GroupFeatures], learned: FittedStatistics, seed: int, *, deep: bool
) -> list[dict]:
    """Trained on the kind they are tested on; and on every family but its own. Averaged over ways to halve the pictures.

    ``deep``: once, also with hidden layers, and trained on every kind but the one tested, its relatives included.
    """
    pool = [normal, *(s for s in sets if s.family != CONTROL)]
    kinds = torch.cat([torch.full((len(s.z),), i) for i, s in enumerate(pool)])
    names = list(dict.fromkeys(s.family for s in pool))
    family = torch.cat([torch.full((len(s.z),), names.index(s.family)) for s in pool])
    image = torch.cat([s.image_ids for s in pool])
    pieces = [f.detector_inputs(s, learned) for s in pool]
    readings = {name: (torch.cat([p[name][0] for p in pieces]), log, ()) for name, (_, log) in pieces[0].items()}
    if deep:
        readings["norms, ones, hidden layers"] = (*readings["norms, ones"][:2], HIDDEN)
    found: dict[tuple, list[float]] = {}
    counts: dict[int, tuple[int, int]] = {}
    for i in range(seed, seed + SEEDS):
        folds = {
            "own": u.within_group_splits(kinds, image, generator=make_generator(i)),
            "other families": u.leave_one_group_out(family, image, generator=make_generator(i)),
        }
        if deep and i == seed:
            folds["other kinds"] = u.leave_one_group_out(kinds, image, generator=make_generator(i))
        for reading, (values, log, layers) in readings.items():
            if layers and i > seed:
                continue  # once; it takes as long as all the others
            for trained, each in folds.items():
                for fold in each if not layers or trained != "other kinds" else ():
                    learns = fold.train if trained == "own" else balanced_subset(fold.train, family, make_generator(i))
                    fit = u.PurviewDetector(layers, log=log)
                    usual, shown = learns[kinds[learns] == 0], learns[kinds[learns] != 0]
                    score = fit.fit(values[usual], values[shown], generator=make_generator(i)).score(values[fold.test])
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
        rows.setdefault((trained, k), row).update(round_values({reading: mean(areas)} | several))
    return list(rows.values())


def balanced_subset(rows: Tensor, family: Tensor, generator: torch.Generator) -> Tensor:
    """At most so many of each abnormal family, so that the largest does not drown the others; all that are normal."""
    kept = []
    for k in family[rows].unique().tolist():
        own = rows[family[rows] == k]
        kept.append(own[torch.randperm(len(own), generator=generator)[: TRAIN_CORRUPTION if k else None]])
    return torch.cat(kept)


def split_halves(normal: GroupFeatures, seen: GroupFeatures, i: int) -> tuple[Tensor, Tensor]:
    """Which of both are for learning, by picture."""
    both = u.group_train_mask(torch.cat([normal.image_ids, seen.image_ids]), generator=make_generator(i))
    return both[: len(normal.z)], both[len(normal.z) :]


def attack_transfer_rows(
    network: str, normal: GroupFeatures, sets: list[GroupFeatures], learned: FittedStatistics, seed: int
) -> list[dict]:
    """Trained on one attack, or on noise as large; tested on another."""
    tried = [s for s in sets if s.family in ("attacks", CONTROL)]
    usual, rows = f.detector_inputs(normal, learned), []
    pieces = {s.name: f.detector_inputs(s, learned) for s in tried}
    for reading, (values, log) in usual.items():
        for a in tried:
            areas: dict[str, list[float]] = {}
            for i in range(seed, seed + SEEDS):
                # Pictures number the same for all three, so that one halving serves all.
                side = {
                    int(p): bool(v)
                    for p, v in zip(normal.image_ids, u.group_train_mask(normal.image_ids, generator=make_generator(i)))
                }
                learns = lambda s: torch.tensor([side[int(p)] for p in s.image_ids])
                fit = u.PurviewDetector(log=log).fit(values[learns(normal)], pieces[a.name][reading][0][learns(a)])
                usual_scores = fit.score(values[~learns(normal)])
                for b in tried:
                    areas.setdefault(b.name, []).append(
                        auroc(usual_scores, fit.score(pieces[b.name][reading][0][~learns(b)]))
                    )
            row = {"kind": "attack transfer", "network": network, "reads": reading, "trained on": a.name}
            rows.append(row | round_values({name: mean(found) for name, found in areas.items()}))
    return rows


def blur_transfer_rows(
    network: str,
    normal: GroupFeatures,
    blurred: GroupFeatures,
    sets: list[GroupFeatures],
    learned: FittedStatistics,
    seed: int,
) -> list[dict]:
    """The transfer of 2019: learn clean against one mild blur; tell all other challenges, at every level, from clean."""
    readings = {name: (log, ()) for name, (_, log) in f.detector_inputs(normal, learned).items()}
    readings |= {name: (False, HIDDEN) for name in ("decoder", "code") if name in normal.passes}
    value = lambda seen, name: seen.passes[name] if name in seen.passes else f.detector_inputs(seen, learned)[name][0]
    rows = []
    for reading, (log, hidden) in readings.items():
        clean, mild = value(normal, reading), value(blurred, reading)
        asked = {s.name: (s, value(s, reading)) for s in sets if s.family == "weather"}
        areas, right = {}, {}
        for i in range(seed, seed + SEEDS):
            side = u.group_train_mask(normal.image_ids, generator=make_generator(i))
            learns = {int(p) for p in normal.image_ids[side]}
            fit = u.PurviewDetector(hidden, log=log).fit(clean[side], mild[side], generator=make_generator(i))
            usual = fit.score(clean[~side])
            for name, (seen, values) in asked.items():
                score = fit.score(values)
                tested = torch.tensor([int(p) not in learns for p in seen.image_ids])
                for level in SEVERITIES:
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
                "asked in 2019": name in TEST_CORRUPTIONS,
            }
            row |= {
                title: mean(mean(found[name, v]) for v in SEVERITIES)
                for title, found in (("accuracy", right), ("auroc", areas))
            }
            rows.append(round_values(row | {f"auroc {level}": mean(areas[name, level]) for level in SEVERITIES}))
    return rows
