"""The quiz of chapter 5: frequent misconceptions about choosing, reporting and trusting methods."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "You have to score a million images per day with a network that must not change. What do you start with?",
        {
            "Scores from the logits and the features; a gradient is added where it measurably improves the result.": (
                "The logits and the features are computed anyway. Then you can measure how much a backward pass "
                "improves the result (section 5.3)."
            ),
            "The best gradient-based detector.": (
                "A detector that is best on one type of anomaly need not be best on others. Compare the detectors on "
                "types that they were not trained on (section 3.3)."
            ),
            "An ensemble.": (
                "An ensemble evaluates several networks per image. It can be worth its cost, but it is not the first "
                "step."
            ),
            "An explanation map for each image.": (
                "A person cannot look at a million maps. First select the images that need one (section 5.B)."
            ),
        },
        correct=0,
    ),
    Question(
        "Your reproduction does not show the gain that a paper reports. What may you write?",
        {
            "“The result does not reproduce.”": (
                "This is correct only if your setting matches that of the paper in all five parts (section 5.2)."
            ),
            "Nothing.": (
                "If a negative result is not reported, others repeat the experiment. Report it with its setting "
                "(section 5.2)."
            ),
            "“Not confirmed in our setting”, with the parts of the setting that differ and the control.": (
                "Others can check this statement. The claims table uses the same words (section 5.2)."
            ),
            "The value from the paper instead of your own.": (
                "A published value is not your measurement. Report both, and name the source of each (section 5.2)."
            ),
        },
        correct=2,
    ),
    Question(
        "Does a score that detects OOD images well also detect misclassified images well?",
        {
            "Yes, always.": (
                "The tables of section 3.F show that the order of the scores differs between the two tasks."
            ),
            "Not necessarily; in our measurements, the rankings differ.": (
                "The detection of OOD images and the detection of misclassified images are two tasks, and each needs "
                "its own test (section 3.F)."
            ),
            "Only for transformers.": (
                "The tables of section 3.F show different rankings for convolutional networks as well."
            ),
            "Only with gradients.": (
                "The Mahalanobis distance needs no gradient, and its rank changes as well (section 3.F)."
            ),
        },
        correct=1,
    ),
    Question(
        "What does intervenability mean?",
        {
            "The network can be retrained quickly.": (
                "Retraining happens after the decision and changes the network for all users (section 5.4)."
            ),
            "A person may overrule the output.": (
                "If a person only overrules the output, it remains unknown what would have followed from another "
                "intervention (section 5.B)."
            ),
            "The decision of the network can be explained.": (
                "This is explainability, another of the three required properties (section 5.4)."
            ),
            "A person can change something at the moment of the decision and observe the consequences.": (
                "The consequences must also be compared with those of interventions that were not carried out (section "
                "5.B)."
            ),
        },
        correct=3,
    ),
    Question(
        "The AUROC of a gradient score is 0.02 higher than that of a control. The confidence interval of the "
        "difference is −0.03 to 0.07, and the margin is 0.05. What do you conclude?",
        {
            "The gradient is better.": "The interval includes zero, so the control may also be better (section 5.2).",
            "The control performs equally well.": (
                "For this conclusion, the whole interval would have to be below the margin, but its upper end is above "
                "the margin (section 5.2)."
            ),
            "The result is inconclusive.": (
                "The interval includes zero, and its upper end exceeds the margin. In this case, the decision tree of "
                "section 5.3 stops."
            ),
            "A larger margin is needed.": "A margin is chosen before the measurement, not after it (section 5.2).",
        },
        correct=2,
    ),
)
