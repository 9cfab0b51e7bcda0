"""Claims of chapter 4: expectancy, with image quality and saliency.

A function named after a claim returns the measured values as text, "condition: method value, method value"; a function
whose name ends in ``_evidence`` returns the intervals that decide the verdict.
"""

from dataclasses import replace

import pandas as pd

from tutorial_course.results.claims.rules import (
    AUROC_MARGIN,
    AUTHORS_FILES,
    CHANCE,
    CONFIRMED_IN_PAPER_SETTING,
    CORRELATION_MARGIN,
    INCONCLUSIVE,
    NSS_MARGIN,
    OPEN,
    OWN_CODE,
    SETTING_FIELDS,
    Claim,
    Estimate,
    Evidence,
    Published,
    Setting,
    table,
)

SETS = ("signs", "photographs", "live")
AUC, NSS = ([name, f"{name}, low", f"{name}, high"] for name in ("auc", "nss"))  # estimates with their intervals
CODER_PAPER = Setting(
    network="a sparse coder of patches with a linear decoder, 400 units",
    data="MULTI-LIVE, TID2013",
    training="100,000 patches of ImageNet",
    protocol="rank correlation with human ratings over all distortions",
    implementation="the authors' code",
)
CODER_HERE = Setting(
    network="the authors' coder with its published weights; our coder with 196 units",
    data="157 images of LIVE with human ratings; synthetic signs and photographs with our own distortions",
    training="published weights; 8,000 patches of synthetic signs or of CIFAR-10",
    protocol="the same",
    implementation="ours, from the released code",
)
# Data set -> suffix of the measure that uses the published weights; our own coder is used for the synthetic signs.
CODERS = {"live": ", authors' weights", "photographs": ", authors' weights", "signs": ""}
SHARE_MARGIN = 0.05  # a difference of the share of a map that does not matter
SALIENCY = Setting(
    network="not known to us",
    data="photographs with human fixations",
    training="ImageNet weights",
    protocol="saliency maps compared with fixations",
    implementation="not known to us",
)
SALIENCY_HERE = Setting(
    network="SqueezeNet, a small network",
    data="150 of the 700 photographs of OSIE, 25 of them for choosing the layer",
    training="published ImageNet weights",
    protocol="all maps with the same blur, alone and multiplied by the same centre prior",
    implementation="ours, from our reading of the method",
)


def _quality_rows(kind: str) -> pd.DataFrame:
    """The rows of measures or of paired differences, for networks with the full training."""
    rows = table("image_quality")
    return rows[(rows["kind"] == kind) & (rows["training"] == 1.0)]


def _correlation(name: str, measure: str) -> float:
    """The rank correlation of a measure over all distortions of a set of images."""
    return float(_quality_rows("measure").set_index(["set", "measure"]).sort_index().loc[(name, measure), "pooled"])


def _quality_lead(name: str, measure: str, baseline: str) -> Estimate:
    """The paired difference of two rank correlations over all distortions, with its interval over references."""
    rows = _quality_rows("difference").set_index(["set", "measure", "baseline"]).sort_index()
    return Estimate(*map(float, rows.loc[(name, measure, baseline), ["pooled", "pooled low", "pooled high"]]))


def _correlations(name: str, measures: dict[str, str]) -> str:
    """The rank correlations of measures on a set of images, as text."""
    return ", ".join(f"{title} {_correlation(name, measure):.3f}" for measure, title in measures.items())


def _gradient_leads() -> list[Estimate]:
    """The lead of the gradients over the activations of the same coder on each set of images."""
    return [_quality_lead(name, f"surprisal{coder}", f"UNIQUE{coder}") for name, coder in CODERS.items()]


def gradient_quality_ratings() -> str:
    measures = {"surprisal, authors' weights": "gradients", "UNIQUE, authors' weights": "activations"}
    texts = [_correlations(name, measures | {"PSNR, luma": "PSNR of luma"}) for name in ("live", "photographs")]
    return (
        f"rank correlation with human ratings, published weights: {texts[0]}; with severity on photographs: {texts[1]}"
    )


def gradient_quality_evidence() -> Evidence:
    return Evidence(_gradient_leads(), CORRELATION_MARGIN)


