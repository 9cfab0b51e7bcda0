"""Tests of parts, work folder and launcher on a toy experiment: kills, sharing, corrupt files and errors."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import experiments
from experiments import _job_cache as work
from experiments.__main__ import STUDIES, TRAINING_STUDIES, missing_data
from experiments._study_api import join_rows, load_study, part_names, run_rows
from tutorial_course.results import save_result

ROOT = Path(__file__).parents[2]
PARTS = 12

TOY_STUDY_SOURCE = """
import os, time
from pathlib import Path

LOG, COUNT = Path(os.environ["TOY_LOG"]), 12
SMALL = {"COUNT": 3}

def note(*words):
    with open(LOG, "a") as log:  # complete lines, also from several processes
        log.write(" ".join(map(str, (*words, os.getpid()))) + "\\n")

def workers():
    with open(LOG) as log:
        return {line.split()[-1] for line in log}

def part_names():
    return [f"part {i}" for i in range(COUNT)]

def run_part(part, seed, device):
    note("begin", part)
    while part == os.environ.get("TOY_HOLDS") or len(workers()) < int(os.environ.get("TOY_WORKERS", "1")):
        time.sleep(0.01)
    if part == os.environ.get("TOY_RAISES"):
        raise RuntimeError("the toy is broken")
    if part == os.environ.get("TOY_DIES"):
        os.kill(os.getpid(), 9)
    note("end", part)
    return [{"part": part, "third": (int(part[5:]) + seed) / 3, "nothing": None}]

def run(seed, device):
    return join_parts([run_part(part, seed, device) for part in part_names()])

def join_parts(found):
    return [{"rows": sum(len(rows) for rows in found)}] + [row for rows in found for row in rows]
