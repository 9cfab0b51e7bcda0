"""The published picture sets: what their official splits hold, and how torchvision's files are decoded."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

ImageArrays = tuple[np.ndarray, np.ndarray]


class SplitInfo(NamedTuple):
    """An official split: how many pictures it has, and the megabytes that are downloaded to get it."""

    n_images: int
    megabytes: int


@dataclass(frozen=True)
class DatasetInfo:
    """A published set of labelled pictures.

    Attributes:
        classes: names, in the order of the labels.
        splits: official splits by name.
        shape: height, width, channels of the decoded pictures.
        host: where torchvision downloads it from.
        decode: (folder for the download, split) -> pictures (N, H, W, C) uint8 and labels (N,).
        together: one download holds every split.
        scaled: how the pictures came to ``shape``; empty where they are published so.
    """

    classes: tuple[str, ...]
    splits: dict[str, SplitInfo]
    shape: tuple[int, int, int]
    host: str
    decode: Callable[[Path, str], ImageArrays]
    shared_download: bool = False
    resize_note: str = ""


def _cifar10(folder: Path, split: str) -> ImageArrays:
    from torchvision.datasets import CIFAR10

    with warnings.catch_warnings():
        # The published pickles date from 2009; numpy 2.4 grumbles at their way of writing a dtype.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        images = CIFAR10(folder, train=split == "train", download=True)
    return images.data, np.asarray(images.targets)


def _svhn(folder: Path, split: str) -> ImageArrays:
    from torchvision.datasets import SVHN

    images = SVHN(folder, split=split, download=True)
    return images.data.transpose(0, 2, 3, 1), images.labels


def _mnist(folder: Path, split: str) -> ImageArrays:
    from torchvision.datasets import MNIST

    images = MNIST(folder, train=split == "train", download=True)
    return images.data.numpy()[..., None], images.targets.numpy()


def _gtsrb(folder: Path, split: str) -> ImageArrays:
    from torchvision.datasets import GTSRB

    return _decoded(GTSRB(folder, split=split, download=True), central=False)


def _dtd(folder: Path, split: str) -> ImageArrays:
    from torchvision.datasets import DTD

    return _decoded(DTD(folder, split=split, download=True), central=True)


def _decoded(images, central: bool) -> ImageArrays:
    from PIL import Image

    small, labels = [], []
    for k in range(len(images)):
        image, label = images[k]
        if central:
            width, height = image.size
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
            image = image.crop((left, top, left + side, top + side))
        # Pillow's bilinear filter widens with the reduction, so that nothing aliases.
        small.append(np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)))
        labels.append(label)
    return np.stack(small), np.asarray(labels)


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
        resize_note="whole picture scaled to 32×32, bilinear, antialiased",
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