def gradient_distance() -> str:
    measures = {
        "distance": "gradient distance",
        "PSNR, luma": "PSNR of luma",
        "PSNR": "PSNR of colors",
        "HaarPSI": "HaarPSI",
    }
    texts = {name: _correlations(name, measures) for name in SETS}
    return (
        f"rank correlation over all distortions, human ratings: {texts['live']}; severity on signs: {texts['signs']}; "
        f"severity on photographs: {texts['photographs']}"
    )


def gradient_distance_evidence() -> Evidence:
    leads, over_haarpsi = ([_quality_lead(name, "distance", b) for name in SETS] for b in ("PSNR", "HaarPSI"))
    return Evidence(leads, CORRELATION_MARGIN, over_control=over_haarpsi)


def quality_no_labels() -> str:
    row = table("train_sign_networks").query("network == 'signs/autoencoder'").iloc[0]
    return f"training of the autoencoder: {row['images']:,.0f} images, no human ratings"


def unique_pooled() -> str:
    rivals = {"SSIM, downsampled": "SSIM", "PSNR, luma": "PSNR of luma", "HaarPSI": "HaarPSI"}
    texts = [_correlations(name, {f"UNIQUE{coder}": "UNIQUE", **rivals}) for name, coder in CODERS.items()]
    return (
        f"rank correlation over all distortions, human ratings: {texts[0]}; severity on photographs: {texts[1]}; "
        f"severity on signs: {texts[2]}"
    )


def unique_controls() -> str:
    controls = {"UNIQUE": "our coder", "UNIQUE, untrained": "after one step", "whitened patches": "no coder"}
    signs, photographs = (_correlations(name, controls) for name in ("signs", "photographs"))
    return (
        f"rank correlation over all distortions without the published weights, severity on signs: {signs}; severity on "
        f"photographs: {photographs}"
    )


def unique_evidence() -> Evidence:
    # UNIQUE is competitive with a measure if the correlation of that measure is not higher.
    leads = []
    for name, coder in CODERS.items():
        for rival in ("SSIM, downsampled", "PSNR, luma"):
            lead = _quality_lead(name, f"UNIQUE{coder}", rival)
            leads.append(Estimate(-lead.value, -lead.high, -lead.low))
    control = [_quality_lead(name, "UNIQUE", "whitened patches") for name in ("signs", "photographs")]
    return Evidence(leads, CORRELATION_MARGIN, claims_lead=False, over_control=control)


def surprisal() -> str:
    titles = ("human ratings of LIVE", "severity on photographs", "severity on signs")
    texts = [f"{title} {lead.value:+.3f}" for title, lead in zip(titles, _gradient_leads(), strict=True)]
    return f"rank correlation over all distortions, surprisal minus UNIQUE of the same coder: {', '.join(texts)}"


def _shares(name: str, column: str = "share") -> Estimate:
    """The share of a map on the distorted half, or its lead over the expected score, with its interval over scenes."""
    rows = table("image_quality").query("kind == 'contrast'").set_index("map")
    return Estimate(*map(float, rows.loc[name, [column, f"{column} low", f"{column} high"]]))


def quality_contrast(gap: float, score: float, bins: float) -> str:
    return (
        f"largest difference between the normalized maps of a single score for two values of Q: {gap:.0e}; share of "
        f"the map's total positive value on the distorted half: single score {score:.2f}, head with quality bins "
        f"{bins:.2f}"
    )


def quality_contrast_control() -> str:
    names = {
        "bins, rather than the best": "contrast of two bins",
        "expected score, Q = 1": "expected score of the bins, a single number",
        "logit of the worst bin": "logit of the worst bin without a contrast",
        "score of patches, Q = 0.6": "single score of each patch for Q = 0.6",
        "score of patches, Q = 0.3": "single score of each patch for Q = 0.3",
    }
    shares = ", ".join(f"{title} {_shares(name).value:.2f}" for name, title in names.items())
    return f"share of the map's total positive value on the distorted half: {shares}"


def quality_contrast_evidence() -> Evidence:
    contrasts = ("score, Q = 1", "bins, rather than the best", "score of patches, Q = 0.6")
    leads = [_shares(name) - CHANCE for name in contrasts]  # a map that ignores the image has a share of one half
    control = [_shares(name, "lead over the expected score") for name in contrasts]
    return Evidence(leads, SHARE_MARGIN, over_control=control)


