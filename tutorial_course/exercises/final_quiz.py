"""After chapter 5: twenty questions over the whole course. ``EVIDENCE`` reads what its page has just computed, ``JUDGEMENT`` chooses."""

from tutorial_course.widgets import Question

TOPIC_CHAPTER_1, TOPIC_CHAPTER_2, TOPIC_CHAPTER_3, TOPIC_CHAPTER_4, TOPIC_CHAPTER_5 = (
    f"chapter {number}" for number in range(1, 6)
)

FACT_QUESTIONS = (
    Question(
        "Look at the bars. The norms of all layers, added up, have an AUROC of {total:.2f} for novel signs. So …",
        {
            "norms know nothing of novel signs.": "The last layer alone has {head:.2f}. Read the other way, that is far from chance.",
            "what points up and what points down has cancelled; look at each layer, its sign kept.": (
                "Section 3.2. Which way a layer is to be read must then be settled on pictures that judge nothing."
            ),
            "report the last layer as {turned:.2f}.": "Turned round after a look at these very pictures. Settle the sign elsewhere first: section 5.4.",
            "take the layer with the highest bar.": "The best of many, chosen on the test side, is training: section 5.4.",
        },
        correct=1,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "Look at the first table. In which row does its confidence tell you least about its answers?",
        {
            "darkening, where it is least sure.": "Less sure *and* less right: there its confidence follows. Look for the largest gap between the two columns.",
            "rain.": "Sure, and right. Nothing to complain of.",
            "clear.": "Sure, and right. Nothing to complain of.",
            "gaussian blur.": "{blurred:.0%} sure and {right:.0%} right. Being sure follows being right at a distance: section 1.1.",
        },
        correct=3,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "Look at the two maps. Which of them answers “why 30, rather than 50”?",
        {
            "map 1: it covers the sign.": "It has {left:.0%} of its mass on what differs between the two signs. It says why 30 at all.",
            "map 2: it gathers on the digit that parts the two.": "{other:.0%} of its mass lies on what differs, against {left:.0%}. See section 2.3.",
            "both: they are maps of one picture.": "Of one picture, and of two expectations. Section 2.4 has the weights of each.",
            "map 1: it is the smoother one.": "How smooth a map is says nothing of its question. Both are equally coarse.",
        },
        correct=1,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "Look at the second table. You will use one threshold, the one that lets nineteen of twenty normal pictures pass. You take …",
        {
            "the softmax: its AUROC is higher.": "AUROC averages over thresholds that you will never use. At yours it catches {soft:.0%}, the energy {energy:.0%}.",
            "the energy, if it also leads on pictures that had no say in this.": (
                "A lead in AUROC is no lead at one threshold, as section 3.3 shows; and one small table is no proof of either."
            ),
            "whichever, with the threshold set where it splits these pictures best.": "A threshold chosen on the test side promises nothing: section 3.D.",
            "neither: both are below one.": "A score need not be perfect to be of use. Say what it catches, and how many false alarms it costs.",
        },
        correct=1,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "The network is {sure:.3%} sure of a sign. The gradient of its *probability* with respect to the picture is {small:.1g} long, that of its *logit* {large:.2g}. So …",
        {
            "the answer depends on no pixel.": "Its logit does, and plainly. Only the last step has gone flat.",
            "nothing can fool it.": "Ten small steps fool signs like this one, and noise of the same size does not: section 3.5.",
            "the softmax is saturated: ask for the logit.": "Near one, p(1 − p) is next to nothing, and every slope is multiplied by it. Hence the logit in section 2.1.",
            "the first map should be stretched until it shows.": "Then rounding is painted as boldly as an answer: section 2.7.",
        },
        correct=2,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "A valley bends {steep:g} across and {flat:g} along its floor. Descent, without momentum, takes steps of {step:g}. It …",
        {
            "creeps along the floor and arrives.": "Along the floor it would. Across it every step overshoots by more than the one before.",
            "arrives in fewer steps than with half of that.": "Below the border a longer step may help. This one lies beyond it.",
            "arrives from most starts.": "Only from those that lie exactly on the floor.",
            "is thrown out, across the floor.": "The border is 2 over the largest bend, here {border:g}. After {steps} steps it is {far:.0f} times as far across as at the start. See section 1.4.",
        },
        correct=3,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "The energy of one sign is {one} among seven clear ones, and {two} among seven in heavy noise. You suspect …",
        {
            "that the noise leaks through the mean of the loss.": "A mean would give one number for all eight. Here each has its own.",
            "rounding: the sums are added up in another order.": "Rounding moves the last digits, not the first ones.",
            "that the network was left in training mode.": "Batch normalisation then takes its statistics from the neighbours. In evaluation it is {alone} in any company. See section 3.6.",
            "that the score is uncertain, and should be averaged.": "Averaging hides a bug. A picture's score may not depend on its company.",
        },
        correct=2,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "A map of attention is squared. At the same fixations its NSS goes from {before:.2f} to {after:.2f}, its AUC stays at {auc:.2f}. So …",
        {
            "AUC reads the order alone, NSS also the heights: report one of each kind.": "Squaring a map is no discovery, and only one of the two says so. See section 4.E.",
            "the squared map is better.": "No place has changed its rank. Whoever asks for the order alone sees the same map: section 4.E.",
            "AUC is too coarse to be of use.": "It forgives what changes no order, and that is its use.",
            "the fixations were too few.": "With more of them the same would happen.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_4,
    ),
)

JUDGEMENT_QUESTIONS = (
    Question(
        "Nine signs, one of them odd, and a network that calls the whole “stop”. Which gradient finds the odd one?",
        {
            "of the logit of “stop”, at the last maps.": "That explains the answer, and so lights the eight.",
            "of the loss to every label, sizes added up.": "Implicit saliency. Among nine signs it prefers the eight others, where labels are read.",
            "of each place's own loss against the answer to the whole.": "Ask each place alone. Its control, the loss without a gradient, does nearly as well: section 4.5.",
            "of the loss to a label that fits nothing, at the weights.": "A length for each layer. It says that much would have to change, and not where in the picture.",
        },
        correct=2,
        topic=TOPIC_CHAPTER_4,
    ),
    Question(
        "“Contrasts average to nothing, and their covariance is the Fisher information.” The ledger's verdict: seen in the paper's setting. But the networks were our own. How can that be?",
        {
            "The networks are near enough to the paper's.": "Near enough is no rule of the ledger. Where parts differ, it names them: section 5.2.",
            "Nobody doubts it.": "Claims that nobody doubts are measured all the same: section 5.2.",
            "It was seen with every seed.": "Many seeds make one setting steady. They do not make it another one.",
            "It is an identity: it holds for every network with such a last layer.": "Algebra has no setting. Section 2.4 derives it, and measures only how far a machine rounds.",
        },
        correct=3,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "The last layer is drawn anew. Compared by *size*, a map hardly changes; compared with its *signs*, nothing of it is left. You say …",
        {
            "it failed: it draws the picture.": "A map that draws the picture keeps its signs as well, as guided backpropagation does.",
            "it noticed: what speaks for and against has been lost.": "Sizes say where anything is seen at all, signs what it is taken for. Compare signed maps: section 2.5.",
            "the two comparisons contradict each other.": "They ask two things, and both answers are right.",
            "sizes are the safer reading.": "Taking the size throws away just what the answer hangs on.",
        },
        correct=1,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "Which of these shows that the *digit* makes the network say 30, and not something that goes along with it?",
        {
            "the same scene with nothing but the digit exchanged, and an answer that follows.": "One thing changed, and the answer with it. Section 5.B does it, with the twins of section 2.3.",
            "a Grad-CAM map that is bright on the digit.": "It shows where features and gradients are large together. Nothing was changed.",
            "a high correlation, over all signs, of that brightness with being right.": "Many pictures, and still nobody changed anything.",
            "a person who would have looked there, too.": "That says where people look. The network was not asked.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "A lens fogs over. The autoencoder redraws its blurred pictures *better* than sharp ones. What do you read off to notice?",
        {
            "the error of the redrawing, with a lower threshold.": "It points the wrong way here. No threshold mends that.",
            "the length of its gradient.": "Neither the length nor the distance to the mean picture replaced it: section 3.4.",
            "the direction: the cosine with the gradients of training.": "Small, and of a kind that training never asked for. Direction is not length: section 3.4.",
            "the error, turned round.": "Then noise, which is harder to redraw, passes for a clear day. A sign that fits one fault is no detector: section 4.F.",
        },
        correct=2,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "After seven new signs a network names none of the seven old ones. Is all of it forgotten? The control is …",
        {
            "to train it longer on the new ones.": "That can only push out more.",
            "a larger network.": "Another network forgets other things. It says little about this one.",
            "to allow it only the old answers, and count again.": "Many come back: a good part of the loss sits in the shared head, which has learned never to give them. See section 1.B.",
            "to keep the old pictures and mix them in.": "That is a repair, replay. It prevents the loss and does not say where it sits.",
        },
        correct=2,
        topic=TOPIC_CHAPTER_1,
    ),
    Question(
        "A change that no eye would notice fools most signs. Which control shows that its direction does it, and not its size?",
        {
            "noise with the same largest change.": "It costs few answers. Section 3.5 measures it, and section 3.E says why: a random way runs almost along the boundary.",
            "the same change, twice as large.": "Direction and size both stay in play.",
            "another network.": "That asks whether the attack travels, which is worth asking: section 3.E.",
            "a picture without a sign.": "There is no right answer that could be lost.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_3,
    ),
    Question(
        "Two measures of quality, the same twenty pictures, and intervals that overlap widely. May you say that they do not differ?",
        {
            "Yes: the intervals overlap.": "Each interval holds the luck of the pictures, and both measures had the same luck.",
            "No: the one with the higher number is better.": "Perhaps by chance. Ask how sure the *difference* is.",
            "Not yet: take the difference on the same pictures, and its interval.": "Both stumble over the same pictures, and that cancels in a difference: section 4.C.",
            "Yes: twenty are too few for any difference.": "They are few, and a difference that is steady can still show.",
        },
        correct=2,
        topic=TOPIC_CHAPTER_4,
    ),
    Question(
        "Grad-CAM at the last block of a transformer hardly beats a blob in the middle. The first thing to doubt is …",
        {
            "the layer: its positions are places no longer.": "Every token has looked at every other by then. For *where*, take a layer whose positions are still places: section 5.C.",
            "the gradient.": "The same derivative, taken before the first block, points at the drawing: section 5.C.",
            "the transformer's answer.": "A map that fails does not make the answer wrong.",
            "Grad-CAM, which is made for convolutions.": "It asks for an activation with places, and for a gradient. A transformer has both, earlier on.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "Pixels that your map marks are painted black, and the answer is soon gone. Before you praise the map, you try …",
        {
            "painting them one by one.": "Smaller steps move the area under the curve, hardly the ranks.",
            "more pictures.": "They would make the same effect steadier.",
            "white in place of black.": "Another picture that the network does not know. It is the hole itself that has to be harmless.",
            "a blind map, such as a spot in the centre, and a blur for the ground.": "Black holes are a picture of their own: over them blind maps do well, too. See section 2.B.",
        },
        correct=3,
        topic=TOPIC_CHAPTER_2,
    ),
    Question(
        "“Gradient norms tell abnormal pictures from normal ones, better than other scores.” What did the ledger find?",
        {
            "Not seen: the norms are near chance.": "Taught the family that they meet, they are very good, in both worlds.",
            "Seen, and a control does as well.": "On photographs the same detector on features, without a gradient, does as well: section 3.3.",
            "Seen in the paper's setting.": "All five parts of the setting differ, and the row names them.",
            "Open: nothing was measured.": "Measured it was, with two columns: the own family, and those that were never shown.",
        },
        correct=1,
        topic=TOPIC_CHAPTER_5,
    ),
    Question(
        "You tried twelve layers on the test pictures and show the one that detects best. An honest repair is …",
        {
            "to choose the layer on one half and report the other.": "A choice made on the test side is training. See what knows nothing reach in section 5.4.",
            "to say which layer it was.": "Good manners, and the number is still the best of twelve.",
            "more digits.": "They make a chosen number more exact, not less chosen.",
            "to take the layer that its paper took.": "That would be honest as well, had you not looked. Now you know what it costs you.",
        },
        correct=0,
        topic=TOPIC_CHAPTER_5,
    ),
)
