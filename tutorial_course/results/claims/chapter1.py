"""Claims of chapter 1: novel and transformed images, training, and local information from gradients.

A function named after a claim returns the measured values as text, "condition: method value, method value"; a function
whose name ends in ``_evidence`` returns the intervals that decide the verdict.
"""

import pandas as pd

from tutorial_course.results.claims.rules import (
    ABSTRACT,
    ACCURACY_MARGIN,
    AUROC,
    AUROC_MARGIN,
    OWN_CODE,
    SETTING_FIELDS,
    SIGNS,
    Claim,
    Estimate,
    Evidence,
    Published,
    Setting,
    proportion,
    t_estimate,
    table,
)

FORGETTING_SETTINGS = {
    "new classes": ("signs", "seven new signs"),
    "digits, new classes": ("digits", "five new digits"),
    "new corruption": ("signs", "the same signs in the dark"),
}
COEFFICIENT_MARGIN = 0.1  # a smaller coefficient of a class means that the class is not part of the representation


def rotated_objects() -> str:
    least, worst = (_rotated(function) for function in ("idxmin", "idxmax"))
    return (
        f"CIFAR-10 images rotated by {worst['amount']['roll']} degrees, the angle with the largest drop: accuracy "
        f"{worst['accuracy']['roll']:.0%}, mean confidence {worst['confidence']['roll']:.0%}; control, rotated by half "
        f"the angle and back: accuracy {worst['accuracy']['there and back']:.0%}; rotated by {least['amount']['roll']} "
        f"degrees, the angle with the smallest drop: accuracy {least['accuracy']['roll']:.0%}, control "
        f"{least['accuracy']['there and back']:.0%}"
    )


def _rotated(extreme: str) -> pd.DataFrame:
    """The rows of rotated images and of the control, at the angle with the smallest or the largest difference."""
    rows = table("cifar_rotation_hue").query("kind in ('roll', 'there and back') and amount != 0")
    accuracy = rows.pivot(index="amount", columns="kind", values="accuracy")
    angle = getattr(accuracy["there and back"] - accuracy["roll"], extreme)()
    return rows[rows["amount"] == angle].set_index("kind")


def rotated_objects_evidence() -> Evidence:
    rows = _rotated("idxmax")
    n = rows["images"].astype(int)
    rotated, control = (proportion(rows["accuracy"][kind] * n[kind], n[kind]) for kind in ("roll", "there and back"))
    return Evidence([control - rotated], ACCURACY_MARGIN)


def novel_first() -> str:
    rows = table("curriculum").query("dataset == 'signs' and part == 'order'")
    right = rows.groupby(["name", "stage"])["everyday"].mean()
    return (
        "accuracy on clean signs after training on an eighth of the pool: most novel first "
        f"{right['many switches', 1]:.0%}, easiest first {right['few switches', 1]:.0%}, random order "
        f"{right['random', 1]:.0%}; after training on the whole pool: most novel first "
        f"{right['many switches', 5]:.0%}, easiest first {right['few switches', 5]:.0%}, random order "
        f"{right['random', 5]:.0%}, images known to be clean first {right['everyday', 5]:.0%}"
    )


def novel_first_evidence() -> Evidence:
    rows = table("curriculum").query("part == 'order' and stage == 1")
    accuracy = rows.pivot(index=["dataset", "seed"], columns="name", values="everyday")
    differences = accuracy["random"] - accuracy["many switches"]
    return Evidence([t_estimate(list(runs)) for _, runs in differences.groupby("dataset")], ACCURACY_MARGIN)


def forgetting() -> str:
    rows = table("continual_learning").query("epoch == 22")
    old = rows.groupby(["setting", "method", "strength"])["old"].mean()
    return "; ".join(
        f"accuracy on old {data} after training on {new}: without replay {old[setting, 'none', 0]:.0%}, with replay of "
        f"a tenth of the old images {old[setting, 'replay', 0.1]:.0%}"
        for setting, (data, new) in FORGETTING_SETTINGS.items()
    )


