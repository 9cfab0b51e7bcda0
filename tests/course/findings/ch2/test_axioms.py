"""The axioms of attribution on networks of two pixels."""

import torch

from tutorial_course.findings.ch2 import axiom_gaps
from tutorial_course.findings.ch2.axioms import FLIPPED_SUM, HALF_SPLIT_SUM, SATURATED, SPLIT_SUM, SUM, THRESHOLD
from tutorial_lib import attribution


def gradient(model, x, objective, layer):
    return attribution.saliency(model, x, objective).sum(1)


METHODS = {
    "gradient": gradient,
    "gradient × input": lambda m, x, J, layer: (x * attribution.saliency(m, x, J)).sum(1),
    "integrated gradients": lambda m, x, J, layer: attribution.integrated_gradients(m, x, J, n_steps=64).sum(1),
    "guided backpropagation": lambda m, x, J, layer: attribution.guided_backprop(m, x, J).sum(1),
    "Grad-CAM": lambda m, x, J, layer: attribution.grad_cam(m, x, layer, J),
    "occlusion": lambda m, x, J, layer: attribution.occlusion(m, x, J, window=1, fill=0.0),
}
# completeness, sensitivity, implementation invariance, linearity and symmetry; by hand, from the definitions
HOLDS = {
    "gradient": (False, False, True, True, True),
    "gradient × input": (False, False, True, True, True),
    "integrated gradients": (True, True, True, True, True),
    "guided backpropagation": (False, False, False, False, False),
    "Grad-CAM": (False, False, False, True, True),
    "occlusion": (False, True, True, True, True),
}


def test_axiom_gaps_match_the_definitions():
    for row in axiom_gaps(METHODS):
        gaps = list(row.values())[1:]
        assert tuple(gap < 1e-9 for gap in gaps) == HOLDS[row["method"]], row


def test_completeness_gaps_are_those_computed_by_hand():
    rows = {row["method"]: row for row in axiom_gaps(METHODS)}
    # Saturated: gradients (0, 1), change 1. Threshold: gradients (1, 1), change 1.
    assert rows["gradient"]["completeness"] == 1 and rows["gradient × input"]["completeness"] == 1
    assert rows["gradient"]["sensitivity"] == 1


def test_two_pixel_networks_compute_the_functions_that_they_are_named_after():
    x = torch.rand(50, 1, 1, 2, generator=torch.Generator().manual_seed(0)).double() * 4 - 2
    for network in (SUM, SPLIT_SUM, FLIPPED_SUM, HALF_SPLIT_SUM):
        torch.testing.assert_close(network(x)[:, 0], x.sum((1, 2, 3)))
    torch.testing.assert_close(SATURATED(x)[:, 0], x.clamp(max=1).sum((1, 2, 3)))
    torch.testing.assert_close(THRESHOLD(x)[:, 0], (x.clamp(min=0).sum((1, 2, 3)) - 1).clamp(min=0))
