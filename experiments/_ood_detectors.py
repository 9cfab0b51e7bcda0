"""Detectors trained on abnormal images: of the tested kind, of other kinds only, of one attack, or of one mild blur."""

from statistics import mean

import torch
from torch import Tensor

from experiments import _image_groups as f
from experiments._image_groups import CONTROL, FittedStatistics, GroupFeatures, make_generator, round_values
from tutorial_lib import uncertainty as u
from tutorial_lib.data import SEVERITIES
from tutorial_lib.metrics import auroc

SEEDS = 3
TRAIN_CORRUPTION = 400  # maximum of each family in the training set of a detector for an unseen family
HIDDEN = (40, 20)
# The corruptions on which the published detector of 2019 was tested after training on one mild blur.
TEST_CORRUPTIONS = ("decolorisation", "codec error", "noise", "lens blur", "dirty lens", "rain")


def detector_rows(
    network: str,
    normal: GroupFeatures,
    sets: list[GroupFeatures],
    statistics: FittedStatistics,
    seed: int,
    *,
    deep: bool,
) -> list[dict]:
    """Return the AUROC of detectors trained on the tested kind, and of detectors trained on the other families only.

    The results are averaged over random halves of the images. With ``deep``, they also include detectors with hidden
    layers, and, for one half, detectors trained on every kind but the tested one, including kinds of the same family.
    """
    pool = [normal, *(s for s in sets if s.family != CONTROL)]
    kinds = torch.cat([torch.full((len(s.z),), i) for i, s in enumerate(pool)])
    names = list(dict.fromkeys(s.family for s in pool))
    family = torch.cat([torch.full((len(s.z),), names.index(s.family)) for s in pool])
    image = torch.cat([s.image_ids for s in pool])
    inputs = [f.detector_inputs(s, statistics) for s in pool]
    feature_sets = {name: (torch.cat([p[name][0] for p in inputs]), log, ()) for name, (_, log) in inputs[0].items()}
    if deep:
        feature_sets["norms, ones, hidden layers"] = (*feature_sets["norms, ones"][:2], HIDDEN)
    aurocs: dict[tuple, list[float]] = {}
    counts: dict[int, tuple[int, int]] = {}
    for i in range(seed, seed + SEEDS):
        splits = {
            "own": u.within_group_splits(kinds, image, generator=make_generator(i)),
            "other families": u.leave_one_group_out(family, image, generator=make_generator(i)),
        }
        if deep and i == seed:
            splits["other kinds"] = u.leave_one_group_out(kinds, image, generator=make_generator(i))
        for feature_set, (values, log, layers) in feature_sets.items():
            if layers and i > seed:
                continue  # once, because these take as long as all others together
            for protocol, each in splits.items():
                for split in each if not layers or protocol != "other kinds" else ():
                    train = (
                        split.train if protocol == "own" else balanced_subset(split.train, family, make_generator(i))
                    )
                    detector = u.PurviewDetector(layers, log=log)
                    normal_rows, abnormal_rows = train[kinds[train] == 0], train[kinds[train] != 0]
                    score = detector.fit(values[normal_rows], values[abnormal_rows], generator=make_generator(i)).score(
                        values[split.test]
                    )
                    test_kinds = kinds[split.test]
                    for k in test_kinds.unique().tolist()[1:]:
                        aurocs.setdefault((protocol, k, feature_set), []).append(
                            auroc(score[test_kinds == 0], score[test_kinds == k])
                        )
                        counts[k] = (int((test_kinds == 0).sum()), int((test_kinds == k).sum()))
    rows = {}
    for (protocol, k, feature_set), areas in aurocs.items():
        row = {
            "kind": "detector",
            "network": network,
            "trained": protocol,
            "set": pool[k].name,
            "family": pool[k].family,
        }
        row |= {"normal": counts[k][0], "abnormal": counts[k][1], "seeds": 1 if protocol == "other kinds" else SEEDS}
        # The range over the seeds.
        ranges = {f"{feature_set}, range": max(areas) - min(areas)} if len(areas) > 1 else {}
        rows.setdefault((protocol, k), row).update(round_values({feature_set: mean(areas)} | ranges))
    return list(rows.values())


def balanced_subset(rows: Tensor, family: Tensor, generator: torch.Generator) -> Tensor:
    """Return all normal rows and at most ``TRAIN_CORRUPTION`` of each abnormal family."""
    selected = []
    for k in family[rows].unique().tolist():
        own = rows[family[rows] == k]
        selected.append(own[torch.randperm(len(own), generator=generator)[: TRAIN_CORRUPTION if k else None]])
    return torch.cat(selected)


