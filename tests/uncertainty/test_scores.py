"""Scores of the logits, of the last layer and of several answers: from the formula, number by number, and against pytorch-ood."""

import copy
import math
import warnings

import pytest
import torch
from oracles import naive
from torch import nn
from torch.nn.functional import cross_entropy

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pytorch_ood.detector as peer


def numbers(rows, read):
    return torch.tensor([read(row) for row in rows.tolist()], dtype=torch.float64)


def probabilities(z):
    total = math.fsum(math.exp(v - max(z)) for v in z)
    return [math.exp(v - max(z)) / total for v in z]


def test_from_logits_as_they_are_defined(answered):
    z, _ = answered

    def rest(row):
        return math.fsum(sorted(probabilities(row))[:-1])

    def sure(row):
        return max(probabilities(row)) * math.log1p(-rest(row))

    for found, read in [
        (u.max_softmax(z), rest),
        (u.margin(z), lambda row: rest(row) + sorted(probabilities(row))[-2]),
        (
            u.entropy(z),
            lambda row: -math.fsum([p * math.log(p) for p in sorted(probabilities(row))[:-1] if p] + [sure(row)]),
        ),
        (
            u.energy(z, 3.0),
            lambda row: -3 * (max(row) / 3 + math.log(math.fsum(math.exp((v - max(row)) / 3) for v in row))),
        ),
    ]:
        torch.testing.assert_close(found, numbers(z, read), rtol=1e-12, atol=0)


