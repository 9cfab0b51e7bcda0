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
                "A detector that is best on one type of anomaly need not be best on others. Compare the types that it "
                "was not "
                "trained on: section 3.3."
            ),
            "an ensemble.": (
                "An ensemble evaluates several networks per image. It can be worth its cost, but it is not the first "
                "step."
            ),
            "an explanation map of each.": "Nobody can look at a million maps. Select the images first: section 5.B.",
        },
        correct=0,
    ),
    Question(
        "Your reproduction does not show a paper's gain. You may write …",
        {
            "“does not reproduce”.": (
                "This is correct only if your setting equals that of the paper in all five parts: section 5.2."
            ),
            "nothing.": (
                "A negative result that is not reported is repeated by others. Report it with its setting: section 5.2."
            ),
            "“not confirmed here”, with the parts of the setting that differ and the control.": (
                "Others can check this statement, and the claims table uses these words: section 5.2."
            ),
            "the paper's number instead of yours.": (
                "A published value is not your measurement. Report both, and name the source of each: section 5.2."
            ),
        },
        correct=2,
    ),
    Question(
        "A score that detects OOD images well also detects misclassified images well.",
        {
            "Yes.": "The tables of section 3.F show that the order of the scores changes between the two tasks.",
            "That is another question; in our measurements the rankings differ.": (
                "These are two tasks, and each needs its own test."
            ),
            "Only for transformers.": "The tables of section 3.F show the same for networks with convolutions.",
            "Only with gradients.": (
                "The Mahalanobis distance needs no gradient, and its rank changes as well: section 3.F."
            ),
        },
        correct=1,
    ),
    Question(
        "Intervenability means …",
        {
            "the network can be retrained quickly.": (
                "Retraining happens after the decision and changes the network for all users: section 5.4."
            ),
            "a person may overrule the output.": (
                "A veto does not show what would have followed from another intervention: section 5.B."
            ),
            "the network explains itself.": (
                "Explainability is another one of the three required properties: section 5.4."
            ),
            "a person can change something at the moment of decision and see what follows, and what would have "
            "followed otherwise.": (
                "The interventions that were not taken belong to the comparison as well: section 5.B."
            ),
        },
        correct=3,
    ),
    Question(
        "The AUROC of a gradient score is 0.02 higher than that of a control. The interval of the difference is −0.03 "
        "to "
        "0.07, and the margin is 0.05. You conclude that …",
        {
            "the gradient is better.": "The interval includes zero, so the difference can have either direction.",
            "the control does as well.": (
                "For this conclusion the whole interval would have to be below the margin, and its upper end is above "
                "it."
            ),
            "the question is not decided.": (
                "The interval includes zero and exceeds the margin. The decision tree stops here: section 5.3."
            ),
            "a larger margin is needed.": "A margin is chosen before the measurement, not after it: section 5.2.",
        },
        correct=2,
    ),
)
