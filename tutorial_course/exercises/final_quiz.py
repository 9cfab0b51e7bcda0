"""The quiz after chapter 5: twenty questions, of which the first group is about numbers computed on its page."""

from tutorial_course.widgets import Question

TOPIC_CHAPTER_1, TOPIC_CHAPTER_2, TOPIC_CHAPTER_3, TOPIC_CHAPTER_4, TOPIC_CHAPTER_5 = (
    f"chapter {number}" for number in range(1, 6)
)

FACT_QUESTIONS = (
    Question(
        "Look at the bars. The norms of all layers, added up, have an AUROC of {total:.2f} for novel signs. So …",
        {
            "norms do not distinguish novel signs.": (
                "The last layer alone has {head:.2f}. With the opposite orientation, that is far from chance level."
            ),
            "AUROCs above and below one half have cancelled; look at each layer separately.": (
                "See section 3.2. The orientation of a layer must then be determined on images outside the test set."
            ),
            "report the last layer as {turned:.2f}.": (
                "This reverses the orientation after looking at the test images. Determine it on other images first "
                "(section 5.4)."
            ),
            "take the layer with the highest bar.": (
                "The highest of many bars is too optimistic, because selecting a layer on the test set is a form of "
                "training (section 5.4)."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "Look at the first table. In which row does the confidence tell you least about the accuracy?",
        {
            "darkening, where the confidence is lowest.": (
                "Confidence and accuracy both decrease there. Look for the largest gap between the two columns."
            ),
            "rain.": "Confidence and accuracy are both high.",
            "clear.": "Confidence and accuracy are both high.",
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
                "It has {left:.0%} of its mass on the pixels that differ between the two signs. It explains why the "
                "network predicts 30 at all."
            ),
            "map 2: it is concentrated on the digit in which the two differ.": (
                "This map has {other:.0%} of its mass on the pixels that differ, whereas the other map has {left:.0%}. "
                "See section 2.3."
            ),
            "both: they are maps of one image.": (
                "They are maps of one image, but of two objectives. Section 2.4 gives the channel weights of each of "
                "them."
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
                "{soft:.0%} and the energy {energy:.0%}."
            ),
            "the energy, if it is also better on images that were not used for this choice.": (
                "A higher AUROC does not imply a higher detection rate at one threshold, as section 3.3 shows. One "
                "small table is not sufficient to choose between them."
            ),
            "either, with the threshold that separates these images best.": (
                "A threshold that is selected on the test set gives results that are too optimistic (section 3.D)."
            ),
            "neither: both are below one.": (
                "A score need not be perfect to be useful. State its detection rate and its false-positive rate."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "A network predicts a sign with a confidence of {confidence:.3%}. The gradient of its *probability* with "
        "respect to the image has the norm {small:.1g}, that of its *logit* {large:.2g}. So …",
        {
            "the prediction does not depend on any pixel.": (
                "Its logit clearly depends on the pixels. Only the softmax is flat here."
            ),
            "no attack can change the prediction.": (
                "Ten small steps change the prediction for signs like this one, and noise of the same norm does not "
                "(section 3.5)."
            ),
            "the softmax is saturated: use the logit.": (
                "If p is near one, p(1 − p), which is a factor of every derivative, is almost zero. Section 2.1 "
                "therefore uses the logit."
            ),
            "the first map should be normalized until it is visible.": (
                "After such a normalization, rounding errors look as strong as a result (section 2.C)."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "A quadratic loss has the curvature {steep:g} in one direction and {flat:g} in the other. Gradient descent "
        "without momentum has the step size {step:g}. It …",
        {
            "converges slowly in the flat direction.": (
                "In the flat direction it would. In the steep direction every step overshoots by more than the one "
                "before."
            ),
            "converges in fewer steps than with half of this step size.": (
                "Below the stability limit a larger step size may help. This one is above it."
            ),
            "converges from most starts.": "It converges only from starts where the steep coordinate is exactly zero.",
            "diverges in the steep direction.": (
                "The stability limit is 2 over the largest curvature, here {border:g}. After {steps} steps it is "
                "{far:.0f} times as far from the minimum as at the start. See section 1.3."
            ),
        },
        correct=3,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "The energy of one sign is {one} in a batch with seven clean signs, and {two} in a batch with seven noisy "
        "ones. You suspect …",
        {
            "that the noise affects the mean of the loss.": (
                "A mean would give one number for all eight images. Here each has its own."
            ),
            "rounding: the sums are added up in another order.": (
                "Rounding changes the last digits, not the first ones."
            ),
            "that the network was left in training mode.": (
                "Batch normalization then uses the statistics of the batch. In evaluation mode the energy is {alone} "
                "in any batch. See section 3.6."
            ),
            "that the score is uncertain, and should be averaged.": (
                "Averaging hides the error. The score of an image must not depend on the other images of its batch."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "A saliency map is squared. At the same fixations its NSS goes from {before:.2f} to {after:.2f}, its AUC stays "
        "at {auc:.2f}. So …",
        {
            "AUC depends only on the order of the values, whereas NSS also depends on the values themselves: report "
            "one measure of each kind.": (
                "Squaring a map adds no information, and only one of the two measures is unaffected by it. See section "
                "4.E."
            ),
            "the squared map is better.": (
                "No position has changed its rank. A measure that depends only on the order does not change (section "
                "4.E)."
            ),
            "AUC is too coarse to be useful.": "It ignores changes that keep the order, and that is its purpose.",
            "there were too few fixations.": "With more of them the result would be the same.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_4,
    ),
)

JUDGEMENT_QUESTIONS = (
    Question(
        "An image has nine signs, one of which differs from the others, and a network predicts “stop” for the whole "
        "image. Which gradient locates the odd sign?",
        {
            "that of the logit of “stop” with respect to the last feature maps.": (
                "It explains the prediction, and therefore highlights the other eight signs."
            ),
            "that of the loss for every label, with absolute values added up.": (
                "This is implicit saliency. With nine signs it highlights the other eight, which determine the labels."
            ),
            "that of the loss of each position, whose target is the prediction for the whole image.": (
                "Each position is evaluated separately. Its control, the loss without a gradient, does nearly as well "
                "(section 4.5)."
            ),
            "that of the loss for a confounding label with respect to the weights.": (
                "It gives a norm per layer. The norm shows how much would have to change, not where in the image."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_4,
    ),
    Question(
        "“The probability-weighted mean of the contrast gradients is zero, and their covariance is the Fisher "
        "information.” The verdict of the claims table: confirmed in the paper's setting. But the networks were our "
        "own. How can that be?",
        {
            "The networks are similar enough to the paper's.": (
                "The rules of the claims table do not use similarity. If parts of the setting differ, the table names "
                "them (section 5.2)."
            ),
            "The claim is not controversial.": "Claims that are not controversial are measured too (section 5.2).",
            "It was seen with every seed.": "Many seeds make a result reproducible in one setting, not in another one.",
            "It is an identity: it holds for every network with such a last layer.": (
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
            "the map fails the test: it shows only the image.": (
                "A map that shows only the image keeps its signed values as well, as guided backpropagation does."
            ),
            "the map succeeds: it distinguishes evidence for and against the class.": (
                "Absolute values show where the features are active, and signed values show what they are evidence "
                "for. Compare signed maps (section 2.5)."
            ),
            "the two comparisons contradict each other.": (
                "They measure two different properties, and both are correct."
            ),
            "absolute values are the safer comparison.": (
                "Absolute values discard the information on which the prediction depends."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "Which of these shows that the *digit* causes the prediction 30, and not something that is correlated with the "
        "digit?",
        {
            "the same scene with only the digit exchanged, and a prediction that changes with it.": (
                "Only one factor was changed, and the prediction changed with it. Section 5.B does this with the "
                "counterfactual pairs of section 2.3."
            ),
            "a Grad-CAM map that is bright on the digit.": (
                "It shows where features and gradients are both large. Nothing was changed."
            ),
            "a high correlation, over all signs, of that brightness with the accuracy.": (
                "This uses many images, but it is still not an intervention."
            ),
            "a person who would have looked there, too.": "That shows where people look. It does not test the network.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "A lens fogs over. The autoencoder reconstructs the blurred images *better* than sharp ones. Which score "
        "detects this?",
        {
            "the reconstruction error, with a lower threshold.": (
                "The error is smaller for the abnormal images here. No threshold can correct that."
            ),
            "the norm of its gradient.": (
                "Neither the norm nor the distance to the mean image could replace the direction (section 3.4)."
            ),
            "the direction: the cosine with the gradients of training.": (
                "The gradient is small, but its direction did not occur in training. Direction and norm give different "
                "information (section 3.4)."
            ),
            "the negative reconstruction error.": (
                "With this score, noisy images, which are harder to reconstruct, look normal. An orientation that fits "
                "one distortion is not sufficient for a detector (section 4.F)."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "After training on seven new signs, a network predicts none of the seven old classes. Is everything forgotten? "
        "The control is …",
        {
            "to train it longer on the new ones.": "That can only increase the forgetting.",
            "a larger network.": "Another network forgets other things. It says little about this one.",
            "to allow only the old classes as predictions, and count again.": (
                "Many predictions are then correct: much of the forgetting is in the shared head, which has learned "
                "never to predict them. See section 1.B."
            ),
            "to keep the old images and train on them too.": (
                "That is replay. It prevents the forgetting, but it does not show where it happens."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "An invisible change of the images changes most predictions. Which control shows that the direction of this "
        "change matters, and not only its norm?",
        {
            "noise with the same largest change.": (
                "It changes few predictions. Section 3.5 measures it, and section 3.E explains why: a random direction "
                "is almost parallel to the boundary."
            ),
            "the same change, twice as large.": "This does not separate the direction from the norm.",
            "another network.": "That tests whether the attack transfers, which is another question (section 3.E).",
            "an image without a sign.": "Such an image has no correct class.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "Two measures of quality are evaluated on the same twenty images, and their intervals overlap widely. May you "
        "say that they do not differ?",
        {
            "Yes: the intervals overlap.": (
                "Each interval contains the variation between the images, which is the same for both measures."
            ),
            "No: the one with the higher number is better.": (
                "The higher number may be due to chance. Compute an interval of the *difference*."
            ),
            "Not yet: take the difference on the same images, and its interval.": (
                "Both measures have difficulties with the same images, and this common variation cancels in a "
                "difference (section 4.C)."
            ),
            "Yes: twenty are too few for any difference.": (
                "They are few, but a consistent difference can still be visible."
            ),
        },
        correct=2,
        topic=TOPIC_CHAPTER_4,
    ),
    Question(
        "Grad-CAM at the last block of a transformer is hardly better than a center prior. The first thing to question "
        "is …",
        {
            "the layer: its tokens no longer correspond to image positions.": (
                "Attention has mixed all tokens by then. To show *where* the evidence is, choose a layer whose tokens "
                "still correspond to image positions (section 5.C)."
            ),
            "the gradient.": "The same derivative, taken before the first block, highlights the sign (section 5.C).",
            "the prediction of the transformer.": "A map that fails does not make the prediction wrong.",
            "Grad-CAM, which was designed for convolutions.": (
                "It needs an activation with positions, and a gradient. A transformer has both in earlier layers."
            ),
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "Pixels that your map highlights are set to black, and the prediction soon changes. Before you conclude that "
        "the map is good, you try …",
        {
            "removing them one by one.": "Smaller steps change the area under the curve, but hardly the ranks.",
            "more images.": "More images would only measure the same effect more precisely.",
            "white in place of black.": (
                "Images with white regions are out of distribution too. The fill value must not change the prediction "
                "by itself."
            ),
            "a map that ignores the network, such as a center prior, and a blurred fill value.": (
                "Black regions are out of distribution, so removing any region has an effect, even if a map that "
                "ignores the network selects it. See section 2.B."
            ),
        },
        correct=3,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "“Gradients can be used to detect adversarial images.” What is the verdict of the claims table?",
        {
            "Not confirmed: the norms are near chance.": (
                "A detector on gradient norms separates attacked images from normal ones (section 3.6)."
            ),
            "Confirmed, but a control performs equally well.": (
                "The same detector on activation norms of all layers performs equally well without a gradient (section "
                "3.6)."
            ),
            "Confirmed in the paper's setting.": (
                "All five parts of the setting differ, and the claims table names them."
            ),
            "Open: nothing was measured.": (
                "It was measured for several attacks, detectors and networks (section 3.6)."
            ),
        },
        correct=1,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "You tried twelve layers on the test images and report the one that detects best. A correction is …",
        {
            "to select the layer on one half of the images and report the other.": (
                "A selection is a form of training, so it needs its own images. Section 5.4 shows what even random "
                "scores reach if the best of them is selected on the test set."
            ),
            "to state which layer it was.": "That is good practice, but the number is still the best of twelve.",
            "more digits.": "They make the number more precise, but do not remove the selection bias.",
            "to use the layer that the original paper used.": (
                "That would have been correct before you looked at the test results. Now the choice depends on them."
            ),
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
)
