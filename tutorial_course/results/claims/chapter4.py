"""Claims of chapter 4: expectancy: image quality and saliency.

A function named after a claim returns what was measured, as a sentence; a function whose name ends in ``_evidence``
returns the intervals that decide the verdict.
"""

import pandas as pd

from tutorial_course.results.claims.rules import (
    AUROC_MARGIN,
    AUTHORS_FILES,
    CHANCE,
    CONFIRMED_IN_PAPER_SETTING,
    CORRELATION_MARGIN,
    NOT_CONFIRMED_HERE,
    NOT_TESTED_FAIRLY,
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
    network="the same with 196 units, three seeds",
    data="drawn signs and photographs damaged by us; twenty rated pictures of LIVE",
    training="8,000 patches of CIFAR-10",
    protocol="the same",
    implementation="ours, from the text and the released code",
)
SALIENCY = Setting(
    network="not known to us",
    data="photographs with fixations",
    training="ImageNet weights",
    protocol="maps against fixations",
    implementation="not known to us",
)
SALIENCY_HERE = Setting(
    network="SqueezeNet, a small one",
    data="150 of the 700 photographs of OSIE, 25 of them for the choice of the layer",
    training="published ImageNet weights",
    protocol="all maps under one blur, alone and with one prior of the centre",
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
        f"twenty rated pictures: {pooled['distance']:.2f}; PSNR, which asks no network, {pooled['PSNR']:.2f}, SSIM "
        f"{pooled['SSIM']:.2f}"
    )


def gradient_quality_severity() -> str:
    within = _measures()["within"]
    return (
        f"severities of our own, within one kind of damage: signs {within['signs', 'distance']:.2f}, photographs "
        f"{within['photographs', 'distance']:.2f}; PSNR {within['signs', 'PSNR']:.2f}, "
        f"{within['photographs', 'PSNR']:.2f}"
    )


def gradient_quality_evidence() -> Evidence:
    pairs = [("live", "pooled"), ("signs", "within"), ("photographs", "within")]
    distance, psnr = ([_correlation(name, m, c) for name, c in pairs] for m in ("distance", "PSNR"))
    return Evidence(distance, CORRELATION_MARGIN, over_control=[a - b for a, b in zip(distance, psnr, strict=True)])


def quality_no_labels() -> str:
    learned = table("image_quality").query("kind == 'set' and set == 'signs'")["to learn from"].item()
    return f"the autoencoder learned from {learned:,.0f} pictures, and from nobody's opinion"


def unique_pooled() -> str:
    signs, photos, live = (_measures().loc[name, "pooled"] for name in SETS)
    return (
        f"pooled, signs {signs['UNIQUE']:.2f} (SSIM {signs['SSIM']:.2f}, PSNR {signs['PSNR']:.2f}), photographs "
        f"{photos['UNIQUE']:.2f} ({photos['SSIM']:.2f}, {photos['PSNR']:.2f}), rated pictures {live['UNIQUE']:.2f} "
        f"({live['SSIM']:.2f}, {live['PSNR']:.2f})"
    )


def unique_within() -> str:
    within = _measures().loc["signs", "within"]
    return (
        f"within one kind of damage, signs {within['UNIQUE']:.2f}; a coder hardly trained "
        f"{within['UNIQUE, untrained']:.2f}, no coder at all {within['whitened patches']:.2f}"
    )


def unique_evidence() -> Evidence:
    # UNIQUE competes with a measure that is not ahead of it.
    leads = [_correlation(name, m) - _correlation(name, "UNIQUE") for name in SETS for m in ("SSIM", "PSNR")]
    return Evidence(leads, CORRELATION_MARGIN, claims_lead=False)


def surprisal() -> str:
    signs, photos, live = (_measures().loc[name, "pooled"] for name in SETS)
    return (
        f"over UNIQUE, pooled: signs {signs['surprisal'] - signs['UNIQUE']:+.2f}, photographs "
        f"{photos['surprisal'] - photos['UNIQUE']:+.2f}, rated pictures {live['surprisal'] - live['UNIQUE']:+.2f}"
    )


def surprisal_evidence() -> Evidence:
    leads = [_correlation(name, "surprisal") - _correlation(name, "UNIQUE") for name in SETS]
    return Evidence(leads, CORRELATION_MARGIN)


def quality_contrast(gap: float, score: float, bins: float) -> str:
    return (
        f"two values of Q give one map, to {gap:.0e}; share on the damaged half: the score {score:.2f}, a head of bins "
        f"{bins:.2f}"
    )


def _eyes() -> pd.DataFrame:
    """The agreement of each map with fixations, with and without the prior of the centre."""
    return table("saliency").query("kind == 'eyes'").set_index(["map", "prior"])


def implicit() -> str:
    auc = _eyes()["auc"]
    people = table("saliency").query("kind == 'people'")["auc"].item()
    return (
        f"area under the curve: implicit {auc['implicit', False]:.2f}, times the activation "
        f"{auc['implicit product', False]:.2f}; a blob in the centre {auc['centre prior', True]:.2f}, the size of a "
        f"layer's maps {auc['activation', False]:.2f}, other people {people:.2f}"
    )


def implicit_evidence() -> Evidence:
    method, control = (Estimate(*_eyes().loc[(name, False), AUC]) for name in ("implicit", "activation"))
    return Evidence([method - CHANCE], AUROC_MARGIN, over_control=[method - control])


