"""Claims of chapter 2: explanations.

A function named after a claim returns the measured values as text, "condition: method value, method value"; a function
whose name ends in ``_evidence`` returns the intervals that decide the verdict.
"""

import pandas as pd

from tutorial_course.results.claims.rules import (
    ABSTRACT,
    AUROC,
    AUROC_MARGIN,
    CHANCE,
    CIFAR,
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    IMAGENET,
    INCONCLUSIVE,
    NOT_CONFIRMED_HERE,
    OUR_TRAINING,
    OWN_CODE,
    READERS_NOTES,
    SETTING_FIELDS,
    SIGNS,
    TRANSCRIPT,
    Claim,
    Estimate,
    Evidence,
    Published,
    Setting,
    table,
)

PRECISION_MARGIN = 0.02  # a difference of the precision at k that does not matter
# The contrast with the class Q of the counterfactual, and its control, a class that is neither P nor Q.
CORRECT_CLASS, RANDOM_CLASS = "why P, rather than Q", "why P, rather than R"

INTROSPECTION = Setting(
    network="ResNets, with a second stage of three layers",
    data="CIFAR-10-C",
    training="the second stage on clean images",
    protocol="accuracy and calibration error over corruptions and severities",
    implementation="the authors' code, which is not public for this part",
)
SECOND_LOOK = Setting(
    network="three sign classifiers; a ResNet-20 with 64 features",
    data="synthetic signs and 700 CIFAR-10 test images, with our twelve corruptions",
    training="the second stage on clean images (4,000 for CIFAR-10)",
    protocol="mean over corruptions and severities, with the same second stage on features as the control",
    implementation="ours, from the equations",
)


def counterfactual_signs(hit_rate: float, alone: float) -> str:
    return (
        f"scenes of two signs: the map peaks on the side of the other sign in {hit_rate:.0%} of scenes; scenes of one "
        f"sign: the total positive value of the map is {alone:.2f} times that of Grad-CAM (median)"
    )


def counterfactual_photographs() -> str:
    rows = table("explanations_photos").query("kind == 'side by side' and question == 'what if not P'")
    point = rows.set_index("network")["point"]
    return (
        "pairs of photographs side by side: the map peaks on the other photograph in "
        f"{point[CIFAR]:.0%} (CIFAR-10) and {point[IMAGENET]:.0%} (ImageNet) of pairs"
    )


def _contrast_rows(method: str, question: str) -> pd.DataFrame:
    """The rows of a method on counterfactual pairs of signs, one for each network."""
    rows = table("explanations_signs").query("kind == 'counterfactual pairs'").set_index("network")
    return rows[(rows["method"] == method) & (rows["question"] == question)].loc[SIGNS]


def _precisions(method: str, question: str) -> str:
    """The precision at k of a method for each network, as text."""
    return ", ".join(f"{value:.1%}" for value in _contrast_rows(method, question)["precision"])


def _differences(method: str, question: str, column: str) -> list[Estimate]:
    """A paired difference of the precision at k, with its interval over pairs of signs and scenes, for each network."""
    columns = _contrast_rows(method, question)[[column, f"{column}_low", f"{column}_high"]]
    return [Estimate(*values) for values in columns.itertuples(index=False)]


def _in_points(estimates: list[Estimate]) -> str:
    """Estimates and their intervals in percentage points, as text."""
    return ", ".join(f"{100 * e.value:+.1f} ({100 * e.low:+.1f} to {100 * e.high:+.1f})" for e in estimates)


def _contrast_evidence(method: str) -> Evidence:
    """The gain of the contrast over the question "Why P?", and over the contrast with a random class."""
    gain = _differences(method, CORRECT_CLASS, "gain")
    return Evidence(gain, PRECISION_MARGIN, over_control=_differences(method, RANDOM_CLASS, "gain_of_Q"))


def contrast_signs_evidence() -> Evidence:
    return _contrast_evidence("Grad-CAM")


