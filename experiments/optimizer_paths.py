"""Training paths of AdamW and of plain SGD from the same start, and how their steps relate to the gradient."""

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

from experiments.model_card import accuracy
from experiments.train_sign_networks import EPOCHS, N_IMAGES, training_images
from tutorial_lib.data import SIGNS, load, render
from tutorial_lib.foundations import explained_variance, loss_surface, trajectory_pca
from tutorial_lib.models import SignClassifier
from tutorial_lib.models.training import random_shift, train
from tutorial_lib.runtime import random_permutation

SGD_RATES = (0.1, 0.3, 1.0)  # the one with the highest validation accuracy is shown
RECORD_EVERY = 13  # steps between two recorded states
BATCH_SIZE, MAX_SHIFT = 64, 3  # as in the training of the shipped networks
N_SURFACE = 140  # training images on which the loss of the plane is measured
VALIDATION_SEED, N_VALIDATION = 500, 1_400  # scenes that are neither training scenes nor test scenes
SMALL = {
    "EPOCHS": 1,
    "N_IMAGES": 280,
    "SGD_RATES": (0.1,),
    "N_SURFACE": 14,
    "N_VALIDATION": 14,
    "RECORD_EVERY": 2,
}


def new_model(seed: int, device) -> SignClassifier:
    """Return an untrained network with the initial weights of the shipped network with this seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SignClassifier().to(device)


class PathRecorder:
    """Record the states of a training path, and compare each step with the gradient that it was computed from.

    Attributes:
        states: the parameters before the first step and after every ``RECORD_EVERY`` steps.
        steps: a row for every step: its norm, that of the gradient, and its cosines with −g and −sign(g).
    """

    def __init__(self, model: SignClassifier):
        self.model, self.states, self.steps = model, [], []
        self.before = self.flat_weights()

    def flat_weights(self) -> Tensor:
        """Return all parameters as one vector."""
        return torch.cat([p.detach().flatten() for p in self.model.parameters()])

    def save_state(self) -> None:
        """Record the parameters."""
        self.states.append({name: p.detach().clone() for name, p in self.model.named_parameters()})

    def after_step(self) -> None:
        """Record the step that was just made; the gradients of the parameters are still those of the step."""
        after = self.flat_weights()
        step, self.before = after - self.before, after
        g = torch.cat([p.grad.flatten() for p in self.model.parameters()])
        self.steps.append(
            {
                "length": float(step.norm()),
                "gradient": float(g.norm()),
                "cosine": float(cosine_similarity(step, -g, dim=0)),
                "cosine_sign": float(cosine_similarity(step, -g.sign(), dim=0)),
            }
        )
        if len(self.steps) % RECORD_EVERY == 0:
            self.save_state()


def train_with_adamw(seed: int, data: tuple[Tensor, Tensor], device) -> PathRecorder:
    """Train the shipped network again with AdamW and the one-cycle schedule, and return its path."""
    recorder = PathRecorder(new_model(seed, device))
    recorder.save_state()

    def recording_loss(outputs: Tensor, targets: Tensor) -> Tensor:
        # ``train`` computes the loss before it clears the gradients of the previous step.
        if next(recorder.model.parameters()).grad is not None:
            recorder.after_step()
        return cross_entropy(outputs, targets)

    generator = torch.Generator().manual_seed(seed)
    train(recorder.model, *data, loss=recording_loss, epochs=EPOCHS, generator=generator, progress=False)
    recorder.after_step()
    return recorder


def train_with_sgd(seed: int, data: tuple[Tensor, Tensor], rate: float, device) -> PathRecorder:
    """Train the same network with θ ← θ − αg on the same mini-batches, without momentum, decay or schedule."""
    images, labels = data
    recorder, generator = PathRecorder(new_model(seed, device)), torch.Generator().manual_seed(seed)
    recorder.save_state()
    optimizer = torch.optim.SGD(recorder.model.parameters(), lr=rate)
    n_batches = len(images) // BATCH_SIZE
    recorder.model.train()
    for _ in range(EPOCHS):
        for rows in random_permutation(generator, len(images))[: n_batches * BATCH_SIZE].chunk(n_batches):
            x = random_shift(images[rows], MAX_SHIFT, generator).to(device)
            optimizer.zero_grad()
            cross_entropy(recorder.model(x), labels[rows].to(device)).backward()
            optimizer.step()
            recorder.after_step()
    recorder.model.eval()
    return recorder


def run(seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows: final accuracies, steps and paths of both optimizers, and the loss on their common plane."""
    data = training_images(seed, N_IMAGES)
    labels = torch.arange(N_VALIDATION) % len(SIGNS)
    validation = render(labels, generator=torch.Generator().manual_seed(VALIDATION_SEED + seed), device=device)
    test = load("signs", "test", device=device)
    paths = {("AdamW", 0.0): train_with_adamw(seed, data, device)}
    paths |= {("SGD", rate): train_with_sgd(seed, data, rate, device) for rate in SGD_RATES}
    rows = [
        {
            "kind": "result",
            "optimizer": optimizer,
            "rate": rate,
            "validation": round(accuracy(path.model, validation, labels.to(device)), 4),
            "test": round(accuracy(path.model, test.images, test.labels), 4),
        }
        for (optimizer, rate), path in paths.items()
    ]
    best = max((row for row in rows if row["optimizer"] == "SGD"), key=lambda row: row["validation"])["rate"]
    shown = {"AdamW": paths["AdamW", 0.0], "SGD": paths["SGD", best]}
    rows += [
        {"kind": "step", "optimizer": optimizer, "step": t, **{key: float(f"{v:.4g}") for key, v in step.items()}}
        for optimizer, path in shown.items()
        for t, step in enumerate(path.steps)
        if t < 10 or t % RECORD_EVERY == 0
    ]
    return rows + plane_rows(shown, device)


def plane_rows(paths: dict[str, PathRecorder], device) -> list[dict]:
    """Return both paths on the first two principal components of all their states, and the loss on this plane."""
    x, y = load("signs", "train", limit=N_SURFACE, device=device)
    model, states = paths["AdamW"].model, [state for path in reversed(paths.values()) for state in path.states]
    end, plane = states[-1], trajectory_pca(states)

    def loss_at(first, second=None, **coordinates) -> Tensor:
        return loss_surface(model, x, y, first, second, batch_norm_statistics="batch", **coordinates).cpu()

    rows, coordinates = [], iter(plane.path.tolist())
    for optimizer, path in reversed(paths.items()):
        share = explained_variance(path.states, [plane.first, plane.second])
        rows.append({"kind": "explained", "optimizer": optimizer, "share": round(float(share), 4)})
        for t, state in enumerate(path.states):
            first, second = next(coordinates)
            loss = float(loss_at({name: state[name] - end[name] for name in end}, a=[1]))
            row = {"first": first, "second": second, "loss": loss}
            rows.append(
                {"kind": "path", "optimizer": optimizer, "step": t * RECORD_EVERY}
                | {key: round(value, 4) for key, value in row.items()}
            )
    low, high = plane.path.min(0).values, plane.path.max(0).values
    margin = 0.15 * (high - low).max()
    a, b = (torch.linspace(float(low[i] - margin), float(high[i] + margin), n).tolist() for i, n in ((0, 25), (1, 15)))
    losses = loss_at(plane.first, plane.second, a=a, b=b)
    return rows + [
        {"kind": "plane", "first": round(a[i], 4), "second": round(b[j], 4), "loss": round(float(losses[i, j]), 4)}
        for i in range(len(a))
        for j in range(len(b))
    ]
