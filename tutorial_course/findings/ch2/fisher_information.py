"""The Fisher information of correct, wrong and confidently wrong predictions."""

from torch import Tensor
from torch.nn.functional import one_hot

from tutorial_lib.attribution import last_layer_fisher

GROUPS = ("correct", "wrong, not confident", "wrong and confident")


def fisher_by_prediction(logits: Tensor, h: Tensor, labels: Tensor, confident: float = 0.95) -> list[dict]:
    """Return the Fisher information of the last layer, and the gradient for the true label, by kind of prediction.

    The trace of the Fisher information is the mean of ‖g_Q‖² over labels Q that are sampled from the predicted
    probabilities. The true label y leads to ‖g_y‖² = ‖p − e_y‖² ‖h‖².

    Args:
        logits: logits (N, C).
        h: features (N, d), the input of the last layer.
        labels: the true labels (N,).
        confident: a prediction is confident if its probability is above this value.

    Returns:
        For each of ``GROUPS`` a dict with the number of ``images``, and the medians of the ``trace`` and of the squared
        gradient norm for the true label, ``true``; None if there are no images.
    """
    logits, h = logits.double(), h.double()
    p = logits.softmax(1)
    trace = last_layer_fisher(logits, h).trace
    true = (p - one_hot(labels, p.shape[1])).square().sum(1) * h.square().sum(1)
    correct, sure = p.argmax(1) == labels, p.amax(1) > confident
    rows = []
    for group, members in zip(GROUPS, (correct, ~correct & ~sure, ~correct & sure), strict=True):
        medians = {
            name: float(values[members].median()) if members.any() else None
            for name, values in {"trace": trace, "true": true}.items()
        }
        rows.append({"group": group, "images": int(members.sum()), **medians})
    return rows
