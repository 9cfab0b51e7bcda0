"""The path of the real sign network in training: where it ran, the loss on its plane and on the straight line, how flat it is."""

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

RECORD_EVERY = 13  # steps between two states that are kept
PICTURES = 280  # of the training set, one batch to measure the loss on
RADIUS = 5  # planes and walks drawn at random
SMALL = {"EPOCHS": 1, "train_sign_networks.PICTURES": 280, "PICTURES": 14, "RECORD_EVERY": 3, "RADIUS": 1}


def record_training(seed: int, device) -> tuple[SignClassifier, list[dict[str, Tensor]]]:
    """The network of this seed, trained as the shipped one was, and its parameters on the way, first and last included."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SignClassifier().to(device)
    states, asked = [], 0

    def keep():
        states.append({name: p.detach().clone() for name, p in model.named_parameters()})

    def watched(outputs: Tensor, targets: Tensor) -> Tensor:
        nonlocal asked
        if asked % RECORD_EVERY == 0:
            keep()
        asked += 1
        return cross_entropy(outputs, targets)

    images, labels = training_images(seed)
    how = dict(loss=watched, epochs=EPOCHS, progress=False)
    train(model, images, labels, generator=torch.Generator().manual_seed(seed), **how)
    keep()
    return model, states


def component_shares(network: str, seed: int, states: list[dict[str, Tensor]], model: SignClassifier) -> list[dict]:
    """How much of the path two components hold; of an aimless walk of the same step lengths; what two random directions hold."""
    shipped = load_network(network).state_dict()
    apart = max(float((p.cpu() - shipped[name]).abs().max()) for name, p in states[-1].items())
    first, second, third = trajectory_pca(states).explained_variance_ratio[:3].tolist()
    rows = [
        {
            "kind": "share",
            "network": network,
            "of": "path",
            "first": first,
            "second": second,
            "third": third,
            "apart": apart,
        }
    ]
    for i in range(RADIUS):
        generator = torch.Generator().manual_seed(1000 * seed + i)
        walk = trajectory_pca(random_walk_like(states, generator=generator)).explained_variance_ratio[:3].tolist()
        rows.append(
            {"kind": "share", "network": network, "of": "walk", "first": walk[0], "second": walk[1], "third": walk[2]}
        )
        plane = [random_weight_direction(model, generator=generator) for _ in range(2)]
        rows.append(
            {"kind": "share", "network": network, "of": "random plane", "both": explained_variance(states, plane)}
        )
    return [{key: round(value, 7) if isinstance(value, float) else value for key, value in row.items()} for row in rows]


def interpolation_losses(start: dict[str, Tensor], end: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: start[name] - end[name] for name in end}


def parts() -> list[str]:
    return [name for name in MODELS if "classifier" in name]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Where one network ran; of the first, the path, the plane and the straight line as well."""
    i = parts().index(part)
    model, states = record_training(seed + i, device)
    rows = component_shares(part, seed + i, states, model)
    if i:
        return rows
    x, y = load("signs", "train", limit=PICTURES, device=device)
    end, plane = states[-1], trajectory_pca(states)
    lengths = torch.stack([p.square().sum() for p in end.values()]).sum().sqrt()

    def measured(statistics: str, *directions, **where) -> Tensor:
        return loss_surface(model, x, y, *directions, batch_norm_statistics=statistics, **where).cpu()

    for t, (state, (first, second)) in enumerate(zip(states, plane.path.tolist(), strict=True)):
        here = interpolation_losses(state, end)
        row = {"kind": "path", "step": RECORD_EVERY * t, "first": first, "second": second}
        row |= {"loss": float(measured("batch", here, a=[1])), "frozen": float(measured("frozen", here, a=[1]))}
        row |= {"shadow": float(measured("batch", plane.first, plane.second, a=[first], b=[second]))}
        rows.append({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
    low, high = plane.path.min(0).values, plane.path.max(0).values
    margin = 0.15 * (high - low).max()
    a, b = (torch.linspace(float(low[i] - margin), float(high[i] + margin), n).tolist() for i, n in ((0, 29), (1, 19)))
    heights = measured("batch", plane.first, plane.second, a=a, b=b)
    rows += [
        {"kind": "plane", "first": round(a[i], 4), "second": round(b[j], 4), "loss": round(float(heights[i, j]), 4)}
        for i in range(len(a))
        for j in range(len(b))
    ]
    shares_of_way = [i / 10 for i in range(11)]
    line = [
        measured(kind, interpolation_losses(states[0], end), a=[1 - s for s in shares_of_way])
        for kind in ("batch", "frozen")
    ]
    rows += [
        {"kind": "line", "way": s, "loss": round(float(u), 4), "frozen": round(float(v), 4)}
        for s, u, v in zip(shares_of_way, *line, strict=True)
    ]
    return [
        *rows,
        {"kind": "length", "weights": round(float(lengths), 4), "parameters": sum(p.numel() for p in end.values())},
    ]


def join_parts(found: list[list[dict]]) -> list[dict]:
    """The shares of all networks first; the rest is of one."""
    return sorted((row for rows in found for row in rows), key=lambda row: row["kind"] != "share")


def run(seed: int = 0, device="cpu") -> list[dict]:
    return join_parts([run_part(part, seed, device) for part in parts()])
