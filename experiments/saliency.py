"""Saliency maps compared with the position of the odd sign among nine, and with human fixations on photographs.

The parts are independent of each other: the layers and the penalty that ``selection`` finds best are constants here,
and a test compares them with its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments._fixation_readout import fit_readout, fixation_shares, held_out_readouts, layer_features
from experiments.explanations_photos import sample_photo
from tutorial_course.datasets.fixations import FixationDataset, fixations_available, load_fixations
from tutorial_lib import attribution as I
from tutorial_lib import gradients as G
from tutorial_lib import metrics as M
from tutorial_lib import saliency as E
from tutorial_lib.data import ODD_ONE_OUT_KINDS, odd_one_out_arrays
from tutorial_lib.models import is_pretrained_available, load, load_pretrained

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
BLOCKS = ("stem", "block1", "block2", "block3")
ARRAYS_EACH, SOFTMAX_TEMPERATURE = (
    12,
    4.0,
)  # arrays of each kind and network; blur of the maps in pixels, for images of 144 pixels
IMAGENET_MODELS, LAST = "imagenet/squeezenet1_1", "network.features"
SELECTION_DATA, DATASETS = "osie", ("osie", "scene500")
LAYERS = (1, 3, 4, 6, 7, 9, 10, 11, 12)
BEST_LAYERS = {"implicit": 6, "implicit product": 4, "activation": 11}
PENALTIES, BEST_PENALTY, FOLDS = (0.3, 1.0, 3.0, 10.0), 1.0, 5
# The longer side of a photograph as the network processes it. Maps are evaluated on a grid of half that width, with a
# blur of 3% of the width, which is one degree of visual angle in OSIE.
LONGER_SIDE, N_TEST, BLUR = 400, (150, 200), 6.0
LABELS = range(0, 1000, 50)
SELECTION = 6  # one of this many photographs selects the layers and the penalty, and is not used for testing
SECOND = 6  # one of this many photographs of the second data set is tested
NOISE, STRONGEST_NOISE, NOISY = (0.0, 0.4), 0.4, 6  # one of NOISY test photographs is used with noise
CENTER, NEAR_CENTER = 0.25, 0.1
FORMS = ("implicit", "implicit product", "activation")
PHOTOGRAPHS = ("china", "flower")
GRID_CELLS = 14
# A map, the map that it is compared with.
PAIRS = (
    ("implicit", "activation"),
    ("implicit", "activation, same layer"),
    ("implicit", "spectral residual"),
    ("implicit", "readout"),
    ("implicit product", "activation"),
    ("implicit product", "activation, same layer"),
    ("implicit product", "spectral residual"),
    ("implicit product", "edges"),
    ("implicit product", "local loss"),
    ("implicit product", "readout"),
    ("local mismatch", "local loss"),
    ("readout", "activation"),
)
SMALL = {
    "NETWORKS": ("signs/classifier",),
    "ARRAYS_EACH": 2,
    "LAYERS": (6, 11),
    "NOISE": (0.0, 0.4),
    "SELECTION": 60,
    "NOISY": 60,
    "LABELS": range(0, 1000, 500),
    "PENALTIES": (1.0,),
}


def local_loss(model: nn.Module, x: Tensor, layer: str) -> Tensor:
    """Return the cross-entropy of each position's own prediction against that of the whole image, (N, H, W)."""
    losses = []
    for part in x.split(8):
        _, z, local = G.spatial_logits(model, part, layer)
        losses.append(-(z.softmax(1)[:, :, None, None] * local.detach().log_softmax(1)).sum(1))
    return I.upsample(torch.cat(losses), tuple(x.shape[-2:]))


