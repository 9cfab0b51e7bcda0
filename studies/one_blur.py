"""The transfer of 2019 in its own form: a detector learns one mild blur from the gradients of a VAE, and meets six other conditions.

Both halves of the gradient are read: what the decoder would have to change to redraw a picture, and what the encoder would have to
change to read it as expected. Beside them, under the same detector, the code itself and three numbers that need no gradient.
"""

from statistics import mean

import torch
from torch import Tensor

from studies._detectors import ASKED, HIDDEN
from studies.gradcon import close_ups, epochs, rounded, source
from tutorial_lib.data import LEVELS, SIGNS, available, challenge, load
from tutorial_lib.gradients import bernoulli, reconstruction, value
from tutorial_lib.measures import auroc
from tutorial_lib.networks import CodeReader, VariationalAutoencoder
from tutorial_lib.uncertainty import PurviewDetector, decoder_gradient

SEEDS = (0, 1, 2)
WIDTHS = (3, 6, 9, 12)  # of the published network
STEPS = 6_000
LEARNED, JUDGED = 1_400, 140
SHOWN = ("gaussian blur", 2)  # at 28 pixels the first level changes less than half a grey level: nothing to learn


def signs(seed: int, device) -> tuple[Tensor, Tensor]:
    learned, judged = (torch.arange(n) % len(SIGNS) for n in (LEARNED, JUDGED))
    return close_ups(learned, 500 + seed, device), close_ups(judged, 1_500 + seed, device)


def photographs(seed: int, device) -> tuple[Tensor, Tensor]:
    images = load("gtsrb", "test", size=28, device=device).images
    order = torch.randperm(len(images), generator=source(seed)).to(device)
    return images[order[:LEARNED]], images[order[LEARNED:][:JUDGED]]


WORLDS = {"signs": signs, "gtsrb": photographs}
SMALL = {"SEEDS": (0,), "STEPS": 4, "LEARNED": 28, "JUDGED": 14, "HIDDEN": (), "ASKED": ("noise",)}


def train(images: Tensor, seed: int) -> VariationalAutoencoder:
    vae = VariationalAutoencoder(widths=WIDTHS, generator=source(seed)).to(images.device)
    vae.fit(images, epochs=epochs(images, STEPS), generator=source(seed))
    return vae.requires_grad_(False)


def readings(vae: VariationalAutoencoder, x: Tensor) -> dict[str, Tensor]:
    """What a detector may read, (N, …) each: the two gradients of the published layers, both, the code, cheap scores."""
    decoder = decoder_gradient(vae, x, "decoder.0", bernoulli)
    encoder = decoder_gradient(vae.reader(), x, "encoder.0.6", lambda _: CodeReader.divergence)
    error, unlikely = (value(vae, x, objective(x)) for objective in (reconstruction, bernoulli))
    with torch.no_grad():
        code, far = vae.encode(x)[0], vae.divergence(x)
    found = {"code": code, "decoder": decoder, "encoder": encoder, "both": torch.cat([decoder, encoder], 1)}
    return found | {"cheap scores": torch.stack([error, unlikely, far], 1)}


def spoiled(x: Tensor, kind: str, level: int, seed: int) -> Tensor:
    return challenge(x, kind, level, generator=source(2_000 + seed))


def transferred(vae: VariationalAutoencoder, learned: Tensor, judged: Tensor, seed: int) -> dict[tuple[str, str], dict]:
    """(what is read, condition) -> share of right verdicts and AUROC, means over the levels."""
    clean, shown, usual = (readings(vae, x) for x in (learned, spoiled(learned, *SHOWN, seed), judged))
    asked = {(k, n): readings(vae, spoiled(judged, k, n, seed)) for k in (SHOWN[0], *ASKED) for n in LEVELS}
    rows = {}
    for reads in clean:
        fit = PurviewDetector(HIDDEN, log=False).fit(clean[reads], shown[reads], generator=source(seed))
        normal = fit.score(usual[reads])
        for kind in (SHOWN[0], *ASKED):
            found = [fit.score(x[reads]) for (k, _), x in asked.items() if k == kind]
            right = [((normal <= 0).double().mean() + (scores > 0).double().mean()).item() / 2 for scores in found]
            rows[reads, kind] = {"accuracy": mean(right), "auroc": mean(auroc(normal, scores) for scores in found)}
    return rows


def parts() -> list[str]:
    return [f"{world} {own}" for world in WORLDS if world != "gtsrb" or available(world) for own in SEEDS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    world, own = part.split()
    own = seed + int(own)
    learned, judged = WORLDS[world](own, device)
    vae = train(learned, own)
    with torch.no_grad():
        error = (vae(judged) - judged).square().mean().item()
    base = {
        "world": world,
        "seed": own,
        "steps": STEPS,
        "learned": len(learned),
        "judged": len(judged),
        "error": round(error, 5),
    }
    found = transferred(vae, learned, judged, own)
    return [
        {**base, "reads": reads, "set": kind, "shown": kind == SHOWN[0], **rounded(v)}
        for (reads, kind), v in found.items()
    ]


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if not available("gtsrb"):
        return []
    pictures = load("gtsrb", "test")
    return [{"subset": pictures.subset, "sha256": pictures.sha256}]
