"""Draw the figure at the top of README.md: ``make overview-figure``.

It shows one synthetic sign, an adversarial example of it, and two maps that explain the classification of the sign.
"""

from pathlib import Path

from matplotlib.figure import Figure

from tutorial_course import plots
from tutorial_lib import attribution, data, gradients, models, runtime, uncertainty
from tutorial_lib.data import SIGNS

PATH = Path(__file__).parents[1] / "_static" / "overview.png"
RESOLUTION = 150  # dots per inch


def overview_figure() -> Figure:
    """Return the figure, with the predictions of the network in the titles."""
    model = models.load("signs/classifier")
    image = data.render(["no left"], distribution="clean", generator=runtime.make_generator(1))
    attacked = uncertainty.pgd(model, image, eps=8 / 255, n_steps=20, generator=runtime.make_generator(0))
    maps = {
        "Why no left?": attribution.grad_cam(model, image, "block3", SIGNS.index("no left")),
        "Why no left, rather than no right?": attribution.contrast_cam(model, image, "block3", SIGNS.index("no right")),
    }
    images = {}
    for name, x in (("image", image), ("attacked image", attacked)):
        probability, label = gradients.model_outputs(model, x).softmax(1).max(1)
        images[f"{name}: {SIGNS[label]}, {float(probability):.0%}"] = x
    enlarged = {title: attribution.upsample(values, image.shape[-2:]) for title, values in maps.items()}
    return plots.overlay_maps(images, enlarged, image_height=2.3)


if __name__ == "__main__":
    overview_figure().savefig(PATH, dpi=RESOLUTION, facecolor="white")
    print(f"The figure was written to {PATH}.")
