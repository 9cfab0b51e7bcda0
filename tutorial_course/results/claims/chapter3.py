"""Claims of chapter 3: uncertainty, anomalies and attacks.

A function named after a claim returns the measured values as text, "condition: method value, method value"; a function
whose name ends in ``_evidence`` returns the intervals that decide the verdict.
"""

import pandas as pd

from tutorial_course.results.claims.rules import (
    ABSTRACT,
    AUROC,
    AUROC_MARGIN,
    AUTHORS_FILES,
    CIFAR,
    CONFIRMED_HERE,
    CONTROL_AS_GOOD,
    INCONCLUSIVE,
    NOT_CHECKED,
    NOT_CONFIRMED_HERE,
    OUR_DATA,
    OUR_NETWORKS,
    OUR_TRAINING,
    OWN_CODE,
    SETTING_FIELDS,
    SIGNS,
    THIRD_PARTY,
    TRANSCRIPT,
    Claim,
    Estimate,
    Evidence,
    Published,
    Setting,
    table,
)

GRADNORM_HERE = Setting(
    network=OUR_NETWORKS,
    data="synthetic signs and CIFAR-10 against far-OOD images",
    training=OUR_TRAINING,
    protocol="mean AUROC over OOD data sets; no near-OOD images",
    implementation=OWN_CODE,
)


def _signs_and_photos(rows: pd.DataFrame, column: str) -> tuple[float, float]:
    """The mean over the sign networks, which have equal weight, and that of the network for CIFAR-10."""
    means = rows.groupby("network")[column].mean()
    return means[SIGNS].mean(), means[CIFAR]


def purview_own_family() -> str:
    detectors = table("uncertainty").query("kind == 'detector' and family == 'corruptions' and trained == 'own'")
    scores = table("uncertainty").query("kind == 'score' and family == 'corruptions' and level == 0")
    norms, softmax = _signs_and_photos(detectors, "norms, ones"), _signs_and_photos(scores, "max softmax")
    features = _signs_and_photos(detectors, "features")
    return (
        "AUROC on corrupted images, detectors trained on corruptions, signs: gradient norms "
        f"{norms[0]:.2f}, features {features[0]:.2f}, maximum softmax (untrained) {softmax[0]:.2f}; CIFAR-10: gradient "
        f"norms {norms[1]:.2f}, features {features[1]:.2f}, maximum softmax (untrained) {softmax[1]:.2f}"
    )


def purview_other_families() -> str:
    rows = table("uncertainty").query("kind == 'detector' and trained == 'other families'")
    attacks, corruptions = (
        _signs_and_photos(rows[rows["family"] == f], "norms, ones") for f in ("attacks", "corruptions")
    )
    return (
        "AUROC of gradient norms on the type of anomaly left out of training, which the papers do not report, signs: "
        f"attacks {attacks[0]:.2f}, corruptions {corruptions[0]:.2f}; CIFAR-10: attacks {attacks[1]:.2f}, corruptions "
        f"{corruptions[1]:.2f}"
    )


def smaller_norms() -> str:
    rows = table("uncertainty").query("kind == 'raw'")
    auroc = rows.groupby(["network", "family"])["auroc of sum, ones"].mean()
    return (
        "AUROC of the sum of squared norms, where a value above chance level means larger norms for unknown inputs: "
        f"CIFAR-10 against OOD images {auroc[CIFAR, 'other datasets']:.2f}, signs of known classes against signs of "
        f"novel classes {auroc[SIGNS[0], 'novel']:.2f}"
    )


def _class_aurocs() -> pd.DataFrame:
    """The AUROC of the scores of an autoencoder by weight of the constraint and dataset, after 300 steps."""
    rows = table("gradcon").query("kind == 'class' and steps == 300")
    return rows.groupby(["alpha", "dataset"])[["both", "reconstruction", "alignment", "mean image"]].mean()


def gradcon_both() -> str:
    auroc = _class_aurocs()
    plain, constrained = auroc.loc[0.0], auroc.loc[0.03, "both"]
    error, blind = plain["reconstruction"], plain["mean image"]
    return (
        f"AUROC on images of other classes, signs: GradCon {constrained['signs']:.2f}, reconstruction error without "
        f"the gradient constraint {error['signs']:.2f}, distance to the mean image {blind['signs']:.2f}; CIFAR-10: "
        f"GradCon {constrained['cifar10']:.2f}, reconstruction error without the gradient constraint "
        f"{error['cifar10']:.2f}, distance to the mean image {blind['cifar10']:.2f}"
    )


