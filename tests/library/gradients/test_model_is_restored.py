"""What a forward pass writes to: buffers, attributes, containers, inputs and global settings are as before the call."""

import random
from argparse import Namespace
from collections import OrderedDict, deque
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from tests._reference import init_with_seed, per_sample_gradients_by_loop
from tutorial_lib import attribution, uncertainty
from tutorial_lib import gradients as g


class MovingAverage(nn.Module):
    """A moving average, a counter, a queue, a memory in nested containers, and a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("average", torch.zeros(4))
        self.register_buffer("replaced", torch.zeros(4))
        self.plain, self.calls, self.queue = torch.zeros(4), 0, [1, 2]
        self.memory = {"keys": [torch.zeros(2)], "seen": set(), "settings": {"step": (torch.zeros(1), 0)}}

    def forward(self, x):
        self.average.mul_(0.9).add_(0.1)
        self.replaced = self.replaced + 1
        self.plain += 1
        self.calls += 1
        self.queue.append(self.calls)
        self.memory["keys"][0].add_(1)
        self.memory["keys"].append(x.detach())
        self.memory["seen"].add(len(x))
        self.memory["settings"]["step"][0].add_(1)
        self.memory["settings"]["new"] = x.detach()
        return self.layer(x) + self.average.mean() + self.calls


class Cache:
    """An object without a type of its own, as caches of keys and values are."""

    def __init__(self):
        self.keys, self.seen = None, []


class Recorder(nn.Module):
    """Queue, namespaces, array, cache, and random generators, which have no influence on the outputs."""

    def __init__(self):
        super().__init__()
        self.layer, self.recent, self.counts = nn.Linear(4, 3), deque([1], maxlen=2), np.zeros(2)
        self.settings = SimpleNamespace(step=0, scale=torch.ones(2), names=["a"])
        self.torch_generator, self.numpy_generator = torch.Generator().manual_seed(0), np.random.default_rng(0)
        self.python_generator, self.legacy_generator = random.Random(0), np.random.RandomState(0)
        self.without_state, self.points = random.SystemRandom(), torch.quasirandom.SobolEngine(3, scramble=True, seed=0)
        self.cache, self.arguments = Cache(), Namespace(step=0)

    def forward(self, x):
        self.recent.append(len(x))
        self.counts += 1
        self.settings.step += 1
        self.settings.scale.mul_(2)
        self.settings.names.append("b")
        torch.rand(1, generator=self.torch_generator)
        self.numpy_generator.normal()
        self.python_generator.gauss(0, 1)
        self.legacy_generator.normal()
        self.without_state.random()
        self.points.draw(2)
        self.cache.keys = x if self.cache.keys is None else torch.cat([self.cache.keys, x])
        self.cache.seen.append(len(x))
        self.arguments.step += 1
        return self.layer(x)

    def state(self):
        settings = self.settings.step, self.settings.scale.tolist(), list(self.settings.names)
        generators = self.torch_generator.get_state().tolist(), self.numpy_generator.bit_generator.state
        others = self.python_generator.getstate(), str(self.legacy_generator.get_state()), self.points.num_generated
        objects = self.cache.keys, list(self.cache.seen), self.arguments.step, self.points.quasi.tolist()
        return list(self.recent), self.recent.maxlen, self.counts.tolist(), settings, generators, others, objects


class ChangesItself(nn.Module):
    """A network that changes its own flags, gradients and hooks, and global settings."""

    def __init__(self):
        super().__init__()
        self.layer, self.drop = nn.Linear(4, 3), nn.Dropout()

    def forward(self, x):
        self.drop.train(not self.drop.training)
        self.layer.register_forward_hook(lambda *_: None)
        self.layer.bias.requires_grad_(not self.layer.bias.requires_grad)
        self.layer.weight.grad = torch.zeros_like(self.layer.weight)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_grad_enabled(True)
        return self.layer(x)


class WritesToInput(nn.Module):
    """The input is normalized in place."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        x -= 0.5
        return self.layer(x.div_(0.25))


class Fails(MovingAverage):
    def forward(self, x):
        super().forward(x)
        raise KeyError("from inside")


