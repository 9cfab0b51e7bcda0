"""What a quality score is worth: rank agreement with severity, and with people, of measures with and without a network.

Three sets: drawn scenes and photographs in the public domain, both damaged here at known levels, and LIVE, whose pictures people
have judged. Networks never see a reference of the set they judge: those for photographs and LIVE learn from CIFAR-10's pictures.
"""

from collections.abc import Callable
from statistics import mean

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from tutorial_lib import quality as e
from tutorial_lib.data import (
    SKIMAGE_PHOTOS,
    QualityDataset,
    iqa_dataset_available,
    load,
    load_iqa_dataset,
    make_distortion_dataset,
    skimage_photos,
)
from tutorial_lib.gradients import objective_values, reconstruction_mse
from tutorial_lib.metrics import average_ranks, bootstrap_interval, krcc, logistic_fit, plcc, rmse, srcc, steiger_test
from tutorial_lib.models import SignAutoencoder, train
from tutorial_lib.models import load as shipped_network
from tutorial_lib.quality.sparse_coding import spearman_power_similarity as rank_agreement

SEEDS = (0, 1, 2)
SCENES, N_FEW, IMAGE_SIZE, EPOCHS = 12, 4, 144, 4
TRAIN_DISTORTIONS = {"signs": ("signs", "train"), "photographs": ("cifar10", "train"), "live": ("cifar10", "train")}
PICTURES, PRISTINE = 2_000, 300  # to learn from, and of these the ones whose mean gradient is kept
CODER = {"hidden": 196, "patches": 8_000, "steps": 80}
NO_REFERENCE = ("error", "norm", "alignment")
CONTROLS = ("UNIQUE, untrained", "whitened patches")
N_REPEATS = ("distance", "cosine", "unscaled", "UNIQUE", "surprisal", CONTROLS[0], *NO_REFERENCE)  # measures with seeds

DISTORTION_GROUPS = (
    "measure",
    "shipped",
    "seed",
    "damage",
    "protocol",
    "picture",
    "set",
)  # of rows, in the order of the table
SMALL = {
    "SEEDS": (0,),
    "SCENES": 2,
    "N_FEW": 1,
    "IMAGE_SIZE": 48,
    "EPOCHS": 1,
    "PICTURES": 60,
    "PRISTINE": 20,
    "CODER": {"hidden": 16, "patches": 200, "steps": 5},
}

Measures = dict[str, Callable[[Tensor, Tensor], Tensor]]


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def load_quality_set(name: str) -> QualityDataset:
    if name == "signs":
        return make_distortion_dataset(SCENES, generator=make_generator(1_000))
    if name == "photographs":
        return make_distortion_dataset(
            skimage_photos(IMAGE_SIZE), names=SKIMAGE_PHOTOS, generator=make_generator(1_000)
        )
    return load_iqa_dataset("live")


def available_sets() -> list[str]:
    return ["signs", "photographs", *(["live"] if iqa_dataset_available("live") else [])]


def undistorted_images(side: int) -> Measures:
    """What asks no network. Structure is compared in brightness, as it was published."""
    scales = next(s for s in (5, 4, 3, 2, 1) if 11 * 2 ** (s - 1) <= side)
    bright = lambda f: lambda x, r: f(e.to_luma(x), e.to_luma(r))
    return {
        "PSNR": e.psnr,
        "PSNR, brightness": bright(e.psnr),
        "SSIM": bright(e.ssim),
        "MS-SSIM": bright(lambda x, r: e.ms_ssim(x, r, scales=scales)),
    }


def autoencoder(images: Tensor, seed: int) -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = SignAutoencoder().to(images.device)
    how = {"loss": mse_loss, "weight_decay": 0.0, "epochs": EPOCHS, "progress": False}
    train(network, images, images, generator=make_generator(seed), **how)
    return network.requires_grad_(False)


def sparse_coding_measures(images: Tensor, seed: int, halve: bool) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """The sparse coder and surprisal; and two controls: a coder that has hardly learned, and no coder at all."""
    trained, fresh = (
        e.UNIQUEQuality(CODER["hidden"], downsample=halve).fit(
            images, patches=CODER["patches"], n_steps=steps, generator=make_generator(seed)
        )
        for steps in (CODER["steps"], 1)
    )

    def read(x: Tensor, r: Tensor) -> dict[str, Tensor]:
        patches = (trained.patches(side) for side in (x, r))
        scores = trained.score(x, r), e.surprisal(trained, x, r), fresh.score(x, r), rank_agreement(*patches)
        return dict(zip(("UNIQUE", "surprisal", *CONTROLS), scores, strict=True))

    return read


