"""Evaluation of explanation maps on photographs: localization in pairs of images, randomized networks, and whether the
uncertainty of an explanation separates wrong from correct predictions.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import torch
from sklearn.datasets import load_sample_image
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torchvision.transforms.functional import center_crop, resize

from experiments.explanations_signs import (
    NETWORKS,
    accuracy_under_randomization,
    correctly_classified,
    mean,
    randomization_rows,
)
from tutorial_lib import attribution as I
from tutorial_lib._download import resolve_data_dir
from tutorial_lib.data import CORRUPTIONS, corrupt, load
from tutorial_lib.data._safe_io import image_to_tensor, open_image
from tutorial_lib.gradients import layer_gradient
from tutorial_lib.metrics import random_map
from tutorial_lib.models import load as network_of
from tutorial_lib.models import load_pretrained

PHOTOS, DEEPER, IMAGENET_MODELS = "cifar10/resnet20", "cifar10/resnet56", "imagenet/squeezenet1_1"
# The layer of the maps, and the layers to randomize, from the output down.
CAM = {PHOTOS: "network.layer3", DEEPER: "network.layer3", IMAGENET_MODELS: "network.features"}
LAYERS = {
    PHOTOS: ("network.linear", "network.layer3", "network.layer2", "network.layer1", "network.conv1"),
    IMAGENET_MODELS: ("network.classifier.1", *(f"network.features.{i}" for i in (12, 9, 6, 0))),
}
GRAY = 0.5  # the value of the pixels of a covered half
# The largest number of pairs; the photographs of ImageNet suffice for fewer.
PAIRS, SEVERITY = 300, 3
N_CORRUPTED = {"photographs": 70, "signs": 60}  # of each corruption
# The number of images and of runs of the randomization test, and the methods that are too slow for it.
N_RANDOMIZED, DRAWS = {PHOTOS: 30, IMAGENET_MODELS: 16}, {PHOTOS: 10, IMAGENET_MODELS: 3}
SKIPPED_LAYERS = {PHOTOS: ("occlusion",), IMAGENET_MODELS: ("occlusion", "SmoothGrad", "integrated gradients")}
# The number of images of each network; None: all.
N_IMAGES = {PHOTOS: None, DEEPER: None, IMAGENET_MODELS: None}
SMALL = {
    "PAIRS": 4,
    "N_RANDOMIZED": {PHOTOS: 2, IMAGENET_MODELS: 2},
    "DRAWS": {PHOTOS: 1, IMAGENET_MODELS: 1},
    "N_CORRUPTED": {"photographs": 2, "signs": 2},
}
SMALL |= {"N_IMAGES": {PHOTOS: 40, DEEPER: 40, IMAGENET_MODELS: 16}}
# The two most probable classes of scikit-learn's two photographs side by side.
CLASS_NAMES = ("picket fence", "orange")


def sample_images(device) -> tuple[Tensor, Tensor]:
    """Return photographs of every fifth ImageNet class from the data folder, with the classes from their file names."""
    files = sorted((resolve_data_dir() / "imagenet-samples").glob("*.jpg"))
    return load_photos(files).to(device), torch.tensor([int(file.name[:3]) for file in files], device=device)


def load_photos(files: list[Path]) -> Tensor:
    """Return photographs (N, 3, 224, 224), cropped as in the usual test protocol of ImageNet networks.

    The shorter side is scaled to 256 pixels (bilinear, antialiased), and the central square is cropped.
    """
    squares = []
    for file in files:
        with open_image(file) as opened:
            squares.append(image_to_tensor(center_crop(resize(opened.convert("RGB"), 256), 224)))
    return torch.cat(squares)


def sample_photo(name: str, device="cpu") -> Tensor:
    """Return the central square of one of scikit-learn's two photographs, (1, 3, 224, 224)."""
    x = torch.from_numpy(load_sample_image(f"{name}.jpg").copy()).permute(2, 0, 1)[None].float() / 255
    margin = (x.shape[3] - x.shape[2]) // 2
    square = x[..., margin : margin + x.shape[2]]
    return nn.functional.interpolate(square, (224, 224), mode="bilinear", antialias=True).clamp(0, 1).to(device)


class PhotoPairs(NamedTuple):
    """Pairs of photographs of different classes side by side, in which the network predicts one of the two classes.

    Attributes:
        images: the pairs (N, 3, H, 2W).
        P: the class that the network predicts for the pair, (N,).
        Q: the class of the other photograph, (N,).
        left_is_P: whether the photograph of the class P is the left one, (N,), bool.
        count: number of pairs before those without one of the two predicted classes are left out.
    """

    images: Tensor
    P: Tensor
    Q: Tensor
    left_is_P: Tensor
    count: int


