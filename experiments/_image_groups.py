"""What the study of uncertainty looks at: normal pictures and families of others, and what is read off each picture, once."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
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
NORMAL, CONTROL = "normal", "control"


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class ImageGroup(NamedTuple):
    """Pictures of one kind. ``picture`` (N,): which picture each was made from; ``level`` (N,): of a challenge, else 0."""

    name: str
    family: str
    images: Tensor
    labels: Tensor
    image_ids: Tensor
    level: Tensor


def make_group(
    name: str, family: str, images: Tensor, labels: Tensor = None, image_ids: Tensor = None, level: int = 0
) -> ImageGroup:
    """A set; without ``picture``, each is its own, with a number that no other set uses."""
    n = len(images)
    labels = torch.full((n,), -1, device=images.device) if labels is None else labels
    own = torch.arange(n) + 10**6 * (1 + zlib.crc32(name.encode()))
    return ImageGroup(name, family, images, labels, own if image_ids is None else image_ids, torch.full((n,), level))


def concat_groups(sets: list[ImageGroup]) -> ImageGroup:
    return ImageGroup(*sets[0][:2], *(torch.cat(column) for column in list(zip(*sets, strict=True))[2:]))


def corruption_groups(images: Tensor, labels: Tensor, seed: int, each: int) -> Iterator[ImageGroup]:
    """Every challenge at every level, each level on ``each`` pictures of its own where there are enough."""
    for kind in CORRUPTIONS:
        levels = []
        for i, level in enumerate(SEVERITIES):
            at = torch.arange(i * each, (i + 1) * each) % len(images)
            seen = corrupt(images[at], kind, level, generator=make_generator(seed))
            levels.append(make_group(kind, "weather", seen, labels[at], at, level))
        yield concat_groups(levels)


def adversarial_groups(model: nn.Module, images: Tensor, labels: Tensor, seed: int, count: int) -> Iterator[ImageGroup]:
    """One step, ten steps, and as much noise: of pictures that were seen rightly, those that fooled the network."""
    right = (g.model_outputs(model, images).argmax(1) == labels).nonzero()[:, 0]
    at = right[torch.linspace(0, len(right) - 1, min(count, len(right))).round().long()]
    x, y = images[at], labels[at]
    ten = u.pgd(model, x, y, eps=EPS, alpha=STEP, n_steps=STEPS, generator=make_generator(seed))
    tries = {"one step": u.fgsm(model, x, y, eps=EPS), "ten steps": ten}
    for name, found in tries.items():
        _, lost = u.attack_success(model, x, found, y)
        if lost.any():
            yield make_group(name, "attacks", found[lost], y[lost], at[lost].cpu())
    yield make_group("noise as large", CONTROL, u.random_noise(x, eps=EPS, generator=make_generator(seed)), y, at.cpu())


def far_ood_groups(worlds: dict[str, str], size: int, limit: int, device, seed: int) -> Iterator[ImageGroup]:
    """Real pictures of other worlds where they are at hand, and drawn textures."""
    for world, family in worlds.items():
        if is_available(world):
            found = load(world, "test", size=size, device=device).images
            yield make_group(world, family, found[torch.linspace(0, len(found) - 1, limit).long()])
    for kind in TEXTURES:
        yield make_group(
            kind, "textures", textures(kind, limit // 3, size=size, generator=make_generator(seed), device=device)
        )


def novel_sign_group(device) -> Iterator[ImageGroup]:
    images, labels = load("signs", "novel", device=device)
    for i, name in enumerate(NOVEL_SIGNS):
        yield make_group(name, "novel", images[labels == len(SIGNS) + i])


class GroupFeatures(NamedTuple):
    """What is read off a set's pictures: z (N, C), h (N, d), norms tensor by tensor (N, T) for two labels, scores with passes of
    their own (N,), and of an autoencoder its code and the gradient of its last layer, (N, …), where there is one.
    """

    name: str
    family: str
    labels: Tensor
    image_ids: Tensor
    level: Tensor
    z: Tensor
    h: Tensor
    ones: Tensor
    uniform: Tensor
    passes: dict[str, Tensor]

    def rows(self, which: Tensor) -> "GroupFeatures":
        return self._replace(
            passes={k: v[which] for k, v in self.passes.items()},
            **{f: getattr(self, f)[which] for f in ("labels", "picture", "level", "z", "h", "ones", "uniform")},
        )


def extract_features(
    model: nn.Module, found: ImageGroup, others: tuple[nn.Module, ...] = (), autoencoder: nn.Module | None = None
) -> GroupFeatures:
    x = found.images
    z, h = zip(*(g.penultimate_features(model, part) for part in x.split(256)), strict=True)
    passes = {"odin": u.odin_score(model, x), "dropout": u.mc_dropout(model, x).mutual_information}
    if others:
        votes = u.deep_ensemble((model, *others), x)
        passes |= {"ensemble": votes.predictive_entropy, "ensemble, apart": votes.mutual_information}
    if autoencoder is not None:
        passes |= autoencoder_features(autoencoder, x)
    norms = {
        "ones": u.confounding_gradient_norms(model, x, group_by="tensor", batch_size=128),
        "uniform": u.confounding_gradient_norms(model, x, activation="softmax", group_by="tensor", batch_size=128),
    }
    seen = (torch.cat(z), torch.cat(h), norms["ones"], norms["uniform"])
    there = (found.name, found.family, found.labels.cpu(), found.image_ids, found.level)
    return GroupFeatures(*there, *(t.cpu() for t in seen), {k: v.cpu() for k, v in passes.items()})


def autoencoder_features(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The gradient of the reconstruction with respect to the last layer of the decoder, and the code."""
    gradients, codes = [], []
    last = g.layer_names(model)[-1]
    for part in x.split(128):
        found = g.per_sample_gradients(model, part, g.reconstruction_mse(part), layers=last)
        gradients.append(torch.cat([v.flatten(1) for v in found.values()], 1))
        codes.append(g.model_outputs(model.encoder, part).flatten(1))
    return {"decoder": torch.cat(gradients), "code": torch.cat(codes)}


