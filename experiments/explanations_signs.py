"""Evaluation of explanation maps on signs: counterfactual pairs, randomized networks, and faithfulness metrics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import scipy
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_course.findings.intervals import interval_over_groups
from tutorial_lib import attribution as I
from tutorial_lib._tensor_ops import log_odds
from tutorial_lib.data import CORRUPTIONS, SIGNS, corrupt, counterfactual_pairs, render
from tutorial_lib.data import load as load_data
from tutorial_lib.data.counterfactuals import MOST_SIMILAR_SIGN
from tutorial_lib.gradients import (
    contrast_loss,
    find_layer,
    layer_gradient,
    logit_difference,
    model_outputs,
    penultimate_features,
)
from tutorial_lib.metrics import auroc, bootstrap_interval, center_bias_map, gaussian_smooth, random_map, uniform_map
from tutorial_lib.models import load

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
N_PAIRS, N_RANDOMIZED, N_RANDOMIZATIONS, N_EVALUATED = 12, 2, 10, 8
N_CORRUPTED = 60  # test images per corruption
LAYERS = ("head", "block3", "block2", "block1", "stem")
# Methods with many passes are randomized at the last layer only, and in fewer runs.
SLOW_METHODS, N_SLOW_RANDOMIZATIONS = ("occlusion", "SmoothGrad", "integrated gradients"), 4
# The fill value of removed pixels, and the number of steps of the deletion and insertion curves.
PROTOCOLS = {"grey": (0.5, 12), "black": (0.0, 12), "blurred": ("blurred", 12), "grey, 4 steps": (0.5, 4)}
# The widths of the centre prior as shares of the side, and that of the smooth random maps in pixels: their values at
# a distance of eight pixels correlate as strongly as those of Grad-CAM (0.68).
CENTRE_WIDTHS, SMOOTH_WIDTH = (0.05, 0.1, 0.15, 0.25, 0.5), 9.0
# The standard deviations in pixels by which the edges of the image are smoothed, before they are multiplied by the
# centre prior, and that by which the input gradient is smoothed.
EDGE_BLURS, GRADIENT_BLUR = (1.0, 2.0, 4.0), 2.0
# The metrics that only depend on the ranking of the pixels, which are also stored as differences from the centre prior.
RANK_METRICS = ("precision sign", "precision glyph", "deletion grey", "deletion blurred", "insertion blurred")
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


def smoothed_saliency(model: nn.Module, x: Tensor, objective: object) -> Tensor:
    """Return the magnitude of the input gradient, smoothed by a Gaussian, (N, H, W)."""
    return gaussian_smooth(I.reduce_channels(I.saliency(model, x, objective)), GRADIENT_BLUR)


def to_image_maps(maps: Tensor) -> Tensor:
    """Return maps as they are displayed, (N, H, W): pixel gradients with the largest magnitude over channels."""
    return I.reduce_channels(maps) if maps.dim() == 4 else maps


def baseline_maps(x: Tensor) -> dict[str, Tensor]:
    """Return maps that do not depend on the network."""
    like = x[:, 0]
    baselines = {"random": random_map(like), "uniform": uniform_map(like), "centre": center_bias_map(like)}
    return {**baselines, "edges of the image": edge_detector_map(x)}


def centre_times_edges(x: Tensor) -> dict[str, Tensor]:
    """Return the smoothed edges of the image times the centre prior, which use no network, by name.

    The edges are the absolute differences of neighboring pixels, down and across, with their mean over channels.
    """
    down, across = x.diff(dim=-2).abs(), x.diff(dim=-1).abs()
    prior, edges = center_bias_map(x[:, 0]), (F.pad(down, (0, 0, 1, 0)) + F.pad(across, (1, 0))).mean(1)
    return {f"centre × edges, blur {blur:g}": prior * gaussian_smooth(edges, blur) for blur in EDGE_BLURS}


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


def interval_columns(name: str, values: Tensor, pairs: Tensor) -> dict[str, float]:
    """Return the mean of values and its interval over pairs of signs and their scenes, as columns of a row."""
    interval = interval_over_groups(values, pairs)
    return {name: mean(values), f"{name}_low": round(interval.low, 4), f"{name}_high": round(interval.high, 4)}


def paired_difference_rows(name: str, precisions: dict[tuple[str, str], Tensor], pairs: Tensor) -> list[dict]:
    """Return paired differences of the precision at k from the best map of smoothed edges, and from other maps.

    The keys of ``precisions`` are a method and a question. The best width of the edges has the highest mean precision.
    """
    controls = [key for key in precisions if key[0].startswith("centre × edges")]
    edges = max(controls, key=lambda key: float(precisions[key].mean()))
    asked = ("why P", "why P, rather than Q")
    compared = [((m, q), edges) for m in ("Grad-CAM", "saliency", "saliency, smoothed", "occlusion") for q in asked]
    contrasts = [(method, "why P, rather than Q") for method in ("saliency", "saliency, smoothed")]
    compared += [(contrast, (method, "why P")) for contrast in contrasts for method in ("occlusion", "Grad-CAM")]
    compared += [(contrast, ("Grad-CAM", "why P, rather than Q")) for contrast in contrasts]
    rows = []
    for (method, question), (reference, of_reference) in compared:
        difference = precisions[method, question] - precisions[reference, of_reference]
        row = {"kind": "paired differences", "network": name, "method": method, "question": question}
        row |= {"reference": reference, "question_of_reference": of_reference, "images": len(difference)}
        rows.append(row | interval_columns("difference", difference, pairs))
    return rows


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
        **centre_times_edges(x),
    }
    rows, precisions = [], {}
    for method, maps in without_network.items():
        row, _, precisions[method, "none"] = scores(method, "none", maps)
        rows.append(row)
    change = I.upsample(evidence_change(model, x, counterfactual, "block3", q), x.shape[-2:])
    rows.append(scores("change of the contrast", "counterfactual", change)[0])
    questions = {"why P": p, "why P, rather than Q": contrast_loss(q), "why P, rather than R": contrast_loss(r)}
    for method, explain in {**methods("block3"), "saliency, smoothed": smoothed_saliency}.items():
        asked = questions | ({"why P, rather than Q, logits": logit_difference(q, p)} if method == "Grad-CAM" else {})
        masses = {}
        for question, J in asked.items():
            maps = to_image_maps(explain(model, x, J))
            row, masses[question], precisions[method, question] = scores(method, question, maps)
            if question != "why P":
                gain = precisions[method, question] - precisions[method, "why P"]
                of_pairs = interval_over_groups(gain, p, resample_groups=False)
                row |= {"better": mean(masses[question] > masses["why P"]), **interval_columns("gain", gain, p)}
                row |= {"gain_of_these_pairs_low": round(of_pairs.low, 4)}
                row |= {"gain_of_these_pairs_high": round(of_pairs.high, 4)}
            if question == "why P, rather than R":
                gain_of_Q = precisions[method, "why P, rather than Q"] - precisions[method, question]
                row |= interval_columns("gain_of_Q", gain_of_Q, p)
            rows.append(row)
    return rows + paired_difference_rows(name, precisions, p)


def edges_times_one_weight(model: nn.Module, x: Tensor, target: Tensor, head: str) -> Tensor:
    """Return the edges of the image times the sign of one weight of the last layer, that of feature 0 to the target."""
    sign = find_layer(model, head).weight.flatten(1)[target, 0].sign()
    return edge_detector_map(x) * sign[:, None, None]


def randomization_candidates(layer: str, head: str, target: Tensor, other: Tensor) -> dict[str, Callable]:
    """Return the maps of the randomization test as functions of network and images; the explained class is fixed."""
    contrast = logit_difference(other, target)
    return {
        **{method: partial(explain, J=target) for method, explain in methods(layer).items()},
        "Grad-CAM, positive part": lambda m, x: I.upsample(I.grad_cam(m, x, layer, target, relu=True), x.shape[-2:]),
        "contrast": lambda m, x: I.upsample(I.grad_cam(m, x, layer, contrast), x.shape[-2:]),
        "edges of the image": lambda m, x: edge_detector_map(x),
        "edges × sign of one weight": lambda m, x: edges_times_one_weight(m, x, target, head),
    }


def standardized_ranks(maps: Tensor) -> Tensor:
    """Return the ranks of each map with mean 0 and norm 1, (N, …) -> (N, P); a constant map becomes 0.

    The inner product of two rows is Spearman's correlation of their maps.
    """
    ranks = torch.from_numpy(scipy.stats.rankdata(maps.detach().flatten(1).cpu().double().numpy(), axis=1))
    centered = ranks - ranks.mean(1, keepdim=True)
    return centered / centered.norm(dim=1, keepdim=True).clamp_min(1e-12)


def similarity_columns(signed: Tensor, magnitude: Tensor) -> dict:
    """Return the columns of one row from correlations (draws, N): means, standard errors, and the range over draws.

    ``signed`` is the mean correlation r, ``absolute`` the mean of |r|, and ``magnitude`` the mean correlation of the
    absolute values of the maps. The variances between images and between draws are added.
    """
    columns = {}
    for column, values in {"signed": signed, "absolute": signed.abs(), "magnitude": magnitude}.items():
        variance = sum(means.var() / len(means) for means in (values.mean(0), values.mean(1)) if len(means) > 1)
        columns |= {column: mean(values), f"{column}_se": round(float(variance) ** 0.5, 4)}
    return columns | {"low": round(float(magnitude.mean(1).min()), 4), "high": round(float(magnitude.mean(1).max()), 4)}


def reference_rows(
    explain: Callable, other_explanations: list[tuple[nn.Module, Callable]], model: nn.Module, x: Tensor
) -> dict[str, dict]:
    """Return the null and the ceiling of the randomization test: the map of another image, and of another network."""
    maps = explain(model, x)
    signed, magnitude = standardized_ranks(maps), standardized_ranks(maps.abs())
    # Row k of the null correlates each image with the image k places further on.
    null = [
        torch.stack([(ranks * ranks.roll(k, 0)).sum(1) for k in range(1, len(x))])
        for ranks in (signed, magnitude)
        if len(x) > 1
    ]
    ceiling = []
    for network, explain_other in other_explanations:
        theirs = explain_other(network, x)
        pairs = ((signed, theirs), (magnitude, theirs.abs()))
        ceiling.append([(ranks * standardized_ranks(other)).sum(1) for ranks, other in pairs])
    rows = {"null: another image": similarity_columns(*null)} if null else {}
    if ceiling:
        rows["ceiling: another network"] = similarity_columns(*map(torch.stack, zip(*ceiling, strict=True)))
    return rows


def stages_of(layers: tuple[str, ...]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return each procedure with the ending of its stages' names and its layers, of which shuffling takes the first."""
    return [("shuffle", "", layers[:1]), ("reinitialize", ", re-initialized", layers)]


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
    other_networks: tuple[tuple[nn.Module, str], ...] = (),
) -> list[dict]:
    """Return the similarity of each map to the original while layers are randomized from the output down.

    The stages "head, re-initialized", "block3, re-initialized", … are cumulative. The stage "head" shuffles the last
    layer alone. ``other_networks`` are trained networks with their layers of the maps, for the ceiling.
    """
    rows = []
    candidates = randomization_candidates(layer, layers[0], target, other)
    candidates_of_others = [
        (network, randomization_candidates(their_layer, layers[0], target, other))
        for network, their_layer in other_networks
    ]
    for method in [m for m in candidates if m not in skip]:
        explain, similarities, slow = candidates[method], {}, method in SLOW_METHODS
        runs = min(draws, N_SLOW_RANDOMIZATIONS) if slow else draws
        for procedure, suffix, randomized in stages_of(layers[:1] if slow else layers):
            for run in range(runs):
                generator = torch.Generator().manual_seed(seed * 1000 + run)
                result = I.model_randomization_test(
                    model, x, explain, layers=randomized, procedure=procedure, generator=generator
                )
                stages = zip(result.layers, result.similarity, result.magnitude, strict=True)
                for stage, *pair in stages:
                    similarities.setdefault(f"{stage or 'nothing'}{suffix if stage else ''}", []).append(pair)
        columns = {
            stage: similarity_columns(*map(torch.stack, zip(*v, strict=True))) for stage, v in similarities.items()
        }
        explanations_of_others = [(network, theirs[method]) for network, theirs in candidates_of_others]
        columns |= reference_rows(explain, explanations_of_others, model, x)
        for stage, values in columns.items():
            row = {"kind": "randomization", "network": name, "method": method, "randomized": stage}
            rows.append({**row, "images": len(x), "draws": runs, **values})
    return rows


