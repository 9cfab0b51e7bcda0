"""The table of all methods of the course: section, function, cost, and the claim that was tested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

# The letters in the cost of a method: sizes of the network, or choices of the user.
COST_SYMBOLS = {
    "C": "classes",
    "S": "samples, steps or layers, in sequence",
    "R": "positions of the last feature maps",
    "Q": "contrast classes",
}


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        name: its name in the course.
        function: its function, without the leading ``tutorial_lib``.
        section: the section that introduces it.
        backward_passes: backward passes per image, a number or an expression in the letters of ``COST_SYMBOLS``.
        cell: row and column in the overview of the course; None if it has no place there.
        claim: identifier of the claim of its own paper; None if there is none.
        source: key of its paper in the bibliography; None if there is none.
        is_own_proposal: whether the method is our own experiment and is not taken from a paper.
    """

    name: str
    function: str
    section: str
    backward_passes: str
    cell: tuple[int, int] | None = None
    claim: str | None = None
    source: str | None = None
    is_own_proposal: bool = False

    @property
    def chapter(self) -> int:
        """The chapter of its section."""
        return int(self.section[0])

    def cost(self, **sizes: int) -> int:
        """Return the number of backward passes per image for given sizes.

        Args:
            **sizes: the value of each letter in ``backward_passes``.

        Returns:
            The number of backward passes.

        Raises:
            ValueError: a letter without a value.

        Example:
            >>> METHODS["implicit saliency"].cost(C=14)
            15
        """
        if missing := sorted(set(re.findall("[A-Z]", self.backward_passes)) - set(sizes)):
            names = ", ".join(f"{letter} ({COST_SYMBOLS[letter]})" for letter in missing)
            raise ValueError(f"{self.name} costs {self.backward_passes}: pass a value for {names}")
        factors = [
            [sizes[f] if f in COST_SYMBOLS else int(f) for f in term.split("·")]
            for term in self.backward_passes.split(" + ")
        ]
        return sum(map(prod, factors))


