"""The quiz of chapter 5: frequent misconceptions about choosing, reporting and trusting methods."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "You have a million images per day and a frozen network. Start with …",
        {
            "scores from logits and features; add a gradient where it improves the result measurably.": (
                "Logits and features are computed anyway. Then you can measure what a backward pass adds."
            ),
            "the strongest gradient detector.": (
                "Strongest on which types of anomaly? Look at the column of types that it was not trained on."
            ),
            "an ensemble.": "It needs several networks per image. That may be worth it, but it is not where to start.",
            "explanations of each.": "For whom? Nobody looks at a million maps.",
        },
        correct=0,
    ),
    Question(
        "Your reproduction does not show a paper's gain. You may write …",
        {
            "“does not reproduce”.": "Only when the setting is the paper's, in all five parts.",
            "nothing.": "The next reader repeats your work, and does not report it either.",
            "“not confirmed here”, with the parts of the setting that differ and the control.": (
                "Then it can be checked, and contradicted. The claims table says it in these words."
            ),
            "the paper's number instead of yours.": "You did not measure it.",
        },
        correct=2,
    ),
    Question(
        "A score that detects OOD images well also detects misclassified images well.",
        {
            "Yes.": "See the tables of section 3.F: the order of the scores changes.",
            "That is another question; in our measurements the rankings differ.": (
                "These are two tasks, and each needs its own test."
            ),
            "Only for transformers.": "See the tables of section 3.F. The result does not depend on the kind of layer.",
            "Only with gradients.": (
                "See the tables of section 3.F: the Mahalanobis distance needs no gradient, and its rank changes as "
                "well."
            ),
        },
        correct=1,
    ),
    Question(
        "To take per-layer norms from a transformer you must …",
        {
            "train it differently.": "The gradients are computed for any layer. The weights stay as they are.",
            "replace its norms by batch norm.": (
                "Then it would be another network. A layer's norm has parameters, and so gradients."
            ),
            "do nothing: it has parameters and a loss.": "The calls of chapter 3 run on it as they stand.",
            "use attention maps instead.": "They show the attention weights, not how the network would have to change.",
        },
        correct=2,
    ),
    Question(
        "Intervenability means …",
        {
            "the network can be retrained quickly.": "That is after the decision, and for everyone.",
            "a person may overrule the output.": (
                "A veto is not yet an intervention: nothing is learned about what else would follow."
            ),
            "the network explains itself.": "That is the first of the three properties.",
            "a person can change something at the moment of decision and see what follows, and what would have "
            "followed otherwise.": ("The residual counts as well: what was not done, and what it would have led to."),
        },
        correct=3,
    ),
)
