from math import cos, sin

import pytest
import torch

from tutorial_lib.data import NOVEL, SIGNS, Pose, render, sample_scenes
from tutorial_lib.data.painting import FOCAL_LENGTH, expose, ink, sign_plane
from tutorial_lib.data.signs import DESIGNS

POSE = Pose(yaw=0.4, pitch=-0.2, roll=0.3, size=0.6, x=0.1, y=-0.05).for_batch(1, torch.empty(0, dtype=torch.float64))


def test_the_sign_plane_is_the_inverse_of_a_camera():
    """Project points of the sign by the textbook's steps, one at a time, and look them up."""
    x, y, _, facing = sign_plane(POSE, 64, 64)
    yaw, pitch, roll, size, right, down = (float(field) for field in POSE)
    for px, py in ((0.0, 0.0), (0.5, -0.3), (-0.8, 0.6)):
        a, b, c = px * cos(roll) - py * sin(roll), px * sin(roll) + py * cos(roll), 0.0  # about the viewing axis
        b, c = b * cos(pitch) - c * sin(pitch), b * sin(pitch) + c * cos(pitch)  # about the horizontal one
        a, c = a * cos(yaw) + c * sin(yaw), -a * sin(yaw) + c * cos(yaw)  # about the vertical one
        depth = 1 + size * c / FOCAL_LENGTH
        u, v = (size * a + right) / depth, (size * b + down) / depth
        column, row = (u + 1) * 32 - 0.5, (v + 1) * 32 - 0.5
        near = (round(row), round(column))
        step = 2 / 64 / size * 2
        assert abs(float(x[0][near]) - px) < step and abs(float(y[0][near]) - py) < step
    assert facing.norm().item() == pytest.approx(1)


@pytest.mark.parametrize("label", [0, 3, 9, 13])
def test_coverage_agrees_with_drawing_finer_and_averaging(label):
    fine = 8
    coarse = ink(torch.tensor([label]), POSE, 48, 48)
    x, y, _, _ = sign_plane(POSE, 48 * fine, 48 * fine)
    hard = (DESIGNS[label](x, y)[0].distance < 0).double()[:, None]
    averaged = torch.nn.functional.avg_pool2d(hard, fine)
    assert (1 - coarse.clear - averaged).abs().max() < 0.2
    assert (1 - coarse.clear - averaged).abs().mean() < 0.004


def test_paint_and_clear_share_every_pixel():
    one = ink(torch.arange(23), sample_scenes(23).pose, 48, 48)
    assert torch.allclose(one.shares.sum(1, keepdim=True) + one.clear, torch.ones_like(one.clear), atol=1e-5)


def test_pictures_are_as_promised():
    drawn = render(SIGNS + NOVEL, masks=True)
    assert drawn.images.shape == (23, 3, 48, 48) and drawn.sign.shape == drawn.glyph.shape == (23, 1, 48, 48)
    for maps in drawn:
        assert maps.min() >= 0 and maps.max() <= 1 and maps.dtype == torch.float32
    assert (drawn.glyph <= drawn.sign + 1e-5).all()
    assert (drawn.sign.sum((1, 2, 3)) > 20).all() and (drawn.glyph.sum((1, 2, 3)) > 1).all()


def test_the_whole_sign_is_the_glyph_of_a_yield_sign():
    drawn = render(["yield", "priority", "stop"], masks=True)
    shares = drawn.glyph.sum((1, 2, 3)) / drawn.sign.sum((1, 2, 3))
    assert shares[:2].min() > 0.98 and shares[2] < 0.5


def test_the_same_seed_draws_the_same_pictures_and_names_are_numbers():
    assert torch.equal(render(["stop", "yield"]), render([0, 1], generator=torch.Generator().manual_seed(0)))
    assert not torch.equal(render([0, 1]), render([0, 1], generator=torch.Generator().manual_seed(1)))


def test_more_pictures_begin_with_the_same_ones():
    """Blocks are drawn one after the other; what comes later does not change what came before."""
    assert torch.equal(render([0] * 64), render([0] * 70)[:64])


def test_one_scene_serves_all_labels_and_a_scene_each_is_taken_in_order():
    scene = sample_scenes(3)
    assert torch.equal(render([0, 1, 2], scene=scene)[1], render([1], scene=scene[1])[0])
    assert torch.equal(render([0, 1], scene=scene[0])[1], render([1], scene=scene[0])[0])
    with pytest.raises(ValueError, match="3 scenes do not fit 2 labels"):
        render([0, 1], scene=scene)


def test_roll_turns_clockwise_and_size_and_place_are_in_half_heights():
    places = Pose(size=0.5, x=torch.tensor([0.0, 0.3, 0.0]), y=torch.tensor([0.0, 0.0, 0.3]))
    drawn = render(["no entry"] * 3, world="clean", pose=places, size=64, masks=True)
    rows = torch.arange(64.0)
    for mask, x, y in zip(drawn.sign[:, 0], (0, 0.3, 0), (0, 0, 0.3), strict=True):
        assert mask.sum().item() == pytest.approx(3.14159 * 16**2, rel=0.02)
        assert ((mask.sum(0) * rows).sum() / mask.sum()).item() == pytest.approx(31.5 + 32 * x, abs=0.3)
        assert ((mask.sum(1) * rows).sum() / mask.sum()).item() == pytest.approx(31.5 + 32 * y, abs=0.3)
    quarter = Pose(roll=torch.tensor([0.0, torch.pi / 2]))
    upright, turned = render(["ahead only"] * 2, world="clean", size=64, masks=True, pose=quarter).glyph[:, 0]
    assert upright.sum() > 50 and torch.allclose(turned, torch.rot90(upright, -1), atol=1e-4)  # the head points right


def test_a_picture_is_differentiable_in_pose_and_colour():
    scene = sample_scenes(1, size=24)
    scene = scene.replace(
        **{
            name: getattr(scene, name).double()
            for name in ("background", "light", "sheen", "surface", "hue", "leaves", "cover", "gain", "noise")
        }
    )
    label = torch.tensor([0])
    values = torch.tensor([0.2, 0.1, 0.1, 0.6, 0.05, -0.03, 0.4], dtype=torch.float64)

    def picture(v):
        pose = Pose(*(v[i : i + 1] for i in range(6)))
        return expose(scene.replace(hue=v[6:7]), ink(label, pose, 24, 24)).images

    v = values.clone().requires_grad_()
    weights = torch.randn(1, 3, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (slope,) = torch.autograd.grad((picture(v) * weights).sum(), v)
    assert torch.isfinite(slope).all() and (slope.abs() > 1e-3).all()
    for i in range(7):
        step = torch.zeros(7, dtype=torch.float64)
        step[i] = 1e-6
        central = ((picture(values + step) - picture(values - step)) * weights).sum() / 2e-6
        assert slope[i].item() == pytest.approx(central.item(), rel=2e-3, abs=1e-3)


def test_no_labels_is_an_error():
    with pytest.raises(ValueError, match="name at least one sign"):
        render([])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_draws_the_same_pictures():
    here, there = render(SIGNS + NOVEL), render(SIGNS + NOVEL, device="cuda")
    assert there.is_cuda and (here - there.cpu()).abs().max() <= 2 / 255
