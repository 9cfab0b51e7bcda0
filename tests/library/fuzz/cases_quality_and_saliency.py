"""The functions of ``tutorial_lib.quality`` and ``tutorial_lib.saliency`` with valid arguments."""

from torch import Tensor, nn

from tests._reference import init_with_seed
from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import CODER, MODEL, OTHER, SIDE, N, X, noise
from tutorial_lib import quality, saliency

QUALITY = quality.UNIQUEQuality(6, 4, downsample=False).fit(noise(4, 3, SIDE, SIDE).float(), patches=60, n_steps=4)
SCORER = init_with_seed(
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
).double()
PAIR, PAIR_ROWS = {"x": X, "reference": OTHER}, "x reference"
CODER_ARGUMENTS = {"autoencoder": CODER, **PAIR, "batch_size": 16}
MEAN = quality.mean_reconstruction_gradient(CODER, OTHER)

CASES = {
    "UNIQUEQuality": Case(
        lambda batch_size, **k: QUALITY.score(batch_size=batch_size, **k), PAIR | {"batch_size": 16}, PAIR_ROWS
    ),
    "UNIQUEQuality.fit": Case(
        lambda x: quality.UNIQUEQuality(6, 4).fit(x, patches=60, n_steps=2).network.encoder.weight, {"x": X}, each=False
    ),
    "reconstruction_gradient_norm": Case(
        quality.reconstruction_gradient_norm, {"autoencoder": CODER, "x": X, "batch_size": 64}
    ),
    "score_contrast_cam": Case(
        lambda model, x, other: quality.score_contrast_cam(model, x, "0", quality.score_contrast_loss(other)),
        {"model": SCORER, "x": X, "other": noise(N)},
        "x other",
    ),
    "gradient_alignment": Case(
        lambda x, **k: quality.gradient_alignment(
            x=x, mean={n: t.to(x) for n, t in MEAN.items()} if isinstance(x, Tensor) else MEAN, **k
        ),
        {"autoencoder": CODER, "x": X, "batch_size": 16},
    ),
    "gradient_distance": Case(quality.gradient_distance, CODER_ARGUMENTS, PAIR_ROWS),
    "implicit_saliency": Case(
        lambda **k: saliency.implicit_saliency(layer="3", **k), {"model": MODEL, "x": X, "batch_size": 8}
    ),
    "local_mismatch": Case(
        lambda **k: saliency.local_mismatch(layer="4", **k),
        {"model": MODEL, "x": X, "batch_size": 8},
    ),
    "to_luma": Case(quality.to_luma, {"x": X}),
    "mean_reconstruction_gradient": Case(
        lambda x, **k: quality.mean_reconstruction_gradient(pristine=x, **k),
        {"autoencoder": CODER, "x": X, "batch_size": 16},
        each=False,
    ),
    "ms_ssim": Case(lambda **k: quality.ms_ssim(scales=1, **k), PAIR, PAIR_ROWS),
    "haarpsi": Case(quality.haarpsi, PAIR, PAIR_ROWS),
    "psnr": Case(quality.psnr, PAIR, PAIR_ROWS, far="equal images"),
    "score_contrast_loss": Case(
        lambda outputs, other: quality.score_contrast_loss(other).resolve(outputs)(outputs),
        {"outputs": noise(N, 1), "other": noise(N, seed=1)},
        "outputs other",
    ),
    "spectral_residual": Case(lambda **k: saliency.spectral_residual(width=16, **k), {"x": X, "batch_size": 64}),
    "ssim": Case(quality.ssim, PAIR, PAIR_ROWS),
    "ssim_map": Case(quality.ssim_map, PAIR, PAIR_ROWS),
    "surprisal": Case(lambda **k: quality.surprisal(QUALITY, **k), PAIR | {"batch_size": 16}, PAIR_ROWS),
}
LEFT_OUT = {
    "SparseAutoencoder": "a network: its inputs are checked by the functions that use it",
}