def gradient_measures(network: nn.Module, pristine: Tensor) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """Everything read off the gradients of one autoencoder, each turned so that higher is better."""
    usual = e.mean_reconstruction_gradient(network, pristine)

    def read(x: Tensor, r: Tensor) -> dict[str, Tensor]:
        # Three poolings need sides that divide by eight.
        x, r = (side[..., : side.shape[-2] // 8 * 8, : side.shape[-1] // 8 * 8] for side in (x, r))
        found = e.compare_gradients(network, x, r)
        return {
            "distance": -(found.distance / found.reference_norm).mean(1),
            "cosine": found.cosine.mean(1),
            "unscaled": -found.distance.square().sum(1).sqrt(),
            "error": -objective_values(network, x, reconstruction_mse(x)),
            "norm": -found.distorted_norm.square().sum(1).sqrt(),
            "alignment": e.gradient_alignment(network, x, usual),
        }

    return read


def score_pairs(
    pairs: QualityDataset, read: Callable[[Tensor, Tensor], dict[str, Tensor]], device
) -> dict[str, Tensor]:
    """name -> (N,), in small batches where the pictures have one size, one by one where they have not."""
    one_size = all(isinstance(image, Tensor) for image in pairs.images)
    batches = zip(*(side.split(16) for side in pairs.as_batch())) if one_size else (pairs[i] for i in range(len(pairs)))
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, values in read(*(side.to(device) for side in batch)).items():
            found.setdefault(name, []).append(values.cpu().double())
    return {name: torch.cat(values) for name, values in found.items()}


def within_content_correlation(scores: Tensor, pairs: QualityDataset) -> dict[str, float]:
    """Signed rank correlation with quality of each kind of damage: 1 where the measure falls with every step of damage."""
    found = {}
    for kind in dict.fromkeys(pairs.distortion_types):
        mine = torch.tensor([k == kind for k in pairs.distortion_types])
        found[kind] = srcc(scores[mine], pairs.quality[mine])
    return found


def correlations(scores: Tensor, pairs: QualityDataset) -> dict:
    """The two numbers of a measure on a set, with their intervals over pictures."""
    each = within_content_correlation(scores, pairs)
    kinds = torch.tensor([list(each).index(k) for k in pairs.distortion_types])

    def size(scores: Tensor, quality: Tensor, kinds: Tensor) -> float:
        # A small set drawn anew may hold next to nothing of one kind.
        drawn = [(scores[kinds == k], quality[kinds == k]) for k in range(len(each))]
        return mean(abs(srcc(a, b)) for a, b in drawn if len(a.unique()) > 2 and len(b.unique()) > 2)

    intervals = {}
    for name, statistic, data in (
        ("within", size, (scores, pairs.quality, kinds)),
        ("pooled", srcc, (scores, pairs.quality)),
    ):
        low, high = bootstrap_interval(statistic, *data, paired=True, n_resamples=200, generator=make_generator(0))
        intervals |= {f"{name} low": low, f"{name} high": high}
    row = {
        "within": mean(map(abs, each.values())),
        "within, signed": mean(each.values()),
        "pooled": srcc(scores, pairs.quality),
        **intervals,
    }
    return {name: round(number, 4) for name, number in row.items()}


def evaluate_measure(name: str, scores: dict[str, Tensor], pairs: QualityDataset) -> list[dict]:
    """After the fit, as quality studies report it; and whether each differs from PSNR, by a test on ranks."""
    rows, opinion = [], pairs.quality
    for measure, s in scores.items():
        fitted = logistic_fit(s, opinion)(s)
        found = steiger_test(average_ranks(s), average_ranks(scores["PSNR"]), average_ranks(opinion))
        numbers = {
            "plcc": plcc(fitted, opinion),
            "srcc": srcc(s, opinion),
            "krcc": krcc(s, opinion),
            "rmse": rmse(fitted, opinion),
        }
        numbers |= {"better than PSNR by": found.difference, "p": found.p}
        rows.append(
            {"kind": "protocol", "set": name, "measure": measure, **{k: round(v, 4) for k, v in numbers.items()}}
        )
    return rows


def average_rows(rows: list[dict]) -> list[dict]:
    """The mean over seeds of a measure's two numbers, with the range that the seeds span."""
    found = []
    for name in dict.fromkeys(row["set"] for row in rows):
        for measure in dict.fromkeys(row["measure"] for row in rows if row["set"] == name):
            some = [row for row in rows if (row["set"], row["measure"]) == (name, measure)]
            row = {
                "kind": "measure",
                "set": name,
                "measure": measure,
                "blind": measure in NO_REFERENCE,
                "seeds": len(some),
            }
            for number in ("within", "within, signed", "pooled"):
                values = [r[number] for r in some]
                row |= {number: round(mean(values), 4), f"{number} least": min(values), f"{number} most": max(values)}
            for end in ("within low", "within high", "pooled low", "pooled high"):
                row[end] = round(mean(r[end] for r in some), 4)
            found.append(row)
    return found


def parts() -> list[str]:
    return available_sets()


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    single, kinds, protocols, one_by_one = [], [], [], []
    pairs = load_quality_set(part)
    side = min(s for i in range(len(pairs)) for s in pairs[i][0].shape[-2:])
    once = score_pairs(pairs, lambda x, r, m=undistorted_images(side): {k: f(x, r) for k, f in m.items()}, device)
    images = load(*TRAIN_DISTORTIONS[part], limit=PICTURES, device=device).images
    for own in [seed + s for s in SEEDS]:
        network = autoencoder(images, own)
        gradients, codes = (
            gradient_measures(network, images[:PRISTINE]),
            sparse_coding_measures(images, own, side >= 128),
        )
        scores = once | score_pairs(pairs, lambda x, r, f=gradients, g=codes: f(x, r) | g(x, r), device)
        for measure, s in scores.items():
            if own == seed + SEEDS[0] or measure in N_REPEATS:
                single.append({"set": part, "measure": measure, "seed": own, **correlations(s, pairs)})
                each = {k: round(v, 4) for k, v in within_content_correlation(s, pairs).items()}
                kinds += [
                    {"kind": "damage", "set": part, "measure": measure, "seed": own, "damage": k, "srcc": v}
                    for k, v in each.items()
                ]
        if own == seed + SEEDS[0]:
            protocols += evaluate_measure(part, {k: v for k, v in scores.items() if k not in NO_REFERENCE}, pairs)
            if part == "live":
                for i, (reference, kind, opinion) in enumerate(
                    zip(pairs.references, pairs.distortion_types, pairs.scores.tolist(), strict=True)
                ):
                    each = {k: round(v[i].item(), 5) for k, v in scores.items()}
                    rows = {
                        "kind": "picture",
                        "set": part,
                        "reference": reference,
                        "damage": kind,
                        "dmos": round(opinion, 3),
                    }
                    one_by_one.append({**rows, **each})
            about = {"kind": "set", "set": part, "pictures": len(pairs), "references": len(set(pairs.references)),
                     "damages": len(set(pairs.distortion_types)), "score": pairs.score_description, "learned from": " ".join(TRAIN_DISTORTIONS[part]),
                     "to learn from": len(images), "weights": sum(p.numel() for p in network.parameters())}  # fmt: skip
    ours = [save_network(device)] if part == "signs" else []
    return (
        average_rows(single)
        + ours
        + [{"kind": "seed", **row} for row in single]
        + kinds
        + protocols
        + one_by_one
        + [about]
    )


def join_parts(found: list[list[dict]]) -> list[dict]:
    """A kind of row after the other, each in the order of the sets."""
    return sorted((row for rows in found for row in rows), key=lambda row: DISTORTION_GROUPS.index(row["kind"]))


def run(seed: int = 0, device="cpu") -> list[dict]:
    return join_parts([run_part(part, seed, device) for part in parts()])


def save_network(device="cpu") -> dict:
    """The autoencoder that ships with the library, on few scenes: what the chapter computes anew and holds against this row."""
    network, pairs = (
        shipped_network("signs/autoencoder", device),
        make_distortion_dataset(N_FEW, generator=make_generator(1_000)),
    )
    found = score_pairs(
        pairs, lambda x, r: {"distance": -e.gradient_distance(network, x, r), "SSIM": e.ssim(x, r)}, device
    )
    numbers = {
        name: round(mean(map(abs, within_content_correlation(s, pairs).values())), 4) for name, s in found.items()
    }
    return {"kind": "shipped", "set": "signs", "scenes": N_FEW, **numbers}


def sources() -> list[dict]:
    learned = load("cifar10", "train", limit=PICTURES)
    found = [{"subset": learned.description, "sha256": learned.sha256}]
    if iqa_dataset_available("live"):
        live = load_iqa_dataset("live")
        found.append({"subset": live.description, "sha256": live.sha256})
    return found
