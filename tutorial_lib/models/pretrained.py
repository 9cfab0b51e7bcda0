"""Published networks, identified by the name and the hash of their weight files, with the normalization inside."""

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tutorial_lib._download import DATA_ENV_VAR, atomic_download, display_path, resolve_data_dir
from tutorial_lib._validation import check_choice
from tutorial_lib.models.cifar_resnet import CifarResNet


@dataclass(frozen=True)
class WeightFile:
    """A file of weights.

    Attributes:
        name: name of the file.
        sha256: the published hash, or its beginning.
        url: where it is published; empty if it is not downloaded.
        license: its license in words.
    """

    name: str
    sha256: str
    url: str
    license: str


@dataclass(frozen=True)
class ModelInfo:
    """A published network.

    Attributes:
        files: the files from which it can be loaded; the first one is downloaded if none is available.
        build: returns the network without its weights.
        classes: names of its outputs.
    """

    files: tuple[WeightFile, ...]
    build: Callable[[], nn.Module]
    classes: tuple[str, ...]


class Normalize(nn.Module):
    """The normalization (x − mean) / std of each channel, the same for all networks here.

    Attributes:
        mean: mean of each channel (3, 1, 1).
        std: standard deviation of each channel (3, 1, 1).
    """

    mean: Tensor
    std: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized images.

        Args:
            x: images (N, 3, H, W) in [0, 1].

        Returns:
            Images like the input.

        Raises:
            ValueError: another shape.
        """
        if x.ndim < 3 or x.shape[-3] != 3:
            raise ValueError(f"expected images (N, 3, H, W) in [0, 1]; got {tuple(x.shape)}")
        return (x - self.mean) / self.std


class Pretrained(nn.Module):
    """A published network for images in [0, 1].

    Its submodules are ``normalize`` and ``network``. Every argument is also an attribute.

    Args:
        name: the name by which it is loaded.
        network: the network for normalized images.
        classes: names of its outputs.
        file: the file that its weights come from.
        sha256: the full hash of that file.
    """

    def __init__(self, name: str, network: nn.Module, classes: tuple[str, ...], file: WeightFile, sha256: str):
        super().__init__()
        self.normalize = Normalize()
        self.network = network
        self.name, self.classes, self.file, self.sha256 = name, classes, file, sha256

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images.

        Args:
            x: images (N, 3, H, W) in [0, 1].

        Returns:
            Logits (N, classes).
        """
        return self.network(self.normalize(x))


# Bytes; twice the size of the largest file below.
MAX_WEIGHT_BYTES = 1_200_000_000

# The hosts of the files, for a check of whether they can be reached.
HOSTS = ("https://github.com", "https://download.pytorch.org")

_AKAMASTER = "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/"
_BSD2 = "BSD 2-Clause, Yerlan Idelbayev"
_CIFAR10 = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

CIFAR10 = {
    20: ("resnet20-12fca82f.th", "12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8"),
    56: ("resnet56-4bfd9763.th", "4bfd97631478d6b638d2764fd2baff3edb1d7d82252d54439343b6596b9b5367"),
}

# The networks of torchvision whose files can be loaded as they are published.
IMAGENET = (
    "alexnet", "vgg16", "squeezenet1_1", "resnet18", "resnet34", "resnet50", "mobilenet_v2", "mobilenet_v3_small",
    "convnext_tiny", "vit_b_16", "swin_t",
)  # fmt: skip

# Other files of the same network, which are used if they are available locally.
ALTERNATIVE_FILES = {
    "squeezenet1_1": WeightFile(
        name="squeezenet1_1_caffe_fp16.pth",
        sha256="719555e197fe33b4954879ccffb1c17ff97898bc42225d26d52258ca8ef59580",
        url="",
        license="the SqueezeNet authors' Caffe weights in half precision",
    ),
}

PRETRAINED = (*(f"cifar10/resnet{depth}" for depth in CIFAR10), *(f"imagenet/{name}" for name in IMAGENET))


