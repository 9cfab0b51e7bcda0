"""Train the networks of the sign world and write the weights that ship with the library."""

import time

import torch
from safetensors.torch import save_file
from torch.nn.functional import mse_loss

from tutorial_lib.data import SIGNS, render
from tutorial_lib.networks import NETWORKS, WEIGHTS, SignAutoencoder, SignClassifier
from tutorial_lib.networks.training import train

PICTURES, EPOCHS = 10_000, 8
AUTOENCODER_EPOCHS = 12


def training_pictures(seed: int, pictures: int = PICTURES):
    """Wild scenes, every sign equally often; seeds below 1,000 are the training's, tests use higher ones."""
    labels = torch.arange(pictures) % len(SIGNS)
    return render(labels, generator=torch.Generator().manual_seed(seed)), labels


def trained(architecture, seed: int, device, pictures: int = PICTURES, **how):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = architecture().to(device)
    images, labels = training_pictures(seed, pictures)
    targets = images if architecture is SignAutoencoder else labels
    history = train(model, images, targets, generator=torch.Generator().manual_seed(seed), **how)
    return model, history


def run(seed: int = 0, device="cpu") -> list[dict]:
    jobs = [
        (name, SignClassifier, seed + i, dict(epochs=EPOCHS))
        for i, name in enumerate(n for n in NETWORKS if "classifier" in n)
    ]
    autoencoder = dict(epochs=AUTOENCODER_EPOCHS, loss=mse_loss, weight_decay=0.0)
    rows = []
    for name, architecture, own_seed, how in [*jobs, ("signs/autoencoder", SignAutoencoder, seed, autoencoder)]:
        start = time.perf_counter()
        model, history = trained(architecture, own_seed, device, **how)
        rows.append(shipped(name, model, own_seed, PICTURES, history, time.perf_counter() - start))
    return rows


def shipped(name: str, model, seed: int, pictures: int, history: list[float], seconds: float) -> dict:
    """Write the weights beside the library, and say in a row how they came about."""
    state = {key: tensor.cpu().contiguous() for key, tensor in model.state_dict().items()}
    save_file(state, WEIGHTS / NETWORKS[name][1], metadata={"seed": str(seed), "pictures": str(pictures)})
    return {
        "network": name,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "pictures": pictures,
        "epochs": len(history),
        "last loss": round(history[-1], 5),
        "seconds": round(seconds, 1),
    }
