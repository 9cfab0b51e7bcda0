import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tutorial_lib.foundations import ewc_penalty, fisher_diagonal
from tutorial_lib.models import SmallCNN, train


def labeled_images(n=12, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    return torch.rand(n, 3, 20, 20, generator=generator) * 0.3 + 0.15 * labels[:, None, None, None], labels


def copy_parameters(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_fisher_diagonal_matches_naive_loop():
    model, (x, _) = SmallCNN(4, width=4).double(), labeled_images(5)
    x = x.double()
    naive = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for image in x:
        for c in range(4):
            log_p = model(image[None]).log_softmax(1)[0, c]
            for (name, _), g in zip(
                model.named_parameters(), torch.autograd.grad(log_p, list(model.parameters())), strict=True
            ):
                naive[name] += log_p.detach().exp() * g**2 / len(x)
    fisher = fisher_diagonal(model, x, batch_size=2)
    assert fisher.keys() == naive.keys()
    assert all(torch.allclose(fisher[name], naive[name], rtol=1e-9, atol=1e-12) for name in naive)
    assert all(not f.requires_grad for f in fisher.values()) and sum(f.sum() for f in fisher.values()) > 0


def test_fisher_diagonal_of_linear_layer_matches_closed_form():
    """∂ log p_c / ∂W = (e_c − p) xᵀ, so F_W = p(1 − p) · x², averaged."""
    model, x = nn.Linear(3, 5).double(), torch.randn(8, 3, generator=torch.Generator().manual_seed(1)).double()
    p = model(x).softmax(1)
    spread = (p * (1 - p)).detach()
    fisher = fisher_diagonal(model, x, batch_size=3)
    assert torch.allclose(fisher["weight"], torch.einsum("nc,nd->cd", spread, x**2) / 8)
    assert torch.allclose(fisher["bias"], spread.mean(0))


def test_fisher_diagonal_is_curvature_of_kl_divergence():
    """KL(p ‖ p + dθ) ≈ ½ F_i dθ_i²: the approximation behind the penalty."""
    model, (x, _) = SmallCNN(4, width=4).double(), labeled_images(6)
    x = x.double()
    fisher = fisher_diagonal(model, x)["head.weight"]
    i, step = int(fisher.flatten().argmax()), 1e-3
    with torch.no_grad():
        p = model(x).softmax(1)
        model.head.weight.view(-1)[i] += step
        divergence = (p * (p.log() - model(x).log_softmax(1))).sum(1).mean()
    assert divergence.item() == pytest.approx(0.5 * fisher.flatten()[i].item() * step**2, rel=0.02)


def test_fisher_diagonal_leaves_model_and_global_rng_unchanged():
    model, (x, _) = SmallCNN(4, width=4).train(), labeled_images(4)
    before, state = copy_parameters(model), torch.random.get_rng_state()
    fisher_diagonal(model, x)
    assert model.training and all(
        p.grad is None and torch.equal(p, before[name]) for name, p in model.named_parameters()
    )
    assert torch.equal(state, torch.random.get_rng_state())


def test_ewc_penalty_matches_formula_and_gradient():
    model = SmallCNN(4, width=4).double()
    anchor = {name: p - 0.1 for name, p in copy_parameters(model).items()}
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.rand(p.shape, generator=generator, dtype=p.dtype) for name, p in anchor.items()}
    penalty = ewc_penalty(model, anchor, weights)
    naive = sum(0.5 * w * 0.1**2 for name in weights for w in weights[name].flatten().tolist())
    assert penalty.item() == pytest.approx(naive)
    penalty.backward()
    assert all(torch.allclose(p.grad, 0.1 * weights[name]) for name, p in model.named_parameters())
    assert ewc_penalty(model, copy_parameters(model), weights).item() == 0


def train_on_two_tasks(strength, weights_of=fisher_diagonal):
    (old, old_labels), (new, new_labels) = labeled_images(seed=0), labeled_images(seed=9)
    model = SmallCNN(4, width=4, generator=torch.Generator().manual_seed(2))
    options = dict(epochs=5, batch_size=4, weight_decay=0, max_shift=1, progress=False)
    train(model, old, old_labels, **options)
    anchor, weights = copy_parameters(model), weights_of(model, old)
    loss = cross_entropy
    if strength is not None:
        loss = lambda z, y: cross_entropy(z, y) + strength * ewc_penalty(model, anchor, weights)
    train(model, new, new_labels.flip(0), loss=loss, **options)
    return model, anchor


def test_ewc_penalty_has_no_effect_at_zero_and_pins_weights_when_large():
    plain, anchor = train_on_two_tasks(None)
    zero, _ = train_on_two_tasks(0.0)
    strong, _ = train_on_two_tasks(
        1e6, lambda model, x: {name: torch.ones_like(p) for name, p in model.named_parameters()}
    )
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), zero.parameters(), strict=True))

    def moved(model):
        return max(float((p - anchor[name]).detach().abs().max()) for name, p in model.named_parameters())

    assert moved(plain) > 5 * moved(strong)


def test_ewc_functions_reject_invalid_input():
    model = SmallCNN(4, width=4)
    anchor = copy_parameters(model)
    with pytest.raises(ValueError, match="no anchor or no weight for head.bias"):
        ewc_penalty(model, anchor, {name: p for name, p in anchor.items() if name != "head.bias"})
    with pytest.raises(ValueError, match="no images"):
        fisher_diagonal(model, torch.rand(0, 3, 20, 20))
    with pytest.raises(ValueError, match=r"expected logits: floats \(n, C\)"):
        fisher_diagonal(nn.Conv2d(3, 2, 3), torch.rand(1, 3, 5, 5))


def test_small_cnn_initialization_depends_only_on_generator():
    before = torch.random.get_rng_state()
    a, b, c = (SmallCNN(3, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.head.weight, c.head.weight)
    assert a(torch.rand(2, 3, 32, 32)).shape == (2, 3) and all(torch.isfinite(p).all() for p in a.parameters())
    assert not list(a.buffers())


def test_small_cnn_initialization_matches_pytorch_default_scale():
    spread = SmallCNN(14).head.weight.abs().max().item()
    assert 0.95 * 288**-0.5 < spread <= 288**-0.5
