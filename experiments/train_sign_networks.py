"""Train the networks for synthetic signs and write the weights that ship with the library."""

import time

import torch
from safetensors.torch import save_file
from torch.nn.functional import mse_loss

from tutorial_lib.data import SIGNS, render
from tutorial_lib.models import MODELS, WEIGHTS_DIR, SignAutoencoder, SignClassifier
from tutorial_lib.models.training import train

N_IMAGES, EPOCHS = 10_000, 8
AUTOENCODER_EPOCHS = 12


def training_images(seed: int, n_images: int = N_IMAGES):
    """Return scenes with equally frequent signs, and labels; seeds below 1,000 are for training, others for tests."""
    labels = torch.arange(n_images) % len(SIGNS)
    return render(labels, generator=torch.Generator().manual_seed(seed)), labels


def train_model(architecture, seed: int, device, n_images: int = N_IMAGES, **options):
    """Return a trained network and its training losses."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = architecture().to(device)
    images, labels = training_images(seed, n_images)
    targets = images if architecture is SignAutoencoder else labels
    history = train(model, images, targets, generator=torch.Generator().manual_seed(seed), **options)
    return model, history


def run(seed: int = 0, device="cpu") -> list[dict]:
    """Train all sign networks, write their weights, and return the rows of the table."""
    jobs = [
        (name, SignClassifier, seed + i, dict(epochs=EPOCHS))
        for i, name in enumerate(n for n in MODELS if "classifier" in n)
    ]
    autoencoder = dict(epochs=AUTOENCODER_EPOCHS, loss=mse_loss, weight_decay=0.0)
    rows = []
    for name, architecture, model_seed, options in [*jobs, ("signs/autoencoder", SignAutoencoder, seed, autoencoder)]:
        start = time.perf_counter()
        model, history = train_model(architecture, model_seed, device, **options)
        rows.append(save_weights(name, model, model_seed, N_IMAGES, history, time.perf_counter() - start))
    return rows


def save_weights(name: str, model, seed: int, n_images: int, history: list[float], seconds: float) -> dict:
    """Write the weights of a network, and return a row that describes the training."""
    state = {key: tensor.cpu().contiguous() for key, tensor in model.state_dict().items()}
    save_file(state, WEIGHTS_DIR / MODELS[name][1], metadata={"seed": str(seed), "images": str(n_images)})
    return {
        "network": name,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "images": n_images,
        "epochs": len(history),
        "last loss": round(history[-1], 5),
        "seconds": round(seconds, 1),
    }
