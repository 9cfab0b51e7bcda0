"""Networks drawn anew, and the fixture that every test of the engine goes through: what was borrowed is given back as it was."""

import weakref

import pytest
import torch
from torch import nn


class Snapshot:
    """All that can be seen of a model: flags, attributes, hooks, parameters with their gradients, buffers."""

    def __init__(self, model):
        self.model, self.random = model, self._random()
        self.modules = [(m, m.training, self._attributes(m)) for m in model.modules()]
        tensors = [*model.parameters(), *model.buffers()]
        self.tensors = [(t, t.detach().clone(), t.requires_grad, t.grad, self._copy(t.grad), dict(t.__dict__)) for t in tensors]

    @staticmethod
    def _random():
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])]

    @staticmethod
    def _copy(t):
        return None if t is None else t.clone()

    @staticmethod
    def _attributes(module):
        # Containers (hooks, parameters, buffers, submodules) by what is in them, in order; everything else by identity.
        def seen(v):
            if isinstance(v, dict):
                return [(i, id(j)) for i, j in v.items()]
            if isinstance(v, list):
                return [id(j() if isinstance(j, weakref.ref) else j) for j in v]
            return id(v)

        return {k: seen(v) for k, v in vars(module).items()}

    def check(self):
        assert [id(m) for m in self.model.modules()] == [id(m) for m, *_ in self.modules]
        for module, training, attributes in self.modules:
            assert module.training == training
            assert self._attributes(module) == attributes
        for t, value, requires_grad, grad, grad_value, extra in self.tensors:
            assert torch.equal(t, value) and t.requires_grad == requires_grad
            assert t.grad is grad and (grad is None or torch.equal(grad, grad_value))
            assert t._backward_hooks is None and t.__dict__ == extra
        assert all(torch.equal(a, b) for a, b in zip(self.random, self._random(), strict=True)), "the global random state moved"


@pytest.fixture(autouse=True)
def untouched():
    """``untouched(model)`` returns the model; when the test ends, also by an exception inside the engine, it must be as it was."""
    snapshots = []

    def borrow(model):
        snapshots.append(Snapshot(model))
        return model

    yield borrow
    for snapshot in snapshots:
        snapshot.check()


def drawn(model, seed=0):
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


class Signs(nn.Module):
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


@pytest.fixture
def signs(untouched):
    model = drawn(Signs()).double()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    model.norm.weight.requires_grad_(False)
    return untouched(model)


@pytest.fixture
def images():
    return torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def labels():
    return torch.tensor([1, 0, 3, 9, 1])


def naive(model, x, objective):
    """The formula, written naively: one sample, one ordinary backward pass. name -> (N, *parameter)."""
    was = [(p, p.requires_grad) for p in model.parameters()]
    names, parameters = zip(*model.named_parameters())
    rows = []
    for p in parameters:
        p.requires_grad_(True)
    for i in range(len(x)):
        J = objective.rows(slice(i, i + 1))(model(x[i : i + 1])).sum()
        rows.append(torch.autograd.grad(J, parameters, allow_unused=True, materialize_grads=True))
    for p, flag in was:
        p.requires_grad_(flag)
    return {name: torch.stack(column) for name, column in zip(names, zip(*rows))}
