"""The transfer of 2019 in its own form: a detector learns one mild blur from the gradients of a VAE, and meets six other conditions.

Both halves of the gradient are read: what the decoder would have to change to redraw a picture, and what the encoder would have to
change to read it as expected. Beside them, under the same detector, the code itself and three numbers that need no gradient.
"""

from statistics import mean

import torch
from torch import Tensor

from experiments._ood_detectors import HIDDEN, TEST_CORRUPTIONS
from experiments.gradcon import cropped_signs, epochs, make_generator, round_values
from tutorial_lib.data import SEVERITIES, SIGNS, corrupt, is_available, load
from tutorial_lib.gradients import bernoulli_nll, objective_values, reconstruction_mse
from tutorial_lib.metrics import auroc
from tutorial_lib.models import EncoderKL, VariationalAutoencoder
from tutorial_lib.uncertainty import PurviewDetector, layer_gradient_features

SEEDS = (0, 1, 2)
WIDTHS = (3, 6, 9, 12)  # of the published network
STEPS = 6_000
N_TRAIN, N_TEST = 1_400, 140
TRAIN_CORRUPTION = (
    "gaussian blur",
    2,
)  # at 28 pixels the first level changes less than half a grey level: nothing to learn


def sign_data(seed: int, device) -> tuple[Tensor, Tensor]:
    learned, judged = (torch.arange(n) % len(SIGNS) for n in (N_TRAIN, N_TEST))
    return cropped_signs(learned, 500 + seed, device), cropped_signs(judged, 1_500 + seed, device)


def gtsrb_data(seed: int, device) -> tuple[Tensor, Tensor]:
    images = load("gtsrb", "test", size=28, device=device).images
    order = torch.randperm(len(images), generator=make_generator(seed)).to(device)
    return images[order[:N_TRAIN]], images[order[N_TRAIN:][:N_TEST]]


WORLDS = {"signs": sign_data, "gtsrb": gtsrb_data}
SMALL = {"SEEDS": (0,), "STEPS": 4, "N_TRAIN": 28, "N_TEST": 14, "HIDDEN": (), "TEST_CORRUPTIONS": ("noise",)}


def train(images: Tensor, seed: int) -> VariationalAutoencoder:
    vae = VariationalAutoencoder(widths=WIDTHS, generator=make_generator(seed)).to(images.device)
    vae.fit(images, epochs=epochs(images, STEPS), generator=make_generator(seed))
    return vae.requires_grad_(False)


def feature_sets(vae: VariationalAutoencoder, x: Tensor) -> dict[str, Tensor]:
    """What a detector may read, (N, …) each: the two gradients of the published layers, both, the code, cheap scores."""
    decoder = layer_gradient_features(vae, x, "decoder.0", bernoulli_nll)
    encoder = layer_gradient_features(vae.as_encoder(), x, "encoder.0.6", lambda _: EncoderKL.kl_divergence)
    error, unlikely = (objective_values(vae, x, objective(x)) for objective in (reconstruction_mse, bernoulli_nll))
    with torch.no_grad():
        code, far = vae.encode(x)[0], vae.kl_divergence(x)
    found = {"code": code, "decoder": decoder, "encoder": encoder, "both": torch.cat([decoder, encoder], 1)}
    return found | {"cheap scores": torch.stack([error, unlikely, far], 1)}


def corrupted(x: Tensor, kind: str, level: int, seed: int) -> Tensor:
    return corrupt(x, kind, level, generator=make_generator(2_000 + seed))


def transfer_rows(
    vae: VariationalAutoencoder, learned: Tensor, judged: Tensor, seed: int
) -> dict[tuple[str, str], dict]:
    """(what is read, condition) -> share of right verdicts and AUROC, means over the levels."""
    clean, shown, usual = (feature_sets(vae, x) for x in (learned, corrupted(learned, *TRAIN_CORRUPTION, seed), judged))
    asked = {
        (k, n): feature_sets(vae, corrupted(judged, k, n, seed))
        for k in (TRAIN_CORRUPTION[0], *TEST_CORRUPTIONS)
        for n in SEVERITIES
    }
    rows = {}
    for reads in clean:
        fit = PurviewDetector(HIDDEN, log=False).fit(clean[reads], shown[reads], generator=make_generator(seed))
        normal = fit.score(usual[reads])
        for kind in (TRAIN_CORRUPTION[0], *TEST_CORRUPTIONS):
            found = [fit.score(x[reads]) for (k, _), x in asked.items() if k == kind]
            right = [((normal <= 0).double().mean() + (scores > 0).double().mean()).item() / 2 for scores in found]
            rows[reads, kind] = {"accuracy": mean(right), "auroc": mean(auroc(normal, scores) for scores in found)}
    return rows


def parts() -> list[str]:
    return [f"{world} {own}" for world in WORLDS if world != "gtsrb" or is_available(world) for own in SEEDS]


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
    found = transfer_rows(vae, learned, judged, own)
    return [
        {**base, "reads": reads, "set": kind, "shown": kind == TRAIN_CORRUPTION[0], **round_values(v)}
        for (reads, kind), v in found.items()
    ]


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if not is_available("gtsrb"):
        return []
    images = load("gtsrb", "test")
    return [{"subset": images.description, "sha256": images.sha256}]
