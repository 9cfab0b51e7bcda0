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
    Question(
        "The integrated gradients of an image add up to the change of the logit from a black image to this image. So …",
        {
            "black pixels have no influence on the network.": (
                "They have the attribution zero because they are equal to the baseline. Another baseline gives them "
                "another attribution (section 2.A)."
            ),
            "the map is faithful.": (
                "Completeness is a property of the sum. Section 2.B reports that complete and linear methods can fail "
                "to answer simple questions about the network."
            ),
            "the map is complete for this baseline, and another baseline gives another map.": (
                "In section 2.A, the maps for two baselines differ as much as the maps of two methods."
            ),
            "the number of steps does not matter.": (
                "The sum is exact only for many steps. Print the completeness gap beside the map."
            ),
        },
        correct=2,
    ),
    Question(
        "The trace of the Fisher information of the last layer is small for an image. So …",
        {
            "the prediction is correct.": (
                "The trace is small for confident mistakes as well, because it depends on the predicted probabilities "
                "and not on the label (section 2.E)."
            ),
            "the network expects to learn little from its label.": (
                "The trace is the expected squared gradient, if the label has the distribution that the network "
                "predicts."
            ),
            "the gradient for the correct label is small.": (
                "This holds for a correct confident prediction only. For a confident mistake this gradient is large."
            ),
            "the image is out-of-distribution.": (
                "The trace does not measure this. Chapter 3 examines which scores detect novel images."
            ),
        },
        correct=1,
    ),
)
