"""FGSM, BIM and PGD: naive loops, peer libraries, budgets and bounds."""

import copy
import math

import pytest
import torch
from torch import nn

from tests.library.uncertainty._peers import import_peer, seeded
from tutorial_lib import uncertainty as u
from tutorial_lib.uncertainty.attacks import random_start_point

EPS, STEP = 0.06, 0.02


def bim(model, x, y=None, **options):
    """Return the images of the basic iterative method, which is PGD from the images themselves."""
    return u.pgd(model, x, y, random_start=False, **options)


def naive_bim(model, x, y, eps, step, steps, norm=math.inf, bounds=(0.0, 1.0)):
    """Attack one image after the other, with the projection of the formula."""
    adversarial = []
    for image, label in zip(x, y):
        at = image.clone()
        for _ in range(steps):
            leaf = at.clone().requires_grad_()
            loss = nn.functional.cross_entropy(model(leaf[None]), label[None])
            (slope,) = torch.autograd.grad(loss, leaf)
            change = at + step * (slope.sign() if norm == math.inf else slope / slope.norm()) - image
            change = change.clamp(-eps, eps) if norm == math.inf else change * min(1, (eps / change.norm()).item())
            at = (image + change).clamp(*bounds)
        adversarial.append(at)
    return torch.stack(adversarial)


@pytest.mark.parametrize("norm, eps, step", [("inf", EPS, STEP), (2, 0.8, 0.3)])
@pytest.mark.parametrize("steps", [1, 4])
def test_bim_matches_naive_loop(norm, eps, step, steps, model, images, correct_labels):
    expected = naive_bim(model, images, correct_labels, eps, step, steps, float(norm))
    adversarial = bim(model, images, correct_labels, eps=eps, alpha=step, n_steps=steps, norm=norm)
    torch.testing.assert_close(adversarial, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["inf", 2])
def test_fgsm_matches_naive_loop_and_one_step_bim(norm, model, images, correct_labels):
    expected = naive_bim(model, images, correct_labels, EPS, EPS, 1, float(norm))
    adversarial = u.fgsm(model, images, correct_labels, eps=EPS, norm=norm)
    torch.testing.assert_close(adversarial, expected, rtol=0, atol=1e-12)
    assert torch.equal(bim(model, images, correct_labels, eps=EPS, alpha=EPS, n_steps=1, norm=norm), adversarial)


def test_fgsm_bim_and_pgd_match_torchattacks(model, images, correct_labels):
    torchattacks = import_peer("torchattacks")
    made = {
        u.fgsm(model, images, correct_labels, eps=EPS): torchattacks.FGSM(model, eps=EPS),
        bim(model, images, correct_labels, eps=EPS, alpha=STEP, n_steps=7): torchattacks.BIM(
            model, eps=EPS, alpha=STEP, steps=7
        ),
        u.pgd(model, images, correct_labels, eps=EPS, alpha=STEP, n_steps=7, random_start=False): torchattacks.PGD(
            model, eps=EPS, alpha=STEP, steps=7, random_start=False
        ),
    }
    for ours, attack in made.items():
        torch.testing.assert_close(ours, attack(images, correct_labels), rtol=0, atol=1e-12)


def test_bim_matches_foolbox(model, images, correct_labels):
    foolbox = import_peer("foolbox")
    theirs = foolbox.PyTorchModel(
        copy.deepcopy(model), bounds=(0, 1), device="cpu"
    )  # foolbox leaves gradients on the model
    attack = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=STEP, steps=7, random_start=False)
    adversarial = attack.run(theirs, images, foolbox.criteria.Misclassification(correct_labels), epsilon=EPS)
    torch.testing.assert_close(
        bim(model, images, correct_labels, eps=EPS, alpha=STEP, n_steps=7), adversarial, rtol=0, atol=1e-12
    )


# Budgets and bounds.

ATTACKS = {
    "fgsm": lambda m, x, y, **k: u.fgsm(m, x, y, **k),
    "bim": bim,
    "pgd": lambda m, x, y, **k: u.pgd(m, x, y, generator=seeded(), **k),
}
all_attacks = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())


