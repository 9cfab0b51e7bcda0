"""Write the files of the live exhibits: the scripts, the weights, the images and the norms of clean images.

The weights are the shipped file, so that they are never outdated. The images are synthetic signs of one scene, stored
as image = clip(A + b · gain ⊗ color(hue)), where b is the light on the paint whose hue can be rotated.
"""

import json
import shutil
from base64 import b64encode
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tutorial_lib import data, gradients, models
from tutorial_lib.data.rendering import CHROMATIC_PAINTS, composite, rasterize_signs
from tutorial_lib.data.signs import PAINTS

SOURCES = Path(__file__).parents[1] / "live"
# In this scene, all signs are classified correctly.
SCENE_SEED = 10
CORRUPTED = (
    ("stop", "lens blur", 4),
    ("speed 30", "noise", 4),
    ("yield", "darkening", 4),
    ("no entry", "rain", 4),
    ("priority", "haze", 4),
)
# Signs of classes outside the training set, each with at most one chromatic paint.
NOVEL = ("green stop", "turn left", "speed 60", "parking", "roundabout")
# Clean images per sign for the distribution of the gradient norms, and the quantiles that are stored.
N_CLEAN, CLEAN_SEED, QUANTILES = 8, 1, (0.05, 0.5, 0.95)
LOGIT_SHIFTS = range(-12, 13, 3)
# Values are stored as integers of 16 bits: images without their last clip, and numbers in [0, 1].
UNCLIPPED, UNIT = (-0.5, 2.0), (0.0, 1.0)


def scene():
    """Return the scene of all images."""
    return data.sample_scenes(1, distribution="clean", generator=torch.Generator().manual_seed(SCENE_SEED))


def encode(values: Tensor, bounds: tuple[float, float]) -> str:
    """Return numbers within bounds as integers of 16 bits in base64."""
    low, high = bounds
    if not (low <= values.min() and values.max() <= high):
        raise ValueError(f"values from {values.min():.3f} to {values.max():.3f} leave the stored range {bounds}")
    integers = ((values.double() - low) / (high - low) * 65535).round()
    return b64encode(integers.numpy().astype("<u2").tobytes()).decode()


def split_hue(name: str) -> dict:
    """Return a sign as an image without its chromatic paint, the light on this paint (H, W), and its color."""
    one = scene()
    coverage = rasterize_signs(data.to_label_tensor(name), one.pose, *one.background.shape[-2:])
    (k,) = (coverage.paint_fractions.amax((0, 2, 3)) * CHROMATIC_PAINTS).nonzero()[:, 0].tolist()
    without = coverage.paint_fractions.clone()
    without[:, k] = 0

    def unclipped(coverage):
        # The renderer clips to [0, 1]; (image + 1) / 4 lies within it.
        small = one.replace(camera_gain=one.camera_gain / 4, camera_noise=(one.camera_noise + 1) / 4)
        return 4 * composite(small, coverage).images[0] - 1

    A, full = unclipped(coverage._replace(paint_fractions=without)), unclipped(coverage)
    color = torch.tensor(list(PAINTS.values())[k])
    channel = int(color.argmax())
    light = ((full - A)[channel] / (color * one.camera_gain[0])[channel]).clamp(min=0)
    return {"A": encode(A, UNCLIPPED), "b": encode(light, UNCLIPPED), "color": color.tolist()}


def difference_masks() -> dict[str, str]:
    """Return the pixels in which each pair of known signs can differ, as bits: {"i j": base64}, for i < j."""
    pairs = [(i, j) for i in range(len(data.SIGNS)) for j in range(i + 1, len(data.SIGNS))]
    labels, others = torch.tensor(pairs).T
    masks = data.counterfactual_pairs(labels, others, scene=scene()).difference[:, 0]
    return {
        f"{i} {j}": b64encode(np.packbits(mask.numpy())).decode() for (i, j), mask in zip(pairs, masks, strict=True)
    }


def logit_gradients(logits: Tensor) -> dict[str, Tensor]:
    """Return δ = ∂J/∂z (N, C) of each objective for which the distribution of the norms is stored."""
    p, n_classes = logits.softmax(1), logits.shape[1]
    predicted = torch.nn.functional.one_hot(logits.argmax(1), n_classes)
    return {
        "loss": p - predicted,
        "uniform": p - 1 / n_classes,
        **{f"confounding {shift}": -torch.sigmoid(-logits - shift) / n_classes for shift in LOGIT_SHIFTS},
    }


def clean_distribution() -> dict:
    """Return quantiles of clean images: of the norms, {objective: quantiles × layers}, and of the confidence."""
    model = models.load("signs/classifier").double()
    generator = torch.Generator().manual_seed(CLEAN_SEED)
    x = data.render(list(data.SIGNS) * N_CLEAN, distribution="clean", generator=generator).double()
    gram = gradients.class_gradient_gram(model, x)
    with torch.no_grad():
        logits = model(x)
    deltas = logit_gradients(logits)
    confidence = logits.softmax(1).amax(1).quantile(QUANTILES[0]).item()
    quantiles = {}
    for name, delta in deltas.items():
        norms = gradients.gradient_norms_from_gram(gram, delta)
        norms = torch.cat([norms, norms.norm(dim=1, keepdim=True)], 1)
        rows = norms.quantile(torch.tensor(QUANTILES, dtype=norms.dtype), 0)
        quantiles[name] = [[float(f"{value:.4g}") for value in row] for row in rows.tolist()]
    layers = gradients.layer_names(model)
    return {"n": len(x), "layers": layers, "quantiles": quantiles, "confidence": float(f"{confidence:.6g}")}


def corrupted_images() -> list[dict]:
    """Return images of the scene under corruptions."""
    entries = []
    for sign, corruption, severity in CORRUPTED:
        image = data.corrupt(data.render(sign, scene=scene()), corruption, severity)[0]
        entries.append({"sign": sign, "corruption": corruption, "severity": severity, "image": encode(image, UNIT)})
    return entries


def weights_script() -> str:
    """Return the script with the weights, the shipped file in base64."""
    file = models.WEIGHTS_DIR / models.MODELS["signs/classifier"][1]
    return f'globalThis.LIVE_WEIGHTS = "{b64encode(file.read_bytes()).decode()}";\n'


def images_script() -> str:
    """Return the script with the known signs, the masks, and the norms and the confidence of clean images."""
    content = {
        "signs": list(data.SIGNS),
        "gain": scene().camera_gain[0].tolist(),
        "bounds": UNCLIPPED,
        "seed": SCENE_SEED,
        "shifts": list(LOGIT_SHIFTS),
        "images": {name: split_hue(name) for name in data.SIGNS},
        "masks": difference_masks(),
        "clean": clean_distribution(),
    }
    return f"globalThis.LIVE_DATA = {json.dumps(content)};\n"


def unusual_script() -> str:
    """Return the script that adds the corrupted images and the images of novel classes, which one exhibit shows."""
    novel = {name: split_hue(name) for name in NOVEL}
    added = json.dumps({"novel": list(NOVEL), "corrupted": corrupted_images()})
    return f"Object.assign(LIVE_DATA, {added});\nObject.assign(LIVE_DATA.images, {json.dumps(novel)});\n"


def write_files(folder: Path) -> None:
    """Write the scripts and the style sheet of the exhibits into a folder."""
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    (folder / "weights.js").write_text(weights_script(), encoding="utf-8")
    (folder / "images.js").write_text(images_script(), encoding="utf-8")
    (folder / "unusual.js").write_text(unusual_script(), encoding="utf-8")
