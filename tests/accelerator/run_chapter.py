"""Run chapters on the GPU, or on the emulated device where there is none, and print every cell that raises an error.

    python -m tests.accelerator.run_chapter chapters/03-uncertainty.ipynb

A cell also counts as failed if its result cannot be displayed.
"""

import sys
import time
from pathlib import Path

import nbclient
import nbformat

from tools import repo_url

ROOT = Path(__file__).parents[2]
# It replaces the setup cell, which may install packages and chooses the device itself.
SETUP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.accelerator import emulated_device
from tutorial_lib import runtime

device = emulated_device.find_accelerator()
"""


def run(path):
    """Run the notebook in a kernel of its own, and return its failed cells as pairs of source and traceback."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if repo_url.is_setup(cell):
            cell.source = SETUP
    resources = {"metadata": {"path": str(path.parent)}}
    client = nbclient.NotebookClient(
        notebook, timeout=3600, kernel_name="python3", allow_errors=True, resources=resources
    )
    client.execute()
    return [
        (cell.source, "\n".join(output.traceback))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def main(paths):
    """Run the notebooks one after the other, and return the number of cells that failed."""
    total = 0
    for path in map(Path, paths):
        start = time.perf_counter()
        failed = run(path)
        total += len(failed)
        print(f"{path.name}: {len(failed)} cells failed, {time.perf_counter() - start:.0f} s", flush=True)
        for source, traceback in failed:
            print(f"\n{source}\n\n{traceback}\n", flush=True)
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
