"""The methods of chapter 4, with good arguments."""

from fuzz.harm import Case
from fuzz.parts import CODER, LABELS, MODEL, OTHER, SIDE, N, X, noise
from oracles import drawn
from torch import nn

from tutorial_lib import expectancy as e

QUALITY = e.SparseQuality(6, 4, halve=False).fit(noise(4, 3, SIDE, SIDE).float(), patches=60, steps=4)
SCORER = drawn(
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
).double()
PAIR, TWO = {"x": X, "reference": OTHER}, "x reference"
CODED = {"autoencoder": CODER, **PAIR, "chunk": 16}
MEAN = e.mean_gradient(CODER, OTHER)

CASES = {
    "SparseQuality": Case(lambda chunk, **k: QUALITY.score(chunk=chunk, **k), PAIR | {"chunk": 16}, TWO),
    "SparseQuality.fit": Case(
        lambda x: e.SparseQuality(6, 4).fit(x, patches=60, steps=2).network.encoder.weight, {"x": X}, each=False
    ),
    "change_norm": Case(e.change_norm, {"autoencoder": CODER, "x": X, "chunk": 64}),
    "contrast_map": Case(
        lambda model, x, other: e.contrast_map(model, x, "0", e.score_to(other)),
        {"model": SCORER, "x": X, "other": noise(N)},
        "x other",
    ),
    "gradient_alignment": Case(
        lambda **k: e.gradient_alignment(mean={n: t.to(k["x"]) for n, t in MEAN.items()}, **k),
        {"autoencoder": CODER, "x": X, "chunk": 16},
    ),
    "gradient_cosine": Case(e.gradient_cosine, CODED, TWO),
    "gradient_distance": Case(e.gradient_distance, CODED, TWO),
    "gradient_quality": Case(e.gradient_quality, CODED, TWO),
    "implicit_saliency": Case(lambda **k: e.implicit_saliency(layer="3", **k), {"model": MODEL, "x": X, "chunk": 8}),
    "local_loss": Case(
        lambda **k: e.local_loss(layer="4", **k), {"model": MODEL, "x": X, "target": LABELS, "chunk": 8}, "x target"
    ),
    "local_mismatch": Case(
        lambda **k: e.local_mismatch(layer="4", **k), {"model": MODEL, "x": X, "target": LABELS, "chunk": 8}, "x target"
    ),
    "luminance": Case(e.luminance, {"x": X}),
    "mean_gradient": Case(
        lambda x, **k: e.mean_gradient(pristine=x, **k), {"autoencoder": CODER, "x": X, "chunk": 16}, each=False
    ),
    "ms_ssim": Case(lambda **k: e.ms_ssim(scales=1, **k), PAIR, TWO),
    "psnr": Case(e.psnr, PAIR, TWO, far="equal pictures"),
    "required_changes": Case(e.required_changes, CODED, TWO),
    "score_to": Case(
        lambda outputs, other: e.score_to(other).at(outputs)(outputs),
        {"outputs": noise(N, 1), "other": noise(N, seed=1)},
        "outputs other",
    ),
    "spectral_residual": Case(lambda **k: e.spectral_residual(width=16, **k), {"x": X, "chunk": 64}),
    "ssim": Case(e.ssim, PAIR, TWO),
    "ssim_map": Case(e.ssim_map, PAIR, TWO),
    "surprisal": Case(lambda **k: e.surprisal(QUALITY, **k), PAIR | {"chunk": 16}, TWO),
}
LEFT_OUT = {"Changes": "a record", "SparseCoder": "a network: what it is given is checked where it is asked"}
