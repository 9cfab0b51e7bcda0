"""OOD detection on other images: the scores and detectors of the experiment ``ood_detection`` on a second image set.

All splits of the first experiment divide the same images. A detector that was trained without the tested family can
have a very different AUROC on other images, which this table shows. It also compares OOD images with normal images
that were resampled, because the OOD images were scaled to the size of the normal images. For every task, it compares
the scores that the first experiment chose on images that had no part in the choice.
"""

from experiments import ood_detection as first
from experiments._image_groups import GroupFeatures, round_values
from experiments._ood_detectors import detector_rows
from experiments._ood_scores import ACTIVATION_NORMS, GRADIENT_NORMS, FittedScores, all_scores
from experiments._paired_bootstrap import interval
from experiments.ood_detection import (
    CIFAR_NETWORKS,
    NEAR_OOD_DATASETS,
    NORMALS,
    OOD_DATASETS,
    SIGN_NETWORKS,
    best_score_rows,
    fit_to_training_images,
    load_network,
    make_image_groups,
    pairs_by_task,
    resampled_aurocs,
    score_rows,
)
from tutorial_lib.data import is_available, load

N_SPLITS = 3
SMALL = {name if "." in name else f"ood_detection.{name}": value for name, value in first.SMALL.items()}
SMALL |= {"N_SPLITS": 2, "ood_detection.N_FAR_OOD": 72}


def resampling_rows(
    network: str, normal: GroupFeatures, sets: list[GroupFeatures], fitted: FittedScores, seed: int
) -> list[dict]:
    """Return the lead of activation norms over gradient norms for OOD images, against resampled normal images.

    The OOD images were scaled to the size of the normal images. The rows compare them with the same normal images as
    they are, and with these images after they were enlarged and reduced again, which are then resampled as well.
    """
    (resampled,) = (s for s in sets if s.name == "resampled")
    rows = []
    for group in (s for s in sets if s.name in (*OOD_DATASETS, *NEAR_OOD_DATASETS)):
        for title, clean in {"unchanged": normal.rows(resampled.image_ids), "resampled": resampled}.items():
            aurocs = resampled_aurocs(all_scores(clean, fitted), all_scores(group, fitted), clean, group, seed)
            row = {"kind": "resampling", "network": network, "set": group.name, "normal images": title}
            row |= {"normal": len(clean.z), "score": ACTIVATION_NORMS, "reference": GRADIENT_NORMS}
            row |= round_values({name: aurocs[name][0] for name in (ACTIVATION_NORMS, GRADIENT_NORMS, "energy")})
            rows.append(row | round_values(interval(aurocs[ACTIVATION_NORMS] - aurocs[GRADIENT_NORMS])))
    return rows


def confirmation_rows(
    chosen: list[dict], normal: GroupFeatures, sets: list[GroupFeatures], fitted: FittedScores, seed: int
) -> list[dict]:
    """Return the difference between the two scores that other images chose for each task, on these images."""
    rows, pairs = [], pairs_by_task(normal, sets)
    for row in (row for row in chosen if row["task"] in pairs):
        usual, unusual = pairs[row["task"]]
        aurocs = resampled_aurocs(all_scores(usual, fitted), all_scores(unusual, fitted), usual, unusual, seed)
        names = {kind: row[f"best {kind} score"] for kind in ("forward", "gradient")}
        here = {"kind": "confirmation", "normal": len(usual.z), "abnormal": len(unusual.z)}
        here |= round_values({f"{kind} auroc": aurocs[name][0] for kind, name in names.items()})
        rows.append(row | here | round_values(interval(aurocs[names["gradient"]] - aurocs[names["forward"]])))
    return rows


def part_names() -> list[str]:
    """Return the names of the parts, one network each."""
    return [*SIGN_NETWORKS, *(CIFAR_NETWORKS if is_available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one network."""
    model = load_network(part, device)
    fitted = fit_to_training_images(part, model, device, with_passes=False)
    chosen = best_score_rows(part, *make_image_groups(part, model, seed, device), fitted, seed)
    normal, sets = make_image_groups(part, model, seed, device, image_set=1)
    rows = confirmation_rows(chosen, normal, sets, fitted, seed)
    if part in SIGN_NETWORKS:
        return rows
    rows = resampling_rows(part, normal, sets, fitted, seed) + score_rows(part, normal, sets, fitted, seed) + rows
    return rows + detector_rows(part, normal, sets, fitted.statistics, seed, deep=True, n_splits=N_SPLITS)


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    images = [load("cifar10", "test", limit=2 * NORMALS)] if is_available("cifar10") else []
    return [{"subset": i.description, "sha256": i.sha256} for i in images] + first.data_sources()
