import pytest
import torch

from studies import one_blur as study
from tutorial_lib.measures import auroc
from tutorial_lib.results import stored


@pytest.fixture
def tiny(monkeypatch):
    for name, value in {**study.SMALL, "WORLDS": {"signs": study.signs}}.items():
        monkeypatch.setattr(study, name, value)


def test_the_gradients_are_those_of_the_bound(tiny):
    learned, judged = study.signs(0, "cpu")
    vae, x = study.train(learned, 0), judged[:3]
    found = study.readings(vae, x)
    assert found["both"].shape == (3, 2 * 12 * 9 * 16)  # the published 1,728 of each half
    vae.requires_grad_(True)
    for i in range(3):
        one = x[i : i + 1]
        likelihood = torch.nn.functional.binary_cross_entropy(vae(one), one, reduction="sum")
        (decoder,) = torch.autograd.grad(likelihood, vae.decoder[0].weight)
        (encoder,) = torch.autograd.grad(vae.divergence(one).sum(), vae.encoder[0][6].weight)
        torch.testing.assert_close(found["decoder"][i], decoder.flatten(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found["encoder"][i], encoder.flatten(), rtol=1e-4, atol=1e-5)


def test_nothing_judged_is_learned(tiny):
    learned, judged = study.signs(0, "cpu")
    assert not any(torch.equal(a, b) for a in learned for b in judged)


def test_a_row_is_the_mean_over_levels(tiny):
    learned, judged = study.signs(0, "cpu")
    vae = study.train(learned, 0)
    rows = study.transferred(vae, learned, judged, 0)
    clean, shown, usual = (
        study.readings(vae, x)["code"] for x in (learned, study.spoiled(learned, *study.SHOWN, 0), judged)
    )
    fit = study.PurviewDetector((), log=False).fit(clean, shown, generator=study.source(0))
    areas = [
        auroc(fit.score(usual), fit.score(study.readings(vae, study.spoiled(judged, "noise", level, 0))["code"]))
        for level in (1, 2, 3, 4, 5)
    ]
    assert rows["code", "noise"]["auroc"] == pytest.approx(sum(areas) / 5)


def test_it_repeats_itself_and_what_is_stored_is_whole(tiny):
    rows = study.run(0)
    assert rows == study.run(0)
    kept = stored("one_blur")
    assert rows[0].keys() == kept.rows[0].keys()
    cells = {(r["world"], r["seed"], r["reads"], r["set"]) for r in kept.rows}
    assert len(cells) == len(kept.rows) == 2 * 3 * 5 * 7  # worlds, seeds, readings, conditions
    assert all(0 <= r[name] <= 1 for r in kept.rows for name in ("accuracy", "auroc"))
