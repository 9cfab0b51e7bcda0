"""The quiz of chapter 2: frequent misconceptions about explanations."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A Grad-CAM map is bright on the face of the sign. This says that …",
        {
            "channels whose gradient is positive on average are active there.": (
                "That is its formula in words. Everything beyond it is a claim that has to be tested."
            ),
            "those pixels caused the decision.": (
                "The map does not test this. Remove them and see whether the logit falls."
            ),
            "the network understands the sign.": (
                "Some maps look just like that with random weights in the last layers."
            ),
            "the rest of the image could be deleted without changing the prediction.": (
                "That is a claim, and measurable: deletion and insertion measure it. The map does not."
            ),
        },
        correct=0,
    ),
    Question(
        "“Why 30, rather than 30?”, computed for a confident network, gives …",
        {
            "Grad-CAM.": "Grad-CAM answers why 30 at all. The loss against the predicted class has almost no gradient.",
            "a map that is nearly zero and must not be normalized.": (
                "p − e_P is almost zero, and so is every map computed from it. Print its sum before you show it."
            ),
            "an error.": "The question is valid, and its answer is a map that is almost zero.",
            "the whole sign.": "Only if rounding errors were normalized to full scale.",
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
        "A center prior, which ignores the network, has its maximum on the sign about as often as Grad-CAM does. So …",
        {
            "Grad-CAM is useless.": (
                "The result does not show this. It shows that the pointing game cannot distinguish the two maps on "
                "images with one centered sign. Section 2.B uses metrics that can."
            ),
            "the center prior explains the network.": (
                "A map that uses neither the network nor the image cannot explain a prediction, whatever its score is."
            ),
            "the test rewards the position of the sign.": (
                "Signs are usually near the middle of these images. Report the precision at k beside that of the "
                "center prior, or use counterfactual pairs, in which the other parts of the sign are equally central."
            ),
            "we should average over more images.": (
                "More images reduce the statistical error of both scores. A bias of the images does not average out."
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