def gradcon_corruptions() -> str:
    auroc = table("gradcon").query("kind == 'corruption'").groupby("alpha")[["both", "reconstruction"]].mean()
    return (
        f"AUROC on corrupted images of the normal sign: GradCon {auroc.loc[0.03, 'both']:.2f}, reconstruction error "
        f"without the gradient constraint {auroc.loc[0.0, 'reconstruction']:.2f}"
    )


def gradcon_direction() -> str:
    alignment = _class_aurocs()["alignment"]
    return (
        "AUROC of the gradient alignment alone, CIFAR-10: trained with the gradient constraint "
        f"{alignment[0.03, 'cifar10']:.2f}, trained without it {alignment[0.0, 'cifar10']:.2f}"
    )


def gradcon_small() -> str:
    weights = table("gradcon").query("kind == 'size' and dataset == 'cifar10'")["weights"].max()
    return f"number of parameters: GradCon autoencoder {weights:,.0f}"


def novelty_vae() -> str:
    rows = table("gradcon").query("kind == 'novelty'")
    auroc = rows.groupby("dataset")[["classifier on gradients", "squared error", "divergence"]].mean()
    digits, photos, signs = (auroc.loc[dataset] for dataset in ("mnist", "cifar10", "signs"))
    return (
        f"AUROC on images of other classes, digits: classifier on gradients {digits.iloc[0]:.2f}, squared error "
        f"{digits.iloc[1]:.2f}, KL divergence {digits.iloc[2]:.2f}; CIFAR-10: classifier on gradients "
        f"{photos.iloc[0]:.2f}, squared error {photos.iloc[1]:.2f}, KL divergence {photos.iloc[2]:.2f}; signs: "
        f"classifier on gradients {signs.iloc[0]:.2f}, squared error {signs.iloc[1]:.2f}, KL divergence "
        f"{signs.iloc[2]:.2f}"
    )


def engineered() -> str:
    rows = table("attacks").query("kind == 'budget' and budget == 8")
    attack, noise = (_signs_and_photos(rows[rows["attack"] == name], "success") for name in ("PGD", "noise"))
    return (
        f"success rate within a budget of 8 grey levels, signs: projected gradient descent with ten steps "
        f"{attack[0]:.0%}, random noise {noise[0]:.1%}; CIFAR-10: projected gradient descent with ten steps "
        f"{attack[1]:.0%}, random noise {noise[1]:.0%}"
    )


def detected() -> str:
    attacks = table("attacks")
    rows = attacks.query("kind == 'detector' and `trained on` == 'PGD' and tested == 'PGD'")
    norms, features = (_signs_and_photos(rows[rows["input"] == r], "auroc") for r in ("gradients", "features"))
    known = attacks.query("kind == 'adaptive' and attack == 'evading gradients' and detector == 'gradients'")
    known = known.set_index("network")["auroc"]
    return (
        "AUROC on projected gradient descent, detectors trained on it, signs: gradient norms "
        f"{norms[0]:.2f}, features {features[0]:.2f}; CIFAR-10: gradient norms {norms[1]:.2f}, features "
        f"{features[1]:.2f}; AUROC of gradient norms on an adaptive attack that evades them: signs "
        f"{known[SIGNS[0]]:.2f}, CIFAR-10 {known[CIFAR]:.2f}"
    )


def gradnorm() -> str:
    rows = table("uncertainty").query("kind == 'score' and family == 'other datasets' and level == 0")
    norm, softmax, energy = (_signs_and_photos(rows, score) for score in ("GradNorm", "max softmax", "energy"))
    return (
        f"AUROC on far-OOD images, signs: GradNorm {norm[0]:.2f}, maximum softmax {softmax[0]:.2f}, energy "
        f"{energy[0]:.2f}; CIFAR-10: GradNorm {norm[1]:.2f}, maximum softmax {softmax[1]:.2f}, energy {energy[1]:.2f}"
    )


