"""Saliency maps compared with the odd one out of nine signs, and with human fixations on photographs."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.explanations_photos import sample_photo
from tutorial_lib import attribution as I
from tutorial_lib import gradients as G
from tutorial_lib import metrics as M
from tutorial_lib import saliency as E
from tutorial_lib.data import (
    ODD_ONE_OUT_KINDS,
    FixationDataset,
    fixations_available,
    load_fixations,
    odd_one_out_arrays,
)
from tutorial_lib.models import is_pretrained_available, load, load_pretrained

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
BLOCKS = ("stem", "block1", "block2", "block3")
ARRAYS_EACH, SOFTMAX_TEMPERATURE = (
    12,
    4.0,
)  # arrays of each kind and network; blur of the maps in pixels, for images of 144 pixels
IMAGENET_MODELS, LAST = "imagenet/squeezenet1_1", "network.features"
LAYERS = (1, 3, 4, 6, 7, 9, 10, 11, 12)
# The network processes photographs at half their size; maps are evaluated at a quarter, with a blur of one degree.
N_EXAMPLES, N_TEST, PIXELS_PER_DEGREE = (300, 400), (150, 200), 6.0
LABELS = range(0, 1000, 50)
LABEL_COUNTS, NOISY = (
    6,
    6,
)  # one of this many photographs selects the layers; one of this many others is used with noise
NOISE = (0.0, 0.1, 0.2, 0.4)
CENTRE = 0.25
FORMS = ("implicit", "implicit product", "activation")
PHOTOGRAPHS = ("china", "flower")
GRID_CELLS = 14
SMALL = {
    "NETWORKS": ("signs/classifier",),
    "ARRAYS_EACH": 2,
    "LAYERS": (6, 11),
    "NOISE": (0.0,),
    "LABEL_COUNTS": 60,
    "NOISY": 60,
    "LABELS": range(0, 1000, 500),
}


def sign_saliency_maps(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return all maps of the arrays by name, (N, H, W), before the blur."""
    size = tuple(x.shape[-2:])
    grad_cam = I.grad_cam(model, x, "block3")
    maps = {
        "uniform": M.uniform_map(x[:, 0]),
        "centre prior": M.center_bias_map(x[:, 0], spread=CENTRE),
        "spectral residual": E.spectral_residual(x),
        "colour distance": (x - x.mean((2, 3), keepdim=True)).norm(dim=1),
        "Grad-CAM": I.upsample(grad_cam.relu(), size),
        "counterfactual CAM": I.upsample((-grad_cam).relu(), size),
        "local loss": E.local_loss(model, x, "block3"),
        "local mismatch": E.local_mismatch(model, x, "block3"),
    }
    for block in BLOCKS:
        maps[f"implicit, {block}"] = E.implicit_saliency(model, x, block)
        maps[f"implicit product, {block}"] = E.implicit_saliency(model, x, block, times_activation=True)
    maps["local mismatch × spectral residual"] = maps["local mismatch"] * maps["spectral residual"]
    return maps


def array_scores(map: Tensor, odd: Tensor, signs: Tensor, place: int) -> dict[str, float]:
    """Return how well a map locates the odd sign: among all pixels, among those of signs, and by its strongest cell."""
    is_odd, is_other = odd > 0.5, (signs > 0.5) & ~(odd > 0.5)
    points, side = is_odd.nonzero(), map.shape[-1] // 3
    cells = M.saliency.check_map(map).view(3, side, 3, side).mean((1, 3)).flatten()
    best = (cells == cells.max()).nonzero()[:, 0].tolist()
    return {
        "nss": M.nss(map, points),
        "auc": M.auc_judd(map, points),
        "auc among signs": M.auroc(M.saliency.check_map(map)[is_other], M.saliency.check_map(map)[is_odd]),
        "hit rate": (place in best) / len(best),
    }


