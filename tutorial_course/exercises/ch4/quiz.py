"""The quiz of chapter 4: the mistakes people make about quality, expectation and saliency, and what to look at instead."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "Suppose a measure correlates .95 in rank with the level of blur. So …",
        {
            "it is monotone in blur.": "That is what a rank correlation says, and all of it.",
            "it agrees with people.": "Nobody was asked. A level is what the blurring machine was set to.",
            "it can compare blur with noise.": "Pool the two and look: an order within each says nothing about an order across.",
            "it beats PSNR.": "PSNR is monotone in blur too. Put it into the same table.",
        },
        correct=0,
    ),
    Question(
        "A scalar quality head is asked 'why .6, rather than .8?' and 'rather than 1.0?'. The normalised maps are equal because …",
        {
            "the network is confident.": "There is no confidence in a scalar. It says one number, and no second.",
            "of the ReLU.": "Leave it out, and they are equal too.",
            ".8 and 1.0 are close.": "Try .61. The map is the same.",
            "both are the same gradient times a number.": "The chain rule: the difference to Q stands before ∂f/∂A, and cancels.",
        },
        correct=3,
    ),
    Question(
        "Suppose on photographs your map has AUC .75. That is …",
        {
            "good, above ½.": "½ is for a map that knows nothing, not even where cameras point.",
            "about what a blob in the centre gets; subtract that first.": "The prior is a row of the table, and the first one.",
            "bad: people agree at .9.": "Perhaps. But compare with the prior first, then with people.",
            "not comparable with anything.": "Same pictures, same measure: the prior is comparable.",
        },
        correct=1,
    ),
    Question(
        "Signed gradients for all labels are averaged with equal weight. The result is …",
        {
            "zero.": "With weights p it is; not with equal ones.",
            "a map of all mismatches.": "They cancelled before they could be seen. Take the size first.",
            "the gradient for one uniform label.": "The loss is linear in the label, so the mean of the labels is the label of the mean.",
            "the Fisher information.": "That needs squares, which do not cancel.",
        },
        correct=2,
    ),
    Question(
        "A score falls by .9 in rank as opinion scores rise. The score is …",
        {
            "bad: negative.": "Some sets score damage, not quality. There a good score must fall.",
            "perhaps very good: find out what a high opinion score means in that set.": "A sign is a convention; the size is the finding.",
            "reversed in code.": "Not necessarily. Read what the set's numbers mean before you mend anything.",
            "to be reported as .9.": "Only after saying why it was turned.",
        },
        correct=1,
    ),
)
