"""Where would you look? The odd one of nine signs, found or not by maps of a network; and eyes of fifteen viewers on photographs."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studies.real_explanations import sample_photo
from tutorial_lib import expectancy as E
from tutorial_lib import gradients as G
from tutorial_lib import information as I
from tutorial_lib import measures as M
from tutorial_lib.data import ARRAYS, Gaze, arrays, gaze, gaze_available
from tutorial_lib.networks import load, pretrained, pretrained_available

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
BLOCKS = ("stem", "block1", "block2", "block3")
ARRAYS_EACH, SOFT = 12, 4.0  # arrays of a kind and network; the blur of every map, in pixels of 144
LARGE, LAST = "imagenet/squeezenet1_1", "network.features"
LAYERS = (1, 3, 4, 6, 7, 9, 10, 11, 12)
# Photographs are shown to the network at half their size; maps are judged at a quarter, under one degree of blur.
SHOWN, JUDGED, DEGREE = (300, 400), (150, 200), 6.0
LABELS = range(0, 1000, 50)
SWEPT, NOISY = 6, 6  # every so manyth photograph is for the layers; every so manyth of the others for the noise
NOISE = (0.0, 0.1, 0.2, 0.4)
CENTRE = 0.25
FORMS = ("implicit", "implicit product", "activation")
PHOTOGRAPHS = ("china", "flower")
CELLS = 14
SMALL = {
    "NETWORKS": ("signs/classifier",),
    "ARRAYS_EACH": 2,
    "LAYERS": (6, 11),
    "NOISE": (0.0,),
    "SWEPT": 60,
    "NOISY": 60,
    "LABELS": range(0, 1000, 500),
}


def of_signs(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Every map of the arrays by its name, (N, H, W), before the blur."""
    size = tuple(x.shape[-2:])
    why = I.grad_cam(model, x, "block3")
    maps = {
        "uniform": M.uniform_map(x[:, 0]),
        "centre prior": M.centre_bias(x[:, 0], spread=CENTRE),
        "spectral residual": E.spectral_residual(x),
        "colour distance": (x - x.mean((2, 3), keepdim=True)).norm(dim=1),
        "Grad-CAM": I.upsample(why.relu(), size),
        "counterfactual CAM": I.upsample((-why).relu(), size),
        "local loss": E.local_loss(model, x, "block3"),
        "local mismatch": E.local_mismatch(model, x, "block3"),
    }
    for block in BLOCKS:
        maps[f"implicit, {block}"] = E.implicit_saliency(model, x, block)
        maps[f"implicit product, {block}"] = E.implicit_saliency(model, x, block, product=True)
    maps["local mismatch × spectral residual"] = maps["local mismatch"] * maps["spectral residual"]
    return maps


def judged_on_array(map: Tensor, odd: Tensor, signs: Tensor, place: int) -> dict[str, float]:
    """Does a map point to the odd one? Among all pixels, among those of signs, and by its strongest cell."""
    where, other = odd > 0.5, (signs > 0.5) & ~(odd > 0.5)
    points, side = where.nonzero(), map.shape[-1] // 3
    cells = M.fixation.map_of(map).view(3, side, 3, side).mean((1, 3)).flatten()
    best = (cells == cells.max()).nonzero()[:, 0].tolist()
    return {
        "nss": M.nss(map, points),
        "auc": M.auc_judd(map, points),
        "auc among signs": M.auroc(M.fixation.map_of(map)[other], M.fixation.map_of(map)[where]),
        "found": (place in best) / len(best),
    }


