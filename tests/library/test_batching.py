"""Batches contain every row once, whatever a function returns; a batch size must be a positive whole number."""

import doctest

import pytest
import torch

from tutorial_lib import _batching, _validation
from tutorial_lib._batching import batch_slices, run_in_batches
from tutorial_lib.gradients import logit

X = torch.arange(10.0).view(5, 2)


@pytest.mark.parametrize("module", [_batching, _validation], ids=lambda module: module.__name__)
def test_batching_docstring_examples_run(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("batch_size", [1, 2, 5, 7])
def test_run_in_batches_equals_one_call(batch_size):
    labels = torch.tensor([0, 1, 1, 0, 1])
    functions = [
        lambda x, J, y: J(x),
        lambda x, J, y: (x, J(x) + y),
        lambda x, J, y: {"double": 2 * x, "labels": y},
    ]
    for function in functions:
        expected = function(X, logit(labels), labels)
        result = run_in_batches(function, X, logit(labels), labels, batch_size=batch_size)
        torch.testing.assert_close(result, expected, rtol=0, atol=0)


def test_run_in_batches_calls_the_function_once_for_an_empty_batch():
    assert run_in_batches(lambda x: x.sum(1), X[:0], batch_size=4).shape == (0,)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, None])
def test_batch_slices_rejects_invalid_batch_size(batch_size):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        batch_slices(5, batch_size)
