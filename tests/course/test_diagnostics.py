import hashlib
import shutil
import socket
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
import torch

from tests._http_server import serve_directory
from tutorial_course import diagnostics
from tutorial_course.diagnostics import check_environment
from tutorial_lib import runtime
from tutorial_lib.runtime import best_device, make_generator, setup_device


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """Keep tests away from the data folder of the person who runs them."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path))
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    return tmp_path


def fake_accelerators(monkeypatch, *, cuda=False, mps=False):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    "machine, prefer, chosen",
    [
        ({}, None, "cpu"),
        ({"cuda": True, "mps": True}, None, "cuda"),
        ({"mps": True}, None, "mps"),
        ({"cuda": True}, "cpu", "cpu"),
        ({"cuda": True}, "mps", "cuda"),
        ({}, "cuda", "cpu"),
        ({"cuda": True}, "cuda:0", "cuda:0"),
        ({"cuda": True}, "cuda:3", "cuda"),
        ({}, torch.device("cpu"), "cpu"),
    ],
)
def test_device_prefers_requested_then_fastest_available(monkeypatch, machine, prefer, chosen):
    fake_accelerators(monkeypatch, **machine)
    assert best_device(prefer) == torch.device(chosen)


def test_device_rejects_unknown_name_and_suggests_nearest():
    with pytest.raises(ValueError, match="unknown device 'cuta'; the nearest: 'cuda'"):
        best_device("cuta")


def test_make_generator_is_reproducible_and_keeps_global_rng_state():
    state = torch.get_rng_state()
    first, again, other = (torch.rand(4, generator=make_generator(n)) for n in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "machine, colab, line",
    [
        ({}, False, f"Running on {runtime.describe_device(torch.device('cpu'))}.\n"),
        ({"cuda": True}, True, "Running on the GPU (Tesla T4).\n"),
        ({"mps": True}, False, "Running on the Apple GPU.\n"),
    ],
)
def test_setup_device_prints_one_line(monkeypatch, capsys, machine, colab, line):
    fake_accelerators(monkeypatch, **machine)
    if colab:
        monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    chosen = setup_device()
    assert isinstance(chosen, torch.device) and capsys.readouterr().out == line


def test_setup_device_explains_how_to_get_a_gpu_on_colab(monkeypatch, capsys):
    fake_accelerators(monkeypatch)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    setup_device()
    output = capsys.readouterr().out
    assert "Runtime → Change runtime type → GPU" in output and output.count("\n") == 1


def test_setup_device_keeps_global_torch_state(monkeypatch, capsys):
    state, threads, grad = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    setup_device()
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)


def test_runtime_import_loads_no_other_subpackage():
    code = "import sys, torch; old = set(sys.modules); import tutorial_lib.runtime; print(*set(sys.modules) - old)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {"tutorial_lib", "tutorial_lib._validation", "tutorial_lib.runtime"}


# Real images and weights.


def test_are_available_reflects_data_dir_contents(data):
    assert diagnostics.are_available("digits") and not diagnostics.are_available("digits", "svhn")
    assert not diagnostics.are_available(weights="cifar10/resnet20")
    np.savez(data / "svhn-test.npz", images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
    assert diagnostics.are_available("digits", "svhn") and not diagnostics.are_available(
        "svhn", weights="cifar10/resnet20"
    )
    with pytest.raises(ValueError, match="unknown dataset"):
        diagnostics.are_available("svnh")


def test_are_available_tries_download_on_colab_and_survives_failure(monkeypatch, data, capsys):
    hosts = []

    def refuse(host, *_, **__):
        hosts.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert not diagnostics.are_available("svhn") and hosts == []
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    assert not diagnostics.are_available("svhn", weights="cifar10/resnet20")
    output = capsys.readouterr().out
    assert hosts and "svhn/test is not available locally and cannot be downloaded" in output and output.count("\n") == 1
    np.savez(data / "svhn-test.npz", images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
    assert diagnostics.are_available("svhn")


# The environment check.


def matching_states(report, words):
    return {finding.state for finding in report.findings if words in finding.text}


def test_check_environment_reports_no_problems_on_working_machine():
    report = check_environment()
    assert report.problems == []
    text = str(report)
    assert text == repr(report) and text.endswith("All is well.")
    assert f"torch {metadata.version('torch')}" in text and "python 3" in text and "GB free" in text
    assert matching_states(report, "svhn/test") == {"note"} and 'data.load("svhn", "test"), 64 MB' in text
    assert 'models.load_pretrained("imagenet/resnet18")' in text
    assert "answer" not in text


def test_check_environment_distinguishes_valid_from_corrupt_files(data):
    np.savez(data / "svhn-test.npz", images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
    np.savez(data / "mnist-test.npz", images=np.zeros((2, 28, 28, 1)), labels=np.zeros(2, np.int64))
    (data / "live").mkdir()
    (data / "live" / "scores.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (data / "weights").mkdir()
    (data / "weights" / "resnet20-12fca82f.th").write_bytes(b"half")
    report = check_environment()
    assert matching_states(report, "svhn/test") == {"ok"}
    assert (
        matching_states(report, "mnist/test")
        == matching_states(report, "cifar10/resnet20")
        == matching_states(report, "live")
        == {"problem"}
    )
    assert matching_states(report, "osie is not") == {"note"} and "convert_osie(folder)" in str(report)
    assert len(report.problems) == 3 and "images are float64 (2, 28, 28, 1)" in report.problems[0]
    assert "expected rows with the columns" in report.problems[1]
    assert hashlib.sha256(b"half").hexdigest() in report.problems[2] and "Remove it" in report.problems[2]
    assert str(report).endswith("3 problems (✗) to fix.")


def test_check_environment_gives_command_for_wrong_or_missing_package(monkeypatch):
    real = metadata.version

    def version(package):
        if package == "tqdm":
            raise metadata.PackageNotFoundError(package)
        return "1.9.0" if package == "torch" else real(package)

    monkeypatch.setattr(metadata, "version", version)
    problems = check_environment().problems
    assert len(problems) == 2
    assert any(
        "torch 1.9.0 is outside >=2.6" in problem and '-m pip install "torch>=2.6"' in problem for problem in problems
    )
    assert any("tqdm is missing" in problem and '-m pip install "tqdm>=4.66"' in problem for problem in problems)


def test_check_environment_gives_colab_fix_for_wrong_package(monkeypatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda package: "1.9.0" if package == "numpy" else real(package))
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    (problem,) = check_environment().problems
    assert problem.endswith('in a cell: %pip install "numpy>=1.26", then menu Runtime → Restart session')


@pytest.mark.parametrize(("cuda", "fix"), [(None, "TORCH=cpu"), ("12.6", "update it")])
def test_check_environment_notes_unused_nvidia_gpu(monkeypatch, cuda, fix):
    fake_accelerators(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nvidia-smi" else which(name))
    assert matching_states(check_environment(), "NVIDIA card") == set()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    report = check_environment()
    assert matching_states(report, "NVIDIA card") == {"note"} and fix in str(report)
    fake_accelerators(monkeypatch, cuda=True)
    assert matching_states(check_environment(), "NVIDIA card") == set()


def test_check_environment_notes_low_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(diagnostics, "PROC_MEMINFO", tmp_path / "meminfo")
    assert matching_states(check_environment(), "memory") == set()
    for kilobytes, state in ((8_000_000, "ok"), (1_000_000, "note")):
        (tmp_path / "meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable:   {kilobytes} kB\n", encoding="ascii")
        assert matching_states(check_environment(), "memory") == {state}
    assert "memory: 1.0 GB free\n    a chapter takes up to 3 GB" in str(check_environment())


@pytest.mark.parametrize("torch_version", ["2.10.1+cu121", "2.15.0a0+git"])
def test_check_environment_accepts_local_and_dev_torch_builds(torch_version, monkeypatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda package: torch_version if package == "torch" else real(package))
    report = check_environment()
    assert report.problems == [] and f"torch {torch_version}" in str(report)


def test_check_environment_reports_library_not_installed(monkeypatch):
    monkeypatch.setattr(diagnostics, "DISTRIBUTION_NAME", "no-such-distribution")
    assert any(
        "not installed" in problem and "-m pip install -e" in problem for problem in check_environment().problems
    )


def test_check_environment_survives_module_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "tutorial_lib.models.pretrained", None)
    assert any("weights cannot be checked" in problem for problem in check_environment().problems)


def test_check_environment_reports_missing_data_dir(monkeypatch, data):
    monkeypatch.setenv("TUTORIAL_DATA", str(data / "nowhere"))
    problems = check_environment().problems
    assert len(problems) == 1 and "which is not a folder" in problems[0] and "mkdir -p" in problems[0]
    assert not (data / "nowhere").exists()


def test_check_environment_reports_full_disk(monkeypatch):
    monkeypatch.setattr(diagnostics, "MIN_FREE_DISK_BYTES", 10**18)
    problems = check_environment().problems
    assert len(problems) == 1 and "GB free" in problems[0] and "free some space" in problems[0]


def test_check_environment_notes_read_only_data_dir(monkeypatch):
    monkeypatch.setattr(diagnostics.os, "access", lambda *_: False)
    report = check_environment()
    assert matching_states(report, "read-only") == {"note"} and report.problems == []


def test_check_environment_explains_how_to_get_a_gpu_on_colab(monkeypatch):
    fake_accelerators(monkeypatch)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    assert "Change runtime type" in str(check_environment())


def test_unreachable_reason_is_empty_only_for_hosts_that_respond(monkeypatch):
    with serve_directory({"there": b"yes"}) as address:
        assert diagnostics.unreachable_reason(f"{address}/there") == ""
        assert diagnostics.unreachable_reason(f"{address}/elsewhere") == ""
    monkeypatch.setattr(diagnostics, "HOST_TIMEOUT_S", 0.3)
    with serve_directory({}, silent=True) as address:
        assert "timed out" in diagnostics.unreachable_reason(f"{address}/there")
    assert "refused" in diagnostics.unreachable_reason(address)


def test_check_environment_contacts_hosts_only_if_requested(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert check_environment().problems == []
    problems = check_environment(network=True).problems
    assert len(problems) == 1 and "no host answers" in problems[0] and "TUTORIAL_DATA" in problems[0]

    monkeypatch.setattr(diagnostics, "unreachable_reason", lambda host: "it sleeps" if "stanford" in host else "")
    report = diagnostics.check_environment(network=True)
    assert len(report.problems) == 1 and "ufldl.stanford.edu does not answer (it sleeps)" in report.problems[0]
    assert matching_states(report, "github.com answers") == {"ok"}


@pytest.mark.parametrize("n, words", [(1, "the processor (1 thread)"), (4, "the processor (4 threads)")])
def test_describe_device_pluralizes_threads(n, words, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n)
    assert runtime.describe_device(torch.device("cpu")) == words
