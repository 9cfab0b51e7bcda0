"""The quiz of chapter 2: frequent misconceptions about explanations."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A Grad-CAM map is high on the face of the sign. What follows from this?",
        {
            "Channels with a positive mean gradient are active there.": (
                "This is the formula of section 2.1 in words. Every further statement has to be tested."
            ),
            "These pixels caused the prediction.": (
                "The map does not test this. Remove the pixels, as section 2.2 does, and measure whether the logit of "
                "the predicted class decreases."
            ),
            "The network has learned the concept of this sign.": (
                "Some maps look the same if the weights are random. Section 2.5 tests this."
            ),
            "The rest of the image could be deleted without changing the prediction.": (
                "This is a claim about an intervention. Deletion and insertion curves measure it (section 2.B). The "
                "map does not."
            ),
        },
        correct=0,
    ),
    Question(
        "You compute the contrast map by the loss for Q = P, “Why 30, rather than 30?”, for a confident network. The "
        "result is …",
        {
            "the Grad-CAM map of 30.": (
                "Grad-CAM differentiates the logit of 30. The loss for the predicted class of a confident network has "
                "almost no gradient (section 2.4)."
            ),
            "a map that is nearly zero and must not be normalized.": (
                "The weights p − e_P are nearly zero, so the map is nearly zero too (section 2.4). Report its total "
                "value before you show it."
            ),
            "an error.": "The loss for P can be differentiated like any other loss. The result is nearly zero.",
            "a map that is high on the whole sign.": (
                "Only if a map of rounding errors were normalized to its maximum (section 2.4)."
            ),
        },
        correct=1,
    ),
    Question(
        "A crisp map stays the same when the last layers are re-initialized at random. So …",
        {
            "it is robust, which is good.": (
                "It does not depend on what the network has learned, so it cannot explain it."
            ),
            "those layers do not matter.": "Look at the predictions: they collapsed.",
            "the seed was unlucky.": "Try ten seeds, as the exercise on the randomization test does.",
            "it shows the image, not the decision.": (
                "The map does not depend on the weights that were randomized. An edge detector needs no network at all."
            ),
        },
        correct=3,
    ),
    Question(
        "A narrow Gaussian in the middle of the image has a larger share of its total value on the differing pixels "
        "than a contrast map has. What follows from this?",
        {
            "The contrast map depends on nothing that the network has learned.": (
                "The comparison does not test this. Section 2.5 does, by randomizing the weights."
            ),
            "The Gaussian explains the prediction.": (
                "It uses neither the image nor the network, so it cannot explain the prediction (section 2.3)."
            ),
            "The metric can be increased by making a map narrower, so it does not compare the methods fairly.": (
                "Precision at k depends only on the ranking of the pixels, so the width of the Gaussian does not "
                "change it (section 2.3)."
            ),
            "More images are needed.": (
                "More images make the mean more precise, but they do not remove the bias of the metric (section 2.3)."
            ),
        },
        correct=2,
    ),
    Question(
        "Suppose the introspective classifier is 3 percentage points more accurate under corruption. Before you "
        "attribute this to the gradient, you need …",
        {
            "the same head, trained the same way, on features without gradients.": (
                "What this control gains as well cannot be attributed to the gradient."
            ),
            "a larger second head.": (
                "A larger head may raise both numbers. It does not show what the gradient contributes."
            ),
            "five more seeds.": (
                "Necessary, but not enough: a biased comparison can be just as reproducible as a fair one."
            ),
            "a lower loss in training.": "It shows how well the head fits, not which features it uses.",
        },
        correct=0,
    ),
)
