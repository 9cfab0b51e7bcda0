"""Networks with seeded weights and a naive implementation of per-sample gradients, for the tests of the engine."""

import torch
from torch import nn


def init_with_seed(model, seed=0):
    """Sample every parameter and running statistic from a seed, so that the initialization makes no gradient zero."""
    generator = torch.Generator().manual_seed(seed)

    def fill(t, mean, spread):
        t.data = (mean + spread * torch.randn(t.shape, generator=generator, dtype=torch.float64)).to(t)

    for module in model.modules():
        for name, p in module.named_parameters(recurse=False):
            if p.dim() > 1:
                fill(p, 0, (1.5 / p[0].numel()) ** 0.5)
            else:
                fill(p, 1.0 if name == "weight" else 0.0, 0.2)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            fill(module.running_mean, 0, 0.2)
            fill(module.running_var, 0, 0.2)
            module.running_var.data = 0.5 + module.running_var.abs()
    return model.eval()


class SmallSignNet(nn.Module):
    """A small network like the sign classifier, with in-place, reused and functional activations, which break hooks."""

    def __init__(self, classes=10):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.act = nn.ReLU(inplace=True)
        self.left, self.right = nn.Conv2d(8, 16, 3, 2, 1, groups=2), nn.Conv2d(8, 16, 1, 2)
        self.group, self.last = nn.GroupNorm(4, 16), nn.Conv2d(16, 16, 3, padding=2, dilation=2, padding_mode="reflect")
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        x = self.act(self.norm(self.stem(x)))
        x = self.act(self.group(self.left(x)).add_(self.right(x)))
        return self.head(nn.functional.relu(self.last(x) + x).mean((2, 3)))


def per_sample_gradients_by_loop(model, x, objective):
    """Return name -> (N, *parameter) by the definition: one ordinary backward pass for each sample."""
    flags = [(p, p.requires_grad) for p in model.parameters()]
    names, parameters = zip(*model.named_parameters(), strict=True)
    rows = []
    for p in parameters:
        p.requires_grad_(True)
    for i in range(len(x)):
        J = objective.select(slice(i, i + 1))(model(x[i : i + 1])).sum()
        rows.append(torch.autograd.grad(J, parameters, allow_unused=True, materialize_grads=True))
    for p, flag in flags:
        p.requires_grad_(flag)
    return {name: torch.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def gradient_products_by_loop(model, x, other, objective, other_objective):
    """Return ⟨∂J_n/∂θ, ∂J'_m/∂θ⟩ for all pairs of samples, (N, M)."""
    A, B = (
        torch.cat([v.flatten(1) for v in per_sample_gradients_by_loop(model, *rows).values()], 1)
        for rows in ((x, objective), (other, other_objective))
    )
    return torch.stack([torch.stack([(a * b).sum() for b in B]) for a in A])
