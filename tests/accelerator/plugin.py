"""A plugin of pytest that registers the emulated device where CUDA is absent: `pytest -p tests.accelerator.plugin`."""

import torch

from tests.accelerator import emulated_device

if emulated_device.AVAILABLE and not torch.cuda.is_available():
    emulated_device.register()
