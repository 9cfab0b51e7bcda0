"""Runs studies and stores their rows. ``all``: every stored table; ``weights``: training the shipped networks, and their card.

A study is done part by part. What is done is kept in the work folder, so that a run that was stopped goes on where it was, and
several launchers, on one machine or on many, may share the parts: start the same command in each with the same ``--work``.
"""

import argparse
import os
import pkgutil
import sys
from collections import Counter
from pathlib import Path

import torch

import experiments
from experiments._job_cache import CACHE_DIR, Job, make_jobs, read_cached
from experiments._runner import run_jobs
from experiments._study_api import data_sources, join_rows, load_study
from tutorial_course.results import RESULTS_DIR, StoredResult, load_result, save_result
from tutorial_lib._validation import check_choice
from tutorial_lib.models import WEIGHTS_DIR
from tutorial_lib.runtime import best_device

STUDIES = sorted(
    module.name for module in pkgutil.iter_modules(experiments.__path__) if not module.name.startswith("_")
)
# Studies that write weights; every other table rests on these.
TRAINING_STUDIES, MODEL_CARD = ("train_sign_networks", "train_sign_transformer", "train_quality_network"), "model_card"


def parse_args() -> argparse.Namespace:
    how = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    how.add_argument("names", nargs="+", metavar="NAME", help=f"all, weights, or any of: {', '.join(STUDIES)}")
    how.add_argument("--seed", type=int, default=0)
    how.add_argument("--device", default=None, help="cpu, cuda, …; the best there is when not given")
    how.add_argument("--jobs", type=int, default=1, metavar="N", help="how many processes on this machine")
    how.add_argument("--small", action="store_true", help="a quick trial; its tables stay in the work folder")
    how.add_argument(
        "--work", type=Path, default=CACHE_DIR, help="where finished parts are kept; remove it to compute them again"
    )
    how.add_argument("--into", type=Path, default=None, help="where tables go; into the library when not given")
    how.add_argument("--leave", action="store_true", help="end when all that is left is being done elsewhere")
    return how.parse_args()


def write_model_card() -> None:
    from experiments.model_card import format_card

    (WEIGHTS_DIR / "CARD.md").write_text(
        format_card(
            load_result(MODEL_CARD).rows, [row for name in TRAINING_STUDIES[:2] for row in load_result(name).rows]
        )
    )


def missing_data(name: str, sources: list[dict], into: Path) -> list[str]:
    """What a stored table rests on, where it rests on more real pictures than are at hand: it would lose rows."""
    file = into / f"{name}.json"
    before = load_result(name, into).provenance["data"] if file.is_file() else []
    return [source["subset"] for source in before] if len(before) > len(sources) else []


def train_and_store(name: str, seed: int, device, into: Path) -> None:
    """Always anew and whole, never from parts that were kept."""
    print(save_result(name, load_study(name).run(seed, device), device=device, seed=seed, folder=into))


def assemble_table(name: str, jobs: list[Job], sources: list[dict], seed: int, device, into: Path) -> StoredResult:
    """Put the parts together, in the order of the study, whoever did them and when."""
    found = [read_cached(job.file) for job in jobs]
    rows = join_rows(load_study(name), [part["rows"] for part in found])
    about = {"date": max(part["date"] for part in found), "seconds": {part["part"]: part["seconds"] for part in found}}
    result = save_result(name, rows, device=device, data=sources, seed=seed, folder=into, **about)
    if name == MODEL_CARD and into == RESULTS_DIR:
        write_model_card()
    return result


def main() -> int:
    given = parse_args()
    # One thread a process: digits then do not depend on how many cores there are, nor on how many processes share them.
    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))
    own = f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ and torch.cuda.is_available() else None
    device = given.device or own or best_device()
    into = given.into or (given.work / "small" if given.small else RESULTS_DIR)
    into.mkdir(parents=True, exist_ok=True)
    several = {
        "all": [name for name in STUDIES if name not in TRAINING_STUDIES],
        "weights": [*TRAINING_STUDIES, MODEL_CARD],
    }
    names = [n for name in given.names for n in several.get(name) or [check_choice(name, STUDIES, "study")]]
    for name in (n for n in TRAINING_STUDIES if n in names):
        train_and_store(name, given.seed, device, into)
    plans: dict[str, tuple[list[Job], list[dict]]] = {}
    wrong: dict[object, str] = {}
    for name in dict.fromkeys(n for n in names if n not in TRAINING_STUDIES):
        try:
            study = load_study(name, given.small)
            if less := missing_data(name, data_sources(study), into):
                raise LookupError(
                    f"its stored table also rests on real pictures that are not all at hand: {'; '.join(less)}"
                )
            plans[name] = make_jobs(name, study, given.seed, device, small=given.small, work=given.work)
        except Exception as error:  # of one study; the others go on
            wrong[name] = f"{type(error).__name__}: {error}"
            print(f"left out  {name}\n{wrong[name]}", file=sys.stderr)
    left = Counter({name: len(jobs) for name, (jobs, _) in plans.items()})

    def done(job: Job) -> None:
        left[job.study] -= 1
        if not left[job.study]:
            try:
                print(assemble_table(job.study, *plans[job.study], given.seed, device, into), flush=True)
            except Exception as error:
                wrong[job.study] = f"{type(error).__name__}: {error}"

    every = [job for jobs, _ in plans.values() for job in jobs]
    there = [job for job in every if read_cached(job.file)]
    for job in there:
        done(job)
    print(f"{len(there)} of {len(every)} parts are there already, in {given.work}", flush=True)
    if rest := [job for job in every if job not in set(there)]:
        how = {"crew": given.jobs, "small": given.small, "leave": given.leave}
        wrong |= run_jobs(rest, device, done, n_done=len(there), **how)
    for what, words in wrong.items():
        print(f"failed  {what}: {words.strip().splitlines()[-1]}", file=sys.stderr)
    if open_still := sum(left.values()) - sum(isinstance(what, Job) for what in wrong):
        print(f"{open_still} parts are being done elsewhere; whoever is last writes the tables.", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
