"""Correlations and the root mean squared error, compared with loops."""

import pytest
import torch

from tutorial_lib.metrics import average_ranks, krcc, plcc, rmse, srcc


def sample_scores(seed, levels=None, n=80):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, generator=generator, dtype=torch.float64)
    b = a + torch.randn(n, generator=generator, dtype=torch.float64)
    return (a, b) if levels is None else ((a * levels).round(), (b * levels).round())


CASES = [sample_scores(0), sample_scores(1, levels=1), sample_scores(2, levels=2), sample_scores(3, n=2)]
cases = pytest.mark.parametrize("a, b", CASES, ids=["continuous", "ties", "few ties", "two"])


@cases
def test_plcc_srcc_and_ranks_match_loops(a, b):
    def correlation(u, v):
        u, v = [x - sum(u) / len(u) for x in u], [x - sum(v) / len(v) for x in v]
        return sum(x * y for x, y in zip(u, v)) / (sum(x * x for x in u) * sum(y * y for y in v)) ** 0.5

    def ranks(values):
        return [sum(w < v for w in values) + (1 + sum(w == v for w in values)) / 2 for v in values]

    A, B, (a, b) = a, b, (a.tolist(), b.tolist())
    assert plcc(A, B) == pytest.approx(correlation(a, b), abs=1e-12)
    assert srcc(A, B) == pytest.approx(correlation(ranks(a), ranks(b)), abs=1e-12)
    assert average_ranks(A).tolist() == ranks(a)


@cases
def test_krcc_and_rmse_match_loops(a, b):
    A, B, (a, b) = a, b, (a.tolist(), b.tolist())
    sign = lambda v: (v > 0) - (v < 0)
    pairs = [(sign(a[i] - a[j]), sign(b[i] - b[j])) for i in range(len(a)) for j in range(i)]
    score = sum(p * q for p, q in pairs) / (sum(p != 0 for p, _ in pairs) * sum(q != 0 for _, q in pairs)) ** 0.5
    assert krcc(A, B) == pytest.approx(score, abs=1e-12)
    assert rmse(A, B) == pytest.approx((sum((p - q) ** 2 for p, q in zip(a, b)) / len(a)) ** 0.5, abs=1e-12)


@pytest.mark.parametrize("measure", [plcc, srcc, krcc])
def test_correlations_are_symmetric_and_invariant_to_scale_and_dtype(measure):
    a, b = sample_scores(0)
    assert measure(a, b) == pytest.approx(measure(b, a), abs=1e-14)
    assert measure(1e-200 * a, 1e150 * b - 3) == pytest.approx(measure(a, b), abs=1e-10)
    assert measure(a.float(), b.float()) == pytest.approx(measure(a, b), abs=1e-6)
    assert measure(a, a) == pytest.approx(1, abs=1e-15) and measure(a, -a) == pytest.approx(-1, abs=1e-15)


@pytest.mark.parametrize("measure", [plcc, srcc, krcc])
def test_correlations_reject_invalid_input(measure):
    a, _ = sample_scores(0)
    for other, message in [
        (torch.ones(80), "constant"),
        (a[:-1], "equally many"),
        (a[None], "equally many"),
        (a / 0, "finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            measure(a, other)
    with pytest.raises(ValueError, match="equally many"):
        measure(a[:1], a[:1])