def array_rows(seed: int, device) -> list[dict]:
    """Return the scores of all maps on the arrays of signs."""
    rows, scores_by_map, correlations = [], {}, []
    for n, name in enumerate(NETWORKS):
        model = load(name, device)
        for k, kind in enumerate(ODD_ONE_OUT_KINDS):
            generator = torch.Generator().manual_seed(10_000 * (seed + 1) + 100 * n + k)
            arrays = odd_one_out_arrays(kind, ARRAYS_EACH, generator=generator, device=device)
            maps = {
                title: M.gaussian_smooth(map, SOFTMAX_TEMPERATURE)
                for title, map in sign_saliency_maps(model, arrays.images).items()
            }
            for title, map_batch in maps.items():
                scores = [
                    array_scores(map, odd[0], signs[0], int(place))
                    for map, odd, signs, place in zip(
                        map_batch, arrays.mask, arrays.signs, arrays.odd_index, strict=True
                    )
                ]
                scores_by_map.setdefault(title, []).extend(scores)
                rows.append(
                    {
                        "kind": "array",
                        "network": name,
                        "array": kind,
                        "map": title,
                        "count": len(scores),
                        **mean_rows(scores),
                    }
                )
            correlations += [M.cc(a, b) for a, b in zip(maps["Grad-CAM"], maps["local mismatch"], strict=True)]
    rows += [
        {"kind": "arrays", "map": title, "count": len(scores), **bootstrap_rows(scores)}
        for title, scores in scores_by_map.items()
    ]
    pairs = [
        ("local mismatch", "local loss"),
        ("local mismatch", "counterfactual CAM"),
        ("local mismatch", "implicit product, block2"),
    ]
    rows += [
        {
            "kind": "arrays, difference",
            "map": a,
            "compared with": b,
            **paired_differences(scores_by_map[a], scores_by_map[b]),
        }
        for a, b in pairs
    ]
    return [
        *rows,
        {"kind": "opposed", "count": len(correlations), "correlation": round(sum(correlations) / len(correlations), 4)},
    ]


def mean_rows(rows: list[dict]) -> dict[str, float]:
    """Return the mean of each measure."""
    return {key: round(sum(row[key] for row in rows) / len(rows), 4) for key in rows[0]}


def bootstrap_rows(rows: list[dict]) -> dict[str, float]:
    """Return the mean of each measure over images, with its bootstrap interval."""
    result = {}
    for key, mean in mean_rows(rows).items():
        low, high = M.bootstrap_interval(
            lambda v: v.mean(), torch.tensor([row[key] for row in rows], dtype=torch.float64)
        )
        result |= {key: mean, f"{key}, low": round(low, 4), f"{key}, high": round(high, 4)}
    return result


def paired_differences(rows: list[dict], other_rows: list[dict]) -> dict[str, float]:
    """Return the mean difference of each measure over images, with its bootstrap interval."""
    return bootstrap_rows([{key: a[key] - b[key] for key in a} for a, b in zip(rows, other_rows, strict=True)])


def photo_saliency_maps(model: nn.Module, x: Tensor, layers: dict[str, str]) -> dict[str, Tensor]:
    """Return all maps of photographs by name, (N, H, W), before the blur; ``layers`` gives the layer of each form."""
    size, grey = tuple(x.shape[-2:]), x.mean(1)
    maps = {
        "uniform": M.uniform_map(grey),
        "spectral residual": E.spectral_residual(x),
        "edges": F.pad((grey[:, 1:, 1:] - grey[:, :-1, :-1]).abs(), (0, 1, 0, 1)),
        "activation, last maps": layer_saliency(model, x, "activation", LAST),
        "Grad-CAM": I.upsample(I.grad_cam(model, x, LAST, relu=True), size),
        "local loss": E.local_loss(model, x, LAST),
        "local mismatch": E.local_mismatch(model, x, LAST),
    }
    for form, layer in layers.items():
        maps[form] = layer_saliency(model, x, form, layer)
    maps["activation, same layer"] = layer_saliency(model, x, "activation", layers["implicit product"])
    return maps


def layer_saliency(model: nn.Module, x: Tensor, form: str, layer: str) -> Tensor:
    """Return the implicit saliency of a layer, or the control, the magnitude of its activation without gradients."""
    if form == "activation":
        return I.upsample(G.split_forward(model, x, layer)[0].detach().abs().mean(1), tuple(x.shape[-2:]))
    return E.implicit_saliency(model, x, layer, classes=LABELS, times_activation="product" in form)


def prepare_map(maps: Tensor) -> Tensor:
    """Return maps as they are evaluated: resized, blurred and scaled to [0, 1]."""
    small = M.gaussian_smooth(
        F.interpolate(maps[:, None], N_TEST, mode="bilinear", antialias=True)[:, 0], PIXELS_PER_DEGREE
    )
    low, high = small.amin((1, 2), keepdim=True), small.amax((1, 2), keepdim=True)
    flat = high - low <= 1e-5 * high.abs()
    return torch.where(flat, 1, (small - low) / torch.where(flat, 1, high - low))


