import base64
import json
import sys
from io import BytesIO

import matplotlib
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image

from tutorial_course import plots
from tutorial_course.widgets import interactive_figure, static_sliders

COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255)}


def solid_color_figure(color, at=0):
    """Return a page of one color, darker where ``at`` is larger, so that a test can distinguish all frames."""
    return Figure(figsize=(3, 2), facecolor=np.array(COLOURS[color]) / 255 * (1 - 0.1 * at))


def solid_color_alt_text(color, at=0):
    return f"A page all {color} and <nothing> else, shade {at}."


def two_sliders(**options):
    return interactive_figure(
        solid_color_figure, solid_color_alt_text, color=COLOURS, at=[0, 1.0, 0.1 + 0.2, 4], **options
    )


def decode_image(data_uri):
    assert data_uri.startswith("data:image/webp;base64,")
    return np.asarray(Image.open(BytesIO(base64.b64decode(data_uri.partition(",")[2]))).convert("RGB"), dtype=float)


def center_color(data_uri):
    image = decode_image(data_uri)
    return image[image.shape[0] // 2, image.shape[1] // 2]


def embedded_data(html):
    return json.loads(BeautifulSoup(html, "html.parser").find("script", type="application/json").string)


# In a notebook.


def test_interactive_figure_shows_still_image_without_ipywidgets(monkeypatch):
    """The kernel of another environment: jupyter-widgets/ipywidgets issues on "No module named 'ipywidgets'"."""
    interactive = two_sliders()
    for name in [name for name in sys.modules if name.split(".")[0] == "ipywidgets"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bundle = interactive._repr_mimebundle_()
    assert sorted(bundle) == ["text/html", "text/plain"]
    image = BeautifulSoup(bundle["text/html"], "html.parser").find("img")
    np.testing.assert_allclose(center_color(image["src"]), COLOURS["red"], atol=8)
    with pytest.raises(ImportError):
        interactive.widget()


def test_interactive_figure_slider_draws_figure_for_its_value():
    interactive = two_sliders()
    color, at, screen = interactive.widget().children
    assert (color.description, color.options, at.options) == (
        "color",
        ("red", "green", "blue"),
        ("0", "1", "0.3", "4"),
    )
    for name, shade, value in [("blue", "0", 0), ("blue", "4", 4), ("green", "0.3", 0.1 + 0.2), ("red", "0", 0)]:
        color.value, at.value = name, shade
        image = BeautifulSoup(screen.value, "html.parser").img
        assert image["alt"] == solid_color_alt_text(name, value)
        assert np.abs(center_color(image["src"]) - np.array(COLOURS[name]) * (1 - 0.1 * value)).max() < 6


def test_interactive_figure_widget_redraws_on_every_move():
    steps = []
    interactive = interactive_figure(
        lambda step: steps.append(step) or Figure(), lambda step: f"An empty page, number {step}.", step=range(4)
    )
    slider = interactive.widget().children[0]
    for value in "1212":
        slider.value = value
    assert steps == [0, 1, 2, 1, 2]
    assert interactive.widget() is interactive.widget()


def test_interactive_figure_sliders_are_aligned():
    interactive = interactive_figure(
        lambda step, momentum: Figure(),
        lambda step, momentum: "An empty page, nothing more.",
        step=[1, 2],
        momentum=[0, 1],
    )
    step, momentum, _ = interactive.widget().children
    assert step.style.description_width == momentum.style.description_width
    assert float(momentum.style.description_width.removesuffix("em")) > 0.5 * len("momentum")


def test_interactive_figure_in_notebook_gives_widget_and_one_frame(monkeypatch):
    monkeypatch.delenv("TUTORIAL_BOOK", raising=False)
    steps = []
    interactive = interactive_figure(
        lambda step: steps.append(step) or Figure(), lambda step: f"An empty page, number {step}.", step=range(4)
    )
    bundle = interactive._repr_mimebundle_()
    assert steps == [0]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == interactive.widget().model_id
    assert bundle["text/plain"] == repr(interactive) == "Sliders: step 0 … 3. An empty page, number 0."
    page = BeautifulSoup(bundle["text/html"], "html.parser")
    assert page.img["alt"] == "An empty page, number 0." and not page.find(["input", "script", "style"])
    assert page.figcaption.text == "Shown for step 0. In the notebook, you can change these settings with sliders."


def test_interactive_figure_shows_drawing_error_in_place_of_image():
    def draw(step):
        if step == 2:
            raise ZeroDivisionError("the <step> is too long")
        return Figure()

    slider, screen = (
        interactive_figure(draw, lambda step: f"An empty page, number {step}.", step=[1, 2, 3]).widget().children
    )
    slider.value = "2"
    assert (
        BeautifulSoup(screen.value, "html.parser").find(role="alert").text
        == "No figure: ZeroDivisionError: the <step> is too long"
    )
    slider.value = "3"
    assert "An empty page, number 3." in screen.value and "alert" not in screen.value


def test_interactive_figure_leaves_no_open_figures_or_rc_params():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before, open_before = dict(matplotlib.rcParams), pyplot.get_fignums()
    interactive = interactive_figure(
        lambda step: pyplot.figure(figsize=(2, 2)), lambda step: f"An empty page, number {step}.", step=range(3)
    )
    interactive.static_html()
    assert pyplot.get_fignums() == open_before
    assert dict(matplotlib.rcParams) == before


def test_interactive_figure_draws_in_project_style():
    grid_settings = []
    interactive_figure(
        lambda step: grid_settings.append(matplotlib.rcParams["axes.grid"]) or Figure(),
        lambda step: f"An empty page, number {step}.",
        step=[1, 2],
    )
    assert grid_settings == [True] and not matplotlib.rcParams["axes.grid"]


def test_interactive_figure_supports_reused_matplotlib_figure():
    figure = Figure(figsize=(2, 2))

    def draw(color):
        figure.set_facecolor(color)
        return figure

    images = embedded_data(
        interactive_figure(draw, lambda color: f"A page all in {color}.", color=list(COLOURS)).static_html()
    )["images"]
    assert [
        np.abs(center_color(image) - rgb).max() < 6 for image, rgb in zip(images, COLOURS.values(), strict=True)
    ] == [True] * 3


# In the book.


def test_interactive_figure_in_book_gives_static_html_and_no_widget(monkeypatch):
    monkeypatch.setenv("TUTORIAL_BOOK", "1")
    interactive = two_sliders(start={"color": "green"})
    bundle = interactive._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and interactive.box is None
    assert bundle["text/html"] == interactive.static_html()


def test_interactive_figure_in_book_raises_drawing_errors(monkeypatch):
    monkeypatch.setenv("TUTORIAL_BOOK", "1")
    with pytest.raises(ZeroDivisionError):
        interactive_figure(
            lambda step: Figure() if 1 / step else None, lambda step: f"An empty page, number {step}.", step=[1, 2, 0]
        )


def test_static_html_holds_every_frame_with_alt_text():
    html = two_sliders(start={"color": "green", "at": 1}).static_html()
    data = embedded_data(html)
    combinations = [(color, at) for color in COLOURS for at in [0, 1.0, 0.1 + 0.2, 4]]
    assert [alt for _, alt in data["frames"]] == [solid_color_alt_text(*values) for values in combinations]
    for (number, _), (color, at) in zip(data["frames"], combinations, strict=True):
        assert np.abs(center_color(data["images"][number]) - np.array(COLOURS[color]) * (1 - 0.1 * at)).max() < 6
    page = BeautifulSoup(html, "html.parser")
    assert len(page.find_all("figure")) == len(page.find_all("img")) == 1
    assert (
        page.img["alt"] == solid_color_alt_text("green", 1.0)
        and page.img["src"] == data["images"][data["frames"][5][0]]
    )
    assert page.find(class_="sliders").has_attr("hidden") and not page.figcaption.has_attr("hidden")
    (slider,) = page.find_all("input", type="range")
    assert [slider[name] for name in ("aria-label", "max", "value", "aria-valuetext")] == ["at", "3", "1", "1"]
    (menu,) = page.find_all("select")
    assert menu["aria-label"] == "color" and [option.text for option in menu.find_all("option")] == [*COLOURS]
    assert menu.find("option", selected=True).text == "green"
    assert not page.find(id=True), "two figures on a page would share it"


def test_static_html_stores_equal_frames_once():
    data = embedded_data(
        interactive_figure(
            lambda a, b: solid_color_figure("red", b),
            lambda a, b: f"A page all red, {a} and {b}.",
            a=[0, 1, 2],
            b=[0, 5],
        ).static_html()
    )
    assert len(data["images"]) == 2 and [number for number, _ in data["frames"]] == [0, 1, 0, 1, 0, 1]


def test_static_html_frames_have_equal_size():
    def draw(digits):
        figure = Figure(figsize=(3, 2))
        figure.subplots().set(title="A title " * (digits // 2), ylim=(0, 10**digits))
        return figure

    images = embedded_data(
        interactive_figure(draw, lambda digits: f"An axis up to {10**digits}.", digits=[1, 5, 9]).static_html()
    )["images"]
    assert {decode_image(image).shape for image in images} == {(240, 360, 3)}


def test_static_html_keeps_text_of_eight_points_on_narrow_pages():
    def draw(size):
        figure = Figure((6, 2))
        figure.text(0, 0, "a note", fontsize=size)
        return figure

    interactive = interactive_figure(draw, lambda size: f"A note of {size} points.", size=[24, 16])
    assert "width:576px;min-width:192px" in interactive.first.html()
    assert "width:576px;min-width:288px" in interactive.static_html(), "it suits the frame with the smallest text"


def test_static_html_keeps_line_drawings_small():
    def draw(step):
        figure = Figure(figsize=(4, 3), layout="constrained")
        x = np.linspace(-2, 2, 60)
        axis = figure.subplots()
        axis.contour(x, x, x[None] ** 2 + 3 * x[:, None] ** 2, levels=10)
        axis.plot(1.8 * (1 - step) ** np.arange(12), 1.5 * (1 - 3 * step) ** np.arange(12), "o-")
        axis.set(xlim=(-2, 2), ylim=(-2, 2))
        return figure

    images = embedded_data(
        interactive_figure(draw, lambda step: f"A path of steps of {step}.", step=[0.1, 0.2, 0.3]).static_html()
    )["images"]
    assert max(map(len, images)) * 3 / 4 <= 25_000


def test_static_html_escapes_alt_text():
    html = interactive_figure(
        solid_color_figure, lambda color: f"</script><b>{color}</b> is the page.", color=COLOURS
    ).static_html()
    assert embedded_data(html)["frames"][2][1] == "</script><b>blue</b> is the page."
    assert not BeautifulSoup(html, "html.parser").find("b")


# Arguments.


def test_interactive_figure_uses_alt_text_of_figure():
    interactive = interactive_figure(
        lambda step: plots.with_alt_text(Figure(), f"An empty page, number {step}."), step=[1, 2]
    )
    assert [alt for _, alt in embedded_data(interactive.static_html())["frames"]] == [
        "An empty page, number 1.",
        "An empty page, number 2.",
    ]


@pytest.mark.parametrize(
    "values", [np.linspace(0, 1, 11), torch.linspace(0, 1, 11, dtype=torch.float64), [i / 10 for i in range(11)]]
)
def test_interactive_figure_formats_labels_and_passes_values_unchanged(values):
    received = []
    interactive = interactive_figure(
        lambda the_step: received.append(the_step) or Figure(),
        lambda the_step: "An empty page, again.",
        the_step=values,
        start={"the_step": 0.3},
    )
    assert interactive.labels == {"the step": ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]}
    assert type(received[0]) is type(values[3]) and received[0] == values[3]


@pytest.mark.parametrize(
    "options, problem",
    [
        ({}, "pass each slider by its name"),
        ({"step": []}, "step has 0 values, a slider needs two"),
        ({"step": [1]}, "step has 1 values"),
        ({"step": 3}, "step needs a sequence of values, not 3"),
        ({"step": "abc"}, "not 'abc'"),
        ({"step": [1, 1.0, 2]}, "look the same: 1"),
        ({"step": range(101)}, "101 frames, but at most 100 are possible"),
        ({"step": range(20), "size": range(6)}, "120 frames"),
        ({"step": [1, 2], "start": {"step": 5}}, "step cannot start at 5; its values are 1, 2"),
        ({"step": [1, 2], "start": {"stop": 1}}, "start names 'stop', but the sliders are step"),
        ({"step": [1, 2], "alt": "A text for all frames."}, "must be a function of step"),
    ],
)
def test_interactive_figure_rejects_invalid_options(options, problem):
    with pytest.raises(ValueError, match=problem):
        interactive_figure(lambda **values: Figure(), **{"alt": lambda **values: "An empty page, again.", **options})


def test_interactive_figure_accepts_maximum_number_of_frames():
    interactive = interactive_figure(
        lambda **values: Figure((1, 1)), lambda **values: "An empty page, again.", a=range(10), b=range(10)
    )
    assert len(embedded_data(interactive.static_html())["frames"]) == 100


@pytest.mark.parametrize(
    "draw, alt, problem",
    [
        (
            lambda step: None,
            lambda step: "An empty page, again.",
            "draw returned NoneType for {'step': 1}; end it with `return figure`",
        ),
        (lambda step: Figure().subplots(), lambda step: "An empty page, again.", "draw returned Axes"),
        (lambda step: Figure(), None, "a figure needs an alternative text"),
        (lambda step: Figure(), lambda step: f"frame {step}", "'frame 1' does not describe the figure"),
        (lambda step: Figure(), lambda step: None, "None does not describe the figure"),
    ],
)
def test_interactive_figure_rejects_missing_figure_or_alt_text(draw, alt, problem):
    with pytest.raises(ValueError, match=problem):
        interactive_figure(draw, alt, step=[1, 2])


def test_static_html_rejects_too_many_bytes(monkeypatch):
    monkeypatch.setattr(static_sliders, "MAX_BYTES", 1_000)
    with pytest.raises(ValueError, match=r"12 frames of 0 kB take 0.0 MB together.*take fewer values"):
        two_sliders().static_html()


# In a browser.


@pytest.fixture
def page(tmp_path):
    one = interactive_figure(solid_color_figure, solid_color_alt_text, color=COLOURS, at=[0, 1, 2, 4])
    two = interactive_figure(
        lambda grey: Figure((3, 2), facecolor=str(grey)),
        lambda grey: f"A grey page of brightness {grey}.",
        grey=[0, 0.5, 1],
        start={"grey": 0.5},
    )
    file = tmp_path / "page.html"
    parts = [one.static_html(), "<p>and</p>", two.static_html(), one._repr_mimebundle_()["text/html"]]
    file.write_text(f"<!doctype html><meta charset=utf-8><title>x</title>{''.join(parts)}", encoding="utf-8")
    return file.as_uri()


@pytest.fixture
def open_page(new_tab, page):
    """A function that opens the page and returns it with a list of its errors and external requests."""

    def opener(**options):
        tab, problems = new_tab(viewport={"width": 390, "height": 900}, **options), []
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("request", lambda request: request.url.startswith((page, "data:")) or problems.append(request.url))
        tab.goto(page)
        return tab, problems

    return opener


def displayed_center_color(tab, figure):
    """Return the color in the middle of the image as the browser renders it."""
    element = tab.locator("figure").nth(figure).locator("img")
    element.evaluate("image => image.decode()")
    image = Image.open(BytesIO(element.screenshot()))
    return np.array(image.convert("RGB").getpixel((image.width // 2, image.height // 2)), dtype=float)


def test_static_html_arrow_keys_move_only_focused_figure(open_page):
    tab, wrong = open_page()
    color, (at, grey) = tab.locator("select"), tab.locator("input").all()
    grey_before = tab.locator("figure").nth(1).locator("img").get_attribute("src")
    assert np.abs(displayed_center_color(tab, 0) - COLOURS["red"]).max() < 8
    color.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    first, second = tab.locator("figure").nth(0), tab.locator("figure").nth(1)
    assert np.abs(displayed_center_color(tab, 0) - COLOURS["blue"]).max() < 8
    assert first.locator("img").get_attribute("alt") == solid_color_alt_text("blue", 0)
    assert color.evaluate("menu => menu.selectedOptions[0].text") == "blue"
    tab.keyboard.press("Tab")
    tab.keyboard.press("End")
    assert np.abs(displayed_center_color(tab, 0) - np.array(COLOURS["blue"]) * 0.6).max() < 8
    assert at.get_attribute("aria-valuetext") == "4"
    assert second.locator("img").get_attribute("src") == grey_before
    assert second.locator("img").get_attribute("alt") == "A grey page of brightness 0.5."
    grey.focus()
    tab.keyboard.press("ArrowLeft")
    assert (
        displayed_center_color(tab, 1).max() < 8
        and np.abs(displayed_center_color(tab, 0) - np.array(COLOURS["blue"]) * 0.6).max() < 8
    )
    tab.wait_for_function(
        f"document.querySelector('.spoken').textContent === {json.dumps(solid_color_alt_text('blue', 4))}"
    )
    assert wrong == []


def test_static_html_sliders_have_names_and_fit_narrow_page(open_page):
    tab, problems = open_page()
    assert [tab.get_by_role("slider", name=name).count() for name in ["at", "grey"]] == [1, 1]
    assert tab.get_by_role("combobox", name="color").count() == 1
    assert tab.locator("figcaption:visible").count() == 1, "only the figure without sliders names them in its caption"
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert problems == []


def test_static_html_shows_first_frame_without_javascript(open_page):
    tab, wrong = open_page(java_script_enabled=False)
    assert (
        np.abs(displayed_center_color(tab, 0) - COLOURS["red"]).max() < 8
        and np.abs(displayed_center_color(tab, 1) - 127).max() < 8
    )
    assert tab.locator("input:visible, select:visible").count() == 0
    assert (
        tab.locator("figcaption:visible").all_inner_texts()[1]
        == "Shown for grey 0.5. In the notebook, you can change these settings with sliders."
    )
    assert wrong == []
