"""Interventions on a sign: sliders that change one factor of a scene, and the gain from a second image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import torch
from torch import Tensor, nn

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    panels,
    percent_axis,
    style,
    to_image_array,
    with_alt_text,
)
from tutorial_course.widgets import interactive_figure
from tutorial_lib import attribution, data, gradients, runtime, saliency
from tutorial_lib.data import SIGNS

SLIDERS = {"hue": (0.0, 1.0), "size": (0.6, 1.0, 1.4), "roll": (0.0, 0.6), "symbol": ("speed 30", "speed 50")}


def intervention_sliders(
    network: nn.Module, scores_of: Callable[[Tensor], Mapping[str, Tensor]], usual: Mapping[str, Tensor]
) -> object:
    """Return sliders that change the hue, the size, the rotation or the symbol of a sign, and show every score.

    Args:
        network: the sign classifier.
        scores_of: function that returns scores (N,) by name for images; higher means more abnormal.
        usual: scores of unchanged signs, with which the scores of the edited sign are compared.

    Returns:
        The interactive figure; all its frames are computed once.
    """
    device = next(network.parameters()).device
    scene = data.sample_scenes(1, distribution="clean", generator=runtime.make_generator(21), device=device)
    places = list(product(*SLIDERS.values()))
    x = torch.cat(
        [
            data.render(
                SIGNS.index(symbol),
                scene=scene.with_pose(size=0.5 * size, roll=scene.pose.roll + roll).replace(
                    hue_shift=scene.hue_shift + hue
                ),
            )
            for hue, size, roll, symbol in places
        ]
    )
    probabilities, (P, Q) = _two_most_probable(network, x)
    contrast = attribution.upsample(attribution.contrast_cam(network, x, "block3", Q, P, objective="logit"), 48).cpu()
    mismatch = saliency.local_mismatch(network, x, "block3").cpu()
    scores = scores_of(x)
    shares = {k: [(usual[k] < value).double().mean().item() for value in scores[k]] for k in usual}

    def frame(hue: float, size: float, roll: float, symbol: str) -> FigureWithAltText:
        i = places.index((hue, size, roll, symbol))
        title = f"“{SIGNS[P[i]]}”, {probabilities[i]:.0%}"
        bars = {name: values[i] for name, values in shares.items()}
        return _frame(x[i], contrast[i], mismatch[i], title, SIGNS[Q[i]], bars)

    return interactive_figure(frame, start={"size": 1.0}, **{name: list(values) for name, values in SLIDERS.items()})


def _two_most_probable(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The largest probability of each image, and the two most probable classes (2, N)."""
    values, classes = gradients.model_outputs(network, x).softmax(1).topk(2)
    return values[:, 0].cpu(), classes.T


def _frame(
    image: Tensor, contrast: Tensor, mismatch: Tensor, title: str, second: str, bars: Mapping[str, float]
) -> FigureWithAltText:
    """One frame: the image, two maps, and the share of unchanged signs with a lower score."""
    with style():
        figure, axes = panels(1, 4, width=8.0, height=2.3, width_ratios=[1, 1, 1, 1.2])
        axes[0].imshow(to_image_array(image), interpolation="nearest")
        limit = float(contrast.abs().max())
        axes[1].imshow(contrast, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest")
        axes[2].imshow(mismatch, cmap="Purples", vmin=0, interpolation="nearest")
        for axis, name in zip(axes, (title, f"rather than {second}", "local mismatch"), strict=False):
            axis.set_title(name, fontsize=9)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
        axes[3].barh(list(bars)[::-1], list(bars.values())[::-1], color=[PALETTE[k] for k in (3, 1, 0, 6)])
        axes[3].set(xlim=(0, 1), xticks=[0, 0.5, 1], axisbelow=True)
        axes[3].set_title("unedited signs scoring lower", fontsize=9)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in bars.items())
    return with_alt_text(
        figure,
        f"An edited sign with the prediction {title}, a contrastive map of this class rather than {second}, and a map "
        f"of the local mismatch. A bar for each score shows the share of unedited signs with a lower score: {shares}.",
    )


def second_image_figure(shares: Sequence[float], accuracy: Mapping[str, Sequence[float]]) -> FigureWithAltText:
    """Return a figure of the accuracy against the share of signs of which a second image is taken.

    Args:
        shares: the shares, along x.
        accuracy: the accuracy at each share, by the score that selects the signs; "random" is drawn as a line.

    Returns:
        The figure.
    """
    with style():
        figure, axis = panels(width=5.4, height=3.0)
        for k, (name, values) in enumerate(accuracy.items()):
            line = {"color": "#777777", "marker": ""} if name == "random" else {"color": PALETTE[k - 1], "marker": "o"}
            axis.plot(shares, values, ms=3, label=name, **line)
        axis.set(xlabel="share of signs with a second image", ylabel="accuracy")
        for which in ("x", "y"):
            percent_axis(axis, which, decimals=0)
        axis.legend(fontsize=8.5)
    ends = ", ".join(f"{name} {values[len(values) // 2]:.0%}" for name, values in accuracy.items())
    return with_alt_text(
        figure,
        "The accuracy against the share of signs with a second image from a shorter distance, for each score that "
        "selects the signs. All curves start and end at the same points. With a second image of half of the signs: "
        f"{ends}.",
    )
