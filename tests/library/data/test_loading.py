import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import socket
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests._http_server import serve_directory
from tutorial_lib import _download
from tutorial_lib.data import loading, registry
from tutorial_lib.data.labeled_images import LabeledImages, from_arrays
from tutorial_lib.data.loading import download_hint, is_available, load
from tutorial_lib.data.registry import DATASETS

DATA = os.environ.get("TUTORIAL_DATA", "")


def requires_local_data(world, split="test"):
    missing = not DATA or not is_available(world, split, data_dir=DATA)
    return pytest.mark.skipif(missing, reason=f"TUTORIAL_DATA has no {world}-{split}.npz")


@pytest.fixture(autouse=True)
def isolated_data_dir(monkeypatch, tmp_path):
    """Keep tests away from the data folder of the person who runs them."""
    monkeypatch.setenv("TUTORIAL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def write_npz(path, *, n=6, shape=(32, 32, 3), **changes):
    random = np.random.default_rng(0)
    arrays = {"images": random.integers(0, 256, (n, *shape), np.uint8), "labels": np.arange(n) % 10}
    arrays = {key: array for key, array in (arrays | changes).items() if array is not None}
    np.savez_compressed(path, **arrays)
    return arrays


# What is loaded.


def test_load_returns_images_in_unit_range_with_description(data):
    arrays = write_npz(data / "cifar10-test.npz")
    dataset = load("cifar10")
    images, labels = dataset
    assert images.shape == (6, 3, 32, 32) and images.dtype == torch.float32 and images.is_contiguous()
    assert labels.dtype == torch.int64 and labels.tolist() == [0, 1, 2, 3, 4, 5]
    for n in range(6):
        for channel in range(3):
            naive = torch.tensor(arrays["images"][n, :, :, channel] / np.float32(255))
            assert torch.equal(images[n, channel], naive)
    assert dataset.description == "6 of 10,000 images of cifar10/test"
    assert dataset.source == "cifar10-test.npz"
    assert dataset.classes[3] == "cat"
    assert dataset._replace(labels=labels + 1).labels[0] == 1
    assert repr(dataset) == "LabeledImages(6×3×32×32 on cpu; 6 of 10,000 images of cifar10/test; cifar10-test.npz)"


def test_load_expands_gray_images_to_three_equal_channels(data):
    arrays = write_npz(data / "mnist-test.npz", shape=(28, 28, 1))
    images, _ = load("mnist")
    assert images.shape == (6, 3, 28, 28)
    assert torch.equal(images[:, 0], images[:, 1]) and torch.equal(images[:, 0], images[:, 2])
    assert torch.equal(images[2, 0], torch.tensor(arrays["images"][2, ..., 0] / np.float32(255)))


def test_load_limit_takes_first_images_and_reports_it(data):
    write_npz(data / "cifar10-test.npz")
    some, every = load("cifar10", limit=4), load("cifar10", limit=400)
    assert torch.equal(some.images, every.images[:4]) and some.labels.tolist() == [0, 1, 2, 3]
    assert some.description == "6 of 10,000 images of cifar10/test; the first 4 of them"
    assert len(every.images) == 6 and "first" not in every.description


def test_load_size_resizes_images_and_reports_it(data):
    write_npz(data / "mnist-test.npz", shape=(28, 28, 1))
    images = load("mnist", size=32)
    assert images.images.shape == (6, 3, 32, 32)
    assert images.description.endswith("; scaled to 32×32 on loading")
    assert 0 <= images.images.min() and images.images.max() <= 1
    assert "scaled to" not in load("mnist", size=28).description


@pytest.mark.parametrize("option", [{"limit": 0}, {"limit": 2.5}, {"size": -3}])
def test_load_rejects_invalid_limit_and_size(option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} (must|to) be a whole number"):
        load("digits", **option)


def test_load_hash_depends_on_arrays_not_on_the_file(data):
    arrays = write_npz(data / "cifar10-test.npz")
    whole, part = load("cifar10"), load("cifar10", limit=3)
    write_npz(data / "cifar10-test.npz", images=arrays["images"][:3], labels=arrays["labels"][:3].astype(np.int32))
    assert load("cifar10").sha256 == part.sha256 != whole.sha256
    write_npz(data / "cifar10-test.npz", labels=arrays["labels"] + 1)
    assert load("cifar10").sha256 != whole.sha256
    assert load("cifar10", size=16).sha256 == load("cifar10").sha256

    digest = hashlib.sha256(b"|u1(3, 32, 32, 3)" + arrays["images"][:3].tobytes())
    digest.update(b"<i8(3,)" + arrays["labels"][:3].astype("<i8").tobytes())
    assert part.sha256 == digest.hexdigest()


def test_labeled_images_survive_pickling(data):
    write_npz(data / "cifar10-test.npz")
    before = load("cifar10", limit=2)
    after = pickle.loads(pickle.dumps(before))
    assert isinstance(after, LabeledImages) and torch.equal(after.images, before.images)
    assert (after.classes, after.description, after.sha256, after.source) == (
        before.classes, before.description, before.sha256, before.source,
    )  # fmt: skip


def test_load_uses_and_counts_class_names_stored_in_the_file(data):
    write_npz(data / "dtd-test.npz", classes=np.array(registry.DTD_CLASSES[:10]))
    assert load("dtd").classes == registry.DTD_CLASSES[:10]
    assert load("dtd").description == (
        "6 images of dtd/test, 10 of 47 classes; the file does not state how they were resized"
    )
    write_npz(data / "dtd-test.npz", scaled=np.array("central square"))
    assert load("dtd").description == "6 of 1,880 images of dtd/test; central square"
    write_npz(data / "dtd-test.npz", classes=np.array(list("abcdefghij")))
    assert load("dtd").description.startswith("6 images of dtd/test, with class names of their own")


def test_load_digits_needs_no_download(no_network):
    train, test = load("digits", "train"), load("digits")
    assert len(train.images) + len(test.images) == 1797
    assert test.images.shape == (500, 3, 32, 32) and test.description.startswith("all 500 images of digits/test")
    from sklearn.datasets import load_digits

    original = torch.tensor(load_digits().images[1297:] / 16, dtype=torch.float32)
    assert torch.equal(test.images[:, 0, ::4, ::4], original) and torch.equal(test.images[:, 2, 3::4, 2::4], original)
    assert is_available("digits") and "always available" in download_hint("digits")
    with pytest.raises(ValueError, match="unknown split of digits 'tset'; the nearest: 'test'"):
        load("digits", "tset")


def test_load_accepts_a_registered_custom_loader(monkeypatch):
    def black(split, *, limit, size, device, data_dir):
        images, labels = np.zeros((3, 4, 4, 3), np.uint8), np.zeros(3, np.int64)
        return from_arrays(images, labels, ("black",), f"{split}", "here", limit=limit, size=size, device=device)

    monkeypatch.setitem(loading.LOADERS, "night", black)
    assert load("night", "now", limit=2).images.shape == (2, 3, 4, 4)
    assert is_available("night", "now")


def test_dataset_class_names_are_unique_and_match_official_counts():
    assert {world: len(published.classes) for world, published in DATASETS.items()} == {
        "cifar10": 10, "cifar100": 100, "svhn": 10, "gtsrb": 43, "dtd": 47, "mnist": 10,
    }  # fmt: skip
    for published in DATASETS.values():
        assert len(set(published.classes)) == len(published.classes)


def test_dataset_classes_exist_in_torchvision():
    from torchvision import datasets

    assert all(hasattr(datasets, published.torchvision_class) for published in DATASETS.values())


# What is rejected.


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("cifer10", "test"), "unknown dataset 'cifer10'; the nearest: 'cifar10'"),
        (("cifar10", "tets"), "unknown split of cifar10 'tets'; the nearest: 'test'"),
        (("svhn", "val"), "unknown split of svhn 'val'; there are: 'train', 'test'"),
    ],
)
@pytest.mark.parametrize("function", [load, is_available, download_hint])
def test_loading_functions_suggest_nearest_dataset_or_split_name(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


INVALID_ARRAYS = {
    r"images are float64 \(6, 32, 32, 3\), labels are int64 \(6,\)": {"images": np.zeros((6, 32, 32, 3))},
    r"images are uint8 \(6, 3, 32, 32\)": {"images": np.zeros((6, 3, 32, 32), np.uint8)},
    r"images are uint8 \(6, 32, 32\)": {"images": np.zeros((6, 32, 32), np.uint8)},
    r"labels are float64 \(6,\)": {"labels": np.zeros(6)},
    r"labels are int64 \(6, 1\)": {"labels": np.zeros((6, 1), np.int64)},
    r"images are uint8 \(6, 32, 32, 3\), labels are int64 \(5,\)": {"labels": np.zeros(5, np.int64)},
    "labels run from 0 to 10, but there are 10 classes": {"labels": np.array([0, 1, 2, 3, 4, 10])},
    "labels run from -1 to 4, but there are 10 classes": {"labels": np.array([0, 1, 2, 3, 4, -1])},
    "labels run from 0 to 5, but there are 2 classes": {"classes": np.array(["yes", "no"])},
    "classes are int64 of shape": {"classes": np.arange(10)},
    r"images are uint8 \(0, 32, 32, 3\)": {
        "images": np.zeros((0, 32, 32, 3), np.uint8),
        "labels": np.zeros(0, np.int64),
    },
    "it has no labels": {"labels": None},
    "it has no images and no labels": {"labels": None, "images": None, "pixels": np.zeros(3)},
    "it holds pickled objects, which are never loaded": {"labels": np.array([{}] * 6, dtype=object)},
}


@pytest.mark.parametrize("message", INVALID_ARRAYS)
def test_load_rejects_invalid_arrays(data, message):
    write_npz(data / "cifar10-test.npz", **INVALID_ARRAYS[message])
    with pytest.raises(ValueError, match=message) as error:
        load("cifar10")
    assert str(data / "cifar10-test.npz") in str(error.value)
    assert "Expected: images (N, 32, 32, 3) uint8, labels (N,) integers in 0…9" in str(error.value)


def test_load_rejects_more_images_than_the_official_split(data, monkeypatch):
    small = dataclasses.replace(DATASETS["cifar10"], splits={"test": registry.SplitInfo(5, 1)})
    monkeypatch.setitem(DATASETS, "cifar10", small)
    write_npz(data / "cifar10-test.npz")
    with pytest.raises(ValueError, match=r"images are uint8 \(6, 32, 32, 3\).*N in 1…5"):
        load("cifar10")


class Bomb:
    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("content", [pickle.dumps(Bomb()), b"", b"<html>not found</html>"])
def test_load_rejects_files_that_are_not_npz_archives(data, content):
    (data / "cifar10-test.npz").write_bytes(content)
    with pytest.raises(ValueError, match="it is not a valid .npz archive"):
        load("cifar10")


def test_load_never_unpickles_archive_members(data):
    with zipfile.ZipFile(data / "cifar10-test.npz", "w") as archive:
        archive.writestr("images.npy", pickle.dumps(Bomb()))
        archive.writestr("labels.npy", pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="it is not a valid .npz archive"):
        load("cifar10")


def test_load_rejects_archive_with_flipped_bytes(data):
    write_npz(data / "cifar10-test.npz", n=60)
    content = bytearray((data / "cifar10-test.npz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (data / "cifar10-test.npz").write_bytes(content)
    with pytest.raises(ValueError, match="it is not a valid .npz archive"):
        load("cifar10")


# The network: missing, silent, delivering wrong files, and working.


@pytest.mark.parametrize("world", DATASETS)
def test_load_without_network_explains_manual_download(data, no_network, world):
    with pytest.raises(FileNotFoundError) as error:
        load(world, "test")
    message = str(error.value)
    assert f"{world}/test is not available locally and cannot be downloaded" in message
    assert f"put `{world}-test.npz` (images (N, " in message and "TUTORIAL_DATA" in message and str(data) in message
    assert error.value.__cause__ is None and error.value.__suppress_context__
    assert list(data.iterdir()) == [] and not is_available(world)
    assert socket.getdefaulttimeout() is None


def test_load_reports_data_folder_that_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileNotFoundError, match=r"cannot be downloaded into .*(NotADir|FileExists)"):
        load("svhn", data_dir=tmp_path / "file")


def serve_svhn(monkeypatch, address, md5):
    from torchvision.datasets import SVHN

    monkeypatch.setattr(SVHN, "split_list", {"test": [f"{address}/test_32x32.mat", "test_32x32.mat", md5]})
    small = dataclasses.replace(DATASETS["svhn"], splits={"test": registry.SplitInfo(5, 64)})
    monkeypatch.setitem(DATASETS, "svhn", small)


def svhn_file():
    from scipy.io import savemat

    images = np.random.default_rng(1).integers(0, 256, (32, 32, 3, 5), np.uint8)
    content = io.BytesIO()
    savemat(content, {"X": images, "y": np.array([[1], [10], [3], [9], [10]], np.uint8)})
    return content.getvalue(), images


def test_load_svhn_downloads_once_and_leaves_one_file(data, monkeypatch):
    content, images = svhn_file()
    with serve_directory({"test_32x32.mat": content}) as address:
        serve_svhn(monkeypatch, address, hashlib.md5(content).hexdigest())
        dataset = load("svhn")
    assert [path.name for path in data.iterdir()] == ["svhn-test.npz"]
    assert dataset.labels.tolist() == [1, 0, 3, 9, 0] and dataset.description == "all 5 images of svhn/test"
    assert torch.equal(dataset.images[4, 2], torch.tensor(images[:, :, 2, 4] / np.float32(255)))
    assert load("svhn").sha256 == dataset.sha256 and is_available("svhn")


@pytest.mark.parametrize("fault", ["another file", "cut short", "wrong number"])
def test_load_discards_corrupted_download(data, monkeypatch, fault):
    content, _ = svhn_file()
    md5 = hashlib.md5(content).hexdigest()
    with serve_directory({"test_32x32.mat": content[::-1] if fault == "another file" else content},
                cut=2000 if fault == "cut short" else None) as address:  # fmt: skip
        serve_svhn(monkeypatch, address, md5)
        if fault == "wrong number":
            monkeypatch.setitem(
                DATASETS, "svhn", dataclasses.replace(DATASETS["svhn"], splits={"test": registry.SplitInfo(7, 64)})
            )
        with pytest.raises(ValueError, match="svhn/test arrived damaged and was deleted") as error:
            load("svhn")
    assert "Try again" in str(error.value) and "put `svhn-test.npz`" in str(error.value)
    assert list(data.iterdir()) == []


def test_load_times_out_on_silent_host(data, monkeypatch):
    monkeypatch.setattr(_download, "CONNECT_TIMEOUT_S", 0.3)
    with serve_directory({}, silent=True) as address:
        serve_svhn(monkeypatch, address, "0" * 32)
        with pytest.raises(
            FileNotFoundError, match="svhn/test is not available locally and cannot be downloaded.*timed out"
        ):
            load("svhn")
    assert list(data.iterdir()) == []


def test_load_leaves_no_files_after_interrupted_download(data, monkeypatch):
    def interrupted(name, split, folder):
        (folder / "half.mat").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "download_split", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load("svhn")
    assert list(data.iterdir()) == [] and socket.getdefaulttimeout() is None


def test_load_cifar10_stores_both_splits_from_one_download(data, monkeypatch):
    from torchvision.datasets import CIFAR10

    random = np.random.default_rng(2)
    batches = {f"data_batch_{k}": 2 for k in range(1, 6)} | {"test_batch": 3}
    files = {
        name: pickle.dumps({"data": random.integers(0, 256, (n, 3072), np.uint8), "labels": [7] * n})
        for name, n in batches.items()
    }
    files["batches.meta"] = pickle.dumps({"label_names": list(registry.CIFAR10_CLASSES)})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5[name]] for name in list(batches)[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5["batches.meta"]})
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.getvalue()).hexdigest())
    splits = {"train": registry.SplitInfo(10, 1), "test": registry.SplitInfo(3, 1)}
    monkeypatch.setitem(DATASETS, "cifar10", dataclasses.replace(DATASETS["cifar10"], splits=splits))
    with serve_directory({CIFAR10.filename: archive.getvalue()}) as address:
        monkeypatch.setattr(CIFAR10, "url", f"{address}/{CIFAR10.filename}")
        images, labels = load("cifar10")
    assert sorted(path.name for path in data.iterdir()) == ["cifar10-test.npz", "cifar10-train.npz"]
    assert labels.tolist() == [7, 7, 7] and len(load("cifar10", "train").images) == 10
    raw = pickle.loads(files["test_batch"])["data"].reshape(-1, 3, 32, 32)
    assert torch.equal(images, torch.tensor(raw / np.float32(255)))


