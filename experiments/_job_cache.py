"""The work folder: which parts are done, and who is at which. One machine or many may share it.

Three facts make the sharing safe. A part is computed only by whoever holds its lock, and the system gives a lock to one process at a
time: no part is computed twice at once. Whoever holds it looks first whether the result is there, and lets go only after writing it:
no part is done again. And a lock ends with its process, however that ends: no part is lost, and no claim has to be judged stale.
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
# Rooms of the library that change nothing in a table.
UNRELATED_PACKAGES = ("exercises", "instruments", "results")
PINNED_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Job:
    """One part of one study with one seed, and the file that keeps its rows."""

    study: str
    seed: int
    part: str
    file: Path

    def __str__(self) -> str:
        return f"{self.study}: {self.part}" + f", seed {self.seed}" * bool(self.seed)


def source_files(name: str) -> Iterator[Path]:
    """The files that a study's rows depend on: the library, the study, and what it takes from other studies."""
    for file in sorted((ROOT / "tutorial_lib").rglob("*.py")):
        if file.relative_to(ROOT / "tutorial_lib").parts[0] not in UNRELATED_PACKAGES:
            yield file
    yield from sorted(WEIGHTS_DIR.glob("*.safetensors"))
    asked, seen = [name], set()
    while asked:
        file = Path(load_study(asked.pop()).__file__)
        if file not in seen:
            seen.add(file)
            text = file.read_text(encoding="utf-8")
            asked += re.findall(r"^from experiments\.(\w+) import", text, re.M)
            asked += [
                n
                for names in re.findall(r"^from experiments import (.+)", text, re.M)
                for n in re.findall(r"\b_\w+", names)
            ]
    yield from sorted(seen)


def cpu_model() -> str:
    """The model of the processor, where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)", cpuinfo.read_text(), re.M) if cpuinfo.is_file() else None
    return found[1] if found else platform.processor()


def settings_digest(name: str, sources: list[dict], device, small: bool) -> str:
    """A name for all that the rows depend on but seed and part: code, weights, data, packages, machine. Another one starts anew."""
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
    """The parts of a study in the order of its table, and the real pictures it rests on.

    Raises:
        ValueError: two parts would share a file.
    """
    sources = data_sources(study)
    folder = work / name / settings_digest(name, sources, device, small)
    parts = part_names(study)
    files = [folder / f"{seed}-{re.sub(r'[^a-z0-9]+', '-', part.lower())}.json" for part in parts]
    if len(set(files)) < len(files):
        raise ValueError(f"the parts of {name} need names that differ in letters or digits: {parts}")
    return [Job(name, seed, part, file) for part, file in zip(parts, files, strict=True)], sources


def read_cached(file: Path) -> dict | None:
    """What a file keeps; None where it is missing, cut short or changed."""
    try:
        digest, _, body = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return json.loads(body) if digest == hashlib.sha256(body).hexdigest().encode() else None


def write_cached(file: Path, content: dict) -> None:
    """Write a file whole or not at all. Only the holder of the lock writes, so that one name for the unfinished file will do."""
    body = json.dumps(content).encode()
    unfinished = file.with_suffix(".unfinished")
    with open(unfinished, "wb") as out:
        out.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        out.flush()
        os.fsync(out.fileno())
    os.replace(unfinished, file)


@contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """True for one process at a time. The lock's file stays: deleting it would let two processes lock two files of one name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file.with_suffix(".lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def run_if_unlocked(job: Job, device, small: bool = False) -> bool:
    """Do a part unless it is done; False where another process is at it."""
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