def pairs_of_photos(model: nn.Module, x: Tensor, labels: Tensor, seed: int, count: int) -> PhotoPairs:
    """Return at most ``count`` pairs of images of different classes, each classified correctly when alone."""
    rows = correctly_classified(model, x, labels).nonzero()[:, 0]
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).to(rows.device)]
    first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    pairs = [(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=False) if labels[a] != labels[b]][:count]
    a, b = torch.tensor(pairs, device=x.device).T
    images = torch.cat([x[a], x[b]], 3)
    with torch.no_grad():
        predicted = torch.cat([model(part).argmax(1) for part in images.split(50)])
    left_is_P = predicted == labels[a]
    valid = left_is_P | (predicted == labels[b])
    Q = torch.where(left_is_P, labels[b], labels[a])
    return PhotoPairs(images[valid], predicted[valid], Q[valid], left_is_P[valid], len(pairs))


def half_controls(
    name: str, model: nn.Module, layer: str, x: Tensor, labels: Tensor, seed: int, count: int
) -> list[dict]:
    """Return how often a method without a gradient finds the half of the class P, on the pairs of the other rows.

    "activation": the half with the larger sum of the norms of the feature vectors, which depends on no class.
    "covering, why P": the half whose replacement by gray lowers the logit of P more, from two forward passes.
    "covering, why P, rather than Q": the same for the difference of the logits of P and Q.
    """
    pairs = pairs_of_photos(model, x, labels, seed, count)
    width = x.shape[3]
    left_is_chosen = {"activation": [], "covering, why P": [], "covering, why P, rather than Q": []}
    for images, P, Q in zip(*(t.split(8) for t in pairs[:3]), strict=True):
        A, _ = layer_gradient(model, images, layer, P)
        norms = I.upsample(A.norm(dim=1), images.shape[-2:])
        left_is_chosen["activation"].append(norms[..., :width].sum((1, 2)) > norms[..., width:].sum((1, 2)))
        right_only, left_only = images.clone(), images.clone()
        right_only[..., :width], left_only[..., width:] = GRAY, GRAY
        with torch.no_grad():
            change = model(left_only) - model(right_only)  # positive if covering the left half lowers the logit more
        of_P, of_Q = (change.gather(1, c[:, None])[:, 0] for c in (P, Q))
        left_is_chosen["covering, why P"].append(of_P > 0)
        left_is_chosen["covering, why P, rather than Q"].append(of_P > of_Q)
    rows = []
    for method, parts in left_is_chosen.items():
        hits = torch.cat(parts) == pairs.left_is_P
        row = {"kind": "side by side, control", "network": name, "pairs": pairs.count, "images": len(hits)}
        rows.append({**row, "question": method, "point": mean(hits), "hits": hits.double().tolist()})
    return rows


def pairwise_localization(
    name: str, model: nn.Module, layer: str, x: Tensor, labels: Tensor, seed: int, count: int
) -> list[dict]:
    """Return the localization of each question in images of two objects, each classified correctly when alone.

    P is the class that the network predicts for the pair, and Q is the class of the other object. Pairs for which the
    network predicts neither class are counted and left out. ``hits`` has one value per pair: 1 if the largest value of
    the map lies in the half of the object that the question is about.
    """
    images, P, Q, left_is_P, n_pairs = pairs_of_photos(model, x, labels, seed, count)
    L = {c: I.grad_cam(model, images, layer, target, batch_size=8) for c, target in (("P", P), ("Q", Q))}
    cam = lambda m: I.upsample(m, images.shape[-2:])
    left = torch.zeros_like(cam(L["P"]), dtype=torch.bool)
    left[..., : x.shape[3]] = True
    half_of_P = torch.where(left_is_P[:, None, None], left, ~left)
    questions = {
        "why P": (cam(L["P"]), half_of_P),
        "what if not P": (cam(-L["P"]), ~half_of_P),
        "why P, rather than Q": (cam(L["P"] - L["Q"]), half_of_P),
        "why Q, rather than P": (cam(L["Q"] - L["P"]), ~half_of_P),
        "random": (random_map(cam(L["P"])), half_of_P),
    }
    row = {"kind": "side by side", "network": name, "pairs": n_pairs, "images": len(P)}
    row["one of the two is predicted"] = round(len(P) / n_pairs, 4)
    result_rows = []
    for question, (map, mask) in questions.items():
        # A map without a positive value indicates no half, so it counts as a miss.
        nonempty = map.relu().flatten(1).any(1)
        hits = I.pointing_game(map, mask).double() * nonempty
        scores = {"point": mean(hits), "mass": mean(I.energy_pointing_game(map, mask)[nonempty])}
        ratio = mean(I.l1_ratio(map.relu(), cam(L["P"]).relu())) if question == "what if not P" else None
        hit_list = [round(float(hit), 4) for hit in hits]
        result_rows.append(
            {
                **row,
                "question": question,
                **scores,
                "nonempty": mean(nonempty),
                "ratio to why P": ratio,
                "hits": hit_list,
            }
        )
    return result_rows