def ingredients() -> str:
    rows = table("uncertainty").query("network == 'cifar10/resnet20'")
    norm = rows.query("kind == 'score' and family == 'other datasets' and level == 0")["GradNorm"].mean()
    # Small factors indicate OOD images, so that the AUROC is reversed.
    factors = rows.query("kind == 'raw' and set in ('gtsrb', 'mnist')")[["auroc of h", "auroc of delta, uniform"]]
    h, p = 1 - factors.mean()
    return (
        f"AUROC on far-OOD images, CIFAR-10: GradNorm {norm:.2f}, its factor from the features alone {h:.2f}, its "
        f"factor from the probabilities alone {p:.2f}"
    )


def one_blur() -> str:
    accuracy = table("blur_transfer").query("not trained").groupby(["dataset", "input"])["accuracy"].mean()
    signs, photos = accuracy["signs"], accuracy["gtsrb"]
    return (
        f"balanced accuracy on six other types of corruption, synthetic signs: both gradients {signs['both']:.2f}, "
        f"latent code {signs['code']:.2f}, three scores that need no gradient {signs['cheap scores']:.2f}; photographs "
        f"of signs: both gradients {photos['both']:.2f}, latent code {photos['code']:.2f}, three scores that need no "
        f"gradient {photos['cheap scores']:.2f}"
    )


def open_set() -> str:
    columns = ["pseudo-unknown, trained", "novel", "novel, through B"]
    auroc = table("pseudo_unknown_transfer").groupby("input")[columns].mean()
    norms, softmax = auroc.loc["norms, ones"], auroc.loc["max softmax"]
    return (
        f"AUROC on known classes held out as proxy unknowns: gradient norms {norms.iloc[0]:.2f}, maximum softmax "
        f"{softmax.iloc[0]:.2f}; on signs of novel classes: gradient norms {norms.iloc[1]:.2f}, maximum softmax "
        f"{softmax.iloc[1]:.2f}; on signs of novel classes, with the network trained on all known classes: gradient "
        f"norms {norms.iloc[2]:.2f}, maximum softmax {softmax.iloc[2]:.2f}"
    )


def gradtrust() -> str:
    rows = table("uncertainty").query("kind == 'trust' and network == 'imagenet/squeezenet1_1'")
    auroc = rows.set_index("trust")["auroc"]
    return (
        "ImageNet photographs, AUROC of correct against wrong predictions: GradTrust by our interpretation "
        f"{auroc['GradTrust, 5 counterfactuals']:.2f}, GradTrust by the demonstration code "
        f"{auroc['GradTrust, demonstration']:.2f}, largest logit {auroc['largest logit']:.2f}, margin "
        f"{auroc['margin']:.2f}, maximum softmax {auroc['max softmax']:.2f}"
    )


def gradtrust_evidence() -> Evidence:
    rows = table("uncertainty").query("kind == 'trust'").set_index("trust")[AUROC]
    scores = (rows.loc[score].itertuples(index=False) for score in ("GradTrust, 5 counterfactuals", "max softmax"))
    return Evidence([Estimate(*a) - Estimate(*b) for a, b in zip(*scores, strict=True)], AUROC_MARGIN)


