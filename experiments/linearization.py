"""How far the first-order approximation is accurate in input space and in weight space, for known and OOD images."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tutorial_lib._batching import sample_norms
from tutorial_lib.data import is_available, load
from tutorial_lib.foundations import input_linearization_radius, linearization_radius
from tutorial_lib.gradients import ObjectiveLike, as_objective, kl_from_uniform, model_outputs, per_sample_gradients
from tutorial_lib.models import load as network_of
from tutorial_lib.models import load_pretrained

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
PHOTO_NETWORK = "cifar10/resnet20"
OOD_DATASETS = ("gtsrb", "dtd", "mnist")
INPUT_DISTANCES, WEIGHT_DISTANCES = 200, 60
DISTANCES = 36
N_FIRST = 40  # images of each group for which chapter 1 computes the radii of the first network again
SMALL = {"INPUT_DISTANCES": 6, "WEIGHT_DISTANCES": 3, "DISTANCES": 6}


def quantiles(radius: Tensor, generator: torch.Generator) -> dict:
    """Return the median with a bootstrap interval, and the quartiles."""
    medians = radius[torch.randint(len(radius), (1000, len(radius)), generator=generator)].median(1).values
    low, high = medians.quantile(torch.tensor([0.025, 0.975])).tolist()
    lower, upper = radius.quantile(torch.tensor([0.25, 0.75])).tolist()
    values = {"median": float(radius.median()), "low": low, "high": high, "lower": lower, "upper": upper}
    return {"count": len(radius), **{key: round_value(value) for key, value in values.items()}}


def round_value(value: float) -> float:
    """Return a number with four significant digits."""
    return float(f"{value:.4g}")


@torch.no_grad()
def weight_linearization_radius(
    model: nn.Module, x: Tensor, objective: ObjectiveLike, *, distances: Tensor, batch_size: int = 16
) -> Tensor:
    """Return the radius of the linear approximation when the weights move downhill, for each sample alone, (N,).

    The weights move along −g/‖g‖ with g = ∂J/∂θ. The radius is the distance up to which the linear prediction of the
    change of J is accurate. ``batch_size`` distances are evaluated together, each with its own copy of the weights.
    """
    bound, radii, distances = as_objective(objective, x), [], distances.to(x)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    for i, sample in enumerate(x.split(1)):
        outputs = model_outputs(model, sample)
        resolved = bound.select(slice(i, i + 1)).resolve(outputs)
        g = per_sample_gradients(model, sample, resolved)
        norm = sample_norms(torch.cat([v.flatten(1) for v in g.values()], 1))[0, 0]
        downhill = {name: -v[0] / torch.where(norm == 0, 1, norm) for name, v in g.items()}

        def loss(t, sample=sample, downhill=downhill, resolved=resolved):
            moved = {name: parameters[name] + t * v for name, v in downhill.items()}
            return resolved(functional_call(model, moved, (sample,)))[0]

        losses = torch.cat([torch.vmap(loss)(batch) for batch in distances.split(batch_size)])
        radii.append(linearization_radius(losses[None], -norm[None], resolved(outputs), distances))
    return torch.cat(radii)


def radius_rows(name: str, model: nn.Module, groups: dict[str, Tensor], seed: int) -> list[dict]:
    """Return the radii of two objectives, for steps of the inputs (gray levels) and of the weights (thousandths)."""
    generator, rows = torch.Generator().manual_seed(seed), []
    weight_norm = torch.cat([p.detach().flatten() for p in model.parameters()]).norm()
    for title, images in groups.items():
        for objective_name, objective in {"uniform target": kl_from_uniform(), "logit of P": None}.items():
            gray_level = images[0].numel() ** 0.5 / 255
            distances = gray_level * torch.logspace(-2.5, 1.8, DISTANCES)
            r = (
                input_linearization_radius(model, images[:INPUT_DISTANCES], objective, distances=distances).cpu()
                / gray_level
            )
            rows.append(
                {
                    "network": name,
                    "group": title,
                    "question": objective_name,
                    "step": "image",
                    **quantiles(r, generator),
                }
            )
            if name == SIGN_NETWORKS[0]:
                rows[-1]["median_of_first"] = round_value(float(r[:N_FIRST].median()))
            unit = float(weight_norm) / 1000
            distances = unit * torch.logspace(-2.5, 2, DISTANCES)
            r = (
                weight_linearization_radius(model, images[:WEIGHT_DISTANCES], objective, distances=distances).cpu()
                / unit
            )
            rows.append(
                {
                    "network": name,
                    "group": title,
                    "question": objective_name,
                    "step": "weights",
                    **quantiles(r, generator),
                }
            )
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [*SIGN_NETWORKS, *([PHOTO_NETWORK] if is_available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    if part == PHOTO_NETWORK:
        groups = {"known": load("cifar10", "test", device=device).images}
        groups |= {
            name: load(name, "test", size=32, device=device).images for name in OOD_DATASETS if is_available(name)
        }
        return radius_rows(part, load_pretrained(part, device), groups, seed)
    groups = {"known": load("signs", "test", limit=INPUT_DISTANCES, device=device).images}
    groups["novel"] = load("signs", "novel", limit=INPUT_DISTANCES, device=device).images
    return radius_rows(part, network_of(part, device), groups, seed)


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    if not is_available("cifar10"):
        return []
    sets = [load("cifar10", "test"), *(load(name, "test", size=32) for name in OOD_DATASETS if is_available(name))]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
