"""Signs and powers of ten of numbers in text."""

import re

SIGNED_ZERO = re.compile(r"(?<!\w)[-+](0\.0+)(?!\d)")
HYPHEN = re.compile(r"(?<![\w.])-(?=\.?\d)")
SCIENTIFIC = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([-+]\d+)\b")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def typeset_numbers(text: str) -> str:
    """Return text whose numbers have a minus sign, no sign if they round to zero, and a power of ten as exponent.

    Args:
        text: text with numbers as Python formats them, with a hyphen as their sign and an "e" before their exponent.

    Returns:
        The text.

    Example:
        >>> typeset_numbers("-0.12 (-0.31 to +0.00)")
        '−0.12 (−0.31 to 0.00)'
        >>> typeset_numbers("2e-08")
        '2\xa0·\xa010⁻⁸'
    """
    return HYPHEN.sub("−", SCIENTIFIC.sub(_power_of_ten, SIGNED_ZERO.sub(r"\1", text)))


def _power_of_ten(number: re.Match[str]) -> str:
    """A number in scientific notation, with a power of ten in place of the "e"."""
    digits, exponent = number[1], str(int(number[2]))
    return "0" if float(digits) == 0 else f"{digits}\u00a0·\u00a010{exponent.translate(SUPERSCRIPTS)}"
