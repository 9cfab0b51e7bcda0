"""Before chapter 1: ten questions about what the course takes for granted, and where it can be read up. Answers are computed."""

from tutorial_course.widgets import Question

TOPIC_PYTHON, TOPIC_CALCULUS, TOPIC_PROBABILITY, TOPIC_NETWORKS = (
    "Python and PyTorch",
    "derivatives",
    "probability",
    "networks",
)

QUIZ = (
    Question(
        "`shape()`: eight pictures of three colours, averaged over height and width. What shape is left?",
        {
            "`{pooled}`": "One number for each picture and colour. The course writes shapes batch first, always.",
            "`{kept}`": "That would keep the two dimensions, each of length one. It takes `keepdim=True`.",
            "`{across}`": "There the batch and the colours went, and one mean picture is left. `dim` names what disappears.",
            "`{nothing}`": "That is the mean of everything, with no `dim` named.",
        },
        correct=0,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "`slopes()`: what does it return?",
        {
            "`{squares}`": "These are the squares. `backward` fills `.grad` with derivatives, and leaves the values alone.",
            "`{summed}`, the sum": "The sum went into `backward`. What comes back has the shape of `x`: a slope for each number in it.",
            "`{slopes}`": "The derivative of x² is 2x, place by place. Section 1.4 does the same by hand.",
            "`{ones}`": "That is the slope of the sum in its own terms. The chain rule multiplies by the slope of the square.",
        },
        correct=2,
        topic=TOPIC_PYTHON,
    ),
    Question(
        "`twice()`: the same `backward`, called twice. What is in `.grad` now?",
        {
            "`{slopes}`, as before": "If only. PyTorch never empties `.grad` by itself.",
            "`{twice}`": "Gradients add up in `.grad` until someone empties it. The course's functions leave yours as they found it.",
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
            "{chained:g}": "Outer slope times inner slope. Backpropagation is this product, layer after layer: section 1.4.",
        },
        correct=3,
        topic=TOPIC_CALCULUS,
    ),
    Question(
        "A function of two weights has the gradient (3, −1) at some point. A small step that makes the function smaller …",
        {
            "raises the first weight and lowers the second.": "That is the way the gradient points, and it leads up.",
            "lowers the first weight and raises the second.": "Against the gradient. The update rule of section 1.4 has its minus sign from here.",
            "leaves the second weight alone, since −1 is negative.": "A negative slope says that the function falls as this weight rises. Use it.",
            "needs the second derivatives.": "They say how *long* the step may be, as section 1.4 shows. The way down is known already.",
        },
        correct=1,
        topic=TOPIC_CALCULUS,
    ),
    Question(
        "`softened()`: logits 2, 1, 0 become the probabilities {p}. Now add 5 to each logit.",
        {
            "The first probability grows most.": "The softmax looks at differences alone. What all share cancels.",
            "All grow, as all logits did.": "They add up to one before and after. Not all can grow.",
            "Nothing changes: {q}.": "A number added to all cancels in the fraction. The energy of section 3.1 is a score that does mind it.",
            "They come nearer to each other.": "That is what *dividing* the logits does: a temperature.",
        },
        correct=2,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "The cross-entropy of a picture with label y is −log p_y. It is large when …",
        {
            "the network gave y little probability.": "The loss asks only about the label that it is told. Chapter 2 will tell it labels that are wrong on purpose.",
            "the network is sure of y.": "Then p_y is near one, and its logarithm near zero.",
            "the network is unsure.": "It may be sure, of another class; then the loss is larger still.",
            "the classes are many.": "For a shrug it grows with their number. In general it depends on p_y alone.",
        },
        correct=0,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "A hundred times a network says “I am nine tenths sure”. You may expect …",
        {
            "about ninety right answers, whatever the pictures.": "That is the promise. Section 1.1 shows pictures that break it.",
            "about ninety right answers, if its confidence is calibrated.": (
                "Whether it is has to be measured (section 2.D). To keep being sure and being right apart is half of this course."
            ),
            "ninety of a hundred pixels to be right.": "The number is about the answer to the whole picture.",
            "that ten of them are novel.": "An answer can be wrong on pictures of a known kind, and sure on novel ones.",
        },
        correct=1,
        topic=TOPIC_PROBABILITY,
    ),
    Question(
        "`filters()`: sixteen filters of 3 × 3 look at a colour picture. How many weights, biases left out?",
        {
            "{flat}": "For a picture without colours. Each filter reaches through all three.",
            "{single}": "That is one filter. There are sixteen, each with weights of its own.",
            "{weights}": "Sixteen times three times nine, however large the picture: the weights are shared by all places. Section 1.3 counts on.",
            "{dense}": "That is a dense layer with as many outputs. Sharing is what a convolution saves by.",
        },
        correct=2,
        topic=TOPIC_NETWORKS,
    ),
    Question(
        "`bent()`: the gradient of ReLU(x) at x = −2 and at x = 5.",
        {
            "`{outputs}`": "These are its values. Its slopes are those of two straight lines.",
            "`{signs}`": "That is the sign. A ReLU never falls, so no slope of it is negative.",
            "`{passing}`": "That is the slope of no ReLU at all: below zero the line is flat.",
            "`{bent}`": "Below zero it is flat, above it hands everything on. Section 2.5 meets a method that lets less through, and what that costs.",
        },
        correct=3,
        topic=TOPIC_NETWORKS,
    ),
)
