"""Tests of the experiment on continual learning."""

import torch
from torch import nn

from experiments import continual_learning
from experiments._parts import run_study
from tutorial_course.results import load_result
from tutorial_lib.models import SmallCNN


def test_task_accuracy_restricts_predictions_to_given_classes():
    model = nn.Flatten()
    z, labels = torch.tensor([[0.0, 1.0, 9.0], [3.0, 1.0, 0.0]]), torch.tensor([1, 0])
    model.register_parameter("unused", nn.Parameter(torch.zeros(1)))
    assert continual_learning.task_accuracy(model, (z, labels)) == 0.5
    assert continual_learning.task_accuracy(model, (z, labels), allowed_classes=torch.tensor([0, 1])) == 1.0


def test_train_task_uses_requested_number_of_images(monkeypatch):
    calls = []
    monkeypatch.setattr(
        continual_learning,
        "train",
        lambda model, x, y, **options: calls.append((len(x), x.flatten().tolist(), y.tolist())),
    )
    generator = torch.Generator().manual_seed(0)
    for n_samples in (None, 3, 3):
        continual_learning.train_task(None, torch.arange(8.0)[:, None], torch.arange(8), generator, n_samples=n_samples)
    assert [n for n, *_ in calls] == [8, 3, 3] and calls[1] != calls[2]
    assert all(x == y for _, x, y in calls)


def test_compare_methods_replay_size_and_zero_initial_penalty():
    old, new = continual_learning.signs(range(7), 28, 0), continual_learning.signs(range(7, 14), 28, 1)
    model = SmallCNN(14)
    for method, strength, (images, labels), loss in continual_learning.compare_methods(model, old, new, 0):
        n_replayed = round(strength * 28) if method == "replay" else 0
        assert len(images) == len(labels) == 28 + n_replayed and (labels < 7).sum() == n_replayed
        z = model(images)
        assert torch.equal(loss(model)(z, labels), nn.functional.cross_entropy(z, labels))
        if method.startswith("penalty"):
            other_model = SmallCNN(14, generator=torch.Generator().manual_seed(8))
            assert loss(other_model)(z, labels) > nn.functional.cross_entropy(z, labels)


def test_continual_learning_small_run_is_reproducible(monkeypatch):
    low, high = range(2), range(2, 4)
    old, new = continual_learning.signs(low, 28, 0), continual_learning.signs(high, 28, 1)
    tiny = {"new classes": {"old": (old, old), "new": (new, new), "classes": 4}}
    monkeypatch.setattr(continual_learning, "settings", lambda seed: tiny)
    for name, value in {
        "SEEDS": (0,),
        "EPOCHS": 2,
        "EXTRA_EPOCHS": 1,
        "FISHER": 8,
        "N_REPLAY": (1.0,),
        "STRENGTHS": (10,),
    }.items():
        monkeypatch.setattr(continual_learning, name, value)
    rows = run_study(continual_learning)
    assert rows == run_study(continual_learning)
    table = load_result("continual_learning")
    assert [*rows[0]] == [*table] and {r["method"] for r in rows} == set(table["method"])


def test_continual_learning_table_is_complete():
    table = load_result("continual_learning")
    last = continual_learning.EPOCHS + continual_learning.EXTRA_EPOCHS
    counts = table[table["epoch"] == last].groupby(["setting", "method"]).size() / len(continual_learning.SEEDS)
    for setting in ("new classes", "new corruption", "digits, new classes"):
        assert counts[setting].to_dict() == {
            "none": 1,
            "replay": 5,
            "penalty": 5,
            "penalty, equal weights": 5,
            "joint": 1,
        }
