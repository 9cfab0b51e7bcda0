"""Evaluation of explanation maps on signs: counterfactual pairs, randomized networks, and faithfulness metrics."""

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
from tutorial_lib.metrics import center_bias_map, gaussian_smooth, random_map, srcc, uniform_map
from tutorial_lib.models import load

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
N_PAIRS, N_RANDOMIZED, N_RANDOMIZATIONS, N_EVALUATED = 12, 2, 4, 8
LAYERS = ("head", "block3", "block2", "block1", "stem")
# The fill value of removed pixels, and the number of steps of the deletion and insertion curves.
PROTOCOLS = {"grey": (0.5, 12), "black": (0.0, 12), "blurred": ("blurred", 12), "grey, 4 steps": (0.5, 4)}
# The widths of the centre prior as shares of the side, and that of the smooth random maps in pixels: their values at
# a distance of eight pixels correlate as strongly as those of Grad-CAM (0.68).
CENTRE_WIDTHS, SMOOTH_WIDTH = (0.05, 0.1, 0.15, 0.25, 0.5), 9.0
# The metrics that only depend on the ranking of the pixels, which are also stored as differences from the centre prior.
RANK_METRICS = ("precision sign", "precision glyph", "deletion grey", "deletion blurred", "insertion blurred")
SMALL = {"N_PAIRS": 1, "N_RANDOMIZED": 1, "N_RANDOMIZATIONS": 1, "N_EVALUATED": 1, "LAYERS": ("head", "stem")}

Explain = Callable[[nn.Module, Tensor, object], Tensor]


def edge_detector_map(x: Tensor) -> Tensor:
    """Return the norm of the pixel differences, maximal over channels, without a network: (N, C, H, W) -> (N, H, W)."""
    down, across = torch.zeros_like(x), torch.zeros_like(x)
    down[..., 1:-1, :] = x[..., 2:, :] - x[..., :-2, :]
    across[..., 1:-1] = x[..., 2:] - x[..., :-2]
    return (down.square() + across.square()).sqrt().amax(1)


def methods(layer: str) -> dict[str, Explain]:
    """Return each method as a function of network, images and objective; maps are (N, H, W) or (N, C, H, W)."""
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
    """Return maps as they are displayed, (N, H, W): pixel gradients with the largest magnitude over channels."""
    return I.reduce_channels(maps) if maps.dim() == 4 else maps


def baseline_maps(x: Tensor) -> dict[str, Tensor]:
    """Return maps that do not depend on the network."""
    like = x[:, 0]
    baselines = {"random": random_map(like), "uniform": uniform_map(like), "centre": center_bias_map(like)}
    return {**baselines, "edges of the image": edge_detector_map(x)}


def smooth_random_map(like: Tensor) -> Tensor:
    """Return random maps like (N, H, W) whose neighboring values are correlated as in Grad-CAM.

    A map of twice the height and width is smoothed, and its middle is returned: near the edge of a smoothed map, the
    values vary more, so that its maximum would lie there too often.
    """
    height, width = like.shape[-2:]
    large = random_map(like.new_zeros(len(like), 2 * height, 2 * width))
    top, left = height // 2, width // 2
    return gaussian_smooth(large, SMOOTH_WIDTH)[:, top : top + height, left : left + width]


def mean(values: Tensor) -> float:
    """Return the mean, rounded to four decimals."""
    return round(float(values.double().mean()), 4)


