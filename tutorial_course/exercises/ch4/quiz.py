"""The quiz of chapter 4: frequent misconceptions about quality, expectation and saliency."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A measure has a rank correlation of 0.95 with the level of blur over many images. It follows that …",
        {
            "the same level of blur has similar values on different images.": (
                "A measure that is monotone for each image, but has very different values on different images, would "
                "have a lower rank correlation over all images (section 4.2)."
            ),
            "it agrees with people.": "No person rated these images. A level is a parameter of the blur (section 4.2).",
            "it can compare blur with noise.": (
                "An order within each kind of distortion does not imply an order across kinds: compute the correlation "
                "over both (section 4.3)."
            ),
            "it outperforms PSNR.": (
                "PSNR can have the same correlation. Compute both on the same images (section 4.2)."
            ),
        },
        correct=0,
    ),
    Question(
        "A network predicts one quality score of 0.6. The normalized maps for 'rather than 0.8' and 'rather than 1.0' "
        "are equal because …",
        {
            "the network is confident.": (
                "A single score has no confidence. The chain rule explains the result (section 4.4)."
            ),
            "of the ReLU.": "The maps are equal without a ReLU, too (section 4.4).",
            "0.8 and 1.0 are close.": "For Q = 0.61 the normalized map is the same (section 4.4).",
            "both are the same gradient times a number.": (
                "By the chain rule, Q appears only in the factor 2 (f − Q) in front of ∂f/∂A, and the normalization "
                "removes this factor (section 4.4)."
            ),
        },
        correct=3,
    ),
    Question(
        "Suppose on photographs your map has AUC .75. That is …",
        {
            "good, above ½.": "½ is the AUC of a random map, which does not even contain the center prior.",
            "about that of the center prior; compare with it first.": "The center prior is the first row of the table.",
            "bad: people agree at .9.": "Perhaps. But compare with the center prior first, then with people.",
            "not comparable with anything.": (
                "With the same images and the same measure, the center prior is comparable."
            ),
        },
        correct=1,
    ),
    Question(
        "Signed gradients for all labels are averaged with equal weight. The result is …",
        {
            "zero.": "With weights p it is; not with equal ones.",
            "a map of all mismatches.": "Positive and negative values cancel. Take absolute values first.",
            "the gradient for one uniform label.": (
                "The loss is linear in the label, so the mean of the labels is the label of the mean."
            ),
            "the Fisher information.": "That needs squares, which do not cancel.",
        },
        correct=2,
    ),
    Question(
        "The rank correlation between a quality measure and the opinion scores of a dataset is −0.9. The measure is …",
        {
            "bad, because the correlation is negative.": (
                "In some datasets a high opinion score means a bad image (DMOS). There a good measure has a negative "
                "correlation (section 4.2)."
            ),
            "perhaps very good: find out what a high opinion score means in this dataset.": (
                "If a high score means a bad image, the measure agrees with people. Negate the scores and report 0.9 "
                "(section 4.2)."
            ),
            "computed with an error in the code.": (
                "Not necessarily. Check what the scores of the dataset mean before you change the code (section 4.2)."
            ),
            "to be reported as 0.9 in any case.": "Only if a high opinion score means a bad image (section 4.2).",
        },
        correct=1,
    ),
)
