"""The quiz of chapter 5: the mistakes people make when they choose, report and trust, and what to look at instead."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A million pictures a day, a frozen network. Start with …",
        {
            "scores from logits and features; add a gradient where it measurably pays.": (
                "They are there anyway. What a backward pass adds is then a number, not a hope."
            ),
            "the strongest gradient detector.": "Strongest on which families? Ask for the column of those it was never shown.",
            "an ensemble.": "Several networks for each picture. That may be worth it, and it is not where to start.",
            "explanations of each.": "For whom? Nobody looks at a million maps.",
        },
        correct=0,
    ),
    Question(
        "Your reproduction does not show a paper's gain. You may write …",
        {
            "“does not reproduce”.": "Only when the setting is the paper's, in all five parts.",
            "nothing.": "The next reader repeats your work, and keeps silent, too.",
            "“not seen here”, with the parts of the setting that differ and the control.": (
                "Then it can be checked, and contradicted. The ledger says it in these words."
            ),
            "the paper's number instead of yours.": "You did not measure it.",
        },
        correct=2,
    ),
    Question(
        "A good detector of strangers is a good judge of its own mistakes.",
        {
            "Yes.": "See the tables of section 3.F: the order of the scores changes.",
            "That is another question; measured, the rankings differ.": "Two jobs, and each wants its own test.",
            "Only for transformers.": "See the tables of section 3.F. No layer was asked for its kind.",
            "Only with gradients.": "See the tables of section 3.F: the distance of Mahalanobis needs none, and it changes place as well.",
        },
        correct=1,
    ),
    Question(
        "To take per-layer norms from a transformer you must …",
        {
            "train it differently.": "The engine does not know what a layer is for. The weights stay as they are.",
            "replace its norms by batch norm.": "Then it would be another network. A layer's norm has parameters, and so gradients.",
            "do nothing: it has parameters and a loss.": "The calls of chapter 3 run on it as they stand.",
            "use attention maps instead.": "They are what it looked at, not how it would have to change.",
        },
        correct=2,
    ),
    Question(
        "Intervenability means …",
        {
            "the network can be retrained quickly.": "That is after the decision, and for everyone.",
            "a person may overrule the output.": "A veto is not yet an intervention: nothing is learned about what else would follow.",
            "the network explains itself.": "That is the first of the three properties.",
            "a person can change something at the moment of decision and see what follows, and what would have followed otherwise.": (
                "The residual counts as well: what was not done, and what it would have led to."
            ),
        },
        correct=3,
    ),
)
