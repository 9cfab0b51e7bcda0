import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tutorial_lib import gradients
from tutorial_lib.foundations import (
    explained_variance,
    loss_surface,
    random_walk_like,
    random_weight_direction,
    trajectory_pca,
)

DOUBLE = torch.float64


class SmallNet(nn.Module):
    """A small network of the classifier's kind: convolutions, batch normalization, dropout and a linear layer."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.ReLU()
        )
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(5, 4)

    def forward(self, x):
        return self.head(self.drop(self.body(x).mean((2, 3))))


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SmallNet().double()
        model(torch.rand(64, 3, 8, 8, dtype=DOUBLE))  # sets the running statistics
    return model.eval()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(20, 3, 8, 8, generator=generator, dtype=DOUBLE), torch.arange(20) % 4


def two_directions(model, **options):
    generator = torch.Generator().manual_seed(2)
    return [random_weight_direction(model, generator=generator, **options) for _ in range(2)]


def naive_loss(model, x, y, first, second, a, b):
    """Return F(a, b) by its definition, from a copy whose parameters are moved."""
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for name, p in moved.named_parameters():
            p += a * first[name] + b * second[name]
        return cross_entropy(moved(x), y)


def test_loss_surface_matches_loss_of_moved_parameters(model, batch):
    first, second = two_directions(model)
    plane = loss_surface(model, *batch, first, second, a=[-1, 0, 0.5], b=[-0.3, 0])
    assert plane.shape == (3, 2)
    for i, a in enumerate([-1, 0, 0.5]):
        for j, b in enumerate([-0.3, 0]):
            assert torch.isclose(plane[i, j], naive_loss(model, *batch, first, second, a, b), atol=1e-12)
    with torch.no_grad():
        assert torch.isclose(plane[1, 1], cross_entropy(model(batch[0]), batch[1]), atol=1e-14), "F(0, 0) is the loss"
    line = loss_surface(model, *batch, first, a=[-1, 0, 0.5])
    assert torch.allclose(line, plane[:, 1], atol=1e-12)


def test_loss_surface_batch_statistics_match_training_mode(model, batch):
    (first, second), (x, y) = two_directions(model), batch
    plane = loss_surface(model, x, y, first, second, a=[0.4], b=[-0.2], batch_norm_statistics="batch")
    moved = copy.deepcopy(model)
    moved.body.train()
    assert torch.isclose(plane[0, 0], naive_loss(moved, x, y, first, second, 0.4, -0.2), atol=1e-12)
    frozen = loss_surface(model, x, y, first, second, a=[0.4], b=[-0.2])
    assert (plane - frozen).abs() > 1e-4


@pytest.mark.parametrize("statistics", ["frozen", "batch"])
@pytest.mark.parametrize("training", [False, True])
def test_loss_surface_leaves_model_and_global_rng_unchanged(model, batch, statistics, training):
    model.train(training)
    model.body[1].eval()
    before, flags = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    keys = [list(vars(m)) + list(m._parameters) + list(m._buffers) for m in model.modules()]
    random = torch.get_rng_state()
    loss_surface(model, *batch, *two_directions(model), a=[0, 1], b=[0, 1], batch_norm_statistics=statistics)
    with pytest.raises(ValueError, match="is not a parameter"):
        loss_surface(model, *batch, {"body.0.weight": torch.zeros(2)}, a=[0])
    with pytest.raises(ValueError, match="do not fit x"):
        loss_surface(
            model, batch[0][:, :2], batch[1], *two_directions(model), a=[0], b=[0], batch_norm_statistics=statistics
        )
    assert [m.training for m in model.modules()] == flags
    assert keys == [list(vars(m)) + list(m._parameters) + list(m._buffers) for m in model.modules()]
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items()) and torch.equal(
        random, torch.get_rng_state()
    )
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("normalise", ["filter", "whole"])
def test_random_weight_direction_has_the_norm_of_the_weights(model, normalise):
    direction = random_weight_direction(model, normalization=normalise)
    weights = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    assert all(direction[name].count_nonzero() == 0 for name, p in model.named_parameters() if p.dim() < 2)
    length = lambda named: torch.cat([t.flatten() for t in named.values()]).norm()
    assert torch.isclose(length(direction), length(weights))
    same = [
        torch.allclose(direction[name].flatten(1).norm(dim=1), w.flatten(1).norm(dim=1)) for name, w in weights.items()
    ]
    assert all(same) if normalise == "filter" else not any(same)
    assert torch.equal(direction["head.weight"], random_weight_direction(model, normalization=normalise)["head.weight"])


def test_loss_surface_slope_matches_gradient(model, batch):
    x, y = batch
    direction, h = random_weight_direction(model), 1e-5
    ahead, behind = loss_surface(model, x, y, direction, a=[h, -h])
    gradient = gradients.per_sample_gradients(model, x, gradients.cross_entropy(y))
    expected = sum((g.mean(0) * direction[name]).sum() for name, g in gradient.items())
    assert torch.isclose((ahead - behind) / (2 * h), expected, rtol=1e-6) and expected.abs() > 1e-3


def rescaled(model, c):
    """Return the same function with other weights: a layer before a ReLU times c, the layer after it divided by c."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.body[1].weight *= c
        other.body[1].bias *= c
        other.body[3].weight /= c
    return other


