"""Per-sample gradient norms with two threads while other processes keep the processor busy, as in a classroom.

OpenMP threads that wait for each other spin by default, so that they take processor time from the threads that they
wait for. Our method has many short parallel sections and therefore waits more often than a training step.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.gradients import norm_methods
from benchmarks.timing import time_interleaved

N_THREADS = N_BUSY_PROCESSES = 2
# Values of the environment variable OMP_WAIT_POLICY; "" stands for the default.
WAIT_POLICIES = ("", "PASSIVE")


@contextmanager
def busy_processes(n: int) -> Iterator[list[subprocess.Popen]]:
    """Keep n processors busy inside the block, and yield the processes that do so."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def seconds_by_load(rounds: int, n: int = 64) -> dict[int, dict[str, list[float]]]:
    """Return the seconds of our method and of a training step, by the number of busy processes."""
    torch.set_num_threads(N_THREADS)
    methods = norm_methods(n)
    pair = {name: methods[name] for name in ("forward and backward", "gradient_norms")}
    seconds = {}
    for n_busy in (0, N_BUSY_PROCESSES):
        with busy_processes(n_busy):
            seconds[n_busy] = time_interleaved(pair, rounds, torch.device("cpu"))
    return seconds


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the median times for each wait policy, measured in new processes, because OpenMP reads it at its start."""
    rows = []
    for policy in WAIT_POLICIES:
        environment = {**os.environ, **({"OMP_WAIT_POLICY": policy} if policy else {})}
        code = "import json; from benchmarks.busy_machine import seconds_by_load; "
        code += f"print(json.dumps(seconds_by_load({rounds})))"
        result = subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
        )
        for n_busy, seconds in json.loads(result.stdout.splitlines()[-1]).items():
            condition = f"{n_busy} busy processes, OMP_WAIT_POLICY={policy or 'default'}"
            for name, times in seconds.items():
                what = f"{name}, 64 images, {condition}"
                rows.append({"what": what, "measured": round(statistics.median(times), 3), "unit": "s"})
                print(f"{what:85} {rows[-1]['measured']:8.2f} s", flush=True)
    return rows
