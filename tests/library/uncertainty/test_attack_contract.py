"""Properties that every attack shares."""

import copy

import pytest
import torch
from torch import nn

from tests.library.uncertainty._peers import seeded
from tutorial_lib import uncertainty as u

ATTACKS = {
    "fgsm": lambda m, x, y, **k: u.fgsm(m, x, y, eps=0.05, **k),
    "fgsm in L2": lambda m, x, y, **k: u.fgsm(m, x, y, eps=0.5, norm=2, **k),
    "bim": lambda m, x, y, **k: u.pgd(m, x, y, eps=0.05, n_steps=4, random_start=False, **k),
    "pgd": lambda m, x, y, **k: u.pgd(m, x, y, eps=0.05, n_steps=4, generator=seeded(), **k),
    "pgd in L2": lambda m, x, y, **k: u.pgd(m, x, y, eps=0.3, norm=2, n_steps=3, generator=seeded(), **k),
    "deepfool": u.deepfool,
    "deepfool, two candidates": lambda m, x, y, **k: u.deepfool(m, x, y, n_candidates=2, n_steps=3, **k),
    "carlini_wagner": lambda m, x, y, **k: u.carlini_wagner(
        m, x, y, n_steps=8, binary_search_steps=2, initial_const=0.2, lr=0.02, **k
    ),
}
all_attacks = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
TOLERANCE = {"rtol": 0, "atol": 1e-9}


@all_attacks
def test_attack_output_matches_input_shape_dtype_and_device(attack, model, images, correct_labels, assert_unchanged):
    expected = attack(model, images, correct_labels)
    assert expected.shape == images.shape and expected.dtype == torch.float64 and not expected.requires_grad
    assert not torch.equal(expected, images) and expected.isfinite().all()
    for dtype, tolerance in ((torch.float32, 0.02), (torch.bfloat16, 0.6)):
        adversarial = attack(assert_unchanged(copy.deepcopy(model).to(dtype)), images.to(dtype), correct_labels)
        assert adversarial.dtype == dtype and adversarial.device == images.device
        assert (adversarial.double() - expected).norm() <= tolerance * max((expected - images).norm(), 1.0)


@all_attacks
def test_attack_respects_bounds_for_black_and_white_pixels(attack, model, images, correct_labels):
    x = images.round()
    adversarial = attack(model, x, correct_labels)
    assert adversarial.min() >= 0 and adversarial.max() <= 1 and adversarial.isfinite().all()


@all_attacks
def test_attack_batch_equals_single_images(attack, model, images, correct_labels):
    rows = [attack(model, images[n : n + 1], correct_labels[n : n + 1]) for n in range(5)]
    torch.testing.assert_close(attack(model, images, correct_labels), torch.cat(rows), **TOLERANCE)


@all_attacks
def test_attack_is_independent_of_other_images_in_the_batch(attack, model, images, correct_labels):
    others = torch.rand(images.shape, generator=seeded(9), dtype=images.dtype)
    others[1] = images[1]
    y = model(others).argmax(1)
    torch.testing.assert_close(attack(model, others, y)[1], attack(model, images, correct_labels)[1], **TOLERANCE)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(
        attack(model, images[order], correct_labels[order]), attack(model, images, correct_labels)[order], **TOLERANCE
    )


@all_attacks
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_attack_is_independent_of_batch_size(attack, batch_size, model, images, correct_labels):
    torch.testing.assert_close(
        attack(model, images, correct_labels, batch_size=batch_size), attack(model, images, correct_labels), **TOLERANCE
    )


@all_attacks
def test_attack_works_with_frozen_parameters_and_any_grad_mode(attack, model, images, correct_labels, assert_unchanged):
    expected = attack(model, images, correct_labels)
    frozen = assert_unchanged(copy.deepcopy(model).requires_grad_(False))
    torch.testing.assert_close(attack(frozen, images, correct_labels), expected, **TOLERANCE)
    with torch.no_grad():
        torch.testing.assert_close(attack(model, images, correct_labels), expected, **TOLERANCE)
    with torch.inference_mode():
        adversarial = attack(model, images.clone(), correct_labels.clone())
    torch.testing.assert_close(adversarial.clone(), expected, **TOLERANCE)
    leaf = images.clone().requires_grad_()
    adversarial = attack(model, leaf * 1, correct_labels)
    assert not adversarial.requires_grad and leaf.grad is None