"""

# A spawned process runs these lines as well, before it receives a part.
RUNNER = """
import sys
import experiments
experiments.__path__.append({folder!r})
from experiments.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
"""


class ToyStudy:
    """A folder with the toy experiment, and launchers for it."""

    def __init__(self, folder: Path):
        self.folder, self.log, self.results = folder, folder / "log", folder / "results"
        (folder / "toy.py").write_text(TOY_STUDY_SOURCE)
        (folder / "runner.py").write_text(textwrap.dedent(RUNNER.format(folder=str(folder))))

    def jobs(self, seed: int = 0, small: bool = False) -> list[work.Job]:
        """Return the parts, made in this process from the current source."""
        sys.modules.pop("experiments.toy", None)
        return work.make_jobs("toy", load_study("toy", small), seed, "cpu", small=small, work=self.folder / "here")[0]

    def start(self, *options: str, **environment: str) -> subprocess.Popen:
        command = [sys.executable, str(self.folder / "runner.py"), "toy", "--device", "cpu"]
        command += ["--work", str(self.folder / "work"), "--into", str(self.results), *options]
        variables = (
            os.environ | {"TOY_LOG": str(self.log), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
        )
        # A separate process group, so that a kill reaches the launcher and all its processes.
        return subprocess.Popen(
            command,
            env=variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=ROOT,
        )

    def run(self, *options: str, **environment: str) -> tuple[int, str]:
        process = self.start(*options, **environment)
        output, errors = process.communicate(timeout=120)
        return process.returncode, output + errors

    @property
    def table(self) -> list[dict] | None:
        file = self.results / "toy.json"
        return json.loads(file.read_text())["rows"] if file.is_file() else None

    def noted(self, what: str) -> list[str]:
        logs = [file for file in (self.log, self.folder / "here.log") if file.is_file()]
        lines = [line for file in logs for line in file.read_text().splitlines()]
        return [line.split(" ", 1)[1].rsplit(" ", 1)[0] for line in lines if line.startswith(what)]

    def wait_until_begun(self, part: str, process: subprocess.Popen) -> None:
        while part not in self.noted("begin"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)

    def files(self) -> list[Path]:
        return sorted((self.folder / "work" / "toy").rglob("*.json"))


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(tmp_path)])
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "here.log"))
    monkeypatch.setattr(
        sys, "dont_write_bytecode", True
    )  # two versions written within one second would share the bytecode
    yield ToyStudy(tmp_path)
    sys.modules.pop("experiments.toy", None)


EXPECTED = [{"rows": PARTS}] + [{"part": f"part {i}", "third": i / 3, "nothing": None} for i in range(PARTS)]


@pytest.mark.slow
def test_run_jobs_resumes_after_repeated_kills(toy):
    killed = ["part 1", "part 4", "part 5"]
    for part in killed:
        process = toy.start(TOY_HOLDS=part)
        toy.wait_until_begun(part, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL and toy.table is None
        assert {work.read_cached(file)["part"] for file in toy.files()} == set(toy.noted("end"))
        assert part not in toy.noted("end")
    code, output = toy.run()
    assert code == 0, output
    assert toy.table == EXPECTED
    # Only the parts during which the process was killed are run again.
    assert sorted(toy.noted("begin")) == sorted([f"part {i}" for i in range(PARTS)] + killed)


def test_run_jobs_gives_equal_tables_for_one_and_two_processes(toy):
    assert toy.run("--jobs", "2", TOY_WORKERS="2")[0] == 0
    assert len({line.rsplit(" ", 1)[1] for line in toy.log.read_text().splitlines()}) == 2
    parts = [job.part for job in toy.jobs() if work.run_if_unlocked(job, "cpu")]
    assert parts == [f"part {i}" for i in range(PARTS)]
    study = load_study("toy")
    assert (
        toy.table
        == join_rows(study, [work.read_cached(job.file)["rows"] for job in toy.jobs()])
        == EXPECTED
        == study.run(0, "cpu")
    )
    seconds = json.loads((toy.results / "toy.json").read_text())["provenance"]["seconds"]
    assert list(seconds) == parts and all(isinstance(s, float) for s in seconds.values())


@pytest.mark.slow
def test_run_jobs_by_two_launchers_never_repeats_a_part(toy):
    processes = [toy.start("--jobs", "2", TOY_WORKERS="4") for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(toy.noted("begin")) == sorted(f"part {i}" for i in range(PARTS))
    assert toy.table == EXPECTED


def test_try_lock_is_exclusive_and_released_with_its_process(tmp_path):
    file = tmp_path / "0-a.json"
    hold = "import sys, time; from pathlib import Path; from experiments._job_cache import try_lock\n"
    hold += f"with try_lock(Path({str(file)!r})) as mine: print(mine, flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    try:
        assert holder.stdout.readline() == "True\n"
        with work.try_lock(file) as mine:
            assert not mine
    finally:
        holder.kill()
        holder.communicate()
    with work.try_lock(file) as mine:
        assert mine


@pytest.mark.slow
def test_run_jobs_takes_over_part_of_killed_launcher(toy):
    """A launcher waits for a part that another one runs, and runs it itself when the other is killed."""
    slow = toy.start(TOY_HOLDS="part 0")
    toy.wait_until_begun("part 0", slow)
    code, output = toy.run("--leave", "--jobs", "2")
    assert code == 0 and "1 parts are locked by other launchers" in output and toy.table is None
    waiting = toy.start()
    progress = ""
    while "1 locked by others" not in progress:
        assert (character := waiting.stderr.read(1)), progress
        progress += character
    os.killpg(slow.pid, signal.SIGKILL)
    slow.communicate()
    assert waiting.communicate(timeout=120) and waiting.returncode == 0
    assert toy.table == EXPECTED and toy.noted("begin").count("part 0") == 2 and len(toy.noted("begin")) == PARTS + 1


@pytest.mark.parametrize(
    "corrupt", [lambda b: b[: len(b) // 2], lambda b: b.replace(b"0.333", b"0.334"), lambda b: b"", lambda b: b[:64]]
)
def test_job_cache_recomputes_corrupt_entries(toy, corrupt):
    jobs = toy.jobs(small=True)
    assert all(work.run_if_unlocked(job, "cpu", small=True) for job in jobs)
    rows = [work.read_cached(job.file)["rows"] for job in jobs]
    assert rows == [[row] for row in EXPECTED[1:4]]
    before = jobs[1].file.read_bytes()
    jobs[1].file.write_bytes(corrupt(before))
    assert jobs[1].file.read_bytes() != before and work.read_cached(jobs[1].file) is None
    assert all(work.run_if_unlocked(job, "cpu", small=True) for job in jobs)
    assert [work.read_cached(job.file)["rows"] for job in jobs] == rows
    assert toy.noted("begin").count("part 1") == 2 and len(toy.noted("begin")) == 4


def test_run_jobs_reports_failed_parts_and_finishes_others(toy):
    code, output = toy.run(TOY_RAISES="part 4", TOY_DIES="part 7")
    assert code == 1 and toy.table is None
    assert (
        "failed  toy: part 4: RuntimeError: the toy is broken" in output
        and "failed  toy: part 7: its process ended with code -9" in output
    )
    assert sorted(toy.noted("end")) == sorted(f"part {i}" for i in range(PARTS) if i not in (4, 7))
    assert toy.run()[0] == 0 and toy.table == EXPECTED
    assert [toy.noted("begin").count(f"part {i}") for i in (3, 4, 7)] == [1, 2, 2]


def test_job_cache_files_depend_on_code_seed_and_size(toy):
    file_sets = [
        {job.file for job in toy.jobs()},
        {job.file for job in toy.jobs(seed=1)},
        {job.file for job in toy.jobs(small=True)},
    ]
    source = toy.folder / "toy.py"
    source.write_text(source.read_text().replace("/ 3", "/ 6"))
    file_sets.append({job.file for job in toy.jobs()})
    source.write_text(source.read_text().replace("/ 6", "/ 3"))
    assert {job.file for job in toy.jobs()} == file_sets[0]
    assert len(set.union(*file_sets)) == sum(map(len, file_sets)) == 3 * PARTS + 3


def test_missing_data_lists_datasets_absent_from_new_run(tmp_path):
    images = {"subset": "9 images of a data set", "sha256": "ab"}
    assert missing_data("toy", [], tmp_path) == []
    save_result("toy", [{"a": 1}], device="cpu", data=[images], folder=tmp_path)
    assert (
        missing_data("toy", [], tmp_path) == ["9 images of a data set"]
        and missing_data("toy", [images], tmp_path) == []
    )


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in TRAINING_STUDIES])
def test_study_part_names_are_unique_strings(name, tmp_path):
    study = load_study(name)
    parts = part_names(study)
    assert parts == list(dict.fromkeys(parts)) and all(isinstance(part, str) and part for part in parts)
    assert hasattr(study, "run") and hasattr(study, "part_names") == hasattr(study, "run_part")
    if hasattr(study, "SMALL"):
        for place in study.SMALL:
            module, _, constant = place.rpartition(".")
            assert hasattr(load_study(module) if module else study, constant), (
                f"{name}.SMALL contains {place}, which does not exist"
            )


def test_study_without_parts_has_a_single_part():
    class Plain:
        run = staticmethod(lambda seed, device: [{"seed": seed, "device": device}])

    assert part_names(Plain) == ["all"]
    assert join_rows(Plain, [run_rows(Plain, "all", 3, "cpu")]) == [{"seed": 3, "device": "cpu"}]


def test_load_study_rejects_study_without_quick_trial(monkeypatch):
    study = load_study("pseudo_unknown_transfer")
    monkeypatch.delattr(study, "SMALL")
    with pytest.raises(LookupError, match="pseudo_unknown_transfer has no small trial run"):
        load_study("pseudo_unknown_transfer", small=True)


def test_job_cache_source_files_include_imports_and_weights():
    names = {str(file.relative_to(ROOT)) for file in work.source_files("uncertainty")}
    own = {name for name in names if name.startswith("experiments/")}
    others = ("_image_groups", "_ood_detectors", "_trust_and_open_set", "explanations_photos", "explanations_signs")
    assert own == {f"experiments/{name}.py" for name in ("uncertainty", *others)}
    weights = "tutorial_lib/models/weights/signs-classifier-0.safetensors"
    assert {"tutorial_lib/gradients/per_sample.py", weights} <= names
    assert not {"tutorial_course/widgets/markdown.py", "tutorial_course/results/claims/rules.py"} & names


def test_make_jobs_rejects_colliding_part_names(tmp_path):
    class Alike:
        part_names = staticmethod(lambda: ["a b", "A, b"])

    with pytest.raises(ValueError, match="need names that differ"):
        work.make_jobs("pseudo_unknown_transfer", Alike, 0, "cpu", small=False, work=tmp_path)
