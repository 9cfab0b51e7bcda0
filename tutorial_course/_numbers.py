"""Signs of numbers in text."""

import re

SIGNED_ZERO = re.compile(r"(?<!\w)[-+](0\.0+)(?!\d)")
HYPHEN = re.compile(r"(?<![\w.])-(?=\.?\d)")


def typeset_numbers(text: str) -> str:
    """Return text whose negative numbers have a minus sign, and whose numbers that round to zero have no sign.

    Args:
        text: text with numbers as Python formats them, which have a hyphen as their sign.

    Returns:
        The text.

    Example:
        >>> typeset_numbers("-0.12 (-0.31 to +0.00)")
        '−0.12 (−0.31 to 0.00)'
    """
    return HYPHEN.sub("−", SIGNED_ZERO.sub(r"\1", text))