def explanation_uncertainty_rows(
    name: str, model: nn.Module, layer: str, title: str, x: Tensor, labels: Tensor, *, raw_too: bool = True
) -> list[dict]:
    """Return the AUROC of each explanation uncertainty for wrong predictions; 1 if these are the most uncertain."""
    scores: dict[str, list[Tensor]] = {}
    predictions = []
    for part in x.split(4):
        with torch.no_grad():
            logits = model(part)
        confidence = logits.softmax(1).amax(1)
        predictions.append(logits.argmax(1))
        P = predictions[-1]
        published_map = I.voice_map(model, part, layer, P, as_published=True)
        weighted_map = I.voice_map(model, part, layer, P, weights="probability")
        why = I.grad_cam(model, part, layer, P, relu=True)
        part_scores = {
            "overlap, as published": I.map_iou(I.upsample(why, part.shape[-2:]), published_map),
            "signal to noise, as published": I.map_snr(published_map),
            "overlap, by probability": I.map_iou(why, weighted_map),
            "mass, by probability": weighted_map.sum((1, 2)),
            "1 − largest probability": 1 - confidence,
        }
        if raw_too:
            raw = I.voice_map(model, part, layer, P)
            part_scores |= {"overlap, raw": I.map_iou(why, raw), "signal to noise, raw": I.map_snr(raw)}
            part_scores["mass, raw"] = raw.sum((1, 2))
        for score, values in part_scores.items():
            scores.setdefault(score, []).append(values.cpu())
    wrong = (torch.cat(predictions) != labels).cpu()
    rows = []
    for score, parts in scores.items():
        values = torch.cat(parts).double()
        area = float(roc_auc_score(wrong, values)) if 0 < wrong.sum() < len(wrong) else None
        interval = bootstrap_auroc(wrong, values)
        means = {"on wrong": mean(values[wrong]), "on right": mean(values[~wrong])}
        row = {"kind": "voice", "network": name, "images": title, "count": len(x), "wrong": int(wrong.sum())}
        rows.append({**row, "score": score, **means, "auroc": None if area is None else round(area, 4), **interval})
    return rows


def bootstrap_auroc(wrong: Tensor, values: Tensor, draws: int = 300) -> dict:
    """Return the bootstrap interval of an AUROC."""
    generator, areas = torch.Generator().manual_seed(0), []
    for _ in range(draws):
        rows = torch.randint(len(values), values.shape, generator=generator)
        if 0 < wrong[rows].sum() < len(rows):
            areas.append(float(roc_auc_score(wrong[rows], values[rows])))
    low, high = torch.tensor(areas).quantile(torch.tensor([0.025, 0.975])).tolist()
    return {"low": round(low, 4), "high": round(high, 4)}


def corrupted_copies(x: Tensor, labels: Tensor, seed: int, each: int) -> tuple[Tensor, Tensor]:
    """Return images with every corruption at one severity, each on images of its own if there are enough."""
    at = [torch.arange(i * each, (i + 1) * each) % len(x) for i in range(len(CORRUPTIONS))]
    corrupted = [
        corrupt(x[rows], kind, SEVERITY, generator=torch.Generator().manual_seed(seed))
        for rows, kind in zip(at, CORRUPTIONS, strict=True)
    ]
    return torch.cat(corrupted), labels[torch.cat(at).to(labels.device)]


def two_object_photos(device="cpu") -> Tensor:
    """Return scikit-learn's two photographs side by side, (1, 3, 224, 448)."""
    return torch.cat([sample_photo(name, device) for name in ("china", "flower")], 3)


