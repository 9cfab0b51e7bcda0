import pytest
import torch
from torch import nn

from studies import introspection
from studies.introspection import Seen, grid
from tutorial_lib.data import CHALLENGES, LEVELS, SIGNS, load
from tutorial_lib.networks import load as network_of
from tutorial_lib.results import stored


@pytest.fixture(scope="module")
def few():
    return load("signs", "test", limit=56)


@pytest.fixture
def last():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(8, 5)


def features_of(last, n=40):
    h = torch.rand(n, 8, generator=introspection.source(0))
    z = last(h).detach()
    return Seen(z, h, z.argmax(1))


def test_augmented_pictures_differ_and_repeat_themselves(few):
    a, b, other = (introspection.augmented(few.images, seed) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, other)
    assert a.min() >= 0 and a.max() <= 1
    assert all(not torch.equal(x, y) for x, y in zip(a, few.images, strict=True))


def test_the_grid_is_levels_by_challenges_by_pictures(few):
    model = network_of("signs/classifier")
    found = introspection.weathered(model, few.images, few.labels, 0, each=14)
    assert grid(found.z).shape == (len(LEVELS), len(CHALLENGES), 14, len(SIGNS))
    i, j = LEVELS.index(3), CHALLENGES.index("noise")
    at = torch.arange(28, 42)  # each level has its own pictures
    alone = introspection.challenge(few.images[at], "noise", 3, generator=introspection.source(0))
    torch.testing.assert_close(grid(found.h)[i, j], introspection.features(model, alone)[1])
    assert torch.equal(grid(found.labels)[i, j], few.labels[at])


def test_every_reading_is_a_function_of_what_the_features_hold(last):
    seen = features_of(last)
    shuffled = seen._replace(labels=seen.labels.flip(0))
    for name, (reading, _) in introspection.readings(last, seen).items():
        assert torch.equal(reading(seen), reading(shuffled)), name
        if "z" not in name:
            assert torch.equal(reading(seen), reading(seen._replace(z=torch.zeros_like(seen.z)))), name
    naive = torch.stack([(p - 1)[:, None] * h for p, h in zip(seen.z.softmax(1), seen.h, strict=True)]).flatten(1)
    torch.testing.assert_close(introspection.readings(last, seen)["cross_entropy"][0](seen), naive)


def test_the_wide_control_has_as_many_weights(last):
    seen = features_of(last)

    def weights(name):
        reading, hidden = introspection.readings(last, seen)[name]
        widths = [reading(seen).shape[1], *hidden, 5]
        return sum(a * b + b for a, b in zip(widths, widths[1:]))

    assert weights("h, as many weights") == pytest.approx(weights("cross_entropy"), rel=0.02)
    assert weights("h") < 0.95 * weights("cross_entropy")


def test_one_row_judges_what_it_says(last):
    each = len(LEVELS) * len(CHALLENGES) * 10
    seen = features_of(last, each)
    labels = grid(seen.labels.clone())
    labels[2] = (labels[2] + 1) % 5  # all wrong at level 3
    wrong_at_3 = seen._replace(labels=labels.flatten())
    some = seen._replace(labels=torch.where(torch.arange(each) % 10 == 0, (seen.labels + 1) % 5, seen.labels))
    row = introspection.judged(lambda seen: 30 * seen.z, seen, wrong_at_3, some)
    assert row["clean"] == 1 and row["right at level 3"] == 0 and row["right"] == pytest.approx(0.8)
    assert row["right where not shown"] == pytest.approx(0.8) and row["temperature"] > 1
    parts = introspection.parted(lambda seen: 30 * seen.z, wrong_at_3)
    assert [p["right"] for p in parts if p["kind"] == "level"] == [1, 1, 0, 1, 1]
    assert all(p["right"] == pytest.approx(0.8) for p in parts if p["kind"] == "challenge") and len(parts) == 17


def test_parts_are_averaged_and_heads_are_not():
    part = {"kind": "level", "value": 1, "trained": "clean", "head": "h", "ece": 0.1}
    rows = [{**part, "right": 0.2}, {**part, "right": 0.4}, {"kind": "head", "right": 0.3}]
    head, level = introspection.joined([rows])
    assert head == rows[2] and level["right"] == pytest.approx(0.3) and level["runs"] == 2


def test_it_runs_small_and_repeats_itself(monkeypatch):
    tiny = {"PICTURES": 280, "FEW": 140, "KEPT_BACK": 700, "EACH": 14, "EPOCHS": 3, "HEAD_SEEDS": 2}
    monkeypatch.setattr(introspection, "NETWORKS", {"signs/classifier": 0})
    for name, value in tiny.items():
        monkeypatch.setattr(introspection, name, value)
    monkeypatch.setattr(introspection, "load", lambda world, split, device: load(world, split, limit=70, device=device))
    rows = introspection.run(0)
    assert rows == introspection.run(0)
    kept = stored("introspection")
    assert rows[0].keys() == kept.rows[0].keys()
    assert {(r["kind"], r["head"], r["trained"]) for r in rows} == {
        (r["kind"], r["head"], r["trained"]) for r in kept.rows
    }


@pytest.mark.parametrize("name", ["introspection", "introspection_cifar"])
def test_what_is_stored_is_whole(name):
    kept = stored(name)
    every = {introspection.NOTHING, *introspection.readings(nn.Linear(8, 5), features_of(nn.Linear(8, 5)))}
    for how in ("clean", "augmented"):
        heads = kept.where(kind="head", trained=how)
        assert {r["head"] for r in heads} == every
        for head in every - {introspection.NOTHING}:
            runs = {(r["network"], r["seed"]) for r in heads if r["head"] == head}
            assert len(runs) >= 3
        assert all(0.5 < r["right"] < r["clean"] <= 1 and 0 < r["ece"] < 0.5 for r in heads)
        for head in introspection.PARTS:
            parts = [r for r in kept.where(kind="challenge") if r["trained"] == how and r["head"] == head]
            assert [r["value"] for r in parts] == list(CHALLENGES) and {r["runs"] for r in parts} <= {1, 3}