@all_attacks
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm, eps", [("inf", 8 / 255), ("inf", 0.3), (2, 0.5), (2, 5.0), (math.inf, 0.0)])
def test_gradient_attacks_respect_budget_and_bounds(
    attack, norm, eps, dtype, model, images, correct_labels, assert_unchanged
):
    model = assert_unchanged(copy.deepcopy(model).to(dtype))
    x = images.to(dtype).clone()
    x[0], x[1] = 0.0, 1.0  # black and white: the bounds block half of all directions
    adversarial = attack(model, x, correct_labels, eps=eps, norm=norm)
    change = adversarial - x
    size = change.abs().amax() if float(norm) == math.inf else change.flatten(1).norm(dim=1).amax()
    assert size <= eps + 1e-6 and adversarial.min() >= 0 and adversarial.max() <= 1
    assert size >= 0.3 * eps or eps == 5.0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("norm, eps", [("inf", 8 / 255), ("inf", 0.3), (2, 0.5)])
def test_rounding_never_exceeds_the_budget(norm, eps, dtype, model, images, correct_labels, assert_unchanged):
    """In bfloat16, two numbers above 1/2 are 1/256 apart, so that x + ε is rounded by up to 1/512."""
    model, x = assert_unchanged(copy.deepcopy(model).to(dtype)), images.to(dtype)
    made = [attack(model, x, correct_labels, eps=eps, norm=norm) for attack in ATTACKS.values()]
    radii = torch.full((len(x),), eps, dtype=torch.float64)
    for adversarial in [*made, u.random_noise(x, eps=eps, norm=norm), u.random_noise(x, eps=radii, norm=norm)]:
        change = adversarial.double() - x.double()
        size = change.abs().amax() if norm == "inf" else change.flatten(1).norm(dim=1).amax()
        assert 0.5 * eps < size <= eps * (1 + torch.finfo(torch.promote_types(dtype, torch.float32)).eps)
        assert (adversarial - x).abs().amax() <= eps


def test_bounds_are_rounded_like_the_pixels(images, model):
    """Bounds of normalized images, which neither float32 nor bfloat16 holds exactly."""
    bounds = (-0.485 / 0.229, 0.594 / 0.225)
    for dtype in (torch.float32, torch.bfloat16):
        x = (bounds[0] + (bounds[1] - bounds[0]) * images.round()).to(dtype)
        noisy = u.random_noise(x, eps=0.05, bounds=bounds)
        assert not torch.equal(noisy, x) and u.random_noise(noisy, eps=0.05, bounds=bounds).isfinite().all()


@all_attacks
def test_gradient_attacks_support_custom_bounds(attack, model, images, correct_labels):
    shifted = nn.Sequential(Shifted(), model).eval()
    adversarial = attack(shifted, 2 * images - 1, correct_labels, eps=2 * EPS, bounds=(-1, 1))
    torch.testing.assert_close(adversarial, 2 * attack(model, images, correct_labels, eps=EPS) - 1, rtol=0, atol=1e-10)


class Shifted(nn.Module):
    def forward(self, x):
        return (x + 1) / 2


@pytest.mark.parametrize("norm", ["inf", 2])
def test_bim_returns_input_for_constant_model(norm, images, assert_unchanged):
    blind = nn.Sequential(nn.Flatten(), nn.Linear(432, 5)).double()
    nn.init.zeros_(blind[1].weight)
    assert_unchanged(blind)
    assert torch.equal(bim(blind, images, 0, eps=EPS, norm=norm), images)


def test_random_noise_has_requested_norm_and_random_direction(images):
    x = 0.5 + 0.2 * (images - 0.5)
    change = u.random_noise(x, eps=EPS) - x
    torch.testing.assert_close(change.abs(), torch.full_like(x, EPS), rtol=0, atol=1e-12)
    assert 0.4 < (change > 0).double().mean() < 0.6
    sizes = torch.linspace(0.1, 0.5, 5, dtype=x.dtype)
    each = (u.random_noise(x, eps=sizes / 4) - x).abs().flatten(1)
    torch.testing.assert_close(each, (sizes / 4).view(5, 1).expand_as(each), rtol=0, atol=1e-12)
    change = u.random_noise(x, eps=sizes, norm=2) - x
    torch.testing.assert_close(change.flatten(1).norm(dim=1), sizes, rtol=0, atol=1e-12)
    directions = nn.functional.normalize(change.flatten(1))
    assert (directions @ directions.T - torch.eye(5)).abs().max() < 0.3
    assert torch.equal(u.random_noise(x[:2], eps=EPS), u.random_noise(x, eps=EPS)[:2])


