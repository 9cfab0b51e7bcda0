"""Detectors trained on abnormal images: of the tested type, of its family, of other families, or of one mild blur."""

from collections.abc import Iterator

import torch
from torch import Tensor

from experiments import _image_groups as f
from experiments._image_groups import CONTROL, FittedStatistics, GroupFeatures, make_generator, round_values
from experiments._paired_bootstrap import ImageResamples, interval, weighted_aurocs
from tutorial_lib import uncertainty as u

N_PER_FAMILY = 250  # maximum of each family in the training set
N_SPLITS = 5  # random splits of the images into a training and a test set
HIDDEN = (40, 20)
COMPARISONS = (
    ("gradient norms", "activation norms"),
    ("gradient norms", "features"),
    ("gradient norms", "six scores"),
    ("gradient norms, two-layer network", "activation norms, two-layer network"),
    ("gradient norms, two-layer network", "gradient norms"),
)
MLP_EPOCHS = 60
OWN_TYPE, OWN_FAMILY, OTHER_FAMILIES = "own type", "own family", "other families"
# The inputs of the two-layer network, by training set.
MLP_INPUTS = {OWN_FAMILY: ("gradient norms",), OTHER_FAMILIES: ("gradient norms", "activation norms")}
# The corruptions on which the published detector of 2019 was tested after training on one mild blur.
TEST_CORRUPTIONS = ("decolorization", "codec error", "noise", "lens blur", "dirty lens", "rain")


def detector_inputs(features: GroupFeatures, statistics: FittedStatistics) -> dict[str, tuple[Tensor, bool]]:
    """Return {name: (inputs of a detector, whether to take logarithms)}; only the first needs a backward pass."""
    six_scores = f.logit_scores(features, statistics)
    # The controls get the best known preprocessing: logarithms, as for the norms, except for the energy, which may be
    # negative.
    log_scores = [v if name == "energy" else v.abs().clamp(min=1e-30).log() for name, v in six_scores.items()]
    return {
        "gradient norms": (features.ones, True),
        "activation norms": (features.activations, True),
        "six scores": (torch.stack(log_scores, 1), False),
        "features": (features.h, False),
    }


def detector_rows(
    network: str,
    normal: GroupFeatures,
    sets: list[GroupFeatures],
    statistics: FittedStatistics,
    seed: int,
    deep: bool,
    n_splits: int | None = None,
) -> list[dict]:
    """Return the AUROC of detectors by training set, type of anomaly and input, and the leads of the gradient norms.

    A detector is trained on abnormal images of the tested type, of all types of its family, or of the other families
    only, always on one half of the images, and tested on the other half. Every AUROC is the mean over ``n_splits``
    random splits, by default ``N_SPLITS``. With ``deep``, two-layer networks are trained in addition to the
    logistic regressions.
    """
    pool = [normal, *(s for s in sets if s.family != CONTROL)]
    parts = [detector_inputs(s, statistics) for s in pool]
    inputs = {name: (torch.cat([p[name][0] for p in parts]), log) for name, (_, log) in parts[0].items()}
    resamples = ImageResamples(torch.cat([s.image_ids for s in pool]), make_generator(seed))
    n_splits = n_splits or N_SPLITS
    splits = [aurocs_of_split(pool, inputs, resamples, n_splits * seed + i, deep) for i in range(n_splits)]
    resampled = {
        key: {name: pool_splits([split[key][name] for split in splits]) for name in aurocs}
        for key, aurocs in splits[0].items()
    }
    rows = []
    for (trained, name, group), aurocs in resampled.items():
        row = {"kind": "detector", "network": network, "trained": trained, "set": name, "family": group}
        rows.append(row | round_values({score: values[0] for score, values in aurocs.items()}))
    return rows + task_rows(network, resampled) + lead_rows(network, resampled)


