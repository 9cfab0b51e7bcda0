"""Properties that every uncertainty score shares."""

import copy

import pytest
import torch

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u


def score_from_logits(score):
    return lambda m, x, **k: score(g.model_outputs(m, x, **k))


def score_from_features(score):
    return lambda m, x, **k: score(*g.penultimate_features(m, x))


def mahalanobis_score(m, x, **k):
    """Return the scores of a detector that is fitted on separate random images."""
    generator = torch.Generator().manual_seed(9)
    train_images = torch.rand(60, 3, 12, 12, generator=generator, dtype=torch.float64).to(x)
    fitted = u.MahalanobisDetector(1e-3).fit(
        g.penultimate_features(m, train_images)[1], torch.arange(60, device=x.device) % 3
    )
    return fitted.score(g.penultimate_features(m, x)[1], **k)


def purview_score(m, x, **k):
    generator = torch.Generator().manual_seed(9)
    learned = torch.rand(40, 3, 12, 12, generator=generator, dtype=torch.float64).to(x)
    normal, abnormal = (
        u.confounding_gradient_norms(m, part, group_by="tensor") for part in (learned[:20], learned[20:].square())
    )
    return u.PurviewDetector().fit(normal, abnormal).score(u.confounding_gradient_norms(m, x, group_by="tensor", **k))


def grad_trust_from_gram(m, x, **k):
    return u.grad_trust(g.model_outputs(m, x), n_counterfactuals=3, gram=g.class_gradient_gram(m, x, **k))


SCORES = {
    "max_softmax": score_from_logits(u.msp_score),
    "margin": score_from_logits(u.margin_score),
    "entropy": score_from_logits(u.entropy_score),
    "energy": score_from_logits(u.energy_score),
    "grad_norm": score_from_features(u.gradnorm_score),
    "ex_grad": score_from_features(u.exgrad_score),
    "odin": lambda m, x, **k: u.odin_score(m, x, temperature=5.0, eps=1e-3, **k),
    "ensemble": lambda m, x, **k: u.deep_ensemble([m, m], x, **k).predictive_entropy,
    "Mahalanobis": mahalanobis_score,
    "confounding_norms": lambda m, x, **k: u.confounding_gradient_norms(m, x, **k),
    "confounding_norms uniform": lambda m, x, **k: u.confounding_gradient_norms(
        m, x, "uniform", activation="softmax", group_by="tensor", **k
    ),
    "activation norms": u.activation_norms,
    "PurviewDetector": purview_score,
    "grad_trust": score_from_logits(u.grad_trust),
    "grad_trust counterfactuals": score_from_logits(lambda z: u.grad_trust(z, n_counterfactuals=3)),
    "grad_trust gram": grad_trust_from_gram,
}
FEATURE_SCORES = {"grad_norm", "ex_grad"}
all_scores = pytest.mark.parametrize("name", SCORES)


@all_scores
def test_uncertainty_score_matches_input_dtype_and_device(name, signs, images, assert_unchanged):
    f = SCORES[name]
    expected = f(signs, images)
    assert expected.shape[:1] == (5,) and expected.dim() == (2 if "norms" in name else 1)
    assert expected.dtype == torch.float64 and not expected.requires_grad and expected.isfinite().all()
    assert len(expected.flatten().unique()) > 1
    scores = f(assert_unchanged(copy.deepcopy(signs).float()), images.float())
    assert scores.dtype == torch.float32 and scores.device == images.device
    assert (scores.double() - expected).norm() <= 5e-3 * expected.norm()


@all_scores
def test_uncertainty_score_batch_equals_single_images(name, signs, images):
    f = SCORES[name]
    rows = torch.cat([f(signs, images[n : n + 1]) for n in range(5)])
    torch.testing.assert_close(f(signs, images), rows, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
@pytest.mark.parametrize("name", [name for name in SCORES if name not in FEATURE_SCORES])
def test_uncertainty_score_is_independent_of_batch_size(name, batch_size, signs, images):
    f = SCORES[name]
    torch.testing.assert_close(f(signs, images, batch_size=batch_size), f(signs, images), rtol=1e-8, atol=1e-12)


@all_scores
def test_uncertainty_score_works_with_frozen_weights_and_any_grad_mode(name, signs, images, assert_unchanged):
    f, frozen = SCORES[name], assert_unchanged(copy.deepcopy(signs).requires_grad_(False))
    expected = f(signs, images)
    torch.testing.assert_close(f(frozen, images), expected, rtol=1e-10, atol=1e-14)
    with torch.no_grad():
        torch.testing.assert_close(f(signs, images), expected, rtol=1e-12, atol=1e-15)
    with torch.inference_mode():
        scores = f(signs, images.clone())
    torch.testing.assert_close(scores.clone(), expected, rtol=1e-12, atol=1e-15)
    leaf = images.clone().requires_grad_()
    assert not f(signs, leaf * 1).requires_grad and leaf.grad is None


@all_scores
def test_uncertainty_score_is_deterministic(name, signs, images):
    assert torch.equal(SCORES[name](signs, images), SCORES[name](signs, images))


@all_scores
@pytest.mark.parametrize("wrong", ["not finite", "empty", "batch statistics"])
def test_uncertainty_score_rejects_invalid_input(name, wrong, signs, images):
    message = {
        "not finite": r"outputs are not finite for rows \[2",
        "empty": "at least one sample",
        "batch statistics": "BatchNorm2d 'norm' uses the statistics of the batch",
    }[wrong]
    x = images.clone()
    if wrong == "not finite":
        x[2] = torch.nan
    elif wrong == "empty":
        x = x[:0]
    else:
        signs.norm.train()
    try:
        with pytest.raises(ValueError, match=message):
            SCORES[name](signs, x)
    finally:
        signs.norm.eval()


@all_scores
def test_uncertainty_score_on_gpu_matches_cpu(name, signs, images, assert_unchanged, accelerator):
    expected = SCORES[name](signs, images)
    scores = SCORES[name](assert_unchanged(copy.deepcopy(signs).to(accelerator)), images.to(accelerator))
    assert scores.device == accelerator
    torch.testing.assert_close(scores.cpu(), expected, rtol=1e-6, atol=1e-9)


@all_scores
def test_uncertainty_score_on_gpu_accepts_bfloat16_and_is_unchanged_by_autocast(name, signs, images, accelerator):
    f = SCORES[name]
    half = f(copy.deepcopy(signs).to(accelerator, torch.bfloat16), images.to(accelerator, torch.bfloat16))
    assert half.dtype == torch.bfloat16 and half.device == accelerator and half.isfinite().all()
    model, x = copy.deepcopy(signs).to(accelerator, torch.float32), images.to(accelerator, torch.float32)
    expected = f(model, x)
    with torch.autocast(accelerator.type, torch.bfloat16):
        torch.testing.assert_close(f(model, x), expected, rtol=1e-4, atol=1e-5)


def test_uncertainty_functions_have_docstring_examples():
    for name in u.__all__:
        if name not in ("Fold", "PredictiveUncertainty"):
            assert ">>> " in getattr(u, name).__doc__, name
