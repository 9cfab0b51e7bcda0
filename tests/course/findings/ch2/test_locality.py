"""Receptive fields and the time of a backward pass, on small networks."""

import torch
from torch import nn

from tutorial_course.findings.ch2 import backward_time_share, receptive_field
from tutorial_lib import models


def test_receptive_field_follows_from_kernels_and_strides():
    # A kernel of 3, a pooling of 2 and a kernel of 3 with steps of 2 pixels: 3 + 1 + 2 · 2 = 8.
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3))
    x = torch.rand(2, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    assert receptive_field(model, x, "2", 4, 4) == (8, 8)
    assert receptive_field(model, x, "0", 4, 4) == (3, 3)


def test_receptive_field_of_sign_network_covers_nearly_the_whole_image():
    x = torch.rand(8, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    # 46 × 46 pixels in theory, one of which lies outside the image.
    assert receptive_field(models.load("signs/classifier"), x, "block3", 6, 6) == (45, 45)


def test_receptive_field_leaves_no_hook():
    model = nn.Sequential(nn.Conv2d(1, 1, 3))
    receptive_field(model, torch.rand(1, 1, 8, 8), "0", 1, 1)
    assert not model[0]._forward_hooks


def test_backward_time_share_is_small_for_a_layer_close_to_the_output():
    model = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(12)), nn.Flatten(), nn.Linear(8 * 32 * 32, 2))
    share = backward_time_share(model, torch.rand(8, 8, 32, 32), "11", repeats=3)
    assert 0 < share < 1
