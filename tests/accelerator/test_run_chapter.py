"""The command that runs chapters on the emulated device."""

import nbformat
import pytest

from tests.accelerator import emulated_device, run_chapter

CELLS = [
    "import torch\nimages = torch.zeros(2, device=device)\nassert device.type != 'cpu'",
    "images.numpy()",
    "images.sum().item()",
    "class Broken:\n    def _repr_html_(self):\n        return images.numpy()\n\nBroken()",
]


@pytest.mark.skipif(not emulated_device.AVAILABLE, reason="this PyTorch cannot register an emulated device")
def test_run_chapter_reports_cells_that_raise_or_cannot_be_displayed(tmp_path, capsys):
    setup = nbformat.v4.new_code_cell("raise RuntimeError('packages are installed')", metadata={"tags": ["setup"]})
    notebook = nbformat.v4.new_notebook(cells=[setup, *map(nbformat.v4.new_code_cell, CELLS)])
    nbformat.write(notebook, tmp_path / "chapter.ipynb")
    assert run_chapter.main([tmp_path / "chapter.ipynb"]) == 2
    printed = capsys.readouterr().out
    assert "chapter.ipynb: 2 cells failed" in printed and printed.count("TypeError") >= 2
    assert CELLS[1] in printed and CELLS[3] in printed and "packages are installed" not in printed
