"""Importing the library costs little beyond torch: the heavy packages belong to the rooms that use them."""

import json
import subprocess
import sys

MEASURE = """
import json, sys, time
import torch
before, times = set(sys.modules), []
for _ in range(5):
    for name in [name for name in sys.modules if name.partition(".")[0] == "tutorial_lib"]:
        del sys.modules[name]
    start = time.perf_counter()
    import tutorial_lib
    times.append(time.perf_counter() - start)
print(json.dumps({"seconds": times, "new": sorted({name.partition(".")[0] for name in set(sys.modules) - before})}))
"""


def test_import_is_light():
    answer = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    seen = json.loads(answer.stdout)
    assert "tutorial_lib" in seen["new"]
    assert not {"torchvision", "sklearn", "skimage", "matplotlib", "ipywidgets", "scipy", "PIL"} & set(seen["new"])
    # The first import reads the disk, the best of the others is the cost of the code.
    assert min(seen["seconds"]) <= 0.3
