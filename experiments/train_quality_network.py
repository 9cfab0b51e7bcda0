"""Train the quality network for synthetic signs and write the weights that ship with the library."""

import time

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from tutorial_lib.data import make_distortion_dataset
from tutorial_lib.data.distorted_images import DISTORTIONS, QualityDataset
from tutorial_lib.gradients import model_outputs
from tutorial_lib.metrics import accuracy, bootstrap_interval, srcc
from tutorial_lib.models import MODELS, WEIGHTS_DIR, QualityNetwork, train

NAME = "signs/quality"
N_SCENES, N_TEST, EPOCHS = 96, 28, 16
PRISTINE = 3  # copies of every undistorted scene in the training set


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def scenes(count: int, seed: int) -> QualityDataset:
    """Return distorted scenes; seeds below 1,000 are for training."""
    return make_distortion_dataset(count, generator=make_generator(seed))


def training_images(rated: QualityDataset) -> tuple[Tensor, Tensor]:
    """Return distorted scenes of quality 1 − level/5, undistorted ones of quality 1, and the qualities."""
    x, references = rated.as_batch()
    clean = torch.cat([rated.reference_images[name] for name in dict.fromkeys(rated.references)]).repeat(
        PRISTINE, 1, 1, 1
    )
    return torch.cat([x, clean]), torch.cat([1 - rated.scores.float() / 5, torch.ones(len(clean))])


def score_to_bin(scores: Tensor, bins: int = 6) -> Tensor:
    """Return the bin of each score in [0, 1], the nearest of b/(bins − 1)."""
    return (scores * (bins - 1)).round().long().clamp(0, bins - 1)


def quality_loss(outputs: Tensor, scores: Tensor) -> Tensor:
    """Return ten times the squared error of the score plus the cross-entropy of its bin, averaged over a batch.

    The factor makes the two terms similar in magnitude.
    """
    error = (outputs[:, 0] - scores).square().mean()
    return 10 * error + cross_entropy(outputs[:, 1:], score_to_bin(scores, outputs.shape[1] - 1))


def run(seed: int = 0, device="cpu") -> list[dict]:
    """Train the network, write its weights, and return the rows of the table."""
    start = time.perf_counter()
    network = QualityNetwork(generator=make_generator(seed)).to(device)
    images, scores = training_images(scenes(N_SCENES, seed))
    history = train(
        network, images, scores, loss=quality_loss, epochs=EPOCHS, generator=make_generator(seed), progress=False
    )
    state = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    save_file(state, WEIGHTS_DIR / MODELS[NAME][1], metadata={"seed": str(seed), "images": str(len(images))})
    training = {
        "kind": "training",
        "network": NAME,
        "seed": seed,
        "parameters": sum(p.numel() for p in network.parameters()),
        "images": len(images),
        "epochs": EPOCHS,
        "last loss": round(history[-1], 4),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return [training, *evaluate(network, scenes(N_TEST, 1_000 + seed), device)]


def evaluate(network: torch.nn.Module, rated: QualityDataset, device) -> list[dict]:
    """Return the rank correlation of the score with quality, and the accuracy of the bin, by kind of distortion.

    The intervals resample scenes together with all their distorted images.
    """
    x, _ = rated.as_batch()
    outputs = model_outputs(network, x.to(device)).cpu()
    score, quality = outputs[:, 0], 1 - rated.scores / 5
    names = list(dict.fromkeys(rated.references))
    scene = torch.tensor([names.index(name) for name in rated.references])
    rows = []
    for kind in ("all", *DISTORTIONS):
        of_kind = torch.tensor([kind in ("all", k) for k in rated.distortion_types])
        data, groups = (score[of_kind], quality[of_kind]), scene[of_kind]
        low, high = bootstrap_interval(srcc, *data, paired=True, groups=groups, n_resamples=200)
        bin_accuracy = accuracy(outputs[of_kind, 1:], score_to_bin(quality[of_kind]))
        row = {
            "kind": "test",
            "network": NAME,
            "distortion": kind,
            "images": int(of_kind.sum()),
            "bin accuracy": round(bin_accuracy, 4),
        }
        rows.append(
            {
                **row,
                "srcc": round(srcc(score[of_kind], quality[of_kind]), 4),
                "low": round(low, 4),
                "high": round(high, 4),
            }
        )
    return rows
