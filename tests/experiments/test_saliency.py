"""Tests of the experiment on saliency maps."""

import pytest
import torch
from PIL import Image

from experiments import saliency
from tutorial_course.datasets import FixationDataset
from tutorial_course.results import load_result
from tutorial_lib.data import odd_one_out_arrays


def test_array_scores_are_extreme_for_perfect_and_negated_maps():
    arrays = odd_one_out_arrays("class", 2, generator=torch.Generator().manual_seed(0))
    for mask, signs, place in zip(arrays.mask[:, 0], arrays.signs[:, 0], arrays.odd_index.tolist(), strict=True):
        perfect = saliency.array_scores(mask, mask, signs, place)
        assert perfect["auc among signs"] == perfect["hit rate"] == 1 and perfect["auc"] > 0.99 and perfect["nss"] > 2
        negated = saliency.array_scores(-mask, mask, signs, place)
        assert negated["auc among signs"] == negated["hit rate"] == 0 and negated["nss"] == pytest.approx(
            -perfect["nss"]
        )
        uniform = saliency.array_scores(torch.ones_like(mask), mask, signs, place)
        assert uniform == {"nss": 0, "auc": 0.5, "auc among signs": 0.5, "hit rate": pytest.approx(1 / 9)}


def test_bootstrap_rows_contain_mean_and_differences_are_paired():
    rows = [{"a": float(i), "b": 1.0} for i in range(20)]
    result = saliency.bootstrap_rows(rows)
    assert (
        result["a"] == 9.5 and result["a, low"] < 9.5 < result["a, high"] and result["b, low"] == result["b, high"] == 1
    )
    shifted = [{"a": row["a"] + 0.5, "b": 1.0} for row in rows]
    assert (
        saliency.paired_differences(shifted, rows)["a, low"]
        == saliency.paired_differences(shifted, rows)["a, high"]
        == 0.5
    )


@pytest.fixture
def square_fixations(tmp_path):
    """Return two images with a white square each, and three viewers who fixate it."""
    import numpy as np

    (tmp_path / "images").mkdir()
    rows, corners = [], [(60, 90), (300, 500)]
    for i, (top, left) in enumerate(corners):
        image = np.zeros((600, 800, 3), np.uint8)
        image[top : top + 120, left : left + 120] = 255
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.png")
        rows += [(left + 20 + 30 * k, top + 30 + 20 * k, 1, viewer, i) for viewer in range(3) for k in range(3)]
    table = {
        key: np.array([row[j] for row in rows]) for j, key in enumerate(("x", "y", "duration", "subject", "image"))
    }
    return FixationDataset(tmp_path, ("0.png", "1.png"), table, 24, "two squares", "0" * 64)


def test_fixation_evaluator_scores_brightness_map_and_human_ceiling(square_fixations):
    evaluator = saliency.FixationEvaluator(square_fixations, [0, 1])

    def maps(i, sign=1):
        x = saliency.network_image(square_fixations, i, "cpu")
        return {"bright": sign * x.mean(1), "uniform": torch.ones_like(x[:, 0])}

    scores = evaluator.evaluate(maps)
    assert all(
        row["auc"] > 0.97 and row["shuffled auc"] > 0.97 and row["bits over the prior"] > 1
        for row in scores["bright", False]
    )
    assert all(row["auc"] == 0.5 and row["nss"] == 0 for row in scores["uniform", False])
    # The uniform map multiplied by the prior is the prior.
    assert all(row["bits over the prior"] == pytest.approx(0, abs=1e-6) for row in scores["center prior", True])
    negative = evaluator.evaluate(lambda i: maps(i, sign=-1))
    assert all(row["auc"] < 0.03 for row in negative["bright", False])
    assert all(row["auc"] > 0.97 for row in evaluator.human_ceiling())


def test_network_image_has_the_longer_side_of_the_setting(square_fixations):
    assert saliency.network_image(square_fixations, 0, "cpu").shape == (1, 3, 300, 400)


def test_split_photographs_separates_selection_and_test(square_fixations):
    assert saliency.split_photographs(square_fixations) == ([0], [1])