def load_pretrained(
    name: str, device: torch.device | str | None = None, *, data_dir: str | os.PathLike | None = None
) -> Pretrained:
    """Return a published network for images (N, 3, H, W) in [0, 1], in eval mode.

    The weights are read from ``weights/`` in the data folder, and downloaded into it if they are missing. A file is
    loaded only if its hash is the published one. The ImageNet networks are those of torchvision with the weights
    ``IMAGENET1K_V1``.

    Args:
        name: one of ``PRETRAINED``: "cifar10/resnet20" (91.7% of the CIFAR-10 test set), "cifar10/resnet56",
            "imagenet/squeezenet1_1", "imagenet/resnet18", "imagenet/resnet50", "imagenet/vit_b_16", …
        device: device of the network; None is the CPU.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The network.

    Raises:
        ValueError: an unknown name (the message gives the nearest ones), or a file that is not the published one.
        FileNotFoundError: the weights are missing and cannot be downloaded. No incomplete file is left.

    Example:
        >>> load_pretrained("imagenet/vit_b_61")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: unknown pretrained network 'imagenet/vit_b_61'; the nearest: 'imagenet/vit_b_16', ...
    """
    info = _model_info(check_choice(name, PRETRAINED, "pretrained network"))
    path, file = locate_weights(name, data_dir=data_dir)
    if not path.is_file():
        with atomic_download(f"{name} ({file.name})", path, weights_download_hint(name, data_dir=data_dir)) as folder:
            torch.hub.download_url_to_file(file.url, str(folder / file.name), hash_prefix=file.sha256)
            os.replace(folder / file.name, path)
    content, sha256 = read_weights(path, file)
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    state = {key.removeprefix("module."): value for key, value in state.get("state_dict", state).items()}
    # Building a network samples random weights, which must not change the global random state.
    with torch.random.fork_rng(devices=[]):
        network = info.build()
    network.load_state_dict(state)
    return Pretrained(name, network, info.classes, file, sha256).to(device or "cpu").eval()


def is_pretrained_available(name: str, *, data_dir: str | os.PathLike | None = None) -> bool:
    """Return whether ``load_pretrained(name)`` needs no download.

    Args:
        name: one of ``PRETRAINED``.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        True if the file exists; its hash is not checked.

    Raises:
        ValueError: an unknown name.
    """
    return locate_weights(name, data_dir=data_dir)[0].is_file()


def weights_download_hint(name: str, *, data_dir: str | os.PathLike | None = None) -> str:
    """Return a one-line hint on how to obtain weights that are not available locally.

    Args:
        name: one of ``PRETRAINED``.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The call that downloads them, and where to put the file without a network.

    Raises:
        ValueError: an unknown name.
    """
    files = _model_info(check_choice(name, PRETRAINED, "pretrained network")).files
    names = " or ".join(file.name for file in files)
    return (
        f'With a network, `models.load_pretrained("{name}")` downloads {files[0].url}; without one, put {names} '
        f"into `{display_path(resolve_data_dir(data_dir) / 'weights')}`, "
        f"or set `{DATA_ENV_VAR}` to the folder whose `weights/` has it."
    )


def locate_weights(name: str, *, data_dir: str | os.PathLike | None = None) -> tuple[Path, WeightFile]:
    """Return the file of weights that is available locally, or that would be downloaded.

    Args:
        name: one of ``PRETRAINED``.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The path, and the file that belongs there.

    Raises:
        ValueError: an unknown name.
    """
    files = _model_info(check_choice(name, PRETRAINED, "pretrained network")).files
    folder = resolve_data_dir(data_dir) / "weights"
    file = next((file for file in files if (folder / file.name).is_file()), files[0])
    return folder / file.name, file


def read_weights(path: Path, file: WeightFile) -> tuple[bytes, str]:
    """Return the content of a file of weights and its hash.

    Args:
        path: the path of the file.
        file: the file that belongs there.

    Returns:
        The content, and its sha256.

    Raises:
        ValueError: the content is not the published one.
    """
    # The file is read once, so that the content that is loaded is the one that was checked.
    if path.stat().st_size > MAX_WEIGHT_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, more than any file of weights listed here, and was not read. "
            "Remove it and load again to download it."
        )
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if not sha256.startswith(file.sha256):
        raise ValueError(
            f"{path} is damaged or another file, and was not loaded: its sha256 is {sha256}, expected {file.sha256}. "
            "Remove it and load again to download it."
        )
    return content, sha256


def _model_info(name: str) -> ModelInfo:
    """The files and the architecture of a published network."""
    dataset, network = name.split("/")
    if dataset == "cifar10":
        depth = int(network.removeprefix("resnet"))
        file, sha256 = CIFAR10[depth]
        return ModelInfo((WeightFile(file, sha256, _AKAMASTER + file, _BSD2),), lambda: CifarResNet(depth), _CIFAR10)

    from torchvision.models import get_model, get_model_weights

    weights = get_model_weights(network).IMAGENET1K_V1
    file = weights.url.rsplit("/", 1)[1]
    # The file names of torchvision end in the first eight digits of the hash.
    published = WeightFile(file, file.rsplit("-", 1)[1].removesuffix(".pth"), weights.url, "BSD 3-Clause, torchvision")
    others = (ALTERNATIVE_FILES[network],) if network in ALTERNATIVE_FILES else ()
    return ModelInfo((published, *others), lambda: get_model(network, weights=None), tuple(weights.meta["categories"]))
