"""One figure with sliders: drawn anew at every move where a kernel runs, a player of frames drawn beforehand in the book.

Nothing tells a kernel who will look at its output. So the build of the book says it, in the environment variable TUTORIAL_BOOK,
and gets all frames with a short script. Everybody else (Jupyter, Colab, a test) gets the widget and one frame: that costs one
drawing, and no notebook carries frames that nobody turns to.
"""

import os
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.figure import Figure

from tutorial_course.plots import RC_PARAMS, FigureWithAltText
from tutorial_course.widgets.static_sliders import Frame, slider_html, static_fallback

if TYPE_CHECKING:
    from ipywidgets import VBox

BOOK_ENV_VAR = "TUTORIAL_BOOK"
MAX_FRAMES = 100


def format_value(value: object) -> str:
    """What stands beside a slider: numbers without the noise of binary fractions."""
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def to_data_uri(figure: Figure) -> str:
    """The figure as a data URI: all of its canvas, uncropped, so that the frames of a player lie exactly over one another."""
    stream = BytesIO()
    # Letters stay clean, and dozens of frames fit into a page.
    figure.savefig(stream, format="webp", dpi=120, pil_kwargs={"quality": 70})
    return "data:image/webp;base64," + b64encode(stream.getvalue()).decode()


class InteractiveFigure:
    """A figure with sliders, as :func:`explore` returns it."""

    def __init__(self, draw: Callable, alt: Callable | None, options: dict[str, list], start: dict[str, object]):
        self.draw, self.alt, self.options = draw, alt, options
        labels = {name: [format_value(value) for value in values] for name, values in options.items()}
        self.start = tuple(
            called.index(format_value(start[name])) if name in start else 0 for name, called in labels.items()
        )
        self.labels = {name.replace("_", " "): called for name, called in labels.items()}
        # Here, not when shown: what raises while it is shown leaves a traceback on the page, and the cell counts as run.
        self.first = self.frame(self.start)
        self.page = self.static_html() if os.environ.get(BOOK_ENV_VAR) else None
        self.box: VBox | None = None

    def frame(self, place: Sequence[int]) -> Frame:
        """Draw the figure for the values at these positions of the sliders."""
        values = {name: values[at] for (name, values), at in zip(self.options.items(), place, strict=True)}
        with matplotlib.rc_context(RC_PARAMS):
            drawn = self.draw(**values)
        figure = drawn.figure if isinstance(drawn, FigureWithAltText) else drawn
        if not isinstance(figure, Figure):
            raise ValueError(
                f"draw returned {type(drawn).__name__} for {values}; end it with `return figure`, Matplotlib's"
            )
        if self.alt is None and figure is drawn:
            raise ValueError(
                "a figure needs words: give alt=lambda …: 'what one sees', or let draw return plots.with_alt_text(…)"
            )
        alt = self.alt(**values) if self.alt else drawn.alt
        if not isinstance(alt, str) or len(alt.split()) < 4:
            raise ValueError(f"{alt!r} describes no figure; say in a sentence what one sees in it for {values}")
        image = to_data_uri(figure)
        # A figure made with pyplot would otherwise stay open and appear once more below the cell.
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close(figure)
        return Frame(image, alt, round(96 * figure.get_figwidth()))

    def static_html(self) -> str:
        """Every frame, drawn now, as HTML whose sliders need no kernel.

        Raises:
            ValueError: the player weighs too much for a page.
        """
        places = product(*(range(len(called)) for called in self.labels.values()))
        return slider_html(
            [self.first if place == self.start else self.frame(place) for place in places], self.labels, self.start
        )

    def widget(self) -> "VBox":
        """The widget: sliders and the picture, drawn anew at every move. Always the same one, however often it is shown."""
        # Here, because it takes longer to import than a figure to draw, and the book needs none.
        import ipywidgets

        if self.box is not None:
            return self.box
        screen = ipywidgets.HTML(self.first.html())
        # One width for all names, so that the sliders begin below one another.
        width = f"{2 + 0.65 * max(map(len, self.labels)):.1f}em"
        look = {"style": {"description_width": width}, "layout": {"width": "min(100%, 32em)"}}
        sliders = [
            ipywidgets.SelectionSlider(options=called, value=called[at], description=name, **look)
            for (name, called), at in zip(self.labels.items(), self.start, strict=True)
        ]

        def show(_) -> None:
            try:
                screen.value = self.frame([slider.index for slider in sliders]).html()
            except (
                Exception
            ) as error:  # nobody stands above a slider to catch it, and the old picture would pass for the new one
                screen.value = f'<p role="alert">No picture here: {escape(f"{type(error).__name__}: {error}")}</p>'

        for slider in sliders:
            slider.observe(show, names="index")
        self.box = ipywidgets.VBox([*sliders, screen])
        return self.box

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        if self.page:
            return {"text/html": self.page, "text/plain": repr(self)}
        # Written out, because the widgets that Colab ships make their own bundle by another method than later ones.
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        alone = static_fallback(self.first, self.labels, self.start)
        return {"application/vnd.jupyter.widget-view+json": view, "text/html": alone, "text/plain": repr(self)}

    def __repr__(self) -> str:
        ranges = ", ".join(f"{name} {called[0]} … {called[-1]}" for name, called in self.labels.items())
        return f"Sliders: {ranges}. {self.first.alt}"


