"""Run the parts of experiments in several processes on this machine; launchers can share the work folder."""

import signal
import time
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing import connection, get_context

from tqdm.auto import tqdm

from experiments._job_cache import Job, run_if_unlocked

DONE, LOCKED_BY_OTHER, FAILED = "done", "elsewhere", "failed"


def worker_loop(pipe, device: str, small: bool) -> None:
    """Run the parts that come through the pipe, one after another, and answer each with its outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher handles it and ends its processes
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            outcome = (DONE if run_if_unlocked(job, device, small) else LOCKED_BY_OTHER, "")
        except Exception:
            outcome = (FAILED, traceback.format_exc())
        pipe.send(outcome)


def run_jobs(
    jobs: list[Job],
    device,
    done: Callable[[Job], None],
    *,
    n_done: int = 0,
    n_processes: int = 1,
    small: bool = False,
    exit_when_locked: bool = False,
    poll_seconds: float = 5.0,
) -> dict[Job, str]:
    """Run all parts that no other launcher runs, call ``done`` for each, and return the error messages by part.

    Args:
        jobs: the parts to run.
        device: the device on which they run.
        done: called with each part when it is finished, here or by another launcher.
        n_done: number of parts that were finished before, for the progress bar.
        n_processes: number of processes.
        small: use the constants of the small trial run.
        exit_when_locked: return when other launchers run all remaining parts, instead of waiting for them.
        poll_seconds: seconds between two checks of the parts that other launchers run.
    """
    context = get_context("spawn")  # a forked process would share its parent's threads, GPU and locks
    queue, locked, errors, busy, idle = deque(jobs), [], {}, {}, []

    def start_worker():
        our_end, worker_end = context.Pipe()
        process = context.Process(target=worker_loop, args=(worker_end, str(device), small), daemon=True)
        process.start()
        worker_end.close()  # only the process holds that end, so that its death closes the pipe
        return our_end, process

    with tqdm(total=n_done + len(jobs), initial=n_done, unit="part", dynamic_ncols=True) as bar:
        try:
            while queue or busy or (locked and not exit_when_locked):
                if not queue and not busy:
                    bar.set_description(f"{len(locked)} locked by others")
                    time.sleep(poll_seconds)
                    queue.extend(locked)
                    locked.clear()
                while queue and len(busy) < n_processes:
                    pipe, process = idle.pop() if idle else start_worker()
                    busy[pipe] = process, queue.popleft()
                    pipe.send(busy[pipe][1])
                bar.set_description(" | ".join(str(job) for _, job in busy.values()))
                for pipe in connection.wait(list(busy)):
                    process, job = busy.pop(pipe)
                    try:
                        state, message = pipe.recv()
                        idle.append((pipe, process))
                    except (EOFError, ConnectionResetError):
                        process.join()
                        state, message = FAILED, f"its process ended with code {process.exitcode}"
                    if state == LOCKED_BY_OTHER:
                        locked.append(job)
                        continue
                    bar.update()
                    if state == FAILED:
                        errors[job] = message
                        bar.write(f"failed  {job}\n{message}")
                    else:
                        done(job)
        finally:
            for process, _ in busy.values():  # only if the launcher itself is interrupted
                process.terminate()
            for pipe, process in idle:
                pipe.close()
                process.join()
    return errors
