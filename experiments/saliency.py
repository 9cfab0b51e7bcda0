"""Where would you look? The odd one of nine signs, found or not by maps of a network; and eyes of fifteen viewers on photographs."""

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
ARRAYS_EACH, SOFTMAX_TEMPERATURE = 12, 4.0  # arrays of a kind and network; the blur of every map, in pixels of 144
IMAGENET_MODELS, LAST = "imagenet/squeezenet1_1", "network.features"
LAYERS = (1, 3, 4, 6, 7, 9, 10, 11, 12)
# Photographs are shown to the network at half their size; maps are judged at a quarter, under one degree of blur.
N_EXAMPLES, N_TEST, PIXELS_PER_DEGREE = (300, 400), (150, 200), 6.0
LABELS = range(0, 1000, 50)
LABEL_COUNTS, NOISY = 6, 6  # every so manyth photograph is for the layers; every so manyth of the others for the noise
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
    """Every map of the arrays by its name, (N, H, W), before the blur."""
    size = tuple(x.shape[-2:])
    why = I.grad_cam(model, x, "block3")
    maps = {
        "uniform": M.uniform_map(x[:, 0]),
        "centre prior": M.center_bias_map(x[:, 0], spread=CENTRE),
        "spectral residual": E.spectral_residual(x),
        "colour distance": (x - x.mean((2, 3), keepdim=True)).norm(dim=1),
        "Grad-CAM": I.upsample(why.relu(), size),
        "counterfactual CAM": I.upsample((-why).relu(), size),
        "local loss": E.local_loss(model, x, "block3"),
        "local mismatch": E.local_mismatch(model, x, "block3"),
    }
    for block in BLOCKS:
        maps[f"implicit, {block}"] = E.implicit_saliency(model, x, block)
        maps[f"implicit product, {block}"] = E.implicit_saliency(model, x, block, times_activation=True)
    maps["local mismatch × spectral residual"] = maps["local mismatch"] * maps["spectral residual"]
    return maps


def array_scores(map: Tensor, odd: Tensor, signs: Tensor, place: int) -> dict[str, float]:
    """Does a map point to the odd one? Among all pixels, among those of signs, and by its strongest cell."""
    where, other = odd > 0.5, (signs > 0.5) & ~(odd > 0.5)
    points, side = where.nonzero(), map.shape[-1] // 3
    cells = M.saliency.check_map(map).view(3, side, 3, side).mean((1, 3)).flatten()
    best = (cells == cells.max()).nonzero()[:, 0].tolist()
    return {
        "nss": M.nss(map, points),
        "auc": M.auc_judd(map, points),
        "auc among signs": M.auroc(M.saliency.check_map(map)[other], M.saliency.check_map(map)[where]),
        "found": (place in best) / len(best),
    }


def array_rows(seed: int, device) -> list[dict]:
    rows, pooled, opposed = [], {}, []
    for n, name in enumerate(NETWORKS):
        model = load(name, device)
        for k, kind in enumerate(ODD_ONE_OUT_KINDS):
            generator = torch.Generator().manual_seed(10_000 * (seed + 1) + 100 * n + k)
            drawn = odd_one_out_arrays(kind, ARRAYS_EACH, generator=generator, device=device)
            maps = {
                title: M.gaussian_smooth(map, SOFTMAX_TEMPERATURE)
                for title, map in sign_saliency_maps(model, drawn.images).items()
            }
            for title, stack in maps.items():
                found = [
                    array_scores(map, odd[0], signs[0], int(place))
                    for map, odd, signs, place in zip(stack, drawn.mask, drawn.signs, drawn.odd_index, strict=True)
                ]
                pooled.setdefault(title, []).extend(found)
                rows.append(
                    {
                        "kind": "array",
                        "network": name,
                        "array": kind,
                        "map": title,
                        "count": len(found),
                        **mean_rows(found),
                    }
                )
            opposed += [M.cc(a, b) for a, b in zip(maps["Grad-CAM"], maps["local mismatch"], strict=True)]
    rows += [
        {"kind": "arrays", "map": title, "count": len(found), **bootstrap_rows(found)}
        for title, found in pooled.items()
    ]
    pairs = [
        ("local mismatch", "local loss"),
        ("local mismatch", "counterfactual CAM"),
        ("local mismatch", "implicit product, block2"),
    ]
    rows += [
        {"kind": "arrays, difference", "map": a, "beside": b, **paired_differences(pooled[a], pooled[b])}
        for a, b in pairs
    ]
    return [*rows, {"kind": "opposed", "count": len(opposed), "correlation": round(sum(opposed) / len(opposed), 4)}]