FUNCTIONS = {
    "input_gradient": lambda m, x: g.input_gradient(m, x, 1),
    "class_jacobian": lambda m, x: g.class_jacobian(m, x),
    "layer_gradient": lambda m, x: g.layer_gradient(m, x, "layer", 1),
    "per_sample_gradients": lambda m, x: g.per_sample_gradients(m, x, 1),
    "per_sample_gradient_norms": lambda m, x: g.per_sample_gradient_norms(m, x, 1, batch_size=2),
    "gradient_products": lambda m, x: g.gradient_products(m, x, x, 1, 1),
    "class_gradient_gram": lambda m, x: g.class_gradient_gram(m, x),
    "model_outputs": lambda m, x: g.model_outputs(m, x),
    "objective_values": lambda m, x: g.objective_values(m, x),
    "penultimate_features": lambda m, x: g.penultimate_features(m, x),
    "input_gradient_of_norms": lambda m, x: g.input_gradient_of_norms(m, x, 1, lambda norms: norms.sum(1)),
    "loss_and_gradients": lambda m, x: g.loss_and_gradients(m, x, 1),
    "saliency": lambda m, x: attribution.saliency(m, x, 1),
}
every_function = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)


def contents(value):
    """Return everything that a module or container holds, with copies of the values of tensors."""
    if isinstance(value, nn.Module):
        return {name: contents(part) for name, part in vars(value).items()}
    if isinstance(value, dict):
        return {str(name): contents(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [contents(part) for part in value]
    return (id(value), value.detach().tolist()) if isinstance(value, torch.Tensor) else value


def state(model):
    return contents(model), torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


def images(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@every_function
def test_everything_a_module_holds_is_restored(f, assert_unchanged):
    model, x = assert_unchanged(init_with_seed(MovingAverage())), images(3, 4)
    before, copy = state(model), x.clone()
    try:
        f(model, x)
    except ValueError as error:  # there are no features of the layer, and torch.func allows no change in place
        assert "Linear layer" in str(error) or "would mutate" in str(error)
    assert state(model) == before and torch.equal(x, copy)


@every_function
def test_queues_namespaces_arrays_and_generators_are_restored(f):
    model = init_with_seed(Recorder())
    before, counts = model.state(), model.counts
    with suppress(ValueError):  # there is no change in place inside torch.func
        f(model, images(3, 4))
    assert model.state() == before and model.counts is counts


@every_function
def test_everything_a_module_holds_is_restored_after_exception(f, assert_unchanged):
    model = assert_unchanged(init_with_seed(Fails()))
    before = state(model)
    with pytest.raises(KeyError, match="from inside"):
        f(model, images(3, 4))
    assert state(model) == before


@every_function
def test_input_that_the_network_overwrites_is_unchanged(f, assert_unchanged):
    model, x = assert_unchanged(init_with_seed(WritesToInput())), images(3, 4)
    copy, plain = x.clone(), nn.Sequential(nn.Identity())
    plain.layer = model.layer
    plain.forward = lambda x: model.layer((x - 0.5) / 0.25)
    for mine, expected in zip(f(model, x), f(plain, x), strict=True):
        if isinstance(mine, torch.Tensor):
            torch.testing.assert_close(mine, expected)
    assert torch.equal(x, copy)


@every_function
def test_flags_hooks_gradients_and_global_settings_are_restored(f, assert_unchanged):
    model = assert_unchanged(init_with_seed(ChangesItself()))
    with suppress(ValueError):  # torch.func does not allow a change of requires_grad
        f(model, images(3, 4))
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()


def test_result_does_not_depend_on_state_that_evolves(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(MovingAverage())), images(5, 4)
    outputs = g.model_outputs(model, x)
    for batch_size in (1, 2, 5):
        assert torch.equal(g.model_outputs(model, x, batch_size=batch_size), outputs)


TRAINING = {
    "spectral norm": lambda: nn.Sequential(spectral_norm(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(144, 3)),
    "old spectral norm": lambda: nn.Sequential(
        nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(144, 3)
    ),
    "instance norm": lambda: nn.Sequential(
        nn.InstanceNorm2d(3, affine=True, track_running_stats=True), nn.Flatten(), nn.Linear(192, 3)
    ),
    "weight norm": lambda: nn.Sequential(weight_norm(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(144, 3)),
    "old weight norm": lambda: nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(144, 3)),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", TRAINING)
def test_buffers_written_in_training_mode_are_restored(name):
    """functorch 1117 and pytorch 96655: statistics that a network updates in each pass of training mode."""
    torch.manual_seed(0)
    model, x = TRAINING[name](), images(3, 3, 8, 8)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    gradient, norms = g.input_gradient(model, x, 1), g.per_sample_gradient_norms(model, x, 1)
    torch.testing.assert_close(g.input_gradient(model, x, 1, batch_size=1), gradient)
    torch.testing.assert_close(g.per_sample_gradient_norms(model, x, 1, batch_size=1), norms)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_cached_parametrization_has_the_gradients_of_its_parameters(assert_unchanged):
    """Inside ``parametrize.cached()`` the weight does not depend on the parameters any more."""
    model = assert_unchanged(init_with_seed(nn.Sequential(weight_norm(nn.Linear(4, 6)), nn.Tanh(), nn.Linear(6, 3))))
    x = images(3, 4)
    expected = g.per_sample_gradients(model, x, 1)
    with parametrize.cached():
        before = model[0].weight
        gradients = g.per_sample_gradients(model, x, 1)
        assert model[0].weight is before and before.requires_grad
    for name, gradient in expected.items():
        assert gradient.any() and torch.equal(gradients[name], gradient)


def test_objective_that_overwrites_the_outputs_does_not_change_them(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(nn.Linear(4, 3))), images(3, 4)
    outputs, gradient = g.outputs_and_input_gradient(model, x, lambda z: z.mul_(2)[:, 1])
    torch.testing.assert_close(outputs, model(x).detach())
    torch.testing.assert_close(gradient, 2 * model.weight[1].detach().expand(3, 4))


def test_features_that_are_overwritten_in_place_are_refused(assert_unchanged):
    model = assert_unchanged(nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True)))
    with pytest.raises(ValueError, match="do not come straight from a Linear layer"):
        g.penultimate_features(model, images(3, 4))


class SkipsByChance(nn.Module):
    """LayerDrop with a random generator of its own."""

    def __init__(self):
        super().__init__()
        self.layer, self.chance = nn.Linear(4, 3), random.Random(0)

    def forward(self, x):
        return self.layer(x) * (2 if self.chance.random() > 0.5 else 1)


def test_own_python_generator_draws_the_same_number_in_every_call(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(SkipsByChance())), images(4, 4)
    results = [g.input_gradient(model, x, 1, batch_size=n) for n in (4, 1, 2)]
    assert all(torch.equal(result, results[0]) for result in results)
    assert torch.equal(g.model_outputs(model, x), model(x).detach())  # the number that the next pass draws


class Decoder(nn.Module):
    """A network that attends to all keys in a cache, which grows in each pass."""

    def __init__(self):
        super().__init__()
        self.layer, self.cache = nn.Linear(4, 3), Cache()

    def forward(self, x):
        keys = self.layer(x)[:, None]
        self.cache.keys = keys if self.cache.keys is None else torch.cat([self.cache.keys, keys], 1)
        return self.cache.keys.tanh().sum(1)


def test_cache_of_keys_is_empty_again_after_each_pass(assert_unchanged):
    model, x = assert_unchanged(init_with_seed(Decoder()).double()), images(4, 4).double()
    plain = nn.Sequential(OrderedDict(layer=model.layer, activation=nn.Tanh()))
    for mine, expected in (
        (g.input_gradient(model, x, 1), g.input_gradient(plain, x, 1)),
        (g.per_sample_gradient_norms(model, x, 1, batch_size=2), g.per_sample_gradient_norms(plain, x, 1)),
        (g.class_gradient_gram(model, x), g.class_gradient_gram(plain, x)),
    ):
        torch.testing.assert_close(mine, expected)
    assert model.cache.keys is None


class ClampsItself(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        with torch.no_grad():
            self.layer.weight.clamp_(-0.1, 0.1)
        return self.layer(x)


def test_network_that_overwrites_its_parameters_is_refused(assert_unchanged):
    clamps = ClampsItself()
    tokens = assert_unchanged(nn.Sequential(nn.Embedding(9, 4, max_norm=0.1), nn.Flatten(), nn.Linear(12, 3)))
    for f in (g.model_outputs, g.per_sample_gradient_norms, lambda m, x: g.layer_gradient(m, x, "0", 1)):
        with pytest.raises(ValueError, match="max_norm rewrites its weight"):
            f(tokens, torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="overwrites its own parameters"):
        g.input_gradient(clamps, images(3, 4), 1)


def test_lazy_network_is_refused_before_it_is_initialized():
    model = nn.LazyLinear(3)
    with pytest.raises(ValueError, match="run it once"):
        g.input_gradient(model, images(3, 4), 1)
    assert isinstance(model.weight, nn.UninitializedParameter)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hooks_of_parameters_change_a_gradient_only_where_autograd_does(name, assert_unchanged):
    """loss_and_gradients calls the hooks that the caller has registered, once, as torch.autograd.grad does."""
    layers = OrderedDict(layer=nn.Linear(4, 4), activation=nn.PReLU(), head=nn.Linear(4, 3))
    model, x, calls = init_with_seed(nn.Sequential(layers)), images(3, 4), []
    expected = FUNCTIONS[name](model, x)
    for key, p in model.named_parameters():
        p.register_hook(lambda G, key=key: calls.append(key) or 2 * G)
    result = FUNCTIONS[name](model, x)
    if name == "loss_and_gradients":
        (J, gradients), (expected_J, expected_gradients) = result, expected
        assert sorted(calls) == sorted(gradients) and torch.equal(J, expected_J)
        assert all(torch.equal(gradients[key], 2 * expected_gradients[key]) for key in gradients)
    else:
        assert not calls
        torch.testing.assert_close(result, expected)


def test_hooks_of_modules_change_gradients_as_in_autograd():
    model, x = (
        init_with_seed(nn.Sequential(nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 3))).double(),
        images(3, 4).double(),
    )
    model[2].register_full_backward_hook(lambda module, inputs, outputs: (3 * inputs[0],))
    expected = per_sample_gradients_by_loop(model, x, g.logit(1))
    for key, gradient in g.per_sample_gradients(model, x, 1).items():
        torch.testing.assert_close(gradient, expected[key])
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in expected.values()], 1)
    torch.testing.assert_close(g.per_sample_gradient_norms(model, x, 1, group_by="tensor"), norms)


class ConstrainedWeights(nn.Module):
    """A network that limits the norm of its weights in each forward pass, as EEGNet does."""

    def __init__(self, in_place):
        super().__init__()
        self.features, self.head, self.in_place = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), in_place

    def forward(self, x):
        limited = torch.renorm(self.head.weight.data, p=2, dim=0, maxnorm=0.5)
        if self.in_place:
            with torch.no_grad():
                self.head.weight.copy_(limited)
        else:
            self.head.weight.data = limited
        return self.head(self.features(x).relu().mean((2, 3)))


