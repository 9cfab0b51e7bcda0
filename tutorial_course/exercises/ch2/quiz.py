"""The quiz of chapter 2: frequent misconceptions about explanations."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A Grad-CAM map has large positive values on the face of a traffic sign. This means that …",
        {
            "feature maps with a positive mean gradient are active at these positions.": (
                "This is what the formula computes. Every further interpretation has to be tested (section 2.1)."
            ),
            "those pixels caused the prediction.": (
                "The map alone does not show this. Replace the pixels and measure whether the logit decreases "
                "(section 2.2)."
            ),
            "the network recognizes the sign for the same reasons as a person.": (
                "Some maps look the same if the last layer has random weights, so their appearance proves little "
                "(section 2.5)."
            ),
            "the rest of the image could be removed without changing the prediction.": (
                "This is a claim that deletion and insertion measure (section 2.B). The map does not show it."
            ),
        },
        correct=0,
    ),
    Question(
        "The question “Why 30, rather than 30?”, evaluated for a confident network, gives …",
        {
            "Grad-CAM of the class 30.": (
                "Grad-CAM differentiates the logit of 30. Here the loss for the label 30 is differentiated, and its "
                "gradient is almost zero."
            ),
            "a map that is nearly zero, which must not be rescaled to its own range.": (
                "The vector p − e_P is almost zero, and so is every map computed from it. Show the map on the scale "
                "of Grad-CAM (section 2.7)."
            ),
            "an error message.": "The gradient is defined, and the resulting map is almost zero everywhere.",
            "a map of the whole sign.": (
                "A map of the whole sign appears only if almost zero values are rescaled to the full range of colors."
            ),
        },
        correct=1,
    ),
    Question(
        "A map with sharp outlines stays the same in every random draw of the last layer. It follows that …",
        {
            "the map is robust, which is a desirable property.": (
                "A map that explains a prediction must change if the weights that lead to the prediction change."
            ),
            "the last layer does not matter for the prediction.": (
                "With a random last layer the accuracy falls to about chance, so the layer does matter."
            ),
            "we need the signed mean of r over more draws.": (
                "The signed mean is zero for every map that changes its sign with the last layer, and it says nothing "
                "else. The mean of |r| is the statistic to use (section 2.5)."
            ),
            "the map does not depend on the last layer, so it cannot explain the choice of the class.": (
                "The map shows properties of the image and of the earlier layers. An edge map behaves in the same way "
                "(section 2.5)."
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
        "Suppose that the introspective classifier is 3 percentage points more accurate under corruption than the base "
        "classifier. Before you attribute this gain to the gradient, you need …",
        {
            "the same second stage, trained in the same way, on features without gradients.": (
                "Whatever this control gains as well cannot be attributed to the gradient (section 2.7)."
            ),
            "a larger second stage.": (
                "A larger second stage may increase the accuracy, but it does not show what the gradient contributes."
            ),
            "five more random seeds.": (
                "More seeds are necessary for an interval, but a biased comparison can be reproducible too. The "
                "control comes first."
            ),
            "a lower training loss.": "The training loss shows how well the second stage fits, and not why.",
        },
        correct=0,
    ),
)
