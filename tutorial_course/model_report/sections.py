"""The sections of a report: one function per section, with the limitations of each measurement."""

from __future__ import annotations

from html import escape

import torch
from torch import Tensor

from tutorial_course.findings.intervals import Interval, mean_interval, proportion_interval
from tutorial_course.model_report.images import ImageFolder
from tutorial_course.model_report.measurements import ANOTHER, BUDGETS, N_STEPS, RANDOM_ALL, SEVERITY, Measurements
from tutorial_course.model_report.page import image_tag, note, overlay, paragraph, section, table
from tutorial_course.results import describe_machine
from tutorial_lib.metrics import auroc, bootstrap_interval

MIN_ERRORS = 3  # wrong and correct predictions that an AUROC needs


def sections(found: ImageFolder, measured: Measurements, classes: list[str], device: str) -> list[str]:
    """Return the sections of the report.

    Args:
        found: the images.
        measured: all measured values.
        classes: names of the classes.
        device: the device on which they were measured.

    Returns:
        The HTML of each section.
    """
    return [
        _overview(found, measured),
        _images(found, measured, classes),
        _maps(measured),
        _uncertainty(measured, found.labels),
        _attacks(measured),
        _quality(measured),
        _settings(measured, device),
    ]


def _percent(interval: Interval) -> str:
    """A share with its interval."""
    return f"{interval:.0%}"


def _overview(found: ImageFolder, m: Measurements) -> str:
    """The first section, with one row per question."""
    budget = BUDGETS[-1]
    rows = []
    if found.labels is not None:
        share = proportion_interval(m.predicted == found.labels)
        rows.append(("How many predictions are correct?", _percent(share), "–"))
    rows += [
        (
            "Do the maps depend on the weights of the network?",
            f"similarity to maps of a random network {mean_interval(m.similarity[RANDOM_ALL]):.2f}",
            f"similarity to the map of another image {mean_interval(m.similarity[ANOTHER]):.2f}",
        ),
        (
            f"How many predictions does an attack of at most {budget} gray levels change?",
            _percent(proportion_interval(m.changed["attack", budget])),
            f"random noise of the same norm {_percent(proportion_interval(m.changed['noise', budget]))}",
        ),
        (
            "How many predictions remain the same for a degraded image?",
            "; ".join(f"{name} {_percent(proportion_interval(v['unchanged']))}" for name, v in m.degraded.items()),
            "–",
        ),
    ]
    return section(
        "Overview",
        paragraph(
            f"This report describes a classifier on {len(found.names)} images. Each value has a 95% interval over "
            "images. The interval indicates how much the value would vary with other images of the same kind. It does "
            "not indicate how much the value would vary with another training run of the network."
        ),
        table("One row per question", ("question", "result", "control"), rows),
        note(
            "The report describes these images only. It cannot show that a model is safe, because it does not measure "
            "every property that matters. With fewer than about thirty images, the intervals are approximate."
        ),
    )


def _images(found: ImageFolder, m: Measurements, classes: list[str]) -> str:
    """One card per image."""
    cards = []
    top = m.probabilities.topk(min(3, m.probabilities.shape[1]))
    for i, name in enumerate(found.names):
        guesses = ", ".join(
            f"{classes[c]} {p:.0%}" for p, c in zip(top.values[i].tolist(), top.indices[i].tolist(), strict=True)
        )
        truth = "" if found.labels is None else f" True class: {classes[int(found.labels[i])]}."
        correct = "" if found.labels is None else (" Correct." if m.predicted[i] == found.labels[i] else " Wrong.")
        broken = next((b for b in BUDGETS if m.changed["attack", b][i]), None)
        levels = "1 gray level" if broken == 1 else f"{broken} gray levels"
        attack = f"changed by an attack of {levels}" if broken else "not changed by the attacks"
        pictures = image_tag(found.images[i].permute(1, 2, 0).numpy(), f"The image {name}.")
        pictures += image_tag(
            overlay(found.images[i], m.maps[i]),
            f"Map of the prediction {classes[int(m.predicted[i])]}, over the image {name} in gray.",
        )
        cards.append(
            f"<li><h3>{escape(name)}</h3>{pictures}"
            + paragraph(f"Predicted: {guesses}.{truth}{correct}")
            + paragraph(f"The prediction is {attack}. Sharpness {m.quality['sharpness'][i]:.4f}.")
            + "</li>"
        )
    return section(
        "Images",
        paragraph(
            f"Each map is {m.map_method} for the predicted class. Orange marks evidence for the class, and blue marks "
            "evidence against it. The colors of a map are scaled by its largest value. Therefore, a strong color does "
            "not mean a strong effect."
        ),
        f'<ul class="cards">{"".join(cards)}</ul>',
    )


