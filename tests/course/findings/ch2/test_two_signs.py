"""Scenes of two signs and the interventions on them, with classifiers whose response is known."""

import torch
from torch import nn

from tutorial_course.findings import ch2 as findings
from tutorial_lib import attribution, models
from tutorial_lib.runtime import make_generator


class BrightnessOfHalf(nn.Module):
    """Logit 0 is the mean of the left half of the image, logit 1 that of the right half."""

    def forward(self, x):
        return torch.stack([half.mean((1, 2, 3)) for half in x.chunk(2, 3)], 1)


def make_scenes(n, height=8):
    """Scenes in which Q is on the right for even images."""
    on_right = torch.arange(n) % 2 == 0
    half = (torch.arange(2 * height) >= height) == on_right[:, None, None]
    half = half.expand(n, height, 2 * height)
    images = torch.ones(n, 3, height, 2 * height)  # all logits are 1
    return findings.TwoSignScenes(images, (~on_right).long(), torch.ones(n), on_right, half, half)


def test_gains_over_controls_are_paired_and_use_the_two_strongest_controls():
    scenes, network = make_scenes(6), BrightnessOfHalf()
    own = findings.control_maps(torch.zeros(6, 8, 16), scenes, make_generator(0))
    disc = own["disc in the middle of the half with Q"]
    gains = findings.gains_over_controls(network, scenes, disc, make_generator(0))
    assert [name for name, _ in gains] == 2 * ["map of another scene, on the side of Q"] + 2 * [
        "disc in the middle of the half with Q"
    ]
    assert gains["disc in the middle of the half with Q", "gray"].tolist() == [0.0] * 6
    # The logit of P is the brightness of the other half, so replacing the half with Q changes nothing.
    anywhere = findings.gains_over_controls(network, scenes, disc.flip(-1), make_generator(0))
    assert (anywhere["disc in the middle of the half with Q", "gray"] < 0).all()


def test_counterfactual_map_exceeds_the_disc_clearly_on_two_of_three_networks():
    low = {}
    for name in ("signs/classifier", "signs/classifier/1", "signs/classifier/2"):
        network = models.load(name)
        scenes = findings.sample_two_sign_scenes(network, 100, make_generator(2), "cpu")
        maps = attribution.counterfactual_cam(network, scenes.images, "block3", scenes.P)
        maps = attribution.upsample(maps, scenes.images.shape[-2:])
        gains = findings.gains_over_controls(network, scenes, maps, make_generator(3))
        low[name] = {key: findings.mean_interval(gain).low for key, gain in gains.items()}
    disc, other_scene = (
        [[value for (control, _), value in by.items() if control.startswith(start)] for by in low.values()]
        for start in ("disc", "map")
    )
    assert max(disc[0]) < 0 < min(disc[1] + disc[2])
    assert min(sum(other_scene, [])) > 0.1


def test_sampled_scenes_have_a_prediction_among_the_two_signs():
    network = models.load("signs/classifier")
    scenes = findings.sample_two_sign_scenes(network, 10, make_generator(0), "cpu")
    n, _, height, width = scenes.images.shape
    assert 5 <= n <= 10 and width == 2 * height
    logits = network(scenes.images)
    assert torch.equal(logits.argmax(1), scenes.P)
    torch.testing.assert_close(logits.amax(1), scenes.logit_P)
    # The sign Q lies on its half, and the mask is not empty.
    assert scenes.Q_mask.flatten(1).any(1).all() and not (scenes.Q_mask & ~scenes.Q_half).any()
    assert scenes.Q_half.float().mean((1, 2)).eq(0.5).all()
    assert torch.equal(scenes.Q_half[:, 0, -1], scenes.Q_on_right)


def test_logit_changes_measure_the_removed_region():
    scenes = make_scenes(2)
    # P is on the left of the first image and on the right of the second one.
    on_P, on_Q = (~scenes.Q_half).float(), scenes.Q_half.float()
    noise = torch.rand(2, 8, 16, generator=make_generator(0)) / 10
    # An eighth of the image is a quarter of a half, and gray is 0.5 below white.
    torch.testing.assert_close(
        findings.logit_changes(BrightnessOfHalf(), scenes, on_P + noise), torch.full((2,), -0.125)
    )
    torch.testing.assert_close(findings.logit_changes(BrightnessOfHalf(), scenes, on_Q + noise), torch.zeros(2))
    black = findings.logit_changes(BrightnessOfHalf(), scenes, on_P + noise, fill=torch.zeros(2, 3, 1, 1))
    torch.testing.assert_close(black, torch.full((2,), -0.25))


def test_control_maps_know_the_side_where_they_say_so():
    scenes = make_scenes(6)
    maps = scenes.Q_half.float() + torch.rand(6, 8, 16, generator=make_generator(1)) / 10
    controls = findings.control_maps(maps, scenes, make_generator(0))
    for name in ("map of another scene, on the side of Q", "disc in the middle of the half with Q"):
        peaks = controls[name].flatten(1).argmax(1)
        assert scenes.Q_half.flatten(1).gather(1, peaks[:, None]).all(), name
    assert torch.equal(controls["map of another scene"][1], maps[0])
    assert torch.equal(controls["map of another scene, on the side of Q"][1], maps[0].flip(-1))


def test_highest_pixels_of_a_disc_are_compact():
    scenes = make_scenes(1, height=32)
    controls = findings.control_maps(torch.zeros(1, 32, 64), scenes, make_generator(0))
    disc = controls["disc in the middle of the half with Q"][0]
    rows, columns = (disc >= disc.flatten().topk(100).values[-1]).nonzero().T
    # A disc of 100 pixels has a radius of about 5.6 pixels.
    assert (rows - 16).abs().max() <= 6 and (columns - 48).abs().max() <= 6
