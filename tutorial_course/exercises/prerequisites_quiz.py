"""The quiz before chapter 1: ten questions about the prerequisites, with computed answers."""

from tutorial_course.widgets import Question

TOPIC_PYTHON, TOPIC_CALCULUS, TOPIC_PROBABILITY, TOPIC_NETWORKS = (
    "Python and PyTorch",
    "derivatives",
    "probability",
    "networks",
)

QUIZ = (
    Question(
        "The function `shape()` averages eight images with three color channels over height and width. What shape does"
        " it return?",
        {
            "`{pooled}`": (
                "One number per image and channel remains. In this course, the first axis of a shape is always"
                " the batch."
            ),
            "`{with_dimensions}`": (
                "This shape keeps the two averaged axes with length one, which requires `keepdim=True`."
            ),
            "`{across}`": (
                "This is the shape after averaging over the batch and the channels, which leaves one mean image. The "
                "axes in `dim` are the ones that are averaged over."
            ),
            "`{nothing}`": "This is the shape of the mean over all axes, which is computed if `dim` is not given.",
        },
        correct=0,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "What does the function `slopes()` return?",
        {
            "`{squares}`": (
                "These are the squares. However, `backward` writes derivatives into `.grad` and does not return the "
                "values."
            ),
            "`{summed}`, the sum": (
                "This is the value that is differentiated. The gradient has the shape of `x`, with one derivative for "
                "each of its entries."
            ),
            "`{slopes}`": "The derivative of x² is 2x for each entry. Section 1.2 computes such gradients by hand.",
            "`{ones}`": (
                "This is the derivative of the sum with respect to its terms. The chain rule multiplies it by the "
                "derivative of the square."
            ),
        },
        correct=2,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "The function `twice()` runs the same forward and backward pass twice. What does `.grad` contain afterwards?",
        {
            "`{slopes}`, as before": (
                "PyTorch does not set `.grad` to zero before it adds a gradient, so the first gradient is still "
                "contained in it."
            ),
            "`{twice}`": (
                "Gradients are accumulated in `.grad` until it is set to zero. The functions of this course "
                "do not change the `.grad` of your network."
            ),
            "`{squared}`": (
                "The gradients are not multiplied. The second backward pass adds its gradient to that of the first one."
            ),
            "an error": (
                "An error occurs only if the same graph is used twice. Here, each forward pass creates a new graph."
            ),
        },
        correct=1,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "The function `chained()` computes the derivative of (3x + 1)² at x = 1. What does it return?",
        {
            "{outer:g}": (
                "This is 2(3x + 1), the derivative of the square alone. It must be multiplied by the derivative of 3x +"
                " 1."
            ),
            "{value:g}": "This is the value of the function at x = 1, and not its derivative.",
            "{inner:g}": (
                "This is the derivative of 3x + 1 alone. It must be multiplied by the derivative of the square."
            ),
            "{chained:g}": (
                "The outer derivative is multiplied by the inner one. Backpropagation applies this rule to "
                "one layer after another (section 1.2)."
            ),
        },
        correct=3,
        topic=TOPIC_CALCULUS,
    ),
    Question(
        "A function of two weights has the gradient (3, −1) at some point. Which small step decreases the function?",
        {
            "One that increases the first weight and decreases the second.": (
                "This step follows the gradient, so it increases the function."
            ),
            "One that decreases the first weight and increases the second.": (
                "This step is opposite to the gradient, which is the reason for the minus sign in the update "
                "rule of section 1.3."
            ),
            "One that leaves the second weight unchanged, since −1 is negative.": (
                "A negative derivative means that the function decreases if this weight increases, so increasing it "
                "helps."
            ),
            "This cannot be answered without second derivatives.": (
                "Second derivatives determine how *large* the step may be, as section 1.3 shows. The gradient is enough"
                " to determine the direction of a small step."
            ),
        },
        correct=1,
        topic=TOPIC_CALCULUS,
    ),
    Question(
        "The function `softened()` turns the logits 2, 1, 0 into the probabilities {p}. What happens if 5 is added to "
        "each logit?",
        {
            "The first probability grows most.": (
                "The softmax depends only on the differences of the logits, which remain the same."
            ),
            "All probabilities increase, as all logits did.": (
                "The probabilities add up to one before and after, so they cannot all increase."
            ),
            "Nothing changes: {q}.": (
                "A number that is added to all logits cancels in the fraction. In contrast, the energy "
                "score of section 3.1 changes."
            ),
            "They become more similar to each other.": (
                "*Dividing* the logits by a temperature above one has this effect."
            ),
        },
        correct=2,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "The cross-entropy of an image with label y is −log p_y. It is large when …",
        {
            "the network assigns a small probability to y.": (
                "The loss depends only on the probability of its label. Chapter 2 uses labels that are wrong "
                "on purpose."
            ),
            "the network assigns a high probability to y.": (
                "In this case, p_y is near one, and its logarithm is near zero."
            ),
            "the network is uncertain.": (
                "If all C classes are equally probable, the loss is log C. It is larger if the network is confident in "
                "a class other than y, because p_y is then smaller."
            ),
            "there are many classes.": (
                "If all C classes are equally probable, the loss is log C, which increases with C. In general, "
                "however, the loss depends on p_y alone."
            ),
        },
        correct=0,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "A network makes a hundred predictions, each with a confidence of 90%. You can expect …",
        {
            "about ninety correct predictions, whatever the images.": (
                "This holds only for calibrated networks. Section 1.1 shows images for which it does not."
            ),
            "about ninety correct predictions, if its confidence is calibrated.": (
                "Calibration has to be measured (section 2.D). Much of this course is about the difference "
                "between confidence and accuracy."
            ),
            "ninety of a hundred pixels to be correct.": "The confidence describes the prediction for the whole image.",
            "that ten of the images are of novel classes.": (
                "A prediction can be wrong for an image of a known class, and confident for an image of a novel class."
            ),
        },
        correct=1,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "The function `filters()` counts the weights of a convolution with sixteen filters of 3 × 3 for a color image,"
        " without the biases. What does it return?",
        {
            "{flat}": (
                "This is the number for an image with one channel. Each filter has weights for all three channels."
            ),
            "{single}": (
                "This is the number of weights of one filter. There are sixteen filters with different weights."
            ),
            "{weights}": (
                "The number is sixteen times three times nine for an image of any size, because all positions"
                " share the weights, as section 1.2 explains."
            ),
            "{dense}": (
                "This is the number for a fully connected layer with the same number of outputs. A convolution needs "
                "fewer weights, because its positions share them."
            ),
        },
        correct=2,
        topic=TOPIC_NETWORKS,
    ),
    Question(
        "The function `relu_gradient()` computes the gradient of ReLU(x) at x = −2 and at x = 5. What does it return?",
        {
            "`{outputs}`": (
                "These are the values of the function. Its derivatives are the slopes of two straight lines."
            ),
            "`{signs}`": (
                "These are the algebraic signs of the inputs. A ReLU never decreases, so its derivative is never "
                "negative."
            ),
            "`{passing}`": "These are the derivatives without a ReLU. Below zero, a ReLU is constant.",
            "`{relu_slopes}`": (
                "The derivative is 0 below zero and 1 above zero. Section 2.5 presents a method that also sets "
                "negative gradients to zero at every ReLU, and explains why its maps depend little on the last layer."
            ),
        },
        correct=3,
        topic=TOPIC_NETWORKS,
    ),
)
