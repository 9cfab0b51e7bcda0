"""Evaluation of image quality measures: rank correlation with the severity of our distortions and with human ratings.

There are three data sets: synthetic scenes and photographs in the public domain, both distorted here at known levels,
and LIVE, whose images have human ratings. No network is trained on references of its test set: those for photographs
and LIVE are trained on CIFAR-10. All intervals resample reference images together with all their distortions.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.io import loadmat
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, mse_loss, normalize

from tutorial_course.datasets._files import hash_parts
from tutorial_course.datasets.iqa_datasets import iqa_dataset_available, iqa_dataset_sha256, load_iqa_dataset
from tutorial_course.findings.ch4 import logistic_fit
from tutorial_lib import quality as e
from tutorial_lib._download import resolve_data_dir
from tutorial_lib.data import (
    DISTORTIONS,
    SKIMAGE_PHOTOS,
    QualityDataset,
    corrupt,
    load,
    make_distortion_dataset,
    render,
    skimage_photos,
)
from tutorial_lib.gradients import (
    Objective,
    logit_difference,
    objective_values,
    per_sample_gradients,
    reconstruction_mse,
)
from tutorial_lib.gradients.layers import parameters_by_layer
from tutorial_lib.metrics import bootstrap_interval, krcc, plcc, rmse
from tutorial_lib.models import SignAutoencoder, load_pretrained, train
from tutorial_lib.models import load as shipped_network
from tutorial_lib.quality.sparse_coding import SparseAutoencoder
from tutorial_lib.quality.sparse_coding import spearman_power_similarity as rank_agreement

SCENES, N_FEW, IMAGE_SIZE = 12, 4, 144
SHIPPED_PASSES, PRISTINE = 120_000, 300  # images × epochs of the shipped autoencoder; images for the mean gradient
N_CODER_IMAGES = 2_000  # images from which the patches of a sparse coder are drawn
CODER = {"hidden": 196, "patches": 8_000, "steps": 80}
LPIPS_NETWORK = "imagenet/squeezenet1_1"
AUTHORS_CODER = "ImageNet_Weights_YGCr.mat"  # of gukyeongkwon/distorted-representation-characterization, in weights/
N_RESAMPLES = 1_000  # bootstrap samples of an interval
# Part -> the sets that it scores, the training set, the seed (None is the shipped network), the images and the epochs.
# If fewer images are available, there are as many more epochs.
NETWORKS = {
    "signs, shipped": (("signs",), "signs", None, 10_000, 12),
    "signs, long training, 0": (("signs",), "signs", 0, 10_000, 24),
    "signs, longest training, 0": (("signs",), "signs", 0, 10_000, 48),
    "photographs, 0": (("photographs", "live"), "cifar10", 0, 10_000, 12),
    "photographs, long training, 0": (("photographs", "live"), "cifar10", 0, 10_000, 24),
    "signs, short training, 0": (("signs",), "signs", 0, 2_000, 4),
    "signs, short training, 1": (("signs",), "signs", 1, 2_000, 4),
    "signs, short training, 2": (("signs",), "signs", 2, 2_000, 4),
    "photographs, short training, 0": (("photographs",), "cifar10", 0, 2_000, 4),
    "photographs, short training, 1": (("photographs",), "cifar10", 1, 2_000, 4),
    "photographs, short training, 2": (("photographs",), "cifar10", 2, 2_000, 4),
}
FIXED, CODES, CONTRAST = "without a network", "sparse codes", "contrast"
NO_REFERENCE = ("error", "norm", "alignment")
STATISTICS = ("monotone", "within", "within, signed", "pooled")
# Paired differences of the correlations, method -> baselines.
COMPARISONS = {
    "distance": ("PSNR, luma", "PSNR", "SSIM, downsampled", "HaarPSI", "LPIPS"),
    "UNIQUE": ("PSNR, luma", "SSIM, downsampled", "HaarPSI", "UNIQUE, untrained", "whitened patches"),
    "surprisal": ("UNIQUE", "PSNR, luma", "HaarPSI"),
    "UNIQUE, authors' weights": ("PSNR, luma", "SSIM, downsampled", "HaarPSI"),
    "surprisal, authors' weights": ("UNIQUE, authors' weights", "PSNR, luma", "HaarPSI"),
    "HaarPSI": ("PSNR, luma", "SSIM, downsampled", "LPIPS"),
    "SSIM, downsampled": ("PSNR", "PSNR, luma", "SSIM"),
}
KINDS_OF_ROWS = "measure difference training seed distortion protocol contrast shipped set scores image".split()
SMALL = {
    "N_RESAMPLES": 20,
    "SCENES": 2,
    "N_FEW": 1,
    "IMAGE_SIZE": 48,
    "PRISTINE": 20,
    "CODER": {"hidden": 16, "patches": 200, "steps": 5},
    "N_CODER_IMAGES": 60,
    "NETWORKS": {"signs, shipped": (("signs",), "signs", None, 10_000, 12)},
}

Scores = dict[str, Tensor]  # measure -> one score per image
Measure = Callable[[Tensor, Tensor], Scores]  # distorted images (n, …) and their reference (1, …)


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def load_quality_set(name: str) -> QualityDataset:
    """Return a data set of distorted images."""
    if name == "live":
        return load_iqa_dataset("live")
    references = SCENES if name == "signs" else skimage_photos(IMAGE_SIZE)
    names = () if name == "signs" else SKIMAGE_PHOTOS
    return make_distortion_dataset(references, names=names, generator=make_generator(1_000))


def available_sets() -> list[str]:
    """Return the names of the available data sets."""
    return ["signs", "photographs", *(["live"] if iqa_dataset_available("live") else [])]


def full_reference_measures(name: str, device="cpu") -> Measure:
    """Return the measures that need no training here, oriented so that higher means better quality."""
    perceptual = lpips_measure(device) if name != "signs" else None

    def score(x: Tensor, r: Tensor) -> Scores:
        r = r.expand_as(x)
        luma, luma_r = e.to_luma(x), e.to_luma(r)
        scales = next(s for s in (5, 4, 3, 2, 1) if 11 * 2 ** (s - 1) <= min(x.shape[-2:]))
        scores = {
            "PSNR": e.psnr(x, r),
            "PSNR, luma": e.psnr(luma, luma_r),
            "SSIM": e.ssim(luma, luma_r),
            "SSIM, downsampled": e.ssim(*(avg_pool2d(side, downsampling_factor(x)) for side in (luma, luma_r))),
            "MS-SSIM": e.ms_ssim(luma, luma_r, scales=scales),
            "HaarPSI": e.haarpsi(x, r),
        }
        return scores | ({"LPIPS": perceptual(x, r)} if perceptual else {})

    return score


def lpips_measure(device) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the negative LPIPS distance on SqueezeNet.

    Raises:
        ModuleNotFoundError: the package of LPIPS is not installed.
    """
    try:
        import lpips
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the table needs LPIPS, and without its package the rows of LPIPS would be missing; install it with: "
            'pip install "tutorial-lib[experiments]"'
        ) from error

    features = load_pretrained(LPIPS_NETWORK).network.features
    network = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)  # with the linear weights of the package
    for i in range(1, 8):
        for layer in getattr(network.net, f"slice{i}")._modules:
            getattr(network.net, f"slice{i}")._modules[layer] = features[int(layer)]
    network = network.to(device).eval().requires_grad_(False)
    return lambda x, r: -network(x, r, normalize=True).flatten()


