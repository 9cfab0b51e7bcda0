import dataclasses
import hashlib
import io
import os
import pickle
import socket

import pytest
import torch
from torch import nn
from torchvision.models import get_model_weights

from tests._http_server import serve_directory
from tutorial_lib.data.loading import is_available, load
from tutorial_lib.data.registry import DATASETS
from tutorial_lib.gradients import model_outputs
from tutorial_lib.models import pretrained as pretrained_module
from tutorial_lib.models.cifar_resnet import CifarResNet, PaddedShortcut
from tutorial_lib.models.pretrained import (
    PRETRAINED,
    WeightFile,
    is_pretrained_available,
    load_pretrained,
    locate_weights,
    weights_download_hint,
)
from tutorial_lib.uncertainty import fgsm

DATA = os.environ.get("TUTORIAL_DATA", "")


def needs_weights(name):
    missing = not DATA or not is_pretrained_available(name, data_dir=DATA)
    return pytest.mark.skipif(missing, reason=f"TUTORIAL_DATA has no weights of {name}")


needs_cifar10 = pytest.mark.skipif(
    not DATA or not is_available("cifar10", data_dir=DATA), reason="TUTORIAL_DATA has no cifar10-test.npz"
)


@pytest.fixture(autouse=True)
def weights(monkeypatch, tmp_path):
    """Keep tests away from the data folder of the person who runs them."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path))
    return tmp_path / "weights"


def checkpoint(network):
    content = io.BytesIO()
    torch.save({"state_dict": {f"module.{key}": value for key, value in network.state_dict().items()}}, content)
    return content.getvalue()


def replace_weights(monkeypatch, content, address="http://127.0.0.1"):
    """Make ``content`` the published weights of the ResNet-20, downloaded from an address."""
    sha256 = hashlib.sha256(content).hexdigest()
    file = WeightFile("resnet20.th", sha256, f"{address}/resnet20.th", "BSD 2-Clause")
    monkeypatch.setitem(PRETRAINED, "cifar10/resnet20", (file,))


@pytest.fixture
def replaced_checkpoint(monkeypatch):
    """A ResNet-20 with random weights in place of the published one: its network and its file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = CifarResNet(20).eval()
    content = checkpoint(network)
    replace_weights(monkeypatch, content)
    return network, content


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# The architecture.


def test_padded_shortcut_subsamples_pixels_and_pads_channels():
    x = torch.arange(2 * 4 * 5 * 5.0).view(2, 4, 5, 5)
    y = PaddedShortcut()(x)
    assert y.shape == (2, 8, 3, 3)
    for n in range(2):
        for channel in range(8):
            for i in range(3):
                for j in range(3):
                    inside = 2 <= channel < 6
                    assert y[n, channel, i, j] == (x[n, channel - 2, 2 * i, 2 * j] if inside else 0)


@pytest.mark.parametrize("depth, parameters", [(20, 269_722), (56, 853_018)])
def test_cifar_resnet_has_published_sizes(depth, parameters):
    network = CifarResNet(depth)
    assert sum(p.numel() for p in network.parameters()) == parameters
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) + 1 == depth
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_cifar_resnet_rejects_invalid_depth():
    with pytest.raises(ValueError, match=r"depth must be 6n \+ 2"):
        CifarResNet(21)


# What is loaded.


def test_load_pretrained_normalizes_unit_range_images(replaced_checkpoint, weights):
    network, content = replaced_checkpoint
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(content)
    state = torch.get_rng_state()
    model = load_pretrained("cifar10/resnet20", "cpu")
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    statistics = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
    normalized = torch.stack([(x[:, channel] - mean) / std for channel, (mean, std) in enumerate(statistics)], 1)
    assert torch.equal(model(x), network(normalized))
    assert model.name == "cifar10/resnet20" and model.classes[3] == "cat"
    assert model.sha256 == hashlib.sha256(content).hexdigest() and "BSD" in model.file.license


@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (32, 32)])
def test_pretrained_model_rejects_images_of_wrong_shape(replaced_checkpoint, weights, shape):
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(replaced_checkpoint[1])
    with pytest.raises(ValueError, match=r"expected images \(N, 3, H, W\) in \[0, 1\]"):
        load_pretrained("cifar10/resnet20")(torch.zeros(shape))