# The random start.


@pytest.mark.parametrize("norm", ["inf", 2])
def test_random_start_is_uniform_in_the_norm_ball(norm, images):
    x, generator = images[:1, :1, :2, :2], seeded()
    fields = torch.stack([random_start_point(x, norm, generator).flatten() for _ in range(4000)])
    size = fields.abs().amax(1) if norm == "inf" else fields.norm(dim=1)
    # In d dimensions, the share of the unit ball within radius r is r to the power of d.
    for radius in (0.5, 0.8, 0.95):
        assert (size < radius).double().mean().item() == pytest.approx(radius**4, abs=0.03)
    assert size.max() <= 1 and fields.mean().abs() < 0.02


def test_pgd_is_seeded(model, images, correct_labels):
    attack = lambda seed: u.pgd(model, images, correct_labels, eps=EPS, n_steps=2, generator=seeded(seed))
    assert torch.equal(attack(1), attack(1)) and not torch.equal(attack(1), attack(2))
    assert torch.equal(u.pgd(model, images, correct_labels, eps=EPS, n_steps=2), attack(0))
    generator = seeded()
    first = u.pgd(model, images, correct_labels, eps=EPS, n_steps=2, generator=generator)
    assert not torch.equal(u.pgd(model, images, correct_labels, eps=EPS, n_steps=2, generator=generator), first)


# Labels.


def test_gradient_attacks_without_labels_use_clean_predictions(model, images, correct_labels):
    for attack in ATTACKS.values():
        assert torch.equal(attack(model, images, None, eps=EPS), attack(model, images, correct_labels, eps=EPS))
    assert torch.equal(bim(model, images, 3, eps=EPS), bim(model, images, torch.full((5,), 3), eps=EPS))


def test_attack_success_counts_only_correctly_classified_images(model, images, correct_labels):
    y = correct_labels.clone()
    y[0] = (y[0] + 1) % 10
    adversarial = images.clone()
    adversarial[:3] = bim(model, images, correct_labels, eps=0.3)[:3]
    lost = model(adversarial).argmax(1) != correct_labels
    assert lost[:3].all() and not lost[3:].any()
    counts, fell = u.attack_success(model, images, adversarial, y)
    assert counts.tolist() == [False, True, True, True, True] and fell.tolist() == [False, True, True, False, False]
    counts, fell = u.attack_success(model, images, adversarial)
    assert counts.all() and fell.sum() == 3


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m, x: u.fgsm(m, 2 * x, eps=0.1), r"to lie in \[0, 1\], got values from .*; pass their true bounds"),
        (lambda m, x: u.fgsm(m, (255 * x).to(torch.uint8), eps=0.1), "must be float"),
        (lambda m, x: u.fgsm(m, x / 0 * 0, eps=0.1), "the images to lie in .* from nan to nan"),
        (lambda m, x: u.fgsm(m, x, eps=0.1, norm=1), "norm is 'inf'"),
        (lambda m, x: u.fgsm(m, x, eps=0.1, norm="max"), "norm is 'inf'"),
        (lambda m, x: u.fgsm(m, x, torch.arange(4), eps=0.1), "bound to 4 rows, x has 5 samples"),
        (lambda m, x: u.fgsm(m, x, torch.full((5,), 10), eps=0.1), "labels must lie in 0…9"),
        (lambda m, x: bim(m, x, eps=0.1, n_steps=0), "n_steps must be a whole number above 0"),
        (lambda m, x: u.fgsm(m, x, eps=-0.1), "eps must be a finite number of at least 0"),
        (lambda m, x: u.attack_success(m, x, x[1:]), "must have the shape of x"),
        (lambda m, x: u.random_noise(x, eps=torch.ones(3)), "one number for all images or one per image"),
    ],
)
def test_gradient_attacks_reject_invalid_input(call, message, model, images):
    with pytest.raises(ValueError, match=message):
        call(model, images)
