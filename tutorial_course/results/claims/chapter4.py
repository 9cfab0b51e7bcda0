"""Claims of chapter 4: expectancy, with image quality and saliency.

A function named after a claim returns the measured values as text, "condition: method value, method value"; a function
whose name ends in ``_evidence`` returns the intervals that decide the verdict.
"""

import pandas as pd

from tutorial_course.results.claims.rules import (
    ABSTRACT,
    AUROC_MARGIN,
    AUTHORS_FILES,
    CHANCE,
    CORRELATION_MARGIN,
    NSS_MARGIN,
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
AUC, NSS, SHUFFLED_AUC = (  # estimates with their intervals
    [name, f"{name}, low", f"{name}, high"] for name in ("auc", "nss", "shuffled auc")
)
SALIENCY_DATA = {"osie": "OSIE", "scene500": "Scene500"}
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
    data="150 of the 700 photographs of OSIE, 25 of them for choosing the layer; 29 of the 500 of Scene500",
    training="published ImageNet weights",
    protocol="all maps with the same blur, alone and multiplied by the same center prior",
    implementation="ours, from our reading of the method",
)
SALIENCY_DIFFERENCES = ("network", "data", "protocol", "implementation")


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


def _eyes(data: str = "osie") -> pd.DataFrame:
    """The agreement of each map with the fixations of a data set, with and without the center prior."""
    return table("saliency").query("kind == 'fixations' and data == @data").set_index(["map", "prior"])


def _differences(method: str, reference: str, metric: list[str]) -> list[Estimate]:
    """The difference of two maps without the center prior on each data set; the intervals are not paired."""
    eyes = [_eyes(data) for data in SALIENCY_DATA]
    return [Estimate(*e.loc[(method, False), metric]) - Estimate(*e.loc[(reference, False), metric]) for e in eyes]


def _by_data(metric: str, names: dict[str, tuple[str, bool]]) -> str:
    """A metric of several maps on both data sets as text."""
    parts = []
    for data, title in SALIENCY_DATA.items():
        values = _eyes(data)[metric]
        parts.append(f"{title}: " + ", ".join(f"{name} {values[key]:.2f}" for name, key in names.items()))
    return "; ".join(parts)


def implicit() -> str:
    people = table("saliency").query("kind == 'viewers'").set_index("data")["auc"]
    names = {
        "implicit saliency": ("implicit", False),
        "gradient times activation": ("implicit product", False),
        "center prior": ("center prior", True),
        "magnitude of the activation": ("activation", False),
    }
    viewers = ", ".join(f"{people[data]:.2f} ({title})" for data, title in SALIENCY_DATA.items())
    return f"AUC for human fixations, {_by_data('auc', names)}; one viewer predicted from the others {viewers}"


def implicit_evidence() -> Evidence:
    leads = [Estimate(*_eyes(data).loc[("implicit", False), AUC]) - CHANCE for data in SALIENCY_DATA]
    return Evidence(leads, AUROC_MARGIN, over_control=_differences("implicit", "activation", AUC))


def implicit_supervised() -> str:
    names = {
        "implicit saliency": ("implicit", False),
        "gradient times activation": ("implicit product", False),
        "linear readout trained on fixations": ("readout", False),
    }
    return f"normalized scanpath saliency (NSS), {_by_data('nss', names)}"


def implicit_supervised_evidence() -> Evidence:
    return Evidence(_differences("readout", "implicit", NSS), NSS_MARGIN, claims_lead=False)


def _noisy() -> pd.DataFrame:
    """The agreement of each map with fixations under the strongest noise, by what is under the noise."""
    rows = table("saliency").query("kind == 'noise' and prior == False and sd == sd.max()")
    return rows.set_index(["map", "under the noise"]).sort_index()


def implicit_noise() -> str:
    auc = _noisy()["shuffled auc"]
    names = {
        "implicit": "implicit saliency",
        "implicit product": "gradient times activation",
        "readout": "linear readout trained on fixations",
        "activation, same layer": "magnitude of the activation",
        "spectral residual": "spectral residual",
    }
    return "shuffled AUC under strong noise, with the photograph and with noise alone: " + ", ".join(
        f"{title} {auc[name, 'photograph']:.2f} and {auc[name, 'nothing']:.2f}" for name, title in names.items()
    )


def implicit_noise_evidence() -> Evidence:
    implicit, readout = (
        Estimate(*_noisy().loc[(name, "photograph"), SHUFFLED_AUC]) for name in ("implicit", "readout")
    )
    return Evidence([implicit - readout], AUROC_MARGIN)


def _layers(form: str) -> pd.DataFrame:
    """The agreement of the maps of each layer of SqueezeNet with fixations."""
    return table("saliency").query("kind == 'layer' and form == @form and prior == False").set_index("layer")


def implicit_semantic() -> str:
    gradient, maps = (_layers(form)["nss"] for form in ("implicit", "activation"))
    layers = (1, 4, 6, 9, 11)
    return (
        f"normalized scanpath saliency of the layers {', '.join(map(str, layers))} of SqueezeNet: implicit saliency "
        f"{', '.join(f'{gradient[layer]:.2f}' for layer in layers)}; magnitude of the activation "
        f"{', '.join(f'{maps[layer]:.2f}' for layer in layers)}"
    )


def implicit_semantic_evidence() -> Evidence:
    # Two late layers against two early ones. The last layer is left out, because its gradient is the same everywhere.
    rows = _layers("implicit")
    pairs = [(9, 1), (11, 4)]
    return Evidence(
        [Estimate(*rows.loc[late, NSS]) - Estimate(*rows.loc[early, NSS]) for late, early in pairs], NSS_MARGIN
    )


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
        differs=SALIENCY_DIFFERENCES,
        measured=(implicit,),
        note=(
            "The magnitude of the activation of a later layer, which needs no gradient, does as well; our variant, the "
            "gradient times the activation, has a higher AUC"
        ),
    ),
    Claim(
        id="implicit-supervised",
        chapter=4,
        section="4.5",
        source="sun2020implicit",
        claim="Implicit saliency predicts where people look as well as networks that were trained on gaze data",
        evidence=implicit_supervised_evidence,
        published=(
            Published(
                ABSTRACT,
                "DeepGaze IIE, a network trained on gaze data, on MIT300: AUC 88.3 %, shuffled AUC 79.4 %, correlation "
                "82.4 %",
                source="linardos2021deepgaze",
            ),
            Published(
                ABSTRACT,
                "UNISAL, trained on images and videos: on par with the state of the art for images with a 5 to 20 "
                "times smaller network",
                source="droste2020unisal",
            ),
        ),
        paper=SALIENCY,
        ours=SALIENCY_HERE,
        differs=SALIENCY_DIFFERENCES,
        measured=(implicit_supervised,),
        note=(
            "The supervised baseline is a linear readout of four layers of the same network, which was trained on "
            "other photographs of OSIE"
        ),
    ),
    Claim(
        id="implicit-noise",
        chapter=4,
        section="4.E",
        source="sun2020implicit",
        claim="Under strong noise, implicit saliency is more robust than networks that were trained on gaze data",
        evidence=implicit_noise_evidence,
        paper=SALIENCY,
        ours=SALIENCY_HERE,
        differs=SALIENCY_DIFFERENCES,
        measured=(implicit_noise,),
        note="Most of the NSS that the gradient keeps under noise is there without a photograph as well",
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
        differs=SALIENCY_DIFFERENCES,
        measured=(implicit_semantic,),
        note=(
            "One late layer agrees better with fixations than an early one, and the other one does not; a middle layer "
            "is best for the gradient"
        ),
    ),
)
