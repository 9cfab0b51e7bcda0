"""The public image datasets: their official splits, and the decoding of the files that torchvision downloads."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ImageArrays = tuple[np.ndarray, np.ndarray]


class SplitInfo(NamedTuple):
    """An official split.

    Attributes:
        n_images: number of its images.
        megabytes: size of its download.
    """

    n_images: int
    megabytes: int


@dataclass(frozen=True)
class DatasetInfo:
    """A public dataset of labeled images.

    Attributes:
        classes: names, in the order of the labels.
        splits: official splits by name.
        shape: height, width and channels of the decoded images.
        host: the host from which torchvision downloads it.
        decode: (folder for the download, split) -> images (N, H, W, C) uint8 and labels (N,).
        shared_download: whether one download contains every split.
        resize_note: how the images were scaled to ``shape``; empty if they are published in this size.
    """

    classes: tuple[str, ...]
    splits: dict[str, SplitInfo]
    shape: tuple[int, int, int]
    host: str
    decode: Callable[[Path, str], ImageArrays]
    shared_download: bool = False
    resize_note: str = ""


def _cifar10(folder: Path, split: str) -> ImageArrays:
    """Images and labels of CIFAR-10, downloaded into a folder."""
    from torchvision.datasets import CIFAR10

    with warnings.catch_warnings():
        # The published pickles date from 2009; numpy 2.4 warns about the way they write a dtype.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        dataset = CIFAR10(folder, train=split == "train", download=True)
    return dataset.data, np.asarray(dataset.targets)


def _svhn(folder: Path, split: str) -> ImageArrays:
    """Images and labels of SVHN, downloaded into a folder."""
    from torchvision.datasets import SVHN

    dataset = SVHN(folder, split=split, download=True)
    return dataset.data.transpose(0, 2, 3, 1), dataset.labels


def _mnist(folder: Path, split: str) -> ImageArrays:
    """Images and labels of MNIST, downloaded into a folder."""
    from torchvision.datasets import MNIST

    dataset = MNIST(folder, train=split == "train", download=True)
    return dataset.data.numpy()[..., None], dataset.targets.numpy()


def _gtsrb(folder: Path, split: str) -> ImageArrays:
    """Images and labels of GTSRB, downloaded into a folder."""
    from torchvision.datasets import GTSRB

    return _decode(GTSRB(folder, split=split, download=True), crop=False)


def _dtd(folder: Path, split: str) -> ImageArrays:
    """Images and labels of DTD, downloaded into a folder."""
    from torchvision.datasets import DTD

    return _decode(DTD(folder, split=split, download=True), crop=True)


def _decode(dataset: Any, crop: bool) -> ImageArrays:
    """The images, scaled to 32×32 after an optional crop to the central square, and the labels."""
    from PIL import Image

    images, labels = [], []
    for k in range(len(dataset)):
        image, label = dataset[k]
        if crop:
            width, height = image.size
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
            image = image.crop((left, top, left + side, top + side))
        # Pillow's bilinear filter widens with the reduction, which prevents aliasing.
        images.append(np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)))
        labels.append(label)
    return np.stack(images), np.asarray(labels)


DIGIT_CLASSES = tuple("0123456789")

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

DTD_CLASSES = tuple(
    """
    banded blotchy braided bubbly bumpy chequered cobwebbed cracked crosshatched crystalline dotted fibrous flecked
    freckled frilly gauzy grid grooved honeycombed interlaced knitted lacelike lined marbled matted meshed paisley
    perforated pitted pleated polka-dotted porous potholed scaly smeared spiralled sprinkled stained stratified
    striped studded swirly veined waffled woven wrinkled zigzagged
""".split()
)

GTSRB_CLASSES = (
    *(f"speed limit {limit}" for limit in (20, 30, 50, 60, 70, 80)),
    "end of speed limit 80", "speed limit 100", "speed limit 120", "no overtaking", "no overtaking by lorries",
    "priority at the next crossing", "priority road", "yield", "stop", "no vehicles", "no lorries", "no entry",
    "danger", "curve to the left", "curve to the right", "double curve", "uneven road", "slippery road",
    "road narrows on the right", "road works", "traffic signals", "pedestrians", "children", "bicycles", "snow or ice",
    "wild animals", "end of all limits", "turn right ahead", "turn left ahead", "ahead only", "ahead or right",
    "ahead or left", "keep right", "keep left", "roundabout", "end of no overtaking",
    "end of no overtaking by lorries",
)  # fmt: skip

DATASETS = {
    # Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    "cifar10": DatasetInfo(
        classes=CIFAR10_CLASSES,
        splits={"train": SplitInfo(50_000, 170), "test": SplitInfo(10_000, 170)},
        shape=(32, 32, 3),
        host="https://www.cs.toronto.edu",
        decode=_cifar10,
        shared_download=True,
    ),
    # Netzer et al. 2011, "Reading digits in natural images with unsupervised feature learning".
    "svhn": DatasetInfo(
        classes=DIGIT_CLASSES,
        splits={"train": SplitInfo(73_257, 182), "test": SplitInfo(26_032, 64)},
        shape=(32, 32, 3),
        host="http://ufldl.stanford.edu",
        decode=_svhn,
    ),
    # Stallkamp et al. 2012, "Man vs. computer: benchmarking machine learning algorithms for traffic sign recognition".
    "gtsrb": DatasetInfo(
        classes=GTSRB_CLASSES,
        splits={"train": SplitInfo(26_640, 187), "test": SplitInfo(12_630, 89)},
        shape=(32, 32, 3),
        host="https://sid.erda.dk",
        decode=_gtsrb,
        resize_note="whole image scaled to 32×32, bilinear, antialiased",
    ),
    # Cimpoi et al. 2014, "Describing textures in the wild", arXiv:1311.3618.
    "dtd": DatasetInfo(
        classes=DTD_CLASSES,
        splits={"train": SplitInfo(1_880, 625), "val": SplitInfo(1_880, 625), "test": SplitInfo(1_880, 625)},
        shape=(32, 32, 3),
        host="https://www.robots.ox.ac.uk",
        decode=_dtd,
        shared_download=True,
        resize_note="central square scaled to 32×32, bilinear, antialiased",
    ),
    # LeCun et al. 1998, "Gradient-based learning applied to document recognition".
    "mnist": DatasetInfo(
        classes=DIGIT_CLASSES,
        splits={"train": SplitInfo(60_000, 12), "test": SplitInfo(10_000, 12)},
        shape=(28, 28, 1),
        host="https://ossci-datasets.s3.amazonaws.com",
        decode=_mnist,
        shared_download=True,
    ),
}
