"""Tests of the experiment on saliency maps."""

import pytest
import torch
from PIL import Image

from experiments import saliency
from tutorial_course.results import load_result
from tutorial_lib.data import odd_one_out_arrays
from tutorial_lib.data.fixations import FixationDataset


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
    evaluator = saliency.FixationEvaluator(square_fixations, [0, 1], [0, 1])
    scores = evaluator.evaluate(lambda x: {"bright": x.mean(1), "uniform": torch.ones_like(x[:, 0])}, "cpu")
    assert all(
        row["auc"] > 0.97 and row["shuffled auc"] > 0.97 and row["bits over the prior"] > 1
        for row in scores["bright", False]
    )
    assert all(row["auc"] == 0.5 and row["nss"] == 0 for row in scores["uniform", False])
    # The uniform map multiplied by the prior is the prior.
    assert all(row["bits over the prior"] == pytest.approx(0, abs=1e-6) for row in scores["uniform", True])
    negative = evaluator.evaluate(lambda x: {"bright": x.mean(1)}, "cpu", lambda x: 1 - x)
    assert all(row["auc"] < 0.03 for row in negative["bright", False])
    assert all(row["auc"] > 0.97 for row in evaluator.human_ceiling())


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
    eyes = table.query("kind == 'fixations'").set_index(["map", "prior"])
    assert 0.70 < eyes.loc[("centre prior", True), "auc"] < 0.76 < table.query("kind == 'viewers'")["auc"].item()
    assert set(table.query("kind == 'layer'")["layer"]) == set(saliency.LAYERS)
    assert set(table.query("kind == 'noise'")["sd"]) == set(saliency.NOISE)
    for name in saliency.PHOTOGRAPHS:
        rows = table.query("kind == 'map' and photograph == @name and map == 'local mismatch'")
        assert rows["row"].tolist() == list(range(saliency.GRID_CELLS))
    assert len(table.attrs["provenance"]["data"]) == 2
