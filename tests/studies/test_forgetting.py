import torch
from torch import nn

from studies import forgetting
from tutorial_lib.foundations import SmallNetwork
from tutorial_lib.results import stored


def test_being_told_forbids_the_other_answers():
    model = nn.Flatten()
    z, labels = torch.tensor([[0.0, 1.0, 9.0], [3.0, 1.0, 0.0]]), torch.tensor([1, 0])
    model.register_parameter("unused", nn.Parameter(torch.zeros(1)))
    assert forgetting.accuracy(model, (z, labels)) == 0.5
    assert forgetting.accuracy(model, (z, labels), told=torch.tensor([0, 1])) == 1.0


def test_a_lap_looks_at_as_many_pictures_as_it_is_told(monkeypatch):
    seen = []
    monkeypatch.setattr(
        forgetting, "train", lambda model, x, y, **how: seen.append((len(x), x.flatten().tolist(), y.tolist()))
    )
    generator = torch.Generator().manual_seed(0)
    for lap in (None, 3, 3):
        forgetting.learn(None, torch.arange(8.0)[:, None], torch.arange(8), generator, lap=lap)
    assert [n for n, *_ in seen] == [8, 3, 3] and seen[1] != seen[2]
    assert all(x == y for _, x, y in seen)


def test_replay_keeps_its_share_and_the_penalties_rest_where_they_begin():
    old, new = forgetting.signs(range(7), 28, 0), forgetting.signs(range(7, 14), 28, 1)
    model = SmallNetwork(14)
    for repair, strength, (images, labels), loss in forgetting.repairs(model, old, new, 0):
        kept = round(strength * 28) if repair == "replay" else 0
        assert len(images) == len(labels) == 28 + kept and (labels < 7).sum() == kept
        z = model(images)
        assert torch.equal(loss(model)(z, labels), nn.functional.cross_entropy(z, labels))
        if repair.startswith("penalty"):
            moved = SmallNetwork(14, generator=torch.Generator().manual_seed(8))
            assert loss(moved)(z, labels) > nn.functional.cross_entropy(z, labels)


def test_it_runs_small_and_repeats_itself(monkeypatch):
    low, high = range(2), range(2, 4)
    old, new = forgetting.signs(low, 28, 0), forgetting.signs(high, 28, 1)
    tiny = {"new classes": {"old": (old, old), "new": (new, new), "classes": 4}}
    monkeypatch.setattr(forgetting, "settings", lambda seed: tiny)
    for name, value in {
        "SEEDS": (0,),
        "LAPS": 2,
        "MORE": 1,
        "FISHER": 8,
        "REPLAYED": (1.0,),
        "STRENGTHS": (10,),
    }.items():
        monkeypatch.setattr(forgetting, name, value)
    rows = forgetting.run(0)
    assert rows == forgetting.run(0)
    kept = stored("forgetting")
    assert rows[0].keys() == kept.rows[0].keys() and {r["repair"] for r in rows} == {r["repair"] for r in kept.rows}


def test_what_is_stored_is_whole():
    kept = stored("forgetting")
    last = forgetting.LAPS + forgetting.MORE
    for setting in ("new classes", "new weather", "digits, new classes"):
        for repair, count in (("none", 1), ("replay", 5), ("penalty", 5), ("penalty, equal weights", 5), ("joint", 1)):
            assert len(kept.where(setting=setting, repair=repair, lap=last)) == count * len(forgetting.SEEDS)
