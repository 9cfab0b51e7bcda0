"""Tests of the experiment on GradCon and gradients of a VAE."""

import pytest
import torch

from experiments import gradcon as study
from experiments._parts import run_study
from tutorial_course.results import load_result
from tutorial_lib.data import CORRUPTIONS, SEVERITIES, SIGNS
from tutorial_lib.gradients import objective_values
from tutorial_lib.metrics import auroc

TINY = {
    "SEEDS": (0,),
    "STEPS": 6,
    "STEPS_LONG": 9,
    "VAE_STEPS": 6,
    "N_IMAGES": 32,
    "N_TEST": 4,
    "OOD_DATASETS": 20,
    "N_CORRUPTED": 2,
}


@pytest.fixture
def tiny(monkeypatch):
    for name, number in TINY.items():
        monkeypatch.setattr(study, name, number)
    monkeypatch.setattr(study, "CLASSIFIER_HIDDEN", {"log": False})
    monkeypatch.setattr(study, "LONG", {"signs": ("stop",)})
    monkeypatch.setattr(study, "DATASETS", {"signs": (study.signs, ("stop", "hump"))})


def test_cropped_signs_fill_image_and_are_reproducible():
    a, b, other = (study.cropped_signs(["stop"] * 6, seed) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, other) and a.shape == (6, 3, 28, 28)
    red = (a[:, 0] > a[:, 1] + 0.15).float().mean((1, 2))
    assert red.min() > 0.25  # a stop sign is red and fills most of the image


def test_gradcon_experiment_training_and_test_images_are_disjoint(tiny):
    images, same, others = study.signs("hump", 0, "cpu")
    assert (len(images), len(same), len(others)) == (32, 4, 20)
    every = study.cropped_signs(torch.arange(14 * 4) % 14, 1_000)
    assert torch.equal(same, every[SIGNS.index("hump") :: 14])
    assert not any(torch.equal(a, b) for a in images for b in torch.cat([same, others]))


def test_gradcon_experiment_aurocs_match_detector_scores(tiny):
    images, same, others = study.signs("stop", 0, "cpu")
    detector = study.gradcon(images, 0.03, 0, 6)
    assert len(detector.history) == study.epochs(images, 6) == 3
    aurocs = study.aurocs(*(study.gradcon_scores(detector, x) for x in (same, others)))
    for score in ("reconstruction", "alignment", "both"):
        assert aurocs[score] == pytest.approx(
            auroc(detector.score(same, score), detector.score(others, score)), abs=6e-5
        )
    norms = torch.stack(
        [study.layer_gradient_features(detector.network, same, layer).norm(dim=1) for layer in detector.layers], 1
    )
    torch.testing.assert_close(study.gradcon_scores(detector, same)["norm"], norms.norm(dim=1))


def test_forward_controls_measure_distances_from_training_images(tiny):
    images, same, _ = study.signs("stop", 0, "cpu")
    detector = study.gradcon(images, 0.0, 0, 6)
    score = study.fit_forward_controls(detector, images)
    error = detector.score(images, "reconstruction")
    two_sided = (detector.score(same, "reconstruction") - error.median()).abs()
    torch.testing.assert_close(score(same)["two-sided reconstruction"], two_sided)
    layers = [m for m in detector.network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    norms = study.activation_norms(detector.network, same)
    assert norms.shape[0] == len(same) and norms.shape[1] >= len(layers)
    # Images of another brightness have other norms in all layers.
    assert score(0.2 * images)["activations"].min() > score(images)["activations"].max()


def test_fit_novelty_classifier_scores_match_vae(tiny):
    images, same, _ = study.signs("stop", 0, "cpu")
    network = study.train_vae(images, 0, 6)
    scores = study.fit_novelty_classifier(network, images, 0)(same)
    torch.testing.assert_close(scores["bound"], network.negative_elbo(same))
    torch.testing.assert_close(scores["squared error"], objective_values(network, same, study.reconstruction_mse(same)))
    assert all(v.shape == (4,) and v.isfinite().all() for v in scores.values())


def test_corruption_rows_compare_with_clean_images(tiny):
    clean = study.cropped_signs(["stop"] * 4, 1_000)
    rows = study.corruption_rows(lambda x: {"mean": x.flatten(1).mean(1), "nothing": torch.zeros(len(x))}, clean, 0)
    assert [(r["corruption"], r["level"]) for r in rows] == [
        (kind, level) for kind in CORRUPTIONS for level in SEVERITIES
    ]
    assert all(r["nothing"] == 0.5 for r in rows)
    assert [r["mean"] for r in rows if r["corruption"] == "darkening"][-1] == 0  # darker than any clean image


@pytest.mark.slow
def test_gradcon_experiment_small_run_is_reproducible(tiny):
    rows = run_study(study)
    assert rows == run_study(study)
    table = load_result("gradcon")
    for kind, stored in table.groupby("kind"):
        row = next(r for r in rows if r["kind"] == kind)
        columns = {name for name, value in row.items() if value is not None}
        assert columns == set(stored.dropna(axis="columns", how="all")), kind
    assert (
        len([r for r in rows if r["kind"] == "class"]) == 6
    )  # two signs with two alphas, and one of them again with more steps


def test_gradcon_table_is_complete():
    table = load_result("gradcon")
    for dataset, (_, normals) in study.DATASETS.items():
        for normal in normals:
            for alpha in study.ALPHAS:
                rows = table.query("kind == 'class' and dataset == @dataset and normal == @normal and alpha == @alpha")
                assert rows.query("steps == @study.STEPS")["seed"].tolist() == list(study.SEEDS)
            novelty = table.query("kind == 'novelty' and dataset == @dataset and normal == @normal")
            assert len(novelty) == len(study.SEEDS)
            controls = table.query("kind == 'forward control' and dataset == @dataset and normal == @normal")
            assert controls["seed"].tolist() == [study.SEEDS[0]]
        weights = table.query("kind == 'size' and dataset == @dataset")["weights"]
        assert (weights == (230_721 if dataset == "mnist" else 232_771)).all()
    assert len(table.query("kind == 'corruption, forward control'")) == len(CORRUPTIONS) * len(SEVERITIES)
    for alpha in study.ALPHAS:
        rows = table.query("kind == 'corruption' and alpha == @alpha")
        assert [*zip(rows["corruption"], rows["level"], strict=True)] == [
            (kind, level) for kind in CORRUPTIONS for level in SEVERITIES
        ]
        assert set(rows["runs"]) == {len(study.DATASETS["signs"][1]) * len(study.SEEDS)}
    settings = ["alpha", "error", "black error", "cosine"]
    values = table.select_dtypes("float").drop(columns=settings).stack().dropna()
    assert values.between(0, 1).all()
    assert {d["subset"][:5] for d in table.attrs["provenance"]["data"]} == {"4,000", "932 o", "2,000"}
