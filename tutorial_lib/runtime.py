"""The device that a computation runs on, and random generators without global state."""

import os
import sys

import torch

from tutorial_lib._validation import check_choice

DEVICES = ("cuda", "mps", "cpu")

COLAB_GPU_HINT = "For a GPU: menu Runtime → Change runtime type → GPU, then run this cell again."


def best_device(prefer: torch.device | str | None = None) -> torch.device:
    """Return the fastest available device: an NVIDIA GPU, an Apple GPU, or the CPU.

    Args:
        prefer: "cuda", "mps" or "cpu" ("cuda:1" is the second GPU); it is returned if it is available. None, or a
            device that is not available, selects the first available one of ``DEVICES``.

    Returns:
        The device.

    Raises:
        ValueError: an unknown kind of device.

    Example:
        >>> best_device("cpu")
        device(type='cpu')
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if prefer is not None:
        requested = check_choice(str(prefer).partition(":")[0], DEVICES, "device")
        index = torch.device(prefer).index or 0
        if available[requested] and (requested != "cuda" or index < torch.cuda.device_count()):
            return torch.device(prefer)
    return torch.device(next(kind for kind in DEVICES if available[kind]))


def make_generator(n: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a random generator with a fixed seed, for any argument ``generator=``.

    No global random state is touched.

    Args:
        n: the seed.
        device: device of the generator; all functions of the library that take a generator need one on the CPU.

    Returns:
        The generator.

    Example:
        >>> bool(torch.equal(torch.rand(3, generator=make_generator(1)), torch.rand(3, generator=make_generator(1))))
        True
    """
    return torch.Generator(device).manual_seed(n)


def default_generator(generator: torch.Generator | None) -> torch.Generator:
    """Return the generator itself, or a new one with seed 0 if there is none.

    Args:
        generator: random source; None stands for the default of the library, the same numbers at every call.

    Returns:
        ``generator``, or a new generator on the CPU with seed 0.

    Example:
        >>> bool(torch.rand(1, generator=default_generator(None)) == torch.rand(1, generator=make_generator(0)))
        True
    """
    return make_generator() if generator is None else generator


def random_uniform(generator: torch.Generator, *size: int) -> torch.Tensor:
    """Return random numbers that are uniform in [0, 1).

    In contrast to ``torch.rand``, neither the default dtype nor the default device has an effect.

    Args:
        generator: source of randomness.
        *size: size of the result.

    Returns:
        Numbers of the given size, float32, on the device of the generator.

    Example:
        >>> random_uniform(make_generator(), 2, 3).shape
        torch.Size([2, 3])
    """
    return torch.rand(size, generator=generator, device=generator.device, dtype=torch.float32)


def random_normal(generator: torch.Generator, *size: int) -> torch.Tensor:
    """Return random numbers of the standard normal distribution.

    In contrast to ``torch.randn``, neither the default dtype nor the default device has an effect.

    Args:
        generator: source of randomness.
        *size: size of the result.

    Returns:
        Numbers of the given size, float32, on the device of the generator.

    Example:
        >>> random_normal(make_generator(), 2, 3).dtype
        torch.float32
    """
    return torch.randn(size, generator=generator, device=generator.device, dtype=torch.float32)


def random_permutation(generator: torch.Generator, n: int) -> torch.Tensor:
    """Return the numbers 0…n − 1 in random order.

    Args:
        generator: source of randomness.
        n: how many numbers.

    Returns:
        Numbers (n,), int64, on the device of the generator.

    Example:
        >>> random_permutation(make_generator(), 4).sort().values
        tensor([0, 1, 2, 3])
    """
    return torch.randperm(n, generator=generator, device=generator.device)


def setup_device(prefer: torch.device | str | None = None) -> torch.device:
    """Return the device to compute on, and print one line that says which one it is.

    Args:
        prefer: the device to use if it is available, as in :func:`best_device`; None selects the fastest one.

    Returns:
        The device.

    Raises:
        ValueError: an unknown kind of device.

    Example:
        >>> device = setup_device("cpu")  # doctest: +ELLIPSIS
        Running on the processor...
    """
    device = best_device(prefer)
    hint = f" {COLAB_GPU_HINT}" if device.type == "cpu" and in_colab() else ""
    print(f"Running on {describe_device(device)}.{hint}")
    return device


def describe_device(device: torch.device) -> str:
    """Return a description of a device in words.

    Args:
        device: the device.

    Returns:
        Such as "the GPU (NVIDIA A100)" or "the processor (2 threads)".
    """
    if device.type == "cuda":
        return f"the GPU ({torch.cuda.get_device_name(device)})"
    if device.type == "mps":
        return "the Apple GPU"
    threads = torch.get_num_threads()
    return f"the processor ({threads} thread{'s' if threads > 1 else ''})"


def in_colab() -> bool:
    """Return whether the code runs in Google Colab.

    Returns:
        True in a Colab runtime.
    """
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ
