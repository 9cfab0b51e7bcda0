"""Print a lock file for machines without a GPU, which saves several gigabytes.

``make book TORCH=cpu`` uses this command: ``python tools/cpu_lock.py requirements.lock`` prints the lock file without
PyTorch and without the packages that only a GPU needs. With ``--torch`` it prints the PyTorch packages, which come from
PyTorch's CPU index, in the same versions.
"""

import re
import sys
from pathlib import Path

TORCH = re.compile(r"torch|torchvision")
GPU_PACKAGES = re.compile(r"nvidia-.*|cuda-.*|triton")


def package_names(lock):
    """Return (line, package name) for every package of a lock file."""
    return [(line, re.match(r"[\w.-]+", line)[0]) for line in lock.splitlines() if line.strip()]


def without_torch(lock):
    """Return the lines of a lock file without PyTorch, torchvision and the packages that only a GPU needs."""
    return [
        line for line, name in package_names(lock) if not TORCH.fullmatch(name) and not GPU_PACKAGES.fullmatch(name)
    ]


def torch_only(lock):
    """Return the lines of PyTorch and torchvision."""
    return [line for line, name in package_names(lock) if TORCH.fullmatch(name)]


if __name__ == "__main__":
    text = Path(sys.argv[-1]).read_text(encoding="utf-8")
    print("\n".join(torch_only(text) if "--torch" in sys.argv else without_torch(text)))
