"""Measure times of alternating runs in one process, as medians of ratios, and peak memory in a separate process."""

from __future__ import annotations

import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch

# Settings of the memory allocator of Linux (glibc). By default it returns large blocks to the system at once, so that a
# library that allocates much spends most of its time on new pages. In longer runs no memory is returned.
WARM_ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**36)}


def machine(device: torch.device) -> dict[str, str]:
    """Return a description of the machine and the software."""
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
    """Return the seconds of every method in every round; the methods alternate, and one round to warm up is not
    counted.

    With a single CPU thread, processor time is measured, which other programs on the machine affect less; otherwise
    elapsed time.
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
    """Return the median over the rounds of the ratio of one method's time to another's."""
    return statistics.median(a / b for a, b in zip(seconds[way], seconds[to]))


def fastest(ways: dict[str, Callable[[], object]], device: torch.device, rounds: int = 2) -> str:
    """Return the name of the method with the shortest median time, for example the best setting of a library."""
    seconds = time_interleaved(ways, rounds, device)
    return min(ways, key=lambda name: statistics.median(seconds[name]))


def peak_memory(build: Callable[[], dict[str, Callable]], way: str, device: torch.device) -> float:
    """Return the peak memory that a method allocates, in MiB; on a CPU it is measured in a new process."""
    if device.type == "cuda":
        run = build()[way]
        run()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    # With the allocator's defaults, because memory that it keeps would count as well.
    warm = {name: os.environ.pop(name) for name in WARM_ALLOCATOR if name in os.environ}
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(_resident_bytes, (build, way, torch.get_num_threads()))
    finally:
        os.environ.update(warm)


def _resident_bytes(build, way, threads):
    """Return the peak resident memory of a run in MiB; called in a new process."""
    torch.set_num_threads(threads)
    run = build()[way]
    # A small first run, so that what a library loads only once is not counted.
    build(2)[way]()
    # This resets the peak memory that Linux records for the process to its current value.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _proc_status("VmRSS")
    run()
    return (_proc_status("VmHWM") - before) / 1024


def _proc_status(field: str) -> int:
    """Return a field of the process status in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))
