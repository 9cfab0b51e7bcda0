"""Groups of normal and abnormal images for the experiment on uncertainty, and the features of each image."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib._download import resolve_data_dir
from tutorial_lib.data import (
    CORRUPTIONS,
    NOVEL_SIGNS,
    SEVERITIES,
    SIGNS,
    TEXTURES,
    corrupt,
    is_available,
    load,
    textures,
)

EPS, STEP, STEPS = 8 / 255, 2 / 255, 10
NORMAL, CONTROL, NEAR_OOD = "normal", "control", "near OOD"


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


class ImageGroup(NamedTuple):
    """Images of one kind.

    Attributes:
        name: name of the group.
        family: name of the family of groups.
        images: (N, C, H, W).
        labels: (N,), −1 without a label.
        image_ids: (N,) number of the image from which each was made.
        level: (N,) severity of a corruption, else 0.
    """

    name: str
    family: str
    images: Tensor
    labels: Tensor
    image_ids: Tensor
    level: Tensor


def make_group(
    name: str, family: str, images: Tensor, labels: Tensor = None, image_ids: Tensor = None, level: int = 0
) -> ImageGroup:
    """Return a group; without ``image_ids``, each image has its own number, which no other group uses."""
    n = len(images)
    labels = torch.full((n,), -1, device=images.device) if labels is None else labels
    own = torch.arange(n) + 10**6 * (1 + zlib.crc32(name.encode()))
    return ImageGroup(name, family, images, labels, own if image_ids is None else image_ids, torch.full((n,), level))


def concat_groups(sets: list[ImageGroup]) -> ImageGroup:
    """Return several groups as one, with the name of the first."""
    return ImageGroup(*sets[0][:2], *(torch.cat(column) for column in list(zip(*sets, strict=True))[2:]))


def corruption_groups(images: Tensor, labels: Tensor, seed: int, each: int) -> Iterator[ImageGroup]:
    """Yield a group for each corruption; every severity uses ``each`` images of its own, if there are enough."""
    for kind in CORRUPTIONS:
        levels = []
        for i, level in enumerate(SEVERITIES):
            at = torch.arange(i * each, (i + 1) * each) % len(images)
            corrupted = corrupt(images[at], kind, level, generator=make_generator(seed))
            levels.append(make_group(kind, "corruptions", corrupted, labels[at], at, level))
        yield concat_groups(levels)


def adversarial_groups(model: nn.Module, images: Tensor, labels: Tensor, seed: int, count: int) -> Iterator[ImageGroup]:
    """Yield successful adversarial examples of correctly classified images, and noise of equal size."""
    correct = (g.model_outputs(model, images).argmax(1) == labels).nonzero()[:, 0]
    at = correct[torch.linspace(0, len(correct) - 1, min(count, len(correct))).round().long()]
    x, y = images[at], labels[at]
    ten = u.pgd(model, x, y, eps=EPS, alpha=STEP, n_steps=STEPS, generator=make_generator(seed))
    tries = {"one step": u.fgsm(model, x, y, eps=EPS), "ten steps": ten}
    for name, adversarial in tries.items():
        _, success = u.attack_success(model, x, adversarial, y)
        if success.any():
            yield make_group(name, "attacks", adversarial[success], y[success], at[success].cpu())
    yield make_group("noise as large", CONTROL, u.random_noise(x, eps=EPS, generator=make_generator(seed)), y, at.cpu())


def spread_indices(n: int, limit: int, image_set: int = 0) -> Tensor:
    """Return ``limit`` of n indices at equal distances; image set 1 has none of 2 · ``limit`` indices of set 0."""
    indices = torch.arange(n)
    if image_set:
        indices = indices[~torch.isin(indices, spread_indices(n, 2 * limit))]
    return indices[torch.linspace(0, len(indices) - 1, min(limit, len(indices))).long()]


def texture_generator(kind: str, seed: int) -> torch.Generator:
    """Return the random generator of a kind of textures, with the seed K · seed + k for the k-th of the K kinds.

    With the same generator for all kinds, the i-th images of all kinds would have the same colors.
    """
    return make_generator(len(TEXTURES) * seed + TEXTURES.index(kind))


def far_ood_groups(
    datasets: dict[str, str], size: int, limit: int, device, seed: int, image_set: int = 0
) -> Iterator[ImageGroup]:
    """Yield images of the available other data sets, and synthetic textures."""
    for name, family in datasets.items():
        if is_available(name):
            images = load(name, "test", size=size, device=device).images
            yield make_group(name, family, images[spread_indices(len(images), limit, image_set)])
    for kind in TEXTURES:
        generator = texture_generator(kind, seed)
        images = textures(kind, limit // 3, size=size, generator=generator, device=device)
        yield make_group(kind, "textures", images)


def novel_sign_group(device) -> Iterator[ImageGroup]:
    """Yield a group for each sign that is not in the training set."""
    images, labels = load("signs", "novel", device=device)
    for i, name in enumerate(NOVEL_SIGNS):
        yield make_group(name, "novel", images[labels == len(SIGNS) + i])


def near_ood_groups(device, limit: int, image_set: int = 0) -> Iterator[ImageGroup]:
    """Yield the available images that resemble those of CIFAR-10 but belong to none of its classes.

    TinyImageNet is read from ``tinyimagenet-val.npz`` in the data folder: images (N, 32, 32, 3) uint8, labels, and for
    each of its classes the class of CIFAR-10 with which it overlaps, or an empty text. OpenOOD v1.5 uses it and
    CIFAR-100 as near-OOD data.
    """
    if is_available("cifar100"):
        images = load("cifar100", "test", device=device).images
        yield make_group("cifar100", NEAR_OOD, images[spread_indices(len(images), limit, image_set)])
    file = tiny_imagenet_file()
    if file.is_file():
        with np.load(file, allow_pickle=False) as arrays:
            other_class = arrays["cifar10_overlap"][arrays["labels"]] == ""
            images = torch.from_numpy(arrays["images"][other_class]).permute(0, 3, 1, 2).float() / 255
        yield make_group("tinyimagenet", NEAR_OOD, images[spread_indices(len(images), limit, image_set)].to(device))


def tiny_imagenet_file() -> Path:
    """Return the path of the images of TinyImageNet in the data folder."""
    return resolve_data_dir() / "tinyimagenet-val.npz"


def resampled_group(images: Tensor) -> ImageGroup:
    """Return normal images that were enlarged to twice their size and reduced again, as a control of resampling."""
    size = images.shape[-1]
    options = {"mode": "bilinear", "antialias": True, "align_corners": False}
    larger = interpolate(images, size=2 * size, **options)
    return make_group(
        "resampled", CONTROL, interpolate(larger, size=size, **options), image_ids=torch.arange(len(images))
    )


class GroupFeatures(NamedTuple):
    """Features of the images of a group.

    Attributes: name, family, labels, image_ids, level: as in ``ImageGroup``. z: (N, C) logits. h: (N, d) penultimate
        features. ones: (N, T) gradient norms per parameter tensor for the label of all ones. activations: (N,
        L) norms of the outputs of all layers. passes: scores that need passes of their own, (N,).
    """

    name: str
    family: str
    labels: Tensor
    image_ids: Tensor
    level: Tensor
    z: Tensor
    h: Tensor
    ones: Tensor
    activations: Tensor
    passes: dict[str, Tensor]

    def rows(self, which: Tensor) -> "GroupFeatures":
        """Return the features of some of the images."""
        return self._replace(
            passes={k: v[which] for k, v in self.passes.items()},
            **{column: getattr(self, column)[which] for column in TENSOR_COLUMNS},
        )


TENSOR_COLUMNS = ("labels", "image_ids", "level", "z", "h", "ones", "activations")


def pool_groups(sets: list[GroupFeatures], keep=lambda s: slice(None)) -> GroupFeatures:
    """Return several groups as one, restricted to the rows that ``keep`` selects."""
    parts = [s.rows(keep(s)) for s in sets]
    passes = {k: torch.cat([p.passes[k] for p in parts]) for k in parts[0].passes}
    return sets[0]._replace(
        passes=passes, **{column: torch.cat([getattr(p, column) for p in parts]) for column in TENSOR_COLUMNS}
    )


def dropout_disagreement(h: Tensor, linear: nn.Linear, *, p: float = 0.2, n_samples: int = 30, seed: int = 0) -> Tensor:
    """Return the mutual information of Monte Carlo dropout before the last layer, with the same masks for all images.

    z_t = W (m_t ⊙ h)/(1 − p) + b, where each entry of the mask m_t is 1 with probability 1 − p (Gal and Ghahramani,
    ICML 2016, arXiv:1506.02142).

    Args:
        h: (N, d) features that enter the last layer.
        linear: the last layer.
        p: dropout rate in [0, 1).
        n_samples: number of masks.
        seed: seed of the masks.
    """
    masks = (torch.rand(n_samples, linear.in_features, generator=make_generator(seed)) >= p).to(h) / (1 - p)
    with torch.no_grad():
        logits = torch.stack([linear(m * h) for m in masks])
    return u.decompose_uncertainty(logits).mutual_information


def extract_features(
    model: nn.Module, group: ImageGroup, others: tuple[nn.Module, ...] = (), with_passes: bool = True
) -> GroupFeatures:
    """Return the features of all images of a group; ``with_passes=False`` omits scores with passes of their own."""
    x = group.images
    z, h = zip(*(g.penultimate_features(model, part) for part in x.split(256)), strict=True)
    passes = {}
    if with_passes:
        linear = g.last_linear_layer(model, x)
        passes["odin"] = u.odin_score(model, x)
        passes["dropout"] = torch.cat([dropout_disagreement(part, linear) for part in h])
    if others:
        ensemble = u.deep_ensemble((model, *others), x)
        passes |= {"ensemble": ensemble.predictive_entropy, "ensemble, apart": ensemble.mutual_information}
    norms = u.confounding_gradient_norms(model, x, group_by="tensor", batch_size=128)
    features = (torch.cat(z), torch.cat(h), norms, u.activation_norms(model, x))
    metadata = (group.name, group.family, group.labels.cpu(), group.image_ids, group.level)
    return GroupFeatures(*metadata, *(t.cpu() for t in features), {k: v.cpu() for k, v in passes.items()})


class FittedStatistics(NamedTuple):
    """Mahalanobis detectors fitted to normal images: of the features, and of the log gradient norms."""

    h: u.MahalanobisDetector
    ones: u.MahalanobisDetector


def log_norms(norms: Tensor) -> Tensor:
    """Return the logarithm of norms in double precision, finite for zero."""
    return norms.double().clamp(min=1e-30).log()


def fit_statistics(train: GroupFeatures) -> FittedStatistics:
    """Return detectors fitted to training images; those of norms use predicted classes, as at test time."""
    norms = u.MahalanobisDetector(1e-3).fit(log_norms(train.ones), train.z.argmax(1))
    return FittedStatistics(u.MahalanobisDetector().fit(train.h, train.labels), norms)


def logit_scores(features: GroupFeatures, statistics: FittedStatistics) -> dict[str, Tensor]:
    """Return six scores that need one forward pass."""
    z, h = features.z.double(), features.h.double()
    return {
        "max softmax": u.msp_score(z),
        "entropy": u.entropy_score(z),
        "energy": u.energy_score(z),
        "margin": u.margin_score(z),
        "GradNorm": u.gradnorm_score(z, h),
        "Mahalanobis": statistics.h.score(h),
    }


def round_values(values: dict) -> dict:
    """Return the values with numbers other than counts rounded to three decimals."""
    return {k: round(float(v), 3) if isinstance(v, float | Tensor) else v for k, v in values.items()}
