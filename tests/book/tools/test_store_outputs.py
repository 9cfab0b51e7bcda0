"""Tests that `make store-outputs` stores only the outputs that tests compare, and nothing that varies between runs."""

import json

import nbformat

from tools.store_outputs import execute_and_store


def test_execute_and_store_keeps_only_tagged_outputs(tmp_path):
    cells = [
        nbformat.v4.new_code_cell(
            "import sys; print('stored'); print('dropped', file=sys.stderr); 1 + 1",
            metadata={"tags": ["nbval-check-output"]},
        ),
        nbformat.v4.new_code_cell(
            "print('dropped')", execution_count=7, outputs=[nbformat.v4.new_output("stream", text="old")]
        ),
    ]
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    execute_and_store(path)
    first = path.read_text(encoding="utf-8")
    tagged, other = json.loads(first)["cells"]
    assert [output.get("text") or output["data"]["text/plain"] for output in tagged["outputs"]] == [["stored\n"], ["2"]]
    assert (tagged["execution_count"], other["execution_count"], other["outputs"]) == (1, None, [])
    execute_and_store(path)
    assert path.read_text(encoding="utf-8") == first
