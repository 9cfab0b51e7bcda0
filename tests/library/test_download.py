"""Downloads under difficult conditions: killed processes, two at once, a full disk, a folder without write access."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests._http_server import serve_directory
from tutorial_lib import _download
from tutorial_lib.models.cifar_resnet import CifarResNet

ROOT = Path(__file__).parents[2]
LOADING_SCRIPT = """
import sys, warnings
warnings.filterwarnings("error", module="tutorial_lib")
import tutorial_lib.models
from tutorial_lib.models import pretrained
file = pretrained.WeightFile("resnet20.th", sys.argv[2], sys.argv[1] + "/resnet20.th", "")
pretrained.PRETRAINED["cifar10/resnet20"] = (file,)
print(len(list(pretrained.load_pretrained("cifar10/resnet20").parameters())))
"""


@pytest.fixture(scope="module")
def content():
    torch.manual_seed(0)
    out = io.BytesIO()
    torch.save(CifarResNet(20).state_dict(), out)
    return out.getvalue()


def start_loading_process(address, content, data, *, before=""):
    """Start another process that loads the network and downloads its weights if they are missing."""
    argv = [sys.executable, "-c", before + LOADING_SCRIPT, address, hashlib.sha256(content).hexdigest()]
    environment = os.environ | {"TUTORIAL_DATA": str(data), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def files(data):
    return sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_download_is_ignored_and_next_download_completes(content, tmp_path):
    with serve_directory({"resnet20.th": content}, stalled=len(content) // 2) as address:
        child = start_loading_process(address, content, tmp_path)
        while not any(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()):
            assert child.poll() is None, child.communicate()
            time.sleep(0.05)
        child.kill()
        child.communicate()
    assert "weights/resnet20.th" not in files(tmp_path)
    with serve_directory({"resnet20.th": content}) as address:
        output, error = start_loading_process(address, content, tmp_path).communicate(timeout=60)
    assert output.strip() == "59", error
    assert (tmp_path / "weights" / "resnet20.th").read_bytes() == content


@pytest.mark.slow
def test_concurrent_downloads_of_same_file_both_succeed(content, tmp_path):
    with serve_directory({"resnet20.th": content}) as address:
        children = [start_loading_process(address, content, tmp_path) for _ in range(2)]
        for child in children:
            output, error = child.communicate(timeout=60)
            assert output.strip() == "59", error
    assert files(tmp_path) == ["weights/resnet20.th"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits of file sizes need POSIX")
def test_download_to_full_disk_explains_fix_and_leaves_no_files(content, tmp_path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
    with serve_directory({"resnet20.th": content}) as address:
        output, error = start_loading_process(address, content, tmp_path, before=limited).communicate(timeout=60)
    last = error[error.index("FileNotFoundError") :]
    assert f"cannot be downloaded into {tmp_path / 'weights'} (OSError: [Errno 27] File too large)" in last
    assert "Free some space there, or set `TUTORIAL_DATA` to a folder that can be written." in last
    assert files(tmp_path) == [] and list((tmp_path / "weights").iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system"), PermissionError(13, "no")]
)
def test_explain_download_errors_in_unwritable_dir_names_data_variable(error, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="Free some space there, or set `TUTORIAL_DATA` to a folder that can be written. Ask."
    ):
        with _download.explain_download_errors("a set", tmp_path, "Ask."):
            raise error
    assert list(tmp_path.iterdir()) == []


def test_explain_download_errors_of_network_does_not_mention_disk_space(tmp_path):
    with pytest.raises(FileNotFoundError) as error, _download.explain_download_errors("a set", tmp_path, "Ask."):
        raise ConnectionRefusedError(111, "refused")
    assert "Free some space" not in str(error.value)
