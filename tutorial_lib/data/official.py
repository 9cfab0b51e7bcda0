"""The published picture sets: what their official splits hold, and how torchvision's files are decoded."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]


class Split(NamedTuple):
    """An official split: how many pictures it has, and the megabytes that are downloaded to get it."""

    pictures: int
    megabytes: int


@dataclass(frozen=True)
class PictureSet:
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
    splits: dict[str, Split]
    shape: tuple[int, int, int]
    host: str
    decode: Callable[[Path, str], Arrays]
    together: bool = False
    scaled: str = ""


def _cifar10(folder: Path, split: str) -> Arrays:
    from torchvision.datasets import CIFAR10

    with warnings.catch_warnings():
        # The published pickles date from 2009; numpy 2.4 grumbles at their way of writing a dtype.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        pictures = CIFAR10(folder, train=split == "train", download=True)
    return pictures.data, np.asarray(pictures.targets)


def _svhn(folder: Path, split: str) -> Arrays:
    from torchvision.datasets import SVHN

    pictures = SVHN(folder, split=split, download=True)
    return pictures.data.transpose(0, 2, 3, 1), pictures.labels


def _mnist(folder: Path, split: str) -> Arrays:
    from torchvision.datasets import MNIST

    pictures = MNIST(folder, train=split == "train", download=True)
    return pictures.data.numpy()[..., None], pictures.targets.numpy()


def _gtsrb(folder: Path, split: str) -> Arrays:
    from torchvision.datasets import GTSRB

    return _decoded(GTSRB(folder, split=split, download=True), central=False)


def _dtd(folder: Path, split: str) -> Arrays:
    from torchvision.datasets import DTD

    return _decoded(DTD(folder, split=split, download=True), central=True)


def _decoded(pictures, central: bool) -> Arrays:
    from PIL import Image

    small, labels = [], []
    for k in range(len(pictures)):
        picture, label = pictures[k]
        if central:
            width, height = picture.size
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
            picture = picture.crop((left, top, left + side, top + side))
        # Pillow's bilinear filter widens with the reduction, so that nothing aliases.
        small.append(np.asarray(picture.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)))
        labels.append(label)
    return np.stack(small), np.asarray(labels)


DIGITS = tuple("0123456789")

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

TEXTURES = tuple(
    """
    banded blotchy braided bubbly bumpy chequered cobwebbed cracked crosshatched crystalline dotted fibrous flecked
    freckled frilly gauzy grid grooved honeycombed interlaced knitted lacelike lined marbled matted meshed paisley
    perforated pitted pleated polka-dotted porous potholed scaly smeared spiralled sprinkled stained stratified
    striped studded swirly veined waffled woven wrinkled zigzagged
""".split()
)

GERMAN_SIGNS = (
    *(f"speed limit {limit}" for limit in (20, 30, 50, 60, 70, 80)),
    "end of speed limit 80", "speed limit 100", "speed limit 120", "no overtaking", "no overtaking by lorries",
    "priority at the next crossing", "priority road", "yield", "stop", "no vehicles", "no lorries", "no entry",
    "danger", "curve to the left", "curve to the right", "double curve", "uneven road", "slippery road",
    "road narrows on the right", "road works", "traffic signals", "pedestrians", "children", "bicycles", "snow or ice",
    "wild animals", "end of all limits", "turn right ahead", "turn left ahead", "ahead only", "ahead or right",
    "ahead or left", "keep right", "keep left", "roundabout", "end of no overtaking",
    "end of no overtaking by lorries",
)  # fmt: skip

OFFICIAL = {
    # Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    "cifar10": PictureSet(
        classes=CIFAR10_CLASSES,
        splits={"train": Split(50_000, 170), "test": Split(10_000, 170)},
        shape=(32, 32, 3),
        host="https://www.cs.toronto.edu",
        decode=_cifar10,
        together=True,
    ),
    # Netzer et al. 2011, "Reading digits in natural images with unsupervised feature learning".
    "svhn": PictureSet(
        classes=DIGITS,
        splits={"train": Split(73_257, 182), "test": Split(26_032, 64)},
        shape=(32, 32, 3),
        host="http://ufldl.stanford.edu",
        decode=_svhn,
    ),
    # Stallkamp et al. 2012, "Man vs. computer: benchmarking machine learning algorithms for traffic sign recognition".
    "gtsrb": PictureSet(
        classes=GERMAN_SIGNS,
        splits={"train": Split(26_640, 187), "test": Split(12_630, 89)},
        shape=(32, 32, 3),
        host="https://sid.erda.dk",
        decode=_gtsrb,
        scaled="whole picture scaled to 32×32, bilinear, antialiased",
    ),
    # Cimpoi et al. 2014, "Describing textures in the wild", arXiv:1311.3618.
    "dtd": PictureSet(
        classes=TEXTURES,
        splits={"train": Split(1_880, 625), "val": Split(1_880, 625), "test": Split(1_880, 625)},
        shape=(32, 32, 3),
        host="https://www.robots.ox.ac.uk",
        decode=_dtd,
        together=True,
        scaled="central square scaled to 32×32, bilinear, antialiased",
    ),
    # LeCun et al. 1998, "Gradient-based learning applied to document recognition".
    "mnist": PictureSet(
        classes=DIGITS,
        splits={"train": Split(60_000, 12), "test": Split(10_000, 12)},
        shape=(28, 28, 1),
        host="https://ossci-datasets.s3.amazonaws.com",
        decode=_mnist,
        together=True,
    ),
}
