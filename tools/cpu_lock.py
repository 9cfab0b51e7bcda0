"""PyTorch for the processor alone: what to install where nobody has a GPU, several gigabytes less.

No extension, but a command that ``make book TORCH=cpu`` uses: ``python tools/cpu_lock.py requirements.lock`` prints the lock without
PyTorch and what a GPU needs; with ``--torch`` it prints what to ask of PyTorch's own index instead, in the versions of the lock.
"""

import re
import sys
from pathlib import Path

TORCH = re.compile(r"torch|torchvision")
GPU_PACKAGES = re.compile(r"nvidia-.*|cuda-.*|triton")


def package_names(lock):
    """(line, name of the package) for every package of a lock."""
    return [(line, re.match(r"[\w.-]+", line)[0]) for line in lock.splitlines() if line.strip()]


def without_torch(lock):
    """The lock without PyTorch, torchvision and the packages that only a GPU needs."""
    return [
        line for line, name in package_names(lock) if not TORCH.fullmatch(name) and not GPU_PACKAGES.fullmatch(name)
    ]


def torch_only(lock):
    """PyTorch and torchvision as the lock names them."""
    return [line for line, name in package_names(lock) if TORCH.fullmatch(name)]


if __name__ == "__main__":
    text = Path(sys.argv[-1]).read_text(encoding="utf-8")
    print("\n".join(torch_only(text) if "--torch" in sys.argv else without_torch(text)))
