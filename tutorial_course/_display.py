"""How an element of a page is shown: as a widget where a kernel runs, as HTML in the book."""

import os
from collections.abc import Callable
from typing import Any

# Set by the build of the book, because a kernel cannot know where its output will be shown.
BOOK_ENV_VAR = "TUTORIAL_BOOK"


def is_book_build() -> bool:
    """Return whether this kernel runs for the build of the book.

    Returns:
        True during a build, where no kernel can answer the reader.
    """
    return bool(os.environ.get(BOOK_ENV_VAR))


def widget_bundle(make_widget: Callable[[], Any], html: str, text: str) -> dict[str, Any]:
    """Return the formats of an element from which Jupyter, Colab and the book choose one.

    Args:
        make_widget: returns the widget of ipywidgets. It is not called in the build of the book. Where ipywidgets is
            missing, the HTML is shown instead.
        html: the element without a kernel.
        text: the element in a terminal.

    Returns:
        ``{MIME type: content}``.
    """
    bundle: dict[str, Any] = {"text/html": html, "text/plain": text}
    if is_book_build():
        return bundle
    try:
        widget = make_widget()
    except ImportError:
        return bundle
    # Written by hand, because the version of ipywidgets on Colab builds its bundle by another method than later ones.
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view, **bundle}
