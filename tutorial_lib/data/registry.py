"""The public image datasets: their official splits, and the decoding of the files that torchvision downloads."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tutorial_lib.data._safe_io import central_square


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
        torchvision_class: name of its class in ``torchvision.datasets``.
        shared_download: whether one download contains every split.
        crop_to_square: whether only the central square of an image is used.
        resize_note: how the images were scaled to ``shape``; empty if they are published in this size.
    """

    classes: tuple[str, ...]
    splits: dict[str, SplitInfo]
    shape: tuple[int, int, int]
    torchvision_class: str
    shared_download: bool = False
    crop_to_square: bool = False
    resize_note: str = ""


def download_split(name: str, split: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Download a split with torchvision, which checks the hashes of the files, and decode its images.

    Args:
        name: the dataset, a key of ``DATASETS``.
        split: one of its splits.
        folder: a temporary folder for the downloaded files.

    Returns:
        Images (N, H, W, C), uint8, in the shape of the dataset, and labels (N,), int64.
    """
    from torchvision import datasets

    info = DATASETS[name]
    has_train_flag = info.torchvision_class in ("CIFAR10", "CIFAR100", "MNIST")
    options = {"train": split == "train"} if has_train_flag else {"split": split}
    with warnings.catch_warnings():
        # The published pickles of CIFAR-10 date from 2009; numpy 2.4 warns about the way they write a dtype.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        dataset = getattr(datasets, info.torchvision_class)(
            folder, download=True, transform=lambda image: decode_image(image, info), **options
        )
    images, labels = zip(*(dataset[k] for k in range(len(dataset))), strict=True)
    return np.stack(images), np.array(labels, np.int64)


def decode_image(image: Image.Image, info: DatasetInfo) -> np.ndarray:
    """Return an image of a dataset as an array of the shape of the dataset.

    Args:
        image: an image as torchvision returns it.
        info: the dataset.

    Returns:
        Image (H, W, C), uint8.
    """
    height, width, channels = info.shape
    if info.crop_to_square:
        image = central_square(image)
    # Pillow's bilinear filter widens with the reduction, which prevents aliasing. An image of this size stays as it is.
    image = image.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(info.shape)


DIGIT_CLASSES = tuple("0123456789")

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

CIFAR100_CLASSES = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm
""".split()
)

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
        torchvision_class="CIFAR10",
        shared_download=True,
    ),
    # Krizhevsky 2009; the 100 classes are those of its "fine" labels.
    "cifar100": DatasetInfo(
        classes=CIFAR100_CLASSES,
        splits={"train": SplitInfo(50_000, 169), "test": SplitInfo(10_000, 169)},
        shape=(32, 32, 3),
        torchvision_class="CIFAR100",
        shared_download=True,
    ),
    # Netzer et al. 2011, "Reading digits in natural images with unsupervised feature learning".
    "svhn": DatasetInfo(
        classes=DIGIT_CLASSES,
        splits={"train": SplitInfo(73_257, 182), "test": SplitInfo(26_032, 64)},
        shape=(32, 32, 3),
        torchvision_class="SVHN",
    ),
    # Stallkamp et al. 2012, "Man vs. computer: benchmarking machine learning algorithms for traffic sign recognition".
    "gtsrb": DatasetInfo(
        classes=GTSRB_CLASSES,
        splits={"train": SplitInfo(26_640, 187), "test": SplitInfo(12_630, 89)},
        shape=(32, 32, 3),
        torchvision_class="GTSRB",
        resize_note="whole image scaled to 32×32, bilinear, antialiased",
    ),
    # Cimpoi et al. 2014, "Describing textures in the wild", arXiv:1311.3618.
    "dtd": DatasetInfo(
        classes=DTD_CLASSES,
        splits={"train": SplitInfo(1_880, 625), "val": SplitInfo(1_880, 625), "test": SplitInfo(1_880, 625)},
        shape=(32, 32, 3),
        torchvision_class="DTD",
        shared_download=True,
        crop_to_square=True,
        resize_note="central square scaled to 32×32, bilinear, antialiased",
    ),
    # LeCun et al. 1998, "Gradient-based learning applied to document recognition".
    "mnist": DatasetInfo(
        classes=DIGIT_CLASSES,
        splits={"train": SplitInfo(60_000, 12), "test": SplitInfo(10_000, 12)},
        shape=(28, 28, 1),
        torchvision_class="MNIST",
        shared_download=True,
    ),
}