def implicit_noise() -> str:
    rows = table("saliency").query("kind == 'noise' and prior == False")
    nss = rows.pivot(index="map", columns="sd", values="nss")[[0.0, 0.4]]
    clean_and_noisy = {name: f"{clean:.2f}, {noisy:.2f}" for name, clean, noisy in nss.itertuples()}
    return (
        f"normalised scanpath saliency without and under the strongest noise: implicit {clean_and_noisy['implicit']}; "
        f"times the activation {clean_and_noisy['implicit product']}; size of maps {clean_and_noisy['activation']}; "
        f"spectral residual {clean_and_noisy['spectral residual']}"
    )


def _layers(form: str) -> pd.DataFrame:
    """The agreement of the maps of each layer of SqueezeNet with fixations."""
    return table("saliency").query("kind == 'layer' and form == @form and prior == False").set_index("layer")


def implicit_semantic() -> str:
    gradient, maps = (_layers(form)["nss"] for form in ("implicit", "activation"))
    return (
        f"normalised scanpath saliency at an early, a middle and the last layer: implicit {gradient[1]:.2f}, "
        f"{gradient[6]:.2f}, {gradient[12]:.2f}; size of the maps {maps[1]:.2f}, {maps[6]:.2f}, {maps[12]:.2f}"
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
        claim="The change that damage asks of an autoencoder tells quality, with the clean picture beside it",
        evidence=gradient_quality_evidence,
        paper=Setting(
            network="a decoder of patches, 192-400-192",
            data="MULTI-LIVE, TID2013",
            training="100,000 patches of ImageNet",
            protocol="rank correlation with opinions, pooled; linear correlation after the fit",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a convolutional autoencoder, three seeds",
            data="drawn signs and photographs damaged by us; twenty rated pictures of LIVE",
            training="2,000 pictures, four epochs",
            protocol="rank correlation, pooled",
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
        note="twenty pictures cannot tell these measures apart; on our own damage PSNR is ahead",
    ),
    Claim(
        id="quality-no-labels",
        chapter=4,
        section="4.3",
        source="kwon2019distorted",
        claim="… and needs no label, no opinion, and a backward pass for each picture",
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(quality_no_labels,),
        note="by construction",
        merit=True,
        identity=True,
    ),
    Claim(
        id="unique",
        chapter=4,
        section="4.B",
        source="temel2016unique",
        claim="A sparse coder that saw no opinion competes with measures made by hand (UNIQUE)",
        evidence=unique_evidence,
        published=(
            Published(AUTHORS_FILES, "rank correlation, LIVE: .952, SSIM .949, PSNR .909; TID2013: .860, .741, .700"),
        ),
        paper=Setting(
            network="a linear coder of patches, 400 units",
            data="LIVE, MULTI-LIVE, TID2013",
            training="100,000 patches of ImageNet",
            protocol="rank correlation with opinions, pooled",
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
        note="within one kind of damage a coder hardly trained does nearly as well",
    ),
    Claim(
        id="surprisal",
        chapter=4,
        section="4.D",
        source="prabhushankar2023surprisal",
        claim="Stochastic surprisal improves on UNIQUE",
        evidence=surprisal_evidence,
        paper=Setting(
            network="the coder of UNIQUE",
            data="MULTI-LIVE, TID2013",
            training="100,000 patches of ImageNet",
            protocol="rank correlation with opinions, pooled",
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
        note="twenty rated pictures cannot decide so small a difference",
    ),
    Claim(
        id="quality-contrast",
        chapter=4,
        section="4.4",
        source="prabhushankar2020contrastive",
        claim="A contrast answers *why this score, rather than Q?*",
        stated=NOT_CONFIRMED_HERE,
        paper=Setting(
            network="a full-reference quality network",
            data="distorted photographs",
            training="not known to us",
            protocol="patches of 32 pixels, single pictures shown",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a blind quality network, a score and a head of bins",
            data="drawn scenes, one half damaged",
            training="on severities of our own",
            protocol="the whole picture; mass on the damaged half",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(quality_contrast,),
        note="an identity, for one number from one pass; with a head of bins the contrast is seen",
    ),
    Claim(
        id="implicit",
        chapter=4,
        section="4.5",
        source="sun2020implicit",
        claim="A network that never saw an eye foretells where people look (implicit saliency)",
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
        note="the size of a layer's maps needs no gradient; times the activation, a variant of ours, is ahead of it",
    ),
    Claim(
        id="implicit-taught",
        chapter=4,
        section="4.E",
        source="sun2020implicit",
        claim="… as well as networks that were taught with eyes",
        stated=OPEN,
    ),
    Claim(
        id="implicit-noise",
        chapter=4,
        section="4.E",
        source="sun2020implicit",
        claim="… and holds better under strong noise than those",
        stated=NOT_TESTED_FAIRLY,
        paper=SALIENCY,
        ours=SALIENCY_HERE,
        measured=(implicit_noise,),
        note="it holds where the size of maps falls to nothing; rivals taught with eyes are missing",
    ),
    Claim(
        id="implicit-semantic",
        chapter=4,
        section="4.E",
        source="sun2020implicit",
        claim="Semantic features matter more than low ones",
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
        note="for the gradient the middle layers are best; for the size of the maps the later ones are",
    ),
)
