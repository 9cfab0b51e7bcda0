"""The device that a computation runs on, and random generators without global state."""

import os
import sys

import torch

from tutorial_lib._validation import check_choice

DEVICES = ("cuda", "mps", "cpu")

COLAB_GPU_HINT = "For a GPU: menu Runtime → Change runtime type → GPU, then run this cell again."


def best_device(prefer: torch.device | str | None = None) -> torch.device:
    """Return the quickest device there is: an NVIDIA GPU, an Apple GPU, or the processor.

    Args:
        prefer: "cuda", "mps" or "cpu" ("cuda:1" for the second GPU): taken if it is there.

    Raises:
        ValueError: an unknown kind of device.

    Example:
        >>> best_device("cpu")
        device(type='cpu')
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if prefer is not None:
        wanted = check_choice(str(prefer).partition(":")[0], DEVICES, "device")
        index = torch.device(prefer).index or 0
        if there[wanted] and (wanted != "cuda" or index < torch.cuda.device_count()):
            return torch.device(prefer)
    return torch.device(next(kind for kind in DEVICES if there[kind]))


def make_generator(n: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a source of random numbers that begins at ``n``, for every ``generator=``; no global state is touched.

    Example:
        >>> bool(torch.equal(torch.rand(3, generator=make_generator(1)), torch.rand(3, generator=make_generator(1))))
        True
    """
    return torch.Generator(device).manual_seed(n)


def setup_device(prefer: torch.device | str | None = None) -> torch.device:
    """Choose the device, say in one line which one it is, and return it: the first cell of every notebook.

    Raises:
        ValueError: an unknown kind of device.

    Example:
        >>> chosen = setup_device("cpu")  # doctest: +ELLIPSIS
        Running on the processor...
    """
    chosen = best_device(prefer)
    hint = f" {COLAB_GPU_HINT}" if chosen.type == "cpu" and in_colab() else ""
    print(f"Running on {describe_device(chosen)}.{hint}")
    return chosen


def describe_device(chosen: torch.device) -> str:
    """Say in words what a device is."""
    if chosen.type == "cuda":
        return f"the GPU ({torch.cuda.get_device_name(chosen)})"
    if chosen.type == "mps":
        return "the Apple GPU"
    threads = torch.get_num_threads()
    return f"the processor ({threads} thread{'s' if threads > 1 else ''})"


def in_colab() -> bool:
    """Say whether this is Google Colab."""
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ
