"""The quiz of chapter 1: frequent misconceptions about gradients."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "Why is it not enough to add novel images to the training set?",
        {
            "There are too few novel images.": (
                "There are often few of them, but more images would not solve the problem. Their effect depends on "
                "when the network is trained on them, as section 1.4 shows."
            ),
            "Novel images have no gradients.": (
                "A gradient exists for every image, known or novel. Chapter 3 uses the gradients of novel images to "
                "detect them."
            ),
            "The weights must not change after the network is deployed.": (
                "Some organizations have this rule. However, it does not explain why training on novel images can fail."
            ),
            "In early training they lower the accuracy, in later training they cause forgetting, and the next novel "
            "class is always missing.": (
                "Correct. Therefore, this course handles novel data at inference, without changing the network."
            ),
        },
        correct=3,
    ),
    Question(
        "Far from all training data, the gradient at x …",
        {
            "vanishes.": "Measure it. It may be small there, or very large; distance does not decide.",
            "is meaningless.": "It describes exactly how this network behaves near x, however strange x may be.",
            "exists, and describes the network near x, not what x shows.": (
                "It is local information: correct for the network, and without information about what x really shows."
            ),
            "is always large.": "Compare a few. Some novel signs have smaller gradients than known ones.",
        },
        correct=2,
    ),
    Question(
        "“The negative gradient is the steepest way down” …",
        {
            "once we have chosen how the length of a step is measured.": (
                "Another norm gives another steepest direction: 1.6 shows two of them for one image."
            ),
            "to the minimum.": (
                "It describes only the next step. Follow it for a while and see how its direction changes."
            ),
            "for a step of any length.": "The exercise on the largest step found where this ends.",
            "only where the loss is convex.": (
                "Close enough to any point it is true; convexity speaks of the whole landscape."
            ),
        },
        correct=0,
    ),
    Question(
        "You want one gradient norm for each of 8 images, and call `backward` on their mean loss. You get …",
        {
            "the 8 norms, averaged.": (
                "Norms do not average here: two opposite gradients cancel before a norm is taken."
            ),
            "the norm of the average gradient, from which the 8 norms cannot be computed.": (
                "One vector is left of eight. Compute one gradient per sample before you average."
            ),
            "the 8 norms, up to a common factor.": (
                "What is lost is the angles between the eight gradients, and no factor brings them back."
            ),
            "an error.": "If only. A plausible number comes back, and nothing warns you.",
        },
        correct=1,
    ),
    Question(
        "A counterfactual manifold is …",
        {
            "the network after it was trained again on x.": (
                "Nothing is trained again. We only compute how the network would have to change."
            ),
            "the image x, edited until it is a Q.": (
                "That is the other way to change the prediction: changing the image instead of the network."
            ),
            "the nearest training image of class Q.": (
                "That is a neighbor, the surrogate of 1.5. It does not describe the network."
            ),
            "the representation that the network would need to classify x as Q.": (
                "We compute the change that this would take, and leave the network as it was."
            ),
        },
        correct=3,
    ),
)