def check_options(name: str, values: Sequence) -> list:
    """The values of a slider, or why they are none."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ValueError(f"{name} needs a sequence of values, not {values!r}")
    values = list(values)
    if len(values) < 2:
        raise ValueError(f"{name} has {len(values)} values, a slider needs two; what never changes belongs into draw")
    labels = [format_value(value) for value in values]
    if twins := sorted({label for label in labels if labels.count(label) > 1}):
        raise ValueError(f"{name} has values that look the same: {', '.join(twins)}")
    return values


def interactive_figure(
    draw: Callable, alt: Callable | None = None, *, start: dict | None = None, **options: Sequence
) -> InteractiveFigure:
    """One figure with a slider for each option: live in Jupyter and Colab, a player of frames in the book.

    Args:
        draw: ``draw(**values)`` returns a Matplotlib figure, or one that :func:`plots.with_alt_text` has given its text. It runs
            in the style of ``plots``. Fix the limits of the axes, so that frames can be compared.
        alt: ``alt(**values)`` returns what one sees in that frame. Not needed where ``draw`` describes its figure itself.
        start: the value at which a slider stands first, by name; otherwise the first of its values.
        options: for each slider its name (``_`` is shown as a space) and two or more values; at most 100 combinations.

    Raises:
        ValueError: no options, fewer than two values, values that look the same, too many frames, a start that is no value,
            a figure without words, something else than a figure; in the book, more than 2 MB of frames.

    Example:
        >>> interactive_figure(lambda step: Figure(), lambda step: f"An empty page, number {step}.", step=[1, 2, 3])
        Sliders: step 1 … 3. An empty page, number 1.
    """
    if not options:
        raise ValueError("nothing to explore; give each slider a name and its values, such as step=[0.1, 0.2, 0.3]")
    if alt is not None and not callable(alt):
        raise ValueError(
            f"alt says what one sees in each frame, so it must be a function of {', '.join(options)}, not {alt!r}"
        )
    options = {name: check_options(name, values) for name, values in options.items()}
    if (count := prod(len(values) for values in options.values())) > MAX_FRAMES:
        raise ValueError(
            f"{count} frames, but a player carries at most {MAX_FRAMES}; take fewer options or fewer values"
        )
    for name, value in (start or {}).items():
        if name not in options:
            raise ValueError(f"start names {name!r}, but the sliders are {', '.join(options)}")
        if format_value(value) not in (labels := [format_value(known) for known in options[name]]):
            raise ValueError(f"{name} cannot start at {format_value(value)}; its values are {', '.join(labels)}")
    return InteractiveFigure(draw, alt, options, start or {})
