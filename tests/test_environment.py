import hashlib
import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from hosting import hosted

from tutorial_lib import environment, examination
from tutorial_lib.environment import device, doctor, seed, setup


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """No test may see, or write into, the data folder of whoever runs it."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path))
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    return tmp_path


def there(monkeypatch, *, cuda=False, mps=False):
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
def test_the_quickest_device_unless_another_is_wanted_and_there(monkeypatch, machine, prefer, chosen):
    there(monkeypatch, **machine)
    assert device(prefer) == torch.device(chosen)


def test_an_unknown_device_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown device 'cuta'; the nearest: 'cuda'"):
        device("cuta")


def test_seeds_repeat_and_leave_the_global_state_alone():
    state = torch.get_rng_state()
    first, again, other = (torch.rand(4, generator=seed(n)) for n in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "machine, colab, line",
    [
        ({}, False, f"Running on {environment.described(torch.device('cpu'))}.\n"),
        ({"cuda": True}, True, "Running on the GPU (Tesla T4).\n"),
        ({"mps": True}, False, "Running on the Apple GPU.\n"),
    ],
)
def test_setup_says_one_line(monkeypatch, capsys, machine, colab, line):
    there(monkeypatch, **machine)
    if colab:
        monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    chosen = setup()
    assert isinstance(chosen, torch.device) and capsys.readouterr().out == line


def test_setup_in_colab_says_how_to_get_a_gpu(monkeypatch, capsys):
    there(monkeypatch)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    setup()
    said = capsys.readouterr().out
    assert "Runtime → Change runtime type → GPU" in said and said.count("\n") == 1


def test_setup_touches_no_global_state(monkeypatch, capsys):
    state, threads, grad = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    setup()
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)


def test_importing_the_environment_is_light():
    code = "import sys, torch; old = set(sys.modules); import tutorial_lib.environment; print(*set(sys.modules) - old)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {"tutorial_lib", "tutorial_lib.names", "tutorial_lib.environment"}


# Real pictures and weights.


def test_at_hand_is_what_is_in_the_folder(data):
    assert environment.at_hand("digits") and not environment.at_hand("digits", "svhn")
    assert not environment.at_hand(weights="cifar10/resnet20")
    np.savez(data / "svhn-test.npz", images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
    assert environment.at_hand("digits", "svhn") and not environment.at_hand("svhn", weights="cifar10/resnet20")
    with pytest.raises(ValueError, match="unknown world"):
        environment.at_hand("svnh")


def test_on_colab_what_is_missing_is_fetched_and_a_silent_host_stops_nothing(monkeypatch, data, capsys):
    asked = []

    def refuse(host, *_, **__):
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert not environment.at_hand("svhn") and asked == []
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    assert not environment.at_hand("svhn", weights="cifar10/resnet20")
    said = capsys.readouterr().out
    assert asked and "svhn/test is not at hand and cannot be downloaded" in said and said.count("\n") == 1
    np.savez(data / "svhn-test.npz", images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
    assert environment.at_hand("svhn")


# The doctor.


def states(report, words):
    return {found.state for found in report.findings if words in found.text}


def test_the_doctor_finds_a_sound_machine_sound():
    report = doctor()
    assert report.problems == []
    text = str(report)
    assert text == repr(report) and text.endswith("All is well.")
    assert f"torch {metadata.version('torch')}" in text and "python 3" in text and "GB free" in text
    assert states(report, "svhn/test") == {"note"} and 'data.load("svhn", "test"), 64 MB' in text
    assert 'networks.pretrained("imagenet/resnet18")' in text
    assert "answer" not in text


def test_the_doctor_tells_what_is_at_hand_from_what_is_damaged(data):
    np.savez(data / "svhn-test.npz", images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
    np.savez(data / "mnist-test.npz", images=np.zeros((2, 28, 28, 1)), labels=np.zeros(2, np.int64))
    (data / "live").mkdir()
    (data / "live" / "scores.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (data / "weights").mkdir()
    (data / "weights" / "resnet20-12fca82f.th").write_bytes(b"half")
    report = doctor()
    assert states(report, "svhn/test") == {"ok"}
    assert states(report, "mnist/test") == states(report, "cifar10/resnet20") == states(report, "live") == {"problem"}
    assert states(report, "osie is not") == {"note"} and "from_osie(FOLDER)" in str(report)
    assert len(report.problems) == 3 and "images are float64, not uint8" in report.problems[0]
    assert "expected rows with the columns" in report.problems[1]
    assert hashlib.sha256(b"half").hexdigest() in report.problems[2] and "Remove it" in report.problems[2]
    assert str(report).endswith("3 problems (✗) to mend.")


def test_the_doctor_names_the_command_for_a_wrong_or_missing_package(monkeypatch):
    real = metadata.version

    def version(package):
        if package == "tqdm":
            raise metadata.PackageNotFoundError(package)
        return "1.9.0" if package == "torch" else real(package)

    monkeypatch.setattr(metadata, "version", version)
    problems = doctor().problems
    assert len(problems) == 2
    assert any("torch 1.9.0 is outside >=2.6" in said and '-m pip install "torch>=2.6"' in said for said in problems)
    assert any("tqdm is missing" in said and '-m pip install "tqdm>=4.66"' in said for said in problems)


def test_the_cure_in_colab_is_a_cell_and_a_click(monkeypatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda package: "1.9.0" if package == "numpy" else real(package))
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    (problem,) = doctor().problems
    assert problem.endswith('in a cell: %pip install "numpy>=1.26", then menu Runtime → Restart session')


@pytest.mark.parametrize(("cuda", "cure"), [(None, "TORCH=cpu"), ("12.6", "update it")])
def test_the_doctor_sees_a_card_that_lies_idle(monkeypatch, cuda, cure):
    there(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nvidia-smi" else which(name))
    assert states(doctor(), "NVIDIA card") == set()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    report = doctor()
    assert states(report, "NVIDIA card") == {"note"} and cure in str(report)
    there(monkeypatch, cuda=True)
    assert states(doctor(), "NVIDIA card") == set()


def test_the_doctor_sees_too_little_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(examination, "MEMINFO", tmp_path / "meminfo")
    assert states(doctor(), "memory") == set()
    for kilobytes, state in ((8_000_000, "ok"), (1_000_000, "note")):
        (tmp_path / "meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable:   {kilobytes} kB\n", encoding="ascii")
        assert states(doctor(), "memory") == {state}
    assert "memory: 1.0 GB free\n    a chapter takes up to 3 GB" in str(doctor())


@pytest.mark.parametrize("torch_version", ["2.10.1+cu121", "2.15.0a0+git"])
def test_builds_of_torch_count_as_their_version(torch_version, monkeypatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda package: torch_version if package == "torch" else real(package))
    report = doctor()
    assert report.problems == [] and f"torch {torch_version}" in str(report)


def test_the_doctor_works_where_the_library_is_not_installed(monkeypatch):
    monkeypatch.setattr(examination, "DISTRIBUTION", "no-such-distribution")
    assert any("not installed" in said and "-m pip install -e" in said for said in doctor().problems)


def test_the_doctor_survives_a_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    assert any(said.startswith("weights cannot be looked at") for said in doctor().problems)


def test_the_doctor_sees_a_folder_that_is_not_there(monkeypatch, data):
    monkeypatch.setenv("TUTORIAL_DATA", str(data / "nowhere"))
    problems = doctor().problems
    assert len(problems) == 1 and "which is no folder" in problems[0] and "mkdir -p" in problems[0]
    assert not (data / "nowhere").exists()


def test_the_doctor_sees_a_full_disk(monkeypatch):
    monkeypatch.setattr(examination, "ROOM", 10**18)
    problems = doctor().problems
    assert len(problems) == 1 and "GB free" in problems[0] and "make room" in problems[0]


def test_the_doctor_sees_a_folder_it_may_not_write(monkeypatch):
    monkeypatch.setattr(examination.os, "access", lambda *_: False)
    report = doctor()
    assert states(report, "read-only") == {"note"} and report.problems == []


def test_the_doctor_in_colab_without_a_gpu(monkeypatch):
    there(monkeypatch)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    assert "Change runtime type" in str(doctor())


def test_hosts_that_refuse_have_answered_and_hosts_that_are_silent_have_not(monkeypatch):
    monkeypatch.setattr(examination, "SECONDS", 0.3)
    with hosted({"there": b"yes"}) as address:
        assert examination.silence(f"{address}/there") == ""
        assert examination.silence(f"{address}/elsewhere") == ""
    with hosted({}, silent=True) as address:
        assert "timed out" in examination.silence(f"{address}/there")
    assert "refused" in examination.silence(address)


def test_the_doctor_asks_hosts_only_when_told_to(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert doctor().problems == []
    problems = doctor(network=True).problems
    assert len(problems) == 1 and "no host answers" in problems[0] and "TUTORIAL_DATA" in problems[0]

    monkeypatch.setattr(examination, "silence", lambda host: "it sleeps" if "stanford" in host else "")
    report = environment.doctor(network=True)
    assert len(report.problems) == 1 and "ufldl.stanford.edu does not answer (it sleeps)" in report.problems[0]
    assert states(report, "github.com answers") == {"ok"}


@pytest.mark.parametrize("n, words", [(1, "the processor (1 thread)"), (4, "the processor (4 threads)")])
def test_threads_are_counted_as_people_do(n, words, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n)
    assert environment.described(torch.device("cpu")) == words
