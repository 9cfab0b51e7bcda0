"""Saturated losses, sums in half precision, complex numbers, and other default settings of torch."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests._reference import init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import gradients as g


def randn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def randn_complex(*shape, dtype=torch.cfloat):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


# Saturated losses in float32.


def saturated_logits(top):
    """Return logits whose class 2 is ahead of the others by about ``top``, in powers of two that float32 represents."""
    z = torch.tensor([[0.5, -1.25, 0.0, 2.0], [1.5, 0.75, 0.0, -3.0], [0.0, 0.0, 0.0, 0.0]])
    z[:, 2] += top
    return z


ONE_HOT = F.one_hot(torch.tensor([2, 2, 2]), 4).float()
SOFT = torch.tensor([[0.0, 0.25, 0.75, 0.0]] * 3)
SATURATED = {
    "cross_entropy": lambda: g.cross_entropy(torch.tensor([2, 2, 2])),
    "cross_entropy of the predicted class": lambda: g.cross_entropy(),
    "cross_entropy of another class": lambda: g.cross_entropy([0, 1, 3]),
    "log_prob": lambda: g.log_prob(2),
    "contrast_loss": lambda: g.contrast_loss(2),
    "confounding label, one-hot, softmax": lambda: g.confounding_label_loss(ONE_HOT, "softmax", "sum"),
    "confounding label, soft, softmax": lambda: g.confounding_label_loss(SOFT, "softmax", "sum"),
    "confounding label, ones, softmax": lambda: g.confounding_label_loss("ones", "softmax"),
    "confounding label, one-hot, sigmoid": lambda: g.confounding_label_loss(ONE_HOT),
    "confounding label, ones, sigmoid": lambda: g.confounding_label_loss("ones"),
    "uniform": lambda: g.kl_from_uniform(),
}


@pytest.mark.parametrize("top", [0.0, 4.0, 24.0, 60.0, 80.0])
@pytest.mark.parametrize("name", SATURATED)
def test_saturated_objectives_agree_with_float64(name, top):
    """The derivative p_y − 1 is −Σ p_j over the other classes, and must not round to zero."""
    single, double = saturated_logits(top), saturated_logits(top).double()
    values = [SATURATED[name]().resolve(z)(z) for z in (single, double)]
    deltas = [g.last_layer_gradient_factors(z, z, SATURATED[name]())[0] for z in (single, double)]
    atol = 1e-37 if top else 1e-7  # there, the exact value of the last row may be zero
    torch.testing.assert_close(values[0], values[1].float(), rtol=1e-5, atol=atol)
    torch.testing.assert_close(deltas[0], deltas[1].float(), rtol=1e-5, atol=atol)


@pytest.mark.parametrize("top", [0.0, 24.0, 40.0])
@pytest.mark.parametrize("name", SATURATED)
def test_saturated_second_derivatives_agree_with_float64(name, top):
    def hessian(z):
        objective = SATURATED[name]().resolve(z)
        return torch.func.vmap(
            torch.func.hessian(lambda row, *bound: objective.rebind(b[None] for b in bound)(row[None])[0])
        )(z, *objective.tensors)

    single, double = hessian(saturated_logits(top)), hessian(saturated_logits(top).double())
    for mine, expected in zip(single, double, strict=True):  # relative to the largest entry of each sample
        torch.testing.assert_close(mine, expected.float(), rtol=0, atol=2e-5 * expected.abs().max().item() + 1e-37)


def test_saturated_network_has_the_gradient_of_float64(assert_unchanged):
    """The signs of the input gradient decide the step of FGSM; they were lost where p rounds to 1."""
    model = nn.Linear(4, 3, bias=False)
    model.weight.data = 25 * torch.tensor([[1.0, 0.3, -0.2, 0.5], [0.2, 1, 0.4, -0.6], [-0.5, 0.1, 1, 0.2]])
    x, double = torch.tensor([[0.9, 0.1, 0.2, 0.5]]), assert_unchanged(copy.deepcopy(assert_unchanged(model)).double())
    for objective in (g.cross_entropy(), g.contrast_loss(0), g.confounding_label_loss("ones")):
        for f in (g.input_gradient, g.per_sample_gradient_norms):
            expected = f(double, x.double(), objective)
            assert expected.any()
            torch.testing.assert_close(f(model, x, objective), expected.float(), rtol=2e-5, atol=0)


def test_second_order_of_saturated_network_agrees_with_float64(assert_unchanged):
    model = init_with_seed(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)))
    model[2].weight.data *= 12
    double, x = copy.deepcopy(model).double(), randn(3, 4)
    results = [
        g.input_gradient_of_norms(m, v, g.cross_entropy(), lambda norms: norms.log().sum(1))
        for m, v in ((assert_unchanged(model), x), (double, x.double()))
    ]
    for single, expected in zip(*results, strict=True):
        torch.testing.assert_close(single, expected.float(), rtol=1e-3, atol=0)


# Half precision.


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gram_and_norms_of_half_network_do_not_overflow(dtype, assert_unchanged):
    """A squared norm of 5.8 million is too large for float16, and the sum must not be rounded on its way."""
    model = assert_unchanged(init_with_seed(nn.Linear(64, 3)).to(dtype))
    x = torch.full((2, 64), 300.0, dtype=dtype)
    K = g.class_gradient_gram(model, x)
    torch.testing.assert_close(K[:, 0].float(), (64 * 300.0**2 + 1) * torch.eye(3).expand(2, 3, 3), rtol=0.01, atol=0)
    norms = g.per_sample_gradient_norms(model, x, lambda z: 100 * z.float().sum(1))
    torch.testing.assert_close(norms, torch.full((2, 1), 415692.2), rtol=0.01, atol=0, check_dtype=False)
    delta = torch.full((2, 3), 100.0, dtype=dtype)
    torch.testing.assert_close(g.gradient_norms_from_gram(K, delta), norms, rtol=0.01, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_over_many_positions_of_half_network_match_float64(dtype, assert_unchanged):
    """The gradient of a bias sums over all positions, here to more than float16 can hold."""
    model = init_with_seed(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 62 * 62, 2)).double())
    model[2].weight.data.fill_(20)
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective = lambda z: z.sum(1) if z.dtype == torch.float64 else z.float().sum(1)
    half = assert_unchanged(copy.deepcopy(model).to(dtype))
    expected = g.per_sample_gradient_norms(model, x, objective, group_by="tensor")
    norms = g.per_sample_gradient_norms(half, x.to(dtype) * 1e-2, objective, group_by="tensor")
    assert expected[0, 1] > 65504 and norms.isfinite().all()
    torch.testing.assert_close(norms[:, 1].double(), expected[:, 1], rtol=0.02, atol=0)
    assert g.per_sample_gradients(half, x.to(dtype) * 1e-2, objective)["0.bias"].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_objectives_of_half_outputs_match_float64(dtype):
    z = (3 * randn(4, 6, seed=1)).to(dtype)
    x, out = (
        torch.rand(2, 400, 300, generator=torch.Generator().manual_seed(0)).to(dtype),
        torch.full((2, 400, 300), 0.5),
    )
    cases = [
        (g.cross_entropy(1), z),
        (g.confounding_label_loss(), z),
        (g.confounding_label_loss(activation="softmax", reduction="sum"), z),
        (g.kl_from_uniform(), z),
        (g.bernoulli_nll(x), out.to(dtype)),
        (g.reconstruction_mse(1000 * x), out.to(dtype)),
    ]
    for objective, outputs in cases:
        half = objective.resolve(outputs)(outputs)
        double = objective.rebind(t.double() for t in objective.tensors)(outputs.double())
        torch.testing.assert_close(half.double(), double, rtol=0.01, atol=0.01)


# Complex numbers.


class Fourier(nn.Module):
    """One layer of a Fourier neural operator, with complex weights and a real linear layer."""

    def __init__(self):
        super().__init__()
        self.w, self.l = nn.Parameter(randn_complex(3, 5)), nn.Linear(24, 3)

    def forward(self, x):
        return self.l(torch.fft.irfft(torch.fft.rfft(x) * self.w, n=8).flatten(1))


class ComplexLinear(nn.Module):
    """Complex linear layers, as in networks for MRI and radar, and their absolute value."""

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.Linear(*sizes, dtype=torch.cfloat) for sizes in ((4, 5), (5, 3)))

    def forward(self, x):
        return self.b(self.a(x.to(self.a.weight.dtype)).tanh()).abs()


COMPLEX = {
    "Fourier": (Fourier, lambda: randn(3, 3, 8)),
    "complex linear, real input": (ComplexLinear, lambda: randn(3, 4)),
    "complex linear, complex input": (ComplexLinear, lambda: randn_complex(3, 4)),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters_and_inputs_match_autograd(name, assert_unchanged):
    """Gradients are the conjugate ones of torch, which an optimizer subtracts (pytorch 41857 and 60180)."""
    torch.manual_seed(0)
    model, x = COMPLEX[name][0](), COMPLEX[name][1]()
    assert_unchanged(model)
    expected = per_sample_gradients_by_loop(model, x, g.cross_entropy([0, 2, 1]))
    gradients = g.per_sample_gradients(model, x, g.cross_entropy([0, 2, 1]))
    for key, value in expected.items():
        assert gradients[key].dtype == value.dtype
        torch.testing.assert_close(gradients[key], value)
    for p in (1, 2, float("inf")):
        norms = g.per_sample_gradient_norms(model, x, g.cross_entropy([0, 2, 1]), p=p, group_by="tensor")
        columns = [value.flatten(1).abs().norm(p, 1) for value in expected.values()]
        assert not norms.is_complex()
        torch.testing.assert_close(norms, torch.stack(columns, 1))
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(g.cross_entropy([0, 2, 1])(model(leaf)).sum(), leaf)
    torch.testing.assert_close(g.input_gradient(model, x, g.cross_entropy([0, 2, 1])), gradient)


def test_complex_gram_gives_norm_of_every_loss(assert_unchanged):
    torch.manual_seed(0)
    model, x = assert_unchanged(ComplexLinear()), randn(3, 4)
    K, z = g.class_gradient_gram(model, x), model(x).detach()
    delta = g.last_layer_gradient_factors(z, z, g.kl_from_uniform())[0]
    assert not K.is_complex()
    norms = g.per_sample_gradient_norms(model, x, g.kl_from_uniform())
    torch.testing.assert_close(g.gradient_norms_from_gram(K, delta), norms, rtol=1e-4, atol=1e-6)


def test_complex_outputs_need_a_real_objective(assert_unchanged):
    model, x = assert_unchanged(nn.Linear(4, 3, dtype=torch.cfloat)), randn_complex(3, 4)
    for f in (
        lambda: g.input_gradient(model, x, 1),
        lambda: g.per_sample_gradient_norms(model, x, lambda z: z[:, 1]),
        lambda: g.class_jacobian(model, x),
        lambda: g.class_gradient_gram(model, x),
    ):
        with pytest.raises(ValueError, match=r"real|\(n, C\)"):
            f()
    gradient = g.input_gradient(model, x, lambda z: z[:, 1].abs().square())
    torch.testing.assert_close(gradient, 2 * model(x)[:, 1:2].detach() * model.weight[1].detach().conj())


# Default settings.


@pytest.fixture(params=["float64", "meta"])
def other_default(request):
    """Another default dtype, or a default device on which nothing of the test lies."""
    if request.param == "float64":
        torch.set_default_dtype(torch.float64)
    else:
        torch.set_default_device("meta")
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


MODEL = init_with_seed(nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(), nn.Flatten(), nn.Linear(144, 3)))
IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 2, 1, 1])
POOLED = nn.Sequential(MODEL[:2], nn.AdaptiveAvgPool2d(1), nn.Flatten())
FUNCTIONS = {
    "input_gradient": lambda: g.input_gradient(MODEL, IMAGES, LABELS),
    "norms": lambda: g.per_sample_gradient_norms(MODEL, IMAGES, g.cross_entropy(LABELS)),
    "products": lambda: g.gradient_products(MODEL, IMAGES, IMAGES, g.confounding_label_loss(), 1),
    "gradients": lambda: g.per_sample_gradients(MODEL, IMAGES, g.confounding_label_loss())["0.weight"],
    "labels as a list": lambda: g.input_gradient(MODEL, IMAGES, g.cross_entropy([0, 2, 1, 1])),
    "gram": lambda: g.class_gradient_gram(MODEL, IMAGES),
    "jacobian": lambda: g.class_jacobian(MODEL, IMAGES),
    "reduced jacobian": lambda: g.reduced_class_jacobian(MODEL, IMAGES, "0", lambda J: J)[2],
    "norms_gradient": lambda: g.input_gradient_of_norms(MODEL, IMAGES, 1, lambda norms: norms.sum(1))[1],
    "sketch": lambda: g.gradient_sketch(MODEL, IMAGES, 1),
    "values": lambda: g.objective_values(MODEL, IMAGES, g.kl_from_uniform()),
    "spatial": lambda: g.spatial_gradients(POOLED, IMAGES, "0", 1)[2],
}
EXPECTED = {name: f() for name, f in FUNCTIONS.items()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_do_not_depend_on_default_dtype_and_device(name, other_default):
    result = FUNCTIONS[name]()
    assert result.dtype == EXPECTED[name].dtype and result.device == EXPECTED[name].device
    assert torch.equal(result, EXPECTED[name])


def test_sketch_of_token_network_has_floats(assert_unchanged):
    model = assert_unchanged(init_with_seed(nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 3))))
    x = torch.tensor([[0, 1], [2, 3]])
    sketch = g.gradient_sketch(model, x, 1, sketch_dim=4000)
    norms = g.per_sample_gradient_norms(model, x, 1).norm(dim=1)
    torch.testing.assert_close(sketch.norm(dim=1), norms, rtol=0.05, atol=0)
