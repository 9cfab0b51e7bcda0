"""Fixtures that tests of several folders share, and the markers that follow from the fixtures of a test.

What needs PyTorch or Playwright is imported by the fixtures that use it, so that tests of text alone start without them.
"""

import functools
import http.server
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import chromium
import pytest

HTML = Path(__file__).parent.parent / "_build" / "html"
# The longest that a browser may take for a single step, in milliseconds: no step of a test comes near it, even on a busy machine.
PATIENCE = 120_000


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "book" in fixtures:
            item.add_marker(pytest.mark.book)
        if "chromium_path" in fixtures:
            item.add_marker(pytest.mark.browser)
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.notebook)


# The built book and the browser.


def missing(reason):
    """Skip where a reader has no browser; fail where the project is judged."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def book():
    """The folder of the built book."""
    if not (HTML / "index.html").is_file():
        missing("the book is not built: make book")
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
    path = chromium.program()
    if path is None:
        missing("no Chromium to look at the pages with; on Debian: apt install chromium")
    return path


@pytest.fixture(scope="session")
def browser(chromium_path):
    """One running Chromium for all tests of a process.

    While it runs, this thread has a running event loop: what starts one of its own needs another thread.
    """
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        missing("playwright is not installed: make book installs it")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path, args=chromium.QUIET, timeout=PATIENCE)
        yield started
        started.close()


@pytest.fixture
def new_tab(browser):
    """``new_tab(**options)`` opens an empty page in a browser context of its own, with these options."""
    with ExitStack() as contexts:

        def open_tab(**options):
            context = contexts.enter_context(browser.new_context(**options))
            context.set_default_timeout(PATIENCE)
            return context.new_page()

        yield open_tab


# Networks, images and labels for the tests of the gradients and of what is built on them.


@pytest.fixture
def untouched():
    """``untouched(model)`` returns the model; when the test ends, also by an exception inside the engine, it must be as it was."""
    from snapshot import Snapshot

    snapshots = []

    def borrow(model):
        snapshots.append(Snapshot(model))
        return model

    yield borrow
    for snapshot in snapshots:
        snapshot.check()


@pytest.fixture
def signs(untouched):
    import torch
    from oracles import Signs, drawn

    with torch.random.fork_rng([]):  # beside another network, in one test, nothing but the test draws
        model = drawn(Signs()).double()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    model.norm.weight.requires_grad_(False)
    return untouched(model)


@pytest.fixture
def images():
    import torch

    return torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def labels():
    import torch

    return torch.tensor([1, 0, 3, 9, 1])
