"""Compute the table of one experiment and store it, or one part of the table, or the table from its finished parts.

``experiments/Snakefile`` runs these commands for many experiments, in several processes or on a cluster.
"""

import argparse
import os
import pkgutil
from pathlib import Path

import torch

import experiments
from experiments import WORK_DIR
from experiments._parts import check_sources, make_plan, write_part, write_table
from tutorial_course.results import RESULTS_DIR, load_result
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
    parser.add_argument("name", metavar="NAME", help=", ".join(STUDIES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default=None, help="cpu, cuda, …; by default the best available device")
    parser.add_argument("--small", action="store_true", help=f"run a small trial, whose table goes to {WORK_DIR}/small")
    parser.add_argument("--into", type=Path, default=None, help="folder of the table; by default the stored results")
    parser.add_argument(
        "--part", type=Path, metavar="FILE", help="compute only the part of this file, if it is missing"
    )
    parser.add_argument("--join", type=Path, metavar="FILE", nargs="+", help="only join these files of all parts")
    parser.add_argument("--checksum", help="stop with an error if the inputs have another checksum")
    return parser.parse_args()


def table_folder(into: str | Path | None, small: bool) -> Path:
    """Return the folder of a table; the tables of small trial runs do not replace stored results."""
    return Path(into or (WORK_DIR / "small" if small else RESULTS_DIR))


def write_model_card() -> None:
    """Write the model card of the shipped networks from the stored tables."""
    from experiments.model_card import format_card

    card, signs, transformer = (load_result(n).to_dict("records") for n in (MODEL_CARD, *TRAINING_STUDIES[:2]))
    (WEIGHTS_DIR / "CARD.md").write_text(format_card(card, signs + transformer))


def main() -> None:
    """Run the experiment, the part or the join of the command line."""
    args = parse_args()
    # One thread per process, so that no digit depends on the number of cores or of processes that share them.
    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))
    plan = make_plan(check_choice(args.name, STUDIES, "study"), args.seed, args.device or best_device(), args.small)
    if args.checksum not in (None, plan.checksum):
        raise RuntimeError(
            f"expected inputs with the checksum {args.checksum}, got {plan.checksum}: code, weights, data, packages or "
            "settings have changed since Snakemake was started, or differ on this machine; start Snakemake again"
        )
    if args.part:
        write_part(plan, args.part)
        return
    into = table_folder(args.into, args.small)
    into.mkdir(parents=True, exist_ok=True)
    check_sources(plan, into)
    if not args.join:
        for file in plan.files:
            file.unlink(missing_ok=True)
            write_part(plan, file)
    table = write_table(plan, args.join or plan.files, into)
    print(f"stored {plan.name}: {len(table)} rows in {into}")
    if args.name == MODEL_CARD and into == RESULTS_DIR:
        write_model_card()


if __name__ == "__main__":
    main()
