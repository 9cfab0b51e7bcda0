"""Scores of logits, last-layer features and several predictions: naive formulas and pytorch-ood."""

import copy
import math
import warnings

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests._reference import per_sample_gradients_by_loop
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pytorch_ood.detector as peer


def apply_to_rows(rows, formula):
    return torch.tensor([formula(row) for row in rows.tolist()], dtype=torch.float64)


def probabilities(z):
    total = math.fsum(math.exp(v - max(z)) for v in z)
    return [math.exp(v - max(z)) / total for v in z]


def test_logit_scores_match_definition(logits_and_features):
    z, _ = logits_and_features

    def rest(row):
        return math.fsum(sorted(probabilities(row))[:-1])

    def top_term(row):
        return max(probabilities(row)) * math.log1p(-rest(row))

    for scores, formula in [
        (u.msp_score(z), rest),
        (u.margin_score(z), lambda row: rest(row) + sorted(probabilities(row))[-2]),
        (
            u.entropy_score(z),
            lambda row: -math.fsum([p * math.log(p) for p in sorted(probabilities(row))[:-1] if p] + [top_term(row)]),
        ),
        (
            u.energy_score(z, 3.0),
            lambda row: -3 * (max(row) / 3 + math.log(math.fsum(math.exp((v - max(row)) / 3) for v in row))),
        ),
    ]:
        torch.testing.assert_close(scores, apply_to_rows(z, formula), rtol=1e-12, atol=0)


def test_logit_scores_match_pytorch_ood(logits_and_features):
    z, _ = logits_and_features
    torch.testing.assert_close(u.msp_score(z) - 1, peer.MaxSoftmax.score(z), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        u.entropy_score(z), peer.Entropy.score(z), rtol=0, atol=1e-5
    )  # pytorch-ood clips p at 1e-7
    torch.testing.assert_close(u.energy_score(z, 2.0), peer.EnergyBased.score(z, t=2.0), rtol=1e-12, atol=0)


def test_logit_scores_keep_order_when_probability_rounds_to_one():
    z = torch.stack([torch.linspace(20, 60, 30), torch.zeros(30), torch.zeros(30)], 1)
    assert (z.softmax(1).amax(1)[5:] == 1).all()
    for score in (u.msp_score, u.margin_score, u.entropy_score):
        assert (score(z).diff() < 0).all(), score.__name__
        torch.testing.assert_close(score(z).double(), score(z.double()), rtol=1e-5, atol=0)
    for trust in (u.grad_trust(z, n_counterfactuals=1), u.grad_trust(z, n_counterfactuals=2)):
        assert (trust.diff() > 0).all()
    assert (u.exgrad_score(z, torch.ones(30, 2)).diff() < 0).all()


