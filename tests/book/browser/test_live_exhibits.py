"""Tests of the live exhibits on a page that was opened from a folder: numbers, links, keyboard, touch and print."""

import contextlib
import io
import json
import shutil

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe

from docs_ext import live_files
from tutorial_lib import data, models

EXHIBITS = ("hue", "paint", "contrast", "norms", "attack")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Exhibits</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="_static/live/live.css">
<style>:root {{ --pst-color-border: #ccc; --pst-color-surface: #f3f4f5; --pst-color-text-muted: #48566b;
--pst-color-text-base: #222832; --pst-color-link: #0a5d80; --pst-color-background: #fff; }}</style>
<script defer src="_static/live/loader.js"></script></head><body><main><h1>Exhibits</h1>{}</main></body></html>"""
# States of the exhibits, as a link stores them.
STATES = [
    "paint&rate=0.001&done=.k2418k2419ic-r3030s2cs2c",
    "attack&sign=speed+80&eps=3&method=PGD%2C+ten+steps",
]
MORE_STATES = [
    "hue&hue=60",
    "contrast&sign=no+left&contrast=no+right&question=difference",
    "norms&image=roundabout+%28novel+class%29&shift=6",
    "hue&sign=priority&hue=210",
    "paint&done=.k2418k2419k2420",
    "paint&strength=25%25&done=_k2418k2419k2420",
    "paint&sign=yield&target=stop&done=.w1010ib",
    "contrast",
    "contrast&sign=stop&contrast=stop&question=logit",
    "norms&image=stop%2C+lens+blur+%28corrupted%29",
    "norms&image=hump&objective=loss+of+the+prediction",
    "attack&eps=6.5",
    "attack&eps=0",
]
HOSTILE = [
    "hue&hue=61",
    "hue&hue=1e1",
    "hue&hue=-10",
    "hue&hue=NaN",
    "hue&sign=<img src=x onerror=alert(1)>",
    "hue&sign=constructor",
    "hue&__proto__=1",
    "hue&hue=10&hue=20",
    "hue&unknown=1",
    "hueX&hue=10",
    "paint&done=.k4824",
    "paint&done=.k24",
    "paint&done=k2424",
    "paint&done=ick2424",
    "paint&strength=200%25",
    "paint&done=io",
    "paint&done=" + ".k2424" * 300,
    "paint&done=" + "." * 4000,
    "norms&shift=1",
    "norms&shift=99999999999999999999",
    "norms&image=stop%00",
    "attack&eps=0.3",
    "attack&method=",
]


@pytest.fixture(scope="module")
def address(live_folder):
    page = live_folder.parents[1] / "page.html"
    hosts = "".join(f'<div class="live" data-exhibit="{name}"><p>Figure {name}.</p></div>' for name in EXHIBITS)
    page.write_text(PAGE.format(hosts), encoding="utf-8")
    below = '<p>Figure hue.</p><div class="live live-below" data-exhibit="hue"><p>The sentence.</p></div>'
    page.with_name("below.html").write_text(PAGE.format(below), encoding="utf-8")
    return page.as_uri()


def start(tab, address, state):
    """Open the page with the link to a state, start the exhibit, and wait until its numbers are settled."""
    name = state.split("&")[0]
    tab.goto("about:blank")
    tab.goto(f"{address}#live={state}")
    host = tab.locator(f'.live[data-exhibit="{name}"]')
    host.get_by_role("button", name="Run the network").click()
    host.locator(".live-panel").wait_for()
    settled(tab, name)
    return host


def settled(tab, name):
    """Wait until the last update of an exhibit is settled, and return its numbers."""
    script = "name => { const { dataset, exhibit } = document.querySelector(`[data-exhibit=${name}]`);"
    script += "return !exhibit.running && dataset.settled === dataset.updates && dataset.numbers; }"
    return json.loads(tab.wait_for_function(script, arg=name).json_value())


def refused(host):
    return "does not describe a state" in host.locator(".live-message").text_content()


def run_python(code):
    """Return the numbers that lines of Python print."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, {})
    return [float(number) for number in output.getvalue().split()]


def test_exhibit_loads_own_files_when_button_is_pressed_and_figure_prints(new_tab, address):
    requests, errors = [], []
    tab = new_tab()
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(address)
    folder = address.replace("page.html", "")
    tab.get_by_role("button", name="Run the network").first.wait_for()
    assert {url.removeprefix(folder) for url in requests} == {
        "page.html",
        "_static/live/live.css",
        "_static/live/loader.js",
    }
    assert tab.get_by_text("Figure hue.").is_visible()
    requests.clear()
    start(tab, address, "contrast")
    assert all(url.startswith((folder, "blob:", "data:", "about:")) for url in requests)
    assert folder + "_static/live/weights.js" in requests
    assert [url for url in requests if "/exhibits/" in url] == [folder + "_static/live/exhibits/contrast.js"]
    assert folder + "_static/live/unusual.js" not in requests
    assert not tab.get_by_text("Figure contrast.").is_visible() and tab.get_by_text("Figure paint.").is_visible()
    tab.emulate_media(media="print")
    assert tab.get_by_text("Figure contrast.").is_visible() and not tab.locator(".live-panel").is_visible()
    assert errors == []


def test_exhibit_below_figure_keeps_figure_and_is_not_printed(new_tab, address):
    tab = new_tab()
    below = address.replace("page.html", "below.html")
    host = start(tab, below, "hue&hue=60")
    assert not refused(host) and tab.get_by_text("The sentence.").is_visible()
    assert tab.get_by_text("Figure hue.").is_visible() and host.get_by_role("button").first.is_visible()
    tab.emulate_media(media="print")
    assert tab.get_by_text("Figure hue.").is_visible() and tab.locator("main").inner_text().split("\n\n") == [
        "Exhibits",
        "Figure hue.",
    ]
    tab = new_tab(java_script_enabled=False)
    tab.goto(below)
    assert tab.get_by_text("The sentence.").is_visible() and tab.get_by_role("button").count() == 0


def test_figure_stays_without_javascript_and_without_files(new_tab, address, live_folder, tmp_path):
    tab = new_tab(java_script_enabled=False)
    tab.goto(address)
    assert tab.get_by_text("Figure hue.").is_visible() and tab.get_by_role("button").count() == 0
    folder = tmp_path / "book"
    shutil.copytree(live_folder.parents[1], folder)
    (folder / "_static" / "live" / "weights.js").unlink()
    tab = new_tab()
    tab.goto((folder / "page.html").as_uri())
    tab.get_by_role("button").first.click()
    tab.get_by_text("The network could not be loaded").wait_for()
    assert tab.get_by_text("Figure hue.").is_visible() and tab.get_by_role("button").first.is_enabled()


def test_stored_images_equal_rendered_ones(new_tab, address):
    tab = new_tab()
    start(tab, address, "norms")
    signs, hues = [*data.SIGNS, *live_files.NOVEL, "stop", "priority"], [0] * 19 + [80, 250]
    script = "input => JSON.stringify(JSON.parse(input).map(one => [...LiveExhibits.renderSign(...one)]))"
    ours = torch.tensor(json.loads(tab.evaluate(script, json.dumps(list(zip(signs, hues))))))
    scenes = live_files.scene().repeat(len(signs)).replace(hue_shift=torch.tensor(hues) * torch.pi / 180)
    assert (ours - data.render(signs, scene=scenes).flatten(1)).abs().max() < 5e-5


@pytest.mark.parametrize("states", [STATES, pytest.param(MORE_STATES, marks=pytest.mark.slow)], ids=["some", "more"])
def test_notebook_lines_give_numbers_of_exhibit(new_tab, address, states):
    tab = new_tab()
    for state in states:
        host = start(tab, address, state)
        numbers, code = settled(tab, state.split("&")[0]), host.locator("code").text_content()
        assert not refused(host), state
        # Ten steps of PGD enlarge the rounding of the stored images, because they use the sign of the gradient.
        tolerance = 2e-2 if "PGD" in state else 2e-3
        assert run_python(code) == pytest.approx(numbers, rel=tolerance, abs=1e-4), state
        link = tab.evaluate(
            "name => document.querySelector(`[data-exhibit=${name}]`).exhibit.link()", state.split("&")[0]
        )
        assert link == f"#live={state}"


def test_hostile_links_are_refused(new_tab, address):
    tab = new_tab()
    dialogs = []
    tab.on("dialog", lambda dialog: dialogs.append(dialog) or dialog.dismiss())
    assert refused(start(tab, address, "contrast&contrast=1"))
    for file in ("unusual", *(f"exhibits/{name}" for name in EXHIBITS)):
        tab.add_script_tag(url=address.replace("page.html", f"_static/live/{file}.js"))
    # The exhibits of the same page, with other links.
    script = """hash => { location.hash = hash; const host = document.createElement("div");
      host.dataset.exhibit = /live=([a-z]+)/.exec(hash)[1];
      return LiveExhibits.create(host).message.textContent; }"""
    assert [link for link in HOSTILE if "does not describe" not in tab.evaluate(script, f"#live={link}")] == []
    assert all("does not describe" not in tab.evaluate(script, f"#live={state}") for state in STATES + MORE_STATES)
    assert dialogs == [] and tab.locator("img").count() == 0


def test_paint_exhibit_works_by_keyboard_touch_and_mouse(new_tab, address):
    tab = new_tab(has_touch=True, viewport={"width": 390, "height": 844})
    host = start(tab, address, "paint")
    assert host.get_by_label("sign").evaluate("menu => menu === document.activeElement")
    canvas, before = host.get_by_role("application"), settled(tab, "paint")
    state = "document.querySelector('[data-exhibit=paint]').exhibit.state.done"
    canvas.press("ArrowUp")
    canvas.press("Shift+ArrowLeft")
    canvas.press("Space")
    assert tab.evaluate(state) == "-k2319"
    assert host.locator(".live-cursor").is_visible() and "Row 23, column 19" in canvas.get_attribute("aria-description")
    host.get_by_role("button", name="Copy a link").click()
    tab.wait_for_function("location.hash === '#live=paint&done=-k2319'")
    after = settled(tab, "paint")
    assert after != before and len(after) == 4
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert tab.evaluate(state) == "-k2319-k2424"
    tab.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 4 + 12, box["y"] + box["height"] / 2)
    tab.mouse.up()
    assert tab.evaluate(state).startswith("-k2319-k2424-k2412k24")
    # While Space is held, the arrow keys continue the stroke.
    host.get_by_label("strength").select_option("100%")
    canvas.focus()
    tab.keyboard.down("Space")
    canvas.press("ArrowRight")
    tab.keyboard.up("Space")
    canvas.press("ArrowRight")
    assert tab.evaluate(state).endswith(".k2319k2320")
    for _ in range(4):
        host.get_by_role("button", name="Undo").click()
    assert tab.evaluate(state) == "" and settled(tab, "paint") == before
    assert "The network predicts stop" in host.locator(".live-status").text_content()
    # Steps on the weights change the predictions of other images until the exhibit starts again.
    host.get_by_label("learning rate").select_option("0.001")
    host.get_by_label("target class").select_option("no entry")
    for _ in range(3):
        host.get_by_role("button", name="One step on the weights").click()
    settled(tab, "paint")
    assert "other images are classified incorrectly" in host.locator(".live-status").text_content()
    assert host.locator(".live-others .wrong").count() > 0
    host.get_by_role("button", name="Start again").click()
    assert settled(tab, "paint") == before and host.locator(".live-others .wrong").count() == 0
    assert host.get_by_label("strength").input_value() == "100%"
    host.get_by_role("button", name="One step on the image").click()
    settled(tab, "paint")
    assert "predictions for other images are unchanged" in host.locator(".live-status").text_content()


def test_sentence_does_not_describe_state_that_is_still_computed(new_tab, address):
    tab = new_tab()
    start(tab, address, "hue&hue=60")
    script = """async () => {
      const { exhibit } = document.querySelector("[data-exhibit=hue]"), compute = exhibit.compute.bind(exhibit);
      const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      exhibit.filling = true;  // no other points of the curve meanwhile
      exhibit.state.hue = 10;
      await exhibit.update();
      let release;
      exhibit.compute = async () => { await new Promise((resolve) => (release = resolve)); return compute(); };
      exhibit.state.hue = 20;
      const update = exhibit.update();
      await pause(600);
      const read = () => [exhibit.status.textContent, exhibit.status.hasAttribute("aria-busy")], meanwhile = read();
      release();
      await update;
      await pause(600);
      return [meanwhile, read()];
    }"""
    (meanwhile, outdated), (afterwards, still_outdated) = tab.evaluate(script)
    assert "60 degrees" in meanwhile and "20 degrees" in afterwards
    assert outdated and not still_outdated


def test_charts_say_that_curves_are_computed_until_they_are_complete(new_tab, address):
    tab = new_tab()
    host = start(tab, address, "hue&hue=60")
    n_missing = tab.evaluate("""() => { const { exhibit } = document.querySelector("[data-exhibit=hue]");
      exhibit.curves = {}; exhibit.draw(exhibit.result); return exhibit.charts.length + 1; }""")
    assert host.get_by_text("computing").count() == n_missing
    tab.wait_for_function("!document.querySelector('[data-exhibit=hue]').exhibit.filling")
    assert host.get_by_text("computing").count() == 0 and host.locator("svg").first.locator("circle").count() == 37


def test_sentences_state_what_confidence_and_norms_show(new_tab, address):
    tab = new_tab()
    start(tab, address, "hue&hue=60")
    script = """(positions) => document.querySelector("[data-exhibit=hue]").exhibit.indications(
      LIVE_DATA.clean.confidence + (positions[0] === "above" ? -1e-3 : 1e-6), positions)"""
    unconfident, inside, below, one, two = (
        tab.evaluate(script, positions)
        for positions in (
            ["above", "below", "inside"],
            ["inside", "inside", "inside"],
            ["below", "inside", "inside"],
            ["below", "above", "inside"],
            ["below", "above", "below"],
        )
    )
    assert "it alone indicates" in unconfident and "norm" not in unconfident
    assert "does not indicate" in inside and "do not indicate it either" in inside and "small" not in inside
    assert "small because the confidence is high" in below
    assert "the norm for the divergence from uniform lies outside its band" in one
    assert "the norms for the divergence from uniform and the confounding label lie outside their bands" in two
    for state, text in {
        "norms&image=parking+%28novel+class%29": "It cannot predict parking",
        "norms&shift=12": "no probability, but it changes the norms of this objective",
        "norms&objective=loss+of+the+prediction&shift=12": "no probability, and therefore also no norm",
        "contrast&sign=stop&contrast=stop&question=difference": "both maps are empty",
        "contrast&question=loss": "both contrasts give almost the same maps",
        "paint&done=s1e": "The image is unchanged",
    }.items():
        assert text in start(tab, address, state).locator(".live-status").text_content(), state


def test_stored_confidence_is_exceeded_by_95_percent_of_clean_images(monkeypatch):
    monkeypatch.setattr(live_files, "N_CLEAN", 2)
    clean, generator = live_files.clean_distribution(), torch.Generator().manual_seed(live_files.CLEAN_SEED)
    x = data.render(list(data.SIGNS) * live_files.N_CLEAN, distribution="clean", generator=generator)
    confidence = models.load("signs/classifier")(x).softmax(1).amax(1)
    assert (confidence > clean["confidence"]).float().mean().item() == pytest.approx(0.95, abs=1 / len(x))


def test_largest_value_is_stated_when_curve_is_complete(new_tab, address):
    tab = new_tab()
    start(tab, address, "attack&method=PGD%2C+ten+steps")
    script = """() => {
      const { exhibit } = document.querySelector("[data-exhibit=attack]"), { result } = exhibit;
      const says = (filling, pgd) => {
        const stub = { ...exhibit, filling, points: () => [[0, result.path[0]]] };
        return exhibit.sentence.call(stub, { ...result, pgd }).includes("largest");
      };
      return [says(true, false), says(false, false), says(true, true)];
    }"""
    assert tab.evaluate(script) == [False, True, True]


def test_link_keeps_its_meaning_if_a_first_value_changes(new_tab, address):
    tab = new_tab()
    host = start(tab, address, "contrast&contrast=priority")
    assert host.get_by_label("objective").input_value() == "loss"
    tab.goto("about:blank")
    tab.goto(address)
    hint = "Your link contains a state"
    assert tab.get_by_text(hint).count() == 0
    tab.evaluate("document.querySelector('[data-exhibit=contrast]').dataset.state = 'sign=no+left'")
    host = tab.locator("[data-exhibit=contrast]")
    host.get_by_role("button").click()
    host.locator(".live-panel").wait_for()
    assert host.locator("select").first.input_value() == "no left" and not refused(host)
    tab.goto("about:blank")
    tab.goto(f"{address}#live=contrast")
    assert tab.get_by_text(hint).count() == 1 and host.get_by_text(hint).is_visible()


@pytest.mark.slow
def test_exhibits_are_accessible_and_fit_phone(new_tab, address):
    tab = new_tab(viewport={"width": 390, "height": 844})
    start(tab, address, "hue")
    for button in tab.get_by_role("button", name="Run the network").all()[::-1]:
        button.click()
    for name in EXHIBITS:
        settled(tab, name)
        tab.locator(f"[data-exhibit={name}] summary").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    violations = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [one for one in violations if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in serious] == []
    for control in tab.locator("select, input[type=range]").all():
        assert control.evaluate("control => control.labels[0].textContent.trim()")


@pytest.mark.slow
def test_memory_does_not_grow_in_1000_updates(new_tab, address):
    tab = new_tab()
    start(tab, address, "contrast")
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.enable")
    script = """async count => { const { exhibit } = document.querySelector("[data-exhibit=contrast]");
      for (let i = 0; i < count; i++) { exhibit.state.contrast = LIVE_DATA.signs[i % 14]; await exhibit.update(); } }"""

    def heap():
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"]

    tab.evaluate(script, 50)
    before = heap()
    tab.evaluate(script, 1000)
    assert heap() - before < 1e6
