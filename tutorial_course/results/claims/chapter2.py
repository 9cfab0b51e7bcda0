"""Claims of chapter 2: explanations.

A function named after a claim returns the measured values as text, "condition: method value, method value"; a function
whose name ends in ``_evidence`` returns the intervals that decide the verdict.
"""

from collections.abc import Iterator

import pandas as pd

from tutorial_course.results.claims.rules import (
    ABSTRACT,
    AUROC,
    AUROC_MARGIN,
    CHANCE,
    CIFAR,
    CORRELATION_MARGIN,
    IMAGENET,
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
    proportion,
    t_estimate,
    table,
)

# Differences that do not matter: accuracy in percentage points, calibration error, share of pairs.
ACCURACY_MARGIN, CALIBRATION_MARGIN, POINTING_MARGIN = 1.0, 0.01, 0.05
LAST_LAYERS = {**dict.fromkeys(SIGNS, "head"), CIFAR: "network.linear", IMAGENET: "network.classifier.1"}

METRIC_MARGIN = 0.05  # a difference of the pointing game or of the average drop that does not matter
PRECISION_MARGIN = 0.02  # a difference of the precision at k that does not matter
# The contrast with the class Q of the counterfactual, and its control, a class that is neither P nor Q.
CORRECT_CLASS, RANDOM_CLASS = "why P, rather than Q", "why P, rather than R"

INTROSPECTION = Setting(
    network="ResNets, with a second classifier of three layers",
    data="CIFAR-10-C",
    training="the second classifier on clean images",
    protocol="accuracy and calibration error over corruptions and severities",
    implementation="the authors' code, which is not public for this part",
)
SECOND_STAGE = Setting(
    network="three sign classifiers; a ResNet-20 with 64 features",
    data="synthetic signs and 700 CIFAR-10 test images, with our twelve corruptions",
    training="the second classifier on clean images, for CIFAR-10 on 4,000 of 50,000",
    protocol="mean over corruptions and severities, with the same second classifier on features as the control",
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
        f"{point[CIFAR]:.0%} (CIFAR-10, ResNet-20), {point['cifar10/resnet56']:.0%} (CIFAR-10, ResNet-56) and "
        f"{point[IMAGENET]:.0%} (ImageNet) of pairs"
    )


def counterfactual_evidence() -> Evidence:
    # A map that ignores the image peaks on the other photograph in half of the pairs.
    rows = table("explanations_photos").query("kind == 'side by side' and question == 'what if not P'")
    # Pairs for which the network predicts neither class are left out.
    shares = [proportion(row.point * int(row.images), int(row.images)) for row in rows.itertuples()]
    return Evidence([share - CHANCE for share in shares], POINTING_MARGIN)


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


def _leads_over_edges(method: str) -> list[Estimate]:
    """The lead of the contrast over the strongest control: the smoothed edges of the image times the center prior."""
    rows = table("explanations_signs").query("kind == 'paired differences' and method == @method")
    rows = rows[(rows["question"] == CORRECT_CLASS) & rows["reference"].str.startswith("centre × edges")]
    columns = rows.set_index("network").loc[SIGNS, ["difference", "difference_low", "difference_high"]]
    return [Estimate(*values) for values in columns.itertuples(index=False)]


def _contrast_evidence(method: str) -> Evidence:
    """The gain of the contrast over the question "Why P?", and its lead over the strongest map without a network."""
    gain = _differences(method, CORRECT_CLASS, "gain")
    return Evidence(gain, PRECISION_MARGIN, over_control=_leads_over_edges(method))


def contrast_signs_evidence() -> Evidence:
    return _contrast_evidence("Grad-CAM")


