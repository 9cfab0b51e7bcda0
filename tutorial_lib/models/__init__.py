"""Networks: those of the synthetic traffic-sign dataset, whose weights ship with the library, and published ones.

Every network takes images (N, 3, H, W) in [0, 1]; the normalization that it was trained with is part of the network.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.models.autoencoders import SignAutoencoder, StridedAutoencoder, VariationalAutoencoder
from tutorial_lib.models.classifiers import SignClassifier
from tutorial_lib.models.pretrained import PRETRAINED, is_pretrained_available, load_pretrained, weights_download_hint
from tutorial_lib.models.quality_network import QualityNetwork
from tutorial_lib.models.small_cnn import SmallCNN
from tutorial_lib.models.training import train
from tutorial_lib.models.transformers import SignTransformer

WEIGHTS_DIR = Path(__file__).parent / "weights"
MODELS: dict[str, tuple[type[nn.Module], str]] = {
    "signs/classifier": (SignClassifier, "signs-classifier-0.safetensors"),
    "signs/classifier/1": (SignClassifier, "signs-classifier-1.safetensors"),
    "signs/classifier/2": (SignClassifier, "signs-classifier-2.safetensors"),
    "signs/autoencoder": (SignAutoencoder, "signs-autoencoder.safetensors"),
    "signs/transformer": (SignTransformer, "signs-transformer.safetensors"),
    "signs/quality": (QualityNetwork, "signs-quality.safetensors"),
}


@convert_arguments
def load(name: str, device: torch.device | str | None = None) -> nn.Module:
    """Return a trained network of the synthetic traffic-sign dataset, in eval mode.

    Args:
        name: "signs/classifier" (or "signs/classifier/1" and "signs/classifier/2", trained in the same way from other
            seeds), "signs/transformer", "signs/autoencoder" or "signs/quality".
        device: device of the network; None is the CPU.

    Returns:
        The network.

    Raises:
        ValueError: an unknown name (the message gives the nearest ones), or a damaged file of weights.

    Example:
        >>> load("signs/classifier")(torch.rand(2, 3, 48, 48)).shape
        torch.Size([2, 14])
    """
    architecture, file = MODELS[check_choice(name, MODELS, "network")]
    with torch.device("meta"):  # skips the random initialization, so no random state is touched
        model = architecture()
    try:
        model.load_state_dict(load_file(WEIGHTS_DIR / file), assign=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ValueError(
            f"{WEIGHTS_DIR / file} is damaged or another file: install tutorial_lib again ({error})"
        ) from error
    return model.to(device or "cpu").eval()


__all__ = [
    "MODELS",
    "PRETRAINED",
    "QualityNetwork",
    "SignAutoencoder",
    "SignClassifier",
    "SignTransformer",
    "SmallCNN",
    "StridedAutoencoder",
    "VariationalAutoencoder",
    "is_pretrained_available",
    "load",
    "load_pretrained",
    "train",
    "weights_download_hint",
]