def _maps(m: Measurements) -> str:
    """The sanity checks of the maps."""
    similarity = [(name, f"{mean_interval(values):.2f}") for name, values in m.similarity.items()]
    own = m.deletion["map of the network"]
    deletion = [
        (name, f"{area.mean():.2f}", "–" if area is own else f"{mean_interval(own - area):+.2f}")
        for name, area in m.deletion.items()
    ]
    return section(
        "Explanation maps and their sanity checks",
        paragraph(
            "A map that explains the network must change if the weights of the network are replaced by random ones. "
            "The table shows the absolute rank correlation of each map with the map of the random network. For "
            "comparison, it also shows the correlation with the center prior, which is a Gaussian in the middle of the "
            "image, and with the map of another image."
        ),
        table("Similarity of the maps to controls, from 0 to 1", ("control", "mean (95% interval)"), similarity),
        paragraph(
            "The deletion test removes the pixels with the highest values first and measures the probability of the "
            "predicted class. A smaller area under this curve is better. The area of the network's map must be smaller "
            "than that of maps that do not use the network."
        ),
        table(
            "Area under the deletion curve",
            ("map", "mean area", "network's map − this map (paired, 95% interval)"),
            deletion,
        ),
        note(
            "A map shows where a quantity is large, but it does not show why the network makes a prediction. An image "
            "with removed pixels is unusual, so a small area has two possible causes. Grad-CAM is coarse, because a "
            "feature map has few positions."
        ),
    )


def _uncertainty(m: Measurements, labels: Tensor | None) -> str:
    """The uncertainty scores, and whether they separate wrong from correct predictions."""
    wrong = None if labels is None else m.predicted != labels
    enough = wrong is not None and min(int(wrong.sum()), int((~wrong).sum())) >= MIN_ERRORS
    rows = []
    for name, score in m.scores.items():
        text = "not computed"
        if wrong is not None and enough:
            low, high = bootstrap_interval(auroc, score[~wrong], score[wrong], paired=False)
            text = f"{Interval(auroc(score[~wrong], score[wrong]), low, high):.2f}"
        quantiles = score.double().quantile(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)).tolist()
        rows.append((name, " / ".join(f"{value:.3g}" for value in quantiles), text))
    reason = (
        ""
        if enough
        else (
            " The AUROC was not computed, because it needs true classes and at least "
            f"{MIN_ERRORS} wrong and {MIN_ERRORS} correct predictions."
        )
    )
    return section(
        "Uncertainty scores",
        paragraph(
            "A higher score means that the prediction is more uncertain. The AUROC is the probability that a wrong "
            f"prediction has a higher score than a correct one; 0.5 is chance level.{reason} The first three scores "
            "need only the logits. The gradient norm needs a backward pass, so it is worth its cost only if its AUROC "
            "is clearly higher."
        ),
        table("Scores over the images", ("score", "minimum / median / maximum", "AUROC for wrong predictions"), rows),
        note(
            "A score that separates the errors on these images need not detect images of unknown classes or attacked "
            "images, because these are different tasks. Whether a larger gradient norm means a more uncertain "
            "prediction depends on the network. An AUROC below 0.5 shows that it means a less uncertain one."
        ),
    )


def _attacks(m: Measurements) -> str:
    """The sensitivity to attacks."""
    rows = [
        (
            f"{budget} of 255",
            _percent(proportion_interval(m.changed["attack", budget])),
            _percent(proportion_interval(m.changed["noise", budget])),
        )
        for budget in BUDGETS
    ]
    return section(
        "Sensitivity to adversarial changes",
        paragraph(
            "The attack is projected gradient descent (PGD) with "
            f"{N_STEPS} steps. It changes every pixel by at most the given number of gray levels in order to "
            "change the prediction. Random noise of the same norm is the control."
        ),
        table("Share of changed predictions (95% interval)", ("largest change", "attack", "noise"), rows),
        note(
            "The share of unchanged predictions is an upper bound on the robustness. A stronger attack, such as "
            "AutoAttack, can only find more changes. A model whose gradients are masked seems more robust than it is."
        ),
    )


def _quality(m: Measurements) -> str:
    """The image quality, and the sensitivity to lower quality."""
    degraded = [
        (
            name,
            f"{values['SSIM'].mean():.2f}",
            f"{values['PSNR'].mean():.1f} dB",
            _percent(proportion_interval(values["unchanged"])),
            f"{mean_interval(values['confidence change']):+.2f}",
        )
        for name, values in m.degraded.items()
    ]
    ranges = [
        (name, f"{float(v.min()):.3g}", f"{float(v.median()):.3g}", f"{float(v.max()):.3g}")
        for name, v in m.quality.items()
    ]
    return section(
        "Image quality",
        paragraph(
            "The first table describes the images without a reference image. The sharpness is the variance of the "
            "Laplacian, and clipped pixels are black or white in at least one channel. The second table degrades "
            "every image by a known amount, so that the quality of the copy can be measured against the original."
        ),
        table("The images of the folder", ("measure", "minimum", "median", "maximum"), ranges),
        table(
            f"Degraded copies, severity {SEVERITY} of 5",
            ("degradation", "SSIM", "PSNR", "unchanged predictions", "change in confidence"),
            degraded,
        ),
        note(
            "Sharpness without a reference image depends on the content. For example, sand looks sharper than the sky. "
            "SSIM and PSNR predict human ratings only in part, and no person rated these images."
        ),
    )


def _settings(m: Measurements, device: str) -> str:
    """What a reader needs to compute the report again."""
    rows = [
        ("map", m.map_method),
        ("machine", describe_machine(device)),
        ("torch", torch.__version__),
        ("random numbers", "generators with the seeds 0 to 2, so that the report can be recomputed"),
    ]
    return section("Settings", table("How the report was computed", ("setting", "value"), rows))