def split_halves(normal: GroupFeatures, features: GroupFeatures, i: int) -> tuple[Tensor, Tensor]:
    """Return the training masks of both groups, split by image."""
    train = u.group_train_mask(torch.cat([normal.image_ids, features.image_ids]), generator=make_generator(i))
    return train[: len(normal.z)], train[len(normal.z) :]


def attack_transfer_rows(
    network: str, normal: GroupFeatures, sets: list[GroupFeatures], statistics: FittedStatistics, seed: int
) -> list[dict]:
    """Return the AUROC of detectors trained on one attack, or on noise of the same size, and tested on another."""
    attacks = [s for s in sets if s.family in ("attacks", CONTROL)]
    normal_inputs, rows = f.detector_inputs(normal, statistics), []
    inputs = {s.name: f.detector_inputs(s, statistics) for s in attacks}
    for feature_set, (values, log) in normal_inputs.items():
        for a in attacks:
            areas: dict[str, list[float]] = {}
            for i in range(seed, seed + SEEDS):
                # The image numbers of all three groups agree, so that one split applies to all.
                is_train = {
                    int(p): bool(v)
                    for p, v in zip(normal.image_ids, u.group_train_mask(normal.image_ids, generator=make_generator(i)))
                }
                train_mask = lambda s: torch.tensor([is_train[int(p)] for p in s.image_ids])
                detector = u.PurviewDetector(log=log).fit(
                    values[train_mask(normal)], inputs[a.name][feature_set][0][train_mask(a)]
                )
                usual_scores = detector.score(values[~train_mask(normal)])
                for b in attacks:
                    areas.setdefault(b.name, []).append(
                        auroc(usual_scores, detector.score(inputs[b.name][feature_set][0][~train_mask(b)]))
                    )
            row = {"kind": "attack transfer", "network": network, "input": feature_set, "trained on": a.name}
            rows.append(row | round_values({name: mean(values_of) for name, values_of in areas.items()}))
    return rows


def blur_transfer_rows(
    network: str,
    normal: GroupFeatures,
    blurred: GroupFeatures,
    sets: list[GroupFeatures],
    statistics: FittedStatistics,
    seed: int,
) -> list[dict]:
    """Return the results of the 2019 experiment: train on one mild blur, test on all corruptions and severities."""
    feature_sets = {name: (log, ()) for name, (_, log) in f.detector_inputs(normal, statistics).items()}
    feature_sets |= {name: (False, HIDDEN) for name in ("decoder", "code") if name in normal.passes}
    value = lambda features, name: (
        features.passes[name] if name in features.passes else f.detector_inputs(features, statistics)[name][0]
    )
    rows = []
    for feature_set, (log, hidden) in feature_sets.items():
        clean, mild = value(normal, feature_set), value(blurred, feature_set)
        tested = {s.name: (s, value(s, feature_set)) for s in sets if s.family == "corruptions"}
        aurocs, accuracies = {}, {}
        for i in range(seed, seed + SEEDS):
            train = u.group_train_mask(normal.image_ids, generator=make_generator(i))
            train_ids = {int(p) for p in normal.image_ids[train]}
            detector = u.PurviewDetector(hidden, log=log).fit(clean[train], mild[train], generator=make_generator(i))
            normal_scores = detector.score(clean[~train])
            for name, (features, values) in tested.items():
                score = detector.score(values)
                is_test = torch.tensor([int(p) not in train_ids for p in features.image_ids])
                for level in SEVERITIES:
                    scores = score[is_test & (features.level == level)]
                    aurocs.setdefault((name, level), []).append(auroc(normal_scores, scores))
                    accuracy = ((normal_scores <= 0).double().mean() + (scores > 0).double().mean()) / 2
                    accuracies.setdefault((name, level), []).append(accuracy.item())
        for name in tested:
            row = {
                "kind": "mild blur",
                "network": network,
                "input": feature_set,
                "set": name,
                "in the 2019 paper": name in TEST_CORRUPTIONS,
            }
            row |= {
                title: mean(mean(scores[name, v]) for v in SEVERITIES)
                for title, scores in (("accuracy", accuracies), ("auroc", aurocs))
            }
            rows.append(round_values(row | {f"auroc {level}": mean(aurocs[name, level]) for level in SEVERITIES}))
    return rows