def contrast_signs() -> str:
    return (
        "precision at k on the pixels that differ, three networks: "
        f"Grad-CAM {_precisions('Grad-CAM', 'why P')}; contrast map {_precisions('Grad-CAM', CORRECT_CLASS)}; "
        f"paired difference in percentage points {_in_points(_differences('Grad-CAM', CORRECT_CLASS, 'gain'))}; "
        f"difference to a random class {_in_points(_differences('Grad-CAM', RANDOM_CLASS, 'gain_of_Q'))}"
    )


def contrast_pixels_evidence() -> Evidence:
    return _contrast_evidence("saliency")


def contrast_pixels() -> str:
    return (
        "precision at k on the pixels that differ, three networks: "
        f"input gradient {_precisions('saliency', 'why P')}; its contrast {_precisions('saliency', CORRECT_CLASS)}; "
        f"paired difference in percentage points {_in_points(_differences('saliency', CORRECT_CLASS, 'gain'))}; "
        f"difference to a random class {_in_points(_differences('saliency', RANDOM_CLASS, 'gain_of_Q'))}"
    )


def contrast_photographs() -> str:
    rows = table("explanations_photos").query("kind == 'side by side' and question == 'why P, rather than Q'")
    return (
        "pairs of ImageNet photographs side by side: the map peaks on the photograph of class P in "
        f"{rows.set_index('network').loc[IMAGENET, 'point']:.0%} of pairs"
    )


def fisher(zero: float) -> str:
    return (
        f"largest deviation of the probability-weighted mean from zero: {zero:.0e}; the covariance equals the closed "
        "form of the Fisher information up to rounding"
    )


def fisher_mistakes() -> str:
    rows = table("explanations_signs").query("kind == 'Fisher information'").set_index(["group", "network"])
    wrong, confident = (rows.loc[group].loc[SIGNS, "auroc"] for group in ("wrong", "wrong and confident"))
    return (
        "AUROC of the trace against correct predictions on corrupted signs, three networks: all wrong predictions "
        f"{', '.join(f'{value:.2f}' for value in wrong)}; wrong predictions with a high probability "
        f"{', '.join(f'{value:.2f}' for value in confident)}"
    )


def sanity() -> str:
    tables = table("explanations_signs"), table("explanations_photos")
    rows = (
        pd.concat(tables)
        .query("kind == 'randomization'")
        .groupby(["method", "randomized"])[["signed", "magnitude"]]
        .mean()
    )
    layers = [f"{layer}, re-initialized" for layer in ("head", "network.linear", "network.classifier.1")]
    guided = rows.loc["guided backpropagation"].loc[layers, "magnitude"]
    grad_cam = rows.loc["Grad-CAM"].loc[layers, "signed"]
    return (
        "rank correlation of the maps before and after the last layer is re-initialised, on signs, CIFAR-10 and "
        f"ImageNet: guided backpropagation (magnitudes) {', '.join(f'{v:.2f}' for v in guided)}; Grad-CAM (signed "
        f"values) {', '.join(f'{v:.2f}' for v in grad_cam)}"
    )


def pointing() -> str:
    rows = table("explanations_signs").query("kind == 'metrics'")
    point = rows.groupby("method")["point sign"].mean()
    return (
        f"accuracy in the pointing game: Grad-CAM {point['Grad-CAM']:.0%}, a centre prior that ignores the network "
        f"{point['centre']:.0%}"
    )


def average_drop() -> str:
    rows = table("explanations_signs").query("kind == 'metrics'")
    drop = rows.groupby("method")["drop"].mean()
    return (
        f"average drop (lower is better): Grad-CAM++ {drop['Grad-CAM++']:.0%}, Grad-CAM {drop['Grad-CAM']:.0%}, a "
        f"centre prior that ignores the network {drop['centre']:.0%}"
    )


def voice_overlap() -> str:
    rows = table("explanations_photos").query("score == 'overlap, as published'")
    wrong, right = rows["on wrong"], rows["on right"]
    return (
        "intersection over union of explanation and uncertainty, range over six settings: wrong predictions "
        f"{wrong.min():.2f} to {wrong.max():.2f}, correct predictions {right.min():.2f} to {right.max():.2f}"
    )


