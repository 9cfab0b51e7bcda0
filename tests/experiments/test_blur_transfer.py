import pytest
import torch

from experiments import blur_transfer as study
from tutorial_course.results import load_result
from tutorial_lib.metrics import auroc


@pytest.fixture
def tiny(monkeypatch):
    for name, value in {**study.SMALL, "WORLDS": {"signs": study.sign_data}}.items():
        monkeypatch.setattr(study, name, value)


def test_blur_transfer_feature_sets_match_autograd(tiny):
    learned, judged = study.sign_data(0, "cpu")
    vae, x = study.train(learned, 0), judged[:3]
    found = study.feature_sets(vae, x)
    assert found["both"].shape == (3, 2 * 12 * 9 * 16)  # the published 1,728 of each half
    vae.requires_grad_(True)
    for i in range(3):
        one = x[i : i + 1]
        likelihood = torch.nn.functional.binary_cross_entropy(vae(one), one, reduction="sum")
        (decoder,) = torch.autograd.grad(likelihood, vae.decoder[0].weight)
        (encoder,) = torch.autograd.grad(vae.kl_divergence(one).sum(), vae.encoder[0][6].weight)
        torch.testing.assert_close(found["decoder"][i], decoder.flatten(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found["encoder"][i], encoder.flatten(), rtol=1e-4, atol=1e-5)


def test_blur_transfer_training_and_test_images_are_disjoint(tiny):
    learned, judged = study.sign_data(0, "cpu")
    assert not any(torch.equal(a, b) for a in learned for b in judged)


def test_transfer_rows_average_over_severities(tiny):
    learned, judged = study.sign_data(0, "cpu")
    vae = study.train(learned, 0)
    rows = study.transfer_rows(vae, learned, judged, 0)
    clean, shown, usual = (
        study.feature_sets(vae, x)["code"]
        for x in (learned, study.corrupted(learned, *study.TRAIN_CORRUPTION, 0), judged)
    )
    fit = study.PurviewDetector((), log=False).fit(clean, shown, generator=study.make_generator(0))
    areas = [
        auroc(fit.score(usual), fit.score(study.feature_sets(vae, study.corrupted(judged, "noise", level, 0))["code"]))
        for level in (1, 2, 3, 4, 5)
    ]
    assert rows["code", "noise"]["auroc"] == pytest.approx(sum(areas) / 5)


def test_blur_transfer_run_is_reproducible_and_table_complete(tiny):
    rows = study.run(0)
    assert rows == study.run(0)
    kept = load_result("blur_transfer")
    assert rows[0].keys() == kept.rows[0].keys()
    cells = {(r["world"], r["seed"], r["reads"], r["set"]) for r in kept.rows}
    assert len(cells) == len(kept.rows) == 2 * 3 * 5 * 7  # worlds, seeds, readings, conditions
    assert all(0 <= r[name] <= 1 for r in kept.rows for name in ("accuracy", "auroc"))