def contrast_signs() -> str:
    return (
        "precision at k on the pixels that differ, three networks: "
        f"Grad-CAM {_precisions('Grad-CAM', 'why P')}; contrast map {_precisions('Grad-CAM', CORRECT_CLASS)}; "
        f"paired difference in percentage points {_in_points(_differences('Grad-CAM', CORRECT_CLASS, 'gain'))}; "
        f"difference from a random class {_in_points(_differences('Grad-CAM', RANDOM_CLASS, 'gain_of_Q'))}; "
        "difference from the center prior times the smoothed edges of the image, which uses no network, "
        f"{_in_points(_leads_over_edges('Grad-CAM'))}"
    )


def contrast_pixels_evidence() -> Evidence:
    return _contrast_evidence("saliency")


def contrast_pixels() -> str:
    return (
        "precision at k on the pixels that differ, three networks: "
        f"input gradient {_precisions('saliency', 'why P')}; its contrast {_precisions('saliency', CORRECT_CLASS)}; "
        f"paired difference in percentage points {_in_points(_differences('saliency', CORRECT_CLASS, 'gain'))}; "
        f"difference from a random class {_in_points(_differences('saliency', RANDOM_CLASS, 'gain_of_Q'))}; "
        "difference from the center prior times the smoothed edges of the image, which uses no network, "
        f"{_in_points(_leads_over_edges('saliency'))}"
    )


def contrast_photographs() -> str:
    rows = table("explanations_photos").query("kind == 'side by side'")
    point = rows.pivot(index="network", columns="question", values="point")
    counts = rows.groupby("network")["images"].first()
    names = {
        "cifar10/resnet20": "ResNet-20 on CIFAR-10",
        "cifar10/resnet56": "ResNet-56 on CIFAR-10",
        "imagenet/squeezenet1_1": "SqueezeNet on ImageNet",
    }
    shares = [
        f"{names[network]} ({counts[network]} pairs) Grad-CAM {row['why P']:.1%}, "
        f"contrast {row['why P, rather than Q']:.1%}"
        for network, row in point.iterrows()
    ]
    return (
        "pairs of photographs side by side, share of maps that peak on the photograph of the predicted class P: "
        + "; ".join(shares)
    )


def contrast_photographs_evidence() -> Evidence:
    rows = table("explanations_photos").query("kind == 'side by side'")
    hits = rows.pivot(index="network", columns="question", values="hits")
    return Evidence(
        [_paired_share_difference(row["why P, rather than Q"], row["why P"]) for _, row in hits.iterrows()],
        POINTING_MARGIN,
    )


def _paired_share_difference(first: list[float], second: list[float]) -> Estimate:
    """The difference of two shares on the same pairs, with the interval of Bonett and Price (2012)."""
    n = len(first)
    only_first, only_second = (
        sum(a > b for a, b in zip(*both, strict=True)) for both in ((first, second), (second, first))
    )
    difference = (only_first - only_second) / (n + 2)
    spread = ((only_first + only_second + 2) / (n + 2) - difference**2) / (n + 2)
    half = 1.96 * spread**0.5
    return Estimate(sum(first) / n - sum(second) / n, difference - half, difference + half)


def fisher(zero: float) -> str:
    return (
        f"largest deviation of the probability-weighted mean from zero: {zero:.0e}; the covariance equals the closed "
        "form of the Fisher information up to rounding"
    )


def _randomized(method: str) -> Iterator[tuple[str, pd.Series, pd.Series]]:
    """The rows of a method in the randomization test of the last layer, and of its null, by network."""
    rows = pd.concat([table("explanations_signs"), table("explanations_photos")])
    rows = rows.query("kind == 'randomization' and method == @method").set_index(["network", "randomized"])
    for network, layer in LAST_LAYERS.items():
        yield network, rows.loc[(network, f"{layer}, re-initialized")], rows.loc[(network, "null: another image")]


def _randomized_text(method: str) -> str:
    """The mean absolute correlation of a method after the last layer is re-initialized, and its null."""
    return ", ".join(f"{after['absolute']:.2f} (null {null['absolute']:.2f})" for _, after, null in _randomized(method))


