"""Tests of the experiment on open questions."""

import pytest
import torch

from experiments import open_questions as study
from tutorial_course.results import load_result
from tutorial_lib import gradients, models, uncertainty
from tutorial_lib.data import load


@pytest.fixture(scope="module")
def classifier():
    return models.load("signs/classifier")


@pytest.fixture(scope="module")
def signs():
    return load("signs", "test", limit=56)


def test_shift_images_returns_realigned_maps(classifier, signs):
    x, labels = signs.images[:4], signs.labels[:4]
    maps = study.contrast(classifier, x, labels, (labels + 1) % 14)
    realigned = study.shift_images(classifier, x, labels, (labels + 1) % 14)
    assert len(realigned) == 4 and all(m.shape == maps.shape for m in realigned)
    assert (
        study.map_distance(maps, realigned).mean()
        < 0.5 * study.map_distance(maps, [m.roll(12, 2) for m in realigned]).mean()
    )


def test_keep_correct_keeps_pairs_correct_for_every_model(classifier):
    loaded_models = {name: models.load(name) for name in study.CLASSIFIERS[:2]}
    x, truth, P, Q = study.keep_correct(loaded_models, 2, 0, "cpu")
    assert len(x) == len(truth) == len(P) == len(Q) and 0 < len(x) <= 28 and truth.dtype == torch.bool
    assert all((gradients.model_outputs(m, x).argmax(1) == P).all() for m in loaded_models.values()) and (P != Q).all()


def test_truncated_sketch_equals_direct_sketch(classifier, signs):
    whole = study.flat_gradients(classifier, signs.images[:3])
    large = study.random_sketch(whole, 64, study.make_generator(1))
    generator = study.make_generator(1)
    place = torch.randint(64, (whole.shape[1],), generator=generator) % 8
    sign = 2.0 * torch.randint(2, (whole.shape[1],), generator=generator) - 1
    torch.testing.assert_close(
        study.truncated_sketch(large, 8), torch.zeros(3, 8).index_add(1, place, whole * sign), rtol=1e-4, atol=1e-5
    )
    norms = gradients.per_sample_gradient_norms(classifier, signs.images[:3], gradients.confounding_label_loss())
    torch.testing.assert_close(whole.norm(dim=1), norms.norm(dim=1), rtol=1e-4, atol=1e-6)


def test_class_direction_basis_scores_known_directions_zero():
    known = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 1.0]])
    score = study.class_direction_basis(known, torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(
        score(torch.tensor([[5.0, 0.0], [-1.0, 0.0], [1.0, 1.0]])), torch.tensor([0.0, 1.0, 1 - 0.5**0.5])
    )


def test_regularized_step_raises_loss_or_lowers_detector_score(classifier, signs):
    x, y = signs.images[:14], signs.labels[:14]
    score = study.gradient_regularization(classifier, signs.images, signs.labels)["distance"]
    plain, hidden = (study.regularized_step(classifier, x, y, score, weight) for weight in (0.0, 1.0))
    assert all(
        (images - x).abs().max() <= study.EPS + 1e-6 and images.min() >= 0 and images.max() <= 1
        for images in (plain, hidden)
    )
    J = gradients.cross_entropy(y)
    assert (
        gradients.objective_values(classifier, plain, J).mean()
        > gradients.objective_values(classifier, x, J).mean() + 1
    )
    medians = [score(uncertainty.confounding_gradient_norms(classifier, images)).median() for images in (x, hidden)]
    assert medians[1] < medians[0]


def test_open_questions_table_is_complete():
    table = load_result("open_questions")
    cells = ["kind", "network", "score", "method", "size", "draw", "detector", "weight"]
    assert not table.duplicated(cells).any()
    assert table["kind"].value_counts().to_dict() == {
        "explanation": 3 * 7,
        "adaptive": 3 * 2 * len(study.WEIGHTS),
        "sketch": 4 * (2 + study.N_DRAWS * len(study.SIZES) + 6),
    }
    exact, random = table.query("method == 'whole'"), table.query("method == 'random'")
    assert (exact["error"] < 1e-3).all() and exact["size"].tolist() == [78302] * 3 + [87198]
    assert (random["error"] <= 1.6 / random["size"] ** 0.5).all()
    intervals = table.dropna(subset="low")
    assert intervals["auroc"].between(intervals["low"], intervals["high"]).all()
