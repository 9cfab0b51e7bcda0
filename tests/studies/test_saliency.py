import pytest
import torch
from PIL import Image

from studies import saliency
from tutorial_lib.data import arrays
from tutorial_lib.data.gaze import Gaze
from tutorial_lib.results import stored


def test_a_map_that_knows_the_odd_one_is_perfect_and_its_negative_the_reverse():
    drawn = arrays("class", 2, generator=torch.Generator().manual_seed(0))
    for mask, signs, place in zip(drawn.mask[:, 0], drawn.signs[:, 0], drawn.odd.tolist(), strict=True):
        knows = saliency.judged_on_array(mask, mask, signs, place)
        assert knows["auc among signs"] == knows["found"] == 1 and knows["auc"] > 0.99 and knows["nss"] > 2
        against = saliency.judged_on_array(-mask, mask, signs, place)
        assert against["auc among signs"] == against["found"] == 0 and against["nss"] == pytest.approx(-knows["nss"])
        nothing = saliency.judged_on_array(torch.ones_like(mask), mask, signs, place)
        assert nothing == {"nss": 0, "auc": 0.5, "auc among signs": 0.5, "found": pytest.approx(1 / 9)}


def test_intervals_hold_the_mean_and_differences_are_paired():
    rows = [{"a": float(i), "b": 1.0} for i in range(20)]
    found = saliency.intervals(rows)
    assert found["a"] == 9.5 and found["a, low"] < 9.5 < found["a, high"] and found["b, low"] == found["b, high"] == 1
    shifted = [{"a": row["a"] + 0.5, "b": 1.0} for row in rows]
    assert saliency.differences(shifted, rows)["a, low"] == saliency.differences(shifted, rows)["a, high"] == 0.5


@pytest.fixture
def seen(tmp_path):
    """Two photographs, a white square in each, and three viewers who look at it."""
    import numpy as np

    (tmp_path / "images").mkdir()
    rows, corners = [], [(60, 90), (300, 500)]
    for i, (top, left) in enumerate(corners):
        picture = np.zeros((600, 800, 3), np.uint8)
        picture[top : top + 120, left : left + 120] = 255
        Image.fromarray(picture).save(tmp_path / "images" / f"{i}.png")
        rows += [(left + 20 + 30 * k, top + 30 + 20 * k, 1, viewer, i) for viewer in range(3) for k in range(3)]
    table = {
        key: np.array([row[j] for row in rows]) for j, key in enumerate(("x", "y", "duration", "subject", "image"))
    }
    return Gaze(tmp_path, ("0.png", "1.png"), table, 24, "two squares", "0" * 64)


def test_a_map_of_brightness_finds_the_squares_and_viewers_foretell_each_other(seen):
    eyes = saliency.Eyes(seen, [0, 1], [0, 1])
    found = eyes.judge(lambda x: {"bright": x.mean(1), "uniform": torch.ones_like(x[:, 0])}, "cpu")
    assert all(
        row["auc"] > 0.97 and row["shuffled auc"] > 0.97 and row["bits over the prior"] > 1
        for row in found["bright", False]
    )
    assert all(row["auc"] == 0.5 and row["nss"] == 0 for row in found["uniform", False])
    # The uniform map with the prior is the prior.
    assert all(row["bits over the prior"] == pytest.approx(0, abs=1e-6) for row in found["uniform", True])
    dark = eyes.judge(lambda x: {"bright": x.mean(1)}, "cpu", lambda x: 1 - x)
    assert all(row["auc"] < 0.03 for row in dark["bright", False])
    assert all(row["auc"] > 0.97 for row in eyes.people())


def test_maps_are_judged_from_zero_to_one_and_flat_ones_stay_flat():
    maps = torch.rand(2, 30, 40, generator=torch.Generator().manual_seed(0))
    maps[1] = 0.3
    shown = saliency.ready(maps)
    assert (
        shown.shape == (2, *saliency.JUDGED) and shown[0].min() == 0 and shown[0].max() == 1 and (shown[1] == 1).all()
    )


def test_what_is_stored_is_whole_and_in_the_order_that_was_found_before():
    kept = stored("saliency")
    whole = {row["map"]: row for row in kept.where(kind="arrays")}
    assert whole["local mismatch"]["count"] == 180
    assert len(kept.where(kind="array")) == len(saliency.NETWORKS) * 5 * len(whole)
    # The order of the first trial: the odd one by local mismatch, the eight others by Grad-CAM and by the sum over labels.
    assert whole["local mismatch"]["found, low"] > 0.8 > whole["spectral residual"]["found, high"]
    assert whole["Grad-CAM"]["auc among signs, high"] < whole["implicit product, block2"]["auc among signs, high"] < 0.5
    assert kept.where(kind="opposed")[0]["correlation"] < -0.3
    eyes = {(row["map"], row["prior"]): row for row in kept.where(kind="eyes")}
    assert 0.70 < eyes["centre prior", True]["auc"] < 0.76 < kept.where(kind="people")[0]["auc"]
    assert {row["layer"] for row in kept.where(kind="layer")} == set(saliency.LAYERS)
    assert {row["sd"] for row in kept.where(kind="noise")} == set(saliency.NOISE)
    for name in saliency.PHOTOGRAPHS:
        assert [row["row"] for row in kept.where(kind="map", photograph=name, map="local mismatch")] == list(
            range(saliency.CELLS)
        )
    assert len(kept.provenance["data"]) == 2