CLAIMS = (
    Claim(
        id="purview",
        chapter=3,
        section="3.3",
        source="lee2023purview",
        claim="Gradient norms separate abnormal images from normal ones better than other scores do",
        stated=CONTROL_AS_GOOD,
        published=(
            Published(
                ABSTRACT,
                "improvement in AUROC over the state of the art: up to 2.7 % (OOD images), 19.8 % (adversarial "
                "images), 35.6 % (corrupted images)",
            ),
            Published(
                ABSTRACT,
                "improvement in AUROC over the state of the art: up to 4.8 % (OOD images), 35.7 % (corrupted images)",
                source="lee2020uncertainty",
            ),
        ),
        paper=Setting(
            network="ResNets",
            data="CIFAR-10 and others; OOD images, corruptions, attacks",
            training="not known to us",
            protocol="a trained detector, tested on the type of anomaly on which it was trained",
            implementation="not known to us",
        ),
        ours=Setting(
            network=OUR_NETWORKS,
            data="synthetic signs and CIFAR-10; our own corruptions; three attacks",
            training="softmax cross-entropy; in addition, one network with a sigmoid loss",
            protocol=(
                "tested on the same type of anomaly and on types left out of training; the same detector also "
                "trained on baselines"
            ),
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(
            purview_own_family,
            purview_other_families,
        ),
        note=(
            "A detector on features does as well on photographs; types of anomaly left out of training are detected "
            "in part on signs, but not on photographs"
        ),
    ),
    Claim(
        id="smaller-norms",
        chapter=3,
        section="3.2",
        source="lee2021openset",
        claim="Gradient norms are smaller for known inputs than for unknown inputs",
        stated=NOT_CONFIRMED_HERE,
        published=(
            Published(
                TRANSCRIPT,
                "gradient norms are smaller for known inputs in all three scenarios of the paper's figure",
            ),
        ),
        paper=Setting(
            network="ResNet-18",
            data="CIFAR-10 and others",
            training="not known to us",
            protocol="gradient magnitudes of known and unknown inputs",
            implementation="not known to us",
        ),
        ours=Setting(
            network=OUR_NETWORKS,
            data="synthetic signs and CIFAR-10, with OOD images",
            training="softmax cross-entropy",
            protocol="AUROC of the sum of squared norms",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(smaller_norms,),
    ),
    Claim(
        id="gradcon",
        chapter=3,
        section="3.4",
        source="kwon2020gradcon",
        claim="The direction of the gradient of an autoencoder separates anomalies from normal images (GradCon)",
        stated=CONFIRMED_HERE,
        published=(
            Published(NOT_CHECKED),
            Published(
                THIRD_PARTY,
                "CIFAR-10, mean AUROC over classes in two independent runs of the published code: .616 and .622",
                source="gradcon_issue",
            ),
        ),
        paper=Setting(
            network="a strided autoencoder",
            data="CIFAR-10, MNIST, Fashion-MNIST by class; CURE-TSR",
            training="all images of a class, up to a thousand epochs",
            protocol="one normal class; score of reconstruction error and gradient alignment together",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="the same autoencoder",
            data="four synthetic signs; 400 images of each CIFAR-10 class; three digits",
            training="three hundred steps",
            protocol="one normal class, three seeds, with the distance to the mean image as the control",
            implementation="ours, from the authors' equations and code",
        ),
        differs=(
            "data",
            "training",
            "protocol",
            "implementation",
        ),
        measured=(
            gradcon_both,
            gradcon_corruptions,
            gradcon_direction,
        ),
        note=(
            "GradCon outperforms the reconstruction error on photographs and on corrupted signs; for signs of other "
            "classes the reconstruction error alone does as well"
        ),
    ),
    Claim(
        id="gradcon-small",
        chapter=3,
        section="3.4",
        source="kwon2020gradcon",
        claim="GradCon needs few parameters compared with other methods of anomaly detection",
        stated=INCONCLUSIVE,
        published=(Published(ABSTRACT, "other methods need at least 27 times more parameters"),),
        paper=Setting(
            network="a strided autoencoder",
            data="CIFAR-10, MNIST, Fashion-MNIST",
            training="not needed for counting",
            protocol="parameters counted",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="the same autoencoder",
            data="colour images with a side of 28 pixels",
            training="not needed for counting",
            protocol="parameters counted; no other method was implemented for comparison",
            implementation="ours, from the authors' code",
        ),
        measured=(gradcon_small,),
        merit=True,
    ),
    Claim(
        id="novelty-vae",
        chapter=3,
        section="3.G",
        source="kwon2020novelty",
        claim="The gradient of a variational autoencoder detects novel classes better than its losses do",
        stated=NOT_CONFIRMED_HERE,
        published=(
            Published(
                AUTHORS_FILES,
                "mean AUROC over classes, MNIST: gradient .953, reconstruction loss .230, latent loss .718; "
                "CIFAR-10: gradient .582, reconstruction loss .542, latent loss .562",
            ),
        ),
        paper=Setting(
            network="a variational autoencoder",
            data="MNIST, Fashion-MNIST, CIFAR-10 by class",
            training="all images of a class",
            protocol="a classifier on gradients, trained on normal images against the same images with noise",
            implementation="not known to us",
        ),
        ours=Setting(
            network="a small variational autoencoder",
            data="four synthetic signs; 400 images of each CIFAR-10 class; three digits",
            training="six hundred steps",
            protocol="the same classifier; in addition, a classifier on scores that need no gradient",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(novelty_vae,),
    ),
    Claim(
        id="engineered",
        chapter=3,
        section="3.5",
        source="goodfellow2015explaining",
        claim="Gradients can be used to construct adversarial images",
        stated=CONFIRMED_HERE,
        published=(
            Published(
                AUTHORS_FILES,
                "CIFAR-10, ResNet-50 without adversarial training, attack of 20 steps within an L2 ball of radius "
                ".25: accuracy 8.66 %",
                source="engstrom2019robustness",
            ),
        ),
        paper=Setting(
            network="small networks; ResNet-50",
            data="MNIST, ImageNet, CIFAR-10",
            training="without adversarial training",
            protocol="accuracy under attacks within a budget",
            implementation="the authors' code",
        ),
        ours=Setting(
            network=OUR_NETWORKS,
            data=OUR_DATA,
            training="without adversarial training",
            protocol=(
                "success rate of attacks within a budget of 8 grey levels, compared with random noise within the "
                "same budget"
            ),
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(engineered,),
    ),
    Claim(
        id="detected",
        chapter=3,
        section="3.6",
        source="lee2023purview",
        claim="Gradients can be used to detect adversarial images",
        stated=CONTROL_AS_GOOD,
        published=(Published(ABSTRACT, "improvement in AUROC over the state of the art: up to 19.8 %"),),
        paper=Setting(
            network="ResNets",
            data="CIFAR-10 and others, with several attacks",
            training="not known to us",
            protocol="a detector trained on the attack on which it is tested",
            implementation="not known to us",
        ),
        ours=Setting(
            network=OUR_NETWORKS,
            data=OUR_DATA,
            training="softmax cross-entropy",
            protocol="the attack used in training, other attacks, and an adaptive attack on the detector",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(detected,),
        note=(
            "The detector succeeds for attacks on which it was trained, but not against an adaptive attacker who "
            "knows the detector"
        ),
    ),
    Claim(
        id="gradnorm",
        chapter=3,
        section="3.B",
        source="huang2021gradnorm",
        claim="The norm of the last layer's gradient (GradNorm) detects OOD images better than the maximum softmax",
        stated=NOT_CONFIRMED_HERE,
        published=(
            Published(
                AUTHORS_FILES,
                "ImageNet, AUROC in %: GradNorm 86.31, maximum softmax 79.29",
                source="huang2021gradnorm",
            ),
            Published(
                AUTHORS_FILES,
                "CIFAR-10, AUROC in %, near-OOD: GradNorm 54.90, maximum softmax 88.03; far-OOD: GradNorm 57.55, "
                "maximum softmax 90.73",
                source="zhang2023openood",
            ),
        ),
        paper=Setting(
            network="BiT-S ResNet-101",
            data="ImageNet against four OOD data sets",
            training="published weights",
            protocol="mean AUROC",
            implementation="the authors' code",
        ),
        ours=GRADNORM_HERE,
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(gradnorm,),
        note=(
            "The AUROC of GradNorm is much lower than that of the softmax on signs and about equal to it on "
            "CIFAR-10, where the energy has a higher AUROC than both"
        ),
    ),
    Claim(
        id="gradnorm-small",
        chapter=3,
        section="3.B",
        source="zhang2023openood",
        claim="On small networks for CIFAR-10, the AUROC of GradNorm is near chance level",
        stated=NOT_CONFIRMED_HERE,
        published=(
            Published(
                AUTHORS_FILES,
                "ImageNet, AUROC in %: GradNorm 86.31, maximum softmax 79.29",
                source="huang2021gradnorm",
            ),
            Published(
                AUTHORS_FILES,
                "CIFAR-10, AUROC in %, near-OOD: GradNorm 54.90, maximum softmax 88.03; far-OOD: GradNorm 57.55, "
                "maximum softmax 90.73",
                source="zhang2023openood",
            ),
        ),
        paper=Setting(
            network="ResNet-18",
            data="CIFAR-10 against near-OOD and far-OOD images",
            training="from scratch",
            protocol="mean AUROC over OOD data sets, three seeds",
            implementation="the benchmark's code",
        ),
        ours=GRADNORM_HERE,
        differs=SETTING_FIELDS,
        measured=(gradnorm,),
        note=(
            "With our ResNet-20, GradNorm detects OOD images because their features have smaller norms; in the sign "
            "classifiers these norms are not smaller, and therefore GradNorm is near chance level there"
        ),
    ),
    Claim(
        id="ingredients",
        chapter=3,
        section="3.B",
        source="igoe2022useful",
        claim="The gain of scores such as GradNorm comes from ingredients that need no gradient",
        stated=CONFIRMED_HERE,
        paper=Setting(
            network="not known to us",
            data="not known to us",
            training="not known to us",
            protocol="products of simpler scores compared with gradient scores",
            implementation="not known to us",
        ),
        ours=Setting(
            network=OUR_NETWORKS,
            data="synthetic signs and CIFAR-10 against far-OOD images",
            training=OUR_TRAINING,
            protocol="AUROC of each of the two factors of the last layer's gradient norm alone",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(ingredients,),
    ),
    Claim(
        id="one-blur",
        chapter=3,
        section="3.C",
        source="kwon2019distorted",
        claim=(
            "A detector trained on gradients of a variational autoencoder under one mild blur detects other "
            "corruptions better than a detector trained on the latent code"
        ),
        stated=CONFIRMED_HERE,
        paper=Setting(
            network="a variational autoencoder",
            data="CURE-TSR, six types of corruption",
            training="four hundred epochs on clean images",
            protocol="accuracy; detector trained on clean images against the mildest blur",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="the published layers",
            data="synthetic signs; small photographs of signs (GTSRB); the same six types of corruption",
            training="six thousand steps on 1,400 images",
            protocol=(
                "balanced accuracy, three seeds; detector trained on clean images against the mildest blur that "
                "changes an image with a side of 28 pixels"
            ),
            implementation=(
                "ours, from the text and the authors' code; gradients of the first decoder layer and the last "
                "encoder layer"
            ),
        ),
        differs=(
            "data",
            "training",
            "protocol",
            "implementation",
        ),
        measured=(one_blur,),
        note=(
            "The claim holds on synthetic signs; on small photographs, training on so mild a blur gives an accuracy "
            "near chance level for every input of the detector"
        ),
    ),
    Claim(
        id="open-set",
        chapter=3,
        section="3.D",
        source="lee2021openset",
        claim="Gradients identify images of unknown classes better than the softmax does",
        stated=NOT_CONFIRMED_HERE,
        published=(
            Published(
                TRANSCRIPT,
                "CIFAR-10 with six known classes, AUROC: gradients .838, softmax .677, best other method .903",
            ),
        ),
        paper=Setting(
            network="ResNet-18",
            data="CIFAR-10, six known and four unknown classes",
            training="four known classes for the classifier, two known classes held out as proxy unknowns",
            protocol="five splits, AUROC",
            implementation="not known to us",
        ),
        ours=Setting(
            network="a network with ten layers",
            data="14 known classes and 9 novel classes of synthetic signs",
            training="ten known classes for the classifier, four known classes held out as proxy unknowns",
            protocol="the same steps, five splits",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "training",
            "implementation",
        ),
        measured=(open_set,),
        note="Gradient norms outperform the softmax only for the known classes that were held out as proxy unknowns",
    ),
    Claim(
        id="gradtrust",
        chapter=3,
        section="3.F",
        source="prabhushankar2024gradtrust",
        claim="GradTrust separates correct predictions from wrong ones better than other scores do",
        evidence=gradtrust_evidence,
        paper=Setting(
            network="14 networks for ImageNet, 5 networks for videos",
            data="50,000 ImageNet images; videos",
            training="published weights",
            protocol="an area under an accuracy curve",
            implementation="demonstration code",
        ),
        ours=Setting(
            network="three sign classifiers, ResNet-20, SqueezeNet",
            data="corrupted signs and photographs; 200 ImageNet photographs",
            training=OUR_TRAINING,
            protocol="AUROC of correct against wrong predictions",
            implementation="ours, from the demonstration code and from our interpretation of the formula in the text",
        ),
        differs=(
            "network",
            "data",
            "protocol",
            "implementation",
        ),
        measured=(gradtrust,),
        note=(
            "The AUROC of GradTrust is higher than that of the largest logit, and about equal to that of the margin "
            "and of the softmax"
        ),
    ),
)