def voice_overlap_evidence() -> Evidence:
    # The control is the overlap for correct predictions; the AUROC compares it with the overlap for wrong ones.
    rows = table("explanations_photos").query("score == 'overlap, as published'")
    return Evidence(
        [], AUROC_MARGIN, over_control=[Estimate(*row) - CHANCE for row in rows[AUROC].itertuples(index=False)]
    )


def voice_epistemic() -> str:
    auroc = table("explanations_photos").query("score == 'signal to noise, as published'")["auroc"]
    return (
        "signal-to-noise ratio of the uncertainty as a score for wrong predictions, range over all settings: AUROC "
        f"{auroc.min():.2f} to {auroc.max():.2f}"
    )


def _mean_right(name: str, trained: str) -> pd.Series:
    """The accuracy on corrupted images of each head in percent, the mean over networks of equal weight."""
    rows = table(name).query("kind == 'head' and trained == @trained")
    return 100 * rows.groupby(["head", "network"])["accuracy"].mean().groupby("head").mean()


def introspection_robust() -> str:
    signs, photos = _mean_right("introspection_signs", "clean"), _mean_right("introspection_cifar", "clean")
    spoiled = _mean_right("introspection_signs", "augmented")
    return (
        "difference in accuracy on corrupted images, in percentage points: second stage trained on clean images, minus "
        f"base classifier {signs['cross_entropy'] - signs['feed-forward']:+.1f} (signs), "
        f"{photos['cross_entropy'] - photos['feed-forward']:+.1f} (CIFAR-10), minus control on h "
        f"{signs['cross_entropy'] - signs['h']:+.1f} (signs), {photos['cross_entropy'] - photos['h']:+.1f} (CIFAR-10); "
        "second stage trained on corrupted signs, minus control on h "
        f"{spoiled['cross_entropy'] - spoiled['h']:+.1f} (signs)"
    )


def introspection_calibrated() -> str:
    rows = pd.concat([table("introspection_signs"), table("introspection_cifar")])
    rows = rows.query("kind == 'head' and trained == 'clean' and seed == 0").set_index(["network", "head"])
    signs, photos = rows.loc[SIGNS[0]], rows.loc[CIFAR]
    return (
        "expected calibration error on corrupted images, signs: base classifier "
        f"{signs.loc['feed-forward', 'ece']:.2f}, second stage {signs.loc['cross_entropy', 'ece']:.2f}; CIFAR-10: base "
        f"classifier {photos.loc['feed-forward', 'ece']:.2f}, second stage {photos.loc['cross_entropy', 'ece']:.2f}, "
        f"base classifier with temperature scaling {photos.loc['feed-forward', 'scaled ece']:.2f}"
    )


def introspection_one_pass() -> str:
    rows = table("introspection_signs").query("network == 'signs/classifier' and trained == 'clean' and seed == 0")
    weights = rows.set_index("head")["weights"]
    return (
        f"number of trained weights, all in the second stage: on contrast gradients {weights['cross_entropy']:,.0f}, "
        f"on the features h (control) {weights['h']:,.0f}"
    )