def _eyes() -> pd.DataFrame:
    """The agreement of each map with fixations, with and without the centre prior."""
    return table("saliency").query("kind == 'fixations'").set_index(["map", "prior"])


def implicit() -> str:
    auc = _eyes()["auc"]
    people = table("saliency").query("kind == 'viewers'")["auc"].item()
    return (
        f"AUC of predicting human fixations: implicit saliency {auc['implicit', False]:.2f}, gradient times activation "
        f"{auc['implicit product', False]:.2f}, centre prior {auc['centre prior', True]:.2f}, magnitude of the "
        f"activation {auc['activation', False]:.2f}, other viewers {people:.2f}"
    )


def implicit_evidence() -> Evidence:
    method, control = (Estimate(*_eyes().loc[(name, False), AUC]) for name in ("implicit", "activation"))
    return Evidence([method - CHANCE], AUROC_MARGIN, over_control=[method - control])


def implicit_noise() -> str:
    rows = table("saliency").query("kind == 'noise' and prior == False")
    nss = rows.pivot(index="map", columns="sd", values="nss")[[0.0, 0.4]]
    clean_and_noisy = {name: f"{clean:.2f} → {noisy:.2f}" for name, clean, noisy in nss.itertuples()}
    return (
        "normalised scanpath saliency, without noise → with the strongest noise: implicit saliency "
        f"{clean_and_noisy['implicit']}, gradient times activation {clean_and_noisy['implicit product']}, magnitude of "
        f"the activation {clean_and_noisy['activation']}, spectral residual {clean_and_noisy['spectral residual']}"
    )


def _layers(form: str) -> pd.DataFrame:
    """The agreement of the maps of each layer of SqueezeNet with fixations."""
    return table("saliency").query("kind == 'layer' and form == @form and prior == False").set_index("layer")


def implicit_semantic() -> str:
    gradient, maps = (_layers(form)["nss"] for form in ("implicit", "activation"))
    return (
        f"normalised scanpath saliency at an early, a middle and the last layer: implicit saliency {gradient[1]:.2f}, "
        f"{gradient[6]:.2f}, {gradient[12]:.2f}; magnitude of the activation {maps[1]:.2f}, {maps[6]:.2f}, "
        f"{maps[12]:.2f}"
    )


def implicit_semantic_evidence() -> Evidence:
    early, late = (Estimate(*_layers("implicit").loc[layer, NSS]) for layer in (1, 12))
    return Evidence([late - early], NSS_MARGIN)


