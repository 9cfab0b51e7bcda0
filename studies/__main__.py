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

import studies
from studies._launch import launch
from studies._parts import sources_of, study_of, table_of
from studies._work import WORK, Job, jobs_of, kept
from tutorial_lib.environment import device as best_device
from tutorial_lib.names import known
from tutorial_lib.networks import WEIGHTS
from tutorial_lib.results import FOLDER, Stored, store, stored

STUDIES = sorted(module.name for module in pkgutil.iter_modules(studies.__path__) if not module.name.startswith("_"))
# Studies that write weights; every other table rests on these.
TRAINING, CARD = ("sign_networks", "sign_transformer", "quality_network"), "model_card"


def asked() -> argparse.Namespace:
    how = argparse.ArgumentParser(prog="python -m studies", description=__doc__)
    how.add_argument("names", nargs="+", metavar="NAME", help=f"all, weights, or any of: {', '.join(STUDIES)}")
    how.add_argument("--seed", type=int, default=0)
    how.add_argument("--device", default=None, help="cpu, cuda, …; the best there is when not given")
    how.add_argument("--jobs", type=int, default=1, metavar="N", help="how many processes on this machine")
    how.add_argument("--small", action="store_true", help="a quick trial; its tables stay in the work folder")
    how.add_argument(
        "--work", type=Path, default=WORK, help="where finished parts are kept; remove it to compute them again"
    )
    how.add_argument("--into", type=Path, default=None, help="where tables go; into the library when not given")
    how.add_argument("--leave", action="store_true", help="end when all that is left is being done elsewhere")
    return how.parse_args()


def write_card() -> None:
    from studies.model_card import card

    (WEIGHTS / "CARD.md").write_text(
        card(stored(CARD).rows, [row for name in TRAINING[:2] for row in stored(name).rows])
    )


def lacking(name: str, sources: list[dict], into: Path) -> list[str]:
    """What a stored table rests on, where it rests on more real pictures than are at hand: it would lose rows."""
    file = into / f"{name}.json"
    before = stored(name, into).provenance["data"] if file.is_file() else []
    return [source["subset"] for source in before] if len(before) > len(sources) else []


def trained(name: str, seed: int, device, into: Path) -> None:
    """Always anew and whole, never from parts that were kept."""
    print(store(name, study_of(name).run(seed, device), device=device, seed=seed, folder=into))


def table(name: str, jobs: list[Job], sources: list[dict], seed: int, device, into: Path) -> Stored:
    """Put the parts together, in the order of the study, whoever did them and when."""
    found = [kept(job.file) for job in jobs]
    rows = table_of(study_of(name), [part["rows"] for part in found])
    about = {"date": max(part["date"] for part in found), "seconds": {part["part"]: part["seconds"] for part in found}}
    result = store(name, rows, device=device, data=sources, seed=seed, folder=into, **about)
    if name == CARD and into == FOLDER:
        write_card()
    return result


def main() -> int:
    given = asked()
    # One thread a process: digits then do not depend on how many cores there are, nor on how many processes share them.
    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))
    own = f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ and torch.cuda.is_available() else None
    device = given.device or own or best_device()
    into = given.into or (given.work / "small" if given.small else FOLDER)
    into.mkdir(parents=True, exist_ok=True)
    several = {"all": [name for name in STUDIES if name not in TRAINING], "weights": [*TRAINING, CARD]}
    names = [n for name in given.names for n in several.get(name) or [known(name, STUDIES, "study")]]
    for name in (n for n in TRAINING if n in names):
        trained(name, given.seed, device, into)
    plans: dict[str, tuple[list[Job], list[dict]]] = {}
    wrong: dict[object, str] = {}
    for name in dict.fromkeys(n for n in names if n not in TRAINING):
        try:
            study = study_of(name, given.small)
            if less := lacking(name, sources_of(study), into):
                raise LookupError(
                    f"its stored table also rests on real pictures that are not all at hand: {'; '.join(less)}"
                )
            plans[name] = jobs_of(name, study, given.seed, device, small=given.small, work=given.work)
        except Exception as error:  # of one study; the others go on
            wrong[name] = f"{type(error).__name__}: {error}"
            print(f"left out  {name}\n{wrong[name]}", file=sys.stderr)
    left = Counter({name: len(jobs) for name, (jobs, _) in plans.items()})

    def done(job: Job) -> None:
        left[job.study] -= 1
        if not left[job.study]:
            try:
                print(table(job.study, *plans[job.study], given.seed, device, into), flush=True)
            except Exception as error:
                wrong[job.study] = f"{type(error).__name__}: {error}"

    every = [job for jobs, _ in plans.values() for job in jobs]
    there = [job for job in every if kept(job.file)]
    for job in there:
        done(job)
    print(f"{len(there)} of {len(every)} parts are there already, in {given.work}", flush=True)
    if rest := [job for job in every if job not in set(there)]:
        how = {"crew": given.jobs, "small": given.small, "leave": given.leave}
        wrong |= launch(rest, device, done, before=len(there), **how)
    for what, words in wrong.items():
        print(f"failed  {what}: {words.strip().splitlines()[-1]}", file=sys.stderr)
    if open_still := sum(left.values()) - sum(isinstance(what, Job) for what in wrong):
        print(f"{open_still} parts are being done elsewhere; whoever is last writes the tables.", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