def test_loss_surface_filter_normalization_is_invariant_to_rescaling(model, batch):
    other, a, b = rescaled(model, 8.0), [-1, -0.4, 0, 0.6, 1], [-0.7, 0, 0.9]
    with torch.no_grad():
        assert torch.allclose(model(batch[0]), other(batch[0]), atol=1e-12)

    def planes(**choice):
        return [loss_surface(m, *batch, *two_directions(m, **choice), a=a, b=b) for m in (model, other)]

    before, after = planes()
    assert torch.allclose(before, after, atol=1e-10)
    before, after = planes(normalization="whole")
    assert (before - after).abs().max() > 0.05 * before.max()


# The plane of a trajectory.


def random_path(T=12, seed=3):
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(T, 30, generator=generator, dtype=DOUBLE) * torch.linspace(2, 0.1, T, dtype=DOUBLE)[:, None]
    steps[:, 0] += 1.5
    return [{"w": theta[:20].reshape(4, 5), "b": theta[20:]} for theta in steps.cumsum(0)]


def flatten_states(states):
    return torch.stack([torch.cat([s["w"].flatten(), s["b"]]) for s in states])


def test_trajectory_pca_matches_scikit_learn():
    from sklearn.decomposition import PCA

    states = random_path()
    plane = trajectory_pca(states)
    peer = PCA(n_components=2).fit((flatten_states(states) - flatten_states(states)[-1]).numpy())
    mine = flatten_states([plane.first, plane.second])
    alignment = mine @ torch.tensor(peer.components_).T
    assert torch.allclose(alignment.abs(), torch.eye(2, dtype=DOUBLE), atol=1e-8)
    assert torch.allclose(plane.explained_variance_ratio[:2], torch.tensor(peer.explained_variance_ratio_), atol=1e-12)
    assert plane.path.shape == (12, 2) and torch.equal(plane.path[-1], torch.zeros(2, dtype=DOUBLE))
    assert torch.allclose(plane.path, (flatten_states(states) - flatten_states(states)[-1]) @ mine.T, atol=1e-10)
    assert (
        plane.explained_variance_ratio.sum().item() == pytest.approx(1)
        and (plane.explained_variance_ratio.diff() <= 1e-12).all()
    )