def accuracy_under_randomization(
    name: str, model: nn.Module, x: Tensor, target: Tensor, layers: tuple[str, ...], seed: int, draws: int
) -> list[dict]:
    """Return the accuracy under the same randomization, measured by a "map" per image that records the predictions."""
    stages: dict[str, list[float]] = {}
    for procedure, suffix, randomized in stages_of(layers):
        for run in range(draws):
            accuracies: list[float] = []

            def record_accuracy(m: nn.Module, x: Tensor, accuracies=accuracies) -> Tensor:
                accuracies.append(mean(correctly_classified(m, x, target)))
                return torch.zeros(len(x), 1)

            generator = torch.Generator().manual_seed(seed * 1000 + run)
            result = I.model_randomization_test(
                model, x, record_accuracy, layers=randomized, procedure=procedure, generator=generator
            )
            # The first call evaluates the original model.
            for stage, accuracy in zip(result.layers, accuracies[1:], strict=True):
                stages.setdefault(f"{stage or 'nothing'}{suffix if stage else ''}", []).append(accuracy)
    row = {"kind": "accuracy", "network": name, "images": len(x), "draws": draws}
    return [{**row, "randomized": stage, "accuracy": mean(torch.tensor(values))} for stage, values in stages.items()]


def summary(name: str, values: Tensor) -> dict[str, float]:
    """Return the mean over images and its standard error, in a column ``name`` and a column ``name_se``."""
    return {name: mean(values), f"{name}_se": round(float(values.double().std() / len(values) ** 0.5), 4)}


