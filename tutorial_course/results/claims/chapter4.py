"""Claims of chapter 4: expectancy, with image quality and saliency.

A function named after a claim returns the measured values as text, "condition: method value, method value"; a function
whose name ends in ``_evidence`` returns the intervals that decide the verdict.
"""

import pandas as pd

from tutorial_course.results.claims.rules import (
    AUROC_MARGIN,
    AUTHORS_FILES,
    CHANCE,
    CONFIRMED_IN_PAPER_SETTING,
    CORRELATION_MARGIN,
    INCONCLUSIVE,
    NOT_CONFIRMED_HERE,
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
CODER_HERE = Setting(
    network="the same, with 196 units, three seeds",
    data="synthetic signs and photographs with our own distortions; twenty images of LIVE with human ratings",
    training="8,000 patches of CIFAR-10",
    protocol="the same",
    implementation="ours, from the text and the released code",
)
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


def _measures() -> pd.DataFrame:
    """The rank correlation of each measure with quality, by set of images."""
    return table("image_quality").query("kind == 'measure'").set_index(["set", "measure"]).sort_index()


def _correlation(name: str, measure: str, column: str = "pooled") -> Estimate:
    """The rank correlation of a measure on a set of images, with its interval."""
    return Estimate(*_measures().loc[(name, measure), [column, f"{column} low", f"{column} high"]])


def gradient_quality_rated() -> str:
    pooled = _measures().loc["live", "pooled"]
    return (
        f"rank correlation with ratings of twenty images: gradient distance {pooled['distance']:.2f}, PSNR (without a "
        f"network) {pooled['PSNR']:.2f}, SSIM (without a network) {pooled['SSIM']:.2f}"
    )


def gradient_quality_severity() -> str:
    within = _measures()["within"]
    return (
        "rank correlation with severity within one type of our own distortions, signs: gradient distance "
        f"{within['signs', 'distance']:.2f}, PSNR {within['signs', 'PSNR']:.2f}; photographs: gradient distance "
        f"{within['photographs', 'distance']:.2f}, PSNR {within['photographs', 'PSNR']:.2f}"
    )


def gradient_quality_evidence() -> Evidence:
    pairs = [("live", "pooled"), ("signs", "within"), ("photographs", "within")]
    distance, psnr = ([_correlation(name, m, c) for name, c in pairs] for m in ("distance", "PSNR"))
    return Evidence(distance, CORRELATION_MARGIN, over_control=[a - b for a, b in zip(distance, psnr, strict=True)])


def quality_no_labels() -> str:
    learned = table("image_quality").query("kind == 'set' and set == 'signs'")["to learn from"].item()
    return f"training of the autoencoder: {learned:,.0f} images, no human ratings"


def unique_pooled() -> str:
    signs, photos, live = (_measures().loc[name, "pooled"] for name in SETS)
    return (
        f"rank correlation over all distortions, with severity on signs: UNIQUE {signs['UNIQUE']:.2f}, SSIM "
        f"{signs['SSIM']:.2f}, PSNR {signs['PSNR']:.2f}; with severity on photographs: UNIQUE {photos['UNIQUE']:.2f}, "
        f"SSIM {photos['SSIM']:.2f}, PSNR {photos['PSNR']:.2f}; with human ratings: UNIQUE {live['UNIQUE']:.2f}, SSIM "
        f"{live['SSIM']:.2f}, PSNR {live['PSNR']:.2f}"
    )


def unique_within() -> str:
    within = _measures().loc["signs", "within"]
    return (
        f"rank correlation with severity within one type of distortion, signs: UNIQUE {within['UNIQUE']:.2f}, a coder "
        f"with almost no training {within['UNIQUE, untrained']:.2f}, whitened patches without a coder "
        f"{within['whitened patches']:.2f}"
    )


def unique_evidence() -> Evidence:
    # UNIQUE is competitive with a measure if the correlation of that measure is not higher.
    leads = [_correlation(name, m) - _correlation(name, "UNIQUE") for name in SETS for m in ("SSIM", "PSNR")]
    return Evidence(leads, CORRELATION_MARGIN, claims_lead=False)


def surprisal() -> str:
    signs, photos, live = (_measures().loc[name, "pooled"] for name in SETS)
    return (
        "rank correlation over all distortions, surprisal minus UNIQUE: signs "
        f"{signs['surprisal'] - signs['UNIQUE']:+.2f}, photographs {photos['surprisal'] - photos['UNIQUE']:+.2f}, "
        f"images with human ratings {live['surprisal'] - live['UNIQUE']:+.2f}"
    )


def surprisal_evidence() -> Evidence:
    leads = [_correlation(name, "surprisal") - _correlation(name, "UNIQUE") for name in SETS]
    return Evidence(leads, CORRELATION_MARGIN)


def quality_contrast(gap: float, score: float, bins: float) -> str:
    return (
        f"largest difference between the normalised maps of a single score for two values of Q: {gap:.0e}; share of "
        f"the map's total positive value on the distorted half: single score {score:.2f}, head with quality bins "
        f"{bins:.2f}"
    )


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
        section="4.3",
        source="kwon2019distorted",
        claim=(
            "If the clean image is available, the change that a distortion causes in the gradient of an autoencoder "
            "measures image quality"
        ),
        evidence=gradient_quality_evidence,
        paper=Setting(
            network="an autoencoder of patches, 192-400-192",
            data="MULTI-LIVE, TID2013",
            training="100,000 patches of ImageNet",
            protocol="rank correlation with human ratings over all distortions; linear correlation after the fit",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a convolutional autoencoder, three seeds",
            data="synthetic signs and photographs with our own distortions; twenty images of LIVE with human ratings",
            training="2,000 images, four epochs",
            protocol="rank correlation over all distortions",
            implementation="ours, from the text",
        ),
        differs=(
            "network",
            "data",
            "training",
            "implementation",
        ),
        measured=(
            gradient_quality_rated,
            gradient_quality_severity,
        ),
        note=(
            "Twenty images are too few to distinguish these measures; for our own distortions PSNR has the higher "
            "correlation"
        ),
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
                "rank correlation with human ratings, LIVE: UNIQUE .952, SSIM .949, PSNR .909; TID2013: UNIQUE "
                ".860, SSIM .741, PSNR .700",
            ),
        ),
        paper=Setting(
            network="a sparse coder of patches with a linear decoder, 400 units",
            data="LIVE, MULTI-LIVE, TID2013",
            training="100,000 patches of ImageNet",
            protocol="rank correlation with human ratings over all distortions",
            implementation="the authors' code",
        ),
        ours=CODER_HERE,
        differs=(
            "network",
            "data",
            "training",
            "implementation",
        ),
        measured=(
            unique_pooled,
            unique_within,
        ),
        note="Within one type of distortion, a coder with almost no training does nearly as well",
    ),
    Claim(
        id="surprisal",
        chapter=4,
        section="4.D",
        source="prabhushankar2023surprisal",
        claim="Stochastic surprisal measures image quality better than UNIQUE does",
        evidence=surprisal_evidence,
        paper=Setting(
            network="the coder of UNIQUE",
            data="MULTI-LIVE, TID2013",
            training="100,000 patches of ImageNet",
            protocol="rank correlation with human ratings over all distortions",
            implementation="the authors' code",
        ),
        ours=CODER_HERE,
        differs=(
            "network",
            "data",
            "training",
            "implementation",
        ),
        measured=(surprisal,),
        note="Twenty images with human ratings are too few to decide so small a difference",
    ),
    Claim(
        id="quality-contrast",
        chapter=4,
        section="4.4",
        source="prabhushankar2020contrastive",
        claim="A contrastive explanation map answers the question “Why this quality score, rather than Q?”",
        stated=NOT_CONFIRMED_HERE,
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
            protocol="the whole image; share of the map's total positive value on the distorted half",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(quality_contrast,),
        note=(
            "A map for a single score from one forward pass depends on Q only by a positive or negative factor, which "
            "is a mathematical identity; with a head for quality bins the map does depend on Q"
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
