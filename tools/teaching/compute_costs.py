"""What the course costs a learner, a room and a course: from the run cards of a build, and from the packages of the machine that built it.

Nothing here is assumed but how many learn, and how many of them at once.
"""

import re
from html import escape
from importlib import metadata
from pathlib import Path

from tools.cpu_lock import GPU_PACKAGES, package_names

CLASS_SIZE, COURSE_SIZE, CONCURRENT_LEARNERS = 30, 10_000, 100
STATS_PATTERN = re.compile(r'<p class="run-card" ([^>]*)>.*?, on (.*?), (\d+ \w+ \d+)')


def read_execution_stats(html):
    """A run card as its page holds it: numbers by name, the machine and the day in words; None where there is no card."""
    found = STATS_PATTERN.search(html)
    if found is None:
        return None
    numbers = {name: float(value) for name, value in re.findall(r'data-([\w-]+)="([^"]*)"', found[1])}
    return numbers | {"machine": re.sub("<[^>]*>", "", found[2]), "day": found[3]}


def installed(root):
    """Bytes on disk of the packages that the lock names, as they are installed here: (those for a GPU, all others)."""
    gpu = rest = 0
    for _, name in package_names((Path(root) / "requirements.lock").read_text(encoding="utf-8")):
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            continue
        size = sum(file.size or 0 for file in files)
        gpu, rest = (gpu + size, rest) if GPU_PACKAGES.fullmatch(name) else (gpu, rest + size)
    return gpu, rest


def folder(path):
    return sum(
        file.stat().st_size for file in Path(path).rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )


def format_bytes(size):
    for unit, bytes_ in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


def format_duration(seconds):
    return (
        f"{seconds / 3600:,.0f} h"
        if seconds >= 36_000
        else f"{seconds / 60:,.0f} min"
        if seconds >= 120
        else f"{seconds:.0f} s"
    )


def html_table(head, rows):
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    titles = "".join(f"<th>{cell}</th>" for cell in head)
    body = f'<table class="table"><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<div class="pst-scrollable-table-container">{body}</div>'


def run_table(runs):
    rows = []
    for title, r in runs.items():
        spent = [f"{r['seconds']:.0f} s", f"{r['processor']:.0f} s", f"{r['gigabytes']:.1f} GB"]
        rows.append([escape(title), *spent, f"{escape(r['machine'])}, {r['day']}"])
    return html_table(["chapter", "on the clock", "processor", "memory, peak", "where and when"], rows)


def cost_table(runs, root):
    """One learner, a room, a course: every cell is measured here, or a measured number times a count."""
    processor, memory = sum(r["processor"] for r in runs.values()), max(r["gigabytes"] for r in runs.values()) * 1e9
    gpu, rest = installed(root)
    library = folder(Path(root) / "tutorial_lib")

    def row(what, many, at_once):
        return [
            what,
            format_duration(many * processor),
            format_bytes(at_once * memory),
            format_bytes(many * library),
            format_bytes(many * rest),
            format_bytes(many * gpu),
        ]

    rows = [
        row("one learner, every chapter once", 1, 1),
        row(f"a room of {CLASS_SIZE}, all at once", CLASS_SIZE, CLASS_SIZE),
        row(f"a course of {COURSE_SIZE:,}, {CONCURRENT_LEARNERS} at once", COURSE_SIZE, CONCURRENT_LEARNERS),
    ]
    return html_table(["who", "processor", "memory", "library and weights", "packages", "packages for a GPU"], rows)
