"""Inputs of the cases: small networks and a few images, sampled once, all in double precision."""

import torch
from torch import nn

from tests._reference import init_with_seed


def noise(*size, seed=0, low=0.0, high=1.0):
    return low + (high - low) * torch.rand(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


N, C, D, SIDE = 3, 4, 5, 12
X, OTHER = noise(N, 3, SIDE, SIDE), noise(N, 3, SIDE, SIDE, seed=1)
LABELS, OTHER_LABELS = torch.tensor([0, 2, 3]), torch.tensor([1, 3, 0])
LOGITS, H = 4 * noise(N, C, seed=2, low=-1), noise(N, D, seed=3, low=-1)
MAPS, MORE_MAPS = noise(N, 6, 6, seed=4, low=-1), noise(N, 6, 6, seed=5, low=-1)
MASKS = MAPS > 0.3
SCORES, MIXED_SCORES = noise(7, seed=6), noise(9, seed=7, low=0.2, high=1.2)
POINTS = torch.tensor([[0, 1], [2, 3], [5, 5]])

MODEL = init_with_seed(
    nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, D, 3, 1, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(D, C),
    )  # fmt: skip
).double()
CODER = init_with_seed(
    nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Tanh(), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Sigmoid()), seed=1
).double()
