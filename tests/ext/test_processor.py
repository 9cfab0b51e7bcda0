"""PyTorch for the processor alone: the same versions, nothing for a GPU, everything else as it was."""

from pathlib import Path

import processor

LOCK = (Path(__file__).parent.parent.parent / "requirements.lock").read_text(encoding="utf-8")


def test_nothing_else_is_changed():
    kept, torch = processor.rest(LOCK), processor.torch(LOCK)
    left_out = [line for line in LOCK.splitlines() if line and line not in kept + torch]
    assert [line.split("==")[0] for line in torch] == ["torch", "torchvision"]
    assert left_out and all(line.startswith(("nvidia-", "cuda-", "triton==")) for line in left_out)
    assert {"torchcam", "numpy", "captum"} <= {line.split("==")[0] for line in kept}


def test_marks_of_platforms_stay():
    lock = "torch==2.0\ntriton==3.0 ; sys_platform == 'linux'\ncolorama==0.4 ; sys_platform == 'win32'\n"
    assert processor.rest(lock) == ["colorama==0.4 ; sys_platform == 'win32'"]
    assert processor.torch(lock) == ["torch==2.0"]