def fisher_mistakes() -> str:
    baseline = table("explanations_signs").query("kind == '1 − largest probability' and group == 'wrong'")
    rows = table("explanations_signs").query("kind == 'Fisher information'").set_index(["group", "network"])
    wrong, confident = (rows.loc[group].loc[SIGNS, "auroc"] for group in ("wrong", "wrong and confident"))
    return (
        "AUROC of the trace against correct predictions on corrupted signs, three networks: all wrong predictions "
        f"{', '.join(f'{value:.2f}' for value in wrong)}; wrong predictions with a high probability "
        f"{', '.join(f'{value:.2f}' for value in confident)}; AUROC of 1 − the largest probability, all wrong "
        f"predictions {', '.join(f'{value:.2f}' for value in baseline.set_index('network').loc[SIGNS, 'auroc'])}"
    )


def sanity() -> str:
    return (
        "mean |r| of the maps before and after the last layer is re-initialized, three sign networks, CIFAR-10 and "
        "ImageNet, each with the mean |r| of the maps of two different images: guided backpropagation "
        f"{_randomized_text('guided backpropagation')}; Grad-CAM {_randomized_text('Grad-CAM')}"
    )


def _similarity_after(method: str) -> list[Estimate]:
    """The mean absolute correlation of a method after the last layer is re-initialized, for each network."""
    rows = [after for _, after, _ in _randomized(method)]
    return [
        Estimate(
            row["absolute"], row["absolute"] - 1.96 * row["absolute_se"], row["absolute"] + 1.96 * row["absolute_se"]
        )
        for row in rows
    ]


def sanity_evidence() -> Evidence:
    guided, grad_cam = (_similarity_after(method) for method in ("guided backpropagation", "Grad-CAM"))
    return Evidence([a - b for a, b in zip(guided, grad_cam, strict=True)], CORRELATION_MARGIN)


def sanity_signed() -> str:
    rows = list(_randomized("edges × sign of one weight"))
    return (
        "edges of the image, multiplied by +1 or −1 depending on one weight of the last layer, three sign networks, "
        f"CIFAR-10 and ImageNet: mean r {', '.join(f'{after.signed:+.2f}' for _, after, _ in rows)}; mean |r| "
        f"{', '.join(f'{after.absolute:.2f}' for _, after, _ in rows)}"
    )


def sanity_signed_evidence() -> Evidence:
    # The map of edges is only multiplied by +1 or −1, so its absolute correlation with itself stays one.
    rows = [after for _, after, _ in _randomized("edges × sign of one weight")]
    changes = [Estimate(1 - row.absolute, 1 - row.high, 1 - row.low) for row in rows]
    return Evidence(changes, CORRELATION_MARGIN)


def _metric(network: str, method: str, metric: str) -> Estimate:
    """A stored faithfulness metric with its 95% interval over images."""
    rows = table("explanations_signs").query("kind == 'metrics' and network == @network and method == @method")
    value, error = rows[metric].item(), rows[f"{metric}_se"].item()
    return Estimate(value, value - 1.96 * error, value + 1.96 * error)


def _best_centre_drop(network: str) -> Estimate:
    """The average drop of the center prior with the best of its spreads."""
    rows = table("explanations_signs").query("kind == 'metrics' and network == @network")
    widths = [method for method in rows["method"] if method.startswith("centre, width")]
    return min((_metric(network, width, "drop") for width in widths), key=lambda drop: drop.value)


def pointing() -> str:
    rows = table("explanations_signs").query("kind == 'metrics'")
    point = rows.groupby("method")[["point sign", "precision sign"]].mean()
    return (
        f"accuracy in the pointing game: Grad-CAM {point.loc['Grad-CAM', 'point sign']:.0%}, a center prior that "
        f"ignores the network {point.loc['centre', 'point sign']:.0%}; precision at k on the sign: Grad-CAM "
        f"{point.loc['Grad-CAM', 'precision sign']:.0%}, center prior {point.loc['centre', 'precision sign']:.0%}, "
        f"center prior times smoothed edges {point.filter(like='centre × edges', axis=0)['precision sign'].max():.0%}"
    )


