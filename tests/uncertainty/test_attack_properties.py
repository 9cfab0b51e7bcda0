"""What holds for every attack alike."""

import copy

import pytest
import torch
from torch import nn
from uncertainty.attacked import seeded

from tutorial_lib import uncertainty as u

ATTACKS = {
    "fgsm": lambda m, x, y, **k: u.fgsm(m, x, y, eps=0.05, **k),
    "fgsm in L2": lambda m, x, y, **k: u.fgsm(m, x, y, eps=0.5, norm=2, **k),
    "bim": lambda m, x, y, **k: u.bim(m, x, y, eps=0.05, steps=4, **k),
    "bim, the best": lambda m, x, y, **k: u.bim(m, x, y, eps=0.4, step=0.2, steps=4, keep="best", **k),
    "bim, the first": lambda m, x, y, **k: u.bim(m, x, y, eps=0.2, step=0.004, steps=12, keep="first", **k),
    "pgd": lambda m, x, y, **k: u.pgd(m, x, y, eps=0.05, steps=4, generator=seeded(), **k),
    "pgd in L2, restarts": lambda m, x, y, **k: u.pgd(
        m, x, y, eps=0.3, norm=2, steps=3, restarts=3, generator=seeded(), **k
    ),
    "deepfool": u.deepfool,
    "deepfool, two candidates": lambda m, x, y, **k: u.deepfool(m, x, y, candidates=2, steps=3, **k),
    "carlini_wagner": lambda m, x, y, **k: u.carlini_wagner(m, x, y, steps=20, searches=3, c=0.1, **k),
    "carlini_wagner, confident": lambda m, x, y, **k: u.carlini_wagner(
        m, x, y, steps=20, searches=3, c=1.0, confidence=0.5, **k
    ),
}
everything = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
CLOSE = {"rtol": 0, "atol": 1e-9}


@everything
def test_shape_device_and_dtype_are_those_of_the_picture(attack, model, images, right, untouched):
    expected = attack(model, images, right)
    assert expected.shape == images.shape and expected.dtype == torch.float64 and not expected.requires_grad
    assert not torch.equal(expected, images) and expected.isfinite().all()
    for dtype, near in ((torch.float32, 0.02), (torch.bfloat16, 0.6)):
        found = attack(untouched(copy.deepcopy(model).to(dtype)), images.to(dtype), right)
        assert found.dtype == dtype and found.device == images.device
        assert (found.double() - expected).norm() <= near * max((expected - images).norm(), 1.0)


@everything
def test_the_bounds_hold_for_black_and_white(attack, model, images, right):
    x = images.round()
    found = attack(model, x, right)
    assert found.min() >= 0 and found.max() <= 1 and found.isfinite().all()


@everything
def test_a_batch_is_as_many_batches_of_one(attack, model, images, right):
    rows = [attack(model, images[n : n + 1], right[n : n + 1]) for n in range(5)]
    torch.testing.assert_close(attack(model, images, right), torch.cat(rows), **CLOSE)


@everything
def test_a_picture_does_not_depend_on_its_neighbours(attack, model, images, right):
    others = torch.rand(images.shape, generator=seeded(9), dtype=images.dtype)
    others[1] = images[1]
    y = model(others).argmax(1)
    torch.testing.assert_close(attack(model, others, y)[1], attack(model, images, right)[1], **CLOSE)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(attack(model, images[order], right[order]), attack(model, images, right)[order], **CLOSE)


@everything
@pytest.mark.parametrize("chunk", [1, 2, 7, 100])
def test_the_chunk_does_not_matter(attack, chunk, model, images, right):
    torch.testing.assert_close(attack(model, images, right, chunk=chunk), attack(model, images, right), **CLOSE)


@everything
def test_frozen_parameters_and_whatever_mode_the_caller_works_in(attack, model, images, right, untouched):
    expected = attack(model, images, right)
    frozen = untouched(copy.deepcopy(model).requires_grad_(False))
    torch.testing.assert_close(attack(frozen, images, right), expected, **CLOSE)
    with torch.no_grad():
        torch.testing.assert_close(attack(model, images, right), expected, **CLOSE)
    with torch.inference_mode():
        found = attack(model, images.clone(), right.clone())
    torch.testing.assert_close(found.clone(), expected, **CLOSE)
    leaf = images.clone().requires_grad_()
    found = attack(model, leaf * 1, right)
    assert not found.requires_grad and leaf.grad is None


@everything
def test_the_callers_pictures_stay_as_they_were(attack, model, images, right):
    before, y = images.clone(), right.clone()
    attack(model, images, right)
    assert torch.equal(images, before) and torch.equal(right, y)


@everything
def test_a_flag_of_its_own_stays_set(attack, model, images, right, untouched):
    """torchattacks puts the whole model back into one mode, and wakes a layer that was frozen on purpose."""
    mixed = copy.deepcopy(model)
    mixed.train()
    mixed.norm.eval()
    attack(untouched(mixed), images, right)
    assert mixed.training and not mixed.norm.training


@everything
def test_no_label_means_the_answer_at_the_picture_itself(attack, model, images, right):
    torch.testing.assert_close(attack(model, images, None), attack(model, images, right), **CLOSE)


@everything
def test_a_constant_added_to_all_logits_changes_nothing(attack, model, images, right, untouched):
    """torchattacks masks the runner-up by a product with zero, and takes 0 for it where all logits are negative."""
    shifted = copy.deepcopy(model)
    with torch.no_grad():
        shifted.head.bias -= 50
    assert (untouched(shifted)(images) < 0).all()
    torch.testing.assert_close(attack(shifted, images, right), attack(model, images, right), rtol=0, atol=1e-7)


@everything
@pytest.mark.parametrize("wrong", ["range", "integer", "empty", "labels", "batch statistics"])
def test_bad_input_gets_one_clear_error(attack, wrong, model, images, right):
    x, y = images, right
    said = {
        "range": r"outside the bounds \(0\.0, 1\.0\): pass their true bounds, and keep normalisation inside the model",
        "integer": "must be float",
        "empty": "at least one sample",
        "labels": "y must be integer labels",
        "batch statistics": "BatchNorm2d 'norm' uses the statistics of the batch",
    }[wrong]
    x = {"range": 2 * x, "integer": (255 * x).to(torch.uint8), "empty": x[:0]}.get(wrong, x)
    y = {"empty": y[:0], "labels": y[:3]}.get(wrong, y)
    model.norm.train(wrong == "batch statistics")
    try:
        with pytest.raises(ValueError, match=said):
            attack(model, x, y)
    finally:
        model.norm.eval()


@everything
def test_other_shapes_than_pictures(attack, untouched):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        small = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)).double()
    x = torch.rand(6, 4, generator=seeded(), dtype=torch.float64)
    with torch.no_grad():
        small[2].weight *= 40
        small[2].bias -= small(x).mean(0)
    found = attack(untouched(small), x, None)
    assert found.shape == x.shape and not torch.equal(found, x)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@everything
def test_on_a_gpu(attack, model, images, right, untouched):
    expected = attack(model, images, right)
    found = attack(untouched(copy.deepcopy(model).to("cuda")), images.to("cuda"), right)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-5)


def test_every_public_name_has_an_example():
    for name in ("fgsm", "bim", "pgd", "deepfool", "carlini_wagner", "random_noise", "fooled"):
        assert name in u.__all__ and ">>> " in getattr(u, name).__doc__, name
