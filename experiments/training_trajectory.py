"""The training trajectory of the sign networks: its principal components, and the loss on the plane that they span and
on the line from the first to the last weights."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from experiments.train_sign_networks import EPOCHS, training_images
from tutorial_lib.data import load
from tutorial_lib.foundations import (
    explained_variance,
    loss_surface,
    random_walk_like,
    random_weight_direction,
    trajectory_pca,
)
from tutorial_lib.models import MODELS, SignClassifier
from tutorial_lib.models import load as load_network
from tutorial_lib.models.training import train

RECORD_EVERY = 13  # steps between two recorded states
N_IMAGES = 280  # training images of the batch on which the loss is measured
RADIUS = 5  # numbers of random planes and random walks
SMALL = {"EPOCHS": 1, "train_sign_networks.N_IMAGES": 280, "N_IMAGES": 14, "RECORD_EVERY": 3, "RADIUS": 1}


def record_training(seed: int, device) -> tuple[SignClassifier, list[dict[str, Tensor]]]:
    """Return a network trained like the shipped one with this seed, and its parameters during training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SignClassifier().to(device)
    states, n_calls = [], 0

    def record():
        states.append({name: p.detach().clone() for name, p in model.named_parameters()})

    def recording_loss(outputs: Tensor, targets: Tensor) -> Tensor:
        nonlocal n_calls
        if n_calls % RECORD_EVERY == 0:
            record()
        n_calls += 1
        return cross_entropy(outputs, targets)

    images, labels = training_images(seed)
    options = dict(loss=recording_loss, epochs=EPOCHS, progress=False)
    train(model, images, labels, generator=torch.Generator().manual_seed(seed), **options)
    record()
    return model, states


def component_shares(network: str, seed: int, states: list[dict[str, Tensor]], model: SignClassifier) -> list[dict]:
    """Return the variance explained by two components, for the trajectory and for random walks of equal steps."""
    shipped = load_network(network).state_dict()
    max_difference = max(float((p.cpu() - shipped[name]).abs().max()) for name, p in states[-1].items())
    first, second, third = trajectory_pca(states).explained_variance_ratio[:3].tolist()
    rows = [
        {
            "kind": "share",
            "network": network,
            "of": "path",
            "first": first,
            "second": second,
            "third": third,
            "apart": max_difference,
        }
    ]
    for i in range(RADIUS):
        generator = torch.Generator().manual_seed(1000 * seed + i)
        walk = trajectory_pca(random_walk_like(states, generator=generator)).explained_variance_ratio[:3].tolist()
        rows.append(
            {
                "kind": "share",
                "network": network,
                "of": "random walk",
                "first": walk[0],
                "second": walk[1],
                "third": walk[2],
            }
        )
        plane = [random_weight_direction(model, generator=generator) for _ in range(2)]
        rows.append(
            {"kind": "share", "network": network, "of": "random plane", "both": explained_variance(states, plane)}
        )
    return [{key: round(value, 7) if isinstance(value, float) else value for key, value in row.items()} for row in rows]


def parameter_differences(start: dict[str, Tensor], end: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the difference of two states."""
    return {name: start[name] - end[name] for name in end}


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [name for name in MODELS if "classifier" in name]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one network; of the first, also the path, the plane and the straight line."""
    i = part_names().index(part)
    model, states = record_training(seed + i, device)
    rows = component_shares(part, seed + i, states, model)
    if i:
        return rows
    x, y = load("signs", "train", limit=N_IMAGES, device=device)
    end, plane = states[-1], trajectory_pca(states)
    weight_norm = torch.stack([p.square().sum() for p in end.values()]).sum().sqrt()

    def loss_at(statistics: str, *directions, **coordinates) -> Tensor:
        return loss_surface(model, x, y, *directions, batch_norm_statistics=statistics, **coordinates).cpu()

    for t, (state, (first, second)) in enumerate(zip(states, plane.path.tolist(), strict=True)):
        difference = parameter_differences(state, end)
        row = {"kind": "path", "step": RECORD_EVERY * t, "first": first, "second": second}
        row |= {
            "loss": float(loss_at("batch", difference, a=[1])),
            "frozen": float(loss_at("frozen", difference, a=[1])),
        }
        row |= {"shadow": float(loss_at("batch", plane.first, plane.second, a=[first], b=[second]))}
        rows.append({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
    low, high = plane.path.min(0).values, plane.path.max(0).values
    margin = 0.15 * (high - low).max()
    a, b = (torch.linspace(float(low[i] - margin), float(high[i] + margin), n).tolist() for i, n in ((0, 29), (1, 19)))
    losses = loss_at("batch", plane.first, plane.second, a=a, b=b)
    rows += [
        {"kind": "plane", "first": round(a[i], 4), "second": round(b[j], 4), "loss": round(float(losses[i, j]), 4)}
        for i in range(len(a))
        for j in range(len(b))
    ]
    fractions = [i / 10 for i in range(11)]
    line = [
        loss_at(kind, parameter_differences(states[0], end), a=[1 - s for s in fractions])
        for kind in ("batch", "frozen")
    ]
    rows += [
        {"kind": "line", "fraction": s, "loss": round(float(u), 4), "frozen": round(float(v), 4)}
        for s, u, v in zip(fractions, *line, strict=True)
    ]
    return [
        *rows,
        {"kind": "norm", "weights": round(float(weight_norm), 4), "parameters": sum(p.numel() for p in end.values())},
    ]


def join_parts(parts: list[list[dict]]) -> list[dict]:
    """Return the rows with the explained variances of all networks first."""
    return sorted((row for rows in parts for row in rows), key=lambda row: row["kind"] != "share")