def forgetting_evidence() -> Evidence:
    old = table("continual_learning").set_index(["setting", "method", "epoch", "seed"])["old"].sort_index()
    # The accuracy after training on the old data, minus that after training on the new data.
    losses = [old.loc[setting, "before", 14] - old.loc[setting, "none", 22] for setting in FORGETTING_SETTINGS]
    return Evidence([t_estimate(list(runs)) for runs in losses], ACCURACY_MARGIN)


def _corrupted_photographs() -> pd.DataFrame:
    """The AUROC of correct against wrong predictions, of the softmax and of the Trust Score with all stored images."""
    rows = table("trust_score").query("network == 'cifar10/resnet20' and images == 'corrupted'")
    return rows.query("score == 'softmax' or (stored == 4000 and alpha == 0)").set_index("score")


def neighbours() -> str:
    auroc = _corrupted_photographs()["auroc"]
    return (
        "corrupted CIFAR-10 images, AUROC of correct against wrong predictions: maximum softmax "
        f"{auroc['softmax']:.2f}, Trust Score on features {auroc['features']:.2f}, Trust Score on pixels "
        f"{auroc['pixels']:.2f}"
    )


def neighbours_evidence() -> Evidence:
    rows = _corrupted_photographs()
    softmax = Estimate(*rows.loc["softmax", AUROC])
    leads = [Estimate(*rows.loc[space, AUROC]) - softmax for space in ("features", "pixels")]
    return Evidence(leads, AUROC_MARGIN, claims_lead=False)


def _green_signs() -> pd.DataFrame:
    """The coefficient of *stop*, by the last layer and the uniform target, for pairs of a red and a green sign."""
    rows = table("green_sign").query("method == 'last layer, uniform target'")
    return rows.set_index(["group", "network"]).sort_index()


def green_sign() -> str:
    rows = _green_signs()["coefficient"]
    controls = rows["green, gray"].drop(list(SIGNS))  # networks that were trained without color

    all_layers = table("green_sign").query("method == 'all layers, uniform target' and group == 'green'")
    all_layers = all_layers.set_index("network")["coefficient"].loc[list(SIGNS)]

    def coefficients(group: str) -> str:
        return ", ".join(f"{rows[group, network]:.3f}" for network in SIGNS)

    return (
        f"mean coefficient of the class stop on three networks: red stop signs {coefficients('red')}; green stop signs "
        f"{coefficients('green')} by the last layer and {', '.join(f'{value:.3f}' for value in all_layers)} by all "
        f"layers; positive control, green stop signs without color on three networks trained without "
        f"color {', '.join(f'{value:.2f}' for value in controls)}"
    )


def green_sign_evidence() -> Evidence:
    rows = _green_signs()
    means = [rows.loc[("green", network), ["coefficient", "coefficient_se"]] for network in SIGNS]
    return Evidence([Estimate(m, m - 1.96 * error, m + 1.96 * error) for m, error in means], COEFFICIENT_MARGIN)


def _wrong_labels() -> list[dict]:
    """The rows of the self-influence of all layers, at its best epoch, for each share of wrong labels."""
    # Imported here, because the module of the tables that findings return imports the claims.
    from tutorial_course.findings.ch1 import label_score_rows

    return [r for r in label_score_rows(table("data_attribution")) if r["score"] == "self-influence, all layers"]


def wrong_labels() -> str:
    return "; ".join(
        f"{row['flipped']:.0%} wrong labels, AUROC: self-influence {row['auroc']:.3f}, loss "
        f"{row['auroc'] - row['difference']:.3f}"
        for row in _wrong_labels()
    )


def wrong_labels_evidence() -> Evidence:
    rows = _wrong_labels()
    over_chance = [Estimate(r["auroc"] - 0.5, r["auroc low"] - 0.5, r["auroc high"] - 0.5) for r in rows]
    over_loss = [Estimate(r["difference"], r["low"], r["high"]) for r in rows]
    return Evidence(over_chance, AUROC_MARGIN, over_control=over_loss)


def nothing_stored() -> str:
    n_stored = table("trust_score").query("kind == 'trust'")["stored"].max()
    return (
        "stored training images: gradient 0, decomposition into mean gradients 0 (but one mean gradient per known "
        f"class, computed from labeled training images), Trust Score up to {n_stored:,.0f}"
    )


