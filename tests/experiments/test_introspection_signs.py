"""Tests of the experiments on introspective classification."""

import pytest
import torch
from sklearn.metrics import log_loss
from torch import nn

from experiments import introspection_signs
from experiments._parts import run_study
from experiments.introspection_signs import ModelOutputs, format_grid
from tutorial_course.results import load_result
from tutorial_lib.data import CORRUPTIONS, SEVERITIES, SIGNS, load
from tutorial_lib.models import load as network_of


@pytest.fixture(scope="module")
def sign_images():
    return load("signs", "test", limit=56)


@pytest.fixture
def last_layer():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(8, 5)


def features_of(last_layer, n=40):
    h = torch.rand(n, 8, generator=introspection_signs.make_generator(0))
    z = last_layer(h).detach()
    return ModelOutputs(z, h, z.argmax(1))


def test_augmented_images_differ_and_are_reproducible(sign_images):
    a, b, other = (introspection_signs.augmented(sign_images.images, seed) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, other)
    assert a.min() >= 0 and a.max() <= 1
    assert all(not torch.equal(x, y) for x, y in zip(a, sign_images.images, strict=True))


def sample_logits_and_labels(n=600, classes=5, temperature=3.0):
    """Return logits and labels sampled from softmax(logits / ``temperature``), so that the temperature is known."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    return logits, torch.multinomial((logits / temperature).softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("scale", [1e-4, 0.3, 1.0, 50.0])
def test_fit_temperature_minimizes_log_loss(scale):
    logits, labels = sample_logits_and_labels()
    best = introspection_signs.fit_temperature(scale * logits, labels)
    loss = lambda t: log_loss(labels.numpy(), (scale * logits / t).softmax(1).numpy())
    assert loss(best) <= min(loss(best * 1.001), loss(best / 1.001))
    # At the optimum the slope is zero, and the temperature is proportional to the scale of the logits.
    p = (scale * logits / best).softmax(1)
    slope = ((p * logits).sum(1) - logits.gather(1, labels[:, None])[:, 0]).mean().item()
    assert abs(slope) < 1e-10
    assert best / scale == pytest.approx(introspection_signs.fit_temperature(logits, labels), rel=1e-9)


def test_fit_temperature_recovers_true_temperature():
    assert introspection_signs.fit_temperature(*sample_logits_and_labels(n=30000)) == pytest.approx(3, rel=0.03)
    logits, labels = sample_logits_and_labels()
    temperature = introspection_signs.fit_temperature(logits, labels)
    assert introspection_signs.fit_temperature(logits.float(), labels) == pytest.approx(temperature, rel=1e-6)
    assert introspection_signs.fit_temperature(logits + 1e4, labels) == pytest.approx(temperature, rel=1e-6)


def test_fit_temperature_rejects_degenerate_labels():
    logits, _ = sample_logits_and_labels()
    with pytest.raises(ValueError, match="include errors"):
        introspection_signs.fit_temperature(logits, logits.argmax(1))
    with pytest.raises(ValueError, match="belong together"):
        introspection_signs.fit_temperature(logits, logits.argmin(1))


def test_format_grid_orders_severities_corruptions_and_images(sign_images):
    model = network_of("signs/classifier")
    outputs = introspection_signs.corrupted_outputs(model, sign_images.images, sign_images.labels, 0, each=14)
    assert format_grid(outputs.z).shape == (len(SEVERITIES), len(CORRUPTIONS), 14, len(SIGNS))
    i, j = SEVERITIES.index(3), CORRUPTIONS.index("noise")
    at = torch.arange(28, 42)  # each severity has its own images
    corrupted = introspection_signs.corrupt(
        sign_images.images[at], "noise", 3, generator=introspection_signs.make_generator(0)
    )
    torch.testing.assert_close(
        format_grid(outputs.h)[i, j], introspection_signs.penultimate_features(model, corrupted)[1]
    )
    assert torch.equal(format_grid(outputs.labels)[i, j], sign_images.labels[at])


def test_introspection_feature_sets_ignore_labels_and_match_naive(last_layer):
    outputs = features_of(last_layer)
    shuffled = outputs._replace(labels=outputs.labels.flip(0))
    for name, (compute_input, _) in introspection_signs.feature_sets(last_layer, outputs).items():
        assert torch.equal(compute_input(outputs), compute_input(shuffled)), name
        if "z" not in name:
            assert torch.equal(
                compute_input(outputs), compute_input(outputs._replace(z=torch.zeros_like(outputs.z)))
            ), name
    naive = torch.stack([(p - 1)[:, None] * h for p, h in zip(outputs.z.softmax(1), outputs.h, strict=True)]).flatten(1)
    torch.testing.assert_close(
        introspection_signs.feature_sets(last_layer, outputs)["cross_entropy"][0](outputs), naive
    )


def test_introspection_wide_control_has_equal_weight_count(last_layer):
    outputs = features_of(last_layer)

    def weights(name):
        compute_input, hidden = introspection_signs.feature_sets(last_layer, outputs)[name]
        widths = [compute_input(outputs).shape[1], *hidden, 5]
        return sum(a * b + b for a, b in zip(widths, widths[1:]))

    assert weights("h, as many weights") == pytest.approx(weights("cross_entropy"), rel=0.02)
    assert weights("h") < 0.95 * weights("cross_entropy")


def test_evaluate_head_reports_accuracy_by_severity(last_layer):
    each = len(SEVERITIES) * len(CORRUPTIONS) * 10
    outputs = features_of(last_layer, each)
    labels = format_grid(outputs.labels.clone())
    labels[2] = (labels[2] + 1) % 5  # all wrong at severity 3
    wrong_at_3 = outputs._replace(labels=labels.flatten())
    mostly_correct = outputs._replace(
        labels=torch.where(torch.arange(each) % 10 == 0, (outputs.labels + 1) % 5, outputs.labels)
    )
    row = introspection_signs.evaluate_head(lambda outputs: 30 * outputs.z, outputs, wrong_at_3, mostly_correct)
    assert row["clean"] == 1 and row["accuracy at level 3"] == 0 and row["accuracy"] == pytest.approx(0.8)
    assert row["accuracy on unseen corruptions"] == pytest.approx(0.8) and row["temperature"] > 1
    parts = introspection_signs.accuracy_by_corruption(lambda outputs: 30 * outputs.z, wrong_at_3)
    assert [p["accuracy"] for p in parts if p["kind"] == "level"] == [1, 1, 0, 1, 1]
    assert all(p["accuracy"] == pytest.approx(0.8) for p in parts if p["kind"] == "corruption") and len(parts) == 17


def test_introspection_join_parts_averages_parts_but_not_heads():
    part = {"kind": "level", "value": 1, "trained": "clean", "head": "h", "ece": 0.1}
    rows = [{**part, "accuracy": 0.2}, {**part, "accuracy": 0.4}, {"kind": "head", "accuracy": 0.3}]
    head, level = introspection_signs.join_parts([rows])
    assert head == rows[2] and level["accuracy"] == pytest.approx(0.3)
    assert level["runs"] == 2 and level["accuracies"] == [0.2, 0.4]


@pytest.mark.slow
def test_introspection_signs_small_run_is_reproducible(monkeypatch):
    tiny = {"N_IMAGES": 280, "N_FEW": 140, "N_CALIBRATION": 700, "N_PER_GROUP": 14, "EPOCHS": 3, "HEAD_SEEDS": 2}
    monkeypatch.setattr(introspection_signs, "NETWORKS", {"signs/classifier": 0})
    for name, value in tiny.items():
        monkeypatch.setattr(introspection_signs, name, value)
    monkeypatch.setattr(
        introspection_signs, "load", lambda name, split, device: load(name, split, limit=70, device=device)
    )
    rows = run_study(introspection_signs)
    assert rows == run_study(introspection_signs)
    table = load_result("introspection_signs")
    stored = table[table["kind"] == rows[0]["kind"]].dropna(axis="columns", how="all")
    assert rows[0].keys() == set(stored)
    assert {(r["kind"], r["head"], r["trained"]) for r in rows} == set(
        table.groupby(["kind", "head", "trained"]).groups
    )


@pytest.mark.parametrize("name", ["introspection_signs", "introspection_cifar"])
def test_introspection_tables_are_complete(name):
    table = load_result(name)
    all_heads = {
        introspection_signs.NO_CORRUPTION,
        *introspection_signs.feature_sets(nn.Linear(8, 5), features_of(nn.Linear(8, 5))),
    }
    for training_set in ("clean", "augmented"):
        trained = table[table["trained"] == training_set].set_index("kind")
        heads = trained.loc["head"]
        runs = heads.drop_duplicates(["head", "network", "seed"])["head"].value_counts()
        assert set(runs.index) == all_heads
        assert (runs.drop(introspection_signs.NO_CORRUPTION) >= 3).all()
        assert (
            (heads["accuracy"] > 0.5).all()
            and (heads["accuracy"] < heads["clean"]).all()
            and (heads["clean"] <= 1).all()
        )
        assert heads["ece"].between(0, 0.5, inclusive="neither").all()
        for head in introspection_signs.PARTS:
            parts = trained.loc["corruption"].query("head == @head")
            assert parts["value"].tolist() == list(CORRUPTIONS) and set(parts["runs"]) <= {1, 3}
