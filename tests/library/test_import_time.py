"""Importing the library loads no heavy package but torch; the modules that use other packages import them."""

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
    process = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    imported = set(json.loads(process.stdout))
    assert "tutorial_lib" in imported
    assert not {"torchvision", "sklearn", "skimage", "matplotlib", "ipywidgets", "scipy", "PIL"} & imported