def pointing_evidence() -> Evidence:
    leads = [_metric(n, "Grad-CAM", "point sign") - _metric(n, "centre", "point sign") for n in SIGNS]
    return Evidence([], METRIC_MARGIN, over_control=leads)


def average_drop() -> str:
    rows = table("explanations_signs").query("kind == 'metrics'")
    drop = rows.groupby("method")["drop"].mean()
    best = sum(_best_centre_drop(network).value for network in SIGNS) / len(SIGNS)
    return (
        f"average drop (lower is better): Grad-CAM++ {drop['Grad-CAM++']:.0%}, Grad-CAM {drop['Grad-CAM']:.0%}, a "
        f"center prior that ignores the network {best:.0%} (best of five values of its spread), a uniform "
        f"map {drop['uniform']:.0%}"
    )


def average_drop_evidence() -> Evidence:
    control = [_best_centre_drop(network) - _metric(network, "Grad-CAM++", "drop") for network in SIGNS]
    return Evidence([], METRIC_MARGIN, over_control=control)


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


def _run_differences(name: str, trained: str, reference: str, column: str = "accuracy") -> pd.Series:
    """The second stage on contrasts minus a reference on corrupted images; the mean over runs for each network.

    The runs of CIFAR-10 share one network, so each of them is listed.
    """
    rows = table(name).query("kind == 'head' and trained == @trained").set_index(["head", "network", "seed"])[column]
    second, first = rows.loc["cross_entropy"], rows.loc[reference]
    if reference == "feed-forward":
        first = first.droplevel("seed").reindex(second.index.get_level_values("network")).set_axis(second.index)
    differences = (second - first).dropna()
    means = differences.groupby("network").mean()
    return means if len(means) > 1 else differences


def _points(values: pd.Series) -> str:
    """The mean of differences in accuracy in percentage points, and each of them."""
    return f"{100 * values.mean():+.2f} ({', '.join(f'{100 * value:+.2f}' for value in values)})"


def introspection_robust() -> str:
    signs, photos = "introspection_signs", "introspection_cifar"
    unseen, larger = "accuracy on unseen corruptions", "h, as many weights"
    parts = {
        "trained on clean images, minus base classifier, signs": _run_differences(signs, "clean", "feed-forward"),
        "CIFAR-10": _run_differences(photos, "clean", "feed-forward"),
        "minus control on h, signs": _run_differences(signs, "clean", "h"),
        "CIFAR-10 ": _run_differences(photos, "clean", "h"),
        "minus control on h with as many weights, signs": _run_differences(signs, "clean", larger),
        "CIFAR-10   ": _run_differences(photos, "clean", larger),
        "trained on corrupted images, ten other corruptions, minus control on h, signs": _run_differences(
            signs, "augmented", "h", unseen
        ),
        "CIFAR-10  ": _run_differences(photos, "augmented", "h", unseen),
        "minus control on h with as many weights, signs ": _run_differences(signs, "augmented", larger, unseen),
        "CIFAR-10    ": _run_differences(photos, "augmented", larger, unseen),
    }
    return (
        "difference in accuracy on corrupted images in percentage points, mean (each of three sign networks; each of "
        "three runs on one CIFAR-10 network): "
        + "; ".join(f"{name.strip()} {_points(values)}" for name, values in parts.items())
    )


def introspection_robust_evidence() -> Evidence:
    leads = [
        t_estimate(100 * _run_differences(name, "clean", "feed-forward"))
        for name in ("introspection_signs", "introspection_cifar")
    ]
    return Evidence(leads, ACCURACY_MARGIN)


