"""An interactive figure: the measures of quality of one image for a distortion and a level."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, to_image_array, with_alt_text
from tutorial_course.widgets import interactive_figure
from tutorial_lib.data import SEVERITIES, corrupt
from tutorial_lib.gradients import per_sample_gradients, reconstruction_mse
from tutorial_lib.gradients.layers import parameters_by_layer
from tutorial_lib.quality import haarpsi, psnr, ssim, ssim_map


def quality_meter(network: nn.Module, references: Mapping[str, Tensor]):
    """Return sliders for the image, the distortion and its level, with a figure of the result.

    Args:
        network: an autoencoder.
        references: name -> undistorted image (1, 3, H, W).

    Returns:
        The interactive figure.
    """
    place = next(network.parameters()).device

    def draw(image: str, distortion: str, level: int) -> FigureWithAltText:
        x, r = corrupt(references[image], distortion, level), references[image]
        return meter_figure(network, x.to(place), r.to(place), f"{image}, {distortion}, level {level}")

    return interactive_figure(
        draw,
        start={"distortion": "noise", "level": 3},
        image=list(references),
        distortion=["gaussian blur", "noise", "codec error", "darkening"],
        level=list(SEVERITIES),
    )


def layer_distances(network: nn.Module, x: Tensor, r: Tensor) -> Tensor:
    """Return the gradient distance of one image in each layer; their mean is ``quality.gradient_distance``.

    Args:
        network: an autoencoder.
        x: the distorted image (1, 3, H, W).
        r: its reference, like x.

    Returns:
        ‖g_l(x) − g_l(r)‖ / ‖g_l(r)‖ for each layer l, (L,).
    """
    g, g_r = (per_sample_gradients(network, image, reconstruction_mse(image)) for image in (x, r))
    distances = []
    for names in parameters_by_layer(network, None).values():
        of_x, of_r = (torch.cat([gradients[name].flatten() for name in names]) for gradients in (g, g_r))
        distances.append((of_x - of_r).norm() / of_r.norm())
    return torch.stack(distances)


def meter_figure(network: nn.Module, x: Tensor, r: Tensor, title: str) -> FigureWithAltText:
    """Return a figure of a distorted image, its error, its local SSIM, and the gradient distance of each layer.

    Args:
        network: an autoencoder.
        x: the distorted image (1, 3, H, W).
        r: its reference, like x.
        title: name of the image and of its distortion.

    Returns:
        The figure.
    """
    distance = layer_distances(network, x, r).cpu()
    similarity = pad(ssim_map(x, r).clamp(0, 1), (5,) * 4, value=1.0)
    error = 1 - (4 * (x - r).abs().mean(1)).clamp(0, 1)
    numbers = (
        f"PSNR {psnr(x, r).item():.1f} dB, SSIM {ssim(x, r).item():.2f}, HaarPSI {haarpsi(x, r).item():.2f}, "
        f"gradient distance {distance.mean():.2f}"
    )
    with style():
        figure, axes = panels(1, 4, width=7.8, height=2.5)
        shown = {title: x[0], "error (dark = large)": error, "local SSIM (dark = low)": similarity}
        for axis, (name, image) in zip(axes, shown.items(), strict=False):
            axis.imshow(to_image_array(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_title(name.replace(", ", "\n", 1), fontsize=9)
            axis.grid(False)
            axis.spines[:].set_visible(False)  # the map of SSIM is smaller than the image
        axes[3].barh(range(len(distance)), distance.clamp(max=2), color=PALETTE[1])
        axes[3].set(xlim=(0, 2), yticks=[0, len(distance) - 1], yticklabels=["first", "last"])
        axes[3].set_title("gradient distance\nby layer", fontsize=9)
        axes[3].set_axisbelow(True)
        axes[3].invert_yaxis()
        figure.suptitle(numbers, fontsize=9)
    return with_alt_text(
        figure,
        f"{title}: the distorted image, the error of each pixel, the local SSIM, and a bar for the gradient distance "
        f"of each layer. {numbers}.",
    )
