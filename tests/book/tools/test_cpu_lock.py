"""Tests that the lock file for machines without a GPU has the same versions and no packages for a GPU."""

from pathlib import Path

from tools import cpu_lock

LOCK = (Path(__file__).parents[3] / "requirements.lock").read_text(encoding="utf-8")


def test_cpu_lock_drops_only_gpu_packages():
    others, torch = cpu_lock.without_torch(LOCK), cpu_lock.torch_only(LOCK)
    dropped = [line for line in LOCK.splitlines() if line and line not in others + torch]
    assert [line.split("==")[0] for line in torch] == ["torch", "torchvision"]
    assert dropped and all(line.startswith(("nvidia-", "cuda-", "triton==")) for line in dropped)
    assert {"torchcam", "numpy", "captum"} <= {line.split("==")[0] for line in others}


def test_cpu_lock_keeps_platform_markers():
    lock = "torch==2.0\ntriton==3.0 ; sys_platform == 'linux'\ncolorama==0.4 ; sys_platform == 'win32'\n"
    assert cpu_lock.without_torch(lock) == ["colorama==0.4 ; sys_platform == 'win32'"]
    assert cpu_lock.torch_only(lock) == ["torch==2.0"]
