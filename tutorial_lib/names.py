"""Names a person typed: found, or answered with the nearest ones."""

from collections.abc import Iterable
from difflib import get_close_matches


def known(name: str, names: Iterable[str], kind: str) -> str:
    """Return ``name`` if it is one of ``names``; otherwise say which ones come close.

    Args:
        name: what was asked for.
        names: what there is.
        kind: what such a name stands for, in the singular ("sign", "layer"); it opens the error.

    Raises:
        ValueError: the name is unknown. The message holds the nearest names, or all of them where none is near.

    Example:
        >>> known("stop", ["stop", "yield"], "sign")
        'stop'
        >>> known("stpo", ["stop", "yield"], "sign")
        Traceback (most recent call last):
            ...
        ValueError: unknown sign 'stpo'; the nearest: 'stop'
    """
    names = list(names)
    if name in names:
        return name
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    said = "the nearest" if near else "there are"
    raise ValueError(f"unknown {kind} {name!r}; {said}: " + ", ".join(map(repr, near or names)))
