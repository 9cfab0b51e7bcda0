"""Claims of chapter 1: novel and transformed images, training, and local information.

A function named after a claim returns what was measured, as a sentence; a function whose name ends in ``_evidence``
returns the intervals that decide the verdict.
"""

import pandas as pd

from tutorial_course.results.claims.rules import (
    ABSTRACT,
    AUROC,
    AUROC_MARGIN,
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    OWN_CODE,
    SETTING_FIELDS,
    Claim,
    Estimate,
    Evidence,
    Published,
    Setting,
    table,
)


def rotated_objects() -> str:
    rows = table("cifar_rotation_hue").query("amount == 135").set_index("kind")
    roll, control = rows.loc["roll"], rows.loc["there and back"]
    return (
        f"a published network, photographs rolled by {roll['amount']} degrees: {roll['right']:.0%} right, "
        f"{roll['confidence']:.0%} sure; rolled half and back, {control['right']:.0%} right"
    )


def novel_first() -> str:
    rows = table("curriculum").query("world == 'signs' and part == 'order'")
    right = rows.groupby(["name", "stage"])["everyday"].mean()
    return (
        f"everyday signs read with an eighth of the pool: novel first {right['many switches', 1]:.0%}, "
        f"easy first {right['few switches', 1]:.0%}, at random {right['random', 1]:.0%}; at the end "
        f"{right['many switches', 5]:.0%}, {right['few switches', 5]:.0%}, {right['random', 5]:.0%}"
    )


def forgetting() -> str:
    rows = table("continual_learning").query("setting == 'new classes' and lap == 22")
    old = rows.groupby(["repair", "strength"])["old"].mean()
    return f"of the old signs {old['none', 0]:.0%} are left; with a tenth replayed {old['replay', 0.1]:.0%}"


def _challenged_photographs() -> pd.DataFrame:
    """The AUROC of right against wrong of the softmax and of the Trust Score with all stored images."""
    rows = table("trust_score").query("network == 'cifar10/resnet20' and pictures == 'challenged'")
    return rows.query("score == 'softmax' or (stored == 4000 and alpha == 0)").set_index("score")


def neighbours() -> str:
    auroc = _challenged_photographs()["auroc"]
    return (
        f"challenged CIFAR-10: softmax {auroc['softmax']:.2f}, neighbours in features {auroc['features']:.2f}, "
        f"in pixels {auroc['pixels']:.2f}"
    )


def neighbours_evidence() -> Evidence:
    rows = _challenged_photographs()
    softmax = Estimate(*rows.loc["softmax", AUROC])
    leads = [Estimate(*rows.loc[space, AUROC]) - softmax for space in ("features", "pixels")]
    return Evidence(leads, AUROC_MARGIN, claims_lead=False)


def nothing_stored() -> str:
    kept = table("trust_score").query("kind == 'trust'")["stored"].max()
    return f"the Trust Score beside it kept up to {kept:,.0f} of them"


def local_information() -> str:
    rows = table("linearization").query("network == 'signs/classifier' and question == 'shrug'")
    median = rows.query("step == 'picture'").set_index("group")["median"]
    return (
        f"the straight line holds for {median['known']:.2g} grey levels at known signs, {median['novel']:.2g} at "
        "novel ones (medians)"
    )


def descent(step: float, share: float) -> str:
    return f"on our valley the border is a step of {step:.2g}; by trial it lies at {share:.4f} times that"


def two_ways(gap: float) -> str:
    return f"one step on the last layer changes the logits as the closed form says, up to {gap:.0e} of their size"


CLAIMS = (
    Claim(
        id="rotated-objects",
        chapter=1,
        section="1.1",
        source="alregib2023tutorial",
        claim="Rotated objects confuse networks",
        stated=CONFIRMED_HERE,
        paper=Setting(
            network="published ImageNet networks",
            data="rendered objects",
            training="published weights",
            protocol="single pictures shown",
            implementation="not known to us",
        ),
        ours=Setting(
            network="a published ResNet-20",
            data="CIFAR-10 photographs",
            training="published weights",
            protocol="every picture at thirteen angles, with a control for the smoothing",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "protocol",
        ),
        measured=(rotated_objects,),
    ),
    Claim(
        id="novel-first",
        chapter=1,
        section="1.2",
        source="alregib2023tutorial",
        claim="The most novel samples should not be used early in training",
        stated=CONFIRMED_HERE,
        paper=Setting(
            network="three architectures",
            data="six benchmarks",
            training="from scratch, by queries",
            protocol="accuracy by query round",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a small convolutional network",
            data="drawn signs and scanned digits, a third of them unusual",
            training="growing parts of a pool, equally many steps",
            protocol="everyday and unusual test pictures, three seeds",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(novel_first,),
        note="the early harm; easy first is no better than chance order",
    ),
    Claim(
        id="forgetting",
        chapter=1,
        section="1.2",
        source="alregib2023tutorial",
        claim="Training on novel data alone forgets what was learned",
        stated=CONFIRMED_HERE,
        paper=Setting(
            network="a binarised perceptron",
            data="MNIST, then Fashion-MNIST",
            training="fifty epochs each",
            protocol="accuracy on both tasks",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a small convolutional network",
            data="seven drawn signs, then seven others",
            training="fourteen laps, then eight",
            protocol="accuracy on both tasks, three seeds, with and without replay",
            implementation=OWN_CODE,
        ),
        differs=(
            "network",
            "data",
            "training",
            "implementation",
        ),
        measured=(forgetting,),
        note="part of it is the shared head, section 1.B",
    ),
    Claim(
        id="neighbours",
        chapter=1,
        section="1.5",
        source="alregib2023tutorial",
        claim="Neighbours, beyond MNIST, are comparable to the softmax or worse",
        evidence=neighbours_evidence,
        published=(
            Published(
                ABSTRACT,
                "ahead of the network's own confidence on the sets studied, in deep layers the more so",
                source="jiang2018trust",
            ),
        ),
        paper=Setting(
            network="several small networks and ResNets",
            data="MNIST, SVHN, CIFAR-10 and tables",
            training="from scratch",
            protocol="precision among the most trusted",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a published ResNet-20",
            data="the part of CIFAR-10 that is at hand, fair and challenged",
            training="published weights",
            protocol="AUROC of right against wrong",
            implementation="ours, held against the authors' formula",
        ),
        differs=(
            "network",
            "protocol",
            "implementation",
        ),
        measured=(neighbours,),
        note="comparable in features, worse in pixels",
    ),
    Claim(
        id="nothing-stored",
        chapter=1,
        section="1.5",
        source="alregib2023tutorial",
        claim="A gradient needs no stored training pictures at inference",
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(nothing_stored,),
        note="by construction",
        merit=True,
        identity=True,
    ),
    Claim(
        id="local-information",
        chapter=1,
        section="1.6",
        source="alregib2023tutorial",
        claim="Gradients give local information around *x*, even a novel one",
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(local_information,),
        note="Taylor's theorem; the radius is what was measured",
        identity=True,
    ),
    Claim(
        id="descent",
        chapter=1,
        section="1.6",
        source="alregib2023tutorial",
        claim="The negative gradient is the direction of steepest descent",
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(descent,),
        note="the steepest only for one ruler",
        identity=True,
    ),
    Claim(
        id="two-ways",
        chapter=1,
        section="1.6",
        source="alregib2023tutorial",
        claim="Gradients intervene on the data or on the manifold",
        stated=CONFIRMED_IN_PAPER_SETTING,
        measured=(two_ways,),
        identity=True,
    ),
)