def test_pretrained_classes_match_dataset_and_torchvision():
    assert pretrained_module._build("cifar10/resnet20")[1] == DATASETS["cifar10"].classes
    with torch.random.fork_rng(devices=[]):
        assert len(pretrained_module._build("imagenet/squeezenet1_1")[1]) == 1000


@pytest.mark.parametrize("name", PRETRAINED)
def test_published_weights_have_full_hash_and_address_of_torchvision(name):
    first = PRETRAINED[name][0]
    assert first.url.startswith(("https://github.com/", "https://download.pytorch.org/")) and first.url.endswith(
        first.name
    )
    assert len(first.sha256) == 64 and first.sha256[:8] in first.name and int(first.sha256, 16)
    if name.startswith("imagenet/"):
        assert first.url == get_model_weights(name.removeprefix("imagenet/")).IMAGENET1K_V1.url


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small"])
def test_load_pretrained_accepts_torchvision_files_in_half_precision(monkeypatch, weights, name):
    with torch.random.fork_rng(devices=[]):
        network, _ = pretrained_module._build(f"imagenet/{name}")
    content = io.BytesIO()
    torch.save(network.eval().half().state_dict(), content)
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    file = dataclasses.replace(PRETRAINED[f"imagenet/{name}"][0], sha256=sha256)
    monkeypatch.setitem(PRETRAINED, f"imagenet/{name}", (file,))
    weights.mkdir()
    (weights / file.name).write_bytes(content.getvalue())
    model = load_pretrained(f"imagenet/{name}")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model(torch.rand(1, 3, 64, 64)).shape == (1, 1000) and model.sha256 == sha256


def test_locate_weights_prefers_existing_alternative_file(weights):
    assert locate_weights("imagenet/squeezenet1_1")[0].name == "squeezenet1_1-b8a52dc0.pth"
    weights.mkdir()
    (weights / "squeezenet1_1_caffe_fp16.pth").write_bytes(b"")
    assert locate_weights("imagenet/squeezenet1_1")[0].name == "squeezenet1_1_caffe_fp16.pth"
    assert is_pretrained_available("imagenet/squeezenet1_1")


# What is rejected.


@pytest.mark.parametrize("function", [load_pretrained, is_pretrained_available, weights_download_hint])
def test_pretrained_functions_suggest_nearest_name(function):
    message = "unknown pretrained network 'imagenet/resnet19'; the nearest: 'imagenet/resnet18'"
    with pytest.raises(ValueError, match=message):
        function("imagenet/resnet19")


class AbortOnUnpickle:
    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "pickled code"])
