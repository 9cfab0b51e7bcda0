"""Stored results: precomputed numbers with their provenance.

A result is a small JSON file in this folder. It is stored because a laptop could not compute it while a chapter runs,
or because it needs data that are not available everywhere; ``python -m experiments NAME`` computes it again.
"""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tutorial_lib._validation import check_choice

RESULTS_DIR = Path(__file__).parent


@dataclass(frozen=True, repr=False)
class StoredResult:
    """A table with its provenance.

    Attributes:
        name: name of the result.
        rows: a dict per row.
        provenance: ``date``, ``machine``, ``versions``, ``data`` and ``command``; ``seconds`` by part for tables that
            were computed in parts.
    """

    name: str
    rows: list[dict]
    provenance: dict

    def select(self, **values: Any) -> list[dict]:
        """Return the rows whose columns have these values.

        Args:
            **values: the value of each column.

        Returns:
            The rows.
        """
        return [row for row in self.rows if all(row[column] == value for column, value in values.items())]

    def assert_reproduces(
        self, fresh: Sequence[float], stored: Sequence[float], *, n_fresh: int, n_stored: int, slack: float = 0.02
    ) -> None:
        """Raise an error if recomputed fractions differ from the stored ones by more than chance.

        Args:
            fresh: recomputed fractions.
            stored: the stored fractions, in the same order.
            n_fresh: number of samples of the recomputed fractions.
            n_stored: number of samples of the stored fractions.
            slack: further difference that is allowed between machines.

        Raises:
            AssertionError: a pair differs by more than four standard deviations plus the slack.
        """
        for i, (a, b) in enumerate(zip(fresh, stored, strict=True)):
            spread = (b * (1 - b) * (1 / n_fresh + 1 / n_stored)) ** 0.5
            if abs(a - b) > 4 * spread + slack:
                raise AssertionError(
                    f"{self.name}, fraction {i}: {a:.1%} now, {b:.1%} stored; compute it again with "
                    f"`{self.provenance['command']}`"
                )

    @property
    def provenance_note(self) -> str:
        """The provenance in Markdown, with the details folded."""
        p = self.provenance
        data = "; ".join(f"{d['subset']} (sha256 {d['sha256'][:12]}…)" for d in p["data"]) or "synthetic traffic signs"
        versions = ", ".join(f"{package} {version}" for package, version in p["versions"].items())
        line = f"<strong>Stored result</strong> of {p['date']}, made by <code>{p['command']}</code>"
        return f"<details><summary>{line}</summary>\n\n{data} · {p['machine']} · {versions}\n\n</details>"

    def _repr_markdown_(self) -> str:
        return self.provenance_note

    def __repr__(self) -> str:
        p = self.provenance
        return f"Stored result {self.name}: {len(self.rows)} rows of {p['date']}, made by {p['command']}"


def list_results(folder: Path | None = None) -> list[str]:
    """Return the names of all stored results.

    Args:
        folder: folder of the files; None is the folder of this package.

    Returns:
        The names, sorted.
    """
    return sorted(file.stem for file in (folder or RESULTS_DIR).glob("*.json") if not file.stem.startswith("."))


def load_result(name: str, folder: Path | None = None) -> StoredResult:
    """Return a stored result with its provenance.

    Args:
        name: name of the result.
        folder: folder of the files; None is the folder of this package.

    Returns:
        The result.

    Raises:
        ValueError: unknown result; the message has the nearest names.
    """
    folder = folder or RESULTS_DIR
    file = folder / f"{check_choice(name, list_results(folder), 'stored result')}.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    return StoredResult(name, content["rows"], content["provenance"])


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
) -> StoredResult:
    """Store rows under a name, with the date, the machine and the versions of the packages.

    Args:
        name: name of the result and of the experiment that computes it.
        rows: a dict per row, of numbers and strings.
        device: the device on which they were computed.
        data: for each downloaded dataset its ``subset`` in words and the ``sha256`` of its arrays.
        seed: seed of the experiment.
        date: date of the computation; None is today.
        machine: description of the machine; None describes the device on this machine.
        seconds: seconds by part; None stores none.
        folder: folder of the files.

    Returns:
        The stored result.
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
    lines = ",\n".join("  " + json.dumps(row) for row in rows)  # one row per line, so that changes are readable
    # The file is replaced as a whole, because other processes may read or write it at the same time.
    unfinished = folder / f".{name}.{os.getpid()}.json"
    unfinished.write_text(
        f'{{"provenance": {json.dumps(provenance, indent=1)},\n "rows": [\n{lines}\n]}}\n', encoding="utf-8"
    )
    os.replace(unfinished, folder / f"{name}.json")
    return StoredResult(name, rows, provenance)
