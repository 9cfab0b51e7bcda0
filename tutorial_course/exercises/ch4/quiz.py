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
            "it agrees with human ratings.": (
                "Nobody rated these images, because a level is a parameter of the blur (section 4.2)."
            ),
            "it can compare blur with noise.": (
                "A correct order within each kind of distortion does not imply a correct order across kinds. Compute "
                "the correlation over both kinds (section 4.3)."
            ),
            "it outperforms PSNR.": (
                "PSNR can have the same correlation. Compute both on the same images (section 4.2)."
            ),
        },
        correct=0,
    ),
    Question(
        "A network predicts a quality score of 0.6. The normalized maps for the contrast scores 0.8 and 1.0 are equal "
        "because …",
        {
            "the network is confident.": (
                "A single score has no confidence. The chain rule explains the result (section 4.4)."
            ),
            "of the ReLU.": "The maps are also equal without a ReLU (section 4.4).",
            "0.8 and 1.0 are close.": "For Q = 0.61, the normalized map is the same as well (section 4.4).",
            "both are the same gradient times a number.": (
                "By the chain rule, Q appears only in the factor 2 (f − Q) in front of ∂f/∂A, and the normalization "
                "removes this factor (section 4.4)."
            ),
        },
        correct=3,
    ),
    Question(
        "Suppose that your saliency map has an AUC of 0.75 on photographs. This value is …",
        {
            "good, because it is above ½.": (
                "An AUC of ½ is that of random guessing. The center prior has a much higher AUC without using the "
                "image (section 4.5)."
            ),
            "about that of the center prior, which is the first control.": (
                "The center prior does not use the image and has nearly the same AUC. Therefore, compare your map with "
                "it on the same photographs first (section 4.5)."
            ),
            "bad, because the prediction of one viewer from the others has an AUC of 0.9.": (
                "This comparison gives an upper reference value. Compare with the center prior first (section 4.5)."
            ),
            "not comparable with anything.": (
                "You can compute the same metric for the center prior on the same photographs and compare the two "
                "values (section 4.5)."
            ),
        },
        correct=1,
    ),
    Question(
        "The signed gradients for all labels are averaged with equal weights. The result is …",
        {
            "zero.": (
                "The mean is zero if the gradients are weighted by the probabilities p, but not with equal weights "
                "(section 4.5)."
            ),
            "a map of all mismatches.": (
                "Positive and negative gradients cancel in the mean, so the absolute values must be taken first "
                "(section 4.5)."
            ),
            "the gradient for one uniform label.": (
                "The loss is linear in its label. Therefore, the mean of the losses over all labels equals the loss "
                "for the mean label, which is the uniform label (section 4.5)."
            ),
            "the Fisher information.": (
                "The Fisher information is a mean of squared gradients, in which nothing cancels."
            ),
        },
        correct=2,
    ),
    Question(
        "The rank correlation between a quality measure and the opinion scores of a dataset is −0.9. The measure is …",
        {
            "bad, because the correlation is negative.": (
                "In some datasets, a high opinion score means a bad image (DMOS). In this case, a good measure has a "
                "negative correlation (section 4.2)."
            ),
            "perhaps very good, depending on what a high opinion score means in this dataset.": (
                "If a high score means a bad image, the measure agrees with the human ratings. Negate the scores and "
                "report 0.9 (section 4.2)."
            ),
            "computed with an error in the code.": (
                "The code can be correct. Check what the scores of the dataset mean before you change it (section 4.2)."
            ),
            "to be reported as 0.9 in any case.": (
                "The negation is correct only if a high opinion score means a bad image (section 4.2)."
            ),
        },
        correct=1,
    ),
)
