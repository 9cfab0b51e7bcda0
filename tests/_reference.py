"""What the tests of the engine hold it against: networks drawn anew, and the formula, written naively."""

import torch
from torch import nn


def init_with_seed(model, seed=0):
    """Every parameter and running statistic drawn anew, so that no gradient is zero by initialisation."""
    generator = torch.Generator().manual_seed(seed)

    def draw(t, mean, spread):
        t.data = (mean + spread * torch.randn(t.shape, generator=generator, dtype=torch.float64)).to(t)

    for module in model.modules():
        for name, p in module.named_parameters(recurse=False):
            if p.dim() > 1:
                draw(p, 0, (1.5 / p[0].numel()) ** 0.5)
            else:
                draw(p, 1.0 if name == "weight" else 0.0, 0.2)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            draw(module.running_mean, 0, 0.2)
            draw(module.running_var, 0, 0.2)
            module.running_var.data = 0.5 + module.running_var.abs()
    return model.eval()


class SmallSignNet(nn.Module):
    """A network of the size and kind of the sign classifier, with what breaks hooks: in-place, reused and functional activations."""

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
    """The formula, written naively: one sample, one ordinary backward pass. name -> (N, *parameter)."""
    was = [(p, p.requires_grad) for p in model.parameters()]
    names, parameters = zip(*model.named_parameters(), strict=True)
    rows = []
    for p in parameters:
        p.requires_grad_(True)
    for i in range(len(x)):
        J = objective.select(slice(i, i + 1))(model(x[i : i + 1])).sum()
        rows.append(torch.autograd.grad(J, parameters, allow_unused=True, materialize_grads=True))
    for p, flag in was:
        p.requires_grad_(flag)
    return {name: torch.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
