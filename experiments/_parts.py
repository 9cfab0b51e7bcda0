"""An experiment as parts that can be computed in any order, and the table that is joined from them.

The rows of a part are stored in a folder whose name contains a checksum of everything that the rows depend on: code,
weights, data, packages and settings. Therefore a table never contains rows that were computed from other inputs, and
parts that were computed before are found again when a change of the code is undone.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pandas as pd
import torch

from experiments import WORK_DIR
from tutorial_course.results import describe_machine, save_result
from tutorial_lib.models import WEIGHTS_DIR

ROOT = Path(__file__).parent.parent
SINGLE_PART = "all"
PINNED_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn")


def load_study(name: str, small: bool = False) -> ModuleType:
    """Return the module of an experiment; ``small`` sets the constants of its trial run for the rest of this process.

    Raises:
        LookupError: the experiment has no small trial run.
    """
    study = import_module(f"experiments.{name}")
    if small:
        if not hasattr(study, "SMALL"):
            raise LookupError(f"{name} has no small trial run: add a dictionary SMALL of its constants")
        for place, value in study.SMALL.items():
            module, _, constant = place.rpartition(".")
            owner = import_module(f"experiments.{module}") if module else study
            getattr(owner, constant)  # raises for a name that has moved
            setattr(owner, constant, value)
    return study


def part_names(study: ModuleType) -> list[str]:
    """Return the names of the parts in the order of the table; an experiment without parts has a single one."""
    return list(study.part_names()) if hasattr(study, "part_names") else [SINGLE_PART]


def run_rows(study: ModuleType, part: str, seed: int, device) -> list[dict]:
    """Return the rows of one part."""
    return study.run_part(part, seed, device) if hasattr(study, "part_names") else study.run(seed, device)


def join_rows(study: ModuleType, rows_by_part: list[list[dict]]) -> list[dict]:
    """Return the rows of the table from those of the parts, in the order of the parts."""
    if hasattr(study, "join_parts"):
        return study.join_parts(rows_by_part)
    return [row for rows in rows_by_part for row in rows]


def run_study(study: ModuleType, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of the table, computed without stored parts."""
    return join_rows(study, [run_rows(study, part, seed, device) for part in part_names(study)])


def source_files(name: str) -> Iterator[Path]:
    """Yield the files that the rows of an experiment depend on: the library, the weights and its modules."""
    yield from sorted((ROOT / "tutorial_lib").rglob("*.py"))
    yield from sorted(WEIGHTS_DIR.glob("*.safetensors"))
    queue, visited = [name], set()
    while queue:
        file = Path(load_study(queue.pop()).__file__)
        if file not in visited:
            visited.add(file)
            text = file.read_text(encoding="utf-8")
            queue += re.findall(r"^from experiments\.(\w+) import", text, re.M)
            queue += [
                n
                for names in re.findall(r"^from experiments import (.+)", text, re.M)
                for n in re.findall(r"\b_\w+", names)
            ]
            modules = re.findall(r"^from (tutorial_course[\w.]+) import", text, re.M)
            visited |= {path for m in modules if (path := ROOT / f"{m.replace('.', '/')}.py").exists()}
    yield from sorted(visited)


def input_checksums(name: str, sources: list[dict], device, small: bool) -> dict[str, str]:
    """Return the checksum, the version or the value of every input that the rows of an experiment depend on."""
    return {
        "device": torch.device(device).type,
        "small": str(small),
        **{package: version(package) for package in PINNED_PACKAGES},
        **{source["subset"]: source["sha256"] for source in sources},
        **{os.path.relpath(file, ROOT): hashlib.sha256(file.read_bytes()).hexdigest() for file in source_files(name)},
    }


@dataclass(frozen=True)
class Plan:
    """What has to be computed for a table.

    Attributes:
        name: name of the experiment.
        seed: seed of the experiment.
        device: the device on which it runs.
        small: whether this is a small trial run.
        sources: descriptions of the data sets that the table depends on.
        checksum: checksum of all inputs.
        parts: names of the parts by the names of their files, in the order of the table.
    """

    name: str
    seed: int
    device: str
    small: bool
    sources: list[dict]
    checksum: str
    parts: dict[str, str]

    @property
    def files(self) -> list[Path]:
        """The files of the parts, in the order of the table."""
        return [WORK_DIR / self.name / self.checksum / str(self.seed) / f"{part}.json" for part in self.parts]


