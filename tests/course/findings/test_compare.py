"""The comparison of tensors: exact, close or different, with the size of the difference."""

import pytest
import torch

from tutorial_course.findings import compare_tensors

VALUES = torch.tensor([[1.0, -2.0], [0.5, 4.0]], dtype=torch.float64)


def test_compare_tensors_distinguishes_exact_close_and_different():
    table = compare_tensors(first=VALUES, same=VALUES.clone(), rounded=(VALUES + 1e-6).float(), wrong=2 * VALUES)
    assert [row.verdict for row in table] == ["exact", "close", "different"]
    assert table[2].difference == 4 and table[2].relative == 1 and table[1].dtype == "float32"
    assert not table.all_close and table.first == "first"


def test_compare_tensors_prints_markdown_table():
    table = compare_tensors(a=VALUES, b=VALUES)
    head, _, *rows = repr(table).splitlines()
    assert table.all_close and table._repr_markdown_() == repr(table)
    assert head.startswith("| compared with a | dtype | largest difference") and len(rows) == 1, "not a with itself"


def test_compare_tensors_handles_invalid_nonfinite_and_empty_input():
    with pytest.raises(ValueError, match="at least two"):
        compare_tensors(a=VALUES)
    with pytest.raises(ValueError, match="b has shape"):
        compare_tensors(a=VALUES, b=VALUES[1:])
    assert compare_tensors(a=VALUES, b=VALUES / 0).all_close is False
    assert compare_tensors(a=VALUES[:0], b=VALUES[:0]).all_close


def test_compare_tensors_compares_imaginary_parts():
    first = torch.tensor([1 + 2j, 3.0])
    table = compare_tensors(first=first, rounded=first * (1 + 1e-7), conjugate=first.conj(), real=first.real)
    assert [row.verdict for row in table] == ["close", "different", "different"] and table[1].difference == 4