def of_arrays(seed: int, device) -> list[dict]:
    rows, pooled, opposed = [], {}, []
    for n, name in enumerate(NETWORKS):
        model = load(name, device)
        for k, kind in enumerate(ARRAYS):
            generator = torch.Generator().manual_seed(10_000 * (seed + 1) + 100 * n + k)
            drawn = arrays(kind, ARRAYS_EACH, generator=generator, device=device)
            maps = {title: M.smoothed(map, SOFT) for title, map in of_signs(model, drawn.images).items()}
            for title, stack in maps.items():
                found = [
                    judged_on_array(map, odd[0], signs[0], int(place))
                    for map, odd, signs, place in zip(stack, drawn.mask, drawn.signs, drawn.odd, strict=True)
                ]
                pooled.setdefault(title, []).extend(found)
                rows.append(
                    {"kind": "array", "network": name, "array": kind, "map": title, "count": len(found), **means(found)}
                )
            opposed += [M.correlation(a, b) for a, b in zip(maps["Grad-CAM"], maps["local mismatch"], strict=True)]
    rows += [
        {"kind": "arrays", "map": title, "count": len(found), **intervals(found)} for title, found in pooled.items()
    ]
    pairs = [
        ("local mismatch", "local loss"),
        ("local mismatch", "counterfactual CAM"),
        ("local mismatch", "implicit product, block2"),
    ]
    rows += [
        {"kind": "arrays, difference", "map": a, "beside": b, **differences(pooled[a], pooled[b])} for a, b in pairs
    ]
    return [*rows, {"kind": "opposed", "count": len(opposed), "correlation": round(sum(opposed) / len(opposed), 4)}]


def means(found: list[dict]) -> dict[str, float]:
    return {key: round(sum(row[key] for row in found) / len(found), 4) for key in found[0]}


def intervals(found: list[dict]) -> dict[str, float]:
    """The mean of each measure over pictures, with its bootstrap interval."""
    answer = {}
    for key, mean in means(found).items():
        low, high = M.bootstrap_interval(
            lambda v: v.mean(), torch.tensor([row[key] for row in found], dtype=torch.float64)
        )
        answer |= {key: mean, f"{key}, low": round(low, 4), f"{key}, high": round(high, 4)}
    return answer


def differences(found: list[dict], others: list[dict]) -> dict[str, float]:
    """The same of the differences, picture by picture."""
    return intervals([{key: a[key] - b[key] for key in a} for a, b in zip(found, others, strict=True)])


def of_photographs(model: nn.Module, x: Tensor, layers: dict[str, str]) -> dict[str, Tensor]:
    """Every map of photographs by its name, (N, H, W), before the blur; ``layers``: of each form that has one to choose."""
    size, grey = tuple(x.shape[-2:]), x.mean(1)
    maps = {
        "uniform": M.uniform_map(grey),
        "spectral residual": E.spectral_residual(x),
        "edges": F.pad((grey[:, 1:, 1:] - grey[:, :-1, :-1]).abs(), (0, 1, 0, 1)),
        "activation, last maps": form_of_layer(model, x, "activation", LAST),
        "Grad-CAM": I.upsample(I.grad_cam(model, x, LAST, relu=True), size),
        "local loss": E.local_loss(model, x, LAST),
        "local mismatch": E.local_mismatch(model, x, LAST),
    }
    for form, layer in layers.items():
        maps[form] = form_of_layer(model, x, form, layer)
    maps["activation, same layer"] = form_of_layer(model, x, "activation", layers["implicit product"])
    return maps


def form_of_layer(model: nn.Module, x: Tensor, form: str, layer: str) -> Tensor:
    """Implicit saliency of a layer in either form, or its control: how strongly the layer answers, without any gradient."""
    if form == "activation":
        return I.upsample(G.split_at(model, x, layer)[0].detach().abs().mean(1), tuple(x.shape[-2:]))
    return E.implicit_saliency(model, x, layer, classes=LABELS, product="product" in form)


def ready(maps: Tensor) -> Tensor:
    """As every map is judged: at one size, under one blur, from 0 to 1."""
    small = M.smoothed(F.interpolate(maps[:, None], JUDGED, mode="bilinear", antialias=True)[:, 0], DEGREE)
    low, high = small.amin((1, 2), keepdim=True), small.amax((1, 2), keepdim=True)
    flat = high - low <= 1e-5 * high.abs()
    return torch.where(flat, 1, (small - low) / torch.where(flat, 1, high - low))


