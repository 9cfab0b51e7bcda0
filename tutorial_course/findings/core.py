"""Numbers, intervals and tables as text, for the sentences that the chapters compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutorial_course._numbers import typeset_numbers
from tutorial_course.widgets.markdown import MarkdownText, escape_table_cell

if TYPE_CHECKING:
    import pandas
    from torch import Tensor

MISSING = "–"


def format_percent(fraction: float | Tensor, decimals: int = 0) -> str:
    """Return a fraction as a percentage.

    Args:
        fraction: a number or a tensor of one number; 1 is 100%.
        decimals: digits after the decimal point.

    Returns:
        The percentage with its sign; a fraction that rounds to zero has none.

    Example:
        >>> format_percent(0.982), format_percent(0.982, decimals=1), format_percent(-0.001)
        ('98%', '98.2%', '0%')
    """
    return format_number(fraction, f".{decimals}%")


def format_interval(mean: float | Tensor, low: float | Tensor, high: float | Tensor, number_format: str = ".2f") -> str:
    """Return a mean with its interval, as ``mean (low to high)``.

    Args:
        mean: a number or a tensor of one number.
        low: lower end of the interval.
        high: upper end of the interval.
        number_format: Python's format specification for all three; ".0%" writes percentages.

    Returns:
        The text.

    Raises:
        ValueError: the lower end is larger than the upper end, or one of them is not a number.

    Example:
        >>> format_interval(0.81, 0.74, 0.88), format_interval(0.5, 0.4, 0.6, ".0%")
        ('0.81 (0.74 to 0.88)', '50% (40% to 60%)')
    """
    if not low <= high:
        raise ValueError(f"an interval needs low ≤ high, got low = {float(low):g} and high = {float(high):g}")
    mean_text, low_text, high_text = (format_number(value, number_format) for value in (mean, low, high))
    return f"{mean_text} ({low_text} to {high_text})"


def markdown_table(
    rows: Sequence[Mapping[str, Any]] | pandas.DataFrame,
    columns: Mapping[str, str] | Sequence[str] | None = None,
    number_formats: Mapping[str, str] | str | None = None,
) -> MarkdownText:
    """Return a table in Markdown.

    A column of numbers is aligned to the right. A value that is missing, None or NaN is shown as a dash.

    Args:
        rows: a dict per row, or a DataFrame, whose index is not shown.
        columns: the columns to show, in order; a mapping gives each its heading. None shows the columns of the first
            row under their own names.
        number_formats: Python's format specification by column, such as ``{"auroc": ".2f"}``, or one specification
            such as ".2f" for all columns; without one, a value is shown as ``str`` writes it. Text has no format.

    Returns:
        The table; as the last value of a cell it is shown as a table, and it can be inserted into a sentence.

    Raises:
        ValueError: no rows, or a column that no row has.

    Example:
        >>> rows = [{"score": "energy", "auroc": 0.912}, {"score": "entropy", "auroc": None}]
        >>> markdown_table(rows, {"score": "score", "auroc": "AUROC"}, {"auroc": ".2f"})
        | score | AUROC |
        |---|--:|
        | energy | 0.91 |
        | entropy | – |
    """
    if not isinstance(rows, Sequence):
        rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    if not rows:
        raise ValueError("a table needs at least one row")
    names = list(rows[0] if columns is None else columns)
    if unknown := [name for name in names if not any(name in row for row in rows)]:
        raise ValueError(f"no row has the columns {unknown}; there are {list(rows[0])}")
    headings = [columns[name] if isinstance(columns, Mapping) else name for name in names]
    values = {name: [row.get(name) for row in rows] for name in names}
    alignment = ["--:" if all(map(_is_number_or_missing, values[name])) else "---" for name in names]
    formats = dict.fromkeys(names, number_formats) if isinstance(number_formats, str) else number_formats or {}
    cells = [[_cell(value, formats.get(name, "")) for value in values[name]] for name in names]
    lines = [_row(map(escape_table_cell, headings)), f"|{'|'.join(alignment)}|", *map(_row, zip(*cells))]
    return MarkdownText("\n".join(lines))


def _row(cells) -> str:
    """One line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def _is_number_or_missing(value: Any) -> bool:
    """Whether a value may stand in a column that is aligned to the right."""
    return value is None or (hasattr(value, "__float__") and not isinstance(value, str))


def _cell(value: Any, number_format: str) -> str:
    """A value as the text of a cell."""
    if value is None or value != value:
        return MISSING
    has_format = number_format and not isinstance(value, str)
    return escape_table_cell(format_number(value, number_format) if has_format else str(value))


def format_number(value: Any, number_format: str) -> str:
    """Return a number as text, with a minus sign instead of a hyphen, and without the sign of a rounded zero.

    Args:
        value: a number or a tensor of one number.
        number_format: Python's format specification.

    Returns:
        The text.

    Example:
        >>> format_number(-0.123, "+.2f"), format_number(-0.001, "+.2f")
        ('−0.12', '0.00')
    """
    number = value.item() if hasattr(value, "item") else value
    text = format(number, number_format)
    return text.lstrip("-+") if not text.strip("-+0.,%") else typeset_numbers(text)
