"""``python -m benchmarks [--threads 1] [--device cpu] [--rounds 7] [SUBJECT …]``: run, print, keep, and write the table anew."""

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
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"all, or any of: {', '.join(SUBJECTS)}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = torch.device(asked.device)
    where = machine(device)
    print(where)
    for subject in asked.subjects or SUBJECTS:
        rows = SUBJECTS[check_choice(subject, SUBJECTS, "subject")](device, asked.rounds)
        kept = {
            "subject": subject,
            "machine": where,
            "date": str(datetime.date.today()),
            "rounds": asked.rounds,
            "rows": rows,
        }
        threads = f"-{asked.threads}-threads" if device.type == "cpu" else ""
        (RESULTS / f"{subject}-{device.type}{threads}.json").write_text(
            json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
        )
    (RESULTS / "TABLE.md").write_text(table())


if __name__ == "__main__":
    main()
