"""The quiz after chapter 5: twenty questions, of which the first group is about numbers computed on its page."""

from tutorial_course.widgets import Question

TOPIC_CHAPTER_1, TOPIC_CHAPTER_2, TOPIC_CHAPTER_3, TOPIC_CHAPTER_4, TOPIC_CHAPTER_5 = (
    f"chapter {number}" for number in range(1, 6)
)

FACT_QUESTIONS = (
    Question(
        "Look at the bars. The sum of the gradient norms of all layers has an AUROC of {total:.2f} for novel signs. "
        "What follows?",
        {
            "Gradient norms do not distinguish novel signs from known signs.": (
                "The last layer alone has an AUROC of {head:.2f}. With the opposite orientation, that is, if a smaller "
                "norm were taken to indicate a novel sign, this would be far above the chance level of 0.5."
            ),
            "In the sum, layers with an AUROC above 0.5 and layers with an AUROC below 0.5 offset each other, so look "
            "at each layer separately.": (
                "Section 3.2 shows the AUROC of each layer. Use images outside the test set to determine whether a "
                "larger or a smaller norm in a layer indicates a novel sign."
            ),
            "You may report an AUROC of {turned:.2f} for the last layer.": (
                "This choice reverses the orientation after you have looked at the test images. Determine the "
                "orientation on other images first (section 5.4)."
            ),
            "You should use the layer with the highest bar.": (
                "The highest of many AUROCs is too optimistic an estimate, because selecting a layer on the test set "
                "is a form of training (section 5.4)."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "Look at the first table. In which row does the confidence tell you least about the accuracy?",
        {
            "darkening, where the confidence is lowest.": (
                "Under darkening, confidence and accuracy both decrease. Look for the largest gap between the two "
                "columns."
            ),
            "rain.": "In rain, confidence and accuracy are both high.",
            "clear.": "Without corruption, confidence and accuracy are both high.",
            "gaussian blur.": (
                "The confidence is {blurred:.0%} and the accuracy {right:.0%}. Confidence decreases more slowly than "
                "accuracy (section 1.1)."
            ),
        },
        correct=3,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "Look at the two maps. Which of them answers “why 30, rather than 50”?",
        {
            "map 1: it covers the sign.": (
                "Of its total positive value, {left:.0%} lies on the pixels that differ between the two signs. The map "
                "explains why the network predicts 30, but not why it does not predict 50."
            ),
            "map 2: it is concentrated on the digit in which the two differ.": (
                "Of its total positive value, {other:.0%} lies on the pixels that differ, compared with {left:.0%} for "
                "the other map (section 2.3)."
            ),
            "both: they are maps of one image.": (
                "They explain the same image, but for two different objectives. Section 2.4 gives the channel weights "
                "of both maps."
            ),
            "map 1: it is the smoother one.": (
                "The smoothness of a map does not show which question it answers. Both maps are equally coarse."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "Look at the second table. You will use one threshold, the one that accepts 95% of normal images. You take …",
        {
            "the softmax: its AUROC is higher.": (
                "The AUROC averages over thresholds that you will never use. At your threshold, the softmax detects "
                "{soft:.0%} of the noisy signs, and the energy detects {energy:.0%}."
            ),
            "the energy, if it is also better on images that were not used for this choice.": (
                "A higher AUROC does not imply a higher detection rate at one threshold, as section 3.3 shows. One "
                "small table is not sufficient to choose between them."
            ),
            "either, with the threshold that separates these images best.": (
                "A threshold that is selected on the test set gives results that are too optimistic (section 3.D)."
            ),
            "neither: both have an AUROC below one.": (
                "A score need not be perfect to be useful. State its detection rate and its false-positive rate."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "A network predicts a sign with a confidence of {confidence:.3%}. The gradient of its *probability* with "
        "respect to the image has a norm of {small:.1g}, and the gradient of its *logit* has a norm of {large:.2g}. "
        "What follows?",
        {
            "The prediction does not depend on any pixel.": (
                "The logit clearly depends on the pixels. Only the softmax is nearly constant here."
            ),
            "No attack can change the prediction.": (
                "An attack with ten small steps changes the prediction for signs like this one, whereas noise of the "
                "same norm does not (section 3.5)."
            ),
            "The softmax is saturated, so you should differentiate the logit.": (
                "Every derivative of a probability p contains the factor p(1 − p), which is almost zero if p is near "
                "one. Section 2.1 therefore differentiates the logit."
            ),
            "The map of the probability should be normalized so that it becomes visible.": (
                "After such a normalization, rounding errors look as strong as a genuine result (section 2.C)."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "A quadratic loss has a curvature of {steep:g} in one direction and of {flat:g} in the other. Gradient descent "
        "without momentum uses a step size of {step:g}. It …",
        {
            "converges slowly in the flat direction.": (
                "If the flat direction were the only one, gradient descent would indeed converge slowly. In the steep "
                "direction, however, every step overshoots the minimum by more than the step before."
            ),
            "converges in fewer steps than it would with half this step size.": (
                "A larger step size may help if it is below the stability limit. This step size is above the limit."
            ),
            "converges from most starting points.": (
                "It converges only from starting points at which the steep coordinate is exactly zero."
            ),
            "diverges in the steep direction.": (
                "The stability limit is 2 divided by the largest curvature, here {border:g}. After {steps} steps, the "
                "steep coordinate is {far:.0f} times as far from the minimum as at the start (section 1.3)."
            ),
        },
        correct=3,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "The energy score of one sign is {one} in a batch with seven clean signs, and {two} in a batch with seven "
        "noisy signs. You suspect …",
        {
            "that the noise affects the mean of the loss.": (
                "A mean would give one number for all eight images. Here, each image has its own score."
            ),
            "rounding, because the terms of a sum are added in a different order.": (
                "Rounding changes the last digits, not the first ones."
            ),
            "that the network was left in training mode.": (
                "In training mode, batch normalization uses the statistics of the batch. In evaluation mode, the score "
                "is {alone} in any batch (section 3.6)."
            ),
            "that the score is uncertain, and should be averaged.": (
                "Averaging hides the error. The score of an image must not depend on the other images of its batch."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "A saliency map is squared. For the same fixations, its NSS increases from {before:.2f} to {after:.2f}, "
        "whereas its AUC stays at {auc:.2f}. What follows?",
        {
            "AUC depends only on the order of the values, whereas NSS also depends on the values themselves, so report "
            "one measure of each kind.": (
                "Squaring a map adds no information, and only the AUC is unaffected by it (section 4.E)."
            ),
            "The squared map is better.": (
                "No position has changed its rank. A measure that depends only on the order does not change (section "
                "4.E)."
            ),
            "AUC is too coarse to be useful.": "AUC is meant to ignore changes that keep the order of the values.",
            "There were too few fixations.": "With more fixations, the result would be the same.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_4,
    ),
)

JUDGEMENT_QUESTIONS = (
    Question(
        "An image contains nine signs, one of which differs from the others, and a network predicts “stop” for the "
        "whole image. Which gradient locates the odd sign?",
        {
            "that of the logit of “stop” with respect to the last feature maps.": (
                "This gradient explains the prediction, and therefore highlights the other eight signs."
            ),
            "that of the loss for every label, with absolute values added up.": (
                "This is implicit saliency. With nine signs, it highlights the other eight, because the output of the "
                "network for the whole image depends mainly on them."
            ),
            "that of a loss that is computed at each position, with the prediction for the whole image as its "
            "target.": (
                "Each position is evaluated separately. The control, which is the loss without a gradient, performs "
                "nearly as well (section 4.5)."
            ),
            "that of the loss for a confounding label with respect to the weights.": (
                "This gradient gives a norm per layer, which shows how much the weights would have to change. It does "
                "not show where the odd sign is."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_4,
    ),
    Question(
        "“The probability-weighted mean of the contrast gradients is zero, and their covariance is the Fisher "
        "information.” The verdict in the claims table is “confirmed in the paper's setting”, although we used our own "
        "networks. Why is this verdict possible?",
        {
            "The networks are similar enough to the paper's.": (
                "Similarity is not a criterion in the rules of the claims table. If parts of the setting differ, the "
                "table names them (section 5.2)."
            ),
            "The claim is not controversial.": "Claims that are not controversial are tested too (section 5.2).",
            "It was observed with every seed.": (
                "Many seeds show that a result is reproducible in one setting, but not that it holds in another one."
            ),
            "It is an identity, which holds for every network that ends in a linear layer and a softmax.": (
                "An identity does not depend on the setting. Section 2.4 derives it, and measures only the rounding "
                "errors."
            ),
        },
        correct=3,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "The last layer is re-initialized at random. The *absolute values* of a map hardly change, but the *signed* "
        "map is completely different. You conclude that …",
        {
            "the map fails the test, because it shows only the image.": (
                "A map that shows only the image keeps its signed values as well, as guided backpropagation does."
            ),
            "the map passes the test, because it distinguishes evidence for and against the class.": (
                "Absolute values show where the features are active, and signed values show what they are evidence "
                "for. Compare signed maps (section 2.5)."
            ),
            "the two comparisons contradict each other.": (
                "The comparisons measure two different properties, and both are correct."
            ),
            "absolute values should be compared, because this is safer.": (
                "Absolute values discard the information on which the prediction depends."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "Which of these shows that the *digit*, and not something that is correlated with it, causes the prediction "
        "30?",
        {
            "the same scene with only the digit replaced, and a prediction that changes as a result.": (
                "Only one factor was changed, and the prediction changed with it. Section 5.B does this with the "
                "counterfactual pairs of section 2.3."
            ),
            "a Grad-CAM map that has high values on the digit.": (
                "The map shows where features and gradients are both large. Nothing was changed."
            ),
            "a high correlation between these values and the accuracy, computed over all signs.": (
                "This uses many images, but it is still not an intervention."
            ),
            "a person who looks at the same position.": "This shows where people look. It does not test the network.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "A camera lens fogs over. An autoencoder reconstructs the blurred images *better* than sharp ones. Which score "
        "detects the blurred images?",
        {
            "the reconstruction error, with a lower threshold.": (
                "Here, the error is smaller for the abnormal images, so it has the wrong orientation. A lower "
                "threshold cannot correct this."
            ),
            "the norm of the gradient of the reconstruction error.": (
                "The norm is smaller for strongly blurred signs than for sharp ones, so it has the wrong orientation "
                "as well (section 3.4)."
            ),
            "the direction of this gradient, that is, its cosine with the gradients of the training images.": (
                "The direction detects strong blur, although the norm is small. The absolute difference of the error "
                "from its median in training detects it as well, without a backward pass (section 3.4)."
            ),
            "the negative reconstruction error.": (
                "With this score, noisy images, which are harder to reconstruct, would be accepted as normal. A score "
                "whose orientation is correct for only one distortion is not sufficient for a detector (section "
                "4.F)."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "After training on seven new classes, a network predicts none of the seven old classes. How can you test "
        "whether everything has been forgotten?",
        {
            "Train the network longer on the new classes.": (
                "Longer training may increase the forgetting, but it does not measure how much has been forgotten."
            ),
            "Train a larger network.": "Another network forgets differently, so it says little about this one.",
            "Allow only the old classes as predictions, and compute the accuracy again.": (
                "Many predictions are then correct. Therefore, much of the forgetting is in the shared last layer, "
                "which has learned never to predict the old classes (section 1.B)."
            ),
            "Keep the old images, and train on them too.": (
                "This method, which is called replay, prevents forgetting, but it does not show where in the network "
                "forgetting happens."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "An imperceptible perturbation of the images changes most predictions. Which control shows that the direction "
        "of this perturbation matters, and not only its norm?",
        {
            "noise with the same maximum change per pixel.": (
                "In section 3.5, such noise changes few predictions unless the budget is large. Section 3.E explains "
                "the reason: a random direction is almost parallel to the decision boundary."
            ),
            "the same perturbation, twice as large.": "This control does not separate the direction from the norm.",
            "another network.": "This tests whether the attack transfers, which is another question (section 3.E).",
            "an image without a sign.": "Such an image has no correct class, so it cannot be misclassified.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "Two measures of quality are evaluated on the same twenty images, and their confidence intervals overlap "
        "widely. Can you conclude that the measures do not differ?",
        {
            "Yes, because the intervals overlap.": (
                "Each interval also reflects the variation between the images, and the two measures share much of this "
                "variation."
            ),
            "No, because the measure with the higher value is better.": (
                "The higher value may be due to chance. Compute a confidence interval for the *difference*."
            ),
            "Not yet. First compute the difference on the same images, with its confidence interval.": (
                "The same images are difficult for both measures, and this shared variation cancels in the difference "
                "(section 4.C)."
            ),
            "Yes, because twenty images are too few for any difference.": (
                "Twenty images are few, but a consistent difference can still be detected."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_4,
    ),
    Question(
        "Grad-CAM at the last block of a transformer is hardly better than a center prior. You should first question …",
        {
            "the layer, whose tokens no longer correspond to image positions.": (
                "Attention has mixed all tokens before the last block. To show *where* the evidence is, choose a layer "
                "whose tokens still correspond to image positions (section 5.C)."
            ),
            "the gradient.": "The same derivative, taken before the first block, highlights the sign (section 5.C).",
            "the prediction of the transformer.": "A prediction can be correct even if its map is not informative.",
            "Grad-CAM, which was designed for convolutions.": (
                "Grad-CAM needs an activation with spatial positions, and the gradient with respect to it. A "
                "transformer has both in earlier layers."
            ),
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "Pixels that your map highlights are set to black, and the prediction soon changes. Before you conclude that "
        "the map is good, you try …",
        {
            "removing the pixels one by one.": (
                "Smaller steps change the area under the deletion curve, but hardly the ranking of the methods."
            ),
            "more images.": "More images would only measure the same effect more precisely.",
            "white instead of black.": (
                "Images with white regions are out of distribution too. The fill value must not change the prediction "
                "by itself."
            ),
            "a map that ignores the network, such as a center prior, and a blurred fill value.": (
                "Black regions are out of distribution, so removing any region has an effect, even if a map that "
                "ignores the network selects it (section 2.B)."
            ),
        },
        correct=3,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "“Gradients can be used to detect adversarial images.” What is the verdict of the claims table?",
        {
            "Not confirmed, because the norms are near the chance level.": (
                "A detector on gradient norms separates attacked images from normal ones (section 3.6)."
            ),
            "Confirmed, but a control performs equally well.": (
                "The same detector on activation norms of all layers performs equally well without a gradient (section "
                "3.6)."
            ),
            "Confirmed in the paper's setting.": (
                "All five parts of the setting differ, and the claims table names them."
            ),
            "Open, because nothing was measured.": (
                "It was measured for several attacks, detectors and networks (section 3.6)."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "You tried twelve layers on the test images and report the one with the highest AUROC. How can you correct "
        "this?",
        {
            "Select the layer on one half of the images, and report the result on the other half.": (
                "Selection is a form of training, so it needs separate images. Section 5.4 shows how high the AUROC of "
                "random scores becomes if the best of them is selected on the test set."
            ),
            "State which layer it was.": "This is good practice, but the value is still the best of twelve.",
            "Report more digits.": "More digits do not remove the selection bias.",
            "Use the layer that the original paper used.": (
                "This would have been correct before you looked at the test results. Now the choice depends on them."
            ),
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
)
