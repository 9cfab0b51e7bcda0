import dataclasses
import hashlib
import io
import os
import pickle
import socket
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from hosting import hosted

from tutorial_lib import folder
from tutorial_lib.data.official import OFFICIAL
from tutorial_lib.data.public import available, load
from tutorial_lib.networks.pretrained import (
    HOSTS,
    PRETRAINED,
    find_weights,
    how_to_get_weights,
    pretrained,
    pretrained_available,
)
from tutorial_lib.networks.resnet import CifarResNet, PaddedShortcut

# The package gives the name of this module to the function in it.
room = sys.modules["tutorial_lib.networks.pretrained"]

DATA = os.environ.get("TUTORIAL_DATA", "")


def at_hand(name):
    missing = not DATA or not pretrained_available(name, root=DATA)
    return pytest.mark.skipif(missing, reason=f"TUTORIAL_DATA has no weights of {name}")


needs_cifar10 = pytest.mark.skipif(
    not DATA or not available("cifar10", root=DATA), reason="TUTORIAL_DATA has no cifar10-test.npz"
)


@pytest.fixture(autouse=True)
def weights(monkeypatch, tmp_path):
    """No test may see, or write into, the data folder of whoever runs it."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path))
    return tmp_path / "weights"


def checkpoint(network):
    content = io.BytesIO()
    torch.save({"state_dict": {f"module.{key}": value for key, value in network.state_dict().items()}}, content)
    return content.getvalue()


@pytest.fixture
def published(monkeypatch):
    """A ResNet-20 of our own in place of the published one: its network and its file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = CifarResNet(20).eval()
    content = checkpoint(network)
    monkeypatch.setitem(room.CIFAR10, 20, ("resnet20.th", hashlib.sha256(content).hexdigest()))
    return network, content


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# The architecture.


def test_the_shortcut_drops_every_second_pixel_and_pads_channels():
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
def test_sizes_are_the_published_ones(depth, parameters):
    network = CifarResNet(depth)
    assert sum(p.numel() for p in network.parameters()) == parameters
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) + 1 == depth
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_no_such_depth():
    with pytest.raises(ValueError, match=r"depth must be 6n \+ 2"):
        CifarResNet(21)


# What is returned.


def test_networks_take_pictures_in_the_unit_range(published, weights):
    network, content = published
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(content)
    state = torch.get_rng_state()
    model = pretrained("cifar10/resnet20", "cpu")
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    statistics = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
    by_hand = torch.stack([(x[:, channel] - mean) / std for channel, (mean, std) in enumerate(statistics)], 1)
    assert torch.equal(model(x), network(by_hand))
    assert model.name == "cifar10/resnet20" and model.classes[3] == "cat"
    assert model.sha256 == hashlib.sha256(content).hexdigest() and "BSD" in model.file.licence


@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (32, 32)])
def test_pictures_of_the_wrong_shape_are_refused(published, weights, shape):
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(published[1])
    with pytest.raises(ValueError, match=r"expected pictures \(N, 3, H, W\) in \[0, 1\]"):
        pretrained("cifar10/resnet20")(torch.zeros(shape))


def test_class_names_are_those_of_the_data():
    assert room._card("cifar10/resnet20").classes == OFFICIAL["cifar10"].classes


@pytest.mark.parametrize("name", PRETRAINED)
def test_every_card_has_a_file_a_hash_and_a_host(name):
    card = room._card(name)
    first = card.files[0]
    assert first.url.startswith(HOSTS) and first.url.endswith(first.name)
    assert len(first.sha256) in (8, 64) and first.sha256[:8] in first.name and int(first.sha256, 16)
    assert len(card.classes) == (10 if name.startswith("cifar10") else 1000)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small"])
def test_torchvisions_networks_are_read_by_the_hash_in_the_name(monkeypatch, weights, name):
    card = room._card(f"imagenet/{name}")
    with torch.random.fork_rng(devices=[]):
        network = card.build().eval()
    content = io.BytesIO()
    torch.save(network.half().state_dict(), content)
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    file = dataclasses.replace(card.files[0], sha256=sha256[:8])
    monkeypatch.setattr(room, "_card", lambda _: dataclasses.replace(card, files=(file,)))
    weights.mkdir()
    (weights / file.name).write_bytes(content.getvalue())
    model = pretrained(f"imagenet/{name}")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model(torch.rand(1, 3, 64, 64)).shape == (1, 1000) and model.sha256 == sha256


def test_another_accepted_file_is_taken_where_it_is_at_hand(weights):
    assert find_weights("imagenet/squeezenet1_1")[0].name == "squeezenet1_1-b8a52dc0.pth"
    weights.mkdir()
    (weights / "squeezenet1_1_caffe_fp16.pth").write_bytes(b"")
    assert find_weights("imagenet/squeezenet1_1")[0].name == "squeezenet1_1_caffe_fp16.pth"
    assert pretrained_available("imagenet/squeezenet1_1")


# What is refused.


@pytest.mark.parametrize("ask", [pretrained, pretrained_available, how_to_get_weights])
def test_unknown_names_are_answered_with_the_nearest(ask):
    said = "unknown pretrained network 'imagenet/resnet19'; the nearest: 'imagenet/resnet18'"
    with pytest.raises(ValueError, match=said):
        ask("imagenet/resnet19")


class Bomb:
    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "bomb"])