def test_load_mnist_decodes_idx_files(data, monkeypatch):
    from torchvision.datasets import MNIST

    random = np.random.default_rng(3)
    images = {part: random.integers(0, 256, (n, 28, 28), np.uint8) for part, n in (("train", 4), ("t10k", 2))}
    files = {}
    for part, array in images.items():
        n = len(array)
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(struct.pack(">IIII", 2051, n, 28, 28) + array.tobytes())
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(struct.pack(">II", 2049, n) + bytes(range(n)))
    monkeypatch.setattr(MNIST, "resources", [(name, hashlib.md5(files[name]).hexdigest()) for name in files])
    splits = {"train": registry.SplitInfo(4, 1), "test": registry.SplitInfo(2, 1)}
    monkeypatch.setitem(DATASETS, "mnist", dataclasses.replace(DATASETS["mnist"], splits=splits))
    with serve_directory(files) as address:
        monkeypatch.setattr(MNIST, "mirrors", [f"{address}/"])
        dataset = load("mnist")
    assert torch.equal(dataset.images[:, 1], torch.tensor(images["t10k"] / np.float32(255)))
    assert dataset.labels.tolist() == [0, 1] and dataset.description == "all 2 images of mnist/test"
    assert sorted(path.name for path in data.iterdir()) == ["mnist-test.npz", "mnist-train.npz"]


