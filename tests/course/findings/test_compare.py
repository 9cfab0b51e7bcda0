"""The comparison of tensors: exact, close or different, with the size of the difference."""

import pytest
import torch

from tutorial_course.findings import compare_tensors

VALUES = torch.tensor([[1.0, -2.0], [0.5, 4.0]], dtype=torch.float64)


def test_compare_tensors_distinguishes_exact_close_and_different():
    table = compare_tensors(first=VALUES, same=VALUES.clone(), rounded=(VALUES + 1e-6).float(), wrong=2 * VALUES)
    assert [row.verdict for row in table] == ["exact", "exact", "close", "different"]
    assert table[3].difference == 4 and table[3].relative == 1 and table[2].dtype == "float32"
    assert not table.all_close and table[:2][0].verdict == "exact"


def test_compare_tensors_prints_markdown_table():
    table = compare_tensors(a=VALUES, b=VALUES)
    assert table.all_close and "largest difference" in repr(table) and table._repr_markdown_().startswith("| ")


def test_compare_tensors_handles_invalid_nonfinite_and_empty_input():
    with pytest.raises(ValueError, match="at least two"):
        compare_tensors(a=VALUES)
    with pytest.raises(ValueError, match="b has shape"):
        compare_tensors(a=VALUES, b=VALUES[1:])
    assert compare_tensors(a=VALUES, b=VALUES / 0).all_close is False
    assert compare_tensors(a=VALUES[:0], b=VALUES[:0]).all_close
