import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from tutorial_course.findings import ch1


@pytest.fixture(scope="module")
def problem():
    return ch1.digit_problem(n_train=60, n_test=40, n_classes=3)


def objective(weights, problem, keep=None):
    losses = cross_entropy(problem.train @ weights.T, problem.train_labels, reduction="none")
    kept = losses if keep is None else losses * keep
    return kept.mean() + problem.penalty / 2 * weights.square().sum()


def test_digit_problem_has_pixels_and_a_constant(problem):
    assert problem.train.shape == (60, 65) and problem.test.shape == (40, 65)
    assert (problem.train[:, -1] == 1).all() and problem.train_labels.unique().tolist() == [0, 1, 2]


def test_fit_softmax_finds_the_minimum(problem):
    weights = ch1.fit_softmax(problem.train, problem.train_labels, problem.penalty).requires_grad_()
    (gradient,) = torch.autograd.grad(objective(weights, problem), weights)
    assert gradient.norm() < 1e-9


def test_fit_softmax_leaves_samples_out(problem):
    keep = torch.ones(60, dtype=torch.float64)
    keep[4] = 0
    weights = ch1.fit_softmax(problem.train, problem.train_labels, problem.penalty, keep=keep).requires_grad_()
    (gradient,) = torch.autograd.grad(objective(weights, problem, keep), weights)
    assert gradient.norm() < 1e-9


def test_softmax_gradients_and_hessian_match_autograd(problem):
    weights = torch.randn(3, 65, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x, labels = problem.train[:5], problem.train_labels[:5]

    def loss(flat):
        return cross_entropy(x @ flat.view(3, 65).T, labels) + 0.01 / 2 * flat.square().sum()

    per_sample = [
        torch.func.grad(lambda w, i=i: cross_entropy(x[i : i + 1] @ w.T, labels[i : i + 1]))(weights) for i in range(5)
    ]
    expected = torch.stack(per_sample).flatten(1)
    torch.testing.assert_close(ch1.softmax_gradients(weights, x, labels), expected)
    expected = torch.autograd.functional.hessian(loss, weights.flatten())
    torch.testing.assert_close(ch1.softmax_hessian(weights, x, 0.01), expected)


def test_influence_function_predicts_leave_one_out_changes(problem):
    weights = ch1.fit_softmax(problem.train, problem.train_labels, problem.penalty)
    g = ch1.softmax_gradients(weights, problem.train, problem.train_labels)
    test_g = ch1.softmax_gradients(weights, problem.test, problem.test_labels).mean(0)
    H = ch1.softmax_hessian(weights, problem.train, problem.penalty)
    predicted = torch.linalg.solve(H, test_g) @ g[:8].T / 60
    changes = ch1.leave_one_out_changes(problem, weights, range(8))
    assert torch.stack([predicted, changes]).corrcoef()[0, 1] > 0.95


def label_study():
    rows = []
    for seed, shift in enumerate((0.0, 0.02, 0.04)):
        for epoch in (1, 2):
            for score, value in (("loss", 0.8), ("EL2N", 0.9)):
                key = {"seed": seed, "flipped": 0.1, "epoch": epoch, "score": score, "over": "last epoch"}
                rows.append({**key, "auroc": value + shift + 0.01 * epoch})
    return pd.DataFrame(rows)


def test_label_curves_have_student_intervals_over_runs():
    curves = {curve.score: curve for curve in ch1.label_curves(label_study())}
    loss = curves["loss"]
    assert loss.epochs == [1, 2] and loss.mean == pytest.approx([0.83, 0.84])
    half_width = 4.302653 * 0.02 / 3**0.5
    assert loss.high[0] - loss.mean[0] == pytest.approx(half_width) == loss.mean[0] - loss.low[0]


def test_label_score_rows_choose_the_best_epoch_and_pair_the_runs():
    rows = {row["score"]: row for row in ch1.label_score_rows(label_study())}
    assert rows["EL2N"]["epoch"] == 2 and rows["EL2N"]["auroc"] == pytest.approx(0.94)
    # The runs differ, but the difference of both scores is the same in each run, so that its interval has no width.
    assert [rows["EL2N"][key] for key in ("difference", "low", "high")] == pytest.approx([0.1] * 3)
    assert rows["loss"]["lead"] == "" and rows["loss"]["difference"] == 0
    assert ch1.best_label_score([*rows.values()]) == "EL2N"