def mean_rows(found: list[dict]) -> dict[str, float]:
    return {key: round(sum(row[key] for row in found) / len(found), 4) for key in found[0]}


def bootstrap_rows(found: list[dict]) -> dict[str, float]:
    """The mean of each measure over pictures, with its bootstrap interval."""
    answer = {}
    for key, mean in mean_rows(found).items():
        low, high = M.bootstrap_interval(
            lambda v: v.mean(), torch.tensor([row[key] for row in found], dtype=torch.float64)
        )
        answer |= {key: mean, f"{key}, low": round(low, 4), f"{key}, high": round(high, 4)}
    return answer


def paired_differences(found: list[dict], others: list[dict]) -> dict[str, float]:
    """The same of the differences, picture by picture."""
    return bootstrap_rows([{key: a[key] - b[key] for key in a} for a, b in zip(found, others, strict=True)])


def photo_saliency_maps(model: nn.Module, x: Tensor, layers: dict[str, str]) -> dict[str, Tensor]:
    """Every map of photographs by its name, (N, H, W), before the blur; ``layers``: of each form that has one to choose."""
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
    """Implicit saliency of a layer in either form, or its control: how strongly the layer answers, without any gradient."""
    if form == "activation":
        return I.upsample(G.split_forward(model, x, layer)[0].detach().abs().mean(1), tuple(x.shape[-2:]))
    return E.implicit_saliency(model, x, layer, classes=LABELS, times_activation="product" in form)


def prepare_map(maps: Tensor) -> Tensor:
    """As every map is judged: at one size, under one blur, from 0 to 1."""
    small = M.gaussian_smooth(
        F.interpolate(maps[:, None], N_TEST, mode="bilinear", antialias=True)[:, 0], PIXELS_PER_DEGREE
    )
    low, high = small.amin((1, 2), keepdim=True), small.amax((1, 2), keepdim=True)
    flat = high - low <= 1e-5 * high.abs()
    return torch.where(flat, 1, (small - low) / torch.where(flat, 1, high - low))


def fixation_scores(map: Tensor, points: Tensor, density: Tensor, others: Tensor, prior: Tensor) -> dict[str, float]:
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
    """A set of photographs with everything that maps of them are held against."""

    def __init__(self, seen: FixationDataset, chosen: list[int], pool: list[int]):
        self.seen, self.chosen = seen, chosen
        self.points = {i: seen.fixations(i, N_TEST) for i in pool}
        self.density = {i: M.fixation_density(self.points[i], N_TEST, blur=PIXELS_PER_DEGREE) for i in chosen}
        self.prior = M.center_bias_map(torch.zeros(N_TEST), spread=CENTRE)

    def evaluate(
        self, maps: Callable[[Tensor], dict], device, change: Callable[[Tensor], Tensor] | None = None
    ) -> dict[tuple, list[dict]]:
        """(map, with the prior or not) -> the measures of each picture."""
        found = {}
        for i in self.chosen:
            x = self.seen.image_ids(i, N_EXAMPLES, device=device)
            others = torch.cat([points for j, points in self.points.items() if j != i])
            for title, map in maps(change(x) if change else x).items():
                (map,) = prepare_map(map).cpu()
                for with_prior in (False, True):
                    shown = map * self.prior if with_prior else map
                    scores = fixation_scores(shown, self.points[i], self.density[i], others, self.prior)
                    found.setdefault((title, with_prior), []).append(scores)
        return found

    def human_ceiling(self) -> list[dict]:
        """Each viewer foretold by all others: what people agree on."""
        found = []
        for i in self.chosen:
            for viewer in range(15):
                own, rest = (self.seen.fixations(i, N_TEST, **{key: viewer}) for key in ("viewer", "without"))
                if len(own) and len(rest):
                    map = M.fixation_density(rest, N_TEST, blur=PIXELS_PER_DEGREE)
                    found.append({"picture": i, "auc": M.auc_judd(map, own), "nss": M.nss(map, own)})
        by_picture = [
            [{k: row[k] for k in ("auc", "nss")} for row in found if row["picture"] == i] for i in self.chosen
        ]
        return [mean_rows(rows) for rows in by_picture if rows]


