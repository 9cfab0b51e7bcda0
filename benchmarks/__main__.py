"""Run benchmarks, print and store the measurements, and rewrite the table.

Usage: ``python -m benchmarks [--threads 1] [--device cpu] [--rounds 7] [SUBJECT …]``
"""

import argparse
import datetime
import json

import torch

from benchmarks import attacks, attribution, gradients, rendering, uncertainty
from benchmarks.report import RESULTS, table
from benchmarks.timing import machine
from tutorial_lib._validation import check_choice

SUBJECTS = {
    "gradients": gradients.run,
    "information": attribution.run,
    "uncertainty": uncertainty.run,
    "attacks": attacks.run,
    "world": rendering.run,
}


def main() -> None:
    """Parse the command line and run the chosen benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"all, or any of: {', '.join(SUBJECTS)}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    machine_info = machine(device)
    print(machine_info)
    for subject in args.subjects or SUBJECTS:
        rows = SUBJECTS[check_choice(subject, SUBJECTS, "subject")](device, args.rounds)
        content = {
            "subject": subject,
            "machine": machine_info,
            "date": str(datetime.date.today()),
            "rounds": args.rounds,
            "rows": rows,
        }
        threads = f"-{args.threads}-threads" if device.type == "cpu" else ""
        (RESULTS / f"{subject}-{device.type}{threads}.json").write_text(
            json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        )
    (RESULTS / "TABLE.md").write_text(table())


if __name__ == "__main__":
    main()
