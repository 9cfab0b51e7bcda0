"""Minimal perturbations by DeepFool and Carlini and Wagner, compared with closed forms, naive loops and foolbox."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.library.uncertainty._peers import import_peer, seeded
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u


def perturbation_norms(adversarial, x):
    return (adversarial - x).flatten(1).norm(dim=1)


@pytest.fixture
def affine(assert_unchanged):
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 6)).double()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_((0.5 if p.dim() > 1 else 0.1) * torch.randn(p.shape, generator=seeded(4), dtype=p.dtype))
    return assert_unchanged(network)


@pytest.fixture
def points():
    return 0.5 * torch.randn(40, 3, 2, 2, generator=seeded(5), dtype=torch.float64)


def nearest_boundaries(affine, x):
    """Return the distance |f_k| / ‖w_k‖ to every boundary, and the predictions."""
    z, W = affine(x).detach(), affine[1].weight.detach()
    y = z.argmax(1)
    f = z - z.gather(1, y[:, None])
    w = (W[None] - W[y][:, None]).norm(dim=2)
    return torch.where(w > 0, f.abs() / w, torch.inf), y


# DeepFool.


def test_deepfool_step_reaches_boundary_of_affine_network(affine, points):
    distance, y = nearest_boundaries(affine, points)
    adversarial = u.deepfool(affine, points, overshoot=0, n_steps=1, bounds=(-9, 9))
    z = affine(adversarial)
    top_two = z.topk(2).values
    torch.testing.assert_close(top_two[:, 0], top_two[:, 1], rtol=0, atol=1e-12)
    torch.testing.assert_close(perturbation_norms(adversarial, points), distance.min(1).values, rtol=1e-12, atol=0)
    assert {0, 5} <= set(y.tolist()), "the predictions should include the first and the last class"


def test_deepfool_overshoot_scales_the_perturbation(affine, points):
    distance, y = nearest_boundaries(affine, points)
    adversarial = u.deepfool(affine, points, overshoot=0.1, bounds=(-9, 9))
    torch.testing.assert_close(
        perturbation_norms(adversarial, points), 1.1 * distance.min(1).values, rtol=1e-12, atol=0
    )
    assert (affine(adversarial).argmax(1) == distance.argmin(1)).all() and (affine(adversarial).argmax(1) != y).all()


def naive_deepfool(model, x, y, steps, overshoot):
    adversarial = []
    for image, label in zip(x, y.tolist()):
        at, perturbation = image.clone(), torch.zeros_like(image)
        for step in range(steps):
            leaf = at.clone().requires_grad_()
            z = model(leaf[None])[0]
            if z.argmax() != label:
                break
            candidates = []
            for k in range(len(z)):
                if k != label:
                    (w,) = torch.autograd.grad(z[k] - z[label], leaf, retain_graph=True)
                    candidates.append(((z[k] - z[label]).abs().detach() / w.norm(), w))
            distance, w = min(candidates, key=lambda pair: pair[0].item())
            perturbation = perturbation + (distance + (1e-4 if step else 0)) * w / w.norm()
            at = (image + (1 + overshoot) * perturbation).clamp(0, 1)
        adversarial.append(at)
    return torch.stack(adversarial)


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_deepfool_matches_naive_loop(steps, model, images, correct_labels):
    expected = naive_deepfool(model, images, correct_labels, steps, 0.02)
    torch.testing.assert_close(u.deepfool(model, images, correct_labels, n_steps=steps), expected, rtol=0, atol=1e-10)


def test_deepfool_perturbation_is_not_larger_than_foolbox(model, images, correct_labels):
    foolbox = import_peer("foolbox")
    x = torch.rand(24, 3, 12, 12, generator=seeded(2), dtype=torch.float64)
    y = model(x).argmax(1)
    theirs = foolbox.PyTorchModel(copy.deepcopy(model), bounds=(0, 1), device="cpu")
    other = foolbox.attacks.L2DeepFoolAttack().run(theirs, x, foolbox.criteria.Misclassification(y)).detach()
    ours = u.deepfool(model, x, y)
    fell, others = u.attack_success(model, x, ours, y)[1], u.attack_success(model, x, other, y)[1]
    assert fell.sum() >= others.sum() and fell.all()
    assert perturbation_norms(ours, x).mean() <= perturbation_norms(other, x).mean()
    # foolbox also lengthens the first step by 10⁻⁴ and is otherwise the same.
    torch.testing.assert_close(perturbation_norms(ours, x), perturbation_norms(other, x), rtol=0.02, atol=5e-4)


def test_deepfool_returns_misclassified_images_unchanged(model, images, correct_labels):
    y = correct_labels.clone()
    y[2] = (y[2] + 1) % 10
    adversarial = u.deepfool(model, images, y)
    assert torch.equal(adversarial[2], images[2])
    keep = torch.tensor([0, 1, 3, 4])
    torch.testing.assert_close(adversarial[keep], u.deepfool(model, images, correct_labels)[keep], rtol=0, atol=1e-12)


class CurvedBoundary(nn.Module):
    """A boundary that curves away from an approaching point: z_0 − z_1 = ‖x‖² − r², so that every step is too short."""

    def forward(self, x):
        gap = x.flatten(1).square().sum(1) - 0.5
        return torch.stack([gap, torch.zeros_like(gap)], 1)


def test_deepfool_crosses_curved_boundary():
    x = torch.full((3, 3, 4, 4), 0.5) + 0.3 * torch.arange(3.0).view(3, 1, 1, 1).div(2)
    adversarial = u.deepfool(CurvedBoundary(), x, overshoot=0)
    assert u.attack_success(CurvedBoundary(), x, adversarial)[1].all()
    minimum = x.flatten(1).norm(dim=1) - 0.5**0.5
    assert (perturbation_norms(adversarial, x) - minimum <= 2e-3).all()


def test_deepfool_returns_perturbation_even_if_not_successful(model, images, correct_labels):
    biased = copy.deepcopy(model)
    with torch.no_grad():
        biased.head.bias += 30 * nn.functional.one_hot(torch.tensor(7), 10)
    adversarial = u.deepfool(biased, images, n_steps=1)
    assert (biased(adversarial).argmax(1) == 7).any() and (perturbation_norms(adversarial, images) > 0).all()


def test_deepfool_and_carlini_wagner_return_input_for_constant_model(images):
    blind = nn.Sequential(nn.Flatten(), nn.Linear(432, 5)).double()
    with torch.no_grad():
        blind[1].weight.zero_()
        blind[1].bias.copy_(torch.arange(5.0))
    assert torch.equal(u.deepfool(blind, images), images)
    assert torch.equal(u.carlini_wagner(blind, images, n_steps=5, binary_search_steps=2), images)


def flops(f):
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops()


def test_deepfool_flops_and_forward_passes_are_bounded(model, images, correct_labels):
    """One forward and one backward pass per class; torchattacks takes single images, foolbox repeats forward passes."""
    forward, calls = flops(lambda: model(images)), []
    handle = model.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        cost = flops(lambda: u.deepfool(model, images, correct_labels, n_steps=1))
        once = len(calls)
        u.deepfool(model, images.repeat(4, 1, 1, 1), correct_labels.repeat(4), n_steps=1)
    finally:
        handle.remove()
    # Ranking the classes, ten gradients from one pass, and the prediction at the end; one image of the first pass is
    # run again alone.
    alone = forward / len(images)
    assert cost <= ((1 + 11 + 1) * forward + alone) * 1.01 and once == len(calls) - once == 3 + 1


# Carlini and Wagner.


def test_carlini_wagner_is_near_minimal_for_affine_network(affine, points):
    distance, y = nearest_boundaries(affine, points)
    size = perturbation_norms(
        adversarial := u.carlini_wagner(
            affine, points, n_steps=80, binary_search_steps=4, lr=0.02, initial_const=0.1, bounds=(-3, 3)
        ),
        points,
    )
    assert u.attack_success(affine, points, adversarial)[1].all() and (size >= distance.min(1).values - 1e-9).all()
    # The descent follows the class with the second-largest logit, whose boundary need not be the nearest one.
    runner_up = affine(points).detach().scatter(1, y[:, None], -torch.inf).argmax(1)
    assert (size <= 1.02 * distance.gather(1, runner_up[:, None])[:, 0] + 0.002).sum() >= 36
    assert (size <= 1.02 * distance.min(1).values + 0.002).sum() >= 30


def naive_search(model, image, label, steps, lr, c):
    """Attack one image with one c and the Adam of PyTorch; return the smallest successful change, or None."""
    start = ((2 * image - 1) * (1 - 1e-6)).atanh()
    w, best = start.clone().requires_grad_(), None
    adam = torch.optim.Adam([w], lr=lr)
    for _ in range(steps):
        at = (1 + w.tanh()) / 2
        z = model(at[None])[0]
        margin = z[label] - max(z[k] for k in range(len(z)) if k != label)
        size = (at - image).square().sum()
        if z.argmax() != label and (best is None or size < (best - image).square().sum()):
            best = at.detach()
        adam.zero_grad()
        (w.grad,) = torch.autograd.grad(size + c * margin.clamp(min=0), w)
        adam.step()
    return best


def bisect_towards_image(model, image, label, adversarial):
    """Move the image back towards the original by bisection, as long as it stays misclassified."""
    short, far = 0.0, 1.0
    for _ in range(6):
        share = (short + far) / 2
        if model((image + share * (adversarial - image))[None]).argmax() != label:
            far = share
        else:
            short = share
    return image + far * (adversarial - image)


def test_carlini_wagner_single_search_matches_naive_loop(model, images, correct_labels):
    adversarial = u.carlini_wagner(
        model, images, correct_labels, n_steps=40, binary_search_steps=1, initial_const=1.0, early_stop=False
    )
    for n in range(5):
        expected = naive_search(model, images[n], correct_labels[n].item(), 40, 0.01, 1.0)
        expected = (
            images[n] if expected is None else bisect_towards_image(model, images[n], correct_labels[n], expected)
        )
        torch.testing.assert_close(adversarial[n], expected, rtol=0, atol=1e-8)
    assert (perturbation_norms(adversarial, images) > 0).sum() >= 4


def test_carlini_wagner_search_over_c_matches_naive_loop(model, images, correct_labels):
    """Per image, c grows tenfold until the image is misclassified, and is bisected after that."""
    ours = u.carlini_wagner(
        model, images, correct_labels, n_steps=20, binary_search_steps=4, initial_const=0.02, lr=0.02, early_stop=False
    )
    for n in range(5):
        low, high, c, best = 0.0, float("inf"), 0.02, None
        for _ in range(4):
            candidate = naive_search(model, images[n], correct_labels[n].item(), 20, 0.02, c)
            if candidate is None:
                low = c
            else:
                high = c
                best = (
                    candidate
                    if best is None
                    or perturbation_norms(candidate[None], images[n]) < perturbation_norms(best[None], images[n])
                    else best
                )
            c = 10 * c if high == float("inf") else (low + high) / 2
        torch.testing.assert_close(
            ours[n], bisect_towards_image(model, images[n], correct_labels[n], best), rtol=0, atol=1e-7
        )


def test_carlini_wagner_perturbation_is_not_larger_than_foolbox(model, images, correct_labels):
    foolbox = import_peer("foolbox")
    x = torch.rand(8, 3, 12, 12, generator=seeded(2), dtype=torch.float64)
    y = model(x).argmax(1)
    theirs = foolbox.PyTorchModel(copy.deepcopy(model), bounds=(0, 1), device="cpu")
    criterion = foolbox.criteria.Misclassification(y)

    def run_foolbox(**kwargs):
        attack = foolbox.attacks.L2CarliniWagnerAttack(binary_search_steps=4, steps=40, initial_const=0.1, **kwargs)
        return attack.run(theirs, x, criterion).detach()

    for reference, kwargs in ((run_foolbox(abort_early=False), {"early_stop": False}), (run_foolbox(), {})):
        ours = u.carlini_wagner(model, x, y, binary_search_steps=4, n_steps=40, initial_const=0.1, **kwargs)
        succeeded, reference_succeeded = (
            u.attack_success(model, x, ours, y)[1],
            u.attack_success(model, x, reference, y)[1],
        )
        assert succeeded.sum() >= reference_succeeded.sum() and succeeded.all()
        assert (
            0.95 * perturbation_norms(reference, x).mean()
            < perturbation_norms(ours, x).mean()
            <= perturbation_norms(reference, x).mean()
        )


def test_carlini_wagner_early_stop_saves_forward_passes(model, images, correct_labels):
    calls = []
    handle = model.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    try:
        for early_stop in (True, False):
            u.carlini_wagner(
                model,
                images,
                correct_labels,
                n_steps=60,
                binary_search_steps=1,
                lr=0.03,
                initial_const=1.0,
                early_stop=early_stop,
            )
            calls.append(None)
    finally:
        handle.remove()
    cut = calls.index(None)
    first, second = calls[:cut], calls[cut + 1 : -1]
    assert len(second) == 1 + 1 + 60 + 6 and sum(first) < 0.9 * sum(second)
    assert len(set(first)) > 2, "the images should stop one by one"


def test_carlini_wagner_more_searches_never_increase_perturbation(model, images, correct_labels):
    norms = [
        perturbation_norms(
            u.carlini_wagner(model, images, correct_labels, n_steps=40, binary_search_steps=s, initial_const=0.1),
            images,
        )
        for s in (2, 3, 5)
    ]
    succeeded = [f > 0 for f in norms]
    for less, more, success in zip(norms, norms[1:], succeeded):
        assert (more[success] <= less[success] + 1e-12).all()


def test_carlini_wagner_returns_input_if_misclassified_or_robust(model, images, correct_labels):
    y = correct_labels.clone()
    y[1] = (y[1] + 1) % 10
    adversarial = u.carlini_wagner(model, images, y, n_steps=20, binary_search_steps=3, initial_const=0.1)
    assert torch.equal(adversarial[1], images[1])
    assert torch.equal(
        u.carlini_wagner(model, images, correct_labels, n_steps=2, binary_search_steps=1, initial_const=1e-6), images
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m, x: u.deepfool(m, x, n_steps=0), "n_steps must be a whole number above 0"),
        (lambda m, x: u.deepfool(m, x, n_candidates=0), "n_candidates must be a whole number above 0"),
        (
            lambda m, x: u.carlini_wagner(m, x, binary_search_steps=0),
            "binary_search_steps must be a whole number above 0",
        ),
        (lambda m, x: u.carlini_wagner(m, x, initial_const=0), "initial_const must be above 0"),
    ],
)
def test_deepfool_and_carlini_wagner_reject_invalid_input(call, message, model, images):
    with pytest.raises(ValueError, match=message):
        call(model, images)


def test_deepfool_and_carlini_wagner_perturb_less_than_bim(model, images, correct_labels):
    """Minimal attacks stop at the boundary; an attack with a budget continues, and becomes more confident."""
    budget = u.pgd(model, images, correct_labels, eps=0.1, random_start=False)
    budget_loss = g.objective_values(model, budget, g.cross_entropy(correct_labels))
    assert (u.attack_success(model, images, budget, correct_labels)[1]).all()
    search = {"n_steps": 30, "binary_search_steps": 3, "initial_const": 0.1}
    for minimal in (
        u.deepfool(model, images, correct_labels),
        u.carlini_wagner(model, images, correct_labels, **search),
    ):
        assert u.attack_success(model, images, minimal, correct_labels)[1].all()
        assert (perturbation_norms(minimal, images) < perturbation_norms(budget, images)).all()
        assert (g.objective_values(model, minimal, g.cross_entropy(correct_labels)) < budget_loss).all()
