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
            "Novel images can lower the accuracy early in training and cause forgetting later, and no training "
            "set contains the novel classes that come next.": (
                "Therefore, this course handles novel data at inference, without changing the network."
            ),
        },
        correct=3,
    ),
    Question(
        "Far from all training data, the gradient at x …",
        {
            "vanishes.": (
                "The norm of the gradient may be small or large there. It depends on the network and on the objective, "
                "and not on the distance to the training data alone (section 1.6)."
            ),
            "is meaningless.": (
                "It describes how this network behaves near x. This is a statement about the network, and it holds for "
                "any x, known or novel."
            ),
            "exists, and describes the network near x, not what x shows.": (
                "It is local information about the network. What x really shows cannot be computed from it."
            ),
            "is always large.": (
                "If the objective is the cross-entropy with a uniform target, the gradients of novel signs have a "
                "smaller norm than those of known signs. If the objective is the loss for the predicted class, the "
                "reverse holds."
            ),
        },
        correct=2,
    ),
    Question(
        "“The negative gradient is the direction of steepest descent” …",
        {
            "for the ℓ2 norm of a step; for another norm, another direction is steepest.": (
                "Section 1.6 derives the steepest step for two norms: the negative gradient for ℓ2, and −sgn(g) for ℓ∞."
            ),
            "to the minimum.": (
                "The gradient is local. Its direction changes after each step, and the path may be curved (section "
                "1.3)."
            ),
            "for a step of any norm.": (
                "The first-order approximation holds for small steps only. Section 1.6 measures up to which distance "
                "it is accurate."
            ),
            "only where the loss is convex.": (
                "Convexity is not needed. The statement holds at any point at which the loss is differentiable and its "
                "gradient is not zero."
            ),
        },
        correct=0,
    ),
    Question(
        "You want one gradient norm for each of 8 images, and call `backward` on their mean loss. You get …",
        {
            "the 8 norms, averaged.": (
                "The gradients are averaged before any norm is computed, so opposite gradients cancel."
            ),
            "the norm of the average gradient, from which the 8 norms cannot be computed.": (
                "The mean of eight vectors does not determine their norms. Compute one gradient per image instead, as "
                "per_sample_gradient_norms does (section 1.6)."
            ),
            "the 8 norms, up to a common factor.": (
                "The norm of a mean also depends on the angles between the eight gradients, so no common factor "
                "relates them."
            ),
            "an error.": (
                "PyTorch raises no error, because the mean loss is a single number. The result looks plausible."
            ),
        },
        correct=1,
    ),
    Question(
        "A counterfactual manifold is …",
        {
            "the network after it was trained again on x.": (
                "The network is not trained again. We compute how its weights would have to change, and we do not keep "
                "the change."
            ),
            "the image x, edited until the network classifies it as Q.": (
                "This is the other way to change the prediction, in which the weights stay fixed and the image changes."
            ),
            "the nearest training image of class Q.": (
                "This is a stored neighbor, which the Trust Score of section 1.E uses. It does not describe the "
                "network."
            ),
            "the set of images that a network would classify as Q if its weights were changed so that it classifies x "
            "as Q.": (
                "The changed weights are counterfactual: we compute the change as a description of x, and do not "
                "keep it."
            ),
        },
        correct=3,
    ),
)
