"""Run cards: what a chapter's last run cost, on the chapter's first screen.

While a chapter is read for the book, a last cell joins it, in memory only: the file on disk stays as it is. That cell measures the
process it runs in, and its output is kept with the others, so that a page drawn from kept outputs still tells of the run that made
them. The cell itself never reaches the page: what it printed becomes one line below the line that begins with **Time**.

A chapter says what it may cost in that same line, where every editor keeps it and every reader sees it: ``**budget** 75 s and 3 GB``.
"""

import inspect
import json
import re
from datetime import date
from html import escape
from pathlib import PurePath

from docutils import nodes

PLACEHOLDER = "run-card"
# The house's limits. A chapter may promise less, never more.
SECONDS, GIGABYTES = 75, 3
BUDGET = re.compile(r"\*\*budget\*\*\s+(\d+)\s*s(?:econds)?\b[\s,and]*(\d+)\s*GB\b", re.I)
CHAPTER = re.compile(r"\d+-.*")


def measurement_cell():
    """Print what this process has cost so far. It runs at the end of every chapter, so it brings along all that it needs."""
    import datetime
    import json
    import os
    import platform
    import sys
    import time

    peak = 0
    # Not getrusage on Linux: there a process inherits the peak of the one that started it, here of the whole build.
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status") as status:
            peak = next((1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    if not peak:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_initialized()
    children = os.times()[2:4]
    cost = {
        "processor": time.process_time() + sum(children),
        "gigabytes": peak / 1e9,
        "cores": cores,
        "kind": platform.machine(),
    }
    print(
        json.dumps(cost | {"gpu": torch.cuda.get_device_name() if cuda else None, "date": str(datetime.date.today())})
    )


def is_chapter(docname):
    return bool(CHAPTER.fullmatch(PurePath(docname).name))


def budget(text):
    """Seconds and gigabytes that a chapter's Markdown allows it, or None."""
    found = BUDGET.search(text)
    return (int(found[1]), int(found[2])) if found else None


def append_measurement_cell(app, docname, source):
    """Let the measuring cell run last."""
    if not is_chapter(docname) or not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    words = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    # Not in the cell's metadata: outputs are kept under those, too, and another budget is no reason to run again.
    app.env.temp_data[PLACEHOLDER] = budget(words)
    cell = {
        "cell_type": "code",
        "metadata": {"tags": [PLACEHOLDER, "remove-input"]},
        "execution_count": None,
        "outputs": [],
    }
    cell |= {"id": PLACEHOLDER} if notebook["nbformat_minor"] >= 5 else {}
    notebook["cells"].append(cell | {"source": inspect.getsource(measurement_cell) + "\nmeasure()"})
    source[0] = json.dumps(notebook)


def format_stats(run, allowed=None):
    """The card in words; with the budget, where the chapter does not name it itself."""
    day = date.fromisoformat(run["date"])
    cores = f"{run['cores']} core{'s' * (run['cores'] != 1)} ({run['kind']})"
    machine = f"{cores} and a GPU ({run['gpu']})" if run["gpu"] else cores
    spent = (
        f"{run['seconds']:.0f} s ({run['processor']:.0f} s of processor time), {run['gigabytes']:.1f} GB at its peak"
    )
    house = f" · <strong>budget</strong> {SECONDS} s and {GIGABYTES} GB" * (allowed is None)
    return f"<strong>Last run</strong> {spent}, on {escape(machine)}, {day.day} {day:%B %Y}{house}"


def stats_node(run, allowed=None):
    """The card as a page holds it: rounded for its readers, and whole for the test of the memory and for the teaching guide."""
    numbers = {name: run[name] for name in ("seconds", "processor", "gigabytes")}
    numbers["allowed-gb"] = (allowed or (SECONDS, GIGABYTES))[1]
    data = " ".join(f'data-{name}="{value:.4g}"' for name, value in numbers.items())
    return f'<p class="{PLACEHOLDER}" {data}>{format_stats(run, allowed)}</p>'


def exceeded_budget(card):
    """Whether the run on a card of a built page (its attributes by name) took more memory than its chapter may.

    Time is reported and not checked: it says as much about the machine as about the chapter.
    """
    return float(card["data-gigabytes"]) > min(float(card["data-allowed-gb"]), GIGABYTES)


def find_intro(doctree):
    """The block quote of the line **Time**, or the part of the first section that stands before its first subsection."""
    section = next(iter(doctree.findall(nodes.section)), doctree)
    for quote in (child for child in section.children if isinstance(child, nodes.block_quote)):
        if any(word.astext().lower() in ("time", "budget") for word in quote.findall(nodes.strong)):
            return quote, len(quote)
    return section, next(
        (i for i, child in enumerate(section.children) if isinstance(child, nodes.section)), len(section)
    )


def insert_stats(app, doctree):
    """Take the measuring cell's output off the page, and put the card where the chapter begins."""
    docname = app.env.docname
    for cell in list(
        doctree.findall(lambda node: isinstance(node, nodes.container) and f"tag_{PLACEHOLDER}" in node["classes"])
    ):
        printed = [block.astext() for block in cell.findall(nodes.literal_block)]
        cell.parent.remove(cell)
        ran = (app.env.nb_metadata[docname].get("exec_data") or {}).get("runtime")
        if not printed or ran is None:  # a build that does not run anything
            continue
        run = json.loads(printed[-1]) | {"seconds": ran}
        where, index = find_intro(doctree)
        where.insert(index, nodes.raw("", stats_node(run, app.env.temp_data.get(PLACEHOLDER)), format="html"))


def setup(app):
    app.connect("source-read", append_measurement_cell)
    app.connect("doctree-read", insert_stats)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
