"""The quiz of chapter 3: frequent misconceptions about uncertainty and attacks."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "A larger gradient norm means that the image is more abnormal.",
        {
            "Always.": "The figure of section 3.2 shows layers whose AUROC is below 0.5.",
            "Never.": (
                "For noise, a larger norm does indicate an abnormal image here. A smaller norm does not always "
                "indicate an abnormal image either."
            ),
            "Only after taking logarithms.": (
                "Monotone functions do not change the AUROC. The order of the images stays as it is."
            ),
            "It depends on the loss, the layer and the network; measure first whether the AUROC is above 0.5.": (
                "Compute one AUROC per layer before you add up norms. Even a constant in the logits can change the "
                "result."
            ),
        },
        correct=3,
    ),
    Question(
        "Suppose a detector has an AUROC of .95 on the types of anomaly that it was trained on. This shows …",
        {
            "that it is as good on the next unknown type.": (
                "The open marks in section 3.3, for families left out of training, are lower."
            ),
            "that these types are separable in these features.": (
                "This is all that it shows. Test families that were left out of training separately."
            ),
            "that it outperforms maximum softmax.": (
                "Maximum softmax was not trained on abnormal images. Compare like with like."
            ),
            "nothing.": "It is valuable if you know which anomalies will occur, such as corruptions.",
        },
        correct=1,
    ),
    Question(
        "Average the gradient of the loss over labels drawn from the network's own prediction. You get …",
        {
            "the Fisher information.": (
                "That is the average of the square. Without it, positive and negative values cancel."
            ),
            "GradNorm.": "There the labels are uniform, not drawn from the prediction.",
            "exactly zero, in every layer.": (
                "Σ p_Q (p − e_Q) = p − p at the logits, and every layer follows from there."
            ),
            "the gradient for the predicted label.": "Only if p is one-hot, and then it is zero too.",
        },
        correct=2,
    ),
    Question(
        "After PGD with ten steps, the network is more confident in the wrong class than it was in the correct one. "
        "The maximum softmax probability then …",
        {
            "rates the image as less abnormal than normal images.": (
                "The score is one minus the confidence of the network, which the attack has increased."
            ),
            "still detects it: attacked images lie near the boundary.": (
                "This is true for attacks that stop at the boundary, such as DeepFool. PGD continues beyond it."
            ),
            "is undefined.": (
                "It is computed from the logits as for every other image; see the first rows in section 3.6."
            ),
            "is unaffected, as the image looks the same.": (
                "The score depends on the logits, which the attack changes although the image looks the same."
            ),
        },
        correct=0,
    ),
    Question(
        "Suppose that a detector has an AUROC of 0.99 on this attack. You may release it …",
        {
            "without further tests.": (
                "An adaptive attacker also reduces the score of the detector. Section 3.6 shows what remains then."
            ),
            "if the budget is small.": "A smaller perturbation is not easier to detect.",
            "if it is kept secret.": (
                "An attacker can train a copy of the detector, and the attack on the copy often transfers."
            ),
            "after a test against an attacker who knows it.": (
                "The performance that counts is the one against an adaptive attacker."
            ),
        },
        correct=3,
    ),
)
