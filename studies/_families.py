"""What the study of uncertainty looks at: normal pictures and families of others, and what is read off each picture, once."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import CHALLENGES, LEVELS, NOVEL, SIGNS, TEXTURES, available, challenge, load, textures

EPS, STEP, STEPS = 8 / 255, 2 / 255, 10
NORMAL, CONTROL = "normal", "control"


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Set(NamedTuple):
    """Pictures of one kind. ``picture`` (N,): which picture each was made from; ``level`` (N,): of a challenge, else 0."""

    name: str
    family: str
    images: Tensor
    labels: Tensor
    picture: Tensor
    level: Tensor


def made(name: str, family: str, images: Tensor, labels: Tensor = None, picture: Tensor = None, level: int = 0) -> Set:
    """A set; without ``picture``, each is its own, with a number that no other set uses."""
    n = len(images)
    labels = torch.full((n,), -1, device=images.device) if labels is None else labels
    own = torch.arange(n) + 10**6 * (1 + zlib.crc32(name.encode()))
    return Set(name, family, images, labels, own if picture is None else picture, torch.full((n,), level))


def joined(sets: list[Set]) -> Set:
    return Set(*sets[0][:2], *(torch.cat(column) for column in list(zip(*sets, strict=True))[2:]))


def weather(images: Tensor, labels: Tensor, seed: int, each: int) -> Iterator[Set]:
    """Every challenge at every level, each level on ``each`` pictures of its own where there are enough."""
    for kind in CHALLENGES:
        levels = []
        for i, level in enumerate(LEVELS):
            at = torch.arange(i * each, (i + 1) * each) % len(images)
            seen = challenge(images[at], kind, level, generator=source(seed))
            levels.append(made(kind, "weather", seen, labels[at], at, level))
        yield joined(levels)


def attacked(model: nn.Module, images: Tensor, labels: Tensor, seed: int, count: int) -> Iterator[Set]:
    """One step, ten steps, and as much noise: of pictures that were seen rightly, those that fooled the network."""
    right = (g.outputs(model, images).argmax(1) == labels).nonzero()[:, 0]
    at = right[torch.linspace(0, len(right) - 1, min(count, len(right))).round().long()]
    x, y = images[at], labels[at]
    ten = u.pgd(model, x, y, eps=EPS, step=STEP, steps=STEPS, generator=source(seed))
    tries = {"one step": u.fgsm(model, x, y, eps=EPS), "ten steps": ten}
    for name, found in tries.items():
        _, lost = u.fooled(model, x, found, y)
        if lost.any():
            yield made(name, "attacks", found[lost], y[lost], at[lost].cpu())
    yield made("noise as large", CONTROL, u.random_noise(x, eps=EPS, generator=source(seed)), y, at.cpu())


def far(worlds: dict[str, str], size: int, limit: int, device, seed: int) -> Iterator[Set]:
    """Real pictures of other worlds where they are at hand, and drawn textures."""
    for world, family in worlds.items():
        if available(world):
            found = load(world, "test", size=size, device=device).images
            yield made(world, family, found[torch.linspace(0, len(found) - 1, limit).long()])
    for kind in TEXTURES:
        yield made(kind, "textures", textures(kind, limit // 3, size=size, generator=source(seed), device=device))


def novel(device) -> Iterator[Set]:
    images, labels = load("signs", "novel", device=device)
    for i, name in enumerate(NOVEL):
        yield made(name, "novel", images[labels == len(SIGNS) + i])


class Seen(NamedTuple):
    """What is read off a set's pictures: z (N, C), h (N, d), norms tensor by tensor (N, T) for two labels, scores with passes of
    their own (N,), and of an autoencoder its code and the gradient of its last layer, (N, …), where there is one.
    """

    name: str
    family: str
    labels: Tensor
    picture: Tensor
    level: Tensor
    z: Tensor
    h: Tensor
    ones: Tensor
    uniform: Tensor
    passes: dict[str, Tensor]

    def rows(self, which: Tensor) -> "Seen":
        return self._replace(
            passes={k: v[which] for k, v in self.passes.items()},
            **{f: getattr(self, f)[which] for f in ("labels", "picture", "level", "z", "h", "ones", "uniform")},
        )


def read(
    model: nn.Module, found: Set, others: tuple[nn.Module, ...] = (), autoencoder: nn.Module | None = None
) -> Seen:
    x = found.images
    z, h = zip(*(g.features(model, part) for part in x.split(256)), strict=True)
    passes = {"odin": u.odin(model, x), "dropout": u.mc_dropout(model, x).model}
    if others:
        votes = u.ensemble((model, *others), x)
        passes |= {"ensemble": votes.total, "ensemble, apart": votes.model}
    if autoencoder is not None:
        passes |= of_autoencoder(autoencoder, x)
    norms = {
        "ones": u.confounding_norms(model, x, by="tensor", chunk=128),
        "uniform": u.confounding_norms(model, x, link="softmax", by="tensor", chunk=128),
    }
    seen = (torch.cat(z), torch.cat(h), norms["ones"], norms["uniform"])
    there = (found.name, found.family, found.labels.cpu(), found.picture, found.level)
    return Seen(*there, *(t.cpu() for t in seen), {k: v.cpu() for k, v in passes.items()})


def of_autoencoder(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The gradient of the reconstruction with respect to the last layer of the decoder, and the code."""
    gradients, codes = [], []
    last = g.layer_names(model)[-1]
    for part in x.split(128):
        found = g.parameter_gradients(model, part, g.reconstruction(part), layers=last)
        gradients.append(torch.cat([v.flatten(1) for v in found.values()], 1))
        codes.append(g.outputs(model.encoder, part).flatten(1))
    return {"decoder": torch.cat(gradients), "code": torch.cat(codes)}


