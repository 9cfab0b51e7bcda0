"""Evaluation of explanation maps on signs: counterfactual pairs, randomized networks, and faithfulness metrics."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib import attribution as I
from tutorial_lib.data import CORRUPTIONS, SIGNS, corrupt, counterfactual_pairs, render
from tutorial_lib.data import load as load_data
from tutorial_lib.data.counterfactuals import MOST_SIMILAR_SIGN
from tutorial_lib.gradients import contrast_loss, find_layer, layer_gradient, logit_difference, penultimate_features
from tutorial_lib.metrics import auroc, bootstrap_interval, center_bias_map, random_map, srcc, uniform_map
from tutorial_lib.models import load

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
N_PAIRS, N_RANDOMIZED, N_RANDOMIZATIONS, N_EVALUATED = 12, 2, 4, 8
N_CORRUPTED = 60  # test images per corruption
# The widths of the centre prior as shares of the side.
CENTRE_WIDTHS = (0.05, 0.1, 0.15, 0.25, 0.5)
LAYERS = ("head", "block3", "block2", "block1", "stem")
# The fill value of removed pixels, and the number of steps of the deletion and insertion curves.
PROTOCOLS = {"grey": (0.5, 12), "black": (0.0, 12), "blurred": ("blurred", 12), "grey, 4 steps": (0.5, 4)}
SMALL = {
    "N_PAIRS": 1,
    "N_RANDOMIZED": 1,
    "N_RANDOMIZATIONS": 1,
    "N_EVALUATED": 1,
    "N_CORRUPTED": 10,
    "LAYERS": ("head", "stem"),
}

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


def mean_mask_of_other_scenes(masks: Tensor, classes: Tensor) -> Tensor:
    """Return the mean mask of the other scenes with the same class, (N, H, W); it uses no network and no image."""
    same = (classes[:, None] == classes).to(torch.float32).fill_diagonal_(0)
    return torch.einsum("nm,mhw->nhw", same / same.sum(1, keepdim=True).clamp(min=1), masks.to(torch.float32))


def evidence_change(model: nn.Module, x: Tensor, counterfactual: Tensor, layer: str, q: Tensor) -> Tensor:
    """Return the change of the contrast map if the sign is replaced: Σ_k α_k (A^k(x) − A^k(x')), (N, h, w).

    The weights α are those of the contrast at x. What both images share cancels.
    """
    A, gradient = layer_gradient(model, x, layer, contrast_loss(q))
    other, _ = layer_gradient(model, counterfactual, layer)
    return torch.einsum("nk,nkhw->nhw", gradient.mean((-2, -1)), A - other).detach()


def bootstrap_over_pairs(values: Tensor, pairs: Tensor, resample_pairs: bool = True) -> tuple[float, float]:
    """Return the 95% bootstrap interval of a mean over scenes of several pairs of signs.

    The scenes are resampled within each pair. Before that, the pairs are resampled too, so that the interval holds for
    further pairs, or they are kept, so that it holds for these pairs alone.
    """
    generator = torch.Generator().manual_seed(0)
    groups = [values[pairs == pair].double().cpu() for pair in pairs.unique()]
    means = []
    for _ in range(1000):
        chosen = torch.randint(len(groups), (len(groups),), generator=generator).tolist()
        scenes = [groups[i] for i in (chosen if resample_pairs else range(len(groups)))]
        scenes = [scene[torch.randint(len(scene), (len(scene),), generator=generator)] for scene in scenes]
        means.append(torch.cat(scenes).mean())
    low, high = torch.stack(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return round(float(low), 4), round(float(high), 4)


def interval_columns(name: str, values: Tensor, pairs: Tensor) -> dict[str, float]:
    """Return the mean of values and its interval over pairs of signs and their scenes, as columns of a row."""
    low, high = bootstrap_over_pairs(values, pairs)
    return {name: mean(values), f"{name}_low": low, f"{name}_high": high}


def counterfactual_localization(name: str, model: nn.Module, seed: int, device, each: int) -> list[dict]:
    """Return how well each map locates the pixels that differ, for "why P?" and "why P, rather than Q?".

    The contrast is the loss to Q. The controls are maps that use no network, among them the mean mask of other scenes,
    and the contrast with a random class R. Differences are paired: ``over_centre`` is the precision at k minus that of
    the centre prior, ``gain`` minus that of "why P?", ``gain_of_Q`` that of Q minus that of R. ``better`` is the share
    of images in which the mass is larger than for "why P?".
    """
    x, counterfactual, mask, p, q = sign_scenes(each, seed, device)
    # Both images are classified correctly, and occlusion leaves some of the differing pixels visible.
    valid = correctly_classified(model, x, p) & correctly_classified(model, counterfactual, q) & mask.flatten(1).any(1)
    x, counterfactual, mask, p, q = (values[valid] for values in (x, counterfactual, mask, p, q))
    # The random class R is neither P nor Q.
    preference = torch.rand(len(x), len(SIGNS), generator=torch.Generator().manual_seed(seed)).to(device)
    r = preference.scatter(1, torch.stack([p, q], 1), -1).argmax(1)
    centre = I.precision_at_k(center_bias_map(x[:, 0]), mask)

    def scores(method: str, question: str, maps: Tensor) -> tuple[dict, Tensor, Tensor]:
        mass, precision = I.energy_pointing_game(maps, mask), I.precision_at_k(maps, mask)
        row = {"kind": "counterfactual pairs", "network": name, "method": method, "question": question}
        row |= {"images": len(x), "mass": mean(mass), "point": mean(I.pointing_game(maps, mask)), "better": None}
        row |= interval_columns("precision", precision, p) | interval_columns("over_centre", precision - centre, p)
        return row | {"precision_of_pairs": [mean(precision[p == c]) for c in p.unique()]}, mass, precision

    without_network = {
        **baseline_maps(x),
        **{f"centre, width {spread}": center_bias_map(x[:, 0], spread=spread) for spread in CENTRE_WIDTHS},
        "mean mask of other scenes": mean_mask_of_other_scenes(mask, p),
        "true mask at 12 × 12": I.upsample(F.adaptive_avg_pool2d(mask[:, None].to(x), 12)[:, 0], x.shape[-2:]),
    }
    rows = [scores(method, "none", maps)[0] for method, maps in without_network.items()]
    change = I.upsample(evidence_change(model, x, counterfactual, "block3", q), x.shape[-2:])
    rows.append(scores("change of the contrast", "counterfactual", change)[0])
    questions = {"why P": p, "why P, rather than Q": contrast_loss(q), "why P, rather than R": contrast_loss(r)}
    for method, explain in methods("block3").items():
        asked = questions | ({"why P, rather than Q, logits": logit_difference(q, p)} if method == "Grad-CAM" else {})
        masses, precisions = {}, {}
        for question, J in asked.items():
            row, masses[question], precisions[question] = scores(method, question, to_image_maps(explain(model, x, J)))
            if question != "why P":
                gain = precisions[question] - precisions["why P"]
                low, high = bootstrap_over_pairs(gain, p, resample_pairs=False)
                row |= {"better": mean(masses[question] > masses["why P"]), **interval_columns("gain", gain, p)}
                row |= {"gain_of_these_pairs_low": low, "gain_of_these_pairs_high": high}
            if question == "why P, rather than R":
                row |= interval_columns("gain_of_Q", precisions["why P, rather than Q"] - precisions[question], p)
            rows.append(row)
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


def faithfulness_rows(name: str, model: nn.Module, seed: int, device, each: int) -> list[dict]:
    """Return faithfulness metrics of each map: pointing game, share on the sign, deletion, insertion, average drop."""
    labels = torch.arange(len(SIGNS)).repeat_interleave(each)
    scenes = render(labels, masks=True, generator=torch.Generator().manual_seed(seed + 1), device=device)
    sign, glyph = scenes.sign_mask[:, 0] > 0.5, scenes.glyph_mask[:, 0] > 0.5
    labels = labels.to(device)
    valid = correctly_classified(model, scenes.images, labels) & glyph.flatten(1).any(1)
    x, sign, glyph, labels = scenes.images[valid], sign[valid], glyph[valid], labels[valid]
    candidates = {
        **baseline_maps(x),
        **{method: to_image_maps(explain(model, x, labels)) for method, explain in methods("block3").items()},
    }
    rows = []
    for method, maps in candidates.items():
        row = {"kind": "metrics", "network": name, "method": method, "images": len(x)}
        for region, mask in {"sign": sign, "glyph": glyph}.items():
            row |= {
                f"point {region}": mean(I.pointing_game(maps, mask)),
                f"mass {region}": mean(I.energy_pointing_game(maps, mask)),
            }
        for protocol, (fill, steps) in PROTOCOLS.items():
            fill = I.gaussian_blur(x) if fill == "blurred" else fill
            row[f"deletion {protocol}"] = mean(
                I.deletion_curve(model, x, maps, labels, baseline=fill, n_steps=steps).area
            )
            row[f"insertion {protocol}"] = mean(
                I.insertion_curve(model, x, maps, labels, start=fill, n_steps=steps).area
            )
        drop = I.average_drop(model, x, maps, labels)
        rows.append({**row, "drop": mean(drop.drop), "increase": mean(drop.increase)})
    return rows


def fisher_rows(name: str, model: nn.Module, device, each: int) -> list[dict]:
    """Return the trace of the Fisher information of the last layer for correct and for wrong predictions.

    The images are test images under twelve corruptions at severity 3, ``each`` per corruption. The columns ``trace``
    and ``true`` are medians of tr F and of the squared gradient norm for the true label. ``auroc`` says how well the
    trace separates a group of wrong predictions from the correct ones, with its interval over images.
    """
    images, labels = (values[: each * len(CORRUPTIONS)] for values in load_data("signs", "test", device=device))
    parts = zip(CORRUPTIONS, images.split(each), strict=True)
    x = torch.cat([corrupt(part, kind, 3, generator=torch.Generator().manual_seed(0)) for kind, part in parts])
    z, h = (values.double() for values in penultimate_features(model, x))
    p, trace = z.softmax(1), I.last_layer_fisher(z, h).trace
    true = (p - F.one_hot(labels, p.shape[1])).square().sum(1) * h.square().sum(1)
    correct, confident = p.argmax(1) == labels, p.amax(1) > 0.95
    rows = []
    groups = {"correct": correct, "wrong": ~correct, "wrong and confident": ~correct & confident}
    for group, members in groups.items():
        row = {"kind": "Fisher information", "network": name, "group": group, "images": int(members.sum())}
        row |= {"trace": round(float(trace[members].median()), 4), "true": round(float(true[members].median()), 4)}
        if group != "correct":
            low, high = bootstrap_interval(auroc, trace[correct], trace[members], paired=False)
            row |= {"auroc": round(auroc(trace[correct], trace[members]), 4)}
            row |= {"low": round(low, 4), "high": round(high, 4)}
        rows.append(row)
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    kinds = ("counterfactual pairs", "randomization", "metrics", "Fisher information")
    return [f"{kind}, {name}" for kind in kinds for name in NETWORKS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    kind, _, name = part.partition(", ")
    model = load(name, device)
    if kind == "Fisher information":
        return fisher_rows(name, model, device, N_CORRUPTED)
    if kind == "metrics":
        return faithfulness_rows(name, model, seed, device, N_EVALUATED)
    if kind == "counterfactual pairs":
        return counterfactual_localization(name, model, seed, device, N_PAIRS)
    x, _, _, p, q = sign_scenes(N_RANDOMIZED, seed + 2, device)
    rows = randomization_rows(name, model, x, p, q, "block3", LAYERS, seed, N_RANDOMIZATIONS)
    return rows + accuracy_under_randomization(name, model, x, p, LAYERS, seed, N_RANDOMIZATIONS)
