"""What the emulated device has in common with CUDA, on which the same tests run if there is a GPU."""

import copy

import numpy
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

CPU = torch.arange(6.0).reshape(2, 3)


@pytest.fixture
def x(accelerator):
    return CPU.to(accelerator)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x + CPU,
        lambda x: CPU * x,
        lambda x: x.add_(CPU),
        lambda x: CPU.clone().add_(x.sum()),
        lambda x: x @ CPU.T,
        lambda x: torch.cat([x, CPU]),
        lambda x: torch.stack([x.sum(), CPU.sum()]),
        lambda x: torch.where(CPU > 1, x, 0),
        lambda x: x.masked_fill(CPU > 1, 0),
        lambda x: x.gather(1, torch.zeros(2, 1, dtype=torch.long)),
        lambda x: x.index_select(0, torch.zeros(1, dtype=torch.long)),
        lambda x: CPU[torch.zeros(1, dtype=torch.long, device=x.device)],
        lambda x: torch.mm(x, x.T, out=torch.empty(2, 2)),
        lambda x: nn.functional.conv2d(x[None, None], torch.ones(1, 1, 2, 2)),
        lambda x: nn.Linear(3, 2)(x),
        lambda x: nn.functional.cross_entropy(x, torch.tensor([0, 1])),
        lambda x: torch.func.vmap(lambda a, b: a * b)(x, CPU),
    ],
)
def test_device_refuses_cpu_tensors(mix, x):
    with pytest.raises(RuntimeError, match="same"):
        mix(x)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x * torch.tensor(2.0),
        lambda x: torch.tensor(2.0) - x,
        lambda x: x.mul_(torch.tensor(2.0)),
        lambda x: torch.where(x > 1, x, torch.tensor(0.0)),
        lambda x: x[torch.tensor([1, 0])],
        lambda x: x[CPU > 1],
        lambda x: x.index_put((torch.tensor([1]),), torch.tensor(9.0)),
        lambda x: x.clone().copy_(CPU),
    ],
)
def test_device_accepts_cpu_scalars_and_cpu_indices(mix, x):
    assert mix(x).device == x.device


@pytest.mark.parametrize(
    "use, error",
    [
        (lambda x: x.numpy(), TypeError),
        (lambda x: numpy.asarray(x), TypeError),
        (lambda x: torch.rand(2, device=x.device, generator=torch.Generator()), RuntimeError),
        (lambda x: x.normal_(generator=torch.Generator()), RuntimeError),
        (lambda x: torch.randperm(5, device=x.device, generator=torch.Generator()), RuntimeError),
        (lambda x: x.long() @ x.long().T, RuntimeError),
    ],
)
def test_device_refuses_numpy_cpu_generators_and_products_of_integers(use, error, x):
    with pytest.raises(error):
        use(x)


def test_device_copies_values_to_the_cpu_and_back(x, accelerator):
    for dtype in (torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64):
        there = CPU.to(accelerator, dtype)
        assert there.device == accelerator and there.dtype == dtype
        assert torch.equal(there.cpu(), CPU.to(dtype))
    assert torch.equal(x.to("cpu", torch.int64), CPU.long()) and x.tolist() == CPU.tolist()
    assert x.sum().item() == 15 and f"{x.sum():.1f}" == "15.0" and str(x.device) in repr(x)
    z = x + 1j * x
    assert torch.equal((z.conj() * 2).cpu(), (CPU - 1j * CPU) * 2) and torch.equal(z.conj().imag.cpu(), -CPU)
    assert torch.empty(0, 3, device=accelerator).cpu().shape == (0, 3)
    assert numpy.array_equal(x.numpy(force=True), CPU.numpy())


@pytest.mark.parametrize("factory", [torch.zeros, torch.ones, torch.empty, torch.rand, torch.arange, torch.randperm])
def test_device_creates_tensors(factory, accelerator):
    assert factory(3, device=accelerator).device == accelerator
    assert torch.tensor([1, 2], device=accelerator).tolist() == [1, 2]


def test_device_views_share_memory_and_follow_in_place_operations(x):
    for view in (x[0], x.T, x.reshape(3, 2), x[:, 1:], x.unsqueeze(0), x.detach(), x.diagonal()):
        view.add_(1)
        assert view.device == x.device
    expected = CPU.clone()
    for view in (expected[0], expected, expected, expected[:, 1:], expected, expected, expected.diagonal()):
        view.add_(1)
    assert torch.equal(x.cpu(), expected)
    assert x.unsqueeze_(0).shape == (1, 2, 3) and x.squeeze_().t_().shape == (3, 2)
    out = torch.empty(0, device=x.device)
    torch.add(x, 1, out=out)
    assert out.shape == (3, 2) and torch.equal(out.cpu(), expected.T + 1)


