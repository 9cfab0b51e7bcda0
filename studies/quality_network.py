"""Train the quality network of the sign world and write the weights that ship with the library."""

import time

import torch
from safetensors.torch import save_file
from torch import Tensor

from tutorial_lib.data import severities
from tutorial_lib.data.rated import DAMAGES, Rated
from tutorial_lib.gradients import outputs
from tutorial_lib.measures import accuracy, bootstrap_interval, srcc
from tutorial_lib.networks import NETWORKS, WEIGHTS, QualityNetwork, bins_of

NAME = "signs/quality"
SCENES, JUDGED, EPOCHS = 96, 28, 16
PRISTINE = 3  # how often an undamaged scene is shown


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(count: int, seed: int) -> Rated:
    """Seeds below 1,000 are for training."""
    return severities(count, generator=source(seed))


def shown(rated: Rated) -> tuple[Tensor, Tensor]:
    """Damaged scenes of quality 1 − level/5, and undamaged ones of quality 1."""
    x, references = rated.stacked()
    clean = torch.cat([rated.originals[name] for name in dict.fromkeys(rated.references)]).repeat(PRISTINE, 1, 1, 1)
    return torch.cat([x, clean]), torch.cat([1 - rated.scores.float() / 5, torch.ones(len(clean))])


def run(seed: int = 0, device="cpu") -> list[dict]:
    start = time.perf_counter()
    network = QualityNetwork(generator=source(seed)).to(device)
    images, scores = shown(scenes(SCENES, seed))
    history = network.fit(images, scores, epochs=EPOCHS, generator=source(seed))
    state = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    save_file(state, WEIGHTS / NETWORKS[NAME][1], metadata={"seed": str(seed), "pictures": str(len(images))})
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
    return [about, *judged(network, scenes(JUDGED, 1_000 + seed), device)]


def judged(network: torch.nn.Module, rated: Rated, device) -> list[dict]:
    """Rank agreement of the score with severity, of each kind of damage and of all, and how often the bin is right."""
    x, _ = rated.stacked()
    said = outputs(network, x.to(device)).cpu()
    score, quality = said[:, 0], 1 - rated.scores / 5
    rows = []
    for kind in ("all", *DAMAGES):
        mine = torch.tensor([kind in ("all", k) for k in rated.kinds])
        low, high = bootstrap_interval(srcc, score[mine], quality[mine], paired=True, resamples=200)
        right = accuracy(said[mine, 1:], bins_of(quality[mine]))
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