def train_autoencoder(training_set: str, seed: int, n_images: int, epochs: int, device="cpu") -> nn.Module:
    """Return an autoencoder that is trained as the shipped one, with a number of images and epochs."""
    images = load(training_set, "train", limit=n_images, device=device).images
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = SignAutoencoder().to(device, memory_format=torch.channels_last)  # two to three times as fast
    images = images.contiguous(memory_format=torch.channels_last)
    how = {"loss": mse_loss, "weight_decay": 0.0, "epochs": round(epochs * n_images / len(images))}
    train(network, images, images, generator=make_generator(seed), progress=False, **how)
    return network.requires_grad_(False)


def gradient_vectors(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Return the gradient of each image's reconstruction error, one matrix (N, d) per layer."""
    gradients = per_sample_gradients(network, x, reconstruction_mse(x))
    names_by_layer = parameters_by_layer(network, None).values()
    return [torch.cat([gradients[name].flatten(1) for name in names], 1) for names in names_by_layer]


def gradient_measures(network: nn.Module, pristine: Tensor) -> Measure:
    """Return all measures from gradients of one autoencoder, oriented so that higher means better quality."""
    mean = [torch.cat(parts).mean(0) for parts in zip(*(gradient_vectors(network, x) for x in pristine.split(16)))]

    def score(x: Tensor, r: Tensor) -> Scores:
        x, r = (prepare_for_autoencoder(side) for side in (x, r))
        of_x, of_r = gradient_vectors(network, x), gradient_vectors(network, r)
        distances = torch.stack([(a - b).norm(dim=1) for a, b in zip(of_x, of_r, strict=True)])
        reference_norms = torch.stack([b.norm(dim=1) for b in of_r])
        return {
            "distance": -(distances / reference_norms).mean(0),
            "cosine": torch.stack([cosine(a, b) for a, b in zip(of_x, of_r, strict=True)]).mean(0),
            "unscaled": -distances.norm(dim=0),
            "error": -objective_values(network, x, reconstruction_mse(x)),
            "norm": -torch.stack([a.norm(dim=1) for a in of_x]).norm(dim=0),
            "alignment": torch.stack([cosine(a, b[None]) for a, b in zip(of_x, mean, strict=True)]).mean(0),
        }

    return score


def downsampling_factor(x: Tensor) -> int:
    """Return the size of the blocks that the authors of SSIM recommend to average for the usual viewing distance."""
    return max(1, int(min(x.shape[-2:]) / 256 + 0.5))


def prepare_for_autoencoder(x: Tensor) -> Tensor:
    """Return images that are scaled down like those of SSIM, with sides that three pooling layers can halve."""
    x = avg_pool2d(x, downsampling_factor(x))
    return x[..., : x.shape[-2] // 8 * 8, : x.shape[-1] // 8 * 8]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine between the rows of a and b."""
    return (normalize(a, dim=1) * normalize(b, dim=1)).sum(1)


def sparse_coding_measures(images: Tensor, seed: int, downsample: bool) -> Measure:
    """Return the measures of a sparse coder, and two controls: an untrained coder, and no coder."""
    trained, untrained = (
        e.UNIQUEQuality(CODER["hidden"], downsample=downsample).fit(
            images, patches=CODER["patches"], n_steps=steps, generator=make_generator(seed)
        )
        for steps in (CODER["steps"], 1)
    )

    def score(x: Tensor, r: Tensor) -> Scores:
        r = r.expand_as(x)
        scores = {"UNIQUE": trained.score(x, r), "surprisal": e.surprisal(trained, x, r)}
        return scores | {
            "UNIQUE, untrained": untrained.score(x, r),
            "whitened patches": rank_agreement(trained.patches(x), trained.patches(r)),
        }

    return score


def authors_coder_file() -> Path:
    """Return the file of the published weights of UNIQUE in the folder ``weights`` of the data; it may be missing."""
    return resolve_data_dir(None) / "weights" / AUTHORS_CODER


def authors_coder() -> e.UNIQUEQuality | None:
    """Return UNIQUE with the published weights, or None if their file is missing."""
    file = authors_coder_file()
    if not file.is_file():
        return None
    coder = SparseAutoencoder(192, 400)
    theta = torch.from_numpy(loadmat(file, variable_names=["optTheta"])["optTheta"][:, 0]).float()
    encoder, decoder, encoder_bias, decoder_bias = theta.split([400 * 192, 400 * 192, 400, 192])
    # Patches are vectors of columns there, and of rows here.
    order = torch.arange(192).view(3, 8, 8).transpose(1, 2).flatten()
    with torch.no_grad():
        coder.encoder.weight.copy_(encoder.view(192, 400).T[:, order])
        coder.decoder.weight.copy_(decoder.view(400, 192).T[order])
        coder.encoder.bias.copy_(encoder_bias)
        coder.decoder.bias.copy_(decoder_bias[order])
    measure = e.UNIQUEQuality(400)
    measure.network = coder.eval().requires_grad_(False)
    return measure


def score_pairs(pairs: QualityDataset, measure: Measure, device="cpu") -> Scores:
    """Return {name: (N,) scores}; the images of each reference are scored together, at most 16 at a time."""
    scores: dict[str, Tensor] = {}
    for reference in dict.fromkeys(pairs.references):
        rows = torch.tensor([i for i, name in enumerate(pairs.references) if name == reference])
        for batch in rows.split(16):
            x = torch.cat([pairs[i][0] for i in batch.tolist()]).to(device)
            for name, values in measure(x, pairs[int(batch[0])][1].to(device)).items():
                scores.setdefault(name, torch.empty(len(pairs), dtype=torch.float64))[batch] = values.cpu().double()
    return scores


def spearman(scores: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Return the rank correlation of each row of the scores (M, N) with the quality (N,)."""
    a, b = rankdata(scores, axis=-1), rankdata(quality)
    a, b = a - a.mean(-1, keepdims=True), b - b.mean()
    return a @ b / np.sqrt((a**2).sum(-1) * (b**2).sum() + 1e-300)


def series_correlations(scores: np.ndarray, quality: np.ndarray, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rank correlations within each series of at least three qualities (S, M), and its first row (S,)."""
    rows = [np.flatnonzero(series == s) for s in np.unique(series)]
    rows = [r for r in rows if len(np.unique(quality[r])) > 2]
    return np.stack([spearman(scores[:, r], quality[r]) for r in rows]), np.array([r[0] for r in rows])


def series_mean(scores: np.ndarray, quality: np.ndarray, series: np.ndarray, is_signed: bool = True) -> np.ndarray:
    """Return the mean rank correlation within series of at least three qualities."""
    each, _ = series_correlations(scores, quality, series)
    return (each if is_signed else abs(each)).mean(0)


def correlations(scores: np.ndarray, quality: np.ndarray, kinds: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rank correlations within a kind of distortion and over all images, one per row of the scores."""
    return {
        "within": series_mean(scores, quality, kinds, is_signed=False),
        "within, signed": series_mean(scores, quality, kinds),
        "pooled": spearman(scores, quality),
    }


def resampled_rows(references: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of bootstrap samples of references; a reference keeps all its distorted images."""
    rows = [np.flatnonzero(references == r) for r in np.unique(references)]
    generator = np.random.default_rng(0)
    for _ in range(N_RESAMPLES):
        yield np.concatenate([rows[i] for i in generator.integers(len(rows), size=len(rows))])


def rounded(value: float) -> float:
    """Return a number with four decimals."""
    return round(float(value), 4)


def set_rows(name: str, pairs: QualityDataset, score_rows: list[dict]) -> list[dict]:
    """Return the correlations of all measures on a data set, and their paired differences, with intervals."""
    quality = pairs.quality.numpy()
    references, kinds = (np.unique(c, return_inverse=True)[1] for c in (pairs.references, pairs.distortion_types))
    scores = np.array([row["scores"] for row in score_rows])
    # A resampled reference contributes each of its series as often as it was drawn.
    each, first = series_correlations(scores, quality, references * (kinds.max() + 1) + kinds)
    values = correlations(scores, quality, kinds) | {"monotone": each.mean(0)}
    samples = []
    for r in resampled_rows(references):
        times_drawn = np.bincount(references[r], minlength=references.max() + 1) / np.bincount(references)
        monotone = np.average(each, axis=0, weights=times_drawn[references[first]])
        samples.append(correlations(scores[:, r], quality[r], kinds[r]) | {"monotone": monotone})
    resampled = {statistic: np.stack([sample[statistic] for sample in samples]) for statistic in STATISTICS}

    def difference(members: list[int], others: list[int]) -> dict[str, float]:
        """Return the differences between the means of two groups of rows, with their intervals."""
        columns = {}
        for statistic in ("monotone", "within", "pooled"):
            drawn = resampled[statistic][:, members].mean(1) - resampled[statistic][:, others].mean(1)
            low, high = np.quantile(drawn, [0.025, 0.975])
            lead = values[statistic][members].mean() - values[statistic][others].mean()
            columns |= {statistic: rounded(lead), f"{statistic} low": rounded(low), f"{statistic} high": rounded(high)}
        return columns

    groups: dict[tuple, list[int]] = {}
    for i, row in enumerate(score_rows):
        groups.setdefault((row["measure"], row["training"]), []).append(i)
    rows = [
        {"kind": "seed", "set": name, **{k: row[k] for k in ("measure", "training", "seed")}}
        | {statistic: rounded(values[statistic][i]) for statistic in STATISTICS}
        for i, row in enumerate(score_rows)
    ]
    for (measure, training), members in groups.items():
        row = {"kind": "measure", "set": name, "measure": measure, "training": training}
        row |= {"blind": measure in NO_REFERENCE, "seeds": len(members)}
        for statistic in STATISTICS:
            each = values[statistic][members]
            row |= {statistic: rounded(each.mean()), f"{statistic} least": rounded(each.min())}
            row |= {f"{statistic} most": rounded(each.max())}
            low, high = np.quantile(resampled[statistic][:, members].mean(1), [0.025, 0.975])
            row |= {f"{statistic} low": rounded(low), f"{statistic} high": rounded(high)}
        rows.append(row)
    for (method, training), members in groups.items():
        for baseline in COMPARISONS.get(method, ()):
            if others := groups.get((baseline, training)) or groups.get((baseline, 1.0)):
                row = {"kind": "difference", "set": name, "measure": method, "training": training, "baseline": baseline}
                rows.append(row | difference(members, others))
        if training != 1.0 and (standard := groups.get((method, 1.0))):
            row = {"kind": "training", "set": name, "measure": method, "training": training}
            rows.append(row | difference(members, standard))
    for kind in np.unique(pairs.distortion_types):
        chosen = np.array(pairs.distortion_types) == kind
        of_kind = spearman(scores[:, chosen], quality[chosen])
        rows += [
            {"kind": "distortion", "set": name, **{k: row[k] for k in ("measure", "training", "seed")}}
            | {"distortion": str(kind), "srcc": rounded(of_kind[i])}
            for i, row in enumerate(score_rows)
            if row["training"] == 1.0
        ]
    return rows


def protocol_rows(name: str, pairs: QualityDataset, score_rows: list[dict]) -> list[dict]:
    """Return the correlations and errors after a logistic fit of each network with the standard amount of training."""
    rows, ratings = [], pairs.quality
    for row in score_rows:
        if row["measure"] in NO_REFERENCE or row["training"] != 1.0:
            continue
        s = torch.tensor(row["scores"], dtype=torch.float64)
        fitted = logistic_fit(s, ratings)(s)
        numbers = {"plcc": plcc(fitted, ratings), "krcc": krcc(s, ratings), "rmse": rmse(fitted, ratings)}
        about = {"kind": "protocol", "set": name, **{k: row[k] for k in ("measure", "training", "seed")}}
        rows.append(about | {k: rounded(v) for k, v in numbers.items()})
    return rows


def contrast_rows(device="cpu") -> list[dict]:
    """Return the share of each map on the distorted half of a scene, with intervals over scenes."""
    network = shipped_network("signs/quality", device)
    score, bins = network.with_head("score"), network.with_head("bins")
    maps = {
        "score, Q = 1": lambda x: e.score_contrast_cam(score, x, "body", e.score_contrast_loss(1.0)),
        "score, Q = 0.6": lambda x: e.score_contrast_cam(score, x, "body", e.score_contrast_loss(0.6)),
        "bins, rather than the best": lambda x: e.score_contrast_cam(bins, x, "body", logit_difference(5)),
        "bins, rather than the worst": lambda x: e.score_contrast_cam(bins, x, "body", logit_difference(0)),
        "expected score, Q = 1": lambda x: e.score_contrast_cam(bins, x, "body", expected_score_loss(1.0)),
        "logit of the worst bin": lambda x: e.score_contrast_cam(bins, x, "body", Objective(lambda z: z[:, 0])),
        "logit of the best bin": lambda x: e.score_contrast_cam(bins, x, "body", Objective(lambda z: z[:, 5])),
        "logit of the predicted bin": lambda x: e.score_contrast_cam(bins, x, "body", None),
        "score of patches, Q = 1": lambda x: patch_map(score, x, 1.0),
        "score of patches, Q = 0.6": lambda x: patch_map(score, x, 0.6),
        "score of patches, Q = 0.3": lambda x: patch_map(score, x, 0.3),
    }
    scenes = render(torch.arange(28) % 14, generator=make_generator(7_000), device=device)
    left = (torch.arange(48, device=device) < 24).expand(28, 1, 48, 48)
    shares: dict[str, list[Tensor]] = {}
    for kind in DISTORTIONS:
        distorted = corrupt(scenes, kind, 4, generator=make_generator(1))
        for side in (left, ~left):
            x = torch.where(side, distorted, scenes)
            for name, make_map in maps.items():
                m = make_map(x)
                for title, signed in ((name, m), (f"{name}, negated", -m)):
                    shares.setdefault(title, []).append(positive_share(signed, side))
    means = {title: torch.stack(parts).nanmean(0).cpu().double() for title, parts in shares.items()}
    control = means["expected score, Q = 1"]
    return [
        {"kind": "contrast", "map": title, "scenes": len(values), "share": rounded(values.nanmean())}
        | interval("share", values)
        | {"lead over the expected score": rounded((values - control).nanmean())}
        | interval("lead over the expected score", values - control)
        for title, values in means.items()
    ]


def interval(name: str, values: Tensor) -> dict[str, float]:
    """Return the columns of the interval of a mean over scenes."""
    low, high = bootstrap_interval(torch.nanmean, values, n_resamples=N_RESAMPLES)
    return {f"{name} low": rounded(low), f"{name} high": rounded(high)}


def expected_score_loss(contrast_score: float) -> Objective:
    """Return (E − Q)² for the expected score E of the bins, where bin b stands for the score b/5."""
    return Objective(
        lambda z: (
            (z.softmax(1) @ torch.linspace(0, 1, z.shape[1], dtype=z.dtype, device=z.device) - contrast_score) ** 2
        )
    )


def patch_map(network: nn.Module, x: Tensor, contrast_score: float, side: int = 24) -> Tensor:
    """Return the maps of the patches of each image, each from the score of its own patch, put together again."""
    n, _, height, width = x.shape
    patches = x.unfold(2, side, side).unfold(3, side, side).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, side, side)
    maps = e.score_contrast_cam(network, patches, "body", e.score_contrast_loss(contrast_score))
    cells = maps.shape[-1]
    maps = maps.view(n, height // side, width // side, cells, cells).transpose(2, 3)
    return maps.reshape(n, height // side * cells, width // side * cells)


def positive_share(maps: Tensor, mask: Tensor) -> Tensor:
    """Return the share of the positive part of each map (N, h, w) on a mask (N, 1, H, W); NaN for an empty map."""
    on_mask = nn.functional.adaptive_avg_pool2d(mask.float(), maps.shape[-2:])[:, 0]
    positive = maps.relu()
    total = positive.sum((1, 2))
    return torch.where(total > 1e-6, (positive * on_mask).sum((1, 2)) / total, torch.nan)


def part_names() -> list[str]:
    """Return the names of the parts."""
    sets = available_sets()
    networks = [part for part, (names, *_) in NETWORKS.items() if set(names) & set(sets)]
    # The rated images are scored by the published coder only, see `authors_coder`.
    coders = [f"{CODES}, {name}" for name in sets if name != "live"]
    return [*(f"{FIXED}, {name}" for name in sets), *coders, *networks, CONTRAST]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part: the scores of all images, which :func:`join_parts` evaluates."""
    if part == CONTRAST:
        return contrast_rows(device)
    what, _, name = part.rpartition(", ")
    if what == FIXED:
        measures = [full_reference_measures(name, device)]
        if name != "signs" and (coder := authors_coder()):
            measures.append(lambda x, r: authors_scores(coder, x, r.expand_as(x)))
        return [row for measure in measures for row in score_rows(name, measure, 1.0, 0, device)]
    if what == CODES:
        training_set = "signs" if name == "signs" else "cifar10"
        images = load(training_set, "train", limit=N_CODER_IMAGES, device=device).images
        return score_rows(name, sparse_coding_measures(images, seed, downsample=name != "signs"), 1.0, seed, device)
    sets, training_set, own_seed, n_images, epochs = NETWORKS[part]
    pristine = load(training_set, "train", limit=PRISTINE, device=device).images
    if own_seed is None:
        network, own_seed = shipped_network("signs/autoencoder", device), 0
    else:
        network = train_autoencoder(training_set, seed + own_seed, n_images, epochs, device)
    measure, training = gradient_measures(network, pristine), n_images * epochs / SHIPPED_PASSES
    rows = [row for s in sets if s in available_sets() for row in score_rows(s, measure, training, own_seed, device)]
    return rows + ([shipped_network_row(device)] if part == "signs, shipped" else [])


def authors_scores(coder: e.UNIQUEQuality, x: Tensor, r: Tensor) -> Scores:
    """Return UNIQUE and surprisal of the published coder."""
    return {"UNIQUE, authors' weights": coder.score(x, r), "surprisal, authors' weights": e.surprisal(coder, x, r)}


def score_rows(name: str, measure: Measure, training: float, seed: int, device) -> list[dict]:
    """Return a row with the scores of all images of a set for each measure."""
    scores = score_pairs(load_quality_set(name), measure, device)
    about = {"training": round(training, 3), "seed": seed}
    return [
        {"kind": "scores", "set": name, "measure": m, **about, "scores": [round(v, 6) for v in s.tolist()]}
        for m, s in scores.items()
    ]


def join_parts(parts: list[list[dict]]) -> list[dict]:
    """Return the correlations, differences and intervals of all measures, and the scores of the rated images."""
    rows = [row for rows in parts for row in rows]
    table = [row for row in rows if row["kind"] != "scores"]
    for name in dict.fromkeys(row["set"] for row in rows if row["kind"] == "scores"):
        pairs, scores = load_quality_set(name), [r for r in rows if r["kind"] == "scores" and r["set"] == name]
        table += [*set_rows(name, pairs, scores), *protocol_rows(name, pairs, scores), describe_set(name, pairs)]
        table += [row for row in scores if name == "live" and row["training"] == 1.0]
        table += image_rows(pairs) if name == "live" else []
    return sorted(table, key=lambda row: KINDS_OF_ROWS.index(row["kind"]))


def describe_set(name: str, pairs: QualityDataset) -> dict:
    """Return the row that describes a data set."""
    counts = {"images": len(pairs), "references": len(set(pairs.references))}
    counts |= {"distortions": len(set(pairs.distortion_types))}
    return {"kind": "set", "set": name, **counts, "score": pairs.score_description}


def image_rows(pairs: QualityDataset) -> list[dict]:
    """Return the names and ratings of the images; a file whose name says so was made again by the published recipe."""
    stems = [Path(image).stem for image in pairs.images]
    columns = zip(stems, pairs.references, pairs.distortion_types, pairs.scores.tolist(), strict=True)
    return [
        {"kind": "image", "image": stem.removesuffix("_recomputed"), "recomputed": stem.endswith("_recomputed")}
        | {"reference": Path(reference).stem, "distortion": kind, "dmos": round(rating, 4)}
        for stem, reference, kind, rating in columns
    ]


def shipped_network_row(device="cpu") -> dict:
    """Return the row of the shipped autoencoder on few scenes, which the chapter recomputes and compares."""
    network = shipped_network("signs/autoencoder", device)
    pairs = make_distortion_dataset(N_FEW, generator=make_generator(1_000))
    x, r = (side.to(device) for side in pairs.as_batch())
    scores = {"distance": -e.gradient_distance(network, x, r), "SSIM": e.ssim(x, r)}
    kinds = np.array(pairs.distortion_types)
    within = series_mean(np.stack([s.cpu().numpy() for s in scores.values()]), pairs.quality.numpy(), kinds)
    return {"kind": "shipped", "set": "signs", "scenes": N_FEW} | dict(zip(scores, map(rounded, within), strict=True))


def data_sources() -> list[dict]:
    """Return the data sets and the published weights that the table depends on."""
    training_set, network = load("cifar10", "train", limit=10_000), load_pretrained(LPIPS_NETWORK)
    sources = [
        {"subset": training_set.description, "sha256": training_set.sha256},
        {"subset": f"weights {network.file.name}", "sha256": network.sha256},
    ]
    if authors_coder_file().is_file():
        sources.append({"subset": f"weights {AUTHORS_CODER}", "sha256": hash_parts([authors_coder_file()])})
    if iqa_dataset_available("live"):
        live = load_iqa_dataset("live")
        sources.append({"subset": live.description, "sha256": iqa_dataset_sha256(live)})
    return sources