def sign_saliency_maps(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return all maps of the arrays by name, (N, H, W), before the blur."""
    size = tuple(x.shape[-2:])
    grad_cam = I.grad_cam(model, x, "block3")
    maps = {
        "uniform": M.uniform_map(x[:, 0]),
        "center prior": M.center_bias_map(x[:, 0], spread=CENTER),
        "spectral residual": E.spectral_residual(x),
        "color distance": (x - x.mean((2, 3), keepdim=True)).norm(dim=1),
        "Grad-CAM": I.upsample(grad_cam.relu(), size),
        "counterfactual CAM": I.upsample((-grad_cam).relu(), size),
        "local loss": local_loss(model, x, "block3"),
        "local mismatch": E.local_mismatch(model, x, "block3"),
    }
    for block in BLOCKS:
        maps[f"implicit, {block}"] = E.implicit_saliency(model, x, block)
        maps[f"implicit product, {block}"] = E.implicit_saliency(model, x, block, times_activation=True)
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


def edges(x: Tensor) -> Tensor:
    """Return the absolute differences of diagonal neighbors in the gray image."""
    grey = x.mean(1)
    return F.pad((grey[:, 1:, 1:] - grey[:, :-1, :-1]).abs(), (0, 1, 0, 1))


PHOTO_MAPS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "uniform": lambda model, x: M.uniform_map(x[:, 0]),
    "spectral residual": lambda model, x: E.spectral_residual(x),
    "edges": lambda model, x: edges(x),
    "activation, last maps": lambda model, x: layer_saliency(model, x, "activation", LAST),
    "Grad-CAM": lambda model, x: I.upsample(I.grad_cam(model, x, LAST, relu=True), tuple(x.shape[-2:])),
    "local loss": lambda model, x: local_loss(model, x, LAST),
    "local mismatch": lambda model, x: E.local_mismatch(model, x, LAST),
    "implicit": lambda model, x: best_layer_saliency(model, x, "implicit"),
    "implicit product": lambda model, x: best_layer_saliency(model, x, "implicit product"),
    "activation": lambda model, x: best_layer_saliency(model, x, "activation"),
    "activation, same layer": lambda model, x: layer_saliency(
        model, x, "activation", f"network.features.{BEST_LAYERS['implicit product']}"
    ),
}
FEWER_MAPS = [name for name in PHOTO_MAPS if name not in ("activation, last maps", "Grad-CAM", "local mismatch")]


def photo_saliency_maps(model: nn.Module, x: Tensor, names: Iterable[str] = PHOTO_MAPS) -> dict[str, Tensor]:
    """Return maps of photographs by name, (N, H, W), before the blur."""
    return {name: PHOTO_MAPS[name](model, x) for name in names}


def best_layer_saliency(model: nn.Module, x: Tensor, form: str) -> Tensor:
    """Return the implicit saliency, or its control, of the layer that is best on the selection photographs."""
    return layer_saliency(model, x, form, f"network.features.{BEST_LAYERS[form]}")


def layer_saliency(model: nn.Module, x: Tensor, form: str, layer: str) -> Tensor:
    """Return the implicit saliency of a layer, or the control, the magnitude of its activation without gradients."""
    if form == "activation":
        return I.upsample(G.split_forward(model, x, layer)[0].detach().abs().mean(1), tuple(x.shape[-2:]))
    return E.implicit_saliency(model, x, layer, classes=LABELS, times_activation="product" in form)


def resize(maps: Tensor) -> Tensor:
    """Return maps (N, H, W) on the grid on which they are evaluated."""
    return F.interpolate(maps[:, None], N_TEST, mode="bilinear", antialias=True)[:, 0]


def prepare_map(maps: Tensor) -> Tensor:
    """Return maps as they are evaluated: resized, blurred and scaled to [0, 1]."""
    small = M.gaussian_smooth(resize(maps), BLUR)
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


def network_image(dataset: FixationDataset, i: int, device) -> Tensor:
    """Return a photograph at the size at which the network processes it."""
    height, width = dataset.image_size(i)
    scale = LONGER_SIDE / max(height, width)
    return dataset.image(i, (round(scale * height), round(scale * width)), device=device)


def split_photographs(dataset: FixationDataset) -> tuple[list[int], list[int]]:
    """Return the photographs that select the settings, and those that are tested."""
    pool = range(len(dataset))
    return [i for i in pool if i % SELECTION == 0], [i for i in pool if i % SELECTION]


class FixationEvaluator:
    """A set of photographs with the fixations and densities for evaluating maps."""

    def __init__(self, dataset: FixationDataset, indices: Sequence[int], skip_first: bool = False):
        self.dataset, self.indices = dataset, indices
        self.points = [dataset.fixations(i, N_TEST, skip_first=skip_first) for i in range(len(dataset))]
        self.density = {i: M.fixation_density(self.points[i], N_TEST, blur=BLUR) for i in indices}
        self.prior = M.center_bias_map(torch.zeros(N_TEST), spread=CENTER)

    def scores(self, i: int, map: Tensor) -> dict[str, float]:
        """Return the metrics of a prepared map of a photograph."""
        others = torch.cat([points for j, points in enumerate(self.points) if j != i])
        return fixation_scores(map, self.points[i], self.density[i], others, self.prior)

    def evaluate(self, maps: Callable[[int], Mapping[str, Tensor]]) -> dict[tuple[str, bool], list[dict]]:
        """Return {(map, whether multiplied by the center prior): metrics of each photograph}."""
        scores_by_map: dict[tuple[str, bool], list[dict]] = {}
        for i in self.indices:
            for title, map in maps(i).items():
                (map,) = prepare_map(map).cpu()
                for with_prior in (False, True):
                    scores = self.scores(i, map * self.prior if with_prior else map)
                    # The uniform map times the prior is the prior.
                    name = "center prior" if with_prior and title == "uniform" else title
                    scores_by_map.setdefault((name, with_prior), []).append(scores)
        return scores_by_map

    def human_ceiling(self) -> list[dict]:
        """Return the metrics of predicting each viewer from all others, the agreement of viewers, by photograph."""
        by_image = []
        for i in self.indices:
            scores = []
            for viewer in np.unique(self.dataset.table["subject"]).tolist():
                own, rest = (self.dataset.fixations(i, N_TEST, **{key: viewer}) for key in ("viewer", "without"))
                if len(own) and len(rest):
                    map = M.fixation_density(rest, N_TEST, blur=BLUR)
                    scores.append({"auc": M.auc_judd(map, own), "nss": M.nss(map, own)})
            by_image += [mean_rows(scores)] if scores else []
        return by_image


def load_photographs(name: str, device) -> tuple[FixationDataset, nn.Module, Tensor]:
    """Return a data set, the network, and the features of all its photographs for the readout."""
    dataset, model = load_fixations(name), load_pretrained(IMAGENET_MODELS, device)
    features = [layer_features(model, network_image(dataset, i, device)).cpu() for i in range(len(dataset))]
    return dataset, model, torch.stack(features)


def selection_rows(device) -> list[dict]:
    """Return the metrics of every layer and the gain of every penalty of the readout on the selection photographs."""
    dataset, model, features = load_photographs(SELECTION_DATA, device)
    selection, test = split_photographs(dataset)

    def sweep(i: int) -> dict[tuple, Tensor]:
        x = network_image(dataset, i, device)
        return {(form, n): layer_saliency(model, x, form, f"network.features.{n}") for form in FORMS for n in LAYERS}

    scores_by_map = FixationEvaluator(dataset, selection).evaluate(sweep)
    rows = []
    for ((form, n), with_prior), scores in scores_by_map.items():
        row = {"kind": "layer", "form": form, "layer": n, "prior": with_prior, "count": len(scores)}
        rows.append(row | bootstrap_rows(scores))
    shares = fixation_shares(dataset, blur=0.0)[selection]
    for penalty in PENALTIES:
        bits = fit_readout(features, dataset, test, penalty).bits_over_prior(features[selection], shares)
        rows.append({"kind": "penalty", "penalty": penalty, "count": len(selection), "bits": round(bits, 4)})
    return rows + label_count_rows(model, dataset, selection[:2], device)


def label_count_rows(model: nn.Module, dataset: FixationDataset, indices: list[int], device) -> list[dict]:
    """Return the correlation of maps from twenty labels with maps from all thousand."""
    rows = []
    for form in FORMS[:2]:
        correlations = []
        for i in indices:
            x, layer = network_image(dataset, i, device), f"network.features.{BEST_LAYERS[form]}"
            few_labels, all_labels = (
                prepare_map(E.implicit_saliency(model, x, layer, classes=labels, times_activation="product" in form))[
                    0
                ].cpu()
                for labels in (LABELS, range(1000))
            )
            correlations.append(M.cc(few_labels, all_labels))
        row = {"kind": "labels", "map": form, "layer": BEST_LAYERS[form], "labels": len(LABELS)}
        rows.append({**row, "correlation": round(sum(correlations) / len(correlations), 4)})
    return rows


def fixation_rows(name: str, device) -> list[dict]:
    """Return the metrics of all maps on the photographs of a data set.

    The readout is cross-validated on OSIE, and fitted to all of OSIE for the other data set.
    """
    dataset, (osie, model, features) = load_fixations(name), load_photographs(SELECTION_DATA, device)
    if name == SELECTION_DATA:
        indices, names = split_photographs(dataset)[1], list(PHOTO_MAPS)
        readouts = held_out_readouts(features, osie, FOLDS, BEST_PENALTY)
    else:
        indices, names = range(0, len(dataset), SECOND), FEWER_MAPS
        readouts = [fit_readout(features, osie, range(len(osie)), BEST_PENALTY)] * len(dataset)

    def maps(i: int) -> dict[str, Tensor]:
        x = network_image(dataset, i, device)
        readout = readouts[i].density(layer_features(model, x).cpu())
        return photo_saliency_maps(model, x, names) | {"readout": readout, "fitted center prior": readouts[i].prior()}

    evaluator = FixationEvaluator(dataset, indices)
    scores_by_map = evaluator.evaluate(maps)
    rows = [
        {"kind": "fixations", "data": name, "map": title, "prior": with_prior, "count": len(scores)}
        | ({"layer": BEST_LAYERS[title]} if title in BEST_LAYERS else {})
        | bootstrap_rows(scores)
        for (title, with_prior), scores in scores_by_map.items()
    ]
    viewers = evaluator.human_ceiling()
    rows.append({"kind": "viewers", "data": name, "count": len(viewers), **bootstrap_rows(viewers)})
    prior = scores_by_map["center prior", True]
    rows += [
        {"kind": "difference to the prior", "data": name, "map": title, **paired_differences(scores, prior)}
        for (title, with_prior), scores in scores_by_map.items()
        if with_prior and title != "center prior"
    ]
    rows += pair_rows({"kind": "fixations, difference", "data": name}, scores_by_map)
    if name == SELECTION_DATA:
        bits = [density_bits(evaluator, i, readouts[i].density(features[i]), readouts[i].prior()) for i in indices]
        rows.append({"kind": "density", "data": name, "map": "readout", "count": len(bits), **bootstrap_rows(bits)})
        rows += first_fixation_rows(name, dataset, indices)
    return rows


def pair_rows(row: dict, scores_by_map: Mapping[tuple[str, bool], list[dict]]) -> list[dict]:
    """Return the paired differences of the maps that are compared, with and without the center prior."""
    return [
        {**row, "map": a, "compared with": b, "prior": prior}
        | paired_differences(scores_by_map[a, prior], scores_by_map[b, prior])
        for prior in (False, True)
        for a, b in PAIRS
        if {(a, prior), (b, prior)} <= set(scores_by_map)
    ]


def density_bits(evaluator: FixationEvaluator, i: int, density: Tensor, fitted_prior: Tensor) -> dict[str, float]:
    """Return the information gain of a predicted density, without rescaling, over the two center priors."""
    density, fitted_prior = (M.gaussian_smooth(resize(map), BLUR)[0] for map in (density, fitted_prior))
    return {
        "bits over the prior": M.information_gain(density, evaluator.points[i], evaluator.prior),
        "bits over the fitted prior": M.information_gain(density, evaluator.points[i], fitted_prior),
    }


def first_fixation_rows(name: str, dataset: FixationDataset, indices: Sequence[int]) -> list[dict]:
    """Return how central the first fixations are, and the metrics of the center prior without them."""
    everything, rest = (FixationEvaluator(dataset, indices, skip_first=skip) for skip in (False, True))
    center = (torch.tensor(N_TEST) - 1) / 2
    near, counts = [], []
    for evaluator in (everything, rest):
        offsets = (torch.cat([evaluator.points[i] for i in indices]) - center) / torch.tensor(N_TEST)
        near.append(int((offsets.norm(dim=1) < NEAR_CENTER).sum()))
        counts.append(len(offsets))
    first = (near[0] - near[1]) / (counts[0] - counts[1])
    rows = [{"kind": "near the center", "data": name, "first": round(first, 4), "later": round(near[1] / counts[1], 4)}]

    scores = rest.evaluate(lambda i: {"uniform": M.uniform_map(torch.zeros(1, *N_TEST))})["center prior", True]
    row = {"kind": "without first fixations", "data": name, "map": "center prior", "prior": True, "count": len(scores)}
    return [*rows, row | bootstrap_rows(scores)]


def noise_rows(seed: int, device) -> list[dict]:
    """Return the metrics of maps under noise, and those of the same maps without the photograph that was fixated.

    Under the strongest noise, the photograph is replaced by another one and by a uniform gray image.
    """
    dataset, model, features = load_photographs(SELECTION_DATA, device)
    readouts = held_out_readouts(features, dataset, FOLDS, BEST_PENALTY)
    indices = split_photographs(dataset)[1][::NOISY]
    evaluator = FixationEvaluator(dataset, indices)
    following = dict(zip(indices, [*indices[1:], indices[0]], strict=True))
    under = {"photograph": lambda i: network_image(dataset, i, device)}
    grey = torch.full_like(under["photograph"](0), 0.5)
    controls = {"another photograph": lambda i: under["photograph"](following[i]), "nothing": lambda i: grey}
    rows = []
    for sd in NOISE:
        by_source = {}
        for title, source in (under | (controls if sd == STRONGEST_NOISE else {})).items():
            generator = torch.Generator().manual_seed(seed)

            def maps(i: int, source=source, sd=sd, generator=generator) -> dict[str, Tensor]:
                x = source(i)
                x = (x + sd * torch.randn(x.shape, generator=generator).to(x)).clamp(0, 1)
                readout = readouts[i].density(layer_features(model, x).cpu())
                return photo_saliency_maps(model, x, FEWER_MAPS) | {"readout": readout}

            by_source[title] = scores_by_map = evaluator.evaluate(maps)
            row = {"sd": sd, "under the noise": title}
            rows += [
                {"kind": "noise", **row, "map": name, "prior": prior, "count": len(scores), **bootstrap_rows(scores)}
                for (name, prior), scores in scores_by_map.items()
            ]
            rows += pair_rows({"kind": "noise, difference", **row}, scores_by_map)
        rows += [
            {"kind": "photograph minus nothing", "sd": sd, "map": name, "prior": prior}
            | paired_differences(scores, by_source["nothing"][name, prior])
            for (name, prior), scores in by_source["photograph"].items()
            if "nothing" in by_source
        ]
    return rows


def example_map_rows(device) -> list[dict]:
    """Return maps of scikit-learn's two photographs as numbers, one row per line of a map."""
    model, rows = load_pretrained(IMAGENET_MODELS, device), []
    for name in PHOTOGRAPHS:
        titles = ("spectral residual", "local loss", "local mismatch", "implicit", "implicit product")
        for title, map in photo_saliency_maps(model, sample_photo(name, device), titles).items():
            small = F.adaptive_avg_pool2d(M.gaussian_smooth(map, 6.0)[None], GRID_CELLS)[0, 0]
            small = small / small.max()
            row = {"kind": "map", "photograph": name, "map": title}
            rows += [
                {**row, "row": i, **{f"c{j}": round(v, 3) for j, v in enumerate(line)}}
                for i, line in enumerate(small.tolist())
            ]
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    available = is_pretrained_available(IMAGENET_MODELS) and all(map(fixations_available, DATASETS))
    return ["arrays", *(["selection", *DATASETS, "noise", "maps"] if available else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    parts = {
        "arrays": lambda: array_rows(seed, device),
        "selection": lambda: selection_rows(device),
        "noise": lambda: noise_rows(seed, device),
        "maps": lambda: example_map_rows(device),
    }
    return parts[part]() if part in parts else fixation_rows(part, device)


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    if part_names() == ["arrays"]:
        return []
    photographs, model = map(load_fixations, DATASETS), load_pretrained(IMAGENET_MODELS)
    return [
        *(
            {"subset": f"{dataset.description} (checksum of the files and the fixations)", "sha256": dataset.sha256}
            for dataset in photographs
        ),
        {"subset": f"weights {model.file.name}", "sha256": model.sha256},
    ]