def make_plan(name: str, seed: int, device, small: bool = False) -> Plan:
    """Return the parts of an experiment and the checksum of its inputs.

    Raises:
        ValueError: the names of two parts lead to the same file.
    """
    study = load_study(name, small)
    sources = study.data_sources() if hasattr(study, "data_sources") else []
    checksums = input_checksums(name, sources, device, small)
    names = part_names(study)
    parts = {re.sub(r"[^a-z0-9]+", "-", part.lower()): part for part in names}
    if len(parts) < len(names):
        raise ValueError(f"the parts of {name} need names that differ in letters or digits, got {names}")
    checksum = hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()[:12]
    return Plan(name, seed, str(device), small, sources, checksum, parts)


def cpu_model() -> str:
    """Return the model of the processor, as far as the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search(r"^model name\s*:\s*(.+)", cpuinfo.read_text(), re.M) if cpuinfo.is_file() else None
    return match[1] if match else platform.processor()


def read_part(file: Path) -> dict | None:
    """Return the content of a part, or None if its file is missing, truncated or modified."""
    try:
        digest, _, body = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return json.loads(body) if digest == hashlib.sha256(body).hexdigest().encode() else None


def write_part(plan: Plan, file: Path) -> None:
    """Compute the rows of the part with the name of the file, and write the file completely or not at all.

    If another process computes the same part, because a killed scheduler left it, this function waits for its result.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # The operating system releases the lock when its process ends. The file stays: a new file would be another lock.
    with open(file.with_suffix(".lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if read_part(file):
            return
        start = time.perf_counter()
        content = {
            "rows": run_rows(load_study(plan.name, plan.small), plan.parts[file.stem], plan.seed, plan.device),
            "seconds": round(time.perf_counter() - start, 1),
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": describe_machine(plan.device),
            "processor": cpu_model(),
        }
        body = json.dumps(content).encode()
        unfinished = file.with_suffix(".unfinished")
        with open(unfinished, "wb") as out:
            out.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            out.flush()
            os.fsync(out.fileno())
        os.replace(unfinished, file)


def image_counts(sources: list[dict]) -> dict[str, int]:
    """Return {images of a data set: their number} for the descriptions that begin with a number of images."""
    pattern = re.compile(r"(?:all |the first )?([\d,]+) (?:of [\d,]+ )?([^;,(]+)")
    matches = filter(None, (pattern.match(source["subset"]) for source in sources))
    return {match[2].strip(): int(match[1].replace(",", "")) for match in matches}


def check_sources(plan: Plan, into: Path) -> None:
    """Raise an error if the stored table depends on data sets, or on images of a data set, that are missing now.

    Raises:
        LookupError: a new table would lose the rows of these data sets, or would be computed from fewer images.
    """
    file = into / f"{plan.name}.json"
    before = json.loads(file.read_text(encoding="utf-8"))["provenance"]["data"] if file.is_file() else []
    if len(before) > len(plan.sources):
        raise LookupError(
            "its stored table also depends on data sets, of which some are not available: "
            + "; ".join(source["subset"] for source in before)
        )
    now = image_counts(plan.sources)
    fewer = [
        f"{now[images]:,} instead of {count:,} {images}"
        for images, count in image_counts(before).items()
        if now.get(images, count) < count
    ]
    if fewer:
        raise LookupError(
            f"its stored table depends on more images than are available: {'; '.join(fewer)}. Complete the data, or "
            "store the new table in another folder (--into)"
        )


def write_table(plan: Plan, files: list[Path], into: Path) -> pd.DataFrame:
    """Join the parts in the order of the experiment, and store the table with its provenance.

    Raises:
        RuntimeError: a part is missing, or the parts were computed on different kinds of machines.
    """
    parts = [read_part(file) for file in files]
    if [file.stem for file in files] != list(plan.parts) or None in parts:
        raise RuntimeError(f"expected complete files of the parts {list(plan.parts)}, got {list(map(str, files))}")
    machines = {f"{part['machine']}, {part['processor']}" for part in parts}
    if len(machines) > 1:
        raise RuntimeError(
            "the parts of a table must come from one kind of machine, because another one rounds differently, but "
            "those "
            f"of {plan.name} come from {' and '.join(sorted(machines))}; delete {files[0].parent} and start again"
        )
    return save_result(
        plan.name,
        join_rows(load_study(plan.name, plan.small), [part["rows"] for part in parts]),
        device=plan.device,
        data=plan.sources,
        seed=plan.seed,
        date=max(part["date"] for part in parts),
        machine=parts[0]["machine"],
        seconds={name: part["seconds"] for name, part in zip(plan.parts.values(), parts, strict=True)},
        folder=into,
    )
