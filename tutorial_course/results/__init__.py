"""Stored results: precomputed tables with their provenance.

A result is a small JSON file in this folder. It is stored because a laptop could not compute it while a chapter runs,
or because it needs data that are not available everywhere; ``python -m experiments NAME`` computes it again.

The file is an object with two fields, which :func:`load_result` and :func:`save_result` check:

- ``provenance``: the ``date``, ``machine``, ``versions`` (by package) and ``command`` of the computation, and ``data``,
  the ``subset`` and the ``sha256`` of each downloaded dataset; ``seconds`` by part for tables computed in parts;
- ``rows``: an object per row. A value is a number, a string, true, false or null, or a list of numbers with one value
  per image. The column ``X_se`` is the standard error of the column ``X`` of the same row. Rows of different kinds
  have different columns.
"""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from tutorial_lib._validation import check_choice

RESULTS_DIR = Path(__file__).parent
PROVENANCE_FIELDS = ("date", "machine", "versions", "data", "command")


def list_results(folder: Path | None = None) -> list[str]:
    """Return the names of all stored results.

    Args:
        folder: folder of the files; None is the folder of this package.

    Returns:
        The names, sorted.
    """
    return sorted(file.stem for file in (folder or RESULTS_DIR).glob("*.json") if not file.stem.startswith("."))