def store_example_maps(model: nn.Module, layer: str, device) -> list[dict]:
    """Return Grad-CAM of two classes on the two photographs, one row per line of a map."""
    x = two_object_photos(device)
    with torch.no_grad():
        p = model(x).softmax(1)[0]
    rows = []
    for target in CLASS_NAMES:
        (map,) = I.grad_cam(model, x, layer, model.classes.index(target))
        row = {
            "kind": "map",
            "network": model.name,
            "target": target,
            "probability": round(float(p[model.classes.index(target)]), 4),
        }
        row |= {"predicted": model.classes[int(p.argmax())], "probability of predicted": round(float(p.max()), 4)}
        rows += [
            {**row, "row": i, **{f"c{j}": round(v, 4) for j, v in enumerate(line)}}
            for i, line in enumerate(map.tolist())
        ]
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    question_parts = [f"questions, {name}" for name in (PHOTOS, DEEPER, IMAGENET_MODELS)]
    titles_by_network = {
        PHOTOS: ("test images", "corrupted"),
        IMAGENET_MODELS: ("every second photograph",),
        **dict.fromkeys(NETWORKS, ("corrupted",)),
    }
    return [
        "maps",
        *question_parts,
        *(f"{title}, {name}" for name, titles in titles_by_network.items() for title in titles),
        *(f"halves, {name}" for name in (PHOTOS, DEEPER, IMAGENET_MODELS)),
    ]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    title, _, name = part.partition(", ")
    if title == "maps":
        return store_example_maps(load_pretrained(IMAGENET_MODELS, device), CAM[IMAGENET_MODELS], device)
    if name in NETWORKS:
        images = corrupted_copies(*load("signs", "test", device=device), seed, N_CORRUPTED["signs"])
        return explanation_uncertainty_rows(name, network_of(name, device), "block3", title, *images)
    model = load_pretrained(name, device)
    x, labels = (
        t[: N_IMAGES[name]]
        for t in (sample_images(device) if name == IMAGENET_MODELS else load("cifar10", "test", device=device)[:2])
    )
    if title == "halves":
        return half_controls(name, model, CAM[name], x, labels, seed, PAIRS)
    if title == "questions":
        rows = pairwise_localization(name, model, CAM[name], x, labels, seed, PAIRS)
        return rows if name == DEEPER else rows + randomization_test_rows(model, x, labels, seed, device)
    if name == IMAGENET_MODELS:
        return explanation_uncertainty_rows(name, model, CAM[name], title, x[::2], labels[::2], raw_too=False)
    x, labels = corrupted_copies(x, labels, seed, N_CORRUPTED["photographs"]) if title == "corrupted" else (x, labels)
    return explanation_uncertainty_rows(name, model, CAM[name], title, x, labels)


def randomization_test_rows(model: nn.Module, x: Tensor, labels: Tensor, seed: int, device) -> list[dict]:
    """Return the rows of maps and accuracy under randomization, on images that all networks classify correctly."""
    name = model.name
    others = ((load_pretrained(DEEPER, device), CAM[DEEPER]),) if name == PHOTOS else ()
    correct = torch.stack([correctly_classified(m, x, labels) for m in (model, *(other for other, _ in others))])
    correct = correct.all(0).nonzero()[:, 0]
    # Evenly spaced, so that many classes are included.
    selected = correct[torch.linspace(0, len(correct) - 1, N_RANDOMIZED[name]).round().long()]
    images, P = x[selected], labels[selected]
    with torch.no_grad():
        Q = model(images).scatter(1, P[:, None], -torch.inf).argmax(1)
    options = (CAM[name], LAYERS[name], seed, DRAWS[name], SKIPPED_LAYERS[name])
    rows = randomization_rows(name, model, images, P, Q, *options, other_networks=others)
    return rows + accuracy_under_randomization(name, model, images, P, *options[1:4])


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    cifar = load("cifar10", "test")
    weights = [load_pretrained(name) for name in (PHOTOS, DEEPER, IMAGENET_MODELS)]
    files = sorted((resolve_data_dir() / "imagenet-samples").glob("*.jpg"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(Path(file).read_bytes())
    return [
        {"subset": cifar.description, "sha256": cifar.sha256},
        {
            "subset": f"{len(files)} photographs, one from every fifth ImageNet class (checksum of the files)",
            "sha256": digest.hexdigest(),
        },
        *({"subset": f"weights {model.file.name}", "sha256": model.sha256} for model in weights),
    ]