def fixation_scores(map: Tensor, points: Tensor, density: Tensor, others: Tensor, prior: Tensor) -> dict[str, float]:
    """Return the fixation metrics of a map."""
    return {
        "auc": M.auc_judd(map, points),
        "nss": M.nss(map, points),
        "shuffled auc": M.shuffled_auc(map, points, others),
        "cc": M.cc(map, density),
        "sim": M.sim(map, density),
        "kl": M.kl_divergence(map, density),
        "bits over the prior": M.information_gain(map, points, prior),
    }


class FixationEvaluator:
    """A set of photographs with the fixations and densities for evaluating maps."""

    def __init__(self, dataset: FixationDataset, indices: list[int], pool: list[int]):
        self.dataset, self.indices = dataset, indices
        self.points = {i: dataset.fixations(i, N_TEST) for i in pool}
        self.density = {i: M.fixation_density(self.points[i], N_TEST, blur=PIXELS_PER_DEGREE) for i in indices}
        self.prior = M.center_bias_map(torch.zeros(N_TEST), spread=CENTRE)

    def evaluate(
        self, maps: Callable[[Tensor], dict], device, change: Callable[[Tensor], Tensor] | None = None
    ) -> dict[tuple, list[dict]]:
        """Return {(map, whether multiplied by the center prior): metrics of each image}."""
        scores_by_map = {}
        for i in self.indices:
            x = self.dataset.image(i, N_EXAMPLES, device=device)
            others = torch.cat([points for j, points in self.points.items() if j != i])
            for title, map in maps(change(x) if change else x).items():
                (map,) = prepare_map(map).cpu()
                for with_prior in (False, True):
                    weighted = map * self.prior if with_prior else map
                    scores = fixation_scores(weighted, self.points[i], self.density[i], others, self.prior)
                    scores_by_map.setdefault((title, with_prior), []).append(scores)
        return scores_by_map

    def human_ceiling(self) -> list[dict]:
        """Return the metrics of predicting each viewer from all others, the agreement of viewers."""
        scores = []
        for i in self.indices:
            for viewer in range(15):
                own, rest = (self.dataset.fixations(i, N_TEST, **{key: viewer}) for key in ("viewer", "without"))
                if len(own) and len(rest):
                    map = M.fixation_density(rest, N_TEST, blur=PIXELS_PER_DEGREE)
                    scores.append({"image": i, "auc": M.auc_judd(map, own), "nss": M.nss(map, own)})
        by_image = [[{k: row[k] for k in ("auc", "nss")} for row in scores if row["image"] == i] for i in self.indices]
        return [mean_rows(rows) for rows in by_image if rows]


