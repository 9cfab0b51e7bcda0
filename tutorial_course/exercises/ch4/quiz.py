"""The quiz of chapter 4: frequent misconceptions about quality, expectation and saliency."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "Suppose a measure correlates .95 in rank with the level of blur. So …",
        {
            "it is monotone in blur.": "That is what a rank correlation says, and it says no more.",
            "it agrees with people.": "There are no human ratings here. A level is a parameter of the blur.",
            "it can compare blur with noise.": (
                "Combine the two and look: an order within each distortion does not imply an order across distortions."
            ),
            "it outperforms PSNR.": "PSNR is monotone in blur too. Put it into the same table.",
        },
        correct=0,
    ),
    Question(
        "For a network with one quality score, we explain 'why .6, rather than .8?' and 'rather than 1.0?'. The "
        "normalized maps are equal because …",
        {
            "the network is confident.": "A scalar score has no confidence. It is a single number.",
            "of the ReLU.": "They are equal without it, too.",
            ".8 and 1.0 are close.": "Try .61. The map is the same.",
            "both are the same gradient times a number.": (
                "This is the chain rule: the difference to Q is a factor in front of ∂f/∂A, and cancels in the "
                "normalization."
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
        "A score falls by .9 in rank as opinion scores rise. The score is …",
        {
            "bad: negative.": "In some datasets a high score means a strong distortion. There a good score must fall.",
            "perhaps very good: find out what a high opinion score means in that dataset.": (
                "Whether it is positive or negative is a convention; the absolute value is the result."
            ),
            "reversed in code.": (
                "Not necessarily. Read what the numbers of the dataset mean before you change anything."
            ),
            "to be reported as .9.": "Only if you say why the correlation was negated.",
        },
        correct=1,
    ),
)