def test_pytorch_ood_says_the_same(answered):
    z, _ = answered
    torch.testing.assert_close(u.max_softmax(z) - 1, peer.MaxSoftmax.score(z), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(u.entropy(z), peer.Entropy.score(z), rtol=0, atol=1e-5)  # it clips p at 1e-7
    torch.testing.assert_close(u.energy(z, 2.0), peer.EnergyBased.score(z, t=2.0), rtol=1e-12, atol=0)


def test_order_survives_where_the_probability_rounds_to_one():
    z = torch.stack([torch.linspace(20, 60, 30), torch.zeros(30), torch.zeros(30)], 1)
    assert (z.softmax(1).amax(1)[5:] == 1).all()
    for score in (u.max_softmax, u.margin, u.entropy):
        assert (score(z).diff() < 0).all(), score.__name__
        torch.testing.assert_close(score(z).double(), score(z.double()), rtol=1e-5, atol=0)
    for trust in (u.grad_trust(z, rivals=1), u.grad_trust(z, rivals=2)):
        assert (trust.diff() > 0).all()
    assert (u.ex_grad(z, torch.ones(30, 2)).diff() < 0).all()


def test_what_moves_when_all_logits_move(answered):
    z, h = answered
    for score in (u.max_softmax, u.margin, u.entropy, lambda z: u.grad_norm(z, h), lambda z: u.ex_grad(z, h)):
        torch.testing.assert_close(score(z + 7), score(z), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(u.energy(z + 7), u.energy(z) - 7, rtol=1e-12, atol=1e-12)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    for score in (u.max_softmax, u.margin, u.entropy, u.energy):
        torch.testing.assert_close(score(z[:, order]), score(z), rtol=1e-12, atol=1e-14)


def test_a_class_that_cannot_be_is_no_trouble():
    z = torch.tensor([[1.0, 0.0, -math.inf]])
    for score in (u.max_softmax, u.margin, u.entropy, u.energy):
        torch.testing.assert_close(score(z), score(z[:, :2]))


def test_the_last_layer_is_that_of_a_backward_pass(signs, images):
    z, h = g.features(signs, images)
    for T in (1.0, 4.0):
        slow = naive(signs, images, g.uniform(T))["head.weight"].abs().flatten(1).sum(1)
        torch.testing.assert_close(u.grad_norm(z, h, temperature=T), -slow, rtol=1e-10, atol=0)
    each = torch.stack(
        [naive(signs, images, g.cross_entropy(Q))["head.weight"].abs().flatten(1).sum(1) for Q in range(10)], 1
    )
    torch.testing.assert_close(u.ex_grad(z, h), (z.softmax(1) * each).sum(1), rtol=1e-10, atol=0)


def test_the_averaged_gradient_is_zero_where_the_averaged_norm_is_not(signs, images):
    p = signs(images).softmax(1).detach()
    for name in ("stem.weight", "head.weight"):
        each = torch.stack([naive(signs, images, g.cross_entropy(Q))[name] for Q in range(10)], 1)
        mean = torch.einsum("nq,nq...->n...", p, each)
        assert mean.abs().max() < 1e-13 * each.abs().max()
    assert (u.ex_grad(*g.features(signs, images)) > 0).all()


def test_pytorch_ood_takes_the_same_gradients(signs, images):
    z, h = g.features(signs, images)
    last = lambda name: name == "head.weight"
    theirs = peer.GradNorm(signs, param_filter=last, temperature=2.0).predict(images)
    torch.testing.assert_close(u.grad_norm(z, h, temperature=2.0), theirs, rtol=1e-10, atol=0)
    ones = {"link": "softmax", "reduction": "sum"}
    for chosen, layers in ((None, None), (last, "head")):
        norms = u.confounding_norms(signs, images, layers=layers, by="tensor", **ones)
        norms = norms[:, :1] if chosen else norms
        theirs = peer.GradUncertainty(signs, param_filter=chosen).predict(images)
        torch.testing.assert_close(-norms.square().sum(1), theirs, rtol=1e-10, atol=0)


# ODIN


def test_odin_step_by_step(signs, images):
    T, step, expected = 5.0, 0.02, []
    for x in images:
        x = x[None].clone().requires_grad_()
        p = (signs(x) / T).softmax(1)
        (towards,) = torch.autograd.grad(p.amax(1).log().sum(), x)
        expected.append(1 - (signs(x + step * towards.sign()) / T).softmax(1).amax().item())
    found = u.odin(signs, images, temperature=T, step=step)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-13)
    # Without a step and without warmth it is the plain softmax.
    plain = u.max_softmax(signs(images).detach())
    torch.testing.assert_close(u.odin(signs, images, temperature=1.0, step=0.0), plain, rtol=1e-10, atol=0)


@pytest.mark.parametrize("temperature", [1.0, 1000.0])
def test_odin_of_pytorch_ood(signs, images, temperature):
    theirs = peer.ODIN(signs, eps=0.01, temperature=temperature, criterion=cross_entropy).predict(images)
    torch.testing.assert_close(
        u.odin(signs, images, step=0.01, temperature=temperature) - 1, theirs, rtol=1e-9, atol=1e-13
    )


def test_odin_makes_the_network_surer_of_its_answer(signs, images):
    before = u.odin(signs, images, temperature=10.0, step=0.0)
    assert (u.odin(signs, images, temperature=10.0, step=1e-3) < before).all()


# Several answers


def test_votes_from_the_definition():
    z = 3 * torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = u.votes(z)
    for n in range(7):
        p = [probabilities(z[t, n].tolist()) for t in range(4)]
        mean = [sum(column) / 4 for column in zip(*p)]
        H = lambda p: -math.fsum(v * math.log(v) for v in p)
        assert found.total[n].item() == pytest.approx(H(mean), rel=1e-12)
        assert found.picture[n].item() == pytest.approx(sum(map(H, p)) / 4, rel=1e-12)
        assert found.model[n].item() == pytest.approx(H(mean) - sum(map(H, p)) / 4, rel=1e-9)
        torch.testing.assert_close(found.probabilities[n], torch.tensor(mean, dtype=torch.float64))


def test_doubt_about_the_picture_is_not_doubt_about_the_model():
    agree = u.votes(torch.zeros(3, 1, 4))
    assert agree.picture.item() == pytest.approx(math.log(4)) and agree.model.item() == 0
    differ = u.votes(60 * torch.eye(4)[:, None])
    assert differ.model.item() == pytest.approx(math.log(4)) and differ.picture.item() < 1e-6
    tiny = u.votes(torch.tensor([[[30.0, 0.0]], [[30.1, 0.0]]]))
    assert tiny.model.item() > 0  # where two entropies would only round


def test_one_voter_has_no_doubt_about_itself(signs, images, untouched):
    alone = u.ensemble([signs], images)
    assert (alone.model.abs() < 1e-14).all()
    torch.testing.assert_close(alone.total, u.entropy(signs(images).detach()), rtol=1e-12, atol=0)
    other = copy.deepcopy(signs)
    other.head.bias.data += torch.randn(10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    both = u.ensemble([signs, untouched(other)], images)
    assert (both.model > 0).all()
    torch.testing.assert_close(both.probabilities, (signs(images).softmax(1) + other(images).softmax(1)).detach() / 2)


def test_dropout_is_a_mask_on_the_features(signs, images):
    generator = torch.Generator().manual_seed(4)
    kept = torch.rand(6, 16, generator=generator) >= 0.3
    _, h = g.features(signs, images)
    z = torch.stack([(h * m / 0.7) @ signs.head.weight.T + signs.head.bias for m in kept]).detach()
    found = u.mc_dropout(signs, images, rate=0.3, passes=6, generator=torch.Generator().manual_seed(4))
    for a, b in zip(found, u.votes(z), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)
    nothing = u.mc_dropout(signs, images, rate=0.0, passes=3)
    assert (nothing.model.abs() < 1e-14).all()
    torch.testing.assert_close(nothing.total, u.entropy(signs(images).detach()), rtol=1e-10, atol=0)


def test_a_layer_without_a_bias_can_drop_as_well(untouched):
    with torch.random.fork_rng([]):
        model = nn.Linear(4, 3, bias=False).double()
    untouched(model)
    assert u.mc_dropout(model, torch.ones(2, 4, dtype=torch.float64)).model.min() > 0


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda m, x: u.max_softmax(x), r"logits are floats \(N, C\), not torch.float64 \(5, 3, 12, 12\)"),
        (lambda m, x: u.entropy(torch.ones(2, 3, dtype=torch.int64)), "logits are floats"),
        (lambda m, x: u.energy([[1.0]]), "logits are floats"),
        (lambda m, x: u.energy(torch.ones(2, 3), 0.0), "temperature above zero"),
        (lambda m, x: u.margin(torch.ones(2, 1)), "two classes"),
        (lambda m, x: u.grad_norm(torch.ones(2, 3), torch.ones(3, 3)), "expected"),
        (lambda m, x: u.grad_norm(torch.ones(2, 3), torch.ones(2, 3), temperature=-1.0), "temperature above zero"),
        (lambda m, x: u.ex_grad(torch.ones(2, 3), torch.ones(2)), "expected"),
        (lambda m, x: u.odin(m, x, step=-0.1), "a step of zero or more"),
        (lambda m, x: u.odin(m, x, temperature=0.0), "temperature above zero"),
        (lambda m, x: u.votes(torch.ones(2, 3)), r"\(T, N, C\)"),
        (lambda m, x: u.ensemble([], x), "at least one network"),
        (lambda m, x: u.mc_dropout(m, x, rate=1.0), r"a rate in \[0, 1\)"),
        (lambda m, x: u.mc_dropout(m, x, passes=0), "at least one pass"),
        (lambda m, x: u.mc_dropout(nn.Flatten(), x), "do not come straight from a Linear"),
    ],
)
def test_what_is_refused(broken, message, signs, images):
    with pytest.raises(ValueError, match=message):
        broken(signs, images)