class Learned(NamedTuple):
    """What normal pictures alone teach: distances of features, and of log norms."""

    h: u.Mahalanobis
    ones: u.Mahalanobis
    uniform: u.Mahalanobis


def logged(norms: Tensor) -> Tensor:
    return norms.double().clamp(min=1e-30).log()


def learn(train: Seen) -> Learned:
    """Class means and spread; the norms know no label at inference, so that theirs are of the classes said."""
    said = train.z.argmax(1)
    norms = (u.Mahalanobis(1e-3).fit(logged(n), said) for n in (train.ones, train.uniform))
    return Learned(u.Mahalanobis().fit(train.h, train.labels), *norms)


def cheap(seen: Seen, learned: Learned) -> dict[str, Tensor]:
    """Six scores of one forward pass."""
    z, h = seen.z.double(), seen.h.double()
    return {
        "max softmax": u.max_softmax(z),
        "entropy": u.entropy(z),
        "energy": u.energy(z),
        "margin": u.margin(z),
        "GradNorm": u.grad_norm(z, h),
        "Mahalanobis": learned.h.score(h),
    }


def unsupervised(seen: Seen, learned: Learned) -> dict[str, Tensor]:
    """Every score that has seen no abnormal picture."""
    found = cheap(seen, learned) | {"ExGrad": u.ex_grad(seen.z.double(), seen.h.double())}
    found |= {name: score for name, score in seen.passes.items() if score.dim() == 1}
    found |= {"distance of norms, ones": learned.ones.score(logged(seen.ones))}
    return found | {"distance of norms, uniform": learned.uniform.score(logged(seen.uniform))}


def readable(seen: Seen, learned: Learned) -> dict[str, tuple[Tensor, bool]]:
    """What a detector may read, and whether it takes logarithms: norms, and as controls six scores, and the features."""
    six = cheap(seen, learned)
    # The scores get the best we know for them: logarithms, as the norms do, but for the energy, which has a sign.
    at_best = [v if name == "energy" else v.abs().clamp(min=1e-30).log() for name, v in six.items()]
    return {
        "norms, ones": (seen.ones, True),
        "norms, uniform": (seen.uniform, True),
        "six scores": (torch.stack(at_best, 1), False),
        "features": (seen.h, False),
    }


def rounded(values: dict) -> dict:
    """Three decimals of what is no count."""
    return {k: round(float(v), 3) if isinstance(v, float | Tensor) else v for k, v in values.items()}
