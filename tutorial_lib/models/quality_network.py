"""A small network that says how good a picture looks: as one number, and as chances of several bins."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice
from tutorial_lib.models.training import train


class QualityNetwork(nn.Module):
    """Pictures in [0, 1], (N, 3, H, W), to (N, 1 + bins): first a score, then the logits of the bins, from worst to best.

    Four convolutions and three poolings; then positions are averaged, and each head is one linear layer. The score is meant to
    run from 0 to 1, higher = better, and bin b to hold the scores around b/(bins − 1). Both heads read the same last maps, those
    of ``body``, (N, 3 width, H/8, W/8).

    Args:
        bins: how many.
        width: maps of the first convolution.
        generator: source of the first weights, on the CPU; without one, a fresh one seeded with 0. No global state is touched.

    Example:
        >>> QualityNetwork()(torch.rand(2, 3, 48, 48)).shape
        torch.Size([2, 7])
    """

    def __init__(self, bins: int = 6, width: int = 16, *, generator: torch.Generator | None = None):
        super().__init__()
        widths, layers = (3, width, 2 * width, 3 * width, 3 * width), []
        with torch.device("meta"):
            for i, (before, after) in enumerate(zip(widths, widths[1:])):
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), *([nn.AvgPool2d(2)] * (i < 3))]
            self.body = nn.Sequential(*layers)
            self.score, self.bins = nn.Linear(widths[-1], 1), nn.Linear(widths[-1], bins)
        self.to_empty(device="cpu")
        generator = generator if generator is not None else torch.Generator().manual_seed(0)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                reach = (6 if isinstance(module, nn.Conv2d) else 1) ** 0.5 * module.weight[0].numel() ** -0.5
                nn.init.uniform_(module.weight, -reach, reach, generator=generator)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x).mean((2, 3))
        return torch.cat([self.score(h), self.bins(h)], 1)

    def with_head(self, head: str) -> nn.Module:
        """The same network with one head, for whoever asks a question of it: "score", (N, 1), or "bins", (N, bins).

        Layers are shared, not copied, and the last maps are still called ``body``.

        Raises:
            ValueError: an unknown head.

        Example:
            >>> QualityNetwork().with_head("bins")(torch.rand(2, 3, 48, 48)).shape
            torch.Size([2, 6])
        """
        linear = getattr(self, check_choice(head, ("score", "bins"), "head"))
        steps = {"body": self.body, "average": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "head": linear}
        return nn.Sequential(OrderedDict(steps)).train(self.training)

    def fit(
        self,
        images: Tensor,
        scores: Tensor,
        *,
        epochs: int = 10,
        generator: torch.Generator | None = None,
        progress: bool = False,
    ) -> list[float]:
        """Train both heads in place, and leave the network in eval mode; the mean loss of each epoch is returned.

        Args:
            images: (N, 3, H, W) in [0, 1].
            scores: (N,) in [0, 1], higher = better.
            epochs: passes through the images.
            generator: source of order and shifts, on the CPU; without one, a fresh one seeded with 0.
            progress: show a bar.

        Raises:
            ValueError: scores outside [0, 1]; as :func:`train` does.
        """
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError(
                "scores must lie in [0, 1], higher = better: divide by the largest, and turn those that count damage"
            )
        return train(
            self, images, scores.to(images), loss=quality_loss, epochs=epochs, generator=generator, progress=progress
        )


def score_to_bin(scores: Tensor, bins: int = 6) -> Tensor:
    """The bin of each score in [0, 1], the nearest of b/(bins − 1): (N,) -> (N,) int64, 0 = worst.

    Example:
        >>> score_to_bin(torch.tensor([0.0, 0.4, 1.0]), bins=6)
        tensor([0, 2, 5])
    """
    return (scores * (bins - 1)).round().long().clamp(0, bins - 1)


def quality_loss(outputs: Tensor, scores: Tensor) -> Tensor:
    """What both heads are trained by: ten times the squared error of the score, and the cross-entropy of its bin, on average.

    outputs (N, 1 + bins), scores (N,) -> a number. The ten brings the two to one size.

    Example:
        >>> quality_loss(torch.zeros(1, 6), torch.zeros(1)).round(decimals=2)
        tensor(1.6100)
    """
    error = (outputs[:, 0] - scores).square().mean()
    return 10 * error + nn.functional.cross_entropy(outputs[:, 1:], score_to_bin(scores, outputs.shape[1] - 1))
