"""Run the chapters and store the outputs that tests compare, those of cells tagged ``nbval-check-output``, and no
others.

Run ``make store-outputs`` after a change of such a cell.
"""

import json
import sys
from pathlib import Path

import nbclient
import nbformat


def keep_checked_outputs(cell, ran):
    """Return the outputs to store in the file: those of a tagged cell, none for any other cell."""
    if "nbval-check-output" not in cell["metadata"].get("tags", []):
        return []
    outputs = [dict(output) for output in ran["outputs"] if output.get("name") != "stderr"]
    return [output | ({"execution_count": None} if "execution_count" in output else {}) for output in outputs]


def execute_and_store(path):
    """Run a notebook and write the outputs that tests compare into its file."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    ran = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        ran, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    # Split the text into lists of lines, as notebook editors store it.
    ran = nbformat.v4.nbjson.writes(ran)
    for cell, done in zip(notebook["cells"], json.loads(ran)["cells"], strict=True):
        if cell["cell_type"] == "code":
            cell["outputs"] = keep_checked_outputs(cell, done)
            cell["execution_count"] = (
                1 if cell["outputs"] else None
            )  # nbval treats a cell without a count as one that never ran
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for chapter in map(Path, sys.argv[1:]):
        print("running", chapter)
        execute_and_store(chapter)
