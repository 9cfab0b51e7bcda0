"""The quiz of chapter 3: the mistakes people make about uncertainty and attacks, and what to look at instead."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A larger gradient norm means a stranger picture.",
        {
            "Always.": "Look at the bars of 3.2. Some of them point down.",
            "Never.": "For noise it does here. The sign is not fixed the other way round either.",
            "Only after taking logarithms.": "Monotone maps do not change AUROC. The order of the pictures stays as it is.",
            "It depends on loss, layer and training; measure the sign first.": (
                "One AUROC a layer, its sign kept, before any detector and before any sum."
            ),
        },
        correct=3,
    ),
    Question(
        "Suppose a detector reaches .95 on families it was trained with. This promises …",
        {
            "the same on the next unknown.": "See the second column, where the family was left out of the training.",
            "that these families are separable in these features.": "That much, and no more. For other families ask again.",
            "that it beats maximum softmax.": "Maximum softmax was shown no abnormal picture. Compare like with like.",
            "nothing.": "It is worth a lot when you know what will come, such as weather.",
        },
        correct=1,
    ),
    Question(
        "Average the gradient of the loss over labels drawn from the network's own prediction. You get …",
        {
            "the Fisher information.": "That is the average of the square. Without it the signs cancel.",
            "GradNorm.": "There the labels are uniform, not drawn from the prediction.",
            "exactly zero, in every layer.": "Σ p_Q (p − e_Q) = p − p at the logits, and every layer follows from there.",
            "the gradient for the predicted label.": "Only if p is one-hot, and then it is zero too.",
        },
        correct=2,
    ),
    Question(
        "After ten steps the network is surer of the wrong answer than it was of the right one. Maximum softmax then …",
        {
            "calls it safer than normal pictures.": "It reads how sure the network is, and the attack has raised just that.",
            "still flags it: attacked pictures lie near the boundary.": "Minimal attacks do. This one walked on.",
            "is undefined.": "Compute it; the cell is above. It is a probability like any other.",
            "is unaffected, as the picture looks the same.": "Compute it; the cell is above. The score reads logits, not looks.",
        },
        correct=0,
    ),
    Question(
        "Suppose the detector catches this attack at .99. You may release it …",
        {
            "yes.": "The next attacker adds your score to the loss. What is left then stands in the last table of 3.6.",
            "if the budget is small.": "Smaller is harder to see, not easier.",
            "if it is kept secret.": "Copies transfer: who trains a similar detector can practise on that one.",
            "with the attacker assumed to know it, and tested so.": (
                "A detector is worth what remains of it once its code has been read."
            ),
        },
        correct=3,
    ),
)
