"""The quiz of chapter 4: frequent misconceptions about quality, expectation and saliency."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A measure has a rank correlation of 0.95 with the level of blur over many images. It follows that …",
        {
            "on different images, the measure has similar values for the same level of blur.": (
                "A measure that is monotone for each image, but has very different values on different images, would "
                "have a lower rank correlation over all images (section 4.2)."
            ),
            "it agrees with human ratings.": (
                "No person rated these images. A level is a parameter of the blur (section 4.2)."
            ),
            "it can compare blur with noise.": (
                "An order within each kind of distortion does not imply an order across kinds. Compute the correlation "
                "over both kinds (section 4.3)."
            ),
            "it outperforms PSNR.": (
                "PSNR can have the same correlation. Compute both on the same images (section 4.2)."
            ),
        },
        correct=0,
    ),
    Question(
        "A network predicts one quality score of 0.6. The normalized maps for “rather than 0.8” and “rather than 1.0” "
        "are equal because …",
        {
            "the network is confident.": (
                "A single score has no confidence. The chain rule explains the result (section 4.4)."
            ),
            "of the ReLU.": "The maps are equal without a ReLU, too (section 4.4).",
            "0.8 and 1.0 are close.": "For Q = 0.61 the normalized map is the same (section 4.4).",
            "both are the same gradient multiplied by a number.": (
                "By the chain rule, Q appears only in the factor 2 (f − Q) in front of ∂f/∂A, and the normalization "
                "removes this factor (section 4.4)."
            ),
        },
        correct=3,
    ),
    Question(
        "Suppose that the AUC of your saliency map for fixations on photographs is 0.75. What follows?",
        {
            "The map is good, because its AUC is above ½.": (
                "The AUC of a random map is ½. The AUC of the center prior, which does not use the image, is above ½, "
                "too (section 4.5)."
            ),
            "Nothing follows until you know the AUC of the center prior on the same photographs.": (
                "The center prior does not use the image, and yet its AUC is similar on our photographs (section 4.5)."
            ),
            "The map is bad, because fixations of other people would have a higher AUC.": (
                "The fixations of other people give an upper limit. Compare the map with the center prior first "
                "(section 4.5)."
            ),
            "The map cannot be compared with anything.": (
                "It can be compared with the center prior on the same photographs and with the same metric "
                "(section 4.5)."
            ),
        },
        correct=1,
    ),
    Question(
        "Signed gradients for all labels are averaged with equal weights. The result is …",
        {
            "zero.": (
                "The average is zero if the weights are the predicted probabilities, but not in general if they are "
                "equal (section 4.5)."
            ),
            "a map of all mismatches.": (
                "Positive and negative values cancel in the average. Take the absolute values first, as implicit "
                "saliency does (section 4.5)."
            ),
            "the gradient for one uniform label.": (
                "The cross-entropy is linear in the label, so the mean of the losses is the loss for the mean label "
                "(section 4.5)."
            ),
            "the Fisher information.": (
                "The Fisher information is an average of squared gradients, which cannot cancel (section 2.4)."
            ),
        },
        correct=2,
    ),
    Question(
        "The rank correlation between a quality measure and the opinion scores of a dataset is −0.9. The measure is …",
        {
            "bad, because the correlation is negative.": (
                "In some datasets a high opinion score means a bad image (DMOS). For these datasets, a good measure "
                "has a negative correlation (section 4.2)."
            ),
            "perhaps very good: find out what a high opinion score means in this dataset.": (
                "If a high score means a bad image, the measure agrees with the human ratings. Negate the scores and "
                "report 0.9 (section 4.2)."
            ),
            "computed with an error in the code.": (
                "Not necessarily. Check what the scores of the dataset mean before you change the code (section 4.2)."
            ),
            "to be reported as 0.9 in any case.": (
                "This is correct only if a high opinion score means a bad image (section 4.2)."
            ),
        },
        correct=1,
    ),
)