def load_result(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a stored result as a table.

    Args:
        name: name of the result.
        folder: folder of the files; None is the folder of this package.

    Returns:
        The rows, in the order of the file. ``attrs`` has the ``name`` and the ``provenance``. Rows without a column
        have NaN there; beside it, whole numbers and booleans remain what they are, in a column of objects.

    Raises:
        ValueError: unknown result, or a file that does not follow the schema; the message says what to do.
    """
    folder = folder or RESULTS_DIR
    file = folder / f"{check_choice(name, list_results(folder), 'stored result')}.json"
    return _make_table(name, json.loads(file.read_text(encoding="utf-8")))


def _make_table(name: str, content: dict[str, Any]) -> pd.DataFrame:
    """The table of the content of a file, which is checked."""
    _check_schema(name, content)
    rows = content["rows"]
    table = pd.DataFrame(rows)
    for column in table.columns[table.isna().any()]:
        if {type(row[column]) for row in rows if row.get(column) is not None} in ({int}, {bool}):
            # Floats would show 3 as 3.0, and with pandas' own nullable types `query` warns where numexpr is installed.
            values = [float("nan") if row.get(column) is None else row[column] for row in rows]
            table[column] = pd.Series(values, dtype=object)
    table.attrs = {"name": name, "provenance": content["provenance"]}
    return table


def _check_schema(name: str, content: dict[str, Any]) -> None:
    """Raise an error if the content of a file does not follow the schema in the docstring of this module."""
    advice = f"; compute it again with `python -m experiments {name}`"
    if set(content) != {"provenance", "rows"} or not content["rows"]:
        raise ValueError(f"{name}: expected a provenance and one or more rows, got {sorted(content)}{advice}")
    if missing := [field for field in PROVENANCE_FIELDS if field not in content["provenance"]]:
        raise ValueError(f"{name}: expected a provenance with {', '.join(PROVENANCE_FIELDS)}, got no {missing}{advice}")
    for number, row in enumerate(content["rows"]):
        for column, value in row.items():
            if complaint := _complaint(row, column, value):
                raise ValueError(f"{name}, row {number}, column '{column}': {complaint}, got {value!r}{advice}")


def _complaint(row: dict, column: str, value: Any) -> str | None:
    """What the schema expects of a value that does not follow it; None if the value follows it."""
    if isinstance(value, list):
        follows = all(isinstance(v, int | float) for v in value)
    else:
        follows = isinstance(value, int | float | str | None)
    if not follows:
        return "expected a number, a string, true, false, null or a list of numbers"
    if column.endswith("_se"):
        if column.removesuffix("_se") not in row:
            return f"expected a standard error of a column of the same row, which has no '{column.removesuffix('_se')}'"
        if value is not None and not (isinstance(value, int | float) and value >= 0):
            return "expected a standard error, a number of at least 0"
    return None


def provenance_note(*tables: pd.DataFrame) -> str:
    """Return the provenance of stored results in Markdown, with the details folded.

    Args:
        *tables: tables of :func:`load_result`, or parts of them.

    Returns:
        One folded note per table.
    """
    notes = []
    for table in tables:
        p = table.attrs["provenance"]
        data = "; ".join(f"{d['subset']} (sha256 {d['sha256'][:12]}…)" for d in p["data"]) or "synthetic traffic signs"
        versions = ", ".join(f"{package} {version}" for package, version in p["versions"].items())
        line = f"<strong>Stored result</strong> of {p['date']}, made by <code>{p['command']}</code>"
        notes.append(f"<details><summary>{line}</summary>\n\n{data} · {p['machine']} · {versions}\n\n</details>")
    return "\n\n".join(notes)


def assert_reproduces(
    table: pd.DataFrame,
    fresh: Iterable[float],
    stored: Iterable[float],
    *,
    n_fresh: int | None = None,
    n_stored: int | None = None,
    standard_errors: Iterable[float] | None = None,
    slack: float = 0.02,
    tolerance: float | None = None,
) -> None:
    """Raise an error if recomputed values differ from the stored ones by more than chance.

    Give the numbers of samples for fractions of different samples, whose standard deviation is binomial; the standard
    errors for other quantities of different samples; and the tolerance for values of the same samples.

    Args:
        table: the stored result, which the error message names.
        fresh: recomputed values.
        stored: the stored values, in the same order.
        n_fresh: number of samples of the recomputed fractions.
        n_stored: number of samples of the stored fractions.
        standard_errors: standard error of each difference.
        slack: further difference that is allowed between machines, in addition to four standard errors.
        tolerance: largest difference that is allowed, for example the rounding error if the images are the same; with
            it, the other limits are not used.

    Raises:
        AssertionError: a pair differs by more than is allowed.
        ValueError: neither a tolerance, nor standard errors, nor both numbers of samples are given.
    """
    fresh, stored = list(fresh), list(stored)
    if tolerance is not None:
        limits = [tolerance] * len(stored)
    elif standard_errors is not None:
        limits = [4 * error + slack for error in standard_errors]
    elif n_fresh is not None and n_stored is not None:
        limits = [4 * (b * (1 - b) * (1 / n_fresh + 1 / n_stored)) ** 0.5 + slack for b in stored]
    else:
        raise ValueError("pass a tolerance, the standard errors of the differences, or both n_fresh and n_stored")
    for i, (a, b, limit) in enumerate(zip(fresh, stored, limits, strict=True)):
        if abs(a - b) > limit:
            raise AssertionError(
                f"{table.attrs['name']}, value {i}: {a:.4g} now, {b:.4g} stored; compute it again with "
                f"`{table.attrs['provenance']['command']}`"
            )


def describe_machine(device: Any) -> str:
    """Return the description of a device for the provenance.

    Args:
        device: a device or its name.

    Returns:
        The name of the GPU, or the kind of processor and its number of threads.
    """
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_name(device)
    if kind != "cpu":
        return f"{platform.machine()} {kind}"
    # The instruction set decides the last digits.
    return f"{platform.machine()} CPU ({torch.backends.cpu.get_cpu_capability()}), {torch.get_num_threads()} thread(s)"


def save_result(
    name: str,
    rows: list[dict],
    *,
    device: Any,
    data: Sequence[dict] = (),
    seed: int = 0,
    date: str | None = None,
    machine: str | None = None,
    seconds: dict[str, float] | None = None,
    folder: Path = RESULTS_DIR,
) -> pd.DataFrame:
    """Store rows under a name, with the date, the machine and the versions of the packages.

    Args:
        name: name of the result and of the experiment that computes it.
        rows: a dict per row, with the values that the schema in the docstring of this module allows.
        device: the device on which they were computed.
        data: for each downloaded dataset its ``subset`` in words and the ``sha256`` of its arrays.
        seed: seed of the experiment.
        date: date of the computation; None is today.
        machine: description of the machine; None describes the device on this machine.
        seconds: seconds by part; None stores none.
        folder: folder of the files.

    Returns:
        The table, as :func:`load_result` returns it.

    Raises:
        ValueError: the rows do not follow the schema; nothing is written.
    """
    import torch
    import torchvision

    provenance = {
        "date": date or datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine or describe_machine(device),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        "data": list(data),
        "command": f"python -m experiments {name}" + f" --seed {seed}" * bool(seed),
    }
    provenance |= {"seconds": seconds} if seconds else {}
    table = _make_table(name, {"provenance": provenance, "rows": rows})
    lines = ",\n".join("  " + json.dumps(row) for row in rows)  # one row per line, so that changes are readable
    # The file is replaced as a whole, because other processes may read or write it at the same time.
    unfinished = folder / f".{name}.{os.getpid()}.json"
    unfinished.write_text(
        f'{{"provenance": {json.dumps(provenance, indent=1)},\n "rows": [\n{lines}\n]}}\n', encoding="utf-8"
    )
    os.replace(unfinished, folder / f"{name}.json")
    return table
