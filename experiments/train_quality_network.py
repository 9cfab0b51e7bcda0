"""Train the quality network of the sign world and write the weights that ship with the library."""

import time

import torch
from safetensors.torch import save_file
from torch import Tensor

from tutorial_lib.data import make_distortion_dataset
from tutorial_lib.data.distorted_images import DISTORTIONS, QualityDataset
from tutorial_lib.gradients import model_outputs
from tutorial_lib.metrics import accuracy, bootstrap_interval, srcc
from tutorial_lib.models import MODELS, WEIGHTS_DIR, QualityNetwork, score_to_bin

NAME = "signs/quality"
N_SCENES, N_TEST, EPOCHS = 96, 28, 16
PRISTINE = 3  # how often an undamaged scene is shown


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(count: int, seed: int) -> QualityDataset:
    """Seeds below 1,000 are for training."""
    return make_distortion_dataset(count, generator=make_generator(seed))


def training_images(rated: QualityDataset) -> tuple[Tensor, Tensor]:
    """Damaged scenes of quality 1 − level/5, and undamaged ones of quality 1."""
    x, references = rated.as_batch()
    clean = torch.cat([rated.reference_images[name] for name in dict.fromkeys(rated.references)]).repeat(
        PRISTINE, 1, 1, 1
    )
    return torch.cat([x, clean]), torch.cat([1 - rated.scores.float() / 5, torch.ones(len(clean))])


def run(seed: int = 0, device="cpu") -> list[dict]:
    start = time.perf_counter()
    network = QualityNetwork(generator=make_generator(seed)).to(device)
    images, scores = training_images(scenes(N_SCENES, seed))
    history = network.fit(images, scores, epochs=EPOCHS, generator=make_generator(seed))
    state = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    save_file(state, WEIGHTS_DIR / MODELS[NAME][1], metadata={"seed": str(seed), "pictures": str(len(images))})
    about = {
        "kind": "training",
        "network": NAME,
        "seed": seed,
        "parameters": sum(p.numel() for p in network.parameters()),
        "pictures": len(images),
        "epochs": EPOCHS,
        "last loss": round(history[-1], 4),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return [about, *evaluate(network, scenes(N_TEST, 1_000 + seed), device)]


def evaluate(network: torch.nn.Module, rated: QualityDataset, device) -> list[dict]:
    """Rank agreement of the score with severity, of each kind of damage and of all, and how often the bin is right."""
    x, _ = rated.as_batch()
    said = model_outputs(network, x.to(device)).cpu()
    score, quality = said[:, 0], 1 - rated.scores / 5
    rows = []
    for kind in ("all", *DISTORTIONS):
        mine = torch.tensor([kind in ("all", k) for k in rated.distortion_types])
        low, high = bootstrap_interval(srcc, score[mine], quality[mine], paired=True, n_resamples=200)
        right = accuracy(said[mine, 1:], score_to_bin(quality[mine]))
        row = {
            "kind": "judged",
            "network": NAME,
            "damage": kind,
            "pictures": int(mine.sum()),
            "bin right": round(right, 4),
        }
        rows.append(
            {**row, "srcc": round(srcc(score[mine], quality[mine]), 4), "low": round(low, 4), "high": round(high, 4)}
        )
    return rows
