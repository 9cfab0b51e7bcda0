"""A small network that predicts the quality of an image, as a number and as probabilities of several bins."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.models._initialization import initialize_parameters


class QualityNetwork(nn.Module):
    """A network that predicts a quality score and the logits of several bins.

    It maps images (N, 3, H, W) in [0, 1] to (N, 1 + bins), the score first. Four convolutions with three poolings are
    followed by an average over the positions and one linear layer per head. The score is meant to run from 0 to 1, and
    higher means better. Bin b is meant to hold the scores around b/(bins − 1), so the bins go from worst to best. Both
    heads use the last feature maps, the output of ``body``, (N, 3 width, H/8, W/8).

    Args:
        bins: number of bins.
        width: channels of the first convolution.
        generator: source of the initial parameters, on the CPU; None is a new one with seed 0. No global random state
            is touched.

    Example:
        >>> QualityNetwork()(torch.rand(2, 3, 48, 48)).shape
        torch.Size([2, 7])
    """

    @convert_arguments
    def __init__(self, bins: int = 6, width: int = 16, *, generator: torch.Generator | None = None):
        super().__init__()
        widths = (3, width, 2 * width, 3 * width, 3 * width)
        with torch.device("meta"):
            self.body = nn.Sequential(
                *(
                    layer
                    for i, (a, b) in enumerate(zip(widths, widths[1:]))
                    for layer in (nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), *([nn.AvgPool2d(2)] * (i < 3)))
                )
            )
            self.score, self.bins = nn.Linear(widths[-1], 1), nn.Linear(widths[-1], bins)
        initialize_parameters(self, generator, for_relu=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores and the logits of the bins.

        Args:
            x: images (N, 3, H, W) in [0, 1].

        Returns:
            Outputs (N, 1 + bins), the score first; a higher score means a better image.
        """
        h = self.body(x).mean((2, 3))
        return torch.cat([self.score(h), self.bins(h)], 1)

    @convert_arguments
    def with_head(self, head: str) -> nn.Module:
        """Return the same network with one head.

        The layers are shared and not copied, and the last feature maps are still the output of ``body``.

        Args:
            head: "score" or "bins".

        Returns:
            A network, images (N, 3, H, W) to the score (N, 1) or to the logits (N, bins).

        Raises:
            ValueError: an unknown head.

        Example:
            >>> QualityNetwork().with_head("bins")(torch.rand(2, 3, 48, 48)).shape
            torch.Size([2, 6])
        """
        linear = getattr(self, check_choice(head, ("score", "bins"), "head"))
        layers = {"body": self.body, "average": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "head": linear}
        return nn.Sequential(OrderedDict(layers)).train(self.training)
