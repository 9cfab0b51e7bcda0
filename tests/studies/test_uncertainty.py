"""The study of chapter 3 on a slice: each table against its definition, and what is stored is whole."""

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from studies import _answers as answers
from studies import _detectors as detectors
from studies import _families as f
from studies import uncertainty as study
from studies._families import CONTROL, NORMAL, source
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import CHALLENGES, LEVELS, NOVEL, load
from tutorial_lib.networks import load as network_of
from tutorial_lib.results import stored


class Eyes(nn.Module):
    """Small, and sure of colours: class c is how bright channel c is, twice over."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 3)
        with torch.no_grad():
            self.conv.weight[:3] *= 0.2
            for c in range(3):
                self.conv.weight[c, c, 1, 1] = 2.0
                self.head.weight[c, c] = 8.0

    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))


def coloured(n, seed=0):
    labels = torch.arange(n) % 3
    x = 0.3 * torch.rand(n, 3, 8, 8, generator=source(seed))
    x[torch.arange(n), labels] += 0.6
    return x, labels


@pytest.fixture(scope="module")
def scene():
    """Normal pictures, and sets of every family, as the small network sees them."""
    model = Eyes().eval()
    x, labels = coloured(60)
    pictures = torch.arange(60)
    normal = f.read(model, f.made(NORMAL, NORMAL, x, labels, pictures))
    taught = f.read(model, f.made("train", NORMAL, *coloured(90, 5)))
    sets = [
        f.made("grey", "strangers", 0.5 * torch.rand(40, 1, 8, 8, generator=source(1)).expand(-1, 3, -1, -1).clone())
    ]
    sets += [f.made("bright", "textures", 0.9 + 0.1 * torch.rand(40, 3, 8, 8, generator=source(2)))]
    sets += list(f.weather(x, labels, 0, 6))[:2] + list(f.attacked(model, x, labels, 0, 50))
    return model, normal, f.learn(taught), [f.read(model, s) for s in sets]


def test_pictures_know_where_they_come_from():
    x, labels = coloured(12)
    sets = list(f.weather(x, labels, 0, 4))
    assert [s.name for s in sets] == list(CHALLENGES)
    for s in sets:
        assert s.images.shape == (20, 3, 8, 8) and s.level.tolist() == [level for level in LEVELS for _ in range(4)]
        assert torch.equal(s.labels, labels[s.picture])
    noise = sets[CHALLENGES.index("noise")]
    alone = f.challenge(x[torch.arange(4, 8)], "noise", 2, generator=source(0))
    torch.testing.assert_close(noise.images[4:8], alone)
    far = [f.made(name, "strangers", x) for name in ("gtsrb", "mnist", "tsrgb")]  # the last is the first's letters
    every = torch.cat([s.picture for s in (*far, sets[0])])
    assert len(every.unique()) == 3 * 12 + 12 and torch.equal(far[0].picture, f.made("gtsrb", "strangers", x).picture)


def test_attacks_count_only_what_they_turned(scene):
    model, *_ = scene
    x, labels = coloured(60)
    labels = torch.where(torch.arange(60) < 6, (labels + 1) % 3, labels)  # wrong to begin with
    for s in f.attacked(model, x, labels, 0, 50):
        assert (s.images - x[s.picture]).abs().max() <= f.EPS + 1e-6 and (s.picture >= 6).all()
        said = g.outputs(model, s.images).argmax(1)
        if s.family == "attacks":
            assert (said != s.labels).all()
        else:
            assert s.family == CONTROL and len(s.images) == 50


def test_what_is_read_is_what_the_library_says(scene):
    model, normal, learned, sets = scene
    x, _ = coloured(60)
    torch.testing.assert_close(normal.ones, u.confounding_norms(model, x, by="tensor"))
    torch.testing.assert_close(normal.uniform, u.confounding_norms(model, x, link="softmax", by="tensor"))
    assert f.unsupervised(normal, learned).keys() == f.unsupervised(sets[0], learned).keys()
    six, log = f.readable(normal, learned)["six scores"]
    assert six.shape == (60, 6) and six.isfinite().all() and not log
    assert torch.equal(f.readable(normal, learned)["features"][0], normal.h)


def test_scores_are_areas_with_their_sign(scene):
    _, normal, learned, sets = scene
    rows = study.scored(study.CIFAR, normal, sets, learned)
    for s in sets:
        (row,) = [r for r in rows if r["set"] == s.name and r["level"] == 0]
        said = [0] * len(normal.z) + [1] * len(s.z)
        both = torch.cat([u.energy(normal.z.double()), u.energy(s.z.double())])
        assert row["energy"] == pytest.approx(roc_auc_score(said, both), abs=1e-3)
        assert (row["normal"], row["abnormal"]) == (len(normal.z), len(s.z))
    assert {r["level"] for r in study.scored("here", normal, sets, learned)} == {0}
    weather = [r for r in rows if r["family"] == "weather"]
    assert len(weather) == 2 * (1 + len(LEVELS)) and {r["abnormal"] for r in weather} == {30, 6}


def test_layers_and_sums_are_made_of_the_same_norms(scene):
    model, normal, _, sets = scene
    rows = study.by_layer("here", model, normal, sets)
    assert [r["layer"] for r in rows if r["label"] == "ones"] == ["conv", "head"]
    grey = sets[0]
    head = lambda s: s.ones[:, 2:].square().sum(1)
    (row,) = [r for r in rows if (r["label"], r["layer"]) == ("ones", "head")]
    expected = roc_auc_score([0] * 60 + [1] * 40, torch.cat([head(normal), head(grey)]))
    assert row["strangers"] == pytest.approx(expected, abs=1e-3)
    raw = {r["set"]: r for r in study.raw("here", normal, sets)}
    assert raw[NORMAL]["auroc of sum, ones"] == 0.5
    assert raw["strangers"]["median h"] == pytest.approx(grey.h.norm(dim=1).median().item(), rel=1e-3)
    delta = (grey.z.sigmoid() - 1) / 3
    assert raw["strangers"]["median delta, ones"] == pytest.approx(delta.norm(dim=1).median().item(), rel=1e-3)
    # A last layer's norm is the product of the two.
    last = grey.ones[:, 2].double()
    delta, h = (grey.z.double().sigmoid() - 1) / 3, grey.h.double()
    torch.testing.assert_close(last, delta.norm(dim=1) * h.norm(dim=1), rtol=1e-4, atol=0)


def test_detectors_meet_only_pictures_they_were_not_shown(scene, monkeypatch):
    _, normal, learned, sets = scene
    kept = []
    real = u.PurviewDetector.fit
    monkeypatch.setattr(
        u.PurviewDetector, "fit", lambda self, a, b, **k: kept.append((len(a), len(b))) or real(self, a, b, **k)
    )
    monkeypatch.setattr(detectors, "SHOWN", 15)
    rows = study.detectors("here", normal, sets, learned, 0, deep=False)
    shown = [s for s in sets if s.family != CONTROL]
    assert {r["set"] for r in rows} == {s.name for s in shown} and {r["trained"] for r in rows} == {
        "own",
        "other families",
    }
    reads = ("norms, ones", "norms, uniform", "six scores", "features")
    assert len(rows) == 2 * len(shown) and all(r["seeds"] == 3 for r in rows)
    assert all(0 <= r[name] <= 1 and r[f"{name}, range"] >= 0 for r in rows for name in reads)
    assert max(b for _, b in kept) <= 3 * 15  # three other families, so many of each
    (easy,) = [r for r in rows if r["trained"] == "own" and r["set"] == "bright"]
    assert min(easy[name] for name in reads) > 0.95
    hidden = study.detectors("here", normal, sets, learned, 0, deep=True)
    assert {r["set"] for r in hidden if r["trained"] == "other kinds"} == {s.name for s in shown}
    for a, b in zip(rows, [r for r in hidden if r["trained"] != "other kinds"], strict=True):
        assert a == {k: v for k, v in b.items() if "hidden" not in k} and "norms, ones, hidden layers" in b


def test_transfers(scene):
    model, normal, learned, sets = scene
    x, labels = coloured(60)
    made = f.made(NORMAL, NORMAL, f.challenge(x, *study.MILD, generator=source(0)), labels, torch.arange(60))
    rows = study.from_one_blur("here", normal, f.read(model, made), sets, learned, 0)
    assert len(rows) == 4 * 2 and all(0 <= r["accuracy"] <= 1 and 0 <= r["auroc"] <= 1 for r in rows)
    assert all(r["auroc"] == pytest.approx(sum(r[f"auroc {level}"] for level in LEVELS) / 5, abs=2e-3) for r in rows)
    rows = study.between_attacks("here", normal, sets, learned, 0)
    tried = [s.name for s in sets if s.family in ("attacks", CONTROL)]
    assert [r["trained on"] for r in rows] == 4 * tried and all(set(tried) <= r.keys() for r in rows)


def test_right_against_wrong():
    z = torch.tensor([[4.0, 0, 0], [3, 0, 0], [0, 2, 0], [0.2, 0, 0.1]])
    rows = study.trusted("here", "drawn", z, torch.tensor([0, 0, 1, 1]))
    assert {r["auroc"] for r in rows if r["trust"] in ("max softmax", "margin", "GradTrust, 1 rival")} == {1.0}
    assert all(r["wrong"] == 1 and r["risk"] == 0.25 and r["low"] <= r["auroc"] <= r["high"] for r in rows)
    assert {r["risk at half"] for r in rows if r["trust"] == "margin"} == {0.0}
    assert study.trusted("here", "drawn", z, z.argmax(1)) == []
    K = 2 * torch.eye(3).expand(4, 1, 3, 3)
    rows = study.trusted("here", "drawn", z, torch.tensor([0, 0, 1, 1]), torch.ones(4, 2), K)
    with_gram = {r["trust"]: r["auroc"] for r in rows}
    assert with_gram["GradTrust, 1 rival, all layers"] == with_gram["GradTrust, 1 rival"] == 1.0


def test_open_sets_choose_their_threshold_elsewhere(scene):
    _, normal, learned, sets = scene
    odds = {"sure": lambda s: torch.where(s.labels < 0, 9.0, -9.0)}
    rows = study.open_sets("here", normal, sets[0], learned, odds)
    assert all(r["known"] == 30 and r["unknown"] == 30 for r in rows)
    by = {(r["score"], r["threshold"]): r for r in rows}
    nothing = by["answers all", "none"]
    assert nothing["accuracy"] <= 0.5 and nothing["unknown passed"] == 1
    perfect = by["detector, sure", "published"]
    assert perfect["auroc"] == 1 and perfect["unknown passed"] == 0
    assert perfect["accuracy"] == pytest.approx(nothing["accuracy"] + 0.5, abs=2e-3)
    half = u.learning_half(normal.picture, generator=source(0))
    threshold = u.threshold_of_normal(u.energy(normal.z.double()[half]), answers.PASS)
    passed = (u.energy(normal.z.double()[~half]) <= threshold).double().mean().item()
    assert by["energy", "95% of normal"]["known passed"] == pytest.approx(passed, abs=1e-3)


def test_the_code_and_the_gradient_of_the_decoder():
    x, _ = load("signs", "test", limit=3)
    found = f.of_autoencoder(network_of("signs/autoencoder"), x)
    assert found["code"].shape == (3, 16 * 6 * 6) and found["decoder"].shape == (3, 3 * 24 * 9 + 3)
    assert found["decoder"].abs().sum(1).min() > 0


def test_one_network_runs_and_repeats_itself(monkeypatch):
    tiny = {"NORMALS": 56, "TRAIN": 56, "ATTACKED": 20, "FAR": 12, "EACH": {"signs/classifier": 3}}
    for name, value in tiny.items():
        monkeypatch.setattr(study, name, value)
    monkeypatch.setattr(study, "STRANGERS", {})
    monkeypatch.setattr(f, "NOVEL", NOVEL[:2])
    monkeypatch.setattr(f, "CHALLENGES", ("noise", "haze"))
    model = network_of("signs/classifier")
    rows, _ = study.of_network("signs/classifier", model, 0, "cpu")
    assert rows == study.of_network("signs/classifier", model, 0, "cpu")[0]
    kept = stored("uncertainty")
    here = {"kind": "score", "network": "signs/classifier", "level": 0}
    for kind in {r["kind"] for r in rows}:
        mine = next(r for r in rows if r["kind"] == kind)
        assert mine.keys() <= kept.where(kind=kind, network="signs/classifier")[0].keys(), kind
    # The slice says what the whole says, as far as so few pictures can say it.
    kept.confirm(
        [rows[0]["right"]], [kept.where(kind="network", network="signs/classifier")[0]["right"]], pictures=56, of=1_000
    )
    areas = [r for r in rows if r["kind"] == "score"]
    for name in NOVEL[:2]:
        now, then = (next(r for r in found if r["set"] == name) for found in (areas, kept.where(**here)))
        same = ([r[score] for score in ("max softmax", "energy", "GradNorm", "odin")] for r in (now, then))
        kept.confirm(*same, pictures=56, of=1_000)
        with pytest.raises(AssertionError, match="python -m studies uncertainty"):
            kept.confirm([1 - now["energy"]], [then["energy"]], pictures=56, of=1_000)


def test_what_is_stored_is_whole():
    kept = stored("uncertainty")
    networks = (*study.SIGN_NETWORKS, study.TWIN, study.CIFAR)
    assert [r["network"] for r in kept.where(kind="network")] == list(networks)
    for network in networks:
        sets = kept.where(kind="score", network=network, level=0)
        families = {r["family"] for r in sets}
        assert families - {"novel"} == {"textures", "strangers", "weather", "attacks", CONTROL}
        assert ("novel" in families) == (network != study.CIFAR)
        assert {r["set"] for r in sets if r["family"] == "weather"} == set(CHALLENGES)
        levels = len(LEVELS) if network in study.EACH else 0
        assert len(kept.where(kind="score", network=network, family="weather")) == 12 * (1 + levels)
        for trained in ("own", "other families"):
            found = kept.where(kind="detector", network=network, trained=trained, seeds=3)
            assert {r["set"] for r in found} == {r["set"] for r in sets if r["family"] != CONTROL}
            assert all(r.keys() >= {"norms, ones", "norms, uniform", "six scores", "features"} for r in found)
        layers = kept.where(kind="network", network=network)[0]["layers"]
        assert len(kept.where(kind="layer", network=network)) == 2 * layers
        assert {r["set"] for r in kept.where(kind="raw", network=network)} > {NORMAL, "one step", "dtd"} | families
        assert {r["set"] for r in kept.where(kind="one blur", network=network) if r["asked in 2019"]} == set(
            detectors.ASKED
        )
    for network in (*study.SIGN_NETWORKS, study.CIFAR):
        assert {r["pictures"] for r in kept.where(kind="trust", network=network)} == {"fair", "level 3"}
        assert kept.where(kind="open set", network=network, score="answers all")
    assert kept.where(kind="trust", network=study.LARGE)
    assert len(kept.provenance["data"]) >= 5
