import pytest
import torch

from tutorial_lib.data import SCENE_DISTRIBUTIONS, sample_scenes
from tutorial_lib.data.scenes import one_over_f_noise


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_one_over_f_noise_is_standardized_with_requested_slope():
    for slope in (1.5, 0.5):
        maps = one_over_f_noise(200, slope, 64, 64, seeded())
        assert maps.shape == (200, 1, 64, 64)
        assert maps.mean((1, 2, 3)).abs().max() < 1e-5 and (maps.std((1, 2, 3)) - 1).abs().max() < 1e-3
        power = torch.fft.rfft2(maps[:, 0]).abs().square().mean(0)[0, 1:32]  # along one axis
        f = torch.arange(1, 32.0).log()
        fitted = torch.linalg.lstsq(torch.stack([f, torch.ones_like(f)], 1), power.log()[:, None]).solution[0].item()
        assert fitted == pytest.approx(-2 * slope, abs=0.15)


def test_sample_scenes_is_seeded_with_zero_by_default():
    a, b, c = sample_scenes(3), sample_scenes(3, generator=seeded(0)), sample_scenes(3, generator=seeded(1))
    assert torch.equal(a.background, b.background) and torch.equal(a.pose.yaw, b.pose.yaw)
    assert not torch.equal(a.background, c.background)


def test_sample_scenes_leaves_global_rng_unchanged():
    before = torch.random.get_rng_state()
    sample_scenes(2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_sample_scenes_pose_and_light_are_independent_of_image_size():
    small, large = sample_scenes(5, size=16), sample_scenes(5, size=(64, 96))
    assert torch.equal(small.light_direction, large.light_direction)
    assert all(torch.equal(a, b) for a, b in zip(small.pose, large.pose, strict=True))
    assert large.background.shape == (5, 3, 64, 96)


@pytest.mark.parametrize("name", SCENE_DISTRIBUTIONS)
def test_sample_scenes_poses_stay_within_distribution_limits(name):
    world, scene = SCENE_DISTRIBUTIONS[name], sample_scenes(500, size=8, distribution=name)
    for field, reach in (("yaw", world.tilt), ("roll", world.roll), ("x", world.shift), ("y", world.shift)):
        values = getattr(scene.pose, field)
        assert values.abs().max() <= reach and values.abs().max() > 0.9 * reach
    assert scene.pose.size.min() >= world.size[0] and scene.pose.size.max() <= world.size[1]
    leafy = (scene.occluder_alpha.amax((1, 2, 3)) > 0).float().mean().item()
    assert leafy == pytest.approx(world.leaves, abs=0.06)


def test_sample_scenes_backgrounds_are_in_unit_range_and_vary():
    background = sample_scenes(64).background
    assert background.min() >= 0 and background.max() <= 1
    assert background.flatten(1).std(0).mean() > 0.05


def test_scene_supports_indexing_repetition_and_pose_changes():
    scene = sample_scenes(3, size=16)
    one = scene[1]
    assert len(one) == 1 and torch.equal(one.background[0], scene.background[1])
    assert len(scene[-1]) == 1 and torch.equal(scene[-1].camera_noise[0], scene.camera_noise[2])
    twice = scene.repeat(2)
    assert len(twice) == 6 and torch.equal(twice.background[1], scene.background[0])
    rolled = scene.with_pose(roll=0.5)
    assert torch.equal(rolled.pose.roll, torch.full((3,), 0.5)) and torch.equal(rolled.pose.yaw, scene.pose.yaw)
    assert torch.equal(rolled.background, scene.background)


def test_sample_scenes_rejects_invalid_input():
    with pytest.raises(ValueError, match="unknown scene distribution 'wlid'; the nearest: 'wild'"):
        sample_scenes(1, distribution="wlid")
    with pytest.raises(ValueError, match="size of 8 or more"):
        sample_scenes(1, size=4)
