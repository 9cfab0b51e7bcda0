"""Run experiments and store their rows.

``all`` runs the experiments of every stored table; ``weights`` trains the shipped networks and writes their model card.
An experiment is run part by part. Finished parts are stored in the work folder, so that an interrupted run resumes
where it stopped. Several launchers, on one machine or on many, can share the parts: start the same command in each of
them with the same ``--work``.
"""

import argparse
import os
import pkgutil
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import torch

import experiments
from experiments._job_cache import CACHE_DIR, Job, make_jobs, read_cached
from experiments._runner import run_jobs
from experiments._study_api import data_sources, join_rows, load_study
from tutorial_course.results import RESULTS_DIR, load_result, save_result
from tutorial_lib._validation import check_choice
from tutorial_lib.models import WEIGHTS_DIR
from tutorial_lib.runtime import best_device

STUDIES = sorted(
    module.name for module in pkgutil.iter_modules(experiments.__path__) if not module.name.startswith("_")
)
# Experiments that write weights, on which every other table depends.
TRAINING_STUDIES, MODEL_CARD = ("train_sign_networks", "train_sign_transformer", "train_quality_network"), "model_card"


def parse_args() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"all, weights, or any of: {', '.join(STUDIES)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default=None, help="cpu, cuda, …; by default the best available device")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="number of processes on this machine")
    parser.add_argument("--small", action="store_true", help="run a small trial, whose tables stay in the work folder")
    parser.add_argument(
        "--work", type=Path, default=CACHE_DIR, help="folder of finished parts; delete it to compute them again"
    )
    parser.add_argument(
        "--into", type=Path, default=None, help="folder of the tables; by default the stored results of the course"
    )
    parser.add_argument("--leave", action="store_true", help="exit when other launchers compute all remaining parts")
    return parser.parse_args()


def write_model_card() -> None:
    """Write the model card of the shipped networks from the stored tables."""
    from experiments.model_card import format_card

    card, signs, transformer = (load_result(n).to_dict("records") for n in (MODEL_CARD, *TRAINING_STUDIES[:2]))
    (WEIGHTS_DIR / "CARD.md").write_text(format_card(card, signs + transformer))


def missing_data(name: str, sources: list[dict], into: Path) -> list[str]:
    """Return the data sets of a stored table if some of them are missing now, so that a new table would lose rows."""
    file = into / f"{name}.json"
    before = load_result(name, into).attrs["provenance"]["data"] if file.is_file() else []
    return [source["subset"] for source in before] if len(before) > len(sources) else []


def train_and_store(name: str, seed: int, device, into: Path) -> None:
    """Run an experiment that trains networks, always completely, and store its table."""
    table = save_result(name, load_study(name).run(seed, device), device=device, seed=seed, folder=into)
    print(f"stored  {name}: {len(table)} rows")


def assemble_table(name: str, jobs: list[Job], sources: list[dict], seed: int, device, into: Path) -> pd.DataFrame:
    """Join the stored parts, in the order of the experiment, and store the table."""
    cached = [read_cached(job.file) for job in jobs]
    rows = join_rows(load_study(name), [part["rows"] for part in cached])
    about = {
        "date": max(part["date"] for part in cached),
        "seconds": {part["part"]: part["seconds"] for part in cached},
    }
    result = save_result(name, rows, device=device, data=sources, seed=seed, folder=into, **about)
    if name == MODEL_CARD and into == RESULTS_DIR:
        write_model_card()
    return result


def main() -> int:
    """Run the experiments of the command line; return the exit code."""
    args = parse_args()
    # One thread per process, so that no digit depends on the number of cores or of processes that share them.
    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))
    local_device = (
        f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ and torch.cuda.is_available() else None
    )
    device = args.device or local_device or best_device()
    into = args.into or (args.work / "small" if args.small else RESULTS_DIR)
    into.mkdir(parents=True, exist_ok=True)
    collections = {
        "all": [name for name in STUDIES if name not in TRAINING_STUDIES],
        "weights": [*TRAINING_STUDIES, MODEL_CARD],
    }
    names = [n for name in args.names for n in collections.get(name) or [check_choice(name, STUDIES, "study")]]
    for name in (n for n in TRAINING_STUDIES if n in names):
        train_and_store(name, args.seed, device, into)
    plans: dict[str, tuple[list[Job], list[dict]]] = {}
    errors: dict[object, str] = {}
    for name in dict.fromkeys(n for n in names if n not in TRAINING_STUDIES):
        try:
            study = load_study(name, args.small)
            if missing := missing_data(name, data_sources(study), into):
                raise LookupError(
                    f"its stored table also depends on data sets, of which some are not available: {'; '.join(missing)}"
                )
            plans[name] = make_jobs(name, study, args.seed, device, small=args.small, work=args.work)
        except Exception as error:  # the other experiments continue
            errors[name] = f"{type(error).__name__}: {error}"
            print(f"skipped  {name}\n{errors[name]}", file=sys.stderr)
    left = Counter({name: len(jobs) for name, (jobs, _) in plans.items()})

    def done(job: Job) -> None:
        left[job.study] -= 1
        if not left[job.study]:
            try:
                table = assemble_table(job.study, *plans[job.study], args.seed, device, into)
                print(f"stored  {job.study}: {len(table)} rows", flush=True)
            except Exception as error:
                errors[job.study] = f"{type(error).__name__}: {error}"

    every = [job for jobs, _ in plans.values() for job in jobs]
    cached = [job for job in every if read_cached(job.file)]
    for job in cached:
        done(job)
    print(f"{len(cached)} of {len(every)} parts are in {args.work} already", flush=True)
    if rest := [job for job in every if job not in set(cached)]:
        options = {"n_processes": args.jobs, "small": args.small, "exit_when_locked": args.leave}
        errors |= run_jobs(rest, device, done, n_done=len(cached), **options)
    for what, message in errors.items():
        print(f"failed  {what}: {message.strip().splitlines()[-1]}", file=sys.stderr)
    if unfinished := sum(left.values()) - sum(isinstance(what, Job) for what in errors):
        print(f"{unfinished} parts are locked by other launchers; the last one writes the tables.", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
