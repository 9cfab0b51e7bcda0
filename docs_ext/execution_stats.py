"""Show the execution stats of a chapter's last run on the chapter's first screen.

While a chapter is read for the book, a measurement cell is appended in memory; the file on disk is unchanged. The cell
measures the process in which it runs, and its output is cached with the others, so that a page built from cached
outputs still describes the run that produced them. The cell itself is removed from the page: what it printed becomes
one line below the line that begins with **Time**.

That line also states the budget of the chapter, where every editor keeps it and every reader sees it:
``**budget for one run** 75 s of processor time and 3 GB of memory``.
"""

import inspect
import json
import re
from datetime import date
from html import escape
from pathlib import PurePath

from docutils import nodes

PLACEHOLDER = "execution-stats"
# The limits for every chapter. A chapter may state a smaller budget, never a larger one.
SECONDS, GIGABYTES = 75, 3
BUDGET_TEXT = f"{SECONDS} s of processor time and {GIGABYTES} GB of memory"
BUDGET = re.compile(r"\*\*budget(?: for one run)?\*\*\s+(\d+)\s*s(?:econds)?\b[^·\n]*?(\d+)\s*GB\b", re.I)
CHAPTER = re.compile(r"\d+-.*")


def measurement_cell():
    """Print the cost of this process so far; self-contained, because its source is run at the end of every chapter."""
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
    """Return whether a page is a numbered chapter."""
    return bool(CHAPTER.fullmatch(PurePath(docname).name))


def budget(text):
    """Return the budget that a chapter's Markdown states, (seconds, gigabytes), or None."""
    match = BUDGET.search(text)
    return (int(match[1]), int(match[2])) if match else None


def append_measurement_cell(app, docname, source):
    """Append the measurement cell to a chapter while it is read."""
    if not is_chapter(docname) or not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    words = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    # Not in the metadata of the cell, which is part of the cache key: a new budget must not cause a new run.
    app.env.temp_data[PLACEHOLDER] = budget(words)
    cell = {
        "cell_type": "code",
        "metadata": {"tags": [PLACEHOLDER, "remove-input"]},
        "execution_count": None,
        "outputs": [],
    }
    cell |= {"id": PLACEHOLDER} if notebook["nbformat_minor"] >= 5 else {}
    notebook["cells"].append(cell | {"source": inspect.getsource(measurement_cell) + "\nmeasurement_cell()"})
    source[0] = json.dumps(notebook)


def format_stats(run, allowed=None):
    """Return the stats as HTML text, with the default budget if the chapter does not state its own."""
    day = date.fromisoformat(run["date"])
    cores = f"{run['cores']} core{'s' * (run['cores'] != 1)} ({run['kind']})"
    machine = f"{cores} and a GPU ({run['gpu']})" if run["gpu"] else cores
    spent = (
        f"{run['seconds']:.0f} s ({run['processor']:.0f} s of processor time), {run['gigabytes']:.1f} GB at its peak"
    )
    default_budget = f" · <strong>budget for one run</strong> {BUDGET_TEXT}" * (allowed is None)
    limit = (allowed or (SECONDS,))[0]
    slow = ""
    if run["processor"] > limit:
        slow = ". The processor time exceeds the budget."
    elif run["seconds"] > limit:  # on a busy machine
        slow = ". The elapsed time exceeds the budget, but the budget is for the processor time, which is within it."
    return f"<strong>Last run</strong> {spent}, on {escape(machine)}, {day.day} {day:%B %Y}{default_budget}{slow}"


def stats_node(run, allowed=None):
    """Return the stats as HTML: rounded in the text, in full as data attributes for tests and the teaching guide."""
    numbers = {name: run[name] for name in ("seconds", "processor", "gigabytes")}
    numbers["allowed-gb"] = (allowed or (SECONDS, GIGABYTES))[1]
    data = " ".join(f'data-{name}="{value:.4g}"' for name, value in numbers.items())
    return f'<p class="{PLACEHOLDER}" {data}>{format_stats(run, allowed)}</p>'


def exceeded_budget(stats):
    """Return whether the stats of a built page (attributes by name) exceed the memory that the chapter may use.

    Time is reported but not checked, because it depends on the machine as much as on the chapter.
    """
    return float(stats["data-gigabytes"]) > min(float(stats["data-allowed-gb"]), GIGABYTES)


def find_intro(doctree):
    """Return where the stats go, (node, index): in the block quote with **Time**, or before the first subsection."""
    section = next(iter(doctree.findall(nodes.section)), doctree)
    for quote in (child for child in section.children if isinstance(child, nodes.block_quote)):
        if any(word.astext().lower() in ("time", "budget for one run") for word in quote.findall(nodes.strong)):
            return quote, len(quote)
    return section, next(
        (i for i, child in enumerate(section.children) if isinstance(child, nodes.section)), len(section)
    )


def insert_stats(app, doctree):
    """Replace the measurement cell's output by the stats at the beginning of the chapter."""
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
    """Register the extension."""
    app.connect("source-read", append_measurement_cell)
    app.connect("doctree-read", insert_stats)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
