"""Fixtures that several folders of tests share, and the markers that follow from the fixtures of a test.

Fixtures import PyTorch and Playwright themselves, so that tests of text start without them.
"""

import functools
import http.server
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tools import _browser

HTML = Path(__file__).parents[1] / "_build" / "html"
# The time limit of one browser step in milliseconds, so long that no step reaches it on a busy machine.
STEP_TIMEOUT_MS = 120_000


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "book" in fixtures:
            item.add_marker(pytest.mark.book)
        if "chromium_path" in fixtures:
            item.add_marker(pytest.mark.browser)
        if "accelerator" in fixtures:
            item.add_marker(pytest.mark.gpu)
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.notebook)


# The built book, the browser and the accelerator.


def skip_or_fail_on_ci(reason):
    """Skip on a machine without what the test needs, but fail in continuous integration."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def book():
    """The folder of the built book."""
    if not (HTML / "index.html").is_file():
        skip_or_fail_on_ci("the book is not built: make book")
    return HTML


@pytest.fixture(scope="session")
def site(book):
    """The address of the built book, served on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(book))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def chromium_path():
    """The path of a Chromium."""
    path = _browser.find_browser()
    if path is None:
        skip_or_fail_on_ci("no Chromium is installed to test the pages; on Debian: apt install chromium")
    return path


@pytest.fixture(scope="session")
def browser(chromium_path):
    """One running Chromium for all tests of a process.

    While it runs, this thread has an event loop: code that starts its own event loop needs another thread.
    """
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        skip_or_fail_on_ci("playwright is not installed: make book installs it")
    expect.set_options(timeout=STEP_TIMEOUT_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium_path, args=_browser.BROWSER_FLAGS, timeout=STEP_TIMEOUT_MS
        )
        yield started
        started.close()


@pytest.fixture
def new_tab(browser):
    """``new_tab(**options)`` opens an empty page in a new browser context with these options."""
    with ExitStack() as contexts:

        def open_tab(**options):
            context = contexts.enter_context(browser.new_context(**options))
            context.set_default_timeout(STEP_TIMEOUT_MS)
            return context.new_page()

        yield open_tab


@pytest.fixture(scope="session")
def accelerator():
    """The CUDA device, or without one the emulated device that the plugin tests.accelerator.plugin registers."""
    import torch

    from tests.accelerator import emulated_device

    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if not emulated_device.AVAILABLE:
        skip_or_fail_on_ci(f"no CUDA device, and PyTorch {torch.__version__} cannot register an emulated one")
    if not hasattr(torch, emulated_device.NAME):
        skip_or_fail_on_ci("no CUDA device; `make test-gpu` emulates one")
    return torch.device(emulated_device.NAME, 0)


# Networks, images and labels for the tests of the gradients and of the methods that use them.


@pytest.fixture
def assert_unchanged():
    """``assert_unchanged(model)`` returns the model, and checks after the test that the model is unchanged."""
    from tests._model_state import ModelState

    snapshots = []

    def register(model):
        snapshots.append(ModelState(model))
        return model

    yield register
    for snapshot in snapshots:
        snapshot.check()


@pytest.fixture
def signs(assert_unchanged):
    import torch

    from tests._reference import SmallSignNet, init_with_seed

    with torch.random.fork_rng([]):  # the construction does not change the global random state
        model = init_with_seed(SmallSignNet()).double()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    model.norm.weight.requires_grad_(False)
    return assert_unchanged(model)


@pytest.fixture
def images():
    import torch

    return torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def labels():
    import torch

    return torch.tensor([1, 0, 3, 9, 1])
