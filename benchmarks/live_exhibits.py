"""The live exhibits of the book in Chromium: the time of an update, the bytes that are loaded, and memory."""

import gzip
import os
import tempfile
from pathlib import Path
from statistics import median

import torch

from docs_ext import live_files
from tools import _browser

PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Exhibit</title>'
    '<script defer src="live/loader.js"></script><div class="live" data-exhibit="contrast"></div>'
)
# Chromium throttles the thread of the page, but no worker. Therefore, an update is measured in the page itself.
THROTTLING = (1, 4, 6)
START_SCRIPT = """async () => {
  const begin = performance.now(), host = document.querySelector(".live");
  host.querySelector("button").click();
  while (!host.classList.contains("running")) await new Promise(requestAnimationFrame);
  return performance.now() - begin;
}"""
LOAD_SCRIPT = """() => {
  window.network = new Live.Network(Live.parseWeights(LIVE_WEIGHTS));
  window.image = LiveExhibits.renderSign("stop");
}"""
UPDATE_SCRIPT = """() => {
  const begin = performance.now(), z = network.forward(image);
  const delta = Live.OBJECTIVES.loss.delta(z, { label: Live.argmax(z) });
  Live.squaredNorms(network.backward(delta).parameters);
  network.gradCam(delta);
  return performance.now() - begin;
}"""
EXHIBIT_SCRIPT = """async count => {
  const { exhibit } = document.querySelector(".live"), begin = performance.now();
  for (let i = 0; i < count; i++) {
    exhibit.state.contrast = LIVE_DATA.signs[i % LIVE_DATA.signs.length];
    await exhibit.update();
  }
  return performance.now() - begin;
}"""
N_WARM_UP, N_UPDATES, N_EVENTS, N_BEFORE, N_MEMORY = 10, 20, 20, 50, 1000


def compressed_kilobytes(*files: Path) -> float:
    """Return the size of files in kB after compression with gzip, as most servers send them."""
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) / 1000


def heap_megabytes(session) -> float:
    """Return the memory in use by the scripts of the page, in MB, after garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


def renderers() -> tuple[float, float]:
    """Return the resident memory in MB and the processor time in seconds of the renderer processes, workers included.

    They are the descendants of this process that show pages.
    """
    parents, sizes, seconds = {}, {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue  # the process has ended
        pid = int(process.name)
        parents[pid] = int(fields[1])
        if b"--type=renderer" in command:
            sizes[pid] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
            seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_descendant(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    ours = [pid for pid in sizes if is_descendant(pid)]
    return sum(sizes[pid] for pid in ours), sum(seconds[pid] for pid in ours)


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the measurements; times are medians over all rounds and updates."""
    from playwright.sync_api import sync_playwright

    rows = []

    def add(what: str, measured: float, unit: str) -> None:
        rows.append({"what": what, "measured": measured, "unit": unit})
        print(f"{what:75} {measured:8.3f} {unit}", flush=True)

    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        folder = Path(root) / "live"
        live_files.write_files(folder)
        (Path(root) / "page.html").write_text(PAGE, encoding="utf-8")
        before = [folder / "loader.js", folder / "live.css"]
        after = [file for file in folder.glob("*.js") if file.name not in ("loader.js", "unusual.js")]
        after.append(folder / "exhibits" / "contrast.js")
        add("loaded with a page that has an exhibit, compressed", compressed_kilobytes(*before), "kB")
        add("loaded when the button is pressed, compressed", compressed_kilobytes(*after), "kB")
        browser = playwright.chromium.launch(executable_path=_browser.find_browser(), args=_browser.BROWSER_FLAGS)
        for rate in THROTTLING:
            slower = "" if rate == 1 else f", page {rate} times slower"
            starts, updates, processor = [], [], []
            for turn in range(rounds):
                tab = browser.new_page()
                tab.goto((Path(root) / "page.html").as_uri())
                session = tab.context.new_cdp_session(tab)
                session.send("Emulation.setCPUThrottlingRate", {"rate": rate})
                starts.append(tab.evaluate(START_SCRIPT))
                tab.evaluate(LOAD_SCRIPT)
                updates += [tab.evaluate(UPDATE_SCRIPT) for _ in range(N_WARM_UP + N_UPDATES)][N_WARM_UP:]
                if rate == 1:
                    begin = renderers()[1]
                    for _ in range(N_UPDATES):
                        tab.evaluate(UPDATE_SCRIPT)
                    processor.append(1000 * (renderers()[1] - begin) / N_UPDATES)
                tab.close()
            add(f"from the button to the first numbers{slower}", median(starts) / 1000, "s")
            add(f"one update in the page: logits, input gradient, 19 norms, Grad-CAM{slower}", median(updates), "ms")
            if processor:
                add("processor time of such an update, mean", median(processor), "ms")
        tab = browser.new_page()
        tab.goto((Path(root) / "page.html").as_uri())
        tab.evaluate(START_SCRIPT)
        times = [tab.evaluate(EXHIBIT_SCRIPT, N_EVENTS) for _ in range(1 + rounds)][1:]
        add("updates of the exhibit in a second, with a worker and drawing", 1000 * N_EVENTS / median(times), "1/s")
        session = tab.context.new_cdp_session(tab)
        tab.evaluate(EXHIBIT_SCRIPT, N_BEFORE)
        heap, resident = heap_megabytes(session), renderers()[0]
        tab.evaluate(EXHIBIT_SCRIPT, N_MEMORY)
        add("growth of the page's script memory in 1,000 updates", heap_megabytes(session) - heap, "MB")
        add("growth of the process with its worker in 1,000 updates", renderers()[0] - resident, "MB")
        browser.close()
    return rows