CLAIMS = (
    Claim(
        id="gradient-quality",
        chapter=4,
        section="4.D",
        source="kwon2019distorted",
        claim="Gradients of a sparse coder measure image quality better than the activations of the same coder",
        evidence=gradient_quality_evidence,
        published=(
            Published(
                AUTHORS_FILES,
                "rank correlation with human ratings, read from the bars of the poster, MULTI-LIVE: gradients .887, "
                "activations (UNIQUE) .867; TID2013: gradients .865, activations .860",
            ),
        ),
        paper=CODER_PAPER,
        ours=CODER_HERE,
        differs=("data", "training"),
        measured=(gradient_quality_ratings,),
        note="The published difference is smaller than the margin below which we regard two measures as equal",
        merit=True,
    ),
    Claim(
        id="gradient-distance",
        chapter=4,
        section="4.3",
        source="kwon2019distorted",
        claim=(
            "The distance between the gradients of an autoencoder for an image and for its reference, which is our "
            "simplification of the paper's idea, measures image quality better than PSNR"
        ),
        evidence=gradient_distance_evidence,
        paper=CODER_PAPER,
        ours=Setting(
            network="a convolutional autoencoder",
            data="157 images of LIVE with human ratings; synthetic signs and photographs with our own distortions",
            training="10,000 synthetic signs in twelve epochs; CIFAR-10 with as many images in total",
            protocol="rank correlation over all distortions",
            implementation="our own definition",
        ),
        differs=("network", "data", "training", "implementation"),
        measured=(gradient_distance,),
        note="The control is HaarPSI, which needs neither a network nor a gradient",
        merit=True,
    ),
    Claim(
        id="quality-no-labels",
        chapter=4,
        section="4.3",
        source="kwon2019distorted",
        claim=(
            "The gradient-based quality measure needs no labels and no human ratings, and it costs one backward pass "
            "per image"
        ),
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(quality_no_labels,),
        note="This follows from the definition of the measure, because the reconstruction loss needs only images",
        merit=True,
        identity=True,
    ),
    Claim(
        id="unique",
        chapter=4,
        section="4.B",
        source="temel2016unique",
        claim="A sparse coder trained without human ratings (UNIQUE) is competitive with hand-crafted quality measures",
        evidence=unique_evidence,
        published=(
            Published(
                AUTHORS_FILES,
                "rank correlation with human ratings, LIVE: UNIQUE .952, SSIM .949 (not significantly different), "
                "PSNR .909, IW-SSIM .960, FSIMc .959; MULTI-LIVE: IW-SSIM .883; TID2013: UNIQUE .860, FSIMc .851, SSIM "
                ".741, PSNR .700",
            ),
        ),
        paper=replace(CODER_PAPER, data="LIVE, MULTI-LIVE, TID2013"),
        ours=CODER_HERE,
        differs=("data", "training"),
        measured=(unique_pooled, unique_controls),
        note="Whitened patches, which need no coder, are the control",
    ),
    Claim(
        id="surprisal",
        chapter=4,
        section="4.D",
        source="prabhushankar2023surprisal",
        claim="Stochastic surprisal measures image quality better than UNIQUE does",
        evidence=gradient_quality_evidence,
        published=(
            Published(
                AUTHORS_FILES,
                "rank correlation with human ratings, read from the bars of the poster, MULTI-LIVE: gradients .887, "
                "activations (UNIQUE) .867; TID2013: gradients .865, activations .860",
                source="kwon2019distorted",
            ),
        ),
        paper=CODER_PAPER,
        ours=CODER_HERE,
        differs=("data", "training"),
        measured=(surprisal,),
        note="The released code is that of Kwon et al. (2019), and therefore the evidence is the same",
        merit=True,
    ),
    Claim(
        id="quality-contrast",
        chapter=4,
        section="4.4",
        source="prabhushankar2020contrastive",
        claim="A contrastive explanation map answers the question “Why this quality score, rather than Q?”",
        evidence=quality_contrast_evidence,
        paper=Setting(
            network="a full-reference quality network",
            data="distorted photographs",
            training="not known to us",
            protocol="patches with a side of 32 pixels, examples of single images",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a no-reference quality network, with one head for the score and one for quality bins",
            data="synthetic scenes, one half of each distorted",
            training="on the severities of our own distortions",
            protocol=(
                "the whole image and patches with a side of 24 pixels; share of the map's total positive value on the "
                "distorted half"
            ),
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(quality_contrast, quality_contrast_control),
        note=(
            "The map of a single score from one forward pass depends on Q only by a factor. The control is the "
            "expected score of the bins, which is a single number"
        ),
    ),
    Claim(
        id="implicit",
        chapter=4,
        section="4.5",
        source="sun2020implicit",
        claim="A network that was never trained on gaze data predicts where people look (implicit saliency)",
        evidence=implicit_evidence,
        paper=SALIENCY,
        ours=SALIENCY_HERE,
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(implicit,),
        note=(
            "The magnitude of a layer's activation does as well and needs no gradient; our variant, the gradient "
            "times the activation, has a higher AUC"
        ),
    ),
    Claim(
        id="implicit-taught",
        chapter=4,
        section="4.E",
        source="sun2020implicit",
        claim="Implicit saliency predicts where people look as well as networks that were trained on gaze data",
        stated=OPEN,
    ),
    Claim(
        id="implicit-noise",
        chapter=4,
        section="4.E",
        source="sun2020implicit",
        claim="Under strong noise, implicit saliency is more robust than networks that were trained on gaze data",
        stated=INCONCLUSIVE,
        paper=SALIENCY,
        ours=SALIENCY_HERE,
        measured=(implicit_noise,),
        note=(
            "Implicit saliency stays above chance level where the magnitude of the activation does not, but we have "
            "no network trained on gaze data for comparison"
        ),
    ),
    Claim(
        id="implicit-semantic",
        chapter=4,
        section="4.E",
        source="sun2020implicit",
        claim="Semantic features matter more for saliency than low-level features",
        evidence=implicit_semantic_evidence,
        paper=SALIENCY,
        ours=SALIENCY_HERE,
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(implicit_semantic,),
        note=(
            "For the gradient the middle layers are best; for the magnitude of the activation the later layers are best"
        ),
    ),
)
