"""Tests of parts, tables and Snakefile on a toy experiment: kills, left processes, damaged files and errors."""

import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import experiments
from experiments import _parts
from experiments.__main__ import STUDIES, TRAINING_STUDIES
from experiments._parts import join_rows, load_study, part_names, run_rows, run_study
from tutorial_course.results import RESULTS_DIR, save_result

ROOT = Path(__file__).parents[2]
PARTS = 6

TOY_STUDY_SOURCE = """
import os, time
from pathlib import Path

LOG, COUNT = Path(os.environ["TOY_LOG"]), 6
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
    while (LOG.parent / f"hold {part}").exists() or len(workers()) < int(os.environ.get("TOY_WORKERS", "1")):
        time.sleep(0.01)
    if part == os.environ.get("TOY_RAISES"):
        raise RuntimeError("the toy is broken")
    if part == os.environ.get("TOY_DIES"):
        os.kill(os.getpid(), 9)
    note("end", part)
    return [{"part": part, "third": (int(part[5:]) + seed) / 3, "nothing": None}]

def join_parts(found):
    return [{"rows": sum(len(rows) for rows in found)}] + [row for rows in found for row in rows]
"""
EXPECTED = [{"rows": PARTS}] + [{"part": f"part {i}", "third": i / 3, "nothing": None} for i in range(PARTS)]
# Every Python process that has the folder of this file among its import paths finds the toy experiment.
SITECUSTOMIZE = "import experiments; experiments.__path__.append({!r})"
# A batch system in one line: it starts the script in a process group of its own and prints the number of the process.
START = (
    "null = subprocess.DEVNULL; job = subprocess.Popen(['sh', sys.argv[1]], stdout=null, stderr=null, process_group=0)"
)
BATCH_SYSTEM = f'{sys.executable} -c "import subprocess, sys; {START}; print(job.pid)"'


class ToyStudy:
    """A folder with the toy experiment, in which commands are started."""

    def __init__(self, folder: Path):
        self.folder, self.log, self.results = folder, folder / "log", folder / "results"
        self.results.mkdir()
        (folder / "toy.py").write_text(TOY_STUDY_SOURCE)
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(str(folder)))

    def plan(self, seed: int = 0, small: bool = False) -> _parts.Plan:
        """Return the plan, made in this process from the current source."""
        sys.modules.pop("experiments.toy", None)
        return _parts.make_plan("toy", seed, "cpu", small)

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        paths = {"TOY_LOG": str(self.log), "PYTHONPATH": f"{self.folder}:{ROOT}", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=os.environ | paths | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a kill can reach the process and all those that it started
            cwd=self.folder,
        )

    def run_alone(self, *options: str, **environment: str) -> tuple[int, str]:
        """Return the exit code and the output of ``python -m experiments toy``."""
        process = self.start("experiments", "toy", "--device", "cpu", "--into", "results", *options, **environment)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    def start_snakemake(self, *options: str, studies: str = "toy", **environment: str) -> subprocess.Popen:
        config = [f"studies={studies}", "device=cpu", "into=results"]
        snakefile = str(ROOT / "experiments" / "Snakefile")
        return self.start("snakemake", "-s", snakefile, "--jobs", "1", *options, "--config", *config, **environment)

    def run_snakemake(self, *options: str, studies: str = "toy", **environment: str) -> tuple[int, str]:
        process = self.start_snakemake(*options, studies=studies, **environment)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    @property
    def table(self) -> list[dict] | None:
        file = self.results / "toy.json"
        return json.loads(file.read_text())["rows"] if file.is_file() else None

    def noted(self, what: str) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.is_file() else []
        return [line.split(" ", 1)[1].rsplit(" ", 1)[0] for line in lines if line.startswith(what)]

    def hold(self, part: str) -> Path:
        """Let a part wait until the returned file is deleted."""
        file = self.folder / f"hold {part}"
        file.touch()
        return file

    def wait_until_begun(self, part: str, process: subprocess.Popen, times: int = 1) -> None:
        while self.noted("begin").count(part) < times:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(tmp_path)])
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.chdir(tmp_path)
    # Two versions that are written within one second would share the bytecode.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield ToyStudy(tmp_path)
    sys.modules.pop("experiments.toy", None)