def average_drop(model: nn.Module, x: Tensor, maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the drop max(0, Y − O)/Y of each image, and whether the probability increased, (N,) each.

    Y = p_y(x) and O = p_y(x ⊙ L), where L is the positive part of the map, divided by its maximum (Chattopadhay et al.,
    WACV 2018, arXiv:1710.11063).
    """
    L = maps.relu()
    maximum = L.amax((1, 2), keepdim=True)
    L = L / torch.where(maximum > 0, maximum, 1)
    before, after = (log_odds(model_outputs(model, images), labels) for images in (x, x * L[:, None].to(x)))
    # (Y − O) / Y = 1 − O/Y, from the logarithms, which do not underflow.
    log_ratio = F.logsigmoid(after) - F.logsigmoid(before)
    return log_ratio.clamp(max=0).expm1().abs().to(x), after > before


def mass_and_drop(
    model: nn.Module, x: Tensor, maps: Tensor, labels: Tensor, regions: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Return the metrics that depend on the values of a map and not only on their ranking, (N,) each."""
    drop, increase = average_drop(model, x, maps, labels)
    mass = {f"mass {region}": I.energy_pointing_game(maps, mask) for region, mask in regions.items()}
    return mass | {"drop": drop, "increase": increase}


def faithfulness_scores(
    model: nn.Module, x: Tensor, maps: Tensor, labels: Tensor, regions: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Return the faithfulness metrics of maps by name, (N,) each."""
    scores = mass_and_drop(model, x, maps, labels, regions)
    for region, mask in regions.items():
        scores[f"point {region}"] = I.pointing_game(maps, mask)
        scores[f"precision {region}"] = I.precision_at_k(maps, mask)
    for protocol, (fill, steps) in PROTOCOLS.items():
        fill = I.gaussian_blur(x) if fill == "blurred" else torch.full_like(x, fill)
        scores[f"deletion {protocol}"] = I.deletion_curve(model, x, maps, labels, baseline=fill, n_steps=steps).area
        scores[f"insertion {protocol}"] = I.deletion_curve(model, fill, maps, labels, baseline=x, n_steps=steps).area
    return scores


def rows_over_edges(name: str, scores: dict[str, dict[str, Tensor]]) -> list[dict]:
    """Return paired differences of each method from the smoothed edges times the centre prior, with their best width.

    ``scores`` has the metrics (N,) by map and by name.
    """
    edges = [control for control in scores if control.startswith("centre × edges")]
    rows = []
    for method in [method for method in methods("block3") if method in scores]:
        row = {"kind": "metrics over edges", "network": name, "method": method}
        for metric in [metric for metric in RANK_METRICS if metric in scores[method]]:
            better = min if metric.startswith("deletion") else max
            best = better(edges, key=lambda control: float(scores[control][metric].mean()))
            row |= summary(f"{metric} over edges", scores[method][metric] - scores[best][metric])
            row[f"{metric} control"] = best
        rows.append(row)
    return rows


def faithfulness_rows(name: str, model: nn.Module, seed: int, device, each: int) -> list[dict]:
    """Return faithfulness metrics of each map with standard errors over images.

    "NAME over centre" is the paired difference from the centre prior. The ranking of its pixels does not depend on its
    width, so that the rows of the other widths only have the metrics that depend on the values of a map.
    The rows of the kind "metrics over edges" have the paired differences of each method from the smoothed edges times
    the centre prior, whose best width is chosen for each metric.
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
        **centre_times_edges(x),
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
    return rows + rows_over_edges(name, scores)


def fisher_rows(name: str, model: nn.Module, device, each: int) -> list[dict]:
    """Return the trace of the Fisher information of the last layer for correct and for wrong predictions.

    The images are test images under twelve corruptions at severity 3, ``each`` per corruption. The columns ``trace``
    and ``true`` are medians of tr F and of the squared gradient norm for the true label. ``auroc`` says how well the
    trace separates a group of wrong predictions from the correct ones, with its interval over images. The rows of the
    kind "1 − largest probability" have the same for this score, and the paired difference of the trace from it.
    """
    images, labels = (values[: each * len(CORRUPTIONS)] for values in load_data("signs", "test", device=device))
    parts = zip(CORRUPTIONS, images.split(each), strict=True)
    x = torch.cat([corrupt(part, kind, 3, generator=torch.Generator().manual_seed(0)) for kind, part in parts])
    z, h = (values.double() for values in penultimate_features(model, x))
    p, trace = z.softmax(1), I.last_layer_fisher(z, h).trace
    true = (p - F.one_hot(labels, p.shape[1])).square().sum(1) * h.square().sum(1)
    correct, confident = p.argmax(1) == labels, p.amax(1) > 0.95
    scores = torch.stack([trace, 1 - p.amax(1)], 1)
    rows, baseline = [], []
    groups = {"correct": correct, "wrong": ~correct, "wrong and confident": ~correct & confident}
    for group, members in groups.items():
        row = {"kind": "Fisher information", "network": name, "group": group, "images": int(members.sum())}
        row |= {"trace": round(float(trace[members].median()), 4), "true": round(float(true[members].median()), 4)}
        if group != "correct":
            low, high = bootstrap_interval(auroc, trace[correct], trace[members], paired=False)
            row |= {"auroc": round(auroc(trace[correct], trace[members]), 4)}
            row |= {"low": round(low, 4), "high": round(high, 4)}
            baseline.append(baseline_row(name, group, scores[correct], scores[members]))
        rows.append(row)
    return rows + baseline


def baseline_row(name: str, group: str, correct: Tensor, wrong: Tensor) -> dict:
    """Return the AUROC of 1 − the largest probability, and the lead of the trace, from both scores, (N, 2) each."""

    def lead(correct: Tensor, wrong: Tensor) -> float:
        return auroc(correct[:, 0], wrong[:, 0]) - auroc(correct[:, 1], wrong[:, 1])

    row = {"kind": "1 − largest probability", "network": name, "group": group, "images": len(wrong)}
    for column, statistic, samples in (("", auroc, (correct[:, 1], wrong[:, 1])), ("lead_", lead, (correct, wrong))):
        low, high = bootstrap_interval(statistic, *samples, paired=False)
        row |= {f"{column}auroc": round(statistic(*samples), 4)}
        row |= {f"{column}low": round(low, 4), f"{column}high": round(high, 4)}
    return row


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
    networks = {other: load(other, device) for other in NETWORKS}
    # The explained class is the one that this network, and the networks of the ceiling, predict.
    valid = torch.stack([correctly_classified(network, x, p) for network in networks.values()]).all(0)
    x, p, q = x[valid], p[valid], q[valid]
    others = tuple((network, "block3") for other, network in networks.items() if other != name)
    rows = randomization_rows(name, model, x, p, q, "block3", LAYERS, seed, N_RANDOMIZATIONS, other_networks=others)
    return rows + accuracy_under_randomization(name, model, x, p, LAYERS, seed, N_RANDOMIZATIONS)
