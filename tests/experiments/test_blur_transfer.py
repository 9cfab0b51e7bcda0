"""Tests of the experiment on the transfer from one mild blur."""

import pytest
import torch

from experiments import blur_transfer as study
from experiments._parts import run_study
from tutorial_course.results import load_result
from tutorial_lib.metrics import auroc


@pytest.fixture
def tiny(monkeypatch):
    for name, value in {**study.SMALL, "DATASETS": {"signs": study.sign_data}}.items():
        monkeypatch.setattr(study, name, value)


def test_blur_transfer_feature_sets_match_autograd(tiny):
    train_images, test_images = study.sign_data(0, "cpu")
    vae, x = study.train(train_images, 0), test_images[:3]
    features = study.feature_sets(vae, x)
    assert features["both"].shape == (3, 2 * 12 * 9 * 16)  # as published, 1,728 for each half
    vae.requires_grad_(True)
    for i in range(3):
        image = x[i : i + 1]
        likelihood = torch.nn.functional.binary_cross_entropy(vae(image), image, reduction="sum")
        (decoder,) = torch.autograd.grad(likelihood, vae.decoder[0].weight)
        (encoder,) = torch.autograd.grad(vae.kl_divergence(image).sum(), vae.encoder[0][6].weight)
        torch.testing.assert_close(features["decoder"][i], decoder.flatten(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(features["encoder"][i], encoder.flatten(), rtol=1e-4, atol=1e-5)


def test_blur_transfer_training_and_test_images_are_disjoint(tiny):
    train_images, test_images = study.sign_data(0, "cpu")
    assert not any(torch.equal(a, b) for a in train_images for b in test_images)


def test_transfer_rows_average_over_severities(tiny):
    train_images, test_images = study.sign_data(0, "cpu")
    vae = study.train(train_images, 0)
    rows = study.transfer_rows(vae, train_images, test_images, 0)
    clean, blurred, normal = (
        study.feature_sets(vae, x)["code"]
        for x in (train_images, study.corrupted(train_images, *study.TRAIN_CORRUPTION, 0), test_images)
    )
    detector = study.PurviewDetector((), log=False).fit(clean, blurred, generator=study.make_generator(0))
    areas = [
        auroc(
            detector.score(normal),
            detector.score(study.feature_sets(vae, study.corrupted(test_images, "noise", level, 0))["code"]),
        )
        for level in (1, 2, 3, 4, 5)
    ]
    assert rows["code", "noise"]["auroc"] == pytest.approx(sum(areas) / 5)


def test_blur_transfer_run_is_reproducible_and_table_complete(tiny):
    rows = run_study(study)
    assert rows == run_study(study)
    table = load_result("blur_transfer")
    assert [*rows[0]] == [*table]
    assert len(table) == 2 * 3 * 5 * 7  # data sets, seeds, feature sets, corruptions
    assert not table.duplicated(["dataset", "seed", "input", "set"]).any()
    assert table["accuracy"].between(0, 1).all() and table["auroc"].between(0, 1).all()