def introspection_calibrated() -> str:
    rows = pd.concat([table("introspection_signs"), table("introspection_cifar")])
    rows = rows.query("kind == 'head' and trained == 'clean'").groupby(["head", "network"]).mean(numeric_only=True)
    signs = rows.loc[(slice(None), SIGNS), :].groupby("head").mean()
    photos = rows.xs(CIFAR, level="network")
    return (
        "expected calibration error on corrupted images, mean over networks and runs, signs: base classifier "
        f"{signs.loc['feed-forward', 'ece']:.2f}, second stage {signs.loc['cross_entropy', 'ece']:.2f}; CIFAR-10: base "
        f"classifier {photos.loc['feed-forward', 'ece']:.2f}, second stage {photos.loc['cross_entropy', 'ece']:.2f}, "
        f"base classifier with temperature scaling {photos.loc['feed-forward', 'scaled ece']:.2f}"
    )


def introspection_calibrated_evidence() -> Evidence:
    leads = [
        t_estimate(-_run_differences(name, "clean", "feed-forward", "ece"))
        for name in ("introspection_signs", "introspection_cifar")
    ]
    return Evidence(leads, CALIBRATION_MARGIN)


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
        evidence=counterfactual_evidence,
        paper=Setting(
            network="VGG-16",
            data="photographs with two objects",
            training="published weights",
            protocol="examples of single images",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="one sign classifier; ResNet-20, ResNet-56 and SqueezeNet",
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
            "The map is nearly zero if a scene has one sign only, because hardly any region lowers the score of the "
            "predicted class"
        ),
    ),
    Claim(
        id="contrast",
        chapter=2,
        section="2.3",
        source="prabhushankar2020contrastive",
        claim="A contrastive explanation map is better than Grad-CAM at locating the pixels that separate P from Q",
        evidence=contrast_signs_evidence,
        paper=Setting(
            network="not known to us",
            data="photographs, visually similar classes, seismic sections",
            training="not known to us",
            protocol="examples of single images",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers; ResNet-20, ResNet-56 and SqueezeNet",
            data="counterfactual pairs of synthetic signs; pairs of photographs side by side",
            training=OUR_TRAINING,
            protocol=(
                "precision at k on the pixels that differ, with intervals over the pairs of signs and their scenes"
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
        note=(
            "The paper shows examples and makes no quantitative comparison, so the comparison is ours. A map that uses "
            "no network is more precise than the contrast map"
        ),
        merit=True,
    ),
    Claim(
        id="contrast-pixels",
        chapter=2,
        section="2.3",
        source="prabhushankar2020contrastive",
        claim=(
            "The input gradient locates the pixels that separate P from Q better if the contrast is differentiated "
            "rather than the logit"
        ),
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
                "precision at k on the pixels that differ, with intervals over the pairs of signs and their scenes"
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
        note=(
            "The objective is that of the paper, and its application to the pixels is our own extension. The contrast "
            "is better than the input gradient itself, but not better than a map that uses no network, and not "
            "measurably better than occlusion without a contrast"
        ),
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
            "Maps of guided backpropagation hardly change if the last layer is randomized, whereas Grad-CAM maps do "
            "change"
        ),
        evidence=sanity_evidence,
        paper=Setting(
            network="Inception v3 and small networks",
            data="ImageNet, Fashion-MNIST, MNIST",
            training="published weights; from scratch",
            protocol="cascading randomization of the layers, measured by rank correlation and other similarities",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="three sign classifiers, ResNet-20, SqueezeNet",
            data="synthetic signs, CIFAR-10, ImageNet photographs",
            training=OUR_TRAINING,
            protocol="re-initialization of the last layer, measured by the absolute rank correlation",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "protocol",
            "implementation",
        ),
        measured=(sanity,),
        note=(
            "Grad-CAM falls to about the value of two different images, which is high on signs, so the test has little "
            "power there. If all layers are randomized, guided backpropagation changes too"
        ),
    ),
    Claim(
        id="sanity-signed",
        chapter=2,
        section="2.5",
        source="adebayo2018sanity",
        claim=(
            "A map depends on what the network has learned if its signed rank correlation with the original map is "
            "zero on average after the last layer is re-initialized"
        ),
        evidence=sanity_signed_evidence,
        measured=(sanity_signed,),
        note=(
            "The mean is zero by symmetry for every map that is negated together with the weights of the last layer. "
            "The paper reports absolute values as well"
        ),
        identity=True,
    ),
    Claim(
        id="contrast-photographs",
        chapter=2,
        section="2.6",
        source="prabhushankar2020contrastive",
        claim="On two photographs side by side, a contrastive map peaks on the correct one more often than Grad-CAM",
        evidence=contrast_photographs_evidence,
        paper=Setting(
            network="not known to us",
            data="photographs, visually similar classes, seismic sections",
            training="not known to us",
            protocol="examples of single images",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="ResNet-20 and ResNet-56; SqueezeNet",
            data="pairs of CIFAR-10 images and of ImageNet photographs, side by side",
            training="published weights",
            protocol="pointing game, P is the predicted class, paired differences",
            implementation=OWN_CODE,
        ),
        differs=("network", "data", "protocol", "implementation"),
        measured=(contrast_photographs,),
        note="The paper makes no such comparison. Grad-CAM already peaks on the correct photograph in nearly all pairs",
    ),
    Claim(
        id="pointing",
        chapter=2,
        section="2.B",
        source="selvaraju2020gradcam",
        claim="A Grad-CAM map has its peak on the object that is classified",
        evidence=pointing_evidence,
        published=(
            Published(
                READERS_NOTES,
                "accuracy in the pointing game: Grad-CAM 70.58%, contrastive excitation backpropagation 60.30%",
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
        evidence=average_drop_evidence,
        published=(
            Published(
                TRANSCRIPT,
                "average drop (lower is better), ImageNet: Grad-CAM++ 36.84%, Grad-CAM 46.56%; VOC 2007: "
                "Grad-CAM++ 19.53%, Grad-CAM 28.54%; increase in confidence (higher is better), VOC 2007: "
                "Grad-CAM++ 18.96%, Grad-CAM 21.43%",
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
        claim="For wrong predictions, the uncertainty map of an explanation overlaps with the explanation map (VOICE)",
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
        note="The overlap is about as large or larger for correct predictions",
    ),
    Claim(
        id="voice-epistemic",
        chapter=2,
        section="2.C",
        source="prabhushankar2024voice",
        claim="The uncertainty of an explanation behaves like epistemic uncertainty",
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
        differs=("network", "data", "protocol", "implementation"),
        measured=(voice_epistemic,),
        note="We have no measure of epistemic uncertainty that is independent of the method",
    ),
    Claim(
        id="introspection-robust",
        chapter=2,
        section="2.7",
        source="prabhushankar2022introspective",
        claim=(
            "A second classifier trained on contrastive gradients (introspective learning) is more robust on noisy "
            "images"
        ),
        evidence=introspection_robust_evidence,
        published=(Published(ABSTRACT, "4% more robust on noisy data"),),
        paper=INTROSPECTION,
        ours=SECOND_STAGE,
        differs=SETTING_FIELDS,
        measured=(introspection_robust,),
        note=(
            "The gain is below one percentage point. On signs, after training on clean images, the confidence interval "
            "of the difference from each of the two controls that use the features h includes zero"
        ),
    ),
    Claim(
        id="introspection-calibrated",
        chapter=2,
        section="2.D",
        source="prabhushankar2022introspective",
        claim=(
            "A second classifier trained on contrastive gradients (introspective learning) has a lower calibration "
            "error on noisy images"
        ),
        evidence=introspection_calibrated_evidence,
        published=(Published(ABSTRACT, "42% fewer calibration errors on noisy data"),),
        paper=INTROSPECTION,
        ours=SECOND_STAGE,
        differs=SETTING_FIELDS,
        measured=(introspection_calibrated,),
    ),
    Claim(
        id="introspection-one-pass",
        chapter=2,
        section="2.7",
        source="prabhushankar2022introspective",
        claim="All contrast gradients of an image follow from one forward pass, and the network is not changed",
        measured=(introspection_one_pass,),
        note="The claim follows from the closed form of the gradient of the last layer",
        merit=True,
        identity=True,
    ),
)
