"""The quiz of chapter 3: frequent misconceptions about uncertainty and attacks."""

from tutorial_course.widgets import Question

QUIZ = (
    Question(
        "Does a larger gradient norm indicate that an image is more abnormal?",
        {
            "Yes, it always does.": (
                "The figure of section 3.2 shows layers in which the norms of abnormal images are smaller, so that "
                "the AUROC is below 0.5."
            ),
            "No, it never does.": (
                "The figure of section 3.2 also shows layers in which the norms of abnormal images are larger, so that "
                "the AUROC is above 0.5."
            ),
            "Yes, but only if you take the logarithm of the norm.": (
                "The logarithm does not change the order of the images. Therefore, it does not change the AUROC "
                "(section 3.2)."
            ),
            "It depends on the loss, the layer and the network, so you need to measure it.": (
                "Compute the AUROC of each layer before you add up norms. Even a constant that is added to all logits "
                "can change the result (section 3.2)."
            ),
        },
        correct=3,
    ),
    Question(
        "Suppose that a detector has an AUROC of 0.95 on the types of anomaly that it was trained on. This shows …",
        {
            "that it detects an unknown type equally well.": (
                "For most families of anomalies, the AUROC is lower if the family is left out of the training "
                "(section 3.3)."
            ),
            "that these types can be separated from normal images in these features.": (
                "The result shows nothing more. Test the detector on families that were left out of its training, too "
                "(section 3.3)."
            ),
            "that it outperforms the maximum softmax probability.": (
                "The maximum softmax probability needs no abnormal images for training. Compare the detector with one "
                "that was trained on the same images, but on other features (section 3.3)."
            ),
            "nothing of practical use.": (
                "The result is useful if you know which anomalies will occur, for example certain corruptions "
                "(section 3.3)."
            ),
        },
        correct=1,
    ),
    Question(
        "The gradient of the cross-entropy is averaged over all labels, weighted by their predicted probabilities. The "
        "result is …",
        {
            "the Fisher information.": (
                "The Fisher information is the average of squared gradients. Without the square, positive and negative "
                "values cancel (section 2.4)."
            ),
            "the gradient that GradNorm uses.": (
                "GradNorm gives all labels the same weight, whereas here the weights are the predicted probabilities "
                "(section 3.B)."
            ),
            "exactly zero in every layer.": (
                "At the logits, the average is Σ p_Q (p − e_Q) = p − p = 0. By the chain rule, it is zero in every "
                "layer."
            ),
            "the gradient for the predicted label.": (
                "This holds only if the predicted probabilities are one-hot, and then both gradients are zero."
            ),
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
            "still detects it, because attacked images lie near the decision boundary.": (
                "This is true for attacks that stop at the boundary, such as DeepFool. PGD continues beyond it "
                "(section 3.6)."
            ),
            "is undefined.": "It is computed from the logits as for every other image (section 3.1).",
            "is unaffected, because the image looks the same.": (
                "The score depends on the logits, which the attack changes although the image looks the same."
            ),
        },
        correct=0,
    ),
    Question(
        "Suppose that a detector of attacks has an AUROC of 0.99 on PGD. You may use it in practice …",
        {
            "without further tests.": (
                "An adaptive attacker also reduces the score of the detector. Section 3.6 shows how well the detector "
                "performs in this case."
            ),
            "if the budget is small.": "A small perturbation is not easier to detect than a large one.",
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