@pytest.mark.parametrize("in_place", [False, True])
def test_weights_that_forward_pass_limits_are_restored(in_place):
    torch.manual_seed(0)
    model, x = ConstrainedWeights(in_place).eval(), torch.rand(3, 3, 8, 8)
    before = model.head.weight.detach().clone()
    assert not torch.equal(before, torch.renorm(before, p=2, dim=0, maxnorm=0.5))
    for function in (g.input_gradient, g.per_sample_gradient_norms, g.objective_values, g.per_sample_gradients):
        try:
            function(model, x, 1)
        except ValueError as error:
            assert "overwrites its own parameters" in str(error)
        assert torch.equal(model.head.weight, before), function.__name__


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "compute",
    [nn.utils.weight_norm, weight_norm, lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5)],
    ids=["old weight norm", "weight norm", "pruned"],
)
def test_methods_that_copy_a_model_accept_computed_weights(compute):
    """pytorch 103001: a weight that a hook computes has a graph, which copy.deepcopy refuses."""
    torch.manual_seed(0)
    layers = OrderedDict(encoder=nn.Sequential(nn.Linear(6, 4), nn.ReLU()), decoder=compute(nn.Linear(4, 6)))
    model, x = nn.Sequential(layers), images(12, 6)
    before, outputs = {key: value.clone() for key, value in model.state_dict().items()}, model(x)
    explain = lambda model, x: g.input_gradient(model, x, lambda z: z.square().sum(1))
    result = attribution.model_randomization_test(model, x, explain)
    assert result.similarity[0].min() > 0.999 and result.similarity.min() < 0.9
    assert uncertainty.GradCon(model).fit(x, epochs=1).score(x).isfinite().all()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(model(x), outputs)
