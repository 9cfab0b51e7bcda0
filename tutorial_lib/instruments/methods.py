"""Every method of the course in one table: where it stands, which function it is, what it costs, which claim was tested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

# What the letters of a price stand for; a network's own sizes, or what its user decides.
LETTERS = {
    "C": "classes",
    "S": "samples, steps or layers, one after the other",
    "R": "places of the last maps",
    "Q": "rival classes",
}


@dataclass(frozen=True)
class Method:
    """``name``; ``function``, as a reader imports it from ``tutorial_lib``; ``section``; ``passes``: backward passes for one
    picture, a number or letters of ``LETTERS``; ``claim``: of the ledger, the one that its own paper makes; ``cell``: row and
    column on the map of the course; ``source``: a key of the bibliography; ``ours``: our own trial, which no paper claims.
    """

    name: str
    function: str
    section: str
    passes: str
    cell: tuple[int, int] | None = None
    claim: str | None = None
    source: str | None = None
    ours: bool = False

    @property
    def chapter(self) -> int:
        return int(self.section[0])

    def price(self, **sizes: int) -> int:
        """Backward passes for one picture, where the letters have these sizes.

        Raises:
            ValueError: a letter without a size.

        Example:
            >>> METHODS["implicit saliency"].price(C=14)
            15
        """
        if missing := set(re.findall("[A-Z]", self.passes)) - set(sizes):
            raise ValueError(
                f"{self.name} costs {self.passes}: say {', '.join(f'{letter} ({LETTERS[letter]})' for letter in sorted(missing))}"
            )
        factors = [[sizes[f] if f in LETTERS else int(f) for f in term.split("·")] for term in self.passes.split(" + ")]
        return sum(map(prod, factors))


_ROWS = (
    # Chapter 1
    Method(
        "counterfactual manifold, last layer",
        "foundations.least_bend",
        "1.6",
        "0",
        (1, 3),
        "two-ways",
        "alregib2023tutorial",
    ),
    Method("steepest descent", "foundations.steepest", "1.6", "1", None, "descent"),
    Method("radius of the straight line", "foundations.picture_radius", "1.6", "1", None, "local-information"),
    Method("what a novel sign is like", "foundations.compose", "1.5", "0", ours=True),
    Method("Trust Score", "foundations.TrustScore", "1.5", "0", None, "neighbours", "jiang2018trust"),
    # Chapter 2
    Method("occlusion", "information.occlusion", "2.1", "0", source="zeiler2014visualizing"),
    Method("saliency", "information.saliency", "2.1", "1", (0, 0), source="simonyan2014inside"),
    Method("SmoothGrad", "information.smoothgrad", "2.A", "S", (0, 0), source="smilkov2017smoothgrad"),
    Method("integrated gradients", "information.integrated_gradients", "2.A", "S", (0, 0), source="sundararajan2017ig"),
    Method(
        "guided backpropagation", "information.guided_backprop", "2.A", "1", (0, 0), source="springenberg2015guided"
    ),
    Method("Grad-CAM", "information.grad_cam", "2.1", "1", (0, 1), "pointing", "selvaraju2020gradcam"),
    Method(
        "Grad-CAM++", "information.grad_cam_plus_plus", "2.A", "1", None, "average-drop", "chattopadhay2018gradcampp"
    ),
    Method("guided Grad-CAM", "information.guided_grad_cam", "2.A", "2", source="selvaraju2020gradcam"),
    Method(
        "counterfactual CAM",
        "information.counterfactual_cam",
        "2.2",
        "1",
        (0, 1),
        "counterfactual",
        "selvaraju2020gradcam",
    ),
    Method("contrast CAM", "information.contrast_cam", "2.3", "1", (1, 1), "contrast", "prabhushankar2020contrastive"),
    Method("Fisher information", "information.fisher_information", "2.4", "0", (2, 2), "fisher", "alregib2023tutorial"),
    Method(
        "one introspective feature",
        "information.introspective_features",
        "2.7",
        "0",
        (1, 2),
        "introspection-one-pass",
        "prabhushankar2022introspective",
    ),
    Method(
        "introspection",
        "information.Introspector",
        "2.7",
        "0",
        (2, 2),
        "introspection-robust",
        "prabhushankar2022introspective",
    ),
    Method(
        "variance over Q (VOICE)",
        "information.explanation_variance",
        "2.C",
        "C",
        (2, 1),
        "voice-overlap",
        "prabhushankar2024voice",
    ),
    Method(
        "randomisation test", "information.randomisation_check", "2.5", "S + 2", None, "sanity", "adebayo2018sanity"
    ),
    # Chapter 3
    Method("largest softmax", "uncertainty.max_softmax", "3.1", "0", source="hendrycks2017baseline"),
    Method("energy", "uncertainty.energy", "3.1", "0", source="liu2020energy"),
    Method(
        "purview: a norm per layer", "uncertainty.confounding_norms", "3.2", "1", (3, 3), "purview", "lee2023purview"
    ),
    Method("detector on norms", "uncertainty.PurviewDetector", "3.3", "1", None, "purview", "lee2023purview"),
    Method("GradCon: a direction", "uncertainty.GradCon", "3.4", "1", (4, 3), "gradcon", "kwon2020gradcon"),
    Method(
        "adversarial attacks, one step",
        "uncertainty.fgsm",
        "3.5",
        "1",
        (1, 0),
        "engineered",
        "goodfellow2015explaining",
    ),
    Method("adversarial attacks, many steps", "uncertainty.pgd", "3.5", "S", (1, 0), "engineered", "madry2018towards"),
    Method("Mahalanobis distance", "uncertainty.Mahalanobis", "3.A", "0", source="lee2018mahalanobis"),
    Method("ODIN", "uncertainty.odin", "3.A", "1", source="liang2018odin"),
    Method("ensemble", "uncertainty.ensemble", "3.A", "0", source="lakshminarayanan2017ensembles"),
    Method("GradNorm", "uncertainty.grad_norm", "3.B", "0", (3, 2), "gradnorm", "huang2021gradnorm"),
    Method("Gram matrix of gradients", "gradients.gradient_gram", "3.F", "C", (2, 3)),
    Method("adversarial attacks, least change", "uncertainty.carlini_wagner", "3.E", "S", source="carlini2017towards"),
    Method("DeepFool", "uncertainty.deepfool", "3.E", "Q·S", source="moosavi2016deepfool"),
    Method("GradTrust", "uncertainty.grad_trust", "3.F", "0", (3, 2), "gradtrust", "prabhushankar2024gradtrust"),
    Method(
        "change of one decoder layer",
        "uncertainty.decoder_gradient",
        "3.G",
        "1",
        None,
        "novelty-vae",
        "kwon2020novelty",
    ),
    # Chapter 4
    Method("PSNR", "expectancy.psnr", "4.2", "0"),
    Method("SSIM", "expectancy.ssim", "4.A", "0", source="wang2004ssim"),
    Method("image quality", "expectancy.gradient_quality", "4.3", "2", (4, 3), "gradient-quality", "kwon2019distorted"),
    Method(
        "why this score?",
        "expectancy.contrast_map",
        "4.4",
        "1",
        None,
        "quality-contrast",
        "prabhushankar2020contrastive",
    ),
    Method("sparse coder after UNIQUE", "expectancy.SparseQuality", "4.B", "0", None, "unique", "temel2016unique"),
    Method("surprisal", "expectancy.surprisal", "4.D", "1", None, "surprisal", "prabhushankar2023surprisal"),
    Method("implicit saliency", "expectancy.implicit_saliency", "4.5", "C + 1", (2, 0), "implicit", "sun2020implicit"),
    Method("local mismatch", "expectancy.local_mismatch", "4.5", "R", ours=True),
    Method("spectral residual", "expectancy.spectral_residual", "4.5", "0", source="hou2007spectral"),
)
METHODS = {method.name: method for method in _ROWS}
