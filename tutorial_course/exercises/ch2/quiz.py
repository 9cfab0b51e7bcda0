"""The quiz of chapter 2: frequent misconceptions about explanations."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A Grad-CAM map has high values on the face of the sign. What follows from this?",
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
                "This is a claim about an intervention. Deletion and insertion curves test it (section 2.B). The map "
                "does not."
            ),
        },
        correct=0,
    ),
    Question(
        "You compute the contrast map from the loss for Q = P, “Why 30, rather than 30?”, for a confident network. "
        "The result is …",
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
            "a map with high values on the whole sign.": (
                "This would happen only if a map of rounding errors were normalized to its maximum (section 2.C)."
            ),
        },
        correct=1,
    ),
    Question(
        "A map with sharp outlines stays the same for every random re-initialization of the last layer. It follows "
        "that …",
        {
            "the map is robust, which is a desirable property.": (
                "A map that explains a prediction must change if the weights that lead to the prediction change."
            ),
            "the last layer does not matter for the prediction.": (
                "With a random last layer the accuracy falls to about chance, so the layer does matter."
            ),
            "we need the mean signed correlation r of the maps over more re-initializations.": (
                "The signed mean is zero also for a map that does not change except that it is negated together with "
                "the last layer. The mean of |r| is the statistic to use (section 2.5)."
            ),
            "the map does not depend on the last layer, so it cannot explain the choice of the class.": (
                "The map shows properties of the image and of the earlier layers. An edge map behaves in the same way "
                "(section 2.5)."
            ),
        },
        correct=3,
    ),
    Question(
        "The contrastive input gradient, which contrasts Q with P, locates the pixels that differ between two signs "
        "better than the input gradient for P alone. An edge map that does not use the network, namely the smoothed "
        "edges near the middle of the image, has an even higher mean precision. What follows?",
        {
            "The contrast does not depend on the class Q.": (
                "With a random class instead of Q the gain disappears, so the map does depend on Q (section 2.3)."
            ),
            "The edge map explains why the network predicts P, rather than Q.": (
                "The edge map is computed without the network, so it cannot explain the prediction (section 2.3)."
            ),
            "A high precision alone is not evidence that a map explains the prediction.": (
                "The edge map shows this. Instead, compare the map for Q with the map of the same method for a random "
                "class (section 2.3)."
            ),
            "The precision must be measured on more images.": (
                "More images make the intervals narrower, but the edge map would still score well, because the "
                "differing pixels lie near the middle and along edges (section 2.3)."
            ),
        },
        correct=2,
    ),
    Question(
        "An introspective classifier adds a second stage, trained on gradients, to a base classifier. Suppose that it "
        "is 3 percentage points more accurate under corruption than the base classifier. Before you attribute this "
        "gain to the gradient, you need …",
        {
            "the same second stage, trained in the same way, on features without gradients.": (
                "A gain that this control also achieves cannot be attributed to the gradient (section 2.7)."
            ),
            "a larger second stage.": (
                "A larger second stage may increase the accuracy, but it does not show what the gradient contributes."
            ),
            "five more random seeds.": (
                "More seeds are necessary for an interval, but a biased comparison can be reproducible too. The "
                "control comes first."
            ),
            "a lower training loss.": (
                "The training loss shows how well the second stage fits its training images, but not why its accuracy "
                "on other images increases."
            ),
        },
        correct=0,
    ),
)
