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
        "`shape()`: eight images with three color channels, averaged over height and width. What shape is left?",
        {
            "`{pooled}`": "One number per image and channel. The course always writes shapes batch first.",
            "`{with_dimensions}`": "That would keep the two dimensions, each of length one. It takes `keepdim=True`.",
            "`{across}`": (
                "Here the batch and the channels are averaged, and one mean image is left. `dim` names what disappears."
            ),
            "`{nothing}`": "That is the mean of everything, with no `dim` named.",
        },
        correct=0,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "`slopes()`: what does it return?",
        {
            "`{squares}`": (
                "These are the squares. `backward` fills `.grad` with derivatives, and leaves the values alone."
            ),
            "`{summed}`, the sum": (
                "The sum went into `backward`. What comes back has the shape of `x`: a slope for each number in it."
            ),
            "`{slopes}`": "The derivative of x² is 2x, place by place. Section 1.2 does the same by hand.",
            "`{ones}`": (
                "That is the slope of the sum in its own terms. The chain rule multiplies by the slope of the square."
            ),
        },
        correct=2,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "`twice()`: the same `backward`, called twice. What is in `.grad` now?",
        {
            "`{slopes}`, as before": "If only. PyTorch never empties `.grad` by itself.",
            "`{twice}`": (
                "Gradients add up in `.grad` until someone empties it. The course's functions leave yours as they "
                "found it."
            ),
            "`{squared}`": "Nothing is multiplied. The second call adds to what the first one left.",
            "an error": "Only where one graph is used twice. Here each call draws its own.",
        },
        correct=1,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "`chained()`: the slope of (3x + 1)² at x = 1.",
        {
            "{outer:g}": "That is 2(3x + 1), the slope of the square alone. How fast does what is squared grow?",
            "{value:g}": "That is the value there, not the slope.",
            "{inner:g}": "That is the slope of 3x + 1 alone. The square has one as well, and the two are multiplied.",
            "{chained:g}": (
                "Outer slope times inner slope. Backpropagation is this product, layer after layer: section 1.2."
            ),
        },
        correct=3,
        topic=TOPIC_CALCULUS,
    ),
    Question(
        "A function of two weights has the gradient (3, −1) at some point. A small step that makes the function "
        "smaller …",
        {
            "raises the first weight and lowers the second.": "That is the way the gradient points, and it leads up.",
            "lowers the first weight and raises the second.": (
                "Against the gradient. The update rule of section 1.3 has its minus sign from here."
            ),
            "leaves the second weight alone, since −1 is negative.": (
                "A negative derivative means that the function decreases as this weight increases. Use it."
            ),
            "needs the second derivatives.": (
                "They determine how *large* the step may be, as section 1.3 shows. The direction is known already."
            ),
        },
        correct=1,
        topic=TOPIC_CALCULUS,
    ),
    Question(
        "`softened()`: logits 2, 1, 0 become the probabilities {p}. Now add 5 to each logit.",
        {
            "The first probability grows most.": "The softmax looks at differences alone. What all share cancels.",
            "All grow, as all logits did.": "They add up to one before and after. Not all can grow.",
            "Nothing changes: {q}.": (
                "A number added to all logits cancels in the fraction. The energy of section 3.1 is a score that "
                "changes."
            ),
            "They come nearer to each other.": "That is what *dividing* the logits does: a temperature.",
        },
        correct=2,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "The cross-entropy of an image with label y is −log p_y. It is large when …",
        {
            "the network gave y little probability.": (
                "The loss depends only on the probability of its label. Chapter 2 uses labels that are wrong on "
                "purpose."
            ),
            "the network is confident of y.": "Then p_y is near one, and its logarithm near zero.",
            "the network is uncertain.": "It may be confident of another class; then the loss is larger still.",
            "there are many classes.": (
                "For a uniform prediction it grows with their number. In general it depends on p_y alone."
            ),
        },
        correct=0,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "A network makes a hundred predictions, each with a confidence of 90%. You may expect …",
        {
            "about ninety correct predictions, whatever the images.": (
                "This holds only for calibrated networks. Section 1.1 shows images for which it does not."
            ),
            "about ninety correct predictions, if its confidence is calibrated.": (
                "Calibration has to be measured (section 2.D). Much of this course is about the difference between "
                "confidence and accuracy."
            ),
            "ninety of a hundred pixels to be correct.": "The number belongs to the prediction for the whole image.",
            "that ten of them are novel.": (
                "A prediction can be wrong for images of a known class, and confident for novel ones."
            ),
        },
        correct=1,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "`filters()`: a convolution with sixteen filters of 3 × 3 for a color image. How many weights, without the "
        "biases?",
        {
            "{flat}": "That is for an image with one channel. Each filter has weights for all three channels.",
            "{single}": "That is one filter. There are sixteen, each with weights of its own.",
            "{weights}": (
                "Sixteen times three times nine, however large the image: all positions share the weights. Section 1.2 "
                "continues this count."
            ),
            "{dense}": (
                "That is a dense layer with as many outputs. A convolution needs fewer because weights are shared."
            ),
        },
        correct=2,
        topic=TOPIC_NETWORKS,
    ),
    Question(
        "`relu_gradient()`: the gradient of ReLU(x) at x = −2 and at x = 5.",
        {
            "`{outputs}`": "These are its values. Its slopes are those of two straight lines.",
            "`{signs}`": "That is the polarity of the input. A ReLU never decreases, so its slope is never negative.",
            "`{passing}`": "That is the slope without a ReLU: below zero the function is constant.",
            "`{relu_slopes}`": (
                "Below zero the slope is 0, above zero it is 1. Section 2.5 shows a method that passes on less of the "
                "gradient, and what that costs."
            ),
        },
        correct=3,
        topic=TOPIC_NETWORKS,
    ),
)