@all_attacks
def test_attack_leaves_inputs_unchanged(attack, model, images, correct_labels):
    before, y = images.clone(), correct_labels.clone()
    attack(model, images, correct_labels)
    assert torch.equal(images, before) and torch.equal(correct_labels, y)


@all_attacks
def test_attack_preserves_module_training_flags(attack, model, images, correct_labels, assert_unchanged):
    """torchattacks sets the whole model to one mode, including layers that were put into evaluation mode on purpose."""
    mixed = copy.deepcopy(model)
    mixed.train()
    mixed.norm.eval()
    attack(assert_unchanged(mixed), images, correct_labels)
    assert mixed.training and not mixed.norm.training


@all_attacks
def test_attack_without_labels_uses_clean_predictions(attack, model, images, correct_labels):
    torch.testing.assert_close(attack(model, images, None), attack(model, images, correct_labels), **TOLERANCE)


@all_attacks
def test_attack_is_invariant_to_constant_logit_shift(attack, model, images, correct_labels, assert_unchanged):
    """torchattacks masks the runner-up by a product with zero, which is wrong where all logits are negative."""
    shifted = copy.deepcopy(model)
    with torch.no_grad():
        shifted.head.bias -= 50
    assert (assert_unchanged(shifted)(images) < 0).all()
    torch.testing.assert_close(
        attack(shifted, images, correct_labels), attack(model, images, correct_labels), rtol=0, atol=1e-7
    )


@all_attacks
@pytest.mark.parametrize("wrong", ["range", "integer", "empty", "labels", "batch statistics"])
def test_attack_rejects_invalid_input(attack, wrong, model, images, correct_labels):
    x, y = images, correct_labels
    message = {
        "range": r"to lie in \[0, 1\], got .*; pass their true bounds, keep normalization inside the model",
        "integer": "must be float",
        "empty": "at least one sample",
        "labels": "bound to [0-9]+ rows, x has 5 samples",
        "batch statistics": "BatchNorm2d 'norm' uses the statistics of the batch",
    }[wrong]
    x = {"range": 2 * x, "integer": (255 * x).to(torch.uint8), "empty": x[:0]}.get(wrong, x)
    y = {"empty": y[:0], "labels": y[:3]}.get(wrong, y)
    model.norm.train(wrong == "batch statistics")
    try:
        with pytest.raises(ValueError, match=message):
            attack(model, x, y)
    finally:
        model.norm.eval()


@all_attacks
def test_attack_accepts_vector_inputs(attack, assert_unchanged):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        small = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)).double()
    x = torch.rand(6, 4, generator=seeded(), dtype=torch.float64)
    with torch.no_grad():
        small[2].weight *= 40
        small[2].bias -= small(x).mean(0)
    adversarial = attack(assert_unchanged(small), x, None)
    assert adversarial.shape == x.shape and not torch.equal(adversarial, x)


@all_attacks
def test_attack_on_gpu_matches_cpu(attack, model, images, correct_labels, assert_unchanged, accelerator):
    expected = attack(model, images, correct_labels)
    adversarial = attack(assert_unchanged(copy.deepcopy(model).to(accelerator)), images.to(accelerator), correct_labels)
    assert adversarial.device == accelerator
    torch.testing.assert_close(adversarial.cpu(), expected, rtol=0, atol=1e-5)


def test_attack_functions_have_docstring_examples():
    for name in ("fgsm", "pgd", "deepfool", "carlini_wagner", "random_noise", "attack_success"):
        assert name in u.__all__ and ">>> " in getattr(u, name).__doc__, name
