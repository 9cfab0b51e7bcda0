"""Explanations before a jury: exact twins, forgetting networks, and jurors of habit; many maps, three networks, known answers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from tutorial_lib import attribution as I
from tutorial_lib.data import SIGNS, counterfactual_pairs, render
from tutorial_lib.data.counterfactuals import MOST_SIMILAR_SIGN
from tutorial_lib.gradients import find_layer, logit_difference
from tutorial_lib.metrics import center_bias_map, random_map, srcc, uniform_map
from tutorial_lib.models import load

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
N_PAIRS, N_RANDOMIZED, N_RANDOMIZATIONS, N_EVALUATED = 12, 2, 4, 8
LAYERS = ("head", "block3", "block2", "block1", "stem")
# What is shown where nothing is to be seen, and after how many steps the curve is drawn.
PROTOCOLS = {"grey": (0.5, 12), "black": (0.0, 12), "blurred": ("blurred", 12), "grey, 4 steps": (0.5, 4)}
SMALL = {"N_PAIRS": 1, "N_RANDOMIZED": 1, "N_RANDOMIZATIONS": 1, "N_EVALUATED": 1, "LAYERS": ("head", "stem")}

Explain = Callable[[nn.Module, Tensor, object], Tensor]


def edge_detector_map(x: Tensor) -> Tensor:
    """How fast the picture changes from pixel to pixel, in its largest channel; no network. (N, C, H, W) -> (N, H, W)."""
    down, across = torch.zeros_like(x), torch.zeros_like(x)
    down[..., 1:-1, :] = x[..., 2:, :] - x[..., :-2, :]
    across[..., 1:-1] = x[..., 2:] - x[..., :-2]
    return (down.square() + across.square()).sqrt().amax(1)


def methods(layer: str) -> dict[str, Explain]:
    """Each method as a function of a network, pictures and an objective; signed where the method is, (N, H, W) or like x."""
    return {
        "occlusion": lambda m, x, J: I.occlusion(m, x, J, window=x.shape[-2] // 6, stride=x.shape[-2] // 12),
        "saliency": lambda m, x, J: I.saliency(m, x, J),
        "SmoothGrad": lambda m, x, J: I.smoothgrad(m, x, J, n_samples=12),
        "integrated gradients": lambda m, x, J: I.integrated_gradients(m, x, J, baseline=0.5, n_steps=12),
        "guided backpropagation": lambda m, x, J: I.guided_backprop(m, x, J),
        "Grad-CAM": lambda m, x, J: I.upsample(I.grad_cam(m, x, layer, J), x.shape[-2:]),
        "Grad-CAM++": lambda m, x, J: I.upsample(I.grad_cam_plus_plus(m, x, layer, J), x.shape[-2:]),
        "guided Grad-CAM": lambda m, x, J: I.guided_grad_cam(m, x, layer, J),
    }


def to_image_maps(maps: Tensor) -> Tensor:
    """As a reader sees it: the strongest channel's magnitude of pixels' gradients, a layer's map as it is. -> (N, H, W)."""
    return I.reduce_channels(maps) if maps.dim() == 4 else maps


def baseline_maps(x: Tensor) -> dict[str, Tensor]:
    like = x[:, 0]
    blind = {"random": random_map(like), "uniform": uniform_map(like), "centre": center_bias_map(like)}
    return {**blind, "edges of the picture": edge_detector_map(x)}


def mean(values: Tensor) -> float:
    return round(float(values.double().mean()), 4)


