"""Importing the library needs nothing heavy but torch: the other packages belong to the modules that use them."""

import json
import subprocess
import sys

IMPORT = """
import json, sys
import torch
before = set(sys.modules)
import tutorial_lib
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_library_import_is_lightweight():
    answer = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    imported = set(json.loads(answer.stdout))
    assert "tutorial_lib" in imported
    assert not {"torchvision", "sklearn", "skimage", "matplotlib", "ipywidgets", "scipy", "PIL"} & imported
