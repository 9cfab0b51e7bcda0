import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

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
    return {mark for mark, text, _ in report.findings if words in text}


def test_check_environment_reports_no_problems_on_working_machine():
    report = check_environment()
    assert report.problems == []
    text = str(report)
    assert text == repr(report) and text.endswith("Problems to fix: 0.")
    assert f"torch {metadata.version('torch')}" in text and f"matplotlib {metadata.version('matplotlib')}" in text
    assert "python 3" in text and "foolbox" not in text
    assert matching_states(report, "not available") == {"·"} and 'data.load("cifar10", "test")' in text
    assert 'models.load_pretrained("imagenet/squeezenet1_1")' in text and "convert_osie(folder)" in text


def test_check_environment_reports_available_data(data):
    np.savez(data / "cifar10-test.npz", images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
    assert "✓" in matching_states(check_environment(), "cifar10 is available")


def test_check_environment_gives_command_for_old_or_missing_package(monkeypatch):
    real = metadata.version

    def version(package):
        if package in ("tqdm", "matplotlib"):
            raise metadata.PackageNotFoundError(package)
        return "1.19.0" if package == "torch" else real(package)

    monkeypatch.setattr(metadata, "version", version)
    problems = check_environment().problems
    assert len(problems) == 3
    for words in ('torch 1.19.0 is older than 2.6 → "', "tqdm is missing", "matplotlib is missing"):
        (problem,) = (problem for problem in problems if words in problem)
        assert f'"{sys.executable}" -m pip install "{words.split()[0]}>=' in problem
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    assert any('%pip install "tqdm>=4.66" in a cell' in problem for problem in check_environment().problems)


@pytest.mark.parametrize("torch_version", ["2.10.1+cu121", "2.15.0a0+git"])
def test_check_environment_accepts_local_and_dev_torch_builds(torch_version, monkeypatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda package: torch_version if package == "torch" else real(package))
    report = check_environment()
    assert report.problems == [] and f"torch {torch_version}" in str(report)


def test_check_environment_reports_library_not_installed(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", missing)
    (problem,) = check_environment().problems
    assert "not installed" in problem and '[course]"' in problem


def test_check_environment_notes_unused_nvidia_gpu(monkeypatch):
    fake_accelerators(monkeypatch)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert matching_states(check_environment(), "NVIDIA GPU") == set()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    report = check_environment()
    assert matching_states(report, "NVIDIA GPU") == {"·"} and "make book" in str(report)
    fake_accelerators(monkeypatch, cuda=True)
    assert matching_states(check_environment(), "NVIDIA GPU") == set()


def test_check_environment_explains_how_to_get_a_gpu_on_colab(monkeypatch):
    fake_accelerators(monkeypatch)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    assert "Change runtime type" in str(check_environment())


def test_check_environment_reports_missing_data_dir(monkeypatch, data):
    monkeypatch.setenv("TUTORIAL_DATA", str(data / "nowhere"))
    (problem,) = check_environment().problems
    assert "which is not a folder" in problem and "mkdir -p" in problem and not (data / "nowhere").exists()


def test_check_environment_works_without_optional_packages():
    code = """
import sys
sys.modules.update(dict.fromkeys(("packaging", "matplotlib", "torchvision", "sklearn", "yaml", "skimage")))
from tutorial_course.diagnostics import check_environment
print(check_environment())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "✓ device" in run.stdout and "Problems to fix:" in run.stdout


def test_check_environment_works_without_home_folder(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TUTORIAL_DATA")
    monkeypatch.setattr(Path, "home", no_home)
    report = check_environment()
    assert matching_states(report, "device") == {"✓"}
    assert all("export TUTORIAL_DATA" in problem for problem in report.problems)


@pytest.mark.parametrize("n, words", [(1, "the processor (1 thread)"), (4, "the processor (4 threads)")])
def test_describe_device_pluralizes_threads(n, words, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n)
    assert runtime.describe_device(torch.device("cpu")) == words
