"""The quiz of chapter 1: the mistakes people make about gradients, and what to look at instead."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "Why not simply train on the novel pictures?",
        {
            "There are too few of them.": (
                "Often true, and still not the point. Even with enough of them, the timing hurts: see the two curves of 1.2."
            ),
            "Their gradients do not exist.": "They exist for every picture, known or not. Chapter 3 lives on them.",
            "The weights must not change after release.": (
                "That may be a rule of your house. It is no reason why training would fail."
            ),
            "Early on they disturb learning, later they push out what was learned, and the next novelty is always missing.": (
                "That is why we meet them at inference, with the network as it is."
            ),
        },
        correct=3,
    ),
    Question(
        "Far from all training data, the gradient at x …",
        {
            "vanishes.": "Measure it. It may be small there, or very large; distance does not decide.",
            "is meaningless.": "It describes exactly how this network behaves near x, however strange x may be.",
            "exists, and speaks of the network near x, not of the world.": (
                "It is local information: as true as ever about the network, and silent about what x really shows."
            ),
            "is always large.": "Compare a few. You will see novel signs with smaller gradients than known ones.",
        },
        correct=2,
    ),
    Question(
        "“The negative gradient is the steepest way down” …",
        {
            "once we have said how the length of a step is measured.": (
                "Another norm, another steepest way: 1.6 shows two of them on one picture."
            ),
            "to the minimum.": "It only knows the next step. Follow it for a while and look where it bends.",
            "for a step of any length.": "The exercise on the largest step found where this ends.",
            "only where the loss is convex.": "Close enough to any point it is true; convexity speaks of the whole landscape.",
        },
        correct=0,
    ),
    Question(
        "You want one gradient norm for each of 8 pictures, and call `backward` on their mean loss. You get …",
        {
            "the 8 norms, averaged.": "Norms do not average here: two opposite gradients cancel before anyone takes a norm.",
            "the norm of the average gradient, and no way back.": (
                "One vector is left of eight. Ask for one gradient a sample before you average."
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
            "the network after it was trained again on x.": "Nothing is trained again. We only ask how it would have to change.",
            "the picture x, edited until it is a Q.": (
                "That is the other half of the story: moving the picture instead of the network."
            ),
            "the nearest training picture of class Q.": (
                "That is a neighbour, the surrogate of 1.5. It says nothing of the network."
            ),
            "the learned space as it would have to be for x to be a Q.": (
                "We read off the change that this would take, and leave the network as it was."
            ),
        },
        correct=3,
    ),
)
