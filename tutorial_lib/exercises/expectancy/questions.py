"""The quiz of chapter 4: the mistakes people make about expectation, quality and saliency, and what to look at instead."""

from tutorial_lib.instruments import Question

QUIZ = (
    Question(
        "Suppose a measure correlates .95 in rank with the level of blur. So …",
        {
            "it agrees with people.": "Nobody was asked. The level was decided when the picture was blurred.",
            "it is monotone in blur.": "That, and no more. It is worth having, and cheap to check.",
            "it can compare blur with noise.": "Pool them and look. Two curves may rise side by side and at different heights.",
            "it beats PSNR.": "PSNR is monotone in blur too. Ask it the same question first.",
        },
        right=1,
    ),
    Question(
        "A scalar quality head is asked “why .6, rather than .8?” and “rather than 1.0?”. The normalised maps are equal because …",
        {
            "the network is confident.": "There is no confidence in a scalar.",
            "both are the same gradient times a number.": "2 (f − Q) is a number, and dividing by the peak takes it away.",
            "of the ReLU.": "Without it they are equal too.",
            ".8 and 1.0 are close.": "Try .61.",
        },
        right=1,
    ),
    Question(
        "Suppose your map of where people look has an AUC of .75 on photographs. That is …",
        {
            "good, above one half.": "One half is for a map that knows nothing, not even where cameras point.",
            "about what a blob in the centre gets; subtract that first.": "Centre prior first, then everything else.",
            "bad: people agree at .9.": "Perhaps, but compare with the prior first.",
            "not comparable with anything.": "Same pictures, same metric: the prior is comparable.",
        },
        right=1,
    ),
    Question(
        "Signed gradients for all labels are averaged with equal weight. The result is …",
        {
            "zero.": "With weights p it is. Not with equal ones.",
            "a map of all mismatches.": "They cancelled before they could be seen.",
            "the gradient for one uniform label.": "The mean of p − e_Q over all Q is p − u: one backward pass, another method.",
            "the Fisher information.": "That needs squares.",
        },
        right=2,
    ),
    Question(
        "Suppose a score falls by .9 in rank as opinion scores rise. The score is …",
        {
            "bad: negative.": "Some sets score damage, not quality.",
            "perhaps very good: find out what a high opinion score means in that set.": "DMOS rises with damage, MOS with quality.",
            "reversed in code.": "Not necessarily. Look at the set before you look at the code.",
            "to be reported as .9.": "Only after saying why it was turned.",
        },
        right=1,
    ),
)