def test_explained_variance_depends_only_on_the_spanned_plane():
    states = random_path()
    plane = trajectory_pca(states)
    both = [plane.first, plane.second]
    assert explained_variance(states, both) == pytest.approx(plane.explained_variance_ratio[:2].sum().item(), abs=1e-9)
    lean = {name: 3 * plane.first[name] + plane.second[name] for name in plane.first}
    assert explained_variance(states, [plane.first, lean]) == pytest.approx(explained_variance(states, both), abs=1e-9)
    theta = flatten_states(states) - flatten_states(states).mean(0)
    axis = {"w": torch.eye(20, dtype=DOUBLE)[3].reshape(4, 5), "b": torch.zeros(10, dtype=DOUBLE)}
    assert explained_variance(states, [axis]) == pytest.approx(
        (theta[:, 3].square().sum() / theta.square().sum()).item(), abs=1e-9
    )


def test_explained_variance_of_two_random_directions_is_two_over_n():
    states = random_path(40)
    generator = torch.Generator().manual_seed(0)
    draw = lambda: {"w": torch.randn(4, 5, generator=generator), "b": torch.randn(10, generator=generator)}
    shares = torch.tensor([explained_variance(states, [draw(), draw()]) for _ in range(400)])
    assert shares.mean().item() == pytest.approx(2 / 30, rel=0.15)


def test_random_walk_like_keeps_step_lengths():
    states = random_path()
    walk = random_walk_like(states)
    lengths = lambda path: flatten_states(path).diff(dim=0).norm(dim=1)
    assert torch.allclose(lengths(walk), lengths(states)) and torch.equal(
        flatten_states(walk)[0], flatten_states(states)[0]
    )
    moves = torch.nn.functional.normalize(flatten_states(walk).diff(dim=0), dim=1)
    turned = torch.nn.functional.normalize(flatten_states(states).diff(dim=0), dim=1)
    assert (moves * turned).sum(1).abs().mean() < 0.35, "the walk must not reuse the directions"


def test_trajectory_pca_of_random_walk_matches_theory():
    """In many dimensions the first two components explain 6/π² (1 + 1/4) of a walk with equal steps."""
    states = [{"w": t} for t in torch.zeros(200, 4000, dtype=DOUBLE)]
    for t, state in enumerate(states):
        state["w"][0] = float(t)
    shares = trajectory_pca(random_walk_like(states)).explained_variance_ratio
    assert shares[:2].sum().item() == pytest.approx(7.5 / torch.pi**2, abs=0.03)


def test_loss_landscape_functions_reject_invalid_input():
    states = random_path()
    with pytest.raises(ValueError, match="three or more"):
        trajectory_pca(states[:2])
    with pytest.raises(ValueError, match="different parameters"):
        trajectory_pca([*states, {"w": states[0]["w"]}])
    with pytest.raises(ValueError, match="nearest"):
        random_weight_direction(nn.Linear(2, 2), normalization="filters")
    with pytest.raises(ValueError, match="no weights"):
        random_weight_direction(nn.BatchNorm1d(2))


def test_stored_training_trajectory_ends_at_shipped_network():
    from tutorial_course.results import load_result
    from tutorial_lib import data, models

    result = load_result("training_trajectory").set_index("kind")
    path, shares = result.loc["path"], result.query("kind == 'share' and of == 'path'")
    first, last = path.iloc[0], path.iloc[-1]
    assert set(shares["network"]) == {name for name in models.MODELS if "classifier" in name}
    assert (shares["apart"] < 1e-3).all()
    assert (last["first"], last["second"]) == (0, 0) and first["step"] == 0
    x, y = data.load("signs", "train", limit=280)
    network = models.load("signs/classifier")
    with torch.no_grad():
        assert cross_entropy(network(x), y).item() == pytest.approx(last["frozen"], rel=0.05, abs=0.002)
    batch = loss_surface(network, x, y, {}, a=[0], batch_norm_statistics="batch").item()
    assert batch == pytest.approx(last["loss"], rel=0.05, abs=0.002)
    lowest = result.loc["plane"].nsmallest(1, "loss").iloc[0]
    assert lowest["loss"] < 0.1 * first["loss"] and (lowest["first"] ** 2 + lowest["second"] ** 2) ** 0.5 < 3
