"""Tests of the experiment on pseudo-unknown classes."""

import pytest
import torch

from experiments import pseudo_unknown_transfer
from experiments._parts import run_study
from tutorial_course.results import load_result
from tutorial_lib import uncertainty as u
from tutorial_lib.data import SIGNS
from tutorial_lib.models import load

STEPS = ("pseudo-unknown, trained", "pseudo-unknown, left out", "novel", "novel, through B")


def synthetic_features(n: int, shift: float, seed: int) -> dict[str, torch.Tensor]:
    values = torch.randn(n, 3, generator=pseudo_unknown_transfer.make_generator(seed)).double()
    values[:, 0] += shift
    return {"norms, uniform": values, "max softmax": values[:, 1:2]}


def test_transfer_steps_miss_opposite_pseudo_unknown_class():
    # Two pseudo-unknown classes in opposite directions: a detector trained on one gives the other lower scores than
    # normal.
    one, other = synthetic_features(80, 9.0, 1), synthetic_features(80, -9.0, 2)
    both = {name: torch.cat([one[name], other[name]]) for name in one}
    known, novel = synthetic_features(160, 0.0, 0), synthetic_features(50, 9.0, 3)
    classes, train_mask = torch.arange(160) // 80, torch.arange(160) % 2 == 0
    rows = pseudo_unknown_transfer.transfer_steps(
        {"known": known, "pseudo-unknown": both, "novel": novel},
        {"known": known, "novel": novel},
        {"known": train_mask, "pseudo-unknown": train_mask},
        classes,
        0,
    )
    (trained, untrained) = rows
    assert trained["learns"] and not untrained["learns"] and trained["pseudo-unknown, left out"] < 0.02
    assert untrained["pseudo-unknown, trained"] == pytest.approx(0.5, abs=0.12)


def test_fit_score_returns_single_scores_unchanged():
    values = torch.tensor([[2.0], [1.0]])
    assert torch.equal(
        pseudo_unknown_transfer.fit_score("energy", (), values, values, 0)(values), torch.tensor([2.0, 1.0])
    )


def test_pseudo_unknown_feature_sets_match_library():
    model, x = load("signs/classifier"), torch.rand(3, 3, 48, 48, generator=pseudo_unknown_transfer.make_generator(0))
    features = pseudo_unknown_transfer.feature_sets(model, x)
    assert torch.allclose(
        features["norms, ones"].exp(), u.confounding_gradient_norms(model, x, group_by="tensor").double(), rtol=1e-4
    )
    assert torch.allclose(features["energy"][:, 0], u.energy_score(model(x).detach().double())) and features[
        "five scores"
    ].shape == (3, 5)


def test_pseudo_unknown_transfer_small_run_is_reproducible(monkeypatch):
    small = {
        "SPLITS": 1,
        "N_IMAGES": 70,
        "EPOCHS": 1,
        "N_TRAIN_IMAGES": 56,
        "N_NORMAL": 28,
        "N_NOVEL": 18,
        "HIDDEN": (4,),
    }
    for name, value in small.items():
        monkeypatch.setattr(pseudo_unknown_transfer, name, value)
    rows = run_study(pseudo_unknown_transfer)
    assert rows == run_study(pseudo_unknown_transfer)
    table = load_result("pseudo_unknown_transfer")
    assert [*rows[0]] == [*table] and {r["input"] for r in rows} == set(table["input"])


def test_pseudo_unknown_transfer_table_is_complete():
    table = load_result("pseudo_unknown_transfer")
    assert set(table["split"]) == set(range(pseudo_unknown_transfer.SPLITS))
    assert len(table) == 6 * pseudo_unknown_transfer.SPLITS
    for row in table.to_dict("records"):
        names = row["pseudo-unknown classes"].split(", ")
        assert len(names) == pseudo_unknown_transfer.N_PSEUDO_UNKNOWN and set(names) <= set(SIGNS)
        assert min(row["accuracy, A"], row["accuracy, B"]) > 0.9 and all(0 <= row[step] <= 1 for step in STEPS)
        if not row["learns"]:
            assert abs(row["pseudo-unknown, trained"] - row["pseudo-unknown, left out"]) < 0.02
