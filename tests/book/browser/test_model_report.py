"""The report on a classifier in a browser: accessible in both themes, and not wider than the window."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from tutorial_course.model_report import model_report
from tutorial_lib import models


@pytest.fixture(scope="module")
def report_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name, color in {"a": (200, 0, 40), "b": (30, 0, 210)}.items():
        Image.new("RGB", (48, 48), color).save(folder / f"{name}.png")
    return model_report(models.load("signs/classifier"), folder, size=48).save(folder / "report.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_model_report_is_accessible_and_fits_the_window(browser, report_file, theme):
    tab = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=theme)
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(report_file.as_uri())
    violations = Axe().run(tab).response["violations"]
    assert [(violation["id"], violation["impact"]) for violation in violations] == []
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 25, 28)"
    assert dark == (theme == "dark")
    tab.close()
