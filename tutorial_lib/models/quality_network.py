"""A small network that predicts the quality of an image, as a number and as probabilities of several bins."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.models._initialization import initialize_parameters
from tutorial_lib.models.training import train


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

    @convert_arguments
    def fit(
        self,
        images: Tensor,
        scores: Tensor,
        *,
        epochs: int = 10,
        generator: torch.Generator | None = None,
        progress: bool = False,
    ) -> list[float]:
        """Train both heads in place, and return the mean loss of each epoch.

        The network is left in eval mode.

        Args:
            images: images (N, 3, H, W) in [0, 1].
            scores: scores (N,) in [0, 1]; higher means better.
            epochs: passes through the images.
            generator: source of the order and of the shifts, on the CPU; None is a new one with seed 0.
            progress: whether to show a progress bar.

        Returns:
            Mean loss of each epoch.

        Raises:
            ValueError: scores outside [0, 1], the numbers of images and scores differ, or there are fewer than two.
        """
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError(
                "scores must lie in [0, 1], higher = better: "
                "divide by the largest, and subtract scores of distortion from 1"
            )
        return train(
            self, images, scores.to(images), loss=quality_loss, epochs=epochs, generator=generator, progress=progress
        )


@convert_arguments
def score_to_bin(scores: Tensor, bins: int = 6) -> Tensor:
    """Return the bin of each score, the nearest of b/(bins − 1).

    Args:
        scores: scores (N,) in [0, 1]; values outside are assigned to the first or last bin.
        bins: number of bins.

    Returns:
        Bins (N,), int64, from 0 (worst) to bins − 1 (best).

    Example:
        >>> score_to_bin(torch.tensor([0.0, 0.4, 1.0]), bins=6)
        tensor([0, 2, 5])
    """
    return (scores * (bins - 1)).round().long().clamp(0, bins - 1)


def quality_loss(outputs: Tensor, scores: Tensor) -> Tensor:
    """Return the training loss of both heads, averaged over a batch.

    It is ten times the squared error of the score plus the cross-entropy of its bin. The factor makes the two terms
    similar in magnitude.

    Args:
        outputs: outputs of the network (N, 1 + bins).
        scores: scores (N,) in [0, 1].

    Returns:
        The loss, a scalar ≥ 0.

    Example:
        >>> quality_loss(torch.zeros(1, 6), torch.zeros(1)).round(decimals=2)
        tensor(1.6100)
    """
    error = (outputs[:, 0] - scores).square().mean()
    return 10 * error + nn.functional.cross_entropy(outputs[:, 1:], score_to_bin(scores, outputs.shape[1] - 1))