class FittedStatistics(NamedTuple):
    """What normal pictures alone teach: distances of features, and of log norms."""

    h: u.MahalanobisDetector
    ones: u.MahalanobisDetector
    uniform: u.MahalanobisDetector


def log_norms(norms: Tensor) -> Tensor:
    return norms.double().clamp(min=1e-30).log()


def fit_statistics(train: GroupFeatures) -> FittedStatistics:
    """Class means and spread; the norms know no label at inference, so that theirs are of the classes said."""
    said = train.z.argmax(1)
    norms = (u.MahalanobisDetector(1e-3).fit(log_norms(n), said) for n in (train.ones, train.uniform))
    return FittedStatistics(u.MahalanobisDetector().fit(train.h, train.labels), *norms)


def logit_scores(seen: GroupFeatures, learned: FittedStatistics) -> dict[str, Tensor]:
    """Six scores of one forward pass."""
    z, h = seen.z.double(), seen.h.double()
    return {
        "max softmax": u.msp_score(z),
        "entropy": u.entropy_score(z),
        "energy": u.energy_score(z),
        "margin": u.margin_score(z),
        "GradNorm": u.gradnorm_score(z, h),
        "Mahalanobis": learned.h.score(h),
    }


def unsupervised_scores(seen: GroupFeatures, learned: FittedStatistics) -> dict[str, Tensor]:
    """Every score that has seen no abnormal picture."""
    found = logit_scores(seen, learned) | {"ExGrad": u.exgrad_score(seen.z.double(), seen.h.double())}
    found |= {name: score for name, score in seen.passes.items() if score.dim() == 1}
    found |= {"distance of norms, ones": learned.ones.score(log_norms(seen.ones))}
    return found | {"distance of norms, uniform": learned.uniform.score(log_norms(seen.uniform))}


def detector_inputs(seen: GroupFeatures, learned: FittedStatistics) -> dict[str, tuple[Tensor, bool]]:
    """What a detector may read, and whether it takes logarithms: norms, and as controls six scores, and the features."""
    six = logit_scores(seen, learned)
    # The scores get the best we know for them: logarithms, as the norms do, but for the energy, which has a sign.
    at_best = [v if name == "energy" else v.abs().clamp(min=1e-30).log() for name, v in six.items()]
    return {
        "norms, ones": (seen.ones, True),
        "norms, uniform": (seen.uniform, True),
        "six scores": (torch.stack(at_best, 1), False),
        "features": (seen.h, False),
    }


def round_values(values: dict) -> dict:
    """Three decimals of what is no count."""
    return {k: round(float(v), 3) if isinstance(v, float | Tensor) else v for k, v in values.items()}
