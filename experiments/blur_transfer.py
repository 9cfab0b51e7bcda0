"""Transfer from one mild blur to six other corruptions, with the protocol of Kwon et al. (ICIP 2019): a detector is
trained on the gradients of a VAE.

The gradients are those of the decoder, for reconstructing an image, and of the encoder, for matching the prior. The
same detector is also trained on the code itself and on three scores that need no gradient.
"""

from statistics import mean

import torch
from torch import Tensor, nn

from experiments._ood_detectors import HIDDEN, TEST_CORRUPTIONS
from experiments.gradcon import cropped_signs, epochs, make_generator, round_values
from tutorial_lib.data import SEVERITIES, SIGNS, corrupt, is_available, load
from tutorial_lib.gradients import bernoulli_nll, objective_values, reconstruction_mse
from tutorial_lib.metrics import auroc
from tutorial_lib.models import VariationalAutoencoder
from tutorial_lib.models.autoencoders import kl_from_standard_normal
from tutorial_lib.uncertainty import PurviewDetector, layer_gradient_features

SEEDS = (0, 1, 2)
WIDTHS = (3, 6, 9, 12)  # as published
STEPS = 6_000
N_TRAIN, N_TEST = 1_400, 140
TRAIN_CORRUPTION = (
    "gaussian blur",
    2,
)  # at 28 pixels, level 1 changes the images by less than half a gray level


def sign_data(seed: int, device) -> tuple[Tensor, Tensor]:
    """Return training and test images of synthetic signs."""
    train_labels, test_labels = (torch.arange(n) % len(SIGNS) for n in (N_TRAIN, N_TEST))
    return cropped_signs(train_labels, 500 + seed, device), cropped_signs(test_labels, 1_500 + seed, device)


def gtsrb_data(seed: int, device) -> tuple[Tensor, Tensor]:
    """Return training and test images of photographed signs."""
    images = load("gtsrb", "test", size=28, device=device).images
    order = torch.randperm(len(images), generator=make_generator(seed)).to(device)
    return images[order[:N_TRAIN]], images[order[N_TRAIN:][:N_TEST]]


DATASETS = {"signs": sign_data, "gtsrb": gtsrb_data}
SMALL = {"SEEDS": (0,), "STEPS": 4, "N_TRAIN": 28, "N_TEST": 14, "HIDDEN": (), "TEST_CORRUPTIONS": ("noise",)}


def train(images: Tensor, seed: int) -> VariationalAutoencoder:
    """Return a trained VAE."""
    vae = VariationalAutoencoder(widths=WIDTHS, generator=make_generator(seed)).to(images.device)
    vae.fit(images, epochs=epochs(images, STEPS), generator=make_generator(seed))
    return vae.requires_grad_(False)


class LatentDistribution(nn.Module):
    """The encoder of a VAE as a network of its own: images to μ and log σ², (N, 2, latent_dim)."""

    def __init__(self, vae: VariationalAutoencoder):
        """Share the weights of the VAE."""
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor) -> Tensor:
        """Return μ and log σ² of images."""
        return torch.stack(self.vae.encode(x), 1)


def latent_divergence(outputs: Tensor) -> Tensor:
    """Return the KL divergence of μ and log σ² from N(0, 1), as an objective."""
    return kl_from_standard_normal(*outputs.unbind(1))


def feature_sets(vae: VariationalAutoencoder, x: Tensor) -> dict[str, Tensor]:
    """Return the detector inputs, (N, …) each: two layer gradients, both together, the code, and cheap scores."""
    decoder = layer_gradient_features(vae, x, "decoder.0", bernoulli_nll)
    encoder = layer_gradient_features(LatentDistribution(vae), x, "vae.encoder.0.6", lambda _: latent_divergence)
    error, likelihood = (objective_values(vae, x, objective(x)) for objective in (reconstruction_mse, bernoulli_nll))
    with torch.no_grad():
        code, divergence = vae.encode(x)[0], vae.kl_divergence(x)
    features = {"code": code, "decoder": decoder, "encoder": encoder, "both": torch.cat([decoder, encoder], 1)}
    return features | {"cheap scores": torch.stack([error, likelihood, divergence], 1)}


def corrupted(x: Tensor, kind: str, level: int, seed: int) -> Tensor:
    """Return corrupted images."""
    return corrupt(x, kind, level, generator=make_generator(2_000 + seed))


def transfer_rows(
    vae: VariationalAutoencoder, train_images: Tensor, test_images: Tensor, seed: int
) -> dict[tuple[str, str], dict]:
    """Return {(feature set, corruption): balanced accuracy and AUROC}, means over the severities."""
    clean, corrupted_train, normal = (
        feature_sets(vae, x) for x in (train_images, corrupted(train_images, *TRAIN_CORRUPTION, seed), test_images)
    )
    corrupted_test = {
        (k, n): feature_sets(vae, corrupted(test_images, k, n, seed))
        for k in (TRAIN_CORRUPTION[0], *TEST_CORRUPTIONS)
        for n in SEVERITIES
    }
    rows = {}
    for feature_set in clean:
        detector = PurviewDetector(HIDDEN, log=False).fit(
            clean[feature_set], corrupted_train[feature_set], generator=make_generator(seed)
        )
        normal_scores = detector.score(normal[feature_set])
        for kind in (TRAIN_CORRUPTION[0], *TEST_CORRUPTIONS):
            scores_by_severity = [detector.score(x[feature_set]) for (k, _), x in corrupted_test.items() if k == kind]
            accuracies = [
                ((normal_scores <= 0).double().mean() + (scores > 0).double().mean()).item() / 2
                for scores in scores_by_severity
            ]
            rows[feature_set, kind] = {
                "accuracy": mean(accuracies),
                "auroc": mean(auroc(normal_scores, scores) for scores in scores_by_severity),
            }
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [f"{dataset} {s}" for dataset in DATASETS if dataset != "gtsrb" or is_available(dataset) for s in SEEDS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    dataset, own_seed = part.split()
    own_seed = seed + int(own_seed)
    train_images, test_images = DATASETS[dataset](own_seed, device)
    vae = train(train_images, own_seed)
    with torch.no_grad():
        error = (vae(test_images) - test_images).square().mean().item()
    base = {
        "dataset": dataset,
        "seed": own_seed,
        "steps": STEPS,
        "training images": len(train_images),
        "tested": len(test_images),
        "error": round(error, 5),
    }
    results = transfer_rows(vae, train_images, test_images, own_seed)
    return [
        {**base, "input": feature_set, "set": kind, "trained": kind == TRAIN_CORRUPTION[0], **round_values(v)}
        for (feature_set, kind), v in results.items()
    ]


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    if not is_available("gtsrb"):
        return []
    images = load("gtsrb", "test")
    return [{"subset": images.description, "sha256": images.sha256}]
