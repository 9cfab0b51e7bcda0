"""A launcher: several processes of this machine, each with a part at a time. Other launchers may share the work folder."""

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
    """A process that does what comes through its pipe, one part after another, and says how it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher hears it and sends everyone home
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            answer = (DONE if run_if_unlocked(job, device, small) else LOCKED_BY_OTHER, "")
        except Exception:
            answer = (FAILED, traceback.format_exc())
        pipe.send(answer)


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
    """Do all parts, or see them done by others; ``done`` hears of each. What went wrong, by part: the others go on.

    Args:
        before: how many parts of the whole are not among these, because they are there already.
        crew: how many processes.
        leave: go home when all that is left is being done elsewhere, instead of waiting for it.
        patience: seconds between two looks at what others are doing.
    """
    context = get_context("spawn")  # a forked process would share its parent's threads, GPU and locks
    queue, elsewhere, wrong, busy, idle = deque(jobs), [], {}, {}, []

    def hired():
        here, there = context.Pipe()
        process = context.Process(target=worker_loop, args=(there, str(device), small), daemon=True)
        process.start()
        there.close()  # the process alone holds that end: its death is heard at this one
        return here, process

    with tqdm(total=n_done + len(jobs), initial=n_done, unit="part", dynamic_ncols=True) as bar:
        try:
            while queue or busy or (elsewhere and not exit_when_locked):
                if not queue and not busy:
                    bar.set_description(f"{len(elsewhere)} done elsewhere")
                    time.sleep(poll_seconds)
                    queue.extend(elsewhere)
                    elsewhere.clear()
                while queue and len(busy) < n_processes:
                    pipe, process = idle.pop() if idle else hired()
                    busy[pipe] = process, queue.popleft()
                    pipe.send(busy[pipe][1])
                bar.set_description(" | ".join(str(job) for _, job in busy.values()))
                for pipe in connection.wait(list(busy)):
                    process, job = busy.pop(pipe)
                    try:
                        state, words = pipe.recv()
                        idle.append((pipe, process))
                    except (EOFError, ConnectionResetError):
                        process.join()
                        state, words = FAILED, f"its process ended with code {process.exitcode}"
                    if state == LOCKED_BY_OTHER:
                        elsewhere.append(job)
                        continue
                    bar.update()
                    if state == FAILED:
                        wrong[job] = words
                        bar.write(f"failed  {job}\n{words}")
                    else:
                        done(job)
        finally:
            for process, _ in busy.values():  # only where something stopped the launcher itself
                process.terminate()
            for pipe, process in idle:
                pipe.close()
                process.join()
    return wrong
