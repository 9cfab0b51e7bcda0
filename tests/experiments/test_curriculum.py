"""Tests of the experiment on training curricula."""

import pytest
import torch

from experiments import curriculum
from experiments._parts import run_study
from tutorial_course.results import load_result


def test_add_unusual_samples_changes_twelve_in_39_images():
    images, labels = torch.rand(78, 3, 24, 24, generator=torch.Generator().manual_seed(0)), torch.arange(78) % 14
    samples, sample_labels, is_corrupted = curriculum.add_unusual_samples(
        images, labels, torch.Generator().manual_seed(1)
    )
    assert is_corrupted.sum() == 24 and torch.equal(sample_labels, labels)
    assert torch.equal(samples[~is_corrupted], images[~is_corrupted])
    assert all(not torch.equal(a, b) for a, b in zip(samples[is_corrupted], images[is_corrupted], strict=True))


@pytest.mark.parametrize("balanced", [True, False])
def test_curriculum_order_is_a_sorted_permutation(balanced):
    labels, key = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([5, 1, 3, 0, 2, 4])
    shuffled = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    order = curriculum.curriculum_order(key, labels, shuffled, balanced)
    assert sorted(order.tolist()) == list(range(6))
    if not balanced:
        assert key[order].tolist() == sorted(key.tolist())
    else:
        assert all(key[order][labels[order] == c].diff().min() > 0 for c in (0, 1))
        assert all(len(set(labels[order[i : i + 2]].tolist())) == 2 for i in (0, 2, 4))


def test_curriculum_random_order_is_unrelated_to_unusual_samples():
    for sets in curriculum.datasets(0).values():
        is_corrupted = sets["pool"][2]
        shuffled = torch.randperm(len(is_corrupted), generator=torch.Generator().manual_seed(9_000))
        assert 0.2 < is_corrupted[shuffled[: len(is_corrupted) // 3]].float().mean() < 0.47


def test_effective_classes_matches_known_distributions():
    assert curriculum.effective_classes(torch.arange(8) % 4) == pytest.approx(4)
    assert curriculum.effective_classes(torch.zeros(8, dtype=torch.long)) == pytest.approx(1)


def test_curriculum_small_run_is_reproducible(monkeypatch):
    sets = {name: curriculum.sign_data(42, i) for i, name in enumerate(("start", "pool", "test"))}
    monkeypatch.setattr(curriculum, "datasets", lambda seed: {"signs": sets})
    monkeypatch.setattr(curriculum, "SEEDS", (0,))
    monkeypatch.setattr(curriculum, "EPOCHS", 2)
    monkeypatch.setattr(curriculum, "INITIAL_SIZE", 5)
    monkeypatch.setattr(curriculum, "STAGES", (2, 1))
    rows = run_study(curriculum)
    assert rows == run_study(curriculum)
    table = load_result("curriculum")
    assert [*rows[0]] == [*table]
    assert {(r["part"], r["name"]) for r in rows} == set(table.groupby(["part", "name"]).groups)


def test_curriculum_table_is_complete():
    table = load_result("curriculum")
    assert set(table["seed"]) == set(curriculum.SEEDS) and set(table["dataset"]) == {"signs", "digits"}
    last = table[(table["part"] == "order") & (table["stage"] == len(curriculum.STAGES))]
    assert (last["dataset"].value_counts() == 11 * len(curriculum.SEEDS)).all() and last["everyday"].min() > 0.6
