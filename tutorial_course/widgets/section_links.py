"""The titles of the sections, and links that open a section in the book and in a notebook."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from tutorial_course._display import is_book_build
from tutorial_lib._validation import check_choice

CHAPTER_FILES = {1: "01-gradients", 2: "02-information", 3: "03-uncertainty", 4: "04-expectancy", 5: "05-conclusion"}
CHAPTER_TITLES = {1: "gradients", 2: "information", 3: "uncertainty", 4: "expectancy-mismatch", 5: "conclusion"}
# The complete headings of the chapters, from which the anchors are derived. A test compares them with the notebooks.
SECTION_TITLES = {
    "1.1": "Failures on novel data: accuracy and confidence",
    "1.2": "A network and its gradient by backpropagation",
    "1.3": "The update rule and gradient descent",
    "1.4": "At which stage could novelty be handled?",
    "1.5": "Describing a novel sign by the known ones: neighbors and gradients",
    "1.6": "Three properties of gradients: local, directional, counterfactual",
    "1.A": "Curriculum learning and prediction switches",
    "1.B": "Catastrophic forgetting: replay, elastic weight consolidation, and their cost",
    "1.C": "Convolution as a matrix, hidden layers, and the growth of networks",
    "1.D": "Visualizing loss landscapes, and three pitfalls",
    "1.E": "Isomap and the Trust Score in detail",
    "1.F": "Steepest descent in five norms",
    "1.G": "Data attribution: which training images influence a prediction",
    "1.H": "Vanishing, exploding and shattered gradients",
    "1.I": "Gradient descent in detail: mini-batch noise, stability limits, and the pose of a sign",
    "1.J": "Products with Jacobians and Hessians, and their costs",
    "1.K": "Is the green stop sign a function of the red one?",
    "1.L": "Rotation and hue of photographs, and images of other datasets",
    "1.M": "The linearization radius for other objectives, weights and photographs",
    "2.1": "Why P? Occlusion, input gradients and Grad-CAM",
    "2.2": "What if not P? Counterfactual maps",
    "2.3": "Why P, rather than Q? Contrastive maps",
    "2.4": "One Jacobian for all three questions, and the Fisher information",
    "2.5": "Sanity checks for explanations: randomizing the weights",
    "2.6": "Explanations of photographs",
    "2.7": "Introspective learning: gradients as features",
    "2.A": "Saliency and attribution: axioms, baselines and noise",
    "2.B": "Faithfulness metrics: what they measure, and which controls they need",
    "2.C": "The uncertainty of a contrastive explanation",
    "2.D": "Introspective learning: all heads, all corruptions, and calibration",
    "2.E": "The Fisher information of the last layer in closed form",
    "2.F": "A classification of explanation methods",
    "2.G": "Contrastive maps in detail: pairs of signs, controls and resolution",
    "3.1": "Two kinds of uncertainty, two baseline scores, and the AUROC",
    "3.2": "Gradient norms for a confounding label",
    "3.3": "A detector trained on gradient norms, and its controls",
    "3.4": "The direction of a gradient: anomaly detection with GradCon",
    "3.5": "Adversarial examples: FGSM and projected gradient descent",
    "3.6": "Detecting adversarial examples, and adaptive attacks on the detector",
    "3.A": "Scores that need no abnormal images: which baseline must a gradient score outperform?",
    "3.B": "GradNorm and ExGrad: gradients of the last layer in closed form",
    "3.C": "Detecting corrupted images",
    "3.D": "Open-set recognition",
    "3.E": "The nearest decision boundary: DeepFool and the attack of Carlini and Wagner",
    "3.F": "Detecting misclassifications: selective prediction and GradTrust",
    "3.G": "Novelty detection with the gradients of a VAE",
    "3.H": "The trained detector in detail: random splits, other images, and a two-layer network",
    "4.1": "Expectancy-mismatch: definition and a first example",
    "4.2": "Evaluating image-quality measures: PSNR, SSIM and human ratings",
    "4.3": "Image quality from the gradients of an autoencoder",
    "4.4": "Explaining a quality score: why this score, rather than Q?",
    "4.5": "Visual saliency: which part of an image does not fit the prediction?",
    "4.A": "SSIM and MS-SSIM from their formulas",
    "4.B": "A sparse autoencoder of patches: UNIQUE",
    "4.C": "Evaluation protocol: PLCC, SRCC, RMSE and significance",
    "4.D": "Stochastic surprisal: gradients of a sparse autoencoder",
    "4.E": "Fixation metrics, layers and noise",
    "4.F": "No-reference quality from gradients: a negative result",
    "4.G": "Contrastive maps for quality bins",
    "5.1": "All methods in one overview, with their cost",
    "5.2": "Which published claims could we reproduce?",
    "5.3": "When is a gradient worth its backward pass?",
    "5.4": "Open problems and the capstone project",
    "5.5": "Apply the methods to your own model",
    "5.A": "Can an explanation indicate that it is wrong?",
    "5.B": "Interventions at decision time",
    "5.C": "The same functions for a transformer",
    "5.D": "Compressing gradients",
    "5.E": "Adaptive attacks on detectors",
    "5.F": "Beyond photographs: seismic, medical, video, and visual prompts",
}


def section_label(section: str) -> str:
    """Return the label of a section, an address that does not depend on its title.

    Args:
        section: the number of the section, such as "2.2".

    Returns:
        The id of the anchor above its heading.

    Example:
        >>> section_label("2.A")
        'section-2-a'
    """
    return f"section-{section.replace('.', '-').lower()}"


def section_url(section: str) -> str:
    """Return the relative address of a section.

    It is the address in the page of the book while the book is built, and in the notebook everywhere else.

    Args:
        section: the number of the section, such as "2.2".

    Returns:
        The address.

    Raises:
        ValueError: unknown section.

    Example:
        >>> section_url("2.2")
        '02-information.ipynb#2.2-What-if-not-P%3F-Counterfactual-maps'
    """
    title = SECTION_TITLES[check_choice(section, SECTION_TITLES, "section")]
    name = CHAPTER_FILES[int(section[0])]
    if is_book_build():
        return f"{name}.html#{section_label(section)}"
    return f"{name}.ipynb#{quote(f'{section} {title}'.replace(' ', '-'))}"


def section_link(section: str, words: str | None = None) -> str:
    """Return a link to a section, as HTML that may also stand in Markdown.

    Args:
        section: the number of the section, such as "2.2".
        words: the text of the link; None is "section 2.2".

    Returns:
        The link.

    Raises:
        ValueError: unknown section.

    Example:
        >>> section_link("2.6").partition(" title")[0]
        '<a href="02-information.ipynb#2.6-Explanations-of-photographs"'
    """
    url = section_url(section)
    title = escape(f"{section} {SECTION_TITLES[section]}")
    return f'<a href="{url}" title="{title}">{escape(words or f"section {section}")}</a>'