@pytest.fixture
def planted_fixations(tmp_path):
    """Return forty images whose fixations lie where the second of three features is large, and the features."""
    import numpy as np

    (tmp_path / "images").mkdir()
    generator = torch.Generator().manual_seed(0)
    rows_of, columns_of = saliency.layer_features.__globals__["GRID"]
    features, rows = torch.rand(40, rows_of * columns_of, 3, generator=generator), []
    for i in range(40):
        Image.new("RGB", (columns_of, rows_of)).save(tmp_path / "images" / f"{i}.png")
        cells = torch.multinomial((6 * features[i, :, 1]).softmax(0), 60, generator=generator).tolist()
        rows += [(c % columns_of + 0.5, c // columns_of + 0.5, 1, 0, i) for c in cells]
    table = {k: np.array([row[j] for row in rows]) for j, k in enumerate(("x", "y", "duration", "subject", "image"))}
    names = tuple(f"{i}.png" for i in range(40))
    return FixationDataset(tmp_path, names, table, 24, "planted", "0" * 64), features


def test_readout_finds_the_planted_feature_on_images_that_it_was_not_fitted_to(planted_fixations):
    dataset, features = planted_fixations
    readouts = saliency.held_out_readouts(features, dataset, folds=4, penalty=0.001)
    assert len(readouts) == 40 and readouts[0] is readouts[4] and readouts[0] is not readouts[1]
    weights = readouts[0].weights
    assert weights[1] > 4 > 5 * weights[[0, 2]].abs().max()
    assert readouts[0].density(features[0]).sum() == pytest.approx(1, abs=1e-4)
    shares = saliency.fixation_shares(dataset, blur=0.0)
    assert readouts[0].bits_over_prior(features[:1], shares[:1]) > 0.5
    ignored = saliency.fit_readout(features, dataset, range(40), penalty=1e4)
    assert ignored.weights.abs().max() < 0.01 and ignored.bits_over_prior(features, shares) < 0.1


def test_prepare_map_rescales_to_unit_range_and_keeps_flat_maps():
    maps = torch.rand(2, 30, 40, generator=torch.Generator().manual_seed(0))
    maps[1] = 0.3
    prepared = saliency.prepare_map(maps)
    assert (
        prepared.shape == (2, *saliency.N_TEST)
        and prepared[0].min() == 0
        and prepared[0].max() == 1
        and (prepared[1] == 1).all()
    )


def test_saliency_table_is_complete_and_keeps_method_order():
    table = load_result("saliency")
    arrays = table.query("kind == 'arrays'").set_index("map")
    assert arrays.loc["local mismatch", "count"] == 180
    assert len(table.query("kind == 'array'")) == len(saliency.NETWORKS) * 5 * len(arrays)
    # Local mismatch locates the odd sign; Grad-CAM and implicit saliency locate the eight others.
    assert arrays.loc["local mismatch", "hit rate, low"] > 0.8 > arrays.loc["spectral residual", "hit rate, high"]
    high = arrays["auc among signs, high"]
    assert high["Grad-CAM"] < high["implicit product, block2"] < 0.5
    assert table.query("kind == 'opposed'")["correlation"].item() < -0.3
    eyes = table.query("kind == 'fixations'").set_index(["data", "map", "prior"])
    people = table.query("kind == 'viewers'").set_index("data")["auc"]
    for data in saliency.DATASETS:
        prior = eyes.loc[(data, "center prior", True)]
        assert 0.70 < prior["auc"] < people[data] and prior["shuffled auc, low"] < 0.5
        assert eyes.loc[(data, "readout", False), "nss, low"] > eyes.loc[(data, "implicit", False), "nss, high"]
    assert len(table.attrs["provenance"]["data"]) == 3


def test_constants_are_the_best_settings_of_the_selection():
    table = load_result("saliency")
    layers = table.query("kind == 'layer' and prior == False")
    assert set(layers["layer"]) == set(saliency.LAYERS)
    best = {form: int(rows.loc[rows["nss"].idxmax(), "layer"]) for form, rows in layers.groupby("form")}
    assert best == saliency.BEST_LAYERS
    penalties = table.query("kind == 'penalty'").set_index("penalty")["bits"]
    assert set(penalties.index) == set(saliency.PENALTIES) and penalties.idxmax() == saliency.BEST_PENALTY


def test_noise_rows_have_the_controls_without_the_photograph():
    rows = load_result("saliency").query("kind == 'noise'")
    assert set(rows["sd"]) == set(saliency.NOISE)
    strongest = rows[rows["sd"] == saliency.STRONGEST_NOISE]
    assert set(strongest["under the noise"]) == {"photograph", "another photograph", "nothing"}
    alone = strongest[strongest["under the noise"] == "nothing"].query("prior == False").set_index("map")
    assert (alone["shuffled auc, low"] <= 0.5).all()  # without a photograph no map predicts where people look


def test_example_maps_have_all_rows():
    table = load_result("saliency")
    for name in saliency.PHOTOGRAPHS:
        rows = table.query("kind == 'map' and photograph == @name and map == 'local mismatch'")
        assert rows["row"].tolist() == list(range(saliency.GRID_CELLS))


def test_stored_differences_under_noise_are_those_of_the_stored_means():
    table = load_result("saliency")
    noisy = table.query("kind == 'noise' and sd == sd.max()").set_index(["map", "prior", "under the noise"])["nss"]
    gains = table.query("kind == 'photograph minus nothing'")
    pairs = table.query("kind == 'noise, difference' and sd == sd.max()")
    assert len(gains) == len(noisy) / 3 and len(pairs) == 3 * 2 * (len(saliency.PAIRS) - 1)  # without local mismatch
    for row in gains.to_dict("records"):
        means = [noisy[row["map"], row["prior"], under] for under in ("photograph", "nothing")]
        assert row["nss"] == pytest.approx(means[0] - means[1], abs=2e-4)
    for row in pairs.to_dict("records"):
        means = [noisy[name, row["prior"], row["under the noise"]] for name in (row["map"], row["compared with"])]
        assert row["nss"] == pytest.approx(means[0] - means[1], abs=2e-4)
        assert row["nss, low"] < row["nss"] < row["nss, high"]