_ROWS = (
    # Chapter 1
    Method(
        "counterfactual manifold, last layer",
        "foundations.minimal_weight_update",
        "1.6",
        "0",
        (1, 3),
        "two-ways",
        "alregib2023tutorial",
    ),
    Method("steepest descent", "foundations.steepest_descent_step", "1.6", "1", None, "descent"),
    Method("linearization radius", "foundations.input_linearization_radius", "1.6", "1", None, "local-information"),
    Method("decomposition into mean gradients", "foundations.decompose_gradients", "1.5", "0", is_own_proposal=True),
    Method("Trust Score", "foundations.TrustScore", "1.E", "0", None, "neighbours", "jiang2018trust"),
    # Chapter 2
    Method("occlusion", "attribution.occlusion", "2.1", "0", source="zeiler2014visualizing"),
    Method("saliency", "attribution.saliency", "2.1", "1", (0, 0), source="simonyan2014inside"),
    Method("SmoothGrad", "attribution.smoothgrad", "2.A", "S", (0, 0), source="smilkov2017smoothgrad"),
    Method("integrated gradients", "attribution.integrated_gradients", "2.A", "S", (0, 0), source="sundararajan2017ig"),
    Method(
        "guided backpropagation", "attribution.guided_backprop", "2.A", "1", (0, 0), source="springenberg2015guided"
    ),
    Method("Grad-CAM", "attribution.grad_cam", "2.1", "1", (0, 1), "pointing", "selvaraju2020gradcam"),
    Method(
        "Grad-CAM++", "attribution.grad_cam_plus_plus", "2.A", "1", None, "average-drop", "chattopadhay2018gradcampp"
    ),
    Method("guided Grad-CAM", "attribution.guided_grad_cam", "2.A", "2", source="selvaraju2020gradcam"),
    Method(
        "counterfactual CAM",
        "attribution.counterfactual_cam",
        "2.2",
        "1",
        (0, 1),
        "counterfactual",
        "selvaraju2020gradcam",
    ),
    Method("contrast CAM", "attribution.contrast_cam", "2.3", "1", (1, 1), "contrast", "prabhushankar2020contrastive"),
    Method("Fisher information", "attribution.last_layer_fisher", "2.4", "0", (2, 2), "fisher", "amari1998natural"),
    Method(
        "one introspective feature",
        "attribution.introspective_features",
        "2.7",
        "0",
        (1, 2),
        "introspection-one-pass",
        "prabhushankar2022introspective",
    ),
    Method(
        "introspection",
        "attribution.IntrospectiveClassifier",
        "2.7",
        "0",
        (2, 2),
        "introspection-robust",
        "prabhushankar2022introspective",
    ),
    Method(
        "variance over Q (VOICE)",
        "attribution.voice_map",
        "2.C",
        "C",
        (2, 1),
        "voice-overlap",
        "prabhushankar2024voice",
    ),
    Method(
        "randomization test",
        "attribution.model_randomization_test",
        "2.5",
        "S + 2",
        None,
        "sanity",
        "adebayo2018sanity",
    ),
    # Chapter 3
    Method("largest softmax", "uncertainty.msp_score", "3.1", "0", source="hendrycks2017baseline"),
    Method("energy", "uncertainty.energy_score", "3.1", "0", source="liu2020energy"),
    Method(
        "purview: a norm per layer",
        "uncertainty.confounding_gradient_norms",
        "3.2",
        "1",
        (3, 3),
        "purview",
        "lee2023purview",
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
    Method("Mahalanobis distance", "uncertainty.MahalanobisDetector", "3.A", "0", source="lee2018mahalanobis"),
    Method("ODIN", "uncertainty.odin_score", "3.A", "1", source="liang2018odin"),
    Method("ensemble", "uncertainty.deep_ensemble", "3.A", "0", source="lakshminarayanan2017ensembles"),
    Method("GradNorm", "uncertainty.gradnorm_score", "3.B", "0", (3, 2), "gradnorm", "huang2021gradnorm"),
    Method("Gram matrix of gradients", "gradients.class_gradient_gram", "3.F", "C", (2, 3)),
    Method("adversarial attacks, least change", "uncertainty.carlini_wagner", "3.E", "S", source="carlini2017towards"),
    Method("DeepFool", "uncertainty.deepfool", "3.E", "Q·S", source="moosavi2016deepfool"),
    Method("GradTrust", "uncertainty.grad_trust", "3.F", "0", (3, 2), "gradtrust", "prabhushankar2024gradtrust"),
    Method(
        "change of one decoder layer",
        "uncertainty.layer_gradient_features",
        "3.G",
        "1",
        None,
        "novelty-vae",
        "kwon2020novelty",
    ),
    # Chapter 4
    Method("PSNR", "quality.psnr", "4.2", "0"),
    Method("HaarPSI", "quality.haarpsi", "4.2", "0", source="reisenhofer2018haarpsi"),
    Method("SSIM", "quality.ssim", "4.A", "0", source="wang2004ssim"),
    Method("image quality", "quality.gradient_distance", "4.3", "2", (4, 3), "gradient-distance", "kwon2019distorted"),
    Method(
        "why this score?",
        "quality.score_contrast_cam",
        "4.4",
        "1",
        None,
        "quality-contrast",
        "prabhushankar2020contrastive",
    ),
    Method("sparse autoencoder after UNIQUE", "quality.UNIQUEQuality", "4.B", "0", None, "unique", "temel2016unique"),
    Method("surprisal", "quality.surprisal", "4.D", "1", None, "surprisal", "prabhushankar2023surprisal"),
    Method("implicit saliency", "saliency.implicit_saliency", "4.5", "C + 1", (2, 0), "implicit", "sun2020implicit"),
    Method("local mismatch", "saliency.local_mismatch", "4.5", "R", is_own_proposal=True),
    Method("spectral residual", "saliency.spectral_residual", "4.5", "0", source="hou2007spectral"),
)
METHODS = {method.name: method for method in _ROWS}