@pytest.fixture
def snakemake_toy(toy):
    if importlib.util.find_spec("snakemake") is None:
        pytest.skip("Snakemake is not installed: make test-slow installs it")
    return toy


# Parts and tables.


def test_write_table_joins_parts_computed_in_any_order(toy):
    plan = toy.plan()
    for file in reversed(plan.files):
        _parts.write_part(plan, file)
    _parts.write_table(plan, plan.files, toy.results)
    assert toy.table == EXPECTED == run_study(load_study("toy"))
    provenance = json.loads((toy.results / "toy.json").read_text())["provenance"]
    assert list(provenance["seconds"]) == part_names(load_study("toy")) and len(provenance["date"]) == 10
    assert all(isinstance(seconds, float) for seconds in provenance["seconds"].values())


@pytest.mark.parametrize(
    "corrupt", [lambda b: b[: len(b) // 2], lambda b: b.replace(b"0.333", b"0.334"), lambda b: b"", lambda b: b[:64]]
)
def test_write_part_recomputes_damaged_files(toy, corrupt):
    plan = toy.plan(small=True)
    for file in plan.files:
        _parts.write_part(plan, file)
    rows = [_parts.read_part(file)["rows"] for file in plan.files]
    assert rows == [[row] for row in EXPECTED[1:4]]
    before = plan.files[1].read_bytes()
    plan.files[1].write_bytes(corrupt(before))
    assert plan.files[1].read_bytes() != before and _parts.read_part(plan.files[1]) is None
    with pytest.raises(RuntimeError, match="expected complete files of the parts"):
        _parts.write_table(plan, plan.files, toy.results)
    for file in plan.files:
        _parts.write_part(plan, file)
    assert [_parts.read_part(file)["rows"] for file in plan.files] == rows
    assert toy.noted("begin").count("part 1") == 2 and len(toy.noted("begin")) == 4


@pytest.mark.slow
def test_write_part_waits_for_a_process_that_computes_it(toy):
    hold = toy.hold("part 0")
    processes = [
        toy.start("experiments", "toy", "--device", "cpu", "--into", "results", "--part", "part-0.json")
        for _ in range(2)
    ]
    toy.wait_until_begun("part 0", processes[0])
    hold.unlink()
    assert [process.communicate() and process.returncode for process in processes] == [0, 0]
    assert toy.noted("begin") == ["part 0"]


def test_write_part_takes_over_part_of_killed_process(toy):
    hold = toy.hold("part 0")
    process = toy.start("experiments", "toy", "--device", "cpu", "--into", "results", "--part", "part-0.json")
    toy.wait_until_begun("part 0", process)
    process.kill()
    process.communicate()
    hold.unlink()
    file = toy.folder / "part-0.json"
    assert _parts.read_part(file) is None
    _parts.write_part(toy.plan(), file)
    assert _parts.read_part(file)["rows"] == EXPECTED[1:2] and toy.noted("begin") == ["part 0"] * 2


def test_write_table_rejects_parts_of_different_machines(toy, monkeypatch):
    plan = toy.plan(small=True)
    for file, processor in zip(plan.files, ("one processor", "one processor", "another"), strict=True):
        monkeypatch.setattr(_parts, "cpu_model", lambda: processor)
        _parts.write_part(plan, file)
    with pytest.raises(RuntimeError, match="toy come from .*, another and .*, one processor; delete"):
        _parts.write_table(plan, plan.files, toy.results)
    with pytest.raises(RuntimeError, match="expected complete files of the parts"):
        _parts.write_table(plan, plan.files[:2], toy.results)


def test_make_plan_folder_depends_on_code_seed_and_size(toy):
    plans = [toy.plan(), toy.plan(seed=1), toy.plan(small=True)]
    source = toy.folder / "toy.py"
    source.write_text(source.read_text().replace("/ 3", "/ 6"))
    plans.append(toy.plan())
    source.write_text(source.read_text().replace("/ 6", "/ 3"))
    assert toy.plan().files == plans[0].files
    files = [file for plan in plans for file in plan.files]
    assert len(set(files)) == len(files) == 3 * PARTS + 3


def test_make_plan_rejects_colliding_part_names(toy, monkeypatch):
    monkeypatch.setattr(_parts, "part_names", lambda study: ["a b", "A, b"])
    with pytest.raises(ValueError, match="need names that differ"):
        toy.plan()


def test_input_checksums_include_data_imports_and_weights():
    source = {"subset": "9 images", "sha256": "ab"}
    checksums = _parts.input_checksums("ood_detection", [source], "cuda:1", False)
    own = {name for name in checksums if name.startswith("experiments/")}
    assert own == {
        f"experiments/{name}.py"
        for name in ("ood_detection", "_image_groups", "_ood_detectors", "_ood_scores", "_paired_bootstrap")
    }
    weights = "tutorial_lib/models/weights/signs-classifier-0.safetensors"
    assert {"tutorial_lib/gradients/per_sample.py", weights, "torch"} <= set(checksums)
    assert checksums["9 images"] == "ab" and checksums["device"] == "cuda" and len(checksums[weights]) == 64
    assert not {"tutorial_course/widgets/markdown.py", "tutorial_course/results/claims/rules.py"} & set(checksums)


def stored_sources(name):
    return json.loads((RESULTS_DIR / f"{name}.json").read_text(encoding="utf-8"))["provenance"]["data"]


def test_check_sources_rejects_missing_data_sets(toy):
    plan, images = toy.plan(), {"subset": "9 images of a data set", "sha256": "ab"}
    _parts.check_sources(plan, toy.results)
    save_result("toy", [{"a": 1}], device="cpu", data=[images], folder=toy.results)
    with pytest.raises(LookupError, match="some are not available: 9 images of a data set"):
        _parts.check_sources(plan, toy.results)
    _parts.check_sources(dataclasses.replace(plan, sources=[images]), toy.results)


def test_check_sources_rejects_fewer_images_than_in_the_stored_table(toy):
    stored = {"subset": "all 157 rated images of live in this folder", "sha256": "ab"}
    save_result("toy", [{"a": 1}], device="cpu", data=[stored], folder=toy.results)
    for count, is_partial in ((20, True), (157, False), (1_779, False)):
        source = {"subset": f"all {count:,} rated images of live in this folder", "sha256": "cd"}
        plan = dataclasses.replace(toy.plan(), sources=[source])
        if is_partial:
            with pytest.raises(LookupError, match="20 instead of 157 rated images of live in this folder"):
                _parts.check_sources(plan, toy.results)
        else:
            _parts.check_sources(plan, toy.results)


def test_image_counts_reads_the_descriptions_of_stored_tables():
    subsets = (
        "4,000 of 50,000 images of cifar10/train; the first 1,000 of them",
        "weights a_12.pth",
        "the code of a 3.5",
    )
    assert _parts.image_counts([{"subset": subset} for subset in subsets]) == {"images of cifar10/train": 4_000}
    (live,) = [n for images, n in _parts.image_counts(stored_sources("image_quality")).items() if "of live" in images]
    assert live == 157


@pytest.mark.slow
def test_python_m_experiments_runs_all_parts_and_checks_inputs(toy):
    code, output = toy.run_alone("--small", "--seed", "2")
    assert code == 0 and "stored toy: 4 rows" in output
    assert [row.get("third") for row in toy.table] == [None, 2 / 3, 1, 4 / 3]
    command = json.loads((toy.results / "toy.json").read_text())["provenance"]["command"]
    assert command == "python -m experiments toy --seed 2"
    code, output = toy.run_alone("--part", "part-0.json", "--checksum", "0123456789ab")
    assert code == 1 and "expected inputs with the checksum 0123456789ab" in output and len(toy.noted("begin")) == 3


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in TRAINING_STUDIES])
def test_study_part_names_are_unique_strings(name):
    study = load_study(name)
    parts = part_names(study)
    assert parts == list(dict.fromkeys(parts)) and all(isinstance(part, str) and part for part in parts)
    assert hasattr(study, "run") != hasattr(study, "run_part") == hasattr(study, "part_names")
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


