"""Stored results: numbers that a page prints but did not compute just now, each with where it came from.

A result is a small JSON file beside this one. What a laptop could not compute within a chapter's minute, or what needs data that is
not at hand, is kept here; ``python -m experiments NAME`` computes it again and writes the file.
"""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tutorial_lib._validation import check_choice

RESULTS_DIR = Path(__file__).parent


@dataclass(frozen=True, repr=False)
class StoredResult:
    """Rows of a table, a dict each, and their provenance: ``date``, ``machine``, ``versions``, ``data`` and ``command``; of tables
    made part by part also ``seconds``, by part.
    """

    name: str
    rows: list[dict]
    provenance: dict

    def select(self, **values) -> list[dict]:
        """The rows whose columns have these values."""
        return [row for row in self.rows if all(row[column] == value for column, value in values.items())]

    def assert_reproduces(
        self, fresh: Sequence[float], stored: Sequence[float], *, n_fresh: int, n_stored: int, slack: float = 0.02
    ) -> None:
        """Stop where shares computed just now and kept ones differ by more than chance.

        Args:
            now, kept: the same shares, from ``pictures`` and from ``of`` draws.
            slack: what machines may differ by besides.

        Raises:
            AssertionError: a pair is further apart than four standard deviations and the slack.
        """
        for i, (a, b) in enumerate(zip(fresh, stored, strict=True)):
            spread = (b * (1 - b) * (1 / n_fresh + 1 / n_stored)) ** 0.5
            if abs(a - b) > 4 * spread + slack:
                raise AssertionError(
                    f"{self.name}, share {i}: {a:.1%} now, {b:.1%} stored; make it anew with `{self.provenance['command']}`"
                )

    @property
    def provenance_note(self) -> str:
        """Where it comes from: a line of Markdown, and behind it what exactly it was computed on."""
        p = self.provenance
        data = "; ".join(f"{d['subset']} (sha256 {d['sha256'][:12]}…)" for d in p["data"]) or "the drawn sign world"
        versions = ", ".join(f"{package} {version}" for package, version in p["versions"].items())
        line = f"<strong>Stored result</strong> of {p['date']}, made by <code>{p['command']}</code>"
        return f"<details><summary>{line}</summary>\n\n{data} · {p['machine']} · {versions}\n\n</details>"

    def _repr_markdown_(self) -> str:
        return self.provenance_note

    def __repr__(self) -> str:
        return f"Stored result {self.name}: {len(self.rows)} rows of {self.provenance['date']}, made by {self.provenance['command']}"


def list_results(folder: Path | None = None) -> list[str]:
    return sorted(file.stem for file in (folder or RESULTS_DIR).glob("*.json") if not file.stem.startswith("."))


def load_result(name: str, folder: Path | None = None) -> StoredResult:
    """A stored result with its provenance.

    Raises:
        ValueError: no such result; the nearest names are given.
    """
    folder = folder or RESULTS_DIR
    file = folder / f"{check_choice(name, list_results(folder), 'stored result')}.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    return StoredResult(name, content["rows"], content["provenance"])


def describe_machine(device) -> str:
    """What a device is called in a provenance: the GPU, or the kind of processor and its threads."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_name(device)
    if kind != "cpu":
        return f"{platform.machine()} {kind}"
    # What its arithmetic is made of decides the last digits.
    return f"{platform.machine()} CPU ({torch.backends.cpu.get_cpu_capability()}), {torch.get_num_threads()} thread(s)"


def save_result(
    name: str,
    rows: list[dict],
    *,
    device,
    data: list[dict] = (),
    seed: int = 0,
    date: str | None = None,
    seconds: dict[str, float] | None = None,
    folder: Path = RESULTS_DIR,
) -> StoredResult:
    """Keep rows under a name, with the date, the machine and the versions they were computed with.

    Args:
        name: of the result and of the study that makes it.
        rows: a dict for each row, of plain numbers and strings.
        device: what it was computed on.
        data: for each real data set its ``subset`` (in words) and the ``sha256`` of its arrays.
        date: when it was computed; today when not given.
        seconds: how long each part took.
    """
    import torch
    import torchvision

    provenance = {
        "date": date or datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(device),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        "data": list(data),
        "command": f"python -m experiments {name}" + f" --seed {seed}" * bool(seed),
    }
    provenance |= {"seconds": seconds} if seconds else {}
    lines = ",\n".join("  " + json.dumps(row) for row in rows)  # a row a line, so that a change can be read
    # Whole or not at all: a page may be reading, and another launcher writing.
    unfinished = folder / f".{name}.{os.getpid()}.json"
    unfinished.write_text(
        f'{{"provenance": {json.dumps(provenance, indent=1)},\n "rows": [\n{lines}\n]}}\n', encoding="utf-8"
    )
    os.replace(unfinished, folder / f"{name}.json")
    return StoredResult(name, rows, provenance)