def test_logit_scores_except_energy_are_shift_invariant(logits_and_features):
    z, h = logits_and_features
    for score in (
        u.msp_score,
        u.margin_score,
        u.entropy_score,
        lambda z: u.gradnorm_score(z, h),
        lambda z: u.exgrad_score(z, h),
    ):
        torch.testing.assert_close(score(z + 7), score(z), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(u.energy_score(z + 7), u.energy_score(z) - 7, rtol=1e-12, atol=1e-12)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    for score in (u.msp_score, u.margin_score, u.entropy_score, u.energy_score):
        torch.testing.assert_close(score(z[:, order]), score(z), rtol=1e-12, atol=1e-14)


def test_logit_scores_ignore_class_with_zero_probability():
    z = torch.tensor([[1.0, 0.0, -math.inf]])
    for score in (u.msp_score, u.margin_score, u.entropy_score, u.energy_score):
        torch.testing.assert_close(score(z), score(z[:, :2]))


def test_gradnorm_and_exgrad_scores_match_backward_pass(signs, images):
    z, h = g.penultimate_features(signs, images)
    for T in (1.0, 4.0):
        slow = per_sample_gradients_by_loop(signs, images, g.kl_from_uniform(T))["head.weight"].abs().flatten(1).sum(1)
        torch.testing.assert_close(u.gradnorm_score(z, h, temperature=T), -slow, rtol=1e-10, atol=0)
    each = torch.stack(
        [
            per_sample_gradients_by_loop(signs, images, g.cross_entropy(Q))["head.weight"].abs().flatten(1).sum(1)
            for Q in range(10)
        ],
        1,
    )
    torch.testing.assert_close(u.exgrad_score(z, h), (z.softmax(1) * each).sum(1), rtol=1e-10, atol=0)


def test_exgrad_score_is_positive_though_mean_gradient_is_zero(signs, images):
    p = signs(images).softmax(1).detach()
    for name in ("stem.weight", "head.weight"):
        each = torch.stack(
            [per_sample_gradients_by_loop(signs, images, g.cross_entropy(Q))[name] for Q in range(10)], 1
        )
        mean = torch.einsum("nq,nq...->n...", p, each)
        assert mean.abs().max() < 1e-13 * each.abs().max()
    assert (u.exgrad_score(*g.penultimate_features(signs, images)) > 0).all()


def test_gradnorm_score_and_confounding_norms_match_pytorch_ood(signs, images):
    z, h = g.penultimate_features(signs, images)
    last = lambda name: name == "head.weight"
    theirs = peer.GradNorm(signs, param_filter=last, temperature=2.0).predict(images)
    torch.testing.assert_close(u.gradnorm_score(z, h, temperature=2.0), theirs, rtol=1e-10, atol=0)
    ones = {"activation": "softmax", "reduction": "sum"}
    for chosen, layers in ((None, None), (last, "head")):
        norms = u.confounding_gradient_norms(signs, images, layers=layers, group_by="tensor", **ones)
        norms = norms[:, :1] if chosen else norms
        theirs = peer.GradUncertainty(signs, param_filter=chosen).predict(images)
        torch.testing.assert_close(-norms.square().sum(1), theirs, rtol=1e-10, atol=0)


# ODIN


def test_odin_score_matches_naive_loop(signs, images):
    T, step, expected = 5.0, 0.02, []
    for x in images:
        x = x[None].clone().requires_grad_()
        p = (signs(x) / T).softmax(1)
        (towards,) = torch.autograd.grad(p.amax(1).log().sum(), x)
        expected.append(1 - (signs(x + step * towards.sign()) / T).softmax(1).amax().item())
    scores = u.odin_score(signs, images, temperature=T, eps=step)
    torch.testing.assert_close(scores, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-13)
    # Without a step and at temperature 1 it is the maximum softmax probability.
    plain = u.msp_score(signs(images).detach())
    torch.testing.assert_close(u.odin_score(signs, images, temperature=1.0, eps=0.0), plain, rtol=1e-10, atol=0)


@pytest.mark.parametrize("temperature", [1.0, 1000.0])
def test_odin_score_matches_pytorch_ood(signs, images, temperature):
    theirs = peer.ODIN(signs, eps=0.01, temperature=temperature, criterion=cross_entropy).predict(images)
    torch.testing.assert_close(
        u.odin_score(signs, images, eps=0.01, temperature=temperature) - 1, theirs, rtol=1e-9, atol=1e-13
    )


def test_odin_score_falls_with_the_input_step(signs, images):
    before = u.odin_score(signs, images, temperature=10.0, eps=0.0)
    assert (u.odin_score(signs, images, temperature=10.0, eps=1e-3) < before).all()


# Several predictions.


def test_decompose_uncertainty_matches_definition():
    z = 3 * torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    result = u.decompose_uncertainty(z)
    for n in range(7):
        p = [probabilities(z[t, n].tolist()) for t in range(4)]
        mean = [sum(column) / 4 for column in zip(*p)]
        H = lambda p: -math.fsum(v * math.log(v) for v in p)
        assert result.predictive_entropy[n].item() == pytest.approx(H(mean), rel=1e-12)
        assert result.expected_entropy[n].item() == pytest.approx(sum(map(H, p)) / 4, rel=1e-12)
        assert result.mutual_information[n].item() == pytest.approx(H(mean) - sum(map(H, p)) / 4, rel=1e-9)
        torch.testing.assert_close(result.probabilities[n], torch.tensor(mean, dtype=torch.float64))


def test_decompose_uncertainty_separates_aleatoric_and_epistemic():
    agree = u.decompose_uncertainty(torch.zeros(3, 1, 4))
    assert agree.expected_entropy.item() == pytest.approx(math.log(4)) and agree.mutual_information.item() == 0
    differ = u.decompose_uncertainty(60 * torch.eye(4)[:, None])
    assert differ.mutual_information.item() == pytest.approx(math.log(4)) and differ.expected_entropy.item() < 1e-6
    tiny = u.decompose_uncertainty(torch.tensor([[[30.0, 0.0]], [[30.1, 0.0]]]))
    assert tiny.mutual_information.item() > 0  # the difference of two entropies would be a rounding error


def test_deep_ensemble_of_one_has_zero_mutual_information(signs, images, assert_unchanged):
    alone = u.deep_ensemble([signs], images)
    assert (alone.mutual_information.abs() < 1e-14).all()
    torch.testing.assert_close(alone.predictive_entropy, u.entropy_score(signs(images).detach()), rtol=1e-12, atol=0)
    other = copy.deepcopy(signs)
    other.head.bias.data += torch.randn(10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    both = u.deep_ensemble([signs, assert_unchanged(other)], images)
    assert (both.mutual_information > 0).all()
    torch.testing.assert_close(both.probabilities, (signs(images).softmax(1) + other(images).softmax(1)).detach() / 2)


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda m, x: u.msp_score(x), r"expected logits: floats \(N, C\); got float64 \(5, 3, 12, 12\)"),
        (lambda m, x: u.entropy_score(torch.ones(2, 3, dtype=torch.int64)), r"expected logits: floats \(N, C\)"),
        (lambda m, x: u.energy_score([[1.0]]), r"expected logits: floats \(N, C\)"),
        (lambda m, x: u.energy_score(torch.ones(2, 3), 0.0), "temperature must be above zero"),
        (lambda m, x: u.margin_score(torch.ones(2, 1)), "needs two logits"),
        (lambda m, x: u.gradnorm_score(torch.ones(2, 3), torch.ones(3, 3)), "expected"),
        (
            lambda m, x: u.gradnorm_score(torch.ones(2, 3), torch.ones(2, 3), temperature=-1.0),
            "temperature must be above zero",
        ),
        (lambda m, x: u.exgrad_score(torch.ones(2, 3), torch.ones(2)), "expected"),
        (lambda m, x: u.odin_score(m, x, eps=-0.1), "eps must be a finite number of at least 0"),
        (lambda m, x: u.odin_score(m, x, temperature=0.0), "temperature must be above zero"),
        (lambda m, x: u.decompose_uncertainty(torch.ones(2, 3)), r"\(T, N, C\)"),
        (lambda m, x: u.deep_ensemble([], x), "at least one model"),
    ],
)
def test_logit_odin_and_ensemble_scores_reject_invalid_input(broken, message, signs, images):
    with pytest.raises(ValueError, match=message):
        broken(signs, images)
