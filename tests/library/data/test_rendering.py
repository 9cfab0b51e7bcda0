from math import cos, sin

import pytest
import torch

from tutorial_lib.data import NOVEL_SIGNS, SIGNS, Pose, render, sample_scenes
from tutorial_lib.data.rendering import FOCAL_LENGTH, composite, rasterize_signs, sign_plane_coordinates
from tutorial_lib.data.signs import DESIGNS

POSE = Pose(yaw=0.4, pitch=-0.2, roll=0.3, size=0.6, x=0.1, y=-0.05).for_batch(1, torch.empty(0, dtype=torch.float64))


def test_sign_plane_coordinates_invert_camera_projection():
    """Points of the sign are projected step by step, as in textbooks, and looked up at the resulting positions."""
    x, y, _, facing = sign_plane_coordinates(POSE, 64, 64)
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
def test_rasterize_signs_matches_supersampled_coverage(label):
    fine = 8
    coarse = rasterize_signs(torch.tensor([label]), POSE, 48, 48)
    x, y, _, _ = sign_plane_coordinates(POSE, 48 * fine, 48 * fine)
    hard = (DESIGNS[label](x, y)[0].distance < 0).double()[:, None]
    averaged = torch.nn.functional.avg_pool2d(hard, fine)
    assert (1 - coarse.transmittance - averaged).abs().max() < 0.2
    assert (1 - coarse.transmittance - averaged).abs().mean() < 0.004


def test_rasterize_signs_fractions_and_transmittance_sum_to_one():
    one = rasterize_signs(torch.arange(23), sample_scenes(23).pose, 48, 48)
    assert torch.allclose(
        one.paint_fractions.sum(1, keepdim=True) + one.transmittance, torch.ones_like(one.transmittance), atol=1e-5
    )


def test_render_images_and_masks_have_expected_shape_and_range():
    rendered = render(SIGNS + NOVEL_SIGNS, masks=True)
    assert rendered.images.shape == (23, 3, 48, 48) and rendered.sign_mask.shape == rendered.glyph_mask.shape == (
        23,
        1,
        48,
        48,
    )
    for maps in rendered:
        assert maps.min() >= 0 and maps.max() <= 1 and maps.dtype == torch.float32
    assert (rendered.glyph_mask <= rendered.sign_mask + 1e-5).all()
    assert (rendered.sign_mask.sum((1, 2, 3)) > 20).all() and (rendered.glyph_mask.sum((1, 2, 3)) > 1).all()


def test_render_glyph_mask_covers_whole_yield_and_priority_signs():
    rendered = render(["yield", "priority", "stop"], masks=True)
    shares = rendered.glyph_mask.sum((1, 2, 3)) / rendered.sign_mask.sum((1, 2, 3))
    assert shares[:2].min() > 0.98 and shares[2] < 0.5


def test_render_is_seeded_and_accepts_sign_names():
    assert torch.equal(render(["stop", "yield"]), render([0, 1], generator=torch.Generator().manual_seed(0)))
    assert not torch.equal(render([0, 1]), render([0, 1], generator=torch.Generator().manual_seed(1)))


def test_render_prefix_is_independent_of_number_of_images():
    """Scenes are sampled block by block, so that later blocks do not change earlier ones."""
    assert torch.equal(render([0] * 64), render([0] * 70)[:64])


def test_render_uses_one_scene_for_all_labels_or_one_per_label():
    scene = sample_scenes(3)
    assert torch.equal(render([0, 1, 2], scene=scene)[1], render([1], scene=scene[1])[0])
    assert torch.equal(render([0, 1], scene=scene[0])[1], render([1], scene=scene[0])[0])
    with pytest.raises(ValueError, match="3 scenes do not fit 2 labels"):
        render([0, 1], scene=scene)


def test_render_follows_pose_conventions_for_size_position_and_roll():
    scenes = sample_scenes(3, distribution="clean", size=64).with_pose(yaw=0, pitch=0, roll=0, size=0.5)
    shifted = scenes.with_pose(x=torch.tensor([0.0, 0.3, 0.0]), y=torch.tensor([0.0, 0.0, 0.3]))
    rendered = render(["no entry"] * 3, scene=shifted, masks=True)
    rows = torch.arange(64.0)
    for mask, x, y in zip(rendered.sign_mask[:, 0], (0, 0.3, 0), (0, 0, 0.3), strict=True):
        assert mask.sum().item() == pytest.approx(3.14159 * 16**2, rel=0.02)
        assert ((mask.sum(0) * rows).sum() / mask.sum()).item() == pytest.approx(31.5 + 32 * x, abs=0.3)
        assert ((mask.sum(1) * rows).sum() / mask.sum()).item() == pytest.approx(31.5 + 32 * y, abs=0.3)
    quarter = scenes[:2].with_pose(size=0.55, roll=torch.tensor([0.0, torch.pi / 2]), x=0, y=0)
    upright, turned = render(["ahead only"] * 2, scene=quarter, masks=True).glyph_mask[:, 0]
    assert upright.sum() > 50 and torch.allclose(
        turned, torch.rot90(upright, -1), atol=1e-4
    )  # the arrowhead points to the right


def test_composite_is_differentiable_in_pose_and_hue():
    scene = sample_scenes(1, size=24)
    scene = scene.replace(
        **{
            name: getattr(scene, name).double()
            for name in (
                "background",
                "light_direction",
                "illumination_gradient",
                "surface_texture",
                "hue_shift",
                "occluder",
                "occluder_alpha",
                "camera_gain",
                "camera_noise",
            )
        }
    )
    label = torch.tensor([0])
    values = torch.tensor([0.2, 0.1, 0.1, 0.6, 0.05, -0.03, 0.4], dtype=torch.float64)

    def rendered_images(v):
        pose = Pose(*(v[i : i + 1] for i in range(6)))
        return composite(scene.replace(hue_shift=v[6:7]), rasterize_signs(label, pose, 24, 24)).images

    v = values.clone().requires_grad_()
    weights = torch.randn(1, 3, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (slope,) = torch.autograd.grad((rendered_images(v) * weights).sum(), v)
    assert torch.isfinite(slope).all() and (slope.abs() > 1e-3).all()
    for i in range(7):
        step = torch.zeros(7, dtype=torch.float64)
        step[i] = 1e-6
        central = ((rendered_images(values + step) - rendered_images(values - step)) * weights).sum() / 2e-6
        assert slope[i].item() == pytest.approx(central.item(), rel=2e-3, abs=1e-3)


def test_render_rejects_empty_labels():
    with pytest.raises(ValueError, match="expected at least one label"):
        render([])


def test_render_on_gpu_matches_cpu(accelerator):
    here, there = render(SIGNS + NOVEL_SIGNS), render(SIGNS + NOVEL_SIGNS, device=accelerator)
    assert there.device == accelerator and (here - there.cpu()).abs().max() <= 2 / 255
