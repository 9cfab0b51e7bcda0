"""Run benchmarks in several processes, print and store the measurements, and rewrite the table.

Usage: ``python -m benchmarks [--threads 1] [--device cpu] [--rounds 7] [--processes 3] [SUBJECT …]``
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks import (
    attacks,
    attribution,
    busy_machine,
    gradients,
    independence,
    live_exhibits,
    rendering,
    uncertainty,
)
from benchmarks.report import RESULTS, merge, table
from benchmarks.timing import WARM_ALLOCATOR, machine
from tutorial_lib._validation import check_choice

SUBJECTS = {
    "gradients": gradients.run,
    "busy machine": busy_machine.run,
    "independence": independence.run,
    "attribution": attribution.run,
    "uncertainty": uncertainty.run,
    "attacks": attacks.run,
    "rendering": rendering.run,
    "live exhibits": live_exhibits.run,
}


def main() -> None:
    """Parse the command line and run the chosen benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"all, or any of: {', '.join(SUBJECTS)}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--rows", type=Path, metavar="FILE", help="measure in this process and write the rows to FILE")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    if args.rows:
        (subject,) = args.subjects
        args.rows.write_text(json.dumps(SUBJECTS[subject](device, args.rounds)))
        return
    machine_info = machine(device)
    print(machine_info)
    for subject in args.subjects or SUBJECTS:
        check_choice(subject, SUBJECTS, "subject")
        content = {
            "subject": subject,
            "machine": machine_info,
            "date": str(datetime.date.today()),
            "rounds": args.rounds,
            "processes": args.processes,
            "rows": merge([run_process(subject, args) for _ in range(args.processes)]),
        }
        threads = f"-{args.threads}-threads" if device.type == "cpu" else ""
        (RESULTS / f"{subject.replace(' ', '-')}-{device.type}{threads}.json").write_text(
            json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        )
    (RESULTS / "TABLE.md").write_text(table())


def run_process(subject: str, args: argparse.Namespace) -> list[dict]:
    """Return the rows that a new process measures, whose allocator keeps the memory that was released."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        options = ["--threads", args.threads, "--device", args.device, "--rounds", args.rounds, "--rows", file]
        command = [sys.executable, "-m", "benchmarks", subject, *map(str, options)]
        subprocess.run(command, check=True, env={**os.environ, **WARM_ALLOCATOR})
        return json.loads(file.read_text())


if __name__ == "__main__":
    main()
