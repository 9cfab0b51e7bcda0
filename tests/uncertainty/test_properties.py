"""What holds for every score of the room alike."""

import copy

import pytest
import torch

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u


def of_logits(score):
    return lambda m, x, **k: score(g.outputs(m, x, **k))


def of_features(score):
    return lambda m, x, **k: score(*g.features(m, x))


def distance(m, x, **k):
    """Learned from pictures of its own."""
    generator = torch.Generator().manual_seed(9)
    learned = torch.rand(60, 3, 12, 12, generator=generator, dtype=torch.float64).to(x)
    fitted = u.Mahalanobis(1e-3).fit(g.features(m, learned)[1], torch.arange(60, device=x.device) % 3)
    return fitted.score(g.features(m, x)[1], **k)


def detected(m, x, **k):
    generator = torch.Generator().manual_seed(9)
    learned = torch.rand(40, 3, 12, 12, generator=generator, dtype=torch.float64).to(x)
    normal, abnormal = (u.confounding_norms(m, part, by="tensor") for part in (learned[:20], learned[20:].square()))
    return u.PurviewDetector(strength=50).fit(normal, abnormal).score(u.confounding_norms(m, x, by="tensor", **k))


def with_gram(m, x, **k):
    return u.grad_trust(g.outputs(m, x), rivals=3, gram=g.gradient_gram(m, x, **k))


SCORES = {
    "max_softmax": of_logits(u.max_softmax),
    "margin": of_logits(u.margin),
    "entropy": of_logits(u.entropy),
    "energy": of_logits(u.energy),
    "grad_norm": of_features(u.grad_norm),
    "ex_grad": of_features(u.ex_grad),
    "odin": lambda m, x, **k: u.odin(m, x, temperature=5.0, step=1e-3, **k),
    "mc_dropout": lambda m, x, **k: u.mc_dropout(m, x, **k).model,
    "ensemble": lambda m, x, **k: u.ensemble([m, m], x, **k).total,
    "Mahalanobis": distance,
    "confounding_norms": lambda m, x, **k: u.confounding_norms(m, x, **k),
    "confounding_norms uniform": lambda m, x, **k: u.confounding_norms(
        m, x, "uniform", link="softmax", by="tensor", **k
    ),
    "PurviewDetector": detected,
    "grad_trust": of_logits(u.grad_trust),
    "grad_trust rivals": of_logits(lambda z: u.grad_trust(z, rivals=3)),
    "grad_trust gram": with_gram,
}
FEATURES = {"grad_norm", "ex_grad"}
everything = pytest.mark.parametrize("name", SCORES)


@everything
def test_shape_dtype_and_device_are_those_of_the_pictures(name, signs, images, untouched):
    f = SCORES[name]
    expected = f(signs, images)
    assert expected.shape[:1] == (5,) and expected.dim() == (2 if "norms" in name else 1)
    assert expected.dtype == torch.float64 and not expected.requires_grad and expected.isfinite().all()
    assert len(expected.flatten().unique()) > 1
    found = f(untouched(copy.deepcopy(signs).float()), images.float())
    assert found.dtype == torch.float32 and found.device == images.device
    assert (found.double() - expected).norm() <= 5e-3 * expected.norm()


@everything
def test_a_batch_is_as_many_batches_of_one(name, signs, images):
    f = SCORES[name]
    rows = torch.cat([f(signs, images[n : n + 1]) for n in range(5)])
    torch.testing.assert_close(f(signs, images), rows, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize("name", [name for name in SCORES if name not in FEATURES])
def test_the_chunk_does_not_matter(name, chunk, signs, images):
    f = SCORES[name]
    torch.testing.assert_close(f(signs, images, chunk=chunk), f(signs, images), rtol=1e-8, atol=1e-12)


@everything
def test_frozen_parameters_and_whatever_mode(name, signs, images, untouched):
    f, frozen = SCORES[name], untouched(copy.deepcopy(signs).requires_grad_(False))
    expected = f(signs, images)
    torch.testing.assert_close(f(frozen, images), expected, rtol=1e-10, atol=1e-14)
    with torch.no_grad():
        torch.testing.assert_close(f(signs, images), expected, rtol=1e-12, atol=1e-15)
    with torch.inference_mode():
        found = f(signs, images.clone())
    torch.testing.assert_close(found.clone(), expected, rtol=1e-12, atol=1e-15)
    leaf = images.clone().requires_grad_()
    assert not f(signs, leaf * 1).requires_grad and leaf.grad is None


@everything
def test_seeded_or_not_random_at_all(name, signs, images):
    assert torch.equal(SCORES[name](signs, images), SCORES[name](signs, images))


def test_other_masks_from_another_seed(signs, images):
    found = [u.mc_dropout(signs, images, generator=torch.Generator().manual_seed(seed)).model for seed in (0, 0, 1)]
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


@everything
@pytest.mark.parametrize("wrong", ["not finite", "empty", "batch statistics"])
def test_bad_input_gets_one_clear_error(name, wrong, signs, images):
    said = {
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
        with pytest.raises(ValueError, match=said):
            SCORES[name](signs, x)
    finally:
        signs.norm.eval()


@everything
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu(name, signs, images, untouched):
    expected = SCORES[name](signs, images)
    found = SCORES[name](untouched(copy.deepcopy(signs).to("cuda")), images.to("cuda"))
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-6, atol=1e-9)


def test_every_public_name_has_an_example():
    for name in u.__all__:
        if name not in ("Fold", "Votes"):
            assert ">>> " in getattr(u, name).__doc__, name