# The Snakefile.


@pytest.mark.slow
def test_snakefile_resumes_after_repeated_kills(snakemake_toy):
    toy, killed = snakemake_toy, []
    for _ in range(3):
        begun = len(toy.noted("begin"))
        _, *unfinished = [f"part {i}" for i in range(PARTS) if f"part {i}" not in toy.noted("end")]
        holds = {part: toy.hold(part) for part in unfinished}
        process = toy.start_snakemake()
        while not holds.keys() & set(toy.noted("begin")[begun:]):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed.append(toy.noted("begin")[-1])
        assert process.returncode == -signal.SIGKILL and toy.table is None
        for file in holds.values():
            file.unlink()
    code, output = toy.run_snakemake()
    assert code == 0, output
    assert toy.table == EXPECTED
    # Only the parts during which the process was killed are run again.
    assert sorted(toy.noted("begin")) == sorted([f"part {i}" for i in range(PARTS)] + killed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "executor", [(), ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", BATCH_SYSTEM)]
)
def test_snakefile_continues_beside_process_of_killed_scheduler(snakemake_toy, executor):
    toy = snakemake_toy
    hold = toy.hold("part 0")
    scheduler = toy.start_snakemake("--jobs", str(PARTS), *executor)
    toy.wait_until_begun("part 0", scheduler)
    second, message = toy.run_snakemake()
    assert second == 1 and "another Snakemake works in" in message
    scheduler.kill()  # not the processes that it started
    scheduler.wait()
    process = toy.start_snakemake("--jobs", str(PARTS), *executor)
    while len(toy.noted("end")) < PARTS - 1:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    assert toy.table is None
    hold.unlink()
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and toy.table == EXPECTED, output


@pytest.mark.slow
def test_snakefile_gives_equal_tables_for_one_and_two_processes(snakemake_toy):
    toy = snakemake_toy
    code, output = toy.run_snakemake("--jobs", "2", TOY_WORKERS="2")
    assert code == 0 and toy.table == EXPECTED, output
    assert sorted(toy.noted("begin")) == sorted(f"part {i}" for i in range(PARTS))
    (toy.results / "toy.json").unlink()
    assert toy.run_snakemake()[0] == 0 and toy.table == EXPECTED and len(toy.noted("begin")) == PARTS


@pytest.mark.slow
def test_snakefile_reports_failures_and_finishes_other_parts(snakemake_toy):
    toy = snakemake_toy
    code, output = toy.run_snakemake(TOY_RAISES="part 1", TOY_DIES="part 3", studies="toy train_sign_networks")
    assert code == 1 and "train_sign_networks" in output and toy.noted("begin") == []
    code, output = toy.run_snakemake(TOY_RAISES="part 1", TOY_DIES="part 3")
    assert code == 1 and toy.table is None
    assert "RuntimeError: the toy is broken" in output and "part=part-3" in output
    assert sorted(toy.noted("end")) == sorted(f"part {i}" for i in range(PARTS) if i not in (1, 3))
    plan = toy.plan()
    plan.files[2].write_bytes(b"damaged")
    images = [{"subset": "9 images", "sha256": "ab"}]
    save_result("model_card", [{"a": 1}], device="cpu", data=images, folder=toy.results)
    code, output = toy.run_snakemake(studies="model_card toy")
    assert code == 1 and "skipped model_card: LookupError" in output and "9 images" in output
    assert toy.table == EXPECTED and [toy.noted("begin").count(f"part {i}") for i in range(5)] == [1, 2, 2, 2, 1]
