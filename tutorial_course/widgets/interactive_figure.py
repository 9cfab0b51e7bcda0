"""A figure with sliders: redrawn at every move of a slider in a notebook, precomputed frames in the book.

The build of the book gets all frames with a short script. Everywhere else (Jupyter, Colab, tests) the result is a
widget and one frame, so that only one frame is drawn and notebooks stay small. An option with words as values is
chosen from a menu, because words have no order that a slider could show.
"""

import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from tutorial_course._display import is_book_build, widget_bundle
from tutorial_course.plots import FigureWithAltText, enlarge_small_text, readable_width, style
from tutorial_course.widgets.static_sliders import Frame, slider_html, static_fallback

if TYPE_CHECKING:
    from ipywidgets import VBox

MAX_FRAMES = 100


def _format_value(value: object) -> str:
    """The label of a slider's value, without the rounding errors of binary fractions."""
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _to_data_uri(figure: Figure) -> str:
    """The whole canvas of a figure as a data URI, uncropped, so that all frames of a figure have the same size."""
    stream = BytesIO()
    # At this quality the text stays sharp, and dozens of frames fit into a page.
    figure.savefig(stream, format="webp", dpi=120, pil_kwargs={"quality": 70})
    return "data:image/webp;base64," + b64encode(stream.getvalue()).decode()


class InteractiveFigure:
    """A figure with sliders; :func:`interactive_figure` checks the arguments and creates it.

    Args:
        draw: ``draw(**values)`` returns a Matplotlib figure or a
            :class:`~tutorial_course.plots.FigureWithAltText`.
        alt: ``alt(**values)`` returns the alternative text; None takes that of the figure.
        options: the values of each slider by its name.
        start: the first value of a slider by its name; without one it is the first of its values.
    """

    def __init__(self, draw: Callable, alt: Callable | None, options: dict[str, list], start: dict[str, Any]):
        self.draw, self.alt, self.options = draw, alt, options
        labels = {name: [_format_value(value) for value in values] for name, values in options.items()}
        self.start = tuple(
            texts.index(_format_value(start[name])) if name in start else 0 for name, texts in labels.items()
        )
        self.labels = {name.replace("_", " "): texts for name, texts in labels.items()}
        self.menus = {name.replace("_", " ") for name, values in options.items() if isinstance(values[0], str)}
        # Drawn here and not when it is displayed: an error during display would leave a traceback on the page, although
        # the cell counts as executed.
        self.first = self.frame(self.start)
        self.page = self.static_html() if is_book_build() else None
        self.box: VBox | None = None

    def frame(self, positions: Sequence[int]) -> Frame:
        """Draw the figure for some positions of the sliders.

        Args:
            positions: index of the selected value of each slider.

        Returns:
            The frame.

        Raises:
            ValueError: ``draw`` does not return a figure, or the alternative text is missing or too short.
        """
        values = {name: values[at] for (name, values), at in zip(self.options.items(), positions, strict=True)}
        with style():
            result = self.draw(**values)
        figure = result.figure if isinstance(result, FigureWithAltText) else result
        if not isinstance(figure, Figure):
            raise ValueError(
                f"draw returned {type(result).__name__} for {values}; end it with `return figure`, Matplotlib's"
            )
        if self.alt is None and figure is result:
            raise ValueError(
                "a figure needs an alternative text: pass alt=lambda …: 'what the figure shows', "
                "or let draw return plots.with_alt_text(…)"
            )
        enlarge_small_text(figure)
        alt = self.alt(**values) if self.alt else result.alt
        if not isinstance(alt, str) or len(alt.split()) < 4:
            raise ValueError(f"{alt!r} does not describe the figure; say in a sentence what it shows for {values}")
        image = _to_data_uri(figure)
        # A figure made with pyplot would otherwise stay open and be shown a second time below the cell.
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close(figure)
        width = round(96 * figure.get_figwidth())
        return Frame(image, alt, width, readable_width(figure, width))

    def static_html(self) -> str:
        """Return all frames, with sliders that need no kernel.

        Returns:
            HTML with a script.

        Raises:
            ValueError: the frames take too many bytes for a page.
        """
        positions = product(*(range(len(texts)) for texts in self.labels.values()))
        return slider_html(
            [self.first if place == self.start else self.frame(place) for place in positions],
            self.labels,
            self.start,
            self.menus,
        )

    def widget(self) -> "VBox":
        """Return the widget: the sliders, and the figure, which is redrawn when one moves.

        Returns:
            The widget; every call returns the same one.
        """
        # Imported here because the import takes longer than drawing a figure, and the book does not need it.
        import ipywidgets

        if self.box is not None:
            return self.box
        screen = ipywidgets.HTML(self.first.html())
        # The same width for all names, so that the sliders are aligned.
        width = f"{2 + 0.65 * max(map(len, self.labels)):.1f}em"
        look = {"style": {"description_width": width}, "layout": {"width": "min(100%, 32em)"}}
        sliders = [
            (ipywidgets.Dropdown if name in self.menus else ipywidgets.SelectionSlider)(
                options=texts, value=texts[at], description=name, **look
            )
            for (name, texts), at in zip(self.labels.items(), self.start, strict=True)
        ]

        def show(_) -> None:
            try:
                screen.value = self.frame([slider.index for slider in sliders]).html()
            # No caller could catch the error of a callback, and the previous figure would be taken for the new one.
            except Exception as error:
                screen.value = f'<p role="alert">No figure: {escape(f"{type(error).__name__}: {error}")}</p>'

        for slider in sliders:
            slider.observe(show, names="index")
        self.box = ipywidgets.VBox([*sliders, screen])
        return self.box

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        html = self.page or static_fallback(self.first, self.labels, self.start)
        return widget_bundle(self.widget, html, repr(self))

    def __repr__(self) -> str:
        ranges = ", ".join(f"{name} {texts[0]} … {texts[-1]}" for name, texts in self.labels.items())
        return f"Sliders: {ranges}. {self.first.alt}"