def fixation_rows(seed: int, device) -> list[dict]:
    """Return the metrics of all maps on photographs with fixations."""
    dataset, model = load_fixations("osie"), load_pretrained(IMAGENET_MODELS, device)
    pool = list(range(len(dataset)))
    sweep_indices, test_indices = pool[::LABEL_COUNTS], [i for i in pool if i % LABEL_COUNTS]

    def sweep(x: Tensor) -> dict[tuple, Tensor]:
        return {(form, n): layer_saliency(model, x, form, f"network.features.{n}") for form in FORMS for n in LAYERS}

    rows, best = [], {}
    for ((form, n), with_prior), scores in (
        FixationEvaluator(dataset, sweep_indices, pool).evaluate(sweep, device).items()
    ):
        row = {
            "kind": "layer",
            "form": form,
            "layer": n,
            "prior": with_prior,
            "count": len(scores),
            **bootstrap_rows(scores),
        }
        rows.append(row)
        if not with_prior and row["nss"] > best.get(form, {"nss": -9})["nss"]:
            best[form] = row
    layers = {form: f"network.features.{row['layer']}" for form, row in best.items()}

    evaluator = FixationEvaluator(dataset, test_indices, pool)
    scores_by_map = evaluator.evaluate(lambda x: photo_saliency_maps(model, x, layers), device)
    for (title, with_prior), scores in scores_by_map.items():
        title = "centre prior" if title == "uniform" and with_prior else title
        extra = {"layer": best[title]["layer"]} if title in best else {}
        rows.append(
            {
                "kind": "fixations",
                "map": title,
                "prior": with_prior,
                "count": len(scores),
                **extra,
                **bootstrap_rows(scores),
            }
        )
    viewers = evaluator.human_ceiling()
    rows.append({"kind": "viewers", "count": len(viewers), **bootstrap_rows(viewers)})
    prior = scores_by_map["uniform", True]
    for (title, with_prior), scores in scores_by_map.items():
        if with_prior and title != "uniform":
            rows.append({"kind": "difference to the prior", "map": title, **paired_differences(scores, prior)})
    pairs = [("local mismatch", "local loss")]
    pairs += [("implicit product", other) for other in ("local loss", "edges", "activation", "activation, same layer")]
    for with_prior in (False, True):
        for a, b in pairs:
            extra = paired_differences(scores_by_map[a, with_prior], scores_by_map[b, with_prior])
            rows.append({"kind": "fixations, difference", "map": a, "compared with": b, "prior": with_prior, **extra})

    noise_evaluator = FixationEvaluator(dataset, test_indices[::NOISY], pool)
    for sd in NOISE:
        generator = torch.Generator().manual_seed(seed)
        noisy = lambda x, sd=sd, g=generator: (x + sd * torch.randn(x.shape, generator=g).to(x)).clamp(0, 1)
        for (title, with_prior), scores in noise_evaluator.evaluate(
            lambda x: photo_saliency_maps(model, x, layers), device, noisy
        ).items():
            title = "centre prior" if title == "uniform" and with_prior else title
            rows.append(
                {
                    "kind": "noise",
                    "sd": sd,
                    "map": title,
                    "prior": with_prior,
                    "count": len(scores),
                    **bootstrap_rows(scores),
                }
            )
    return rows + label_count_sweep(model, dataset, sweep_indices[:2], layers, device)


def label_count_sweep(
    model: nn.Module, dataset: FixationDataset, indices: list[int], layers: dict[str, str], device
) -> list[dict]:
    """Return the correlation of maps from twenty labels with maps from all thousand."""
    rows = []
    for form, layer in layers.items():
        if form == "activation":
            continue
        correlations = []
        for i in indices:
            x = dataset.image(i, N_EXAMPLES, device=device)
            few_labels, all_labels = (
                prepare_map(E.implicit_saliency(model, x, layer, classes=labels, times_activation="product" in form))[
                    0
                ].cpu()
                for labels in (LABELS, range(1000))
            )
            correlations.append(M.cc(few_labels, all_labels))
        row = {"kind": "labels", "map": form, "layer": layer, "labels": len(LABELS)}
        rows.append({**row, "correlation": round(sum(correlations) / len(correlations), 4)})
    return rows


def store_example_maps(model: nn.Module, layers: dict[str, str], device) -> list[dict]:
    """Return maps of scikit-learn's two photographs as numbers, one row per line of a map."""
    rows = []
    for name in PHOTOGRAPHS:
        maps = photo_saliency_maps(model, sample_photo(name, device), layers)
        for title in ("spectral residual", "local loss", "local mismatch", "implicit", "implicit product"):
            small = F.adaptive_avg_pool2d(M.gaussian_smooth(maps[title], 6.0)[None], GRID_CELLS)[0, 0]
            small = small / small.max()
            row = {"kind": "map", "photograph": name, "map": title}
            rows += [
                {**row, "row": i, **{f"c{j}": round(v, 3) for j, v in enumerate(line)}}
                for i, line in enumerate(small.tolist())
            ]
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [
        "arrays",
        *(["fixations"] if fixations_available("osie") and is_pretrained_available(IMAGENET_MODELS) else []),
    ]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    if part == "arrays":
        return array_rows(seed, device)
    rows = fixation_rows(seed, device)
    layers = {
        row["map"]: f"network.features.{row['layer']}"
        for row in rows
        if row.get("layer") and row["kind"] == "fixations"
    }
    return rows + store_example_maps(load_pretrained(IMAGENET_MODELS, device), layers, device)


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    if "fixations" not in part_names():
        return []
    dataset, model = load_fixations("osie"), load_pretrained(IMAGENET_MODELS)
    return [
        {"subset": f"{dataset.description} (fixations and files' bytes)", "sha256": dataset.sha256},
        {"subset": f"weights {model.file.name}", "sha256": model.sha256},
    ]
