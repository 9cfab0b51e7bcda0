"""Parts, work folder and launcher, on a toy study: killed, shared, spoiled and broken, its table stays the same."""

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
    with open(LOG, "a") as log:  # whole lines, also from several processes
        log.write(" ".join(map(str, (*words, os.getpid()))) + "\\n")

def workers():
    with open(LOG) as log:
        return {line.split()[-1] for line in log}

def parts():
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
    return joined([run_part(part, seed, device) for part in parts()])

def joined(found):
    return [{"rows": sum(len(rows) for rows in found)}] + [row for rows in found for row in rows]
"""

# A spawned process runs these lines, too, before it is given a part.
RUNNER = """
import sys
import studies
experiments.__path__.append({folder!r})
from experiments.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
"""


class ToyStudy:
    """A folder with the toy study, and launchers of it."""

    def __init__(self, folder: Path):
        self.folder, self.log, self.results = folder, folder / "log", folder / "results"
        (folder / "toy.py").write_text(TOY_STUDY_SOURCE)
        (folder / "runner.py").write_text(textwrap.dedent(RUNNER.format(folder=str(folder))))

    def jobs(self, seed: int = 0, small: bool = False) -> list[work.Job]:
        """The parts in this process, of the source as it is now."""
        sys.modules.pop("experiments.toy", None)
        return work.make_jobs("toy", load_study("toy", small), seed, "cpu", small=small, work=self.folder / "here")[0]

    def start(self, *options: str, **environment: str) -> subprocess.Popen:
        given = [sys.executable, str(self.folder / "runner.py"), "toy", "--device", "cpu"]
        given += ["--work", str(self.folder / "work"), "--into", str(self.results), *options]
        own = os.environ | {"TOY_LOG": str(self.log), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
        # A group of its own, so that a kill reaches the launcher and all its processes, as pulling the plug would.
        return subprocess.Popen(
            given, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd=ROOT
        )

    def run(self, *options: str, **environment: str) -> tuple[int, str]:
        process = self.start(*options, **environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, out + err

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
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions of one second would share it
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
    code, words = toy.run()
    assert code == 0, words
    assert toy.table == EXPECTED
    # Only a part during which the process was killed begins again.
    assert sorted(toy.noted("begin")) == sorted([f"part {i}" for i in range(PARTS)] + killed)


def test_run_jobs_gives_equal_tables_for_one_and_two_processes(toy):
    assert toy.run("--jobs", "2", TOY_WORKERS="2")[0] == 0
    assert len({line.rsplit(" ", 1)[1] for line in toy.log.read_text().splitlines()}) == 2
    alone = [job.part for job in toy.jobs() if work.run_if_unlocked(job, "cpu")]
    assert alone == [f"part {i}" for i in range(PARTS)]
    study = load_study("toy")
    assert (
        toy.table
        == join_rows(study, [work.read_cached(job.file)["rows"] for job in toy.jobs()])
        == EXPECTED
        == study.run(0, "cpu")
    )
    seconds = json.loads((toy.results / "toy.json").read_text())["provenance"]["seconds"]
    assert list(seconds) == alone and all(isinstance(s, float) for s in seconds.values())


@pytest.mark.slow
def test_run_jobs_by_two_launchers_never_repeats_a_part(toy):
    both = [toy.start("--jobs", "2", TOY_WORKERS="4") for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert sorted(toy.noted("begin")) == sorted(f"part {i}" for i in range(PARTS))
    assert toy.table == EXPECTED


def test_try_lock_is_exclusive_and_released_with_its_process(tmp_path):
    file = tmp_path / "0-a.json"
    hold = "import sys, time; from pathlib import Path; from experiments._job_cache import claim\n"
    hold += f"with claim(Path({str(file)!r})) as mine: print(mine, flush=True); time.sleep(60)"
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
    """A launcher waits for a part that is done elsewhere, and does it itself when whoever was at it is killed."""
    slow = toy.start(TOY_HOLDS="part 0")
    toy.wait_until_begun("part 0", slow)
    code, words = toy.run("--leave", "--jobs", "2")
    assert code == 0 and "1 parts are being done elsewhere" in words and toy.table is None
    waiting = toy.start()
    shown = ""
    while "1 done elsewhere" not in shown:
        assert (character := waiting.stderr.read(1)), shown
        shown += character
    os.killpg(slow.pid, signal.SIGKILL)
    slow.communicate()
    assert waiting.communicate(timeout=120) and waiting.returncode == 0
    assert toy.table == EXPECTED and toy.noted("begin").count("part 0") == 2 and len(toy.noted("begin")) == PARTS + 1


@pytest.mark.parametrize(
    "spoil", [lambda b: b[: len(b) // 2], lambda b: b.replace(b"0.333", b"0.334"), lambda b: b"", lambda b: b[:64]]
)
def test_job_cache_recomputes_corrupt_entries(toy, spoil):
    jobs = toy.jobs(small=True)
    assert all(work.run_if_unlocked(job, "cpu", small=True) for job in jobs)
    whole = [work.read_cached(job.file)["rows"] for job in jobs]
    assert whole == [[row] for row in EXPECTED[1:4]]
    before = jobs[1].file.read_bytes()
    jobs[1].file.write_bytes(spoil(before))
    assert jobs[1].file.read_bytes() != before and work.read_cached(jobs[1].file) is None
    assert all(work.run_if_unlocked(job, "cpu", small=True) for job in jobs)
    assert [work.read_cached(job.file)["rows"] for job in jobs] == whole
    assert toy.noted("begin").count("part 1") == 2 and len(toy.noted("begin")) == 4


def test_run_jobs_reports_failed_parts_and_finishes_others(toy):
    code, said = toy.run(TOY_RAISES="part 4", TOY_DIES="part 7")
    assert code == 1 and toy.table is None
    assert (
        "failed  toy: part 4: RuntimeError: the toy is broken" in said
        and "failed  toy: part 7: its process ended with code -9" in said
    )
    assert sorted(toy.noted("end")) == sorted(f"part {i}" for i in range(PARTS) if i not in (4, 7))
    assert toy.run()[0] == 0 and toy.table == EXPECTED
    assert [toy.noted("begin").count(f"part {i}") for i in (3, 4, 7)] == [1, 2, 2]


def test_job_cache_files_depend_on_code_seed_and_size(toy):
    places = [
        {job.file for job in toy.jobs()},
        {job.file for job in toy.jobs(seed=1)},
        {job.file for job in toy.jobs(small=True)},
    ]
    source = toy.folder / "toy.py"
    source.write_text(source.read_text().replace("/ 3", "/ 6"))
    places.append({job.file for job in toy.jobs()})
    source.write_text(source.read_text().replace("/ 6", "/ 3"))
    assert {job.file for job in toy.jobs()} == places[0]
    assert len(set.union(*places)) == sum(map(len, places)) == 3 * PARTS + 3


def test_missing_data_lists_datasets_absent_from_new_run(tmp_path):
    images = {"subset": "9 pictures of a set", "sha256": "ab"}
    assert missing_data("toy", [], tmp_path) == []
    save_result("toy", [{"a": 1}], device="cpu", data=[images], folder=tmp_path)
    assert (
        missing_data("toy", [], tmp_path) == ["9 pictures of a set"] and missing_data("toy", [images], tmp_path) == []
    )


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in TRAINING_STUDIES])
def test_study_part_names_are_unique_strings(name, tmp_path):
    study = load_study(name)
    parts = part_names(study)
    assert parts == list(dict.fromkeys(parts)) and all(isinstance(part, str) and part for part in parts)
    assert hasattr(study, "run") and hasattr(study, "parts") == hasattr(study, "run_part")
    if hasattr(study, "SMALL"):
        for place in study.SMALL:
            module, _, constant = place.rpartition(".")
            assert hasattr(load_study(module) if module else study, constant), (
                f"{name}.SMALL knows a {place} that is not there"
            )


def test_study_without_parts_has_a_single_part():
    class Plain:
        run = staticmethod(lambda seed, device: [{"seed": seed, "device": device}])

    assert part_names(Plain) == ["all"]
    assert join_rows(Plain, [run_rows(Plain, "all", 3, "cpu")]) == [{"seed": 3, "device": "cpu"}]


def test_load_study_rejects_study_without_quick_trial(monkeypatch):
    study = load_study("pseudo_unknown_transfer")
    monkeypatch.delattr(study, "SMALL")
    with pytest.raises(LookupError, match="players has no small setting"):
        load_study("pseudo_unknown_transfer", small=True)


def test_job_cache_source_files_include_imports_and_weights():
    names = {str(file.relative_to(ROOT)) for file in work.source_files("uncertainty")}
    own = {name for name in names if name.startswith("studies/")}
    others = ("_families", "_detectors", "_answers", "explanations_photos", "explanations")
    assert own == {f"studies/{name}.py" for name in ("uncertainty", *others)}
    weights = "tutorial_lib/models/weights/signs-classifier-0.safetensors"
    assert {"tutorial_lib/gradients/per_sample.py", weights} <= names
    assert not {"tutorial_course/widgets/markdown.py", "tutorial_course/results/claims.py"} & names


def test_make_jobs_rejects_colliding_part_names(tmp_path):
    class Alike:
        parts = staticmethod(lambda: ["a b", "A, b"])

    with pytest.raises(ValueError, match="need names that differ"):
        work.make_jobs("players", Alike, 0, "cpu", small=False, work=tmp_path)
