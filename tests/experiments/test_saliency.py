import pytest
import torch
from PIL import Image

from experiments import saliency
from tutorial_course.results import load_result
from tutorial_lib.data import odd_one_out_arrays
from tutorial_lib.data.fixations import FixationDataset


def test_array_scores_are_extreme_for_perfect_and_negated_maps():
    drawn = odd_one_out_arrays("class", 2, generator=torch.Generator().manual_seed(0))
    for mask, signs, place in zip(drawn.mask[:, 0], drawn.signs[:, 0], drawn.odd_index.tolist(), strict=True):
        knows = saliency.array_scores(mask, mask, signs, place)
        assert knows["auc among signs"] == knows["found"] == 1 and knows["auc"] > 0.99 and knows["nss"] > 2
        against = saliency.array_scores(-mask, mask, signs, place)
        assert against["auc among signs"] == against["found"] == 0 and against["nss"] == pytest.approx(-knows["nss"])
        nothing = saliency.array_scores(torch.ones_like(mask), mask, signs, place)
        assert nothing == {"nss": 0, "auc": 0.5, "auc among signs": 0.5, "found": pytest.approx(1 / 9)}


def test_bootstrap_rows_contain_mean_and_differences_are_paired():
    rows = [{"a": float(i), "b": 1.0} for i in range(20)]
    found = saliency.bootstrap_rows(rows)
    assert found["a"] == 9.5 and found["a, low"] < 9.5 < found["a, high"] and found["b, low"] == found["b, high"] == 1
    shifted = [{"a": row["a"] + 0.5, "b": 1.0} for row in rows]
    assert (
        saliency.paired_differences(shifted, rows)["a, low"]
        == saliency.paired_differences(shifted, rows)["a, high"]
        == 0.5
    )


@pytest.fixture
def square_fixations(tmp_path):
    """Two photographs, a white square in each, and three viewers who look at it."""
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
    eyes = saliency.FixationEvaluator(square_fixations, [0, 1], [0, 1])
    found = eyes.evaluate(lambda x: {"bright": x.mean(1), "uniform": torch.ones_like(x[:, 0])}, "cpu")
    assert all(
        row["auc"] > 0.97 and row["shuffled auc"] > 0.97 and row["bits over the prior"] > 1
        for row in found["bright", False]
    )
    assert all(row["auc"] == 0.5 and row["nss"] == 0 for row in found["uniform", False])
    # The uniform map with the prior is the prior.
    assert all(row["bits over the prior"] == pytest.approx(0, abs=1e-6) for row in found["uniform", True])
    dark = eyes.evaluate(lambda x: {"bright": x.mean(1)}, "cpu", lambda x: 1 - x)
    assert all(row["auc"] < 0.03 for row in dark["bright", False])
    assert all(row["auc"] > 0.97 for row in eyes.human_ceiling())


def test_prepare_map_rescales_to_unit_range_and_keeps_flat_maps():
    maps = torch.rand(2, 30, 40, generator=torch.Generator().manual_seed(0))
    maps[1] = 0.3
    shown = saliency.prepare_map(maps)
    assert (
        shown.shape == (2, *saliency.N_TEST) and shown[0].min() == 0 and shown[0].max() == 1 and (shown[1] == 1).all()
    )


def test_saliency_table_is_complete_and_keeps_method_order():
    kept = load_result("saliency")
    whole = {row["map"]: row for row in kept.select(kind="arrays")}
    assert whole["local mismatch"]["count"] == 180
    assert len(kept.select(kind="array")) == len(saliency.NETWORKS) * 5 * len(whole)
    # The order of the first trial: the odd one by local mismatch, the eight others by Grad-CAM and by the sum over labels.
    assert whole["local mismatch"]["found, low"] > 0.8 > whole["spectral residual"]["found, high"]
    assert whole["Grad-CAM"]["auc among signs, high"] < whole["implicit product, block2"]["auc among signs, high"] < 0.5
    assert kept.select(kind="opposed")[0]["correlation"] < -0.3
    eyes = {(row["map"], row["prior"]): row for row in kept.select(kind="eyes")}
    assert 0.70 < eyes["centre prior", True]["auc"] < 0.76 < kept.select(kind="people")[0]["auc"]
    assert {row["layer"] for row in kept.select(kind="layer")} == set(saliency.LAYERS)
    assert {row["sd"] for row in kept.select(kind="noise")} == set(saliency.NOISE)
    for name in saliency.PHOTOGRAPHS:
        assert [row["row"] for row in kept.select(kind="map", photograph=name, map="local mismatch")] == list(
            range(saliency.GRID_CELLS)
        )
    assert len(kept.provenance["data"]) == 2
