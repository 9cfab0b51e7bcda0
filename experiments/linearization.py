"""How far the straight line of a gradient holds, in pictures and in weights, at what a network knows and at what it does not."""

import torch
from torch import Tensor, nn

from tutorial_lib.data import is_available, load
from tutorial_lib.foundations import input_linearization_radius, weight_linearization_radius
from tutorial_lib.gradients import kl_from_uniform
from tutorial_lib.models import load as network_of
from tutorial_lib.models import load_pretrained

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
PHOTO_NETWORK = "cifar10/resnet20"
OOD_DATASETS = ("gtsrb", "dtd", "mnist")
INPUT_DISTANCES, WEIGHT_DISTANCES = 200, 60
DISTANCES = 36
SMALL = {"INPUT_DISTANCES": 6, "WEIGHT_DISTANCES": 3, "DISTANCES": 6}


def quantiles(radius: Tensor, generator: torch.Generator) -> dict:
    """The median with the interval of a bootstrap, and the middle half."""
    drawn = radius[torch.randint(len(radius), (1000, len(radius)), generator=generator)].median(1).values
    low, high = drawn.quantile(torch.tensor([0.025, 0.975])).tolist()
    lower, upper = radius.quantile(torch.tensor([0.25, 0.75])).tolist()
    values = {"median": float(radius.median()), "low": low, "high": high, "lower": lower, "upper": upper}
    return {"count": len(radius), **{key: float(f"{value:.4g}") for key, value in values.items()}}


def radius_rows(name: str, model: nn.Module, groups: dict[str, Tensor], seed: int) -> list[dict]:
    """Two questions, the shrug and the predicted class, and two kinds of step: grey levels of 255, thousandths of the weights."""
    generator, rows = torch.Generator().manual_seed(seed), []
    size = torch.cat([p.detach().flatten() for p in model.parameters()]).norm()
    for title, images in groups.items():
        for question, objective in {"shrug": kl_from_uniform(), "logit of P": None}.items():
            grey = images[0].numel() ** 0.5 / 255
            distances = grey * torch.logspace(-2.5, 1.8, DISTANCES)
            r = input_linearization_radius(model, images[:INPUT_DISTANCES], objective, distances=distances).cpu() / grey
            rows.append(
                {"network": name, "group": title, "question": question, "step": "picture", **quantiles(r, generator)}
            )
            unit = float(size) / 1000
            distances = unit * torch.logspace(-2.5, 2, DISTANCES)
            r = (
                weight_linearization_radius(model, images[:WEIGHT_DISTANCES], objective, distances=distances).cpu()
                / unit
            )
            rows.append(
                {"network": name, "group": title, "question": question, "step": "weights", **quantiles(r, generator)}
            )
    return rows


def parts() -> list[str]:
    return [*SIGN_NETWORKS, *([PHOTO_NETWORK] if is_available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == PHOTO_NETWORK:
        groups = {"known": load("cifar10", "test", device=device).images}
        groups |= {
            world: load(world, "test", size=32, device=device).images for world in OOD_DATASETS if is_available(world)
        }
        return radius_rows(part, load_pretrained(part, device), groups, seed)
    groups = {"known": load("signs", "test", limit=INPUT_DISTANCES, device=device).images}
    groups["novel"] = load("signs", "novel", limit=INPUT_DISTANCES, device=device).images
    return radius_rows(part, network_of(part, device), groups, seed)


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if not is_available("cifar10"):
        return []
    sets = [load("cifar10", "test"), *(load(world, "test", size=32) for world in OOD_DATASETS if is_available(world))]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
