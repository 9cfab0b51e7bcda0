"""The work folder, which stores finished parts and locks those that are running. One machine or many may share it.

Three facts make sharing safe. Only the process that holds the lock of a part computes it, and the system gives a lock
to one process at a time, so that no part is computed twice at once. That process first checks whether the result
exists, and releases the lock only after it has written the result, so that no part is computed again. Finally, a lock
ends with its process, however that ends, so that no part is lost and no lock can become stale.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from experiments._study_api import data_sources, load_study, part_names, run_rows
from tutorial_course.results import describe_machine
from tutorial_lib.models import WEIGHTS_DIR

ROOT = Path(__file__).parent.parent
CACHE_DIR = ROOT / "_build" / "reproduce"
PINNED_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Job:
    """One part of an experiment with one seed, and the file of its rows."""

    study: str
    seed: int
    part: str
    file: Path

    def __str__(self) -> str:
        return f"{self.study}: {self.part}" + f", seed {self.seed}" * bool(self.seed)


def source_files(name: str) -> Iterator[Path]:
    """Yield the files that the rows of an experiment depend on: the library, the weights and its own modules."""
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
    yield from sorted(visited)


def cpu_model() -> str:
    """Return the model of the processor, as far as the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search(r"^model name\s*:\s*(.+)", cpuinfo.read_text(), re.M) if cpuinfo.is_file() else None
    return match[1] if match else platform.processor()


def settings_digest(name: str, sources: list[dict], device, small: bool) -> str:
    """Return a hash of what the rows of all parts depend on: code, weights, data, packages and machine."""
    about = [
        *(f"{package} {version(package)}" for package in PINNED_PACKAGES),
        describe_machine(device),
        cpu_model(),
        json.dumps(sources),
        str(small),
    ]
    digest = hashlib.sha256("\n".join(about).encode())
    for file in source_files(name):
        digest.update(f"\n{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def make_jobs(
    name: str, study: ModuleType, seed: int, device, *, small: bool, work: Path
) -> tuple[list[Job], list[dict]]:
    """Return the parts of an experiment in the order of its table, and the data sets that it depends on.

    Raises:
        ValueError: the names of two parts lead to the same file.
    """
    sources = data_sources(study)
    folder = work / name / settings_digest(name, sources, device, small)
    parts = part_names(study)
    files = [folder / f"{seed}-{re.sub(r'[^a-z0-9]+', '-', part.lower())}.json" for part in parts]
    if len(set(files)) < len(files):
        raise ValueError(f"the parts of {name} need names that differ in letters or digits, got {parts}")
    return [Job(name, seed, part, file) for part, file in zip(parts, files, strict=True)], sources


def read_cached(file: Path) -> dict | None:
    """Return the content of a file, or None if it is missing, truncated or modified."""
    try:
        digest, _, body = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return json.loads(body) if digest == hashlib.sha256(body).hexdigest().encode() else None


def write_cached(file: Path, content: dict) -> None:
    """Write a file completely or not at all; only the holder of the lock writes, so the temporary name is unique."""
    body = json.dumps(content).encode()
    unfinished = file.with_suffix(".unfinished")
    with open(unfinished, "wb") as out:
        out.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        out.flush()
        os.fsync(out.fileno())
    os.replace(unfinished, file)


@contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """Yield True in one process at a time. The lock file stays, because deleting it would allow a second lock."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file.with_suffix(".lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def run_if_unlocked(job: Job, device, small: bool = False) -> bool:
    """Run a part unless it is finished; return False if another process is running it."""
    with try_lock(job.file) as mine:
        if mine and read_cached(job.file) is None:
            start = time.perf_counter()
            rows = run_rows(load_study(job.study, small), job.part, job.seed, device)
            date = datetime.now(UTC).strftime("%Y-%m-%d")
            write_cached(
                job.file,
                {"part": job.part, "rows": rows, "seconds": round(time.perf_counter() - start, 1), "date": date},
            )
    return mine