CLAIMS = (
    Claim(
        id="counterfactual",
        chapter=2,
        section="2.2",
        source="selvaraju2020gradcam",
        claim=(
            "The negated gradient highlights what would have to be removed from an image for the prediction to change"
        ),
        stated=CONFIRMED_HERE,
        paper=Setting(
            network="VGG-16",
            data="photographs with two objects",
            training="published weights",
            protocol="examples of single images",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers; ResNet-20 and SqueezeNet",
            data="scenes of two signs; pairs of photographs side by side",
            training=OUR_TRAINING,
            protocol="share of maps that peak on the side of the other sign or photograph",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(
            counterfactual_signs,
            counterfactual_photographs,
        ),
        note=(
            "The map is nearly empty if a scene has one sign only, because hardly any region lowers the score of the "
            "predicted class"
        ),
    ),
    Claim(
        id="contrast",
        chapter=2,
        section="2.3",
        source="prabhushankar2020contrastive",
        claim="A contrastive explanation map locates what separates the classes P and Q better than Grad-CAM does",
        evidence=contrast_signs_evidence,
        paper=Setting(
            network="not known to us",
            data="photographs, visually similar classes, seismic sections",
            training="not known to us",
            protocol="examples of single images",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers; SqueezeNet",
            data="counterfactual pairs of synthetic signs; pairs of photographs side by side",
            training=OUR_TRAINING,
            protocol=(
                "precision at k on the pixels that differ; the intervals resample the pairs of signs and their scenes"
            ),
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(
            contrast_signs,
            contrast_photographs,
        ),
        note="The paper shows examples and makes no quantitative comparison, so the comparison is ours",
        merit=True,
    ),
    Claim(
        id="contrast-pixels",
        chapter=2,
        section="2.3",
        source="prabhushankar2020contrastive",
        claim="The contrast objective applied to the input gradient locates what separates the classes P and Q better",
        evidence=contrast_pixels_evidence,
        paper=Setting(
            network="not known to us",
            data="photographs, visually similar classes, seismic sections",
            training="not known to us",
            protocol="examples of single images, with feature maps instead of pixels",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers",
            data="counterfactual pairs of synthetic signs",
            training=OUR_TRAINING,
            protocol=(
                "precision at k on the pixels that differ; the intervals resample the pairs of signs and their scenes"
            ),
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(contrast_pixels,),
        note="The objective is that of the paper, and its application to the pixels is our own extension",
        merit=True,
    ),
    Claim(
        id="fisher",
        chapter=2,
        section="2.4",
        source="amari1998natural",
        claim=(
            "The probability-weighted mean of the contrast gradients is zero, and their covariance is the Fisher "
            "information"
        ),
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(fisher, fisher_mistakes),
        note=(
            "The claim is a mathematical identity. The source defines the Fisher information, and the link to "
            "contrastive explanations is our own. The trace does not detect confident wrong predictions"
        ),
        identity=True,
    ),
    Claim(
        id="sanity",
        chapter=2,
        section="2.5",
        source="adebayo2018sanity",
        claim=(
            "Maps of guided backpropagation hardly change if the weights are randomised, whereas Grad-CAM maps do "
            "change"
        ),
        stated=CONFIRMED_HERE,
        paper=Setting(
            network="Inception v3 and small networks",
            data="ImageNet, Fashion-MNIST, MNIST",
            training="published weights; from scratch",
            protocol="cascading randomisation of the layers, measured by rank correlation and other similarities",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers, ResNet-20, SqueezeNet",
            data="synthetic signs, CIFAR-10, ImageNet photographs",
            training=OUR_TRAINING,
            protocol="re-initialisation of the last layer, measured by rank correlation",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "protocol",
            "implementation",
        ),
        measured=(sanity,),
        note=(
            "Our networks include published ones on real photographs; the change of Grad-CAM is clear in its signed "
            "values, but smaller in their magnitudes"
        ),
    ),
    Claim(
        id="pointing",
        chapter=2,
        section="2.B",
        source="selvaraju2020gradcam",
        claim="A Grad-CAM map has its peak on the object that is classified",
        stated=CONTROL_AS_GOOD,
        published=(
            Published(
                READERS_NOTES,
                "accuracy in the pointing game: Grad-CAM 70.58 %, contrastive excitation backpropagation 60.30 %",
            ),
        ),
        paper=Setting(
            network="VGG-16",
            data="ImageNet validation",
            training="published weights",
            protocol="pointing game with the bounding box of the object",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers",
            data="one synthetic sign per image",
            training="ten thousand synthetic signs, eight epochs",
            protocol="pointing game with the mask of the sign",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(pointing,),
    ),
    Claim(
        id="average-drop",
        chapter=2,
        section="2.B",
        source="chattopadhay2018gradcampp",
        claim="Grad-CAM++ has a lower (better) average drop in confidence than Grad-CAM",
        stated=CONTROL_AS_GOOD,
        published=(
            Published(
                TRANSCRIPT,
                "average drop (lower is better), ImageNet: Grad-CAM++ 36.84 %, Grad-CAM 46.56 %; VOC 2007: "
                "Grad-CAM++ 19.53 %, Grad-CAM 28.54 %; increase in confidence (higher is better), VOC 2007: "
                "Grad-CAM++ 18.96 %, Grad-CAM 21.43 %",
            ),
        ),
        paper=Setting(
            network="VGG-16",
            data="ImageNet and PASCAL VOC 2007 validation",
            training="published weights",
            protocol="average drop in confidence if the image is weighted by the map",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers",
            data="one synthetic sign per image",
            training="ten thousand synthetic signs, eight epochs",
            protocol="the same",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "training",
            "implementation",
        ),
        measured=(average_drop,),
    ),
    Claim(
        id="voice-overlap",
        chapter=2,
        section="2.C",
        source="prabhushankar2024voice",
        claim="For wrong predictions, the uncertainty of an explanation overlaps with the explanation (VOICE)",
        evidence=voice_overlap_evidence,
        paper=Setting(
            network="six architectures",
            data="ImageNet and CIFAR-10-C",
            training="not known to us",
            protocol="four explanation techniques",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers, ResNet-20, SqueezeNet",
            data="synthetic signs; CIFAR-10, clean and corrupted; ImageNet photographs",
            training=OUR_TRAINING,
            protocol="one explanation technique; wrong predictions compared with correct ones",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(voice_overlap,),
        note="The overlap is equally large for correct predictions",
    ),
    Claim(
        id="voice-epistemic",
        chapter=2,
        section="2.C",
        source="prabhushankar2024voice",
        claim="The uncertainty of an explanation behaves like epistemic uncertainty",
        stated=INCONCLUSIVE,
        paper=Setting(
            network="six architectures",
            data="ImageNet and CIFAR-10-C",
            training="published weights",
            protocol="not known to us",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers, ResNet-20, SqueezeNet",
            data="synthetic signs; CIFAR-10, clean and corrupted; ImageNet photographs",
            training=OUR_TRAINING,
            protocol="AUROC of wrong against correct predictions, which answers a different question",
            implementation=OWN_CODE,
        ),
        measured=(voice_epistemic,),
    ),
    Claim(
        id="introspection-robust",
        chapter=2,
        section="2.7",
        source="prabhushankar2022introspective",
        claim=(
            "A second stage on contrast gradients (introspective learning) makes a classifier more robust on noisy "
            "images"
        ),
        stated=NOT_CONFIRMED_HERE,
        published=(Published(ABSTRACT, "4 % more robust on noisy data"),),
        paper=INTROSPECTION,
        ours=SECOND_LOOK,
        differs=SETTING_FIELDS,
        measured=(introspection_robust,),
        note="We measured only a small gain over the control, a second stage on the features h",
    ),
    Claim(
        id="introspection-calibrated",
        chapter=2,
        section="2.7",
        source="prabhushankar2022introspective",
        claim=(
            "A second stage on contrast gradients (introspective learning) reduces the calibration error on noisy "
            "images"
        ),
        stated=NOT_CONFIRMED_HERE,
        published=(Published(ABSTRACT, "42 % fewer calibration errors on noisy data"),),
        paper=INTROSPECTION,
        ours=SECOND_LOOK,
        differs=SETTING_FIELDS,
        measured=(introspection_calibrated,),
    ),
    Claim(
        id="introspection-one-pass",
        chapter=2,
        section="2.7",
        source="prabhushankar2022introspective",
        claim="All contrast gradients of an image follow from one forward pass, and the network is not changed",
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(introspection_one_pass,),
        note="The claim follows from the closed form of the gradient of the last layer",
        merit=True,
        identity=True,
    ),
)
