import pytest
import torch

from studies import outlook as study
from tutorial_lib import gradients, networks, uncertainty
from tutorial_lib.data import load
from tutorial_lib.results import stored


@pytest.fixture(scope="module")
def classifier():
    return networks.load("signs/classifier")


@pytest.fixture(scope="module")
def signs():
    return load("signs", "test", limit=56)


def test_maps_that_are_alike_are_not_doubted():
    maps = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))
    found = study.unlike(maps, [2 * maps + 1, maps])
    torch.testing.assert_close(found, torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(study.unlike(maps, [-maps]), torch.full((3,), 2.0))
    expected = 1 - torch.corrcoef(torch.stack([maps[0].flatten(), maps[1].flatten()]))[0, 1]
    torch.testing.assert_close(study.unlike(maps[:1], [maps[1:2]])[0], expected)


def test_moved_maps_are_moved_back(classifier, signs):
    x, labels = signs.images[:4], signs.labels[:4]
    maps = study.contrast(classifier, x, labels, (labels + 1) % 14)
    back = study.moved(classifier, x, labels, (labels + 1) % 14)
    assert len(back) == 4 and all(m.shape == maps.shape for m in back)
    assert study.unlike(maps, back).mean() < 0.5 * study.unlike(maps, [m.roll(12, 2) for m in back]).mean()


def test_twins_are_read_rightly_by_all(classifier):
    models = {name: networks.load(name) for name in study.CLASSIFIERS[:2]}
    x, truth, P, Q = study.read_rightly(models, 2, 0, "cpu")
    assert len(x) == len(truth) == len(P) == len(Q) and 0 < len(x) <= 28 and truth.dtype == torch.bool
    assert all((gradients.outputs(m, x).argmax(1) == P).all() for m in models.values()) and (P != Q).all()


def test_a_folded_sketch_is_a_sketch(classifier, signs):
    whole = study.flat(classifier, signs.images[:3])
    large = study.sketched(whole, 64, study.source(1))
    generator = study.source(1)
    place = torch.randint(64, (whole.shape[1],), generator=generator) % 8
    sign = 2.0 * torch.randint(2, (whole.shape[1],), generator=generator) - 1
    torch.testing.assert_close(
        study.folded(large, 8), torch.zeros(3, 8).index_add(1, place, whole * sign), rtol=1e-4, atol=1e-5
    )
    norms = gradients.gradient_norms(classifier, signs.images[:3], gradients.confounding())
    torch.testing.assert_close(whole.norm(dim=1), norms.norm(dim=1), rtol=1e-4, atol=1e-6)


def test_a_direction_that_was_seen_is_not_abnormal():
    known = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 1.0]])
    score = study.directions(known, torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(
        score(torch.tensor([[5.0, 0.0], [-1.0, 0.0], [1.0, 1.0]])), torch.tensor([0.0, 1.0, 1 - 0.5**0.5])
    )


def test_who_minds_nothing_climbs_the_loss_and_who_minds_all_is_seen_less(classifier, signs):
    x, y = signs.images[:14], signs.labels[:14]
    read = study.guards(classifier, signs.images, signs.labels)["distance"]
    plain, hidden = (study.minding(classifier, x, y, read, weight) for weight in (0.0, 1.0))
    assert all(
        (found - x).abs().max() <= study.EPS + 1e-6 and found.min() >= 0 and found.max() <= 1
        for found in (plain, hidden)
    )
    J = gradients.cross_entropy(y)
    assert gradients.value(classifier, plain, J).mean() > gradients.value(classifier, x, J).mean() + 1
    seen = [read(uncertainty.confounding_norms(classifier, found)).median() for found in (x, hidden)]
    assert seen[1] < seen[0]


def test_what_is_stored_is_whole_and_holds_now():
    kept = stored("outlook")
    cells = [
        tuple(r.get(k) for k in ("kind", "network", "score", "way", "size", "draw", "judge", "weight"))
        for r in kept.rows
    ]
    assert len(set(cells)) == len(cells)
    assert len(kept.where(kind="explanation")) == 3 * 7 and len(kept.where(kind="knowing")) == 3 * 2 * len(
        study.WEIGHTS
    )
    assert len([r for r in kept.rows if r["kind"] == "sketch"]) == 4 * (2 + study.DRAWS * len(study.SIZES) + 6)
    exact = kept.where(kind="sketch", way="whole")
    assert all(r["off"] < 1e-3 for r in exact) and [r["size"] for r in exact] == [78302] * 3 + [87198]
    random = [r for r in kept.rows if r.get("way") == "random"]
    assert all(r["off"] <= 1.6 / r["size"] ** 0.5 for r in random)
    assert all(r["low"] <= r["auroc"] <= r["high"] for r in kept.rows if "low" in r)