def judged_by_eyes(map: Tensor, points: Tensor, density: Tensor, others: Tensor, prior: Tensor) -> dict[str, float]:
    return {
        "auc": M.auc_judd(map, points),
        "nss": M.nss(map, points),
        "shuffled auc": M.shuffled_auc(map, points, others),
        "cc": M.correlation(map, density),
        "sim": M.similarity(map, density),
        "kl": M.kl_divergence(map, density),
        "bits over the prior": M.information_gain(map, points, prior),
    }


class Eyes:
    """A set of photographs with everything that maps of them are held against."""

    def __init__(self, seen: Gaze, chosen: list[int], pool: list[int]):
        self.seen, self.chosen = seen, chosen
        self.points = {i: seen.fixations(i, JUDGED) for i in pool}
        self.density = {i: M.fixation_density(self.points[i], JUDGED, blur=DEGREE) for i in chosen}
        self.prior = M.centre_bias(torch.zeros(JUDGED), spread=CENTRE)

    def judge(
        self, maps: Callable[[Tensor], dict], device, change: Callable[[Tensor], Tensor] | None = None
    ) -> dict[tuple, list[dict]]:
        """(map, with the prior or not) -> the measures of each picture."""
        found = {}
        for i in self.chosen:
            x = self.seen.picture(i, SHOWN, device=device)
            others = torch.cat([points for j, points in self.points.items() if j != i])
            for title, map in maps(change(x) if change else x).items():
                (map,) = ready(map).cpu()
                for with_prior in (False, True):
                    shown = map * self.prior if with_prior else map
                    scores = judged_by_eyes(shown, self.points[i], self.density[i], others, self.prior)
                    found.setdefault((title, with_prior), []).append(scores)
        return found

    def people(self) -> list[dict]:
        """Each viewer foretold by all others: what people agree on."""
        found = []
        for i in self.chosen:
            for viewer in range(15):
                own, rest = (self.seen.fixations(i, JUDGED, **{key: viewer}) for key in ("viewer", "without"))
                if len(own) and len(rest):
                    map = M.fixation_density(rest, JUDGED, blur=DEGREE)
                    found.append({"picture": i, "auc": M.auc_judd(map, own), "nss": M.nss(map, own)})
        by_picture = [
            [{k: row[k] for k in ("auc", "nss")} for row in found if row["picture"] == i] for i in self.chosen
        ]
        return [means(rows) for rows in by_picture if rows]


