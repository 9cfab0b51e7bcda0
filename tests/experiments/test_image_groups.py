"""Tests of the groups of images and of their features."""

import pytest
import torch
from torch import nn

from experiments import _image_groups as f
from experiments import _ood_detectors as detectors
from experiments._image_groups import CONTROL, NORMAL, make_generator
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import CORRUPTIONS, SEVERITIES


class ColorClassifier(nn.Module):
    """A small network with confident predictions: the logit of class c grows with the brightness of channel c."""

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


def test_dropout_disagreement_matches_masks_on_the_features():
    with torch.random.fork_rng([]):
        linear = nn.Linear(16, 10).double()
    h = torch.rand(5, 16, generator=make_generator(1), dtype=torch.float64)
    masks = torch.rand(6, 16, generator=make_generator(4)) >= 0.3
    p = torch.stack([(h * m / 0.7) @ linear.weight.T + linear.bias for m in masks]).detach().softmax(2)
    entropy = lambda q: -(q * q.log()).sum(-1)
    disagreement = f.dropout_disagreement(h, linear, p=0.3, n_samples=6, seed=4)
    torch.testing.assert_close(disagreement, entropy(p.mean(0)) - entropy(p).mean(0), rtol=1e-8, atol=1e-12)
    assert (f.dropout_disagreement(h, linear, p=0.0).abs() < 1e-14).all()


def colored_images(n, seed=0):
    labels = torch.arange(n) % 3
    x = 0.3 * torch.rand(n, 3, 8, 8, generator=make_generator(seed))
    x[torch.arange(n), labels] += 0.6
    return x, labels


@pytest.fixture(scope="module")
def group_features():
    """Return a small network and the features of normal images and of a group of every family."""
    model = ColorClassifier().eval()
    x, labels = colored_images(60)
    images = torch.arange(60)
    normal = f.extract_features(model, f.make_group(NORMAL, NORMAL, x, labels, images))
    train_features = f.extract_features(model, f.make_group("train", NORMAL, *colored_images(90, 5)))
    sets = [
        f.make_group(
            "grey",
            "other datasets",
            0.5 * torch.rand(40, 1, 8, 8, generator=make_generator(1)).expand(-1, 3, -1, -1).clone(),
        )
    ]
    sets += [f.make_group("bright", "textures", 0.9 + 0.1 * torch.rand(40, 3, 8, 8, generator=make_generator(2)))]
    sets += list(f.corruption_groups(x, labels, 0, 6))[:2] + list(f.adversarial_groups(model, x, labels, 0, 50))
    return model, normal, f.fit_statistics(train_features), [f.extract_features(model, s) for s in sets]


def test_corruption_groups_keep_image_ids():
    x, labels = colored_images(12)
    sets = list(f.corruption_groups(x, labels, 0, 4))
    assert [s.name for s in sets] == list(CORRUPTIONS)
    for s in sets:
        assert s.images.shape == (20, 3, 8, 8) and s.level.tolist() == [level for level in SEVERITIES for _ in range(4)]
        assert torch.equal(s.labels, labels[s.image_ids])
    noise = sets[CORRUPTIONS.index("noise")]
    corrupted = f.corrupt(x[torch.arange(4, 8)], "noise", 2, generator=make_generator(0))
    torch.testing.assert_close(noise.images[4:8], corrupted)
    far = [
        f.make_group(name, "other datasets", x) for name in ("gtsrb", "mnist", "tsrgb")
    ]  # the last name is an anagram of the first
    image_ids = torch.cat([s.image_ids for s in (*far, sets[0])])
    assert len(image_ids.unique()) == 3 * 12 + 12 and torch.equal(
        far[0].image_ids, f.make_group("gtsrb", "other datasets", x).image_ids
    )


def test_synthetic_textures_of_different_kinds_have_different_colors(monkeypatch):
    monkeypatch.setattr(f, "is_available", lambda name: False)
    groups = list(f.far_ood_groups({"gtsrb": "other datasets"}, 8, 9, "cpu", 0))
    assert [s.name for s in groups] == list(f.TEXTURES)
    ranges = [(s.images.amin((2, 3)), s.images.amax((2, 3))) for s in groups]
    for i, (low, high) in enumerate(ranges):
        for other_low, other_high in ranges[:i]:
            assert (low - other_low).abs().mean() > 0.1 and (high - other_high).abs().mean() > 0.1
    states = {f.texture_generator(kind, seed).initial_seed() for kind in f.TEXTURES for seed in range(4)}
    assert states == set(range(4 * len(f.TEXTURES)))


@pytest.mark.parametrize(("n", "limit"), [(1760, 120), (3000, 81), (1200, 81), (30, 10)])
def test_image_sets_have_no_image_in_common(n, limit):
    assert f.spread_indices(n, limit).tolist() == torch.linspace(0, n - 1, limit).long().tolist()
    first, second = (set(f.spread_indices(n, 2 * limit).tolist()), set(f.spread_indices(n, limit, 1).tolist()))
    assert len(second) == limit and min(second) >= 0 and max(second) < n
    assert not first & second


def test_adversarial_groups_keep_only_successful_attacks(group_features):
    model, *_ = group_features
    x, labels = colored_images(60)
    labels = torch.where(torch.arange(60) < 6, (labels + 1) % 3, labels)  # misclassified before the attack
    for s in f.adversarial_groups(model, x, labels, 0, 50):
        assert (s.images - x[s.image_ids]).abs().max() <= f.EPS + 1e-6 and (s.image_ids >= 6).all()
        predictions = g.model_outputs(model, s.images).argmax(1)
        if s.family == "attacks":
            assert (predictions != s.labels).all()
        else:
            assert s.family == CONTROL and len(s.images) == 50


def test_extract_features_matches_library(group_features):
    model, normal, statistics, sets = group_features
    x, _ = colored_images(60)
    torch.testing.assert_close(normal.ones, u.confounding_gradient_norms(model, x, group_by="tensor"))
    torch.testing.assert_close(normal.activations, u.activation_norms(model, x))
    scores, log = detectors.detector_inputs(normal, statistics)["six scores"]
    assert scores.shape == (60, 6) and scores.isfinite().all() and not log
    assert torch.equal(detectors.detector_inputs(normal, statistics)["features"][0], normal.h)
    assert f.extract_features(model, f.make_group(NORMAL, NORMAL, x), with_passes=False).passes == {}
