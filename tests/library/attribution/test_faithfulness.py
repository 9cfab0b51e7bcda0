"""Localization and faithfulness measures, compared with their definitions in loops and on cases with a known result."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import nn

from tests._reference import init_with_seed
from tutorial_lib import attribution as info
from tutorial_lib.attribution.faithfulness import _pixel_ranks
from tutorial_lib.gradients import input_gradient
from tutorial_lib.metrics import center_bias_map, random_map, uniform_map


def uniform(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def masks():
    return uniform(5, 12, 12, seed=7) > 0.7


# Localization: pointing games.


def test_pointing_game_matches_definition(masks):
    for maps in (uniform(5, 12, 12), (3 * uniform(5, 12, 12)).round()):
        for i in range(5):
            peaks = [masks[i, y, x].item() for y in range(12) for x in range(12) if maps[i, y, x] == maps[i].max()]
            assert info.pointing_game(maps, masks)[i].item() == pytest.approx(sum(peaks) / len(peaks), abs=1e-15)


def test_localization_of_uninformative_map_equals_mask_area(masks):
    area = masks.double().mean((1, 2))
    for nothing in (torch.zeros(5, 12, 12).double(), uniform_map(torch.zeros(5, 12, 12).double())):
        torch.testing.assert_close(info.pointing_game(nothing, masks), area)
        torch.testing.assert_close(info.energy_pointing_game(nothing, masks), area)
    torch.testing.assert_close(info.energy_pointing_game(-uniform(5, 12, 12), masks), area)
    many = masks[:1].expand(3000, 12, 12)
    shots = info.pointing_game(random_map(torch.zeros(3000, 12, 12).double()), many).mean()
    assert abs(shots - area[0]) < 4 * (area[0] * (1 - area[0]) / 3000).sqrt()


@pytest.mark.parametrize("tolerance", [1, 2, 5])
def test_pointing_game_tolerance_is_euclidean_distance(tolerance):
    masks = torch.zeros(1, 15, 15, dtype=torch.bool)
    masks[0, 4, 6] = masks[0, 13, 0] = True
    away = torch.from_numpy(ndimage.distance_transform_edt(~masks[0].numpy()))
    for y in range(15):
        for x in range(15):
            maps = torch.zeros(1, 15, 15)
            maps[0, y, x] = 1
            assert info.pointing_game(maps, masks, tolerance=tolerance).item() == float(away[y, x] <= tolerance)


def test_energy_pointing_game_matches_definition(masks):
    maps = uniform(5, 12, 12) - 0.4
    for i in range(5):
        inside = sum(max(maps[i, y, x].item(), 0) for y in range(12) for x in range(12) if masks[i, y, x])
        assert info.energy_pointing_game(maps, masks)[i].item() == pytest.approx(
            inside / maps[i].relu().sum().item(), abs=1e-12
        )
    for unit in (1e-300, 1e300):
        torch.testing.assert_close(
            info.energy_pointing_game(unit * maps, masks), info.energy_pointing_game(maps, masks)
        )
    assert info.energy_pointing_game(masks.bfloat16(), masks).tolist() == [1] * 5


def test_localization_of_center_prior_exceeds_chance_on_centered_masks():
    masks = torch.zeros(2, 12, 12, dtype=torch.bool)
    masks[:, 4:8, 4:8] = True
    centre = center_bias_map(torch.zeros(2, 12, 12))
    assert (
        info.pointing_game(centre, masks).tolist() == [1, 1]
        and (info.energy_pointing_game(centre, masks) > 16 / 144).all()
    )


@pytest.mark.parametrize("measure", [info.pointing_game, info.energy_pointing_game, info.precision_at_k])
def test_localization_rejects_invalid_maps_and_masks(measure, masks):
    maps = uniform(5, 12, 12)
    for bad, mask, message in [
        (maps[:, :6], masks, "upsample"),
        (maps[:, None], masks, "reduce_channels"),
        (maps, masks.double(), "expected masks: bools"),
        (maps / 0, masks, "not finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            measure(bad, mask)
    with pytest.raises(ValueError, match="tolerance"):
        info.pointing_game(maps, masks, tolerance=-1)


# Faithfulness: deletion and insertion.


@pytest.mark.parametrize("deleting", [True, False])
def test_deletion_and_insertion_curves_match_definition(deleting, signs, images, labels):
    maps = uniform(5, 12, 12)
    fill = torch.full_like(images, 0.3) if deleting else info.gaussian_blur(images)
    start, baseline = (images, 0.3) if deleting else (fill, images)
    fraction, p, area = info.deletion_curve(signs, start, maps, labels, baseline=baseline, n_steps=7)
    for i in range(5):
        image = start[i].clone()
        order = maps[i].flatten().argsort(descending=True).tolist()
        values = []
        for s in range(8):
            for place in order[: round(s / 7 * 144)]:
                image[:, place // 12, place % 12] = (fill if deleting else images)[i, :, place // 12, place % 12]
            values.append(signs(image[None]).softmax(1)[0, labels[i]].item())
        np.testing.assert_allclose(p[i], values, rtol=1e-10)
        assert area[i].item() == pytest.approx(
            torch.trapezoid(torch.tensor(values, dtype=torch.float64), fraction).item(), rel=1e-10
        )
    assert fraction.tolist() == [round(s / 7 * 144) / 144 for s in range(8)]


def test_deletion_and_insertion_curves_share_endpoints(signs, images):
    maps, fill, (P, labels) = uniform(5, 12, 12), torch.full_like(images, 0.3), signs(images).softmax(1).max(1)
    down = info.deletion_curve(signs, images, maps, baseline=0.3)
    up = info.deletion_curve(signs, fill, maps, labels, baseline=images)
    torch.testing.assert_close(down.probability[:, 0], P.detach())
    torch.testing.assert_close(up.probability[:, -1], P.detach())
    torch.testing.assert_close(down.probability[:, -1], up.probability[:, 0])
    # Deleting the highest values first is inserting the lowest first, in reverse order.
    lowest_first = info.deletion_curve(signs, fill, -maps, labels, baseline=images).probability
    torch.testing.assert_close(lowest_first, down.probability.flip(1))


def test_deletion_and_insertion_rank_true_order_best_if_linear(assert_unchanged):
    model = assert_unchanged(init_with_seed(nn.Sequential(nn.Flatten(), nn.Linear(3 * 36, 2)).double()))
    x, gray = uniform(4, 3, 6, 6), torch.full((4, 3, 6, 6), 0.5, dtype=torch.float64)
    weight = model[1].weight.detach().view(2, 3, 6, 6)
    true = ((x - 0.5) * (weight[0] - weight[1])).sum(1)
    down = info.deletion_curve(model, x, true, 0, n_steps=36).area
    up = info.deletion_curve(model, gray, true, 0, baseline=x, n_steps=36).area
    for seed in range(3):
        other = random_map(true, generator=torch.Generator().manual_seed(seed))
        assert (down < info.deletion_curve(model, x, other, 0, n_steps=36).area).all()
        assert (up > info.deletion_curve(model, gray, other, 0, baseline=x, n_steps=36).area).all()


def test_deletion_curve_breaks_ties_in_a_seeded_random_order(signs, images):
    maps = torch.zeros(5, 12, 12)
    curve = info.deletion_curve(signs, images, maps, n_steps=4)
    alone = [
        info.deletion_curve(signs, images[i : i + 1], maps[i : i + 1], n_steps=4, batch_size=1).probability
        for i in range(5)
    ]
    torch.testing.assert_close(curve.probability, torch.cat(alone), rtol=1e-10, atol=0)
    other_order = info.deletion_curve(signs, images, maps, n_steps=4, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(curve.probability[:, 1], other_order.probability[:, 1])
    # All maps share one random order, so that the first half of the pixels covers every row and column.
    place = _pixel_ranks(maps, None)
    assert (place.flatten(1).sort().values == torch.arange(144)).all() and (place == place[:1]).all()
    assert (place[0] < 72).any(1).all() and (place[0] < 72).any(0).all()


def test_faithfulness_gaussian_blur_matches_scipy():
    x = uniform(2, 3, 14, 15)
    bell = np.exp(-((np.arange(-5, 6) / 5.0) ** 2) / 2)
    for axis in (-2, -1):
        x_ = x.numpy() if axis == -2 else x_  # noqa: F821
        x_ = ndimage.convolve1d(x_, bell / bell.sum(), axis=axis, mode="mirror")
    np.testing.assert_allclose(info.gaussian_blur(x), x_, atol=1e-14)
    with pytest.raises(ValueError, match="at least 6 × 6 pixels"):
        info.gaussian_blur(x[..., :5])


def deletion(model, x, maps, **options):
    return info.deletion_curve(model, x, maps, n_steps=3, **options).probability


def test_deletion_curve_is_independent_of_batch_size_mode_and_dtype(signs, images, assert_unchanged):
    maps, before = uniform(5, 12, 12), images.clone()
    expected = deletion(signs, images, maps)
    torch.testing.assert_close(deletion(signs, images, maps, batch_size=2), expected, rtol=1e-10, atol=1e-14)
    with torch.inference_mode():
        torch.testing.assert_close(deletion(signs, images.clone(), maps.clone()), expected, rtol=1e-10, atol=1e-14)
    single = deletion(assert_unchanged(copy.deepcopy(signs).float()), images.float(), maps)
    assert single.dtype == torch.float32 and (single - expected).abs().max() < 1e-4
    assert not deletion(signs, images.clone().requires_grad_(), maps.clone().requires_grad_()).requires_grad
    assert torch.equal(images, before)


def test_deletion_curve_rejects_invalid_input(signs, images):
    maps = uniform(5, 12, 12)
    nan = maps * math.nan
    for bad, message in [
        (maps[:, :6, :6], "upsample"),
        (images, "reduce_channels"),
        (maps[:4], "size of the images"),
        (nan, "not finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            deletion(signs, images, bad)
    with pytest.raises(ValueError, match="class 10"):
        deletion(signs, images, maps, target=10)
    with pytest.raises(ValueError, match="uses the statistics of the batch"):
        deletion(copy.deepcopy(signs).train(), images, maps)


def test_deletion_curve_rejects_invalid_steps_and_baseline(signs, images):
    maps = uniform(5, 12, 12)
    with pytest.raises(ValueError, match="n_steps must be a whole number above 0"):
        info.deletion_curve(signs, images, maps, n_steps=0)
    with pytest.raises(ValueError, match="one for each"):
        info.deletion_curve(signs, images, maps, baseline=torch.zeros(4, 3, 12, 12))
    one = info.deletion_curve(signs, images, maps, baseline=images[0]).probability
    torch.testing.assert_close(
        one, info.deletion_curve(signs, images, maps, baseline=images[:1].expand_as(images)).probability
    )


# Sensitivity to the weights: the model randomization test.


def test_model_randomization_test_matches_definition(signs, images):
    explain = lambda model, x: input_gradient(model, x, 3)
    result = info.model_randomization_test(signs, images, explain)
    assert result.layers == ["", "head", "last", "group", "right", "left", "norm", "stem"]
    generator, randomized = torch.Generator().manual_seed(0), copy.deepcopy(signs)
    before = explain(signs, images)
    for stage, name in enumerate(result.layers):
        for p in dict(randomized.named_modules())[name].parameters() if name else ():
            p.data = p.data.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p)
        after = explain(randomized, images)
        for i in range(5):
            a, b = before[i].flatten(), after[i].flatten()
            assert result.similarity[stage, i].item() == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-10)
            assert result.magnitude[stage, i].item() == pytest.approx(
                stats.spearmanr(a.abs(), b.abs()).statistic, abs=1e-10
            )
    assert (result.similarity[0] == 1).all() and result.similarity[-1].mean() < 0.5


def test_model_randomization_test_supports_single_layers_and_blocks(signs, images):
    explain = lambda model, x: input_gradient(model, x, 3)
    result = info.model_randomization_test(signs, images, explain, layers=["left", signs.head])
    assert result.layers == ["", "left", "head"]
    left_only = info.model_randomization_test(signs, images, explain, layers=["left"])
    assert torch.equal(result.similarity[:2], left_only.similarity)
    with torch.random.fork_rng():
        inner = nn.Sequential(nn.Flatten(), nn.Linear(432, 4), nn.ReLU(), nn.Linear(4, 4))
        block = nn.Sequential(inner, nn.Linear(4, 3)).double()
    models = []
    info.model_randomization_test(
        block, images, lambda model, x: models.append(copy.deepcopy(model)) or x, layers=["0"]
    )
    changed = [n for n, p in models[-1].named_parameters() if not torch.equal(p, block.get_parameter(n))]
    assert changed == ["0.1.weight", "0.1.bias", "0.3.weight", "0.3.bias"]
    for name in changed:
        after, before = (model.get_parameter(name).flatten().sort().values for model in (models[-1], block))
        assert torch.equal(after, before)


def test_model_randomization_test_reinitializes_with_mean_zero_and_equal_scale():
    with torch.random.fork_rng():
        model = nn.Sequential(nn.Linear(100, 50), nn.Linear(50, 1))
    model[0].weight.data += 1
    copies = []
    info.model_randomization_test(
        model, torch.rand(2, 100), lambda m, x: copies.append(copy.deepcopy(m)) or x, procedure="reinitialize"
    )
    before, after = model[0].weight, copies[-1][0].weight
    assert after.square().mean().sqrt().item() == pytest.approx(before.square().mean().sqrt().item(), rel=0.05)
    assert abs(after.mean()) < 0.05 < before.mean()
    assert copies[-1][1].bias.isfinite().all() and not torch.equal(copies[2][1].bias, model[1].bias)
    assert torch.equal(copies[2][0].weight, before)  # the last layer is randomized first


def test_model_randomization_test_signed_similarity_is_zero_on_average_for_an_odd_map(signs, images):
    def edges_times_one_weight(model, x):
        return x.diff(dim=-1) * model.head.weight[3, 0].sign()

    runs = [
        info.model_randomization_test(
            signs,
            images[:1],
            edges_times_one_weight,
            layers=["head"],
            procedure="reinitialize",
            generator=torch.Generator().manual_seed(seed),
        ).similarity[1]
        for seed in range(40)
    ]
    signed = torch.cat(runs)
    assert (signed.abs() == 1).all() and abs(signed.mean()) < 4 / 40**0.5 and signed.min() < 0 < signed.max()


def test_model_randomization_test_exposes_edge_detector_and_noise(signs, images):
    edges = info.model_randomization_test(signs, images, lambda model, x: x.diff(dim=-1))
    assert (edges.similarity == 1).all() and (edges.magnitude == 1).all()
    generator = torch.Generator().manual_seed(3)
    noise = info.model_randomization_test(signs, images, lambda model, x: random_map(x, generator=generator))
    assert noise.similarity.abs().max() < 0.25  # even two maps of the unchanged network differ
    nothing = info.model_randomization_test(signs, images, lambda model, x: torch.zeros(5, 4, 4))
    assert (nothing.similarity == 1).all()


def test_model_randomization_test_rejects_invalid_input(signs, images):
    with pytest.raises(ValueError, match="unknown layer"):
        info.model_randomization_test(signs, images, lambda model, x: x, layers=["lefft"])
    with pytest.raises(ValueError, match="owns no parameters"):
        info.model_randomization_test(signs, images, lambda model, x: x, layers=["act"])
    with pytest.raises(ValueError, match="unknown procedure"):
        info.model_randomization_test(signs, images, lambda model, x: x, procedure="permute")
    for bad in (lambda model, x: x[:3], lambda model, x: x / 0, lambda model, x: x[:, 0, 0, 0], lambda model, x: None):
        with pytest.raises(ValueError, match="one finite map per image"):
            info.model_randomization_test(signs, images, bad)


def test_faithfulness_on_gpu_matches_cpu(signs, images, masks, assert_unchanged, accelerator):
    gpu_model, x = assert_unchanged(copy.deepcopy(signs).to(accelerator)), images.to(accelerator)
    maps = uniform(5, 12, 12)
    torch.testing.assert_close(
        deletion(gpu_model, x, maps.to(accelerator)).cpu(), deletion(signs, images, maps), rtol=1e-8, atol=1e-10
    )
    for measure in (info.pointing_game, info.energy_pointing_game, info.precision_at_k):
        torch.testing.assert_close(
            measure(maps.to(accelerator), masks.to(accelerator)).cpu(), measure(maps, masks), rtol=1e-10, atol=0
        )
    explain = lambda model, x: input_gradient(model, x, 3)
    similarity = info.model_randomization_test(gpu_model, x, explain).similarity
    torch.testing.assert_close(
        similarity, info.model_randomization_test(signs, images, explain).similarity, rtol=0, atol=1e-3
    )