def aurocs_of_split(
    pool: list[GroupFeatures], inputs: dict[str, tuple[Tensor, bool]], resamples: ImageResamples, seed: int, deep: bool
) -> dict[tuple, dict[str, Tensor]]:
    """Return {(training set, type, family): {input: AUROCs}} of one random split, in every resample of the images."""
    types = torch.cat([torch.full((len(s.z),), i) for i, s in enumerate(pool)])
    names = list(dict.fromkeys(s.family for s in pool))
    family = torch.cat([torch.full((len(s.z),), names.index(s.family)) for s in pool])
    image = torch.cat([s.image_ids for s in pool])
    generator = lambda: make_generator(seed)
    splits = {
        OWN_TYPE: u.within_group_splits(types, image, generator=generator()),
        OWN_FAMILY: u.within_group_splits(family, image, generator=generator()),
        OTHER_FAMILIES: u.leave_one_group_out(family, image, generator=generator()),
    }
    resampled: dict[tuple, dict[str, Tensor]] = {}
    for trained, split in [(trained, split) for trained, each in splits.items() for split in each]:
        train = balanced_subset(split.train, family, generator())
        normal_rows, abnormal_rows = train[types[train] == 0], train[types[train] != 0]
        networks = MLP_INPUTS.get(trained, ()) if deep else ()
        for name, hidden in [*((name, ()) for name in inputs), *((name, HIDDEN) for name in networks)]:
            values, log = inputs[name]
            detector = u.PurviewDetector(hidden, log=log, epochs=MLP_EPOCHS)
            detector.fit(values[normal_rows], values[abnormal_rows], generator=generator())
            score = detector.score(values[split.test])
            for k, aurocs in aurocs_by_type(score, split.test, types, image, resamples):
                row = resampled.setdefault((trained, pool[k].name, pool[k].family), {})
                row[f"{name}, two-layer network" if hidden else name] = aurocs
    return resampled


def pool_splits(aurocs: list[Tensor]) -> Tensor:
    """Return the mean of the first entries, the AUROCs of the original images, and the resamples of all splits.

    A percentile interval of the result therefore contains the spread over splits and that over test images.
    """
    stacked = torch.stack(aurocs)
    return torch.cat([stacked[:, 0].mean(0, keepdim=True), stacked[:, 1:].flatten()])


def aurocs_by_type(
    score: Tensor, rows: Tensor, types: Tensor, image: Tensor, resamples: ImageResamples
) -> Iterator[tuple[int, Tensor]]:
    """Yield each type of anomaly among the rows, with the AUROC of the score in every resample of the images."""
    score, weights = score.double(), resamples.weights(image[rows])
    normal = types[rows] == 0
    for k in types[rows].unique().tolist():
        if k:
            at = types[rows] == k
            yield k, weighted_aurocs(score[normal], score[at], (weights[:, normal], weights[:, at]))


def means_by_task(resampled: dict[tuple, dict[str, Tensor]]) -> dict[tuple, dict[str, Tensor]]:
    """Return {(training set, task): {input: AUROCs}}, means over the types of a family; attacks are not averaged."""
    by_task: dict[tuple, list[dict[str, Tensor]]] = {}
    for (trained, name, family), aurocs in resampled.items():
        by_task.setdefault((trained, name if family == "attacks" else family), []).append(aurocs)
    return {
        key: {name: torch.stack([aurocs[name] for aurocs in types]).mean(0) for name in types[0]}
        for key, types in by_task.items()
    }


def task_rows(network: str, resampled: dict[tuple, dict[str, Tensor]]) -> list[dict]:
    """Return the AUROC of the detectors by task, with its standard deviation over splits and test images."""
    rows = []
    for (trained, task), aurocs in means_by_task(resampled).items():
        row = {"kind": "detector task", "network": network, "trained": trained, "task": task}
        row |= round_values({name: values[0] for name, values in aurocs.items()})
        finite = {name: values[1:][values[1:].isfinite()] for name, values in aurocs.items()}
        rows.append(row | round_values({f"{name}_sd": values.std() for name, values in finite.items()}))
    return rows


def lead_rows(network: str, resampled: dict[tuple, dict[str, Tensor]]) -> list[dict]:
    """Return the lead in AUROC of gradient norms over every other input of the same detector, with its interval.

    Both detectors of a difference have the same split and the same resample of its test images, so the interval of
    the difference is paired.
    """
    rows = []
    for (trained, task), means in means_by_task(resampled).items():
        for score, reference in COMPARISONS:
            if {score, reference} <= means.keys():
                row = {"kind": "detector lead", "network": network, "trained": trained, "family": task}
                row |= {"score": score, "reference": reference}
                rows.append(row | round_values(interval(means[score] - means[reference])))
    return rows


def balanced_subset(rows: Tensor, family: Tensor, generator: torch.Generator) -> Tensor:
    """Return all normal rows and at most ``N_PER_FAMILY`` of each abnormal family."""
    selected = []
    for k in family[rows].unique().tolist():
        own = rows[family[rows] == k]
        selected.append(own[torch.randperm(len(own), generator=generator)[: N_PER_FAMILY if k else None]])
    return torch.cat(selected)
