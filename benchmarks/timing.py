"""How things are measured: alternating, in one process, medians of ratios; memory in a process of its own."""

from __future__ import annotations

import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable

import torch


def machine(device: torch.device) -> dict[str, str]:
    """What the numbers were taken on."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return {
        "processor": name,
        "threads": str(torch.get_num_threads()),
        **gpu,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def time_interleaved(
    ways: dict[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of every way in every round, taken in turns after one round to warm up.

    Processor time where one thread runs, so that others on the machine count less; else the clock on the wall.
    """
    clock = time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    seconds = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = clock()
            way()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                seconds[name].append(clock() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], way: str, to: str) -> float:
    """The median over the rounds of one way's time to another's."""
    return statistics.median(a / b for a, b in zip(seconds[way], seconds[to]))


def peak_memory(build: Callable[[], dict[str, Callable]], way: str, device: torch.device) -> float:
    """MiB that a way takes at its peak beyond what was there before; on a processor, in a fresh process."""
    if device.type == "cuda":
        run = build()[way]
        run()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_resident_bytes, (build, way, torch.get_num_threads()))


def _resident_bytes(build, way, threads):
    torch.set_num_threads(threads)
    run = build()[way]
    # A small first pass loads what a library loads only once.
    build(2)[way]()
    # Linux keeps the high-water mark of a process, and lowers it to the present when asked to.
    with open("/proc/self/clear_refs", "w") as mark:
        mark.write("5")
    before = _proc_status("VmRSS")
    run()
    return (_proc_status("VmHWM") - before) / 1024


def _proc_status(field: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))
