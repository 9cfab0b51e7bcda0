import pytest
import torch

from studies import quality as study
from studies import quality_network
from tutorial_lib import expectancy as e
from tutorial_lib.data import Rated, severities
from tutorial_lib.gradients import reconstruction, value
from tutorial_lib.measures import srcc
from tutorial_lib.networks import load
from tutorial_lib.results import stored

TINY = {"SEEDS": (0, 1), "SCENES": 2, "FEW": 2, "EPOCHS": 1, "PICTURES": 64, "PRISTINE": 8}


@pytest.fixture
def tiny(monkeypatch):
    for name, number in TINY.items():
        monkeypatch.setattr(study, name, number)
    monkeypatch.setattr(study, "CODER", {"hidden": 16, "patches": 200, "steps": 5})
    monkeypatch.setattr(study, "sets", lambda: ["signs"])


def test_rows_hold_what_the_measures_say(tiny):
    rows = study.run()
    pairs = study.rated("signs")
    x, r = pairs.stacked()
    kept = {row["measure"]: row for row in rows if row["kind"] == "measure"}
    assert {"PSNR", "SSIM", "MS-SSIM", "UNIQUE", "surprisal", "distance", "alignment"} <= set(kept)
    assert kept["PSNR"]["pooled"] == pytest.approx(srcc(e.psnr(x, r), pairs.quality), abs=6e-5)
    assert (
        kept["PSNR"]["seeds"] == 1
        and kept["distance"]["seeds"] == 2
        and kept["norm"]["blind"]
        and not kept["SSIM"]["blind"]
    )
    for row in kept.values():
        assert row["pooled least"] <= row["pooled"] <= row["pooled most"] and row["within low"] <= row["within high"]
    assert len([row for row in rows if row["kind"] == "damage" and row["measure"] == "SSIM"]) == 8


def test_one_pass_reads_what_the_library_reads(tiny):
    pairs = study.rated("signs")
    x, r = (side[:3] for side in pairs.stacked())
    network = load("signs/autoencoder")
    found = study.by_gradients(network, r)(x, r)
    torch.testing.assert_close(found["distance"], e.gradient_quality(network, x, r))
    torch.testing.assert_close(found["cosine"], e.gradient_quality(network, x, r, read="cosine"))
    torch.testing.assert_close(found["norm"], -e.change_norm(network, x))
    torch.testing.assert_close(found["error"], -value(network, x, reconstruction(x)))
    torch.testing.assert_close(found["alignment"], e.gradient_alignment(network, x, e.mean_gradient(network, r)))


def test_pictures_of_several_sizes_go_one_by_one():
    originals = {"a": torch.rand(1, 3, 16, 16), "b": torch.rand(1, 3, 20, 16)}
    few = severities(torch.cat([originals["a"]]), names=("a",), kinds=("noise",))
    same = study.scored(few, lambda x, r: {"PSNR": e.psnr(x, r)}, "cpu")["PSNR"]
    torch.testing.assert_close(same, torch.cat([e.psnr(*few[i]) for i in range(5)]).double())
    assert isinstance(few, Rated)


def test_a_measure_that_is_severity_itself_agrees_fully():
    pairs = severities(2, kinds=("noise", "haze"))
    row = study.agreement(-pairs.scores, pairs)
    assert row["within"] == row["pooled"] == row["pooled low"] == 1
    assert study.agreement(pairs.scores, pairs)["within, signed"] == -1


def test_what_is_stored_is_what_the_pages_say():
    kept = stored("quality")
    assert {row["set"] for row in kept.where(kind="measure")} == {"signs", "photographs", "live"}
    by = {(row["set"], row["measure"]): row for row in kept.where(kind="measure")}
    # The claims of the chapter, with room for another machine.
    assert by["live", "PSNR"]["pooled"] >= 0.85
    for name in ("signs", "photographs", "live"):
        full = [row["within"] for (where, _), row in by.items() if where == name and not row["blind"]]
        assert min(full) > max(by[name, "norm"]["within"], by[name, "alignment"]["within"]) - 0.02 or name == "live"


def test_the_quality_network_is_judged_on_scenes_it_never_saw():
    kept = stored("quality_network")
    (training,) = kept.where(kind="training")
    assert training["parameters"] == sum(p.numel() for p in load("signs/quality").parameters())
    fresh = quality_network.scenes(7, 5_000)
    now = next(row for row in quality_network.judged(load("signs/quality"), fresh, "cpu") if row["damage"] == "all")
    assert abs(now["srcc"] - kept.where(kind="judged", damage="all")[0]["srcc"]) < 0.12
