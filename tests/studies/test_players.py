import pytest
import torch

from studies import players
from tutorial_lib import uncertainty as u
from tutorial_lib.data import SIGNS
from tutorial_lib.networks import load
from tutorial_lib.results import stored

STEPS = ("shown players", "a player not shown", "novel", "novel, through B")


def readings(n: int, shift: float, seed: int) -> dict[str, torch.Tensor]:
    values = torch.randn(n, 3, generator=players.source(seed)).double()
    values[:, 0] += shift
    return {"norms, uniform": values, "max softmax": values[:, 1:2]}


def test_a_detector_sees_players_like_those_it_was_shown_and_a_player_apart_it_does_not():
    # Two players, far out in opposite directions: who learned one calls the other safer than what is known.
    one, other = readings(80, 9.0, 1), readings(80, -9.0, 2)
    both = {name: torch.cat([one[name], other[name]]) for name in one}
    known, novel = readings(160, 0.0, 0), readings(50, 9.0, 3)
    which, turn = torch.arange(160) // 80, torch.arange(160) % 2 == 0
    rows = players.steps(
        {"known": known, "players": both, "novel": novel},
        {"known": known, "novel": novel},
        {"known": turn, "players": turn},
        which,
        0,
    )
    (learned, single) = rows
    assert learned["learns"] and not single["learns"] and learned["a player not shown"] < 0.02
    assert single["shown players"] == pytest.approx(0.5, abs=0.12)


def test_single_numbers_are_read_as_they_are():
    values = torch.tensor([[2.0], [1.0]])
    assert torch.equal(players.learned("energy", (), values, values, 0)(values), torch.tensor([2.0, 1.0]))


def test_readings_are_those_of_the_library():
    model, x = load("signs/classifier"), torch.rand(3, 3, 48, 48, generator=players.source(0))
    found = players.readings(model, x)
    assert torch.allclose(found["norms, ones"].exp(), u.confounding_norms(model, x, by="tensor").double(), rtol=1e-4)
    assert torch.allclose(found["energy"][:, 0], u.energy(model(x).detach().double())) and found[
        "five scores"
    ].shape == (3, 5)


def test_it_runs_small_and_repeats_itself(monkeypatch):
    small = {"SPLITS": 1, "PICTURES": 70, "EPOCHS": 1, "ASKED": 56, "NORMALS": 28, "NOVELS": 18, "HIDDEN": (4,)}
    for name, value in small.items():
        monkeypatch.setattr(players, name, value)
    rows = players.run(0)
    assert rows == players.run(0)
    kept = stored("players")
    assert rows[0].keys() == kept.rows[0].keys() and {r["reads"] for r in rows} == {r["reads"] for r in kept.rows}


def test_what_is_stored_is_whole():
    kept = stored("players")
    assert {r["split"] for r in kept.rows} == set(range(players.SPLITS)) and len(kept.rows) == 6 * players.SPLITS
    for row in kept.rows:
        names = row["players"].split(", ")
        assert len(names) == players.PLAYING and set(names) <= set(SIGNS)
        assert min(row["right, A"], row["right, B"]) > 0.9 and all(0 <= row[step] <= 1 for step in STEPS)
        if not row["learns"]:
            assert abs(row["shown players"] - row["a player not shown"]) < 0.02
