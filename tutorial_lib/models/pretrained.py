"""Published networks, identified by the name and the hash of their weight files, with the normalization inside."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import pooch
import torch
from torch import Tensor, nn

from tutorial_lib._download import (
    CONNECT_TIMEOUT_S,
    DATA_ENV_VAR,
    StrPath,
    display_path,
    explain_download_errors,
    resolve_data_dir,
)
from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.models.cifar_resnet import CifarResNet


@dataclass(frozen=True)
class WeightFile:
    """A file of weights.

    Attributes:
        name: name of the file.
        sha256: its published hash.
        url: where it is published; empty if it is not downloaded.
        license: its license in words.
    """

    name: str
    sha256: str
    url: str
    license: str


class Pretrained(nn.Module):
    """A published network for images in [0, 1], which normalizes each channel, (x − mean) / std, before its layers.

    The only submodule is ``network``. Every argument is also an attribute; ``sha256`` is the hash of the file.

    Args:
        name: the name by which it is loaded.
        network: the network for normalized images.
        classes: names of its outputs.
        file: the file that its weights come from.

    Attributes:
        mean: mean of each channel (3, 1, 1), the same for all networks here.
        std: standard deviation of each channel (3, 1, 1).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, network: nn.Module, classes: tuple[str, ...], file: WeightFile):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406], device="cpu").view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225], device="cpu").view(3, 1, 1))
        self.name, self.network, self.classes = name, network, classes
        self.file, self.sha256 = file, file.sha256

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images.

        Args:
            x: images (N, 3, H, W) in [0, 1].

        Returns:
            Logits (N, classes).

        Raises:
            ValueError: images of another shape.
        """
        if x.ndim < 3 or x.shape[-3] != 3:
            raise ValueError(f"expected images (N, 3, H, W) in [0, 1]; got {tuple(x.shape)}")
        return self.network((x - self.mean) / self.std)


# Bytes; twice the size of the largest file below.
MAX_WEIGHT_BYTES = 1_200_000_000

# Other files of the same network, which are used if they are available locally.
_ALTERNATIVES = {
    "imagenet/squeezenet1_1": (
        WeightFile(
            name="squeezenet1_1_caffe_fp16.pth",
            sha256="719555e197fe33b4954879ccffb1c17ff97898bc42225d26d52258ca8ef59580",
            url="",
            license="the SqueezeNet authors' Caffe weights in half precision",
        ),
    )
}

# Where files are published, their license, and network -> (file, sha256). The ImageNet networks are those of
# torchvision whose files can be loaded as they are published.
_SOURCES = (
    (
        "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/",
        "BSD 2-Clause, Yerlan Idelbayev",
        {
            "cifar10/resnet20": (
                "resnet20-12fca82f.th",
                "12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8",
            ),
            "cifar10/resnet56": (
                "resnet56-4bfd9763.th",
                "4bfd97631478d6b638d2764fd2baff3edb1d7d82252d54439343b6596b9b5367",
            ),
        },
    ),
    (
        "https://download.pytorch.org/models/",
        "BSD 3-Clause, torchvision",
        {
            "imagenet/alexnet": (
                "alexnet-owt-7be5be79.pth",
                "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            ),
            "imagenet/vgg16": (
                "vgg16-397923af.pth",
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            ),
            "imagenet/squeezenet1_1": (
                "squeezenet1_1-b8a52dc0.pth",
                "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            ),
            "imagenet/resnet18": (
                "resnet18-f37072fd.pth",
                "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            ),
            "imagenet/resnet34": (
                "resnet34-b627a593.pth",
                "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
            ),
            "imagenet/resnet50": (
                "resnet50-0676ba61.pth",
                "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
            ),
            "imagenet/mobilenet_v2": (
                "mobilenet_v2-b0353104.pth",
                "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
            ),
            "imagenet/mobilenet_v3_small": (
                "mobilenet_v3_small-047dcff4.pth",
                "047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
            ),
            "imagenet/convnext_tiny": (
                "convnext_tiny-983f1562.pth",
                "983f1562536e84ff750a1576fb08e54de751dbf2e17c0d8a4a13704341fdcd3d",
            ),
            "imagenet/vit_b_16": (
                "vit_b_16-c867db91.pth",
                "c867db91d3e12c6cbadabb610d73c24a546bf82d8c03a9fea34f43a712ddb0e9",
            ),
            "imagenet/swin_t": (
                "swin_t-704ceda3.pth",
                "704ceda373461b0a224fcdddd75cd2a5e9f8064512ed47adbddef7f343fd147b",
            ),
        },
    ),
)
# Network -> its files; the first one is downloaded if none is available locally.
PRETRAINED: dict[str, tuple[WeightFile, ...]] = {
    name: (WeightFile(file, sha256, address + file, license), *_ALTERNATIVES.get(name, ()))
    for address, license, files in _SOURCES
    for name, (file, sha256) in files.items()
}


@convert_arguments
def load_pretrained(
    name: str, device: torch.device | str | None = None, *, data_dir: StrPath | None = None
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
    path, file = locate_weights(name, data_dir=data_dir)
    if not path.is_file():
        hint = weights_download_hint(name, data_dir=data_dir)
        with explain_download_errors(f"{name} ({file.name})", path.parent, hint):
            downloader = pooch.HTTPDownloader(progressbar=True, timeout=CONNECT_TIMEOUT_S)
            pooch.retrieve(file.url, file.sha256, file.name, path.parent, downloader=downloader)
    # The content that was checked is the one that is loaded.
    state = torch.load(io.BytesIO(read_weights(path, file)), map_location="cpu", weights_only=True)
    state = {key.removeprefix("module."): value for key, value in state.get("state_dict", state).items()}
    # Building a network samples random weights, which must not change the global random state.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        network, classes = _build(name)
    network.load_state_dict(state)
    return Pretrained(name, network, classes, file).to(device or "cpu", torch.float32).eval()


@convert_arguments
def is_pretrained_available(name: str, *, data_dir: StrPath | None = None) -> bool:
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


@convert_arguments
def weights_download_hint(name: str, *, data_dir: StrPath | None = None) -> str:
    """Return a one-line hint on how to obtain weights that are not available locally.

    Args:
        name: one of ``PRETRAINED``.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The call that downloads them, and where to put the file without a network.

    Raises:
        ValueError: an unknown name.
    """
    files = PRETRAINED[check_choice(name, PRETRAINED, "pretrained network")]
    names = " or ".join(f"`{file.name}`" for file in files)
    return (
        f'With internet access, `models.load_pretrained("{name}")` downloads {files[0].url}; without it, put {names} '
        f"into `{display_path(resolve_data_dir(data_dir) / 'weights')}`, "
        f"or set `{DATA_ENV_VAR}` to a folder whose subfolder `weights` contains it."
    )


def locate_weights(name: str, *, data_dir: StrPath | None = None) -> tuple[Path, WeightFile]:
    """Return the file of weights that is available locally, or that would be downloaded.

    Args:
        name: one of ``PRETRAINED``.
        data_dir: the data folder; None selects the folder in ``TUTORIAL_DATA``, or else the user's cache.

    Returns:
        The path, and the file that belongs there.

    Raises:
        ValueError: an unknown name.
    """
    files = PRETRAINED[check_choice(name, PRETRAINED, "pretrained network")]
    folder = resolve_data_dir(data_dir) / "weights"
    file = next((file for file in files if (folder / file.name).is_file()), files[0])
    return folder / file.name, file


def read_weights(path: Path, file: WeightFile) -> bytes:
    """Return the content of a file of weights after checking its size and its hash.

    Args:
        path: the path of the file.
        file: the file that belongs there.

    Returns:
        The content.

    Raises:
        ValueError: the content is not the published one.
    """
    if path.stat().st_size > MAX_WEIGHT_BYTES:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, more than any file of weights listed here, and was not read. "
            "Remove it and load again to download it."
        )
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise ValueError(
            f"{path} is damaged or another file, and was not loaded: its sha256 is {sha256}, expected {file.sha256}. "
            "Remove it and load again to download it."
        )
    return content


def _build(name: str) -> tuple[nn.Module, tuple[str, ...]]:
    """A published network without its weights, and the names of its outputs."""
    dataset, network = name.split("/")
    if dataset == "cifar10":
        classes = "airplane automobile bird cat deer dog frog horse ship truck"
        return CifarResNet(int(network.removeprefix("resnet"))), tuple(classes.split())

    from torchvision.models import get_model, get_model_weights

    return get_model(network, weights=None), tuple(get_model_weights(network).IMAGENET1K_V1.meta["categories"])