def test_device_has_its_own_random_state(accelerator):
    module, before = torch.get_device_module(accelerator), torch.get_rng_state()
    state = module.get_rng_state(accelerator)
    first = torch.rand(3, device=accelerator)
    second = nn.functional.dropout(torch.ones(50, device=accelerator))
    assert torch.equal(torch.get_rng_state(), before)
    module.set_rng_state(state, accelerator)
    assert torch.equal(torch.rand(3, device=accelerator), first)
    assert torch.equal(nn.functional.dropout(torch.ones(50, device=accelerator)), second)
    with torch.random.fork_rng([accelerator], device_type=accelerator.type):
        torch.manual_seed(3)
        a = torch.rand(3, device=accelerator)
        torch.manual_seed(3)
        assert torch.equal(torch.rand(3, device=accelerator), a)


class CountingMode(TorchDispatchMode):
    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


def test_device_runs_inside_dispatch_modes(x, accelerator):
    with CountingMode() as mode:
        assert x[torch.tensor([1], device=accelerator)].tolist() == CPU[1:].tolist()
        assert torch.tensor([x.sum(), x.amax()], device=accelerator).tolist() == [15, 5]
        with pytest.raises(RuntimeError, match="same device"):
            x + CPU
    assert mode.calls > 3


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 3, padding=1, groups=1), nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 6, 2, 2, groups=2)
        self.attention, self.head = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 2)

    def forward(self, x):
        x = self.up(self.norm(self.first(x)).relu_()).flatten(2).mT
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))


def test_device_gradients_match_cpu(accelerator):
    network = Network().double()
    images, labels = torch.rand(3, 3, 4, 4, dtype=torch.float64), torch.tensor([0, 1, 1])
    there = copy.deepcopy(network).to(accelerator)
    for model, device in ((network, "cpu"), (there, accelerator)):
        nn.functional.cross_entropy(model(images.to(device)), labels.to(device)).backward()
    assert all(p.device == accelerator == p.grad.device for p in there.parameters())
    for a, b in zip(network.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(b.grad.cpu(), a.grad)
    duplicate = copy.deepcopy(there)
    for a, b in zip(there.state_dict().values(), duplicate.state_dict().values(), strict=True):
        assert torch.equal(a, b) and b.device == accelerator and a.data_ptr() != b.data_ptr()


def test_device_function_transforms_match_cpu(x):
    def f(row):
        return (row.sin() * row.exp()).sum()

    for transform in (
        torch.func.vmap(torch.func.grad(f)),
        torch.func.jacrev(lambda x: x.sin().sum(1)),
        torch.func.jacfwd(lambda x: x.sin().sum(1)),
        torch.func.hessian(f),
        lambda x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1],
    ):
        assert transform(x).device == x.device
        torch.testing.assert_close(transform(x).cpu(), transform(CPU), rtol=1e-4, atol=1e-5)


def test_device_autocast_lowers_the_precision_of_products(x, accelerator):
    network = Network().to(accelerator)
    images = torch.rand(3, 3, 4, 4, device=accelerator)
    with torch.autocast(accelerator.type, torch.bfloat16):
        assert network.first(images).dtype == network.up(network.first(images)).dtype == torch.bfloat16
        assert (x @ x.T).dtype == nn.functional.linear(x, x).dtype == torch.bfloat16
        assert (x.double() @ x.double().T).dtype == torch.float64 and x.exp().dtype == torch.float32
        with torch.autocast(accelerator.type, enabled=False):
            assert (x @ x.T).dtype == torch.float32
    network(images).sum().backward()
    assert network.first.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("view", [Tensor.t, lambda p: p.expand(2, 3, 500), lambda p: p[None]])
def test_view_keeps_its_memory_if_the_tensor_gets_other_memory(view, accelerator):
    own = torch.zeros(3, 500, device=accelerator)
    p = nn.Parameter(own)
    p.data = torch.ones_like(own)
    result = view(p)
    p.data = own
    _others = [torch.full_like(own, 7) for _ in range(8)]  # they would be written to memory that has been freed
    assert result.eq(1).all()