def test_load_gtsrb_and_dtd_follow_their_stated_resize_rule(data, monkeypatch):
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, 16:80] = 200  # the central square has one color, the whole image has two
    splits = {"test": registry.SplitInfo(1, 1)}
    for world, crop in (("gtsrb", False), ("dtd", True)):
        info = dataclasses.replace(DATASETS[world], splits=splits)
        decoded = registry.decode_image(Image.fromarray(stripes), info)[None]
        monkeypatch.setitem(DATASETS, world, info)
        monkeypatch.setattr(loading, "download_split", lambda *_, decoded=decoded: (decoded, np.array([3])))
        images = load(world)
        assert images.images.shape == (1, 3, 32, 32) and images.labels.tolist() == [3]
        assert images.description == f"all 1 images of {world}/test; {info.resize_note}"
        assert (len(images.images.unique()) == 1) == crop


def test_gtsrb_decoder_reads_torchvision_archives(tmp_path, monkeypatch):
    from torchvision.datasets import gtsrb

    def download(url, download_root, md5):
        assert url.startswith("https://")
        folder = Path(download_root)
        (folder / "GTSRB/Final_Test/Images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 44, 3), 90, np.uint8)).save(folder / "GTSRB/Final_Test/Images/00000.ppm")
        (folder / "GT-final_test.csv").write_text("Filename;ClassId\n00000.ppm;14\n")

    monkeypatch.setattr(gtsrb, "download_and_extract_archive", download)
    images, labels = registry.download_split("gtsrb", "test", tmp_path)
    assert images.shape == (1, 32, 32, 3) and (images == 90).all() and labels.tolist() == [14]
    assert registry.GTSRB_CLASSES[14] == "stop"


# Real files.


@requires_local_data("cifar10")
def test_load_real_cifar10_returns_expected_labels():
    images, labels = load("cifar10", data_dir=DATA, limit=932)
    assert images.shape[1:] == (3, 32, 32) and labels[:8].tolist() == [3, 8, 8, 0, 6, 6, 1, 6]


@requires_local_data("gtsrb")
def test_load_real_gtsrb_contains_all_classes():
    images = load("gtsrb", data_dir=DATA)
    assert len(images.labels.unique()) == 43
