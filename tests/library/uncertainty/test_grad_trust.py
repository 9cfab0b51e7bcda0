"""GradTrust: the published score compared with its gradients, and the counterfactual score class by class."""

import pytest
import torch
from torch import nn

from tests._reference import per_sample_gradients_by_loop
from tutorial_lib import gradients as g
from tutorial_lib.uncertainty import grad_trust


@pytest.mark.parametrize("seed", range(4))
def test_grad_trust_matches_variance_ratio_of_squared_gradients(seed):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *size: torch.randn(*size, generator=generator, dtype=torch.float64)
    h, b = draw(6, 9).relu(), draw(5)
    weight = (2 * draw(5, 9)).requires_grad_()
    trust = []
    for v in h:
        # As in the demonstration: the variance over features of the squared gradient of the mean squared error to 1/C.
        z = weight @ v + b
        (G,) = torch.autograd.grad(nn.functional.mse_loss(z, torch.full_like(z, 1 / 5)), weight)
        energy = G.square().var(1)
        trust.append(energy.max() / energy.mean())
    z = (h @ weight.T + b).detach()
    torch.testing.assert_close(grad_trust(z), torch.stack(trust), rtol=1e-10, atol=0)


def test_grad_trust_lies_between_one_and_number_of_classes():
    z = 4 * torch.randn(200, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (grad_trust(z) >= 1).all() and (grad_trust(z) <= 7).all()
    alone = torch.full((1, 7), 1 / 7, dtype=torch.float64)
    assert grad_trust(alone).item() == 1  # no class stands out
    alone[0, 3] += 5
    assert grad_trust(alone).item() == pytest.approx(7)
    negative = torch.tensor([[3.0, -9.0, 0.0]])
    assert grad_trust(negative).item() > 2.9  # the class that stands out is not the prediction
    assert grad_trust(1e30 * negative).isfinite().all()
    # A scale of the logits has little effect, a shift has one.
    torch.testing.assert_close(grad_trust(1e6 * z), grad_trust(1e9 * z), rtol=1e-5, atol=0)
    assert not torch.allclose(grad_trust(z + 5), grad_trust(z), rtol=0.1)


@pytest.mark.parametrize("n_counterfactuals", [1, 3, 9])
def test_grad_trust_counterfactuals_match_last_layer_gradients(n_counterfactuals, signs, images):
    z = g.model_outputs(signs, images)
    trust = grad_trust(z, n_counterfactuals=n_counterfactuals)
    order = z.argsort(1, descending=True)
    for n, x in enumerate(images):
        needed = [
            per_sample_gradients_by_loop(signs, x[None], g.cross_entropy(int(Q)))["head.weight"].norm().item()
            for Q in order[n]
        ]
        assert trust[n].item() == pytest.approx(
            sum(needed[1 : n_counterfactuals + 1]) / n_counterfactuals / needed[0], rel=1e-9
        )
    assert (trust >= 1).all()


@pytest.mark.parametrize("n_counterfactuals", [1, 4])
def test_grad_trust_counterfactuals_match_all_layer_gradients(n_counterfactuals, signs, images):
    z, K = g.model_outputs(signs, images), g.class_gradient_gram(signs, images)
    trust = grad_trust(z, n_counterfactuals=n_counterfactuals, gram=K)
    order = z.argsort(1, descending=True)
    for n, x in enumerate(images):
        each = [
            per_sample_gradients_by_loop(signs, x[None], g.cross_entropy(int(Q)))
            for Q in order[n, : n_counterfactuals + 1]
        ]
        needed = [torch.cat([v.flatten() for v in grad.values()]).norm().item() for grad in each]
        assert trust[n].item() == pytest.approx(sum(needed[1:]) / n_counterfactuals / needed[0], rel=1e-6)
    last = g.class_gradient_gram(signs, images, layers="head")
    torch.testing.assert_close(
        grad_trust(z, n_counterfactuals=n_counterfactuals, gram=last),
        grad_trust(z, n_counterfactuals=n_counterfactuals),
        rtol=1e-9,
        atol=0,
    )
    assert not torch.allclose(trust, grad_trust(z, n_counterfactuals=n_counterfactuals), rtol=1e-2)


def test_grad_trust_plain_gradient_variance_ignores_probabilities(signs, images):
    # The mean of ‖g_Q − ḡ‖² over k classes is ‖h‖² (1 − 1/k): p cancels, and only the norm of the features is left.
    z, h = g.penultimate_features(signs, images)
    top = z.topk(4, 1).indices
    one = lambda x, Q: per_sample_gradients_by_loop(signs, x[None], g.cross_entropy(int(Q)))["head.weight"][0]
    G = torch.stack([torch.stack([one(x, Q) for Q in row]) for x, row in zip(images, top, strict=True)])
    spread = (G - G.mean(1, keepdim=True)).flatten(2).square().sum(2).mean(1)
    torch.testing.assert_close(spread, h.square().sum(1) * (1 - 1 / 4), rtol=1e-9, atol=0)


@pytest.mark.parametrize("options", [{}, {"n_counterfactuals": 2}])
def test_grad_trust_increases_with_confidence(options):
    z = torch.zeros(20, 4, dtype=torch.float64)
    z[:, 2] = torch.linspace(0.5, 20, 20)
    assert (grad_trust(z, **options).diff() > 0).all()
    order = torch.tensor([3, 1, 0, 2])
    torch.testing.assert_close(grad_trust(z[:, order], **options), grad_trust(z, **options), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda z: grad_trust(z[0]), r"expected logits: floats \(N, C\)"),
        (lambda z: grad_trust(z[:, :1]), "needs two logits"),
        (lambda z: grad_trust(z, n_counterfactuals=0), "must lie in 1…3 for 4 classes, not 0"),
        (lambda z: grad_trust(z, n_counterfactuals=4), "must lie in 1…3"),
        (lambda z: grad_trust(z, gram=torch.ones(2, 1, 4, 4)), "requires n_counterfactuals=k"),
        (lambda z: grad_trust(z, n_counterfactuals=1, gram=torch.ones(2, 1, 3, 3)), r"gram: floats \(N, L, C, C\)"),
        (lambda z: grad_trust(z, n_counterfactuals=1, gram=torch.ones(3, 1, 4, 4)), r"gram: floats \(N, L, C, C\)"),
    ],
)
def test_grad_trust_rejects_invalid_input(broken, message):
    with pytest.raises(ValueError, match=message):
        broken(torch.ones(2, 4))