def correctly_classified(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Return the mask of correctly classified images, (N,)."""
    with torch.no_grad():
        return torch.cat([model(part).argmax(1) for part in x.split(200)]) == labels


def sign_scenes(each: int, seed: int, device) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return counterfactual pairs of every sign and its most similar one: images, differing pixels and labels."""
    P = [sign for sign in SIGNS for _ in range(each)]
    Q = [MOST_SIMILAR_SIGN[sign] for sign in P]
    pairs = counterfactual_pairs(P, Q, generator=torch.Generator().manual_seed(seed), device=device)
    p, q = (torch.tensor([SIGNS.index(s) for s in names], device=device) for names in (P, Q))
    return pairs.image, pairs.counterfactual, pairs.difference[:, 0], p, q


def counterfactual_localization(name: str, model: nn.Module, seed: int, device, each: int) -> list[dict]:
    """Return the share of each map on the pixels that differ, for "why P?" and "why P, rather than Q?"."""
    x, counterfactual, mask, p, q = sign_scenes(each, seed, device)
    # Both images are classified correctly, and occlusion leaves some of the differing pixels visible.
    valid = correctly_classified(model, x, p) & correctly_classified(model, counterfactual, q) & mask.flatten(1).any(1)
    x, mask, p, q = x[valid], mask[valid], p[valid], q[valid]
    rows = []
    for method, maps in baseline_maps(x).items():
        scores = {
            "mass": mean(I.energy_pointing_game(maps, mask)),
            "point": mean(I.pointing_game(maps, mask)),
            "better": None,
        }
        rows.append(
            {
                "kind": "counterfactual pairs",
                "network": name,
                "method": method,
                "question": "none",
                "images": len(x),
                **scores,
            }
        )
    for method, explain in methods("block3").items():
        shares = {}
        for question, J in {"why P": p, "why P, rather than Q": logit_difference(q, p)}.items():
            maps = to_image_maps(explain(model, x, J))
            shares[question] = I.energy_pointing_game(maps, mask)
            scores = {"mass": mean(shares[question]), "point": mean(I.pointing_game(maps, mask)), "better": None}
            rows.append(
                {
                    "kind": "counterfactual pairs",
                    "network": name,
                    "method": method,
                    "question": question,
                    "images": len(x),
                    **scores,
                }
            )
        rows[-1]["better"] = mean(shares["why P, rather than Q"] > shares["why P"])
    return rows


def reinitialized_head(model: nn.Module, head: str, generator: torch.Generator) -> nn.Module:
    """Return a copy whose last layer is zero-mean noise of the same spread; shuffling would preserve the mean."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for p in find_layer(model, head).parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * p.std().cpu())
    return model


def rank_correlation(before: Tensor, after: Tensor) -> list[float]:
    """Return Spearman's correlation of each pair of maps, 0 if a map is constant."""
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
    """Return the similarity of each map to the original while layers are randomized from the output down.

    ``layers[0]`` is also re-initialized on its own. The explained class is fixed. The methods end with the positive
    part of Grad-CAM, the contrast map, and a control that uses no network.
    """
    rows = []
    contrast = logit_difference(other, target)
    candidates = {
        **{method: partial(explain, J=target) for method, explain in methods(layer).items()},
        "Grad-CAM, positive part": lambda m, x: I.upsample(I.grad_cam(m, x, layer, target, relu=True), x.shape[-2:]),
        "contrast": lambda m, x: I.upsample(I.grad_cam(m, x, layer, contrast), x.shape[-2:]),
        "edges of the image": lambda m, x: edge_detector_map(x),
    }
    for method in [m for m in candidates if m not in skip]:
        explain, similarities = candidates[method], {}
        for run in range(draws):
            generator = torch.Generator().manual_seed(seed * 1000 + run)
            result = I.model_randomization_test(model, x, explain, layers=layers, generator=generator)
            for stage, signed, magnitude in zip(result.layers, result.similarity, result.magnitude, strict=True):
                similarities.setdefault(stage, []).append((mean(signed), mean(magnitude)))
            maps, reinitialized = (
                explain(m, x).detach() for m in (model, reinitialized_head(model, layers[0], generator))
            )
            pair = [
                sum(rank_correlation(*both)) / len(x)
                for both in ((maps, reinitialized), (maps.abs(), reinitialized.abs()))
            ]
            similarities.setdefault(f"{layers[0]}, re-initialized", []).append(pair)
        for stage, pairs in similarities.items():
            signed, magnitude = (torch.tensor(column) for column in zip(*pairs, strict=True))
            spread = {"low": round(float(magnitude.min()), 4), "high": round(float(magnitude.max()), 4)}
            row = {"kind": "randomization", "network": name, "method": method, "randomized": stage or "nothing"}
            row |= {"images": len(x), "draws": draws}
            rows.append({**row, "signed": mean(signed), "magnitude": mean(magnitude), **spread})
    return rows


def accuracy_under_randomization(
    name: str, model: nn.Module, x: Tensor, target: Tensor, layers: tuple[str, ...], seed: int, draws: int
) -> list[dict]:
    """Return the accuracy under the same randomization, measured by a "map" per image that records the predictions."""
    stages: dict[str, list[float]] = {}
    for run in range(draws):
        accuracies: list[float] = []

        def record_accuracy(m: nn.Module, x: Tensor) -> Tensor:
            accuracies.append(mean(correctly_classified(m, x, target)))
            return torch.zeros(len(x), 1)

        generator = torch.Generator().manual_seed(seed * 1000 + run)
        result = I.model_randomization_test(model, x, record_accuracy, layers=layers, generator=generator)
        # The first call evaluates the original model.
        for stage, accuracy in zip(result.layers, accuracies[1:], strict=True):
            stages.setdefault(stage, []).append(accuracy)
    row = {"kind": "accuracy", "network": name, "images": len(x), "draws": draws}
    return [
        {**row, "randomized": stage or "nothing", "accuracy": mean(torch.tensor(values))}
        for stage, values in stages.items()
    ]


def summary(name: str, values: Tensor) -> dict[str, float]:
    """Return the mean over images and its standard error, in a column ``name`` and a column ``name_se``."""
    return {name: mean(values), f"{name}_se": round(float(values.double().std() / len(values) ** 0.5), 4)}


def mass_and_drop(
    model: nn.Module, x: Tensor, maps: Tensor, labels: Tensor, regions: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Return the metrics that depend on the values of a map and not only on their ranking, (N,) each."""
    drop = I.average_drop(model, x, maps, labels)
    mass = {f"mass {region}": I.energy_pointing_game(maps, mask) for region, mask in regions.items()}
    return mass | {"drop": drop.drop, "increase": drop.increase}


def faithfulness_scores(
    model: nn.Module, x: Tensor, maps: Tensor, labels: Tensor, regions: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Return the faithfulness metrics of maps by name, (N,) each."""
    scores = mass_and_drop(model, x, maps, labels, regions)
    for region, mask in regions.items():
        scores[f"point {region}"] = I.pointing_game(maps, mask)
        scores[f"precision {region}"] = I.precision_at_k(maps, mask)
    for protocol, (fill, steps) in PROTOCOLS.items():
        fill = I.gaussian_blur(x) if fill == "blurred" else fill
        scores[f"deletion {protocol}"] = I.deletion_curve(model, x, maps, labels, baseline=fill, n_steps=steps).area
        scores[f"insertion {protocol}"] = I.insertion_curve(model, x, maps, labels, start=fill, n_steps=steps).area
    return scores


def faithfulness_rows(name: str, model: nn.Module, seed: int, device, each: int) -> list[dict]:
    """Return faithfulness metrics of each map with standard errors over images.

    "NAME over centre" is the paired difference from the centre prior. The ranking of its pixels does not depend on its
    width, so that the rows of the other widths only have the metrics that depend on the values of a map.
    """
    labels = torch.arange(len(SIGNS)).repeat_interleave(each)
    scenes = render(labels, masks=True, generator=torch.Generator().manual_seed(seed + 1), device=device)
    sign, glyph = scenes.sign_mask[:, 0] > 0.5, scenes.glyph_mask[:, 0] > 0.5
    labels = labels.to(device)
    valid = correctly_classified(model, scenes.images, labels) & glyph.flatten(1).any(1)
    x, labels, regions = scenes.images[valid], labels[valid], {"sign": sign[valid], "glyph": glyph[valid]}
    candidates = {
        **baseline_maps(x),
        "random, smooth": smooth_random_map(x[:, 0]),
        **{method: to_image_maps(explain(model, x, labels)) for method, explain in methods("block3").items()},
    }
    scores = {m: faithfulness_scores(model, x, maps, labels, regions) for m, maps in candidates.items()}
    for width in CENTRE_WIDTHS:
        maps = center_bias_map(x[:, 0], spread=width)
        scores[f"centre, width {width}"] = mass_and_drop(model, x, maps, labels, regions)
    rows = []
    for method, by_metric in scores.items():
        row = {"kind": "metrics", "network": name, "method": method, "images": len(x)}
        for metric, values in by_metric.items():
            row |= summary(metric, values)
        for metric in [name for name in RANK_METRICS if name in by_metric]:
            row |= summary(f"{metric} over centre", by_metric[metric] - scores["centre"][metric])
        rows.append(row)
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [f"{kind}, {name}" for kind in ("counterfactual pairs", "metrics") for name in NETWORKS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    kind, _, name = part.partition(", ")
    model = load(name, device)
    if kind == "metrics":
        return faithfulness_rows(name, model, seed, device, N_EVALUATED)
    rows = counterfactual_localization(name, model, seed, device, N_PAIRS)
    x, _, _, p, q = sign_scenes(N_RANDOMIZED, seed + 2, device)
    rows += randomization_rows(name, model, x, p, q, "block3", LAYERS, seed, N_RANDOMIZATIONS)
    return rows + accuracy_under_randomization(name, model, x, p, LAYERS, seed, N_RANDOMIZATIONS)