def of_eyes(seed: int, device) -> list[dict]:
    seen, model = gaze("osie"), pretrained(LARGE, device)
    pool = list(range(len(seen)))
    swept, others = pool[::SWEPT], [i for i in pool if i % SWEPT]

    def sweep(x: Tensor) -> dict[tuple, Tensor]:
        return {(form, n): form_of_layer(model, x, form, f"network.features.{n}") for form in FORMS for n in LAYERS}

    rows, best = [], {}
    for ((form, n), with_prior), scores in Eyes(seen, swept, pool).judge(sweep, device).items():
        row = {
            "kind": "layer",
            "form": form,
            "layer": n,
            "prior": with_prior,
            "count": len(scores),
            **intervals(scores),
        }
        rows.append(row)
        if not with_prior and row["nss"] > best.get(form, {"nss": -9})["nss"]:
            best[form] = row
    layers = {form: f"network.features.{row['layer']}" for form, row in best.items()}

    eyes = Eyes(seen, others, pool)
    found = eyes.judge(lambda x: of_photographs(model, x, layers), device)
    for (title, with_prior), scores in found.items():
        title = "centre prior" if title == "uniform" and with_prior else title
        beside = {"layer": best[title]["layer"]} if title in best else {}
        rows.append(
            {"kind": "eyes", "map": title, "prior": with_prior, "count": len(scores), **beside, **intervals(scores)}
        )
    people = eyes.people()
    rows.append({"kind": "people", "count": len(people), **intervals(people)})
    prior = found["uniform", True]
    for (title, with_prior), scores in found.items():
        if with_prior and title != "uniform":
            rows.append({"kind": "beside the prior", "map": title, **differences(scores, prior)})
    pairs = [("local mismatch", "local loss")]
    pairs += [("implicit product", other) for other in ("local loss", "edges", "activation", "activation, same layer")]
    for with_prior in (False, True):
        for a, b in pairs:
            beside = differences(found[a, with_prior], found[b, with_prior])
            rows.append({"kind": "eyes, difference", "map": a, "beside": b, "prior": with_prior, **beside})

    few = Eyes(seen, others[::NOISY], pool)
    for sd in NOISE:
        generator = torch.Generator().manual_seed(seed)
        noisy = lambda x, sd=sd, g=generator: (x + sd * torch.randn(x.shape, generator=g).to(x)).clamp(0, 1)
        for (title, with_prior), scores in few.judge(lambda x: of_photographs(model, x, layers), device, noisy).items():
            title = "centre prior" if title == "uniform" and with_prior else title
            rows.append(
                {
                    "kind": "noise",
                    "sd": sd,
                    "map": title,
                    "prior": with_prior,
                    "count": len(scores),
                    **intervals(scores),
                }
            )
    return rows + how_many_labels(model, seen, swept[:2], layers, device)


def how_many_labels(model: nn.Module, seen: Gaze, chosen: list[int], layers: dict[str, str], device) -> list[dict]:
    """Maps from twenty labels beside those from all thousand, as they are judged."""
    rows = []
    for form, layer in layers.items():
        if form == "activation":
            continue
        alike = []
        for i in chosen:
            x = seen.picture(i, SHOWN, device=device)
            few, all_of_them = (
                ready(E.implicit_saliency(model, x, layer, classes=labels, product="product" in form))[0].cpu()
                for labels in (LABELS, range(1000))
            )
            alike.append(M.correlation(few, all_of_them))
        row = {"kind": "labels", "map": form, "layer": layer, "labels": len(LABELS)}
        rows.append({**row, "correlation": round(sum(alike) / len(alike), 4)})
    return rows


def kept_maps(model: nn.Module, layers: dict[str, str], device) -> list[dict]:
    """Maps over scikit-learn's two photographs as numbers, a row for each line of a map."""
    rows = []
    for name in PHOTOGRAPHS:
        maps = of_photographs(model, sample_photo(name, device), layers)
        for title in ("spectral residual", "local loss", "local mismatch", "implicit", "implicit product"):
            small = F.adaptive_avg_pool2d(M.smoothed(maps[title], 6.0)[None], CELLS)[0, 0]
            small = small / small.max()
            row = {"kind": "map", "photograph": name, "map": title}
            rows += [
                {**row, "row": i, **{f"c{j}": round(v, 3) for j, v in enumerate(line)}}
                for i, line in enumerate(small.tolist())
            ]
    return rows


def parts() -> list[str]:
    return ["arrays", *(["eyes"] if gaze_available("osie") and pretrained_available(LARGE) else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == "arrays":
        return of_arrays(seed, device)
    eyes = of_eyes(seed, device)
    layers = {
        row["map"]: f"network.features.{row['layer']}" for row in eyes if row.get("layer") and row["kind"] == "eyes"
    }
    return eyes + kept_maps(pretrained(LARGE, device), layers, device)


def run(seed: int = 0, device="cpu") -> list[dict]:
    """Arrays for three networks of signs; OSIE, as much as is at hand, and two photographs for one network of ImageNet."""
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if "eyes" not in parts():
        return []
    seen, model = gaze("osie"), pretrained(LARGE)
    return [
        {"subset": f"{seen.subset} (fixations and files' bytes)", "sha256": seen.sha256},
        {"subset": f"weights {model.file.name}", "sha256": model.sha256},
    ]
