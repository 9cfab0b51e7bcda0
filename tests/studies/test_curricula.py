import pytest
import torch

from studies import curricula
from tutorial_lib.results import stored


def test_twelve_in_39_are_unusual_and_the_rest_untouched():
    images, labels = torch.rand(78, 3, 24, 24, generator=torch.Generator().manual_seed(0)), torch.arange(78) % 14
    seen, same, unusual = curricula.with_unusual(images, labels, torch.Generator().manual_seed(1))
    assert unusual.sum() == 24 and torch.equal(same, labels)
    assert torch.equal(seen[~unusual], images[~unusual])
    assert all(not torch.equal(a, b) for a, b in zip(seen[unusual], images[unusual], strict=True))


@pytest.mark.parametrize("balanced", [True, False])
def test_orders_are_permutations_in_order(balanced):
    labels, key = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([5, 1, 3, 0, 2, 4])
    shuffled = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    order = curricula.ranked(key, labels, shuffled, balanced)
    assert sorted(order.tolist()) == list(range(6))
    if not balanced:
        assert key[order].tolist() == sorted(key.tolist())
    else:
        assert all(key[order][labels[order] == c].diff().min() > 0 for c in (0, 1))
        assert all(len(set(labels[order[i : i + 2]].tolist())) == 2 for i in (0, 2, 4))


def test_random_order_has_nothing_to_do_with_what_is_unusual():
    for sets in curricula.worlds(0).values():
        unusual = sets["pool"][2]
        shuffled = torch.randperm(len(unusual), generator=torch.Generator().manual_seed(9_000))
        assert 0.2 < unusual[shuffled[: len(unusual) // 3]].float().mean() < 0.47


def test_the_effective_number_of_classes():
    assert curricula.effective_classes(torch.arange(8) % 4) == pytest.approx(4)
    assert curricula.effective_classes(torch.zeros(8, dtype=torch.long)) == pytest.approx(1)


def test_it_runs_small_and_repeats_itself(monkeypatch):
    drawn = {name: curricula.signs(42, i) for i, name in enumerate(("start", "pool", "test"))}
    monkeypatch.setattr(curricula, "worlds", lambda seed: {"signs": drawn})
    monkeypatch.setattr(curricula, "SEEDS", (0,))
    monkeypatch.setattr(curricula, "LAPS", 2)
    monkeypatch.setattr(curricula, "START", 5)
    monkeypatch.setattr(curricula, "STAGES", (2, 1))
    rows = curricula.run(0)
    assert rows == curricula.run(0)
    kept = stored("curricula")
    assert rows[0].keys() == kept.rows[0].keys()
    assert {(r["part"], r["name"]) for r in rows} == {(r["part"], r["name"]) for r in kept.rows}


def test_what_is_stored_is_whole():
    kept = stored("curricula")
    assert {r["seed"] for r in kept.rows} == set(curricula.SEEDS) and {r["world"] for r in kept.rows} == {
        "signs",
        "digits",
    }
    for world in ("signs", "digits"):
        last = [r["everyday"] for r in kept.where(world=world, part="order", stage=len(curricula.STAGES))]
        assert len(last) == 11 * len(curricula.SEEDS) and min(last) > 0.6