def test_load_pretrained_rejects_corrupted_file_without_loading_it(replaced_checkpoint, weights, fault, monkeypatch):
    content = bytearray(replaced_checkpoint[1])
    content[len(content) // 2] ^= 1
    corrupted = {
        "cut": replaced_checkpoint[1][:-9],
        "flipped": bytes(content),
        "empty": b"",
        "pickled code": pickle.dumps(AbortOnUnpickle()),
    }[fault]
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(corrupted)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(ValueError) as error:
        load_pretrained("cifar10/resnet20")
    message = str(error.value)
    assert str(weights / "resnet20.th") in message and "not loaded" in message and "Remove it" in message
    assert (
        hashlib.sha256(corrupted).hexdigest() in message
        and hashlib.sha256(replaced_checkpoint[1]).hexdigest() in message
    )


def test_load_pretrained_does_not_execute_pickled_code(monkeypatch, weights):
    content = pickle.dumps(AbortOnUnpickle(), protocol=2)
    replace_weights(monkeypatch, content)
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(content)
    with pytest.raises(pickle.UnpicklingError):
        load_pretrained("cifar10/resnet20")


# The network: missing, silent, delivering wrong files, and working.


@pytest.mark.parametrize("name", ["cifar10/resnet56", "imagenet/resnet18", "imagenet/vit_b_16"])
def test_load_pretrained_explains_manual_download_when_offline(weights, no_network, name):
    with pytest.raises(FileNotFoundError) as error:
        load_pretrained(name)
    message, file = str(error.value), locate_weights(name)[1]
    assert f"{name} ({file.name}) is not available locally and cannot be downloaded" in message
    assert file.url in message and f"put `{file.name}` into `{weights}`" in message and "TUTORIAL_DATA" in message
    assert list(weights.iterdir()) == [] and not is_pretrained_available(name)
    assert socket.getdefaulttimeout() is None


def test_load_pretrained_downloads_weights_only_once(replaced_checkpoint, weights, monkeypatch):
    network, content = replaced_checkpoint
    with serve_directory({"resnet20.th": content}) as address:
        replace_weights(monkeypatch, replaced_checkpoint[1], address)
        model = load_pretrained("cifar10/resnet20")
    assert [path.name for path in weights.iterdir()] == ["resnet20.th"]
    assert (weights / "resnet20.th").read_bytes() == content
    for ours, theirs in zip(model.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert is_pretrained_available("cifar10/resnet20") and load_pretrained("cifar10/resnet20").sha256 == model.sha256


@pytest.mark.parametrize("fault", ["another file", "cut short"])
def test_load_pretrained_discards_corrupted_download(replaced_checkpoint, weights, monkeypatch, fault):
    content = replaced_checkpoint[1]
    expected, message = {
        "another file": (ValueError, "arrived damaged and was deleted"),
        "cut short": (FileNotFoundError, "cannot be downloaded into .*Connection broken"),
    }[fault]
    with serve_directory({"resnet20.th": content[::-1] if fault == "another file" else content},
                cut=5000 if fault == "cut short" else None) as address:  # fmt: skip
        replace_weights(monkeypatch, content, address)
        with pytest.raises(expected, match=message) as error:
            load_pretrained("cifar10/resnet20")
    if fault == "another file":
        assert hashlib.sha256(content).hexdigest() in str(error.value) and "Try again" in str(error.value)
    assert "With internet access" in str(error.value) and list(weights.iterdir()) == []


def test_load_pretrained_reports_file_missing_on_host(replaced_checkpoint, weights, monkeypatch):
    with serve_directory({}) as address:
        replace_weights(monkeypatch, replaced_checkpoint[1], address)
        with pytest.raises(FileNotFoundError, match="404 Client Error"):
            load_pretrained("cifar10/resnet20")
    assert list(weights.iterdir()) == []


def test_load_pretrained_times_out_on_silent_host(replaced_checkpoint, weights, monkeypatch):
    monkeypatch.setattr(pretrained_module, "CONNECT_TIMEOUT_S", 0.3)
    with serve_directory({}, silent=True) as address:
        replace_weights(monkeypatch, replaced_checkpoint[1], address)
        with pytest.raises(FileNotFoundError, match="timed out"):
            load_pretrained("cifar10/resnet20")
    assert list(weights.iterdir()) == []


# Real files.


@needs_weights("cifar10/resnet20")
@needs_cifar10
def test_cifar_resnet20_reaches_published_accuracy():
    model = load_pretrained("cifar10/resnet20", data_dir=DATA)
    images, labels = load("cifar10", data_dir=DATA, limit=932)
    with torch.no_grad():
        correct = torch.cat([model(part).argmax(1) for part in images.split(233)]) == labels
    assert 0.91 <= correct.float().mean() <= 0.92


@needs_weights("cifar10/resnet56")
@needs_cifar10
def test_cifar_resnet56_reaches_90_percent_accuracy():
    model = load_pretrained("cifar10/resnet56", data_dir=DATA)
    images, labels = load("cifar10", data_dir=DATA, limit=100)
    with torch.no_grad():
        assert (model(images).argmax(1) == labels).float().mean() >= 0.9


@needs_cifar10
@needs_weights("cifar10/resnet20")
@pytest.mark.slow
def test_fgsm_fools_as_many_cifar_images_in_float32_as_in_float64():
    """A probability that rounds to 1 must not make the attack weaker; 200 correctly classified images."""
    network = load_pretrained("cifar10/resnet20", data_dir=DATA)
    images, labels = load("cifar10", limit=260, data_dir=DATA)
    correct = model_outputs(network, images).argmax(1) == labels
    images, labels = images[correct][:200], labels[correct][:200]
    fooled = []
    for dtype in (torch.float32, torch.float64):
        adversarial = fgsm(network.to(dtype), images.to(dtype), labels, eps=2 / 255)
        fooled.append(model_outputs(network, adversarial).argmax(1) != labels)
    assert len(images) == 200 and fooled[1].any() and (fooled[0] != fooled[1]).sum() <= 1