def correctly_classified(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([model(part).argmax(1) for part in x.split(200)]) == labels


def sign_scenes(each: int, seed: int, device) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Near twins of every sign: pictures, their twins, the pixels that differ, both labels."""
    P = [sign for sign in SIGNS for _ in range(each)]
    Q = [MOST_SIMILAR_SIGN[sign] for sign in P]
    drawn = counterfactual_pairs(P, Q, generator=torch.Generator().manual_seed(seed), device=device)
    p, q = (torch.tensor([SIGNS.index(s) for s in names], device=device) for names in (P, Q))
    return drawn.image, drawn.counterfactual, drawn.difference[:, 0], p, q


def counterfactual_localization(name: str, model: nn.Module, seed: int, device, each: int) -> list[dict]:
    """How much of each map lies where the twins differ, asked "why P?" and "why P, rather than Q?"."""
    x, other, mask, p, q = sign_scenes(each, seed, device)
    # A fair question: P is seen as P, its twin as Q, and leaves do not hide all that differs.
    fair = correctly_classified(model, x, p) & correctly_classified(model, other, q) & mask.flatten(1).any(1)
    x, mask, p, q = x[fair], mask[fair], p[fair], q[fair]
    rows = []
    for method, maps in baseline_maps(x).items():
        judged = {
            "mass": mean(I.energy_pointing_game(maps, mask)),
            "point": mean(I.pointing_game(maps, mask)),
            "better": None,
        }
        rows.append(
            {"kind": "twins", "network": name, "method": method, "question": "none", "pictures": len(x), **judged}
        )
    for method, explain in methods("block3").items():
        masses = {}
        for question, J in {"why P": p, "why P, rather than Q": logit_difference(q, p)}.items():
            maps = to_image_maps(explain(model, x, J))
            masses[question] = I.energy_pointing_game(maps, mask)
            judged = {"mass": mean(masses[question]), "point": mean(I.pointing_game(maps, mask)), "better": None}
            rows.append(
                {"kind": "twins", "network": name, "method": method, "question": question, "pictures": len(x), **judged}
            )
        rows[-1]["better"] = mean(masses["why P, rather than Q"] > masses["why P"])
    return rows


def reinitialized_head(model: nn.Module, head: str, generator: torch.Generator) -> nn.Module:
    """A copy whose last layer is normal noise of the old spread around zero: shuffling would keep the mean of the weights."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for p in find_layer(model, head).parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * p.std().cpu())
    return model


def rank_correlation(before: Tensor, after: Tensor) -> list[float]:
    """Spearman's correlation of each pair of maps; a constant map has no order, and correlates with nothing."""
    pairs = zip(before.flatten(1), after.flatten(1), strict=True)
    return [0.0 if (a == a[0]).all() or (b == b[0]).all() else srcc(a, b) for a, b in pairs]


def randomization_rows(
    name: str,
    model: nn.Module,
    x: Tensor,
    target: Tensor,
    other: Tensor,
    layer: str,
    layers: tuple[str, ...],
    seed: int,
    draws: int,
    skip: tuple[str, ...] = (),
) -> list[dict]:
    """What is left of each map after the network forgets from the answer down, in many draws; layers[0] is also drawn anew.

    The class explained is fixed. Last come the positive part of Grad-CAM, as it is shown, the contrast, and no network at all.
    """
    rows = []
    contrast = logit_difference(other, target)
    candidates = {
        **{method: partial(explain, J=target) for method, explain in methods(layer).items()},
        "Grad-CAM, positive part": lambda m, x: I.upsample(I.grad_cam(m, x, layer, target, relu=True), x.shape[-2:]),
        "contrast": lambda m, x: I.upsample(I.grad_cam(m, x, layer, contrast), x.shape[-2:]),
        "edges of the picture": lambda m, x: edge_detector_map(x),
    }
    for method in [m for m in candidates if m not in skip]:
        explain, kept = candidates[method], {}
        for draw in range(draws):
            generator = torch.Generator().manual_seed(seed * 1000 + draw)
            found = I.model_randomization_test(model, x, explain, layers=layers, generator=generator)
            for stage, signed, magnitude in zip(found.layers, found.similarity, found.magnitude, strict=True):
                kept.setdefault(stage, []).append((mean(signed), mean(magnitude)))
            maps, anew = (explain(m, x).detach() for m in (model, reinitialized_head(model, layers[0], generator)))
            pair = [sum(rank_correlation(*both)) / len(x) for both in ((maps, anew), (maps.abs(), anew.abs()))]
            kept.setdefault(f"{layers[0]}, drawn anew", []).append(pair)
        for stage, pairs in kept.items():
            signed, magnitude = (torch.tensor(column) for column in zip(*pairs, strict=True))
            spread = {"low": round(float(magnitude.min()), 4), "high": round(float(magnitude.max()), 4)}
            row = {"kind": "forget", "network": name, "method": method, "forgot": stage or "nothing"}
            row |= {"pictures": len(x), "draws": draws}
            rows.append({**row, "signed": mean(signed), "magnitude": mean(magnitude), **spread})
    return rows


def accuracy_under_randomization(
    name: str, model: nn.Module, x: Tensor, target: Tensor, layers: tuple[str, ...], seed: int, draws: int
) -> list[dict]:
    """The answers themselves under the same shuffles: one map a picture, whose first number says whether the answer stands."""
    stages: dict[str, list[float]] = {}
    for draw in range(draws):
        seen: list[float] = []

        def answers(m: nn.Module, x: Tensor) -> Tensor:
            seen.append(mean(correctly_classified(m, x, target)))
            return torch.zeros(len(x), 1)

        generator = torch.Generator().manual_seed(seed * 1000 + draw)
        found = I.model_randomization_test(model, x, answers, layers=layers, generator=generator)
        # The first call asks the model itself, before anything else.
        for stage, share in zip(found.layers, seen[1:], strict=True):
            stages.setdefault(stage, []).append(share)
    row = {"kind": "right", "network": name, "pictures": len(x), "draws": draws}
    return [
        {**row, "forgot": stage or "nothing", "right": mean(torch.tensor(shares))} for stage, shares in stages.items()
    ]


def faithfulness_rows(name: str, model: nn.Module, seed: int, device, each: int) -> list[dict]:
    """The jurors of the literature: pointing, mass in the sign and in its glyph, deletion, insertion, average drop."""
    labels = torch.arange(len(SIGNS)).repeat_interleave(each)
    drawn = render(labels, masks=True, generator=torch.Generator().manual_seed(seed + 1), device=device)
    sign, glyph = drawn.sign_mask[:, 0] > 0.5, drawn.glyph_mask[:, 0] > 0.5
    labels = labels.to(device)
    fair = correctly_classified(model, drawn.images, labels) & glyph.flatten(1).any(1)
    x, sign, glyph, labels = drawn.images[fair], sign[fair], glyph[fair], labels[fair]
    candidates = {
        **baseline_maps(x),
        **{method: to_image_maps(explain(model, x, labels)) for method, explain in methods("block3").items()},
    }
    rows = []
    for method, maps in candidates.items():
        row = {"kind": "jurors", "network": name, "method": method, "pictures": len(x)}
        for place, mask in {"sign": sign, "glyph": glyph}.items():
            row |= {
                f"point {place}": mean(I.pointing_game(maps, mask)),
                f"mass {place}": mean(I.energy_pointing_game(maps, mask)),
            }
        for protocol, (ground, steps) in PROTOCOLS.items():
            ground = I.gaussian_blur(x) if ground == "blurred" else ground
            row[f"deletion {protocol}"] = mean(
                I.deletion_curve(model, x, maps, labels, baseline=ground, n_steps=steps).area
            )
            row[f"insertion {protocol}"] = mean(
                I.insertion_curve(model, x, maps, labels, start=ground, n_steps=steps).area
            )
        drop = I.average_drop(model, x, maps, labels)
        rows.append({**row, "drop": mean(drop.drop), "increase": mean(drop.increase)})
    return rows


def parts() -> list[str]:
    return [f"{kind}, {name}" for kind in ("twins", "jurors") for name in NETWORKS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    kind, _, name = part.partition(", ")
    model = load(name, device)
    if kind == "jurors":
        return faithfulness_rows(name, model, seed, device, N_EVALUATED)
    rows = counterfactual_localization(name, model, seed, device, N_PAIRS)
    x, _, _, p, q = sign_scenes(N_RANDOMIZED, seed + 2, device)
    rows += randomization_rows(name, model, x, p, q, "block3", LAYERS, seed, N_RANDOMIZATIONS)
    return rows + accuracy_under_randomization(name, model, x, p, LAYERS, seed, N_RANDOMIZATIONS)


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]
