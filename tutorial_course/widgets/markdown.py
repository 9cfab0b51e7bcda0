"""Text as Markdown: sentences with computed numbers, and cells of tables."""

import re
from html import escape
from string import Formatter
from typing import Any

from tutorial_course._numbers import typeset_numbers


class MarkdownText(str):
    """Text that is shown as Markdown in a notebook and as it is in a terminal."""

    def _repr_markdown_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return str(self)


class _NumberFormatter(Formatter):
    """A formatter that writes the signs of numbers as :func:`typeset_numbers` does, and text as it is."""

    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        return typeset_numbers(text) if hasattr(value, "__float__") else text


def markdown(sentence: str, **values: Any) -> MarkdownText:
    """Return a sentence with computed numbers filled in, so that no number is typed by hand.

    Args:
        sentence: Markdown with named fields in braces and Python's format specifications.
        **values: a value for each field; a tensor of one number is a number.

    Returns:
        The sentence, which looks the same in the book, in Jupyter and on Colab.

    Raises:
        ValueError: a field without a value, or a value without a field.

    Example:
        >>> markdown("Better in {share:.0%} of {n} scenes.", share=0.8, n=300)
        Better in 80% of 300 scenes.
    """
    fields = {field.split(".")[0].split("[")[0] for _, field, _, _ in Formatter().parse(sentence) if field is not None}
    if fields != set(values):
        missing, unused = sorted(fields - set(values)), sorted(set(values) - fields)
        raise ValueError(
            f"every field needs a value and every value a field; without a value: {missing}; without a field: {unused}"
        )
    return MarkdownText(_NumberFormatter().format(sentence, **values))


def escape_table_cell(text: object) -> str:
    r"""Return text on one line that can stand in a cell of a Markdown table.

    Args:
        text: any object; it is converted to a string.

    Returns:
        The text, with runs of white space as one space and vertical bars escaped.

    Example:
        >>> print(escape_table_cell("P | Q"))
        P \| Q
    """
    return " ".join(str(text).split()).replace("|", "\\|")


def inline_html(text: object) -> str:
    """Return text as HTML, with `code` and *emphasis*.

    Args:
        text: any object; it is converted to a string.

    Returns:
        HTML without block elements.

    Example:
        >>> inline_html("call `x < 2` *now*")
        'call <code>x &lt; 2</code> <em>now</em>'
    """
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(str(text)))
    return re.sub(r"(?<!\w)\*([^*\s](?:[^*]*[^*\s])?)\*(?!\w)", r"<em>\1</em>", html)
