"""A check of every figure that the tests of this folder make."""

import pytest

from tutorial_course.plots import core


@pytest.fixture(autouse=True)
def text_on_white_background_has_contrast(monkeypatch):
    """Titles, labels and tick labels, which are next to the axes and therefore on white, are dark enough to read."""
    figures, enlarge = [], core.enlarge_small_text
    monkeypatch.setattr(core, "enlarge_small_text", lambda figure: figures.append(figure) or enlarge(figure))
    yield
    texts = []
    for axes in (axes for figure in figures for axes in figure.axes):
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()]
    assert [text for text in texts if 1.05 / (core.relative_luminance(text.get_color()) + 0.05) < 4.5] == []