def local_information() -> str:
    rows = table("linearization").query("network in @SIGNS and question == 'uniform target' and step == 'image'")
    medians = rows.set_index(["group", "network"])["median"]
    known, novel = (", ".join(f"{medians[group, n]:.2g}" for n in SIGNS) for group in ("known", "novel"))
    return (
        "distance up to which the linear approximation is accurate, median in gray levels per pixel over "
        f"{rows['count'].iloc[0]:.0f} images of each group, three networks: signs of known classes {known}, signs of "
        f"novel classes {novel}"
    )


def descent(steepest: float, random: float, polarity: float, gradient: float) -> str:
    return (
        "decrease of the loss of green stop signs by steps of equal norm, ℓ2: negative gradient "
        f"{steepest:.3f}, best of 50 random steps {random:.3f}; ℓ∞: −sgn(g) "
        f"{polarity:.3f}, negative gradient {gradient:.3f}"
    )


def two_ways(gap: float) -> str:
    return (
        "change of the logits by one gradient step on the last layer: largest deviation from the closed form "
        f"{gap:.0e} of the largest change"
    )


CLAIMS = (
    Claim(
        id="rotated-objects",
        chapter=1,
        section="1.L",
        source="alregib2023tutorial",
        claim="Rotating an object in an image causes networks to misclassify it",
        evidence=rotated_objects_evidence,
        paper=Setting(
            network="published ImageNet networks",
            data="rendered objects",
            training="published weights",
            protocol="examples of single images",
            implementation="not known to us",
        ),
        ours=Setting(
            network="a published ResNet-20",
            data="CIFAR-10 photographs",
            training="published weights",
            protocol="every image at thirteen angles, with a control for the smoothing by interpolation",
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
        section="1.4",
        source="alregib2023tutorial",
        claim="The most novel samples should not be used early in training",
        evidence=novel_first_evidence,
        paper=Setting(
            network="three architectures",
            data="six benchmarks",
            training="from scratch, with images added in query rounds",
            protocol="accuracy after each query round",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a small convolutional network",
            data="synthetic traffic signs and scanned digits, a third of them corrupted",
            training="increasingly large parts of a pool of images, with the same number of steps on each part",
            protocol="accuracy on clean and on corrupted test images, three seeds",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(novel_first,),
        note=(
            "Training on the most novel samples first lowers the early accuracy, but training on the easiest samples "
            "first is no better than a random order; on digits, one of three runs with the most novel samples first is "
            "better than random; starting with signs known to be clean gives a higher accuracy on clean signs at the "
            "end in three of three runs"
        ),
    ),
    Claim(
        id="forgetting",
        chapter=1,
        section="1.4",
        source="alregib2023tutorial",
        claim="Training a network on novel data alone makes it forget what it learned before (catastrophic forgetting)",
        evidence=forgetting_evidence,
        paper=Setting(
            network="a binarized perceptron",
            data="MNIST, then Fashion-MNIST",
            training="fifty epochs each",
            protocol="accuracy on both tasks",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a small convolutional network",
            data="synthetic signs and scanned digits, then other classes; signs, then darkened signs",
            training="fourteen epochs, then eight",
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
        note="Part of the drop in accuracy occurs because old and new classes share one output layer (section 1.B)",
    ),
    Claim(
        id="neighbours",
        chapter=1,
        section="1.E",
        source="alregib2023tutorial",
        claim=(
            "On data harder than MNIST, a confidence score from nearest neighbors (Trust Score) is at most as good as "
            "the softmax"
        ),
        evidence=neighbours_evidence,
        published=(
            Published(
                ABSTRACT,
                "the Trust Score outperforms the network's own confidence on the data sets studied, and more clearly "
                "in deeper layers",
                source="jiang2018trust",
            ),
        ),
        paper=Setting(
            network="several small networks and ResNets",
            data="MNIST, SVHN, CIFAR-10 and tabular data",
            training="from scratch",
            protocol="precision among the most trusted predictions",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a published ResNet-20",
            data="the part of CIFAR-10 that was available to us, clean and corrupted",
            training="published weights",
            protocol="AUROC of correct against wrong predictions",
            implementation="ours, compared with the authors' formula",
        ),
        differs=(
            "network",
            "protocol",
            "implementation",
        ),
        measured=(neighbours,),
        note=(
            "The Trust Score is comparable to the softmax if it uses features, and worse if it uses pixels; the stored "
            "intervals of the two scores are not paired"
        ),
    ),
    Claim(
        id="green-sign",
        chapter=1,
        section="1.K",
        source="alregib2023tutorial",
        claim=(
            "Gradients provide a way to represent a novel (green) traffic sign as a function of the learned (red) "
            "traffic sign"
        ),
        evidence=green_sign_evidence,
        paper=Setting(
            network="not stated",
            data="traffic signs",
            training="not stated",
            protocol="stated as the goal, without a measurement",
            implementation="no implementation",
        ),
        ours=Setting(
            network="three sign classifiers with ten layers",
            data="synthetic red and green stop signs in the same scenes",
            training="ten thousand synthetic signs, eight epochs",
            protocol=(
                "least-squares fit of the mean gradients of the known classes to the gradient for a uniform target"
            ),
            implementation="our own method",
        ),
        differs=SETTING_FIELDS,
        measured=(green_sign,),
        note=(
            "A possible reason, which we did not test, is that the networks recognize the red sign by its color; the "
            "positive control shows that the method finds the relation if red and green signs look nearly the same to "
            "the network, and the features and the softmax find it as well"
        ),
    ),
    Claim(
        id="wrong-labels",
        chapter=1,
        section="1.G",
        source="pruthi2020tracin",
        claim="A high self-influence identifies training images with wrong labels",
        evidence=wrong_labels_evidence,
        paper=Setting(
            network="image classifiers",
            data="MNIST and CIFAR-10 with random wrong labels",
            training="from scratch",
            protocol="share of the wrong labels among the images with the largest self-influence",
            implementation="the authors' code",
        ),
        ours=Setting(
            network="a small convolutional network",
            data="synthetic traffic signs with random wrong labels",
            training="from scratch, twelve epochs",
            protocol="AUROC of wrong against correct labels, with the loss as a control, five training runs",
            implementation=OWN_CODE,
        ),
        differs=SETTING_FIELDS,
        measured=(wrong_labels,),
        note="The loss of the training image, which needs no backward pass, identifies them as well",
        merit=True,
    ),
    Claim(
        id="nothing-stored",
        chapter=1,
        section="1.5",
        source="alregib2023tutorial",
        claim="A gradient-based method needs no stored training images at inference",
        measured=(nothing_stored,),
        note=(
            "This follows from the definition for the gradient itself, which depends only on the network and the test "
            "image; the decomposition of section 1.5 also needs a mean gradient per class"
        ),
        merit=True,
        identity=True,
    ),
    Claim(
        id="local-information",
        chapter=1,
        section="1.6",
        source="alregib2023tutorial",
        claim="The gradient gives local information around an input, even if the input is novel",
        measured=(local_information,),
        note=(
            "The claim follows from Taylor's theorem, and therefore we measured only the distance up to which the "
            "approximation is accurate; the reason given on the slide, that the input projects on the learned "
            "knowledge, was not tested"
        ),
        identity=True,
    ),
    Claim(
        id="descent",
        chapter=1,
        section="1.6",
        source="alregib2023tutorial",
        claim="The negative gradient is the direction of steepest descent",
        measured=(descent,),
        note=(
            "The negative gradient is the direction of steepest descent for the Euclidean norm only; for the largest "
            "change per pixel, the step along −sgn(g) is steeper"
        ),
        identity=True,
    ),
    Claim(
        id="two-ways",
        chapter=1,
        section="1.6",
        source="alregib2023tutorial",
        claim=(
            "A gradient can be used to change either the data or the learned manifold, that is, the weights of the "
            "network"
        ),
        measured=(two_ways,),
        identity=True,
    ),
)
