"""Computed numbers in a sentence."""

from string import Formatter


class MarkdownText(str):
    """Text that shows as Markdown in a notebook and as itself in a terminal."""

    def _repr_markdown_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return str(self)


def markdown(sentence: str, **values) -> MarkdownText:
    """Fill computed numbers into a sentence, so that none is ever typed.

    Args:
        sentence: Markdown with named fields in braces and Python's format specifications.
        values: a value for each field; tensors of one number will do.

    Returns:
        the sentence, shown the same in the book, in Jupyter and on Colab.

    Raises:
        ValueError: a field has no value, or a value has no field.

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
    return MarkdownText(sentence.format(**values))
