"""A plugin of pytest that registers the emulated device where CUDA is absent: `pytest -p tests.accelerator.plugin`."""

from tests.accelerator import emulated_device


def pytest_configure():
    if emulated_device.AVAILABLE:
        emulated_device.find_accelerator()