def test_a_damaged_file_is_never_loaded(published, weights, harm, monkeypatch):
    content = bytearray(published[1])
    content[len(content) // 2] ^= 1
    damaged = {"cut": published[1][:-9], "flipped": bytes(content), "empty": b"", "bomb": pickle.dumps(Bomb())}[harm]
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(damaged)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(ValueError) as refusal:
        pretrained("cifar10/resnet20")
    said = str(refusal.value)
    assert str(weights / "resnet20.th") in said and "not loaded" in said and "Remove it" in said
    assert hashlib.sha256(damaged).hexdigest() in said and hashlib.sha256(published[1]).hexdigest() in said


def test_code_in_a_file_is_not_run_even_under_the_right_hash(monkeypatch, weights):
    content = pickle.dumps(Bomb(), protocol=2)
    monkeypatch.setitem(room.CIFAR10, 20, ("resnet20.th", hashlib.sha256(content).hexdigest()))
    weights.mkdir()
    (weights / "resnet20.th").write_bytes(content)
    with pytest.raises(pickle.UnpicklingError):
        pretrained("cifar10/resnet20")


# The network: missing, silent, lying, and well.


@pytest.mark.parametrize("name", ["cifar10/resnet56", "imagenet/resnet18", "imagenet/vit_b_16"])
def test_without_a_network_one_error_says_what_to_do(weights, no_network, name):
    with pytest.raises(FileNotFoundError) as refusal:
        pretrained(name)
    said, file = str(refusal.value), find_weights(name)[1]
    assert f"{name} ({file.name}) is not at hand and cannot be downloaded" in said
    assert file.url in said and f"put {file.name} into `{weights}`" in said and "TUTORIAL_DATA" in said
    assert list(weights.iterdir()) == [] and not pretrained_available(name)
    assert socket.getdefaulttimeout() is None


def test_weights_are_downloaded_once(published, weights, monkeypatch):
    network, content = published
    with hosted({"resnet20.th": content}) as address:
        monkeypatch.setattr(room, "_AKAMASTER", f"{address}/")
        model = pretrained("cifar10/resnet20")
    assert [path.name for path in weights.iterdir()] == ["resnet20.th"]
    assert (weights / "resnet20.th").read_bytes() == content
    for ours, theirs in zip(model.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert pretrained_available("cifar10/resnet20") and pretrained("cifar10/resnet20").sha256 == model.sha256


@pytest.mark.parametrize("harm", ["another file", "cut short"])
def test_a_damaged_download_is_thrown_away(published, weights, monkeypatch, harm):
    content = published[1]
    with hosted({"resnet20.th": content[::-1] if harm == "another file" else content},
                cut=5000 if harm == "cut short" else None) as address:  # fmt: skip
        monkeypatch.setattr(room, "_AKAMASTER", f"{address}/")
        with pytest.raises(ValueError, match="arrived damaged and was thrown away") as refusal:
            pretrained("cifar10/resnet20")
    assert hashlib.sha256(content).hexdigest() in str(refusal.value) and "Try again" in str(refusal.value)
    assert list(weights.iterdir()) == []


def test_a_host_without_the_file_is_an_answer_too(published, weights, monkeypatch):
    with hosted({}) as address:
        monkeypatch.setattr(room, "_AKAMASTER", f"{address}/")
        with pytest.raises(FileNotFoundError, match="HTTP Error 404"):
            pretrained("cifar10/resnet20")
    assert list(weights.iterdir()) == []


def test_a_silent_host_is_given_up_soon(published, weights, monkeypatch):
    monkeypatch.setattr(folder, "PATIENCE", 0.3)
    with hosted({}, silent=True) as address:
        monkeypatch.setattr(room, "_AKAMASTER", f"{address}/")
        with pytest.raises(FileNotFoundError, match="timed out"):
            pretrained("cifar10/resnet20")
    assert list(weights.iterdir()) == []


# Real files.


@at_hand("cifar10/resnet20")
@needs_cifar10
def test_resnet20_recognises_what_was_published():
    model = pretrained("cifar10/resnet20", root=DATA)
    images, labels = load("cifar10", root=DATA, limit=932)
    with torch.no_grad():
        correct = torch.cat([model(part).argmax(1) for part in images.split(233)]) == labels
    assert 0.91 <= correct.float().mean() <= 0.92


@at_hand("cifar10/resnet56")
@needs_cifar10
def test_resnet56_is_better_than_chance_by_far():
    model = pretrained("cifar10/resnet56", root=DATA)
    images, labels = load("cifar10", root=DATA, limit=100)
    with torch.no_grad():
        assert (model(images).argmax(1) == labels).float().mean() >= 0.9


@at_hand("imagenet/squeezenet1_1")
@pytest.mark.skipif(not (Path(DATA) / "imagenet-samples").is_dir(), reason="TUTORIAL_DATA has no imagenet-samples")
def test_squeezenet_recognises_photographs():
    from tutorial_lib.data.photos import photos

    files = sorted((Path(DATA) / "imagenet-samples").glob("*.jpg"))[::4]
    model = pretrained("imagenet/squeezenet1_1", root=DATA)
    with torch.no_grad():
        predicted = torch.cat([model(photos(files[k : k + 25])).argmax(1) for k in range(0, len(files), 25)])
    labels = torch.tensor([int(file.name[:3]) for file in files])
    assert (predicted == labels).float().mean() >= 0.55
