"""``python -m benchmarks [--threads 1] [--device cpu] [--rounds 7]``: run, print, and keep the table in benchmarks/results."""

import argparse
import datetime
import json
from pathlib import Path

import torch

from benchmarks import gradients
from benchmarks.measure import machine

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    where = machine(device)
    print(where)
    rows = gradients.run(device, options.rounds)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    kept = {"machine": where, "date": str(datetime.date.today()), "rounds": options.rounds, "rows": rows}
    name = f"gradients-{device.type}" + (f"-{options.threads}-threads" if device.type == "cpu" else "")
    (results / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
