"""Compute what the course costs a learner, a class and a large course.

The numbers come from the execution stats of a build and from the packages on the machine that built it. Only the number
of learners, and how many of them work at the same time, are assumed.
"""

import re
from html import escape
from importlib import metadata
from pathlib import Path

# The packages in the lock file that only a GPU needs.
GPU_PACKAGES = re.compile(r"nvidia-.*|cuda-.*|triton")
CLASS_SIZE, COURSE_SIZE, CONCURRENT_LEARNERS = 30, 10_000, 100
STATS_PATTERN = re.compile(r'<p class="execution-stats" ([^>]*)>.*?, on (.*?), (\d+ \w+ \d+)')


def read_execution_stats(html):
    """Return the execution stats of a page: numbers by name, and machine and day as text; None if there are none."""
    match = STATS_PATTERN.search(html)
    if match is None:
        return None
    numbers = {name: float(value) for name, value in re.findall(r'data-([\w-]+)="([^"]*)"', match[1])}
    return numbers | {"machine": re.sub("<[^>]*>", "", match[2]), "day": match[3]}


def installed(root):
    """Return the installed size of the locked packages in bytes, (those for a GPU, all others)."""
    gpu = rest = 0
    for name in re.findall(r"^[\w.-]+", (Path(root) / "requirements.lock").read_text(encoding="utf-8"), re.M):
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            continue
        size = sum(file.size or 0 for file in files)
        gpu, rest = (gpu + size, rest) if GPU_PACKAGES.fullmatch(name) else (gpu, rest + size)
    return gpu, rest


def folder(path):
    """Return the size of a folder in bytes, without bytecode."""
    return sum(
        file.stat().st_size for file in Path(path).rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )


def format_bytes(size):
    """Return a number of bytes with a suitable unit."""
    for unit, bytes_ in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


def format_duration(seconds):
    """Return a duration with a suitable unit."""
    return (
        f"{seconds / 3600:,.0f} h"
        if seconds >= 36_000
        else f"{seconds / 60:,.0f} min"
        if seconds >= 120
        else f"{seconds:.0f} s"
    )


def html_table(head, rows):
    """Return an HTML table."""
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    titles = "".join(f"<th>{cell}</th>" for cell in head)
    body = f'<table class="table"><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<div class="pst-scrollable-table-container">{body}</div>'


def run_table(runs):
    """Return the table of the execution stats, one row per chapter."""
    rows = []
    for title, r in runs.items():
        spent = [f"{r['seconds']:.0f} s", f"{r['processor']:.0f} s", f"{r['gigabytes']:.1f} GB"]
        rows.append([escape(title), *spent, f"{escape(r['machine'])}, {r['day']}"])
    return html_table(["chapter", "elapsed time", "processor time", "peak memory", "machine and date"], rows)


def cost_table(runs, root):
    """Return the table of costs for a learner, a class and a large course: measured numbers times learners."""
    processor, memory = sum(r["processor"] for r in runs.values()), max(r["gigabytes"] for r in runs.values()) * 1e9
    gpu, rest = installed(root)
    course = sum(folder(Path(root) / package) for package in ("tutorial_lib", "tutorial_course"))

    def row(what, many, at_once):
        return [
            what,
            format_duration(many * processor),
            format_bytes(at_once * memory),
            format_bytes(many * course),
            format_bytes(many * rest),
            format_bytes(many * gpu),
        ]

    rows = [
        row("one learner who runs every chapter once", 1, 1),
        row(f"a class of {CLASS_SIZE} learners, all at the same time", CLASS_SIZE, CLASS_SIZE),
        row(
            f"a course of {COURSE_SIZE:,} learners, {CONCURRENT_LEARNERS} of them at the same time",
            COURSE_SIZE,
            CONCURRENT_LEARNERS,
        ),
    ]
    sizes = ["course and weights", "packages without those for a GPU", "packages for a GPU"]
    return html_table(["learners", "processor time", "memory", *sizes], rows)