def _check_options(name: str, values: Sequence) -> list:
    """The values of a slider as a list; raise unless there are two or more with different labels."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ValueError(f"{name} needs a sequence of values, not {values!r}")
    values = list(values)
    if len(values) < 2:
        raise ValueError(f"{name} has {len(values)} values, a slider needs two; put what never changes into draw")
    labels = [_format_value(value) for value in values]
    if duplicates := sorted({label for label in labels if labels.count(label) > 1}):
        raise ValueError(f"{name} has values that look the same: {', '.join(duplicates)}")
    return values


def interactive_figure(
    draw: Callable, alt: Callable | None = None, *, start: dict[str, Any] | None = None, **options: Sequence
) -> InteractiveFigure:
    """Return a figure with a slider per option.

    In Jupyter and Colab the figure is redrawn when a slider moves; in the book all frames are precomputed.

    Args:
        draw: ``draw(**values)`` returns a Matplotlib figure, or the result of
            :func:`~tutorial_course.plots.with_alt_text`. It is called inside :func:`~tutorial_course.plots.style`. Fix
            the limits of the axes, so that frames can be compared.
        alt: ``alt(**values)`` returns the alternative text of that frame; None takes the text of the figure.
        start: the first value of a slider by its name; a slider without one starts at the first of its values.
        **options: for each slider its name (``_`` is shown as a space) and two or more values, with at most 100
            combinations.

    Returns:
        The figure with its sliders.

    Raises:
        ValueError: no options, fewer than two values, values that look the same, too many frames, a start that is not
            one of the values, a figure without an alternative text, a result of ``draw`` that is not a figure; in the
            book, more than 2 MB of frames.

    Example:
        >>> interactive_figure(lambda step: Figure(), lambda step: f"An empty page, number {step}.", step=[1, 2, 3])
        Sliders: step 1 … 3. An empty page, number 1.
    """
    if not options:
        raise ValueError("no sliders: pass each slider by its name with its values, such as step=[0.1, 0.2, 0.3]")
    if alt is not None and not callable(alt):
        raise ValueError(f"alt describes each frame, so it must be a function of {', '.join(options)}, not {alt!r}")
    values_by_name = {name: _check_options(name, values) for name, values in options.items()}
    if (count := prod(map(len, values_by_name.values()))) > MAX_FRAMES:
        raise ValueError(f"{count} frames, but at most {MAX_FRAMES} are possible; take fewer options or fewer values")
    for name, value in (start or {}).items():
        if name not in options:
            raise ValueError(f"start names {name!r}, but the sliders are {', '.join(options)}")
        if _format_value(value) not in (labels := list(map(_format_value, values_by_name[name]))):
            raise ValueError(f"{name} cannot start at {_format_value(value)}; its values are {', '.join(labels)}")
    return InteractiveFigure(draw, alt, values_by_name, start or {})