def fixation_rows(seed: int, device) -> list[dict]:
    seen, model = load_fixations("osie"), load_pretrained(IMAGENET_MODELS, device)
    pool = list(range(len(seen)))
    swept, others = pool[::LABEL_COUNTS], [i for i in pool if i % LABEL_COUNTS]

    def sweep(x: Tensor) -> dict[tuple, Tensor]:
        return {(form, n): layer_saliency(model, x, form, f"network.features.{n}") for form in FORMS for n in LAYERS}

    rows, best = [], {}
    for ((form, n), with_prior), scores in FixationEvaluator(seen, swept, pool).evaluate(sweep, device).items():
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

    eyes = FixationEvaluator(seen, others, pool)
    found = eyes.evaluate(lambda x: photo_saliency_maps(model, x, layers), device)
    for (title, with_prior), scores in found.items():
        title = "centre prior" if title == "uniform" and with_prior else title
        beside = {"layer": best[title]["layer"]} if title in best else {}
        rows.append(
            {
                "kind": "eyes",
                "map": title,
                "prior": with_prior,
                "count": len(scores),
                **beside,
                **bootstrap_rows(scores),
            }
        )
    people = eyes.human_ceiling()
    rows.append({"kind": "people", "count": len(people), **bootstrap_rows(people)})
    prior = found["uniform", True]
    for (title, with_prior), scores in found.items():
        if with_prior and title != "uniform":
            rows.append({"kind": "beside the prior", "map": title, **paired_differences(scores, prior)})
    pairs = [("local mismatch", "local loss")]
    pairs += [("implicit product", other) for other in ("local loss", "edges", "activation", "activation, same layer")]
    for with_prior in (False, True):
        for a, b in pairs:
            beside = paired_differences(found[a, with_prior], found[b, with_prior])
            rows.append({"kind": "eyes, difference", "map": a, "beside": b, "prior": with_prior, **beside})

    few = FixationEvaluator(seen, others[::NOISY], pool)
    for sd in NOISE:
        generator = torch.Generator().manual_seed(seed)
        noisy = lambda x, sd=sd, g=generator: (x + sd * torch.randn(x.shape, generator=g).to(x)).clamp(0, 1)
        for (title, with_prior), scores in few.evaluate(
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
    return rows + label_count_sweep(model, seen, swept[:2], layers, device)


def label_count_sweep(
    model: nn.Module, seen: FixationDataset, chosen: list[int], layers: dict[str, str], device
) -> list[dict]:
    """Maps from twenty labels beside those from all thousand, as they are judged."""
    rows = []
    for form, layer in layers.items():
        if form == "activation":
            continue
        alike = []
        for i in chosen:
            x = seen.image(i, N_EXAMPLES, device=device)
            few, all_of_them = (
                prepare_map(E.implicit_saliency(model, x, layer, classes=labels, times_activation="product" in form))[
                    0
                ].cpu()
                for labels in (LABELS, range(1000))
            )
            alike.append(M.cc(few, all_of_them))
        row = {"kind": "labels", "map": form, "layer": layer, "labels": len(LABELS)}
        rows.append({**row, "correlation": round(sum(alike) / len(alike), 4)})
    return rows


def store_example_maps(model: nn.Module, layers: dict[str, str], device) -> list[dict]:
    """Maps over scikit-learn's two photographs as numbers, a row for each line of a map."""
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


def parts() -> list[str]:
    return ["arrays", *(["eyes"] if fixations_available("osie") and is_pretrained_available(IMAGENET_MODELS) else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == "arrays":
        return array_rows(seed, device)
    eyes = fixation_rows(seed, device)
    layers = {
        row["map"]: f"network.features.{row['layer']}" for row in eyes if row.get("layer") and row["kind"] == "eyes"
    }
    return eyes + store_example_maps(load_pretrained(IMAGENET_MODELS, device), layers, device)


def run(seed: int = 0, device="cpu") -> list[dict]:
    """Arrays for three networks of signs; OSIE, as much as is at hand, and two photographs for one network of ImageNet."""
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if "eyes" not in parts():
        return []
    seen, model = load_fixations("osie"), load_pretrained(IMAGENET_MODELS)
    return [
        {"subset": f"{seen.description} (fixations and files' bytes)", "sha256": seen.sha256},
        {"subset": f"weights {model.file.name}", "sha256": model.sha256},
    ]
