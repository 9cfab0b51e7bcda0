"""The quiz of chapter 2: the mistakes people make about explanations, and what to look at instead."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A Grad-CAM map is bright on the face of the sign. This says that …",
        {
            "channels whose gradient is positive on average are active there.": (
                "That is its formula in words. Everything beyond it is a claim that has to be tested."
            ),
            "those pixels caused the decision.": "Remove them and see whether the answer falls. The map did not try.",
            "the network understands the sign.": (
                "Some maps look just like that with random weights in the last layers."
            ),
            "the rest of the picture could be deleted without loss.": (
                "That is a claim, and measurable: deletion and insertion measure it. The map does not."
            ),
        },
        correct=0,
    ),
    Question(
        "“Why 30, rather than 30?”, asked of a confident network, gives …",
        {
            "Grad-CAM.": "That is why 30 at all. The loss to its own answer has almost no slope.",
            "nearly nothing, and must not be stretched.": (
                "p − e_P is almost zero, and so is every map made of it. Print its mass before anyone looks."
            ),
            "an error.": "It is a legal question with an empty answer.",
            "the whole sign.": "Only after the last digits were stretched to full scale.",
        },
        correct=1,
    ),
    Question(
        "A crisp map stays the same when the last layers are drawn anew. So …",
        {
            "it is robust, which is good.": "Robust against losing all knowledge. Would you want a witness like that?",
            "those layers do not matter.": "Look at the predictions: they collapsed.",
            "the seed was unlucky.": "Try ten. The exercise on forgetting does.",
            "it draws the picture, not the decision.": (
                "Nothing of what was forgotten is in it. An edge detector does the same without a network."
            ),
        },
        correct=3,
    ),
    Question(
        "A bright blob in the centre points at the sign more often than Grad-CAM does. So …",
        {
            "Grad-CAM is useless.": "It loses a game in which the centre wins by default. Change the game first.",
            "the blob explains the network.": "It never saw the network, nor the picture.",
            "the test rewards the photographer's habit.": (
                "Signs stand in the middle. Measure the mass in a mask, or use twins, where the middle knows nothing."
            ),
            "we should average over more pictures.": (
                "More pictures make the mean steadier. A bias does not average out."
            ),
        },
        correct=2,
    ),
    Question(
        "Suppose the second look is 3 points more accurate in bad weather. Before you thank the gradient, you need …",
        {
            "the same head, trained the same way, on features without gradients.": (
                "Whatever this one gains as well is no merit of the gradient."
            ),
            "a larger second head.": (
                "A larger head may raise both numbers. It says nothing of what the gradient added."
            ),
            "five more seeds.": "Needed, and not enough: a fair comparison can be steady, and so can an unfair one.",
            "a lower loss in training.": "It tells how well the head fits, not what it was fed.",
        },
        correct=0,
    ),
)
