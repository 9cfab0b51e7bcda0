import pytest
import torch

from tutorial_lib.data import WORLDS, sample_scenes
from tutorial_lib.data.scenes import noise_maps


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_noise_maps_have_mean_zero_deviation_one_and_the_asked_slope():
    smooth, rough = noise_maps(200, (1.5, 0.5), 64, 64, seeded())
    for maps, slope in ((smooth, 1.5), (rough, 0.5)):
        assert maps.shape == (200, 1, 64, 64)
        assert maps.mean((1, 2, 3)).abs().max() < 1e-5 and (maps.std((1, 2, 3)) - 1).abs().max() < 1e-3
        power = torch.fft.rfft2(maps[:, 0]).abs().square().mean(0)[0, 1:32]  # along one axis
        f = torch.arange(1, 32.0).log()
        fitted = torch.linalg.lstsq(torch.stack([f, torch.ones_like(f)], 1), power.log()[:, None]).solution[0].item()
        assert fitted == pytest.approx(-2 * slope, abs=0.15)


def test_a_seed_gives_the_same_scenes_and_none_means_zero():
    a, b, c = sample_scenes(3), sample_scenes(3, generator=seeded(0)), sample_scenes(3, generator=seeded(1))
    assert torch.equal(a.background, b.background) and torch.equal(a.pose.yaw, b.pose.yaw)
    assert not torch.equal(a.background, c.background)


def test_the_global_random_state_is_left_alone():
    before = torch.random.get_rng_state()
    sample_scenes(2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_pose_and_light_do_not_depend_on_the_size():
    small, large = sample_scenes(5, size=16), sample_scenes(5, size=(64, 96))
    assert torch.equal(small.light, large.light)
    assert all(torch.equal(a, b) for a, b in zip(small.pose, large.pose, strict=True))
    assert large.background.shape == (5, 3, 64, 96)


@pytest.mark.parametrize("name", WORLDS)
def test_poses_stay_in_their_world(name):
    world, scene = WORLDS[name], sample_scenes(500, size=8, world=name)
    for field, reach in (("yaw", world.tilt), ("roll", world.roll), ("x", world.shift), ("y", world.shift)):
        values = getattr(scene.pose, field)
        assert values.abs().max() <= reach and values.abs().max() > 0.9 * reach
    assert scene.pose.size.min() >= world.size[0] and scene.pose.size.max() <= world.size[1]
    leafy = (scene.cover.amax((1, 2, 3)) > 0).float().mean().item()
    assert leafy == pytest.approx(world.leaves, abs=0.06)


def test_backgrounds_lie_in_range_and_differ():
    background = sample_scenes(64).background
    assert background.min() >= 0 and background.max() <= 1
    assert background.flatten(1).std(0).mean() > 0.05


def test_a_scene_is_indexed_repeated_and_changed_in_one_factor():
    scene = sample_scenes(3, size=16)
    one = scene[1]
    assert len(one) == 1 and torch.equal(one.background[0], scene.background[1])
    assert len(scene[-1]) == 1 and torch.equal(scene[-1].noise[0], scene.noise[2])
    twice = scene.repeat(2)
    assert len(twice) == 6 and torch.equal(twice.background[1], scene.background[0])
    rolled = scene.posed(roll=0.5)
    assert torch.equal(rolled.pose.roll, torch.full((3,), 0.5)) and torch.equal(rolled.pose.yaw, scene.pose.yaw)
    assert torch.equal(rolled.background, scene.background)


def test_bad_input_is_answered():
    with pytest.raises(ValueError, match="unknown world 'wlid'; the nearest: 'wild'"):
        sample_scenes(1, world="wlid")
    with pytest.raises(ValueError, match="size of 8 or more"):
        sample_scenes(1, size=4)
